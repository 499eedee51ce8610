//! Calls that make several calls: each of them is read and judged as if it were the only one. alloy encodes the lists.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, U256, address, keccak256};
use quorate::{
    payload::{CallDetails, Description, Details, Effect, EvmTransaction, KeyUse, Payload as _},
    policy::Decision,
};

use super::{
    calls::{CONTRACT, calling, data_of, safe},
    keys::EcdsaKey,
};
use crate::policy_content::{denied, evm_call, unlimited};

/// `MultiSendCallOnly` 1.4.1 and 1.3.0, on every chain that has them.
const CALL_ONLY: [Address; 2] =
    [address!("9641d764fc13c8B624c04430C7356C1C7C8102e2"), address!("40A2aCCbd92BCA938b02010E17A5b8929b49130D")];
const TOKEN: Address = Address::repeat_byte(9);

fn described(data: &[u8]) -> (Description, CallDetails) {
    let description = EvmTransaction::parse(&calling(data)).unwrap().describe(&KeyUse::new(&EcdsaKey::new(1), &[])).unwrap();
    let Details::Evm(details) = &description.details else { panic!("{:?}", description.details) };
    let call = details.call.clone().unwrap();
    (description, call)
}

fn undecoded(data: &[u8]) -> Option<String> {
    described(data)
        .0
        .effects
        .into_iter()
        .find_map(|effect| if let Effect::Undecoded { what } = effect { Some(what) } else { None })
}

fn encoded(signature: &str, arguments: Vec<DynSolValue>) -> Vec<u8> {
    [&keccak256(signature)[..4], &DynSolValue::Tuple(arguments).abi_encode_params()].concat()
}

fn list(calls: &[Vec<u8>]) -> DynSolValue {
    DynSolValue::Array(calls.iter().cloned().map(DynSolValue::Bytes).collect())
}

fn multicall(calls: &[Vec<u8>]) -> Vec<u8> {
    encoded("multicall(bytes[])", vec![list(calls)])
}

/// One item of a bundle, as Safe's contract reads it.
fn item(operation: u8, to: Address, value: u64, data: &[u8]) -> Vec<u8> {
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    [&[operation][..], to.as_slice(), &word(value), &word(data.len() as u64), data].concat()
}

fn multi_send(items: &[Vec<u8>]) -> Vec<u8> {
    encoded("multiSend(bytes)", vec![DynSolValue::Bytes(items.concat())])
}

/// A Safe has known code make the calls of a bundle.
fn by_safe(items: &[Vec<u8>]) -> Vec<u8> {
    safe(CALL_ONLY[0], &multi_send(items), 1, 0)
}

/// What the effects of these calls are, each alone.
fn effects_of(calls: &[Vec<u8>]) -> Vec<Effect> {
    calls.iter().flat_map(|call| described(call).0.effects).collect()
}

#[test]
fn calls_of_a_multicall_are_read_as_if_each_were_alone() {
    let calls = [data_of("transfer"), data_of("approve"), data_of("transferOwnership"), unlimited()];
    let word = |number: u64| DynSolValue::Uint(U256::from(number), 256);
    for bundle in [
        multicall(&calls),
        encoded("multicall(uint256,bytes[])", vec![word(1_700_000_000), list(&calls)]),
        encoded("multicall(bytes32,bytes[])", vec![DynSolValue::FixedBytes(keccak256("block"), 32), list(&calls)]),
    ] {
        let (description, call) = described(&bundle);
        assert!(call.is_decoded(), "{:?}", call.not_decoded);
        let functions: Vec<_> = call.inner.iter().filter_map(|inner| inner.function.as_deref()).collect();
        let approve = "approve(address,uint256)";
        assert_eq!(functions, ["transfer(address,uint256)", approve, "transferOwnership(address)", approve]);
        assert!(call.inner.iter().all(|inner| inner.contract == CONTRACT.to_checksum(None) && !inner.is_delegate));
        // The bundle itself is one call more.
        assert_eq!(description.effects[1..], effects_of(&calls));
        assert!(description.to_string().contains("> call: call of 0x3535"), "{description}");
    }
    assert!(described(&multicall(&[])).1.is_decoded(), "nothing happens, and that is known");
    let (description, call) = described(&multicall(&[data_of("transfer"), vec![1, 2, 3, 4]]));
    assert!(!call.is_decoded() && call.inner[1].not_decoded.is_some());
    assert!(description.to_string().contains("NOT DECODED"));
}

