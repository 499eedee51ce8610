//! A team of which one is killed, and what must be true when it is back.

use core::time::Duration;
use std::time::Instant;

use super::cases::{Case, Deed, Role};
use crate::support::{Node, Place, Said, free_port};

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const HOLDERS: [&str; 3] = ["alice", "bob", VICTIM];
const VICTIM: &str = "carol";
/// Nothing may take longer than this to come true.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Team {
    place: Place,
    /// Alice, bob and dave.
    others: Vec<Node>,
    victim: Option<Node>,
    wallet: String,
    wallets: usize,
    requests: u64,
    /// How many key generations failed, each of which may leave a pending share behind.
    failed: u64,
    /// How often somebody declared another backup.
    moved: u64,
}

/// Asks until something is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> Result<(), String>) {
    let began = Instant::now();
    loop {
        let Err(last) = is_so() else { return };
        assert!(began.elapsed() < LIMIT, "{what}: {last}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Said {
    /// Some cosigner remembers other content under this id.
    #[track_caller]
    fn is_refused(&self) {
        assert!(self.code != 0 && self.err.contains("stands for another request"), "out: {}\nerr: {}", self.out, self.err);
    }
}

fn done(said: &Said) -> Result<(), String> {
    if said.code == 0 { Ok(()) } else { Err(said.err.clone()) }
}

impl Team {
    pub(super) fn new() -> Self {
        let place = Place::new();
        for name in NAMES {
            place.init(name, free_port()).succeeds();
            // Whoever waits for the one that died does not wait for long.
            let path = place.path(name).join("quorate.toml");
            let config = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, format!("deadline_seconds = 3\n{config}\n[policy.limits]\nper_hour = 5000\n")).unwrap();
        }
        for name in NAMES {
            place.add_to_roster(name, &NAMES).succeeds();
        }
        let others = NAMES.into_iter().filter(|name| *name != VICTIM).map(|name| place.start(name)).collect();
        let victim = Some(place.start_to_crash(VICTIM));
        place.wait_for_links(&NAMES);
        let mut team = Self { place, others, victim, wallet: String::new(), wallets: 0, requests: 0, failed: 0, moved: 0 };
        team.next_wallet();
        until("the first wallet", || done(&team.keygen("alice")));
        team
    }

    fn next_wallet(&mut self) {
        self.wallets += 1;
        self.wallet = format!("w{}", self.wallets);
    }

    fn arm(&self, point: &str) {
        std::fs::write(self.place.path("crash"), point).unwrap();
    }

    /// Has the victim die at a place while something is done, starts it again, and looks at the key.
    pub(super) fn crash(&mut self, case: &Case) {
        println!("{} in {:?} as {:?}", case.point, case.deed, case.role);
        let by = match case.role {
            Role::Participant => "alice",
            Role::Proposer => VICTIM,
        };
        if case.deed == Deed::Start {
            assert_eq!(self.victim.take().unwrap().stop(), 0);
            self.arm(case.point);
            self.place.spawn_to_crash(VICTIM).was_killed();
        } else {
            self.act(case, by);
        }
        self.restart();
        match case.deed {
            Deed::Keygen => self.finish_keygen(by),
            Deed::Refresh => self.finish_refresh(by),
            Deed::Freeze => self.thaw(),
            Deed::Amend => self.finish_amendment(by),
            Deed::Leave => return self.has_left(),
            Deed::Start | Deed::Sign => {}
        }
        self.key_lives();
    }

    fn act(&mut self, case: &Case, by: &str) {
        let id = self.request();
        if matches!(case.deed, Deed::Keygen | Deed::Leave) {
            self.next_wallet();
        }
        if case.deed == Deed::Leave {
            self.finish_keygen("alice");
        }
        if case.deed == Deed::Amend {
            self.declare_backup(by);
        }
        self.arm(case.point);
        let said = match case.deed {
            Deed::Keygen => self.keygen(by),
            Deed::Refresh => self.refresh(by),
            Deed::Sign => self.sign(by, if by == VICTIM { "alice" } else { VICTIM }, "pay ann", id),
            Deed::Freeze => self.place.at(by, &format!("freeze {} --reason test", self.wallet)),
            Deed::Amend => self.amend(by),
            Deed::Leave => self.evict(),
            Deed::Start => panic!("a start is no request"),
        };
        self.victim.take().unwrap().was_killed();
        std::fs::remove_file(self.place.path("crash")).unwrap();
        match case.deed {
            Deed::Keygen => self.failed += u64::from(said.code != 0),
            Deed::Sign => self.signed_once(by, id, said.code == 0),
            Deed::Start | Deed::Refresh | Deed::Freeze | Deed::Amend | Deed::Leave => {}
        }
    }

    /// The id of a request that was cut off stands for one content at most.
    fn signed_once(&mut self, by: &str, id: u64, signed: bool) {
        self.restart();
        let other = if by == VICTIM { "alice" } else { VICTIM };
        let mut second = self.sign(by, other, "pay bea", id);
        until("the end of the first attempt", || {
            if !second.err.contains("is in progress") {
                return Ok(());
            }
            second = self.sign(by, other, "pay bea", id);
            Err(second.err.clone())
        });
        if signed {
            second.is_refused();
        } else if second.code == 0 {
            self.sign(by, other, "pay ann", id).is_refused();
        } else {
            // It was remembered before the crash, and goes on where it was.
            second.is_refused();
            until("the request that was cut off", || done(&self.sign(by, other, "pay ann", id)));
        }
    }

    fn restart(&mut self) {
        if self.victim.is_none() {
            // Of a case that dies at its start.
            drop(std::fs::remove_file(self.place.path("crash")));
            self.victim = Some(self.place.start_to_crash(VICTIM));
        }
        self.place.wait_for_links(&NAMES);
    }

    fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    fn keygen(&self, by: &str) -> Said {
        let participants = HOLDERS.map(|name| format!(" --participant {name}")).concat();
        self.place.at(by, &format!("keygen {} --suite ed25519 --min-signers 2{participants}", self.wallet))
    }

    fn refresh(&self, by: &str) -> Said {
        self.place.at(by, &format!("refresh {}", self.wallet))
    }

    fn sign(&self, by: &str, with: &str, text: &str, id: u64) -> Said {
        let text = text.replace(' ', "-");
        self.place.at(by, &format!("sign message {} {text} --signer {with} --request-id {id:064x}", self.wallet))
    }

    /// Puts dave in the victim's place, with everybody's consent.
    fn evict(&self) -> Said {
        let evict = format!("evict {} --participant {VICTIM} --replace-with dave", self.wallet);
        until("the eviction", || {
            let said = self.place.at("alice", &evict);
            for name in ["bob", "dave"] {
                let plans = self.place.at(name, "plans --json").json();
                for plan in plans.as_array().unwrap() {
                    self.place.at(name, &format!("consent {}", plan["plan"].as_str().unwrap())).succeeds();
                }
            }
            done(&said)
        });
        // Whoever was not asked learns of it when it asks for something.
        self.sign(VICTIM, "alice", "pay carol", 0)
    }

    /// Whether the wallet is there, at those who should have it.
    fn holds(&self, name: &str) -> bool {
        let keys = self.place.at(name, "keys --json").json();
        keys.as_array().unwrap().iter().any(|key| key["wallet"] == self.wallet.as_str())
    }

    /// Either the key was made, and everybody comes to know it, or it is made now, under the same name.
    fn finish_keygen(&self, by: &str) {
        until("the wallet", || {
            if HOLDERS.iter().all(|name| self.holds(name)) {
                return Ok(());
            }
            let again = self.keygen(by);
            if HOLDERS.iter().all(|name| self.holds(name)) { Ok(()) } else { Err(again.err) }
        });
    }

    /// A refresh that was cut off is done again, and leaves nothing of it.
    fn finish_refresh(&self, by: &str) {
        until("the refresh", || done(&self.refresh(by)));
    }

    /// Has a cosigner say that it has a backup at a place where it had none.
    fn declare_backup(&mut self, by: &str) {
        self.moved += 1;
        let stopped = if by == VICTIM { self.victim.take().unwrap() } else { self.others.remove(0) };
        assert_eq!(stopped.stop(), 0);
        let path = self.place.path(by).join("quorate.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        let lines = config.lines().filter(|line| !line.starts_with("backups = "));
        let config: String = lines.flat_map(|line| [line, "\n"]).collect();
        let row = format!("[placement]\nbackups = [{{ location = \"{}\", key = \"{by}-friend\" }}]\n", self.backup(by));
        std::fs::write(path, config.replace("[placement]\n", &row)).unwrap();
        if by == VICTIM {
            self.victim = Some(self.place.start_to_crash(VICTIM));
        } else {
            self.others.insert(0, self.place.start(by));
        }
        self.place.wait_for_links(&NAMES);
    }

    fn backup(&self, by: &str) -> String {
        format!("vault-{by}/s{}", self.moved)
    }

    fn amend(&self, by: &str) -> Said {
        self.place.at(by, &format!("placement amend {}", self.wallet))
    }

    /// An amendment that was cut off is approved by all, and counts everywhere.
    fn finish_amendment(&self, by: &str) {
        until("the amendment", || done(&self.amend(by)));
        let backup = self.backup(by);
        for name in HOLDERS {
            until("what everybody counts", || {
                let said = self.place.at(name, &format!("placement explain {}", self.wallet));
                if said.out.contains(&backup) { done(&said) } else { Err(format!("{name}: {}", said.out)) }
            });
        }
    }

    fn thaw(&self) {
        until("the end of the freeze", || {
            for name in ["alice", VICTIM] {
                // Where nothing is frozen there is nothing to end.
                let _nothing_there = self.place.at(name, &format!("resume {}", self.wallet));
            }
            let frozen = |name: &&str| self.place.at(name, "status --json").json()["frozen"] != serde_json::json!([]);
            let signed = self.sign("alice", VICTIM, "thawed", u64::MAX - u64::try_from(self.wallets).unwrap());
            if HOLDERS.iter().any(frozen) && signed.code != 0 { Err(signed.err) } else { done(&signed) }
        });
    }

    /// The key signs with every pair, each request once, and nothing is half done.
    fn key_lives(&mut self) {
        for (by, with) in [(VICTIM, "alice"), ("bob", VICTIM), ("alice", "bob")] {
            let id = self.request();
            until("a signature", || done(&self.sign(by, with, "pay ann", id)));
            let signature = self.sign(by, with, "pay ann", id).succeeds();
            let check =
                format!("verify message pay-ann --wallet {} --suite ed25519 --signature {}", self.wallet, signature.trim());
            self.place.at(by, &check).succeeds();
            self.sign(by, with, "pay bea", id).is_refused();
        }
        until("one epoch key each", || HOLDERS.iter().try_for_each(|name| self.has_epoch_keys(name, 1)));
        until("pending shares", || {
            let pending = |name: &str| self.place.at(name, "status --json").json()["pending"].as_u64().unwrap();
            let left = HOLDERS.map(pending);
            if left.iter().all(|left| *left <= self.failed) { Ok(()) } else { Err(format!("{left:?} of {}", self.failed)) }
        });
    }

    /// Compares how many epoch keys of the wallet a cosigner has on its disk.
    fn has_epoch_keys(&self, name: &str, expected: usize) -> Result<(), String> {
        let keys = self.place.at("alice", "keys --json").json();
        let key = keys.as_array().unwrap().iter().find(|key| key["wallet"] == self.wallet.as_str()).unwrap();
        let directory = self.place.path(name).join("store/epochs").join(key["key_id"].as_str().unwrap());
        let names: Vec<_> = std::fs::read_dir(directory)
            .map_err(|error| error.to_string())?
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        if names.len() == expected { Ok(()) } else { Err(format!("{name} has epoch keys {names:?}")) }
    }

    /// The victim has no share any more, and the others sign.
    fn has_left(&mut self) {
        until("the end of the victim's share", || if self.holds(VICTIM) { Err("it is there".to_owned()) } else { Ok(()) });
        let id = self.request();
        until("a signature by the new holder", || done(&self.sign("dave", "bob", "pay ann", id)));
        assert_ne!(self.sign(VICTIM, "alice", "pay ann", id + 1).code, 0);
        until("the end of its epoch keys", || self.has_epoch_keys(VICTIM, 0));
    }
}
