//! Values without a header: the first byte says which is meant.

use quorate_core::{
    Identifier, ParticipantSet, PeerId, Peers, Placement, SessionId, SuiteId, Threshold,
    derive::{ChainCode, DerivationPath},
    frost::{Bip340, Ed25519, FrostSuite, P256, Ristretto255, Secp256k1, Signature, Target},
    keys::{KeyId, VerifyingKey},
    placement::{AmendedPlacement, Counting, DomainPath, Exposure},
    wire::Encoding as _,
};
use quorate_storage::KeyRef;

use crate::records::same;

/// A value of any small type.
pub(crate) fn values(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind {
        0 => drop(same::<Identifier>(data)),
        1 => drop(same::<Threshold>(data)),
        2 => drop(same::<ParticipantSet>(data)),
        3 => drop(same::<Peers>(data).map(|peers| peers.participants().unwrap())),
        4 => drop(same::<DerivationPath>(data).map(|path| assert_eq!(path.to_string().parse(), Ok(path)))),
        5 => drop(same::<Target>(data)),
        6 => drop(same::<Exposure>(data).map(|row| format!("{row:?}"))),
        7 => drop(same::<DomainPath>(data).map(|path| assert_eq!(path.to_string().parse(), Ok(path)))),
        8 => drop(same::<SuiteId>(data)),
        9 => drop((same::<SessionId>(data), same::<PeerId>(data), same::<KeyId>(data), same::<ChainCode>(data))),
        10 => drop(same::<KeyRef>(data)),
        11 => of_suite::<Ed25519>(data),
        12 => of_suite::<Bip340>(data),
        13 => of_suite::<Ristretto255>(data),
        14 => of_suite::<Secp256k1>(data),
        15 => of_suite::<P256>(data),
        _ => {}
    }
}

fn of_suite<C: FrostSuite>(data: &[u8]) {
    if let Ok(key) = VerifyingKey::<C>::from_bytes(data) {
        assert_eq!(key.to_bytes().as_ref(), data);
    }
    if let Ok(signature) = Signature::<C>::from_bytes(data) {
        assert_eq!(signature.to_bytes(), data);
        let key = crate::keys::shares::<C>()[0].package().verifying_key();
        assert!(key.verify(b"a message that nobody signed", &signature).is_err());
    }
}

/// A placement; what decodes is explained, and stands by its own rule.
pub(crate) fn placement(data: &[u8]) {
    let Some(placement) = same::<Placement>(data) else { return };
    let explanation = placement.explain();
    assert!(!explanation.to_string().is_empty() && !format!("{placement:?}").is_empty());
    let checked = placement.rows().next().is_some();
    assert_eq!(checked, !placement.is_unchecked());
    let rows: Vec<_> = placement.rows().map(|(id, row)| (id, row.clone())).collect();
    if placement.waivers().is_empty() && placement.counting() == Some(Counting::Strict) {
        let again = Placement::new(placement.threshold(), rows.clone()).unwrap();
        assert_eq!(again.digest(), placement.digest());
        // The rule itself, said anew: no provider of any row reaches as many shares as sign.
        let min = usize::from(placement.threshold().min_signers());
        for (_, row) in &rows {
            for provider in [row.operator().provider(), row.runtime().provider(), row.storage().store().provider()] {
                assert!(placement.fallen(core::slice::from_ref(&provider)).len() < min, "{provider} reaches the key");
            }
        }
    }
    amend(&placement, &rows);
}

/// Shares that move to each other's stores, as far as the rule lets them.
fn amend(placement: &Placement, rows: &[(Identifier, Exposure)]) {
    let mut amended = AmendedPlacement::new(placement.clone());
    for ((id, row), (_, other)) in rows.iter().zip(rows.iter().skip(1)) {
        let moved = Exposure::new(row.operator().clone(), row.runtime().clone(), other.storage().clone());
        if amended.amend(*id, 1, moved.with_deployer(row.deployer().clone())).is_err() {
            continue;
        }
        let min = usize::from(placement.threshold().min_signers());
        let provider = other.storage().store().provider();
        let waived = placement.waivers().iter().any(|waiver| *waiver.domain() == provider);
        assert!(waived || placement.counting() != Some(Counting::Strict) || amended.fallen(&[provider]).len() < min);
    }
    let latest = amended.latest();
    assert_eq!(Placement::from_bytes(&latest.to_bytes()), Ok(latest));
    assert!(!amended.explain().to_string().is_empty());
}
