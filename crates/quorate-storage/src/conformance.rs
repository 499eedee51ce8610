//! What every [`Store`] must pass, also other people's: `run` on it in a test, and `run_reopen` if it can be reopened.
//!
//! The suite never panics; it says which check failed and what the store answered. It needs an executor only as far as the store
//! does.
//!
//! ```
//! # use std::{future::Future, sync::Arc, task::{Context, Poll, Waker}};
//! # fn block_on<T>(future: impl Future<Output = T>) -> T {
//! #     let mut future = Box::pin(future);
//! #     loop { if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) { return done; } }
//! # }
//! use quorate_storage::{MemoryStore, conformance};
//!
//! block_on(conformance::run(|| Arc::new(MemoryStore::default())))?;
//! # Ok::<(), conformance::Failure>(())
//! ```

mod keys;

use std::sync::Arc;

pub use self::keys::{run_epoch_keys, run_key_encryption_key};
use crate::store::{MAX_PAGE, MAX_VALUE, PAGE_BYTES, Page, RecordName, Store, StoreError, Version};

/// A check that a store, a place of epoch keys or a key-encryption key does not pass.
#[derive(Debug, thiserror::Error)]
#[error("it fails the check \"{check}\"")]
#[non_exhaustive]
pub struct Failure<E: core::error::Error + 'static = StoreError> {
    /// What should have been so.
    pub check: &'static str,
    /// What it said, if it said something.
    pub source: Option<E>,
}

type Checked<E = StoreError> = Result<(), Failure<E>>;

/// Runs all checks that need no reopening. `fresh` makes an empty store each time.
///
/// # Errors
///
/// The first [`Failure`].
pub async fn run(fresh: impl Fn() -> Arc<dyn Store>) -> Checked {
    create_is_exclusive(&*fresh()).await?;
    many_are_created_as_one_is(&*fresh()).await?;
    swap_needs_the_version(&*fresh()).await?;
    delete_needs_the_version(&*fresh()).await?;
    versions_never_return(&*fresh()).await?;
    values_are_bounded_and_exact(&*fresh()).await?;
    scan_is_ordered_and_complete(&*fresh()).await?;
    scan_keeps_to_its_prefix(&*fresh()).await?;
    scan_pages_are_bounded(&*fresh()).await
}

/// Checks that what returned is there after the store stopped without a farewell.
///
/// `reopen` gets the only handle, ends the store as abruptly as it can, and opens the same data again.
///
/// # Errors
///
/// The first [`Failure`].
pub async fn run_reopen(fresh: impl Fn() -> Arc<dyn Store>, reopen: impl Fn(Arc<dyn Store>) -> Arc<dyn Store>) -> Checked {
    let store = fresh();
    let (kept, changed, gone) = (name("kept")?, name("changed")?, name("gone")?);
    let first = said("a record can be created", store.create(&kept, b"1").await)?;
    let before = said("a record can be created", store.create(&changed, b"1").await)?;
    let store = reopen(store);
    said("a version outlives a crash", store.compare_and_swap(&changed, &before, b"2").await)?;
    let doomed = said("a record can be created", store.create(&gone, b"3").await)?;
    let store = reopen(store);
    said("a record can be deleted", store.delete(&gone, &doomed).await)?;
    let store = reopen(store);
    holds(&*store, &kept, Some(b"1"), "a created record outlives a crash").await?;
    holds(&*store, &changed, Some(b"2"), "a swapped record outlives a crash").await?;
    holds(&*store, &gone, None, "a deleted record stays deleted after a crash").await?;
    let again = said("a record can be created", store.create(&gone, b"4").await)?;
    ensure(again != doomed, "versions do not start again after a crash")?;
    let stale = store.compare_and_swap(&changed, &before, b"5").await;
    ensure(is_conflict(&stale), "a stale version is refused after a crash")?;
    said("a version outlives a crash", store.delete(&kept, &first).await)
}

async fn create_is_exclusive(store: &dyn Store) -> Checked {
    let (a, below) = (name("a")?, name("a/b")?);
    holds(store, &a, None, "an absent record reads as nothing").await?;
    said("a record can be created", store.create(&a, b"one").await)?;
    let twice = store.create(&a, b"two").await;
    ensure(matches!(&twice, Err(StoreError::AlreadyExists { name }) if *name == a), "create refuses a name that exists")?;
    holds(store, &a, Some(b"one"), "a refused create changes nothing").await?;
    said("a name and one below it are two records", store.create(&below, b"three").await)?;
    holds(store, &a, Some(b"one"), "a name and one below it are two records").await
}

