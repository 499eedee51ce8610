//! Dealers that deal something else than their share of the key.

use alloc::{sync::Arc, vec};

use ff::Field;
use getrandom::SysRng;

use super::*;
use crate::{
    curve::{Bip340, Ed25519},
    danger,
    derive::ChainCode,
    error::FaultKind,
    identifier::PeerId,
    session::{Peers, SessionId},
    threshold::Threshold,
};

fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

fn placement(t: u16, n: u16) -> Placement {
    danger::unchecked_placement(Threshold::new(t, n).unwrap(), ParticipantSet::first(n).unwrap())
}

fn session() -> Session {
    let peers = (1..=3).map(|i| (id(i), PeerId::new([u8::try_from(i).unwrap(); 32])));
    Session::new(SessionId::new([1; 32]), Peers::new(peers).unwrap())
}

fn shares<C: Curve>() -> Vec<Arc<KeyShare<C>>> {
    let secret = Zeroizing::new(core::array::from_fn(|i| u8::from((1..31).contains(&i))));
    danger::split::<C>(&secret, ChainCode::new([5; 32]), &placement(2, 3), &mut SysRng)
        .unwrap()
        .into_iter()
        .map(Arc::new)
        .collect()
}

fn refresh() -> NewEpoch {
    NewEpoch::new(ParticipantSet::first(3).unwrap(), placement(2, 3), 1)
}

/// Lets `cheat` deal for participant 2; gives what each honest one dies of, if it does.
fn run<C: Curve>(
    shares: &[Arc<KeyShare<C>>],
    cheat: impl FnOnce(Terms, C::Scalar, Hedged) -> Reshare<C>,
) -> BTreeMap<Identifier, Result<Option<Outcome<C>>, Error>> {
    let mut machines = BTreeMap::new();
    for share in [&shares[0], &shares[2]] {
        machines.insert(share.identifier(), Reshare::start_dealer(&session(), share, refresh(), &mut SysRng).unwrap());
    }
    let of_cheat = terms(&session(), shares[1].package(), refresh(), id(2)).unwrap();
    let honest = polynomial::lagrange_coefficient::<C>(&of_cheat.dealers, id(2)).unwrap() * shares[1].signing_share().expose();
    let hedged = Hedged::draw(&mut SysRng, b"test", None, &[]).unwrap();
    machines.insert(id(2), cheat(of_cheat, honest, hedged));
    let mut errors = BTreeMap::new();
    loop {
        let mut sent = vec![];
        for (from, machine) in &mut machines {
            if let Some(pending) = machine.pending()
                && let Err(error) = pending.stored()
            {
                errors.insert(*from, error);
            }
            while let Some(message) = machine.next_outgoing() {
                sent.push((*from, message));
            }
        }
        if sent.is_empty() {
            break;
        }
        for (from, message) in sent {
            if let Err(error) = machines.get_mut(&message.to).unwrap().handle(from, &message.bytes) {
                errors.insert(message.to, error);
            }
        }
    }
    let honest = machines.into_iter().filter(|(me, _)| *me != id(2));
    honest.map(|(me, mut machine)| (me, errors.remove(&me).map_or_else(|| Ok(machine.take_output()), Err))).collect()
}

fn assert_named<C: Curve>(outcomes: BTreeMap<Identifier, Result<Option<Outcome<C>>, Error>>, kind: FaultKind) {
    assert_eq!(outcomes.len(), 2);
    for (me, outcome) in outcomes {
        let Err(Error::Fault(fault)) = outcome else { panic!("{me} noticed nothing") };
        assert_eq!((fault.kind, fault.culprits.as_slice()), (kind, &[id(2)][..]), "{me}");
    }
}

/// From what is to be dealt, and the share alone.
type Change<C> = fn(<C as Curve>::Scalar, &<C as Curve>::Scalar) -> <C as Curve>::Scalar;

fn other_constants<C: Curve>() {
    let shares = shares::<C>();
    let honest = run(&shares, |terms, constant, hedged| Reshare::deal(terms, Some(constant), hedged));
    assert!(honest.into_values().all(|outcome| matches!(outcome, Ok(Some(Outcome::Holds(_))))));
    // Another value, the share without its weight, and the negated one.
    let changes: [Change<C>; 4] = [|c, _| c + C::Scalar::ONE, |_, share| *share, |c, _| -c, |_, _| C::Scalar::ONE];
    for change in changes {
        let share = *shares[1].signing_share().expose();
        let outcomes = run(&shares, |terms, constant, hedged| Reshare::deal(terms, Some(change(constant, &share)), hedged));
        assert_named(outcomes, FaultKind::WrongConstant);
    }
}

#[test]
fn dealer_that_changes_the_key_is_named_by_everyone() {
    other_constants::<Ed25519>();
    other_constants::<Bip340>();
}

fn lower_degree<C: Curve>() {
    let shares = shares::<C>();
    let outcomes = run(&shares, |terms, constant, hedged| {
        // A polynomial of another degree than the terms say, in a session of the terms.
        let short = Terms { placement: placement(3, 3), ..terms };
        Reshare::deal(short, Some(constant), hedged)
    });
    assert_named(outcomes, FaultKind::WrongDegree);
}

#[test]
fn dealer_with_another_threshold_is_named_by_everyone() {
    lower_degree::<Ed25519>();
    lower_degree::<Bip340>();
}

/// The shares of two epochs lie on different polynomials, so that a thief of one share of each has nothing.
#[test]
fn shares_of_two_epochs_interpolate_to_another_key() {
    let old = shares::<Bip340>();
    let outcomes = run(&old, |terms, constant, hedged| Reshare::deal(terms, Some(constant), hedged));
    let new: Vec<_> = outcomes.into_values().map(|outcome| outcome.unwrap().unwrap()).collect();
    let Outcome::Holds(first) = &new[0] else { panic!("no share") };
    let pair = ParticipantSet::new([id(1), id(2)]).unwrap();
    let weights = polynomial::lagrange_coefficients::<Bip340>(&pair);
    let key = old[0].package().verifying_key().to_point();
    let both = |one: &KeyShare<Bip340>, two: &KeyShare<Bip340>| {
        Bip340::mul_generator(&(weights[0] * one.signing_share().expose() + weights[1] * two.signing_share().expose()))
    };
    assert_eq!(both(&old[0], &old[1]), key);
    assert_ne!(both(first, &old[1]), key);
}
