//! Dealers that forge what they deal. The honest side runs the real rounds; the dealer is made by hand.

use alloc::{collections::BTreeMap, vec};

use getrandom::SysRng;

use super::*;
use crate::{
    curve::{Bip340, Ed25519},
    danger,
    identifier::{ParticipantSet, PeerId},
    keys::Certificate,
    session::{Context, ContextFields, Peers, ProtocolId, Session, SessionId},
    threshold::Threshold,
};

fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

fn hedged() -> Hedged {
    Hedged::draw(&mut SysRng, b"test", None, &[]).unwrap()
}

fn terms(me: u16, t: u16, n: u16, session: u8) -> Terms {
    let participants = ParticipantSet::first(n).unwrap();
    let placement = danger::unchecked_placement(Threshold::new(t, n).unwrap(), participants.clone());
    let peers = Peers::new(participants.iter().map(|i| (i, PeerId::new([u8::try_from(i.to_u16()).unwrap(); 32])))).unwrap();
    let context: Context = Session::new(SessionId::new([session; 32]), peers).context(&ContextFields {
        protocol: ProtocolId::Keygen,
        suite: crate::suite::SuiteId::Ed25519,
        senders: &participants,
        receivers: &participants,
        old_threshold: None,
        threshold: placement.threshold(),
        package: None,
        placement: None,
        key_id: None,
        epoch: 0,
    });
    Terms { context, me: id(me), dealers: participants, placement, key_id: KeyId::of(&context), epoch: 0, known: None }
}

/// What a dealer says, in full. Each test changes a part of an honest one.
struct Dealt {
    reveal: Reveal,
    commitment: [u8; 32],
    shares: BTreeMap<Identifier, Vec<u8>>,
}

impl Dealt {
    /// Deals these coefficients by the rules.
    fn new<C: Curve>(terms: &Terms, coefficients: &[C::Scalar]) -> Self {
        let points: Vec<_> = coefficients.iter().map(C::mul_generator).collect();
        Self::with_points::<C>(terms, coefficients, &points)
    }

    /// Deals these coefficients, and says that they are those points.
    fn with_points<C: Curve>(terms: &Terms, coefficients: &[C::Scalar], points: &[C::Point]) -> Self {
        let encoded: Vec<u8> = points.iter().flat_map(|point| C::encode_point(point).as_ref().to_vec()).collect();
        let secret = coefficients.first().copied().unwrap_or(C::Scalar::ONE);
        let proof =
            Proof::<C>::new(&secret, &mut hedged(), |r| proof_challenge::<C>(&terms.context, terms.me, &encoded, r.as_ref()));
        let reveal = Reveal { coefficients: encoded, proof: proof.to_bytes(), contribution: [1; 32], salt: [2; 32] };
        let share = |to| C::encode_scalar(&crate::polynomial::evaluate(coefficients, to)).to_vec();
        let shares = terms.receivers().iter().map(|to| (to, share(to))).collect();
        Self { commitment: [0; 32], reveal, shares }.committed(terms)
    }

    /// Commits to the reveal as it is.
    fn committed(mut self, terms: &Terms) -> Self {
        self.commitment = self.reveal.commitment(&terms.context, terms.me);
        self
    }
}

/// One honest participant each, and the dealer's number.
struct Table<C: Curve> {
    honest: BTreeMap<Identifier, (CommitRound<C>, Outbox)>,
    dealer: Terms,
    t: u16,
}

type Outcomes<C> = BTreeMap<Identifier, Result<(PendingShare<C>, Outbox), Error>>;

const SESSION: u8 = 1;

impl<C: Curve> Table<C> {
    fn new(dealer: u16, t: u16, n: u16) -> Self {
        let mut honest = BTreeMap::new();
        for me in (1..=n).filter(|me| *me != dealer) {
            let mut hedged = hedged();
            let constant = hedged.scalar::<C>();
            honest.insert(id(me), CommitRound::start(terms(me, t, n, SESSION), Some(constant), hedged));
        }
        Self { honest, dealer: terms(dealer, t, n, SESSION), t }
    }

