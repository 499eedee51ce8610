//! What is done when the victim dies, beside making, renewing and using a key.

use core::sync::atomic::{AtomicBool, Ordering};

use ed25519_dalek::SigningKey;

use super::team::{HOLDERS, Team, VICTIM, done, until};
use crate::support::{Said, text};

impl Team {
    /// Has the operators of these consent to whatever waits for them.
    fn consent(&self, names: &[&str]) {
        for name in names {
            let said = self.place.at(name, "plans --json");
            // The victim may be dead.
            let plans = serde_json::from_str::<serde_json::Value>(&said.out).unwrap_or_default();
            for plan in plans.as_array().into_iter().flatten() {
                let _dead = self.place.at(name, &format!("consent {}", plan["plan"].as_str().unwrap()));
            }
        }
    }

    /// Puts dave in the victim's place, with everybody's consent.
    pub(super) fn leave(&self, evicted: &AtomicBool) -> Said {
        if !evicted.load(Ordering::Relaxed) {
            let evict = format!("evict {} --participant {VICTIM} --replace-with dave", self.wallet);
            until("the eviction", || {
                let said = self.place.at("alice", &evict);
                self.consent(&["bob", "dave"]);
                done(&said)
            });
            evicted.store(true, Ordering::Relaxed);
        }
        // Whoever was not asked learns of it when it asks for something.
        self.sign(VICTIM, "alice", "pay carol", 0)
    }

    /// The victim has no share any more, and the others sign.
    pub(super) fn has_left(&mut self) {
        until("the end of the victim's share", || if self.holds(VICTIM) { Err("it is there".to_owned()) } else { Ok(()) });
        let id = self.request();
        until("a signature by the new holder", || done(&self.sign("dave", "bob", "pay ann", id)));
        assert_ne!(self.sign(VICTIM, "alice", "pay ann", id + 1).code, 0);
        until("the end of its epoch keys", || self.has_epoch_keys(VICTIM, 0));
    }

    /// Puts the victim in dave's place.
    pub(super) fn join(&self) -> Said {
        let said = self.place.at("alice", &format!("evict {} --participant dave --replace-with {VICTIM}", self.wallet));
        self.consent(&["bob", VICTIM]);
        said
    }

    /// Either the victim has its share, or it gets it now; dave has none any more.
    pub(super) fn finish_join(&self) {
        self.finish_key(&HOLDERS, || self.join());
        until("the end of dave's share", || {
            let _nudged = self.sign("dave", "alice", "pay dave", 0);
            if self.holds("dave") { Err("it is there".to_owned()) } else { self.has_epoch_keys("dave", 0) }
        });
    }

    /// The whole key that the wallet is to have.
    fn secret(&self) -> SigningKey {
        let mut seed = [7; 32];
        seed.iter_mut().zip(self.wallet.bytes()).for_each(|(byte, letter)| *byte ^= letter);
        SigningKey::from_bytes(&seed)
    }

    pub(super) fn new_secret(&self) {
        self.place.write(&format!("{}.key", self.wallet), hex::encode(self.secret().to_bytes()), 0o600);
    }

    /// Deals it, and has the others' operators consent.
    pub(super) fn import(&self, by: &str) -> Said {
        let file = text(&self.place.path(&format!("{}.key", self.wallet)));
        let public = hex::encode(self.secret().verifying_key().to_bytes());
        let participants = HOLDERS.map(|name| format!(" --participant {name}")).concat();
        let import =
            format!("import {} --suite ed25519 --seed --secret-file {file} --public-key {public}{participants}", self.wallet);
        let said = self.place.at(by, &format!("{import} --request-id {}", hex::encode(self.secret().to_bytes())));
        let others: Vec<_> = HOLDERS.into_iter().filter(|name| *name != by).collect();
        self.consent(&others);
        said
    }

    /// Either the key was dealt, and everybody comes to know it, or it is dealt now, by the same request.
    pub(super) fn finish_import(&self, by: &str) {
        self.finish_key(&HOLDERS, || self.import(by));
        let keys = self.place.at(by, "keys --json").json();
        let key = keys.as_array().unwrap().iter().find(|key| key["wallet"] == self.wallet.as_str()).unwrap();
        assert_eq!(key["public_key"], hex::encode(self.secret().verifying_key().to_bytes()));
    }

