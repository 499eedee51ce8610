//! Bitcoin transactions.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, OutPoint, Psbt as Inner, ScriptBuf, Sequence, TapNodeHash, TapSighashType, Transaction, TxIn, TxOut, Txid, Witness,
    XOnlyPublicKey,
    absolute::LockTime,
    bip32::{ChildNumber, DerivationPath, Fingerprint},
    consensus,
    hashes::{Hash as _, HashEngine as _, sha256},
    key::{TapTweak as _, TweakedPublicKey},
    psbt::{Input, PsbtSighashType},
    secp256k1::{self, Secp256k1, schnorr},
    sighash::{EcdsaSighashType, Prevouts, SighashCache},
    transaction::Version,
};
use quorate::payload::{
    AddressKind, AnyPayload, Details, KeyUse, KeyView as _, Network, Payload, PayloadError, Psbt, PsbtDetails, PsbtError,
    Taproot, extract_transaction, kind,
};
use quorate_core::SuiteId;

use super::keys::{Bip340Key, PlainKey};

pub(crate) fn internal(key: &Bip340Key, path: &[u32]) -> XOnlyPublicKey {
    key.keypair(path).x_only_public_key().0
}

pub(crate) fn script(key: &Bip340Key, path: &[u32], root: Option<[u8; 32]>) -> ScriptBuf {
    let root = root.map(TapNodeHash::from_byte_array);
    ScriptBuf::new_p2tr(&Secp256k1::new(), internal(key, path), root)
}

/// A PSBT that spends outputs with these scripts and values, and pays to these.
pub(crate) fn psbt(inputs: &[(ScriptBuf, u64)], outputs: &[(ScriptBuf, u64)]) -> Inner {
    let input = |(index, _): (usize, &(ScriptBuf, u64))| TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array([0xaa; 32]), index as u32),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        ..TxIn::default()
    };
    let output = |(script, value): &(ScriptBuf, u64)| TxOut { value: Amount::from_sat(*value), script_pubkey: script.clone() };
    let mut psbt = Inner::from_unsigned_tx(Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(800_000),
        input: inputs.iter().enumerate().map(input).collect(),
        output: outputs.iter().map(output).collect(),
    })
    .unwrap();
    psbt.inputs.iter_mut().zip(inputs).for_each(|(input, prevout)| input.witness_utxo = Some(output(prevout)));
    psbt
}

fn wallet_psbt(key: &Bip340Key) -> Inner {
    let payee = script(&Bip340Key::new(200), &[], None);
    psbt(
        &[(script(key, &[], None), 60_000), (script(key, &[], None), 50_000)],
        &[(payee, 70_000), (script(key, &[], None), 39_000)],
    )
}

/// A wallet's PSBT, changed.
fn changed(key: &Bip340Key, change: impl FnOnce(&mut Inner)) -> Vec<u8> {
    let mut psbt = wallet_psbt(key);
    change(&mut psbt);
    psbt.serialize()
}

