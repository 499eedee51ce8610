//! What must be true of all stores at every moment, and of the whole team at the end.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    operate::{self, Call, Expect, Outcome, sign_request},
    run::Run,
    world::{Holding, NAMES, chain},
};

/// How often a call may fail at the end because the caller was behind, or another call was in its way.
const TRIES: usize = 4;

impl Run {
    /// What is durable, whoever runs.
    pub(crate) async fn check_stores(&mut self) {
        for wallet in 0..self.wallets.len() {
            for key in 0..self.wallets[wallet].keys.len() {
                let holdings = self.world.holdings(&self.wallets[wallet].keys[key].id).await;
                self.check_key(wallet, key, &holdings);
            }
        }
    }

    fn check_key(&mut self, wallet: usize, key: usize, holdings: &BTreeMap<usize, Holding>) {
        let lost = self.lost();
        self.name_numbers(wallet, key, holdings);
        let mut wrong = Vec::new();
        let known = &mut self.wallets[wallet];
        let wallet_name = known.name.clone();
        for (index, holding) in holdings.iter().filter(|(index, _)| !lost.contains(index)) {
            let name = NAMES[*index];
            let slots: BTreeSet<_> = holding.active.iter().chain(&holding.pending).copied().collect();
            if let Some(active) = holding.active {
                let reached = known.keys[key].reached.entry(*index).or_insert(active);
                if active < *reached {
                    wrong.push(format!("{name} goes back from epoch {reached} to {active} of {wallet_name}"));
                }
                *reached = active.max(*reached);
            }
            if let Some(shut) = slots.iter().find(|epoch| !holding.epoch_keys.contains(epoch)) {
                wrong.push(format!("{name} cannot open its share of epoch {shut} of {wallet_name}: {holding:?}"));
            }
        }
        let known = &self.wallets[wallet];
        let effective = known.keys[key].effective;
        let mut below: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for (index, holding) in holdings {
            holding
                .open()
                .filter(|epoch| *epoch < effective)
                .for_each(|epoch| below.entry(epoch).or_default().push(NAMES[*index]));
        }
        for (epoch, names) in below {
            if names.len() >= known.needed(&known.keys[key], epoch) {
                wrong.push(format!(
                    "{wallet_name}: epoch {epoch} can still sign, below the effective epoch {effective}: {names:?}"
                ));
            }
        }
        wrong.into_iter().for_each(|line| self.world.trace.violation(line));
    }

    /// Learns which attempt has which number, from the shares that are new.
    fn name_numbers(&mut self, wallet: usize, key: usize, holdings: &BTreeMap<usize, Holding>) {
        let step = self.step;
        let known = &mut self.wallets[wallet];
        let attempts = known.attempts.iter().enumerate();
        let lately: Vec<_> =
            attempts.filter(|(_, attempt)| attempt.step + 1 >= step).map(|(index, attempt)| (index, attempt.clone())).collect();
        let (of_step, before): (Vec<_>, Vec<_>) = lately.into_iter().partition(|(_, attempt)| attempt.step == step);
        let key = &mut known.keys[key];
        for (index, holding) in holdings {
            for epoch in holding.active.iter().chain(&holding.pending) {
                if !key.held.insert((*index, *epoch)) || key.certain.contains(epoch) {
                    continue;
                }
                let candidates = key.attempts.entry(*epoch).or_default();
                let fits = |attempts: &[(usize, crate::wallet::Attempt)]| {
                    let fitting = attempts.iter().filter(|(_, attempt)| attempt.holders.contains(index));
                    fitting.map(|(attempt, _)| *attempt).collect::<BTreeSet<_>>()
                };
                let mut new = fits(&of_step);
                if new.is_empty() {
                    new = fits(&before);
                }
                if candidates.is_disjoint(&new) {
                    candidates.extend(new);
                } else {
                    // One of those that it may be already.
                    candidates.retain(|attempt| new.contains(attempt));
                }
            }
        }
    }

