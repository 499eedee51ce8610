//! What is looked at once, at the end of a run: the audit logs of all cosigners next to each other, and every copy that was ever made of
//! a store.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
};

use quorate::storage::{AuditKind, BoxFuture, EpochKeyId, EpochKeys, KeyRef, Passphrase, Record, Store, StoreError, Vault};

use crate::{
    run::Run,
    world::{Fatal, NAMES, PASSPHRASE, copied},
};

/// The keys of epochs as they are at the end, for one who has a copy of a store: nothing that opening it does changes them.
#[derive(Debug)]
struct Kept(BTreeMap<EpochKeyId, Vec<u8>>);

impl EpochKeys for Kept {
    fn create<'a>(&'a self, _id: &'a EpochKeyId, _wrapped: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn read<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move { Ok(self.0.get(id).cloned()) })
    }

    fn replace<'a>(&'a self, id: &'a EpochKeyId, _wrapped: &'a [u8]) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.0.contains_key(id)) })
    }

    fn destroy<'a>(&'a self, _id: &'a EpochKeyId) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn epochs<'a>(&'a self, key_id: &'a [u8; 32]) -> BoxFuture<'a, Result<Vec<u64>, StoreError>> {
        Box::pin(async move { Ok(self.0.keys().filter(|id| id.key_id() == key_id).map(|id| id.epoch()).collect()) })
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<[u8; 32]>, StoreError>> {
        Box::pin(async move { Ok(BTreeSet::from_iter(self.0.keys().map(|id| *id.key_id())).into_iter().collect()) })
    }
}

/// Whatever is inside.
struct Anything;

impl Record for Anything {
    type Error = Infallible;

    fn to_secret_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        zeroize::Zeroizing::new(Vec::new())
    }

    fn from_secret_bytes(_bytes: &[u8], _key: Option<&KeyRef>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// What one log says of one request: the key and the epoch with which its cosigner consented to sign it.
type Consents = BTreeMap<[u8; 32], (Option<[u8; 32]>, Option<u64>)>;

impl Run {
    /// Each log is whole, and together they say of every signature who made it.
    pub(crate) async fn check_logs(&mut self) {
        let (lost, mut consents) = (self.lost(), BTreeMap::new());
        for index in 0..self.world.nodes.len() {
            match self.read_log(index).await {
                Ok(found) => drop(consents.insert(index, found)),
                Err(error) => self.world.trace.violation(format!("the audit log of {} is not whole: {error}", NAMES[index])),
            }
        }
        let mut wrong = Vec::new();
        for (request, signers) in &self.signed {
            let said: BTreeMap<_, _> = consents.iter().filter_map(|(index, found)| Some((*index, found.get(request)?))).collect();
            // Whose store went back may have lost the entry.
            let may_have = said.keys().copied().chain(lost.iter().copied()).collect::<BTreeSet<_>>().len();
            if may_have < *signers {
                wrong.push(format!("{signers} signed, and the logs know of {:?} alone", said.keys().collect::<Vec<_>>()));
            }
            // A request may be tried once more in the next epoch, never with another key.
            if said.values().map(|(key, _)| key).collect::<BTreeSet<_>>().len() > 1 {
                wrong.push(format!("the logs name several keys for one request: {said:?}"));
            }
        }
        wrong.into_iter().for_each(|line| self.world.trace.violation(line));
    }

    async fn read_log(&self, index: usize) -> Result<Consents, Fatal> {
        let vault = &self.world.nodes[index].vault;
        vault.verify_audit(None).await?;
        let (mut found, mut after) = (Consents::new(), 0);
        loop {
            let page = vault.audit_page(after, 256).await?;
            for line in &page.lines {
                after = line.head.sequence;
                if let (AuditKind::Consented, Some(request)) = (line.entry.kind, line.entry.request) {
                    found.insert(request, (line.entry.key_id, line.entry.epoch));
                }
            }
            if !page.more || page.lines.is_empty() {
                return Ok(found);
            }
        }
    }

    /// No copy of a store that was ever made, with all that its cosigner still has outside of it, opens a share of an epoch that is over.
    pub(crate) async fn check_copies(&mut self) -> Result<(), Fatal> {
        let mut wrong = Vec::new();
        for index in 0..self.world.nodes.len() {
            let node = &self.world.nodes[index];
            let kept: BTreeMap<_, _> = node.keys.dump().into_iter().collect();
            for copy in &node.copies {
                let store: Arc<dyn Store> = Arc::new(copied(copy));
                let kek = Arc::new(Passphrase::open(&store, PASSPHRASE.to_owned().into()).await?);
                let vault = Vault::open(store, Arc::new(Kept(kept.clone())), kek).await?;
                for key in self.wallets.iter().flat_map(|wallet| &wallet.keys) {
                    let Ok(then) = vault.summary(&key.id).await else { continue };
                    let now = node.vault.summary(&key.id).await.ok().and_then(|now| now.active).map(|slot| slot.epoch);
                    // Where a store went back it may say less than is over.
                    let over = if node.lost { key.effective } else { now.unwrap_or(key.effective).max(key.effective) };
                    let mut open = Vec::new();
                    if then.active.is_some_and(|slot| slot.epoch < over) && vault.load_active::<Anything>(&key.id).await.is_ok() {
                        open.extend(then.active.map(|slot| slot.epoch));
                    }
                    for slot in then.pending.iter().filter(|slot| slot.epoch < over) {
                        if vault.load_pending::<Anything>(&key.id, slot.epoch).await.is_ok() {
                            open.push(slot.epoch);
                        }
                    }
                    if !open.is_empty() {
                        wrong.push(format!("an old copy of the store of {} opens epochs {open:?}, below {over}", NAMES[index]));
                    }
                }
            }
        }
        wrong.into_iter().for_each(|line| self.world.trace.violation(line));
        Ok(())
    }
}
