//! New polynomials of keys over the control API, on both sides.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};

use super::{
    api::{ConsentRequest, PlanInfo, ReshareRequest, ReshareResult, ResharedKeyInfo},
    client::{Client, ClientError},
    server::{Answer, Body, Context, body, request_id},
};
use crate::{ceremony::keygen::suite, cosigner::ReshareRequest as Reshare, error::RequestError};

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/v1/reshare", post(reshare)).route("/v1/plans", get(plans)).route("/v1/consent", post(consent))
}

async fn reshare(State(context): State<Context>, request: Body<ReshareRequest>) -> Answer<ReshareResult> {
    let request = body(request)?;
    let mut reshare = Reshare::refresh(request.keys);
    if let Some(name) = &request.suite {
        reshare = reshare.suite(suite(name)?);
    }
    if let Some(min_signers) = request.min_signers {
        reshare = reshare.min_signers(min_signers);
    }
    reshare = request.add.iter().fold(reshare, |reshare, name| reshare.with_holder(name));
    reshare = request.remove.iter().fold(reshare, |reshare, name| reshare.without_holder(name));
    if request.moved {
        reshare = reshare.moved();
    }
    if let Some(id) = request_id(request.request_id.as_deref())? {
        reshare = reshare.request_id(id);
    }
    let done = context.cosigner.reshare(reshare).await?;
    let keys = done.keys.into_iter().map(|key| ResharedKeyInfo {
        wallet: key.wallet,
        suite: key.suite.name().to_owned(),
        key_id: hex::encode(key.key_id),
        epoch: key.epoch,
    });
    let (destroyed, outstanding) = (done.destroyed, done.outstanding);
    Ok(Json(ReshareResult { keys: keys.collect(), destroyed, outstanding, effective: done.effective }))
}

async fn plans(State(context): State<Context>) -> Json<Vec<PlanInfo>> {
    let plans = context.cosigner.plans().into_iter();
    let info =
        plans.map(|plan| PlanInfo { plan: hex::encode(plan.plan), proposer: plan.proposer, description: plan.description });
    Json(info.collect())
}

async fn consent(State(context): State<Context>, request: Body<ConsentRequest>) -> Answer<serde_json::Value> {
    let request = body(request)?;
    let plan = hex::decode(&request.plan).ok().and_then(|plan| plan.try_into().ok());
    context.cosigner.consent(plan.ok_or(RequestError::Plan)?).await?;
    Ok(Json(serde_json::json!({})))
}

impl Client {
    /// Has keys dealt anew: refreshes them, or changes their holders, threshold or placement.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen). A refusal for want of another operator's consent names that cosigner; its [`plans`](Self::plans) has
    /// the plan.
    pub fn reshare(&self, request: &ReshareRequest) -> Result<ReshareResult, ClientError> {
        self.call("POST", "/v1/reshare", request)
    }

    /// The changes that others proposed and that wait for the consent of this cosigner's operator.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn plans(&self) -> Result<Vec<PlanInfo>, ClientError> {
        self.call("GET", "/v1/plans", &())
    }

    /// Lets the cosigner take part in a change that another one proposes, for 24 hours or until it restarts.
    ///
    /// # Errors
    ///
    /// As [`keygen`](Self::keygen).
    pub fn consent(&self, request: &ConsentRequest) -> Result<(), ClientError> {
        self.call("POST", "/v1/consent", request).map(|_: serde_json::Value| ())
    }
}
