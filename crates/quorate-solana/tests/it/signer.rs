//! One team signs; a second one has policies that refuse.

use std::sync::Arc;

use quorate::{
    Cosigner, KeygenRequest,
    ask::{Ask, KeyHandle},
    core::SuiteId,
    dev::local_cosigners,
    policy::{BuiltinPolicy, Policy},
};
use quorate_solana::{BlockingSigner, CosignerSigner, RuntimeError};
use solana_hash::Hash;
use solana_instruction::{AccountMeta, Instruction};
use solana_message::Message;
use solana_pubkey::Pubkey;
use solana_signer::{Signer as _, SignerError};
use solana_transaction::Transaction;

async fn team(policies: [&str; 3]) -> Vec<Arc<Cosigner>> {
    let policies = policies.map(|text| -> Arc<dyn Policy> { Arc::new(text.parse::<BuiltinPolicy>().unwrap()) });
    let team = local_cosigners(policies).await.unwrap();
    team[0].keygen(KeygenRequest::new("treasury", [SuiteId::Ed25519, SuiteId::Bip340], 2)).await.unwrap();
    team
}

async fn signer(cosigner: &Arc<Cosigner>, path: &str) -> BlockingSigner {
    let cosigner: Arc<dyn Ask> = cosigner.clone();
    CosignerSigner::find(cosigner, "treasury").await.unwrap().at(path.parse().unwrap()).unwrap().blocking().unwrap()
}

fn transfer(from: Pubkey, payer: Pubkey) -> Transaction {
    let data = [&2_u32.to_le_bytes()[..], &5_000_000_u64.to_le_bytes()].concat();
    let accounts = vec![AccountMeta::new(from, true), AccountMeta::new(Pubkey::new_from_array([4; 32]), false)];
    let instruction = Instruction::new_with_bytes(Pubkey::new_from_array([0; 32]), &data, accounts);
    Transaction::new_unsigned(Message::new(&[instruction], Some(&payer)))
}

#[tokio::test(flavor = "multi_thread")]
async fn signer_signs_what_cosigners_read_and_refuses_the_rest_by_name() {
    let team = team(["payloads = [\"message\", \"solana\"]"; 3]).await;
    let (one, other) = (signer(&team[0], "m/0/1").await, signer(&team[1], "m/0/2").await);
    assert_ne!(one.pubkey(), other.pubkey());
    let blockhash = Hash::new_from_array([9; 32]);

    // One pays the fee and the other the amount: two signatures, each in its place, from a runtime's own thread.
    let mut transaction = transfer(other.pubkey(), one.pubkey());
    transaction.try_sign(&[&one, &other], blockhash).unwrap();
    transaction.verify().unwrap();

    // A key that the message does not name.
    let bytes = transfer(other.pubkey(), other.pubkey()).message.serialize();
    assert_eq!(one.try_sign_message(&bytes), Err(SignerError::KeypairPubkeyMismatch));
    // A message that is none of Solana's, and one that could be.
    let plain = one.try_sign_message(b"log me in").unwrap();
    assert!(plain.verify(one.pubkey().as_ref(), b"log me in"));
    let disguised = [&b"log in as "[..], one.pubkey().as_ref()].concat();
    let refused = one.try_sign_message(&disguised).unwrap_err().to_string();
    assert!(refused.contains("could be a Solana transaction"), "{refused}");

    let bip340 = KeyHandle::find(team[0].clone(), "treasury", SuiteId::Bip340).await.unwrap();
    assert!(CosignerSigner::new(bip340).unwrap_err().message().contains("bip340"));
    let unknown = CosignerSigner::find(team[0].clone(), "nobody").await.unwrap_err().message();
    assert!(unknown.contains("knows no ed25519 key of \"nobody\""), "{unknown}");

    let plain = one.signer().clone();
    let elsewhere = std::thread::spawn(move || (plain.clone().blocking().err(), one_thread(plain)));
    assert_eq!(elsewhere.join().unwrap(), (Some(RuntimeError::None), Some(RuntimeError::OneThread)));
}

fn one_thread(signer: CosignerSigner) -> Option<RuntimeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { signer.blocking().err() })
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_of_a_policy_is_an_error_with_its_rule() {
    let strict = "payloads = [\"solana\"]\n[solana]\nmax_lamports = 1000000";
    let team = team(["payloads = [\"solana\", \"message\"]", strict, strict]).await;
    let signer = signer(&team[0], "m").await;
    let refused = transfer(signer.pubkey(), signer.pubkey()).try_sign(&[&signer], Hash::new_from_array([9; 32])).unwrap_err();
    assert!(matches!(refused, SignerError::UserCancel(_)), "{refused:?}");
    assert!(refused.to_string().contains("refuses") && refused.to_string().contains("(rule solana.max_lamports)"), "{refused}");
    let refused = signer.try_sign_message(b"hello").unwrap_err().to_string();
    assert!(refused.contains("(rule payloads)"), "{refused}");
}
