//! A store in a PostgreSQL database: one database for one cosigner, in the schema `quorate`.
//!
//! Runs on tokio. All that it needs of the database is a schema of its own, and a role that may make it or owns it.
//!
//! # One cosigner, one instance
//!
//! The schema has one name, so that a second cosigner in one database finds the first one's records and is refused: a database that
//! holds two shares of one key is one provider, whatever the placement says. And one process has it open at a time. Opening takes a
//! lock that the server gives back when the connection ends, and writes a random token; every change holds that token's row while it
//! is made and does nothing if another one is there. So a process that was cut off, and comes back after another one has taken its
//! place, cannot write, whatever it believes: [`StoreError::InUse`].
//!
//! # What it asks of the server
//!
//! PostgreSQL 12 or later, with `fsync` on: a server that loses what it said was written is refused. Commits are waited for
//! (`synchronous_commit`), on the standby too where there is a synchronous one. After a failover to an asynchronous one the
//! cosigner has gone back in time, and its peers notice (docs/witness.md). Connect to the server itself: a pooler that changes
//! servers between transactions keeps no lock.
//!
//! A server elsewhere is spoken to over TLS alone, with a certificate for its name; `sslmode` in the URL cannot turn that off.

use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::sync::Arc;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, Config, Error, Row, error::SqlState};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    epoch_key::hex,
    store::{BoxFuture, Location, PAGE_BYTES, Page, RecordName, Store, StoreError, Stored, Version, check_value, scan_range},
};

mod options;
mod schema;

pub use options::PostgresOptions;

/// How long one call may take, with waiting for a connection; the server gives up a little sooner.
const WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked whether the connection that holds the lock is still there.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How many records are created in one statement.
const AT_ONCE: usize = 512;
/// The name of the lock, one for each database: "quorate" in ASCII.
const LOCK: i64 = 0x0071_756f_7261_7465;

const CREATE: &str = "WITH me AS (SELECT 1 FROM quorate.instance WHERE token = $1 FOR SHARE) \
     INSERT INTO quorate.records (name, version, value) SELECT $2, $3, $4 FROM me ON CONFLICT (name) DO NOTHING";
const SWAP: &str = "WITH me AS (SELECT 1 FROM quorate.instance WHERE token = $1 FOR SHARE) \
     UPDATE quorate.records SET version = $4, value = $5 FROM me WHERE name = $2 AND version = $3";
const DELETE: &str = "WITH me AS (SELECT 1 FROM quorate.instance WHERE token = $1 FOR SHARE) \
     DELETE FROM quorate.records USING me WHERE name = $2 AND version = $3";
const READ: &str = "SELECT i.token = $1, r.version, r.value FROM quorate.instance i \
     LEFT JOIN quorate.records r ON r.name = $2";
const IS_MINE: &str = "SELECT token = $1 FROM quorate.instance";
/// All of them, or none.
const CREATE_ALL: &str = "WITH me AS (SELECT 1 FROM quorate.instance WHERE token = $1 FOR SHARE) \
     INSERT INTO quorate.records (name, version, value) \
     SELECT new.* FROM me, unnest($2::text[], $3::bytea[], $4::bytea[]) AS new";
/// Names from `$1` (itself only if `$2`) and below `$3`; up to the record with which the values reach `$5` bytes.
const SCAN: &str = "SELECT name, version, value, total FROM ( \
         SELECT name, version, value, count(*) OVER () AS total, \
             sum(octet_length(value)) OVER (ORDER BY name ROWS UNBOUNDED PRECEDING) - octet_length(value) AS before \
         FROM (SELECT name, version, value FROM quorate.records \
             WHERE (name > $1 OR ($2 AND name = $1)) AND ($3::text IS NULL OR name < $3) ORDER BY name LIMIT $4) AS page \
     ) AS counted WHERE before < $5 ORDER BY name";

/// A [`Store`] in a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool,
    location: Location,
    /// Names this instance among all that ever opened the store.
    token: [u8; 16],
    taken_over: Arc<AtomicBool>,
    holder: JoinHandle<()>,
}

