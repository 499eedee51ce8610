//! Ethereum transactions: what the sender signs, of EIP-155 (legacy), EIP-2930 (type 1), EIP-1559 (type 2) and EIP-4844 (type 3).
//!
//! What is signed is Keccak-256 of exactly the bytes that travel, so that what [`parse`] reads is what the network will read.
//! [`describe`] tells it, and [`call`] what its data asks a contract to do, as far as [`functions`] knows the function. Documents of
//! EIP-712 are another kind of payload: [`typed`]. Set-code transactions (type 4) are not signed.

use core::fmt;

use alloy_primitives::U256;
use alloy_rlp::{Encodable as _, Header};
use quorate_core::SuiteId;

use super::{Description, KeyUse, Payload, PayloadError, ToSign, check_count, ecdsa, kind};

mod abi;
mod bundle;
mod call;
mod describe;
mod functions;
mod parse;
pub(super) mod typed;

pub use call::CallDetails;
pub use describe::EvmDetails;
pub use parse::EvmError;
use parse::{Fields, Parsed};

/// An unsigned Ethereum transaction, as the bytes whose Keccak-256 is signed.
///
/// For EIP-1559 these are `0x02 ‖ rlp([chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas, gas_limit, to, value, data,
/// access_list])`, for EIP-2930 `0x01 ‖ rlp([chain_id, nonce, gas_price, gas_limit, to, value, data, access_list])`, for EIP-4844 the first
/// of these with type `0x03` and `max_fee_per_blob_gas, blob_versioned_hashes` behind, and for EIP-155 `rlp([nonce, gas_price, gas_limit,
/// to, value, data, chain_id, 0, 0])`. The blobs of EIP-4844 are not signed and do not travel: whoever sends the transaction puts them,
/// their commitments and proofs around it.
///
/// # Security
///
/// The sender is not in it: it is whoever signs, and the description names the address of the key at the path. Of a call's data, the
/// functions that are known here are decoded, and an encoding that a contract could read in another way is not; what is not decoded is
/// named as that, and a policy denies it unless it says otherwise. A contract at an address can do anything under any function's name:
/// a policy that lists tokens and recipients is what speaks of contracts. On rollups, a fee for the data is taken beside the one
/// that is told.
///
/// Spec: [EIP-1559](https://eips.ethereum.org/EIPS/eip-1559), [EIP-2930](https://eips.ethereum.org/EIPS/eip-2930),
/// [EIP-4844](https://eips.ethereum.org/EIPS/eip-4844), [EIP-155](https://eips.ethereum.org/EIPS/eip-155).
#[derive(Clone, PartialEq, Eq)]
pub struct EvmTransaction {
    bytes: Vec<u8>,
    parsed: Parsed,
}

impl fmt::Debug for EvmTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvmTransaction({} bytes)", self.bytes.len())
    }
}

impl EvmTransaction {
    /// Reads an unsigned transaction in binary, or in hexadecimal digits with or without `0x`.
    ///
    /// # Errors
    ///
    /// [`EvmError`] for what is not exactly one transaction in its only encoding.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        if bytes.len() > parse::MAX_TRANSACTION.saturating_mul(2).saturating_add(16) {
            return Err(EvmError::TooLong.into());
        }
        // In binary it starts with 1, 2, 3 or a byte above 0xbf, and none is a digit.
        let bytes = if bytes.first().is_some_and(u8::is_ascii_graphic) {
            let digits = bytes.trim_ascii();
            hex::decode(digits.strip_prefix(b"0x").unwrap_or(digits)).map_err(|_| EvmError::NotHex)?
        } else {
            bytes.to_vec()
        };
        let parsed = Parsed::new(&bytes)?;
        Ok(Self { bytes, parsed })
    }

    /// The unsigned transaction in hexadecimal digits, as other programs print it.
    #[must_use]
    pub fn to_hex(&self) -> String {
        format!("0x{}", hex::encode(&self.bytes))
    }

    fn sender(usage: &KeyUse<'_>) -> Result<bitcoin::secp256k1::PublicKey, PayloadError> {
        if usage.key.suite() != SuiteId::EcdsaSecp256k1 {
            return Err(usage.unsupported(kind::EVM));
        }
        ecdsa::public_key(usage.key, usage.path)
    }
}

impl Payload for EvmTransaction {
    fn kind(&self) -> &'static str {
        kind::EVM
    }

    fn encode(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    fn suite(&self) -> Option<SuiteId> {
        Some(SuiteId::EcdsaSecp256k1)
    }

    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError> {
        let from = ecdsa::ethereum_address(&Self::sender(usage)?);
        Ok(describe::describe(&self.parsed, &from))
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        Self::sender(usage)?;
        Ok(vec![ToSign::ecdsa(ecdsa::keccak(&self.bytes), usage.path.to_vec())])
    }

    /// The signed transaction as the network takes it (`eth_sendRawTransaction`), after it was checked that the key that the
    /// signature recovers to, and so the sender, is the key at the path.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        let sender = Self::sender(usage)?;
        check_count(1, signatures)?;
        let verified = signatures.first().and_then(|bytes| ecdsa::verified(bytes, ecdsa::keccak(&self.bytes), &sender));
        // Ethereum has no place for an r that was reduced.
        let verified = verified.filter(|verified| verified.recovery < 2).ok_or(PayloadError::InvalidSignature { index: 0 })?;
        let (r, s) = (U256::from_be_bytes(verified.r), U256::from_be_bytes(verified.s));
        let parity = u64::from(verified.recovery);
        let (kind, unsigned, v): (&[u8], Vec<u8>, u64) = match &self.parsed.fields {
            Fields::AccessList(fields) => (&[parse::ACCESS_LIST], parse::payload(fields), parity),
            Fields::FeeMarket(fields) => (&[parse::FEE_MARKET], parse::payload(fields), parity),
            Fields::Blob(fields) => (&[parse::BLOB], parse::payload(fields), parity),
            // EIP-155: the last three items give way to the signature. The chain id was checked to leave room.
            Fields::Legacy { call } => {
                (&[], parse::payload(call), self.parsed.chain_id.saturating_mul(2).saturating_add(35 + parity))
            }
        };
        let mut items = unsigned;
        v.encode(&mut items);
        r.encode(&mut items);
        s.encode(&mut items);
        let mut transaction = kind.to_vec();
        Header { list: true, payload_length: items.len() }.encode(&mut transaction);
        transaction.extend(items);
        Ok(transaction)
    }
}
