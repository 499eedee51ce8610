//! The control API of a running cosigner: JSON over HTTP on a Unix socket that only the cosigner's own user can open.
//!
//! The command line and every program that is not Rust speak to a cosigner through it; nobody but the cosigner opens its store.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /v1/status` | – | [`Status`](api::Status) |
//! | `GET /v1/keys` | – | list of [`KeyInfo`](api::KeyInfo) |
//! | `POST /v1/keygen` | [`KeygenRequest`](api::KeygenRequest) | list of [`KeyInfo`](api::KeyInfo) |
//! | `POST /v1/sign` | [`SignRequest`](api::SignRequest) | [`Signed`](api::Signed) |
//! | `POST /v1/freeze` | [`FreezeRequest`](api::FreezeRequest) | list of [`FreezeInfo`](api::FreezeInfo) |
//! | `POST /v1/freeze-signed` | [`SignedFreeze`](api::SignedFreeze) | [`FreezeInfo`](api::FreezeInfo) |
//! | `POST /v1/resume` | [`ResumeRequest`](api::ResumeRequest) | list of [`FreezeInfo`](api::FreezeInfo) |
//! | `POST /v1/attest` | [`AttestRequest`](api::AttestRequest) | list of [`AttestResult`](api::AttestResult) |
//! | `POST /v1/amend` | [`AmendRequest`](api::AmendRequest) | list of [`AmendResult`](api::AmendResult) |
//! | `POST /v1/backup` | [`BackupRequest`](api::BackupRequest) | [`BackupResult`](api::BackupResult) |
//! | `POST /v1/reshare` | [`ReshareRequest`](api::ReshareRequest) | [`ReshareResult`](api::ReshareResult) |
//! | `GET /v1/plans` | – | list of [`PlanInfo`](api::PlanInfo) |
//! | `POST /v1/consent` | [`ConsentRequest`](api::ConsentRequest) | `{}` |
//! | `POST /v1/audit` | [`AuditRequest`](api::AuditRequest) | [`AuditEntries`](api::AuditEntries) |
//! | `POST /v1/audit/verify` | – | [`AuditVerified`](api::AuditVerified) |
//! | `POST /v1/rejoin` | – | [`RejoinReport`](api::RejoinReport) |
//! | `POST /v1/accept-rejoin` | [`AcceptRejoinRequest`](api::AcceptRejoinRequest) | [`AcceptedRejoinInfo`](api::AcceptedRejoinInfo) |
//! | `POST /v1/shutdown` | – | `{}` |
//!
//! With the feature `remote`, requesters on other machines ask over TCP (`[control]` in the configuration): TLS 1.3, with a certificate that
//! an authority of the operator's choice gave them, and only for `status`, `keys`, `sign`, `attest` and `freeze-signed`.
//!
//! Errors come as a status of 400 (the request is wrong), 403 (a policy denied it), 404 (no such key), 409 (a participant broke the
//! protocol or refused), 423 (the key is frozen), 503 (participants do not answer) or 500, with an [`ApiError`](api::ApiError) as body.

mod amend;
pub mod api;
mod audit;
mod backup;
mod client;
#[cfg(feature = "metrics")]
mod metrics;
mod people;
#[cfg(feature = "remote")]
mod remote;
mod reshare;
mod server;
mod witness;

pub use client::{Client, ClientError};
#[cfg(feature = "metrics")]
pub(crate) use metrics::MetricsServer;
#[cfg(feature = "remote")]
pub use remote::{ClientTls, MAX_CONNECTIONS, RemoteError};
#[cfg(feature = "remote")]
pub(crate) use remote::{RemoteServer, tls as remote_tls};
pub use server::{ControlServer, serve};
