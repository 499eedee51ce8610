//! Handshakes and links: nothing opens that the peer did not seal.

use std::collections::BTreeMap;

use quorate_transport::{Handshake, Identity, Link, Pair, link::BootId};
use rand::rngs::StdRng;
use zeroize::Zeroizing;

use crate::{
    cursor::Cursor,
    keys::{cached, rng},
};

/// Two cosigners, the first of whom initiates.
pub(crate) struct Two {
    pub(crate) secrets: [[u8; 32]; 2],
}

impl Two {
    pub(crate) fn new() -> &'static Self {
        cached(|| {
            let mut secrets = [[1; 32], [2; 32]];
            secrets.sort_by_key(|secret| identity(secret).peer_id());
            Self { secrets }
        })
    }

    pub(crate) fn identity(&self, place: usize) -> Identity {
        identity(&self.secrets[place])
    }

    pub(crate) fn pair(&self, place: usize) -> Pair {
        Pair::new(&self.identity(place), self.identity(1 - place).peer_id()).unwrap()
    }

    pub(crate) fn initiate(&self, rng: &mut StdRng) -> (Handshake, Vec<u8>) {
        let boot = BootId::generate(rng).unwrap();
        Handshake::initiate(&self.identity(0), &self.pair(0), boot, rng).unwrap()
    }

    fn respond(&self, first: &[u8], rng: &mut StdRng) -> Option<(Link, Vec<u8>)> {
        let boot = BootId::generate(rng).unwrap();
        Handshake::respond(&self.identity(1), &self.pair(1), boot, first, rng).ok()
    }
}

fn identity(secret: &[u8; 32]) -> Identity {
    Identity::from_secret_bytes(&Zeroizing::new(*secret))
}

/// Changed handshake messages, or messages of its own.
pub(crate) fn handshake(data: &[u8]) {
    let mut input = Cursor::new(data);
    let (two, rng) = (Two::new(), &mut rng(9));
    let (handshake, honest) = two.initiate(rng);
    let mut first = honest.clone();
    let raw = input.byte() & 1 == 1;
    if raw {
        first = input.short().to_vec()
    } else {
        input.mutate(&mut first)
    }
    let answered = two.respond(&first, rng);
    assert_eq!(answered.is_some(), first == honest, "a first message that nobody sent");
    let (_, second) = two.respond(&honest, rng).unwrap();
    let mut answer = second.clone();
    if raw {
        answer = input.short().to_vec()
    } else {
        input.mutate(&mut answer)
    }
    let ours = answer == second;
    assert_eq!(handshake.is_answered_by(&two.pair(0), &answer), ours, "an answer that nobody gave");
    assert_eq!(handshake.finish(&two.pair(0), &answer).is_ok(), ours);
}

/// A pair of links; steps seal, deliver, repeat, change and invent datagrams.
pub(crate) fn link(data: &[u8]) {
    let mut input = Cursor::new(data);
    let (two, rng) = (Two::new(), &mut rng(9));
    let (handshake, first) = two.initiate(rng);
    let (theirs, second) = two.respond(&first, rng).unwrap();
    let mut links = [handshake.finish(&two.pair(0), &second).unwrap(), theirs];
    // Every datagram that was sealed: for whom, what is in it, and whether it was opened.
    let mut sealed: BTreeMap<Vec<u8>, (usize, Vec<u8>, bool)> = BTreeMap::new();
    for _ in 0..64 {
        let (op, side) = (input.byte(), usize::from(input.byte() & 1));
        let known = || sealed.keys().next().cloned().unwrap_or_default();
        let mut datagram = sealed.keys().nth(input.below(sealed.len().max(1))).cloned().unwrap_or_else(known);
        match op & 3 {
            0 => {
                let plaintext = input.short();
                let made = links[side].seal(plaintext).unwrap();
                sealed.insert(made, (1 - side, plaintext.to_vec(), false));
                continue;
            }
            1 => {}
            2 => input.mutate(&mut datagram),
            _ => {
                datagram.truncate(input.below(datagram.len() + 1));
                datagram.extend(input.short());
            }
        }
        if let Ok(plaintext) = links[side].open(&datagram) {
            let (to, sent, opened) = sealed.get_mut(&datagram).expect("opened what nobody sealed");
            assert_eq!((*to, sent.as_slice(), *opened), (side, plaintext.as_slice(), false));
            *opened = true;
        }
        if input.is_empty() {
            return;
        }
    }
}
