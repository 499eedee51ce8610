//! A group of vectors as this crate sees it.

use super::*;

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(super) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

pub(super) fn number(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

pub(super) fn numbers(value: &Value) -> Vec<usize> {
    list(value).iter().map(|value| usize::from(number(value))).collect()
}

/// The draft's participant 0 is our participant 1.
pub(super) fn id(theirs: u16) -> Identifier {
    Identifier::new(theirs + 1).unwrap()
}

pub(super) fn ids(case: &Value) -> Vec<Identifier> {
    list(&case["ids"]).iter().map(|value| id(number(value))).collect()
}

pub(super) fn commitments(pubnonce: &[u8]) -> Result<SigningCommitments<Bip340>, DecodeError> {
    let (hiding, binding) = pubnonce.split_at(33);
    SigningCommitments::from_points_bytes(hiding, binding)
}

pub(super) fn points(value: &Value) -> Vec<Result<ProjectivePoint, DecodeError>> {
    list(value).iter().map(|point| Bip340::decode_point(&bytes(point))).collect()
}

pub(super) fn share(psig: &Value) -> Result<SignatureShare<Bip340>, DecodeError> {
    SignatureShare::from_scalar_bytes(&bytes(psig).try_into().unwrap())
}

fn scalar(bytes: &[u8]) -> Scalar {
    Bip340::decode_scalar(bytes.try_into().unwrap()).unwrap()
}

/// The coefficients of the polynomial through values at 1, 2, …: of shares, or of their points.
fn interpolate<T: Clone + core::ops::Mul<Scalar, Output = T> + core::iter::Sum>(values: &[T]) -> Vec<T> {
    let x = |position: usize| Scalar::from(u64::try_from(position + 1).unwrap());
    let basis: Vec<Vec<Scalar>> = (0..values.len())
        .map(|i| {
            (0..values.len()).filter(|j| *j != i).fold(Vec::from([Scalar::ONE]), |poly, j| {
                let scale = (x(i) - x(j)).invert().unwrap();
                let shifted = core::iter::once(Scalar::ZERO).chain(poly.iter().copied());
                let constant = poly.iter().map(|c| *c * x(j)).chain([Scalar::ZERO]);
                shifted.zip(constant).map(|(up, down)| (up - down) * scale).collect()
            })
        })
        .collect();
    (0..values.len()).map(|k| values.iter().zip(&basis).map(|(value, basis)| value.clone() * basis[k]).sum()).collect()
}

pub(super) struct Group {
    pub(super) t: u16,
    pub(super) participants: ParticipantSet,
    pub(super) key: ProjectivePoint,
    /// Feldman commitments that fit the verifying shares; one only if t = 1.
    pub(super) commitments: Vec<ProjectivePoint>,
    pub(super) pubshares: Vec<Result<ProjectivePoint, DecodeError>>,
    pub(super) pubnonces: Vec<Result<SigningCommitments<Bip340>, DecodeError>>,
    pub(super) secshares: Vec<Scalar>,
    secnonces: Vec<Vec<u8>>,
    tweaks: Vec<Vec<u8>>,
    /// The key as its participants hold it; none if t = 1, or if the file does not give the shares.
    pub(super) shares: Vec<KeyShare<Bip340>>,
}

impl Group {
    pub(super) fn new(group: &Value) -> Self {
        let (t, n) = (number(&group["t"]), number(&group["n"]));
        let all = |name: &str| group[name].as_array().map_or(&[][..], Vec::as_slice).iter().map(bytes).collect::<Vec<_>>();
        let pubshares = points(&group["pubshares"]);
        let through: Vec<_> = pubshares.iter().take(usize::from(t)).map(|point| point.unwrap()).collect();
        let mut group = Self {
            t,
            participants: ParticipantSet::first(n).unwrap(),
            key: Bip340::decode_point(&bytes(&group["thresh_pk"])).unwrap(),
            commitments: interpolate(&through),
            pubshares,
            pubnonces: all("pubnonces").iter().map(|pubnonce| commitments(pubnonce)).collect(),
            secshares: all("secshares").iter().map(|share| scalar(share)).collect(),
            secnonces: all("secnonces"),
            tweaks: all("tweaks"),
            shares: Vec::new(),
        };
        group.deal();
        group.check_key();
        group
    }

    fn deal(&mut self) {
        let Ok(threshold) = Threshold::new(self.t, u16::try_from(self.participants.len()).unwrap()) else {
            assert_eq!(self.t, 1);
            return;
        };
        if self.secshares.is_empty() {
            return;
        }
        let placement = danger::unchecked_placement(threshold, self.participants.clone());
        let polynomial = Secret::new(interpolate(&self.secshares[..usize::from(self.t)]));
        let mut hedged = crate::randomness::Hedged::draw(&mut getrandom::SysRng, b"test", None, &[]).unwrap();
        let (key_id, chain_code) = (crate::keys::KeyId::new([1; 32]), derive::ChainCode::new([0; 32]));
        self.shares = danger::deal(&polynomial, key_id, chain_code, &placement, &mut hedged).unwrap();
    }

    fn check_key(&self) {
        assert_eq!(self.commitments[0], self.key);
        for (id, pubshare) in self.participants.iter().zip(&self.pubshares) {
            assert_eq!(Ok(polynomial::evaluate_commitments_vartime(&self.commitments, id)), *pubshare);
        }
        for ((secshare, pubshare), _) in self.secshares.iter().zip(&self.pubshares).zip(self.participants.iter()) {
            assert_eq!(Ok(Bip340::mul_generator(secshare)), *pubshare);
        }
        for (share, secshare) in self.shares.iter().zip(&self.secshares) {
            assert_eq!((share.signing_share().expose(), share.package().verifying_key().0), (secshare, self.key));
        }
    }

    pub(super) fn package(&self, case: &Value) -> SigningPackage<Bip340> {
        let chosen = numbers(&case["pubnonce_indices"]).into_iter().map(|index| self.pubnonces[index].unwrap());
        let commitments: BTreeMap<_, _> = ids(case).into_iter().zip(chosen).collect();
        SigningPackage::new(commitments, &bytes(&case["msg"]), Target::default()).unwrap()
    }

    /// Nonces as [`commit`](super::super::super::commit) would make them.
    pub(super) fn nonces(&self, index: usize) -> SigningNonces<Bip340> {
        let (hiding, binding) = self.secnonces[index].split_at(32);
        let [hiding, binding] = [hiding, binding].map(scalar);
        let [hiding_point, binding_point] = [hiding, binding].map(|nonce| Bip340::mul_generator(&nonce));
        let commitments = SigningCommitments {
            hiding: hiding_point,
            binding: binding_point,
            hiding_bytes: Bip340::encode_point(&hiding_point),
            binding_bytes: Bip340::encode_point(&binding_point),
        };
        SigningNonces { hiding: Secret::new(hiding), binding: Secret::new(binding), commitments }
    }

    /// The tweaks of a case, each with its mode; whatever a type refuses is an error.
    pub(super) fn tweaks(&self, case: &Value) -> Vec<(&[u8], bool)> {
        let Some(indices) = case.get("tweak_indices") else { return Vec::new() };
        assert_eq!(list(indices).len(), list(&case["is_xonly"]).len());
        let modes = list(&case["is_xonly"]).iter().map(|mode| mode.as_bool().unwrap());
        numbers(indices).into_iter().map(|index| self.tweaks[index].as_slice()).zip(modes).collect()
    }

    pub(super) fn tweaked(&self, case: &Value) -> Result<TweakedKey<Bip340>, Error> {
        self.tweaks(case).into_iter().try_fold(TweakedKey::root(self.key), |key, (tweak, x_only)| {
            let tweak = Bip340::decode_scalar(tweak.try_into().map_err(|_| DecodeError::InvalidScalar)?)?;
            Ok(if x_only { key.x_only(tweak) } else { key.plain(tweak) }?)
        })
    }

    pub(super) fn values_from_aggregate(&self, case: &Value, signers: &ParticipantSet) -> SigningValues<Bip340> {
        let aggregate = bytes(&case["aggnonce"]);
        let aggregate = [&aggregate[..33], &aggregate[33..]].map(|point| Bip340::decode_point(point).unwrap());
        let (key, message) = (self.tweaked(case).unwrap(), bytes(&case["msg"]));
        let binding = bind_aggregate(&key.point, &serialize_ids(signers.iter()), &aggregate, &message);
        SigningValues::with_binding(key, binding, &message)
    }

    /// A valid case of signing: the share, its verification, and everyone's shares together.
    pub(super) fn check_signing(&self, case: &Value) {
        let package = self.package(case);
        check_signers(package.signers(), self.t, &self.participants).unwrap();
        assert_eq!(Bip340::encode_points(&aggregate_nonces(&package)).concat(), bytes(&case["aggnonce"]));
        let values = SigningValues::with_key(self.tweaked(case).unwrap(), &package);
        let me = id(number(&case["my_id"]));
        let (secret, nonces) = (usize::from(number(&case["secshare_index"])), usize::from(number(&case["secnonce_index"])));
        let made = share_of(&package, &self.nonces(nonces), me, &self.secshares[secret], &values).unwrap();
        assert_eq!(made.to_scalar_bytes().as_slice(), bytes(&case["expected"]));

        let culprits = self.culprits(&package, &values, me, made);
        assert!(!culprits.contains(&me) && culprits.len() == package.signers().len() - 1);
        if let (Some(share), true) = (self.shares.get(secret), self.tweaks(case).is_empty()) {
            assert_eq!(sign(&package, self.nonces(nonces), share), Ok(made));
        }
        self.check_everyone(case, &package, &values);
    }

    /// Who is blamed if `one` signer sends `share` and all others send nothing of worth.
    pub(super) fn culprits(
        &self,
        package: &SigningPackage<Bip340>,
        values: &SigningValues<Bip340>,
        one: Identifier,
        share: SignatureShare<Bip340>,
    ) -> Vec<Identifier> {
        let shares: BTreeMap<_, _> = package.signers().iter().map(|id| (id, SignatureShare { z: Scalar::ONE })).collect();
        let shares = shares.into_iter().map(|(id, wrong)| (id, if id == one { share } else { wrong })).collect();
        let search = Search::new(package, &shares, &self.commitments, values).unwrap();
        let culprits = search.culprits();
        assert_eq!(search.hold_together(&search.claims, &search.weights), culprits.is_empty());
        culprits
    }

    /// Everyone signs with what the file gives them; only nonces that cancel the others' are given as points alone.
    fn check_everyone(&self, case: &Value, package: &SigningPackage<Bip340>, values: &SigningValues<Bip340>) {
        if numbers(&case["pubnonce_indices"]).iter().any(|index| *index >= self.participants.len()) {
            assert!(text(&case["comment"]).starts_with("Aggregate nonce is the point at infinity"));
            assert_eq!(values.binding.group_commitment, ProjectivePoint::GENERATOR);
            return;
        }
        let shares = package.signers().iter().map(|id| {
            let index = usize::from(id.to_u16() - 1);
            (id, share_of(package, &self.nonces(index), id, &self.secshares[index], values).unwrap())
        });
        let shares: BTreeMap<_, _> = shares.collect();
        let signature = sum(values, shares.values());
        values.key.verifying_key().verify(package.message(), &signature).unwrap();
        let search = Search::new(package, &shares, &self.commitments, values).unwrap();
        assert!(search.culprits().is_empty());
        assert!(search.hold_together(&search.claims, &search.weights));
    }
}
