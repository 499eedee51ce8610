//! Documents of EIP-712: what Ethereum's wallets sign beside transactions.
//!
//! The whole document travels, as JSON, and each cosigner computes the domain separator and the hash of the struct from it. It is read
//! more strictly than wallets read it: [`json`] refuses what can be read in two ways, [`schema`] types that contain themselves or that
//! nothing uses, [`value`] fields without a type or a value. [`known`] tells what documents do that are known here.

use core::fmt;

use alloy_primitives::Address;
use quorate_core::SuiteId;

use super::{
    super::{
        Description, Details, KeyUse, Payload, PayloadError, ToSign,
        description::hex,
        ecdsa,
        effect::{Effect, spends},
        kind, message,
    },
    call::{CallDetails, approvals_together},
    describe,
};

mod error;
mod json;
mod known;
mod schema;
mod value;

pub use error::TypedDataError;
use json::{Json, field};
use schema::{DOMAIN, Schema};
use value::{Value, Values, quoted};

/// The longest document, in bytes.
const MAX_DOCUMENT: usize = 128 * 1024;
const PARTS: [&str; 4] = ["types", "primaryType", "domain", "message"];

/// A document of EIP-712.
///
/// # Security
///
/// A signature on a document moves money as a transaction does: a permission for a token, an order, what the owners of a Safe sign. The
/// description shows every value, and what the documents do that are known here; a policy denies all others unless it says
/// otherwise. A domain that names no chain makes a signature valid on all of them.
///
/// Spec: [EIP-712](https://eips.ethereum.org/EIPS/eip-712).
#[derive(Clone, PartialEq, Eq)]
pub struct TypedData {
    canonical: Vec<u8>,
    document: Document,
}

/// A document, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Document {
    schema: Schema,
    domain: Value,
    message: Value,
    chain_id: Option<u64>,
    verifying_contract: Option<Address>,
}

/// A document of EIP-712 for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypedDataDetails {
    /// The chain that the domain names.
    pub chain_id: Option<u64>,
    /// The contract that the domain names.
    pub verifying_contract: Option<String>,
    /// The name of the message's type.
    pub primary_type: String,
    /// The hash of the domain.
    pub domain_separator: [u8; 32],
    /// The hash of the message.
    pub struct_hash: [u8; 32],
    /// What it has a Safe do, if it is a Safe's transaction.
    pub call: Option<CallDetails>,
}

impl fmt::Debug for TypedData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedData({}, {} bytes)", self.document.schema.primary, self.canonical.len())
    }
}

impl TypedData {
    /// Reads a document, in the JSON of `eth_signTypedData_v4`. It travels in one spelling of it, without spaces and in the order of the types.
    ///
    /// # Errors
    ///
    /// [`TypedDataError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        if bytes.len() > MAX_DOCUMENT {
            return Err(TypedDataError::TooLong { limit: MAX_DOCUMENT }.into());
        }
        let document = Document::read(&Json::parse(bytes)?)?;
        let canonical = document.json().into_bytes();
        // Some values get longer in their one spelling.
        if canonical.len() > MAX_DOCUMENT {
            return Err(TypedDataError::TooLong { limit: MAX_DOCUMENT }.into());
        }
        Ok(Self { canonical, document })
    }

    /// Keccak-256 of `0x1901`, the domain separator and the hash of the message.
    fn to_sign(&self, usage: &KeyUse<'_>) -> Result<[u8; 32], PayloadError> {
        if usage.key.suite() != SuiteId::EcdsaSecp256k1 {
            return Err(usage.unsupported(kind::TYPED_DATA));
        }
        let (domain, message) = self.document.hashes();
        Ok(ecdsa::keccak(&[&[0x19, 0x01][..], &domain, &message].concat()))
    }
}

