//! One entry: when, what, and about whom and which key. Never a secret.

use core::{fmt, str};

use quorate_core::{
    DecodeError, PeerId,
    wire::{Encoding, Reader, Writer},
};

/// The longest reason, in bytes.
pub const MAX_REASON: usize = 500;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal, $name:literal;)*) => {
        /// What an entry is about. The numbers never change; each area has ten of them: 1 starts, 10 requests, 20 keys, 30 epochs,
        /// 40 freeze and policy, 50 backups, 60 peers, 70 witness.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AuditKind {
            $($(#[$doc])* $kind,)*
            /// Of a later version of this program.
            Unknown(u16),
        }

        impl AuditKind {
            /// All that this version knows.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its number.
            #[must_use]
            pub const fn to_u16(self) -> u16 {
                match self {
                    $(Self::$kind => $number,)*
                    Self::Unknown(number) => number,
                }
            }

            /// The kind of a number.
            #[must_use]
            pub const fn from_u16(number: u16) -> Self {
                match number {
                    $($number => Self::$kind,)*
                    number => Self::Unknown(number),
                }
            }
        }

        impl fmt::Display for AuditKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$kind => f.write_str($name),)*
                    Self::Unknown(number) => write!(f, "kind-{number}"),
                }
            }
        }
    };
}

kinds! {
    /// The cosigner started.
    Started = 1, "started";
    /// It was stopped in order.
    Stopped = 2, "stopped";
    /// Its policy allowed a request, and it consented: a signature share may leave from here on, and the request counts as signed.
    Consented = 10, "consented";
    /// Its policy denied a request.
    Denied = 11, "denied";
    /// It refused a proposal for another reason, or a ceremony failed after its consent.
    Refused = 12, "refused";
    /// All signatures of a request were made and verified.
    Signed = 13, "signed";
    /// A batch of presignatures was made.
    Presigned = 14, "presigned";
    /// A new key is active.
    KeyMade = 20, "key-made";
    /// A key generation that was cut off was completed with a peer's certificate.
    CertificateCompleted = 21, "certificate-completed";
    /// A key that was whole before is held in shares from now on.
    KeyImported = 22, "key-imported";
    /// It joined an attempt to give keys a new epoch: from here on the number is used.
    EpochJoined = 30, "epoch-joined";
    /// Its share of a later epoch of a key is active, and those of all earlier ones are destroyed.
    EpochActive = 31, "epoch-active";
    /// A key moved on to an epoch in which it has no share, and what it held of the key is destroyed.
    ShareRetired = 32, "share-retired";
    /// An operator consented to a change of a key's holders, threshold or places.
    PlanConsented = 33, "plan-consented";
    /// It proposed an epoch that is active everywhere it has to be: who destroyed what is before it, and whether that is enough.
    EpochJudged = 34, "epoch-judged";
    /// It approved that a share rests elsewhere, or all have.
    PlacementAmended = 35, "placement-amended";
    /// A freeze is in force.
    Frozen = 40, "frozen";
    /// An operator, here or of another cosigner, wants a freeze to end.
    ResumeApproved = 41, "resume-approved";
    /// A freeze ended.
    Thawed = 42, "thawed";
    /// The freeze of a cosigner that was evicted lapsed.
    FreezeLapsed = 43, "freeze-lapsed";
    /// A backup was made.
    BackedUp = 50, "backed-up";
    /// It proved to a peer that it holds a share.
    Attested = 60, "attested";
    /// A peer broke the protocol of pairings.
    PairingFault = 61, "pairing-fault";
    /// An operator forgave a peer's faults.
    Forgiven = 62, "forgiven";
    /// A peer showed an older state than this cosigner remembers of it.
    PeerWentBack = 70, "peer-went-back";
    /// A peer proved that this cosigner's own state is an older one.
    WentBack = 71, "went-back";
    /// An operator had this cosigner rejoin: the log goes on from here, and what a later copy of it held is lost.
    Rejoined = 72, "rejoined";
    /// An operator accepted that a peer rejoined.
    RejoinAccepted = 73, "rejoin-accepted";
}

/// One entry of the audit log.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// When, in seconds of Unix time, by this cosigner's clock.
    pub at: u64,
    /// What.
    pub kind: AuditKind,
    /// Which key.
    pub key_id: Option<[u8; 32]>,
    /// Which epoch of it.
    pub epoch: Option<u64>,
    /// Which request, by the id that the requester gave it.
    pub request: Option<[u8; 32]>,
    /// Which other cosigner: who proposed, asked, or is to blame.
    pub peer: Option<PeerId>,
    /// In words: at most [`MAX_REASON`] bytes without control characters.
    pub reason: String,
}

