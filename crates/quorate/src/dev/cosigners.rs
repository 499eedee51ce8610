//! Real cosigners in one process, for a first try and for the tests of programs that link them.

use core::time::Duration;
use std::sync::Arc;

use quorate_core::placement::{DomainPath, Exposure, Storage};
use quorate_storage::{
    Faults as StoreFaults, MemoryEpochKeys, MemoryStore, Passphrase, Store, Vault, VaultError, kek::PassphraseParams,
};
use quorate_transport::{
    Cosigner as Entry, Identity, Roster,
    wires::memory::{Faults, Hub},
};

use crate::{Cosigner, CosignerError, policy::Policy, share::IdentityRecord};

/// The names of the cosigners that [`local_cosigners`] starts, and where each says that it runs.
const TEAM: [(&str, &str); 3] = [("alice", "aws"), ("bob", "gcp"), ("carol", "hetzner")];

/// Starts three cosigners in this process, alice, bob and carol, that are linked with each other, decide by `policies` in that order,
/// and keep what they have in memory.
///
/// They are real [`Cosigner`]s: what they refuse here, they refuse elsewhere. They say that they run at three providers, and **do not**:
/// whoever owns the process owns the keys, which end with it. For a first try, and for tests of programs that sign; in earnest each
/// is a node of its own (`quorate node`), which a program asks through [`Client`](crate::control::Client).
///
/// # Errors
///
/// [`CosignerError::Randomness`], and what a cosigner says that cannot start.
pub async fn local_cosigners(policies: [Arc<dyn Policy>; 3]) -> Result<Vec<Arc<Cosigner>>, CosignerError> {
    let mut vaults = Vec::new();
    for (name, _) in TEAM {
        vaults.push(vault(name).await?);
    }
    let entries = TEAM.iter().zip(&vaults).zip(7001..);
    let entries = entries.map(|(((name, _), vault), port)| Entry::new(*name, *vault.cosigner(), format!("127.0.0.1:{port}")));
    let roster = Roster::new(entries)?;
    let hub = Hub::new(1, Faults::NONE);
    let mut team = Vec::new();
    for (((name, provider), vault), policy) in TEAM.into_iter().zip(vaults).zip(policies) {
        let wire = Arc::new(hub.wire(*vault.cosigner()));
        let builder = Cosigner::builder(name, roster.clone(), wire, vault, exposure(name, provider)?);
        team.push(Arc::new(builder.policy(policy).deadline(Duration::from_secs(20)).start().await?));
    }
    for cosigner in &team {
        if !cosigner.connected(Duration::from_secs(20)).await {
            return Err(CosignerError::Unavailable { names: vec![cosigner.name().to_owned()] });
        }
    }
    Ok(team)
}

/// A vault with a fresh identity, in memory.
async fn vault(name: &str) -> Result<Vault, CosignerError> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(StoreFaults::none()));
    // Nothing is stored where anybody could read it, so that a slow passphrase would protect nothing.
    let passphrase = Passphrase::create(&store, name.to_owned().into(), PassphraseParams::insecure_fast()).await;
    let kek = Arc::new(passphrase.map_err(VaultError::from)?);
    let identity = Identity::generate(&mut getrandom::SysRng).map_err(|_| CosignerError::Randomness)?;
    let vault = Vault::create(store, Arc::new(MemoryEpochKeys::default()), kek, identity.peer_id()).await?;
    vault.store_identity(&IdentityRecord(identity.to_secret_bytes())).await?;
    Ok(vault)
}

fn exposure(name: &str, provider: &str) -> Result<Exposure, CosignerError> {
    let path = |text: String| text.parse::<DomainPath>().map_err(|_| CosignerError::Bug("a domain of the local team"));
    let storage = Storage::new(path(format!("{provider}/disk"))?, [path(format!("{name}/passphrase"))?])?;
    Ok(Exposure::new(path(name.to_owned())?, path(format!("{provider}/vm"))?, storage))
}
