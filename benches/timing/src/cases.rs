//! The operations that touch secrets, each with two classes of inputs.
//!
//! A class of one secret is as many objects as a class of many: 64 key shares that were read from one record, or from 64. Otherwise
//! caches, and not the code, would tell the classes apart.

use std::{
    collections::BTreeMap,
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use quorate_core::{
    ParticipantSet, PeerId, SuiteId, Threshold,
    attest::attest,
    danger,
    derive::ChainCode,
    frost::{self, Bip340, Ed25519, FrostSuite, SigningPackage, Target},
    keys::KeyShare,
    wire::Encoding,
};
use quorate_storage::{
    KeyEncryptionKey, KeyRef, MemoryStore, Passphrase, RecordName, Store,
    kek::PassphraseParams,
    sealed::{Binding, Kind, Sealed},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Case, Class, Expected, Outcome};

const OBJECTS: usize = 64;

/// Every case. Choice bits of the oblivious transfer come here once two cosigners can be paired in public API.
pub(crate) fn all() -> Outcome<Vec<Box<dyn Case>>> {
    Ok(vec![
        Box::new(Early),
        Box::new(Comparison),
        Box::new(Sign(Keys::<Ed25519>::new()?)),
        Box::new(Sign(Keys::<Bip340>::new()?)),
        Box::new(Attest(Keys::<Ed25519>::new()?)),
        Box::new(Attest(Keys::<Bip340>::new()?)),
        Box::new(Combine(Keys::<Ed25519>::new()?)),
        Box::new(Combine(Keys::<Bip340>::new()?)),
        Box::new(Unseal::new(false)?),
        Box::new(Unseal::new(true)?),
    ])
}

type Pair<C> = [KeyShare<C>; 2];

/// Both shares of 2-of-2 keys.
struct Keys<C: FrostSuite> {
    fixed: Vec<Pair<C>>,
    random: Vec<Pair<C>>,
}

fn new_pair<C: FrostSuite>() -> Outcome<Pair<C>> {
    let placement = danger::unchecked_placement(Threshold::new(2, 2)?, ParticipantSet::first(2)?);
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut secret[1..31])?;
    let shares = danger::split::<C>(&secret, ChainCode::new([1; 32]), &placement, &mut getrandom::SysRng)?;
    shares.try_into().map_err(|_| "a 2-of-2 key has two shares".into())
}

fn copy<C: FrostSuite>(pair: &Pair<C>) -> Outcome<Pair<C>> {
    let [first, second] = pair.each_ref().map(|share| KeyShare::from_secret_bytes(&share.to_secret_bytes()));
    Ok([first?, second?])
}

impl<C: FrostSuite> Keys<C> {
    fn new() -> Outcome<Self> {
        let one = new_pair()?;
        let fixed = (0..OBJECTS).map(|_| copy(&one)).collect::<Outcome<_>>()?;
        // Through a record too, so that both classes were allocated alike.
        let random = (0..OBJECTS).map(|_| copy(&new_pair()?)).collect::<Outcome<_>>()?;
        Ok(Self { fixed, random })
    }

    fn pick(&self, class: Class, rng: &mut StdRng) -> &Pair<C> {
        let at = rng.random_range(..OBJECTS);
        match class {
            Class::A => &self.fixed[at],
            Class::B => &self.random[at],
        }
    }
}

fn named<C: FrostSuite>(ed25519: &'static str, bip340: &'static str) -> &'static str {
    if C::SUITE == SuiteId::Ed25519 { ed25519 } else { bip340 }
}

/// A FROST signature share, Lagrange coefficient times signing share included.
struct Sign<C: FrostSuite>(Keys<C>);

impl<C: FrostSuite> Case for Sign<C> {
    fn name(&self) -> &'static str {
        named::<C>("frost sign, fixed or random share, ed25519", "frost sign, fixed or random share, bip340")
    }

    fn prepare<'a>(&'a self, class: Class, rng: &mut StdRng) -> Outcome<Box<dyn FnOnce() + 'a>> {
        let [share, other] = self.0.pick(class, rng);
        let nonces = frost::commit(share, &mut getrandom::SysRng)?;
        let others = *frost::commit(other, &mut getrandom::SysRng)?.commitments();
        let commitments = BTreeMap::from([(share.identifier(), *nonces.commitments()), (other.identifier(), others)]);
        let package = SigningPackage::new(commitments, b"message", Target::default())?;
        Ok(Box::new(move || drop(black_box(frost::sign(&package, nonces, share)))))
    }
}

/// A Schnorr proof by the share.
struct Attest<C: FrostSuite>(Keys<C>);

