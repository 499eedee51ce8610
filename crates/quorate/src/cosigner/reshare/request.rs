//! What is asked for, and what became of it.

use quorate_core::{
    DecodeError, SuiteId, domain,
    identifier::MAX_PARTICIPANTS,
    transcript::Hash,
    wire::{Encoding, Reader, Writer},
};

use crate::ceremony::message::{MAX_RESHARE_KEYS, RequestId, read_text, write_text};

/// Asks for new polynomials of keys, perhaps with other holders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReshareRequest {
    pub(super) keys: Vec<String>,
    pub(super) suite: Option<SuiteId>,
    pub(super) min_signers: Option<u16>,
    pub(super) add: Vec<String>,
    pub(super) remove: Vec<String>,
    pub(super) moved: bool,
    pub(super) request: Option<RequestId>,
}

impl ReshareRequest {
    /// Refreshes keys, by their ids or their wallets' names: the same holders get new shares, and all old ones become useless. All must
    /// be held by the same participants at the same places. One that lost its share gets a new one: it is repaired.
    #[must_use]
    pub fn refresh(keys: impl IntoIterator<Item = String>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            suite: None,
            min_signers: None,
            add: Vec::new(),
            remove: Vec::new(),
            moved: false,
            request: None,
        }
    }

    /// Only the keys of this suite.
    #[must_use]
    pub const fn suite(mut self, suite: SuiteId) -> Self {
        self.suite = Some(suite);
        self
    }

    /// Gives a share to another cosigner of the roster.
    #[must_use]
    pub fn with_holder(mut self, name: &str) -> Self {
        self.add.push(name.to_owned());
        self
    }

    /// Gives no share to a holder: it is evicted.
    #[must_use]
    pub fn without_holder(mut self, name: &str) -> Self {
        self.remove.push(name.to_owned());
        self
    }

    /// Changes how many sign.
    #[must_use]
    pub const fn min_signers(mut self, min_signers: u16) -> Self {
        self.min_signers = Some(min_signers);
        self
    }

    /// Asks every holder anew which domains can reach its share. Without it, and without other changes, the placement stays.
    #[must_use]
    pub const fn moved(mut self) -> Self {
        self.moved = true;
        self
    }

    /// Names the request; random otherwise.
    #[must_use]
    pub const fn request_id(mut self, request: [u8; 32]) -> Self {
        self.request = Some(request);
        self
    }

    /// What its id stands for.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut hash = Hash::new(domain::REQUEST_WORK).field(b"reshare");
        for names in [&self.keys, &self.add, &self.remove] {
            hash = names.iter().fold(hash.list(names.len()), |hash, name| hash.field(name.as_bytes()));
        }
        let suite = self.suite.map_or_else(Vec::new, |suite| suite.to_bytes());
        let (moved, min_signers) = (u64::from(self.moved), self.min_signers.map_or(0, u64::from));
        hash.field(&suite).number(min_signers).number(moved).finish()
    }

    pub(super) const fn is_refresh(&self) -> bool {
        self.keeps_holders() && !self.moved
    }

    /// Whether holders and threshold stay what they are.
    pub(super) const fn keeps_holders(&self) -> bool {
        self.min_signers.is_none() && self.add.is_empty() && self.remove.is_empty()
    }

    /// The same for these keys only.
    pub(super) fn of(mut self, keys: Vec<String>) -> Self {
        self.keys = keys;
        self
    }
}

/// What became of a reshare.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reshared {
    /// The keys that have a new epoch.
    pub keys: Vec<ResharedKey>,
    /// The former holders that destroyed their old shares, by name.
    pub destroyed: Vec<String>,
    /// The former holders that have not said so. Any that holds its old share still can use it only together with others of them.
    pub outstanding: Vec<String>,
    /// Whether so many shares of all former epochs are destroyed that the rest cannot sign. Until then, whoever was to be evicted may
    /// still count. The word of one that leaves does not count.
    pub effective: bool,
    /// How many of those whose word counts may have lied, and it would be effective all the same.
    pub margin: usize,
}

/// A key with a new epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResharedKey {
    /// The wallet.
    pub wallet: String,
    /// The key, which is the same as before.
    pub key_id: [u8; 32],
    /// Its suite.
    pub suite: SuiteId,
    /// The epoch that its shares belong to now.
    pub epoch: u64,
}

/// The epochs from which a request begins, by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bases(pub(super) Vec<([u8; 32], u64)>);

impl Encoding for Bases {
    fn write(&self, out: &mut Writer) {
        out.length(self.0.len());
        for (key_id, epoch) in &self.0 {
            out.raw(key_id);
            out.u64(*epoch);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = input.length(MAX_RESHARE_KEYS)?;
        Ok(Self((0..count).map(|_| Ok((input.array()?, input.u64()?))).collect::<Result<_, DecodeError>>()?))
    }
}

impl Encoding for Reshared {
    fn write(&self, out: &mut Writer) {
        out.length(self.keys.len());
        for key in &self.keys {
            write_text(&key.wallet, out);
            out.raw(&key.key_id);
            key.suite.write(out);
            out.u64(key.epoch);
        }
        for names in [&self.destroyed, &self.outstanding] {
            out.length(names.len());
            names.iter().for_each(|name| write_text(name, out));
        }
        out.u8(u8::from(self.effective));
        out.u64(u64::try_from(self.margin).unwrap_or(u64::MAX));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = input.length(MAX_RESHARE_KEYS)?;
        let mut keys = Vec::new();
        for _ in 0..count {
            let (wallet, key_id) = (read_text(input)?, input.array()?);
            keys.push(ResharedKey { wallet, key_id, suite: SuiteId::read(input)?, epoch: input.u64()? });
        }
        let mut names = || -> Result<Vec<String>, DecodeError> {
            let count = input.length(MAX_PARTICIPANTS)?;
            (0..count).map(|_| read_text(input)).collect()
        };
        let (destroyed, outstanding) = (names()?, names()?);
        let effective = input.flag()?;
        let margin = usize::try_from(input.u64()?).map_err(|_| DecodeError::InvalidValue("margin"))?;
        Ok(Self { keys, destroyed, outstanding, effective, margin })
    }
}
