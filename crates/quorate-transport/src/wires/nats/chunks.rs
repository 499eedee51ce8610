//! Datagrams in payloads that a server takes: cut where they are too long for it, and put together again within bounds.
//!
//! ```text
//! payload   u8 version (1), u64 number, u8 index, u8 count, bytes
//! ```
//!
//! All chunks of a datagram have its number and their count. A datagram that lost one is forgotten when newer ones need its place;
//! sessions send again. Nothing here is authenticated: whoever alters, adds or exchanges chunks has made a datagram that no link takes.

use std::collections::{BTreeMap, VecDeque};

use quorate_core::PeerId;

use crate::link::MAX_DATAGRAM;

const VERSION: u8 = 1;
/// What stands before the bytes.
const HEAD: usize = 1 + 8 + 1 + 1;
/// A server that takes less is of no use.
pub(super) const MIN_PAYLOAD: usize = 1024;
/// The longest payload: a whole datagram.
pub(super) const MAX_PAYLOAD: usize = HEAD + MAX_DATAGRAM;
/// How many chunks the longest datagram has where a server takes least.
const MAX_CHUNKS: usize = MAX_DATAGRAM.div_ceil(MIN_PAYLOAD - HEAD);
/// Datagrams of one peer that wait for chunks; the oldest makes room.
const MAX_OPEN: usize = 8;
/// What the datagrams of all peers that wait for chunks may take; the oldest of whoever has most makes room.
const MAX_HELD: usize = 16 * 1024 * 1024;
/// What a chunk takes beside its bytes, whether it has come or not.
const CHUNK_COST: usize = 64;

/// The payloads of a datagram, none longer than `max_payload`, which is at least [`MIN_PAYLOAD`].
pub(super) fn cut(datagram: &[u8], number: u64, max_payload: usize) -> impl Iterator<Item = Vec<u8>> {
    let room = max_payload.clamp(MIN_PAYLOAD, MAX_PAYLOAD).saturating_sub(HEAD);
    // At most 61 of them.
    let count = u8::try_from(datagram.len().div_ceil(room)).unwrap_or(u8::MAX);
    datagram.chunks(room).zip(0_u8..).map(move |(bytes, index)| {
        let mut payload = Vec::with_capacity(HEAD.saturating_add(bytes.len()));
        payload.push(VERSION);
        payload.extend(number.to_be_bytes());
        payload.extend([index, count]);
        payload.extend(bytes);
        payload
    })
}

/// A payload that no honest peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

struct Open {
    number: u64,
    chunks: Vec<Option<Vec<u8>>>,
    bytes: usize,
}

impl Open {
    fn cost(&self) -> usize {
        self.chunks.len().saturating_mul(CHUNK_COST).saturating_add(self.bytes)
    }
}

/// What arrived of all peers' datagrams.
///
/// Who speaks is the server's word alone: one that speaks as every peer of a roster fills no more than 16 MiB, and a peer that holds little
/// loses nothing as long as another one holds more.
#[derive(Default)]
pub(super) struct Assemblies {
    peers: BTreeMap<PeerId, Assembly>,
    held: usize,
    /// Datagrams that made room before they were whole.
    pub(super) forgotten: u64,
}

impl Assemblies {
    /// Takes a payload of a peer on the roster, and gives the datagram that it completes.
    pub(super) fn take(&mut self, peer: PeerId, payload: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        let assembly = self.peers.entry(peer).or_default();
        let before = assembly.held();
        let taken = assembly.take(payload);
        self.held = self.held.saturating_sub(before).saturating_add(assembly.held());
        self.forgotten = self.forgotten.saturating_add(core::mem::take(&mut assembly.forgotten));
        while self.held > MAX_HELD && self.forget_one() {}
        taken
    }

