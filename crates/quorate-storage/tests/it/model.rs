//! The vault against a model of a few lines, over random steps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quorate_storage::{Torn, Vault, VaultError, vault::VaultInputError};

use crate::support::{Rig, Share, block_on, key_ref};

#[derive(Clone, Debug)]
enum Op {
    Put(u8, u64),
    Promote(u8, u64),
    Abort(u8, u64),
    Destroy(u8, u64),
    Retire(u8, u64),
    Restart,
    /// The next operation of the store fails, and the step that it hits is done again until it goes through.
    Fault(u64, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let at = || (0..3_u8, 0..8_u64);
    prop_oneof![
        6 => at().prop_map(|(key, epoch)| Op::Put(key, epoch)),
        4 => at().prop_map(|(key, epoch)| Op::Promote(key, epoch)),
        1 => at().prop_map(|(key, epoch)| Op::Abort(key, epoch)),
        1 => at().prop_map(|(key, epoch)| Op::Destroy(key, epoch)),
        1 => at().prop_map(|(key, epoch)| Op::Retire(key, epoch)),
        1 => Just(Op::Restart),
        2 => (0..8_u64, any::<bool>()).prop_map(|(at, after)| Op::Fault(at, after)),
    ]
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Key {
    highest: u64,
    active: Option<u64>,
    pending: Vec<u64>,
}

type Model = BTreeMap<u8, Key>;

/// What the step should do: nothing, if it is refused.
fn predict(model: &Model, op: &Op) -> Option<Model> {
    let mut next = model.clone();
    match *op {
        Op::Put(key, epoch) => {
            if model.get(&key).is_some_and(|held| epoch <= held.highest) {
                return None;
            }
            let held = next.entry(key).or_default();
            held.highest = epoch;
            held.pending.push(epoch);
        }
        Op::Promote(key, epoch) => {
            let held = next.get_mut(&key)?;
            if held.active != Some(epoch) {
                held.pending.contains(&epoch).then_some(())?;
                held.active = Some(epoch);
                held.pending.retain(|pending| *pending > epoch);
            }
        }
        Op::Abort(key, epoch) | Op::Destroy(key, epoch) => {
            let held = next.get_mut(&key)?;
            let refused = matches!(op, Op::Abort(..)) && held.active == Some(epoch);
            (epoch <= held.highest && !refused).then_some(())?;
            held.active = held.active.filter(|active| *active != epoch);
            held.pending.retain(|pending| *pending != epoch);
        }
        Op::Retire(key, through) => {
            let held = next.get_mut(&key)?;
            held.highest = held.highest.max(through);
            held.active = held.active.filter(|active| *active > through);
            held.pending.retain(|pending| *pending > through);
        }
        Op::Restart | Op::Fault(..) => {}
    }
    Some(next)
}

fn apply(vault: &Vault, op: &Op) -> Result<(), VaultError> {
    let key = |key: u8, epoch| key_ref([key; 32], epoch);
    match *op {
        Op::Put(id, epoch) => block_on(vault.put_pending(&key(id, epoch), &Share::new(epoch))),
        Op::Promote(id, epoch) => block_on(vault.promote(&key(id, epoch), &Share::new(epoch))),
        Op::Abort(id, epoch) => block_on(vault.abort_pending(&key(id, epoch))),
        Op::Destroy(id, epoch) => block_on(vault.destroy(&key(id, epoch))),
        Op::Retire(id, through) => block_on(vault.retire(&[id; 32], through)),
        Op::Restart | Op::Fault(..) => Ok(()),
    }
}

fn agree(rig: &Rig, model: &Model) -> Result<(), TestCaseError> {
    let listed = block_on(rig.vault.list(None, 100)).unwrap().keys;
    let seen: Model = listed
        .into_iter()
        .map(|key| {
            let pending = key.pending.iter().map(|slot| slot.epoch).collect();
            (key.key_id[0], Key { highest: key.highest_epoch, active: key.active.map(|slot| slot.epoch), pending })
        })
        .collect();
    prop_assert_eq!(&seen, model);
    let mut alive = Vec::new();
    for (id, key) in model {
        if let Some(epoch) = key.active {
            prop_assert_eq!(block_on(rig.vault.load_active::<Share>(&[*id; 32])).unwrap().1, Share::new(epoch));
        }
        for epoch in &key.pending {
            prop_assert_eq!(block_on(rig.vault.load_pending::<Share>(&[*id; 32], *epoch)).unwrap().1, Share::new(*epoch));
        }
        alive.extend(key.active.iter().chain(&key.pending).map(|epoch| (*id, *epoch)));
    }
    let kept: Vec<_> = rig.epoch_keys.dump().iter().map(|(id, _)| (id.key_id()[0], id.epoch())).collect();
    prop_assert_eq!(kept, alive, "exactly the living epochs have a key");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn vault_behaves_like_its_model(ops in prop::collection::vec(op(), 1..40)) {
        let mut rig = Rig::new();
        let mut model = Model::new();
        for op in &ops {
            if let Op::Fault(at, after) = op {
                rig.faults.fail_at(*at, if *after { Torn::After } else { Torn::Before });
                continue;
            }
            if matches!(op, Op::Restart) {
                rig.restart();
            }
            let next = predict(&model, op);
            let mut done = apply(&rig.vault, op);
            if matches!(done, Err(VaultError::Store(_))) {
                done = match (apply(&rig.vault, op), op) {
                    (Err(VaultError::Input(VaultInputError::PendingExists { .. })), Op::Put(..)) if next.is_some() => Ok(()),
                    (again, _) => again,
                };
            }
            prop_assert_eq!(done.is_ok(), next.is_some(), "{:?}: {:?}", op, done);
            rig.faults.restart();
            model = next.unwrap_or(model);
            agree(&rig, &model)?;
        }
    }
}
