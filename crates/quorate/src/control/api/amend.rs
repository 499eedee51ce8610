//! Amendments of placements, as JSON.

use serde::{Deserialize, Serialize};

/// Asks all participants to agree that this cosigner's share is where its configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers build it, with ..Default::default()")]
pub struct AmendRequest {
    /// The key: a wallet's name, or a key id.
    pub key: String,
    /// The suite, if the wallet has several; all of them if absent.
    #[serde(default)]
    pub suite: Option<String>,
}

/// A key whose participants agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AmendResult {
    /// The wallet.
    pub wallet: String,
    /// The key's suite.
    pub suite: String,
    /// The key.
    pub key_id: String,
    /// The number of the amendment; absent if the placement said so already.
    pub number: Option<u32>,
}

/// A later row of a participant, in the key's epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AmendmentInfo {
    /// The participant's number.
    pub participant: u16,
    /// The number of the amendment among its own.
    pub number: u32,
    /// The encoded row, for the decoder of [`Exposure`](quorate_core::placement::Exposure).
    pub row: String,
    /// Whether it is known here that all participants have approved it.
    pub approved: bool,
}
