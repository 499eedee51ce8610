//! `POST /v1/backup`.

use std::path::Path;

use axum::{Json, extract::State};
use quorate_storage::backup::BackupError;

use super::{
    api::{BackupRequest, BackupResult},
    server::{Answer, Body, Context, body},
};
use crate::{
    backup::BackupRequest as Backup,
    cosigner::describe,
    error::{CosignerError, RequestError},
};

pub(super) async fn backup(State(context): State<Context>, request: Body<BackupRequest>) -> Answer<BackupResult> {
    let request = body(request)?;
    let location = request.location.parse().map_err(|error| RequestError::BackupLocation { problem: describe(&error) })?;
    let recipient = request.recipient.parse().map_err(|error: BackupError| CosignerError::from(error))?;
    let path = Path::new(&request.to);
    if !path.is_absolute() {
        return Err(RequestError::BackupPath.into());
    }
    let backup = Backup::new(path, location, recipient).with_identity(request.with_identity).partial(request.partial);
    Ok(Json((&context.cosigner.backup(backup).await?).into()))
}
