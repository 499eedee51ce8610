//! A team of which one is killed, and what must be true when it is back.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{collections::BTreeMap, time::Instant};

use super::cases::{Case, Deed, Role};
use crate::support::{Node, Place, Said, free_port};

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
pub(super) const HOLDERS: [&str; 3] = ["alice", "bob", VICTIM];
pub(super) const VICTIM: &str = "carol";
/// Nothing may take longer than this to come true.
const LIMIT: Duration = Duration::from_secs(60);
/// How long whoever waits for the one that died waits, in seconds.
const DEADLINE: u32 = 2;

pub(super) struct Team {
    pub(super) place: Place,
    /// Those that run, but for the victim.
    others: BTreeMap<&'static str, Node>,
    pub(super) victim: Option<Node>,
    suite: &'static str,
    pub(super) wallet: String,
    wallets: usize,
    requests: u64,
    /// How many key generations failed, each of which may leave a pending share behind.
    failed: u64,
    /// How often somebody declared another backup.
    pub(super) moved: u64,
}

/// Asks until something is so.
#[track_caller]
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> Result<(), String>) {
    let began = Instant::now();
    loop {
        let Err(last) = is_so() else { return };
        assert!(began.elapsed() < LIMIT, "{what}: {last}");
        // Every question is a process of its own.
        std::thread::sleep(Duration::from_millis(150));
    }
}

impl Said {
    /// Some cosigner remembers other content under this id.
    #[track_caller]
    pub(super) fn is_refused(&self) {
        assert!(self.code != 0 && self.err.contains("stands for another request"), "out: {}\nerr: {}", self.out, self.err);
    }
}

pub(super) fn done(said: &Said) -> Result<(), String> {
    if said.code == 0 { Ok(()) } else { Err(said.err.clone()) }
}

/// Who is asked, where the victim has this role.
pub(super) fn asked(role: Role) -> &'static str {
    match role {
        Role::Participant => "alice",
        Role::Proposer => VICTIM,
    }
}

impl Team {
    pub(super) fn new(suite: &'static str) -> Self {
        let place = Place::new();
        for name in NAMES {
            place.init(name, free_port()).succeeds();
            let path = place.path(name).join("quorate.toml");
            let config = std::fs::read_to_string(&path).unwrap();
            let config = format!("deadline_seconds = {DEADLINE}\n{config}\n[policy.limits]\nper_hour = 5000\n");
            std::fs::write(&path, config).unwrap();
        }
        for name in NAMES {
            place.add_to_roster(name, &NAMES).succeeds();
        }
        let others = NAMES.into_iter().filter(|name| *name != VICTIM).map(|name| (name, place.start(name))).collect();
        let victim = Some(place.start_to_crash(VICTIM));
        place.wait_for_links(&NAMES);
        let (wallet, wallets, requests, failed, moved) = (String::new(), 0, 0, 0, 0);
        let mut team = Self { place, others, victim, suite, wallet, wallets, requests, failed, moved };
        team.next_wallet();
        until("the first wallet", || done(&team.keygen("alice", &HOLDERS)));
        team
    }

    pub(super) fn next_wallet(&mut self) {
        self.wallets += 1;
        self.wallet = format!("w{}", self.wallets);
    }

    pub(super) fn arm(&self, point: &str) {
        std::fs::write(self.place.path("crash"), point).unwrap();
    }

    /// Has the victim die at a place while something is done, starts it again, and looks at the key.
    pub(super) fn crash(&mut self, case: &Case) {
        println!("{} in {:?} as {:?}", case.point, case.deed, case.role);
        let by = asked(case.role);
        match case.deed {
            Deed::Start => self.die_at_start(case),
            Deed::Rejoin => self.die_in_rejoin(case.point),
            Deed::Accept => self.die_in_acceptance(case.point),
            Deed::Presign => return self.die_with_presignatures(case.point, by),
            Deed::Keygen | Deed::Refresh | Deed::Sign | Deed::Freeze | Deed::Amend | Deed::Leave | Deed::Import | Deed::Join => {
                self.act(case, by);
            }
            Deed::Restore => panic!("a restore is no team's"),
        }
        self.wait_for_links();
        match case.deed {
            Deed::Keygen => self.finish_keygen(by, &HOLDERS),
            Deed::Import => self.finish_import(by),
            Deed::Refresh => until("the refresh", || done(&self.refresh(by))),
            Deed::Freeze => self.thaw(),
            Deed::Amend => self.finish_amendment(by),
            Deed::Join => self.finish_join(),
            Deed::Leave => return self.has_left(),
            Deed::Start | Deed::Sign | Deed::Rejoin | Deed::Accept | Deed::Presign | Deed::Restore => {}
        }
        self.key_lives();
    }

