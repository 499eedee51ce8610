//! Proof that all participants of a key still hold their shares.

use std::sync::Arc;

use quorate_core::{
    Error, Identifier, PeerId, SuiteId,
    attest::{Attestation, attest},
    wire::Encoding,
};

use quorate_storage::AuditKind;

use super::{ANSWER_WITHIN, Cosigner, Shared, fresh};
use crate::{
    audit,
    ceremony::message::Message,
    error::CosignerError,
    share::{AnyKeyShare, Stored},
};

/// Whether one participant proved that it holds its share.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attested {
    /// The participant's number.
    pub identifier: Identifier,
    /// Its identity.
    pub peer: PeerId,
    /// The key's suite.
    pub suite: SuiteId,
    /// Nothing, or why the proof is missing or wrong.
    pub problem: Option<String>,
}

impl Cosigner {
    /// Asks every participant of a key, this one included, for proof that it still holds its share. Nothing is signed.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Request`] if this cosigner holds no share of the key, [`CosignerError::Vault`], [`CosignerError::Randomness`].
    #[tracing::instrument(level = "info", skip_all, fields(key = key))]
    pub async fn attest(&self, key: &str, suite: Option<SuiteId>) -> Result<Vec<Attested>, CosignerError> {
        let shared = self.shared();
        let key = shared.find(key, suite).await?;
        let challenge = fresh()?;
        let mut answers = shared.expect(shared.me, challenge, key.peers.iter().map(|(_, peer)| peer))?;
        let ask = Message::AskAttestation { key_id: *key.share.key_id().as_bytes(), epoch: key.share.epoch(), challenge };
        let mut results = Vec::new();
        let mut open = std::collections::BTreeMap::new();
        for (identifier, peer) in key.peers.iter() {
            let (suite, problem) = (key.share.suite(), Some("no answer".to_owned()));
            results.push(Attested { identifier, peer, suite, problem });
            if peer == shared.me {
                let own = prove(&key.share, shared.me, &challenge);
                settle(&mut results, verify(&key, identifier, shared.me, &challenge, &own.unwrap_or_default()), identifier);
            } else if shared.tell(peer, &ask).is_ok() {
                open.insert(peer, identifier);
            }
        }
        let collect = async {
            while !open.is_empty() {
                let Some((from, message)) = answers.next().await else { return };
                if let (Message::Attestation { record, .. }, Some(identifier)) = (message, open.remove(&from)) {
                    settle(&mut results, verify(&key, identifier, shared.me, &challenge, &record), identifier);
                }
            }
        };
        // Whoever has not answered by then keeps "no answer".
        let _elapsed = tokio::time::timeout(ANSWER_WITHIN, collect).await;
        Ok(results)
    }
}

/// Asks one other participant for proof that it holds its share. Nothing, or why there is none.
pub(crate) async fn prove_to(shared: &Arc<Shared>, key: &Stored<AnyKeyShare>, peer: PeerId) -> Option<String> {
    let silent = || "no answer".to_owned();
    let (Some(identifier), Ok(challenge)) = (key.peers.identifier(peer), fresh()) else { return Some(silent()) };
    let Ok(mut answers) = shared.expect(shared.me, challenge, [peer]) else { return Some(silent()) };
    let ask = Message::AskAttestation { key_id: *key.share.key_id().as_bytes(), epoch: key.share.epoch(), challenge };
    if shared.tell(peer, &ask).is_err() {
        return Some(silent());
    }
    match tokio::time::timeout(ANSWER_WITHIN, answers.next()).await {
        Ok(Some((_, Message::Attestation { record, .. }))) => verify(key, identifier, shared.me, &challenge, &record),
        _ => Some(silent()),
    }
}

fn settle(results: &mut [Attested], problem: Option<String>, identifier: Identifier) {
    if let Some(result) = results.iter_mut().find(|result| result.identifier == identifier) {
        result.problem = problem;
    }
}

fn prove(share: &AnyKeyShare, verifier: PeerId, challenge: &[u8; 32]) -> Result<Vec<u8>, Error> {
    let rng = &mut getrandom::SysRng;
    Ok(match share {
        AnyKeyShare::Ed25519(share) => attest(share, verifier, challenge, rng)?.to_bytes(),
        AnyKeyShare::Bip340(share) => attest(share, verifier, challenge, rng)?.to_bytes(),
        AnyKeyShare::EcdsaSecp256k1(share) => attest(share, verifier, challenge, rng)?.to_bytes(),
    })
}

fn verify(key: &Stored<AnyKeyShare>, identifier: Identifier, me: PeerId, challenge: &[u8; 32], record: &[u8]) -> Option<String> {
    if record.is_empty() {
        return Some("it holds no such share".to_owned());
    }
    let checked = match &key.share {
        AnyKeyShare::Ed25519(share) => Attestation::from_bytes(record)
            .map_err(Error::from)
            .and_then(|attestation| attestation.verify(share.package(), identifier, me, challenge)),
        AnyKeyShare::Bip340(share) => Attestation::from_bytes(record)
            .map_err(Error::from)
            .and_then(|attestation| attestation.verify(share.package(), identifier, me, challenge)),
        AnyKeyShare::EcdsaSecp256k1(share) => Attestation::from_bytes(record)
            .map_err(Error::from)
            .and_then(|attestation| attestation.verify(share.package(), identifier, me, challenge)),
    };
    checked.err().map(|error| error.to_string())
}

/// Answers another cosigner's challenge. The proof names the asker, so it is of no use to anybody else.
pub(super) async fn answer(shared: &Arc<Shared>, from: PeerId, key_id: [u8; 32], epoch: u64, challenge: [u8; 32]) {
    let record = match shared.load(&key_id).await {
        Ok(key) if key.share.epoch() == epoch && key.peers.identifier(from).is_some() => {
            prove(&key.share, from, &challenge).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    if !record.is_empty() {
        tracing::info!(target: "quorate::audit", key = hex::encode(key_id), to = %shared.name_of(from), "attested");
        let entry = audit::entry(AuditKind::Attested).key(key_id).epoch(epoch);
        shared.audit.note_caused(from, entry).await;
    }
    let _told = shared.tell(from, &Message::Attestation { challenge, record });
}
