//! What must hold in every state, and what must be possible.

use stateright::Property;

use crate::{
    scenario::{Mutation, Scenario},
    set::Set,
    state::State,
};

pub(crate) const SIGNS: &str = "some epoch can sign";
pub(crate) const HIGHEST_SIGNS: &str = "the highest certified epoch can sign";
pub(crate) const FORGOTTEN: &str = "below an effective epoch nothing can sign";
pub(crate) const ORDERED: &str = "of two certified epochs one is higher";
pub(crate) const SETTLES: &str = "when all is delivered, the highest certified epoch is active and what is below it is destroyed";

pub(crate) const COMPLETES: &str = "an epoch is active at all its holders and effective";
pub(crate) const SUPERSEDES: &str = "an attempt is certified, and a higher one is effective";
pub(crate) const OUTLIVES: &str = "a holder of an epoch is dead, and the epoch is effective";
pub(crate) const LEAVES: &str = "a share stays with a cosigner that lies, and the epoch is effective";

pub(crate) fn all() -> Vec<Property<Scenario>> {
    vec![
        Property::always(SIGNS, signs),
        Property::always(HIGHEST_SIGNS, highest_signs),
        Property::always(FORGOTTEN, forgotten),
        Property::always(ORDERED, ordered),
        Property::always(SETTLES, settles),
        Property::sometimes(COMPLETES, completes),
        Property::sometimes(SUPERSEDES, supersedes),
        Property::sometimes(OUTLIVES, outlives),
        Property::sometimes(LEAVES, leaves),
    ]
}

impl Scenario {
    /// The sets of cosigners that may live on, if others crash now and for ever: as many as leave a quorum to every epoch that is not
    /// below an effective one.
    ///
    /// Who is dead does nothing more, and who does nothing may as well be dead: so deaths need no action of their own.
    fn survivors(&self, state: &State) -> impl Iterator<Item = Set> {
        let honest = (1..=self.nodes).filter(|node| self.honest(*node)).fold(Set::EMPTY, Set::with);
        let all = (1..=self.nodes).fold(Set::EMPTY, Set::with);
        let effective = state.proposed().filter(|attempt| self.is_effective(state, *attempt));
        let floor = effective.map(|effective| state.rank(self, effective)).max().unwrap_or((0, 0));
        let spared = move |live: &Set| {
            let spare = |epoch: u8| all.minus(*live).and(self.plan(epoch).receivers).len() <= self.plan(epoch).spare();
            state.proposed().filter(|epoch| state.rank(self, *epoch) >= floor).all(spare)
        };
        Set::all().filter(move |live| honest.covers(*live) && live.len() + self.deaths >= honest.len()).filter(spared)
    }

    fn holders(&self, state: &State, live: Set, epoch: u8) -> usize {
        live.iter().filter(|node| state.nodes[*node].holds(epoch)).count()
    }

    /// Whether the live cosigners have an epoch's certificate, or can make it from what each of them has durably.
    fn completable(&self, state: &State, live: Set, epoch: u8) -> bool {
        let receivers = self.plan(epoch).receivers;
        let known = live.iter().any(|node| state.nodes[node].knows(epoch));
        let all = state.attempts[epoch].confirmed.covers(receivers);
        known || (all && receivers.iter().all(|node| live.has(node) && state.nodes[node].holds(epoch)))
    }

    pub(crate) fn certified(&self, state: &State, attempt: u8) -> bool {
        attempt == 0
            || state.attempts[attempt].confirmed.covers(self.plan(attempt).receivers)
            || self.withholder_has(state, attempt)
    }

    fn highest_certificate(&self, state: &State, live: Set) -> u8 {
        let known = live.iter().filter_map(|node| state.best(self, node));
        known.max_by_key(|known| state.rank(self, *known)).unwrap()
    }

    /// Whether an epoch is reported as effective: of its base, and of every lower epoch that those who destroyed name, at least
    /// n - t + 1 holders gave their word, not counting those who are evicted on suspicion.
    pub(crate) fn is_effective(&self, state: &State, epoch: u8) -> bool {
        if epoch == 0 {
            return false;
        }
        let suspects = if self.mutation == Mutation::CountEvicted { Set::EMPTY } else { self.plan(epoch).suspects };
        let counted = state.attempts[epoch].destroyed.minus(suspects);
        let named = match self.mutation {
            Mutation::CountBaseOnly => Set::of(&[self.plan(epoch).base]),
            _ => {
                let named = counted.iter().map(|node| state.nodes[node].joined).fold(Set::of(&[epoch]), Set::or);
                self.with_bases(named)
            }
        };
        let below = named.without(epoch).iter().filter(|named| state.rank(self, *named) < state.rank(self, epoch));
        !counted.is_empty()
            && below.into_iter().all(|named| {
                let plan = self.plan(named);
                counted.and(plan.receivers).len() > plan.spare()
            })
    }
}