    fn act(&mut self, case: &Case, by: &'static str) {
        let id = self.request();
        if matches!(case.deed, Deed::Keygen | Deed::Leave | Deed::Import | Deed::Join) {
            self.next_wallet();
        }
        match case.deed {
            Deed::Leave => self.finish_keygen("alice", &HOLDERS),
            Deed::Join => self.finish_keygen("alice", &["alice", "bob", "dave"]),
            Deed::Amend => self.declare_backup(by),
            Deed::Import => self.new_secret(),
            Deed::Keygen | Deed::Refresh | Deed::Sign | Deed::Freeze => {}
            Deed::Start | Deed::Rejoin | Deed::Accept | Deed::Presign | Deed::Restore => panic!("{:?} is no request", case.deed),
        }
        let (deed, evicted) = (case.deed, AtomicBool::new(false));
        let said = self.until_killed(case.point, |team| match deed {
            Deed::Keygen => team.keygen(by, &HOLDERS),
            Deed::Import => team.import(by),
            Deed::Refresh => team.refresh(by),
            Deed::Sign => team.sign(by, if by == VICTIM { "alice" } else { VICTIM }, "pay ann", id),
            Deed::Freeze => team.place.at(by, &format!("freeze {} --reason test", team.wallet)),
            Deed::Amend => team.amend(by),
            Deed::Leave => team.leave(&evicted),
            Deed::Join => team.join(),
            Deed::Start | Deed::Rejoin | Deed::Accept | Deed::Presign | Deed::Restore => panic!("refused above"),
        });
        if deed == Deed::Sign {
            self.signed_once(by, id, said.code == 0);
        }
    }

