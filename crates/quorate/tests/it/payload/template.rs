//! The templates in `examples/data`.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_primitives::{Address, TxKind, U256};
use bitcoin::{
    Amount, CompressedPublicKey, OutPoint, Psbt as Inner, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, XOnlyPublicKey,
    absolute::LockTime,
    hashes::{Hash as _, sha256},
    secp256k1::{Parity, PublicKey, Secp256k1},
    transaction::Version,
};
use quorate::payload::{
    Details, EvmTransaction, KeyUse, Payload as _, PayloadError, Psbt, SolanaMessage, extract_transaction,
    template::{self, PLACEHOLDER_ADDRESS, PLACEHOLDER_INTERNAL_KEY},
};

use super::keys::{Bip340Key, EcdsaKey, Ed25519Key};

const PSBT: &str = include_str!("../../../../../examples/data/transfer.psbt");
const WPKH: &str = include_str!("../../../../../examples/data/transfer-p2wpkh.psbt");
const EVM: &str = include_str!("../../../../../examples/data/transfer.evm");
const SOLANA: &str = include_str!("../../../../../examples/data/transfer.solana");

pub(crate) fn filled_psbt(key: &Bip340Key) -> Psbt {
    template::psbt(PSBT.as_bytes(), &KeyUse::new(key, &[])).unwrap()
}

pub(crate) fn filled_solana(key: &Ed25519Key) -> SolanaMessage {
    template::solana(SOLANA.as_bytes(), &KeyUse::new(key, &[])).unwrap()
}

pub(crate) fn filled_wpkh(key: &EcdsaKey) -> Psbt {
    filled_wpkh_for(&KeyUse::new(key, &[]))
}

pub(crate) fn filled_wpkh_for(usage: &KeyUse<'_>) -> Psbt {
    template::psbt(WPKH.as_bytes(), usage).unwrap()
}

fn sha(text: &str) -> [u8; 32] {
    sha256::Hash::hash(text.as_bytes()).to_byte_array()
}

/// The PSBT template, as its README describes it, with any key in the placeholder's stead.
fn psbt_of(owner: XOnlyPublicKey) -> Inner {
    let secp = Secp256k1::new();
    let input = |name: &str, index| TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array(sha(name)), index),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        ..TxIn::default()
    };
    let output = |owner, value| TxOut { value: Amount::from_sat(value), script_pubkey: ScriptBuf::new_p2tr(&secp, owner, None) };
    let payee = Bip340Key::new(0xfe).keypair(&[]).x_only_public_key().0;
    let mut psbt = Inner::from_unsigned_tx(Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input("quorate template coin 0", 0), input("quorate template coin 1", 1)],
        output: vec![output(payee, 120_000), output(owner, 29_000)],
    })
    .unwrap();
    for (slot, value) in psbt.inputs.iter_mut().zip([100_000, 50_000]) {
        slot.witness_utxo = Some(output(owner, value));
        slot.tap_internal_key = Some(owner);
    }
    psbt.outputs[1].tap_internal_key = Some(owner);
    psbt
}

/// The P2WPKH template, as its README describes it, with any key in the placeholder's stead.
fn wpkh_of(owner: PublicKey) -> Inner {
    let to = |public: PublicKey| ScriptBuf::new_p2wpkh(&CompressedPublicKey(public).wpubkey_hash());
    let output = |owner, value| TxOut { value: Amount::from_sat(value), script_pubkey: to(owner) };
    let transaction = |input, output| Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input, output };
    let input = |previous_output| TxIn { previous_output, sequence: Sequence::ENABLE_RBF_NO_LOCKTIME, ..TxIn::default() };
    let payee = EcdsaKey::new(0xfe).public(&[]);
    let coin = |name: &str, outputs| transaction(vec![input(OutPoint::new(Txid::from_byte_array(sha(name)), 0))], outputs);
    let first = coin("quorate template coin 2", vec![output(owner, 100_000)]);
    let second = coin("quorate template coin 3", vec![output(payee, 7_000), output(owner, 50_000)]);
    let spends = vec![input(OutPoint::new(first.compute_txid(), 0)), input(OutPoint::new(second.compute_txid(), 1))];
    let mut psbt = Inner::from_unsigned_tx(transaction(spends, vec![output(payee, 120_000), output(owner, 29_000)])).unwrap();
    for (slot, (previous, index)) in psbt.inputs.iter_mut().zip([(first, 0), (second, 1)]) {
        slot.witness_utxo = Some(previous.output[index].clone());
        slot.non_witness_utxo = Some(previous);
    }
    psbt
}

/// The Ethereum transaction, as its README describes it.
fn evm() -> Vec<u8> {
    TxEip1559 {
        chain_id: 1,
        gas_limit: 21_000,
        max_fee_per_gas: 30_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(Address::repeat_byte(0x51)),
        value: U256::from(250_000_000_000_000_000_u64),
        ..TxEip1559::default()
    }
    .encoded_for_signing()
}

/// The Solana template, as its README describes it.
fn solana_of(payer: [u8; 32]) -> Vec<u8> {
    let recipient = Ed25519Key::new(0xfe).public();
    let mut bytes = vec![1, 0, 1, 3];
    [payer, recipient, [0; 32], sha("quorate template blockhash")].iter().for_each(|part| bytes.extend(part));
    bytes.extend([1, 2, 2, 0, 1, 12, 2, 0, 0, 0]);
    bytes.extend(250_000_000_u64.to_le_bytes());
    bytes
}

