//! Signatures, and the forms that chains write them in.

use alloc::{string::String, vec::Vec};
use core::fmt;

use data_encoding::{BASE64, HEXLOWER};

use crate::{
    Chain, Curve, SigningOptions, VerifyingKey, chain::Row, error::SignatureError, hash, payload::sui_flag, text::base58,
};

mod ecdsa;

pub use ecdsa::EcdsaSignature;

/// A finished signature, of any scheme that a chain takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// ECDSA, over secp256k1 or P-256.
    Ecdsa(EcdsaSignature),
    /// BIP-340.
    Bip340([u8; 64]),
    /// Ed25519.
    Ed25519([u8; 64]),
    /// sr25519, which Quorate does not make.
    Sr25519([u8; 64]),
}

impl Signature {
    /// The curve and scheme.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        match self {
            Self::Ecdsa(signature) => signature.curve(),
            Self::Bip340(_) => Curve::Bip340,
            Self::Ed25519(_) => Curve::Ed25519,
            Self::Sr25519(_) => Curve::Sr25519,
        }
    }
}

impl From<EcdsaSignature> for Signature {
    fn from(signature: EcdsaSignature) -> Self {
        Self::Ecdsa(signature)
    }
}

/// How a signature is written. `r` and `s` have 32 bytes, big endian; `recid` is the recovery id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureForm {
    /// DER.
    Der,
    /// DER, and the sighash type.
    DerSighash(u8),
    /// r ‖ s.
    Compact,
    /// r ‖ s ‖ sighash type.
    CompactSighash(u8),
    /// r ‖ s ‖ recid.
    Recoverable,
    /// recid ‖ r ‖ s.
    RecoverableFirst,
    /// r ‖ s ‖ (27 + recid): messages signed by Ethereum and Tron accounts, and Ethereum's oldest transactions.
    Recoverable27,
    /// r ‖ s ‖ v with v = recid + 35 + 2·chain id, in as many bytes as it takes: Ethereum's legacy transactions.
    Eip155,
    /// (31 + recid) ‖ r ‖ s, and only if neither r nor s begins with a set bit or with nine clear ones: EOS, BitShares.
    Canonical,
    /// (27 + 4 + recid) ‖ r ‖ s: Bitcoin's signed messages, of a compressed key.
    BitcoinMessage,
    /// The 64 bytes of BIP-340, and the sighash type if it is not the default.
    Bip340,
    /// The 64 bytes of BIP-340, and the sighash type.
    Bip340Sighash(u8),
    /// The 64 bytes of Ed25519, or of sr25519.
    Eddsa,
    /// The scheme's number, then the signature: Substrate.
    MultiSignature,
    /// The scheme's number, the signature, the key: Sui.
    WithKey,
    /// Four bytes of the key, a length, the signature: a decorated signature in Stellar's XDR.
    Decorated,
    /// 0 or 1 for Ed25519 or secp256k1, then the signature: NEAR's Borsh.
    Borsh,
}

impl fmt::Display for SignatureForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, sighash) = match self {
            Self::Der => ("DER", None),
            Self::DerSighash(sighash) => ("DER", Some(sighash)),
            Self::Compact => ("r, s", None),
            Self::CompactSighash(sighash) => ("r, s", Some(sighash)),
            Self::Recoverable => ("r, s, recovery id", None),
            Self::RecoverableFirst => ("recovery id, r, s", None),
            Self::Recoverable27 => ("r, s, 27 + recovery id", None),
            Self::Eip155 => ("r, s, v of EIP-155", None),
            Self::Canonical => ("31 + recovery id, r, s; canonical", None),
            Self::BitcoinMessage => ("31 + recovery id, r, s", None),
            Self::Bip340 => ("BIP-340", None),
            Self::Bip340Sighash(sighash) => ("BIP-340", Some(sighash)),
            Self::Eddsa => ("R, S", None),
            Self::MultiSignature => ("scheme, signature", None),
            Self::WithKey => ("scheme, signature, key", None),
            Self::Decorated => ("key hint, signature", None),
            Self::Borsh => ("curve, signature", None),
        };
        f.write_str(form)?;
        sighash.map_or(Ok(()), |sighash| write!(f, ", sighash type {sighash:#04x}"))
    }
}

/// What text a signature has on a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureText {
    Hex,
    Base64,
    /// `SIG_K1_`, Base58, RIPEMD-160 of the bytes and the curve's name.
    Eos,
    /// `edsig`, `spsig1` or `p2sig`.
    Tezos,
}

