//! Ether moves: alloy builds a transfer, three cosigners sign it, and an EVM executes it.
//!
//! The wallet's program holds an `EthereumWallet` of alloy, as it would with a key of its own. Behind it each cosigner reads the transfer
//! from its bytes, asks its own policy, and signs with a share. revm, which knows nothing of this project, then takes the signed
//! transaction, and the balances move. Here the cosigners are in this process; a `quorate::control::Client` in place of `team[1]` asks one
//! that runs elsewhere, and nothing else changes.
//!
//! `cargo run --release -p quorate-alloy --example alloy_transfer`
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{error::Error, sync::Arc};

use alloy_consensus::{Transaction as _, TxEip1559, TxEnvelope, transaction::SignerRecoverable as _};
use alloy_eips::{Decodable2718 as _, Encodable2718 as _};
use alloy_network::{Ethereum, EthereumWallet, NetworkWallet};
use alloy_primitives::{Address, TxKind, U256, address};
use alloy_signer::Signer as _;
use quorate::{KeygenRequest, core::SuiteId, dev::local_cosigners, policy::BuiltinPolicy};
use quorate_alloy::CosignerSigner;
use revm::{
    Context, Database as _, DatabaseCommit as _, ExecuteEvm as _, MainBuilder as _, MainContext as _,
    context::TxEnv,
    database::{CacheDB, EmptyDB},
    state::AccountInfo,
};

const GARDENER: Address = address!("3535353535353535353535353535353535353535");
const ETHER: u64 = 1_000_000_000_000_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let policy = Arc::new(BuiltinPolicy::documents());
    let team = local_cosigners([policy.clone(), policy.clone(), policy]).await?;
    team[0].keygen(KeygenRequest::new("treasury", [SuiteId::EcdsaSecp256k1], 2)).await?;

    let signer = CosignerSigner::find(team[1].clone(), "treasury").await?.at("m/0/7".parse()?)?.with_chain_id(Some(1));
    let treasury = signer.address();
    let wallet = EthereumWallet::from(signer);

    // What alloy's providers do with a wallet when they fill in and send a transaction.
    let transfer = TxEip1559 {
        chain_id: 1,
        gas_limit: 21_000,
        max_fee_per_gas: 30_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(GARDENER),
        value: U256::from(ETHER),
        ..TxEip1559::default()
    };
    let signed = NetworkWallet::<Ethereum>::sign_transaction(&wallet, transfer.into()).await?;
    let raw = signed.encoded_2718();
    println!("{treasury} pays the gardener: {} bytes for the network, {}", raw.len(), signed.tx_hash());

    let (paid, left, gas) = execute(&raw, treasury)?;
    assert_eq!(paid, U256::from(ETHER), "the gardener has not got the money");
    assert_eq!(left, U256::from(9 * ETHER) - U256::from(gas) * U256::from(1_000_000_000_u64));
    println!("executed: the gardener has {paid} wei, the treasury {left}");

    // The same bytes with another amount are somebody else's transaction, who has no money.
    let mut altered = raw;
    let place = altered.windows(8).position(|bytes| bytes == ETHER.to_be_bytes()).ok_or("no amount")?;
    altered[place] ^= 1;
    let thief = TxEnvelope::decode_2718(&mut altered.as_slice())?.recover_signer();
    assert_ne!(thief.ok(), Some(treasury));
    Ok(())
}

/// Runs a raw transaction in an EVM where `rich` has ten ether. Gives what the gardener and `rich` have then, and the gas.
fn execute(raw: &[u8], rich: Address) -> Result<(U256, U256, u64), Box<dyn Error>> {
    let transaction = TxEnvelope::decode_2718(&mut &raw[..])?;
    // Who sent it is in the signature alone.
    let caller = transaction.recover_signer()?;
    let mut database = CacheDB::<EmptyDB>::default();
    database.insert_account_info(rich, AccountInfo { balance: U256::from(10 * ETHER), ..AccountInfo::default() });
    let mut evm = Context::mainnet().with_db(&mut database).build_mainnet();
    let environment = TxEnv::builder()
        .caller(caller)
        .nonce(transaction.nonce())
        .chain_id(transaction.chain_id())
        .kind(transaction.kind())
        .value(transaction.value())
        .data(transaction.input().clone())
        .gas_limit(transaction.gas_limit())
        .max_fee_per_gas(transaction.max_fee_per_gas())
        .gas_priority_fee(transaction.max_priority_fee_per_gas())
        .build()
        .map_err(|error| format!("{error:?}"))?;
    let outcome = evm.transact(environment)?;
    assert!(outcome.result.is_success(), "{:?}", outcome.result);
    drop(evm);
    database.commit(outcome.state);
    let mut balance = |of| database.basic(of).map(|account| account.unwrap_or_default().balance);
    Ok((balance(GARDENER)?, balance(rich)?, outcome.result.tx_gas_used()))
}
