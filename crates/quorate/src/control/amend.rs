//! Amendments of placements over the control API, on both sides.

use axum::{Json, Router, extract::State, routing::post};
use quorate_core::wire::Encoding as _;

use super::{
    api::{AmendRequest, AmendResult, AmendmentInfo},
    client::{Client, ClientError},
    server::{Answer, Body, Context, body},
};
use crate::{
    ceremony::keygen::suite,
    cosigner::{Cosigner, WalletKey},
    error::CosignerError,
};

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/v1/amend", post(amend))
}

async fn amend(State(context): State<Context>, request: Body<AmendRequest>) -> Answer<Vec<AmendResult>> {
    let request = body(request)?;
    let chosen = request.suite.as_deref().map(suite).transpose()?;
    let amended = context.cosigner.amend(&request.key, chosen).await?;
    let results = amended.into_iter().map(|key| AmendResult {
        wallet: key.wallet,
        suite: key.suite.name().to_owned(),
        key_id: hex::encode(key.key_id),
        number: key.number,
    });
    Ok(Json(results.collect()))
}

/// What was amended of a key since it has its epoch.
pub(super) async fn known(cosigner: &Cosigner, key: &WalletKey) -> Result<Vec<AmendmentInfo>, CosignerError> {
    let known = cosigner.shared().amendments(key.share.key_id().as_bytes(), &key.share.package_digest()).await?;
    let info = known.iter().map(|known| AmendmentInfo {
        participant: known.amendment.participant().to_u16(),
        number: known.amendment.number(),
        row: hex::encode(known.amendment.row().to_bytes()),
        approved: !known.record.is_empty(),
    });
    Ok(info.collect())
}

impl Client {
    /// Has all participants agree that this cosigner's share of a key is where its configuration says.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn amend(&self, request: &AmendRequest) -> Result<Vec<AmendResult>, ClientError> {
        self.call("POST", "/v1/amend", request)
    }
}