fn refusal(bytes: &[u8]) -> PsbtError {
    match AnyPayload::decode(kind::PSBT, bytes) {
        Err(PayloadError::Psbt(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn refusal_of_key(key: &Bip340Key, bytes: &[u8]) -> PsbtError {
    match Psbt::parse(bytes).unwrap().messages(&KeyUse::new(key, &[])) {
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

fn origin(
    input_key: XOnlyPublicKey,
    path: &[u32],
) -> BTreeMap<XOnlyPublicKey, (Vec<bitcoin::TapLeafHash>, (Fingerprint, DerivationPath))> {
    let path: Vec<ChildNumber> = path.iter().map(|step| ChildNumber::from(*step)).collect();
    BTreeMap::from([(input_key, (Vec::new(), (Fingerprint::default(), path.into())))])
}

/// The signature hash of BIP-341 for key-path spends with `DEFAULT` or `ALL`, written from the text of the standard.
fn bip341_sighash(transaction: &Transaction, prevouts: &[TxOut], index: u32, hash_type: u8) -> [u8; 32] {
    let hash = |bytes: Vec<u8>| sha256::Hash::hash(&bytes).to_byte_array();
    let each = |part: &dyn Fn(&TxIn) -> Vec<u8>| transaction.input.iter().flat_map(part).collect::<Vec<u8>>();
    let mut message = vec![0, hash_type];
    message.extend(transaction.version.0.to_le_bytes());
    message.extend(transaction.lock_time.to_consensus_u32().to_le_bytes());
    message.extend(hash(each(&|input| consensus::serialize(&input.previous_output))));
    message.extend(hash(prevouts.iter().flat_map(|prevout| prevout.value.to_sat().to_le_bytes()).collect()));
    message.extend(hash(prevouts.iter().flat_map(|prevout| consensus::serialize(&prevout.script_pubkey)).collect()));
    message.extend(hash(each(&|input| input.sequence.0.to_le_bytes().to_vec())));
    message.extend(hash(transaction.output.iter().flat_map(consensus::serialize).collect()));
    message.push(0);
    message.extend(index.to_le_bytes());
    let tag = sha256::Hash::hash(b"TapSighash").to_byte_array();
    let mut engine = sha256::Hash::engine();
    [tag.as_slice(), &tag, &message].iter().for_each(|part| engine.input(part));
    sha256::Hash::from_engine(engine).to_byte_array()
}

pub(crate) fn prevouts(psbt: &Inner) -> Vec<TxOut> {
    psbt.inputs.iter().map(|input| input.witness_utxo.clone().unwrap()).collect()
}

#[test]
fn messages_are_the_signature_hashes_of_bip341() {
    let key = Bip340Key::new(1);
    let mut inner = wallet_psbt(&key);
    inner.inputs[1].sighash_type = Some(TapSighashType::All.into());
    let messages = Psbt::parse(&inner.serialize()).unwrap().messages(&KeyUse::new(&key, &[])).unwrap();
    let prevouts = prevouts(&inner);
    for (index, (message, hash_type)) in messages.iter().zip([TapSighashType::Default, TapSighashType::All]).enumerate() {
        let mut cache = SighashCache::new(&inner.unsigned_tx);
        let expected = cache.taproot_key_spend_signature_hash(index, &Prevouts::All(&prevouts), hash_type).unwrap();
        assert_eq!(message.message(), expected.to_byte_array());
        assert_eq!(message.message(), bip341_sighash(&inner.unsigned_tx, &prevouts, index as u32, hash_type as u8));
        assert_eq!(message.taproot(), Taproot::KeyPath { merkle_root: None });
    }
    assert_eq!(messages.len(), 2);
}

#[test]
fn attach_makes_a_transaction_whose_witnesses_verify() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let mut inner = wallet_psbt(&key);
    inner.inputs[1].sighash_type = Some(TapSighashType::All.into());
    let payload = Psbt::parse(&inner.serialize()).unwrap();
    let signatures: Vec<Vec<u8>> = payload.messages(&usage).unwrap().iter().map(|to_sign| key.sign(to_sign)).collect();
    let signed = payload.attach(&usage, &signatures).unwrap();
    let transaction: Transaction = consensus::deserialize(&extract_transaction(&signed).unwrap()).unwrap();
    assert_eq!(transaction.compute_txid(), inner.unsigned_tx.compute_txid());
    assert_eq!(witness_lengths(&transaction), [64, 65]);
    let prevouts = prevouts(&inner);
    for (index, input) in transaction.input.iter().enumerate() {
        let signature = &input.witness[0];
        let hash_type = signature.get(64).copied().unwrap_or(0);
        let message = secp256k1::Message::from_digest(bip341_sighash(&transaction, &prevouts, index as u32, hash_type));
        let output_key = XOnlyPublicKey::from_slice(&prevouts[index].script_pubkey.as_bytes()[2..]).unwrap();
        let signature = schnorr::Signature::from_slice(&signature[..64]).unwrap();
        Secp256k1::new().verify_schnorr(&signature, &message, &output_key).unwrap();
    }
}

fn witness_lengths(transaction: &Transaction) -> Vec<usize> {
    transaction.input.iter().map(|input| input.witness.iter().map(<[u8]>::len).sum()).collect()
}

#[test]
fn fifty_inputs_are_fifty_messages_of_one_payload() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let inputs: Vec<(ScriptBuf, u64)> = (0..50).map(|step| (script(&key, &[0, step], None), 1_000 + u64::from(step))).collect();
    let mut inner = psbt(&inputs, &[(script(&Bip340Key::new(200), &[], None), 50_000)]);
    for (step, input) in inner.inputs.iter_mut().enumerate() {
        let child = internal(&key, &[0, step as u32]);
        input.tap_internal_key = Some(child);
        input.tap_key_origins = origin(child, &[0, step as u32]);
    }
    let payload = Psbt::parse(&inner.serialize()).unwrap();
    let messages = payload.messages(&usage).unwrap();
    assert_eq!(messages.len(), 50);
    messages.iter().enumerate().for_each(|(step, message)| assert_eq!(message.path(), [0, step as u32]));
    let signatures: Vec<Vec<u8>> = messages.iter().map(|to_sign| key.sign(to_sign)).collect();
    let signed = payload.attach(&usage, &signatures).unwrap();
    let transaction: Transaction = consensus::deserialize(&extract_transaction(&signed).unwrap()).unwrap();
    assert_eq!(witness_lengths(&transaction), [64; 50]);
}

#[test]
fn psbt_round_trips_in_binary_and_base64() {
    let key = Bip340Key::new(1);
    let inner = wallet_psbt(&key);
    let payload = Psbt::parse(&inner.serialize()).unwrap();
    assert_eq!(payload.encode(), inner.serialize());
    assert_eq!(AnyPayload::decode(kind::PSBT, &payload.encode()).unwrap().encode(), payload.encode());
    assert_eq!(Psbt::parse(format!("{}\n", payload.to_base64()).as_bytes()).unwrap(), payload);
    // Between cosigners there is one encoding.
    assert!(matches!(AnyPayload::decode(kind::PSBT, payload.to_base64().as_bytes()), Err(PayloadError::NotCanonical)));
}

#[test]
fn description_shows_amounts_addresses_fee_and_change() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[]).on(Network::Regtest);
    let payload = Psbt::parse(&wallet_psbt(&key).serialize()).unwrap();
    let description = payload.describe(&usage).unwrap();
    let text = description.to_string();
    let own = usage.address(AddressKind::Taproot).unwrap();
    let payee = Bip340Key::new(200);
    let payee = KeyUse::new(&payee, &[]).on(Network::Regtest).address(AddressKind::Taproot).unwrap();
    assert!(own.starts_with("bcrt1p"), "{own}");
    for part in [
        format!("input 0: 0.00060000 BTC from {own} (signed by m)"),
        format!("output 0: 0.00070000 BTC to {payee}\n"),
        format!("output 1: 0.00039000 BTC to {own} (returns to this key, m)"),
        "fee: 0.00001000 BTC, 4.716 sat/vB".to_owned(),
        "lock time: not before block 800000; replaceable by a higher fee".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} is not in {text}");
    }
    assert!(description.title.contains("spends 0.00071000 BTC of this key, fee 0.00001000 BTC, 2 of 2 inputs"), "{text}");
    let main = payload.describe(&KeyUse::new(&key, &[])).unwrap().to_string();
    assert!(main.contains("bc1p") && !main.contains("bcrt1p"), "{main}");
}

#[test]
fn described_fee_rate_is_that_of_the_signed_transaction() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let own = script(&key, &[], None);
    let mut inner = psbt(&[10_000; 8].map(|value| (own.clone(), value)), &[(own.clone(), 79_000)]);
    inner.inputs.iter_mut().for_each(|input| input.sighash_type = Some(TapSighashType::All.into()));
    let payload = Psbt::parse(&inner.serialize()).unwrap();
    let signatures: Vec<Vec<u8>> = payload.messages(&usage).unwrap().iter().map(|to_sign| key.sign(to_sign)).collect();
    let signed = extract_transaction(&payload.attach(&usage, &signatures).unwrap()).unwrap();
    let transaction: Transaction = consensus::deserialize(&signed).unwrap();
    let size = transaction.vsize() as u64;
    assert_eq!(details(&payload, &usage).fee_rate, Some(1_000 * 1_000 / size));
}