/// A signature as its chain has it.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedSignature {
    bytes: Vec<u8>,
    v: Option<u64>,
    text: String,
}

impl EncodedSignature {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text that the chain's interfaces take, in hexadecimal if it has none of its own.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// The number beside r and s that recovers the key, as this form has it.
    #[must_use]
    pub const fn v(&self) -> Option<u64> {
        self.v
    }
}

impl fmt::Debug for EncodedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedSignature({})", self.text)
    }
}

/// Writes a signature as a chain has it.
///
/// An s above half the order of secp256k1 is replaced by its negative first, and the recovery id flipped with it: every chain accepts
/// that, and most demand it.
///
/// # Errors
///
/// [`SignatureError`] if the chain takes no such signatures, the form needs what is not there, or the chain would refuse this very
/// signature ([`SignatureError::NotCanonical`]: sign again).
pub fn encode_signature(
    chain: Chain,
    signature: &Signature,
    options: &SigningOptions,
) -> Result<EncodedSignature, SignatureError> {
    let row = chain.0;
    if row.is_receive_only {
        return Err(SignatureError::ReceiveOnly { chain: row.name });
    }
    if !row.curves.contains(&signature.curve()) {
        return Err(SignatureError::WrongScheme { chain: row.name, given: signature.curve() });
    }
    let form = options.form.unwrap_or_else(|| usual_form(row, signature.curve()));
    let (bytes, v) = match signature {
        Signature::Ecdsa(signature) => {
            let must_be_low = signature.curve() == Curve::Secp256k1 || form == SignatureForm::WithKey;
            let signature = if must_be_low { signature.into_low_s() } else { *signature };
            ecdsa(row, &signature, form, options)?
        }
        Signature::Bip340(bytes) => (bip340(bytes, form, options)?, None),
        Signature::Ed25519(bytes) | Signature::Sr25519(bytes) => (eddsa(signature.curve(), bytes, form, options)?, None),
    };
    let text = spell(row.signature_text, signature.curve(), &bytes);
    Ok(EncodedSignature { bytes, v, text })
}

/// The form of a chain's other curves: what has no recovery id or DER has the plain one.
const fn usual_form(row: &Row, curve: Curve) -> SignatureForm {
    match (row.signature, curve) {
        (SignatureForm::Der | SignatureForm::Compact, Curve::Ed25519) => SignatureForm::Eddsa,
        (SignatureForm::Bip340Sighash(usual), Curve::Secp256k1) => SignatureForm::CompactSighash(usual),
        (form, _) => form,
    }
}

type Written = (Vec<u8>, Option<u64>);

fn ecdsa(
    row: &Row,
    signature: &EcdsaSignature,
    form: SignatureForm,
    options: &SigningOptions,
) -> Result<Written, SignatureError> {
    let compact = signature.to_bytes();
    let sighash = |usual| [options.sighash.unwrap_or(usual)];
    let parity = || signature.recovery_id().filter(|id| *id < 2).ok_or(SignatureError::NoRecoveryId);
    let last = |v: u8| ([compact.as_slice(), &[v]].concat(), Some(v.into()));
    let first = |v: u8| ([&[v], compact.as_slice()].concat(), Some(v.into()));
    Ok(match form {
        SignatureForm::Der => (signature.to_der(), None),
        SignatureForm::DerSighash(usual) => ([signature.to_der().as_slice(), &sighash(usual)].concat(), None),
        SignatureForm::Compact => (compact.to_vec(), None),
        SignatureForm::CompactSighash(usual) => ([compact.as_slice(), &sighash(usual)].concat(), None),
        SignatureForm::Recoverable => last(parity()?),
        SignatureForm::RecoverableFirst => first(parity()?),
        SignatureForm::Recoverable27 => last(27 + parity()?),
        SignatureForm::BitcoinMessage => first(31 + parity()?),
        SignatureForm::Eip155 => {
            let chain_id = options.chain_id.or(row.chain_id).ok_or(SignatureError::MissingOption { option: "chain_id" })?;
            let v = chain_id.checked_mul(2).and_then(|twice| twice.checked_add(35 + u64::from(parity().ok()?)));
            let v = v.ok_or(SignatureError::NoRecoveryId)?;
            let digits = v.to_be_bytes().into_iter().skip_while(|byte| *byte == 0);
            (compact.into_iter().chain(digits).collect(), Some(v))
        }
        SignatureForm::Canonical if signature.is_canonical() => first(31 + parity()?),
        SignatureForm::Canonical => return Err(SignatureError::NotCanonical),
        SignatureForm::MultiSignature => ([&[2], compact.as_slice(), &[parity()?]].concat(), None),
        SignatureForm::Borsh => ([&[1], compact.as_slice(), &[parity()?]].concat(), None),
        SignatureForm::WithKey => (with_key(signature.curve(), &compact, options)?, None),
        SignatureForm::Bip340 | SignatureForm::Bip340Sighash(_) | SignatureForm::Eddsa | SignatureForm::Decorated => {
            return Err(SignatureError::WrongForm { given: signature.curve() });
        }
    })
}

