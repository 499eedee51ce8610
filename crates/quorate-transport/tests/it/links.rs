//! Handshakes and frames, and what happens when a single byte of them changes.

use quorate_core::PeerId;
use quorate_transport::{
    Handshake, Identity, Link, LinkError, Pair,
    link::{BootId, MAX_DATAGRAM, MAX_PLAINTEXT},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::common::{identities, seed};

struct Two {
    identities: Vec<Identity>,
    pairs: [Pair; 2],
    boot: BootId,
    rng: StdRng,
}

impl Two {
    fn new(seed: u64) -> Self {
        let identities = identities(3, seed);
        let mut rng = StdRng::seed_from_u64(seed);
        let (a, b) = (&identities[0], &identities[1]);
        let pairs = [Pair::new(a, b.peer_id()).unwrap(), Pair::new(b, a.peer_id()).unwrap()];
        let boot = BootId::generate(&mut rng).unwrap();
        Self { identities, pairs, boot, rng }
    }

    fn initiate(&mut self) -> (Handshake, Vec<u8>) {
        Handshake::initiate(&self.identities[0], &self.pairs[0], self.boot, &mut self.rng).unwrap()
    }

    fn respond(&mut self, first: &[u8]) -> Result<(Link, Vec<u8>), LinkError> {
        Handshake::respond(&self.identities[1], &self.pairs[1], self.boot, first, &mut self.rng)
    }

    fn links(&mut self) -> (Link, Link) {
        let (handshake, first) = self.initiate();
        let (theirs, second) = self.respond(&first).unwrap();
        (handshake.finish(&self.pairs[0], &second).unwrap(), theirs)
    }
}

#[test]
fn links_carry_both_ways_in_any_order_and_once() {
    let seed = seed();
    let (mut a, mut b) = Two::new(seed).links();
    assert_eq!((a.remote_boot(), a.remote() < b.remote()), (b.remote_boot(), false));
    let mut frames: Vec<_> = (0..500u32).map(|number| (number, a.seal(&number.to_be_bytes()).unwrap())).collect();
    frames.shuffle(&mut StdRng::seed_from_u64(seed));
    for (number, frame) in &frames {
        assert_eq!(b.open(frame).unwrap().as_slice(), number.to_be_bytes());
        assert_eq!(b.open(frame), Err(LinkError::Replayed));
    }
    let back = b.seal(b"back").unwrap();
    assert_eq!(a.open(&back).unwrap().as_slice(), b"back");
    let unseen = (0..600).map(|_| b.seal(b"back").unwrap()).last().unwrap();
    assert_eq!(b.open(&unseen), Err(LinkError::Forged), "a frame must not open at its own sender");
}

#[test]
fn links_of_two_handshakes_do_not_mix() {
    let mut two = Two::new(1);
    let ((mut a, _), (_, mut b)) = (two.links(), two.links());
    assert_eq!(b.open(&a.seal(b"x").unwrap()), Err(LinkError::OtherLink));
}

#[test]
fn link_refuses_frames_outside_of_its_window() {
    let (mut a, mut b) = Two::new(2).links();
    let old = a.seal(b"old").unwrap();
    let frames: Vec<_> = (0..3000).map(|_| a.seal(b"x").unwrap()).collect();
    assert!(b.open(frames.last().unwrap()).is_ok());
    assert_eq!(b.open(&old), Err(LinkError::Replayed));
    assert!(b.open(&frames[3000 - 1500]).is_ok(), "at least 1024 late frames are taken");
}

#[test]
fn link_bounds_its_frames() {
    let (mut a, mut b) = Two::new(3).links();
    let largest = a.seal(&vec![7; MAX_PLAINTEXT]).unwrap();
    assert_eq!(largest.len(), MAX_DATAGRAM);
    assert_eq!(b.open(&largest).unwrap().len(), MAX_PLAINTEXT);
    assert!(matches!(a.seal(&vec![7; MAX_PLAINTEXT + 1]), Err(LinkError::TooLong { .. })));
    assert!(matches!(b.open(&vec![1; MAX_DATAGRAM + 1]), Err(LinkError::TooLong { .. })));
}

#[test]
fn every_flipped_byte_of_a_frame_is_refused_and_harmless() {
    let (mut a, mut b) = Two::new(4).links();
    let frame = a.seal(b"pay 1 to bob").unwrap();
    for place in 0..frame.len() {
        for bit in 0..8 {
            let mut flipped = frame.clone();
            flipped[place] ^= 1 << bit;
            assert!(b.open(&flipped).is_err(), "byte {place} bit {bit}");
        }
        assert!(b.open(&frame[..place]).is_err(), "cut at {place}");
    }
    assert!(b.open(&[frame.as_slice(), &[0]].concat()).is_err());
    assert_eq!(b.open(&frame).unwrap().as_slice(), b"pay 1 to bob");
}

#[test]
fn every_flipped_byte_of_a_handshake_is_refused_and_harmless() {
    let mut two = Two::new(5);
    let (handshake, first) = two.initiate();
    for place in 0..first.len() {
        let mut flipped = first.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(two.respond(&flipped).is_err(), "first message, byte {place}");
        assert!(two.respond(&first[..place]).is_err(), "first message cut at {place}");
    }
    let (_, second) = two.respond(&first).unwrap();
    for place in 0..second.len() {
        let mut flipped = second.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(!handshake.is_answered_by(&two.pairs[0], &flipped), "second message, byte {place}");
        assert!(!handshake.is_answered_by(&two.pairs[0], &second[..place]), "second message cut at {place}");
    }
    assert!(handshake.is_answered_by(&two.pairs[0], &second));
    assert!(handshake.finish(&two.pairs[0], &second).is_ok());
}

#[test]
fn handshake_refuses_reflections_answers_to_others_and_third_parties() {
    let mut two = Two::new(6);
    let (handshake, first) = two.initiate();
    let (_, other_first) = two.initiate();
    let (_, other_second) = two.respond(&other_first).unwrap();
    assert!(!handshake.is_answered_by(&two.pairs[0], &other_second), "answers another handshake");
    assert!(!handshake.is_answered_by(&two.pairs[0], &first), "reflected");
    // A third cosigner, itself on the roster, says that it is the first one.
    let mallory = &two.identities[2];
    let pair = Pair::new(&two.identities[1], mallory.peer_id()).unwrap();
    let as_mallory = Pair::new(mallory, two.identities[1].peer_id()).unwrap();
    let roles = (pair.initiates(), as_mallory.initiates());
    assert_eq!(roles, (true, false));
    let (_, forged) = Handshake::initiate(&two.identities[1], &pair, two.boot, &mut two.rng).unwrap();
    assert_eq!(two.respond(&forged).err(), Some(LinkError::Forged));
}

#[test]
fn version_of_another_time_is_refused_by_name() {
    let mut two = Two::new(7);
    let (_, mut first) = two.initiate();
    first[0] = 2;
    assert_eq!(two.respond(&first).err(), Some(LinkError::Version { found: 2 }));
    let (mut a, mut b) = two.links();
    let mut frame = a.seal(b"x").unwrap();
    frame[0] = 0;
    assert_eq!(b.open(&frame), Err(LinkError::Version { found: 0 }));
}

#[test]
fn pair_refuses_itself_and_weak_keys() {
    let two = Two::new(8);
    let me = &two.identities[0];
    for peer in [me.peer_id(), PeerId::new([0; 32])] {
        assert!(matches!(Pair::new(me, peer), Err(LinkError::Identity { .. })));
    }
}

#[test]
fn broken_generator_is_an_error() {
    struct Broken;
    #[derive(Debug)]
    struct Failed;
    impl core::fmt::Display for Failed {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("failed")
        }
    }
    impl core::error::Error for Failed {}
    impl rand_core::TryRng for Broken {
        type Error = Failed;
        fn try_next_u32(&mut self) -> Result<u32, Failed> {
            Err(Failed)
        }
        fn try_next_u64(&mut self) -> Result<u64, Failed> {
            Err(Failed)
        }
        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Failed> {
            Err(Failed)
        }
    }
    impl rand_core::TryCryptoRng for Broken {}
    let two = Two::new(9);
    let started = Handshake::initiate(&two.identities[0], &two.pairs[0], two.boot, &mut Broken);
    assert_eq!(started.err(), Some(LinkError::Randomness));
    assert!(Identity::generate(&mut Broken).is_err());
}

#[test]
fn link_hides_its_plaintext() {
    let (mut a, _) = Two::new(10).links();
    let plaintext = [0x5a; 64];
    let frame = a.seal(&plaintext).unwrap();
    assert!(!frame.windows(8).any(|window| window == &plaintext[..8]));
    assert_ne!(a.seal(&plaintext).unwrap()[18..], frame[18..], "no nonce repeats");
}
