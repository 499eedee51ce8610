//! The part of the control API that is about people: who signed and approved a request, and what is frozen.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use super::server::{Answer, Body, Context, body};
use crate::{
    ceremony::keygen::suite,
    cosigner::Cosigner,
    error::RequestError,
    freeze::{Author, Freeze, Scope, SignedFreeze as Signed},
    request,
};

/// Who signed a request, and who approved it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct Authorization {
    /// When the request expires, in seconds of Unix time.
    pub expires: u64,
    /// The requester's key, 32 bytes.
    pub requester: String,
    /// The requester's signature, 64 bytes.
    pub signature: String,
    /// The approvals that it needs, by the cosigners' policies.
    #[serde(default)]
    pub approvals: Vec<Approval>,
}

/// A person's approval of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct Approval {
    /// The approver's key, 32 bytes.
    pub key: String,
    /// The signature, 64 bytes.
    pub signature: String,
}

impl From<&request::Authorization> for Authorization {
    fn from(authorization: &request::Authorization) -> Self {
        let approvals = authorization.approvals.iter();
        Self {
            expires: authorization.expires,
            requester: authorization.requester.to_string(),
            signature: hex::encode(authorization.signature),
            approvals: approvals
                .map(|approval| Approval { key: approval.key.to_string(), signature: hex::encode(approval.signature) })
                .collect(),
        }
    }
}

impl TryFrom<&Authorization> for request::Authorization {
    type Error = RequestError;

    fn try_from(authorization: &Authorization) -> Result<Self, RequestError> {
        let approval = |approval: &Approval| {
            Ok(request::Approval { key: approval.key.parse()?, signature: signature(&approval.signature)? })
        };
        if authorization.approvals.len() > request::MAX_APPROVALS {
            return Err(RequestError::SignatureEncoding);
        }
        Ok(Self {
            expires: authorization.expires,
            requester: authorization.requester.parse()?,
            signature: signature(&authorization.signature)?,
            approvals: authorization.approvals.iter().map(approval).collect::<Result<_, RequestError>>()?,
        })
    }
}

fn signature(text: &str) -> Result<[u8; 64], RequestError> {
    let bytes = hex::decode(text).map_err(|_| RequestError::SignatureEncoding)?;
    bytes.try_into().map_err(|_| RequestError::SignatureEncoding)
}

/// Freezes a key, the keys of a wallet, or all keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct FreezeRequest {
    /// The key: a wallet's name, or a key id; all keys if absent, and then `all` must say so.
    #[serde(default)]
    pub key: Option<String>,
    /// The suite, if the wallet has several; all of them if absent.
    #[serde(default)]
    pub suite: Option<String>,
    /// All keys, those included that are made later.
    #[serde(default)]
    pub all: bool,
    /// Why, for people: 1 to 200 bytes.
    pub reason: String,
}

/// A freeze that a credential signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct SignedFreeze {
    /// The key's id; all keys if absent.
    #[serde(default)]
    pub key_id: Option<String>,
    /// When it was signed, in milliseconds of Unix time.
    pub number: u64,
    /// Why.
    pub reason: String,
    /// The credential's key, 32 bytes.
    pub credential: String,
    /// The signature, 64 bytes.
    pub signature: String,
}

impl From<&Signed> for SignedFreeze {
    fn from(freeze: &Signed) -> Self {
        Self {
            key_id: key_of(freeze.scope),
            number: freeze.number,
            reason: freeze.reason.clone(),
            credential: freeze.credential.to_string(),
            signature: hex::encode(freeze.signature),
        }
    }
}

/// Says, in the name of the cosigner's operator, that freezes should end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct ResumeRequest {
    /// The key: a wallet's name, or a key id. Its own freezes are meant, not those of all keys.
    #[serde(default)]
    pub key: Option<String>,
    /// The suite, if the wallet has several; all of them if absent.
    #[serde(default)]
    pub suite: Option<String>,
    /// The freezes of all keys are meant.
    #[serde(default)]
    pub all: bool,
    /// Only the freezes with these ids, so that one that came after the operator looked is not approved unseen; all if empty.
    #[serde(default)]
    pub ids: Vec<String>,
}

