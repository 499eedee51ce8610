//! What one cosigner proposes to others, and what everyone's consent to it is about.

use quorate_core::{
    DecodeError, ParticipantSet, Peers, Placement, SessionId, SuiteId,
    derive::DerivationPath,
    domain,
    transcript::Hash,
    wire::{Encoding, Reader, Writer},
};

use super::{
    message::{MAX_RECORD, MAX_RESHARE_KEYS, MAX_SUITES, Random, RequestId, SMALLEST_SET, read_text, write_text},
    sign::MAX_SIGNATURES,
};
use crate::{
    cosigner::epochs::{HolderSet, MAX_SETS},
    payload::MAX_PAYLOAD,
    request::Authorization,
};

/// What one cosigner proposes to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) request: RequestId,
    pub(crate) body: ProposalBody,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProposalBody {
    /// New keys, one for each suite: a wallet.
    Keygen(KeygenProposal),
    /// The signatures that a payload needs.
    Sign(SignProposal),
    /// Presignatures for the proposer's later requests.
    Presign(PresignProposal),
    /// The same keys on new polynomials, perhaps with other participants.
    Reshare(ReshareProposal),
    /// A key that the proposer has whole, in shares from now on.
    Import(ImportProposal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeygenProposal {
    pub(crate) wallet: String,
    pub(crate) suites: Vec<SuiteId>,
    pub(crate) placement: Placement,
    pub(crate) peers: Peers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignProposal {
    pub(crate) key_id: [u8; 32],
    pub(crate) epoch: u64,
    pub(crate) signers: ParticipantSet,
    pub(crate) path: DerivationPath,
    pub(crate) kind: String,
    pub(crate) payload: Vec<u8>,
    /// The presignatures to use, one for each signature; or none.
    pub(crate) presignatures: Vec<[u8; 32]>,
    /// Which try of this request by these signers it is: a signer may not have heard yet that the one before is over.
    pub(crate) attempt: u8,
    /// Who signed the request, and who approved it.
    pub(crate) authorization: Option<Authorization>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PresignProposal {
    pub(crate) key_id: [u8; 32],
    pub(crate) epoch: u64,
    pub(crate) signers: ParticipantSet,
    pub(crate) count: u8,
}

/// A key that was whole. It is dealt like a wallet of one key that is made, but by its owner alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportProposal {
    pub(crate) keygen: KeygenProposal,
    /// The public key, in the suite's standard encoding.
    pub(crate) key: Vec<u8>,
    pub(crate) chain_code: [u8; 32],
}

impl ImportProposal {
    /// What operators consent to.
    pub(crate) fn plan(&self) -> [u8; 32] {
        let hash = Hash::new(domain::CEREMONY_IMPORT).field(self.keygen.wallet.as_bytes()).list(self.keygen.suites.len());
        let hash = self.keygen.suites.iter().fold(hash, |hash, suite| hash.value(suite));
        let hash = hash.field(&self.key).field(&self.chain_code).value(&self.keygen.placement);
        hash.field(&self.keygen.peers.digest()).finish()
    }
}

/// Keys whose shares are dealt anew: all of the same holders, to the same new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReshareProposal {
    /// By ascending key id.
    pub(crate) keys: Vec<ReshareKey>,
    /// The holders that deal.
    pub(crate) dealers: ParticipantSet,
    /// Who will hold shares, and where.
    pub(crate) placement: Placement,
    /// Who stands behind the identifiers of all dealers and receivers.
    pub(crate) peers: Peers,
    /// The holders of former epochs of these keys, as far as the proposer knows.
    pub(crate) former: Vec<HolderSet>,
}

/// One key that is dealt anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReshareKey {
    pub(crate) wallet: String,
    pub(crate) key_id: [u8; 32],
    pub(crate) suite: SuiteId,
    /// The epoch whose shares are dealt.
    pub(crate) epoch: u64,
    /// The digest of its package.
    pub(crate) digest: [u8; 32],
    /// The epoch to be.
    pub(crate) new_epoch: u64,
    /// The package of the old epoch with its certificate, for receivers that hold no share of it; else empty.
    pub(crate) old: Vec<u8>,
}

impl Proposal {
    /// What everyone's consent is about.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Hash::new(domain::CEREMONY_PROPOSAL).value(self).finish()
    }

    /// The id of the `index`-th session: bound to the whole proposal and to a fresh value of every participant.
    pub(crate) fn session_id(&self, randoms: &[Random], index: usize) -> SessionId {
        let mut hash = Hash::new(domain::CEREMONY_SESSION).field(&self.digest()).list(randoms.len());
        for random in randoms {
            hash = hash.identifier(random.identifier).field(&random.value);
        }
        SessionId::new(hash.number(u64::try_from(index).unwrap_or(u64::MAX)).finish())
    }
}

