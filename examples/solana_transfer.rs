//! Lamports move: Solana's own crates build a transfer, three cosigners sign it, and the transaction verifies its signatures.
//!
//! The wallet's program hands `Transaction::try_sign` a signer, as it would a key pair. Behind it each cosigner reads the message from its
//! bytes, asks its own policy, and signs with a share. Here the cosigners are in this process; a `quorate::control::Client` in place of
//! `team[1]` asks one that runs elsewhere, and nothing else changes.
//!
//! `cargo run --release -p quorate-solana --example solana_transfer`
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{error::Error, sync::Arc};

use quorate::{KeygenRequest, core::SuiteId, dev::local_cosigners, policy::BuiltinPolicy};
use quorate_solana::CosignerSigner;
use solana_hash::Hash;
use solana_instruction::{AccountMeta, Instruction};
use solana_message::Message;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_transaction::Transaction;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let policy = Arc::new(BuiltinPolicy::documents());
    let team = local_cosigners([policy.clone(), policy.clone(), policy]).await?;
    team[0].keygen(KeygenRequest::new("treasury", [SuiteId::Ed25519], 2)).await?;

    let signer = CosignerSigner::find(team[1].clone(), "treasury").await?.at("m/0/7".parse()?)?.blocking()?;
    let (treasury, gardener) = (signer.pubkey(), Pubkey::new_from_array([0x35; 32]));

    // The treasury is the fee payer and the sender.
    let message = Message::new(&[transfer(&treasury, &gardener, 1_000_000_000)], Some(&treasury));
    let mut transaction = Transaction::new_unsigned(message);
    assert!(transaction.verify().is_err(), "an unsigned transaction verifies");
    let recent_blockhash = Hash::new_from_array([9; 32]);
    transaction.try_sign(&[&signer], recent_blockhash)?;

    transaction.verify()?;
    assert_eq!(transaction.message.account_keys[0], treasury, "another fee payer");
    assert!(transaction.is_signed());
    println!("{treasury} pays the gardener: signature {} verifies", transaction.signatures[0]);

    // The same signature under another amount is worth nothing.
    let mut altered = transaction;
    *altered.message.instructions[0].data.last_mut().ok_or("no data")? ^= 1;
    assert!(altered.verify().is_err(), "an altered transaction verifies");
    Ok(())
}

/// The system program's transfer: its number, 2, and the lamports.
fn transfer(from: &Pubkey, to: &Pubkey, lamports: u64) -> Instruction {
    let system_program = Pubkey::new_from_array([0; 32]);
    let data = [&2_u32.to_le_bytes()[..], &lamports.to_le_bytes()].concat();
    Instruction::new_with_bytes(system_program, &data, vec![AccountMeta::new(*from, true), AccountMeta::new(*to, false)])
}
