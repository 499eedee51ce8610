//! The control API over TCP, and metrics, where the configuration and the build have them.

use std::{path::Path, sync::Arc};

use super::NodeError;
use crate::{
    config::{ControlConfig, MetricsConfig},
    cosigner::Cosigner,
};

#[cfg(feature = "remote")]
pub(super) use crate::control::RemoteServer;

#[cfg(not(feature = "remote"))]
pub(super) enum RemoteServer {}

#[cfg(feature = "metrics")]
pub(super) use crate::control::MetricsServer;

#[cfg(not(feature = "metrics"))]
pub(super) enum MetricsServer {}

#[cfg(feature = "remote")]
pub(super) async fn start(
    directory: &Path,
    config: Option<&ControlConfig>,
    cosigner: &Arc<Cosigner>,
) -> Result<Option<RemoteServer>, NodeError> {
    let Some(config) = config else { return Ok(None) };
    let tls = crate::control::remote_tls(directory, config)?;
    let server = RemoteServer::start(Arc::clone(cosigner), &config.listen, tls).await?;
    tracing::info!(address = server.address(), "requesters on other machines can ask");
    Ok(Some(server))
}

#[cfg(not(feature = "remote"))]
#[expect(clippy::unused_async, reason = "the same shape as with the feature")]
pub(super) async fn start(
    _directory: &Path,
    config: Option<&ControlConfig>,
    _cosigner: &Arc<Cosigner>,
) -> Result<Option<RemoteServer>, NodeError> {
    config.map_or(Ok(None), |_| Err(NodeError::NoRemoteControl))
}

#[cfg(feature = "remote")]
pub(super) async fn close(server: Option<RemoteServer>) {
    if let Some(server) = server {
        server.close().await;
    }
}

#[cfg(not(feature = "remote"))]
#[expect(clippy::unused_async, reason = "the same shape as with the feature")]
pub(super) async fn close(server: Option<RemoteServer>) {
    match server {
        None => {}
        Some(server) => match server {},
    }
}

#[cfg(feature = "metrics")]
pub(super) async fn metrics(
    config: Option<&MetricsConfig>,
    cosigner: &Arc<Cosigner>,
) -> Result<Option<MetricsServer>, NodeError> {
    let Some(config) = config else { return Ok(None) };
    let failed = |source| NodeError::Metrics { address: config.listen.clone(), source };
    Ok(Some(MetricsServer::start(Arc::clone(cosigner), &config.listen).await.map_err(failed)?))
}

#[cfg(not(feature = "metrics"))]
#[expect(clippy::unused_async, reason = "the same shape as with the feature")]
pub(super) async fn metrics(
    config: Option<&MetricsConfig>,
    _cosigner: &Arc<Cosigner>,
) -> Result<Option<MetricsServer>, NodeError> {
    config.map_or(Ok(None), |_| Err(NodeError::NoMetrics))
}

/// Ends it, and lets go of the cosigner.
#[cfg(feature = "metrics")]
pub(super) fn stop_metrics(server: Option<MetricsServer>) {
    drop(server);
}

#[cfg(not(feature = "metrics"))]
pub(super) const fn stop_metrics(_server: Option<MetricsServer>) {}
