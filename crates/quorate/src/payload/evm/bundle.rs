//! Calls that make several calls: Safe's `multiSend`, and the `multicall` of tokens and exchanges.
//!
//! A bundle is read strictly, and whole: bytes that a contract could read in another way make all of it not decoded. Each call in it is then
//! read and judged as if it were the only one.

use alloy_primitives::{Address, U256, address};

use super::call::Call;

/// The bytes of an item before its data: operation, recipient, value and length.
const ITEM: usize = 1 + 20 + 32 + 32;

/// The contracts named `MultiSendCallOnly`, which do what their argument says and nothing else. They stand at these addresses on every chain
/// that has them, since an address is a hash of the code that makes the contract there.
///
/// Source: safe-global/safe-deployments, `src/assets/v1.3.0/multi_send_call_only.json` (canonical, eip155) and `v1.4.1`.
const MULTI_SEND_CALL_ONLY: [Address; 3] = [
    address!("40A2aCCbd92BCA938b02010E17A5b8929b49130D"),
    address!("A1dabEF33b3B82c7814B6D82A79e50F4AC44102B"),
    address!("9641d764fc13c8B624c04430C7356C1C7C8102e2"),
];

/// Whether the function at the address is known to make the calls of a bundle in its caller's name, and no others.
pub(super) fn is_known(to: Address, function: Option<&str>) -> bool {
    function == Some("multiSend(bytes)") && MULTI_SEND_CALL_ONLY.contains(&to)
}

/// The calls in the argument of `multiSend`: packed one behind another.
pub(super) fn packed(mut bytes: &[u8]) -> Result<Vec<Call<'_>>, String> {
    let whole = bytes.len();
    let mut calls = Vec::new();
    while !bytes.is_empty() {
        let at = whole.saturating_sub(bytes.len());
        let (call, rest) = item(bytes).ok_or_else(|| format!("the bundle is cut off in the call at its byte {at}"))?;
        calls.push(call.map_err(|why| format!("{why}, at byte {at} of the bundle"))?);
        bytes = rest;
    }
    Ok(calls)
}

type Item<'a> = (Result<Call<'a>, &'static str>, &'a [u8]);

fn item(bytes: &[u8]) -> Option<Item<'_>> {
    let (head, rest) = bytes.split_at_checked(ITEM)?;
    let (operation, head) = head.split_first()?;
    let (to, head) = head.split_at_checked(20)?;
    let (value, length) = head.split_at_checked(32)?;
    let length = usize::try_from(U256::try_from_be_slice(length)?).ok()?;
    let (data, rest) = rest.split_at_checked(length)?;
    let to = Address::try_from(to).ok()?;
    let call = match operation {
        0 | 1 if to.is_zero() => Err("a call of the zero address, which some versions take for the account itself"),
        0 | 1 => Ok(Call { to, value: U256::try_from_be_slice(value)?, data, is_delegate: *operation == 1 }),
        _ => Err("an operation that is neither a call nor a delegatecall"),
    };
    Some((call, rest))
}
