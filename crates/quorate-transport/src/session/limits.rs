//! What one endpoint may hold for its peers, and how long it waits.

use core::time::Duration;

/// The largest message in bytes.
pub const MAX_MESSAGE: usize = 4 * 1024 * 1024;
/// The message bytes that one fragment carries; only a message's last fragment carries fewer.
pub const FRAGMENT: usize = 56 * 1024;
/// How far ahead of the oldest unfinished message a sender may number new ones.
pub const NUMBER_WINDOW: u64 = 2048;

/// Bounds and times of an [`Endpoint`](super::Endpoint). All memory bounds are per peer, so that a peer can only crowd out itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of messages that wait for acknowledgement.
    pub send_bytes: usize,
    /// Messages that wait for acknowledgement.
    pub send_messages: usize,
    /// Fragments on their way at one time.
    pub in_flight: usize,
    /// Bytes reserved for messages that arrive in fragments.
    pub reassembly_bytes: usize,
    /// Messages that arrive in fragments.
    pub reassembly_messages: usize,
    /// Bytes of received messages that the application has not taken yet.
    pub inbox_bytes: usize,
    /// Received messages that the application has not taken yet.
    pub inbox_messages: usize,
    /// Bytes of messages for sessions that are not open yet.
    pub early_bytes: usize,
    /// Messages for sessions that are not open yet.
    pub early_messages: usize,
    /// How long such messages are kept.
    pub early_for: Duration,
    /// Sessions that are open at one time, over all peers.
    pub sessions: usize,
    /// How long a message is resent where the caller gave no deadline.
    pub deliver_within: Duration,
    /// How long an unfinished message is kept after its last fragment; longer than any sender tries.
    pub reassemble_within: Duration,
    /// A link makes room for a fresh one after this time,
    pub rekey_after: Duration,
    /// or after this many frames.
    pub rekey_after_frames: u64,
    /// After this silence the peer is asked whether it is there.
    pub keepalive: Duration,
    /// After this silence it counts as disconnected.
    pub dead_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            send_bytes: 16 * 1024 * 1024,
            send_messages: 1024,
            in_flight: 32,
            reassembly_bytes: 8 * 1024 * 1024,
            reassembly_messages: 256,
            inbox_bytes: 16 * 1024 * 1024,
            inbox_messages: 4096,
            early_bytes: 8 * 1024 * 1024,
            early_messages: 1024,
            early_for: Duration::from_secs(120),
            sessions: 4096,
            deliver_within: Duration::from_secs(120),
            reassemble_within: Duration::from_secs(150),
            rekey_after: Duration::from_secs(15 * 60),
            rekey_after_frames: 1 << 24,
            keepalive: Duration::from_secs(5),
            dead_after: Duration::from_secs(20),
        }
    }
}

/// What an endpoint dropped, and why. Counters never go back and saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams whose hint names nobody on the roster.
    pub foreign: u64,
    /// Datagrams that are none of this protocol.
    pub malformed: u64,
    /// Datagrams of a version that is not spoken here.
    pub version: u64,
    /// Datagrams of no live link, or answers to no handshake of ours.
    pub other_link: u64,
    /// Frames that came twice or too late.
    pub replayed: u64,
    /// Datagrams whose code or tag does not verify.
    pub forged: u64,
    /// Fragments that came again over the session layer: resent before their acknowledgement arrived.
    pub repeated: u64,
    /// Handshakes and fragments that exceeded a limit and must be sent again.
    pub refused: u64,
    /// Early messages that were dropped because newer ones needed the room, or nobody opened their session in time.
    pub evicted: u64,
    /// Messages for sessions that are over.
    pub stale: u64,
    /// Times that the generator of randomness failed.
    pub randomness: u64,
    /// Datagrams and events that were dropped because the driver did not take them.
    pub overflow: u64,
}

pub(crate) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