#[test]
fn inputs_of_others_are_neither_signed_nor_counted() {
    let (key, other) = (Bip340Key::new(1), Bip340Key::new(2));
    let usage = KeyUse::new(&key, &[]);
    let pkh = ScriptBuf::new_p2pkh(&bitcoin::PubkeyHash::from_byte_array([5; 20]));
    let mut inner = psbt(
        &[(script(&other, &[], None), 7_000), (script(&key, &[], None), 5_000), (pkh, 3_000)],
        &[(script(&other, &[], None), 10_000), (script(&key, &[], None), 4_000)],
    );
    inner.inputs[0].sighash_type = Some(TapSighashType::None.into());
    let payload = Psbt::parse(&inner.serialize()).unwrap();
    let messages = payload.messages(&usage).unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].message(), bip341_sighash(&inner.unsigned_tx, &prevouts(&inner), 1, 0));
    let details = details(&payload, &usage);
    // Of what goes to others and the fee, no more than the key's input holds.
    assert_eq!((details.fee, details.spent, details.fee_rate), (1_000, 5_000, None));
    assert_eq!(details.inputs.iter().map(|input| input.path.as_deref()).collect::<Vec<_>>(), [None, Some("m"), None]);
    let signed = payload.attach(&usage, &[key.sign(&messages[0])]).unwrap();
    assert!(matches!(extract_transaction(&signed), Err(PayloadError::Psbt(PsbtError::NotFinal { input: 0 }))));
    let signed = Inner::deserialize(&signed).unwrap();
    assert_eq!(signed.inputs[0], inner.inputs[0]);
    assert!(signed.inputs[1].final_script_witness.is_some());
}