    fn coefficients(&self) -> Vec<C::Scalar> {
        let mut hedged = hedged();
        (0..self.t).map(|_| hedged.scalar::<C>()).collect()
    }

    /// Lets the honest ones deal with what the dealer says.
    fn deal(self, dealt: &Dealt) -> Outcomes<C> {
        let dealer = self.dealer.me;
        let mut commits: BTreeMap<_, _> = self.honest.iter().map(|(me, (_, outbox))| (*me, outbox.broadcast.clone())).collect();
        commits.insert(dealer, dealt.commitment.to_vec());
        let mut rounds = BTreeMap::new();
        for (me, (round, _)) in self.honest {
            let others = commits.iter().filter(|(from, _)| **from != me);
            let messages = others.map(|(from, bytes)| (*from, Message::parse::<C>(1, (bytes, &[]), 0, true).unwrap())).collect();
            rounds.insert(me, round.advance(Arrived { messages, echo: [7; 32] }).unwrap());
        }
        let mut reveals: BTreeMap<_, _> = rounds.iter().map(|(me, (_, outbox))| (*me, outbox.broadcast.clone())).collect();
        let mut out = Writer::default();
        dealt.reveal.write(&mut out);
        reveals.insert(dealer, out.into_bytes());
        let mut privates: BTreeMap<_, _> = rounds
            .iter()
            .flat_map(|(from, (_, outbox))| outbox.private.iter().map(|(to, bytes)| ((*from, *to), bytes.to_vec())))
            .collect();
        privates.extend(dealt.shares.iter().map(|(to, bytes)| ((dealer, *to), bytes.clone())));
        let mut outcomes = BTreeMap::new();
        for (me, (round, _)) in rounds {
            let parse = |from: &Identifier, bytes: &Vec<u8>| {
                Message::parse::<C>(2, (bytes, &privates[&(*from, me)]), usize::from(self.t), true).unwrap()
            };
            let messages =
                reveals.iter().filter(|(from, _)| **from != me).map(|(from, bytes)| (*from, parse(from, bytes))).collect();
            outcomes.insert(me, round.advance(Arrived { messages, echo: [8; 32] }).map(share));
        }
        outcomes
    }
}

fn share<C: Curve>(checked: Checked<C>) -> (PendingShare<C>, Outbox) {
    match checked {
        Checked::Share(pending, outbox) => (pending, outbox),
        Checked::Leaving(_) => panic!("no share"),
    }
}

#[track_caller]
fn assert_all_name<C: Curve>(outcomes: &Outcomes<C>, kind: FaultKind, culprit: u16) {
    for (me, outcome) in outcomes {
        match outcome {
            Err(Error::Fault(fault)) => assert_eq!((fault.kind, fault.culprits.as_slice()), (kind, &[id(culprit)][..]), "{me}"),
            Err(error) => panic!("{me}: another error: {error}"),
            Ok(_) => panic!("{me} noticed nothing"),
        }
    }
}

