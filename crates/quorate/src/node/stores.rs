//! The stores that a configuration can name.

use std::{path::Path, sync::Arc};

use quorate_storage::{RedbStore, Store};

use super::NodeError;
use crate::config::{BucketConfig, PostgresConfig, STORE_DIRECTORY, StoreConfig};

/// Opens the store that the configuration of a cosigner's directory names, or makes it.
pub(crate) async fn open_store(directory: &Path, config: &StoreConfig) -> Result<Arc<dyn Store>, NodeError> {
    match config {
        StoreConfig::Redb {} => Ok(Arc::new(RedbStore::open(&directory.join(STORE_DIRECTORY))?)),
        StoreConfig::Postgres(config) => postgres::open(directory, config).await,
        StoreConfig::ObjectStore(config) => bucket::open(directory, config).await,
    }
}

/// Destroys a store that nobody has open, and gives its place in words. One that is not there is destroyed already.
pub(super) async fn erase_store(directory: &Path, config: &StoreConfig) -> Result<String, NodeError> {
    match config {
        StoreConfig::Redb {} => {
            let place = directory.join(STORE_DIRECTORY);
            RedbStore::erase(&place)?;
            Ok(place.display().to_string())
        }
        StoreConfig::Postgres(config) => postgres::erase(directory, config).await,
        StoreConfig::ObjectStore(config) => bucket::erase(directory, config).await,
    }
}

/// Ends the use of a store that nothing else uses. What cannot be said to it costs the next one that opens it some seconds.
pub(crate) async fn close_store(store: Arc<dyn Store>) {
    if let Err(error) = store.close().await {
        tracing::warn!(%error, "the store was not given back in good order; the next start waits until it may be taken");
    }
}

#[cfg(feature = "object-store")]
mod bucket {
    use quorate_storage::{BucketOptions, BucketStore};

    use super::{Arc, BucketConfig, NodeError, Path, Store};

    pub(super) async fn open(directory: &Path, config: &BucketConfig) -> Result<Arc<dyn Store>, NodeError> {
        Ok(Arc::new(BucketStore::open(&options(directory, config)?).await?))
    }

    pub(super) async fn erase(directory: &Path, config: &BucketConfig) -> Result<String, NodeError> {
        let store = BucketStore::open(&options(directory, config)?).await?;
        let place = store.location().to_string();
        store.erase().await?;
        Ok(place)
    }

    fn options(directory: &Path, config: &BucketConfig) -> Result<BucketOptions, NodeError> {
        let mut options = BucketOptions::new(&config.url)?;
        if let Some(region) = &config.region {
            options = options.region(region);
        }
        if let Some(endpoint) = &config.endpoint {
            options = options.endpoint(endpoint)?;
        }
        if let Some(account) = &config.account {
            options = options.account(account);
        }
        if let Some(file) = &config.credentials_file {
            options = options.credentials(&directory.join(file))?;
        }
        if let Some(file) = &config.ca_file {
            options = options.roots(&directory.join(file))?;
        }
        Ok(options)
    }
}

#[cfg(not(feature = "object-store"))]
mod bucket {
    use super::{Arc, BucketConfig, NodeError, Path, Store};

    #[expect(clippy::unused_async, reason = "the same shape as with the feature")]
    pub(super) async fn open(_directory: &Path, _config: &BucketConfig) -> Result<Arc<dyn Store>, NodeError> {
        Err(NodeError::NoSuchStore { kind: "object-store" })
    }

    #[expect(clippy::unused_async, reason = "the same shape as with the feature")]
    pub(super) async fn erase(_directory: &Path, _config: &BucketConfig) -> Result<String, NodeError> {
        Err(NodeError::NoSuchStore { kind: "object-store" })
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use core::time::Duration;

    use crate::node::secret_file;
    use quorate_storage::{PostgresOptions, PostgresStore, StoreError};

    use super::{Arc, NodeError, Path, PostgresConfig, Store};

    const TRIES: u8 = 40;
    const PAUSE: Duration = Duration::from_millis(250);

    pub(super) async fn open(directory: &Path, config: &PostgresConfig) -> Result<Arc<dyn Store>, NodeError> {
        Ok(Arc::new(PostgresStore::open(&options(directory, config)?).await?))
    }

    pub(super) async fn erase(directory: &Path, config: &PostgresConfig) -> Result<String, NodeError> {
        let options = options(directory, config)?;
        let mut tries = 0_u8;
        let store = loop {
            tries = tries.saturating_add(1);
            match PostgresStore::open(&options).await {
                // Whoever had it open until now has gone, and the server has not noticed.
                Err(StoreError::InUse { .. }) if tries < TRIES => tokio::time::sleep(PAUSE).await,
                opened => break opened?,
            }
        };
        let place = store.location().to_string();
        store.erase().await?;
        Ok(place)
    }

    fn options(directory: &Path, config: &PostgresConfig) -> Result<PostgresOptions, NodeError> {
        let mut options = PostgresOptions::new(&config.url)?.pool(config.connections);
        if let Some(file) = &config.password_file {
            options = options.password(&secret_file(&directory.join(file))?);
        }
        if let Some(file) = &config.ca_file {
            options = options.roots(&directory.join(file))?;
        }
        if let Some(client) = &config.client_certificate {
            options = options.client_certificate(&directory.join(&client.chain), &directory.join(&client.key))?;
        }
        Ok(options)
    }
}

#[cfg(not(feature = "postgres"))]
mod postgres {
    use super::{Arc, NodeError, Path, PostgresConfig, Store};

    #[expect(clippy::unused_async, reason = "the same shape as with the feature")]
    pub(super) async fn open(_directory: &Path, _config: &PostgresConfig) -> Result<Arc<dyn Store>, NodeError> {
        Err(NodeError::NoSuchStore { kind: "postgres" })
    }

    #[expect(clippy::unused_async, reason = "the same shape as with the feature")]
    pub(super) async fn erase(_directory: &Path, _config: &PostgresConfig) -> Result<String, NodeError> {
        Err(NodeError::NoSuchStore { kind: "postgres" })
    }
}
