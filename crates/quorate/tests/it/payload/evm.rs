//! Ethereum transactions. What alloy makes is what we read, and what we make is what alloy reads.

use alloy_consensus::{
    SignableTransaction as _, Transaction as _, TxEip1559, TxEip2930, TxEip4844, TxEnvelope, TxLegacy,
    transaction::SignerRecoverable as _,
};
use alloy_eips::{Decodable2718 as _, eip2930::AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rlp::Header;
use quorate::payload::{
    AddressKind, AnyPayload, Details, EvmDetails, EvmError, EvmTransaction, KeyUse, MAX_PAYLOAD, Payload, PayloadError, kind,
};
use quorate_core::SuiteId;

use super::keys::{Bip340Key, EcdsaKey, PlainKey};

fn example() -> TxEip1559 {
    TxEip1559 {
        chain_id: 1,
        nonce: 7,
        gas_limit: 60_000,
        max_fee_per_gas: 30_000_000_000,
        max_priority_fee_per_gas: 1_500_000_000,
        to: TxKind::Call(Address::repeat_byte(0x35)),
        value: U256::from(250_000_000_000_000_000_u64),
        access_list: vec![].into(),
        input: Bytes::new(),
    }
}

/// A transfer of 0.25 ether.
pub(crate) fn transfer() -> Vec<u8> {
    example().encoded_for_signing()
}

/// Less, to somebody else.
pub(crate) fn to_another() -> Vec<u8> {
    let to = TxKind::Call(Address::repeat_byte(0x36));
    TxEip1559 { to, value: U256::from(1_000_u64), ..example() }.encoded_for_signing()
}

/// A new contract that gets 5 wei.
pub(crate) fn creation() -> Vec<u8> {
    let input = Bytes::from_static(&[0x60; 30]);
    TxEip1559 { to: TxKind::Create, nonce: 7, value: U256::from(5), input, ..example() }.encoded_for_signing()
}

/// A call with data.
pub(crate) fn call() -> Vec<u8> {
    TxEip1559 { input: Bytes::from_static(&[0xa9, 0x05, 0x9c, 0xbb, 0, 0]), ..example() }.encoded_for_signing()
}

fn details(bytes: &[u8], key: &EcdsaKey) -> EvmDetails {
    match EvmTransaction::parse(bytes).unwrap().describe(&KeyUse::new(key, &[])).unwrap().details {
        Details::Evm(details) => details,
        other => panic!("{other:?}"),
    }
}

fn refusal(bytes: &[u8]) -> EvmError {
    match AnyPayload::decode(kind::EVM, bytes) {
        Err(PayloadError::Evm(error)) => error,
        other => panic!("{other:?} of {} bytes", bytes.len()),
    }
}

/// The items of an EIP-1559 transaction, each encoded, to put together in other ways.
fn items() -> Vec<Vec<u8>> {
    let mut bytes = &transfer()[1..];
    let mut items = Header::decode_bytes(&mut bytes, true).unwrap();
    let mut parts = Vec::new();
    while !items.is_empty() {
        let before = items;
        let header = Header::decode(&mut items).unwrap();
        items = &items[header.payload_length..];
        parts.push(before[..before.len() - items.len()].to_vec());
    }
    parts
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut bytes = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
    [bytes, payload].concat()
}

fn fee_market(items: &[Vec<u8>]) -> Vec<u8> {
    [vec![2], list(items)].concat()
}

/// The transfer with another item in one place.
fn with(place: usize, item: &[u8]) -> Vec<u8> {
    let mut parts = items();
    parts[place] = item.to_vec();
    fee_market(&parts)
}

#[test]
fn transaction_is_signed_and_read_by_alloy_as_it_was_made() {
    let key = EcdsaKey::new(1);
    let access =
        AccessListItem { address: Address::repeat_byte(9), storage_keys: vec![B256::repeat_byte(1), B256::repeat_byte(2)] };
    let creation = TxEip1559 { to: TxKind::Create, input: Bytes::from(vec![0x60; 300]), ..example() };
    let listed = TxEip1559 { access_list: vec![access].into(), value: U256::ZERO, ..example() };
    let other_chain = TxEip1559 { chain_id: 8453, nonce: 0, gas_limit: u64::MAX, max_fee_per_gas: u64::MAX.into(), ..example() };
    for (made, path) in [example(), creation, listed, other_chain].into_iter().zip([&[][..], &[0], &[0, 7], &[1, 2, 3]]) {
        let usage = KeyUse::new(&key, path);
        let payload = AnyPayload::decode(kind::EVM, &made.encoded_for_signing()).unwrap();
        let to_sign = payload.messages(&usage).unwrap();
        assert_eq!((to_sign.len(), to_sign[0].message(), to_sign[0].path()), (1, made.signature_hash().as_slice(), path));
        let raw = payload.attach(&usage, &[key.sign(&to_sign[0])]).unwrap();
        let mut rest = raw.as_slice();
        let TxEnvelope::Eip1559(read) = TxEnvelope::decode_2718(&mut rest).unwrap() else { panic!("of another type") };
        assert!(rest.is_empty());
        assert_eq!(*read.tx(), made);
        let sender = TxEnvelope::Eip1559(read).recover_signer().unwrap();
        assert_eq!(sender.to_checksum(None), usage.address(AddressKind::Ethereum).unwrap());
    }
}

/// A blob transaction, and what alloy makes of it.
pub(crate) fn blob() -> TxEip4844 {
    let hash = |byte| {
        let mut hash = B256::repeat_byte(byte);
        hash[0] = 1;
        hash
    };
    TxEip4844 {
        chain_id: 1,
        nonce: 3,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: Address::repeat_byte(0x35),
        value: U256::from(5),
        access_list: Vec::<AccessListItem>::new().into(),
        blob_versioned_hashes: vec![hash(7), hash(8)],
        max_fee_per_blob_gas: 10,
        input: Bytes::new(),
    }
}

#[test]
fn access_list_and_blob_transactions_are_signed_and_read_by_alloy_as_they_were_made() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[4]);
    let access = AccessListItem { address: Address::repeat_byte(9), storage_keys: vec![B256::repeat_byte(1)] };
    let listed = TxEip2930 {
        chain_id: 10,
        nonce: 1,
        gas_price: 7,
        gas_limit: 50_000,
        to: TxKind::Call(Address::repeat_byte(0x35)),
        value: U256::from(9),
        access_list: vec![access].into(),
        input: Bytes::new(),
    };
    let sign = |bytes: &[u8], hash: B256| {
        let payload = AnyPayload::decode(kind::EVM, bytes).unwrap();
        let to_sign = payload.messages(&usage).unwrap();
        assert_eq!(to_sign[0].message(), hash.as_slice());
        let raw = payload.attach(&usage, &[key.sign(&to_sign[0])]).unwrap();
        assert_eq!(refusal(&raw), EvmError::AlreadySigned);
        let mut rest = raw.as_slice();
        let read = TxEnvelope::decode_2718(&mut rest).unwrap();
        assert!(rest.is_empty());
        assert_eq!(read.recover_signer().unwrap().to_checksum(None), usage.address(AddressKind::Ethereum).unwrap());
        read
    };
    let TxEnvelope::Eip2930(read) = sign(&listed.encoded_for_signing(), listed.signature_hash()) else {
        panic!("of another type")
    };
    assert_eq!(*read.tx(), listed);
    let TxEnvelope::Eip4844(read) = sign(&blob().encoded_for_signing(), blob().signature_hash()) else {
        panic!("of another type")
    };
    assert_eq!(*read.tx().tx(), blob());
    let details = details(&blob().encoded_for_signing(), &key);
    // The gas, and 2^17 units of gas for each blob.
    assert_eq!(details.max_fee, 21_000 * 2_000_000_000 + 2 * 131_072 * 10);
    assert_eq!((details.spent, details.blobs.len()), (details.max_fee + 5, 2));
    assert_eq!(details.blobs[0], format!("0x01{}", "07".repeat(31)));
}