#[test]
fn transaction_that_is_asked_for_once_an_input_is_no_cheaper() {
    const COIN: u64 = 1_000_000_000;
    let (key, thief) = (Bip340Key::new(1), Bip340Key::new(2));
    let mut inner = psbt(
        &[(script(&key, &[0, 0], None), COIN), (script(&key, &[0, 1], None), COIN)],
        &[(script(&key, &[0, 0], None), COIN), (script(&thief, &[], None), COIN - 10_000)],
    );
    let spent = |inner: &Inner, path: &[u32]| {
        let payload = Psbt::parse(&inner.serialize()).unwrap();
        let usage = KeyUse::new(&key, path);
        assert_eq!(payload.messages(&usage).unwrap().len(), 1);
        details(&payload, &usage).spent
    };
    // Without a hint for the other input; and once more, with one for the change.
    assert_eq!(spent(&inner, &[0, 0]), COIN);
    inner.outputs[0].tap_internal_key = Some(internal(&key, &[0, 0]));
    inner.outputs[0].tap_key_origins = origin(internal(&key, &[0, 0]), &[0, 0]);
    assert_eq!(spent(&inner, &[0, 1]), COIN);
    // Asked for at once, it is what the thief gets, and the fee.
    inner.inputs[1].tap_internal_key = Some(internal(&key, &[0, 1]));
    inner.inputs[1].tap_key_origins = origin(internal(&key, &[0, 1]), &[0, 1]);
    let payload = Psbt::parse(&inner.serialize()).unwrap();
    let usage = KeyUse::new(&key, &[0, 0]);
    assert_eq!((payload.messages(&usage).unwrap().len(), details(&payload, &usage).spent), (2, COIN));
}

#[test]
fn input_with_a_script_tree_is_signed_with_its_tweak() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[3]);
    let root = [0x77; 32];
    let mut inner = psbt(&[(script(&key, &[3], Some(root)), 5_000)], &[(script(&key, &[3], None), 4_000)]);
    inner.inputs[0].tap_merkle_root = Some(TapNodeHash::from_byte_array(root));
    let payload = Psbt::parse(&inner.serialize()).unwrap();
    let messages = payload.messages(&usage).unwrap();
    assert_eq!(messages[0].taproot(), Taproot::KeyPath { merkle_root: Some(root) });
    assert!(payload.attach(&usage, &[key.sign(&messages[0])]).is_ok());
}

