//! The peers: the `frost-*` crates through the code that they share.

use std::{collections::BTreeMap, time::Duration};

use frost_core::{
    Ciphersuite, Error, Identifier, SigningPackage, aggregate_custom,
    keys::{IdentifierList, KeyPackage, PublicKeyPackage, dkg, generate_with_dealer},
    round1, round2,
};
use rand_core_0_6::OsRng;

use crate::{
    Outcome,
    sample::{processor_timed, time},
};

type Pair<C> = (round1::SigningNonces<C>, round1::SigningCommitments<C>);

/// A key with a signing set of the first t participants.
pub struct Signers<C: Ciphersuite> {
    keys: BTreeMap<Identifier<C>, KeyPackage<C>>,
    public: PublicKeyPackage<C>,
    me: Identifier<C>,
    pairs: BTreeMap<Identifier<C>, Pair<C>>,
    package: SigningPackage<C>,
    shares: BTreeMap<Identifier<C>, round2::SignatureShare<C>>,
    bad_shares: BTreeMap<Identifier<C>, round2::SignatureShare<C>>,
    culprit: Identifier<C>,
}

impl<C: Ciphersuite + 'static> Signers<C> {
    pub fn new((t, n): (u16, u16), message: &[u8]) -> Outcome<Self> {
        let (secrets, public) = generate_with_dealer::<C, _>(n, t, IdentifierList::Default, &mut OsRng)?;
        let keys = secrets.into_iter().take(t.into()).map(|(id, secret)| Ok((id, KeyPackage::try_from(secret)?)));
        let keys: BTreeMap<_, _> = keys.collect::<Result<_, Error<C>>>()?;
        let pairs: BTreeMap<_, Pair<C>> =
            keys.iter().map(|(id, key)| (*id, round1::commit(key.signing_share(), &mut OsRng))).collect();
        let commitments = pairs.iter().map(|(id, pair)| (*id, pair.1)).collect();
        let package = SigningPackage::new(commitments, message);
        let shares = keys.iter().map(|(id, key)| Ok((*id, round2::sign(&package, &pairs[id].0, key)?)));
        let shares: BTreeMap<_, _> = shares.collect::<Result<_, Error<C>>>()?;
        let ids: Vec<_> = keys.keys().copied().collect();
        let (me, culprit) = (ids[0], ids[ids.len() / 2]);
        let mut bad_shares = shares.clone();
        bad_shares.insert(culprit, shares[&me]);
        Ok(Self { keys, public, me, pairs, package, shares, bad_shares, culprit })
    }

    pub fn commit(&self) -> Outcome<Duration> {
        let share = self.keys[&self.me].signing_share();
        Ok(time(|| round1::commit::<C, _>(share, &mut OsRng)).0)
    }

    pub fn commit_ahead(&self, count: u16) -> Outcome<Duration> {
        let share = self.keys[&self.me].signing_share();
        Ok(time(|| (0..count).map(|_| round1::commit::<C, _>(share, &mut OsRng)).collect::<Vec<_>>()).0)
    }

    pub fn sign(&self) -> Outcome<Duration> {
        let (took, share) = time(|| round2::sign(&self.package, &self.pairs[&self.me].0, &self.keys[&self.me]));
        share?;
        Ok(took)
    }

    pub fn aggregate(&self) -> Outcome<Duration> {
        let (took, signature) = time(|| frost_core::aggregate(&self.package, &self.shares, &self.public));
        signature?;
        Ok(took)
    }

    /// With all cheaters named, as ours does.
    pub fn name_culprit(&self) -> Outcome<Duration> {
        let all = frost_core::CheaterDetection::AllCheaters;
        let (took, outcome) = time(|| aggregate_custom(&self.package, &self.bad_shares, &self.public, all));
        match outcome {
            Err(Error::InvalidSignatureShare { culprits }) if culprits == [self.culprit] => Ok(took),
            other => Err(format!("their aggregation did not name the culprit: {other:?}").into()),
        }
    }
}

/// A key generation, with everything that the others send to the measured participant.
pub struct Keygen<C: Ciphersuite> {
    size: (u16, u16),
    me: Identifier<C>,
    round1: BTreeMap<Identifier<C>, dkg::round1::Package<C>>,
    round2: BTreeMap<Identifier<C>, dkg::round2::Package<C>>,
}

impl<C: Ciphersuite> Keygen<C> {
    pub fn new((t, n): (u16, u16)) -> Outcome<Self> {
        let me = Identifier::<C>::try_from(1)?;
        let mut secrets = BTreeMap::new();
        let mut packages = BTreeMap::new();
        for number in 1..=n {
            let id = Identifier::try_from(number)?;
            let (secret, package) = dkg::part1::<C, _>(id, n, t, OsRng)?;
            secrets.insert(id, secret);
            packages.insert(id, package);
        }
        secrets.remove(&me);
        let mut round2 = BTreeMap::new();
        for (id, secret) in secrets {
            let own = packages.remove(&id).ok_or("no package")?;
            let (_, mut sent) = dkg::part2(secret, &packages)?;
            packages.insert(id, own);
            round2.insert(id, sent.remove(&me).ok_or("nothing for the measured participant")?);
        }
        packages.remove(&me);
        Ok(Self { size: (t, n), me, round1: packages, round2 })
    }

    pub fn run(&self) -> Outcome<Duration> {
        let (t, n) = self.size;
        let (took, outcome) = processor_timed(|| {
            let (secret, _) = dkg::part1::<C, _>(self.me, n, t, OsRng)?;
            let (secret, _) = dkg::part2(secret, &self.round1)?;
            dkg::part3(&secret, &self.round1, &self.round2)
        });
        outcome?;
        Ok(took)
    }

    /// What was sent to the measured participant, as bytes.
    pub fn received(&self) -> Outcome<Received<C>> {
        let first = self.round1.iter().map(|(id, package)| Ok((*id, package.serialize()?)));
        let second = self.round2.iter().map(|(id, package)| Ok((*id, package.serialize()?)));
        Ok(Received {
            size: self.size,
            me: self.me,
            round1: first.collect::<Outcome<_>>()?,
            round2: second.collect::<Outcome<_>>()?,
        })
    }
}

/// Encoded messages of the others, from identifier to bytes.
type Messages<C> = BTreeMap<Identifier<C>, Vec<u8>>;

/// A key generation from bytes, as memory is measured: what is decoded has to be held, too.
pub struct Received<C: Ciphersuite> {
    size: (u16, u16),
    me: Identifier<C>,
    round1: Messages<C>,
    round2: Messages<C>,
}

impl<C: Ciphersuite> Received<C> {
    pub fn run(&self) -> Outcome<()> {
        let (t, n) = self.size;
        let (secret, _) = dkg::part1::<C, _>(self.me, n, t, OsRng)?;
        let first = self.round1.iter().map(|(id, bytes)| Ok((*id, dkg::round1::Package::deserialize(bytes)?)));
        let first = first.collect::<Result<BTreeMap<_, _>, Error<C>>>()?;
        let (secret, _) = dkg::part2(secret, &first)?;
        let second = self.round2.iter().map(|(id, bytes)| Ok((*id, dkg::round2::Package::deserialize(bytes)?)));
        let second = second.collect::<Result<BTreeMap<_, _>, Error<C>>>()?;
        dkg::part3(&secret, &first, &second)?;
        Ok(())
    }
}
