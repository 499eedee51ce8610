//! Inputs that scripts spend, and outputs that have scripts: shown, checked, and not signed.

use bitcoin::{
    Psbt as Inner, ScriptBuf, TapLeafHash, Witness, XOnlyPublicKey,
    bip32::{ChildNumber, DerivationPath, Fingerprint},
    opcodes::all::OP_CHECKSIG,
    script::Builder,
    secp256k1::Secp256k1,
    taproot::{LeafVersion, TapTree, TaprootBuilder, TaprootSpendInfo},
};
use quorate::payload::{AnyPayload, Details, KeyUse, Payload as _, PayloadError, Psbt, PsbtDetails, PsbtError, kind};

use super::{
    keys::Bip340Key,
    psbt::{internal, psbt, script},
};

fn leaf(key: XOnlyPublicKey) -> ScriptBuf {
    Builder::new().push_x_only_key(&key).push_opcode(OP_CHECKSIG).into_script()
}

fn tree(leaves: &[ScriptBuf]) -> TaprootBuilder {
    let weighted = leaves.iter().map(|leaf| (1, leaf.clone()));
    TaprootBuilder::with_huffman_tree(weighted).unwrap()
}

fn spend_info(owner: XOnlyPublicKey, leaves: &[ScriptBuf]) -> TaprootSpendInfo {
    tree(leaves).finalize(&Secp256k1::new(), owner).unwrap()
}

/// An input of ours, and one of somebody whose output has these leaves; pays to somebody who has them too.
fn with_scripts(key: &Bip340Key, leaves: &[ScriptBuf]) -> Inner {
    let other = internal(&Bip340Key::new(9), &[]);
    let info = spend_info(other, leaves);
    let locked = ScriptBuf::new_p2tr_tweaked(info.output_key());
    let mut psbt = psbt(&[(script(key, &[], None), 60_000), (locked.clone(), 50_000)], &[(locked, 100_000)]);
    for (script, version) in info.script_map().keys() {
        let block = info.control_block(&(script.clone(), *version)).unwrap();
        psbt.inputs[1].tap_scripts.insert(block, (script.clone(), *version));
    }
    psbt.outputs[0].tap_internal_key = Some(other);
    psbt.outputs[0].tap_tree = Some(TapTree::try_from(tree(leaves)).unwrap());
    psbt
}

fn details(psbt: &Inner, key: &Bip340Key) -> (PsbtDetails, String) {
    let description = Psbt::parse(&psbt.serialize()).unwrap().describe(&KeyUse::new(key, &[])).unwrap();
    let text = description.to_string();
    let Details::Psbt(details) = description.details else { panic!("{text}") };
    (details, text)
}

