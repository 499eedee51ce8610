//! What a caller can give that does not fit: refused before anything is drawn or said.

use core::fmt;

use super::*;

type K = EcdsaSecp256k1;

fn set(numbers: &[u16]) -> ParticipantSet {
    ParticipantSet::new(numbers.iter().map(|number| id(*number))).unwrap()
}

/// Both ways to begin with signer 1, whose answers must be alike.
fn begin(network: &Network<K>, session: &Session, signers: &[u16], pairings: &Pairings) -> Option<Error> {
    let (share, signers) = (&network.shares[&id(1)], set(signers));
    let presigning = Presigning::start(session, share, &signers, pairings, 1, &mut SysRng).err();
    let request = Request::new([7; 32]);
    assert_eq!(Signing::start(session, share, &signers, pairings, &request, &mut SysRng).err(), presigning);
    presigning
}

#[test]
fn wrong_sets_of_signers_are_refused() {
    let network = Network::<K>::new(3, 5);
    let (session, pairings) = (session(), &network.pairings[&id(1)]);
    let begin = |signers: &[u16]| begin(&network, &session, signers, pairings);
    assert_eq!(begin(&[1, 2]), Some(InputError::TooFewSigners { given: 2, needed: 3 }.into()));
    assert_eq!(begin(&[1]), Some(InputError::TooFewSigners { given: 1, needed: 3 }.into()));
    assert_eq!(begin(&[1, 2, 6]), Some(InputError::UnknownParticipant(id(6)).into()));
    assert_eq!(begin(&[2, 3, 4]), Some(InputError::NotInSigningSet.into()));
    assert_eq!(begin(&[1, 2, 3]), None);
    assert_eq!(begin(&[1, 2, 3, 4, 5]), None);
}

#[test]
fn missing_dead_and_foreign_pairings_are_refused() {
    let network = Network::<K>::new(3, 5);
    let session = session();
    let all = || network.pairings[&id(1)].clone();
    let gone = Some(InputError::NoPairing(id(3)).into());
    let mut missing = all();
    missing.remove(&id(3));
    assert_eq!(begin(&network, &session, &[1, 2, 3], &missing), gone);
    assert_eq!(begin(&network, &session, &[1, 2, 4], &missing), None);

    // The pairing with another peer, the other end of the right one, and one between two others.
    for foreign in [&network.pairings[&id(1)][&id(4)], &network.pairings[&id(3)][&id(1)], &network.pairings[&id(2)][&id(3)]] {
        let mut wrong = all();
        wrong.insert(id(3), Arc::clone(foreign));
        assert_eq!(begin(&network, &session, &[1, 2, 3], &wrong), gone);
    }

    // The same number is another cosigner in another session.
    let peers = (1..=5).map(|number| (id(number), PeerId::new([number as u8 + u8::from(number == 3) * 100; 32])));
    let other = Session::new(SessionId::new(random()), Peers::new(peers).unwrap());
    assert_eq!(begin(&network, &other, &[1, 2, 3], &all()), gone);

    network.pairings[&id(1)][&id(3)].close();
    assert_eq!(begin(&network, &session, &[1, 2, 3], &all()), gone);
    assert_eq!(begin(&network, &session, &[1, 2, 5], &all()), None);
}

#[test]
fn session_without_a_signer_is_refused() {
    let network = Network::<K>::new(2, 3);
    let peers = [1, 2].map(|number| (id(number), network::peer(id(number))));
    let two = Session::new(SessionId::new(random()), Peers::new(peers).unwrap());
    let refused = Some(InputError::ParticipantsDiffer("session").into());
    assert_eq!(begin(&network, &two, &[1, 3], &network.pairings[&id(1)]), refused);
    assert_eq!(begin(&network, &two, &[1, 2], &network.pairings[&id(1)]), None);

    let mut outputs = run(network.presigning(&[1, 3], 1), |_, _, _| {});
    let presignature = outputs.remove(&id(1)).unwrap().unwrap().pop().unwrap();
    assert_eq!(OnlineSigning::start(&two, presignature, &Request::new([7; 32])).err(), refused);
}

#[test]
fn batch_has_one_to_64_presignatures() {
    let network = Network::<K>::new(2, 2);
    let (session, signers) = (session(), set(&[1, 2]));
    for (batch, accepted) in [(0, false), (1, true), (64, true), (65, false), (usize::MAX, false)] {
        let started =
            Presigning::start(&session, &network.shares[&id(1)], &signers, &network.pairings[&id(1)], batch, &mut SysRng).err();
        assert_eq!(started, (!accepted).then_some(InputError::BatchSize { limit: 64 }.into()));
    }
}

/// A generator that fails.
struct Broken;

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl core::error::Error for Failure {}

impl TryRng for Broken {
    type Error = Failure;

    fn try_next_u32(&mut self) -> Result<u32, Failure> {
        Err(Failure)
    }

    fn try_next_u64(&mut self) -> Result<u64, Failure> {
        Err(Failure)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Failure> {
        Err(Failure)
    }
}

impl rand_core::TryCryptoRng for Broken {}

#[test]
fn generator_that_fails_is_an_error() {
    let network = Network::<K>::new(2, 2);
    let (session, signers, request) = (session(), set(&[1, 2]), Request::new([7; 32]));
    let (share, pairings) = (&network.shares[&id(1)], &network.pairings[&id(1)]);
    assert_eq!(Presigning::start(&session, share, &signers, pairings, 1, &mut Broken).err(), Some(Error::Randomness));
    assert_eq!(Signing::start(&session, share, &signers, pairings, &request, &mut Broken).err(), Some(Error::Randomness));
}

#[cfg(feature = "p256")]
#[test]
fn p256_has_no_children() {
    let network = Network::<EcdsaP256>::new(2, 2);
    let request = Request::new([7; 32]).at("m/0".parse().unwrap());
    let (share, pairings) = (&network.shares[&id(1)], &network.pairings[&id(1)]);
    let started = Signing::start(&session(), share, &set(&[1, 2]), pairings, &request, &mut SysRng).err();
    assert_eq!(started, Some(InputError::UnsupportedTweak.into()));
    let presignature = run(network.presigning(&[1, 2], 1), |_, _, _| {}).remove(&id(1)).unwrap().unwrap().pop().unwrap();
    assert_eq!(OnlineSigning::start(&session(), presignature, &request).err(), Some(InputError::UnsupportedTweak.into()));
}
