//! The node's side of the control API.

use core::time::Duration;
use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate_core::{
    SuiteId,
    derive::DerivationPath,
    placement::{Counting, Waiver},
    wire::Encoding,
};
use quorate_storage::backup::BackupError;
use serde::de::DeserializeOwned;
use tokio::{
    net::UnixListener,
    sync::{Notify, watch},
};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    api::{
        ApiError, AttestRequest, AttestResult, ForgiveRequest, ImportRequest, KeyInfo, KeygenRequest, ParticipantInfo,
        PeerStatus, RelayStatus, SignRequest, Signed, Status,
    },
    people,
};
use crate::{
    ceremony::{keygen::suite, message::RequestId},
    cosigner::{Cosigner, KeygenRequest as Keygen, SignRequest as Sign, WalletKey, describe},
    danger::{ImportRequest as Import, WholeKey},
    error::{CosignerError, RequestError},
    payload::AnyPayload,
};

/// The largest request body: a payload of 1 MiB in base64, and some.
const MAX_BODY: usize = 2 << 20;

/// A control API that is listening. Dropping it removes the socket, and ends what was asked through it.
#[derive(Debug)]
pub struct ControlServer {
    socket: PathBuf,
    stop: Arc<Notify>,
    closing: watch::Sender<bool>,
}

/// How long answers that are on their way may take when the server closes.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

impl ControlServer {
    /// Waits until a client asked the cosigner to stop.
    pub async fn stop_requested(&self) {
        self.stop.notified().await;
    }

    /// Takes no more requests.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until no connection is left, for a moment at most.
    pub(crate) async fn closed(&self) {
        // The server holds the receiver until its last connection is closed.
        let _closed = tokio::time::timeout(CLOSE_WITHIN, self.closing.closed()).await;
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.close();
        // It may be gone already; nothing depends on it.
        let _removed = std::fs::remove_file(&self.socket);
    }
}

#[derive(Clone)]
pub(super) struct Context {
    pub(super) cosigner: Arc<Cosigner>,
    stop: Arc<Notify>,
}

/// Serves the control API of `cosigner` on a Unix socket that only this user can open. Call it within a tokio runtime, and only
/// while holding the lock of the cosigner's store: a socket file that is there already is then a leftover, and is replaced.
///
/// # Errors
///
/// What the system says if the socket cannot be made.
pub fn serve(cosigner: Arc<Cosigner>, socket: &Path) -> std::io::Result<ControlServer> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The directory belongs to this user alone, so there is no moment at which another one could connect.
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    let stop = Arc::new(Notify::new());
    let context = Context { cosigner, stop: Arc::clone(&stop) };
    let router = requesters()
        .route("/v1/keygen", post(keygen))
        .route("/v1/import", post(import))
        .route("/v1/freeze", post(people::freeze))
        .route("/v1/resume", post(people::resume))
        .route("/v1/forgive", post(forgive))
        .route("/v1/backup", post(super::backup::backup))
        .route("/v1/shutdown", post(shutdown))
        .merge(super::amend::routes())
        .merge(super::audit::routes())
        .merge(super::reshare::routes())
        .merge(super::witness::routes())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(context);
    let closing = watch::Sender::new(false);
    let (mut close, held) = (closing.subscribe(), closing.subscribe());
    tokio::spawn(async move {
        let close = async move {
            // An error is a server that was dropped.
            let _closing = close.wait_for(|closing| *closing).await;
        };
        let served = axum::serve(listener, router).with_graceful_shutdown(close).await;
        drop(held);
        served
    });
    Ok(ControlServer { socket: socket.to_owned(), stop, closing })
}

/// What requesters may ask. None of it says anything in the operator's name.
fn requesters() -> Router<Context> {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/keys", get(keys))
        .route("/v1/sign", post(sign))
        .route("/v1/attest", post(attest))
        .route("/v1/freeze-signed", post(people::freeze_signed))
}

