//! Metrics in the format of Prometheus, and probes, over plain HTTP: docs/metrics.md has the names.
//!
//! What is served names peers and counts; no key, no wallet, no address and no secret is in it. Whoever can reach the port can read it.

use std::{io, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    cosigner::Cosigner,
    health::{Ages, Health},
};

type Labels = Vec<(&'static str, String)>;
type Real = Gauge<f64, core::sync::atomic::AtomicU64>;

const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Metrics and probes that are served. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct MetricsServer(watch::Sender<bool>);

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl MetricsServer {
    /// Listens on `address`.
    pub(crate) async fn start(cosigner: Arc<Cosigner>, address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/ready", get(ready))
            .route("/live", get(async || "yes\n"))
            .with_state(cosigner);
        let closing = watch::Sender::new(false);
        let mut closed = closing.subscribe();
        drop(tokio::spawn(async move {
            tokio::select! {
                _ended = axum::serve(listener, router).into_future() => {}
                _closed = closed.wait_for(|closing| *closing) => {}
            }
        }));
        Ok(Self(closing))
    }
}

async fn ready(State(cosigner): State<Arc<Cosigner>>) -> Response {
    match cosigner.health().problem {
        None => (StatusCode::OK, "yes\n".to_owned()).into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("no: {problem}\n")).into_response(),
    }
}

