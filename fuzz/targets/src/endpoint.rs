//! An endpoint against a peer that is on the roster, has a link, and sends what it likes.

use core::time::Duration;

use quorate_core::{PeerId, SessionId};
use quorate_transport::{
    Channel, Cosigner, Endpoint, Handshake, Identity, Limits, Link, Roster, link::BootId, session::FRAGMENT,
};
use rand::rngs::StdRng;
use zeroize::Zeroizing;

use crate::{cursor::Cursor, keys::rng, links::Two};

struct Siege {
    victim: Endpoint<StdRng>,
    attacker: PeerId,
    third: PeerId,
    link: Link,
    now: Duration,
    last: Vec<u8>,
}

/// Small ones, so that the input can reach them.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.send_bytes, limits.send_messages) = (1 << 16, 8);
    (limits.reassembly_bytes, limits.reassembly_messages) = (1 << 18, 4);
    (limits.inbox_bytes, limits.inbox_messages) = (1 << 12, 8);
    (limits.early_bytes, limits.early_messages) = (1 << 12, 8);
    (limits.sessions, limits.rekey_after_frames) = (4, 16);
    limits
}

impl Siege {
    /// The victim initiates, or the attacker does.
    fn new(victim_initiates: bool) -> Self {
        let (two, mut rng) = (Two::new(), rng(9));
        let (victim, attacker) =
            if victim_initiates { (two.identity(0), two.identity(1)) } else { (two.identity(1), two.identity(0)) };
        let pair = two.pair(usize::from(victim_initiates));
        let third = Identity::generate(&mut rng).unwrap().peer_id();
        let everyone = [victim.peer_id(), attacker.peer_id(), third];
        let entries = everyone.iter().enumerate().map(|(n, peer)| Cosigner::new(format!("c{n}"), *peer, format!("h:{n}")));
        let roster = Roster::new(entries).unwrap();
        let boot = BootId::generate(&mut rng).unwrap();
        let started = (!victim_initiates).then(|| Handshake::initiate(&attacker, &pair, boot, &mut rng).unwrap());
        let mut own = self::rng(11);
        let mut victim = Endpoint::new(victim, &roster, limits(), self::rng(10)).unwrap();
        victim.poll(Duration::ZERO);
        if let Some((_, first)) = &started {
            victim.receive(attacker.peer_id(), first, Duration::ZERO);
        }
        let mut link = None;
        while let Some((to, datagram)) = victim.next_datagram() {
            match &started {
                _ if to != attacker.peer_id() => {}
                Some((handshake, _)) if handshake.is_answered_by(&pair, &datagram) => link = Some(datagram),
                Some(_) => {}
                None => link = link.or(Some(datagram)),
            }
        }
        let datagram = link.expect("the victim answers, or asks");
        let link = match started {
            Some((handshake, _)) => handshake.finish(&pair, &datagram).unwrap(),
            None => {
                let (link, answer) = Handshake::respond(&attacker, &pair, boot, &datagram, &mut own).unwrap();
                victim.receive(attacker.peer_id(), &answer, Duration::ZERO);
                link
            }
        };
        let mut siege = Self { victim, attacker: attacker.peer_id(), third, link, now: Duration::ZERO, last: Vec::new() };
        siege.send(&[0]);
        assert!(siege.victim.is_connected(siege.attacker));
        siege
    }

    fn send(&mut self, plaintext: &[u8]) {
        if let Ok(datagram) = self.link.seal(plaintext) {
            self.victim.receive(self.attacker, &datagram, self.now);
            self.last = datagram;
        }
    }

    /// A fragment that is right in itself.
    fn fragment(&mut self, input: &mut Cursor<'_>) {
        let mut frame = vec![2, input.byte()];
        let number = u64::from(input.byte()) << (input.byte() % 8);
        let oldest = number.saturating_sub(u64::from(input.byte()));
        frame.extend(number.to_be_bytes());
        frame.extend(oldest.to_be_bytes());
        let session = input.byte() % 8;
        frame.push(u8::from(session > 0));
        frame.extend([session; 32].get(..if session > 0 { 32 } else { 0 }).unwrap());
        let total = input.number() << (input.byte() % 6);
        let index = input.below(total.div_ceil(FRAGMENT).max(1));
        frame.extend((total as u32).to_be_bytes());
        frame.extend((index as u16).to_be_bytes());
        frame.resize(frame.len() + total.saturating_sub(index * FRAGMENT).min(FRAGMENT), input.byte());
        self.send(&frame);
    }

    fn step(&mut self, input: &mut Cursor<'_>) {
        let session = SessionId::new([1 + input.byte() % 4; 32]);
        match input.byte() % 11 {
            0 => self.send(input.long()),
            1 => self.victim.receive([self.attacker, self.third, PeerId::new([9; 32])][input.below(3)], input.long(), self.now),
            2 => {
                self.now += Duration::from_millis(input.number() as u64);
                self.victim.poll(self.now);
            }
            3 => drop(self.victim.open(session, self.now + Duration::from_millis(input.number() as u64))),
            4 => self.victim.close(session),
            5 => self.read(session),
            6 => {
                let (length, deadline) = (input.number() << (input.byte() % 6), self.now + Duration::from_secs(5));
                let channel = if input.byte() & 1 == 0 { Channel::Control } else { Channel::Session(session) };
                let _ = self.victim.send(channel, self.attacker, Zeroizing::new(vec![5; length]), deadline, self.now);
            }
            7 | 8 => self.fragment(input),
            9 => {
                let mut datagram = self.last.clone();
                input.mutate(&mut datagram);
                self.victim.receive(self.attacker, &datagram, self.now);
            }
            _ => while self.victim.next_datagram().is_some() || self.victim.next_event().is_some() {},
        }
    }

    fn read(&mut self, session: SessionId) {
        for channel in [Channel::Control, Channel::Session(session)] {
            while let Some((from, _)) = self.victim.next_message(channel) {
                assert_eq!(from, self.attacker, "a message of a peer without a link");
            }
        }
    }
}

/// Who initiates, then steps.
pub(crate) fn endpoint(data: &[u8]) {
    let mut input = Cursor::new(data);
    let mut siege = Siege::new(input.byte() & 1 == 0);
    for _ in 0..128 {
        if input.is_empty() {
            break;
        }
        siege.step(&mut input);
        let (usage, limits) = (siege.victim.usage(), limits());
        assert!(usage.incoming_bytes <= limits.reassembly_bytes + limits.inbox_bytes + limits.early_bytes, "{usage:?}");
        assert!(
            usage.incoming_messages <= limits.reassembly_messages + limits.inbox_messages + limits.early_messages,
            "{usage:?}"
        );
        assert!(usage.outgoing_bytes <= limits.send_bytes && usage.outgoing_messages <= limits.send_messages, "{usage:?}");
        assert!(siege.victim.next_wakeup() >= Duration::ZERO && !siege.victim.is_connected(siege.third));
    }
}