/// The same for programs on other machines.
#[cfg(feature = "remote")]
pub(super) fn remote_routes(cosigner: Arc<Cosigner>) -> Router {
    let context = Context { cosigner, stop: Arc::new(Notify::new()) };
    let elsewhere = async || {
        let words = "a requester on another machine cannot ask for this; its operator can, on the cosigner's own machine";
        Failure(StatusCode::NOT_FOUND, ApiError::new("input", words.to_owned(), Vec::new()))
    };
    requesters().fallback(elsewhere).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(context)
}

pub(super) type Answer<T> = Result<Json<T>, Failure>;
pub(super) type Body<T> = Result<Json<T>, JsonRejection>;

/// An error on its way out.
pub(super) struct Failure(StatusCode, ApiError);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl From<CosignerError> for Failure {
    fn from(error: CosignerError) -> Self {
        let (status, code) = match &error {
            CosignerError::Request(RequestError::UnknownKey { .. }) => (StatusCode::NOT_FOUND, "unknown-key"),
            CosignerError::Request(_)
            | CosignerError::Payload(_)
            | CosignerError::Placement(_)
            | CosignerError::Roster(_)
            | CosignerError::Protocol(quorate_core::Error::Input(_)) => (StatusCode::BAD_REQUEST, "input"),
            CosignerError::Denied { .. } => (StatusCode::FORBIDDEN, "denied"),
            CosignerError::Frozen { .. } => (StatusCode::LOCKED, "frozen"),
            CosignerError::Refused { .. }
            | CosignerError::BackOff { .. }
            | CosignerError::WentBack { .. }
            | CosignerError::Behind { .. }
            | CosignerError::RestartNeeded => (StatusCode::CONFLICT, "refused"),
            CosignerError::Fault { .. } => (StatusCode::CONFLICT, "fault"),
            CosignerError::Unavailable { .. } | CosignerError::Lacking { .. } | CosignerError::Network(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            CosignerError::Backup(BackupError::Io(_) | BackupError::Recipient) => (StatusCode::BAD_REQUEST, "input"),
            CosignerError::Backup(_)
            | CosignerError::Protocol(_)
            | CosignerError::Vault(_)
            | CosignerError::DamagedFreeze { .. }
            | CosignerError::Randomness
            | CosignerError::Bug(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self(status, ApiError::new(code, describe(&error), error.blamed()))
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        CosignerError::from(error).into()
    }
}

pub(super) fn body<T: DeserializeOwned>(body: Body<T>) -> Result<T, Failure> {
    body.map(|Json(body)| body)
        .map_err(|error| Failure(StatusCode::BAD_REQUEST, ApiError::new("input", error.body_text(), Vec::new())))
}

pub(super) fn request_id(text: Option<&str>) -> Result<Option<RequestId>, RequestError> {
    text.map(|text| {
        let bytes = hex::decode(text).map_err(|_| RequestError::RequestId)?;
        RequestId::try_from(bytes).map_err(|_| RequestError::RequestId)
    })
    .transpose()
}

async fn status(State(context): State<Context>) -> Answer<Status> {
    let cosigner = &context.cosigner;
    let mut status = Status::new(cosigner.name(), cosigner.peer_id().to_string(), cosigner.boot());
    (status.keys, status.pending) = cosigner.count_keys().await?;
    let health = cosigner.health();
    (status.ready, status.problem, status.presignatures) = (health.ready, health.problem.clone(), health.presignatures);
    status.relay = health.relay.clone().map(RelayStatus::from);
    status.standing_aside = cosigner.standing_aside().map(|reason| describe(&reason));
    for entry in cosigner.roster().iter().filter(|entry| entry.identity != cosigner.peer_id()) {
        let (peer, connected) = (entry.identity.to_string(), cosigner.is_connected(entry.identity));
        let (faults, wait) = cosigner.faults(entry.identity).await?;
        let peer = PeerStatus::new(entry.name.clone(), peer, entry.address.clone(), connected);
        let alarm = cosigner.alarm(entry.identity).map(|alarm| describe(&alarm));
        let known = health.peers.iter().find(|known| known.peer == entry.identity);
        let round_trip_micros =
            known.and_then(|known| known.round_trip).map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        let witnessed_seconds = known.and_then(|known| known.witnessed).map(|ago| ago.as_secs());
        let wait_seconds = wait.as_secs();
        status.peers.push(PeerStatus { round_trip_micros, witnessed_seconds, faults, wait_seconds, alarm, ..peer });
    }
    status.frozen = cosigner.freezes().await?.iter().map(|freeze| people::info(cosigner, freeze)).collect();
    Ok(Json(status))
}

async fn key_info(cosigner: &Cosigner, key: &WalletKey) -> Result<KeyInfo, CosignerError> {
    let threshold = key.share.placement().threshold();
    let participants = key.peers.iter().map(|(identifier, peer)| {
        let name = cosigner.roster().cosigner(peer).map_or_else(|| peer.to_string(), |entry| entry.name.clone());
        ParticipantInfo::new(identifier.to_u16(), name, peer.to_string())
    });
    let amendments = super::amend::known(cosigner, key).await?;
    Ok(KeyInfo {
        wallet: key.wallet.clone(),
        suite: key.share.suite().name().to_owned(),
        key_id: key.share.key_id().to_string(),
        epoch: key.share.epoch(),
        epoch_since: key.since,
        refresh_due: cosigner.shared().schedule.of(&key.wallet).map(|every| key.since.saturating_add(every)),
        public_key: hex::encode(key.share.public_key()),
        chain_code: hex::encode(key.share.chain_code().as_bytes()),
        min_signers: threshold.min_signers(),
        max_signers: threshold.max_signers(),
        participant: key.share.identifier().to_u16(),
        participants: participants.collect(),
        placement: hex::encode(key.share.placement().to_bytes()),
        amendments,
        separated: !key.share.placement().is_unchecked(),
    })
}

async fn key_infos(cosigner: &Cosigner, keys: &[WalletKey]) -> Answer<Vec<KeyInfo>> {
    let mut infos = Vec::new();
    for key in keys {
        infos.push(key_info(cosigner, key).await?);
    }
    Ok(Json(infos))
}

async fn keys(State(context): State<Context>) -> Answer<Vec<KeyInfo>> {
    let keys = context.cosigner.keys().await?;
    key_infos(&context.cosigner, &keys).await
}

async fn keygen(State(context): State<Context>, request: Body<KeygenRequest>) -> Answer<Vec<KeyInfo>> {
    let request = body(request)?;
    let suites = request.suites.iter().map(|name| suite(name)).collect::<Result<Vec<_>, _>>()?;
    let mut keygen = Keygen::new(&request.wallet, suites, request.min_signers).participants(request.participants);
    for waiver in &request.waivers {
        let wrong = |problem: String| RequestError::Waiver { domain: waiver.domain.clone(), problem };
        let domain = waiver.domain.parse().map_err(|error| wrong(describe(&error)))?;
        keygen = keygen.waive(Waiver::new(domain, &waiver.reason, &waiver.date).map_err(|error| wrong(describe(&error)))?);
    }
    if request.joint_counting {
        keygen = keygen.counting(Counting::Joint);
    }
    if let Some(id) = request_id(request.request_id.as_deref())? {
        keygen = keygen.request_id(id);
    }
    let keys = context.cosigner.keygen(keygen).await?;
    key_infos(&context.cosigner, &keys).await
}

async fn import(State(context): State<Context>, request: Body<ImportRequest>) -> Answer<KeyInfo> {
    let mut request = body(request)?;
    let mut secret = Zeroizing::new([0; 32]);
    let decoded = hex::decode_to_slice(&request.secret, secret.as_mut_slice());
    request.secret.zeroize();
    decoded.map_err(|_| RequestError::WholeKey)?;
    let key = match (request.seed, suite(&request.suite)?) {
        (true, SuiteId::Ed25519) => WholeKey::ed25519_seed(&secret)?,
        (true, _) => return Err(RequestError::WholeKey.into()),
        (false, suite) => WholeKey::scalar(suite, secret)?,
    };
    if hex::encode(key.public_key()) != request.public_key {
        return Err(RequestError::OtherPublicKey { public_key: hex::encode(key.public_key()) }.into());
    }
    let mut import =
        Import::new(&request.wallet, key, request.min_signers).participants(core::mem::take(&mut request.participants));
    if let Some(chain_code) = &request.chain_code {
        let code = hex::decode(chain_code).ok().and_then(|code| code.try_into().ok());
        import = import.chain_code(code.ok_or(RequestError::ChainCode)?);
    }
    if let Some(id) = request_id(request.request_id.as_deref())? {
        import = import.request_id(id);
    }
    let key = context.cosigner.import(import).await?;
    Ok(Json(key_info(&context.cosigner, &key).await?))
}

async fn sign(State(context): State<Context>, request: Body<SignRequest>) -> Answer<Signed> {
    let request = body(request)?;
    let bytes = STANDARD.decode(&request.payload).map_err(|_| RequestError::PayloadEncoding)?;
    let payload = AnyPayload::decode(&request.kind, &bytes).map_err(CosignerError::from)?;
    let mut sign = Sign::new(&request.key, payload).signers(request.signers);
    if let Some(name) = &request.suite {
        sign = sign.suite(suite(name)?);
    }
    if let Some(path) = &request.path {
        sign = sign.path(path.parse::<DerivationPath>().map_err(RequestError::Path)?);
    }
    if let Some(id) = request_id(request.request_id.as_deref())? {
        sign = sign.request_id(id);
    }
    if let Some(authorization) = &request.authorization {
        sign = sign.authorization(authorization.try_into()?);
    }
    let done = context.cosigner.sign(sign).await?;
    let mut signed = Signed::new(hex::encode(done.request), hex::encode(done.key_id));
    signed.signers = done.signers.iter().map(quorate_core::Identifier::to_u16).collect();
    signed.description = done.description.to_string();
    signed.signatures = done.signatures.iter().map(hex::encode).collect();
    signed.document = STANDARD.encode(done.document);
    Ok(Json(signed))
}

async fn attest(State(context): State<Context>, request: Body<AttestRequest>) -> Answer<Vec<AttestResult>> {
    let request = body(request)?;
    let cosigner = &context.cosigner;
    let chosen = request.suite.as_deref().map(suite).transpose()?;
    let keys = cosigner.keys_of(&request.key, chosen).await?;
    let mut results = Vec::new();
    for (key, suite) in keys {
        for attested in cosigner.attest(&key, Some(suite)).await? {
            let name = cosigner.roster().cosigner(attested.peer);
            let name = name.map_or_else(|| attested.peer.to_string(), |entry| entry.name.clone());
            let suite = attested.suite.name().to_owned();
            results.push(AttestResult::new(suite, attested.identifier.to_u16(), name, attested.problem));
        }
    }
    Ok(Json(results))
}

async fn forgive(State(context): State<Context>, request: Body<ForgiveRequest>) -> Answer<serde_json::Value> {
    let request = body(request)?;
    let entry = context.cosigner.roster().peer(&request.peer);
    let unknown = || RequestError::UnknownCosigner { name: request.peer.chars().take(80).collect() };
    context.cosigner.forgive(entry.ok_or_else(unknown)?.identity).await?;
    Ok(Json(serde_json::json!({})))
}

async fn shutdown(State(context): State<Context>) -> Json<serde_json::Value> {
    context.stop.notify_one();
    Json(serde_json::json!({}))
}
