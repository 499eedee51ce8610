//! All that the cosigners say to each other, as whoever carries it hears it: kept, searched, and said once more.

use std::path::Path;

use quorate::transport::Cosigner;

#[cfg(feature = "real-drill")]
use super::real::Overheard;
use super::{
    replay,
    tap::{self, Recording, Tape},
    team::Team,
    trouble::Trouble,
};

/// What carries messages, and hears them.
#[derive(Debug)]
pub(super) enum Wires {
    /// Recording proxies between each two.
    Taps(Tape),
    /// A NATS server, whose operator hears all.
    #[cfg(feature = "real-drill")]
    Nats(Overheard),
}

/// How much was heard at some time: of each recording its lengths, or the number of messages.
#[derive(Debug)]
pub(super) struct Mark(Vec<(usize, usize)>);

impl Wires {
    /// A roster's entry as one cosigner sees it: over TCP, all others are reached through proxies.
    pub(super) fn entry(&self, of: &'static str, entry: Cosigner) -> Result<Cosigner, Trouble> {
        match self {
            Self::Taps(tape) if entry.name != of => {
                let failed = |source| Trouble::System { what: "start a recording proxy", source };
                let to = super::team::HOLDERS.into_iter().chain(["dave"]).find(|name| *name == entry.name);
                let to = to.ok_or(Trouble::Broken("a participant has an unknown name"))?;
                let listen = entry.address.parse().map_err(|_| Trouble::Broken("a cosigner listens nowhere"))?;
                let address = tap::start(tape, of, to, listen).map_err(failed)?;
                let mut seen = entry;
                seen.address = address.to_string();
                Ok(seen)
            }
            Self::Taps(_) => Ok(entry),
            #[cfg(feature = "real-drill")]
            Self::Nats(_) => Ok(entry),
        }
    }

    pub(super) fn mark(&self) -> Mark {
        match self {
            Self::Taps(tape) => Mark(tape.recordings().iter().map(|tape| (tape.sent.len(), tape.received.len())).collect()),
            #[cfg(feature = "real-drill")]
            Self::Nats(heard) => Mark(vec![(heard.messages().len(), 0)]),
        }
    }

    /// Everything that was heard.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.since(&Mark(Vec::new()))
    }

    /// What was heard since then.
    pub(super) fn since(&self, mark: &Mark) -> Vec<u8> {
        match self {
            Self::Taps(tape) => {
                let marks = mark.0.iter().copied().chain(core::iter::repeat((0, 0)));
                let new = |bytes: &[u8], mark: usize| bytes.get(mark..).unwrap_or_default().to_vec();
                let tapes = tape.recordings().into_iter().zip(marks);
                tapes
                    .flat_map(|(tape, (sent, received))| [new(&tape.sent, sent), new(&tape.received, received)])
                    .flatten()
                    .collect()
            }
            #[cfg(feature = "real-drill")]
            Self::Nats(heard) => {
                let first = mark.0.first().map_or(0, |(count, _)| *count);
                heard.messages().into_iter().skip(first).flat_map(|message| message.payload).collect()
            }
        }
    }

    /// Writes down what was heard, for those who want to look at it (`--keep`).
    pub(super) fn keep(&self, base: &Path) -> Result<((), String), Trouble> {
        let directory = base.join("stolen-wires");
        std::fs::create_dir(&directory).map_err(|source| Trouble::File { what: "make", path: directory.clone(), source })?;
        let write = |name: String, bytes: &[u8]| {
            let path = directory.join(name);
            std::fs::write(&path, bytes).map_err(|source| Trouble::File { what: "write", path, source })
        };
        match self {
            Self::Taps(tape) => {
                let recordings = tape.recordings();
                for (number, Recording { from, to, sent, received }) in recordings.iter().enumerate() {
                    write(format!("{number:02}-{from}-to-{to}"), sent)?;
                    write(format!("{number:02}-{to}-to-{from}"), received)?;
                }
                Ok(((), format!("{} connections", recordings.len())))
            }
            #[cfg(feature = "real-drill")]
            Self::Nats(heard) => {
                let messages = heard.messages();
                let lines = messages.iter().map(|message| format!("{} {}\n", message.subject, hex::encode(&message.payload)));
                write("nats".to_owned(), lines.collect::<String>().as_bytes())?;
                Ok(((), format!("{} messages that crossed alice's NATS server", messages.len())))
            }
        }
    }

    /// Says what was heard once more, to everybody but the thief's own cosigner.
    pub(super) fn replay(&self, team: &Team, thief: &str) -> Result<((), String), Trouble> {
        let (what, count, bytes) = match self {
            Self::Taps(tape) => {
                let (streams, bytes) = replay::unchanged(team, || replay::replay(team, thief, &tape.recordings()))?;
                ("streams", streams, bytes)
            }
            #[cfg(feature = "real-drill")]
            Self::Nats(heard) => {
                let (messages, bytes) = replay::unchanged(team, || heard.replay(team, thief))?;
                ("messages", messages, bytes)
            }
        };
        Ok(((), format!("{count} {what} with {bytes} bytes: no key changed, nobody signed, all answer")))
    }
}
