//! What a call's data asks a contract to do, and what the calls do that it makes in turn.

use core::cell::Cell;
use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};

use super::{
    super::{
        description::hex,
        effect::{Asset, Effect},
    },
    abi::Value,
    bundle,
    functions::{Arguments, Function, Meaning},
};

/// How deep calls in calls are decoded.
const MAX_DEPTH: usize = 4;
/// How many calls in calls are decoded in all: more than anybody looks at.
const MAX_CALLS: usize = 64;
/// From here on, 2⁸⁰, an approval has no limit in practice: 1.2 million whole tokens of 18 decimals. Whoever wants everything without
/// saying so must stay far below what wallets and tokens mean by everything (2⁹⁶ − 1, 2¹⁶⁰ − 1, 2²⁵⁶ − 1), and not one unit.
const UNLIMITED: U256 = U256::from_limbs([0, 1 << 16, 0, 0]);
/// Why a delegatecall is not decoded, whatever function it names.
const FOREIGN_CODE: &str = "its code runs as the account's own, and does what it likes under a function's name";
/// Why a bundle is not decoded at a contract that is not one of Safe's.
const OTHER_BUNDLER: &str = "the contract is none that is known here to read bundles like this";
/// How many bytes of an argument are shown.
const SHOWN: usize = 64;

/// A call of a contract, as far as it is decoded here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallDetails {
    /// Who is called.
    pub contract: String,
    /// What goes with it, in wei.
    pub value: u128,
    /// Whether the contract's code runs as if it were the caller's own.
    pub is_delegate: bool,
    /// The signature of the function, if it is known here: its name and types.
    pub function: Option<String>,
    /// Its arguments, by name.
    pub arguments: Vec<(&'static str, String)>,
    /// Why it is not decoded, if it is not.
    pub not_decoded: Option<String>,
    /// The calls that this one makes, in their order.
    pub inner: Vec<Self>,
}

/// How many calls in calls were decoded of one transaction, or document.
#[derive(Debug, Default)]
pub(super) struct Budget(Cell<usize>);

/// Where a call happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// On which chain; not known of a document that names none.
    pub(super) chain_id: Option<u64>,
    depth: usize,
    budget: &'a Budget,
}

/// A call as its caller makes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) to: Address,
    pub(super) value: U256,
    pub(super) data: &'a [u8],
    pub(super) is_delegate: bool,
}

impl<'a> Place<'a> {
    pub(super) const fn new(chain_id: Option<u64>, budget: &'a Budget) -> Self {
        Self { chain_id, depth: 0, budget }
    }

    /// The place of a call in a call, if it is still decoded.
    fn within(self) -> Result<Self, String> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH {
            return Err(format!("it makes calls in calls, more than {MAX_DEPTH} deep"));
        }
        let calls = self.budget.0.get().saturating_add(1);
        if calls > MAX_CALLS {
            return Err(format!("it makes calls in calls, more than {MAX_CALLS} in all"));
        }
        self.budget.0.set(calls);
        Ok(Self { depth, ..self })
    }

    fn coin(self) -> Asset {
        Asset::coin(self.chain_id)
    }

    fn token(self, contract: &str) -> Asset {
        Asset::erc20(self.chain_id, contract)
    }
}

