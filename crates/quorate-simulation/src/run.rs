//! One run: the script, step by step, on real cosigners.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use quorate::{
    CosignerError, KeygenRequest, ReshareRequest, Reshared, Signed, WalletKey, core::SuiteId, transport::wires::memory::Faults,
};

use crate::{
    gate::Gate,
    operate::{self, Call, Expect, Outcome, sign_request},
    script::{Care, Change, Disturbance, Operation, Script, Step},
    wallet::{Attempt, Key, Wallet},
    world::{Fatal, NAMES, Running, World, chain, copied},
};

pub(crate) const ALL: [SuiteId; 3] = [SuiteId::Ed25519, SuiteId::Bip340, SuiteId::EcdsaSecp256k1];

/// A request for a signature that was finished.
#[derive(Clone)]
pub(crate) struct Finished {
    pub(crate) wallet: usize,
    pub(crate) key: usize,
    pub(crate) id: [u8; 32],
    pub(crate) text: String,
    pub(crate) signers: BTreeSet<usize>,
}

/// A run and what is known of it.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) wallets: Vec<Wallet>,
    pub(crate) finished: Vec<Finished>,
    /// Every request that was signed: its id, and how many signed.
    pub(crate) signed: Vec<([u8; 32], usize)>,
    pub(crate) step: usize,
    pub(crate) requests: u64,
    pub(crate) ceremonies: u64,
    pub(crate) faults: u64,
}

/// What is done to the team at a moment of a step.
type Act = Box<dyn FnOnce() + Send>;

/// Runs a script to its end.
pub(crate) async fn run(script: &Script) -> Result<Run, Fatal> {
    let depth = if script.all_suites { 2 } else { 0 };
    let world = World::new(&script.times, script.slow, script.entropy, depth).await?;
    let (wallets, finished, signed) = (Vec::new(), Vec::new(), Vec::new());
    let mut run = Run { world, wallets, finished, signed, step: 0, requests: 0, ceremonies: 0, faults: 0 };
    let header = format!(
        "{} cosigners, {} of {}, {} suite(s), wire {} ms, store {} ms, clocks {:?}",
        script.cosigners,
        script.min_signers,
        script.holders,
        if script.all_suites { ALL.len() } else { 1 },
        script.slow.0,
        script.slow.1,
        script.times.iter().map(|time| (time.ahead, time.pace)).collect::<Vec<_>>()
    );
    run.faults += u64::from(script.times.iter().any(|time| (time.ahead, time.pace) != (0, 100)));
    run.world.trace.choose(&header);
    run.begin(script).await;
    for (index, step) in script.steps.iter().enumerate() {
        if run.wallets.is_empty() || run.world.trace.violations.len() > 3 {
            break;
        }
        run.step = index + 1;
        run.step(step).await?;
    }
    if !run.wallets.is_empty() {
        run.finish(script.last).await;
        run.check_logs().await;
        run.check_copies().await?;
    }
    for index in 0..run.world.nodes.len() {
        run.world.stop(index).await;
    }
    run.faults += run.world.hits.load(Ordering::Relaxed);
    Ok(run)
}

impl Run {
    /// The first wallet, with nothing in its way.
    async fn begin(&mut self, script: &Script) {
        for index in 0..script.cosigners {
            self.world.start(index, None).await;
        }
        let holders: Vec<_> = (0..script.holders).collect();
        let suites = if script.all_suites { &ALL[..] } else { &ALL[..1] };
        let Some(proposer) = self.world.cosigner(0) else { return };
        let names = holders.iter().map(|index| NAMES[*index].to_owned());
        let request = KeygenRequest::new("w0", suites.iter().copied(), script.min_signers).participants(names);
        self.ceremonies += 1;
        let outcome = operate::run(proposer, Call::Keygen { wallet: 0, request }).await;
        if let Outcome::Keygen(keys) = outcome {
            self.add_wallet("w0", &keys, holders.into_iter().collect(), script.min_signers.into());
        } else {
            let what = self.describe(&outcome);
            self.world.trace.violation(format!("the first key generation fails without any fault: {what}"));
        }
    }

