//! The peer: `dkls23-secp256k1` through its public interface, all participants in this process.

use std::{collections::BTreeMap, time::Duration};

use dkls23_secp256k1::{
    DkgSession, Party, SignSession,
    protocols::{
        Abort, Parameters, PartyIndex,
        messages::{MessageTag, PhaseInput, PhaseOutput},
        re_key::re_key,
        signing::SignData,
    },
};
use getrandom::SysRng;
use k256::{NonZeroScalar, Secp256k1, ecdsa::VerifyingKey, elliptic_curve::Generate};

use super::{DIGEST, Team, verify};
use crate::{Outcome, Size, sample::Stopwatch};

/// A key whose first t participants sign.
pub struct Theirs {
    parties: Vec<Party>,
    key: VerifyingKey,
}

/// Carries messages between participants: as they are, or through the encoding of the library itself, which is counted then.
struct Post {
    encoded: bool,
    bytes: usize,
}

/// What each participant received, by receiver.
type Inboxes<M> = BTreeMap<PartyIndex, Vec<M>>;

impl Post {
    fn carry<M: MessageTag>(&mut self, from: PartyIndex, to: PartyIndex, message: M) -> Outcome<M> {
        if !self.encoded {
            return Ok(message);
        }
        let mut output = PhaseOutput::new();
        output.add_p2p(to.as_u8(), &message)?;
        let bytes = output.p2p.remove(&to.as_u8()).ok_or("nothing was encoded")?;
        self.bytes += bytes.len();
        let input = PhaseInput { broadcasts: BTreeMap::new(), p2p: BTreeMap::from([(from.as_u8(), bytes)]) };
        Ok(input.get_p2p(from.as_u8())?)
    }
}

impl Theirs {
    fn signers(&self) -> &[Party] {
        &self.parties[..usize::from(self.parties[0].parameters.threshold)]
    }

    fn of(parties: Vec<Party>) -> Outcome<Self> {
        let key = VerifyingKey::from_affine(parties[0].pk)?;
        if parties.iter().any(|party| party.pk != parties[0].pk) {
            return Err("their participants do not agree on the key".into());
        }
        Ok(Self { parties, key })
    }

    /// One signature by all signers: what the whole run took.
    fn run(&self, post: &mut Post) -> Outcome<Duration> {
        let mut sign_id = vec![0; 32];
        getrandom::fill(&mut sign_id)?;
        let signers = self.signers();
        let ids: Vec<_> = signers.iter().map(|party| party.party_index).collect();
        let start = Stopwatch::start();
        let mut sessions = Vec::new();
        let mut inboxes: Inboxes<_> = BTreeMap::new();
        for party in signers {
            let me = party.party_index;
            let counterparties = ids.iter().copied().filter(|id| *id != me).collect();
            let data = SignData { sign_id: sign_id.clone(), counterparties, message_hash: DIGEST };
            let (session, sent) = SignSession::new(party, data).map_err(failed)?;
            sessions.push((me, session));
            for message in sent {
                let to = message.parties.receiver;
                inboxes.entry(to).or_default().push(post.carry(me, to, message)?);
            }
        }
        let mut second: Inboxes<_> = BTreeMap::new();
        for (me, session) in &mut sessions {
            for message in session.phase2(&inboxes[me]).map_err(failed)? {
                let to = message.parties.receiver;
                second.entry(to).or_default().push(post.carry(*me, to, message)?);
            }
        }
        drop(inboxes);
        let mut third: Inboxes<_> = BTreeMap::new();
        for (me, session) in &mut sessions {
            let broadcast = session.phase3(&second[me]).map_err(failed)?;
            for to in &ids {
                let message = broadcast.clone();
                let message = if to == me { message } else { post.carry(*me, *to, message)? };
                third.entry(*to).or_default().push(message);
            }
        }
        drop(second);
        let mut signatures = Vec::new();
        for (me, session) in sessions {
            signatures.push(session.phase4(&third[&me], true).map_err(failed)?);
        }
        let took = start.elapsed();
        signatures.iter().try_for_each(|signature| verify(&self.key, &signature.to_bytes()))?;
        Ok(took)
    }

