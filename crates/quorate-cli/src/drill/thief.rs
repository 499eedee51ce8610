//! The thief: has everything of some providers, and tries what can be tried.
//!
//! The thief is as good as its code: it does what literature and incidents suggest, and the positive control shows that it takes a key
//! when it can. It is no proof that no cleverer thief exists; the proofs are in the papers of the protocols.

use std::collections::BTreeMap;

use ff::Field as _;
use quorate::{
    core::{
        Identifier,
        curve::Curve,
        danger::combine,
        ecdsa::EcdsaSecp256k1,
        frost::{self, Bip340, Ed25519, FrostSuite, SigningCommitments, SigningPackage, Taproot, Target},
        keys::KeyShare,
    },
    danger::AnyKeyShare,
};
use zeroize::Zeroizing;

use super::{documents::Wallet, forge::Forge, search::Targets, trouble::Trouble};

/// The place of the signing share in a key share's record: after version, kind, suite and the participant's number.
const SHARE_AT: usize = 5;

/// What the thief found in one provider's directory.
#[derive(Debug)]
pub(super) struct Loot {
    pub(super) name: &'static str,
    shares: Vec<AnyKeyShare>,
    /// Every file of the directory, one after another.
    files: Vec<u8>,
}

impl Loot {
    pub(super) const fn new(name: &'static str, shares: Vec<AnyKeyShare>, files: Vec<u8>) -> Self {
        Self { name, shares, files }
    }

    pub(super) const fn shares(&self) -> usize {
        self.shares.len()
    }

    /// The share of a suite's key.
    pub(super) fn share<C: Suite>(&self) -> Result<&KeyShare<C>, Trouble> {
        self.shares.iter().find_map(C::share_of).ok_or(Trouble::Broken("the opened store holds no share of the key"))
    }

    /// The opened records: what the passphrase brings to light.
    fn records(&self) -> Zeroizing<Vec<u8>> {
        let record = |share: &AnyKeyShare| match share {
            AnyKeyShare::Ed25519(share) => share.to_secret_bytes(),
            AnyKeyShare::Bip340(share) => share.to_secret_bytes(),
            AnyKeyShare::EcdsaSecp256k1(share) => share.to_secret_bytes(),
            _ => Zeroizing::default(),
        };
        Zeroizing::new(self.shares.iter().flat_map(|share| record(share).to_vec()).collect())
    }
}

/// A suite of the drill's wallet.
pub(super) trait Suite: Forge {
    const NAME: &'static str;
    fn share_of(any: &AnyKeyShare) -> Option<&KeyShare<Self>>;
}

/// A suite whose participants sign by FROST.
pub(super) trait Schnorr: Suite + FrostSuite {
    /// How the wallet uses its root key.
    fn target() -> Target;
}

impl Schnorr for Bip340 {
    fn target() -> Target {
        Target::default().taproot(Taproot::KEY_ONLY)
    }
}

impl Schnorr for Ed25519 {
    fn target() -> Target {
        Target::default()
    }
}

impl Suite for EcdsaSecp256k1 {
    const NAME: &'static str = "ecdsa-secp256k1";

    fn share_of(any: &AnyKeyShare) -> Option<&KeyShare<Self>> {
        if let AnyKeyShare::EcdsaSecp256k1(share) = any { Some(share) } else { None }
    }
}

impl Suite for Bip340 {
    const NAME: &'static str = "bip340";

    fn share_of(any: &AnyKeyShare) -> Option<&KeyShare<Self>> {
        if let AnyKeyShare::Bip340(share) = any { Some(share) } else { None }
    }
}

impl Suite for Ed25519 {
    const NAME: &'static str = "ed25519";

    fn share_of(any: &AnyKeyShare) -> Option<&KeyShare<Self>> {
        if let AnyKeyShare::Ed25519(share) = any { Some(share) } else { None }
    }
}

/// Puts shares together and signs the wallet's transaction with the result: whether the independent library accepts the forgery.
/// The positive control and attempt 1 are this same code; only the number of shares differs.
pub(super) fn combine_and_forge<C: Suite>(wallet: &Wallet, loot: &[&Loot]) -> Result<bool, Trouble> {
    let shares: Vec<&KeyShare<C>> = loot.iter().map(|loot| loot.share::<C>()).collect::<Result<_, _>>()?;
    match combine::<C>(&shares) {
        Ok(secret) => Ok(C::is_accepted(wallet, &secret)),
        Err(_) => Ok(false),
    }
}

