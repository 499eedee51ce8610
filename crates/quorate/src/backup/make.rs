//! Makes a backup of all keys of a running cosigner.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use quorate_core::{PeerId, Placement, placement::DomainPath};
use quorate_storage::{
    AuditKind, KeyExport, KeyRef, KeySummary, Record,
    backup::{BackupError, BackupWriter, ChunkContent, Entry, Preamble, PublicSlot, Recipient, SealedChunk, keys_digest},
};
use zeroize::Zeroizing;

use super::BackupTarget;
use crate::{
    audit,
    cosigner::{Cosigner, Shared, describe, fresh},
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, AnyPendingShare, IdentityRecord, Stored},
};

/// Asks for a backup.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackupRequest {
    to: PathBuf,
    location: DomainPath,
    recipient: Recipient,
    with_identity: bool,
    partial: bool,
}

impl BackupRequest {
    /// A backup in the new file `to`, for that place and recipient. Bringing the file to the place is the caller's.
    #[must_use]
    pub fn new(to: &Path, location: DomainPath, recipient: Recipient) -> Self {
        Self { to: to.to_owned(), location, recipient, with_identity: false, partial: false }
    }

    /// Puts the cosigner's identity key into the encrypted part as well.
    ///
    /// # Security
    ///
    /// Without it, who opens the backup has shares. With it, who opens the backup can run this cosigner in its name, and *ask* the
    /// others for whatever their policies allow.
    #[must_use]
    pub const fn with_identity(mut self, with_identity: bool) -> Self {
        self.with_identity = with_identity;
        self
    }

    /// Leaves out keys whose placement does not declare the backup and keys that do not open, instead of giving up.
    #[must_use]
    pub const fn partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }
}

/// A key that is not in the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The key's id, or the name of its record.
    pub key: String,
    /// Why.
    pub problem: String,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupMade {
    /// Its beginning.
    pub preamble: Preamble,
    /// How many certified shares are in it.
    pub active: usize,
    /// How many shares that wait for their certificate.
    pub pending: usize,
    /// How long the file is.
    pub bytes: u64,
    /// What is not in it, if that was allowed.
    pub left_out: Vec<LeftOut>,
}

type Export = KeyExport<Stored<AnyKeyShare>, Stored<AnyPendingShare>>;

impl Cosigner {
    /// Makes a backup of every key, certified or waiting for its certificate, in a new file that only this user can read.
    ///
    /// # Errors
    ///
    /// [`RequestError::BackupNotConfigured`] unless the cosigner was [built](crate::CosignerBuilder::backup_target) with this place and
    /// recipient, [`RequestError::BackupUndeclared`] for a key whose placement does not declare them,
    /// [`RequestError::NothingToBackUp`], [`CosignerError::Backup`] if the file is there or cannot be written, [`CosignerError::Vault`].
    pub async fn backup(&self, request: BackupRequest) -> Result<BackupMade, CosignerError> {
        let shared = Arc::clone(self.shared());
        let runtime = tokio::runtime::Handle::current();
        // Thousands of proofs and writes: not on a thread that answers others.
        let task = tokio::task::spawn_blocking(move || runtime.block_on(make(&shared, &request)));
        task.await.map_err(|_| CosignerError::Bug("a backup panicked"))?
    }
}

