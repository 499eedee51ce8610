//! The accounts in which wallets hold tokens: transfers name these, and lists of addresses the wallets.

use bitcoin::hashes::{Hash as _, sha256};

use super::programs::{TOKEN, TOKEN_2022};

const ASSOCIATED_TOKEN: &str = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL";
/// What the hash of an address that a program derives ends with.
const MARKER: &[u8] = b"ProgramDerivedAddress";

/// An account that can be the one in which a wallet holds tokens of a mint.
pub(crate) struct HoldingAccount {
    address: [u8; 32],
    mint: [u8; 32],
    token_programs: [[u8; 32]; 2],
    program: [u8; 32],
}

impl HoldingAccount {
    /// Nothing for a point of the curve, of which somebody may have the key: none that a program derives is one.
    pub(crate) fn new(address: &str, mint: &str) -> Option<Self> {
        let (address, mint) = (bytes(address)?, bytes(mint)?);
        let (token_programs, program) = ([bytes(TOKEN)?, bytes(TOKEN_2022)?], bytes(ASSOCIATED_TOKEN)?);
        (!is_on_curve(&address)).then_some(Self { address, mint, token_programs, program })
    }

    /// Whether it is the wallet's, under either token program.
    ///
    /// A wallet can have others, at any address, and nothing in a message tells whose they are.
    ///
    /// Spec: [associated token accounts](https://www.solana-program.com/docs/associated-token-account).
    pub(crate) fn is_of(&self, wallet: &[u8; 32]) -> bool {
        self.token_programs.iter().any(|token_program| self.derived(wallet, token_program) == Some(self.address))
    }

    /// The first hash, from bump 255 downwards, that is no point of the curve.
    fn derived(&self, wallet: &[u8; 32], token_program: &[u8; 32]) -> Option<[u8; 32]> {
        let hash = |bump| {
            let hashed = [&wallet[..], token_program, &self.mint, &[bump], &self.program, MARKER].concat();
            sha256::Hash::hash(&hashed).to_byte_array()
        };
        (0..=u8::MAX).rev().map(hash).find(|address| !is_on_curve(address))
    }
}

fn is_on_curve(address: &[u8; 32]) -> bool {
    ed25519_dalek::VerifyingKey::from_bytes(address).is_ok()
}

/// The 32 bytes of an address; nothing for those of other chains.
pub(crate) fn bytes(address: &str) -> Option<[u8; 32]> {
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
            let of = |mint: &str, wallet: u8| HoldingAccount::new(account, mint).unwrap().is_of(&[wallet; 32]);
            assert!(of(mint, wallet) && bytes(&address(wallet)) == Some([wallet; 32]), "{account}");
            assert!(!of(mint, wallet + 1) && !of(account, wallet));
        }
        for other in ["", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"] {
            assert!(bytes(other).is_none() && HoldingAccount::new(other, usdc).is_none());
        }
        // A wallet is no such account.
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        assert!(HoldingAccount::new(&bs58::encode(key.as_bytes()).into_string(), usdc).is_none());
    }
}
