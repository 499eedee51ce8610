//! The functions of contracts that are known here, by the four bytes with which calls name them.
//!
//! Those four bytes are the first of Keccak-256 of the signature, and computed from it. Different contracts have functions of the same
//! signature that mean something else: `approve(address,uint256)` lets somebody take an amount of a token, or the one collectible of
//! that number. The words of the description say what a token's function does.

use std::{collections::BTreeMap, sync::OnceLock};

use super::{
    super::ecdsa,
    abi::{AbiError, Kind, Value, decode},
};

/// What a function does, as far as policies care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// `amount` of the contract's token goes to `to`.
    Transfer,
    /// `spender` may take `amount`.
    Approve,
    /// `operator` may take everything, if `approved`.
    ApproveAll,
    /// Takes an approval back.
    Harmless,
    /// The account makes a call of its own: `to`, `value`, `data`, `operation`.
    Execute,
    /// Somebody gets or loses control.
    Owner,
    /// The contract, or the one at `proxy`, gets the code of `implementation`, which is called with `data`.
    Upgrade,
    /// The account makes the calls that are packed into `transactions`.
    MultiSend,
    /// The contract is called with each of `calls` in turn, by the same caller.
    Multicall,
    /// Does several things at once, or one that is named by a hash, and they are not decoded here.
    Opaque,
}

/// The signatures. The names of parameters are those that effects are read from, not always those of the contract.
const FUNCTIONS: &[(&str, Meaning)] = &[
    // ERC-20, ERC-721, ERC-2612
    ("transfer(address to,uint256 amount)", Meaning::Transfer),
    ("transferFrom(address from,address to,uint256 amount)", Meaning::Transfer),
    ("safeTransferFrom(address from,address to,uint256 amount)", Meaning::Transfer),
    ("approve(address spender,uint256 amount)", Meaning::Approve),
    ("increaseAllowance(address spender,uint256 amount)", Meaning::Approve),
    ("decreaseAllowance(address spender,uint256 amount)", Meaning::Harmless),
    ("permit(address owner,address spender,uint256 amount,uint256 deadline,uint8 v,bytes32 r,bytes32 s)", Meaning::Approve),
    ("setApprovalForAll(address operator,bool approved)", Meaning::ApproveAll),
    // Safe
    (
        "execTransaction(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,\
         address gasToken,address refundReceiver,bytes signatures)",
        Meaning::Execute,
    ),
    ("execTransactionFromModule(address to,uint256 value,bytes data,uint8 operation)", Meaning::Execute),
    ("execTransactionFromModuleReturnData(address to,uint256 value,bytes data,uint8 operation)", Meaning::Execute),
    ("multiSend(bytes transactions)", Meaning::MultiSend),
    ("addOwnerWithThreshold(address owner,uint256 threshold)", Meaning::Owner),
    ("removeOwner(address previous,address removed,uint256 threshold)", Meaning::Owner),
    ("swapOwner(address previous,address removed,address owner)", Meaning::Owner),
    ("changeThreshold(uint256 threshold)", Meaning::Owner),
    ("enableModule(address owner)", Meaning::Owner),
    ("disableModule(address previous,address removed)", Meaning::Owner),
    ("setGuard(address owner)", Meaning::Owner),
    ("setModuleGuard(address owner)", Meaning::Owner),
    ("setFallbackHandler(address owner)", Meaning::Owner),
    ("changeMasterCopy(address implementation)", Meaning::Upgrade),
    ("approveHash(bytes32 hash)", Meaning::Opaque),
    // Tokens and exchanges
    ("multicall(bytes[] calls)", Meaning::Multicall),
    ("multicall(uint256 deadline,bytes[] calls)", Meaning::Multicall),
    ("multicall(bytes32 previous,bytes[] calls)", Meaning::Multicall),
    // Owners and roles
    ("transferOwnership(address owner)", Meaning::Owner),
    ("renounceOwnership()", Meaning::Owner),
    ("acceptOwnership()", Meaning::Owner),
    ("setOwner(address owner)", Meaning::Owner),
    ("grantRole(bytes32 role,address owner)", Meaning::Owner),
    ("revokeRole(bytes32 role,address removed)", Meaning::Owner),
    ("renounceRole(bytes32 role,address removed)", Meaning::Owner),
    // Proxies and their administrators
    ("upgradeTo(address implementation)", Meaning::Upgrade),
    ("upgradeToAndCall(address implementation,bytes data)", Meaning::Upgrade),
    ("upgrade(address proxy,address implementation)", Meaning::Upgrade),
    ("upgradeAndCall(address proxy,address implementation,bytes data)", Meaning::Upgrade),
    ("changeAdmin(address owner)", Meaning::Owner),
    ("changeProxyAdmin(address proxy,address owner)", Meaning::Owner),
];