    /// Forgets the oldest datagram of whoever holds most, and says whether there was one.
    fn forget_one(&mut self) -> bool {
        let greatest = self.peers.values_mut().max_by_key(|assembly| assembly.held());
        let Some(forgotten) = greatest.and_then(|assembly| assembly.open.pop_front()) else { return false };
        self.held = self.held.saturating_sub(forgotten.cost());
        self.forgotten = self.forgotten.saturating_add(1);
        true
    }
}

/// What arrived of one peer's datagrams: at most eight, of at most 60 KiB each.
#[derive(Default)]
struct Assembly {
    open: VecDeque<Open>,
    /// Datagrams that made room before they were whole.
    forgotten: u64,
}

impl Assembly {
    /// Takes a payload, and gives the datagram that it completes.
    fn take(&mut self, payload: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        let (head, bytes) = payload.split_first_chunk::<HEAD>().ok_or(Malformed)?;
        let [version, number @ .., index, count] = *head;
        let (number, index, count) = (u64::from_be_bytes(number), usize::from(index), usize::from(count));
        if version != VERSION || bytes.is_empty() || bytes.len() > MAX_DATAGRAM || count > MAX_CHUNKS || index >= count {
            return Err(Malformed);
        }
        if count == 1 {
            return Ok(Some(bytes.to_vec()));
        }
        let place = self.place(number, count);
        let Some(open) = self.open.get_mut(place) else { return Err(Malformed) };
        if open.chunks.len() != count {
            return Err(Malformed);
        }
        let Some(chunk) = open.chunks.get_mut(index).filter(|chunk| chunk.is_none()) else { return Ok(None) };
        open.bytes = open.bytes.saturating_add(bytes.len());
        if open.bytes > MAX_DATAGRAM {
            drop(self.open.remove(place));
            return Err(Malformed);
        }
        *chunk = Some(bytes.to_vec());
        if open.chunks.iter().any(Option::is_none) {
            return Ok(None);
        }
        let whole = self.open.remove(place).ok_or(Malformed)?;
        Ok(Some(whole.chunks.into_iter().flatten().flatten().collect()))
    }

    /// Where the datagram of this number is, which is new if there is none.
    fn place(&mut self, number: u64, count: usize) -> usize {
        if let Some(place) = self.open.iter().position(|open| open.number == number) {
            return place;
        }
        if self.open.len() >= MAX_OPEN {
            drop(self.open.pop_front());
            self.forgotten = self.forgotten.saturating_add(1);
        }
        self.open.push_back(Open { number, chunks: vec![None; count], bytes: 0 });
        self.open.len().saturating_sub(1)
    }