async fn many_are_created_as_one_is(store: &dyn Store) -> Checked {
    said("no records at all can be created", store.create_all(&[]).await)?;
    let records = |from: u16, to: u16, value: u8| -> Result<Vec<(RecordName, Vec<u8>)>, Failure> {
        (from..to).map(|i| Ok((name(&format!("many/{i:04}"))?, vec![value; usize::from(i % 64)]))).collect()
    };
    said("many records can be created", store.create_all(&records(0, 1100, 1)?).await)?;
    let again = store.create_all(&records(1090, 1110, 2)?).await;
    ensure(matches!(again, Err(StoreError::AlreadyExists { .. })), "many are refused where one of them exists")?;
    for (record, value) in records(0, 1100, 1)? {
        holds(store, &record, Some(&value), "records that were created together are there, and stay when others are refused")
            .await?;
    }
    let record = name("many/0007")?;
    let read = said("a record can be read", store.read(&record).await)?;
    let version = read.map(|record| record.version).ok_or(Failure { check: "a created record is there", source: None })?;
    said("a record that was created with others has a version", store.compare_and_swap(&record, &version, b"new").await)?;
    let (fresh, long) = (name("fresh")?, name("long")?);
    let refused = store.create_all(&[(fresh, vec![1]), (long.clone(), vec![0; MAX_VALUE.saturating_add(1)])]).await;
    ensure(matches!(refused, Err(StoreError::ValueTooLarge { .. })), "a value above 1 MiB is refused among others")?;
    holds(store, &long, None, "a refused value is not stored").await
}

async fn swap_needs_the_version(store: &dyn Store) -> Checked {
    let (a, other) = (name("a")?, name("other")?);
    let first = said("a record can be created", store.create(&a, b"one").await)?;
    let foreign = said("a record can be created", store.create(&other, b"one").await)?;
    let second = said("a swap with the current version works", store.compare_and_swap(&a, &first, b"two").await)?;
    ensure(first != second, "a swap makes a new version")?;
    ensure(is_conflict(&store.compare_and_swap(&a, &first, b"three").await), "a swap with an old version is refused")?;
    holds(store, &a, Some(b"two"), "a refused swap changes nothing").await?;
    let absent = store.compare_and_swap(&name("absent")?, &foreign, b"x").await;
    ensure(is_conflict(&absent), "a swap of an absent record is refused")?;
    holds(store, &name("absent")?, None, "a refused swap creates nothing").await?;
    let read = said("a record can be read", store.read(&a).await)?;
    ensure(read.is_some_and(|record| record.version == second), "a read gives the version that the swap gave")
}

async fn delete_needs_the_version(store: &dyn Store) -> Checked {
    let a = name("a")?;
    let first = said("a record can be created", store.create(&a, b"one").await)?;
    let second = said("a swap with the current version works", store.compare_and_swap(&a, &first, b"two").await)?;
    ensure(is_conflict(&store.delete(&a, &first).await), "a delete with an old version is refused")?;
    holds(store, &a, Some(b"two"), "a refused delete changes nothing").await?;
    said("a delete with the current version works", store.delete(&a, &second).await)?;
    holds(store, &a, None, "a deleted record is gone").await?;
    ensure(is_conflict(&store.delete(&a, &second).await), "a second delete is refused")
}

async fn versions_never_return(store: &dyn Store) -> Checked {
    let a = name("a")?;
    let first = said("a record can be created", store.create(&a, b"one").await)?;
    said("a record can be deleted", store.delete(&a, &first).await)?;
    let second = said("a deleted name can be used again", store.create(&a, b"two").await)?;
    ensure(first != second, "another value of a name has another version, also after a delete")?;
    ensure(is_conflict(&store.compare_and_swap(&a, &first, b"x").await), "the version of a deleted record is refused")
}

async fn values_are_bounded_and_exact(store: &dyn Store) -> Checked {
    let (empty, full, over) = (name("empty")?, name("full")?, name("over")?);
    let largest: Vec<u8> = (0..=u8::MAX).cycle().take(MAX_VALUE).collect();
    let version = said("an empty value can be stored", store.create(&empty, b"").await)?;
    holds(store, &empty, Some(b""), "an empty value is not an absent one").await?;
    said("a value of 1 MiB can be stored", store.create(&full, &largest).await)?;
    holds(store, &full, Some(&largest), "a value of 1 MiB reads as it was written").await?;
    let too_large = vec![0; MAX_VALUE.saturating_add(1)];
    let is_refused = |result: Result<Version, StoreError>| matches!(result, Err(StoreError::ValueTooLarge { .. }));
    ensure(is_refused(store.create(&over, &too_large).await), "a value above 1 MiB is refused")?;
    holds(store, &over, None, "a refused value is not stored").await?;
    let swap = store.compare_and_swap(&empty, &version, &too_large).await;
    ensure(is_refused(swap), "a value above 1 MiB is refused by a swap")
}