#[test]
fn calls_of_a_safes_bundle_are_read_and_foreign_code_stays_foreign() {
    let items = [item(0, TOKEN, 0, &data_of("transfer")), item(0, CONTRACT, 5, &[]), item(1, TOKEN, 0, &data_of("transfer"))];
    for known in CALL_ONLY {
        let (description, call) = described(&safe(known, &multi_send(&items[..2]), 1, 0));
        // The code at this address is known, and yet a delegatecall needs its rule.
        assert!(call.is_decoded() && description.effects.contains(&Effect::Delegatecall { to: known.to_checksum(None) }));
        let bundle = &call.inner[0];
        assert_eq!((bundle.inner.len(), bundle.inner[1].value), (2, 5));
        let coins = |effect: &Effect| matches!(effect, Effect::Transfer { asset, amount: 5, .. } if asset.as_str() == "eip155:1");
        assert!(description.effects.iter().any(coins));
        let token = format!("eip155:1/erc20:{}", TOKEN.to_checksum(None));
        assert!(description.spends.iter().any(|(asset, _)| asset.as_str() == token));
    }
    // The same words at another address can be any code.
    assert!(undecoded(&safe(TOKEN, &multi_send(&items[..2]), 1, 0)).unwrap().contains("its code runs as the account's own"));
    assert!(undecoded(&safe(CALL_ONLY[0], &data_of("transfer"), 1, 0)).is_some(), "another function of known code");
    assert!(
        undecoded(&multi_send(&items[..2])).unwrap().contains("none that is known here"),
        "of a contract that may read it otherwise"
    );
    // What a contract does without data is its own affair as well.
    for empty in [safe(TOKEN, &[], 1, 0), safe(CALL_ONLY[0], &[], 1, 0), by_safe(&[item(1, TOKEN, 0, &[])])] {
        let (description, call) = described(&empty);
        let said = description
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Undecoded { what } if what.contains("delegatecall")));
        assert!(said && !call.is_decoded());
    }
    // And so can the delegatecall in a bundle.
    let nested = undecoded(&safe(CALL_ONLY[0], &multi_send(&items), 1, 0)).unwrap();
    assert!(nested.contains("the delegatecall of 0x0909"), "{nested}");
}

#[test]
fn bundles_that_could_be_read_in_another_way_are_not_decoded() {
    let items = [item(0, TOKEN, 0, &data_of("transfer")), item(0, CONTRACT, 5, &[7; 40])];
    let whole = items.concat();
    for length in 1..whole.len() {
        let cut = by_safe(&[whole[..length].to_vec()]);
        assert_eq!(undecoded(&cut).is_none(), length == items[0].len(), "{length}");
    }
    for (wrong, words) in [
        (item(2, TOKEN, 0, &[]), "neither a call nor a delegatecall, at byte 153"),
        (item(0, Address::ZERO, 0, &[]), "the zero address"),
        (vec![0], "cut off in the call at its byte 153"),
        ([&item(0, TOKEN, 0, &[])[..53], &[0xff; 32]].concat(), "cut off"),
    ] {
        let said = undecoded(&by_safe(&[items[0].clone(), wrong])).unwrap();
        assert!(said.contains(words), "{said}");
    }
    let calls = [data_of("transfer"), data_of("approve"), vec![]];
    let good = multicall(&calls);
    assert_eq!(undecoded(&good), None);
    let words = (good.len() - 4) / 32;
    // Every offset and length of the list, one off and far off; lengths of data that still fits are other data.
    for place in [0, 1, 2, 3, 4] {
        for to in [0, 31, 33, 64, 1 << 20, u64::MAX] {
            let mut data = good.clone();
            let word = U256::from(to).to_be_bytes::<32>();
            if data[4 + 32 * place..][..32] != word {
                data[4 + 32 * place..][..32].copy_from_slice(&word);
                assert!(undecoded(&data).is_some(), "{place} of {words}: {to}");
            }
        }
    }
    for wrong in [&good[..good.len() - 1], &good[..good.len() - 32], &[&good[..], &[0; 32]].concat()] {
        assert!(undecoded(wrong).is_some());
    }
}

