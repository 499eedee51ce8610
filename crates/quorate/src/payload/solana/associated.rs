//! The accounts in which wallets hold tokens: transfers name these, and lists of addresses the wallets.

use bitcoin::hashes::{Hash as _, sha256};

use super::programs::{TOKEN, TOKEN_2022};

const ASSOCIATED_TOKEN: &str = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL";
/// What the hash of an address that a program derives ends with.
const MARKER: &[u8] = b"ProgramDerivedAddress";

/// Whether the account is the one in which the wallet holds tokens of the mint, of either token program.
///
/// A wallet can have others, at any address, and nothing in a message tells whose they are.
///
/// Spec: [associated token accounts](https://www.solana-program.com/docs/associated-token-account).
pub(crate) fn is_associated(account: &str, wallet: &str, mint: &str) -> bool {
    let (Some(wallet), Some(mint)) = (bytes(wallet), bytes(mint)) else { return false };
    [TOKEN, TOKEN_2022].iter().any(|program| derived(&wallet, program, &mint).is_some_and(|derived| derived == account))
}

/// The first hash, from bump 255 downwards, that is no point of the curve, so that nobody has a key of it.
fn derived(wallet: &[u8; 32], token_program: &str, mint: &[u8; 32]) -> Option<String> {
    let (token_program, program) = (bytes(token_program)?, bytes(ASSOCIATED_TOKEN)?);
    (0..=u8::MAX).rev().find_map(|bump| {
        let hashed = [&wallet[..], &token_program, mint, &[bump], &program, MARKER].concat();
        let address = sha256::Hash::hash(&hashed).to_byte_array();
        ed25519_dalek::VerifyingKey::from_bytes(&address).is_err().then(|| bs58::encode(address).into_string())
    })
}

/// The 32 bytes of an address; nothing for those of other chains.
fn bytes(address: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let length = bs58::decode(address).onto(&mut bytes).ok()?;
    (length == bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by solders 0.29.0, `Pubkey.find_program_address`, with the bumps 254, 255, 253, 251, 247 and 255.
    #[test]
    fn accounts_are_those_of_the_official_library_and_no_others() {
        let (usdc, other) = ("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", bs58::encode([2; 32]).into_string());
        let cases = [
            (9, usdc, "5NM2PTxoZG8edxvBeAPEHyvuTqXAkoBwfFNkfBjzrBQr"),
            (9, usdc, "DozRma8JfgYN3RznJcZSgMFW3WzUJp5CkD1i2hLkHtMQ"),
            (9, &other, "4erX7gKsc2Fn2QeWyEYEz7Vi8vA3U7qmj54SbqDcfe6b"),
            (9, &other, "5ARHkNbE3XEoqTmkAgFmo2fcabJSe5gVeKzD7Ne8D3et"),
            (7, &other, "EzbKbZTrW2HLottdNc4Mw7aBZw3Z67USnwp1uiYMqYhv"),
            (7, &other, "BvSkB8aCB6wusWKquHestLfeVUZbGVtk3GhKgEjkCvyi"),
        ];
        for (wallet, mint, account) in cases {
            let address = |byte| bs58::encode([byte; 32]).into_string();
            assert!(is_associated(account, &address(wallet), mint), "{account}");
            assert!(!is_associated(account, &address(wallet + 1), mint) && !is_associated(account, &address(wallet), account));
        }
        for wallet in ["", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"] {
            assert!(!is_associated(usdc, wallet, usdc));
        }
    }
}