impl AuditEntry {
    /// Begins an entry. `at` is in seconds of Unix time.
    #[must_use]
    pub const fn new(kind: AuditKind, at: u64) -> Self {
        Self { at, kind, key_id: None, epoch: None, request: None, peer: None, reason: String::new() }
    }

    /// Names the key.
    #[must_use]
    pub const fn key(mut self, key_id: [u8; 32]) -> Self {
        self.key_id = Some(key_id);
        self
    }

    /// Names the epoch.
    #[must_use]
    pub const fn epoch(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Names the request.
    #[must_use]
    pub const fn request(mut self, request: [u8; 32]) -> Self {
        self.request = Some(request);
        self
    }

    /// Names the other cosigner.
    #[must_use]
    pub const fn peer(mut self, peer: PeerId) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Says it in words. Control characters become spaces, and what does not fit is cut off.
    #[must_use]
    pub fn reason(mut self, words: &str) -> Self {
        let mut length = 0_usize;
        let fits = |c: &char| {
            length = length.saturating_add(c.len_utf8());
            length <= MAX_REASON
        };
        self.reason = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take_while(fits).collect();
        self
    }
}

impl fmt::Debug for AuditEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditEntry({} at {}: {})", self.kind, self.at, self.reason)
    }
}

impl Encoding for AuditEntry {
    fn write(&self, out: &mut Writer) {
        out.u64(self.at);
        out.u16(self.kind.to_u16());
        out.option(self.key_id.as_ref());
        out.option(self.epoch.as_ref());
        out.option(self.request.as_ref());
        out.option(self.peer.as_ref());
        // The fields are public: what is longer than an entry may be is cut, so that every entry that is written can be read.
        let reason = Self::new(self.kind, self.at).reason(&self.reason).reason;
        out.bytes(reason.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (at, kind) = (input.u64()?, AuditKind::from_u16(input.u16()?));
        let (key_id, epoch, request, peer) = (input.option()?, input.option()?, input.option()?, input.option()?);
        let invalid = DecodeError::InvalidValue("reason of an audit entry");
        let reason = str::from_utf8(input.bytes(MAX_REASON)?).map_err(|_| invalid)?.to_owned();
        if reason.chars().any(char::is_control) {
            return Err(invalid);
        }
        Ok(Self { at, kind, key_id, epoch, request, peer, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers_and_names() {
        let all: Vec<_> = AuditKind::ALL.iter().map(|kind| format!("{} {kind}", kind.to_u16())).collect();
        let expected = [
            "1 started",
            "2 stopped",
            "10 consented",
            "11 denied",
            "12 refused",
            "13 signed",
            "14 presigned",
            "20 key-made",
            "21 certificate-completed",
            "22 key-imported",
            "30 epoch-joined",
            "31 epoch-active",
            "32 share-retired",
            "33 plan-consented",
            "34 epoch-judged",
            "35 placement-amended",
            "40 frozen",
            "41 resume-approved",
            "42 thawed",
            "43 freeze-lapsed",
            "50 backed-up",
            "60 attested",
            "61 pairing-fault",
            "62 forgiven",
            "70 peer-went-back",
            "71 went-back",
            "72 rejoined",
            "73 rejoin-accepted",
        ];
        assert_eq!(all, expected);
        assert!(AuditKind::ALL.iter().all(|kind| AuditKind::from_u16(kind.to_u16()) == *kind));
    }

    #[test]
    fn kind_of_a_later_version_is_read_and_written_back() {
        let entry = AuditEntry::new(AuditKind::Unknown(999), 5);
        assert_eq!(AuditEntry::from_bytes(&entry.to_bytes()), Ok(entry));
        assert_eq!(AuditKind::from_u16(999).to_string(), "kind-999");
    }

    #[test]
    fn reason_is_cut_at_a_character_and_holds_no_control_characters() {
        let entry = AuditEntry::new(AuditKind::Denied, 1).reason(&format!("a\nb{}", "ä".repeat(400)));
        assert!(entry.reason.starts_with("a bä") && entry.reason.len() == 499, "{}", entry.reason.len());
        assert_eq!(AuditEntry::from_bytes(&entry.to_bytes()), Ok(entry.clone()));
        let loud = AuditEntry { reason: "x\u{7}".repeat(1000), ..entry };
        assert!(AuditEntry::from_bytes(&loud.to_bytes()).is_ok());
    }
}
