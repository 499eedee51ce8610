//! Seeds that say what happens step by step: to a good value, at a protocol's inbox, on a link.

use super::{Seeds, named};

/// For targets that change a good value: nothing, a flip, a cut, bytes behind, bytes of its own.
pub(super) fn changes() -> Seeds {
    named([
        ("none", vec![0, 0, 0]),
        ("flip", vec![0, 1, 20, 1, 0]),
        ("cut", vec![0, 0, 1, 50]),
        ("behind", vec![0, 0, 2, 2, 5, 6]),
        ("splice", vec![1, 40]),
        ("own", vec![2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9]),
    ])
}

pub(super) fn vault() -> Seeds {
    let swaps = (0..8_u8).map(|at| (format!("swap-{at}"), vec![at, (at + 3) % 8, 1]));
    let flips = (0..8_u8).map(|at| (format!("flip-{at}"), vec![at, 0, 0, 1, 30, 4, 0]));
    named(flips.chain(swaps).chain([("same".to_owned(), vec![3, 3, 1])]))
}

/// Steps at an inbox, for each suite and for two and three participants.
pub(super) fn steps() -> Seeds {
    let mixed = [
        &[0x17, 0][..],               // an honest frame
        &[0x12, 1, 1, 60, 1, 0],      // one with a flip
        &[0x10, 3, 1, 1, 1],          // garbage
        &[0x11, 2, 0, 2, 7, 7, 1, 9], // a frame of two parts
        &[0x14, 0, 0, 3, 1, 2, 3],    // garbage behind the context
        &[0x15, 1, 9],                // a round that there is not
        &[0x23, 1],                   // somebody else's
        &[0x06, 0],                   // stored
    ];
    let suites = (0..5_u8).flat_map(|suite| [0, 1].map(|two| (suite, two)));
    let of = |(suite, two): (u8, u8)| {
        let honest = (format!("honest-{suite}-{two}"), vec![suite, two, 7, 0, 7, 1, 7, 2, 6, 0, 7, 3]);
        let quiet = (format!("quiet-{suite}-{two}"), [&[suite, two][..], &mixed[4..].concat()].concat());
        let loud = (format!("loud-{suite}-{two}"), [&[suite, two][..], &mixed.concat()].concat());
        [honest, quiet, loud]
    };
    named(suites.flat_map(of))
}

/// Flips in the first, a middle and the last byte of an honest frame of each round, behind the honest frames of the rounds before.
fn flips(rounds: &[usize]) -> Seeds {
    let flip = |round: usize, (place, at): (&str, usize)| {
        let honest = (0..round as u8).flat_map(|number| [7, number]);
        let [high, low] = (at as u16).to_be_bytes();
        let at = if rounds[round] > 256 { vec![high, low] } else { vec![low] };
        let changed = [&[0x12, round as u8, 1][..], &at, &[1, 0]].concat();
        (format!("flip-{}-{place}", round + 1), honest.chain(changed).collect())
    };
    let places = |round: usize| [("first", 59), ("middle", rounds[round] / 2), ("last", rounds[round] - 1)];
    named((0..rounds.len()).flat_map(|round| places(round).map(|place| flip(round, place))))
}

/// What a pairing's inbox may get.
pub(super) fn pairing() -> Seeds {
    let honest = named([("honest", vec![7, 0, 7, 1, 7, 2]), ("reflected", vec![7, 0, 0x13, 0, 0x23, 1])]);
    [honest, flips(&[123, 8251, 5179])].concat()
}

/// For two and three signers and both suites, runs of `rounds` rounds before the last, which uses what they made.
pub(super) fn ecdsa(rounds: usize) -> Seeds {
    let lengths = match rounds {
        0 => &[155][..],
        1 => &[4171, 65536],
        _ => &[2683, 40255, 155],
    };
    let heads = [[0, 0], [0, 1], [1, 0]];
    let with = |head: [u8; 2]| {
        let name = move |name: &str| format!("{name}-{}-{}", head[0], head[1]);
        let honest = (name("honest"), [&head[..], &[7, 0, 7, 1, 7, 2, 7, 3]].concat());
        let flips = flips(lengths).into_iter().filter(move |_| head == [0, 0]);
        let forged = (name("forged"), [&head[..], &[7, 0, 0x11, 2, 0, 2, 7, 7, 1, 9, 0x23, 1, 0x15, 0, 2]].concat());
        [honest, forged].into_iter().chain(flips.map(move |(flip, steps)| (name(&flip), [&head[..], &steps].concat())))
    };
    named(heads.into_iter().flat_map(with))
}

pub(super) fn link() -> Seeds {
    let seal = |side: u8| vec![0, side, 0, 3, b'a', b'b', b'c'];
    named([
        ("deliver", [seal(0), vec![1, 1, 0], seal(1), vec![1, 0, 1], vec![1, 1, 0]].concat()),
        ("change", [seal(0), vec![2, 1, 0, 1, 20, 1, 0], vec![1, 1, 0]].concat()),
        ("own", [seal(0), vec![3, 1, 0, 18, 4, 1, 2, 3, 4]].concat()),
    ])
}

pub(super) fn endpoint() -> Seeds {
    let fragment = |number: u8, session: u8, total: u8| vec![0, 7, 0, number, 0, 0, session, 0, total, 0, 0, 9];
    let (open, poll, read) = (vec![0, 3, 1, 0], vec![0, 2, 0, 50], vec![0, 5]);
    let acks = vec![0, 0, 0, 16, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0];
    let send = vec![0, 6, 0, 9, 0, 0];
    let scenes = [
        [fragment(0, 0, 5), fragment(1, 1, 7), open.clone(), read.clone(), poll.clone()].concat(),
        [send, acks, poll.clone(), vec![0, 10], poll].concat(),
        [open, fragment(0, 1, 0), vec![0, 4], fragment(1, 1, 3), vec![0, 9, 1, 20, 1, 0], vec![0, 1, 0, 0, 2, 1, 1]].concat(),
    ];
    let sides = (0..2_u8).flat_map(|side| scenes.iter().enumerate().map(move |(n, scene)| (side, n, scene)));
    named(sides.map(|(side, n, scene)| (format!("scene-{side}-{n}"), [&[side][..], scene].concat())))
}
