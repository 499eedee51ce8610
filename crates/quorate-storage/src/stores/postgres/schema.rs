//! What is in the database, and what the server must be.

use tokio_postgres::Client;

use super::Failed;

/// The changes of the schema, in order; their number is the schema's version.
const MIGRATIONS: [&str; 1] =
    ["CREATE TABLE quorate.instance (single boolean PRIMARY KEY DEFAULT true CHECK (single), token bytea NOT NULL);
     CREATE TABLE quorate.records (name text COLLATE \"C\" PRIMARY KEY, version bytea NOT NULL, value bytea NOT NULL);
     ALTER TABLE quorate.records ALTER COLUMN value SET STORAGE EXTERNAL;"];
const OLDEST: i32 = 120_000;

/// Refuses a server that cannot keep what a store promises.
pub(super) async fn check_server(client: &Client) -> Result<(), Failed> {
    let row = client
        .query_one("SELECT current_setting('server_version_num')::int, current_setting('fsync')::bool, pg_is_in_recovery()", &[])
        .await?;
    if row.try_get::<_, i32>(0)? < OLDEST {
        return Err(Failed::Odd("the server is older than PostgreSQL 12"));
    }
    if !row.try_get::<_, bool>(1)? {
        return Err(Failed::Odd("the server runs with fsync off, and loses what it said was written"));
    }
    if row.try_get::<_, bool>(2)? {
        return Err(Failed::Odd("the server is a standby, which takes no writes"));
    }
    Ok(())
}

/// Makes the schema, or brings it up to date. The lock is held, so that nobody else does.
pub(super) async fn migrate(client: &Client) -> Result<(), Failed> {
    let there: bool = client.query_one("SELECT to_regclass('quorate.format') IS NOT NULL", &[]).await?.try_get(0)?;
    if !there {
        let make = "BEGIN; CREATE SCHEMA IF NOT EXISTS quorate; REVOKE ALL ON SCHEMA quorate FROM PUBLIC; \
             CREATE TABLE quorate.format (single boolean PRIMARY KEY DEFAULT true CHECK (single), version integer NOT NULL); \
             INSERT INTO quorate.format (version) VALUES (0); COMMIT";
        client.batch_execute(make).await?;
    }
    let version: i32 = client.query_one("SELECT version FROM quorate.format", &[]).await?.try_get(0)?;
    let done = usize::try_from(version).map_err(|_| Failed::Odd("the schema has a version that is none"))?;
    let Some(missing) = MIGRATIONS.get(done..) else {
        return Err(Failed::Odd("the schema was made by a later version of quorate; run that one"));
    };
    for change in missing {
        client.batch_execute(&format!("BEGIN; {change} UPDATE quorate.format SET version = version + 1; COMMIT")).await?;
    }
    Ok(())
}

/// From here on, no other instance can write.
pub(super) async fn take_over(client: &Client, token: &[u8; 16]) -> Result<(), Failed> {
    let statement = "INSERT INTO quorate.instance (token) VALUES ($1) ON CONFLICT (single) DO UPDATE SET token = excluded.token";
    client.execute(statement, &[&token.as_slice()]).await?;
    Ok(())
}
