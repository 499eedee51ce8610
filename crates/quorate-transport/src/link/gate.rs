//! The code in front of handshake messages: it makes garbage cheap to refuse.
//!
//! ```text
//! version(1) kind(1) code(16) body
//! code = HMAC-SHA256(key, version | kind | sender | len(bound) | bound | body), cut to 16 bytes
//! key  = HMAC-SHA256(X25519(static, static), "quorate/1/gate;")
//! ```
//!
//! `bound` is the first handshake message when the second one answers it. Both cosigners have the one key; the sender's identity in
//! the code keeps a message from being reflected.

use hmac::{Hmac, KeyInit, Mac};
use quorate_core::{PeerId, Secret, wire::Reader};
use sha2::Sha256;

use super::{Kind, LinkError, VERSION, read_kind};
use crate::domain;

const CODE: usize = 16;

pub(super) struct Gate(Secret<[u8; 32]>);

impl Gate {
    pub(super) fn new(shared: &[u8; 32]) -> Result<Self, LinkError> {
        let key = hmac(shared)?.chain_update(domain::GATE).finalize().into_bytes();
        Ok(Self(Secret::new(key.into())))
    }

    fn code(&self, version: u8, kind: Kind, sender: PeerId, bound: &[u8], body: &[u8]) -> Result<Hmac<Sha256>, LinkError> {
        let length = u64::try_from(bound.len()).map_err(|_| LinkError::Bug("length of a handshake message"))?;
        Ok(hmac(self.0.expose())?
            .chain_update([version, kind.to_u8()])
            .chain_update(sender.as_bytes())
            .chain_update(length.to_be_bytes())
            .chain_update(bound)
            .chain_update(body))
    }

    pub(super) fn wrap(&self, kind: Kind, sender: PeerId, bound: &[u8], body: &[u8]) -> Result<Vec<u8>, LinkError> {
        let code = self.code(VERSION, kind, sender, bound, body)?.finalize().into_bytes();
        let mut datagram = vec![VERSION, kind.to_u8()];
        datagram.extend(code.iter().take(CODE));
        datagram.extend_from_slice(body);
        Ok(datagram)
    }

    pub(super) fn unwrap<'a>(&self, kind: Kind, sender: PeerId, bound: &[u8], datagram: &'a [u8]) -> Result<&'a [u8], LinkError> {
        let mut input = Reader::new(datagram);
        let version = input.clone().u8()?;
        if read_kind(&mut input)? != kind {
            return Err(LinkError::OtherLink);
        }
        let code: [u8; CODE] = input.array()?;
        let body = input.rest();
        self.code(version, kind, sender, bound, body)?.verify_truncated_left(&code).map_err(|_| LinkError::Forged)?;
        Ok(body)
    }
}

fn hmac(key: &[u8; 32]) -> Result<Hmac<Sha256>, LinkError> {
    Hmac::<Sha256>::new_from_slice(key).map_err(|_| LinkError::Bug("hmac takes keys of any length"))
}
