//! A chain: one row of the table, and what can be asked of it.

use core::fmt;

use crate::{
    Curve, Network, SignatureForm, UnknownChain, message::MessageRule, network::Nets, payload::Payload, signature::SignatureText,
    table::TABLE, text::Text,
};

/// One entry of the table: a chain, and if it has several kinds of address, one of them.
///
/// `bitcoin` is P2WPKH, `bitcoin-p2tr` is Taproot. Everything that chains differ in is data of this type; see [`chains`].
#[derive(Clone, Copy)]
pub struct Chain(pub(crate) &'static Row);

/// The data of a chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    /// The number of BIP-44 paths.
    pub(crate) slip44: Option<u32>,
    /// What wallets derive their first key with.
    pub(crate) path: &'static str,
    /// The curves of its keys, the usual one first.
    pub(crate) curves: &'static [Curve],
    pub(crate) kind: &'static str,
    pub(crate) payload: Payload,
    pub(crate) text: Text,
    pub(crate) message: MessageRule,
    pub(crate) signature: SignatureForm,
    pub(crate) signature_text: SignatureText,
    /// The chain id of EIP-155.
    pub(crate) chain_id: Option<u64>,
    /// Whether the chain's signatures are of a scheme that nothing here has.
    pub(crate) is_receive_only: bool,
    pub(crate) vectors: Vectors,
}

/// Chains that work alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Bitcoin and what came from it.
    Bitcoin,
    /// Ethereum, and chains with its accounts.
    Ethereum,
    /// Chains of the Cosmos SDK.
    Cosmos,
    /// EOS, BitShares and their relatives, whose accounts are names.
    Graphene,
    /// Polkadot and other Substrate chains.
    Substrate,
    /// One of its own.
    Own,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bitcoin => "Bitcoin",
            Self::Ethereum => "Ethereum",
            Self::Cosmos => "Cosmos",
            Self::Graphene => "Graphene",
            Self::Substrate => "Substrate",
            Self::Own => "its own",
        })
    }
}

/// What the addresses of an entry were tested against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Vectors {
    /// Keys and addresses that others published; `vectors/chains/` names the source of each.
    Published,
    /// No published pair was found. Address and key were made with other programs from the chain's specification.
    Constructed,
}

impl fmt::Display for Vectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Published => "published",
            Self::Constructed => "constructed",
        })
    }
}

impl Chain {
    /// The entry of that name.
    ///
    /// # Errors
    ///
    /// [`UnknownChain`].
    pub fn named(name: &str) -> Result<Self, UnknownChain> {
        chains().find(|chain| chain.name() == name).ok_or(UnknownChain)
    }

    /// Its name, in lower case with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// The family that it is of.
    #[must_use]
    pub const fn family(self) -> Family {
        self.0.family
    }

    /// The curves whose keys have an address here, the usual one first.
    #[must_use]
    pub const fn curves(self) -> &'static [Curve] {
        self.0.curves
    }

    /// What kind of address it is, in a few words.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        self.0.kind
    }

    /// The coin type of SLIP-44.
    #[must_use]
    pub const fn slip44(self) -> Option<u32> {
        self.0.slip44
    }

    /// The path that wallets derive their first key with. Most have hardened steps, which no group key can walk:
    /// [`AccountPath`](crate::AccountPath) says what is left.
    #[must_use]
    pub const fn usual_path(self) -> &'static str {
        self.0.path
    }

    /// The chain id of EIP-155, on chains with Ethereum's transactions.
    #[must_use]
    pub const fn evm_chain_id(self) -> Option<u64> {
        self.0.chain_id
    }

    /// The usual form of its signatures.
    #[must_use]
    pub const fn signature_form(self) -> SignatureForm {
        self.0.signature
    }

    /// What its messages are hashed with, in a few words.
    #[must_use]
    pub const fn message_rule(self) -> &'static str {
        self.0.message.describe()
    }

    /// Whether the table gives addresses for receiving alone: the chain's signatures are of a scheme of its own.
    #[must_use]
    pub const fn is_receive_only(self) -> bool {
        self.0.is_receive_only
    }

    /// What its addresses were tested against.
    #[must_use]
    pub const fn vectors(self) -> Vectors {
        self.0.vectors
    }

    /// Whether the table knows the addresses of that network.
    #[must_use]
    pub fn has_network(self, network: Network) -> bool {
        has(&self.0.text, network)
    }
}

fn has(text: &Text, network: Network) -> bool {
    fn known<T: Copy + PartialEq>(nets: &Nets<T>, network: Network) -> bool {
        nets.of(network).is_some()
    }
    match text {
        Text::Base58(versions) => known(&versions.key, network),
        Text::Witness(nets, ..) | Text::Bech32(_, nets, _) | Text::Cash(nets) | Text::Kaspa(nets) => known(nets, network),
        Text::Nem(nets) => known(nets, network),
        Text::C32(nets) => known(nets, network),
        Text::Filecoin(_) | Text::Ton | Text::Nuls | Text::Cardano(..) | Text::Nervos => network != Network::Regtest,
        // Of a network that is a Substrate chain of its own, the number is another row's.
        Text::Ss58(_) => network == Network::Mainnet,
        Text::Tezos
        | Text::PlainBase58
        | Text::PublicKey(_)
        | Text::Evm(_)
        | Text::Hex(..)
        | Text::Icon
        | Text::Sia
        | Text::IcAccount
        | Text::IcPrincipal
        | Text::Hedera(_)
        | Text::Stellar
        | Text::Algorand
        | Text::Nimiq
        | Text::Receipt => true,
    }
}

/// All entries, family by family.
pub fn chains() -> impl Iterator<Item = Chain> {
    TABLE.iter().copied().flatten().map(Chain)
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Chain {}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({})", self.name())
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl core::str::FromStr for Chain {
    type Err = UnknownChain;

    fn from_str(name: &str) -> Result<Self, UnknownChain> {
        Self::named(name)
    }
}
