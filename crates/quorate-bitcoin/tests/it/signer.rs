//! One team with both keys of a wallet, and carol with a policy that allows little.

use std::sync::Arc;

use bitcoin::{
    Address, Amount, CompressedPublicKey, KnownHrp, Network, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    Witness,
    absolute::LockTime,
    bip32::{ChildNumber, DerivationPath},
    consensus::serialize,
    hashes::Hash as _,
    psbt::PsbtSighashType,
    secp256k1::Secp256k1,
    sighash::{EcdsaSighashType, TapSighashType},
    transaction::Version,
};
use bitcoinconsensus::Utxo;
use quorate::{
    Cosigner, KeygenRequest,
    ask::{Ask, AskError},
    core::SuiteId,
    dev::local_cosigners,
    payload::{AddressKind, KeyView as _},
    policy::{BuiltinPolicy, Policy},
};
use quorate_bitcoin::PsbtSigner;

async fn team(policies: [&str; 3]) -> Vec<Arc<Cosigner>> {
    let policies = policies.map(|text| -> Arc<dyn Policy> { Arc::new(text.parse::<BuiltinPolicy>().unwrap()) });
    let team = local_cosigners(policies).await.unwrap();
    let suites = [SuiteId::Bip340, SuiteId::EcdsaSecp256k1, SuiteId::Ed25519];
    team[0].keygen(KeygenRequest::new("treasury", suites, 2)).await.unwrap();
    team[0].keygen(KeygenRequest::new("petty-cash", [SuiteId::Bip340], 2)).await.unwrap();
    team
}

/// The script of the child that a watching wallet derives.
fn script(signer: &PsbtSigner, kind: AddressKind, path: [u32; 2]) -> ScriptBuf {
    let secp = Secp256k1::verification_only();
    let path: DerivationPath = path.map(|index| ChildNumber::Normal { index }).to_vec().into();
    let child = signer.xpub(kind, Network::Bitcoin).unwrap().derive_pub(&secp, &path).unwrap();
    match kind {
        AddressKind::Taproot => {
            Address::p2tr(&secp, child.public_key.x_only_public_key().0, None, KnownHrp::Mainnet).script_pubkey()
        }
        AddressKind::P2wpkh | AddressKind::Ethereum | AddressKind::Solana | _ => {
            Address::p2wpkh(&CompressedPublicKey(child.public_key), KnownHrp::Mainnet).script_pubkey()
        }
    }
}

/// Spends one output to each script, 50 000 satoshi each, and pays all but 1 000 to somebody.
fn psbt(scripts: &[ScriptBuf]) -> Psbt {
    let out = |value, script: &ScriptBuf| TxOut { value: Amount::from_sat(value), script_pubkey: script.clone() };
    let transaction = |input, output| Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input, output };
    let spend = |previous_output| TxIn {
        previous_output,
        sequence: Sequence::MAX,
        script_sig: ScriptBuf::new(),
        witness: Witness::new(),
    };
    let from = spend(OutPoint { txid: Txid::from_byte_array([3; 32]), vout: 0 });
    let paid = transaction(vec![from], scripts.iter().map(|script| out(50_000, script)).collect());
    let txid = paid.compute_txid();
    let inputs = (0..).zip(scripts).map(|(vout, _)| spend(OutPoint { txid, vout })).collect();
    let total = 50_000 * u64::try_from(scripts.len()).unwrap();
    let pay = ScriptBuf::new_op_return([1; 20]);
    let mut psbt = Psbt::from_unsigned_tx(transaction(inputs, vec![out(total - 1_000, &pay)])).unwrap();
    for (input, output) in psbt.inputs.iter_mut().zip(&paid.output) {
        input.witness_utxo = Some(output.clone());
        input.non_witness_utxo = Some(paid.clone());
    }
    psbt
}

/// Whether Bitcoin Core's consensus code accepts every input.
fn is_valid(psbt: &Psbt) -> bool {
    let spent: Vec<TxOut> = psbt.inputs.iter().map(|input| input.witness_utxo.clone().unwrap()).collect();
    let bytes = serialize(&psbt.clone().extract_tx().unwrap());
    let utxo = |output: &TxOut| Utxo {
        script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
        script_pubkey_len: u32::try_from(output.script_pubkey.len()).unwrap(),
        value: i64::try_from(output.value.to_sat()).unwrap(),
    };
    let utxos: Vec<Utxo> = spent.iter().map(utxo).collect();
    let verify = |(index, output): (usize, &TxOut)| {
        bitcoinconsensus::verify(output.script_pubkey.as_bytes(), output.value.to_sat(), &bytes, Some(&utxos), index)
    };
    spent.iter().enumerate().all(|output| verify(output).is_ok())
}

