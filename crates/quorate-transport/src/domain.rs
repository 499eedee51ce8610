//! Every domain-separation label of this crate, once.

/// The key of the code in front of handshake messages.
pub(crate) const GATE: &[u8] = b"quorate/1/gate;";
/// The prologue of a handshake.
pub(crate) const LINK: &[u8] = b"quorate/1/link;";
/// The name of a link, from its handshake.
pub(crate) const LINK_ID: &[u8] = b"quorate/1/link-id;";
/// What the nonces of an identity's signatures come from.
pub(crate) const IDENTITY_NONCE: &[u8] = b"quorate/1/identity/nonce;";

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [&[u8]; 4] = [GATE, LINK, LINK_ID, IDENTITY_NONCE];

    #[test]
    fn no_label_is_a_prefix_of_another_here_or_in_core() {
        let all: Vec<_> = OWN.into_iter().chain(quorate_core::domain::ALL.iter().map(|label| label.as_bytes())).collect();
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                let (a_text, b_text) = (a.escape_ascii(), b.escape_ascii());
                assert!(i == j || !b.starts_with(a), "{a_text} is a prefix of {b_text}");
            }
        }
    }

    #[test]
    fn storage_has_its_labels_to_itself() {
        // The two crates never see each other: all labels of storage begin like this, and a test there says so.
        assert!(OWN.iter().all(|label| !label.starts_with(b"quorate/1/storage/") && label.ends_with(b";")));
    }
}
