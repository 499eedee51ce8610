//! A team of cosigners in one process, over a hub whose faults a seed repeats.

use std::{sync::Arc, time::Duration};

use quorate::{
    Cosigner, CosignerBuilder,
    core::placement::{Exposure, Storage},
    node::create_vault,
    policy::{BuiltinPolicy, Policy},
    storage::{Faults as StoreFaults, MemoryEpochKeys, MemoryStore, Passphrase, Store, Vault, kek::PassphraseParams},
    transport::{
        Cosigner as Entry, Roster,
        wires::memory::{Faults, Hub},
    },
};

pub(crate) const NAMES: [&str; 3] = ["alice", "bob", "carol"];

pub(crate) struct Home {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) epochs: Arc<MemoryEpochKeys>,
    pub(crate) kek: Arc<Passphrase>,
    pub(crate) faults: StoreFaults,
    pub(crate) vault: Vault,
}

pub(crate) struct Team {
    pub(crate) hub: Hub,
    pub(crate) roster: Roster,
    pub(crate) homes: Vec<Home>,
    pub(crate) cosigners: Vec<Option<Cosigner>>,
    /// What each declares from its next boot on.
    pub(crate) exposure: fn(usize) -> Exposure,
}

pub(crate) fn exposure(index: usize) -> Exposure {
    let cloud = ["aws", "gcp", "hetzner"][index];
    let path = |text: String| text.parse().unwrap();
    let storage = Storage::new(path(format!("{cloud}/disk")), [path(format!("{}/passphrase", NAMES[index]))]).unwrap();
    Exposure::new(path(NAMES[index].into()), path(format!("{cloud}/vm")), storage)
}

/// As [`exposure`], but one company operates all three.
pub(crate) fn exposure_of_one_operator(index: usize) -> Exposure {
    let row = exposure(index);
    Exposure::new("acme".parse().unwrap(), row.runtime().clone(), row.storage().clone())
}

pub(crate) async fn home() -> Home {
    let faults = StoreFaults::none();
    let store = Arc::new(MemoryStore::new(faults.clone()));
    let epochs = Arc::new(MemoryEpochKeys::default());
    let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let kek = Passphrase::create(&shared, "a passphrase".to_owned().into(), PassphraseParams::insecure_fast()).await.unwrap();
    let kek = Arc::new(kek);
    let vault = create_vault(shared, Arc::clone(&epochs) as _, Arc::clone(&kek) as _).await.unwrap();
    Home { store, epochs, kek, faults, vault }
}

impl Team {
    pub(crate) async fn start() -> Self {
        Self::with(Faults::NONE, 1).await
    }

    pub(crate) async fn with(faults: Faults, seed: u64) -> Self {
        println!("hub seed {seed}");
        let mut homes = Vec::new();
        for _ in NAMES {
            homes.push(home().await);
        }
        let entries = NAMES.iter().zip(&homes).zip(7001..);
        let roster = entries.map(|((name, home), port)| Entry::new(*name, *home.vault.cosigner(), format!("127.0.0.1:{port}")));
        let roster = Roster::new(roster).unwrap();
        let mut team = Self { hub: Hub::new(seed, faults), roster, homes, cosigners: Vec::new(), exposure };
        for index in 0..NAMES.len() {
            team.cosigners.push(None);
            team.boot(index).await;
        }
        team.connected().await;
        team
    }

    pub(crate) async fn boot(&mut self, index: usize) {
        self.boot_with(index, Arc::new(BuiltinPolicy::documents())).await;
    }

    pub(crate) async fn boot_with(&mut self, index: usize, policy: Arc<dyn Policy>) {
        self.boot_as(index, |builder| builder.policy(policy)).await;
    }

    pub(crate) async fn boot_as(&mut self, index: usize, change: impl FnOnce(CosignerBuilder) -> CosignerBuilder) {
        let home = &self.homes[index];
        let vault = Vault::open(Arc::clone(&home.store) as _, Arc::clone(&home.epochs) as _, Arc::clone(&home.kek) as _);
        let vault = vault.await.unwrap();
        let wire = Arc::new(self.hub.wire(*vault.cosigner()));
        let builder = Cosigner::builder(NAMES[index], self.roster.clone(), wire, vault, (self.exposure)(index));
        let cosigner = change(builder.deadline(Duration::from_secs(4))).start().await.unwrap();
        self.cosigners[index] = Some(cosigner);
    }

    /// Restarts a cosigner that accepts waivers for these domains.
    pub(crate) async fn reboot_with_waivers(&mut self, index: usize, domains: &[&str]) {
        self.stop(index).await;
        let accept = |builder: CosignerBuilder, domain: &&str| builder.accept_waiver(domain.parse().unwrap());
        self.boot_as(index, |builder| domains.iter().fold(builder, accept)).await;
        self.connected().await;
    }

    pub(crate) async fn stop(&mut self, index: usize) {
        self.cosigners[index].take().unwrap().shutdown().await;
    }

    pub(crate) async fn connected(&self) {
        for cosigner in self.cosigners.iter().flatten() {
            assert!(cosigner.connected(Duration::from_secs(20)).await);
        }
    }

    /// Waits for the link between two of them.
    pub(crate) async fn connected_pair(&self, one: usize, other: usize) {
        let up = async {
            while !self.cosigner(one).is_connected(self.cosigner(other).peer_id()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), up).await.is_ok());
    }

    pub(crate) fn cosigner(&self, index: usize) -> &Cosigner {
        self.cosigners[index].as_ref().unwrap()
    }
}
