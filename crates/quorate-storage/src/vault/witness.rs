//! What cosigners remember of each other, so that a store that was put back to an older copy, and a second running copy, are noticed.
//!
//! A [`Stamp`] says how far a cosigner is: its start and the head of its audit log, both of which only grow, with a tag by its own
//! vault key. It shows one to a peer that asks; the peer keeps the last one, and compares the next with it ([`Stamp::judge`]). The
//! peer hands the kept one back when it asks again: the tag proves to the cosigner itself, and to nobody else, that it once was that
//! far. Nothing of it is secret.
//!
//! ```text
//! witness/<peer id>   what was seen of that peer last, and the alarm about it
//! standing            why this cosigner itself has to stand aside, and which history it gave up when it rejoined
//! ```

use core::fmt;

use quorate_core::{
    DecodeError, PeerId,
    ecdsa::Boot,
    wire::{Encoding, Reader, Writer},
};

use super::{TAG, Vault, VaultError};
use crate::{
    audit::AuditHead,
    crash::{self, Point},
    domain,
    epoch_key::hex,
    store::{RecordName, StoreError, Stored},
};

const VERSION: u8 = 1;
/// How often a change is tried against other changes of the same record.
const TRIES: usize = 8;

/// How far a cosigner is, under its own vault's tag.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamp {
    /// Which start it is.
    pub boot: Boot,
    /// How far its audit log goes.
    pub head: AuditHead,
    tag: [u8; TAG],
}

/// In what a cosigner is behind what was seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lapse {
    /// It counts fewer starts.
    OlderStart,
    /// It counts as many starts, and this is another one: two copies of one store run, or ran.
    OtherStart,
    /// Its audit log is shorter.
    ShorterLog,
    /// Its audit log says something else at a place that was seen.
    OtherLog,
}

/// What a stamp means for whoever remembers an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes on from there.
    Fine,
    /// It is farther, and does not show what its log says at the place that was seen.
    Unshown,
    /// It is behind.
    Behind(Lapse),
}

/// The alarm about a peer. It stands until an operator accepts the peer again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alarm {
    /// When, in seconds of Unix time.
    pub at: u64,
    /// In what it is behind.
    pub lapse: Lapse,
    /// What it showed.
    pub shown: Stamp,
}

/// What this cosigner remembers of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Witnessed {
    /// The last stamp; nothing before the first one.
    pub seen: Option<Stamp>,
    /// The alarm, if there is one.
    pub alarm: Option<Alarm>,
}

/// A stamp of this cosigner itself that it has no memory of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// When it was shown, in seconds of Unix time.
    pub at: u64,
    /// Who showed it.
    pub peer: PeerId,
    /// How far this cosigner once was.
    pub stamp: Stamp,
}

/// How this cosigner itself stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Why it has to stand aside, if it has to.
    pub behind: Option<Evidence>,
    /// Stamps up to this start are of a history that it gave up when it rejoined.
    pub given_up: u64,
}

impl Alarm {
    /// Puts together an alarm.
    #[must_use]
    pub const fn new(at: u64, lapse: Lapse, shown: Stamp) -> Self {
        Self { at, lapse, shown }
    }
}

impl Evidence {
    /// Puts together what a peer showed.
    #[must_use]
    pub const fn new(at: u64, peer: PeerId, stamp: Stamp) -> Self {
        Self { at, peer, stamp }
    }
}

