//! Addresses: of a key, and of a text.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::{
    AddressOptions, Chain, Network, VerifyingKey,
    error::{AddressError, ParseError},
    text::Role,
};

/// An address of one entry of the table, on one network.
///
/// It comes from a key ([`address`]) or from a text that was checked ([`Address::parse`]), so that whoever has one has no typing mistake,
/// no other chain's and no other network's.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    chain: Chain,
    network: Network,
    role: Role,
    payload: Vec<u8>,
    text: String,
}

/// The address of a key on a chain.
///
/// # Errors
///
/// [`AddressError`] if the chain has no such keys or no such network, or needs an option.
///
/// # Examples
///
/// ```
/// use quorate_chains::{AddressOptions, Chain, VerifyingKey, address};
///
/// let bytes = [2, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07,
///     0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98];
/// let key = VerifyingKey::secp256k1(&bytes)?;
/// let shown = address(Chain::named("bitcoin-p2pkh")?, &key, &AddressOptions::default())?;
/// assert_eq!(shown.as_str(), "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH");
/// assert!(address(Chain::named("solana")?, &key, &AddressOptions::default()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn address(chain: Chain, key: &VerifyingKey, options: &AddressOptions) -> Result<Address, AddressError> {
    let row = chain.0;
    if !row.curves.contains(&key.curve()) {
        return Err(AddressError::WrongCurve { chain: row.name, given: key.curve(), accepted: row.curves });
    }
    let network = options.network;
    let no_network = AddressError::NoNetwork { chain: row.name, network };
    if !chain.has_network(network) {
        return Err(no_network);
    }
    let payload = row.payload.of(row, options, key)?;
    let text = row.text.encode(row, options, &payload).ok_or(no_network)?;
    Ok(Address { chain, network, role: Role::Key, payload, text })
}

impl Address {
    /// Reads an address of that entry, and of that network.
    ///
    /// Accepted is what the entry makes itself, and scripts' and contracts' addresses of the same spelling, such as P2SH beside P2PKH;
    /// [`Address::role`] tells them apart. Where a chain allows several spellings, the canonical one is kept.
    ///
    /// # Errors
    ///
    /// [`ParseError`], which says what does not fit.
    pub fn parse(chain: Chain, text: &str, options: &AddressOptions) -> Result<Self, ParseError> {
        let decoded = chain.0.text.decode(chain.0, options, text)?;
        Ok(Self { chain, network: decoded.network, role: decoded.role, payload: decoded.payload, text: decoded.text })
    }

    /// The entry of the table.
    #[must_use]
    pub const fn chain(&self) -> Chain {
        self.chain
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Who can spend from it, as far as it tells.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// What the text encodes, without prefixes of the network and checksums: most often a hash, or the key.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}, {})", self.chain.name(), self.text)
    }
}
