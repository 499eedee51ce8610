//! Addresses as people write them into lists: each has one canonical spelling, and a wrong one is refused by name.

use alloy_primitives::Address as Account;
use bitcoin::address::NetworkUnchecked;

/// An address, or the name of an asset, that cannot be used. Whoever wrote it must change it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Mixed capitals that are not those of EIP-55: a digit is wrong.
    #[error("the address {text} has a wrong checksum (EIP-55); a digit of it is wrong")]
    Checksum {
        /// What was written.
        text: String,
    },
    /// An address of a test network.
    #[error("the address {text} is of another network than Bitcoin's main network, whose addresses descriptions show")]
    OtherNetwork {
        /// What was written.
        text: String,
    },
    /// No address at all.
    #[error("{text:?} is no address of Bitcoin, Ethereum or Solana")]
    Unknown {
        /// What was written.
        text: String,
    },
    /// No asset.
    #[error(
        "{text:?} names no asset; they are bitcoin, eip155:<chain>, eip155:<chain>/erc20:<address>, solana, and solana/token:<mint>"
    )]
    Asset {
        /// What was written.
        text: String,
    },
}

/// The spelling in which descriptions show an address of Bitcoin, Ethereum or Solana.
///
/// # Errors
///
/// [`AddressError`]: an Ethereum address with capitals must have the right ones (EIP-55), and a Bitcoin address must be of the main
/// network.
pub fn canonical_address(text: &str) -> Result<String, AddressError> {
    if text.starts_with("0x") || text.starts_with("0X") {
        return ethereum(text);
    }
    if let Ok(address) = text.parse::<bitcoin::Address<NetworkUnchecked>>() {
        let checked = address.require_network(bitcoin::Network::Bitcoin);
        return checked.map(|address| address.to_string()).map_err(|_| AddressError::OtherNetwork { text: text.to_owned() });
    }
    solana(text)
}

/// With the checksum of EIP-55.
pub(super) fn ethereum(text: &str) -> Result<String, AddressError> {
    let unknown = || AddressError::Unknown { text: text.to_owned() };
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40).ok_or_else(unknown)?;
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| unknown())?;
    let canonical = Account::from(bytes).to_checksum(None);
    // Without capitals, or without anything else, there is no checksum.
    let plain =
        !digits.contains(|digit: char| digit.is_ascii_lowercase()) || !digits.contains(|digit: char| digit.is_ascii_uppercase());
    if plain || canonical == text { Ok(canonical) } else { Err(AddressError::Checksum { text: text.to_owned() }) }
}

/// In base58.
pub(super) fn solana(text: &str) -> Result<String, AddressError> {
    let bytes = (text.len() <= 44).then(|| bs58::decode(text).into_vec().ok()).flatten().filter(|bytes| bytes.len() == 32);
    let bytes = bytes.ok_or_else(|| AddressError::Unknown { text: text.to_owned() })?;
    Ok(bs58::encode(bytes).into_string())
}
