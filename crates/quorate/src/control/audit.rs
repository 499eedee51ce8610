//! The audit log over the control API, on both sides.

use axum::{Json, Router, extract::State, routing::post};

use super::{
    api::{AuditEntries, AuditEntryInfo, AuditRequest, AuditVerified},
    client::{Client, ClientError},
    server::{Answer, Body, Context, body},
};
use crate::cosigner::Cosigner;

/// How many entries are given where the request does not say.
const DEFAULT_LIMIT: u16 = 100;

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/v1/audit", post(show)).route("/v1/audit/verify", post(verify))
}

fn name(cosigner: &Cosigner, peer: quorate_core::PeerId) -> String {
    cosigner.roster().cosigner(peer).map_or_else(|| peer.to_string(), |entry| entry.name.clone())
}

async fn show(State(context): State<Context>, request: Body<AuditRequest>) -> Answer<AuditEntries> {
    let request = body(request)?;
    let page = context.cosigner.audit(request.after, request.limit.unwrap_or(DEFAULT_LIMIT).into()).await?;
    let entries = page.lines.into_iter().map(|line| AuditEntryInfo {
        sequence: line.head.sequence,
        digest: hex::encode(line.head.digest),
        at: line.entry.at,
        kind: line.entry.kind.to_string(),
        kind_number: line.entry.kind.to_u16(),
        key_id: line.entry.key_id.map(hex::encode),
        epoch: line.entry.epoch,
        request_id: line.entry.request.map(hex::encode),
        peer: line.entry.peer.map(|peer| name(&context.cosigner, peer)),
        reason: line.entry.reason,
    });
    Ok(Json(AuditEntries { entries: entries.collect(), more: page.more }))
}

async fn verify(State(context): State<Context>) -> Answer<AuditVerified> {
    let head = context.cosigner.verify_audit().await?;
    Ok(Json(AuditVerified { sequence: head.sequence, digest: hex::encode(head.digest) }))
}

impl Client {
    /// Entries of the cosigner's audit log.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn audit(&self, request: &AuditRequest) -> Result<AuditEntries, ClientError> {
        self.call("POST", "/v1/audit", request)
    }

    /// Has the cosigner check its whole audit log.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen); [`ClientError::Refused`] names the first entry that is not as it was written.
    pub fn verify_audit(&self) -> Result<AuditVerified, ClientError> {
        self.call("POST", "/v1/audit/verify", &())
    }
}