#[test]
fn blob_transactions_without_blobs_or_with_unknown_hashes_are_refused() {
    let with = |hashes: Vec<B256>| refusal(&TxEip4844 { blob_versioned_hashes: hashes, ..blob() }.encoded_for_signing());
    let known = blob().blob_versioned_hashes[0];
    assert_eq!(with(vec![]), EvmError::Blobs);
    assert_eq!(with(vec![known; 65]), EvmError::Blobs);
    assert_eq!(with(vec![known, B256::repeat_byte(2)]), EvmError::BlobHash { index: 1 });
    let most = TxEip4844 { max_fee_per_blob_gas: u128::MAX, ..blob() };
    assert_eq!(refusal(&most.encoded_for_signing()), EvmError::Amounts);
    let bytes = blob().encoded_for_signing();
    for end in 0..bytes.len() {
        assert!(AnyPayload::decode(kind::EVM, &bytes[..end]).is_err(), "{end}");
    }
    // A recipient is needed: no contract is created with blobs.
    let place = bytes.windows(21).position(|window| window == [&[0x94][..], &[0x35; 20]].concat()).unwrap();
    let mut without = [&bytes[..place], &[0x80], &bytes[place + 21..]].concat();
    without[2] -= 20;
    assert!(matches!(refusal(&without), EvmError::Malformed { at, .. } if at == place));
}

