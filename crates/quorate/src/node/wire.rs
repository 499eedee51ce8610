//! The wires that a configuration can name.

use std::{path::Path, sync::Arc};

use quorate_core::PeerId;
use quorate_transport::{
    Roster, Wire,
    wires::tcp::{TcpLimits, TcpWire},
};

use super::NodeError;
use crate::config::{Config, NatsConfig, WireConfig};

/// The file of a cosigner's directory with the nkey seed that `quorate init` made.
pub const NKEY_FILE: &str = "nats.seed";

/// Starts the wire that the configuration of a cosigner's directory names.
pub(super) async fn start(directory: &Path, config: &Config, me: PeerId, roster: &Roster) -> Result<Arc<dyn Wire>, NodeError> {
    match &config.wire {
        WireConfig::Tcp => Ok(Arc::new(TcpWire::start(me, &config.listen, roster, TcpLimits::default()).await?)),
        WireConfig::Nats(nats) => nats::start(directory, nats, me, roster).await,
    }
}

/// Makes what the wire of a new cosigner needs in its directory, if it is not there.
pub(super) fn prepare(directory: &Path, config: &WireConfig) -> Result<(), NodeError> {
    match config {
        WireConfig::Tcp => Ok(()),
        WireConfig::Nats(nats) => nats::prepare(directory, nats),
    }
}

/// The public nkey of a cosigner's directory, by which NATS servers know it; nothing if its configuration names none.
///
/// # Errors
///
/// [`NodeError::Config`], [`NodeError::File`], [`NodeError::Nkey`].
#[cfg(feature = "nats")]
pub fn public_nkey(directory: &Path) -> Result<Option<String>, NodeError> {
    let config = Config::load(directory)?;
    let WireConfig::Nats(NatsConfig { seed_file: Some(file), .. }) = config.wire else { return Ok(None) };
    Ok(Some(nats::seed(&directory.join(file))?.public()))
}

/// The public nkey of a seed file, which is made if there is none.
///
/// # Errors
///
/// [`NodeError::File`], [`NodeError::Nkey`].
#[cfg(feature = "nats")]
pub fn make_nkey(path: &Path) -> Result<String, NodeError> {
    nats::make(path)?;
    Ok(nats::seed(path)?.public())
}

#[cfg(feature = "nats")]
mod nats {
    use core::time::Duration;

    use quorate_transport::{
        RelayState,
        nkey::NkeySeed,
        wires::{NatsOptions, NatsWire},
    };
    use tokio::{sync::watch, time::sleep};

    use super::{Arc, NatsConfig, NodeError, Path, PeerId, Roster, Wire};
    use crate::node::{secret_file, write_new};

    /// A server that comes and goes is told of no more often.
    const TELL_EVERY: Duration = Duration::from_secs(10);

    pub(super) async fn start(
        directory: &Path,
        config: &NatsConfig,
        me: PeerId,
        roster: &Roster,
    ) -> Result<Arc<dyn Wire>, NodeError> {
        let wire = NatsWire::start(me, roster, options(directory, config)?).await?;
        if let Some(trouble) = wire.trouble() {
            tracing::warn!("no NATS server can be reached yet ({trouble}); it is tried again");
        }
        // It ends with the wire.
        drop(tokio::spawn(tell_changes(wire.states())));
        Ok(Arc::new(wire))
    }

    /// Logs how the connection is whenever that has changed, the first change at once and what follows together.
    async fn tell_changes(mut states: watch::Receiver<RelayState>) {
        let mut told = states.borrow_and_update().clone();
        while states.changed().await.is_ok() {
            let now = states.borrow_and_update().clone();
            tell(&told, &now);
            told = now;
            sleep(TELL_EVERY).await;
        }
    }

    /// What a change of the connection is to an operator.
    #[derive(Debug, PartialEq, Eq)]
    enum Change {
        Connected,
        Complains,
        Away,
    }

    fn change(told: &RelayState, now: &RelayState) -> Option<Change> {
        let (is_again, is_other) = (now.connections != told.connections, now.trouble != told.trouble);
        match &now.server {
            Some(_) if is_again => Some(Change::Connected),
            Some(_) if is_other => Some(Change::Complains),
            None if is_again || is_other || told.server.is_some() => Some(Change::Away),
            _ => None,
        }
    }