    /// Has a cosigner say that it has a backup at a place where it had none.
    pub(super) fn declare_backup(&mut self, by: &'static str) {
        self.moved += 1;
        self.stop(by);
        let path = self.place.path(by).join("quorate.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        let lines = config.lines().filter(|line| !line.starts_with("backups = "));
        let config: String = lines.flat_map(|line| [line, "\n"]).collect();
        let row = format!("[placement]\nbackups = [{{ location = \"{}\", key = \"{by}-friend\" }}]\n", self.backup(by));
        std::fs::write(path, config.replace("[placement]\n", &row)).unwrap();
        self.start(by);
        self.wait_for_links();
    }

    fn backup(&self, by: &str) -> String {
        format!("vault-{by}/s{}", self.moved)
    }

    pub(super) fn amend(&self, by: &str) -> Said {
        self.place.at(by, &format!("placement amend {}", self.wallet))
    }

    /// An amendment that was cut off is approved by all, and counts everywhere.
    pub(super) fn finish_amendment(&self, by: &str) {
        until("the amendment", || done(&self.amend(by)));
        let backup = self.backup(by);
        for name in HOLDERS {
            until("what everybody counts", || {
                let said = self.place.at(name, &format!("placement explain {}", self.wallet));
                if said.out.contains(&backup) { done(&said) } else { Err(format!("{name}: {}", said.out)) }
            });
        }
    }

    pub(super) fn thaw(&mut self) {
        let id = self.request();
        until("the end of the freeze", || {
            for name in ["alice", VICTIM] {
                // Where nothing is frozen there is nothing to end.
                let _nothing_there = self.place.at(name, &format!("resume {}", self.wallet));
            }
            let frozen = |name: &&str| self.place.at(name, "status --json").json()["frozen"] != serde_json::json!([]);
            let signed = self.sign("alice", VICTIM, "thawed", id);
            if HOLDERS.iter().any(frozen) && signed.code != 0 { Err(signed.err) } else { done(&signed) }
        });
    }

    /// Has the victim die while both it and another one hold presignatures. Whatever was made before is gone everywhere before anything
    /// is signed again.
    pub(super) fn die_with_presignatures(&mut self, point: &str, by: &str) {
        let other = if by == VICTIM { "alice" } else { VICTIM };
        let (first, second, third) = (self.request(), self.request(), self.request());
        until("a signature", || done(&self.sign(by, other, "pay ann", first)));
        until("presignatures", || {
            let held = HOLDERS.map(|name| self.presignatures(name));
            if held[0] > 0 && held[2] > 0 { Ok(()) } else { Err(format!("{held:?}")) }
        });
        let victim = self.victim.take().unwrap();
        self.arm(point);
        // Not started again before the answer is there: nothing new must be made in between.
        let cut_off = self.sign(by, other, "pay ann", second);
        victim.kills_itself().unwrap();
        std::fs::remove_file(self.place.path("crash")).unwrap();
        self.start(VICTIM);
        assert_eq!(self.presignatures(VICTIM), 0, "what was in memory outlived the process");
        self.wait_for_links();
        until("the end of its peers' presignatures with it", || {
            let held = ["alice", "bob"].map(|name| self.presignatures(name));
            if held == [0, 0] { Ok(()) } else { Err(format!("{held:?}")) }
        });
        until("a signature with it", || done(&self.sign(by, other, "pay bea", third)));
        self.verify(by, "pay-bea", &self.sign(by, other, "pay bea", third).succeeds());
        until("new presignatures", || if self.presignatures(VICTIM) > 0 { Ok(()) } else { Err("none".to_owned()) });
        self.signed_once(by, second, cut_off.code == 0);
    }

    fn presignatures(&self, name: &str) -> u64 {
        self.place.at(name, "status --json").json()["presignatures"].as_u64().unwrap()
    }
}