fn honest_dealer_is_accepted<C: Curve>() {
    let table = Table::<C>::new(2, 3, 4);
    let dealt = Dealt::new::<C>(&table.dealer, &table.coefficients());
    let outcomes = table.deal(&dealt);
    let packages: Vec<_> = outcomes.values().map(|outcome| outcome.as_ref().ok().unwrap().0.package().clone()).collect();
    assert!(packages.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn dealer_made_by_hand_is_accepted_when_it_keeps_the_rules() {
    honest_dealer_is_accepted::<Ed25519>();
    honest_dealer_is_accepted::<Bip340>();
}

fn wrong_degree<C: Curve>(t: u16, count: usize) {
    let table = Table::<C>::new(2, t, 4);
    let mut hedged = hedged();
    let coefficients: Vec<_> = (0..count).map(|_| hedged.scalar::<C>()).collect();
    let dealt = Dealt::new::<C>(&table.dealer, &coefficients);
    assert_all_name(&table.deal(&dealt), FaultKind::WrongDegree, 2);
}

#[test]
fn polynomial_of_one_coefficient_more_or_less_or_none_names_the_dealer_at_every_honest_participant() {
    for t in 2..=4 {
        for count in [usize::from(t) + 1, usize::from(t) - 1, 0] {
            wrong_degree::<Ed25519>(t, count);
            wrong_degree::<Bip340>(t, count);
        }
    }
}

#[test]
fn polynomial_far_too_long_is_not_even_parsed() {
    let bytes = vec![2; 200 * 33];
    let reveal = Reveal { coefficients: bytes, proof: vec![2; 65], contribution: [0; 32], salt: [0; 32] };
    let mut out = Writer::default();
    reveal.write(&mut out);
    assert!(Message::parse::<Bip340>(2, (&out.into_bytes(), &[0; 32]), 3, true).is_err());
    assert!(message::reveal_limit::<Bip340>(3) < 500);
}

#[test]
fn small_order_parts_that_cancel_in_the_share_check_name_the_dealer() {
    use curve25519_dalek::constants::EIGHT_TORSION;
    for torsion in EIGHT_TORSION.iter().skip(1) {
        let table = Table::<Ed25519>::new(2, 3, 4);
        let coefficients = table.coefficients();
        let mut points: Vec<_> = coefficients.iter().map(Ed25519::mul_generator).collect();
        // x·T − x²·T vanishes at 1 for every T, at every identifier for a T of order 2.
        points[1] += torsion;
        points[2] -= torsion;
        let dealt = Dealt::with_points::<Ed25519>(&table.dealer, &coefficients, &points);
        assert_all_name(&table.deal(&dealt), FaultKind::SmallOrderComponent, 2);
    }
}

#[test]
fn small_order_part_in_the_constant_term_names_the_dealer_whatever_the_proof_says() {
    use curve25519_dalek::constants::EIGHT_TORSION;
    for _ in 0..4 {
        for torsion in EIGHT_TORSION.iter().skip(1) {
            let table = Table::<Ed25519>::new(2, 2, 3);
            let coefficients = table.coefficients();
            let mut points: Vec<_> = coefficients.iter().map(Ed25519::mul_generator).collect();
            points[0] += torsion;
            let dealt = Dealt::with_points::<Ed25519>(&table.dealer, &coefficients, &points);
            for outcome in table.deal(&dealt).into_values() {
                let Err(Error::Fault(fault)) = outcome else { panic!("noticed nothing") };
                assert!(matches!(fault.kind, FaultKind::WrongProof | FaultKind::SmallOrderComponent));
                assert_eq!(fault.culprits, [id(2)]);
            }
        }
    }
}

fn identity_commitments<C: Curve>(identity: &[u8]) {
    for at in 0..3 {
        let table = Table::<C>::new(2, 3, 3);
        let mut coefficients = table.coefficients();
        coefficients[at] = C::Scalar::ZERO;
        let mut dealt = Dealt::new::<C>(&table.dealer, &coefficients);
        dealt.reveal.coefficients[at * C::POINT_BYTES..][..C::POINT_BYTES].copy_from_slice(identity);
        let dealt = dealt.committed(&table.dealer);
        assert_all_name(&table.deal(&dealt), FaultKind::InvalidElement, 2);
    }
}

#[test]
fn identity_commitment_names_the_dealer() {
    identity_commitments::<Ed25519>(&Ed25519::encode_point(&<Ed25519 as Curve>::Point::default()));
    identity_commitments::<Bip340>(&[0; 33]);
}

fn cancels_the_key<C: Curve>() {
    // Not possible from outside, since commitments hide the others' constants; it must be refused all the same.
    let table = Table::<C>::new(2, 2, 3);
    let mut coefficients = table.coefficients();
    let others = table.honest.values().map(|(round, _)| round.dealt.as_ref().unwrap().polynomial.constant());
    coefficients[0] = -others.fold(C::Scalar::ZERO, |sum, constant| sum + constant);
    let dealt = Dealt::new::<C>(&table.dealer, &coefficients);
    for outcome in table.deal(&dealt).into_values() {
        assert!(matches!(outcome, Err(Error::Fault(fault)) if fault.kind == FaultKind::IdentityKey && fault.culprits.is_empty()));
    }
}

#[test]
fn key_that_would_be_the_identity_is_refused() {
    cancels_the_key::<Ed25519>();
    cancels_the_key::<Bip340>();
}

fn nullifies_a_share<C: Curve>() {
    let table = Table::<C>::new(2, 2, 3);
    let mut coefficients = table.coefficients();
    let victim = id(3);
    let others = table.honest.values().map(|(round, _)| round.dealt.as_ref().unwrap().polynomial.evaluate(victim));
    let others = others.fold(C::Scalar::ZERO, |sum, share| sum + share);
    // f(3) = −Σ of the others' f(3).
    coefficients[0] = -others - coefficients[1] * C::Scalar::from(3u64);
    let dealt = Dealt::new::<C>(&table.dealer, &coefficients);
    let mut outcomes = table.deal(&dealt);
    assert!(outcomes.remove(&victim).unwrap().is_err(), "a participant has the share zero");
}

#[test]
fn share_of_zero_is_refused() {
    nullifies_a_share::<Ed25519>();
    nullifies_a_share::<Bip340>();
}

/// #2 says what #1 says.
fn copied<C: Curve>(change: impl Fn(&mut Dealt, &Dealt, &Terms)) -> Outcomes<C> {
    let table = Table::<C>::new(2, 2, 3);
    let (round, outbox) = &table.honest[&id(1)];
    let of_one = Dealt {
        reveal: copy(&round.dealt.as_ref().unwrap().reveal),
        commitment: outbox.broadcast.as_slice().try_into().unwrap(),
        shares: BTreeMap::new(),
    };
    let mut dealt = Dealt::new::<C>(&table.dealer, &table.coefficients());
    change(&mut dealt, &of_one, &table.dealer);
    table.deal(&dealt)
}

fn copy(reveal: &Reveal) -> Reveal {
    let Reveal { coefficients, proof, contribution, salt } = reveal;
    Reveal { coefficients: coefficients.clone(), proof: proof.clone(), contribution: *contribution, salt: *salt }
}

fn copies_are_refused<C: Curve>() {
    let whole = copied::<C>(|dealt, of_one, _| {
        dealt.reveal = copy(&of_one.reveal);
        dealt.commitment = of_one.commitment;
    });
    assert_all_name(&whole, FaultKind::WrongOpening, 2);
    let own_commitment = copied::<C>(|dealt, of_one, terms| {
        dealt.reveal = copy(&of_one.reveal);
        dealt.commitment = dealt.reveal.commitment(&terms.context, terms.me);
    });
    assert_all_name(&own_commitment, FaultKind::WrongProof, 2);
    let own_salt_and_contribution = copied::<C>(|dealt, of_one, terms| {
        dealt.reveal.coefficients.clone_from(&of_one.reveal.coefficients);
        dealt.reveal.proof.clone_from(&of_one.reveal.proof);
        dealt.commitment = dealt.reveal.commitment(&terms.context, terms.me);
    });
    assert_all_name(&own_salt_and_contribution, FaultKind::WrongProof, 2);
}

#[test]
fn commitment_and_proof_copied_from_another_dealer_name_the_copier() {
    copies_are_refused::<Ed25519>();
    copies_are_refused::<Bip340>();
}

fn replays_are_refused<C: Curve>() {
    let table = Table::<C>::new(2, 2, 3);
    let coefficients = table.coefficients();
    let old = Dealt::new::<C>(&terms(2, 2, 3, 99), &coefficients);
    assert_all_name(&table.deal(&old), FaultKind::WrongOpening, 2);
    let table = Table::<C>::new(2, 2, 3);
    let old = Dealt::new::<C>(&terms(2, 2, 3, 99), &coefficients).committed(&table.dealer);
    assert_all_name(&table.deal(&old), FaultKind::WrongProof, 2);
}

#[test]
fn own_commitment_and_proof_of_another_session_name_the_dealer() {
    replays_are_refused::<Ed25519>();
    replays_are_refused::<Bip340>();
}

fn rogue_key<C: Curve>() {
    // The constant is −A₁ + own: known as a point only, so that there is no proof of knowledge.
    let table = Table::<C>::new(2, 2, 3);
    let victim = C::mul_generator(&table.honest[&id(1)].0.dealt.as_ref().unwrap().polynomial.constant());
    let coefficients = table.coefficients();
    let mut points: Vec<_> = coefficients.iter().map(C::mul_generator).collect();
    points[0] -= victim;
    let dealt = Dealt::with_points::<C>(&table.dealer, &coefficients, &points);
    assert_all_name(&table.deal(&dealt), FaultKind::WrongProof, 2);
}

#[test]
fn rogue_key_without_proof_of_knowledge_names_the_dealer() {
    rogue_key::<Ed25519>();
    rogue_key::<Bip340>();
}

fn each_field_of_the_proof_matters<C: Curve>() {
    let length = C::POINT_BYTES + 32;
    for at in (0..length).step_by(5).chain([0, C::POINT_BYTES - 1, C::POINT_BYTES, length - 1]) {
        let table = Table::<C>::new(2, 2, 3);
        let mut dealt = Dealt::new::<C>(&table.dealer, &table.coefficients());
        dealt.reveal.proof[at] ^= 1;
        let dealt = dealt.committed(&table.dealer);
        for outcome in table.deal(&dealt).into_values() {
            let Err(Error::Fault(fault)) = outcome else { panic!("byte {at} does not matter") };
            assert!(matches!(fault.kind, FaultKind::WrongProof | FaultKind::InvalidElement));
            assert_eq!(fault.culprits, [id(2)]);
        }
    }
}

#[test]
fn every_field_of_a_dealers_proof_matters() {
    each_field_of_the_proof_matters::<Ed25519>();
    each_field_of_the_proof_matters::<Bip340>();
}

#[test]
fn every_field_of_a_reveal_is_fixed_by_the_commitment() {
    let changes: [fn(&mut Reveal); 6] = [
        |reveal| reveal.coefficients[33] ^= 1,
        |reveal| reveal.proof[1] ^= 1,
        |reveal| reveal.proof[40] ^= 1,
        |reveal| reveal.contribution[0] ^= 1,
        |reveal| reveal.salt[31] ^= 1,
        |reveal| core::mem::swap(&mut reveal.contribution, &mut reveal.salt),
    ];
    for change in changes {
        let table = Table::<Ed25519>::new(2, 2, 3);
        let mut dealt = Dealt::new::<Ed25519>(&table.dealer, &table.coefficients());
        change(&mut dealt.reveal);
        assert_all_name(&table.deal(&dealt), FaultKind::WrongOpening, 2);
    }
}

#[test]
fn challenge_of_a_dealers_proof_depends_on_session_dealer_commitments_and_nonce() {
    let (context, other) = (terms(1, 2, 3, 1).context, terms(1, 2, 3, 2).context);
    let challenge =
        |context, dealer, coefficients: &[u8], r: &[u8]| proof_challenge::<Ed25519>(context, id(dealer), coefficients, r);
    let all = [
        challenge(&context, 1, b"AB", b"R"),
        challenge(&other, 1, b"AB", b"R"),
        challenge(&context, 2, b"AB", b"R"),
        challenge(&context, 1, b"AC", b"R"),
        challenge(&context, 1, b"AB", b"S"),
        challenge(&context, 1, b"A", b"BR"),
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(all[i + 1..].iter().all(|b| a != b), "field {i}");
    }
}

fn wrong_shares<C: Curve>() {
    for victim in [1, 3] {
        let table = Table::<C>::new(2, 2, 3);
        let mut dealt = Dealt::new::<C>(&table.dealer, &table.coefficients());
        dealt.shares.get_mut(&id(victim)).unwrap()[16] ^= 1;
        let mut outcomes = table.deal(&dealt);
        let others = outcomes.split_off(&id(4));
        assert!(others.is_empty());
        let of_victim = outcomes.remove(&id(victim)).unwrap();
        assert_all_name(&BTreeMap::from([(id(victim), of_victim)]), FaultKind::WrongShare, 2);
        assert!(outcomes.into_values().all(|outcome| outcome.is_ok()), "only the victim can know");
    }
    let table = Table::<C>::new(2, 2, 3);
    let mut dealt = Dealt::new::<C>(&table.dealer, &table.coefficients());
    dealt.shares.values_mut().for_each(|share| share.fill(0xff));
    assert_all_name(&table.deal(&dealt), FaultKind::InvalidElement, 2);
}

#[test]
fn wrong_private_share_names_the_dealer_to_its_receiver() {
    wrong_shares::<Ed25519>();
    wrong_shares::<Bip340>();
}

#[test]
fn several_faults_of_one_kind_name_all_dealers_that_made_them() {
    let terms_of = terms;
    let terms = terms(1, 2, 4, SESSION);
    let mut reveals = BTreeMap::new();
    let mut commits = BTreeMap::new();
    for dealer in 2..=4 {
        let of = terms_of(dealer, 2, 4, SESSION);
        let mut hedged = hedged();
        let coefficients: Vec<_> = (0..2).map(|_| hedged.scalar::<Ed25519>()).collect();
        let mut dealt = Dealt::new::<Ed25519>(&of, &coefficients);
        dealt.reveal.salt[0] ^= u8::from(dealer != 3);
        commits.insert(id(dealer), dealt.commitment);
        reveals.insert(id(dealer), dealt.reveal);
    }
    let Err(Error::Fault(fault)) = check::openings(&terms, &commits, &reveals) else { panic!("noticed nothing") };
    assert_eq!(fault.culprits, [id(2), id(4)]);
}

#[test]
fn chain_code_depends_on_every_contribution_and_the_session() {
    let table = Table::<Ed25519>::new(2, 2, 3);
    let reveals = |changed: u16| -> BTreeMap<_, _> {
        let of = |i: u16| {
            let mut reveal = copy(&table.honest[&id(1)].0.dealt.as_ref().unwrap().reveal);
            reveal.contribution = [u8::try_from(i).unwrap() + u8::from(i == changed) * 9; 32];
            reveal
        };
        (1..=3).map(|i| (id(i), of(i))).collect()
    };
    let codes = [
        chain_code(&table.dealer, &reveals(0)),
        chain_code(&table.dealer, &reveals(1)),
        chain_code(&table.dealer, &reveals(2)),
        chain_code(&table.dealer, &reveals(3)),
        chain_code(&terms(2, 2, 3, 99), &reveals(0)),
    ];
    for (i, a) in codes.iter().enumerate() {
        assert!(codes[i + 1..].iter().all(|b| a != b));
    }
}

#[test]
fn certificate_needs_the_confirmation_of_all_for_this_transcript_and_package() {
    let table = Table::<Ed25519>::new(2, 2, 4);
    let coefficients = table.coefficients();
    let dealt = Dealt::new::<Ed25519>(&table.dealer, &coefficients);
    let outcomes: BTreeMap<_, _> = table.deal(&dealt).into_iter().map(|(me, outcome)| (me, outcome.ok().unwrap().0)).collect();
    let mut confirmations: BTreeMap<_, _> = outcomes.iter().map(|(me, pending)| (*me, *pending.confirmation())).collect();
    let pending = &outcomes[&id(1)];
    // #2 never confirmed.
    let error = Certificate::new(*pending.transcript(), confirmations.clone()).verify(pending.package()).unwrap_err();
    assert!(matches!(error, Error::Fault(fault) if fault.kind == FaultKind::WrongConfirmation && fault.culprits == [id(2)]));
    // #2 passes another's confirmation off as its own.
    confirmations.insert(id(2), confirmations[&id(3)]);
    let error = pending.complete(Certificate::new(*pending.transcript(), confirmations.clone())).unwrap_err();
    assert!(matches!(error, Error::Fault(fault) if fault.kind == FaultKind::WrongConfirmation && fault.culprits == [id(2)]));
    // All keep to the rules, but about another transcript.
    let error = Certificate::new([0; 32], confirmations).verify(pending.package()).unwrap_err();
    assert!(matches!(error, Error::Fault(fault) if fault.culprits.len() == 4));
}
