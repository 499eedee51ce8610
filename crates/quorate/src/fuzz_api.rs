//! What the fuzz targets of this repository call: decoders that nobody else can reach. No part of the public interface.

use quorate_core::wire::Encoding;

use crate::ceremony::message::Message;

/// Decodes a message from cosigner to cosigner, and encodes again what was decoded.
#[must_use]
pub fn reencode_message(bytes: &[u8]) -> Option<Vec<u8>> {
    Message::from_bytes(bytes).ok().map(|message| message.to_bytes())
}