fn bip340(bytes: &[u8; 64], form: SignatureForm, options: &SigningOptions) -> Result<Vec<u8>, SignatureError> {
    let sighash = match form {
        // BIP-341: the default type 0 is not written.
        SignatureForm::Bip340 => options.sighash.filter(|sighash| *sighash != 0),
        SignatureForm::Bip340Sighash(usual) => Some(options.sighash.unwrap_or(usual)),
        SignatureForm::Compact => None,
        SignatureForm::Der
        | SignatureForm::DerSighash(_)
        | SignatureForm::CompactSighash(_)
        | SignatureForm::Recoverable
        | SignatureForm::RecoverableFirst
        | SignatureForm::Recoverable27
        | SignatureForm::Eip155
        | SignatureForm::Canonical
        | SignatureForm::BitcoinMessage
        | SignatureForm::Eddsa
        | SignatureForm::MultiSignature
        | SignatureForm::WithKey
        | SignatureForm::Decorated
        | SignatureForm::Borsh => return Err(SignatureError::WrongForm { given: Curve::Bip340 }),
    };
    Ok(bytes.iter().copied().chain(sighash).collect())
}

fn eddsa(curve: Curve, bytes: &[u8; 64], form: SignatureForm, options: &SigningOptions) -> Result<Vec<u8>, SignatureError> {
    Ok(match form {
        SignatureForm::Eddsa | SignatureForm::Compact => bytes.to_vec(),
        SignatureForm::MultiSignature => [&[u8::from(curve == Curve::Sr25519)], bytes.as_slice()].concat(),
        SignatureForm::Borsh if curve == Curve::Ed25519 => [&[0], bytes.as_slice()].concat(),
        SignatureForm::WithKey => with_key(curve, bytes, options)?,
        SignatureForm::Decorated => {
            let key = signer(curve, options)?;
            let hint: [u8; 4] = hash::last(key.as_bytes());
            [hint.as_slice(), &64_u32.to_be_bytes(), bytes].concat()
        }
        SignatureForm::Borsh
        | SignatureForm::Der
        | SignatureForm::DerSighash(_)
        | SignatureForm::CompactSighash(_)
        | SignatureForm::Recoverable
        | SignatureForm::RecoverableFirst
        | SignatureForm::Recoverable27
        | SignatureForm::Eip155
        | SignatureForm::Canonical
        | SignatureForm::BitcoinMessage
        | SignatureForm::Bip340
        | SignatureForm::Bip340Sighash(_) => return Err(SignatureError::WrongForm { given: curve }),
    })
}

fn with_key(curve: Curve, bytes: &[u8; 64], options: &SigningOptions) -> Result<Vec<u8>, SignatureError> {
    Ok([&[sui_flag(curve)], bytes.as_slice(), signer(curve, options)?.as_bytes()].concat())
}

fn signer(curve: Curve, options: &SigningOptions) -> Result<&VerifyingKey, SignatureError> {
    options.key.as_ref().filter(|key| key.curve() == curve).ok_or(SignatureError::MissingOption { option: "key" })
}

fn spell(text: SignatureText, curve: Curve, bytes: &[u8]) -> String {
    match text {
        SignatureText::Hex => HEXLOWER.encode(bytes),
        SignatureText::Base64 => BASE64.encode(bytes),
        SignatureText::Eos => {
            let checksum: [u8; 4] = hash::first(&hash::ripemd160(&[bytes, b"K1"].concat()));
            ["SIG_K1_", &base58::encode_plain(&[bytes, &checksum].concat())].concat()
        }
        SignatureText::Tezos => {
            let prefix: &[u8] = match curve {
                Curve::Secp256k1 | Curve::Bip340 => &[0x0d, 0x73, 0x65, 0x13, 0x3f],
                Curve::P256 => &[0x36, 0xf0, 0x2c, 0x34],
                Curve::Ed25519 | Curve::Sr25519 => &[0x09, 0xf5, 0xcd, 0x86, 0x12],
            };
            base58::encode_checked(&[prefix, bytes].concat(), base58::Flavour::Bitcoin)
        }
    }
}