async fn scan_is_ordered_and_complete(store: &dyn Store) -> Checked {
    let mut expected = Vec::new();
    // Created in another order than that of the names.
    for i in (0..50_u16).map(|i| i.wrapping_mul(7) % 50) {
        let record = name(&format!("p/{i:02}"))?;
        said("a record can be created", store.create(&record, b"x").await)?;
        expected.push(record);
    }
    expected.sort();
    for limit in [1, 7, 50, MAX_PAGE] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page: Page = said("a scan works", store.scan(None, after.as_ref(), limit).await)?;
            ensure(page.records.len() <= limit, "a page is not longer than its limit")?;
            after = page.records.last().map(|record| record.name.clone()).or(after);
            seen.extend(page.records.into_iter().map(|record| record.name));
            if !page.more || seen.len() > expected.len() {
                break;
            }
        }
        ensure(seen == expected, "pages together have every record once, in order")?;
    }
    Ok(())
}

async fn scan_keeps_to_its_prefix(store: &dyn Store) -> Checked {
    for record in ["a", "a-x", "a.x", "a/1", "a/2", "a/2/3", "a0", "aa/1", "b/1"] {
        said("a record can be created", store.create(&name(record)?, b"x").await)?;
    }
    let names = |page: Page| page.records.into_iter().map(|record| record.name.to_string()).collect::<Vec<_>>();
    let under = name("a")?;
    let all = said("a scan works", store.scan(Some(&under), None, 99).await)?;
    ensure(names(all) == ["a/1", "a/2", "a/2/3"], "a scan has exactly the records below its prefix")?;
    let rest = said("a scan works", store.scan(Some(&under), Some(&name("a/1")?), 99).await)?;
    ensure(names(rest) == ["a/2", "a/2/3"], "a scan starts behind the name that it is given")?;
    let before = said("a scan works", store.scan(Some(&under), Some(&name("a")?), 99).await)?;
    ensure(names(before).len() == 3, "a scan may be given a name before its prefix")?;
    let behind = said("a scan works", store.scan(Some(&under), Some(&name("b")?), 99).await)?;
    ensure(names(behind).is_empty(), "a scan may be given a name behind its prefix")?;
    let nothing = said("a scan works", store.scan(Some(&name("zzz")?), None, 99).await)?;
    ensure(nothing.records.is_empty() && !nothing.more, "a scan of nothing is one empty page")
}

async fn scan_pages_are_bounded(store: &dyn Store) -> Checked {
    let large = vec![7; MAX_VALUE];
    for i in 0..6 {
        said("a record can be created", store.create(&name(&format!("large/{i}"))?, &large).await)?;
    }
    let page = said("a scan works", store.scan(None, None, MAX_PAGE).await)?;
    let bytes: usize = page.records.iter().map(|record| record.value.len()).sum();
    ensure(bytes < PAGE_BYTES.saturating_add(MAX_VALUE) && page.more, "a page ends at its limit of bytes and says so")?;
    let one = said("a scan works", store.scan(None, None, 0).await)?;
    ensure(one.records.len() == 1, "a limit of zero is one")
}

async fn holds(store: &dyn Store, name: &RecordName, value: Option<&[u8]>, check: &'static str) -> Checked {
    let read = said("a record can be read", store.read(name).await)?;
    let same = read.as_ref().map(|record| &*record.value) == value;
    ensure(same && read.is_none_or(|record| record.name == *name), check)
}

fn name(text: &str) -> Result<RecordName, Failure> {
    said("the name is valid", RecordName::new(text))
}

fn said<T, E: core::error::Error + 'static>(check: &'static str, result: Result<T, E>) -> Result<T, Failure<E>> {
    result.map_err(|source| Failure { check, source: Some(source) })
}

const fn ensure<E: core::error::Error>(holds: bool, check: &'static str) -> Checked<E> {
    if holds { Ok(()) } else { Err(Failure { check, source: None }) }
}

const fn is_conflict<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict { .. }))
}