impl Stamp {
    /// Compares `now` with what was seen before. `then` is the digest that the log of `now` has at the place that was seen.
    ///
    /// Starts and logs only grow. So whoever counts fewer starts, has a shorter log, or another one, goes on from an older copy.
    #[must_use]
    pub fn judge(seen: Option<&Self>, now: &Self, then: Option<&[u8; 32]>) -> Verdict {
        let Some(seen) = seen else { return Verdict::Fine };
        if now.boot.counter < seen.boot.counter {
            return Verdict::Behind(Lapse::OlderStart);
        }
        if now.boot.counter == seen.boot.counter && now.boot.random != seen.boot.random {
            return Verdict::Behind(Lapse::OtherStart);
        }
        if now.head.sequence < seen.head.sequence {
            return Verdict::Behind(Lapse::ShorterLog);
        }
        let there = if now.head.sequence == seen.head.sequence { Some(&now.head.digest) } else { then };
        match there {
            None => Verdict::Unshown,
            Some(digest) if *digest == seen.head.digest => Verdict::Fine,
            Some(_) => Verdict::Behind(Lapse::OtherLog),
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "start {} and log entry {}", self.boot.counter, self.head.sequence)
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stamp({self}, start {}, log {})", hex(&self.boot.random), hex(&self.head.digest))
    }
}

impl fmt::Display for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OlderStart => "it counts fewer starts",
            Self::OtherStart => "it is another start of the same number",
            Self::ShorterLog => "its audit log is shorter",
            Self::OtherLog => "its audit log has another history",
        })
    }
}

impl Encoding for Stamp {
    fn write(&self, out: &mut Writer) {
        self.boot.write(out);
        self.head.write(out);
        out.raw(&self.tag);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { boot: Boot::read(input)?, head: AuditHead::read(input)?, tag: input.array()? })
    }
}

impl Encoding for Lapse {
    fn write(&self, out: &mut Writer) {
        out.u8(match self {
            Self::OlderStart => 1,
            Self::OtherStart => 2,
            Self::ShorterLog => 3,
            Self::OtherLog => 4,
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::OlderStart),
            2 => Ok(Self::OtherStart),
            3 => Ok(Self::ShorterLog),
            4 => Ok(Self::OtherLog),
            _ => Err(DecodeError::InvalidValue("lapse")),
        }
    }
}

impl Encoding for Alarm {
    fn write(&self, out: &mut Writer) {
        out.u64(self.at);
        self.lapse.write(out);
        self.shown.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { at: input.u64()?, lapse: Lapse::read(input)?, shown: Stamp::read(input)? })
    }
}

impl Encoding for Evidence {
    fn write(&self, out: &mut Writer) {
        out.u64(self.at);
        self.peer.write(out);
        self.stamp.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { at: input.u64()?, peer: PeerId::read(input)?, stamp: Stamp::read(input)? })
    }
}

fn read_version(input: &mut Reader<'_>) -> Result<(), DecodeError> {
    let version = input.u8()?;
    if version == VERSION { Ok(()) } else { Err(DecodeError::UnsupportedVersion { found: version }) }
}

impl Encoding for Witnessed {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.option(self.seen.as_ref());
        out.option(self.alarm.as_ref());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_version(input)?;
        Ok(Self { seen: input.option()?, alarm: input.option()? })
    }
}

impl Encoding for Standing {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.option(self.behind.as_ref());
        out.u64(self.given_up);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_version(input)?;
        Ok(Self { behind: input.option()?, given_up: input.u64()? })
    }
}

impl Vault {
    /// Says how far this cosigner is.
    #[must_use]
    pub fn stamp(&self, boot: Boot, head: AuditHead) -> Stamp {
        Stamp { boot, head, tag: self.stamp_tag(&boot, &head) }
    }

    /// Whether this vault made the stamp: nobody else can, and a copy of the store does so too.
    #[must_use]
    pub fn made(&self, stamp: &Stamp) -> bool {
        domain::equal(&stamp.tag, &self.stamp_tag(&stamp.boot, &stamp.head))
    }

    fn stamp_tag(&self, boot: &Boot, head: &AuditHead) -> [u8; TAG] {
        domain::tag(domain::STAMP, &self.key, &[self.cosigner.as_bytes(), &boot.to_bytes(), &head.to_bytes()])
    }

    /// What this cosigner remembers of a peer.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store.
    pub async fn witnessed(&self, peer: &PeerId) -> Result<Witnessed, VaultError> {
        Ok(self.read_authentic(&witness_name(peer)?).await?.map(|(_, witnessed)| witnessed).unwrap_or_default())
    }

