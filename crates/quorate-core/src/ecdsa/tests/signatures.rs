//! Finished signatures in other libraries' eyes, and their encodings.

use secp256k1::{
    Message, PublicKey,
    ecdsa::{RecoverableSignature, RecoveryId, Signature},
};

use super::*;
use crate::{curve::Curve, ecdsa::suite::is_high, error::DecodeError, keys::VerifyingKey};

type K = EcdsaSecp256k1;

/// libsecp256k1 accepts it in every form, and recovers the key from it.
fn assert_good(key: &PublicKey, digest: &[u8; 32], signature: &EcdsaSignature<K>) {
    let message = Message::from_digest(*digest);
    // `verify` of libsecp256k1 refuses a high s.
    Signature::from_compact(&signature.to_bytes()).unwrap().verify(message, key).unwrap();
    let der = signature.to_der();
    Signature::from_der(&der).unwrap().verify(message, key).unwrap();
    assert_eq!(&*Signature::from_compact(&signature.to_bytes()).unwrap().serialize_der(), der.as_slice());
    let id = RecoveryId::try_from(i32::from(signature.recovery_id())).unwrap();
    // The whole key, and with it the Ethereum address, which is a hash of it.
    assert_eq!(RecoverableSignature::from_compact(&signature.to_bytes(), id).unwrap().recover(message).unwrap(), *key);
    assert!(!is_high::<K>(&signature.s));
    assert_eq!(EcdsaSignature::from_recoverable_bytes(&signature.to_recoverable_bytes()), Ok(*signature));
}

/// Signatures from whole batches, one a presignature.
fn signatures<C: EcdsaSuite>(
    network: &Network<C>,
    batch: usize,
    request: impl Fn(usize) -> Request,
) -> Vec<(Request, EcdsaSignature<C>)> {
    let outputs = run(network.presigning(&[1, 2], batch), |_, _, _| {});
    let mut made: BTreeMap<_, _> = outputs.into_iter().map(|(id, output)| (id, output.unwrap())).collect();
    let sign = |index| {
        let (session, request) = (session(), request(index));
        let start = |made: &mut Vec<_>| OnlineSigning::start(&session, made.pop().unwrap(), &request).unwrap();
        let signed = run(made.iter_mut().map(|(id, made)| (*id, start(made))).collect(), |_, _, _| {});
        let mut signed = signed.into_values().map(Result::unwrap);
        let signature = signed.next().unwrap();
        assert!(signed.all(|other| other == signature));
        (request, signature)
    };
    (0..batch).map(sign).collect()
}

#[test]
fn hundreds_of_signatures_verify_and_recover_in_libsecp256k1() {
    let mut ids = [0; 4];
    for _ in 0..4 {
        let network = Network::<K>::new(2, 2);
        let key = PublicKey::from_slice(&K::encode_point(&network.key().to_point())).unwrap();
        for (request, signature) in signatures(&network, MAX_BATCH, |_| Request::new(random())) {
            assert_good(&key, request.digest(), &signature);
            network.key().verify_digest(request.digest(), &signature).unwrap();
            ids[usize::from(signature.recovery_id())] += 1;
        }
    }
    // Both parities, and no x above q, which comes once in 2¹²⁸.
    assert!(ids[0] > 64 && ids[1] > 64 && ids[0] + ids[1] == 256, "{ids:?}");
}

#[test]
fn children_sign_under_their_own_keys() {
    let network = Network::<K>::new(2, 2);
    let paths = ["m", "m/0", "m/1", "m/0/7", "m/2147483647", "m/44/60/0/0/3"];
    let signed = signatures(&network, paths.len(), |index| Request::new(random()).at(paths[index].parse().unwrap()));
    let mut keys = Vec::new();
    for (request, signature) in &signed {
        let child = K::child_key(network.shares[&id(1)].package(), request.path()).unwrap();
        let key = PublicKey::from_slice(&K::encode_point(&child.public)).unwrap();
        assert_good(&key, request.digest(), signature);
        // And under no other.
        let parent = network.key().verify_digest(request.digest(), signature);
        assert_eq!(parent.is_ok(), request.path().iter().next().is_none());
        keys.push(key);
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), paths.len());
}

#[test]
fn digests_at_the_edges_are_signed() {
    let mut order = K::encode_scalar(&-k256::Scalar::ONE);
    order[31] += 1;
    let digests = [[0; 32], [0xff; 32], order, K::encode_scalar(&k256::Scalar::ONE)];
    let network = Network::<K>::new(2, 2);
    let key = PublicKey::from_slice(&K::encode_point(&network.key().to_point())).unwrap();
    for (request, signature) in signatures(&network, digests.len(), |index| Request::new(digests[index])) {
        assert_good(&key, request.digest(), &signature);
    }
}