/// Why a call failed, before it is told where.
enum Failed {
    Engine(Error),
    Pool(PoolError),
    Late,
    Odd(&'static str),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<PoolError> for Failed {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl PostgresStore {
    /// Opens the store, or makes it. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another instance has it open, [`StoreError::Unavailable`] if the server cannot be reached, is not
    /// fit, or was set up by a later version.
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let location = options.location();
        let place = || location.clone();
        let (config, tls) = options.connector().map_err(|source| unavailable(&location, "set up the connection", source))?;
        let opening = async {
            let client = connect(&config, &tls).await?;
            schema::check_server(&client).await?;
            if !lock(&client).await? {
                return Ok(None);
            }
            schema::migrate(&client).await?;
            let token = random()?;
            schema::take_over(&client, &token).await?;
            Ok(Some((client, token)))
        };
        let opened = timeout(WITHIN, opening).await.unwrap_or(Err(Failed::Late));
        let opened = opened.map_err(|error| failure(&location, "open the store", error))?;
        let Some((client, token)) = opened else { return Err(StoreError::InUse { location: place() }) };
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
        let pool = Pool::builder(manager).max_size(options.connections()).runtime(Runtime::Tokio1);
        let pool = pool.wait_timeout(Some(WITHIN)).create_timeout(Some(WITHIN)).build();
        let pool = pool.map_err(|error| unavailable(&location, "open the store", Box::new(error)))?;
        let taken_over = Arc::new(AtomicBool::new(false));
        let holder = tokio::spawn(hold(client, (config, tls), token, Arc::clone(&taken_over)));
        Ok(Self { pool, location, token, taken_over, holder })
    }

    /// Does one thing on one connection, within the time that there is.
    async fn call<T>(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(&Object) -> Result<T, Failed> + Send,
    ) -> Result<T, StoreError> {
        if self.taken_over.load(Ordering::Relaxed) {
            return Err(self.in_use());
        }
        let done = timeout(WITHIN, async { work(&self.pool.get().await?).await }).await.unwrap_or(Err(Failed::Late));
        done.map_err(|error| failure(&self.location, operation, error))
    }

    fn in_use(&self) -> StoreError {
        StoreError::InUse { location: self.location.clone() }
    }

    /// Why a change changed nothing: another instance has taken over, or what the caller thinks.
    async fn refused(&self, otherwise: StoreError) -> StoreError {
        let mine = self.call("read the instance", async |client| {
            let statement = client.prepare_cached(IS_MINE).await?;
            Ok(client.query_one(&statement, &[&self.token.as_slice()]).await?.try_get::<_, bool>(0)?)
        });
        match mine.await {
            Ok(true) => otherwise,
            Ok(false) => {
                self.taken_over.store(true, Ordering::Relaxed);
                self.in_use()
            }
            Err(error) => error,
        }
    }
}