async fn make(shared: &Shared, request: &BackupRequest) -> Result<BackupMade, CosignerError> {
    let fits = |target: &&BackupTarget| *target.location() == request.location && *target.recipient() == request.recipient;
    let not_configured = || RequestError::BackupNotConfigured { location: request.location.clone() };
    let target = shared.backups.iter().find(fits).ok_or_else(not_configured)?;
    let (keys, left_out) = choose(shared, target, request.partial).await?;
    let identity = if request.with_identity { Some(shared.vault.load_identity::<IdentityRecord>().await?) } else { None };
    let preamble = Preamble {
        id: fresh()?,
        cosigner: shared.me,
        made: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        location: target.location().clone(),
        key: target.key().clone(),
        recipient: target.recipient().to_string(),
        with_identity: identity.is_some(),
        keys: u32::try_from(keys.len()).map_err(|_| RequestError::NothingToBackUp)?,
        keys_digest: keys_digest(&keys),
    };
    let mut file = NewFile::create(&request.to)?;
    let mut made = BackupMade { preamble, active: 0, pending: 0, bytes: 0, left_out };
    let out = BufWriter::new(&file.file);
    let mut writer = BackupWriter::new(out, &made.preamble, target.recipient().clone())?;
    let mut exports: Vec<Export> = Vec::new();
    let mut chunk = ChunkContent::new(identity.as_ref().map(|identity| &*identity.0));
    for key_id in &keys {
        let export: Export = shared.vault.export_key(key_id).await?;
        let amendment = check(shared, &export, target).await?;
        made.active = made.active.saturating_add(export.active.iter().len());
        made.pending = made.pending.saturating_add(export.pending.len());
        chunk.push(entry(&export, &amendment), export.name.as_deref().unwrap_or_default(), &records(&export));
        exports.push(export);
        if chunk.is_full() {
            write(&mut writer, &chunk, &exports, &made.preamble.id)?;
            chunk = ChunkContent::new(None);
            exports.clear();
        }
    }
    if !chunk.is_empty() {
        write(&mut writer, &chunk, &exports, &made.preamble.id)?;
    }
    writer.finish().flush().map_err(BackupError::from)?;
    made.bytes = file.keep()?;
    let (location, recipient, count) = (target.location(), target.recipient(), keys.len());
    let words = format!("{count} keys at {location} for {recipient}");
    shared.audit.note(audit::entry(AuditKind::BackedUp).reason(&words)).await;
    tracing::info!(target: "quorate::audit", %location, %recipient, keys = count, identity = made.preamble.with_identity, "backup made");
    Ok(made)
}

fn write<W: Write>(
    writer: &mut BackupWriter<W>,
    chunk: &ChunkContent,
    exports: &[Export],
    id: &[u8; 32],
) -> Result<(), CosignerError> {
    let sealed = writer.seal(chunk)?;
    let proofs = prove(&sealed, exports, id)?;
    Ok(writer.write(&sealed, &proofs)?)
}

/// Each share's signature on the chunk.
fn prove(chunk: &SealedChunk, exports: &[Export], id: &[u8; 32]) -> Result<Vec<Vec<u8>>, CosignerError> {
    let statement = PeerId::new(*chunk.statement());
    let mut proofs = Vec::new();
    for export in exports {
        let active = export.active.iter().map(|(_, stored)| stored.share.prove(statement, id));
        let pending = export.pending.iter().map(|(_, stored)| stored.share.prove(statement, id));
        for proof in active.chain(pending) {
            proofs.push(proof.map_err(CosignerError::Protocol)?);
        }
    }
    Ok(proofs)
}