/// Functions of which the name is told and nothing else.
const NAMES: &[&str] = &[
    "aggregate((address,bytes)[])",
    "aggregate3((address,bool,bytes)[])",
    "tryAggregate(bool,(address,bytes)[])",
    "execute(bytes,bytes[])",
    "execute(bytes,bytes[],uint256)",
    "execute(address,uint256,bytes)",
    "executeBatch(address[],uint256[],bytes[])",
    "safeTransferFrom(address,address,uint256,bytes)",
    "setup(address[],uint256,address,bytes,address,address,uint256,address)",
];

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    /// As it is hashed: the name and the types.
    pub(super) signature: String,
    pub(super) meaning: Meaning,
    parameters: Vec<(Kind, &'static str)>,
}

/// A call's arguments, by name.
#[derive(Debug)]
pub(super) struct Arguments(Vec<(&'static str, Value)>);

impl Function {
    /// The function that the first bytes of a call's data name.
    pub(super) fn named_by(selector: [u8; 4]) -> Option<&'static Self> {
        static TABLE: OnceLock<BTreeMap<[u8; 4], Function>> = OnceLock::new();
        TABLE.get_or_init(table).get(&selector)
    }

    /// Reads what follows them.
    pub(super) fn decode(&self, arguments: &[u8]) -> Result<Arguments, AbiError> {
        let kinds: Vec<Kind> = self.parameters.iter().map(|(kind, _)| *kind).collect();
        let values = decode(&kinds, arguments)?;
        Ok(Arguments(self.parameters.iter().map(|(_, name)| *name).zip(values).collect()))
    }

    /// Reads a signature with names of parameters; nothing if a type is not known here.
    fn parse(text: &'static str, meaning: Meaning) -> Option<Self> {
        let (name, rest) = text.split_once('(')?;
        let parameters = rest.strip_suffix(')')?.split(',').filter(|parameter| !parameter.is_empty());
        let parameters = parameters.map(|parameter| {
            let (kind, name) = parameter.split_once(' ')?;
            Some((kind, Kind::named(kind)?, name))
        });
        let parameters: Vec<_> = parameters.collect::<Option<_>>()?;
        let kinds: Vec<_> = parameters.iter().map(|(kind, ..)| *kind).collect();
        let signature = format!("{name}({})", kinds.join(","));
        Some(Self { signature, meaning, parameters: parameters.into_iter().map(|(_, kind, name)| (kind, name)).collect() })
    }
}

impl Arguments {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(super) fn address(&self, name: &str) -> Option<alloy_primitives::Address> {
        if let Some(Value::Address(address)) = self.value(name) { Some(*address) } else { None }
    }

    pub(super) fn number(&self, name: &str) -> Option<alloy_primitives::U256> {
        if let Some(Value::Uint(number)) = self.value(name) { Some(*number) } else { None }
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        if let Some(Value::Bool(flag)) = self.value(name) { Some(*flag) } else { None }
    }

    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        if let Some(Value::Bytes(bytes)) = self.value(name) { Some(bytes) } else { None }
    }

    pub(super) fn list(&self, name: &str) -> Option<&[Vec<u8>]> {
        if let Some(Value::BytesList(list)) = self.value(name) { Some(list) } else { None }
    }
}

/// The first four bytes of the signature's hash.
pub(super) fn selector(signature: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = ecdsa::keccak(signature.as_bytes());
    [a, b, c, d]
}

fn table() -> BTreeMap<[u8; 4], Function> {
    let decoded = FUNCTIONS.iter().filter_map(|(text, meaning)| Function::parse(text, *meaning));
    let named = NAMES.iter().map(|signature| Function {
        signature: (*signature).to_owned(),
        meaning: Meaning::Opaque,
        parameters: Vec::new(),
    });
    decoded.chain(named).map(|function| (selector(&function.signature), function)).collect()
}

impl Meaning {
    /// Whether the arguments tell what happens.
    pub(super) const fn is_opaque(self) -> bool {
        matches!(self, Self::Opaque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_of_the_tables_is_read_and_has_its_own_selector() {
        assert_eq!(table().len(), FUNCTIONS.len() + NAMES.len());
    }

    #[test]
    fn selectors_are_the_published_ones() {
        for (text, published) in [
            ("transfer(address,uint256)", "a9059cbb"),
            ("transferFrom(address,address,uint256)", "23b872dd"),
            ("approve(address,uint256)", "095ea7b3"),
            ("upgradeTo(address)", "3659cfe6"),
            ("upgradeToAndCall(address,bytes)", "4f1ef286"),
            ("transferOwnership(address)", "f2fde38b"),
            ("multiSend(bytes)", "8d80ff0a"),
            ("execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)", "6a761202"),
        ] {
            assert_eq!(hex::encode(selector(text)), published, "{text}");
            assert_eq!(Function::named_by(selector(text)).map(|function| function.signature.as_str()), Some(text));
        }
    }
}
