//! Sends recorded bytes to running cosigners once more, as whoever sits on the network can.

use core::time::Duration;
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread,
};

use quorate::control::api::KeyInfo;

use super::{tap::Recording, team::Team, trouble::Trouble};

/// How long an answer is waited for. A cosigner that is fooled answers at once.
const ANSWER: Duration = Duration::from_millis(400);
/// The most streams that are sent again.
const MAX_STREAMS: usize = 24;

/// What a team has to show for itself: keys and starts of each cosigner.
fn state(team: &Team) -> Result<Vec<(Vec<KeyInfo>, u64)>, Trouble> {
    let of = |member: &super::team::Member| Ok((member.client().keys()?, member.client().status()?.boot));
    team.holders().map(of).collect()
}

/// Does something that must change no key and make no cosigner start anew.
pub(super) fn unchanged<T>(team: &Team, work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let before = state(team)?;
    let done = work()?;
    if state(team)? != before {
        return Err(Trouble::Broken("the replayed bytes changed keys, or made a cosigner start anew"));
    }
    Ok(done)
}

/// Replays every recorded stream, in both directions, at every cosigner but the thief's own. Gives the number of streams and bytes.
pub(super) fn replay(team: &Team, thief: &str, recordings: &[Recording]) -> Result<(usize, usize), Trouble> {
    let mut streams: Vec<(&str, &[u8])> = Vec::new();
    for recording in recordings {
        streams.push((recording.to, &recording.sent));
        // To the opener of the connection, in the name of the other end.
        streams.push((recording.from, &recording.received));
    }
    streams.retain(|(to, bytes)| *to != thief && !bytes.is_empty());
    // The longest have the ceremonies in them.
    streams.sort_by_key(|(_, bytes)| core::cmp::Reverse(bytes.len()));
    streams.truncate(MAX_STREAMS);
    if streams.is_empty() {
        return Err(Trouble::Broken("there is nothing to replay"));
    }
    thread::scope(|scope| {
        let threads: Vec<_> = streams
            .iter()
            .map(|(to, bytes)| {
                let listen = team.member(to).map(|member| member.listen);
                let address = listen.and_then(|listen| listen.ok_or(Trouble::Broken("a cosigner listens nowhere")));
                scope.spawn(move || send(TcpStream::connect(address?), bytes))
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(Trouble::Broken("a thread stopped"))))
    })?;
    Ok((streams.len(), streams.iter().map(|(_, bytes)| bytes.len()).sum()))
}

/// Sends all bytes and waits for whatever comes back. Refusals and closed connections are what should happen.
fn send(stream: std::io::Result<TcpStream>, bytes: &[u8]) -> Result<(), Trouble> {
    let stream = stream.map_err(|source| Trouble::System { what: "reach a running cosigner", source })?;
    let talk = || -> std::io::Result<()> {
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        (&stream).write_all(bytes)?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        (&stream).take(1 << 20).read_to_end(&mut answer)?;
        Ok(())
    };
    drop(talk());
    Ok(())
}
