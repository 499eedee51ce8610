//! Quorate, through its public interface.

use std::{collections::BTreeMap, time::Duration};

use getrandom::SysRng;
use quorate_core::{
    Error, FaultKind, Identifier, ParticipantSet, Placement, Threshold, danger,
    derive::ChainCode,
    frost::{self, FrostSuite, SignatureShare, SigningCommitments, SigningPackage, Target},
    keys::KeyShare,
};
use zeroize::Zeroizing;

use crate::{Outcome, sample::time};

pub fn placement((t, n): (u16, u16)) -> Outcome<Placement> {
    Ok(danger::unchecked_placement(Threshold::new(t, n)?, ParticipantSet::first(n)?))
}

/// A key with a signing set of the first t participants.
pub struct Signers<C: FrostSuite> {
    share: KeyShare<C>,
    message: Vec<u8>,
    commitments: BTreeMap<Identifier, SigningCommitments<C>>,
    package: SigningPackage<C>,
    shares: BTreeMap<Identifier, SignatureShare<C>>,
    bad_shares: BTreeMap<Identifier, SignatureShare<C>>,
    culprit: Identifier,
}

impl<C: FrostSuite> Signers<C> {
    pub fn new(size: (u16, u16), message: &[u8]) -> Outcome<Self> {
        let mut secret = [0; 32];
        secret[16] = 7;
        let mut keys = danger::split::<C>(&Zeroizing::new(secret), ChainCode::new([0; 32]), &placement(size)?, &mut SysRng)?;
        keys.truncate(size.0.into());
        let mut nonces = BTreeMap::new();
        for key in &keys {
            nonces.insert(key.identifier(), frost::commit(key, &mut SysRng)?);
        }
        let commitments: BTreeMap<_, _> = nonces.iter().map(|(id, nonces)| (*id, *nonces.commitments())).collect();
        let package = SigningPackage::new(commitments.clone(), message, Target::default())?;
        let mut shares = BTreeMap::new();
        for key in &keys {
            let id = key.identifier();
            shares.insert(id, frost::sign(&package, nonces.remove(&id).ok_or("no nonces")?, key)?);
        }
        let culprit = keys[keys.len() / 2].identifier();
        let share = keys.swap_remove(0);
        let mut bad_shares = shares.clone();
        bad_shares.insert(culprit, shares[&share.identifier()]);
        Ok(Self { share, message: message.to_vec(), commitments, package, shares, bad_shares, culprit })
    }

    pub fn commit(&self) -> Outcome<Duration> {
        let (took, nonces) = time(|| frost::commit(&self.share, &mut SysRng));
        nonces?;
        Ok(took)
    }

    pub fn commit_ahead(&self, count: u16) -> Outcome<Duration> {
        let (took, nonces) = time(|| frost::commit_ahead(&self.share, count.into(), &mut SysRng));
        nonces?;
        Ok(took)
    }

    /// With nonces that are new each time, as the types will have it; they are made outside the clock.
    pub fn sign(&self) -> Outcome<Duration> {
        let nonces = frost::commit(&self.share, &mut SysRng)?;
        let mut commitments = self.commitments.clone();
        commitments.insert(self.share.identifier(), *nonces.commitments());
        let package = SigningPackage::new(commitments, &self.message, Target::default())?;
        let (took, share) = time(|| frost::sign(&package, nonces, &self.share));
        share?;
        Ok(took)
    }

    pub fn aggregate(&self) -> Outcome<Duration> {
        let (took, signature) = time(|| frost::aggregate(&self.package, &self.shares, self.share.package()));
        signature?;
        Ok(took)
    }

    pub fn name_culprit(&self) -> Outcome<Duration> {
        let (took, outcome) = time(|| frost::aggregate(&self.package, &self.bad_shares, self.share.package()));
        match outcome {
            Err(Error::Fault(fault)) if fault.kind == FaultKind::WrongSignatureShare && fault.culprits == [self.culprit] => {
                Ok(took)
            }
            other => Err(format!("our aggregation did not name the culprit: {other:?}").into()),
        }
    }
}
