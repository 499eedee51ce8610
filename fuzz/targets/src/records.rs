//! Records with a header, and what cosigners say to each other: whatever decodes encodes to the same bytes.

use quorate_core::{
    attest::Attestation,
    frost::{Bip340, Ed25519, FrostSuite, P256, Ristretto255, Secp256k1, SignatureShare, SigningCommitments, SigningPackage},
    keys::{Certificate, KeyShare, PendingShare, PublicKeyPackage},
    wire::Encoding,
};

pub(crate) fn same<T: Encoding>(data: &[u8]) -> Option<T> {
    let value = T::from_bytes(data).ok()?;
    assert_eq!(value.to_bytes(), data, "a second encoding was accepted");
    Some(value)
}

/// A record of any suite; its header says which.
pub(crate) fn records(data: &[u8]) {
    match data.get(2) {
        Some(2) => of_suite::<Bip340>(data),
        Some(3) => of_suite::<Ristretto255>(data),
        Some(4) => of_suite::<Secp256k1>(data),
        Some(5) => of_suite::<P256>(data),
        _ => of_suite::<Ed25519>(data),
    }
}

fn of_suite<C: FrostSuite>(data: &[u8]) {
    same::<SigningCommitments<C>>(data);
    same::<SigningPackage<C>>(data);
    same::<SignatureShare<C>>(data);
    same::<Attestation<C>>(data);
    let _ = same::<Certificate<C>>(data).map(|certificate| format!("{certificate:?}"));
    if let Some(package) = same::<PublicKeyPackage<C>>(data) {
        let share = package.verifying_share(package.participants().as_slice()[0]);
        assert!(share.is_ok() && !format!("{package:?}").is_empty());
    }
    if let Ok(share) = KeyShare::<C>::from_secret_bytes(data) {
        assert_eq!(share.to_secret_bytes().as_slice(), data);
        assert!(share.certificate().verify(share.package()).is_ok());
    }
    if let Ok(share) = PendingShare::<C>::from_secret_bytes(data) {
        assert_eq!(share.to_secret_bytes().as_slice(), data);
    }
}

/// A message from cosigner to cosigner.
pub(crate) fn ceremony(data: &[u8]) {
    if let Some(again) = quorate::fuzz_api::reencode_message(data) {
        assert_eq!(again, data, "a second encoding was accepted");
    }
}