/// Takes the one share for the key, and interpolates with guessed second shares.
pub(super) fn guess<C: Suite>(wallet: &Wallet, share: &KeyShare<C>) -> Result<bool, Trouble> {
    let own = signing_share(share)?;
    let me = share.identifier();
    let mut candidates = vec![*own];
    for other in share.package().participants().iter().filter(|other| *other != me) {
        // The line through (me, share) and (other, guess), at zero.
        let (i, j) = (C::Scalar::from(me.to_u16().into()), C::Scalar::from(other.to_u16().into()));
        let slope = Option::from((j - i).invert()).unwrap_or(C::Scalar::ZERO);
        let line = |guess: C::Scalar| (*own * j - guess * i) * slope;
        candidates.extend([C::Scalar::ZERO, C::Scalar::ONE, *own].map(line));
    }
    let key = share.package().verifying_key().to_point();
    let fits = |candidate: &C::Scalar| {
        let point = C::mul_generator(candidate);
        point == key || point == -key || C::is_accepted(wallet, &C::encode_scalar(candidate))
    };
    Ok(candidates.iter().any(fits))
}

/// The thief's own share as a number, checked against its public point.
fn signing_share<C: Suite>(share: &KeyShare<C>) -> Result<Zeroizing<C::Scalar>, Trouble> {
    let unreadable = Trouble::Broken("the thief cannot read its own share, so that its failure would prove nothing");
    let record = share.to_secret_bytes();
    let bytes = record.get(SHARE_AT..).and_then(|rest| rest.first_chunk::<32>());
    let scalar = bytes.and_then(|bytes| C::decode_scalar(bytes).ok());
    let fits = |scalar: &C::Scalar| C::encode_point(&C::mul_generator(scalar)) == share.verifying_share().to_bytes();
    scalar.filter(fits).map(Zeroizing::new).ok_or(unreadable)
}

/// Puts two shares together without asking the library whether they fit: the line through both, at zero, taken for the key.
pub(super) fn interpolate<C: Suite>(wallet: &Wallet, one: &Loot, other: &Loot) -> Result<bool, Trouble> {
    let (one, other) = (one.share::<C>()?, other.share::<C>()?);
    let (mine, theirs) = (signing_share(one)?, signing_share(other)?);
    let at = |share: &KeyShare<C>| C::Scalar::from(share.identifier().to_u16().into());
    let (i, j) = (at(one), at(other));
    let slope = Option::from((j - i).invert()).unwrap_or(C::Scalar::ZERO);
    let candidate = Zeroizing::new((*mine * j - *theirs * i) * slope);
    let point = C::mul_generator(&candidate);
    let key = one.package().verifying_key().to_point();
    Ok(point == key || point == -key || C::is_accepted(wallet, &C::encode_scalar(&candidate)))
}

/// Signs as a coordinator that has two shares. The signature is checked under the wallet's key, whatever the shares' packages say.
pub(super) fn sign_together<C: Schnorr>(wallet: &Wallet, one: &Loot, other: &Loot) -> Result<bool, Trouble> {
    let (one, other) = (one.share::<C>()?, other.share::<C>()?);
    let rng = &mut getrandom::SysRng;
    let (mine, theirs) = (frost::commit(one, rng)?, frost::commit(other, rng)?);
    let commitments = BTreeMap::from([(one.identifier(), *mine.commitments()), (other.identifier(), *theirs.commitments())]);
    let package = SigningPackage::new(commitments, &wallet.solana, C::target()).map_err(quorate::core::Error::from)?;
    // A share that refuses is a thief that fails.
    let (Ok(mine), Ok(theirs)) = (frost::sign(&package, mine, one), frost::sign(&package, theirs, other)) else {
        return Ok(false);
    };
    let parts = BTreeMap::from([(one.identifier(), mine), (other.identifier(), theirs)]);
    Ok([one, other].iter().any(|share| frost::aggregate(&package, &parts, share.package()).is_ok()))
}

/// Signs as a coordinator that speaks for two participants, with one share for both.
pub(super) fn sign_alone<C: Schnorr>(wallet: &Wallet, share: &KeyShare<C>) -> Result<bool, Trouble> {
    let me = share.identifier();
    let others = share.package().participants().iter().filter(|other| *other != me);
    let mut accepted = false;
    for other in others {
        accepted |= sign_for_both(share, me, other, &wallet.solana)?;
    }
    Ok(accepted)
}