async fn refused(signer: &PsbtSigner, psbt: &Psbt) -> String {
    let mut signed = psbt.clone();
    let error = signer.sign(&mut signed).await.unwrap_err();
    assert_eq!(signed, *psbt, "a refusal changes nothing");
    error.message()
}

#[tokio::test(flavor = "multi_thread")]
async fn signer_signs_both_kinds_in_place_and_refuses_the_rest_by_name() {
    let team = team(["payloads = [\"psbt\"]"; 3]).await;
    let cosigner: Arc<dyn Ask> = team[2].clone();
    let signer = PsbtSigner::find(Arc::clone(&cosigner), "treasury").await.unwrap().at(&"m/0/7".parse().unwrap()).unwrap();
    // What a watching wallet derives from the extended key is what the cosigners derive.
    for (handle, kind) in signer.keys().iter().zip([AddressKind::Taproot, AddressKind::P2wpkh]) {
        let child = signer.xpub(kind, Network::Bitcoin).unwrap();
        let path: DerivationPath = [0, 7].map(|index| ChildNumber::Normal { index }).to_vec().into();
        let child = child.derive_pub(&Secp256k1::verification_only(), &path).unwrap();
        assert_eq!(handle.key().child_public_key(&[0, 7]).unwrap(), child.public_key.serialize());
    }
    let scripts = [script(&signer, AddressKind::Taproot, [0, 7]), script(&signer, AddressKind::P2wpkh, [0, 7])];
    let unsigned = psbt(&scripts);
    let mut signed = unsigned.clone();
    assert_eq!(signer.sign(&mut signed).await.unwrap(), [0, 1]);
    assert_eq!(signed.unsigned_tx, unsigned.unsigned_tx);
    assert!(is_valid(&signed));
    assert!(refused(&signer, &signed).await.contains("is signed already"));

    let taproot = psbt(&scripts[..1]);
    let other = PsbtSigner::find(Arc::clone(&cosigner), "petty-cash").await.unwrap();
    assert!(refused(&other, &taproot).await.contains("no input belongs to this key"));
    assert!(other.xpub(AddressKind::P2wpkh, Network::Bitcoin).unwrap_err().message().contains("ecdsa-secp256k1"));
    let root = PsbtSigner::find(Arc::clone(&cosigner), "treasury").await.unwrap();
    assert!(refused(&root, &taproot).await.contains("check the derivation path"));

    let with_sighash = |index: usize, sighash: PsbtSighashType| {
        let mut psbt = unsigned.clone();
        psbt.inputs[index].sighash_type = Some(sighash);
        psbt
    };
    let open = with_sighash(0, TapSighashType::NonePlusAnyoneCanPay.into());
    assert!(refused(&signer, &open).await.contains("input 0 asks for SIGHASH_NONE|SIGHASH_ANYONECANPAY"));
    let open = with_sighash(1, EcdsaSighashType::Single.into());
    assert!(refused(&signer, &open).await.contains("input 1 asks for SIGHASH_SINGLE"));
    let mut lying = unsigned.clone();
    lying.inputs[1].witness_utxo.as_mut().unwrap().value = Amount::from_sat(60_000);
    assert!(refused(&signer, &lying).await.contains("the non_witness_utxo of input 1 contradicts"));

    let unknown = PsbtSigner::find(cosigner, "nobody").await.unwrap_err();
    assert!(matches!(unknown, AskError::UnknownKey { .. }), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_of_a_policy_is_an_error_with_its_rule() {
    let strict = "payloads = [\"psbt\"]\n[psbt]\nmax_fee = 500";
    let team = team(["payloads = [\"psbt\"]", strict, strict]).await;
    let signer = PsbtSigner::find(team[0].clone(), "treasury").await.unwrap();
    let unsigned = psbt(&[script(&signer.clone().at(&"m/0/1".parse().unwrap()).unwrap(), AddressKind::P2wpkh, [0, 1])]);
    let signer = signer.at(&"m/0/1".parse().unwrap()).unwrap();
    let words = refused(&signer, &unsigned).await;
    assert!(words.contains("refuses") && words.contains("(rule psbt.max_fee)"), "{words}");
}