#[test]
fn legacy_transaction_meets_the_example_of_eip_155() {
    let key = EcdsaKey::with_secret(&"46".repeat(32));
    let usage = KeyUse::new(&key, &[]);
    let text = "0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080";
    let payload = EvmTransaction::parse(text.as_bytes()).unwrap();
    assert_eq!(payload.to_hex(), text);
    let to_sign = payload.messages(&usage).unwrap();
    assert_eq!(hex::encode(to_sign[0].message()), "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    let signed = payload.attach(&usage, &[key.sign(&to_sign[0])]).unwrap();
    assert_eq!(
        hex::encode(&signed),
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003\
         e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    );
    let details = details(&payload.encode(), &key);
    assert_eq!((details.chain_id, details.nonce, details.gas_limit), (1, 9, 21_000));
    assert_eq!((details.max_fee_per_gas, details.max_priority_fee_per_gas), (20_000_000_000, None));
    assert_eq!(details.spent, 1_000_000_000_000_000_000 + 21_000 * 20_000_000_000);
    assert!(matches!(AnyPayload::decode(kind::EVM, &signed), Err(PayloadError::Evm(EvmError::AlreadySigned))));
}

#[test]
fn legacy_transaction_of_a_large_chain_id_recovers_to_the_sender() {
    let key = EcdsaKey::new(3);
    let usage = KeyUse::new(&key, &[]);
    for chain_id in [1, 137, 42_161, (u64::MAX - 36) / 2] {
        for nonce in 0..4 {
            let made = TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price: 1,
                gas_limit: 21_000,
                to: TxKind::Call(Address::ZERO),
                ..Default::default()
            };
            let payload = EvmTransaction::parse(&made.encoded_for_signing()).unwrap();
            let raw = payload.attach(&usage, &[key.sign(&payload.messages(&usage).unwrap()[0])]).unwrap();
            let read = TxEnvelope::decode_2718(&mut raw.as_slice()).unwrap();
            assert_eq!((read.chain_id(), read.nonce()), (Some(chain_id), nonce));
            assert_eq!(read.recover_signer().unwrap().to_checksum(None), usage.address(AddressKind::Ethereum).unwrap());
        }
    }
}

