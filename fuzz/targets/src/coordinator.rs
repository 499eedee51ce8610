//! The other way to sign: a package and signature shares from a coordinator that nobody trusts.

use std::collections::BTreeMap;

use quorate_core::{
    Error,
    frost::{self, Bip340, Ed25519, FrostSuite, P256, Ristretto255, Secp256k1, SignatureShare, SigningPackage},
    wire::Encoding,
};

use crate::{
    cursor::Cursor,
    keys::{rng, shares},
};

/// Suite, number of signers, a signing package, and what each signer does.
pub(crate) fn coordinator(data: &[u8]) {
    let mut input = Cursor::new(data);
    match input.below(5) {
        0 => of_suite::<Ed25519>(input),
        1 => of_suite::<Bip340>(input),
        2 => of_suite::<Ristretto255>(input),
        3 => of_suite::<Secp256k1>(input),
        _ => of_suite::<P256>(input),
    }
}

fn of_suite<C: FrostSuite>(mut input: Cursor<'_>) {
    let count = 2 + input.below(2);
    let Ok(theirs) = SigningPackage::<C>::from_bytes(input.long()) else { return };
    let signers = &shares::<C>()[..count];
    let deeds: Vec<u8> = (0..count).map(|_| input.byte() % 6).collect();
    let nonces: Vec<_> = signers.iter().map(|share| frost::commit(share, &mut rng(1)).unwrap()).collect();
    // Those who do 4 commit to what the input says, without knowing the nonces.
    let listed = signers.iter().zip(&nonces).zip(&deeds).map(|((share, nonces), deed)| {
        let foreign = theirs.commitments(share.identifier()).filter(|_| *deed == 4);
        (share.identifier(), *foreign.unwrap_or(nonces.commitments()))
    });
    let package = SigningPackage::new(listed.collect(), theirs.message(), theirs.target().clone()).unwrap();
    let public = signers[0].package();
    let resolved = C::resolve(public, package.target());
    let (mut wrong, mut received) = (Vec::new(), BTreeMap::new());
    for ((share, nonces), deed) in signers.iter().zip(nonces).zip(deeds) {
        let signed = frost::sign(&package, nonces, share);
        assert!(signed.is_ok() || deed == 4 || resolved.is_err(), "an honest signer is refused: {signed:?}");
        let mut scalar = signed.as_ref().map_or([7; 32], SignatureShare::to_scalar_bytes);
        match deed {
            1 => scalar[input.below(32)] ^= input.byte(),
            2 => scalar = input.take(32).try_into().unwrap_or([0; 32]),
            _ => {}
        }
        let Ok(sent) = SignatureShare::from_scalar_bytes(&scalar) else { return };
        if signed.ok() != Some(sent) {
            wrong.push(share.identifier());
        }
        received.insert(share.identifier(), sent);
    }
    match frost::aggregate(&package, &received, public) {
        Ok(signature) => {
            assert!(wrong.is_empty() && resolved.unwrap().verifying_key().verify(package.message(), &signature).is_ok());
        }
        Err(Error::Fault(fault)) => assert_eq!(fault.culprits, wrong, "the wrong ones are blamed"),
        Err(error) => assert!(resolved.is_err() && matches!(error, Error::Input(_)), "{error}"),
    }
}
