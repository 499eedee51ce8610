//! What cosigners say to each other outside of protocol sessions. All of it travels inside authenticated links.

use quorate_core::{
    DecodeError, Identifier, PeerId, SuiteId,
    amend::Amendment,
    identifier::MAX_PARTICIPANTS,
    placement::Exposure,
    wire::{Encoding, Reader, WIRE_VERSION, Writer},
};

use quorate_storage::vault::Stamp;

use crate::{
    cosigner::{
        amend::MAX_KNOWN,
        epochs::{HolderSet, MAX_SETS},
    },
    error::Lack,
    freeze::FreezeMessage,
    pairing::message::PairMessage,
};

/// The longest name, reason or kind, in bytes.
pub(crate) const MAX_TEXT: usize = 500;
/// The most suites that one key generation makes keys for.
pub(crate) const MAX_SUITES: usize = 8;
/// The most keys that one ceremony deals anew.
pub(crate) const MAX_RESHARE_KEYS: usize = 1024;
/// Of holders that nobody is one of.
pub(super) const SMALLEST_SET: usize = 2 + 4;
/// The longest record that answers a question.
pub(crate) const MAX_RECORD: usize = 1 << 20;

pub(crate) use super::proposal::{
    ImportProposal, KeygenProposal, PresignProposal, Proposal, ProposalBody, ReshareKey, ReshareProposal, SignProposal,
};

/// The id that a requester gives a request. What it stands for is remembered.
pub(crate) type RequestId = [u8; 32];

/// What a cosigner knows of a key's epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyEpochs {
    pub(crate) key_id: [u8; 32],
    /// The epoch of its active share.
    pub(crate) active: Option<u64>,
    /// The highest number it has seen.
    pub(crate) highest: Option<u64>,
    /// The lowest epoch of any share that it has, certified or not.
    pub(crate) lowest: Option<u64>,
    /// The holders of all that it joined since the last epoch that it knows to be effective; nothing if they are too many, or were not
    /// asked for.
    pub(crate) former: Option<Vec<HolderSet>>,
}

/// One participant's fresh contribution to the session ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Random {
    pub(crate) identifier: Identifier,
    pub(crate) value: [u8; 32],
}

/// A message from cosigner to cosigner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// "Take part in this?"
    Propose(Proposal),
    /// "Yes, with this fresh value" to the proposal of that digest.
    Accept { proposal: [u8; 32], random: [u8; 32] },
    /// "No, because".
    Refuse { proposal: [u8; 32], reason: String },
    /// "All have accepted; begin", with everyone's fresh values.
    Begin { proposal: [u8; 32], randoms: Vec<Random> },
    /// "It is off".
    Cancel { proposal: [u8; 32] },
    /// "I have committed my result."
    Done { proposal: [u8; 32] },
    /// "Which domains can reach your shares?"
    AskExposure { question: RequestId },
    /// The cosigner's own row.
    Exposure { question: RequestId, exposure: Exposure },
    /// "Prove that you still hold your share."
    AskAttestation { key_id: [u8; 32], epoch: u64, challenge: [u8; 32] },
    /// The attestation's record; empty if there is no such share.
    Attestation { challenge: [u8; 32], record: Vec<u8> },
    /// "Do you have this key's certificate, of this epoch or a later one?"
    AskCertificate { question: RequestId, key_id: [u8; 32], epoch: u64 },
    /// The package and the certificate of the answering cosigner's epoch.
    Certificate { question: RequestId, record: Vec<u8> },
    /// About pairings.
    Pair(PairMessage),
    /// "No, because I do not have what it needs; propose it again."
    Lacks { proposal: [u8; 32], lack: Lack },
    /// "Which epochs of these keys do you know?" And the holders of which attempts, if `former`.
    AskEpochs { question: RequestId, former: bool, keys: Vec<[u8; 32]> },
    /// The epochs of those keys, in the order of the question.
    Epochs { question: RequestId, epochs: Vec<KeyEpochs> },
    /// "This key has this epoch now": package and certificate, unasked.
    NewEpoch { suite: SuiteId, record: Vec<u8> },
    /// "I was cut off too; this is my own confirmation."
    Confirmation { question: RequestId, record: Vec<u8> },
    /// To all participants: "I have committed my result of this proposer's ceremony, and destroyed all that was before; these may have
    /// held shares of it." Nothing if they are too many.
    Destroyed { proposer: PeerId, proposal: [u8; 32], former: Option<Vec<HolderSet>> },
    /// "How far are you? This is what I saw of you."
    AskWitness { question: [u8; 32], seen: Option<Stamp> },
    /// "So far, and this is my log where you saw it; my history up to that start is given up; this is what I saw of you."
    Witness { question: [u8; 32], now: Stamp, then: Option<[u8; 32]>, given_up: u64, seen: Option<Stamp> },
    /// About freezes.
    Freeze(FreezeMessage),
    /// "Do you approve this row of mine?" With all that everyone has approved before.
    AskApproval { question: RequestId, key_id: [u8; 32], amendment: Amendment, known: Vec<Vec<u8>> },
    /// The approval; empty with a reason if not.
    Approval { question: RequestId, record: Vec<u8>, reason: String },
    /// "Everyone has approved this", unasked.
    Amended { key_id: [u8; 32], record: Vec<u8> },
}