#[test]
fn description_tells_what_it_costs_and_what_is_not_decoded() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[]);
    let text = EvmTransaction::parse(&transfer()).unwrap().describe(&usage).unwrap().to_string();
    for part in [
        "on chain 1: 0.250000000000000000 ether to 0x3535353535353535353535353535353535353535",
        "chain: 1 (Ethereum)",
        &format!("from: {} (this key)", usage.address(AddressKind::Ethereum).unwrap()),
        "value: 0.250000000000000000 ether = 250000000000000000 wei",
        "fee: at most 0.001800000000000000 ether",
        "max fee per gas: 30000000000 wei",
        "max priority fee per gas: 1500000000 wei",
        "gas limit: 60000",
        "nonce: 7",
        "data: none",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let plain = details(&transfer(), &key);
    assert!(plain.is_decoded());
    assert_eq!(plain.spent, 250_000_000_000_000_000 + 60_000 * 30_000_000_000);
    let called = EvmTransaction::parse(&call()).unwrap().describe(&usage).unwrap().to_string();
    assert!(called.contains("NOT DECODED: its arguments are cut off; nobody can tell what it does"), "{called}");
    assert!(!details(&call(), &key).is_decoded());
    let short = details(&with(7, &[0x83, 1, 2, 3]), &key);
    assert_eq!((short.data_bytes, short.selector), (3, None));
    let created = EvmTransaction::parse(&with(5, &[0x80])).unwrap().describe(&usage).unwrap().to_string();
    assert!(created.contains("to: nobody: it creates a contract"), "{created}");
    assert!(!details(&with(5, &[0x80]), &key).is_decoded());
}

#[test]
fn addresses_have_the_checksums_of_eip_55() {
    let key = EcdsaKey::new(1);
    for address in [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ] {
        let item = [vec![0x94], hex::decode(address.trim_start_matches("0x")).unwrap()].concat();
        assert_eq!(details(&with(5, &item), &key).to.unwrap(), address);
    }
}

