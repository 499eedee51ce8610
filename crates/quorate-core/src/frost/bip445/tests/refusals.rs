//! What the draft refuses, and where this crate refuses it: mostly earlier, because the type cannot hold it.

use super::*;

fn message(case: &Value) -> &str {
    case["error"]["message"].as_str().unwrap_or_default()
}

/// The share of `secret` under `claimed` is no key share. Keys of threshold 1 are none of ours to begin with.
fn assert_no_key_share(vectors: &Vectors, claimed: Identifier, secret: Scalar) {
    let Some(share) = vectors.shares.first() else {
        assert_eq!(vectors.t, 1);
        assert!(matches!(Threshold::new(1, 3), Err(InputError::Threshold { .. })));
        return;
    };
    let record = KeyShare::new(claimed, Secret::new(secret), share.package().clone(), share.certificate().clone());
    assert_eq!(record.err(), Some(InputError::InvalidSecret.into()));
}

/// Signing that must fail.
pub(super) fn signing(vectors: &Vectors, case: &Value) {
    let index = |name: &str| usize::from(group::number(&case[name]));
    let me = id(group::number(&case["my_id"]));
    let signers = ParticipantSet::new(ids(case));
    let checked = || check_signers(signers.as_ref().unwrap(), vectors.t, &vectors.participants);
    match message(case) {
        "The signer's id must be present in the participant identifier list." => {
            let (package, nonces) = (package_of(vectors, case), vectors.nonces(index("secnonce_index")));
            let values = SigningValues::with_key(TweakedKey::root(vectors.key), &package);
            let made = share_of(&package, &nonces, me, &vectors.secshares[index("secshare_index")], &values);
            assert_eq!(made, Err(InputError::NotInSigningSet.into()));
            if let Some(share) = vectors.shares.iter().find(|share| share.identifier() == me) {
                assert_eq!(sign(&package, nonces, share), Err(InputError::NotInSigningSet.into()));
            }
        }
        "The participant identifier list contains duplicate elements." => {
            assert_eq!(signers, Err(InputError::DuplicateIdentifier(id(1))));
        }
        "The signer's pubshare must be included in the list of pubshares." => {
            // There is no list: a signer's verifying share follows from the commitments and its identifier, and a key share with
            // another secret cannot be made.
            assert_no_key_share(vectors, me, vectors.secshares[index("secshare_index")]);
        }
        "The participant identifier at index 0 is out of range." => {
            assert_eq!(checked(), Err(InputError::UnknownParticipant(ids(case)[0])));
        }
        "The provided key material is incorrect." => wrong_key_material(vectors, case),
        "The number of signers must be between t and n." => match signers {
            Ok(_) => {
                let given = ids(case).len();
                assert_eq!(checked(), Err(InputError::TooFewSigners { given, needed: vectors.t }));
            }
            Err(error) => assert_eq!((error, vectors.t), (InputError::SetSize, 1)),
        },
        "first secnonce value is out of range." | "second secnonce value is out of range." => zero_nonce(vectors, case),
        "The signer's secret share value is out of range." => {
            let secret = vectors.secshares[index("secshare_index")];
            assert_eq!(secret, Scalar::ZERO);
            assert_no_key_share(vectors, me, secret);
            // With a threshold of 1 the share is the key.
            let (threshold, three) = (Threshold::new(2, 3).unwrap(), ParticipantSet::first(3).unwrap());
            let placement = danger::unchecked_placement(threshold, three);
            let zero = Zeroizing::new(Bip340::encode_scalar(&secret));
            let split = danger::split::<Bip340>(&zero, derive::ChainCode::new([0; 32]), &placement, &mut getrandom::SysRng);
            assert_eq!(split.err(), Some(InputError::InvalidSecret.into()));
        }
        "" => wrong_aggregate_nonce(case),
        _ => wrong_verifying_share(vectors, case),
    }
}

/// The signing package of a case that names no commitments of its own.
fn package_of(vectors: &Vectors, case: &Value) -> SigningPackage<Bip340> {
    let commitments = ids(case).into_iter().map(|id| (id, vectors.pubnonces[usize::from(id.to_u16() - 1)].unwrap()));
    let package = SigningPackage::new(commitments.collect(), &bytes(&case["msg"]), Target::default()).unwrap();
    assert_eq!(Bip340::encode_points(&aggregate_nonces(&package)).concat(), bytes(&case["aggnonce"]));
    package
}

fn wrong_verifying_share(vectors: &Vectors, case: &Value) {
    // Ours are computed from the key's commitments, which decode like this and in no other way.
    let position = (0..).zip(numbers(&case["pubshare_indices"])).find(|(_, index)| vectors.pubshares[*index].is_err());
    let (position, index) = position.unwrap();
    assert_eq!(message(case), std::format!("Invalid pubshare at index {position}."));
    assert_eq!(vectors.pubshares[index], Err(DecodeError::InvalidPoint));
}

