//! What is frozen here: every change is durable before it has an effect.

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::{PeerId, wire::Encoding};
use quorate_storage::{
    AuditKind, Vault, VaultError,
    vault::{Change, Shelf, VaultInputError},
};

use super::{
    Author, Freeze, Freezes, Held, LAST_NUMBER, MAX_APPROVERS, MAX_THAWED, Scope, SignedFreeze, Statement, checked_reason,
};
use crate::{
    audit,
    cosigner::{Shared, describe},
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, Stored},
};

/// How far ahead of this cosigner's clock the time of a freeze may be: a number beyond it would leave its author none for later.
const AHEAD_MS: u64 = 24 * 60 * 60 * 1000;

/// Who hands over a freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// This cosigner itself: its operator, or an alarm.
    Own,
    /// Another cosigner, over its link.
    Link(PeerId),
    /// A client, with a credential's signature.
    Client,
}

/// What became of a freeze that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in force, now or already.
    Stands,
    /// A later statement of the same author is here, or this one is over.
    Old,
}

impl Freezes {
    /// Those that may freeze a key.
    fn candidates(&self, key_id: &[u8; 32]) -> Vec<(String, Held)> {
        let held = self.held();
        held.iter().filter(|(_, held)| held.may_freeze(key_id)).map(|(name, held)| (name.clone(), held.clone())).collect()
    }
}

impl Shared {
    /// Who froze a key, if it is frozen here.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Vault`] if there may be a freeze, and nobody can tell whose the key is.
    pub(crate) async fn frozen(&self, key_id: &[u8; 32]) -> Result<Option<Freeze>, CosignerError> {
        let candidates = self.freezes.candidates(key_id);
        if candidates.is_empty() {
            return Ok(None);
        }
        let key = self.load(key_id).await?;
        let found = candidates.iter().map(|(_, held)| held).find(|held| held.freezes(&key));
        Ok(found.map(|held| held.freeze(vec![*key_id])))
    }

    /// Refuses what a frozen key must not do.
    pub(crate) async fn refuse_frozen(&self, key_id: &[u8; 32]) -> Result<(), CosignerError> {
        self.frozen(key_id).await?.map_or(Ok(()), |freeze| Err(self.frozen_error(&freeze)))
    }

    /// The same for a share that is at hand, without waiting for anything: what is acknowledged as frozen is refused.
    pub(crate) fn refuse_frozen_share(&self, key: &Stored<AnyKeyShare>) -> Result<(), CosignerError> {
        let found = self.freezes.held().values().find(|held| held.freezes(key)).map(|held| held.freeze(Vec::new()));
        found.map_or(Ok(()), |freeze| Err(self.frozen_error(&freeze)))
    }

    /// Resolves when the key of a share that is at hand is frozen.
    pub(crate) async fn until_share_frozen(&self, key: &Stored<AnyKeyShare>) -> CosignerError {
        let mut changed = self.freezes.changed.subscribe();
        loop {
            if let Err(error) = self.refuse_frozen_share(key) {
                return error;
            }
            if changed.changed().await.is_err() {
                core::future::pending::<()>().await;
            }
        }
    }

    fn frozen_error(&self, freeze: &Freeze) -> CosignerError {
        CosignerError::Frozen { why: freeze.describe(|peer| self.name_of(peer)) }
    }

    /// Resolves when a key is frozen, or nobody can tell any more.
    pub(crate) async fn until_frozen(&self, key_id: &[u8; 32]) -> CosignerError {
        let mut changed = self.freezes.changed.subscribe();
        loop {
            if let Err(error) = self.refuse_frozen(key_id).await {
                return error;
            }
            if changed.changed().await.is_err() {
                core::future::pending::<()>().await;
            }
        }
    }

