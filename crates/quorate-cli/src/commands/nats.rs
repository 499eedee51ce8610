//! `quorate nats`: what NATS servers have to be told.

use crate::{args::NatsCommand, failure::Failure, output::Output};

#[cfg(not(feature = "nats"))]
pub(super) const fn run(_command: &NatsCommand, _output: Output) -> Result<(), Failure> {
    Err(Failure::Feature { option: "quorate nats", feature: "nats" })
}

#[cfg(feature = "nats")]
pub(super) fn run(command: &NatsCommand, output: Output) -> Result<(), Failure> {
    match command {
        NatsCommand::Key { file } => built::key(file, output),
        NatsCommand::Permissions { dir, account } => built::permissions(dir, account.as_deref(), output),
    }
}

#[cfg(feature = "nats")]
mod built {
    use std::path::Path;

    use quorate::{
        config::{Config, NatsConfig, WireConfig},
        node::{make_nkey, read_roster},
        transport::wires::nats::{DEFAULT_SUBJECT, permissions::server_configuration},
    };

    use crate::{failure::Failure, output::Output};

    pub(super) fn key(file: &Path, output: Output) -> Result<(), Failure> {
        let public = make_nkey(file)?;
        output.answer(&serde_json::json!({ "nkey": public }), &public)
    }

    pub(super) fn permissions(directory: &Path, account: Option<&str>, output: Output) -> Result<(), Failure> {
        let config = Config::load(directory)?;
        let configured = if let WireConfig::Nats(NatsConfig { subject, .. }) = &config.wire { subject.as_deref() } else { None };
        let subject = configured.unwrap_or(DEFAULT_SUBJECT);
        let text = server_configuration(&read_roster(directory)?, subject, account)?;
        output.answer(&serde_json::json!({ "configuration": text }), &text)
    }
}