/// The ids of the keys that the backup may hold, ascending, and what it leaves out.
async fn choose(shared: &Shared, target: &BackupTarget, partial: bool) -> Result<(Vec<[u8; 32]>, Vec<LeftOut>), CosignerError> {
    let (mut keys, mut left_out, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = shared.vault.list(after.as_ref(), 256).await?;
        for name in page.damaged {
            let damaged = quorate_storage::VaultError::Damaged { name: name.clone() };
            if !partial {
                return Err(damaged.into());
            }
            left_out.push(LeftOut { key: name.to_string(), problem: describe(&damaged) });
        }
        for summary in page.keys.iter().filter(|summary| has_shares(summary)) {
            let export = shared.vault.export_key(&summary.key_id).await.map_err(CosignerError::from);
            let checked = match export {
                Ok(export) => check(shared, &export, target).await,
                Err(error) => Err(error),
            };
            match checked {
                Ok(_amendment) => keys.push(summary.key_id),
                Err(error) if partial => {
                    left_out.push(LeftOut { key: hex::encode(summary.key_id), problem: describe(&error) });
                }
                Err(error) => return Err(error),
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if keys.is_empty() { Err(RequestError::NothingToBackUp.into()) } else { Ok((keys, left_out)) }
}

const fn has_shares(summary: &KeySummary) -> bool {
    summary.active.is_some() || !summary.pending.is_empty()
}

/// Every share's placement must declare the backup, or an amendment that all have approved. Gives the record of that one, or nothing.
async fn check(shared: &Shared, export: &Export, target: &BackupTarget) -> Result<Vec<u8>, CosignerError> {
    let key = || hex::encode(export.key_id);
    let mut record = Vec::new();
    if let Some((share, stored)) = &export.active {
        let placement = stored.share.placement();
        if !is_declared(placement, share, target) {
            let known = shared.amendments(&export.key_id, &stored.share.package_digest()).await?;
            let mine = known.approved().filter(|known| known.amendment.participant() == share.participant());
            let declares = mine.filter(|known| target.is_declared(known.amendment.row())).last();
            record.clone_from(&declares.ok_or_else(|| undeclared(placement, share, (key(), target)))?.record);
        }
    } else if export.pending.is_empty() {
        return Err(RequestError::BackupOutrun { key: key() }.into());
    }
    for (share, stored) in &export.pending {
        if !is_declared(stored.share.placement(), share, target) {
            return Err(undeclared(stored.share.placement(), share, (key(), target)).into());
        }
    }
    Ok(record)
}

fn is_declared(placement: &Placement, share: &KeyRef, target: &BackupTarget) -> bool {
    placement.exposure(share.participant()).is_some_and(|row| target.is_declared(row))
}

fn undeclared(placement: &Placement, share: &KeyRef, (key, target): (String, &BackupTarget)) -> RequestError {
    let row = placement.exposure(share.participant());
    let refusal = row.and_then(|_| target.added_to(placement, share.participant()).err()).map(Box::new);
    RequestError::BackupUndeclared { key, location: target.location().clone(), key_domain: target.key().clone(), refusal }
}

/// What the backup says of a key in clear.
fn entry(export: &Export, amendment: &[u8]) -> Entry {
    let slot = |key: &KeyRef, package, certificate| PublicSlot {
        epoch: key.epoch(),
        participant: key.participant(),
        package,
        certificate,
    };
    let active = export.active.as_ref();
    Entry {
        key_id: export.key_id,
        suite: export.suite,
        highest_epoch: export.highest_epoch,
        active: active.map(|(key, stored)| slot(key, stored.share.package_record(), stored.share.certificate_record())),
        amendment: amendment.to_vec(),
        pending: export.pending.iter().map(|(key, stored)| slot(key, stored.share.package_record(), Vec::new())).collect(),
    }
}

fn records(export: &Export) -> Vec<Zeroizing<Vec<u8>>> {
    let active = export.active.iter().map(|(_, stored)| stored.to_secret_bytes());
    active.chain(export.pending.iter().map(|(_, stored)| stored.to_secret_bytes())).collect()
}

/// A file that was not there before, and is gone again unless it is kept.
struct NewFile {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl NewFile {
    fn create(path: &Path) -> Result<Self, BackupError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(BackupError::Io)?;
        Ok(Self { file, path: path.to_owned(), kept: false })
    }

    /// Makes it durable, and tells its length.
    fn keep(&mut self) -> Result<u64, BackupError> {
        self.file.sync_all().map_err(BackupError::Io)?;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|directory| directory.sync_all()).map_err(BackupError::Io)?;
        self.kept = true;
        Ok(self.file.metadata().map_err(BackupError::Io)?.len())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // What is left of it would be told apart as cut off.
            let _removed = std::fs::remove_file(&self.path);
        }
    }
}
