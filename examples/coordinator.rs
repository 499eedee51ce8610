//! FROST with a coordinator that holds no share and is trusted with nothing.
//!
//! The coordinator collects commitments and signature shares as bytes and adds them up. It can refuse, and that is all it can do: a
//! package that lists other commitments than a signer's own is not signed, and whoever sends a wrong share is named.
//!
//! `cargo run --release -p quorate-core --example coordinator`
#![allow(clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{collections::BTreeMap, error::Error};

use quorate_core::{
    Fault, FaultKind, InputError, ParticipantSet, Threshold, danger,
    derive::ChainCode,
    frost::{self, Bip340, SignatureShare, SigningCommitments, SigningPackage, Taproot, Target},
    keys::KeyShare,
    wire::Encoding,
};

fn main() -> Result<(), Box<dyn Error>> {
    // To be short, a dealer makes the key here; `two_of_three` shows how none does.
    let placement = danger::unchecked_placement(Threshold::new(2, 3)?, ParticipantSet::first(3)?);
    let secret = zeroize::Zeroizing::new([42; 32]);
    let shares = danger::split::<Bip340>(&secret, ChainCode::new([7; 32]), &placement, &mut getrandom::SysRng)?;
    let [alice, bob, _] = shares.as_slice() else { return Err("three shares were asked for".into()) };

    // Round one: each signer commits, ahead of time if it likes, and sends the commitments.
    let (alice_nonces, bob_nonces) = (frost::commit(alice, &mut getrandom::SysRng)?, frost::commit(bob, &mut getrandom::SysRng)?);
    let sent = [(alice, alice_nonces.commitments().to_bytes()), (bob, bob_nonces.commitments().to_bytes())];

    // The coordinator puts the package together: what is signed, by which child key, and everyone's commitments.
    let mut commitments = BTreeMap::new();
    for (share, bytes) in sent {
        commitments.insert(share.identifier(), SigningCommitments::<Bip340>::from_bytes(&bytes)?);
    }
    let target = Target::child("m/0/7".parse()?).taproot(Taproot::KEY_ONLY);
    let package = SigningPackage::new(commitments, b"the sighash of an input", target)?.to_bytes();

    // Round two: each signer decodes the package, looks at it, and spends its nonces: they move, so it cannot happen twice.
    let answer = |share: &KeyShare<Bip340>, nonces| -> Result<Vec<u8>, Box<dyn Error>> {
        let package = SigningPackage::from_bytes(&package)?;
        Ok(frost::sign(&package, nonces, share)?.to_bytes())
    };
    let answers = [(alice, answer(alice, alice_nonces)?), (bob, answer(bob, bob_nonces)?)];

    // The coordinator adds the shares up. It needs the public package only, and gets a signature that was verified.
    let package = SigningPackage::from_bytes(&package)?;
    let mut collected = BTreeMap::new();
    for (share, bytes) in &answers {
        collected.insert(share.identifier(), SignatureShare::from_bytes(bytes)?);
    }
    let signature = frost::aggregate(&package, &collected, alice.package())?;
    println!("signed: {signature:?}");

    // A signer that sends something else is named.
    let wrong = SignatureShare::from_scalar_bytes(&[1; 32])?;
    collected.insert(bob.identifier(), wrong);
    match frost::aggregate(&package, &collected, alice.package()) {
        Err(quorate_core::Error::Fault(Fault { kind: FaultKind::WrongSignatureShare, culprits, .. })) => {
            assert_eq!(culprits, [bob.identifier()]);
            println!("a wrong share: {culprits:?} sent it");
        }
        other => return Err(format!("a wrong share was not noticed: {other:?}").into()),
    }

    // Commitments that are not a signer's own are refused before anything is signed.
    let fresh = frost::commit(alice, &mut getrandom::SysRng)?;
    let refused = frost::sign(&package, fresh, alice);
    assert_eq!(refused, Err(InputError::ForeignCommitments.into()));
    println!("a package with foreign commitments: refused");
    Ok(())
}