fn write_parts(out: &mut Writer, kind: u8, parts: &[&[u8; 32]]) {
    out.u8(kind);
    parts.iter().for_each(|part| out.raw(*part));
}

pub(crate) fn write_text(text: &str, out: &mut Writer) {
    out.bytes(text.as_bytes());
}

pub(crate) fn read_text(input: &mut Reader<'_>) -> Result<String, DecodeError> {
    let bytes = input.bytes(MAX_TEXT)?;
    let text = core::str::from_utf8(bytes).map_err(|_| DecodeError::InvalidValue("text"))?;
    if text.chars().any(char::is_control) { Err(DecodeError::InvalidValue("text")) } else { Ok(text.to_owned()) }
}

fn write_lack(lack: Lack, out: &mut Writer) {
    out.u8(match lack {
        Lack::Presignatures => 1,
        Lack::Pairing => 2,
        Lack::Epoch => 3,
        Lack::Number => 4,
    });
}

fn read_lack(input: &mut Reader<'_>) -> Result<Lack, DecodeError> {
    match input.u8()? {
        1 => Ok(Lack::Presignatures),
        2 => Ok(Lack::Pairing),
        3 => Ok(Lack::Epoch),
        4 => Ok(Lack::Number),
        _ => Err(DecodeError::InvalidValue("lack")),
    }
}

impl Encoding for Random {
    fn write(&self, out: &mut Writer) {
        self.identifier.write(out);
        out.raw(&self.value);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { identifier: Identifier::read(input)?, value: input.array()? })
    }
}

impl Encoding for KeyEpochs {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.key_id);
        out.option(self.active.as_ref());
        out.option(self.highest.as_ref());
        out.option(self.lowest.as_ref());
        write_former(self.former.as_deref(), out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (key_id, active, highest, lowest) = (input.array()?, input.option()?, input.option()?, input.option()?);
        Ok(Self { key_id, active, highest, lowest, former: read_former(input)? })
    }
}

fn write_former(former: Option<&[HolderSet]>, out: &mut Writer) {
    out.u8(u8::from(former.is_some()));
    former.iter().for_each(|former| out.sequence(former));
}

fn read_former(input: &mut Reader<'_>) -> Result<Option<Vec<HolderSet>>, DecodeError> {
    if input.flag()? { Ok(Some(input.sequence(MAX_SETS, SMALLEST_SET)?)) } else { Ok(None) }
}

impl Message {
    fn write_epochs(&self, out: &mut Writer) {
        if let Self::Certificate { question, record } = self {
            write_parts(out, 11, &[question]);
            out.bytes(record);
        }
        if let Self::AskEpochs { question, former, keys } = self {
            write_parts(out, 15, &[question]);
            out.u8(u8::from(*former));
            out.sequence(keys);
        }
        if let Self::Epochs { question, epochs } = self {
            write_parts(out, 16, &[question]);
            out.sequence(epochs);
        }
        if let Self::NewEpoch { suite, record } = self {
            out.u8(17);
            suite.write(out);
            out.bytes(record);
        }
        if let Self::Confirmation { question, record } = self {
            write_parts(out, 18, &[question]);
            out.bytes(record);
        }
        if let Self::Destroyed { proposer, proposal, former } = self {
            write_parts(out, 19, &[proposer.as_bytes(), proposal]);
            write_former(former.as_deref(), out);
        }
    }

