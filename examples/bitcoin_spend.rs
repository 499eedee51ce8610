//! Bitcoin moves: `bdk_wallet` builds a payment, three cosigners sign it, and Bitcoin Core's consensus code accepts it.
//!
//! Once from P2WPKH outputs and once from P2TR outputs of the same wallet. `bdk_wallet` watches with an extended public key and knows no
//! secret; each cosigner reads the PSBT, asks its own policy, and signs with a share. Here the cosigners are in this process; a
//! `quorate::control::Client` in place of `team[1]` asks one that runs elsewhere, and nothing else changes.
//!
//! `cargo run --release -p quorate-bitcoin --example bitcoin_spend`
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{error::Error, sync::Arc};

use bdk_wallet::{KeychainKind, Wallet};
use bitcoin::{
    Address, Amount, FeeRate, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, absolute,
    consensus::serialize, hashes::Hash as _, transaction,
};
use bitcoinconsensus::Utxo;
use quorate::{KeygenRequest, core::SuiteId, dev::local_cosigners, payload::AddressKind, policy::BuiltinPolicy};
use quorate_bitcoin::PsbtSigner;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let policy = Arc::new(BuiltinPolicy::documents());
    let team = local_cosigners([policy.clone(), policy.clone(), policy]).await?;
    team[0].keygen(KeygenRequest::new("treasury", [SuiteId::Bip340, SuiteId::EcdsaSecp256k1], 2)).await?;
    let signer = PsbtSigner::find(team[1].clone(), "treasury").await?;

    for (kind, descriptor) in [(AddressKind::P2wpkh, "wpkh"), (AddressKind::Taproot, "tr")] {
        let xpub = signer.xpub(kind, Network::Regtest)?;
        let [receive, change] = ["0", "1"].map(|chain| format!("{descriptor}({xpub}/{chain}/*)"));
        let mut wallet = Wallet::create(receive, change).network(Network::Regtest).create_wallet_no_persist()?;
        let coins = fund(&mut wallet);

        let gardener: Address =
            "bcrt1q6rhpng9evdsfnn833a4f4vej0asu6dk5srld6x".parse::<Address<_>>()?.require_network(Network::Regtest)?;
        let mut builder = wallet.build_tx();
        builder
            .add_recipient(gardener.script_pubkey(), Amount::from_sat(120_000))
            .fee_rate(FeeRate::from_sat_per_vb(3).ok_or("rate")?);
        let mut psbt = builder.finish()?;

        let signed = signer.sign(&mut psbt).await?;
        assert_eq!(signed, [0, 1], "both coins are needed, and signed");
        let transaction = psbt.extract_tx()?;
        accept(&transaction, &coins)?;
        println!(
            "{kind}: consensus accepts {} of {} inputs, {}",
            signed.len(),
            transaction.input.len(),
            transaction.compute_txid()
        );

        // The same signatures under another amount are worth nothing.
        let mut altered = transaction;
        altered.output[0].value += Amount::from_sat(1);
        assert!(accept(&altered, &coins).is_err(), "consensus accepts an altered transaction");
    }
    Ok(())
}

/// Gives the wallet a transaction with two outputs to its first addresses.
fn fund(wallet: &mut Wallet) -> Vec<(OutPoint, TxOut)> {
    let mut pay = |sat| TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: wallet.reveal_next_address(KeychainKind::External).address.script_pubkey(),
    };
    let output = vec![pay(100_000), pay(50_000)];
    let from = OutPoint { txid: Txid::from_byte_array([7; 32]), vout: 0 };
    let input = TxIn { previous_output: from, script_sig: ScriptBuf::new(), sequence: Sequence::MAX, witness: Witness::new() };
    let paid =
        Transaction { version: transaction::Version::TWO, lock_time: absolute::LockTime::ZERO, input: vec![input], output };
    let txid = paid.compute_txid();
    let coins = (0..).zip(paid.output.clone()).map(|(vout, output)| (OutPoint { txid, vout }, output)).collect();
    wallet.apply_unconfirmed_txs([(paid, 1_700_000_000)]);
    coins
}

/// Asks Bitcoin Core's consensus code about every input.
fn accept(transaction: &Transaction, coins: &[(OutPoint, TxOut)]) -> Result<(), bitcoinconsensus::Error> {
    let spent: Vec<&TxOut> = transaction
        .input
        .iter()
        .filter_map(|input| coins.iter().find(|(outpoint, _)| *outpoint == input.previous_output).map(|(_, output)| output))
        .collect();
    let utxos: Vec<Utxo> = spent
        .iter()
        .map(|output| Utxo {
            script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: u32::try_from(output.script_pubkey.len()).unwrap_or(u32::MAX),
            value: i64::try_from(output.value.to_sat()).unwrap_or(i64::MAX),
        })
        .collect();
    let bytes = serialize(transaction);
    for (index, output) in spent.iter().enumerate() {
        bitcoinconsensus::verify(output.script_pubkey.as_bytes(), output.value.to_sat(), &bytes, Some(&utxos), index)?;
    }
    Ok(())
}