    /// What waits for others takes.
    fn held(&self) -> usize {
        self.open.iter().map(Open::cost).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn datagram(length: usize) -> Vec<u8> {
        (0..length).map(|place| (place % 251) as u8).collect()
    }

    #[test]
    fn datagram_of_every_length_survives_every_limit() {
        for max_payload in [0, MIN_PAYLOAD, 4096, 65_536, usize::MAX] {
            for length in [1, 1012, 1013, 1014, 4085, 4086, MAX_DATAGRAM] {
                let (mut assembly, sent) = (Assembly::default(), datagram(length));
                let payloads: Vec<_> = cut(&sent, 7, max_payload).collect();
                assert!(payloads.iter().all(|payload| payload.len() <= max_payload.max(MIN_PAYLOAD)));
                assert!(payloads.len() <= MAX_CHUNKS);
                // In another order, and each twice.
                let (last, rest) = payloads.split_last().unwrap();
                for payload in rest.iter().rev().chain(rest) {
                    assert_eq!(assembly.take(payload), Ok(None));
                }
                assert_eq!(assembly.take(last), Ok(Some(sent)));
                assert_eq!(assembly.held(), 0);
            }
        }
    }

    #[test]
    fn unfinished_datagrams_make_room_for_newer_ones() {
        let (mut assembly, sent) = (Assembly::default(), datagram(MAX_DATAGRAM));
        for number in 0..100 {
            let payloads: Vec<_> = cut(&sent, number, MIN_PAYLOAD).collect();
            for payload in &payloads[1..] {
                assert_eq!(assembly.take(payload), Ok(None));
            }
            assert!(assembly.held() <= MAX_OPEN * (MAX_DATAGRAM + MAX_CHUNKS * CHUNK_COST));
        }
        assert_eq!(assembly.forgotten, 100 - MAX_OPEN as u64);
        let first = cut(&sent, 99, MIN_PAYLOAD).next().unwrap();
        assert_eq!(assembly.take(&first), Ok(Some(sent)));
    }

    #[test]
    fn all_peers_together_hold_no_more_than_the_bound_and_whoever_holds_little_loses_nothing() {
        let (mut assemblies, sent) = (Assemblies::default(), datagram(MAX_DATAGRAM));
        let honest = PeerId::new([255; 32]);
        let payloads: Vec<_> = cut(&sent, 1, MIN_PAYLOAD).collect();
        let (last, rest) = payloads.split_last().unwrap();
        for payload in rest {
            assert_eq!(assemblies.take(honest, payload), Ok(None));
        }
        // Twice what there is room for, in few large chunks and in many that never come.
        for (number, peer) in (0_u64..8).flat_map(|number| (0..70).map(move |peer| (number, peer))) {
            let hostile = PeerId::new([peer; 32]);
            let first = if number % 2 == 0 {
                [&[VERSION], number.to_be_bytes().as_slice(), &[0, 2], &sent[1..]].concat()
            } else {
                cut(&sent, number, MIN_PAYLOAD).next().unwrap()
            };
            assert_eq!(assemblies.take(hostile, &first), Ok(None));
            let held = assemblies.peers.values().map(Assembly::held).sum::<usize>();
            assert!(held == assemblies.held && held <= MAX_HELD, "{held}");
        }
        assert!(assemblies.forgotten > 0);
        assert_eq!(assemblies.take(honest, last), Ok(Some(sent)));
    }

    #[test]
    fn malformed_payloads_are_refused() {
        let mut assembly = Assembly::default();
        let payload = |version: u8, index: u8, count: u8, length: usize| {
            [&[version, 0, 0, 0, 0, 0, 0, 0, 1, index, count], datagram(length).as_slice()].concat()
        };
        for wrong in [
            Vec::new(),
            vec![1; HEAD - 1],
            payload(1, 0, 1, 0),
            payload(0, 0, 1, 9),
            payload(2, 0, 1, 9),
            payload(1, 0, 0, 9),
            payload(1, 1, 1, 9),
            payload(1, 0, 62, 9),
            payload(1, 0, 1, MAX_DATAGRAM + 1),
        ] {
            assert_eq!(assembly.take(&wrong), Err(Malformed));
        }
        assert!(assembly.open.is_empty());
        // Too long together, or of two minds about their count.
        assert_eq!(assembly.take(&payload(1, 0, 2, MAX_DATAGRAM)), Ok(None));
        assert_eq!(assembly.take(&payload(1, 0, 3, 9)), Err(Malformed));
        assert_eq!(assembly.take(&payload(1, 1, 2, 1)), Err(Malformed));
        assert!(assembly.open.is_empty());
    }

    proptest! {
        #[test]
        fn nothing_that_arrives_exceeds_the_bounds(
            payloads in proptest::collection::vec((0_u8..3, 0_u64..20, 0_u8..5, 0_u8..5, 0_usize..40_000), 0..200),
        ) {
            let mut assembly = Assembly::default();
            for (version, number, index, count, length) in payloads {
                let payload = [&[version], number.to_be_bytes().as_slice(), &[index, count], &datagram(length)].concat();
                if let Ok(Some(whole)) = assembly.take(&payload) {
                    prop_assert!(whole.len() <= MAX_DATAGRAM);
                }
                prop_assert!(assembly.open.len() <= MAX_OPEN && assembly.held() <= MAX_OPEN * (MAX_DATAGRAM + 4 * CHUNK_COST));
            }
        }
    }
}