    fn add_wallet(&mut self, name: &str, keys: &[WalletKey], holders: BTreeSet<usize>, min_signers: usize) {
        let key = |key: &WalletKey| Key {
            suite: key.share.suite(),
            id: *key.share.key_id().as_bytes(),
            public: key.share.public_key(),
            attempts: BTreeMap::from([(0, BTreeSet::from([0]))]),
            certain: BTreeSet::from([0]),
            effective: 0,
            reached: BTreeMap::new(),
            held: BTreeSet::new(),
        };
        let first = Attempt { step: self.step, holders: holders.clone(), min_signers };
        let (keys, attempts) = (keys.iter().map(key).collect(), vec![first]);
        self.wallets.push(Wallet { name: name.to_owned(), keys, attempts, holders, min_signers });
    }

    async fn step(&mut self, step: &Step) -> Result<(), Fatal> {
        self.world.trace.choose(&format!("-- step {}: {step:?}", self.step));
        for care in &step.care {
            self.care(*care).await?;
        }
        let calls: Vec<_> = step.operations.iter().filter_map(|operation| self.call(*operation)).collect();
        let alone = calls.len() == 1;
        let mut timed = Vec::new();
        for disturbance in &step.disturbances {
            timed.extend(self.disturb(*disturbance));
        }
        let disturbing = async {
            timed.sort_unstable_by_key(|(after, _)| *after);
            let began = tokio::time::Instant::now();
            for (after, act) in timed {
                tokio::time::sleep_until(began + Duration::from_millis(after)).await;
                act();
            }
        };
        let running = calls.iter().cloned().map(|(proposer, call)| tokio::spawn(operate::run(proposer, call)));
        let running: Vec<_> = running.collect();
        disturbing.await;
        for ((proposer, call), outcome) in calls.into_iter().zip(running) {
            let name = proposer.cosigner.name().to_owned();
            drop(proposer);
            match outcome.await {
                Ok(outcome) => self.judge(&name, if alone { call } else { call.beside_another() }, outcome),
                Err(error) => self.world.trace.violation(format!("a call panicked: {error}")),
            }
        }
        self.world.reap().await;
        self.check_stores().await;
        self.world.copy(self.step % self.world.nodes.len());
        self.wallets.iter_mut().for_each(Wallet::catch_up);
        Ok(())
    }

    async fn care(&mut self, care: Care) -> Result<(), Fatal> {
        let size = self.world.nodes.len();
        match care {
            Care::Heal => self.world.heal(),
            Care::StartAll => self.start_all().await,
            Care::StartOne(who, fault) => {
                if !self.world.is_up(who % size) {
                    self.world.start(who % size, Some(fault)).await;
                }
            }
            Care::Stop(who) => {
                self.faults += u64::from(self.world.is_up(who % size));
                self.world.stop(who % size).await;
            }
            Care::Wait(time) => tokio::time::sleep(Duration::from_millis(time)).await,
            Care::Copy(who) => {
                self.world.copy(who % size);
                let node = &mut self.world.nodes[who % size];
                node.copy = Some(copied(&node.records));
            }
            Care::Restore(who) => self.restore(who % size).await?,
            Care::Rejoin => self.rejoin_all().await,
        }
        self.world.reap().await;
        Ok(())
    }

    pub(crate) async fn start_all(&mut self) {
        for index in 0..self.world.nodes.len() {
            if !self.world.is_up(index) {
                self.world.start(index, None).await;
            }
        }
    }

