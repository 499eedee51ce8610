//! Datagrams of wire version 1, which must stay what they are: whoever changes one of them raises the version.
//!
//! Identities, boots and ephemeral keys are fixed here, and with them every byte of a handshake and of the first frames.

use core::convert::Infallible;

use quorate_transport::{Handshake, Identity, Pair, link::BootId};
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A generator that gives one byte for ever.
struct Fixed(u8);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

/// Length and digest.
fn print(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(format!("{} ", bytes.len()), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn handshake_and_frames_of_version_1_are_what_they_were() {
    let mut identities = [[1; 32], [2; 32]].map(|secret| Identity::from_secret_bytes(&Zeroizing::new(secret)));
    identities.sort_by_key(Identity::peer_id);
    let [a, b] = &identities;
    let pairs = [Pair::new(a, b.peer_id()).unwrap(), Pair::new(b, a.peer_id()).unwrap()];
    let [boot_a, boot_b] = [3, 4].map(|byte| BootId::generate(&mut Fixed(byte)).unwrap());
    let (handshake, first) = Handshake::initiate(a, &pairs[0], boot_a, &mut Fixed(5)).unwrap();
    assert_eq!(first[..2], [1, 1]);
    let (mut theirs, second) = Handshake::respond(b, &pairs[1], boot_b, &first, &mut Fixed(6)).unwrap();
    assert_eq!(second[..2], [1, 2]);
    let mut ours = handshake.finish(&pairs[0], &second).unwrap();
    let frame = ours.seal(b"hello").unwrap();
    assert_eq!(frame[..2], [1, 3]);
    assert_eq!(theirs.open(&frame).unwrap().as_slice(), b"hello");
    let back = theirs.seal(b"").unwrap();
    assert!(ours.open(&back).unwrap().is_empty());
    let all = [first, second, frame, back].map(|datagram| print(&datagram));
    assert_eq!(
        all,
        [
            "82 f735fb9eb64cd2027c0597baef726016c0355b48634da40bd8bb1dabf6544fb7",
            "82 69cdd67e3c818fda7fc929380347cb04a7f469cdf249b3b7dc7ca066ef4067a6",
            "39 a56b1b94372e267555f598a9d2f2ee8783e13449f165fce94308d80e4f2f97b9",
            "34 5237e96f2abd5b76eb418b11c09be1034a5022169d10869601dbc5fbae731673",
        ]
    );
}
