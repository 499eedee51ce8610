//! What is printed of pairings, presignatures, messages and machines, and what is wiped.

use alloc::{collections::BTreeSet, format, string::String};
use core::fmt::Debug;

use zeroize::Zeroize;

use super::{kit::*, *};
use crate::{curve::Curve, machine::Parts};

type K = EcdsaSecp256k1;

/// Everything that was printed, in lower case and without white space.
#[derive(Default)]
struct Log(String);

impl Log {
    fn debug(&mut self, value: &impl Debug) {
        for text in [format!("{value:?}"), format!("{value:#?}"), format!("{value:x?}")] {
            self.0.extend(text.to_lowercase().split_whitespace());
        }
    }

    /// Whether six bytes in a row of one of these are in the log, as hex or as a list of numbers.
    fn shows<'a>(&self, secrets: impl IntoIterator<Item = &'a Vec<u8>>) -> bool {
        // Each form has at least so many letters, and is looked for only where the log has these.
        let starts: BTreeSet<_> = self.0.as_bytes().windows(SHORTEST).collect();
        let windows = secrets.into_iter().flat_map(|secret| secret.windows(6));
        windows.filter(|window| window.iter().any(|byte| *byte != 0)).any(|window| {
            let list = |one: fn(&u8) -> String| window.iter().map(one).collect::<Vec<_>>().join(",");
            [hex::encode(window), list(|byte| format!("{byte}")), list(|byte| format!("{byte:x}"))]
                .iter()
                .any(|form| starts.contains(&form.as_bytes()[..SHORTEST]) && self.0.contains(form.as_str()))
        })
    }
}

/// The letters of six numbers of one digit.
const SHORTEST: usize = 11;

/// The bytes of a pairing's secrets.
fn of_pairing(pairing: &Pairing) -> [Vec<u8>; 4] {
    let leaves = |leaves: &[[[u8; 16]; LEAVES]; TREES]| leaves.as_flattened().as_flattened().to_vec();
    [
        pairing.sender.delta.expose().to_vec(),
        leaves(pairing.sender.leaves.expose()),
        leaves(pairing.receiver.leaves.expose()),
        pairing.zero_key.expose().to_vec(),
    ]
}

fn of_presignature(presignature: &Presignature<K>) -> [Vec<u8>; 3] {
    [&presignature.phi, &presignature.u, &presignature.v].map(|secret| K::encode_scalar(secret.expose()).to_vec())
}

#[test]
fn nothing_that_is_printed_of_a_signature_in_the_making_shows_a_secret() {
    let network = Network::<K>::new(2, 3);
    let (mut log, mut secrets) = (Log::default(), Vec::new());
    secrets.extend(of_pairing(&network.pairings[&id(1)][&id(2)]));
    secrets.push(K::encode_scalar(network.shares[&id(1)].signing_share().expose()).to_vec());
    log.debug(&network.pairings);
    log.debug(&network.shares);

    let mut machines = network.presigning(&[1, 2], 2);
    loop {
        log.debug(&machines);
        let letters = collect(&mut machines);
        if letters.is_empty() {
            break;
        }
        for letter in letters {
            secrets.push(letter.private.clone());
            machines.get_mut(&letter.to).unwrap().handle(letter.from, &letter.bytes()).unwrap();
        }
    }
    let mut made: BTreeMap<_, _> = machines.into_iter().map(|(id, mut machine)| (id, machine.take_output().unwrap())).collect();
    log.debug(&made);
    secrets.extend(made.values().flatten().flat_map(of_presignature));
    let (session, request) = (session(), Request::new(random()));
    let start = |made: &mut Vec<_>| OnlineSigning::start(&session, made.pop().unwrap(), &request).unwrap();
    let online: BTreeMap<_, _> = made.iter_mut().map(|(id, made)| (*id, start(made))).collect();
    log.debug(&online);
    log.debug(&run(online, |_, _, message| message.bytes[60] ^= 1));
    log.debug(&message::Lengths::online().parse(Parts::new(&[0xd1; 96], &[])).unwrap());

    assert!(log.0.len() > 3000 && secrets.len() == 4 + 1 + 4 + 4 * 3);
    assert!(!log.shows(&secrets), "a secret is in the log");
    // The search finds each of the forms that it looks for.
    let scalar = secrets.last().unwrap();
    let mut shown = [Log::default(), Log::default(), Log::default()];
    shown[0].debug(scalar);
    shown[1].0 = hex::encode(scalar);
    shown[2].0 = format!("{scalar:x?}").split_whitespace().collect();
    assert!(shown.iter().all(|log| log.shows([scalar])));
}

/// They all lie in a `Secret`, which is wiped when it is dropped (`secret_is_wiped_on_drop`).
#[test]
fn secrets_of_a_presignature_and_a_pairing_are_in_custody() {
    fn custody<T: Zeroize>(_: &Secret<T>) {}
    let network = Network::<K>::new(2, 2);
    let presignature = run(network.presigning(&[1, 2], 1), |_, _, _| {}).remove(&id(1)).unwrap().unwrap().pop().unwrap();
    // A field that is added here is looked at once.
    let Presignature { id: _, nonce_point: _, nonce_bytes: _, phi, u, v, share, signers: _, bonds: _ } = presignature;
    [&phi, &u, &v].into_iter().for_each(custody);
    custody(share.signing_share());
    let Pairing { id: _, peers: _, boots: _, sender, receiver, zero_key, guard: _, room: _ } = &*network.pairings[&id(1)][&id(2)];
    let (SenderSeeds { delta, leaves }, ReceiverSeeds { leaves: all }) = (sender, receiver);
    custody(delta);
    custody(leaves);
    custody(all);
    custody(zero_key);
}
