//! The table: a row a chain, in five files. Testnets' prefixes are here where they are known, and refused where they are not.

use crate::{
    Curve, SignatureForm,
    chain::{Family, Row, Vectors},
    message::MessageRule,
    payload::Payload,
    signature::SignatureText,
    text::Text,
};

mod bitcoin;
mod cosmos;
mod ed25519;
mod evm;
mod secp256k1;

/// All rows, family by family.
pub(crate) const TABLE: &[&[Row]] = &[bitcoin::ROWS, evm::ROWS, cosmos::ROWS, secp256k1::ROWS, ed25519::ROWS];

const SECP256K1: &[Curve] = &[Curve::Secp256k1];
const ED25519: &[Curve] = &[Curve::Ed25519];

/// What a row says if it does not say otherwise.
const BASE: Row = Row {
    name: "",
    family: Family::Own,
    slip44: None,
    path: "",
    curves: SECP256K1,
    kind: "",
    payload: Payload::Key,
    text: Text::PlainBase58,
    message: MessageRule::Sha256,
    signature: SignatureForm::Compact,
    signature_text: SignatureText::Hex,
    chain_id: None,
    is_receive_only: false,
    vectors: Vectors::Published,
};