impl<C: FrostSuite> Case for Attest<C> {
    fn name(&self) -> &'static str {
        named::<C>("attest, fixed or random share, ed25519", "attest, fixed or random share, bip340")
    }

    fn prepare<'a>(&'a self, class: Class, rng: &mut StdRng) -> Outcome<Box<dyn FnOnce() + 'a>> {
        let [share, _] = self.0.pick(class, rng);
        let mut fast = StdRng::try_from_rng(&mut getrandom::SysRng)?;
        Ok(Box::new(move || drop(black_box(attest(share, PeerId::new([1; 32]), &[2; 32], &mut fast)))))
    }
}

/// Lagrange interpolation of secret shares at zero.
struct Combine<C: FrostSuite>(Keys<C>);

impl<C: FrostSuite> Case for Combine<C> {
    fn name(&self) -> &'static str {
        named::<C>("lagrange, fixed or random shares, ed25519", "lagrange, fixed or random shares, bip340")
    }

    fn prepare<'a>(&'a self, class: Class, rng: &mut StdRng) -> Outcome<Box<dyn FnOnce() + 'a>> {
        let [first, second] = self.0.pick(class, rng);
        Ok(Box::new(move || drop(black_box(danger::combine(&[first, second])))))
    }
}

/// Two values that differ in the first byte, or in the last.
fn different(class: Class, rng: &mut StdRng) -> ([u8; 32], [u8; 32]) {
    let left: [u8; 32] = rng.random();
    let mut right = left;
    right[if class == Class::A { 0 } else { 31 }] ^= 1;
    (left, right)
}

/// The control: a comparison that ends at the first difference.
struct Early;

impl Case for Early {
    fn name(&self) -> &'static str {
        "control: comparison that ends early"
    }

    fn expected(&self) -> Expected {
        Expected::Different
    }

    fn prepare<'a>(&'a self, class: Class, rng: &mut StdRng) -> Outcome<Box<dyn FnOnce() + 'a>> {
        let (left, right) = different(class, rng);
        Ok(Box::new(move || {
            for _ in 0..100 {
                let (left, right) = black_box((&left, &right));
                black_box(left.iter().zip(right).all(|(left, right)| black_box(left) == right));
            }
        }))
    }
}

/// How every tag and code in the workspace is compared.
struct Comparison;

impl Case for Comparison {
    fn name(&self) -> &'static str {
        "comparison of secrets, differing first or last"
    }

    fn prepare<'a>(&'a self, class: Class, rng: &mut StdRng) -> Outcome<Box<dyn FnOnce() + 'a>> {
        let (left, right) = different(class, rng);
        Ok(Box::new(move || {
            for _ in 0..100 {
                let (left, right) = black_box((&left, &right));
                black_box(bool::from(left.ct_eq(right)));
            }
        }))
    }
}

/// Opening a sealed record: with a tag that is wrong in its first or its last byte, or wrong or right.
struct Unseal {
    kek: Arc<dyn KeyEncryptionKey>,
    name: RecordName,
    records: Vec<Sealed>,
    right: bool,
}

const COSIGNER: PeerId = PeerId::new([7; 32]);

impl Unseal {
    fn new(right: bool) -> Outcome<Self> {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let passphrase = Zeroizing::new("timing".to_owned());
        let kek = block_on(Passphrase::create(&store, passphrase, PassphraseParams::insecure_fast()))?;
        let mut case = Self { kek: Arc::new(kek), name: RecordName::new("keys/timing")?, records: Vec::new(), right };
        for _ in 0..OBJECTS {
            let sealed = block_on(Sealed::seal(&[5; 700], &case.binding()?, &*case.kek, None))?;
            case.records.push(sealed);
        }
        Ok(case)
    }

    fn binding(&self) -> Outcome<Binding<'_>> {
        const KEY: Option<&KeyRef> = None;
        Ok(Binding::new(Kind::Identity, &COSIGNER, &self.name, KEY))
    }
}

impl Case for Unseal {
    fn name(&self) -> &'static str {
        if self.right { "unsealing, tag wrong or right (public)" } else { "unsealing, tag wrong first or last" }
    }

    fn expected(&self) -> Expected {
        if self.right { Expected::Different } else { Expected::Constant }
    }

    fn prepare<'a>(&'a self, class: Class, rng: &mut StdRng) -> Outcome<Box<dyn FnOnce() + 'a>> {
        let mut bytes = self.records[rng.random_range(..OBJECTS)].to_bytes();
        // The tag stands at the end.
        let (first, last) = (bytes.len() - 16, bytes.len() - 1);
        let (place, mask) = match class {
            Class::A => (first, 1),
            Class::B if self.right => (last, 0),
            Class::B => (last, 1),
        };
        bytes[place] ^= mask;
        let sealed = Sealed::from_bytes(&bytes)?;
        let binding = self.binding()?;
        Ok(Box::new(move || {
            black_box(block_on(sealed.open(&binding, &*self.kek, None)).is_ok());
        }))
    }
}

/// All that is awaited here is in memory.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}