    fn write_amendments(&self, out: &mut Writer) {
        if let Self::AskApproval { question, key_id, amendment, known } = self {
            write_parts(out, 27, &[question, key_id]);
            amendment.write(out);
            out.length(known.len());
            known.iter().for_each(|record| out.bytes(record));
        }
        if let Self::Approval { question, record, reason } = self {
            write_parts(out, 28, &[question]);
            out.bytes(record);
            write_text(reason, out);
        }
        if let Self::Amended { key_id, record } = self {
            write_parts(out, 29, &[key_id]);
            out.bytes(record);
        }
    }

    fn write_witness(&self, out: &mut Writer) {
        if let Self::AskWitness { question, seen } = self {
            write_parts(out, 25, &[question]);
            out.option(seen.as_ref());
        }
        if let Self::Witness { question, now, then, given_up, seen } = self {
            write_parts(out, 26, &[question]);
            now.write(out);
            out.option(then.as_ref());
            out.u64(*given_up);
            out.option(seen.as_ref());
        }
    }
}

impl Encoding for Message {
    fn write(&self, out: &mut Writer) {
        out.u8(WIRE_VERSION);
        match self {
            Self::Propose(proposal) => {
                out.u8(1);
                proposal.write(out);
            }
            Self::Accept { proposal, random } => write_parts(out, 2, &[proposal, random]),
            Self::Refuse { proposal, reason } => {
                out.u8(3);
                out.raw(proposal);
                write_text(reason, out);
            }
            Self::Begin { proposal, randoms } => {
                out.u8(4);
                out.raw(proposal);
                out.sequence(randoms);
            }
            Self::Cancel { proposal } => write_parts(out, 5, &[proposal]),
            Self::AskExposure { question } => write_parts(out, 6, &[question]),
            Self::Exposure { question, exposure } => {
                out.u8(7);
                out.raw(question);
                exposure.write(out);
            }
            Self::AskAttestation { key_id, epoch, challenge } => {
                out.u8(8);
                out.raw(key_id);
                out.u64(*epoch);
                out.raw(challenge);
            }
            Self::Attestation { challenge, record } => {
                out.u8(9);
                out.raw(challenge);
                out.bytes(record);
            }
            Self::AskCertificate { question, key_id, epoch } => {
                write_parts(out, 10, &[question, key_id]);
                out.u64(*epoch);
            }
            Self::Done { proposal } => write_parts(out, 12, &[proposal]),
            Self::Pair(message) => {
                out.u8(13);
                message.write(out);
            }
            Self::Lacks { proposal, lack } => {
                write_parts(out, 14, &[proposal]);
                write_lack(*lack, out);
            }
            Self::Freeze(message) => message.write(out),
            Self::Certificate { .. }
            | Self::AskEpochs { .. }
            | Self::Epochs { .. }
            | Self::NewEpoch { .. }
            | Self::Confirmation { .. }
            | Self::Destroyed { .. } => self.write_epochs(out),
            Self::AskWitness { .. } | Self::Witness { .. } => self.write_witness(out),
            Self::AskApproval { .. } | Self::Approval { .. } | Self::Amended { .. } => self.write_amendments(out),
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != WIRE_VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        Ok(match input.u8()? {
            1 => Self::Propose(Proposal::read(input)?),
            2 => Self::Accept { proposal: input.array()?, random: input.array()? },
            3 => Self::Refuse { proposal: input.array()?, reason: read_text(input)? },
            4 => Self::Begin { proposal: input.array()?, randoms: input.sequence(MAX_PARTICIPANTS, 34)? },
            5 => Self::Cancel { proposal: input.array()? },
            6 => Self::AskExposure { question: input.array()? },
            7 => Self::Exposure { question: input.array()?, exposure: Exposure::read(input)? },
            8 => Self::AskAttestation { key_id: input.array()?, epoch: input.u64()?, challenge: input.array()? },
            9 => Self::Attestation { challenge: input.array()?, record: input.bytes(MAX_RECORD)?.to_vec() },
            10 => Self::AskCertificate { question: input.array()?, key_id: input.array()?, epoch: input.u64()? },
            11 => Self::Certificate { question: input.array()?, record: input.bytes(MAX_RECORD)?.to_vec() },
            12 => Self::Done { proposal: input.array()? },
            13 => Self::Pair(PairMessage::read(input)?),
            14 => Self::Lacks { proposal: input.array()?, lack: read_lack(input)? },
            15 => {
                Self::AskEpochs { question: input.array()?, former: input.flag()?, keys: input.sequence(MAX_RESHARE_KEYS, 32)? }
            }
            16 => Self::Epochs { question: input.array()?, epochs: input.sequence(MAX_RESHARE_KEYS, 36)? },
            17 => Self::NewEpoch { suite: SuiteId::read(input)?, record: input.bytes(MAX_RECORD)?.to_vec() },
            18 => Self::Confirmation { question: input.array()?, record: input.bytes(MAX_RECORD)?.to_vec() },
            19 => Self::Destroyed { proposer: PeerId::read(input)?, proposal: input.array()?, former: read_former(input)? },
            25 => Self::AskWitness { question: input.array()?, seen: input.option()? },
            26 => Self::Witness {
                question: input.array()?,
                now: Stamp::read(input)?,
                then: input.option()?,
                given_up: input.u64()?,
                seen: input.option()?,
            },
            number @ 20..=23 => Self::Freeze(FreezeMessage::read(number, input)?),
            27 => {
                let (question, key_id, amendment) = (input.array()?, input.array()?, Amendment::read(input)?);
                let count = input.length(MAX_KNOWN)?;
                let known = (0..count).map(|_| Ok(input.bytes(MAX_RECORD)?.to_vec())).collect::<Result<_, DecodeError>>()?;
                Self::AskApproval { question, key_id, amendment, known }
            }
            28 => {
                Self::Approval { question: input.array()?, record: input.bytes(MAX_RECORD)?.to_vec(), reason: read_text(input)? }
            }
            29 => Self::Amended { key_id: input.array()?, record: input.bytes(MAX_RECORD)?.to_vec() },
            _ => return Err(DecodeError::InvalidValue("message kind")),
        })
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::{ParticipantSet, derive::DerivationPath};
    use zeroize::Zeroizing;

    use super::*;
    use crate::request::{Authorization, RequestContent, Requester};

    fn sign(authorization: Option<Authorization>) -> Message {
        let body = SignProposal {
            key_id: [1; 32],
            epoch: 0,
            signers: ParticipantSet::first(2).unwrap(),
            path: DerivationPath::default(),
            kind: "message".to_owned(),
            payload: b"hello".to_vec(),
            presignatures: Vec::new(),
            attempt: 3,
            authorization,
        };
        Message::Propose(Proposal { request: [2; 32], body: ProposalBody::Sign(body) })
    }

    #[test]
    fn proposal_of_a_signature_ends_with_its_authorization_or_none() {
        let content = RequestContent {
            key_id: &[1; 32],
            suite: SuiteId::Ed25519,
            path: &DerivationPath::default(),
            kind: "message",
            payload: b"hello",
            request_id: &[2; 32],
            expires: Some(1000),
        };
        let requester = Requester::from_secret_bytes(&Zeroizing::new([3; 32]));
        let authorization = requester.authorize(&content).unwrap();
        let (plain, signed) = (sign(None), sign(Some(authorization.clone())));
        let bytes = plain.to_bytes();
        let (without, none) = bytes.split_at(bytes.len() - 1);
        assert_eq!((hex::encode(&without[..67]), none), (format!("0101{}02{}", "02".repeat(32), "01".repeat(32)), &[0][..]));
        assert_eq!(hex::encode(&without[without.len() - 20..]), "6573736167650000000568656c6c6f0000000003");
        assert_eq!(signed.to_bytes(), [without, &[1], &authorization.to_bytes()].concat());
        for message in [plain, signed] {
            let mut bytes = message.to_bytes();
            assert_eq!(Message::from_bytes(&bytes), Ok(message));
            bytes[without.len()] = 2;
            assert!(Message::from_bytes(&bytes).is_err());
        }
    }
}