    /// Heals and starts everything, lets it settle, and looks whether every key lives.
    pub(crate) async fn finish(&mut self, chance: usize) {
        self.step += 1;
        self.world.trace.choose("-- the end: everything is healed and started");
        self.world.heal();
        self.world.nodes.iter().filter_map(|node| node.running.as_ref()).for_each(|running| running.gate.clear());
        // Also one that died of what was planned for it between two looks.
        self.world.reap().await;
        self.start_all().await;
        for index in 0..self.world.nodes.len() {
            let Some(running) = self.world.cosigner(index) else { continue };
            if !running.cosigner.connected(Duration::from_secs(120)).await {
                self.world.trace.violation(format!("{} has no links two minutes after all was healed", NAMES[index]));
            }
        }
        self.rejoin_all().await;
        let patient = chance.is_multiple_of(8);
        self.settle(100, patient).await;
        for wallet in 0..self.wallets.len() {
            self.everyone_asks(wallet).await;
        }
        self.settle(20, patient).await;
        self.check_leftovers().await;
        for index in 0..self.world.nodes.len() {
            self.world.stop(index).await;
        }
        self.start_all().await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        self.check_stores().await;
        if !self.world.trace.violations.is_empty() {
            return;
        }
        for wallet in 0..self.wallets.len() {
            self.finish_wallet(wallet, chance).await;
        }
    }

