//! Every domain-separation label of this crate, once.
//!
//! A label is never equal to, nor a prefix of, another one; a test here enumerates them all. Labels that a published standard
//! prescribes (RFC 9591, BIP-340, BIP-445) stay with their suites: the standards frame them in their own way.

/// A domain-separation label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    /// The label's bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Label = Label(concat!("quorate/1/", $text, ";"));)*
        /// Every label of this crate. Other crates hold their own labels against it in their tests.
        pub const ALL: &[Label] = &[$($name),*];
    };
}

labels! {
    /// The context that every hash and proof of a session binds.
    SESSION = "session";
    /// Which cosigner stands behind which identifier.
    ROSTER = "roster";
    /// The canonical digest of a placement.
    PLACEMENT = "placement";
    /// The id of a new key.
    KEY_ID = "key-id";
    /// Digest of a public key package.
    PACKAGE = "package";
    /// All broadcasts of one round, echoed in the next.
    ECHO = "echo";
    /// One message's fingerprint, to tell a repeat from a contradiction.
    MESSAGE = "message";
    /// A dealer's commitment to what it will reveal.
    DEALING_COMMIT = "dealing/commit";
    /// Proof of knowledge of a dealer's constant term.
    DEALING_PROOF = "dealing/proof";
    /// All broadcasts of commit and reveal.
    DEALING_TRANSCRIPT = "dealing/transcript";
    /// Confirmation by the new share.
    DEALING_CONFIRM = "dealing/confirm";
    /// Coefficients of a batch verification.
    BATCH = "batch";
    /// The chain code of a new key.
    CHAIN_CODE = "chain-code";
    /// A key that is imported, and its chain code.
    IMPORT = "import";
    /// Challenge of an attestation.
    ATTEST = "attest";
    /// An amendment of a placement.
    AMENDMENT = "amendment";
    /// Challenge of an amendment's approval.
    AMEND = "amend";
    /// Seed of hedged randomness.
    HEDGE = "hedge/seed";
    /// Expansion of hedged randomness.
    HEDGE_EXPAND = "hedge/expand";
    /// What a FROST session is about.
    FROST_REQUEST = "frost/request";
    /// What a cosigner's identity key contributes to its randomness.
    HEDGE_IDENTITY = "hedge/identity";
    /// A proposal of one cosigner to others.
    CEREMONY_PROPOSAL = "ceremony/proposal";
    /// The session ids of a ceremony, from the proposal and everyone's fresh randomness.
    CEREMONY_SESSION = "ceremony/session";
    /// What the people of each cosigner consent to when a key moves.
    CEREMONY_PLAN = "ceremony/plan";
    /// What the people of each cosigner consent to when a key that was whole is imported.
    CEREMONY_IMPORT = "ceremony/import";
    /// What stays the same of a key through all its epochs.
    CEREMONY_KEY = "ceremony/key";
    /// All that a request for signatures says.
    REQUEST_CONTENT = "request/content";
    /// All that a request to make keys, or to deal them anew, says.
    REQUEST_WORK = "request/work";
    /// A requester's signature on a request.
    REQUEST_SIGN = "request/sign";
    /// A person's approval of a request.
    REQUEST_APPROVE = "request/approve";
    /// The id of a freeze: all that it says.
    FREEZE_ID = "freeze/id";
    /// The signature of a credential on a freeze.
    FREEZE_SIGN = "freeze/sign";
    /// The session id of a pairing, from both sides' boots and fresh randomness.
    PAIRING_START = "pairing/start";
    /// What a pairing of two cosigners is about.
    PAIRING_SESSION = "pairing/session";
    /// Hash to a Ristretto point in the base oblivious transfer.
    PAIRING_POINT = "pairing/point";
    /// Keys of the base oblivious transfer.
    PAIRING_KEY = "pairing/key";
    /// Inner nodes and leaves of the all-but-one vectors.
    PAIRING_TREE = "pairing/tree";
    /// Proof that all-but-one vectors are consistent.
    PAIRING_PROOF = "pairing/proof";
    /// The id of a pairing: all of its messages.
    PAIRING_ID = "pairing/id";
    /// The key of zero-sharing between two cosigners.
    PAIRING_ZERO = "pairing/zero";
    /// Expansion of a pairing's leaves.
    EXTENSION_PRG = "extension/prg";
    /// The point at which an extension is checked.
    EXTENSION_CHECK = "extension/check";
    /// What the receiver of an extension proves.
    EXTENSION_ROWS = "extension/rows";
    /// The key of the extension's hash.
    EXTENSION_TMMO = "extension/tmmo";
    /// The gadget vector of the multiplication.
    ECDSA_GADGET = "ecdsa/gadget";
    /// Weights of the multiplication's check.
    ECDSA_THETA = "ecdsa/theta";
    /// Proof of the multiplication's check.
    ECDSA_MU = "ecdsa/mu";
    /// The context of a run that makes presignatures.
    ECDSA_PRESIGN = "ecdsa/presign";
    /// Commitment to the nonces of a batch.
    ECDSA_COMMIT = "ecdsa/commit";
    /// What the signers of an ECDSA signature want to sign.
    ECDSA_REQUEST = "ecdsa/request";
    /// All commitments of the first round.
    ECDSA_ROUND_1 = "ecdsa/round-1";
    /// The context of one multiplication between two signers.
    ECDSA_MULTIPLY = "ecdsa/multiply";
    /// The weight between the two equations of a signer's products.
    ECDSA_BETWEEN = "ecdsa/between";
    /// Shares of zero that hide the signing shares.
    ECDSA_ZERO_SHARE = "ecdsa/zero-share";
    /// The id of a presignature.
    ECDSA_PRESIGNATURE = "ecdsa/presignature";
    /// What moves a presignature's nonce when it is used.
    ECDSA_RERANDOMIZE = "ecdsa/rerandomize";
    /// What a signature share is about.
    ECDSA_ONLINE = "ecdsa/online";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_a_prefix_of_another() {
        for (i, a) in ALL.iter().enumerate() {
            for (j, b) in ALL.iter().enumerate() {
                assert!(i == j || !b.as_bytes().starts_with(a.as_bytes()), "{a:?} is a prefix of {b:?}");
            }
        }
    }
}
