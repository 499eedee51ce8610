//! What people and other programs write: rosters, configurations, paths, requests.

use std::path::Path;

use quorate::{config::Config, control::api, policy::BuiltinPolicy};
use quorate_core::{
    derive::DerivationPath,
    placement::{DomainPath, Waiver},
};
use quorate_transport::Roster;
use serde::{Serialize, de::DeserializeOwned};

fn text(data: &[u8]) -> Option<&str> {
    core::str::from_utf8(data).ok()
}

/// A roster file: what was read can be written and read again.
pub(crate) fn roster(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Roster::from_toml(text) {
        Ok(roster) => {
            let again = Roster::from_toml(&roster.to_toml()).unwrap();
            assert_eq!((&again, again.digest()), (&roster, roster.digest()));
            for cosigner in roster.iter() {
                assert_eq!(roster.peer(&cosigner.name), Some(cosigner));
                assert_eq!(roster.cosigner(cosigner.identity), Some(cosigner));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A configuration file, and a policy by itself.
pub(crate) fn config(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Config::parse(text, Path::new("quorate.toml")) {
        Ok(config) => assert!(config.placement.exposure().is_ok()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Err(error) = text.parse::<BuiltinPolicy>() {
        assert!(!error.to_string().is_empty());
    }
}

/// Paths have one spelling.
pub(crate) fn paths(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(path) = text.parse::<DerivationPath>() {
        assert_eq!(path.to_string(), text);
        assert_eq!(DerivationPath::new(path.iter()).as_ref(), Ok(&path));
    }
    if let Ok(path) = text.parse::<DomainPath>() {
        assert_eq!(path.to_string(), text);
        assert!(path.ancestors().all(|ancestor| path.is_within(&ancestor)) && path.is_within(&path.provider()));
        let _ = Waiver::new(path, text, text);
    }
    let _ = Waiver::new("a".parse().unwrap(), "because", text).map(|waiver| assert_eq!(waiver.date().to_string(), text));
}

/// The bodies of the control API; the first byte says which type.
pub(crate) fn api_json(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 9 {
        0 => json::<api::KeygenRequest>(data),
        1 => json::<api::SignRequest>(data),
        2 => json::<api::AttestRequest>(data),
        3 => json::<api::WaiverRequest>(data),
        4 => json::<api::Status>(data),
        5 => json::<api::KeyInfo>(data),
        6 => json::<api::Signed>(data),
        7 => json::<api::AttestResult>(data),
        _ => json::<api::ApiError>(data),
    }
}

fn json<T: Serialize + DeserializeOwned + PartialEq + core::fmt::Debug>(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(data) {
        let again = serde_json::to_vec(&value).unwrap();
        assert_eq!(serde_json::from_slice::<T>(&again).unwrap(), value);
    }
}
