//! The way back of a cosigner that went back in time, over the control API, on both sides.

use axum::{Json, Router, extract::State, routing::post};

use super::{
    api::{AcceptRejoinRequest, AcceptedRejoinInfo, LostShareInfo, RejoinReport, SeenInfo},
    client::{Client, ClientError},
    server::{Answer, Body, Context, body},
};
use crate::error::RequestError;

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/v1/rejoin", post(rejoin)).route("/v1/accept-rejoin", post(accept))
}

async fn rejoin(State(context): State<Context>) -> Answer<RejoinReport> {
    let done = context.cosigner.rejoin().await?;
    let roster = context.cosigner.roster();
    let seen = done.seen.iter().map(|(peer, stamp)| SeenInfo {
        by: roster.cosigner(*peer).map_or_else(|| peer.to_string(), |entry| entry.name.clone()),
        boot: stamp.boot.counter,
        sequence: stamp.head.sequence,
    });
    Ok(Json(RejoinReport { boot: done.from.boot.counter, sequence: done.from.head.sequence, seen: seen.collect() }))
}

async fn accept(State(context): State<Context>, request: Body<AcceptRejoinRequest>) -> Answer<AcceptedRejoinInfo> {
    let request = body(request)?;
    let entry = context.cosigner.roster().peer(&request.peer);
    let unknown = || RequestError::UnknownCosigner { name: request.peer.chars().take(80).collect() };
    let accepted = context.cosigner.accept_rejoin(entry.ok_or_else(unknown)?.identity, request.lost_shares).await?;
    let lost = accepted.lost.into_iter().map(|share| LostShareInfo {
        wallet: share.wallet,
        suite: share.suite.name().to_owned(),
        key_id: hex::encode(share.key_id),
        epoch: share.epoch,
        problem: share.problem,
        repairable: share.repairable,
    });
    Ok(Json(AcceptedRejoinInfo { proved: accepted.proved, lost: lost.collect() }))
}

impl Client {
    /// Has the cosigner give up the history that its peers saw and it has no memory of. Start it again then.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn rejoin(&self) -> Result<RejoinReport, ClientError> {
        self.call("POST", "/v1/rejoin", &())
    }

    /// Has the cosigner accept another one that rejoined.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn accept_rejoin(&self, request: &AcceptRejoinRequest) -> Result<AcceptedRejoinInfo, ClientError> {
        self.call("POST", "/v1/accept-rejoin", request)
    }
}
