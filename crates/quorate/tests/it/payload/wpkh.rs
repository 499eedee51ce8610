//! Bitcoin transactions that an ECDSA key signs: P2WPKH inputs.

use bitcoin::{
    Amount, CompressedPublicKey, OutPoint, Psbt as Inner, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    absolute::LockTime,
    bip32::{ChildNumber, DerivationPath, Fingerprint},
    consensus,
    hashes::{Hash as _, sha256d},
    psbt::PsbtSighashType,
    secp256k1::{Message, PublicKey, Secp256k1, ecdsa},
    sighash::{EcdsaSighashType, TapSighashType},
    transaction::Version,
};
use quorate::payload::{
    AnyPayload, Details, KeyUse, Payload, PayloadError, Psbt, PsbtDetails, PsbtError, ToSign, extract_transaction, kind,
};
use quorate_core::SuiteId;

use super::{
    keys::{Bip340Key, EcdsaKey},
    psbt::prevouts,
};

fn pays(public: PublicKey) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&CompressedPublicKey(public).wpubkey_hash())
}

fn script(key: &EcdsaKey, path: &[u32]) -> ScriptBuf {
    pays(key.public(path))
}

/// A PSBT that spends outputs with these scripts and values of transactions that it brings along.
fn psbt(inputs: &[(ScriptBuf, u64)], outputs: &[(ScriptBuf, u64)]) -> Inner {
    let output = |(script, value): &(ScriptBuf, u64)| TxOut { value: Amount::from_sat(*value), script_pubkey: script.clone() };
    let transaction = |input, output| Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input, output };
    let spend = |txid, vout| TxIn {
        previous_output: OutPoint::new(txid, vout),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        ..TxIn::default()
    };
    let previous: Vec<Transaction> = (0_u8..)
        .zip(inputs)
        .map(|(number, input)| transaction(vec![spend(Txid::from_byte_array([number; 32]), 0)], vec![output(input)]))
        .collect();
    let spends = previous.iter().map(|previous| spend(previous.compute_txid(), 0)).collect();
    let mut psbt = Inner::from_unsigned_tx(transaction(spends, outputs.iter().map(output).collect())).unwrap();
    for (slot, previous) in psbt.inputs.iter_mut().zip(previous) {
        slot.witness_utxo = previous.output.first().cloned();
        slot.non_witness_utxo = Some(previous);
    }
    psbt
}

fn wallet_psbt(key: &EcdsaKey) -> Inner {
    psbt(
        &[(script(key, &[]), 60_000), (script(key, &[]), 50_000)],
        &[(script(&EcdsaKey::new(200), &[]), 70_000), (script(key, &[]), 39_000)],
    )
}

fn changed(key: &EcdsaKey, change: impl FnOnce(&mut Inner)) -> Psbt {
    let mut psbt = wallet_psbt(key);
    change(&mut psbt);
    Psbt::parse(&psbt.serialize()).unwrap()
}

