//! The first three bytes of every record that leaves memory: format version, kind, suite.

use crate::{
    error::DecodeError,
    suite::SuiteId,
    wire::{Reader, WIRE_VERSION, Writer},
};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    KeyShare,
    PendingShare,
    PublicKeyPackage,
    Certificate,
    SigningCommitments,
    SigningPackage,
    SignatureShare,
    Attestation,
    Confirmation,
    Approval,
    ApprovedAmendment,
}

impl RecordKind {
    const fn to_u8(self) -> u8 {
        match self {
            Self::KeyShare => 1,
            Self::PendingShare => 2,
            Self::PublicKeyPackage => 3,
            Self::Certificate => 4,
            Self::SigningCommitments => 5,
            Self::SigningPackage => 6,
            Self::SignatureShare => 7,
            Self::Attestation => 8,
            Self::Confirmation => 9,
            Self::Approval => 10,
            Self::ApprovedAmendment => 11,
        }
    }
}

pub(crate) fn write_header(out: &mut Writer, kind: RecordKind, suite: SuiteId) {
    out.raw(&[WIRE_VERSION, kind.to_u8(), suite.to_u8()]);
}

pub(crate) fn read_header(input: &mut Reader<'_>, kind: RecordKind, suite: SuiteId) -> Result<(), DecodeError> {
    let [version, found, of] = input.array()?;
    if version != WIRE_VERSION {
        return Err(DecodeError::UnsupportedVersion { found: version });
    }
    if found != kind.to_u8() {
        return Err(DecodeError::WrongKind);
    }
    if of == suite.to_u8() { Ok(()) } else { Err(DecodeError::WrongSuite { expected: suite }) }
}