impl Call<'_> {
    /// Decodes it, and adds what it does.
    pub(super) fn read(self, place: Place<'_>, effects: &mut Vec<Effect>) -> CallDetails {
        let contract = self.to.to_checksum(None);
        let mut details = CallDetails {
            contract: contract.clone(),
            value: self.value.saturating_to(),
            is_delegate: self.is_delegate,
            function: None,
            arguments: Vec::new(),
            not_decoded: None,
            inner: Vec::new(),
        };
        if self.is_delegate {
            effects.push(Effect::Delegatecall { to: contract.clone() });
        } else if !self.value.is_zero() || self.data.is_empty() {
            effects.push(Effect::Transfer { asset: place.coin(), to: contract.clone(), amount: details.value });
        }
        if self.data.is_empty() {
            if self.is_delegate {
                // The contract's own code for calls without data runs, whatever it is.
                foreign(&mut details, effects);
            }
            return details;
        }
        effects.push(Effect::Call { contract: contract.clone() });
        if let Err(why) = self.decode(place, &mut details, effects) {
            let name = details.function.clone().unwrap_or_else(|| self.selector());
            effects.push(Effect::Undecoded { what: format!("the call {name} of {contract}: {why}") });
            details.not_decoded = Some(why);
        } else if self.is_delegate && !bundle::is_known(self.to, details.function.as_deref()) {
            // What the function is called is the callee's word, and the callee is not a contract that the account holds tokens of.
            foreign(&mut details, effects);
        }
        details
    }

    fn selector(&self) -> String {
        self.data.get(..4).map_or_else(|| "without a selector".to_owned(), |selector| format!("0x{}", hex(selector)))
    }

    fn decode(&self, place: Place<'_>, details: &mut CallDetails, effects: &mut Vec<Effect>) -> Result<(), String> {
        let (selector, arguments) =
            self.data.split_first_chunk::<4>().ok_or_else(|| "it has fewer bytes than name a function".to_owned())?;
        let function = Function::named_by(*selector).ok_or_else(|| "the function is not known here".to_owned())?;
        details.function = Some(function.signature.clone());
        if function.meaning.is_opaque() && function.signature != APPROVE_HASH {
            return Err("what it does stands in its arguments, which are not decoded here".to_owned());
        }
        let arguments = function.decode(arguments).map_err(|error| error.to_string())?;
        details.arguments = arguments.iter().map(|(name, value)| (name, show(name, value))).collect();
        self.judge(function, &arguments, place, details, effects).unwrap_or_else(|| Err("an argument is missing".to_owned()))
    }

    /// Adds what the function does; nothing only if the table of functions contradicts itself.
    fn judge(
        &self,
        function: &Function,
        arguments: &Arguments,
        place: Place<'_>,
        details: &mut CallDetails,
        effects: &mut Vec<Effect>,
    ) -> Option<Result<(), String>> {
        let contract = details.contract.clone();
        let address = |name| arguments.address(name).map(|address| address.to_checksum(None));
        match function.meaning {
            Meaning::Harmless => {}
            Meaning::Transfer => {
                let (asset, amount) = (place.token(&contract), arguments.number("amount")?.saturating_to());
                effects.push(Effect::Transfer { asset, to: address("to")?, amount });
            }
            Meaning::Approve => {
                effects.push(approval(place.token(&contract), address("spender")?, arguments.number("amount")?));
            }
            Meaning::ApproveAll => {
                if arguments.flag("approved")? {
                    effects.push(approval(place.token(&contract), address("operator")?, U256::MAX));
                }
            }
            Meaning::Owner => {
                let contract = address("proxy").unwrap_or(contract);
                effects.push(Effect::OwnerChange { contract, method: function.signature.clone(), owner: address("owner") });
            }
            Meaning::Upgrade => {
                let (contract, code) = (address("proxy").unwrap_or(contract), address("implementation")?);
                effects.push(Effect::Upgrade { contract, code: code.clone() });
                if let Some(data) = arguments.bytes("data").filter(|data| !data.is_empty()) {
                    let to = arguments.address("implementation")?;
                    let inner = Call { to, value: U256::ZERO, data, is_delegate: true };
                    return Some(nested(inner, place, details, effects));
                }
            }
            Meaning::Execute => return execute(arguments, place, details, effects),
            Meaning::MultiSend => {
                let calls = bundle::packed(arguments.bytes("transactions")?);
                let read = calls.and_then(|calls| nested_all(calls, place, details, effects));
                let known = bundle::is_known(self.to, Some(&function.signature));
                return Some(read.and_then(|()| if known || self.is_delegate { Ok(()) } else { Err(OTHER_BUNDLER.to_owned()) }));
            }
            Meaning::Multicall => {
                let list = arguments.list("calls")?.iter();
                let calls = list.map(|data| Call { to: self.to, value: U256::ZERO, data, is_delegate: self.is_delegate });
                return Some(nested_all(calls, place, details, effects));
            }
            Meaning::Opaque => return Some(Err("it approves what has this hash, and nobody can tell what that is".to_owned())),
        }
        Some(Ok(()))
    }
}

const APPROVE_HASH: &str = "approveHash(bytes32)";

/// A transaction of a Safe: its arguments, and those of the document that its owners sign, have the same names.
fn execute(
    arguments: &Arguments,
    place: Place<'_>,
    details: &mut CallDetails,
    effects: &mut Vec<Effect>,
) -> Option<Result<(), String>> {
    let (to, value, data) = (arguments.address("to")?, arguments.number("value")?, arguments.bytes("data")?);
    let gas_price = arguments.number("gasPrice").unwrap_or(U256::ZERO);
    Some(safe(to, (value, data), (arguments.number("operation")?, gas_price), place, details, effects))
}

/// What a Safe does when it executes.
pub(super) fn safe(
    to: Address,
    (value, data): (U256, &[u8]),
    (operation, gas_price): (U256, U256),
    place: Place<'_>,
    details: &mut CallDetails,
    effects: &mut Vec<Effect>,
) -> Result<(), String> {
    if operation > U256::from(1) {
        return Err("its operation is neither a call nor a delegatecall".to_owned());
    }
    if !gas_price.is_zero() {
        let what = format!("{} pays a refund for gas, of which nobody can tell the amount", details.contract);
        effects.push(Effect::Undecoded { what });
    }
    nested(Call { to, value, data, is_delegate: !operation.is_zero() }, place, details, effects)
}