#[test]
fn templates_are_what_their_readme_says() {
    let placeholder = XOnlyPublicKey::from_slice(&PLACEHOLDER_INTERNAL_KEY).unwrap();
    let psbt = Psbt::parse(&psbt_of(placeholder).serialize()).unwrap().to_base64();
    let wpkh = Psbt::parse(&wpkh_of(placeholder.public_key(Parity::Even)).serialize()).unwrap().to_base64();
    let evm = EvmTransaction::parse(&evm()).unwrap().to_hex();
    let solana = SolanaMessage::parse(&solana_of(PLACEHOLDER_ADDRESS)).unwrap().to_base64();
    if std::env::var_os("QUORATE_WRITE_TEMPLATES").is_some() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/");
        std::fs::write(format!("{folder}transfer.psbt"), format!("{psbt}\n")).unwrap();
        std::fs::write(format!("{folder}transfer-p2wpkh.psbt"), format!("{wpkh}\n")).unwrap();
        std::fs::write(format!("{folder}transfer.evm"), format!("{evm}\n")).unwrap();
        std::fs::write(format!("{folder}transfer.solana"), format!("{solana}\n")).unwrap();
        return;
    }
    assert_eq!((PSBT.trim_end(), SOLANA.trim_end()), (psbt.as_str(), solana.as_str()));
    assert_eq!((WPKH.trim_end(), EVM.trim_end()), (wpkh.as_str(), evm.as_str()));
}

#[test]
fn filled_p2wpkh_template_differs_in_the_key_alone_and_can_be_signed() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[0, 7]);
    let filled = template::psbt(WPKH.as_bytes(), &usage).unwrap();
    assert_eq!(filled.encode(), wpkh_of(key.public(&[0, 7])).serialize());
    let description = filled.describe(&usage).unwrap();
    let Details::Psbt(details) = description.details else { panic!("{description:?}") };
    assert_eq!((details.spent, details.fee), (121_000, 1_000));
    assert_eq!(details.outputs[1].path.as_deref(), Some("m/0/7"));
    let signatures: Vec<Vec<u8>> = filled.messages(&usage).unwrap().iter().map(|to_sign| key.sign(to_sign)).collect();
    assert!(extract_transaction(&filled.attach(&usage, &signatures).unwrap()).is_ok());
}

#[test]
fn ethereum_example_can_be_signed_by_any_key() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[0, 7]);
    let transaction = EvmTransaction::parse(EVM.as_bytes()).unwrap();
    let text = transaction.describe(&usage).unwrap().to_string();
    assert!(text.contains("0.250000000000000000 ether to 0x5151515151515151515151515151515151515151"), "{text}");
    let signature = key.sign(&transaction.messages(&usage).unwrap()[0]);
    assert!(transaction.attach(&usage, &[signature]).is_ok());
}

#[test]
fn filled_psbt_differs_from_the_template_in_the_key_alone_and_can_be_signed() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[0, 7]);
    let filled = template::psbt(PSBT.as_bytes(), &usage).unwrap();
    assert_eq!(filled.encode(), psbt_of(key.keypair(&[0, 7]).x_only_public_key().0).serialize());
    let description = filled.describe(&usage).unwrap();
    let Details::Psbt(details) = description.details else { panic!("{description:?}") };
    assert_eq!((details.spent, details.fee), (121_000, 1_000));
    assert_eq!(details.outputs[1].path.as_deref(), Some("m/0/7"));
    let signatures: Vec<Vec<u8>> = filled.messages(&usage).unwrap().iter().map(|to_sign| key.sign(to_sign)).collect();
    assert!(extract_transaction(&filled.attach(&usage, &signatures).unwrap()).is_ok());
}

#[test]
fn filled_solana_message_differs_from_the_template_in_the_payer_alone_and_can_be_signed() {
    let key = Ed25519Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let filled = filled_solana(&key);
    assert_eq!(filled.encode(), solana_of(key.public()));
    assert!(filled.describe(&usage).unwrap().to_string().contains("Transfer of 0.250000000 SOL"));
    let signature = key.sign(&filled.messages(&usage).unwrap()[0]);
    assert_eq!(filled.attach(&usage, &[signature]).unwrap().len(), 65 + filled.encode().len());
}

#[test]
fn template_that_was_filled_before_is_refused() {
    let (bip340, ed25519, ecdsa) = (Bip340Key::new(1), Ed25519Key::new(1), EcdsaKey::new(1));
    let again = template::psbt(&filled_wpkh(&ecdsa).encode(), &KeyUse::new(&ecdsa, &[]));
    assert!(matches!(again, Err(PayloadError::NoPlaceholder)));
    let crossed = template::psbt(WPKH.as_bytes(), &KeyUse::new(&bip340, &[]));
    assert!(matches!(crossed, Err(PayloadError::NoPlaceholder)));
    let again = template::psbt(&filled_psbt(&bip340).encode(), &KeyUse::new(&bip340, &[]));
    assert!(matches!(again, Err(PayloadError::NoPlaceholder)));
    let again = template::solana(&filled_solana(&ed25519).encode(), &KeyUse::new(&ed25519, &[]));
    assert!(matches!(again, Err(PayloadError::NoPlaceholder)));
}