    /// Does something until the victim is dead, starts that again while the others still wait for it, and gives the last answer.
    pub(super) fn until_killed(&mut self, point: &str, ask: impl Fn(&Self) -> Said + Sync) -> Said {
        let victim = self.victim.take().unwrap();
        self.arm(point);
        let (team, dead) = (&*self, AtomicBool::new(false));
        let (said, failed, again) = std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut failed = 0;
                loop {
                    let said = ask(team);
                    failed += u64::from(said.code != 0);
                    std::thread::sleep(Duration::from_millis(50));
                    // Only a machine that is busy with other things has it fail before the victim comes to the place.
                    if said.code == 0 || dead.load(Ordering::Relaxed) {
                        return (said, failed);
                    }
                }
            });
            let killed = victim.kills_itself();
            dead.store(true, Ordering::Relaxed);
            std::fs::remove_file(team.place.path("crash")).unwrap();
            let again = killed.map(|()| team.place.start_to_crash(VICTIM));
            let (said, failed) = asking.join().unwrap();
            (said, failed, again)
        });
        self.victim = Some(again.unwrap_or_else(|problem| panic!("{problem}; the last answer: {said:?}")));
        self.failed += failed;
        said
    }

    fn die_at_start(&mut self, case: &Case) {
        let victim = self.victim.take().unwrap();
        if case.step() == "audit-head" {
            // Where it stops by itself, it writes how far its log goes.
            drop(victim);
        } else {
            assert_eq!(victim.stop(), 0);
        }
        self.spawn_and_die(case.point);
    }

    /// Starts the victim, which does not get far, and starts it again.
    pub(super) fn spawn_and_die(&mut self, point: &str) {
        self.arm(point);
        self.place.spawn_to_crash(VICTIM).kills_itself().unwrap();
        std::fs::remove_file(self.place.path("crash")).unwrap();
        self.victim = Some(self.place.start_to_crash(VICTIM));
    }

    /// The id of a request that was cut off stands for one content at most.
    pub(super) fn signed_once(&mut self, by: &str, id: u64, signed: bool) {
        self.wait_for_links();
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

    pub(super) fn wait_for_links(&self) {
        self.place.wait_for_links(&NAMES);
    }

    /// Stops a cosigner that runs.
    pub(super) fn stop(&mut self, name: &str) {
        let node = if name == VICTIM { self.victim.take() } else { self.others.remove(name) };
        assert_eq!(node.unwrap().stop(), 0);
    }

    /// Starts one that was stopped, and that is meant to run.
    pub(super) fn start(&mut self, name: &'static str) {
        if name == VICTIM {
            self.victim = Some(self.place.start_to_crash(VICTIM));
        } else {
            self.others.insert(name, self.place.start(name));
        }
    }

    /// Takes one that was started elsewhere.
    pub(super) fn runs(&mut self, name: &'static str, node: Node) {
        self.others.insert(name, node);
    }

    pub(super) fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(super) fn keygen(&self, by: &str, holders: &[&str]) -> Said {
        let participants: String = holders.iter().map(|name| format!(" --participant {name}")).collect();
        let (wallet, suite, id) = (&self.wallet, self.suite, hex::encode(format!("{:>32}", self.wallet)));
        self.place.at(by, &format!("keygen {wallet} --suite {suite} --min-signers 2{participants} --request-id {id}"))
    }

    fn refresh(&self, by: &str) -> Said {
        self.place.at(by, &format!("refresh {}", self.wallet))
    }

    pub(super) fn sign(&self, by: &str, with: &str, text: &str, id: u64) -> Said {
        let text = text.replace(' ', "-");
        self.place.at(by, &format!("sign message {} {text} --signer {with} --request-id {id:064x}", self.wallet))
    }

    /// Whether the wallet is there.
    pub(super) fn holds(&self, name: &str) -> bool {
        let keys = self.place.at(name, "keys --json").json();
        keys.as_array().unwrap().iter().any(|key| key["wallet"] == self.wallet.as_str())
    }

    /// Either the key was made, and everybody comes to know it, or it is made now, by the same request; and that request makes no other.
    fn finish_keygen(&self, by: &str, holders: &[&str]) {
        self.finish_key(holders, || self.keygen(by, holders));
        let keys = || {
            let keys = self.place.at(by, "keys --json").json();
            keys.as_array().unwrap().iter().filter(|key| key["wallet"] == self.wallet.as_str()).cloned().collect::<Vec<_>>()
        };
        let before = keys();
        // Of the request that was cut off before it was remembered, nobody knows that it is the same.
        let again = self.keygen(by, holders);
        assert!(again.code == 0 || again.err.contains("there is a wallet"), "{again:?}");
        assert_eq!((keys(), before.len()), (before, 1));
    }

    pub(super) fn finish_key(&self, holders: &[&str], make: impl Fn() -> Said) {
        until("the wallet", || {
            if holders.iter().all(|name| self.holds(name)) {
                return Ok(());
            }
            let again = make();
            if holders.iter().all(|name| self.holds(name)) { Ok(()) } else { Err(again.err) }
        });
    }

    /// The key signs with every pair, each request once, and nothing is half done.
    fn key_lives(&mut self) {
        for (by, with) in [(VICTIM, "alice"), ("bob", VICTIM), ("alice", "bob")] {
            let id = self.request();
            until("a signature", || done(&self.sign(by, with, "pay ann", id)));
            let signature = self.sign(by, with, "pay ann", id).succeeds();
            self.verify(by, "pay-ann", &signature);
            self.sign(by, with, "pay bea", id).is_refused();
        }
        until("one epoch key each", || HOLDERS.iter().try_for_each(|name| self.has_epoch_keys(name, 1)));
        until("pending shares", || {
            let pending = |name: &str| self.place.at(name, "status --json").json()["pending"].as_u64().unwrap();
            let left = HOLDERS.map(pending);
            if left.iter().all(|left| *left <= self.failed) { Ok(()) } else { Err(format!("{left:?} of {}", self.failed)) }
        });
    }

    /// The signature must be the wallet's key's.
    pub(super) fn verify(&self, at: &str, text: &str, signature: &str) {
        let (wallet, suite, signature) = (&self.wallet, self.suite, signature.trim());
        let check = format!("verify message {text} --wallet {wallet} --suite {suite} --signature {signature}");
        self.place.at(at, &check).succeeds();
    }

    /// Compares how many epoch keys of the wallet a cosigner has on its disk.
    pub(super) fn has_epoch_keys(&self, name: &str, expected: usize) -> Result<(), String> {
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
}