async fn metrics(State(cosigner): State<Arc<Cosigner>>) -> Response {
    let mut faults = Vec::new();
    let health = cosigner.health();
    for peer in &health.peers {
        if let Ok((count, _)) = cosigner.faults(peer.peer).await {
            faults.push((peer.name.clone(), count));
        }
    }
    let frozen = cosigner.freezes().await.ok().map(|freezes| freezes.len());
    let ages = cosigner.ages().await;
    match text(&health, &faults, frozen, ages) {
        Ok(text) => ([(CONTENT_TYPE, FORMAT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// All of it as text.
fn text(
    health: &Health,
    faults: &[(String, u32)],
    frozen: Option<usize>,
    ages: Option<Ages>,
) -> Result<String, core::fmt::Error> {
    let mut registry = Registry::with_prefix("quorate");
    let mut whole = |name: &str, help: &str, value: usize| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    whole("ready", "Whether the cosigner and the peers that it reaches are as many as sign", usize::from(health.ready));
    whole("presignatures", "ECDSA presignatures in memory", health.presignatures);
    if let Some(relay) = &health.relay {
        whole("relay_connected", "Whether a server carries messages at the moment", usize::from(relay.server.is_some()));
        whole(
            "relay_connections",
            "Times that a server consented to a connection",
            usize::try_from(relay.connections).unwrap_or(usize::MAX),
        );
    }
    whole("peers", "Other cosigners on the roster", health.peers.len());
    if let Some(frozen) = frozen {
        whole("freezes", "Freezes in force", frozen);
    }
    if let Some(ages) = ages {
        whole("keys", "Keys with an active share", ages.keys);
        whole("pending_shares", "Shares that wait for a certificate", ages.pending);
        whole("refresh_overdue_keys", "Keys whose epoch is older than the schedule says", ages.overdue);
        whole(
            "oldest_epoch_age_seconds",
            "Age of the oldest epoch of any key",
            usize::try_from(ages.oldest).unwrap_or(usize::MAX),
        );
    }
    let uptime = Real::default();
    uptime.set(health.uptime.as_secs_f64());
    registry.register("uptime_seconds", "Time since the start", uptime);
    peers(&mut registry, health, faults);
    events(&mut registry, health);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn peers(registry: &mut Registry, health: &Health, faults: &[(String, u32)]) {
    let [connected, alarm, fault] = [(); 3].map(|()| Family::<Labels, Gauge>::default());
    let [round_trip, witnessed] = [(); 2].map(|()| Family::<Labels, Real>::default());
    let label = |name: &str| vec![("peer", name.to_owned())];
    for peer in &health.peers {
        let of = label(&peer.name);
        connected.get_or_create(&of).set(i64::from(peer.connected));
        alarm.get_or_create(&of).set(i64::from(peer.alarm));
        if let Some(time) = peer.round_trip {
            round_trip.get_or_create(&of).set(time.as_secs_f64());
        }
        if let Some(ago) = peer.witnessed {
            witnessed.get_or_create(&of).set(ago.as_secs_f64());
        }
    }
    for (name, count) in faults {
        fault.get_or_create(&label(name)).set(i64::from(*count));
    }
    registry.register("peer_connected", "Whether there is a link to the peer", connected);
    registry.register("peer_alarm", "Whether the peer went back in time, or runs twice", alarm);
    registry.register("peer_faults", "Faults of the peer in pairings, halved for each week without", fault);
    registry.register("peer_round_trip_seconds", "Time of a message to the peer and back, smoothed", round_trip);
    registry.register("peer_witnessed_age_seconds", "Time since the peer last showed how far it is", witnessed);
}

fn events(registry: &mut Registry, health: &Health) {
    let counts = Family::<Labels, Counter>::default();
    let last = Family::<Labels, Gauge>::default();
    for (kind, count) in &health.events {
        counts.get_or_create(&vec![("kind", kind.clone())]).inc_by(*count);
    }
    for (kind, time) in &health.last {
        last.get_or_create(&vec![("kind", kind.clone())]).set(i64::try_from(*time).unwrap_or(i64::MAX));
    }
    registry.register("events", "What the audit log was told since the start, by kind", counts);
    registry.register("last_event_timestamp_seconds", "When it was last told so since the start, in Unix time", last);
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use quorate_core::PeerId;
    use quorate_transport::RelayState;

    use super::*;
    use crate::health::PeerHealth;

    #[test]
    fn metrics_have_their_documented_names() {
        let peer = PeerHealth {
            name: "bob".to_owned(),
            peer: PeerId::new([1; 32]),
            connected: true,
            round_trip: Some(Duration::from_millis(3)),
            witnessed: Some(Duration::from_secs(4)),
            alarm: false,
        };
        let health = Health {
            ready: true,
            problem: None,
            relay: Some(RelayState::default()),
            peers: vec![peer],
            events: [("signed".to_owned(), 7)].into(),
            last: [("signed".to_owned(), 1_700_000_000)].into(),
            presignatures: 8,
            uptime: Duration::from_secs(60),
        };
        let ages = Ages { keys: 3, pending: 1, overdue: 2, oldest: 86_400 };
        let text = text(&health, &[("bob".to_owned(), 2)], Some(1), Some(ages)).unwrap();
        for line in [
            "quorate_ready 1",
            "quorate_presignatures 8",
            "quorate_peers 1",
            "quorate_relay_connected 0",
            "quorate_relay_connections 0",
            "quorate_freezes 1",
            "quorate_keys 3",
            "quorate_pending_shares 1",
            "quorate_refresh_overdue_keys 2",
            "quorate_oldest_epoch_age_seconds 86400",
            "quorate_uptime_seconds 60.0",
            "quorate_peer_connected{peer=\"bob\"} 1",
            "quorate_peer_alarm{peer=\"bob\"} 0",
            "quorate_peer_faults{peer=\"bob\"} 2",
            "quorate_peer_round_trip_seconds{peer=\"bob\"} 0.003",
            "quorate_peer_witnessed_age_seconds{peer=\"bob\"} 4.0",
            "quorate_events_total{kind=\"signed\"} 7",
            "quorate_last_event_timestamp_seconds{kind=\"signed\"} 1700000000",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
            let name = line.split(['{', ' ']).next().unwrap();
            let documented = include_str!("../../../../docs/metrics.md");
            assert!(
                documented.contains(&format!("`{name}`")) || documented.contains(&format!("`{name}{{")),
                "{name} is not documented"
            );
        }
    }
}