    /// Puts a store back, if the keys can spare what is lost by it.
    async fn restore(&mut self, who: usize) -> Result<(), Fatal> {
        let mut lost = self.lost();
        lost.insert(who);
        if self.world.nodes[who].copy.is_none() || !self.wallets.iter().all(|wallet| wallet.spares(&lost)) {
            return Ok(());
        }
        self.world.trace.saw(&format!("the store of {} is put back to its copy", NAMES[who]));
        self.faults += 1;
        self.world.stop(who).await;
        self.world.restore(who).await?;
        for key in self.wallets.iter_mut().flat_map(|wallet| &mut wallet.keys) {
            key.reached.remove(&who);
        }
        // What it had promised is gone with its memory; that is why nobody does anything with it until it rejoined.
        self.finished.retain(|finished| !finished.signers.contains(&who));
        self.world.start(who, None).await;
        Ok(())
    }

    pub(crate) fn lost(&self) -> BTreeSet<usize> {
        (0..self.world.nodes.len()).filter(|index| self.world.nodes[*index].lost).collect()
    }

    /// Has those whose stores went back rejoin, and the others accept it.
    pub(crate) async fn rejoin_all(&mut self) {
        for who in self.lost() {
            // Until the others have told it.
            tokio::time::sleep(Duration::from_secs(20)).await;
            let Some(running) = self.world.cosigner(who) else { continue };
            if running.cosigner.standing_aside().is_some() {
                let rejoined = running.cosigner.rejoin().await;
                drop(running);
                self.world.nodes[who].rejoined |= rejoined.is_ok();
                self.world.trace.saw(&format!("{} rejoins: {}", NAMES[who], told(&rejoined.map(|_| ()))));
                self.world.stop(who).await;
                self.world.start(who, None).await;
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
            if !self.world.nodes[who].rejoined {
                continue;
            }
            // Also one that was away when the others did.
            for other in (0..self.world.nodes.len()).filter(|other| *other != who) {
                let Some(running) = self.world.cosigner(other) else { continue };
                let peer = self.world.nodes[who].peer;
                if running.cosigner.alarm(peer).is_some() {
                    let accepted = running.cosigner.accept_rejoin(peer, true).await.map(|_| ());
                    self.world.trace.saw(&format!("{} accepts {}: {}", NAMES[other], NAMES[who], told(&accepted)));
                }
            }
        }
    }

    /// Prepares what goes wrong; what waits comes back with its time.
    fn disturb(&mut self, disturbance: Disturbance) -> Vec<(u64, Act)> {
        let (size, hub) = (self.world.nodes.len(), self.world.hub.clone());
        match disturbance {
            Disturbance::Store { who, fault } => {
                if let Some(running) = self.world.cosigner(who % size) {
                    running.gate.plan(fault);
                }
                Vec::new()
            }
            Disturbance::Kill { who, after } => {
                let gate = self.world.cosigner(who % size).map(|running| running.gate);
                let hits = Arc::clone(&self.world.hits);
                let kill = |gate: Arc<Gate>| -> (u64, Act) {
                    let hits = Arc::clone(&hits);
                    let act = move || {
                        // One that died before is not killed.
                        hits.fetch_add(u64::from(!gate.is_dead()), Ordering::Relaxed);
                        gate.kill();
                    };
                    (after, Box::new(act))
                };
                gate.into_iter().map(kill).collect()
            }
            Disturbance::Cut { one, other, after } => {
                if one % size == other % size {
                    return Vec::new();
                }
                self.faults += 1;
                let (one, other) = (self.world.nodes[one % size].peer, self.world.nodes[other % size].peer);
                vec![(after, Box::new(move || hub.cut(one, other)))]
            }
            Disturbance::Part { side, after } => {
                let peers: Vec<_> = self.world.nodes.iter().map(|node| node.peer).collect();
                let is_there = move |index: usize| (side >> index) & 1 == 1;
                if (1..size).all(|index| is_there(index) == is_there(0)) {
                    return Vec::new();
                }
                self.faults += 1;
                let cut = move || {
                    for (one, peer) in peers.iter().enumerate() {
                        for (other, there) in peers.iter().enumerate().skip(one + 1) {
                            if is_there(one) != is_there(other) {
                                hub.cut(*peer, *there);
                            }
                        }
                    }
                };
                vec![(after, Box::new(cut))]
            }
            Disturbance::Wire { lost, twice, late, bent } => {
                self.faults += u64::from((lost, twice, late, bent) != (0, 0, 0, 0));
                hub.set_faults(Faults::new(lost, twice, late).corrupting(bent));
                Vec::new()
            }
        }
    }

    /// The `by`-th of the running holders of a wallet.
    fn proposer(&self, wallet: usize, by: usize) -> Option<(usize, Running)> {
        let up: Vec<_> = self.wallets[wallet].holders.iter().filter(|index| self.world.is_up(**index)).collect();
        let index = **up.get(by.checked_rem(up.len())?)?;
        Some((index, self.world.cosigner(index)?))
    }

    pub(crate) fn fresh(&mut self) -> [u8; 32] {
        self.requests += 1;
        let mut id = [7; 32];
        id[..8].copy_from_slice(&self.requests.to_be_bytes());
        id
    }

    fn call(&mut self, operation: Operation) -> Option<(Running, Call)> {
        let made = match operation {
            Operation::Sign { by, others, named } => self.sign(by, others, named),
            Operation::TooFew { by } => self.too_few(by),
            Operation::Again { which, by } => self.again(which, by),
            Operation::Refresh { by } => self.refresh(by),
            Operation::Change(change) => self.change(change),
            Operation::Keygen { by, others, min_signers } => self.keygen(by, others, min_signers),
        };
        self.ceremonies += u64::from(made.is_some());
        made
    }

    pub(crate) fn sign(&mut self, by: usize, others: usize, named: bool) -> Option<(Running, Call)> {
        let wallet = others % self.wallets.len();
        let (me, running) = self.proposer(wallet, by)?;
        let key = by % self.wallets[wallet].keys.len();
        let id = self.fresh();
        let text = format!("pay {}", self.requests);
        let known = &self.wallets[wallet];
        let mut signers: Vec<_> = known.holders.iter().copied().filter(|index| *index != me).collect();
        let turns = others.checked_rem(signers.len()).unwrap_or(0);
        signers.rotate_left(turns);
        signers.truncate(known.min_signers - 1);
        let names: Vec<_> = signers.iter().filter(|_| named).map(|index| NAMES[*index]).collect();
        let request = sign_request(&known.name, known.keys[key].suite, &text, id, &names)?;
        Some((running, Call::Sign { wallet, key, text, request, expect: Expect::Either }))
    }

    fn too_few(&mut self, by: usize) -> Option<(Running, Call)> {
        let (me, running) = self.proposer(0, by)?;
        let id = self.fresh();
        let known = &self.wallets[0];
        // One less than whatever threshold may be in force.
        let least = known.attempts.iter().map(|attempt| attempt.min_signers).min()?;
        let others = known.holders.iter().filter(|index| **index != me).take(least - 2);
        let mut names: Vec<_> = others.map(|index| NAMES[*index]).collect();
        if names.is_empty() {
            names.push(NAMES[me]);
        }
        let request = sign_request(&known.name, known.keys[0].suite, "too few", id, &names)?;
        Some((
            running,
            Call::Sign { wallet: 0, key: 0, text: "too few".to_owned(), request, expect: Expect::Refusal("too few signers") },
        ))
    }

    /// The id of a finished request, for something else.
    fn again(&mut self, which: usize, by: usize) -> Option<(Running, Call)> {
        let finished = self.finished.get(which.checked_rem(self.finished.len())?)?.clone();
        let (me, running) = self.proposer(finished.wallet, by)?;
        let remember: Vec<_> = finished.signers.iter().copied().filter(|index| !self.world.nodes[*index].lost).collect();
        let known = &self.wallets[finished.wallet];
        // Whoever took part remembers; the others learn it from one who did.
        let mut names: Vec<_> =
            remember.iter().filter(|index| **index != me && known.holders.contains(index)).map(|index| NAMES[*index]).collect();
        let others = known.holders.iter().filter(|index| **index != me).map(|index| NAMES[*index]);
        let more: Vec<_> = others.filter(|name| !names.contains(name)).collect();
        if names.is_empty() && !remember.contains(&me) {
            return None;
        }
        names.extend(more);
        names.truncate((known.min_signers - 1).max(1));
        let text = format!("{} to somebody else", finished.text);
        let request = sign_request(&known.name, known.keys[finished.key].suite, &text, finished.id, &names)?;
        let expect = Expect::Refusal("the id of another request");
        Some((running, Call::Sign { wallet: finished.wallet, key: finished.key, text, request, expect }))
    }

    fn attempt(&mut self, wallet: usize, holders: BTreeSet<usize>, min_signers: usize) -> Option<usize> {
        let lost = self.lost();
        let known = &mut self.wallets[wallet];
        known.attempts.push(Attempt { step: self.step, holders, min_signers });
        if !known.spares(&lost) {
            // Nobody would move a key to holders that cannot sign.
            known.attempts.pop();
            return None;
        }
        Some(known.attempts.len() - 1)
    }

    pub(crate) fn refresh(&mut self, by: usize) -> Option<(Running, Call)> {
        let wallet = by % self.wallets.len();
        let (_, running) = self.proposer(wallet, by)?;
        let (holders, min_signers) = (self.wallets[wallet].holders.clone(), self.wallets[wallet].min_signers);
        let attempt = self.attempt(wallet, holders, min_signers)?;
        let request = ReshareRequest::refresh([self.wallets[wallet].name.clone()]);
        Some((running, Call::Reshare { wallet, attempt, request, consenting: Vec::new(), withheld: None }))
    }

    fn change(&mut self, change: Change) -> Option<(Running, Call)> {
        let wallet = change.by % self.wallets.len();
        let (me, running) = self.proposer(wallet, change.by)?;
        let known = &self.wallets[wallet];
        let pick = |from: Vec<usize>, number: usize| Some(*from.get(number.checked_rem(from.len())?)?);
        let stranger = (0..self.world.nodes.len()).filter(|index| !known.holders.contains(index)).collect();
        let removed =
            change.remove.and_then(|number| pick(known.holders.iter().copied().filter(|index| *index != me).collect(), number));
        let added = change.add.and_then(|number| pick(stranger, number));
        let mut holders = known.holders.clone();
        removed.map(|index| holders.remove(&index));
        holders.extend(added);
        if holders.len() < 2 {
            return None;
        }
        let min_signers =
            change.min_signers.map_or(known.min_signers, |number| 2 + number % (holders.len() - 1)).min(holders.len());
        let mut request = ReshareRequest::refresh([known.name.clone()]).min_signers(u16::try_from(min_signers).ok()?);
        request = removed.into_iter().fold(request, |request, index| request.without_holder(NAMES[index]));
        request = added.into_iter().fold(request, |request, index| request.with_holder(NAMES[index]));
        // One that stays, and holds a share.
        let stay: Vec<_> = known.holders.iter().copied().filter(|index| *index != me && holders.contains(index)).collect();
        let is_change = holders != known.holders || min_signers != known.min_signers;
        let withheld = change.withheld.filter(|_| is_change).and_then(|number| pick(stay, number));
        // One that does not run withholds too; one that consented before may have consented to this very plan.
        let withheld = withheld.filter(|index| self.world.cosigner(*index).is_none_or(|running| !running.gate.has_consented()));
        let others = (0..self.world.nodes.len()).filter(|index| *index != me && withheld != Some(*index));
        let consenting = others.filter_map(|index| self.world.cosigner(index)).collect();
        let attempt = self.attempt(wallet, holders, min_signers)?;
        Some((running, Call::Reshare { wallet, attempt, request, consenting, withheld }))
    }

    fn keygen(&mut self, by: usize, others: usize, min_signers: usize) -> Option<(Running, Call)> {
        let wallet = self.wallets.len();
        if wallet > 1 {
            return None;
        }
        let running = self.world.cosigner(by % self.world.nodes.len())?;
        let me = by % self.world.nodes.len();
        let all = (0..self.world.nodes.len()).filter(|index| *index == me || (others >> index) & 1 == 1);
        let mut holders: BTreeSet<_> = all.collect();
        if holders.len() < 2 {
            holders.insert((me + 1) % self.world.nodes.len());
        }
        let min_signers = 2 + min_signers % (holders.len() - 1);
        let names = holders.iter().map(|index| NAMES[*index].to_owned());
        self.requests += 1;
        let name = format!("w{}", self.requests);
        let request = KeygenRequest::new(&name, [SuiteId::Ed25519], u16::try_from(min_signers).ok()?).participants(names);
        Some((running, Call::Keygen { wallet, request }))
    }

    /// Compares what came of a call with what may.
    pub(crate) fn judge(&mut self, name: &str, call: Call, outcome: Outcome) {
        let what = self.describe(&outcome);
        match (call, outcome) {
            (call, Outcome::Hangs) => {
                let kind = match call {
                    Call::Keygen { .. } => "key generation",
                    Call::Sign { .. } => "signature",
                    Call::Reshare { .. } => "reshare",
                };
                self.world.trace.violation(format!("a {kind} by {name} hangs"));
            }
            (Call::Keygen { wallet, .. }, Outcome::Keygen(keys)) => {
                self.world.trace.saw(&format!("{name} makes wallet {wallet}: {what}"));
                let Some(first) = keys.first() else { return };
                let holders = first.peers.iter().filter_map(|(_, peer)| self.world.index_of(peer)).collect();
                let min_signers = first.share.placement().threshold().min_signers().into();
                let wallet = first.wallet.clone();
                self.add_wallet(&wallet, &keys, holders, min_signers);
            }
            (Call::Sign { wallet, key, text, expect, .. }, Outcome::Signed(signed)) => {
                self.world.trace.saw(&format!("{name} signs with wallet {wallet}: {what}"));
                self.signed(name, (wallet, key), text, expect, &signed);
            }
            (Call::Reshare { wallet, attempt, withheld, .. }, Outcome::Reshared(reshared, keys)) => {
                self.world.trace.saw(&format!("{name} reshares wallet {wallet} (attempt {attempt}): {what}"));
                // An attempt before, of which nobody heard that it came about, may have moved the key on without it.
                if let Some(withheld) = withheld
                    && self.concerns(withheld, &reshared, &keys)
                {
                    let text = format!("a change without the consent of {} succeeds", NAMES[withheld]);
                    self.world.trace.violation(text);
                }
                self.reshared(wallet, attempt, &reshared, &keys);
            }
            (Call::Keygen { wallet, .. }, _) => self.world.trace.saw(&format!("{name} makes wallet {wallet}: {what}")),
            (Call::Sign { wallet, .. }, _) => self.world.trace.saw(&format!("{name} signs with wallet {wallet}: {what}")),
            (Call::Reshare { wallet, attempt, .. }, _) => {
                self.world.trace.saw(&format!("{name} reshares wallet {wallet} (attempt {attempt}): {what}"));
            }
        }
    }

    fn signed(&mut self, name: &str, (wallet, key): (usize, usize), text: String, expect: Expect, signed: &Signed) {
        if let Expect::Refusal(why) = expect {
            self.world.trace.violation(format!("{name} gets a signature with {why}"));
            return;
        }
        let known = &self.wallets[wallet].keys[key];
        if signed.key_id != known.id || !verifies(known, text.as_bytes(), signed) {
            self.world.trace.violation(format!("a signature by {name} is not one of the key that was made"));
        }
        self.signed.push((signed.request, signed.signers.len()));
        // The numbers of participants are those of the key's own list; who they are is not said. Whoever may be one is not counted as such.
        let signers = (0..self.world.nodes.len()).filter(|index| NAMES[*index] == name).collect();
        self.finished.push(Finished { wallet, key, id: signed.request, text, signers });
    }

    fn reshared(&mut self, wallet: usize, attempt: usize, reshared: &Reshared, keys: &[WalletKey]) {
        let known = &mut self.wallets[wallet];
        for made in &reshared.keys {
            if let Some(key) = known.keys.iter_mut().find(|key| key.id == made.key_id) {
                if key.certain.insert(made.epoch) {
                    key.attempts.insert(made.epoch, BTreeSet::from([attempt]));
                } else {
                    // Finding 1 of docs/epochs.md.
                    key.attempts.entry(made.epoch).or_default().insert(attempt);
                }
                if reshared.effective {
                    key.effective = key.effective.max(made.epoch);
                }
            }
        }
        // Another change may have come between the request and what was made of it.
        let made = keys.iter().find(|key| is_made(reshared, key));
        let Some(attempt) = known.attempts.get_mut(attempt) else { return };
        if let Some(made) = made {
            attempt.holders = made.peers.iter().filter_map(|(_, peer)| self.world.index_of(peer)).collect();
            attempt.min_signers = made.share.placement().threshold().min_signers().into();
        }
        (known.holders, known.min_signers) = (attempt.holders.clone(), attempt.min_signers);
    }

    /// Whether a cosigner held a share before, or holds one after.
    fn concerns(&self, index: usize, reshared: &Reshared, keys: &[WalletKey]) -> bool {
        let holds = |key: &WalletKey| {
            is_made(reshared, key) && key.peers.iter().any(|(_, peer)| self.world.index_of(peer) == Some(index))
        };
        reshared.destroyed.iter().chain(&reshared.outstanding).any(|name| name == NAMES[index]) || keys.iter().any(holds)
    }

    fn describe(&mut self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Keygen(keys) => format!("{} key(s)", keys.len()),
            Outcome::Signed(signed) => {
                format!("signed by {}", signed.signers.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", "))
            }
            Outcome::Reshared(reshared, _) => {
                let epochs: Vec<_> = reshared.keys.iter().map(|key| key.epoch).collect();
                let words = if reshared.effective { "effective" } else { "not effective" };
                format!("epoch {epochs:?}, {words}, destroyed {:?}, outstanding {:?}", reshared.destroyed, reshared.outstanding)
            }
            Outcome::Failed(error) => {
                if let CosignerError::Bug(what) = error {
                    self.world.trace.violation(format!("an internal error: {what}"));
                }
                if matches!(error, CosignerError::Fault { .. }) {
                    self.world.trace.violation(format!("a fault among honest cosigners: {}", chain(error)));
                }
                format!("failed: {}", chain(error))
            }
            Outcome::Died => "the proposer crashed".to_owned(),
            Outcome::Hangs => "hangs".to_owned(),
        }
    }
}

fn told(result: &Result<(), CosignerError>) -> String {
    result.as_ref().err().map_or_else(|| "done".to_owned(), |error| chain(error))
}

/// Verified here too, where the suite's verification is at hand; of the other suites the cosigner's own verification has to do.
pub(crate) fn verifies(key: &Key, text: &[u8], signed: &Signed) -> bool {
    if key.suite != SuiteId::Ed25519 {
        return signed.signatures.len() == 1;
    }
    let public =
        <[u8; 32]>::try_from(key.public.as_slice()).ok().and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok());
    let signature = signed.signatures.first().and_then(|bytes| ed25519_dalek::Signature::from_slice(bytes).ok());
    public.zip(signature).is_some_and(|(public, signature)| public.verify_strict(text, &signature).is_ok())
}

/// Whether a key is as this reshare made it.
fn is_made(reshared: &Reshared, key: &WalletKey) -> bool {
    reshared.keys.iter().any(|made| (&made.key_id, made.epoch) == (key.share.key_id().as_bytes(), key.share.epoch()))
}