    /// Reads what is frozen, at the start. What a crash cut off is finished.
    pub(crate) async fn load_freezes(&self) -> Result<(), CosignerError> {
        let held = read_all(&self.vault).await?;
        let names: Vec<String> = held.keys().cloned().collect();
        *self.freezes.held() = held;
        let _ledger = self.freezes.ledger.lock().await;
        for name in names {
            // It stays as frozen as it was, which must not keep this cosigner from starting.
            if let Err(error) = self.settle(&name).await {
                tracing::error!(target: "quorate::audit", freeze = name, reason = describe(&error), "a freeze cannot be settled");
            }
        }
        Ok(())
    }

    /// Freezes in this cosigner's own name, and has all others told.
    pub(crate) async fn freeze(&self, scope: Scope, reason: &str) -> Result<Freeze, CosignerError> {
        let now_ms = self.clock.now().saturating_mul(1000);
        let mut statement =
            Statement { scope, author: Author::Cosigner(self.me), number: now_ms, reason: checked_reason(reason)? };
        let name = statement.note();
        let last = self.freezes.held().get(&name).cloned();
        if let Some(last) = last {
            // Nobody has begun to end it: it goes on.
            if last.approvals.is_empty() && last.thawed.is_empty() {
                return self.explained(&last).await;
            }
            statement.number = now_ms.max(last.statement.number.saturating_add(1));
        }
        let signature = statement.sign(&self.identity);
        if self.take_freeze(Source::Own, statement, signature).await? == Taken::Old {
            return Err(RequestError::OldFreeze.into());
        }
        let held = self.freezes.held().get(&name).cloned();
        self.explained(&held.ok_or(CosignerError::Bug("a freeze that is not there"))?).await
    }

    /// Freezes everything in this cosigner's own name, if it is configured so, because something is wrong that only people can judge.
    pub(crate) async fn freeze_for_alarm(&self, reason: &str) -> Result<(), CosignerError> {
        if !self.freezes.on_alarm {
            return Ok(());
        }
        let printable: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut length = 0;
        let fits = printable.chars().take_while(|c| {
            length += c.len_utf8();
            length <= super::MAX_REASON
        });
        let fits: String = fits.collect();
        self.freeze(Scope::All, if fits.is_empty() { "alarm" } else { &fits }).await.map(drop)
    }

    /// Takes a freeze that a credential signed, and has all others told.
    pub(crate) async fn take_signed_freeze(&self, freeze: SignedFreeze) -> Result<Freeze, CosignerError> {
        let SignedFreeze { scope, number, reason, credential, signature } = freeze;
        let statement = Statement { scope, author: Author::Credential(credential), number, reason: checked_reason(&reason)? };
        let name = statement.note();
        if self.take_freeze(Source::Client, statement, signature).await? == Taken::Old {
            return Err(RequestError::OldFreeze.into());
        }
        let held = self.freezes.held().get(&name).cloned();
        self.explained(&held.ok_or(CosignerError::Bug("a freeze that is not there"))?).await
    }

    /// Takes a freeze, durably.
    pub(crate) async fn take_freeze(
        &self,
        from: Source,
        statement: Statement,
        signature: [u8; 64],
    ) -> Result<Taken, CosignerError> {
        self.check_author(from, &statement, &signature)?;
        if let Scope::Key(key_id) = statement.scope
            && !self.may_hold(&key_id).await?
        {
            return Err(RequestError::UnknownKey { key: hex::encode(key_id) }.into());
        }
        let _ledger = self.freezes.ledger.lock().await;
        let name = statement.note();
        if let Some(last) = self.freezes.held().get(&name)
            && last.statement.number >= statement.number
        {
            let same = last.statement.id() == statement.id() && !last.over;
            return Ok(if same { Taken::Stands } else { Taken::Old });
        }
        let (id, scope, author, reason) =
            (hex::encode(statement.id()), statement.scope, statement.author, statement.reason.clone());
        let held = Held { statement, signature, approvals: BTreeSet::new(), thawed: BTreeSet::new(), over: false };
        self.write_freeze(&name, held).await?;
        self.drop_presignatures(scope);
        let by = match author {
            Author::Cosigner(peer) => self.name_of(peer),
            Author::Credential(key) => format!("credential {key}"),
        };
        let entry = scope.entry(AuditKind::Frozen).reason(&format!("by {by}: {reason}"));
        match from {
            // It may say something new as often as it likes.
            Source::Link(peer) => self.audit.note_caused(peer, entry).await,
            Source::Own | Source::Client => self.audit.note(entry).await,
        }
        tracing::warn!(target: "quorate::audit", freeze = id, ?scope, ?author, reason, "frozen");
        Ok(Taken::Stands)
    }

