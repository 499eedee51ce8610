//! Documents of EIP-712 whose meaning is known here: permissions for tokens, and what the owners of a Safe sign.
//!
//! A document is recognised by its whole type, letter for letter. What its contract makes of it is the contract's.

use alloy_primitives::U256;

use super::{
    super::{
        super::effect::{Asset, Effect},
        call::{Budget, CallDetails, Place, approval, safe},
    },
    Document,
    value::Value,
};

/// ERC-2612.
const PERMIT: &str = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";
/// The one of Dai, from before ERC-2612: all or nothing.
const PERMIT_DAI: &str = "Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)";
/// Permit2.
const PERMIT_SINGLE: &str = "PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)\
                             PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
const PERMIT_BATCH: &str = "PermitBatch(PermitDetails[] details,address spender,uint256 sigDeadline)\
                            PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
const PERMIT_TRANSFER: &str = "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)\
                               TokenPermissions(address token,uint256 amount)";
/// Safe, since version 1.0.0.
const SAFE: &str = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,\
                    address gasToken,address refundReceiver,uint256 nonce)";

/// Adds what the document does, and gives the call that it is, if it is one.
pub(super) fn effects(document: &Document, effects: &mut Vec<Effect>) -> Option<CallDetails> {
    let contract = document.verifying_contract.map(|contract| contract.to_checksum(None));
    effects.extend(contract.iter().cloned().map(|contract| Effect::Call { contract }));
    let (mut call, mut found) = (None, Vec::new());
    if contract.is_none() || known(document, &mut call, &mut found).is_none() {
        call = None;
        let what = format!("what a document of the type {} lets somebody do", document.schema.primary);
        found = vec![Effect::Undecoded { what }];
    }
    effects.append(&mut found);
    call
}

fn known(document: &Document, call: &mut Option<CallDetails>, effects: &mut Vec<Effect>) -> Option<()> {
    let (message, chain) = (&document.message, document.chain_id);
    let field = |name| message.field(name);
    let address = |name| Some(field(name)?.address()?.to_checksum(None));
    let token = |contract: &str| Asset::erc20(chain, contract);
    let contract = document.verifying_contract?.to_checksum(None);
    let kind = document.schema.encode_type(&document.schema.primary);
    match kind.as_str() {
        PERMIT => effects.push(approval(token(&contract), address("spender")?, field("value")?.number()?)),
        PERMIT_DAI => {
            let amount = if *field("allowed")? == Value::Bool(true) { U256::MAX } else { U256::ZERO };
            effects.push(approval(token(&contract), address("spender")?, amount));
        }
        PERMIT_SINGLE | PERMIT_TRANSFER => {
            let permitted = field("details").or_else(|| field("permitted"))?;
            effects.push(permission(permitted, &address("spender")?, &token)?);
        }
        PERMIT_BATCH => {
            let Value::List(details) = field("details")? else { return None };
            for permitted in details {
                effects.push(permission(permitted, &address("spender")?, &token)?);
            }
        }
        SAFE => *call = Some(safe_transaction(document, contract, effects)?),
        _ => return None,
    }
    Some(())
}

fn permission(permitted: &Value, spender: &str, token: &impl Fn(&str) -> Asset) -> Option<Effect> {
    let contract = permitted.field("token")?.address()?.to_checksum(None);
    Some(approval(token(&contract), spender.to_owned(), permitted.field("amount")?.number()?))
}

fn safe_transaction(document: &Document, contract: String, effects: &mut Vec<Effect>) -> Option<CallDetails> {
    let field = |name| document.message.field(name);
    let number = |name| field(name)?.number();
    let Value::Bytes(data) = field("data")? else { return None };
    let mut details = CallDetails::of_safe(contract);
    let to = field("to")?.address()?;
    let budget = Budget::default();
    let outcome = safe(
        to,
        (number("value")?, data),
        (number("operation")?, number("gasPrice")?),
        Place::new(document.chain_id, &budget),
        &mut details,
        effects,
    );
    if let Err(why) = outcome {
        effects.push(Effect::Undecoded { what: format!("a transaction of the Safe {}: {why}", details.contract) });
        details.not_decoded = Some(why);
    }
    Some(details)
}