#[test]
fn output_with_a_script_tree_does_not_return_to_this_key() {
    let key = Bip340Key::new(1);
    let root = [0x77; 32];
    let mut inner = psbt(&[(script(&key, &[], None), 5_000)], &[(script(&key, &[], Some(root)), 4_000)]);
    inner.outputs[0].tap_internal_key = Some(internal(&key, &[]));
    inner.outputs[0].tap_key_origins = origin(internal(&key, &[]), &[]);
    let details = details(&Psbt::parse(&inner.serialize()).unwrap(), &KeyUse::new(&key, &[]));
    assert_eq!((details.outputs[0].path.clone(), details.spent), (None, 5_000));
}

#[test]
fn change_at_another_path_returns_to_this_key_if_it_really_does() {
    let (key, thief) = (Bip340Key::new(1), Bip340Key::new(2));
    let usage = KeyUse::new(&key, &[]);
    let mut inner = psbt(
        &[(script(&key, &[], None), 9_000)],
        &[(script(&key, &[1, 5], None), 4_000), (script(&thief, &[1, 6], None), 4_000)],
    );
    for (output, (owner, path)) in inner.outputs.iter_mut().zip([(&key, [1, 5]), (&thief, [1, 6])]) {
        output.tap_internal_key = Some(internal(owner, &path));
        output.tap_key_origins = origin(internal(owner, &path), &path);
    }
    let details = details(&Psbt::parse(&inner.serialize()).unwrap(), &usage);
    assert_eq!(details.outputs[0].path.as_deref(), Some("m/1/5"));
    assert_eq!(details.outputs[1].path, None);
    assert_eq!(details.spent, 5_000);
}

#[test]
fn input_of_the_bare_internal_key_is_not_ours() {
    let key = Bip340Key::new(1);
    let bare = ScriptBuf::new_p2tr_tweaked(TweakedPublicKey::dangerous_assume_tweaked(internal(&key, &[])));
    let inner = psbt(&[(bare, 5_000)], &[(script(&key, &[], None), 4_000)]);
    assert!(matches!(refusal_of_key(&key, &inner.serialize()), PsbtError::NothingToSign));
}

#[test]
fn input_that_claims_our_path_under_a_foreign_key_is_not_ours() {
    let (key, thief) = (Bip340Key::new(1), Bip340Key::new(2));
    let mut inner = psbt(&[(script(&thief, &[0, 1], None), 5_000)], &[(script(&key, &[], None), 4_000)]);
    inner.inputs[0].tap_internal_key = Some(internal(&thief, &[0, 1]));
    inner.inputs[0].tap_key_origins = origin(internal(&thief, &[0, 1]), &[0, 1]);
    assert!(matches!(refusal_of_key(&key, &inner.serialize()), PsbtError::NothingToSign));
}

#[test]
fn input_with_a_hardened_or_endless_path_is_not_ours() {
    let key = Bip340Key::new(1);
    for (real, named) in [(vec![0, 1], vec![1 << 31, 1]), (vec![0; 9], vec![0; 9]), (vec![0, 1], vec![0; 200])] {
        let mut inner = psbt(&[(script(&key, &real, None), 5_000)], &[(script(&key, &[], None), 4_000)]);
        inner.inputs[0].tap_internal_key = Some(internal(&key, &real));
        inner.inputs[0].tap_key_origins = origin(internal(&key, &real), &named);
        assert!(matches!(refusal_of_key(&key, &inner.serialize()), PsbtError::NothingToSign));
    }
}