fn sign_for_both<C: Schnorr>(share: &KeyShare<C>, me: Identifier, other: Identifier, message: &[u8]) -> Result<bool, Trouble> {
    let rng = &mut getrandom::SysRng;
    let (mine, theirs) = (frost::commit(share, rng)?, frost::commit(share, rng)?);
    let (my_commitments, their_commitments) = (*mine.commitments(), *theirs.commitments());
    let package = |a: SigningCommitments<C>, b: SigningCommitments<C>| {
        SigningPackage::new(BTreeMap::from([(me, a), (other, b)]), message, C::target()).map_err(quorate::core::Error::from)
    };
    let honest = package(my_commitments, their_commitments)?;
    let my_part = frost::sign(&honest, mine, share)?;
    // For the other's place the thief lists the commitments as its own, or no signature share is made at all.
    let swapped = package(their_commitments, my_commitments)?;
    let their_part = frost::sign(&swapped, theirs, share)?;
    let parts = BTreeMap::from([(me, my_part), (other, their_part)]);
    Ok(frost::aggregate(&honest, &parts, share.package()).is_ok())
}

/// What stands in the clear where it must not: in the wires' bytes and the files any share and the key; in the opened records
/// everything but the thief's own shares.
pub(super) fn search<C: Suite>(loot: &Loot) -> Result<Vec<String>, Trouble> {
    let share = loot.share::<C>()?;
    let mut found = targets::<C>(share, None)?.search(&loot.files)?;
    found.extend(targets::<C>(share, Some(share.identifier()))?.search(&loot.records())?);
    Ok(found)
}

/// What stands anywhere in one provider's files and records of the epoch of another share: any share of it, and the key.
pub(super) fn search_for_epoch<C: Suite>(epoch: &Loot, loot: &Loot) -> Result<Vec<String>, Trouble> {
    targets::<C>(epoch.share()?, None)?.search(&[&loot.files[..], &loot.records()].concat())
}

/// The same for what crossed the wires, and for all keys and several epochs at once: one pass for each curve.
pub(super) fn search_wires(epochs: &[&Loot], wires: &[u8]) -> Result<Vec<String>, Trouble> {
    let (mut secp256k1, mut edwards25519) = (Targets::<Bip340>::new(), Targets::<Ed25519>::new());
    for epoch in epochs {
        insert::<Bip340, _>(&mut secp256k1, epoch.share()?, None)?;
        insert::<EcdsaSecp256k1, _>(&mut secp256k1, epoch.share()?, None)?;
        insert::<Ed25519, _>(&mut edwards25519, epoch.share()?, None)?;
    }
    Ok([secp256k1.search(wires)?, edwards25519.search(wires)?].concat())
}

/// The control of the search: with another provider's opened records beside its own, it must find that provider's share.
pub(super) fn search_finds_planted<C: Suite>(loot: &Loot, other: &Loot) -> Result<bool, Trouble> {
    let share = loot.share::<C>()?;
    let heap = [loot.records().to_vec(), other.records().to_vec()].concat();
    let found = targets::<C>(share, Some(share.identifier()))?.search(&heap)?;
    Ok(found == [name::<C>(other.share::<C>()?.identifier())])
}

fn targets<C: Suite>(share: &KeyShare<C>, without: Option<Identifier>) -> Result<Targets<C>, Trouble> {
    let mut targets = Targets::new();
    insert(&mut targets, share, without)?;
    Ok(targets)
}

/// Adds the key and the shares of an epoch to what is looked for on their curve.
fn insert<C: Suite, D: Curve<Point = C::Point>>(
    targets: &mut Targets<D>,
    share: &KeyShare<C>,
    without: Option<Identifier>,
) -> Result<(), Trouble> {
    let package = share.package();
    targets.insert(&package.verifying_key().to_point(), &format!("the whole secret of the {} key", C::NAME));
    for participant in package.participants().iter().filter(|participant| Some(*participant) != without) {
        let public = package.verifying_share(participant).map_err(quorate::core::Error::from)?;
        let point = C::decode_point(public.to_bytes().as_ref()).map_err(quorate::core::Error::from)?;
        targets.insert(&point, &name::<C>(participant));
    }
    Ok(())
}

fn name<C: Suite>(participant: Identifier) -> String {
    format!("the share of participant {participant} of the {} key", C::NAME)
}

#[cfg(test)]
#[path = "thief_tests.rs"]
pub(super) mod tests;