fn refusal(payload: &Psbt, key: &EcdsaKey) -> PsbtError {
    let usage = KeyUse::new(key, &[]);
    assert!(payload.describe(&usage).is_err());
    match payload.messages(&usage) {
        Err(PayloadError::Psbt(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn details(payload: &Psbt, usage: &KeyUse<'_>) -> PsbtDetails {
    match payload.describe(usage).unwrap().details {
        Details::Psbt(details) => details,
        other => panic!("{other:?}"),
    }
}

/// The signature hash of BIP-143 for a P2WPKH input with `ALL`, written from the text of the standard.
fn bip143_sighash(transaction: &Transaction, index: usize, public: PublicKey, value: u64) -> [u8; 32] {
    let hash = |bytes: Vec<u8>| sha256d::Hash::hash(&bytes).to_byte_array();
    let input = &transaction.input[index];
    let mut message = transaction.version.0.to_le_bytes().to_vec();
    message.extend(hash(transaction.input.iter().flat_map(|input| consensus::serialize(&input.previous_output)).collect()));
    message.extend(hash(transaction.input.iter().flat_map(|input| input.sequence.0.to_le_bytes()).collect()));
    message.extend(consensus::serialize(&input.previous_output));
    message.extend([0x19, 0x76, 0xa9, 0x14]);
    message.extend(CompressedPublicKey(public).wpubkey_hash().to_byte_array());
    message.extend([0x88, 0xac]);
    message.extend(value.to_le_bytes());
    message.extend(input.sequence.0.to_le_bytes());
    message.extend(hash(transaction.output.iter().flat_map(consensus::serialize).collect()));
    message.extend(transaction.lock_time.to_consensus_u32().to_le_bytes());
    message.extend(1_u32.to_le_bytes());
    hash(message)
}

#[test]
fn sighash_of_these_tests_is_that_of_the_example_in_bip143() {
    let transaction = "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d2\
                       79655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c9\
                       5a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000";
    let transaction: Transaction = consensus::deserialize(&hex::decode(transaction).unwrap()).unwrap();
    let public = "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357".parse().unwrap();
    assert_eq!(
        hex::encode(bip143_sighash(&transaction, 1, public, 600_000_000)),
        "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"
    );
}

#[test]
fn digests_are_the_signature_hashes_of_bip143_and_the_witnesses_verify() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[]);
    for asked in [None, Some(EcdsaSighashType::All.into())] {
        let payload = changed(&key, |psbt| psbt.inputs[1].sighash_type = asked);
        assert_eq!(payload.suite(), Some(SuiteId::EcdsaSecp256k1));
        let inner = Inner::deserialize(&payload.encode()).unwrap();
        let to_sign = payload.messages(&usage).unwrap();
        let expected = [60_000, 50_000].into_iter().enumerate().map(|(index, value)| {
            let digest = bip143_sighash(&inner.unsigned_tx, index, key.public(&[]), value);
            ToSign::Ecdsa { digest, path: vec![] }
        });
        assert_eq!(to_sign, expected.collect::<Vec<_>>());
        let signatures: Vec<Vec<u8>> = to_sign.iter().map(|to_sign| key.sign(to_sign)).collect();
        let signed = payload.attach(&usage, &signatures).unwrap();
        let transaction: Transaction = consensus::deserialize(&extract_transaction(&signed).unwrap()).unwrap();
        assert_eq!(transaction.compute_txid(), inner.unsigned_tx.compute_txid());
        for (input, to_sign) in transaction.input.iter().zip(&to_sign) {
            let witness: Vec<&[u8]> = input.witness.iter().collect();
            let [signature, public] = witness.as_slice() else { panic!("{witness:?}") };
            assert_eq!(*public, key.public(&[]).serialize());
            let (kind, der) = signature.split_last().unwrap();
            assert_eq!(*kind, 1);
            let message = Message::from_digest_slice(to_sign.message()).unwrap();
            Secp256k1::new().verify_ecdsa(&message, &ecdsa::Signature::from_der(der).unwrap(), &key.public(&[])).unwrap();
        }
        let size = transaction.vsize() as u64;
        let rate = details(&payload, &usage).fee_rate.unwrap();
        assert!((1_000_000 / (size + 2)..=1_000_000 / size).contains(&rate), "{rate} for {size}");
    }
}

#[test]
fn several_inputs_need_their_previous_transactions_those_of_others_too() {
    let (key, other) = (EcdsaKey::new(1), EcdsaKey::new(2));
    // CVE-2020-14199: the amounts are told differently each time, and every signature is valid for the same transaction.
    for cheap in 0..2 {
        let asked = changed(&key, |psbt| {
            psbt.inputs.iter_mut().for_each(|input| input.non_witness_utxo = None);
            psbt.inputs[cheap].witness_utxo.as_mut().unwrap().value = Amount::from_sat(50_001);
            psbt.inputs[1 - cheap].witness_utxo.as_mut().unwrap().value = Amount::from_sat(60_000);
        });
        assert!(matches!(refusal(&asked, &key), PsbtError::NoPreviousTransaction { input: 0 }));
    }
    // The same with our other input told to be somebody else's: it has no previous transaction, and ours has.
    let hidden = changed(&key, |psbt| {
        psbt.inputs[1].witness_utxo.as_mut().unwrap().script_pubkey = script(&other, &[]);
        psbt.inputs[1].non_witness_utxo = None;
    });
    assert!(matches!(refusal(&hidden, &key), PsbtError::NoPreviousTransaction { input: 1 }));
    let mut taproot = wallet_psbt(&key);
    taproot.inputs[1].non_witness_utxo = None;
    taproot.inputs[1].witness_utxo.as_mut().unwrap().script_pubkey =
        ScriptBuf::new_p2tr(&Secp256k1::new(), Bip340Key::new(1).keypair(&[]).x_only_public_key().0, None);
    let taproot = Psbt::parse(&taproot.serialize()).unwrap();
    assert!(matches!(refusal(&taproot, &key), PsbtError::NoPreviousTransaction { input: 1 }));
    // A previous transaction that says otherwise is refused when the PSBT is read.
    for lie in [0, 1] {
        let mut psbt = wallet_psbt(&key);
        let input = &mut psbt.inputs[lie];
        input.witness_utxo.as_mut().unwrap().value = Amount::from_sat(59_999);
        let refused = AnyPayload::decode(kind::PSBT, &psbt.serialize());
        assert!(matches!(refused, Err(PayloadError::Psbt(PsbtError::ContradictingUtxo { input })) if input == lie));
        let mut psbt = wallet_psbt(&key);
        psbt.inputs[lie].non_witness_utxo.as_mut().unwrap().lock_time = LockTime::from_consensus(1);
        let refused = AnyPayload::decode(kind::PSBT, &psbt.serialize());
        assert!(matches!(refused, Err(PayloadError::Psbt(PsbtError::ContradictingUtxo { input })) if input == lie));
    }
}

#[test]
fn single_input_needs_no_previous_transaction_because_its_amount_is_signed() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[]);
    let single = |value| {
        let mut psbt = psbt(&[(script(&key, &[]), 60_000)], &[(script(&key, &[]), 10_000)]);
        psbt.inputs[0].non_witness_utxo = None;
        psbt.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(value);
        Psbt::parse(&psbt.serialize()).unwrap()
    };
    let (honest, lying) = (single(60_000), single(11_000));
    assert_eq!((details(&honest, &usage).fee, details(&lying, &usage).fee), (50_000, 1_000));
    // The signature that the lie gets is worthless.
    let signature = key.sign(&lying.messages(&usage).unwrap()[0]);
    assert!(lying.attach(&usage, core::slice::from_ref(&signature)).is_ok());
    assert!(matches!(honest.attach(&usage, &[signature]), Err(PayloadError::InvalidSignature { index: 0 })));
}