#[test]
fn sighash_types_other_than_default_and_all_are_refused_by_name() {
    let key = Bip340Key::new(1);
    for (asked, name) in [
        (TapSighashType::None.into(), "SIGHASH_NONE"),
        (TapSighashType::Single.into(), "SIGHASH_SINGLE"),
        (TapSighashType::AllPlusAnyoneCanPay.into(), "SIGHASH_ALL|SIGHASH_ANYONECANPAY"),
        (EcdsaSighashType::SinglePlusAnyoneCanPay.into(), "SIGHASH_SINGLE|SIGHASH_ANYONECANPAY"),
        (PsbtSighashType::from_u32(0x4242), "0x4242"),
    ] {
        let error = refusal_of_key(&key, &changed(&key, |psbt| psbt.inputs[1].sighash_type = Some(asked)));
        assert!(matches!(error, PsbtError::SighashType { input: 1, .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn input_without_witness_utxo_is_refused_even_if_it_is_not_ours() {
    let (key, other) = (Bip340Key::new(1), Bip340Key::new(2));
    let mut inner =
        psbt(&[(script(&key, &[], None), 5_000), (script(&other, &[], None), 5_000)], &[(script(&key, &[], None), 4_000)]);
    inner.inputs[1].witness_utxo = None;
    assert!(matches!(refusal(&inner.serialize()), PsbtError::NoWitnessUtxo { input: 1 }));
}

/// The transaction that made an output, and where it is in there.
fn funding(prevout: &TxOut) -> Transaction {
    let decoy = TxOut { value: Amount::from_sat(1), script_pubkey: ScriptBuf::new() };
    let input = TxIn { witness: Witness::new(), ..TxIn::default() };
    Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input: vec![input], output: vec![decoy, prevout.clone()] }
}

#[test]
fn non_witness_utxo_must_agree_with_the_outpoint_and_the_witness_utxo() {
    let key = Bip340Key::new(1);
    let with = |outpoint: fn(&Transaction) -> OutPoint, value: u64| {
        changed(&key, |psbt| {
            let previous = funding(psbt.inputs[0].witness_utxo.as_ref().unwrap());
            psbt.unsigned_tx.input[0].previous_output = outpoint(&previous);
            psbt.inputs[0].non_witness_utxo = Some(previous);
            psbt.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(value);
        })
    };
    assert!(Psbt::parse(&with(|previous| OutPoint::new(previous.compute_txid(), 1), 60_000)).is_ok());
    for wrong in [
        with(|previous| OutPoint::new(previous.compute_txid(), 1), 60_001),
        with(|previous| OutPoint::new(previous.compute_txid(), 0), 60_000),
        with(|previous| OutPoint::new(previous.compute_txid(), 9), 60_000),
        with(|_| OutPoint::new(Txid::from_byte_array([9; 32]), 1), 60_000),
    ] {
        assert!(matches!(refusal(&wrong), PsbtError::ContradictingUtxo { input: 0 }));
    }
}

#[test]
fn impossible_amounts_and_repeated_inputs_are_refused() {
    let key = Bip340Key::new(1);
    let value = |value| changed(&key, |psbt| psbt.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(value));
    for impossible in [value(0), value(u64::MAX), value(Amount::MAX_MONEY.to_sat())] {
        assert!(matches!(refusal(&impossible), PsbtError::Amounts));
    }
    let twice = changed(&key, |psbt| psbt.unsigned_tx.input[1].previous_output = psbt.unsigned_tx.input[0].previous_output);
    assert!(matches!(refusal(&twice), PsbtError::DuplicateInput { input: 1 }));
    let many = psbt(&vec![(script(&key, &[], None), 1_000); 2_001], &[]);
    assert!(matches!(refusal(&many.serialize()), PsbtError::TooMany { limit: 2_000 }));
}

#[test]
fn signed_inputs_are_not_signed_again() {
    let key = Bip340Key::new(1);
    let signature = bitcoin::taproot::Signature::from_slice(&[1; 64]).unwrap();
    let signed: [fn(&mut Input, bitcoin::taproot::Signature); 2] = [
        |input, signature| input.tap_key_sig = Some(signature),
        |input, signature| input.final_script_witness = Some(Witness::p2tr_key_spend(&signature)),
    ];
    for sign in signed {
        let bytes = changed(&key, |psbt| sign(&mut psbt.inputs[1], signature));
        assert!(matches!(refusal_of_key(&key, &bytes), PsbtError::AlreadySigned { input: 1 }));
    }
}

#[test]
fn malformed_versions_and_trailing_bytes_are_refused() {
    let key = Bip340Key::new(1);
    let bytes = wallet_psbt(&key).serialize();
    let trailing = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(refusal(&trailing), PsbtError::TrailingBytes { at } if at == bytes.len()));
    for end in [bytes.len() - 1, bytes.len() / 2, 6] {
        let refused = refusal(&bytes[..end]);
        assert!(
            matches!(refused, PsbtError::Malformed { at: Some(at), .. } if at <= end && at + 200 > end),
            "{end}: {refused:?}"
        );
    }
    assert!(matches!(refusal(b"not base64!"), PsbtError::NotBase64));
    assert!(matches!(refusal(&changed(&key, |psbt| psbt.version = 1)), PsbtError::Malformed { .. }));
}

#[test]
fn attach_refuses_swapped_missing_and_foreign_signatures() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let payload = Psbt::parse(&wallet_psbt(&key).serialize()).unwrap();
    let messages = payload.messages(&usage).unwrap();
    let good: Vec<Vec<u8>> = messages.iter().map(|to_sign| key.sign(to_sign)).collect();
    assert!(payload.attach(&usage, &good).is_ok());
    let swapped = [good[1].clone(), good[0].clone()];
    assert!(matches!(payload.attach(&usage, &swapped), Err(PayloadError::InvalidSignature { index: 0 })));
    assert!(matches!(payload.attach(&usage, &good[..1]), Err(PayloadError::SignatureCount { given: 1, needed: 2 })));
    let foreign = [good[0].clone(), Bip340Key::new(2).sign(&messages[1])];
    assert!(matches!(payload.attach(&usage, &foreign), Err(PayloadError::InvalidSignature { index: 1 })));
    let short = [good[0].clone(), vec![0; 10]];
    assert!(matches!(payload.attach(&usage, &short), Err(PayloadError::InvalidSignature { index: 1 })));
}

#[test]
fn keys_of_other_suites_do_not_sign_psbts() {
    let payload = Psbt::parse(&wallet_psbt(&Bip340Key::new(1)).serialize()).unwrap();
    for suite in SuiteId::ALL.into_iter().filter(|suite| !matches!(suite, SuiteId::Bip340 | SuiteId::EcdsaSecp256k1)) {
        let key = PlainKey { suite, public: Bip340Key::new(1).child_public_key(&[]).unwrap() };
        let refused = payload.messages(&KeyUse::new(&key, &[]));
        assert!(matches!(refused, Err(PayloadError::UnsupportedSuite { kind: kind::PSBT, suite: found }) if found == suite));
    }
}

#[test]
fn output_key_of_the_view_is_that_of_the_tweaked_private_key() {
    let key = Bip340Key::new(1);
    let secp = Secp256k1::new();
    for root in [None, Some([5; 32])] {
        let tweaked = key.keypair(&[2]).tap_tweak(&secp, root.map(TapNodeHash::from_byte_array)).to_keypair();
        assert_eq!(key.taproot_output_key(&[2], root.as_ref()).unwrap(), tweaked.x_only_public_key().0.serialize());
    }
}

/// The first two receiving addresses of the example in BIP-86: internal key, output key, address.
#[test]
fn addresses_are_those_of_bip86() {
    for (internal, output, address) in [
        (
            "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
            "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
        ),
        (
            "83dfe85a3151d2517290da461fe2815591ef69f2b18a2ce63f01697a8b313145",
            "a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
            "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
        ),
    ] {
        let key = PlainKey { suite: SuiteId::Bip340, public: hex::decode(format!("02{internal}")).unwrap() };
        assert_eq!(hex::encode(key.taproot_output_key(&[], None).unwrap()), output);
        assert_eq!(KeyUse::new(&key, &[]).addresses().unwrap(), [(AddressKind::Taproot, address.to_owned())]);
    }
}

#[test]
fn address_of_a_key_without_addresses_is_refused() {
    let key = PlainKey { suite: SuiteId::P256, public: vec![2; 33] };
    assert_eq!(KeyUse::new(&key, &[]).addresses().unwrap(), []);
    for kind in AddressKind::ALL {
        assert!(matches!(KeyUse::new(&key, &[]).address(kind), Err(PayloadError::NoSuchAddress { .. })));
    }
    let broken = PlainKey { suite: SuiteId::Bip340, public: vec![2; 32] };
    assert!(matches!(KeyUse::new(&broken, &[]).addresses(), Err(PayloadError::KeyEncoding)));
}