    /// Whether this cosigner holds a share of a key, or has promised to take one. Nobody fills the vault with freezes of other keys.
    async fn may_hold(&self, key_id: &[u8; 32]) -> Result<bool, CosignerError> {
        match self.vault.summary(key_id).await {
            Ok(_) => Ok(true),
            Err(VaultError::Input(VaultInputError::UnknownKey)) => Ok(self.epoch_note(key_id).await?.key_print.is_some()),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that its author counts here, and said it, whoever hands it over.
    fn check_author(&self, from: Source, statement: &Statement, signature: &[u8; 64]) -> Result<(), RequestError> {
        let may = match (statement.author, from) {
            // However wrong its clock is: what it does to its own numbers is its own concern.
            (Author::Cosigner(author), Source::Own | Source::Link(_)) => {
                self.roster.cosigner(author).is_some() && statement.number <= LAST_NUMBER
            }
            (Author::Credential(key), Source::Link(_) | Source::Client) => {
                let ahead = self.clock.now().saturating_mul(1000).saturating_add(AHEAD_MS);
                self.freezes.credentials.contains(&key) && statement.number <= ahead
            }
            (Author::Cosigner(_), Source::Client) | (Author::Credential(_), Source::Own) => false,
        };
        if may && statement.signed(signature) { Ok(()) } else { Err(RequestError::FreezeAuthor) }
    }

    /// Approves, in the name of this cosigner's operator, the end of every freeze of exactly this scope that is among `meant`, and has all
    /// others told.
    pub(crate) async fn approve_resume(
        &self,
        scope: Scope,
        meant: impl Fn(&[u8; 32]) -> bool,
    ) -> Result<Vec<Freeze>, CosignerError> {
        let names: Vec<(String, [u8; 32])> = {
            let held = self.freezes.held();
            let open = held.iter().filter(|(_, held)| held.statement.scope == scope && !held.over);
            open.map(|(name, held)| (name.clone(), held.statement.id())).filter(|(_, id)| meant(id)).collect()
        };
        let mut approved = Vec::new();
        for (name, id) in names {
            // Bound to what was there: its author may say something else meanwhile.
            if let Some(held) = self.add_approval(&name, &id, self.me).await? {
                approved.push(self.explained(&held).await?);
            }
        }
        if approved.is_empty() { Err(RequestError::NotFrozen.into()) } else { Ok(approved) }
    }

    /// Takes note that another cosigner's operator wants a freeze to end; `false` if it is not known here.
    pub(crate) async fn take_approval(&self, from: PeerId, id: &[u8; 32]) -> Result<bool, CosignerError> {
        let name = {
            let held = self.freezes.held();
            held.iter().find(|(_, held)| held.statement.id() == *id).map(|(name, _)| name.clone())
        };
        let Some(name) = name else { return Ok(false) };
        Ok(self.add_approval(&name, id, from).await?.is_some())
    }

    async fn add_approval(&self, name: &str, id: &[u8; 32], by: PeerId) -> Result<Option<Held>, CosignerError> {
        let _ledger = self.freezes.ledger.lock().await;
        let held = self.freezes.held().get(name).cloned();
        // Its author may have said something later meanwhile.
        let Some(mut held) = held.filter(|held| held.statement.id() == *id) else { return Ok(None) };
        if held.approvals.contains(&by) && by != self.me {
            // It is told again and again; what it means was looked at when it came first.
            return Ok(Some(held));
        }
        if held.approvals.len() < MAX_APPROVERS && held.approvals.insert(by) {
            let freeze = hex::encode(held.statement.id());
            let entry = held.statement.scope.entry(AuditKind::ResumeApproved).peer(by).reason(&format!("freeze {freeze}"));
            self.write_freeze(name, held).await?;
            if by == self.me {
                self.audit.note(entry).await;
            } else {
                // It may freeze, and approve the end of it, as often as it likes.
                self.audit.note_caused(by, entry).await;
            }
            tracing::warn!(target: "quorate::audit", freeze, by = self.name_of(by), "an operator wants the freeze to end");
        }
        self.settle(name).await.map(Some)
    }

    /// Opens freezes of all keys again that are over, and freeze a key that has just come; tells all what they would not take while
    /// they did not have the key. Whoever activates a share calls it.
    pub(crate) async fn freeze_new_share(&self, key: &Stored<AnyKeyShare>) -> Result<(), CosignerError> {
        let key_id = *key.share.key_id().as_bytes();
        {
            let _ledger = self.freezes.ledger.lock().await;
            for (name, mut held) in self.freezes.candidates(&key_id) {
                if held.over && held.freezes(key) {
                    held.over = false;
                    let freeze = hex::encode(held.statement.id());
                    self.write_freeze(&name, held).await?;
                    tracing::warn!(target: "quorate::audit", freeze, key = hex::encode(key_id), "a new key is frozen");
                }
            }
        }
        self.forget_refusals();
        Ok(())
    }

    /// Ends the freezes of a cosigner that holds no share of a key any more, for that key. Whoever activates a share of a new epoch
    /// calls it for everyone who was evicted: else an eviction and the freeze of the one that is evicted could block each other.
    pub(crate) async fn lapse_freezes_of(&self, evicted: PeerId, key_id: &[u8; 32]) -> Result<(), CosignerError> {
        let _ledger = self.freezes.ledger.lock().await;
        for (name, mut held) in self.freezes.candidates(key_id) {
            if held.statement.author == Author::Cosigner(evicted) {
                if held.thawed.len() < MAX_THAWED {
                    held.thawed.insert(*key_id);
                }
                held.over |= matches!(held.statement.scope, Scope::Key(_));
                self.write_freeze(&name, held).await?;
                self.audit.note(audit::entry(AuditKind::FreezeLapsed).key(*key_id).peer(evicted)).await;
                tracing::warn!(target: "quorate::audit", evicted = %evicted, key = hex::encode(key_id), "its freeze of this key lapsed");
            }
        }
        Ok(())
    }

    /// All freezes that are not over, with the keys that they freeze here.
    pub(crate) async fn freezes(&self) -> Result<Vec<Freeze>, CosignerError> {
        let open: Vec<Held> = self.freezes.held().values().filter(|held| !held.over).cloned().collect();
        let mut freezes = Vec::new();
        for held in open {
            freezes.push(self.explained(&held).await?);
        }
        Ok(freezes)
    }

    /// Thaws what enough participants want to thaw. Call it with the ledger in hand.
    async fn settle(&self, name: &str) -> Result<Held, CosignerError> {
        let gone = CosignerError::Bug("a freeze that is not there");
        let mut held = self.freezes.held().get(name).cloned().ok_or(gone)?;
        if held.approvals.is_empty() {
            return Ok(held);
        }
        let keys: BTreeSet<_> = self.keys_of_scope(held.statement.scope).await?.into_iter().collect();
        let (mut open, mut thawed) = (0_usize, Vec::new());
        for key_id in &keys {
            if held.may_freeze(key_id) {
                // A share that does not open signs nothing either; it must not keep the others frozen.
                match self.load(key_id).await {
                    Ok(key) if !held.freezes(&key) && held.thaw(*key_id, &keys) => thawed.push(*key_id),
                    Ok(_) | Err(_) => open = open.saturating_add(1),
                }
            }
        }
        let over = open == 0 && (held.over || !thawed.is_empty());
        if thawed.is_empty() && over == held.over {
            return Ok(held);
        }
        held.over = over;
        self.write_freeze(name, held.clone()).await?;
        if thawed.is_empty() {
            return Ok(held);
        }
        let (freeze, keys) = (hex::encode(held.statement.id()), thawed.iter().map(hex::encode).collect::<Vec<_>>());
        let words = format!("freeze {freeze}, {} keys{}", keys.len(), if held.over { ", the last of it" } else { "" });
        self.audit.note(held.statement.scope.entry(AuditKind::Thawed).reason(&words)).await;
        tracing::warn!(target: "quorate::audit", freeze, ?keys, "thawed");
        Ok(held)
    }

    /// The keys with an active share that a scope covers.
    async fn keys_of_scope(&self, scope: Scope) -> Result<Vec<[u8; 32]>, CosignerError> {
        if let Scope::Key(key_id) = scope {
            return match self.vault.summary(&key_id).await {
                Ok(summary) => Ok(summary.active.iter().map(|_| key_id).collect()),
                Err(VaultError::Input(VaultInputError::UnknownKey)) => Ok(Vec::new()),
                Err(error) => Err(error.into()),
            };
        }
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = self.vault.list(after.as_ref(), 256).await?;
            keys.extend(page.keys.iter().filter(|key| key.active.is_some()).map(|key| key.key_id));
            after = page.next;
            if after.is_none() {
                return Ok(keys);
            }
        }
    }

    async fn explained(&self, held: &Held) -> Result<Freeze, CosignerError> {
        let mut keys = Vec::new();
        for key_id in self.keys_of_scope(held.statement.scope).await? {
            if held.may_freeze(&key_id) && self.load(&key_id).await.map_or(true, |key| held.freezes(&key)) {
                keys.push(key_id);
            }
        }
        Ok(held.freeze(keys))
    }

    /// Durable first; then it has an effect here, and the others are told.
    async fn write_freeze(&self, name: &str, held: Held) -> Result<(), CosignerError> {
        let bytes = held.to_bytes();
        self.vault.change_note(Shelf::Freezes, name, |_| Change::Write(bytes.clone())).await?;
        self.freezes.held().insert(name.to_owned(), held);
        self.freezes.changed.send_replace(());
        Ok(())
    }

    fn drop_presignatures(&self, scope: Scope) {
        self.pool.drop_keys(|key_id| scope.covers(key_id));
    }
}

async fn read_all(vault: &Vault) -> Result<BTreeMap<String, Held>, CosignerError> {
    let (mut held, mut after) = (BTreeMap::new(), None);
    loop {
        let page = vault.notes(Shelf::Freezes, after.as_deref()).await?;
        if let Some(name) = page.damaged.first() {
            // It may be what keeps a key from being stolen.
            return Err(CosignerError::DamagedFreeze { name: name.clone() });
        }
        for (name, note) in page.notes {
            let read = Held::from_bytes(&note).map_err(|_| CosignerError::DamagedFreeze { name: name.clone() })?;
            if read.statement.note() != name {
                return Err(CosignerError::DamagedFreeze { name });
            }
            held.insert(name, read);
        }
        after = page.next;
        if after.is_none() {
            return Ok(held);
        }
    }
}

/// Who froze a key, by a vault of which no cosigner is running.
pub(crate) async fn frozen_in(vault: &Vault, key: &Stored<AnyKeyShare>) -> Result<Option<Freeze>, CosignerError> {
    let held = read_all(vault).await.inspect_err(|error| tracing::warn!(reason = describe(error), "freezes cannot be read"))?;
    let found = held.values().find(|held| held.freezes(key));
    Ok(found.map(|held| held.freeze(vec![*key.share.key_id().as_bytes()])))
}