/// Verifying shares that are in the wrong places: their sum at zero is another key, and no key share fits one.
fn wrong_key_material(vectors: &Vectors, case: &Value) {
    let signers = ParticipantSet::new(ids(case)).unwrap();
    assert!(ids(case).is_sorted());
    let claimed = numbers(&case["pubshare_indices"]);
    let points: Vec<_> = claimed.iter().map(|index| vectors.pubshares[*index].unwrap()).collect();
    let lambdas = polynomial::lagrange_coefficients::<Bip340>(&signers);
    assert_ne!(Bip340::multiscalar_mul_vartime(&lambdas, &points), vectors.key);
    let misplaced: Vec<_> = signers.iter().zip(claimed).filter(|(id, index)| usize::from(id.to_u16() - 1) != *index).collect();
    assert_eq!(misplaced.len(), 2);
    for (id, index) in misplaced {
        assert_no_key_share(vectors, id, vectors.secshares[index]);
    }
}

/// Nobody is sent an aggregate nonce here: every signer adds up commitments, and those decode like this and in no other way.
fn wrong_aggregate_nonce(case: &Value) {
    let error = &case["error"];
    assert!(error["signer_index"].is_null() && text(&error["contrib"]) == "aggnonce");
    assert_eq!(group::commitments(&bytes(&case["aggnonce"])), Err(DecodeError::InvalidPoint));
}

/// Nonces cannot be read from bytes. If both the hash and the generator failed, no package could list their commitments.
fn zero_nonce(vectors: &Vectors, case: &Value) {
    let nonces = vectors.nonces(usize::from(group::number(&case["secnonce_index"])));
    assert_eq!(message(case).starts_with("first"), *nonces.hiding.expose() == Scalar::ZERO);
    assert!(*nonces.binding.expose() == Scalar::ZERO);
    let (hiding, binding) = nonces.commitments().to_points_bytes();
    assert_eq!(SigningCommitments::<Bip340>::from_points_bytes(&hiding, &binding), Err(DecodeError::InvalidPoint));
    let package = package_of(vectors, case);
    assert_eq!(ids(case)[0], id(0));
    match vectors.shares.first() {
        Some(share) => assert_eq!(sign(&package, nonces, share), Err(InputError::ForeignCommitments.into())),
        None => assert_eq!(vectors.t, 1),
    }
}

/// A signature share that does not verify.
pub(super) fn wrong_share(vectors: &Vectors, case: &Value) {
    let package = vectors.package(case);
    let values = SigningValues::with_key(TweakedKey::root(vectors.key), &package);
    let one = ids(case)[usize::from(group::number(&case["signer_index"]))];
    match group::share(&case["psig"]) {
        Ok(share) => assert!(vectors.culprits(&package, &values, one, share).contains(&one)),
        Err(error) => {
            assert_eq!(text(&case["comment"]), "Partial signature equals the group order, which is out of range");
            assert_eq!(error, DecodeError::InvalidScalar);
        }
    }
}

/// Inputs of the verification that are none.
pub(super) fn verification(vectors: &Vectors, case: &Value) {
    if text(&case["error"]["type"]) == "ValueError" {
        wrong_verifying_share(vectors, case);
    } else {
        let chosen = numbers(&case["pubnonce_indices"]).into_iter().map(|index| vectors.pubnonces[index]);
        assert_culprit(case, "pubnonce", first_refused(chosen), DecodeError::InvalidPoint);
    }
}

/// Tweaks that lead to no key.
pub(super) fn tweak(vectors: &Vectors, case: &Value) {
    match message(case) {
        "The tweak value is out of range." => {
            assert_eq!(vectors.tweaked(case), Err(DecodeError::InvalidScalar.into()));
        }
        "The result of tweaking cannot be infinity." => assert_eq!(vectors.tweaked(case), Err(InputError::InvalidTweak.into())),
        "The tweak must be a 32-byte array." => {
            // A tweak is a scalar here, and a scalar is decoded from an array of 32 bytes.
            assert!(<&[u8; 32]>::try_from(vectors.tweaks(case)[0].0).is_err());
        }
        "The tweaks and is_xonly arrays must have the same length." => {
            // A tweak without a mode cannot be applied: `plain` and `x_only` are two functions, and there are no two lists.
            assert_ne!(list(&case["tweak_indices"]).len(), list(&case["is_xonly"]).len());
        }
        other => panic!("a case that nobody handles: {other}"),
    }
}

/// Shares that cannot be added up.
pub(super) fn aggregation(case: &Value) {
    let shares: Vec<_> = list(&case["psigs"]).iter().map(group::share).collect();
    let signers = ParticipantSet::new(ids(case)).unwrap();
    if message(case).is_empty() {
        assert_culprit(case, "psig", first_refused(shares), DecodeError::InvalidScalar);
    } else {
        assert_eq!(message(case), "The psigs and ids arrays must have the same length.");
        let shares: BTreeMap<_, _> = ids(case).into_iter().zip(shares.into_iter().map(Result::unwrap)).collect();
        let refused = check_senders(&signers, &shares);
        assert_eq!(refused, Err(InputError::ParticipantsDiffer("set of signature shares")));
    }
}