#[test]
fn other_signature_hash_types_are_refused() {
    let key = EcdsaKey::new(1);
    let types: [PsbtSighashType; 7] = [
        EcdsaSighashType::None.into(),
        EcdsaSighashType::Single.into(),
        EcdsaSighashType::AllPlusAnyoneCanPay.into(),
        EcdsaSighashType::NonePlusAnyoneCanPay.into(),
        EcdsaSighashType::SinglePlusAnyoneCanPay.into(),
        TapSighashType::Default.into(),
        PsbtSighashType::from_u32(0x41),
    ];
    for kind in types {
        let asked = changed(&key, |psbt| psbt.inputs[1].sighash_type = Some(kind));
        assert!(matches!(refusal(&asked, &key), PsbtError::SighashType { input: 1, sighash } if sighash == kind), "{kind}");
    }
}

#[test]
fn inputs_without_a_witness_utxo_and_signed_ones_are_refused() {
    let key = EcdsaKey::new(1);
    let mut psbt = wallet_psbt(&key);
    psbt.inputs[1].witness_utxo = None;
    let refused = AnyPayload::decode(kind::PSBT, &psbt.serialize());
    assert!(matches!(refused, Err(PayloadError::Psbt(PsbtError::NoWitnessUtxo { input: 1 }))));
    let signature = bitcoin::ecdsa::Signature {
        signature: ecdsa::Signature::from_compact(&[1; 64]).unwrap(),
        sighash_type: EcdsaSighashType::All,
    };
    let signed = changed(&key, |psbt| {
        psbt.inputs[1].partial_sigs.insert(bitcoin::PublicKey::new(key.public(&[])), signature);
    });
    assert!(matches!(refusal(&signed, &key), PsbtError::AlreadySigned { input: 1 }));
    let usage = KeyUse::new(&key, &[]);
    let payload = Psbt::parse(&wallet_psbt(&key).serialize()).unwrap();
    let signatures: Vec<Vec<u8>> = payload.messages(&usage).unwrap().iter().map(|to_sign| key.sign(to_sign)).collect();
    let again = Psbt::parse(&payload.attach(&usage, &signatures).unwrap()).unwrap();
    assert!(matches!(refusal(&again, &key), PsbtError::AlreadySigned { input: 0 }));
}

