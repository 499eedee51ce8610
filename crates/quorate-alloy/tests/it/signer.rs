//! One team signs everything; a second one has policies that refuse.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEip7702, TxLegacy, transaction::SignerRecoverable as _};
use alloy_dyn_abi::TypedData;
use alloy_network::{Ethereum, EthereumWallet, NetworkWallet, TxSigner as _};
use alloy_primitives::{Address, B256, TxKind, U256, eip191_hash_message};
use alloy_signer::{Error, Signer};
use quorate::{
    Cosigner, KeygenRequest,
    ask::{Ask, AskError},
    core::SuiteId,
    dev::local_cosigners,
    policy::{BuiltinPolicy, Policy},
};
use quorate_alloy::CosignerSigner;

const TO: &str = "0x3535353535353535353535353535353535353535";

fn transfer(chain_id: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id,
        nonce: 9,
        gas_limit: 21_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(TO.parse().unwrap()),
        value: U256::from(10_u64.pow(18)),
        ..TxEip1559::default()
    }
}

/// A policy at alice, and another one at bob and carol.
async fn team(alice: &str, others: &str) -> Vec<Arc<Cosigner>> {
    let policy = |text: &str| -> Arc<dyn Policy> { Arc::new(text.parse::<BuiltinPolicy>().unwrap()) };
    let team = local_cosigners([policy(alice), policy(others), policy(others)]).await.unwrap();
    team[0].keygen(KeygenRequest::new("treasury", [SuiteId::EcdsaSecp256k1, SuiteId::Ed25519], 2)).await.unwrap();
    team
}

fn words(error: &Error) -> String {
    let Error::Other(source) = error else { panic!("{error}") };
    source.downcast_ref::<AskError>().map_or_else(|| source.to_string(), AskError::message)
}

#[tokio::test(flavor = "multi_thread")]
async fn signer_signs_what_cosigners_read_and_refuses_the_rest_by_name() {
    let policy = "payloads = [\"message\", \"evm\", \"typed-data\"]\n[evm]\nnot_decoded = \"allow\"";
    let team = team(policy, policy).await;
    let cosigner: Arc<dyn Ask> = team[1].clone();
    let root = CosignerSigner::find(cosigner.clone(), "treasury").await.unwrap();
    let signer = root.clone().at("m/0/7".parse().unwrap()).unwrap().with_chain_id(Some(1));
    let address = Signer::address(&signer);
    assert_ne!(address, Signer::address(&root));

    // A message is signed behind EIP-191's prefix.
    let signature = signer.sign_message(b"hello").await.unwrap();
    assert_eq!(signature.recover_address_from_msg("hello").unwrap(), address);
    assert_eq!(signature.recover_address_from_prehash(&eip191_hash_message("hello")).unwrap(), address);

    transactions(&signer, address).await;
    typed_data(&signer, address).await;

    // A hash is none of these.
    let refused = signer.sign_hash(&B256::repeat_byte(7)).await.unwrap_err();
    assert!(refused.is_unsupported(), "{refused}");
    let refused = signer.clone().allow_raw_digests().sign_hash(&B256::repeat_byte(7)).await.unwrap_err();
    assert!(words(&refused).contains("raw digests are not allowed"), "{}", words(&refused));

    let unknown = CosignerSigner::find(cosigner, "petty-cash").await.unwrap_err();
    assert!(unknown.to_string().contains("knows no ecdsa-secp256k1 key of \"petty-cash\""), "{unknown}");
    let solana_key = quorate::ask::KeyHandle::find(team[1].clone(), "treasury", SuiteId::Ed25519).await.unwrap();
    let wrong = CosignerSigner::new(solana_key).unwrap_err();
    assert!(wrong.to_string().contains("ed25519"), "{wrong}");
}

async fn transactions(signer: &CosignerSigner, address: Address) {
    let signature = signer.sign_transaction(&mut transfer(1)).await.unwrap();
    let signed = transfer(1).into_signed(signature);
    assert_eq!(signed.recover_signer().unwrap(), address);

    // A legacy transaction without a chain id gets the signer's.
    let mut legacy =
        TxLegacy { chain_id: None, gas_price: 1, gas_limit: 21_000, to: TxKind::Call(address), ..TxLegacy::default() };
    let signature = signer.sign_transaction(&mut legacy).await.unwrap();
    assert_eq!(legacy.chain_id, Some(1));
    assert_eq!(legacy.into_signed(signature).recover_signer().unwrap(), address);

    let refused = signer.sign_transaction(&mut transfer(5)).await.unwrap_err();
    assert!(matches!(refused, Error::TransactionChainIdMismatch { signer: 1, tx: 5 }), "{refused}");
    let mut delegation = TxEip7702 { chain_id: 1, ..TxEip7702::default() };
    let refused = words(&signer.sign_transaction(&mut delegation).await.unwrap_err());
    assert!(refused.contains("type 4"), "{refused}");

    // As a wallet of alloy, which knows no key of another address.
    let wallet = EthereumWallet::from(signer.clone());
    let envelope = NetworkWallet::<Ethereum>::sign_transaction(&wallet, transfer(1).into()).await.unwrap();
    assert_eq!(envelope.recover_signer().unwrap(), address);
    let stranger = Address::repeat_byte(9);
    let refused = NetworkWallet::<Ethereum>::sign_transaction_from(&wallet, stranger, transfer(1).into()).await;
    assert!(refused.unwrap_err().to_string().contains("Missing signing credential"), "another address");
}

/// EIP-712's own example, signed as a document and, from alloy's hash of it, checked.
async fn typed_data(signer: &CosignerSigner, address: Address) {
    let document: TypedData = serde_json::from_str(
        r#"{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"chainId","type":"uint256"}],
            "Person":[{"name":"name","type":"string"},{"name":"wallet","type":"address"}],
            "Mail":[{"name":"from","type":"Person"},{"name":"contents","type":"string"}]},
            "primaryType":"Mail","domain":{"name":"Ether Mail","chainId":1},
            "message":{"from":{"name":"Cow","wallet":"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},"contents":"Hello, Bob!"}}"#,
    )
    .unwrap();
    let signature = signer.sign_dynamic_typed_data(&document).await.unwrap();
    let hash = document.eip712_signing_hash().unwrap();
    assert_eq!(signature.recover_address_from_prehash(&hash).unwrap(), address);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_of_a_policy_is_an_error_with_its_rule() {
    let team = team("payloads = [\"evm\", \"message\"]", "payloads = [\"evm\"]\n[evm]\nmax_gwei = 100\nchains = [1]").await;
    let signer = CosignerSigner::find(team[0].clone(), "treasury").await.unwrap();
    let refused = words(&signer.sign_transaction(&mut transfer(1)).await.unwrap_err());
    assert!(refused.contains("refuses") && refused.contains("(rule evm.max_gwei)"), "{refused}");
    let refused = words(&signer.sign_transaction(&mut transfer(5)).await.unwrap_err());
    assert!(refused.contains("(rule evm.chains)"), "{refused}");
    let refused = words(&signer.sign_message(b"hello").await.unwrap_err());
    assert!(refused.contains("(rule payloads)"), "{refused}");
}
