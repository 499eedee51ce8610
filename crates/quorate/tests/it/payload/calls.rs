//! What calls of contracts do. The encodings are those of `eth_abi`.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use quorate::payload::{CallDetails, Description, Details, Effect, EvmTransaction, KeyUse, Payload as _};
use serde::Deserialize;

use super::keys::EcdsaKey;

#[derive(Deserialize)]
struct Vector {
    signature: String,
    names: Vec<String>,
    arguments: Vec<String>,
    data: String,
}

impl Vector {
    fn bytes(&self) -> Vec<u8> {
        hex::decode(self.data.trim_start_matches("0x")).unwrap()
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../../../vectors/ethereum/calls.json")).unwrap()
}

/// The data of the first vector with that function.
pub(crate) fn data_of(function: &str) -> Vec<u8> {
    let vector = vectors().into_iter().find(|vector| vector.signature.starts_with(&format!("{function}(")));
    vector.unwrap().bytes()
}

pub(crate) const CONTRACT: Address = Address::repeat_byte(0x35);

/// A transaction that calls a contract with this data.
pub(crate) fn calling(data: &[u8]) -> Vec<u8> {
    let transaction = TxEip1559 {
        chain_id: 1,
        gas_limit: 100_000,
        max_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(CONTRACT),
        input: Bytes::copy_from_slice(data),
        ..Default::default()
    };
    transaction.encoded_for_signing()
}

fn described(data: &[u8]) -> Description {
    EvmTransaction::parse(&calling(data)).unwrap().describe(&KeyUse::new(&EcdsaKey::new(1), &[])).unwrap()
}

fn call(description: &Description) -> CallDetails {
    match &description.details {
        Details::Evm(details) => details.call.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn undecoded(description: &Description) -> Option<&str> {
    description.effects.iter().find_map(|effect| match effect {
        Effect::Undecoded { what } => Some(what.as_str()),
        _ => None,
    })
}

fn word(number: u64) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

/// `execTransaction` as a Safe's wallet encodes it.
pub(crate) fn safe(to: Address, data: &[u8], operation: u64, gas_price: u64) -> Vec<u8> {
    let padded = |bytes: &[u8]| [bytes, &vec![0; bytes.len().next_multiple_of(32) - bytes.len()]].concat();
    let second = 320 + 32 + data.len().next_multiple_of(32) as u64;
    let heads = [word(0), word(320), word(operation), word(0), word(0), word(gas_price), word(0), word(0), word(second)];
    let tails = [&word(data.len() as u64)[..], &padded(data), &word(65), &padded(&[7; 65])].concat();
    [&hex::decode("6a761202").unwrap()[..], to.into_word().as_slice(), &heads.concat(), &tails].concat()
}

#[test]
fn every_known_function_is_read_as_another_library_encodes_it() {
    let all = vectors();
    assert!(all.len() >= 30);
    for vector in all {
        let data = vector.bytes();
        let call = call(&described(&data));
        assert_eq!(call.function.as_deref(), Some(vector.signature.as_str()));
        let shown: Vec<_> = call.arguments.iter().map(|(name, _)| *name).collect();
        assert_eq!(shown, vector.names, "{}", vector.signature);
        for ((name, value), expected) in call.arguments.iter().zip(&vector.arguments) {
            let fits = value == expected
                || *name == "operation" && value.starts_with(expected)
                || *name == "amount" && value.split(' ').next() == Some(expected)
                || value.split_once(" bytes, ").is_some_and(|(length, digits)| {
                    length == (expected.len() / 2 - 1).to_string() && expected.starts_with(digits.trim_end_matches('…'))
                });
            assert!(fits, "{} {name}: {value} is not {expected}", vector.signature);
        }
    }
}

#[test]
fn encodings_that_could_be_read_in_two_ways_are_not_decoded() {
    for vector in vectors() {
        let data = vector.bytes();
        if vector.arguments.is_empty() || vector.signature.starts_with("approveHash") {
            continue;
        }
        // Cut and extended, by a byte and by a word.
        for wrong in
            [&data[..data.len() - 1], &data[..data.len() - 32], &[&data[..], &[0]].concat(), &[&data[..], &[0; 32]].concat()]
        {
            let description = described(wrong);
            assert!(undecoded(&description).is_some(), "{}", vector.signature);
            assert!(call(&description).arguments.is_empty() && call(&description).inner.is_empty());
        }
    }
    let transfer = data_of("transfer");
    let dirty = |place: usize| {
        let mut data = transfer.clone();
        data[place] ^= 1;
        undecoded(&described(&data)).map(str::to_owned)
    };
    assert!(
        dirty(4).is_some_and(|what| what.contains("bits that its type does not have")),
        "the first byte of the address's word"
    );
    assert!(dirty(15).is_some());
    assert_eq!(dirty(16), None, "another address");
    // A selector in part, and one that nobody knows.
    assert!(undecoded(&described(&[0xa9, 0x05])).unwrap().contains("fewer bytes"));
    assert!(undecoded(&described(&[1, 2, 3, 4, 5])).unwrap().contains("not known here"));
    // What another encoding of the same arguments looks like: the two parts of `bytes` at one place, in the other order, behind a gap.
    let good = safe(CONTRACT, &transfer, 0, 0);
    assert_eq!(undecoded(&described(&good)), None);
    let offset = |place: usize, to: u64| {
        let mut data = good.clone();
        data[4 + 32 * place..][..32].copy_from_slice(&word(to));
        undecoded(&described(&data)).map(str::to_owned)
    };
    for (place, to) in [(9, 320), (2, 352), (2, 0), (9, 0), (9, u64::MAX), (2, u64::MAX)] {
        assert!(offset(place, to).is_some_and(|what| what.contains("overlap") || what.contains("cut off")), "{place} {to}");
    }
    // A length that promises more than there is.
    assert!(offset(10, u64::MAX).is_some_and(|what| what.contains("cut off")));
    // Padding that is not zero.
    let mut padded = good;
    *padded.last_mut().unwrap() = 1;
    assert!(undecoded(&described(&padded)).unwrap().contains("bits"));
}

#[test]
fn transfers_and_approvals_name_their_token_recipient_and_amount() {
    let token = format!("eip155:1/erc20:{}", CONTRACT.to_checksum(None));
    for function in ["transfer", "transferFrom", "approve", "increaseAllowance", "permit"] {
        let description = described(&data_of(function));
        let (asset, amount, unlimited) = description
            .effects
            .iter()
            .find_map(|effect| match effect {
                Effect::Transfer { asset, amount, .. } => Some((asset, *amount, false)),
                Effect::Approval { asset, amount, unlimited, .. } => Some((asset, *amount, *unlimited)),
                _ => None,
            })
            .unwrap();
        assert_eq!(asset.as_str(), token, "{function}");
        assert!(description.spends.contains(&(asset.clone(), amount)), "{function}");
        let is_approval = !function.starts_with("transfer");
        assert_eq!(unlimited, is_approval && amount >= 1 << 80, "{function}");
    }
    // A unit less than what wallets mean by everything is as much.
    let approved = |amount: u128| {
        let mut data = data_of("approve");
        data[36..52].fill(0);
        data[52..68].copy_from_slice(&amount.to_be_bytes());
        let is_all = |effect: &Effect| matches!(effect, Effect::Approval { unlimited: true, .. });
        described(&data).effects.iter().any(is_all)
    };
    for (amount, is_all) in [((1 << 96) - 1, true), ((1 << 96) - 2, true), (1 << 80, true), ((1 << 80) - 1, false)] {
        assert_eq!(approved(amount), is_all, "{amount}");
    }
    let mut everything = data_of("approve");
    everything[36..].fill(0xff);
    let description = described(&everything);
    let is_unlimited = |effect: &Effect| matches!(effect, Effect::Approval { unlimited: true, amount: u128::MAX, .. });
    assert!(description.effects.iter().any(is_unlimited) && description.to_string().contains("UNLIMITED"), "{description}");
    let all = described(&data_of("setApprovalForAll"));
    assert!(all.effects.iter().any(is_unlimited));
    // The fee is in ether.
    assert!(description.spends.iter().any(|(asset, fee)| asset.as_str() == "eip155:1" && *fee == 100_000_000_000_000));
}

#[test]
fn safe_transaction_is_read_with_the_call_in_it_and_a_delegatecall_is_named() {
    let token = Address::repeat_byte(9);
    let description = described(&safe(token, &data_of("transfer"), 0, 0));
    let [inner] = call(&description).inner.try_into().unwrap();
    let inner: CallDetails = inner;
    assert_eq!((inner.contract.as_str(), inner.is_delegate), (token.to_checksum(None).as_str(), false));
    assert_eq!(inner.function.as_deref(), Some("transfer(address,uint256)"));
    let text = description.to_string();
    assert!(text.contains("> call: call of 0x0909") && text.contains(">   to: 0x"), "{text}");
    let moved = format!("eip155:1/erc20:{}", token.to_checksum(None));
    assert!(description.spends.iter().any(|(asset, _)| asset.as_str() == moved));
    // The attack of 2025: operation 1, and a `transfer` that is code of the attacker.
    let attack = described(&safe(token, &data_of("transfer"), 1, 0));
    assert!(attack.effects.contains(&Effect::Delegatecall { to: token.to_checksum(None) }));
    assert!(attack.to_string().contains("DELEGATECALL of 0x0909"), "{attack}");
    // Its name and its arguments are told, and not believed.
    assert!(undecoded(&attack).unwrap().contains("the delegatecall of 0x0909"));
    assert!(!call(&attack).is_decoded() && call(&attack).inner[0].function.is_some());
    assert!(
        undecoded(&described(&safe(token, &data_of("transfer"), 2, 0))).unwrap().contains("neither a call nor a delegatecall")
    );
    assert!(undecoded(&described(&safe(token, &data_of("transfer"), 0, 1))).unwrap().contains("refund"));
    assert!(undecoded(&described(&safe(token, &[1, 2, 3, 4], 0, 0))).unwrap().contains("not known here"));
    // Calls in calls, to a depth.
    let nested = |depth| (0..depth).fold(data_of("transfer"), |data, _| safe(token, &data, 0, 0));
    assert_eq!(undecoded(&described(&nested(4))), None);
    assert!(undecoded(&described(&nested(5))).unwrap().contains("calls in calls"));
}

#[test]
fn upgrades_and_changes_of_owners_are_effects_and_bundles_are_not_decoded() {
    let has = |data: &[u8], fits: fn(&Effect) -> bool| described(data).effects.iter().any(fits);
    for function in ["upgradeTo", "upgradeToAndCall", "upgrade", "upgradeAndCall", "changeMasterCopy"] {
        assert!(has(&data_of(function), |effect| matches!(effect, Effect::Upgrade { .. })), "{function}");
    }
    for function in [
        "changeAdmin",
        "changeProxyAdmin",
        "transferOwnership",
        "renounceOwnership",
        "acceptOwnership",
        "setOwner",
        "grantRole",
        "revokeRole",
        "renounceRole",
        "addOwnerWithThreshold",
        "removeOwner",
        "swapOwner",
        "changeThreshold",
        "enableModule",
        "disableModule",
        "setGuard",
        "setModuleGuard",
        "setFallbackHandler",
    ] {
        assert!(has(&data_of(function), |effect| matches!(effect, Effect::OwnerChange { .. })), "{function}");
        assert_eq!(undecoded(&described(&data_of(function))), None, "{function}");
    }
    let hash = described(&data_of("approveHash"));
    assert!(undecoded(&hash).unwrap().contains("approveHash(bytes32)"));
    let selector = |signature: &str| alloy_primitives::keccak256(signature)[..4].to_vec();
    for signature in ["execute(bytes,bytes[])", "aggregate3((address,bool,bytes)[])"] {
        let description = described(&[selector(signature), vec![0; 64]].concat());
        assert!(undecoded(&description).unwrap().contains(signature), "{signature}");
        assert!(description.to_string().contains("NOT DECODED"));
    }
}