#[test]
fn bundles_have_limits_of_depth_and_count() {
    let deep = |depth| (0..depth).fold(data_of("transfer"), |data, _| multicall(&[data]));
    assert_eq!(undecoded(&deep(4)), None);
    assert!(undecoded(&deep(5)).unwrap().contains("more than 4 deep"));
    let wide = |count| multicall(&vec![data_of("transfer"); count]);
    assert_eq!(undecoded(&wide(64)), None);
    assert!(undecoded(&wide(65)).unwrap().contains("more than 64 in all"));
    // Counted over all bundles together, and looked at no further; a delegatecall behind them is still named.
    assert!(undecoded(&multicall(&[wide(31), wide(32)])).unwrap().contains("more than 64 in all"));
    assert_eq!(undecoded(&multicall(&[wide(31), wide(31)])), None);
    let mut items = vec![item(0, TOKEN, 0, &data_of("transfer")); 64];
    items.push(item(1, TOKEN, 0, &[]));
    let (description, _) = described(&multi_send(&items));
    assert!(description.effects.contains(&Effect::Delegatecall { to: TOKEN.to_checksum(None) }));
}

#[test]
fn policy_judges_every_call_of_a_bundle() {
    let harmless = data_of("transfer");
    assert_eq!(evm_call("", &multicall(&[harmless.clone(), harmless.clone()])), Decision::Allow);
    for (rule, call) in [
        ("calls.unlimited_approval", unlimited()),
        ("calls.upgrade", data_of("upgradeTo")),
        ("calls.owner_change", data_of("transferOwnership")),
        ("evm.not_decoded", vec![1, 2, 3, 4]),
    ] {
        let named = format!("(rule {rule})");
        denied(&evm_call("", &multicall(&[harmless.clone(), call.clone()])), &[&named]);
        denied(&evm_call("", &multi_send(&[item(0, TOKEN, 0, &harmless), item(0, TOKEN, 0, &call)])), &[&named]);
    }
    // A Safe's bundle by known code needs the rule for delegatecalls and no other.
    let of_safe = |call: &[u8]| safe(CALL_ONLY[0], &multi_send(&[item(0, TOKEN, 0, &harmless), item(0, TOKEN, 0, call)]), 1, 0);
    let delegatecall = "[calls]\ndelegatecall = \"allow\"\n";
    denied(&evm_call("", &of_safe(&harmless)), &["(rule calls.delegatecall)"]);
    assert_eq!(evm_call(delegatecall, &of_safe(&harmless)), Decision::Allow);
    denied(&evm_call(delegatecall, &of_safe(&unlimited())), &["(rule calls.unlimited_approval)"]);
    denied(&evm_call(delegatecall, &safe(TOKEN, &[], 1, 0)), &["(rule evm.not_decoded)"]);
    // Half of everything twice, to one spender.
    let half = |spender: u8| {
        let mut data = data_of("approve");
        data[16..36].fill(spender);
        data[36..].fill(0);
        data[36 + 32 - 10] = 0x80;
        data
    };
    denied(&evm_call("", &multicall(&[half(5), half(5)])), &["(rule calls.unlimited_approval)"]);
    assert_eq!(evm_call("", &multicall(&[half(5), half(6)])), Decision::Allow);
    denied(
        &evm_call(delegatecall, &safe(TOKEN, &multi_send(&[item(0, TOKEN, 0, &harmless)]), 1, 0)),
        &["(rule evm.not_decoded)"],
    );
    // What all of them move together counts against a limit, and who gets it against a list.
    let token = CONTRACT.to_checksum(None);
    let amount = |data: &[u8]| U256::from_be_slice(&data[36..68]).to::<u128>();
    let max = |max: u128| {
        format!("[assets.\"eip155:1\"]\nmax = \"1000000000000000000\"\n[assets.\"eip155:1/erc20:{token}\"]\nmax = \"{max}\"")
    };
    let both = multicall(&[harmless.clone(), harmless.clone()]);
    assert_eq!(evm_call(&max(2 * amount(&harmless)), &both), Decision::Allow);
    denied(&evm_call(&max(2 * amount(&harmless) - 1), &both), &[".max)"]);
    let to = Address::from_slice(&harmless[16..36]).to_checksum(None);
    denied(&evm_call(&format!("[addresses]\ndeny = [\"{to}\"]"), &both), &["(rule addresses.deny)"]);
}