fn signs(scenario: &Scenario, state: &State) -> bool {
    scenario.survivors(state).all(|live| {
        let able = |epoch: u8| scenario.holders(state, live, epoch) >= scenario.plan(epoch).min_signers;
        state.proposed().any(|epoch| able(epoch) && scenario.completable(state, live, epoch))
    })
}

fn highest_signs(scenario: &Scenario, state: &State) -> bool {
    scenario.survivors(state).all(|live| {
        let highest = scenario.highest_certificate(state, live);
        scenario.holders(state, live, highest) >= scenario.plan(highest).min_signers
    })
}

/// Everything counts that a thief could still open, at the dead and at the suspects, too. Others are taken at their word.
fn forgotten(scenario: &Scenario, state: &State) -> bool {
    state.proposed().filter(|epoch| scenario.is_effective(state, *epoch)).all(|effective| {
        let below = state
            .proposed()
            .filter(|epoch| *epoch != effective && state.rank(scenario, *epoch) <= state.rank(scenario, effective));
        below.into_iter().all(|epoch| {
            let at_their_word = state.attempts[effective].destroyed.minus(scenario.plan(effective).suspects);
            let liar = |node: &u8| at_their_word.has(*node) && !scenario.honest(*node);
            let kept = (1..=scenario.nodes).filter(|node| state.nodes[*node].keys.has(epoch) && !liar(node)).count();
            kept < scenario.plan(epoch).min_signers
        })
    })
}

fn ordered(scenario: &Scenario, state: &State) -> bool {
    let certified: Vec<_> = state.proposed().filter(|attempt| scenario.certified(state, *attempt)).collect();
    certified.iter().all(|a| certified.iter().all(|b| a == b || state.rank(scenario, *a) != state.rank(scenario, *b)))
}

/// Fair delivery: who is alive has handed over what it has, and destroyed what is dead. Then all agree.
fn settles(scenario: &Scenario, state: &State) -> bool {
    scenario.survivors(state).all(|live| moves(scenario, state, live) || agrees(scenario, state, live))
}

/// Whether something is still under way between the living.
fn moves(scenario: &Scenario, state: &State, live: Set) -> bool {
    live.iter().any(|node| {
        scenario.can_forget(state, node)
            || scenario.attempts().any(|attempt| {
                let resent = live.covers(scenario.plan(attempt).receivers);
                (resent && scenario.can_complete(state, node, attempt))
                    || live.iter().any(|from| scenario.can_hand_over(state, from, node, attempt))
            })
    })
}

fn agrees(scenario: &Scenario, state: &State, live: Set) -> bool {
    let highest = scenario.highest_certificate(state, live);
    let number = state.rank(scenario, highest);
    live.iter().all(|node| {
        let at = &state.nodes[node];
        let active = !scenario.plan(highest).receivers.has(node) || at.active == Some(highest);
        active && at.keys.iter().all(|epoch| epoch == highest || state.rank(scenario, epoch) > number)
    })
}

/// An epoch that is effective and active at all its holders but `without`, who did nothing with it.
fn active_at_all(scenario: &Scenario, state: &State, epoch: u8, without: Set) -> bool {
    let mut holders = scenario.plan(epoch).receivers.minus(without).iter();
    scenario.is_effective(state, epoch) && holders.all(|node| state.nodes[node].active == Some(epoch))
}

fn completes(scenario: &Scenario, state: &State) -> bool {
    state.proposed().any(|epoch| active_at_all(scenario, state, epoch, Set::EMPTY))
}

fn supersedes(scenario: &Scenario, state: &State) -> bool {
    let effective =
        state.proposed().filter(|epoch| scenario.is_effective(state, *epoch)).max_by_key(|epoch| state.rank(scenario, *epoch));
    let lower = |attempt: u8| effective.is_some_and(|effective| state.rank(scenario, attempt) < state.rank(scenario, effective));
    state.proposed().any(|attempt| attempt != 0 && lower(attempt) && scenario.certified(state, attempt))
}

fn outlives(scenario: &Scenario, state: &State) -> bool {
    (1..=scenario.nodes).any(|node| {
        let idle = |epoch: u8| scenario.plan(epoch).receivers.has(node) && state.nodes[node].active == Some(0);
        let outlived = |epoch: u8| idle(epoch) && active_at_all(scenario, state, epoch, Set::of(&[node]));
        scenario.deaths > 0 && state.proposed().any(outlived)
    })
}

fn leaves(scenario: &Scenario, state: &State) -> bool {
    let kept = scenario.withholder.is_some_and(|withholder| state.nodes[withholder].keys.has(0));
    kept && completes(scenario, state)
}