fn nested(call: Call<'_>, place: Place<'_>, details: &mut CallDetails, effects: &mut Vec<Effect>) -> Result<(), String> {
    let within = place.within().inspect_err(|_| {
        // What is not looked into can still be named.
        if call.is_delegate {
            effects.push(Effect::Delegatecall { to: call.to.to_checksum(None) });
        }
    })?;
    details.inner.push(call.read(within, effects));
    Ok(())
}

/// Says of a delegatecall that nobody can tell what it does.
fn foreign(details: &mut CallDetails, effects: &mut Vec<Effect>) {
    effects.push(Effect::Undecoded { what: format!("the delegatecall of {}: {FOREIGN_CODE}", details.contract) });
    details.not_decoded = Some(FOREIGN_CODE.to_owned());
}

/// Reads all calls of a bundle, also those behind one that is too many, and tells the first problem.
fn nested_all<'a>(
    calls: impl IntoIterator<Item = Call<'a>>,
    place: Place<'_>,
    details: &mut CallDetails,
    effects: &mut Vec<Effect>,
) -> Result<(), String> {
    calls.into_iter().map(|call| nested(call, place, details, effects)).fold(Ok(()), Result::and)
}

/// Several approvals of one asset to one spender are as good as one of their sum.
pub(super) fn approvals_together(effects: &mut [Effect]) {
    let mut sums = BTreeMap::<(Asset, String), u128>::new();
    for effect in &*effects {
        if let Effect::Approval { asset, spender, amount, .. } = effect {
            let sum = sums.entry((asset.clone(), spender.clone())).or_default();
            *sum = sum.saturating_add(*amount);
        }
    }
    for effect in effects {
        if let Effect::Approval { asset, spender, unlimited, .. } = effect {
            let sum = sums.get(&(asset.clone(), spender.clone()));
            *unlimited |= sum.is_some_and(|sum| U256::from(*sum) >= UNLIMITED);
        }
    }
}

/// Somebody may take so much.
pub(super) fn approval(asset: Asset, spender: String, amount: U256) -> Effect {
    Effect::Approval { asset, spender, amount: amount.saturating_to(), unlimited: amount >= UNLIMITED }
}

/// An argument for people.
fn show(name: &str, value: &Value) -> String {
    match value {
        Value::Address(address) => address.to_checksum(None),
        Value::Bool(flag) => flag.to_string(),
        Value::Uint(number) if name == "operation" => match number.saturating_to::<u64>() {
            0 => "0 (call)".to_owned(),
            1 => "1 (DELEGATECALL: the code runs as if it were the account's own)".to_owned(),
            _ => format!("{number} (unknown)"),
        },
        Value::Uint(number) if name == "amount" && *number >= UNLIMITED => format!("{number} (UNLIMITED)"),
        Value::Uint(number) => number.to_string(),
        Value::Bytes32(word) => format!("0x{}", hex(word)),
        Value::Bytes(bytes) => match bytes.get(..SHOWN) {
            Some(first) if bytes.len() > SHOWN => format!("{} bytes, 0x{}…", bytes.len(), hex(first)),
            _ => format!("{} bytes, 0x{}", bytes.len(), hex(bytes)),
        },
        Value::BytesList(list) => format!("{} calls", list.len()),
    }
}

impl CallDetails {
    /// What a Safe is told by a document that its owners sign.
    pub(super) fn of_safe(contract: String) -> Self {
        let function = Some("SafeTx, signed by its owners".to_owned());
        Self { contract, value: 0, is_delegate: false, function, arguments: Vec::new(), not_decoded: None, inner: Vec::new() }
    }

    /// Whether it is decoded, and the call that it makes too.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        self.not_decoded.is_none() && self.inner.iter().all(Self::is_decoded)
    }

    /// The lines that tell it, each with a label; inner calls are marked.
    pub(super) fn lines(&self, mark: &str) -> Vec<(String, String)> {
        let how = if self.is_delegate { "DELEGATECALL of" } else { "call of" };
        let value = if self.value == 0 { String::new() } else { format!(", with {} wei", self.value) };
        let function = self.function.as_deref().unwrap_or("nothing that is known here");
        let function = if self.function.is_none() && self.not_decoded.is_none() { "no function" } else { function };
        let mut lines = vec![(format!("{mark}call"), format!("{how} {}: {function}{value}", self.contract))];
        lines.extend(self.arguments.iter().map(|(name, value)| (format!("{mark}  {name}"), value.clone())));
        if let Some(why) = &self.not_decoded {
            lines.push((format!("{mark}  NOT DECODED"), format!("{why}; nobody can tell what it does")));
        }
        lines.extend(self.inner.iter().flat_map(|inner| inner.lines(&format!("{mark}> "))));
        lines
    }
}