#[test]
fn only_the_right_recovery_id_and_the_low_s_verify() {
    let network = Network::<K>::new(2, 2);
    for (request, signature) in signatures(&network, 8, |_| Request::new(random())) {
        for recovery_id in 0..4 {
            let other = EcdsaSignature { recovery_id, ..signature };
            assert_eq!(network.key().verify_digest(request.digest(), &other).is_ok(), other == signature);
        }
        // The same signature with a high s is a signature to the mathematics, but no decoder gives it.
        let high = EcdsaSignature { s: -signature.s, recovery_id: signature.recovery_id ^ 1, ..signature };
        assert_eq!(EcdsaSignature::<K>::from_recoverable_bytes(&high.to_recoverable_bytes()), Err(DecodeError::NotCanonical));
        let other = VerifyingKey::<K>(K::mul_generator(&k256::Scalar::ONE));
        assert!(other.verify_digest(request.digest(), &signature).is_err());
        assert!(network.key().verify_digest(&random(), &signature).is_err());
    }
}

/// All lengths of r and s, with and without the bit that DER would take for a sign.
#[test]
fn der_of_short_numbers_is_that_of_libsecp256k1() {
    let numbers: Vec<_> = (1..=32).flat_map(|length| [0x01, 0x7f, 0x80, 0xfe].map(|top| (length, top))).collect();
    let number = |(length, top): (usize, u8)| {
        let mut bytes = [0xa5; 32];
        bytes[..32 - length].fill(0);
        bytes[32 - length] = top;
        K::decode_scalar(&bytes).unwrap()
    };
    let mut lengths = alloc::collections::BTreeSet::new();
    for (one, two) in numbers.iter().flat_map(|one| numbers.iter().map(move |two| (*one, *two))) {
        let signature = EcdsaSignature::<K> { r: number(one), s: number(two), recovery_id: 0 };
        let der = signature.to_der();
        assert_eq!(&*Signature::from_compact(&signature.to_bytes()).unwrap().serialize_der(), der.as_slice());
        assert_eq!(Signature::from_der(&der).unwrap().serialize_compact(), signature.to_bytes());
        lengths.insert(der.len());
    }
    let one = EcdsaSignature::<K> { r: k256::Scalar::ONE, s: k256::Scalar::ONE, recovery_id: 0 };
    assert_eq!(one.to_der(), [0x30, 6, 2, 1, 1, 2, 1, 1]);
    let last = EcdsaSignature::<K> { r: -k256::Scalar::ONE, s: -k256::Scalar::ONE, recovery_id: 0 };
    assert_eq!(last.to_der().len(), 72);
    assert!(lengths.into_iter().eq(8..=72));
}

fn refuses_other_encodings<C: EcdsaSuite>() {
    let last = -C::Scalar::from(1);
    let mut order = C::encode_scalar(&last);
    order[31] += 1;
    let half = C::encode_scalar(&(last * Option::<C::Scalar>::from(ff::Field::invert(&C::Scalar::from(2))).unwrap()));
    let low = C::encode_scalar(&C::Scalar::from(9));
    let read = |r: &[u8; 32], s: &[u8; 32], id: u8| {
        EcdsaSignature::<C>::from_recoverable_bytes(&[&r[..], s, &[id]].concat().try_into().unwrap())
    };
    for id in 0..4 {
        assert_eq!(read(&low, &low, id).unwrap().recovery_id(), id);
    }
    assert!(read(&C::encode_scalar(&last), &low, 0).is_ok());
    // (q − 1)/2 is the highest that is low; one more is not.
    assert!(read(&low, &half, 0).is_ok());
    let above = C::encode_scalar(&(C::decode_scalar(&half).unwrap() + C::Scalar::from(1)));
    assert_eq!(read(&low, &above, 0), Err(DecodeError::NotCanonical));
    assert_eq!(read(&low, &C::encode_scalar(&last), 0), Err(DecodeError::NotCanonical));
    for wrong in [[0; 32], order, [0xff; 32]] {
        assert_eq!(read(&wrong, &low, 0), Err(DecodeError::InvalidScalar));
        assert_eq!(read(&low, &wrong, 0), Err(DecodeError::InvalidScalar));
    }
    for id in [4, 27, 28, 255] {
        assert_eq!(read(&low, &low, id), Err(DecodeError::InvalidValue("recovery id")));
    }
}

#[test]
fn bytes_that_are_no_signature_are_refused() {
    refuses_other_encodings::<K>();
    #[cfg(feature = "p256")]
    refuses_other_encodings::<EcdsaP256>();
}

#[cfg(feature = "p256")]
#[test]
fn p256_signatures_verify_in_another_library() {
    use p256::ecdsa::{RecoveryId, Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
    let network = Network::<EcdsaP256>::new(2, 2);
    let key = VerifyingKey::from_sec1_bytes(&EcdsaP256::encode_point(&network.key().to_point())).unwrap();
    for (request, signature) in signatures(&network, 16, |_| Request::new(random())) {
        let theirs = Signature::from_slice(&signature.to_bytes()).unwrap();
        key.verify_prehash(request.digest(), &theirs).unwrap();
        assert_eq!(Signature::from_der(&signature.to_der()).unwrap(), theirs);
        let id = RecoveryId::from_byte(signature.recovery_id()).unwrap();
        assert_eq!(VerifyingKey::recover_from_prehash(request.digest(), &theirs, id).unwrap(), key);
        network.key().verify_digest(request.digest(), &signature).unwrap();
    }
}