fn refusal(psbt: &Inner) -> PsbtError {
    match AnyPayload::decode(kind::PSBT, &psbt.serialize()) {
        Err(PayloadError::Psbt(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The PSBT says that the key at the path is in the leaf.
fn name(psbt: &mut Inner, input: usize, key: XOnlyPublicKey, leaf: &ScriptBuf, path: &[u32]) {
    let path: DerivationPath = path.iter().map(|index| ChildNumber::Normal { index: *index }).collect::<Vec<_>>().into();
    let leaves = vec![TapLeafHash::from_script(leaf, LeafVersion::TapScript)];
    psbt.inputs[input].tap_key_origins.insert(key, (leaves, (Fingerprint::default(), path)));
}

#[test]
fn scripts_of_inputs_and_outputs_are_shown_and_the_key_path_is_signed() {
    let key = Bip340Key::new(1);
    let leaves = [leaf(internal(&Bip340Key::new(8), &[])), leaf(internal(&key, &[0, 7]))];
    let mut psbt = with_scripts(&key, &leaves);
    let (shown, text) = details(&psbt, &key);
    assert!(shown.inputs[0].scripts.is_empty() && shown.inputs[0].path.is_some());
    assert_eq!((shown.inputs[1].scripts.len(), shown.outputs[0].scripts.len()), (2, 2));
    for leaf in &leaves {
        let words = leaf.to_asm_string();
        assert!(
            text.contains(&format!("input 1 script: {words}")) && text.contains(&format!("output 0 script: {words}")),
            "{text}"
        );
    }
    assert!(!shown.inputs[1].in_script && shown.outputs[0].path.is_none());
    // It is told that this key is in a script, and the one signature is that of its own input.
    name(&mut psbt, 1, internal(&key, &[0, 7]), &leaves[1], &[0, 7]);
    let (shown, text) = details(&psbt, &key);
    assert!(shown.inputs[1].in_script && text.contains("this key is in its script, and does not sign there"), "{text}");
    assert_eq!(Psbt::parse(&psbt.serialize()).unwrap().messages(&KeyUse::new(&key, &[])).unwrap().len(), 1);
    // What the other one signed by a script.
    let block = psbt.inputs[1].tap_scripts.keys().next().unwrap().clone();
    let (script, _) = psbt.inputs[1].tap_scripts.remove(&block).unwrap();
    psbt.inputs[1].final_script_witness = Some(Witness::from_slice(&[vec![1; 64], script.to_bytes(), block.serialize()]));
    let (shown, text) = details(&psbt, &key);
    assert!(shown.inputs[1].scripts.len() == 2 && text.contains("(with a witness, which is not checked here)"), "{text}");
    let longest = [Builder::new().push_slice([7; 75]).push_slice([7; 75]).into_script(), leaves[0].clone()];
    assert!(details(&with_scripts(&key, &longest), &key).1.contains("152 bytes, 4b0707"));
}

#[test]
fn scripts_that_outputs_do_not_commit_to_are_refused() {
    let key = Bip340Key::new(1);
    let leaves = [leaf(internal(&key, &[])), leaf(internal(&Bip340Key::new(8), &[]))];
    let changed = |change: &dyn Fn(&mut Inner)| {
        let mut psbt = with_scripts(&key, &leaves);
        change(&mut psbt);
        refusal(&psbt)
    };
    let another = changed(&|psbt| psbt.inputs[1].tap_scripts.values_mut().next().unwrap().0 = leaf(internal(&key, &[1])));
    assert!(matches!(another, PsbtError::InputScript { input: 1 }), "{another}");
    let version = changed(&|psbt| {
        let future = LeafVersion::from_consensus(0xc2).unwrap();
        psbt.inputs[1].tap_scripts.values_mut().next().unwrap().1 = future;
    });
    assert!(matches!(version, PsbtError::InputScript { input: 1 } | PsbtError::Malformed { .. }), "{version}");
    let of_another_input = changed(&|psbt| psbt.inputs[0].tap_scripts = psbt.inputs[1].tap_scripts.clone());
    assert!(matches!(of_another_input, PsbtError::InputScript { input: 0 }), "{of_another_input}");
    let witness = changed(&|psbt| {
        let block = psbt.inputs[1].tap_scripts.keys().next().unwrap().serialize();
        psbt.inputs[1].final_script_witness = Some(Witness::from_slice(&[vec![], vec![0x51], block]));
    });
    assert!(matches!(witness, PsbtError::InputScript { input: 1 }), "{witness}");
    let tree = changed(&|psbt| psbt.outputs[0].tap_tree = Some(TapTree::try_from(tree(&leaves[..1])).unwrap()));
    assert!(matches!(tree, PsbtError::OutputScript { output: 0 }), "{tree}");
    let keyless = changed(&|psbt| psbt.outputs[0].tap_internal_key = None);
    assert!(matches!(keyless, PsbtError::OutputScript { output: 0 }), "{keyless}");
    let many: Vec<_> = (0..33).map(|index| leaf(internal(&key, &[index]))).collect();
    let many = refusal(&with_scripts(&key, &many));
    assert!(matches!(many, PsbtError::TooManyScripts { limit: 64 }), "{many}");
}

#[test]
fn key_that_is_wanted_in_a_script_alone_is_told_so() {
    let key = Bip340Key::new(1);
    let leaves = [leaf(internal(&key, &[0, 7]))];
    let mut psbt = with_scripts(&Bip340Key::new(5), &leaves);
    let refused = |psbt: &Inner, path: &[u32]| {
        let parsed = Psbt::parse(&psbt.serialize()).unwrap();
        match parsed.messages(&KeyUse::new(&key, path)) {
            Err(PayloadError::Psbt(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(refused(&psbt, &[]), PsbtError::NothingToSign), "the PSBT does not say whose key it is");
    // By the path that the PSBT names, and by that of the request.
    name(&mut psbt, 1, internal(&key, &[0, 7]), &leaves[0], &[0, 7]);
    assert!(matches!(refused(&psbt, &[]), PsbtError::ScriptPath { input: 1 }));
    name(&mut psbt, 1, internal(&key, &[0, 7]), &leaves[0], &[9, 9, 9]);
    assert!(matches!(refused(&psbt, &[0, 7]), PsbtError::ScriptPath { input: 1 }));
    // A path that leads to another key is no proof.
    assert!(matches!(refused(&psbt, &[]), PsbtError::NothingToSign));
}
