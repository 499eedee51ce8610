//! What a signature would do to money and to control, in one form for all chains: what policies judge.

use core::fmt;

use super::AddressError;

/// The chain of what is signed for all of them.
const ANY_CHAIN: &str = "eip155:any";

/// Something of which there are amounts: a chain's own coin, or a token.
///
/// Named as CAIP-19 does it, as far as the signed bytes tell the chain: `bitcoin`, `eip155:1` for the coin of chain 1,
/// `eip155:1/erc20:0x…` for a token there, `eip155:any` in place of the chain of a document that names none, `solana`, `solana/token:…` for a mint, and `solana/token` for a token whose mint the
/// instruction does not name.
///
/// Spec: [CAIP-19](https://chainagnostic.org/CAIPs/caip-19).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asset(String);

impl Asset {
    /// Bitcoin, in satoshi.
    #[must_use]
    pub fn bitcoin() -> Self {
        Self("bitcoin".to_owned())
    }

    /// The coin of an Ethereum chain, in wei.
    #[must_use]
    pub fn ether(chain_id: u64) -> Self {
        Self(format!("eip155:{chain_id}"))
    }

    /// The same, or the coin of any chain.
    pub(super) fn coin(chain_id: Option<u64>) -> Self {
        chain_id.map_or_else(|| Self(ANY_CHAIN.to_owned()), Self::ether)
    }

    /// A token of an Ethereum chain, in its smallest unit; of any chain, if a document names none.
    pub(super) fn erc20(chain_id: Option<u64>, contract: &str) -> Self {
        let Self(chain) = Self::coin(chain_id);
        Self(format!("{chain}/erc20:{contract}"))
    }

    /// Solana's own coin, in lamports.
    #[must_use]
    pub fn solana() -> Self {
        Self("solana".to_owned())
    }

    /// A token of Solana, in its smallest unit.
    pub(super) fn mint(mint: Option<&str>) -> Self {
        Self(mint.map_or_else(|| "solana/token".to_owned(), |mint| format!("solana/token:{mint}")))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a rule for `listed` is one for this asset: it is the same, or the same on a chain that a document does not name.
    pub(crate) fn is_under(&self, listed: &str) -> bool {
        let any = || {
            let rest = self.0.strip_prefix(ANY_CHAIN)?;
            let id = listed.strip_prefix("eip155:")?;
            let digits = id.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(id.len());
            Some(digits > 0 && id.get(digits..) == Some(rest))
        };
        self.0 == listed || any().unwrap_or_default()
    }

    /// Whether it is a token of which the signed bytes do not tell all of the name: the chain, or the mint.
    pub(crate) fn is_unnamed_token(&self) -> bool {
        self.is_token() && (self.0.starts_with(ANY_CHAIN) || *self == Self::mint(None))
    }

    /// The mint of a token of Solana, if it is named.
    pub(crate) fn named_mint(&self) -> Option<&str> {
        self.0.strip_prefix("solana/token:")
    }

    /// Whether it is the coin of an Ethereum chain, or of any.
    pub(crate) fn is_ethereum_coin(&self) -> bool {
        self.0.starts_with("eip155:") && !self.is_token()
    }

    /// Whether it is a token, and not a chain's own coin.
    #[must_use]
    pub fn is_token(&self) -> bool {
        self.0.contains('/')
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::str::FromStr for Asset {
    type Err = AddressError;

    /// Reads a name; addresses in it get their canonical spelling.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let unknown = || AddressError::Asset { text: text.to_owned() };
        let (chain, token) = text.split_once('/').map_or((text, None), |(chain, token)| (chain, Some(token)));
        let id = chain.strip_prefix("eip155:").and_then(|id| id.parse::<u64>().ok().filter(|number| number.to_string() == id));
        match (chain, id, token.and_then(|token| token.split_once(':'))) {
            ("bitcoin", ..) if token.is_none() => Ok(Self::bitcoin()),
            ("solana", ..) if token.is_none() => Ok(Self::solana()),
            (_, Some(id), None) if token.is_none() => Ok(Self::ether(id)),
            (_, Some(id), Some(("erc20", contract))) => Ok(Self::erc20(Some(id), &super::address::ethereum(contract)?)),
            ("solana", _, Some(("token", mint))) => Ok(Self::mint(Some(&super::address::solana(mint)?))),
            _ => Err(unknown()),
        }
    }
}

/// One thing that a signature would do, or let somebody do. Addresses have their canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Something leaves the key, or an account that it speaks for.
    Transfer {
        /// What.
        asset: Asset,
        /// Who gets it.
        to: String,
        /// How much, in the smallest unit; what exceeds 128 bits is the largest number.
        amount: u128,
    },
    /// Somebody may take something later.
    Approval {
        /// What.
        asset: Asset,
        /// Who may.
        spender: String,
        /// How much, as above.
        amount: u128,
        /// Whether that is as good as all there is: 2⁸⁰ or more on Ethereum's chains, 2⁶³ or more on Solana, or everything of a
        /// collection.
        unlimited: bool,
    },
    /// A contract is called, or told something by a signed document.
    Call {
        /// The contract.
        contract: String,
    },
    /// Code of this address runs as if it were the account's own, and can do all that the account can.
    Delegatecall {
        /// Whose code.
        to: String,
    },
    /// A program or contract gets other code.
    Upgrade {
        /// Which.
        contract: String,
        /// Where the code comes from.
        code: String,
    },
    /// Somebody else gets, or loses, control of a contract or an account.
    OwnerChange {
        /// Of which.
        contract: String,
        /// What is called.
        method: String,
        /// Who gets it, if somebody does.
        owner: Option<String>,
    },
    /// Something that is not understood here.
    Undecoded {
        /// What it is, and why not.
        what: String,
    },
}

impl Effect {
    /// Everybody who is named in it: those who get something, and the contracts.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            Self::Transfer { to, .. } | Self::Delegatecall { to } => (Some(to), None),
            Self::Approval { spender, .. } => (Some(spender), None),
            Self::Call { contract } => (Some(contract), None),
            Self::Upgrade { contract, code } => (Some(contract), Some(code)),
            Self::OwnerChange { contract, owner, .. } => (Some(contract), owner.as_ref()),
            Self::Undecoded { .. } => (None, None),
        };
        one.into_iter().chain(other).map(String::as_str)
    }
}

/// What leaves by all of the effects, by asset: an approval counts as if it were used at once.
pub(super) fn spends(effects: &[Effect], fee: Option<(Asset, u128)>) -> Vec<(Asset, u128)> {
    let leaves = effects.iter().filter_map(|effect| match effect {
        Effect::Transfer { asset, amount, .. } | Effect::Approval { asset, amount, .. } => Some((asset.clone(), *amount)),
        Effect::Call { .. }
        | Effect::Delegatecall { .. }
        | Effect::Upgrade { .. }
        | Effect::OwnerChange { .. }
        | Effect::Undecoded { .. } => None,
    });
    let mut sums = std::collections::BTreeMap::<Asset, u128>::new();
    for (asset, amount) in leaves.chain(fee) {
        let sum = sums.entry(asset).or_default();
        *sum = sum.saturating_add(amount);
    }
    sums.into_iter().collect()
}
