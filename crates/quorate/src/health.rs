//! How a cosigner is: whom it reaches and how fast, when each peer last showed how far it is, and what it did since its start.
//!
//! Read by `quorate status`, by probes and by metrics. Nothing here is secret, and nothing of it decides about anything.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use quorate_core::PeerId;
use quorate_storage::AuditKind;
use quorate_transport::RelayState;

use crate::{
    audit,
    cosigner::{Cosigner, describe},
};
#[cfg(feature = "metrics")]
use crate::{
    error::CosignerError,
    share::{AnyKeyShare, Stored},
};

/// How a cosigner is at the moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// Whether it can take part in signatures: it stands aside for no reason, and it and the peers that it reaches are as many as the
    /// smallest of its thresholds. A key with a higher one needs more.
    pub ready: bool,
    /// Why not.
    pub problem: Option<String>,
    /// How the connection to the server that carries its messages is, if one does.
    pub relay: Option<RelayState>,
    /// The other cosigners of its roster.
    pub peers: Vec<PeerHealth>,
    /// What it wrote into its audit log since its start, by kind, and what peers caused too often to be written.
    pub events: BTreeMap<String, u64>,
    /// When it last did each of these since its start, in seconds of Unix time.
    pub last: BTreeMap<String, u64>,
    /// How many presignatures it holds.
    pub presignatures: usize,
    /// How long it has been running.
    pub uptime: Duration,
}

/// What a cosigner knows of another one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerHealth {
    /// Its name in the roster.
    pub name: String,
    /// Its identity.
    pub peer: PeerId,
    /// Whether there is a link to it.
    pub connected: bool,
    /// How long a message takes to it and back, smoothed; nothing before the first one on this link.
    pub round_trip: Option<Duration>,
    /// How long ago it last showed how far it is; nothing if it has not since this start.
    pub witnessed: Option<Duration>,
    /// Whether there is an alarm about it.
    pub alarm: bool,
}

/// What is counted while a cosigner runs.
pub(crate) struct Counts {
    since: Instant,
    /// How often and when last, by the numbers of audit kinds.
    events: Mutex<BTreeMap<u16, (u64, u64)>>,
    #[cfg(feature = "metrics")]
    ages: tokio::sync::Mutex<Option<(Instant, Ages)>>,
}

/// How old the epochs of all keys are.
#[cfg(feature = "metrics")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ages {
    /// How many keys have an active share.
    pub(crate) keys: usize,
    /// How many shares wait for a certificate.
    pub(crate) pending: usize,
    /// How many keys are older than the schedule says.
    pub(crate) overdue: usize,
    /// The age of the oldest epoch, in seconds.
    pub(crate) oldest: u64,
}

/// How long the ages of epochs are taken to be the same: every share is opened to learn its epoch's.
#[cfg(feature = "metrics")]
const AGES_FOR: Duration = Duration::from_secs(600);

impl Default for Counts {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            events: Mutex::default(),
            #[cfg(feature = "metrics")]
            ages: tokio::sync::Mutex::default(),
        }
    }
}

impl Counts {
    pub(crate) fn count(&self, kind: AuditKind) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = events.entry(kind.to_u16()).or_default();
        (*count, *last) = (count.saturating_add(1), audit::now());
    }

    /// How often and when last, by name.
    fn by_name(&self) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |kind: &AuditKind| events.get(&kind.to_u16());
        let counts = AuditKind::ALL.iter().map(|kind| (kind.to_string(), of(kind).map_or(0, |(count, _)| *count)));
        let last = AuditKind::ALL.iter().filter_map(|kind| Some((kind.to_string(), of(kind)?.1)));
        (counts.collect(), last.collect())
    }
}

impl Cosigner {
    /// How this cosigner is at the moment. Reads no store, and takes no time.
    #[must_use]
    pub fn health(&self) -> Health {
        let shared = self.shared();
        let others = shared.roster.iter().filter(|entry| entry.identity != shared.me);
        let peers: Vec<_> = others
            .map(|entry| PeerHealth {
                name: entry.name.clone(),
                peer: entry.identity,
                connected: shared.network.is_connected(entry.identity),
                round_trip: shared.network.round_trip(entry.identity),
                witnessed: shared.witness.shown_ago(entry.identity),
                alarm: shared.alarm_about(entry.identity).is_some(),
            })
            .collect();
        let reached = peers.iter().filter(|peer| peer.connected && !peer.alarm).count().saturating_add(1);
        let needed = usize::from(shared.accepts.min_signers);
        let aside = self.standing_aside().map(|reason| describe(&reason));
        let problem =
            aside.or_else(|| (reached < needed).then(|| format!("reaches {reached} of the {needed} cosigners that sign")));
        let (events, last) = shared.audit.counts().by_name();
        Health {
            ready: problem.is_none(),
            problem,
            relay: shared.wire.upgrade().and_then(|wire| wire.relay()),
            peers,
            events,
            last,
            presignatures: shared.pool.total(),
            uptime: shared.audit.counts().since.elapsed(),
        }
    }

    /// How old the epochs of all keys are; looked up every ten minutes at most. Nothing if the vault does not serve.
    #[cfg(feature = "metrics")]
    pub(crate) async fn ages(&self) -> Option<Ages> {
        let mut known = self.shared().audit.counts().ages.lock().await;
        match *known {
            Some((then, ages)) if then.elapsed() < AGES_FOR => Some(ages),
            _ => {
                let ages = self.look_up_ages().await.ok()?;
                *known = Some((Instant::now(), ages));
                Some(ages)
            }
        }
    }

    #[cfg(feature = "metrics")]
    async fn look_up_ages(&self) -> Result<Ages, CosignerError> {
        let (shared, now) = (self.shared(), audit::now());
        let (mut ages, mut after) = (Ages::default(), None);
        loop {
            let page = shared.vault.list(after.as_ref(), 256).await?;
            for summary in &page.keys {
                ages.pending = ages.pending.saturating_add(summary.pending.len());
                if summary.active.is_none() {
                    continue;
                }
                let (_, key) = shared.vault.load_active::<Stored<AnyKeyShare>>(&summary.key_id).await?;
                ages.keys = ages.keys.saturating_add(1);
                ages.oldest = ages.oldest.max(now.saturating_sub(key.since));
                let due = shared.schedule.of(&key.wallet).map(|every| key.since.saturating_add(every));
                ages.overdue = ages.overdue.saturating_add(usize::from(due.is_some_and(|due| due < now)));
            }
            after = page.next;
            if after.is_none() {
                return Ok(ages);
            }
        }
    }
}