impl Encoding for Proposal {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.request);
        match &self.body {
            ProposalBody::Keygen(keygen) => {
                out.u8(1);
                keygen.write(out);
            }
            ProposalBody::Sign(sign) => {
                out.u8(2);
                out.raw(&sign.key_id);
                out.u64(sign.epoch);
                sign.signers.write(out);
                sign.path.write(out);
                write_text(&sign.kind, out);
                out.bytes(&sign.payload);
                out.sequence(&sign.presignatures);
                out.u8(sign.attempt);
                out.option(sign.authorization.as_ref());
            }
            ProposalBody::Presign(presign) => {
                out.u8(3);
                out.raw(&presign.key_id);
                out.u64(presign.epoch);
                presign.signers.write(out);
                out.u8(presign.count);
            }
            ProposalBody::Reshare(reshare) => {
                out.u8(4);
                out.sequence(&reshare.keys);
                reshare.dealers.write(out);
                reshare.placement.write(out);
                reshare.peers.write(out);
                out.sequence(&reshare.former);
            }
            ProposalBody::Import(import) => {
                out.u8(5);
                import.keygen.write(out);
                out.bytes(&import.key);
                out.raw(&import.chain_code);
            }
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let request = input.array()?;
        let body = match input.u8()? {
            1 => ProposalBody::Keygen(KeygenProposal::read(input)?),
            2 => ProposalBody::Sign(SignProposal {
                key_id: input.array()?,
                epoch: input.u64()?,
                signers: ParticipantSet::read(input)?,
                path: DerivationPath::read(input)?,
                kind: read_text(input)?,
                payload: input.bytes(MAX_PAYLOAD)?.to_vec(),
                presignatures: input.sequence(MAX_SIGNATURES, 32)?,
                attempt: input.u8()?,
                authorization: input.option()?,
            }),
            3 => ProposalBody::Presign(PresignProposal {
                key_id: input.array()?,
                epoch: input.u64()?,
                signers: ParticipantSet::read(input)?,
                count: input.u8()?,
            }),
            4 => ProposalBody::Reshare(ReshareProposal {
                keys: input.sequence(MAX_RESHARE_KEYS, SMALLEST_RESHARE_KEY)?,
                dealers: ParticipantSet::read(input)?,
                placement: Placement::read(input)?,
                peers: Peers::read(input)?,
                former: input.sequence(MAX_SETS, SMALLEST_SET)?,
            }),
            5 => ProposalBody::Import(ImportProposal {
                keygen: KeygenProposal::read(input)?,
                key: input.bytes(MAX_PUBLIC_KEY)?.to_vec(),
                chain_code: input.array()?,
            }),
            _ => return Err(DecodeError::InvalidValue("proposal")),
        };
        Ok(Self { request, body })
    }
}

impl Encoding for KeygenProposal {
    fn write(&self, out: &mut Writer) {
        write_text(&self.wallet, out);
        out.sequence(&self.suites);
        self.placement.write(out);
        self.peers.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            wallet: read_text(input)?,
            suites: input.sequence(MAX_SUITES, 1)?,
            placement: Placement::read(input)?,
            peers: Peers::read(input)?,
        })
    }
}

/// The longest public key of a suite, in bytes.
const MAX_PUBLIC_KEY: usize = 33;
/// Two empty texts, two digests, a suite and two numbers.
const SMALLEST_RESHARE_KEY: usize = 4 + 32 + 1 + 8 + 32 + 8 + 4;

impl Encoding for ReshareKey {
    fn write(&self, out: &mut Writer) {
        write_text(&self.wallet, out);
        out.raw(&self.key_id);
        self.suite.write(out);
        out.u64(self.epoch);
        out.raw(&self.digest);
        out.u64(self.new_epoch);
        out.bytes(&self.old);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            wallet: read_text(input)?,
            key_id: input.array()?,
            suite: SuiteId::read(input)?,
            epoch: input.u64()?,
            digest: input.array()?,
            new_epoch: input.u64()?,
            old: input.bytes(MAX_RECORD)?.to_vec(),
        })
    }
}