impl PostgresStore {
    /// Destroys the store: removes its schema from the database, with all that is in it. What the server keeps of it elsewhere (its log,
    /// replicas, base backups) is the server's matter.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another instance has taken over, [`StoreError::Unavailable`]. Open it and call this again after an error.
    pub async fn erase(self) -> Result<(), StoreError> {
        let erased = self.call("erase the store", async |client| {
            let is_mine = client.query_one(IS_MINE, &[&self.token.as_slice()]).await?.try_get(0)?;
            if is_mine {
                client.batch_execute("DROP SCHEMA quorate CASCADE").await?;
            }
            Ok(is_mine)
        });
        if erased.await? { Ok(()) } else { Err(self.in_use()) }
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // With it goes the connection that holds the lock.
        self.holder.abort();
        self.pool.close();
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("location", &self.location)
            .field("instance", &hex(&self.token))
            .finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn create<'a>(&'a self, name: &'a RecordName, value: &'a [u8]) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            check_value(value)?;
            let version = self.version()?;
            let created = self.call("create a record", async |client| {
                let statement = client.prepare_cached(CREATE).await?;
                Ok(client.execute(&statement, &[&self.token.as_slice(), &name.as_str(), &version.as_slice(), &value]).await?)
            });
            match created.await? {
                0 => Err(self.refused(StoreError::AlreadyExists { name: name.clone() }).await),
                _ => self.named(&version),
            }
        })
    }

    fn create_all<'a>(&'a self, records: &'a [(RecordName, Vec<u8>)]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            records.iter().try_for_each(|(_, value)| check_value(value))?;
            let mut rest = records;
            while !rest.is_empty() {
                let (some, others) = rest.split_at(at_once(rest));
                self.create_some(some).await?;
                rest = others;
            }
            Ok(())
        })
    }

    fn read<'a>(&'a self, name: &'a RecordName) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            let found = self.call("read a record", async |client| {
                let statement = client.prepare_cached(READ).await?;
                let row = client.query_one(&statement, &[&self.token.as_slice(), &name.as_str()]).await?;
                let record = (row.try_get::<_, Option<&[u8]>>(1)?, row.try_get::<_, Option<Vec<u8>>>(2)?);
                let record = match record {
                    (Some(version), Some(value)) => Some(Stored::new(name.clone(), token_of(version)?, value)),
                    _ => None,
                };
                Ok((row.try_get::<_, bool>(0)?, record))
            });
            match found.await? {
                (true, record) => Ok(record),
                (false, _) => {
                    self.taken_over.store(true, Ordering::Relaxed);
                    Err(self.in_use())
                }
            }
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a RecordName,
        seen: &'a Version,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            check_value(value)?;
            let version = self.version()?;
            let swapped = self.call("replace a record", async |client| {
                let statement = client.prepare_cached(SWAP).await?;
                let token = self.token.as_slice();
                let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                    [&token, &name.as_str(), &seen.as_bytes(), &version.as_slice(), &value];
                Ok(client.execute(&statement, &parameters).await?)
            });
            match swapped.await? {
                0 => Err(self.refused(StoreError::Conflict { name: name.clone() }).await),
                _ => self.named(&version),
            }
        })
    }

    fn delete<'a>(&'a self, name: &'a RecordName, seen: &'a Version) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let deleted = self.call("delete a record", async |client| {
                let statement = client.prepare_cached(DELETE).await?;
                Ok(client.execute(&statement, &[&self.token.as_slice(), &name.as_str(), &seen.as_bytes()]).await?)
            });
            match deleted.await? {
                0 => Err(self.refused(StoreError::Conflict { name: name.clone() }).await),
                _ => Ok(()),
            }
        })
    }

    fn scan<'a>(
        &'a self,
        under: Option<&'a RecordName>,
        after: Option<&'a RecordName>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let Some((start, end)) = scan_range(under, after) else { return Ok(Page::default()) };
            let (start, inclusive) = match start {
                core::ops::Bound::Included(start) => (start, true),
                core::ops::Bound::Excluded(start) => (start, false),
                core::ops::Bound::Unbounded => (String::new(), true),
            };
            let end = match end {
                core::ops::Bound::Excluded(end) => Some(end),
                core::ops::Bound::Included(_) | core::ops::Bound::Unbounded => None,
            };
            let limit = limit.clamp(1, crate::store::MAX_PAGE);
            self.call("scan records", async |client| {
                let statement = client.prepare_cached(SCAN).await?;
                let (rows, bytes) = (i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1), i64::try_from(PAGE_BYTES));
                let bytes = bytes.unwrap_or(i64::MAX);
                let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [&start, &inclusive, &end, &rows, &bytes];
                page(limit, &client.query(&statement, &parameters).await?)
            })
            .await
        })
    }
}

impl PostgresStore {
    /// A version that no value had before, also if the database is put back to an older copy of itself.
    fn version(&self) -> Result<[u8; 16], StoreError> {
        random().map_err(|error| failure(&self.location, "draw a version", error))
    }

    /// Creates up to [`AT_ONCE`] records in one statement.
    async fn create_some(&self, records: &[(RecordName, Vec<u8>)]) -> Result<(), StoreError> {
        let versions = records.iter().map(|_| self.version()).collect::<Result<Vec<_>, _>>()?;
        let versions: Vec<&[u8]> = versions.iter().map(|version| version.as_slice()).collect();
        let names: Vec<&str> = records.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<&[u8]> = records.iter().map(|(_, value)| value.as_slice()).collect();
        let created = self.call("create records", async |client| {
            let statement = client.prepare_cached(CREATE_ALL).await?;
            match client.execute(&statement, &[&self.token.as_slice(), &names, &versions, &values]).await {
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(None),
                created => Ok(Some(created?)),
            }
        });
        match created.await? {
            Some(0) if !records.is_empty() => Err(self.in_use()),
            Some(_) => Ok(()),
            // One of them, or two of one name. Whoever tries them one by one finds out which.
            None => match records {
                [(name, _), ..] => Err(self.refused(StoreError::AlreadyExists { name: name.clone() }).await),
                [] => Ok(()),
            },
        }
    }