/// A freeze that is in force, or that this call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FreezeInfo {
    /// Its id.
    pub id: String,
    /// The key that it is about; all keys if absent.
    pub key_id: Option<String>,
    /// Who froze: a cosigner's name, or a credential's key.
    pub by: String,
    /// Whether that is a credential.
    pub by_credential: bool,
    /// Since when, in seconds of Unix time.
    pub since: u64,
    /// Why.
    pub reason: String,
    /// The cosigners whose operators want it to end.
    pub approvals: Vec<String>,
    /// The ids of the keys that it freezes here and now; none, if it ended.
    pub frozen_keys: Vec<String>,
}

fn key_of(scope: Scope) -> Option<String> {
    match scope {
        Scope::Key(key_id) => Some(hex::encode(key_id)),
        Scope::All => None,
    }
}

pub(super) fn info(cosigner: &Cosigner, freeze: &Freeze) -> FreezeInfo {
    let name = |peer| cosigner.roster().cosigner(peer).map_or_else(|| peer.to_string(), |entry| entry.name.clone());
    let (by, by_credential) = match freeze.author {
        Author::Cosigner(peer) => (name(peer), false),
        Author::Credential(key) => (key.to_string(), true),
    };
    FreezeInfo {
        id: hex::encode(freeze.id),
        key_id: key_of(freeze.scope),
        by,
        by_credential,
        since: freeze.since,
        reason: freeze.reason.clone(),
        approvals: freeze.approvals.iter().map(|peer| name(*peer)).collect(),
        frozen_keys: freeze.keys.iter().map(hex::encode).collect(),
    }
}

fn key_id(text: &str) -> Result<[u8; 32], RequestError> {
    let unknown = || RequestError::UnknownKey { key: text.chars().take(80).collect() };
    hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(unknown)
}

/// What a call means: all, or the keys of a wallet.
async fn scopes(
    cosigner: &Cosigner,
    key: Option<&str>,
    chosen: Option<&str>,
    all: bool,
) -> Result<Vec<Scope>, crate::CosignerError> {
    match (key, all) {
        (None, true) if chosen.is_none() => Ok(vec![Scope::All]),
        (Some(key), false) => {
            let keys = cosigner.keys_of(key, chosen.map(suite).transpose()?).await?;
            Ok(keys.iter().map(|(id, _)| key_id(id).map(Scope::Key)).collect::<Result<_, _>>()?)
        }
        (None | Some(_), _) => Err(RequestError::KeyOrAll.into()),
    }
}

pub(super) async fn freeze(State(context): State<Context>, request: Body<FreezeRequest>) -> Answer<Vec<FreezeInfo>> {
    let request = body(request)?;
    let cosigner = &context.cosigner;
    let mut freezes = Vec::new();
    for scope in scopes(cosigner, request.key.as_deref(), request.suite.as_deref(), request.all).await? {
        freezes.push(info(cosigner, &cosigner.freeze(scope, &request.reason).await?));
    }
    Ok(Json(freezes))
}

pub(super) async fn freeze_signed(State(context): State<Context>, request: Body<SignedFreeze>) -> Answer<FreezeInfo> {
    let request = body(request)?;
    let scope = request.key_id.as_deref().map_or(Ok(Scope::All), |text| key_id(text).map(Scope::Key))?;
    let (credential, signature) = (request.credential.parse::<request::RequesterKey>()?, signature(&request.signature)?);
    let freeze = Signed { scope, number: request.number, reason: request.reason, credential, signature };
    Ok(Json(info(&context.cosigner, &context.cosigner.take_freeze(freeze).await?)))
}

pub(super) async fn resume(State(context): State<Context>, request: Body<ResumeRequest>) -> Answer<Vec<FreezeInfo>> {
    let request = body(request)?;
    let cosigner = &context.cosigner;
    // An id that is none is that of no freeze here.
    let ids = request.ids.iter().map(|id| hex::decode(id).ok()?.try_into().ok());
    let ids = ids.collect::<Option<Vec<[u8; 32]>>>().ok_or(RequestError::NotFrozen)?;
    let (mut approved, mut none) = (Vec::new(), None);
    for scope in scopes(cosigner, request.key.as_deref(), request.suite.as_deref(), request.all).await? {
        let resumed = if request.ids.is_empty() { cosigner.resume(scope).await } else { cosigner.resume_only(scope, &ids).await };
        match resumed {
            Ok(freezes) => approved.extend(freezes.iter().map(|freeze| info(cosigner, freeze))),
            // Of a wallet's keys, some may be frozen and some not.
            Err(crate::CosignerError::Request(error @ RequestError::NotFrozen)) => none = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match none {
        Some(error) if approved.is_empty() => Err(error.into()),
        _ => Ok(Json(approved)),
    }
}