    /// Waits as long as anything may take. Where nothing is left to be done, only one run in eight (`patient`) waits on: time in which
    /// cosigners say to each other that all is well is most of what a run costs.
    async fn settle(&mut self, seconds: u64, patient: bool) {
        for _ in 0..seconds / 2 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            if !patient && self.is_settled().await {
                return;
            }
        }
    }

    /// Whether every store has one epoch of each key, the highest, or nothing.
    async fn is_settled(&self) -> bool {
        let lost = self.lost();
        for key in self.wallets.iter().flat_map(|wallet| &wallet.keys) {
            let holdings = self.world.holdings(&key.id).await;
            let highest = holdings.values().filter_map(|holding| holding.active).max();
            let is_whole = |holding: &Holding| match holding.active {
                Some(active) => Some(active) == highest && holding.pending.is_empty() && holding.epoch_keys == [active],
                None => holding.pending.is_empty() && holding.epoch_keys.is_empty(),
            };
            if !holdings.iter().all(|(index, holding)| !lost.contains(index) && is_whole(holding)) {
                return false;
            }
        }
        true
    }

    /// Epoch keys that should be destroyed by now, without a start: what failed once is tried again. The key of an attempt that died before
    /// its share was stored opens nothing, and goes with the next promotion or start.
    async fn check_leftovers(&mut self) {
        for wallet in 0..self.wallets.len() {
            for key in 0..self.wallets[wallet].keys.len() {
                let holdings = self.world.holdings(&self.wallets[wallet].keys[key].id).await;
                // Epoch keys do not go back with a store: its newest copy may be put in place again, and needs them.
                for (index, holding) in holdings.into_iter().filter(|(index, _)| !self.world.nodes[*index].lost) {
                    let held = &self.wallets[wallet].keys[key].held;
                    let is_left = |epoch: &u64| {
                        let has_share = holding.pending.contains(epoch) || holding.active == Some(*epoch);
                        held.contains(&(index, *epoch)) && !has_share
                    };
                    if holding.epoch_keys.iter().any(is_left) {
                        let text = format!("{} keeps an epoch key without a share: {holding:?}", NAMES[index]);
                        self.world.trace.violation(text);
                    }
                }
            }
        }
    }

    /// Whoever holds anything asks for a signature: this is how one that was away learns where the key is. Once more, unless all that
    /// hold it have learned it.
    async fn everyone_asks(&mut self, wallet: usize) {
        for _ in 0..2 {
            let mut unsigned = 0;
            for index in 0..self.world.nodes.len() {
                for key in 0..self.wallets[wallet].keys.len() {
                    if let Some(outcome) = self.ask(wallet, key, index, &[]).await {
                        self.world.trace.saw(&format!("{} asks: {}", NAMES[index], words(&outcome)));
                        unsigned += usize::from(!matches!(outcome, Outcome::Signed(_)));
                    }
                }
            }
            if unsigned == 0 || self.is_settled().await {
                return;
            }
        }
    }

    async fn ask(&mut self, wallet: usize, key: usize, index: usize, signers: &[&str]) -> Option<Outcome> {
        let running = self.world.cosigner(index)?;
        let id = self.fresh();
        let (name, suite) = (self.wallets[wallet].name.clone(), self.wallets[wallet].keys[key].suite);
        let request = sign_request(&name, suite, &format!("the end {}", self.requests), id, signers)?;
        let text = format!("the end {}", self.requests);
        let call = Call::Sign { wallet, key, text, request, expect: Expect::Either };
        Some(operate::run(running, call).await)
    }

    async fn finish_wallet(&mut self, wallet: usize, chance: usize) {
        for key in 0..self.wallets[wallet].keys.len() {
            if !self.key_is_one(wallet, key).await {
                return;
            }
            let lost = self.lost();
            self.key_signs(wallet, key, &lost).await;
        }
        for key in 0..self.wallets[wallet].keys.len() {
            if self.world.trace.violations.is_empty() {
                self.key_moves_on(wallet, key, chance).await;
            }
        }
    }

    /// All that hold the key hold the same epoch, and nothing lower is left anywhere.
    async fn key_is_one(&mut self, wallet: usize, key: usize) -> bool {
        let (lost, before) = (self.lost(), self.world.trace.violations.len());
        let holdings = self.world.holdings(&self.wallets[wallet].keys[key].id).await;
        let name = self.wallets[wallet].name.clone();
        let there = || holdings.iter().filter(|(index, _)| !lost.contains(index));
        let Some(highest) = there().filter_map(|(_, holding)| holding.active).max() else {
            self.world.trace.violation(format!("nobody holds a share of {name}: {holdings:?}"));
            return false;
        };
        self.world.trace.saw(&format!("{name} is at epoch {highest}: {holdings:?}"));
        for (index, holding) in there() {
            let who = NAMES[*index];
            if holding.active.is_some_and(|active| active < highest) {
                self.world.trace.violation(format!("{who} stays at epoch {:?} of {name}, not {highest}", holding.active));
            } else if holding.kept().any(|epoch| epoch < highest) {
                self.world.trace.violation(format!("{who} keeps something below epoch {highest} of {name}: {holding:?}"));
            }
        }
        // Who holds it says the share's own placement; those must be the ones that have it.
        let holders: BTreeSet<_> =
            there().filter(|(_, holding)| holding.active == Some(highest)).map(|(index, _)| *index).collect();
        let Some(running) = holders.first().and_then(|index| self.world.cosigner(*index)) else { return false };
        let suite = self.wallets[wallet].keys[key].suite;
        let said = running.cosigner.attest(&name, Some(suite)).await;
        drop(running);
        match said {
            Ok(said) => {
                for attested in said {
                    let Some(index) = self.world.index_of(attested.peer) else { continue };
                    if !lost.contains(&index) && (attested.problem.is_some() || !holders.contains(&index)) {
                        let problem = attested.problem.unwrap_or_default();
                        self.world.trace.violation(format!(
                            "{} does not hold its share of epoch {highest} of {name}: {problem}",
                            NAMES[index]
                        ));
                    }
                }
            }
            Err(error) => self.world.trace.violation(format!("{name} cannot be attested: {}", chain(&error))),
        }
        self.wallets[wallet].holders = holders;
        self.world.trace.violations.len() == before
    }

    /// Every holder can have a signature made, and nobody else can.
    async fn key_signs(&mut self, wallet: usize, key: usize, lost: &BTreeSet<usize>) {
        let holders = self.wallets[wallet].holders.clone();
        for index in (0..self.world.nodes.len()).filter(|index| !lost.contains(index)) {
            let mut last = String::new();
            let mut signed = false;
            for _ in 0..TRIES {
                let Some(outcome) = self.ask(wallet, key, index, &[]).await else { break };
                last = words(&outcome);
                signed = matches!(outcome, Outcome::Signed(_));
                if let Outcome::Signed(made) = &outcome {
                    self.verify_last(wallet, key, made);
                }
                if signed || !holders.contains(&index) {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            let name = &self.wallets[wallet].name;
            let line = match (holders.contains(&index), signed) {
                (true, false) => format!("{} holds a share of {name} and can have nothing signed: {last}", NAMES[index]),
                (false, true) => format!("{} holds no share of {name} and has something signed", NAMES[index]),
                (true, true) | (false, false) => continue,
            };
            self.world.trace.violation(line);
        }
    }

    fn verify_last(&mut self, wallet: usize, key: usize, signed: &quorate::Signed) {
        let known = &self.wallets[wallet].keys[key];
        let text = format!("the end {}", self.requests);
        if signed.key_id != known.id || !crate::run::verifies(known, text.as_bytes(), signed) {
            self.world.trace.violation("a signature at the end is not one of the key that was made".to_owned());
        }
    }

    /// One more refresh, with nothing in its way: it must work, be effective, and leave nothing of the past.
    async fn key_moves_on(&mut self, wallet: usize, key: usize, chance: usize) {
        let lost = self.lost();
        let holdings = self.world.holdings(&self.wallets[wallet].keys[key].id).await;
        let there = || holdings.iter().filter(|(index, _)| !lost.contains(index));
        let highest = there().filter_map(|(_, holding)| holding.active).max();
        let holders: Vec<_> = there().filter(|(_, holding)| holding.active == highest).map(|(index, _)| *index).collect();
        let Some(index) = chance.checked_rem(holders.len()).map(|at| holders[at]) else { return };
        let (name, suite) = (self.wallets[wallet].name.clone(), self.wallets[wallet].keys[key].suite);
        let mut last = String::new();
        for _ in 0..TRIES {
            let Some(running) = self.world.cosigner(index) else { return };
            let request = quorate::ReshareRequest::refresh([name.clone()]).suite(suite);
            self.ceremonies += 1;
            // One whose store was put back to before it had the key is asked to take a share of a key that it does not know. It is not
            // in the way of its operator, who knows what was put back.
            let consenting = lost.iter().filter_map(|index| self.world.cosigner(*index)).collect();
            let call = Call::Reshare { wallet, attempt: usize::MAX, request, consenting, withheld: None };
            let outcome = operate::run(running, call).await;
            last = words(&outcome);
            self.world.trace.saw(&format!("{} refreshes at the end: {last}", NAMES[index]));
            if let Outcome::Reshared(reshared, _) = outcome {
                if !reshared.effective {
                    self.world.trace.violation(format!("{name}: a refresh with all of its holders is not effective"));
                }
                tokio::time::sleep(Duration::from_secs(5)).await;
                self.nothing_is_left(wallet, key).await;
                return;
            }
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        self.world.trace.violation(format!("{name} cannot be refreshed although nothing is in the way: {last}"));
    }

    async fn nothing_is_left(&mut self, wallet: usize, key: usize) {
        let (name, lost) = (self.wallets[wallet].name.clone(), self.lost());
        let holdings = self.world.holdings(&self.wallets[wallet].keys[key].id).await;
        let highest = holdings.values().filter_map(|holding| holding.active).max();
        let holders: BTreeSet<_> =
            holdings.iter().filter(|(_, holding)| holding.active == highest).map(|(index, _)| *index).collect();
        for (index, holding) in holdings.iter().filter(|(index, _)| holders.contains(index) || !lost.contains(index)) {
            // An epoch key above all is of an attempt that ended before there was a share to open with it.
            let only =
                |epoch: &u64| holding.active == Some(*epoch) || *epoch > holding.highest || holding.pending.contains(epoch);
            let is_holder = holders.contains(index);
            let is_current = if is_holder { holding.active == highest } else { holding.active.is_none() };
            if is_current && holding.pending.is_empty() && holding.epoch_keys.iter().all(only) {
                continue;
            }
            let text = format!("{} is not clean after the last refresh of {name}: {holding:?}", NAMES[*index]);
            self.world.trace.violation(text);
        }
        // Whoever was put back, rejoined and has a share again signs like all others.
        let exempt: BTreeSet<_> = lost.difference(&holders).copied().collect();
        self.wallets[wallet].holders = holders;
        self.key_signs(wallet, key, &exempt).await;
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Keygen(_) => "made".to_owned(),
        Outcome::Signed(_) => "signed".to_owned(),
        Outcome::Reshared(..) => "reshared".to_owned(),
        Outcome::Failed(error) => format!("failed: {}", chain(error)),
        Outcome::Died => "died".to_owned(),
        Outcome::Hangs => "hangs".to_owned(),
    }
}