    /// The same with every message through `PhaseOutput` and `PhaseInput`, the library's own framing of postcard.
    pub fn sign_encoded(&self) -> Outcome<Duration> {
        self.run(&mut Post { encoded: true, bytes: 0 })
    }

    /// A key generation with its oblivious-transfer set-up: all participants' time, and the key.
    pub fn generate((t, n): Size) -> Outcome<(Duration, Self)> {
        let (t, n) = (u8::try_from(t)?, u8::try_from(n)?);
        let parameters = Parameters::new(t, n).map_err(|_| "not their parameters")?;
        let mut session_id = vec![0; 32];
        getrandom::fill(&mut session_id)?;
        let ids = (1..=n).map(PartyIndex::new).collect::<Result<Vec<_>, _>>()?;
        let start = Stopwatch::start();
        let parties = generate(&parameters, &session_id, &ids)?;
        let took = start.elapsed();
        Ok((took, Self::of(parties)?))
    }
}

fn generate(parameters: &Parameters, session_id: &[u8], ids: &[PartyIndex]) -> Outcome<Vec<Party>> {
    let new = |id: &PartyIndex| DkgSession::<Secp256k1>::new(parameters.clone(), *id, session_id.to_vec());
    let mut sessions: Vec<_> = ids.iter().map(new).collect();
    let rows: Vec<_> = sessions.iter().map(DkgSession::phase1).collect();
    let (mut proofs, mut chain_commitments, mut chain_openings) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let (mut zero_commitments, mut zero_openings, mut multiplications): (Inboxes<_>, Inboxes<_>, Inboxes<_>) = Default::default();
    for (index, (id, session)) in ids.iter().zip(&mut sessions).enumerate() {
        let fragments: Vec<_> = rows.iter().map(|row| row[index]).collect();
        let (proof, zero, chain) = session.phase2(&fragments).map_err(failed)?;
        proofs.push(proof);
        chain_commitments.insert(*id, chain);
        zero.into_iter().for_each(|message| zero_commitments.entry(message.parties.receiver).or_default().push(message));
    }
    for (id, session) in ids.iter().zip(&mut sessions) {
        let (zero, multiplication, chain) = session.phase3().map_err(failed)?;
        chain_openings.insert(*id, chain);
        zero.into_iter().for_each(|message| zero_openings.entry(message.parties.receiver).or_default().push(message));
        multiplication.into_iter().for_each(|message| multiplications.entry(message.parties.receiver).or_default().push(message));
    }
    let mut parties = Vec::new();
    for (id, session) in ids.iter().zip(sessions) {
        // No address: it would only add to their time.
        let (zero, opened, multiplied) = (&zero_commitments[id], &zero_openings[id], &multiplications[id]);
        let done = session.phase4(&proofs, zero, opened, multiplied, &chain_commitments, &chain_openings, |_| String::new());
        parties.push(done.map_err(failed)?.0);
    }
    Ok(parties)
}

impl Team for Theirs {
    /// Dealt by their own `re_key`, which makes the same records as a key generation, sooner.
    fn ready((t, n): Size) -> Outcome<Self> {
        let parameters = Parameters::new(u8::try_from(t)?, u8::try_from(n)?).map_err(|_| "not their parameters")?;
        let mut session_id = [0; 32];
        getrandom::fill(&mut session_id)?;
        let secret = NonZeroScalar::try_generate_from_rng(&mut SysRng)?;
        let (parties, _) = re_key::<Secp256k1>(&parameters, &session_id, &secret, None, |_| String::new());
        Self::of(parties)
    }

    fn sign(&self) -> Outcome<Duration> {
        self.run(&mut Post { encoded: false, bytes: 0 })
    }

    fn bytes_sent(&self) -> Outcome<usize> {
        let mut post = Post { encoded: true, bytes: 0 };
        self.run(&mut post)?;
        Ok(post.bytes / self.signers().len())
    }

    fn key_share_bytes(&self) -> Outcome<usize> {
        Ok(postcard::to_allocvec(&self.parties[0])?.len())
    }
}

fn failed(abort: Abort) -> String {
    format!("their participant {} gave up: {}", abort.index, abort.description())
}
