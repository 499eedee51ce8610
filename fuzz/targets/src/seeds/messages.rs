//! What cosigners say to each other, one seed of a kind.

use quorate_core::{
    SuiteId,
    ecdsa::Boot,
    wire::{Encoding, Writer},
};

use super::{Seeds, placements, row};
use crate::keys::{id, session, unchecked};

/// One message of a kind, with what is behind its first field.
pub(super) type OneMessage<'a> = &'a dyn Fn(u8, &dyn Fn(&mut Writer)) -> (String, Vec<u8>);

/// What cosigners say about epochs, and a proposal to deal a key anew.
pub(super) fn epochs(message: OneMessage<'_>) -> Seeds {
    let reshare = message(1, &|out| {
        out.u8(4);
        out.length(1);
        out.bytes(b"treasury");
        out.raw(&[4; 32]);
        SuiteId::Ed25519.write(out);
        out.u64(1);
        out.raw(&[5; 32]);
        out.u64(2);
        out.bytes(b"");
        unchecked(2, 3).participants().write(out);
        out.raw(&placements()[0].1);
        session(3).peers().write(out);
        out.length(0);
    });
    let known = message(16, &|out| {
        out.length(1);
        out.raw(&[4; 32]);
        out.u8(1);
        out.u64(1);
        out.u8(1);
        out.u64(2);
        out.u8(0);
        out.u8(1);
        out.length(1);
        out.u16(2);
        out.length(1);
        out.raw(&[1; 32]);
    });
    let destroyed = message(19, &|out| {
        out.raw(&[2; 32]);
        out.u8(1);
        out.length(1);
        out.u16(2);
        out.length(1);
        out.raw(&[1; 32]);
    });
    let mut new_epoch = Writer::default();
    new_epoch.raw(&[1, 17]);
    SuiteId::Ed25519.write(&mut new_epoch);
    new_epoch.bytes(b"record");
    vec![
        ("message-01-reshare".to_owned(), reshare.1),
        message(15, &|out| {
            out.u8(1);
            out.sequence(&[[4; 32]]);
        }),
        known,
        ("message-17".to_owned(), new_epoch.into_bytes()),
        message(18, &|out| out.bytes(b"record")),
        destroyed,
    ]
}

/// How far cosigners are.
pub(super) fn witness(boot: Boot, message: OneMessage<'_>) -> Seeds {
    let stamp = |out: &mut Writer| {
        boot.write(out);
        out.u64(5);
        out.raw(&[6; 64]);
    };
    let seen = message(25, &|out| {
        out.u8(1);
        stamp(out);
    });
    let shown = message(26, &|out| {
        stamp(out);
        out.u8(1);
        out.raw(&[8; 32]);
        out.u64(2);
        out.u8(0);
    });
    vec![message(25, &|out| out.u8(0)), ("message-25-seen".to_owned(), seen.1), shown]
}

/// A row that is another one from now on.
pub(super) fn amendments(message: OneMessage<'_>) -> Seeds {
    let asked = message(27, &|out| {
        out.raw(&[4; 32]);
        out.raw(&[5; 32]);
        out.u64(1);
        id(1).write(out);
        out.u32(2);
        row("aws").write(out);
        out.length(1);
        out.bytes(b"record");
    });
    let approved = message(28, &|out| {
        out.bytes(b"record");
        out.bytes(b"");
    });
    vec![asked, approved, message(29, &|out| out.bytes(b"record"))]
}