    /// Remembers how far a peer is. Nothing changes if there is an alarm about it, or more is remembered already.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store.
    pub async fn remember(&self, peer: &PeerId, now: Stamp) -> Result<Witnessed, VaultError> {
        let farther = |seen: &Stamp| (now.boot.counter, now.head.sequence) > (seen.boot.counter, seen.head.sequence);
        let places = (Point::SeenBeforeWrite, Point::SeenAfterWrite);
        self.change(&witness_name(peer)?, places, |before: Witnessed| match before.seen {
            Some(seen) if before.alarm.is_some() || !farther(&seen) => before,
            _ => Witnessed { seen: Some(now), ..before },
        })
        .await
    }

    /// Raises the alarm about a peer. One that stands already is kept, and so is what was seen before.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store.
    pub async fn raise_alarm(&self, peer: &PeerId, alarm: Alarm) -> Result<Witnessed, VaultError> {
        let places = (Point::AlarmBeforeWrite, Point::AlarmAfterWrite);
        let raise = |before: Witnessed| Witnessed { alarm: before.alarm.or(Some(alarm)), ..before };
        self.change(&witness_name(peer)?, places, raise).await
    }

    /// Ends the alarm about a peer, and begins again from what it shows now. For an operator who knows what happened there.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store.
    pub async fn accept_again(&self, peer: &PeerId, now: Stamp) -> Result<Witnessed, VaultError> {
        let places = (Point::AcceptBeforeWrite, Point::AcceptAfterWrite);
        self.change(&witness_name(peer)?, places, |_: Witnessed| Witnessed { seen: Some(now), alarm: None }).await
    }

    /// How this cosigner itself stands.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store.
    pub async fn standing(&self) -> Result<Standing, VaultError> {
        Ok(self.read_authentic(&standing_name()?).await?.map(|(_, standing)| standing).unwrap_or_default())
    }

    /// Has this cosigner stand aside. The first reason is kept.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store.
    pub async fn stand_aside(&self, evidence: Evidence) -> Result<Standing, VaultError> {
        let places = (Point::StandAsideBeforeWrite, Point::StandAsideAfterWrite);
        let aside = |before: Standing| Standing { behind: before.behind.or(Some(evidence)), ..before };
        self.change(&standing_name()?, places, aside).await
    }

    /// Gives up the history up to start `last`: the next start has a higher number, and stamps up to that one are no evidence any more.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store; it may be called again.
    pub async fn give_up(&self, last: u64) -> Result<Standing, VaultError> {
        // The number first: whoever stands no longer aside must not start with one that was there before.
        let places = (Point::GiveUpBeforeStart, Point::GiveUpAfterStart);
        self.change(&RecordName::new("boot")?, places, |boot: u64| boot.max(last)).await?;
        let places = (Point::GiveUpBeforeStanding, Point::GiveUpAfterStanding);
        let free = |before: Standing| Standing { behind: None, given_up: before.given_up.max(last) };
        self.change(&standing_name()?, places, free).await
    }

    async fn read_authentic<T: Encoding>(&self, name: &RecordName) -> Result<Option<(Stored, T)>, VaultError> {
        let Some(stored) = self.store.read(name).await? else { return Ok(None) };
        let value = self.authentic(&stored)?;
        Ok(Some((stored, value)))
    }

    /// Changes a record; when it changes in between, again from what it is then. What stays the same is not written. The crash test kills
    /// at the places before and after the write.
    async fn change<T: Encoding + Default + Copy + PartialEq>(
        &self,
        name: &RecordName,
        places: (Point, Point),
        change: impl Fn(T) -> T + Send,
    ) -> Result<T, VaultError> {
        for _ in 0..TRIES {
            let found = self.read_authentic::<T>(name).await?;
            let before = found.as_ref().map(|(_, value)| *value).unwrap_or_default();
            let after = change(before);
            if after == before {
                return Ok(after);
            }
            let value = self.authenticate(name, after.to_bytes());
            crash::point(places.0);
            let written = match &found {
                None => self.store.create(name, &value).await,
                Some((stored, _)) => self.store.compare_and_swap(name, &stored.version, &value).await,
            };
            crash::point(places.1);
            match written {
                Err(StoreError::AlreadyExists { .. } | StoreError::Conflict { .. }) => {}
                written => return written.map(|_| after).map_err(VaultError::from),
            }
        }
        Err(StoreError::Conflict { name: name.clone() }.into())
    }
}

