//! Nothing that is printed in a whole key life shows any part of a share.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use getrandom::SysRng;
use quorate_core::{
    PeerId,
    attest::attest,
    curve::Curve,
    frost::{Bip340, Ed25519, FrostSuite, SigningPackage, Target, aggregate, commit, sign},
    keys::{KeyShare, PendingShare},
};
use zeroize::Zeroizing;

use super::kit::{Packet, id, keygens, placement, run, run_storing, session, signings};

/// Everything that was printed.
#[derive(Default)]
struct Log(String);

impl Log {
    fn debug(&mut self, value: &(impl Debug + ?Sized)) {
        self.0 += &format!("{value:?}\n{value:#?}\n");
    }

    /// Whether six bytes in a row of `secret` are in the log: as hex, as a list of numbers, or as text, in either byte order.
    fn shows(&self, secret: &[u8]) -> bool {
        let lower = self.0.to_lowercase();
        let flat: String = lower.split_whitespace().collect();
        let reversed: Vec<u8> = secret.iter().rev().copied().collect();
        [secret, &reversed].iter().flat_map(|bytes| bytes.windows(6)).filter(|window| window.iter().any(|byte| *byte != 0)).any(
            |window| {
                let numbers = |radix: fn(&u8) -> String| window.iter().map(radix).collect::<Vec<_>>().join(",");
                let forms = [hex::encode(window), numbers(|byte| byte.to_string()), numbers(|byte| format!("0x{byte:02x}"))];
                forms.iter().any(|form| flat.contains(form.as_str()))
            },
        )
    }
}

/// The scalar in a share's record: behind the header and the identifier.
fn scalar(record: &[u8]) -> &[u8] {
    &record[5..37]
}

fn whole_key_life_shows_no_secret<C: FrostSuite>() {
    let mut log = Log::default();
    let mut secrets: Vec<Vec<u8>> = Vec::new();

    let mut machines = keygens::<C>(2, 3, 1);
    log.debug(&machines);
    let message = machines.get_mut(&id(1)).unwrap().next_outgoing().unwrap();
    log.debug(&message);
    log.debug(&session(1, 3).with_identity_secret(Zeroizing::new([0xc7; 32])));
    secrets.push(vec![0xc7; 32]);

    let mut private = Vec::new();
    let mut pending_log = Log::default();
    let outcomes = run_storing(
        keygens::<C>(2, 3, 1),
        |packet| {
            let part = super::kit::Frame::parse(&packet.bytes).private;
            private.extend((!part.is_empty()).then_some(part));
            vec![packet]
        },
        |_, pending: &Arc<PendingShare<C>>| {
            pending_log.debug(pending);
            pending_log.debug(&PendingShare::<C>::from_secret_bytes(&pending.to_secret_bytes()).unwrap());
        },
    );
    assert_eq!(private.len(), 6);
    secrets.append(&mut private);
    log.0 += &pending_log.0;
    log.debug(&outcomes);
    let shares: Vec<_> = outcomes.into_values().map(|outcome| Arc::new(outcome.done())).collect();
    for share in &shares {
        let record = share.to_secret_bytes();
        secrets.push(scalar(&record).to_vec());
        log.debug(share);
        log.debug(&KeyShare::<C>::from_secret_bytes(&record).unwrap());
        // Errors about a record must not quote it.
        for at in (0..record.len()).step_by(7) {
            let mut broken = record.clone();
            broken[at] ^= 1;
            let error = KeyShare::<C>::from_secret_bytes(&broken).unwrap_err();
            log.debug(&error);
            log.0 += &error.to_string();
        }
    }

    let mut nonces: BTreeMap<_, _> = [1usize, 2].map(|i| (i, commit(&shares[i - 1], &mut SysRng).unwrap())).into();
    log.debug(&nonces);
    let commitments = nonces.iter().map(|(i, nonces)| (shares[i - 1].identifier(), *nonces.commitments())).collect();
    let package = SigningPackage::new(commitments, b"pay", Target::default()).unwrap();
    log.debug(&package);
    let made: BTreeMap<_, _> = [1usize, 2]
        .map(|i| (shares[i - 1].identifier(), sign(&package, nonces.remove(&i).unwrap(), &shares[i - 1]).unwrap()))
        .into();
    log.debug(&aggregate(&package, &made, shares[0].package()).unwrap());
    let signing = signings(&shares, &[1, 2], b"pay");
    log.debug(&signing);
    log.debug(&run(signing, |mut packet: Packet| {
        packet.bytes[60] ^= u8::from(packet.round() == 2);
        vec![packet]
    }));
    log.debug(&attest(&shares[0], PeerId::new([1; 32]), &[0; 32], &mut SysRng).unwrap());
    log.debug(shares[0].package());
    log.debug(&shares[0].verifying_share());
    log.debug(&placement(2, 3));

    assert!(secrets.len() == 10 && log.0.len() > 5000);
    for secret in &secrets {
        assert!(!log.shows(secret), "a secret is in the log");
    }
    // The search itself works: it finds each of the forms that it looks for.
    for form in [
        hex::encode(&secrets[9]),
        hex::encode_upper(&secrets[9]),
        format!("{:?}", secrets[9]),
        format!("{:#?}", secrets[9]),
        format!("{:#04x?}", secrets[9]),
        hex::encode(secrets[9].iter().rev().copied().collect::<Vec<_>>()),
    ] {
        assert!(Log(form.clone()).shows(&secrets[9]), "{form}");
    }
}

#[test]
fn whole_key_life_of_ed25519_shows_no_secret_in_debug_or_errors() {
    whole_key_life_shows_no_secret::<Ed25519>();
}

#[test]
fn whole_key_life_of_bip340_shows_no_secret_in_debug_or_errors() {
    whole_key_life_shows_no_secret::<Bip340>();
}

#[test]
fn scalar_of_a_share_lies_where_these_tests_look_for_it() {
    let shares = super::kit::shares::<Ed25519>(2, 2);
    let record = shares[0].to_secret_bytes();
    let found = Ed25519::decode_scalar(scalar(&record).try_into().unwrap()).unwrap();
    let public = Ed25519::encode_point(&Ed25519::mul_generator(&found));
    assert_eq!(public, shares[0].verifying_share().to_bytes());
}