#[test]
fn addresses_of_known_keys_are_the_published_ones() {
    let of = |digits: &str| PlainKey { suite: SuiteId::EcdsaSecp256k1, public: hex::decode(digits).unwrap() };
    // The private key 1, whose key also is the example of BIP-173.
    let one = of("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    assert_eq!(
        KeyUse::new(&one, &[]).addresses().unwrap(),
        [
            (AddressKind::Ethereum, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf".to_owned()),
            (AddressKind::P2wpkh, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4".to_owned()),
        ]
    );
    let testnet = KeyUse::new(&one, &[]).on(quorate::payload::Network::Testnet);
    assert_eq!(testnet.address(AddressKind::P2wpkh).unwrap(), "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx");
    // BIP-84, the account's first two receiving addresses and first change address.
    for (key, address) in [
        ("0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
        ("03e775fd51f0dfb8cd865d9ff1cca2a158cf651fe997fdc9fee9c1d3b5e995ea77", "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"),
        ("03025324888e429ab8e3dbaf1f7802648b9cd01e9b418485c5fa4c1b9b5700e1a6", "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"),
    ] {
        assert_eq!(KeyUse::new(&of(key), &[]).address(AddressKind::P2wpkh).unwrap(), address);
    }
    let uncompressed = of(
        "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
    );
    assert!(matches!(KeyUse::new(&uncompressed, &[]).addresses(), Err(PayloadError::KeyEncoding)));
}

#[test]
fn keys_of_other_suites_sign_no_ethereum_transaction() {
    let key = Bip340Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let payload = EvmTransaction::parse(&transfer()).unwrap();
    let suite = SuiteId::Bip340;
    let unsupported =
        |error: PayloadError| matches!(error, PayloadError::UnsupportedSuite { kind: kind::EVM, suite: found } if found == suite);
    assert!(unsupported(payload.messages(&usage).unwrap_err()));
    assert!(unsupported(payload.describe(&usage).unwrap_err()));
    assert!(unsupported(payload.attach(&usage, &[vec![0; 65]]).unwrap_err()));
    assert!(matches!(usage.address(AddressKind::Ethereum), Err(PayloadError::NoSuchAddress { .. })));
    assert_eq!(payload.suite(), Some(SuiteId::EcdsaSecp256k1));
}

#[test]
fn attach_refuses_signatures_of_other_keys_paths_and_transactions() {
    let (key, other) = (EcdsaKey::new(1), EcdsaKey::new(2));
    let usage = KeyUse::new(&key, &[3]);
    let payload = EvmTransaction::parse(&transfer()).unwrap();
    let to_sign = payload.messages(&usage).unwrap();
    let good = key.sign(&to_sign[0]);
    assert!(payload.attach(&usage, core::slice::from_ref(&good)).is_ok());
    let mut flipped = good.clone();
    flipped[64] ^= 1;
    let elsewhere = EvmTransaction::parse(&with(0, &[2])).unwrap();
    let on_another_chain = key.sign(&elsewhere.messages(&usage).unwrap()[0]);
    let at_another_path = key.sign(&payload.messages(&KeyUse::new(&key, &[4])).unwrap()[0]);
    for wrong in [flipped, on_another_chain, at_another_path, other.sign(&to_sign[0]), vec![0; 65], good[..64].to_vec()] {
        let refused = payload.attach(&usage, &[wrong]);
        assert!(matches!(refused, Err(PayloadError::InvalidSignature { index: 0 })), "{refused:?}");
    }
    let twice = payload.attach(&usage, &[good.clone(), good]);
    assert!(matches!(twice, Err(PayloadError::SignatureCount { given: 2, needed: 1 })));
}

#[test]
fn transactions_of_other_types_and_shapes_are_refused() {
    assert_eq!(fee_market(&items()), transfer());
    for found in [0x00, 0x04, 0x05, 0x19, 0x7f, 0x80, 0xbf] {
        let bytes = [vec![found], transfer()[1..].to_vec()].concat();
        assert_eq!(refusal(&bytes), EvmError::UnsupportedType { found });
    }
    let malformed = |bytes: &[u8], position: usize| {
        let refused = refusal(bytes);
        assert!(matches!(refused, EvmError::Malformed { at, .. } if at == position), "{position}: {refused:?}");
    };
    malformed(&[], 0);
    malformed(&[2], 1);
    malformed(&[2, 0xc0], 2);
    malformed(&[0xc0], 1);
    // Too few items, too many, and those of a signed one.
    let short = fee_market(&items()[..8]);
    malformed(&short, short.len());
    let longer = |count: usize| fee_market(&[items(), vec![vec![1]; count]].concat());
    malformed(&longer(1), longer(1).len() - 1);
    assert_eq!(refusal(&longer(3)), EvmError::AlreadySigned);
    // A legacy transaction of before EIP-155 is valid on every chain.
    let legacy = TxLegacy { gas_limit: 21_000, to: TxKind::Call(Address::ZERO), ..Default::default() };
    assert_eq!(refusal(&legacy.encoded_for_signing()), EvmError::ChainId);
    assert_eq!(refusal(&with(0, &[0x80])), EvmError::ChainId);
    assert_eq!(refusal(&with(0, &[0x88, 255, 255, 255, 255, 255, 255, 255, 255])), EvmError::ChainId);
}

#[test]
fn cut_and_extended_transactions_are_refused() {
    for bytes in [
        transfer(),
        call(),
        hex::decode("ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080").unwrap(),
    ] {
        for end in 0..bytes.len() {
            assert!(AnyPayload::decode(kind::EVM, &bytes[..end]).is_err(), "{end}");
        }
        assert!(AnyPayload::decode(kind::EVM, &[&bytes[..], &[0]].concat()).is_err());
        assert!(AnyPayload::decode(kind::EVM, &[&bytes[..], &bytes].concat()).is_err());
    }
    assert_eq!(refusal(&[transfer(), vec![0]].concat()), EvmError::NotCanonical { at: transfer().len() });
}

#[test]
fn encodings_that_are_not_canonical_are_refused() {
    for (place, item) in [
        (1, &[0x00][..]),                                                // zero as a byte
        (1, &[0x81, 0x07]),                                              // seven with a length
        (1, &[0x82, 0x00, 0x07]),                                        // with a leading zero
        (1, &[0xb8, 0x01, 0x07]),                                        // with a long length
        (4, &[0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]),                         // above 64 bits
        (5, &[0x81, 0x80]),                                              // a recipient of one byte
        (5, &[0xc0]),                                                    // a list as recipient
        (6, &[0x91, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), // a value above 128 bits
        (7, &[0xc0]),                                                    // a list as data
        (7, &[0xb8, 0x02, 1, 2]),                                        // short data with a long length
        (8, &[0x80]),                                                    // a string as access list
        (8, &[0xc1, 0xc0]),                                              // an entry without its items
        (8, &[0xf8, 0x00]),                                              // an empty list with a long length
    ] {
        let bytes = with(place, item);
        let behind: usize = items()[place + 1..].iter().map(Vec::len).sum();
        let here = bytes.len() - behind - item.len()..bytes.len() - behind;
        let refused = refusal(&bytes);
        let (EvmError::Malformed { at, .. } | EvmError::NotCanonical { at }) = refused else { panic!("{place}: {refused:?}") };
        assert!(here.contains(&at), "{place}: {at} is not in {here:?}");
    }
    // Lengths that promise more than there is, up to all the memory.
    for promise in [
        &[0xf9, 0xff, 0xff][..],
        &[0xfb, 0xff, 0xff, 0xff, 0xff],
        &[0xff; 9],
        &[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert!(matches!(refusal(&[&[2], promise].concat()), EvmError::Malformed { .. }));
        assert!(matches!(refusal(&with(8, promise)), EvmError::Malformed { .. }));
        assert!(matches!(refusal(&with(7, promise)), EvmError::Malformed { .. }));
    }
    assert!(matches!(refusal(&[0xff; 9]), EvmError::Malformed { .. }));
}

#[test]
fn impossible_amounts_are_refused() {
    let most = [&[0x90][..], &[0xff; 16]].concat();
    assert_eq!(refusal(&with(3, &most)), EvmError::Amounts);
    assert_eq!(refusal(&with(6, &most)), EvmError::Amounts);
    assert_eq!(refusal(&with(2, &most)), EvmError::PriorityFee);
    assert_eq!(refusal(&with(1, &[0x88, 255, 255, 255, 255, 255, 255, 255, 255])), EvmError::Nonce);
}

#[test]
fn largest_transactions_are_read_and_larger_ones_are_not() {
    let key = EcdsaKey::new(1);
    let sized = |length: usize| TxEip1559 { input: Bytes::from(vec![7; length]), ..example() }.encoded_for_signing();
    let overhead = sized(100_000).len() - 100_000;
    assert_eq!(details(&sized(128 * 1024 - overhead), &key).data_bytes, 128 * 1024 - overhead);
    assert_eq!(refusal(&sized(128 * 1024 - overhead + 1)), EvmError::TooLong);
    assert_eq!(refusal(&vec![b'0'; MAX_PAYLOAD]), EvmError::TooLong);
    // As many entries as fit, of the smallest kind and of the deepest.
    let entries = |count: usize, keys: usize| {
        let item = AccessListItem { address: Address::ZERO, storage_keys: vec![B256::ZERO; keys] };
        TxEip1559 { access_list: vec![item; count].into(), ..example() }.encoded_for_signing()
    };
    assert_eq!(details(&entries(5_500, 0), &key).access_list, (5_500, 0));
    assert_eq!(details(&entries(1, 3_900), &key).access_list, (1, 3_900));
    assert_eq!(refusal(&entries(6_000, 0)), EvmError::TooLong);
    let nested = (0..20_000).fold(vec![0xc0], |inner: Vec<u8>, _| list(&[inner]));
    assert!(matches!(refusal(&with(8, &nested)), EvmError::Malformed { .. }));
}

#[test]
fn text_is_read_as_hexadecimal_digits_and_travels_as_binary() {
    let text = format!("0x{}\n", hex::encode(transfer()));
    for text in [text.as_str(), text.trim_start_matches("0x"), text.to_uppercase().trim_start_matches("0X")] {
        assert_eq!(EvmTransaction::parse(text.as_bytes()).unwrap().encode(), transfer());
        assert!(matches!(AnyPayload::decode(kind::EVM, text.as_bytes()), Err(PayloadError::NotCanonical)));
    }
    for text in ["0x2", "hello", "0xzz", "0x", "0x0x02"] {
        assert!(EvmTransaction::parse(text.as_bytes()).is_err(), "{text}");
    }
}