    fn tell(told: &RelayState, now: &RelayState) {
        let (server, reason, connections) = (now.server.as_deref(), now.trouble.as_deref(), now.connections);
        match change(told, now) {
            Some(Change::Connected) => tracing::info!(server, connections, last_trouble = reason, "connected to a NATS server"),
            Some(Change::Complains) => tracing::warn!(server, reason, "the NATS server complains"),
            Some(Change::Away) => tracing::warn!(reason, connections, "no NATS server carries messages; it is tried again"),
            None => {}
        }
    }

    fn options(directory: &Path, config: &NatsConfig) -> Result<NatsOptions, NodeError> {
        let mut options = NatsOptions::new(&config.servers)?;
        if let Some(subject) = &config.subject {
            options = options.subject(subject)?;
        }
        if let Some(file) = &config.seed_file {
            options = options.seed(seed(&directory.join(file))?);
        }
        if let Some(file) = &config.ca_file {
            options = options.roots(&directory.join(file))?;
        }
        if let Some(client) = &config.client_certificate {
            options = options.client_certificate(&directory.join(&client.chain), &directory.join(&client.key))?;
        }
        if let Some(bytes) = config.max_payload {
            options = options.max_payload(bytes)?;
        }
        Ok(options)
    }

    pub(super) fn seed(path: &Path) -> Result<NkeySeed, NodeError> {
        let text = secret_file(path)?;
        NkeySeed::from_text(&text).map_err(|source| NodeError::Nkey { path: path.to_owned(), source })
    }

    /// Makes the seed if it should be in the directory and is not.
    pub(super) fn prepare(directory: &Path, config: &NatsConfig) -> Result<(), NodeError> {
        // What is wrong with the section is found before anything is made.
        options(directory, &NatsConfig { seed_file: None, ..config.clone() })?;
        let Some(path) = config.seed_file.as_ref().map(|file| directory.join(file)) else { return Ok(()) };
        if path.starts_with(directory) { make(&path) } else { seed(&path).map(drop) }
    }

    /// Makes a seed, unless the file is there.
    pub(super) fn make(path: &Path) -> Result<(), NodeError> {
        if path.exists() {
            return Ok(());
        }
        let failed = |source| NodeError::Nkey { path: path.to_owned(), source };
        let made = NkeySeed::generate(&mut getrandom::SysRng).map_err(failed)?;
        let written = match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
            (Some(directory), Some(name)) if directory.as_os_str().is_empty() => write_new(Path::new("."), name, &made.to_text()),
            (Some(directory), Some(name)) => write_new(directory, name, &made.to_text()),
            _ => Err(std::io::ErrorKind::InvalidFilename.into()),
        };
        written.map_err(|source| NodeError::File { path: path.to_owned(), source })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_loss_return_and_new_complaint_is_told_and_the_same_one_once() {
            let state = |server: Option<&str>, connections: u64, trouble: Option<&str>| {
                let mut state = RelayState::default();
                (state.server, state.connections) = (server.map(str::to_owned), connections);
                state.trouble = trouble.map(str::to_owned);
                state
            };
            let (up, lost) = (state(Some("a"), 1, None), state(None, 1, Some("lost a")));
            let (back, again) = (state(Some("a"), 2, Some("lost a")), state(None, 2, Some("lost a")));
            let complains = state(Some("a"), 2, Some("no permission"));
            for (told, now, expected) in [
                (&RelayState::default(), &up, Some(Change::Connected)),
                (&up, &lost, Some(Change::Away)),
                (&lost, &lost, None),
                (&lost, &state(None, 1, Some("refused")), Some(Change::Away)),
                (&lost, &back, Some(Change::Connected)),
                (&up, &back, Some(Change::Connected)),
                (&back, &again, Some(Change::Away)),
                (&lost, &again, Some(Change::Away)),
                (&back, &complains, Some(Change::Complains)),
                (&complains, &complains, None),
            ] {
                assert_eq!(change(told, now), expected, "{told:?} {now:?}");
            }
        }
    }
}

#[cfg(not(feature = "nats"))]
mod nats {
    use super::{Arc, NatsConfig, NodeError, Path, PeerId, Roster, Wire};

    #[expect(clippy::unused_async, reason = "the same shape as with the feature")]
    pub(super) async fn start(
        _directory: &Path,
        _config: &NatsConfig,
        _me: PeerId,
        _roster: &Roster,
    ) -> Result<Arc<dyn Wire>, NodeError> {
        Err(NodeError::NoSuchWire { kind: "nats" })
    }

    pub(super) const fn prepare(_directory: &Path, _config: &NatsConfig) -> Result<(), NodeError> {
        Err(NodeError::NoSuchWire { kind: "nats" })
    }
}