fn witness_name(peer: &PeerId) -> Result<RecordName, StoreError> {
    RecordName::new(&format!("witness/{}", hex(peer.as_bytes())))
}

fn standing_name() -> Result<RecordName, StoreError> {
    RecordName::new("standing")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(counter: u64, random: u8, sequence: u64, digest: u8) -> Stamp {
        Stamp { boot: Boot::new(counter, [random; 16]), head: AuditHead::new(sequence, [digest; 32]), tag: [0xee; 32] }
    }

    #[test]
    fn whoever_goes_on_is_fine_and_whoever_is_behind_is_found() {
        let seen = stamp(5, 1, 10, 7);
        let judge = |now: Stamp, then: Option<u8>| Stamp::judge(Some(&seen), &now, then.map(|byte| [byte; 32]).as_ref());
        assert_eq!(judge(seen, None), Verdict::Fine);
        assert_eq!(judge(stamp(5, 1, 12, 9), Some(7)), Verdict::Fine);
        assert_eq!(judge(stamp(9, 2, 12, 9), Some(7)), Verdict::Fine);
        assert_eq!(judge(stamp(6, 2, 10, 7), None), Verdict::Fine);
        assert_eq!(judge(stamp(6, 2, 12, 9), None), Verdict::Unshown);
        assert_eq!(judge(stamp(4, 1, 99, 9), Some(7)), Verdict::Behind(Lapse::OlderStart));
        assert_eq!(judge(stamp(5, 2, 99, 9), Some(7)), Verdict::Behind(Lapse::OtherStart));
        assert_eq!(judge(stamp(6, 2, 9, 7), Some(7)), Verdict::Behind(Lapse::ShorterLog));
        assert_eq!(judge(stamp(6, 2, 10, 8), Some(7)), Verdict::Behind(Lapse::OtherLog));
        assert_eq!(judge(stamp(6, 2, 12, 9), Some(8)), Verdict::Behind(Lapse::OtherLog));
        assert_eq!(Stamp::judge(None, &seen, None), Verdict::Fine);
    }

    #[test]
    fn records_of_version_1_stay_what_they_are() {
        let (seen, shown) = (stamp(5, 1, 10, 7), stamp(4, 2, 9, 8));
        let witnessed = Witnessed { seen: Some(seen), alarm: Some(Alarm::new(258, Lapse::OlderStart, shown)) };
        let text = |counter: &str, random: &str, sequence: &str, digest: &str| {
            [counter.to_owned(), random.repeat(16), sequence.to_owned(), digest.repeat(32), "ee".repeat(32)].concat()
        };
        let seen_text = text("0000000000000005", "01", "000000000000000a", "07");
        let shown_text = text("0000000000000004", "02", "0000000000000009", "08");
        let bytes = witnessed.to_bytes();
        assert_eq!(hex(&bytes), format!("0101{seen_text}01000000000000010201{shown_text}"));
        assert_eq!(Witnessed::from_bytes(&bytes), Ok(witnessed));
        let evidence = Evidence::new(258, PeerId::new([0x50; 32]), seen);
        let standing = Standing { behind: Some(evidence), given_up: 3 };
        let bytes = standing.to_bytes();
        assert_eq!(hex(&bytes), format!("01010000000000000102{}{seen_text}0000000000000003", "50".repeat(32)));
        assert_eq!(Standing::from_bytes(&bytes), Ok(standing));
        assert!(Lapse::from_bytes(&[5]).is_err() && Lapse::from_bytes(&[0]).is_err());
    }
}