#[test]
fn keys_that_own_nothing_sign_nothing() {
    let key = EcdsaKey::new(1);
    let payload = Psbt::parse(&wallet_psbt(&key).serialize()).unwrap();
    assert!(matches!(refusal(&payload, &EcdsaKey::new(2)), PsbtError::NothingToSign));
    let elsewhere = payload.messages(&KeyUse::new(&key, &[1]));
    assert!(matches!(elsewhere, Err(PayloadError::Psbt(PsbtError::NothingToSign))));
    let taproot = payload.messages(&KeyUse::new(&Bip340Key::new(1), &[]));
    assert!(matches!(taproot, Err(PayloadError::Psbt(PsbtError::NothingToSign))));
}

#[test]
fn children_are_found_by_the_origins_that_the_psbt_names_if_they_are_true() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[]);
    let steps = |path: &[u32]| -> DerivationPath { path.iter().map(|step| ChildNumber::from(*step)).collect::<Vec<_>>().into() };
    let origin = |public, path: &[u32]| (public, (Fingerprint::default(), steps(path)));
    let made = |input, output| {
        let mut psbt = psbt(
            &[(script(&key, &[0, 7]), 60_000), (script(&key, &[]), 50_000)],
            &[(script(&EcdsaKey::new(200), &[]), 70_000), (script(&key, &[1, 3]), 39_000)],
        );
        psbt.inputs[0].bip32_derivation.extend([input]);
        psbt.outputs[1].bip32_derivation.extend([output]);
        Psbt::parse(&psbt.serialize()).unwrap()
    };
    let (child, change) = (key.public(&[0, 7]), key.public(&[1, 3]));
    let honest = made(origin(child, &[0, 7]), origin(change, &[1, 3]));
    let to_sign = honest.messages(&usage).unwrap();
    assert_eq!(to_sign.iter().map(ToSign::path).collect::<Vec<_>>(), [&[0, 7][..], &[]]);
    let told = details(&honest, &usage);
    assert_eq!((told.spent, told.outputs[1].path.as_deref()), (71_000, Some("m/1/3")));
    let signatures: Vec<Vec<u8>> = to_sign.iter().map(|to_sign| key.sign(to_sign)).collect();
    assert!(extract_transaction(&honest.attach(&usage, &signatures).unwrap()).is_ok());
    // False paths, hardened ones, and another key's origin: the outputs are nobody's we know.
    let hardened = [0x8000_0000, 7];
    for (input, output) in [
        (origin(child, &[0, 8]), origin(change, &[1, 4])),
        (origin(child, &hardened), origin(change, &hardened)),
        (origin(change, &[0, 7]), origin(child, &[1, 3])),
        (origin(child, &[0; 9]), origin(change, &[0; 9])),
    ] {
        let told = made(input, output);
        let told = details(&told, &usage);
        assert_eq!(told.inputs.iter().map(|input| input.path.as_deref()).collect::<Vec<_>>(), [None, Some("m")]);
        assert_eq!((told.outputs[1].path.as_deref(), told.spent), (None, 50_000));
    }
}

#[test]
fn transaction_of_both_kinds_is_signed_by_each_key_in_turn() {
    let (taproot, ecdsa) = (Bip340Key::new(1), EcdsaKey::new(1));
    let own = ScriptBuf::new_p2tr(&Secp256k1::new(), taproot.keypair(&[]).x_only_public_key().0, None);
    let mixed = psbt(&[(own, 60_000), (script(&ecdsa, &[]), 50_000)], &[(script(&EcdsaKey::new(9), &[]), 100_000)]);
    let payload = Psbt::parse(&mixed.serialize()).unwrap();
    // Nobody can tell which key is meant.
    assert_eq!(payload.suite(), None);
    let (by_taproot, by_ecdsa) = (KeyUse::new(&taproot, &[]), KeyUse::new(&ecdsa, &[]));
    assert_eq!((details(&payload, &by_taproot).spent, details(&payload, &by_ecdsa).spent), (60_000, 50_000));
    let first = payload.messages(&by_taproot).unwrap();
    assert_eq!(first.len(), 1);
    let half = Psbt::parse(&payload.attach(&by_taproot, &[taproot.sign(&first[0])]).unwrap()).unwrap();
    assert!(matches!(extract_transaction(&half.encode()), Err(PayloadError::Psbt(PsbtError::NotFinal { input: 1 }))));
    let second = half.messages(&by_ecdsa).unwrap();
    let whole = half.attach(&by_ecdsa, &[ecdsa.sign(&second[0])]).unwrap();
    assert!(extract_transaction(&whole).is_ok());
    assert_eq!(prevouts(&Inner::deserialize(&whole).unwrap()), prevouts(&mixed));
}