impl Document {
    fn read(json: &Json) -> Result<Self, TypedDataError> {
        let wrong = |found: &str| TypedDataError::Parts { found: found.to_owned() };
        let parts = json.object().ok_or_else(|| wrong("the document"))?;
        if let Some((unknown, _)) = parts.iter().find(|(key, _)| !PARTS.contains(&key.as_str())) {
            return Err(wrong(unknown));
        }
        let part = |name| field(parts, name).ok_or_else(|| wrong(name));
        let primary = part("primaryType")?.text().ok_or_else(|| wrong("primaryType"))?;
        let schema = Schema::parse(part("types")?, primary)?;
        let mut values = Values::new(&schema);
        let domain = values.structure(DOMAIN, part("domain")?, "domain", 0)?;
        let message = values.structure(primary, part("message")?, "message", 0)?;
        let chain_id = domain.field("chainId").and_then(Value::number);
        let chain_id =
            chain_id.map(|id| u64::try_from(id).ok().filter(|id| *id != 0).ok_or(TypedDataError::ChainId)).transpose()?;
        let verifying_contract = domain.field("verifyingContract").and_then(Value::address);
        Ok(Self { domain, message, chain_id, verifying_contract, schema })
    }

    /// Of the domain and of the message.
    fn hashes(&self) -> ([u8; 32], [u8; 32]) {
        (self.domain.encode(&self.schema), self.message.encode(&self.schema))
    }

    /// The document in its one spelling: types sorted by name, fields in the order of their types.
    fn json(&self) -> String {
        let types = self.schema.structs().map(|(name, fields)| {
            let fields = fields
                .iter()
                .map(|field| format!("{{\"name\":{},\"type\":{}}}", quoted(&field.name), quoted(&field.kind.to_string())));
            format!("{}:[{}]", quoted(name), fields.collect::<Vec<_>>().join(","))
        });
        let types = types.collect::<Vec<_>>().join(",");
        let (primary, domain, message) = (quoted(&self.schema.primary), self.domain.json(), self.message.json());
        format!("{{\"types\":{{{types}}},\"primaryType\":{primary},\"domain\":{domain},\"message\":{message}}}")
    }
}

impl Payload for TypedData {
    fn kind(&self) -> &'static str {
        kind::TYPED_DATA
    }

    fn encode(&self) -> Vec<u8> {
        self.canonical.clone()
    }

    fn suite(&self) -> Option<SuiteId> {
        Some(SuiteId::EcdsaSecp256k1)
    }

    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError> {
        self.to_sign(usage)?;
        let from = ecdsa::ethereum_address(&ecdsa::public_key(usage.key, usage.path)?).to_checksum(None);
        let (document, (domain_separator, struct_hash)) = (&self.document, self.document.hashes());
        let mut effects = Vec::new();
        let call = known::effects(document, &mut effects);
        approvals_together(&mut effects);
        let contract = document.verifying_contract.map(|contract| contract.to_checksum(None));
        let chain = document.chain_id.map_or_else(|| "none: valid on EVERY chain".to_owned(), describe::chain);
        let primary = &document.schema.primary;
        let title = format!("Ethereum typed data (EIP-712): {primary} for {}", contract.as_deref().unwrap_or("no contract"));
        let mut lines = vec![("chain".to_owned(), chain), ("signer".to_owned(), format!("{from} (this key)"))];
        document.domain.lines("domain", &mut lines);
        document.message.lines("message", &mut lines);
        lines.extend(call.iter().flat_map(|call| call.lines("")));
        for effect in &effects {
            if let Effect::Undecoded { what } = effect {
                lines.push(("NOT DECODED".to_owned(), what.clone()));
            }
        }
        lines.push(("domain separator".to_owned(), format!("0x{}", hex(&domain_separator))));
        lines.push(("struct hash".to_owned(), format!("0x{}", hex(&struct_hash))));
        let description =
            lines.iter().fold(Description::new(&title), |description, (label, value)| description.line(label, value));
        let details = TypedDataDetails {
            chain_id: document.chain_id,
            verifying_contract: contract,
            primary_type: primary.clone(),
            domain_separator,
            struct_hash,
            call,
        };
        let spends = spends(&effects, None);
        Ok(description.details(Details::TypedData(details)).effects(effects, spends))
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        Ok(vec![ToSign::ecdsa(self.to_sign(usage)?, usage.path.to_vec())])
    }

    /// The signature, r ‖ s ‖ v with v 27 or 28, after it was verified.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        message::personal(usage, self.to_sign(usage)?, signatures)
    }
}