    fn named(&self, version: &[u8; 16]) -> Result<Version, StoreError> {
        token_of(version).map_err(|error| failure(&self.location, "name a version", error))
    }
}

/// How many of these records are created in one statement: at least one, if there is one.
fn at_once(records: &[(RecordName, Vec<u8>)]) -> usize {
    let mut bytes = 0_usize;
    let fits = |(_, value): &&(RecordName, Vec<u8>)| {
        let fits = bytes <= PAGE_BYTES;
        bytes = bytes.saturating_add(value.len());
        fits
    };
    records.iter().take(AT_ONCE).take_while(fits).count()
}

fn page(limit: usize, rows: &[Row]) -> Result<Page, Failed> {
    let mut page = Page::default();
    for row in rows.iter().take(limit) {
        let name = RecordName::new(row.try_get(0)?).map_err(|_| Failed::Odd("a record has a name that is none"))?;
        page.records.push(Stored::new(name, token_of(row.try_get(1)?)?, row.try_get(2)?));
        let total: i64 = row.try_get(3)?;
        page.more = usize::try_from(total).is_ok_and(|total| total > page.records.len());
    }
    Ok(page)
}

fn token_of(version: &[u8]) -> Result<Version, Failed> {
    Version::from_bytes(version).ok_or(Failed::Odd("a version is too long"))
}

fn random() -> Result<[u8; 16], Failed> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Failed::Odd("the system's generator of randomness fails"))?;
    Ok(bytes)
}

/// A connection of its own, beside the pool.
async fn connect(config: &Config, tls: &MakeRustlsConnect) -> Result<Client, Failed> {
    let (client, connection) = config.connect(tls.clone()).await?;
    // It ends with the client, or with the server; whoever uses the client is told.
    drop(tokio::spawn(async move {
        let _ended = connection.await;
    }));
    Ok(client)
}

async fn lock(client: &Client) -> Result<bool, Failed> {
    Ok(client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?.try_get(0)?)
}

/// Keeps the lock: where its connection ends, it is taken again, unless another instance was faster.
async fn hold(mut client: Client, to: (Config, MakeRustlsConnect), token: [u8; 16], taken_over: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if !client.is_closed() {
            continue;
        }
        let again = async {
            let again = connect(&to.0, &to.1).await?;
            // The server may not have noticed yet that the former connection is gone. Nobody else has the lock as long as that lasts.
            let locked = lock(&again).await?;
            let mine: bool = again.query_one(IS_MINE, &[&token.as_slice()]).await?.try_get(0)?;
            Ok::<_, Failed>((again, locked, mine))
        };
        match timeout(WITHIN, again).await {
            Ok(Ok((_, _, false))) => return taken_over.store(true, Ordering::Relaxed),
            Ok(Ok((again, true, true))) => client = again,
            Ok(Ok((_, false, true)) | Err(_)) | Err(_) => {}
        }
    }
}

fn unavailable(location: &Location, operation: &'static str, source: Box<dyn core::error::Error + Send + Sync>) -> StoreError {
    StoreError::Unavailable { location: location.clone(), operation, source }
}

fn failure(location: &Location, operation: &'static str, failed: Failed) -> StoreError {
    let source: Box<dyn core::error::Error + Send + Sync> = match failed {
        Failed::Late => format!("no answer within {} seconds", WITHIN.as_secs()).into(),
        Failed::Odd(words) => words.into(),
        Failed::Pool(PoolError::Backend(error)) | Failed::Engine(error) => {
            let location = location.clone();
            match error.code() {
                Some(&SqlState::DISK_FULL) => return StoreError::NoSpace { location },
                Some(&(SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED)) => {
                    return StoreError::Corrupted { location, source: Box::new(error) };
                }
                _ => Box::new(error),
            }
        }
        Failed::Pool(error) => Box::new(error),
    };
    unavailable(location, operation, source)
}
