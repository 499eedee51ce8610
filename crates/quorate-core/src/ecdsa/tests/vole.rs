//! The multiplication, written again as slowly and plainly as its definition (docs/protocols.md, section 3.3).

use super::*;
use crate::{
    curve::Curve,
    domain,
    ecdsa::{
        extension,
        vole::{self, Message, Rejected, Shares, Subject, accept, factor},
        wide,
    },
    randomness::Hedged,
    transcript::{Hash, HashToScalar},
};

const CONTEXT: [u8; 32] = [5; 32];
const COLUMNS: usize = 416;

/// Both ends of an extension of two multiplications.
struct Extended {
    sender: extension::Sender,
    receiver: extension::Receiver,
}

impl Extended {
    /// The same for the same seed, for ever.
    fn fixed(seed: u8) -> Self {
        let mut bytes = Hedged::fixed([seed; 32]);
        let mut seeds = || core::array::from_fn(|_| *bytes.bytes().first_chunk::<16>().unwrap());
        let leaves: [[[u8; 16]; LEAVES]; TREES] = core::array::from_fn(|_| seeds());
        let delta = bytes.bytes().map(|byte| byte & 15);
        let mut known = leaves;
        known.iter_mut().zip(delta).for_each(|(tree, missing)| tree[usize::from(missing)] = [0; 16]);
        let sender = SenderSeeds { delta: Secret::new(delta), leaves: Secret::new(known) };
        let receiver = ReceiverSeeds { leaves: Secret::new(leaves) };
        let subject = extension::Subject { context: &[1; 32], pairing: &[2; 32], sender: id(1), receiver: id(2), batch: 2 };
        let (receiver, message) = extension::choose(&receiver, &subject, [4; 32]);
        Self { sender: extension::check(&sender, &subject, &message).ok().unwrap(), receiver }
    }
}

const fn subject(alice: Identifier, bob: Identifier, index: usize) -> Subject<'static> {
    Subject { context: &CONTEXT, alice, bob, index }
}

/// Alice's message by itself.
fn multiply<C: EcdsaSuite>(
    sender: &extension::Sender,
    subject: &Subject<'_>,
    factors: [&C::Scalar; 2],
    hedged: &mut Hedged,
) -> Result<(Vec<u8>, Shares<C>), Error> {
    let mut message = Vec::new();
    let (shares, _) = vole::multiply::<C>(sender, subject, factors, hedged, &mut message)?;
    Ok((message, shares))
}

fn number<C: Curve>(bytes: &[u8]) -> C::Scalar {
    bytes.iter().fold(C::Scalar::from(0), |sum, byte| sum * C::Scalar::from(256) + C::Scalar::from(u64::from(*byte)))
}

fn gadget<C: Curve>(j: usize) -> C::Scalar {
    HashToScalar::new(domain::ECDSA_GADGET).value(&C::SUITE).number(j as u64).finish_scalar::<C>()
}

fn bound(label: domain::Label) -> Hash {
    Hash::new(label).field(&CONTEXT).identifier(id(1)).identifier(id(2))
}

fn theta<C: Curve>(masked: &[u8], k: usize) -> C::Scalar {
    let hash = bound(domain::ECDSA_THETA).field(masked).finish();
    number::<C>(&hash[16 * k..16 * (k + 1)])
}

/// What both sides know in the end, by the definition.
struct Reference<C: Curve> {
    /// α0 and α1 of each column, three of each.
    alphas: Vec<[[C::Scalar; 3]; 2]>,
    choices: Vec<bool>,
}

impl<C: EcdsaSuite> Reference<C> {
    fn of(extended: &Extended, index: usize) -> Self {
        let key = *bound(domain::EXTENSION_TMMO).finish().first_chunk().unwrap();
        let three = |pad: &[u8; 144]| core::array::from_fn(|i| number::<C>(&pad[48 * i..48 * (i + 1)]));
        let mut alphas = Vec::new();
        extended.sender.pads(index, &key, |_, zero, one| alphas.push([three(zero), three(one)])).unwrap();
        let bytes = extended.receiver.choices(index).unwrap();
        let choices: Vec<_> = (0..COLUMNS).map(|j| bytes[j / 8] >> (j % 8) & 1 == 1).collect();
        let mut column = 0;
        let gamma = |_: usize, pad: &[u8; 144]| {
            assert_eq!(three(pad), alphas[column][usize::from(choices[column])]);
            column += 1;
        };
        extended.receiver.pads(index, &key, gamma).unwrap();
        assert_eq!((alphas.len(), column), (COLUMNS, COLUMNS));
        Self { alphas, choices }
    }

    /// Alice's message. In one column she may add something to one of the values, and say what is right if Bob chose 1 there.
    fn message(&self, [a_0, a_1]: [C::Scalar; 2], check: C::Scalar, lie: Option<(usize, usize, C::Scalar)>) -> Vec<u8> {
        let mut masked = Vec::new();
        for (j, [zero, one]) in self.alphas.iter().enumerate() {
            for (i, a) in [a_0, a_1, check].into_iter().enumerate() {
                let extra = lie.filter(|(column, which, _)| (*column, *which) == (j, i)).map_or(C::Scalar::from(0), |lie| lie.2);
                masked.extend(C::encode_scalar(&(zero[i] - one[i] + a + extra)));
            }
        }
        let [theta_0, theta_1] = [0, 1].map(|k| theta::<C>(&masked, k));
        let weights = [theta_0, theta_1, C::Scalar::from(1)];
        let mut mu = Vec::new();
        for (j, [zero, _]) in self.alphas.iter().enumerate() {
            let extra = lie.filter(|lie| lie.0 == j).map_or(C::Scalar::from(0), |(_, which, value)| weights[which] * value);
            mu.extend(C::encode_scalar(&(zero[2] + theta_0 * zero[0] + theta_1 * zero[1] + extra)));
        }
        let eta = check + theta_0 * a_0 + theta_1 * a_1;
        [&masked[..], &C::encode_scalar(&eta), &bound(domain::ECDSA_MU).field(&mu).finish()].concat()
    }

    fn c(&self, i: usize) -> C::Scalar {
        -self.alphas.iter().enumerate().map(|(j, [zero, _])| gadget::<C>(j) * zero[i]).sum::<C::Scalar>()
    }

    /// d = Σ g·(γ + β·ã), and Bob's check of μ.
    fn d(&self, message: &[u8], i: usize) -> C::Scalar {
        let value = |j: usize, i: usize| {
            let masked = number::<C>(&message[(3 * j + i) * 32..(3 * j + i + 1) * 32]);
            let chosen = usize::from(self.choices[j]);
            self.alphas[j][chosen][i] + masked * C::Scalar::from(chosen as u64)
        };
        let (masked, eta) = (&message[..COLUMNS * 96], number::<C>(&message[COLUMNS * 96..COLUMNS * 96 + 32]));
        let mut mu = Vec::new();
        for j in 0..COLUMNS {
            let sum = value(j, 2) + theta::<C>(masked, 0) * value(j, 0) + theta::<C>(masked, 1) * value(j, 1);
            mu.extend(C::encode_scalar(&(sum - eta * C::Scalar::from(u64::from(self.choices[j])))));
        }
        assert_eq!(bound(domain::ECDSA_MU).field(&mu).finish(), message[COLUMNS * 96 + 32..]);
        (0..COLUMNS).map(|j| gadget::<C>(j) * value(j, i)).sum()
    }

    fn b(&self) -> C::Scalar {
        let chosen = self.choices.iter().enumerate().filter(|(_, chosen)| **chosen);
        chosen.map(|(j, _)| gadget::<C>(j)).sum()
    }
}

fn matches_definition<C: EcdsaSuite>() {
    for (seed, index, extreme) in [(1, 0, false), (1, 1, false), (2, 0, true)] {
        let extended = Extended::fixed(seed);
        let reference = Reference::<C>::of(&extended, index);
        let last = -C::Scalar::from(1);
        let a = if extreme { [last, C::Scalar::from(0)] } else { [10, 11].map(|n| Hedged::fixed([n; 32]).scalar::<C>()) };
        let check = Hedged::fixed([9; 32]).scalar::<C>();

        let subject = subject(id(1), id(2), index);
        let (message, c) = multiply::<C>(&extended.sender, &subject, [&a[0], &a[1]], &mut Hedged::fixed([9; 32])).unwrap();
        assert_eq!(message.len(), vole::MESSAGE_BYTES);
        assert!(message == reference.message(a, check, None), "the message");
        assert_eq!(*c.expose(), [0, 1].map(|i| reference.c(i)));

        let b = factor::<C>(&extended.receiver, index).unwrap();
        assert_eq!(*b.expose(), reference.b());
        let (d, _) = accept::<C>(&extended.receiver, &subject, &Message::decode::<C>(&message).unwrap()).unwrap();
        assert_eq!(*d.expose(), [0, 1].map(|i| reference.d(&message, i)));
        for (a, (c, d)) in a.iter().zip(c.expose().iter().zip(d.expose())) {
            assert_eq!(*c + d, *a * b.expose());
        }
    }
}

#[test]
fn multiplication_equals_its_definition() {
    matches_definition::<EcdsaSecp256k1>();
}

#[cfg(feature = "p256")]
#[test]
fn p256_multiplication_equals_its_definition() {
    matches_definition::<EcdsaP256>();
}

fn gadget_digest<C: EcdsaSuite>() -> [u8; 32] {
    assert_eq!(C::gadget().len(), COLUMNS);
    let mut hash = Hash::new(domain::MESSAGE);
    for (j, element) in C::gadget().iter().enumerate() {
        assert_eq!(wide::to_bytes(element), C::encode_scalar(&gadget::<C>(j)));
        hash.append(&wide::to_bytes(element));
    }
    hash.finish()
}

/// All that both sides must do alike for ever, or with a new version number: a change of any of it changes one of these.
#[test]
fn gadget_and_message_keep_their_known_digests() {
    let extended = Extended::fixed(1);
    let a = [10, 11].map(|n| Hedged::fixed([n; 32]).scalar::<EcdsaSecp256k1>());
    let subject = subject(id(1), id(2), 1);
    let (message, c) =
        multiply::<EcdsaSecp256k1>(&extended.sender, &subject, [&a[0], &a[1]], &mut Hedged::fixed([9; 32])).unwrap();
    let message = Hash::new(domain::MESSAGE).field(&message).field(&EcdsaSecp256k1::encode_scalar(&c.expose()[0])).finish();
    let known = [
        "c26855b3f0e2101c38f0546627262bbcc0ff3d21b4d16723b6e156ceeb42eb44",
        "173855e52d3676205ba4f8cadce8c52decd07db008458b438a7886a218386f39",
        #[cfg(feature = "p256")]
        "ee8ceca765db8d939951c287c7099903b8ec6d4d5da33003e790801c18550c62",
    ];
    let digests = [
        gadget_digest::<EcdsaSecp256k1>(),
        message,
        #[cfg(feature = "p256")]
        gadget_digest::<EcdsaP256>(),
    ];
    assert_eq!(digests.map(hex::encode), known);
}

/// Why the check stands behind the guard: each lie that passes tells a choice, and one that fails, too.
#[test]
fn lie_in_one_column_passes_only_where_the_choice_is_guessed() {
    type K = EcdsaSecp256k1;
    let extended = Extended::fixed(3);
    let reference = Reference::<K>::of(&extended, 0);
    let a = [10, 11].map(|n| Hedged::fixed([n; 32]).scalar::<K>());
    let mut seen = [0, 0];
    for column in (0..COLUMNS).step_by(23) {
        for which in 0..3 {
            let lie = (column, which, k256::Scalar::from(5u64));
            let message = reference.message(a, k256::Scalar::from(77u64), Some(lie));
            let outcome = accept::<K>(&extended.receiver, &subject(id(1), id(2), 0), &Message::decode::<K>(&message).unwrap());
            let guessed = reference.choices[column];
            seen[usize::from(guessed)] += 1;
            match outcome {
                Ok(_) => assert!(guessed),
                Err(rejected) => assert!(!guessed && rejected == Rejected::Wrong),
            }
        }
    }
    assert!(seen[0] > 3 && seen[1] > 3, "{seen:?}");
}

#[test]
fn message_for_another_context_direction_or_index_is_refused() {
    type K = EcdsaSecp256k1;
    let extended = Extended::fixed(4);
    let a = [k256::Scalar::from(3u64), k256::Scalar::from(4u64)];
    let right = subject(id(1), id(2), 0);
    let (message, _) = multiply::<K>(&extended.sender, &right, [&a[0], &a[1]], &mut Hedged::fixed([9; 32])).unwrap();
    let message = Message::decode::<K>(&message).unwrap();
    assert!(accept::<K>(&extended.receiver, &right, &message).is_ok());
    let other_context = [6; 32];
    for wrong in [
        Subject { context: &other_context, ..right },
        Subject { alice: id(2), bob: id(1), ..right },
        Subject { alice: id(3), ..right },
        Subject { bob: id(3), ..right },
        Subject { index: 1, ..right },
    ] {
        assert_eq!(accept::<K>(&extended.receiver, &wrong, &message).err(), Some(Rejected::Wrong));
    }
    let beyond = Subject { index: 2, ..right };
    assert!(matches!(accept::<K>(&extended.receiver, &beyond, &message), Err(Rejected::Error(Error::Bug(_)))));
    assert!(multiply::<K>(&extended.sender, &beyond, [&a[0], &a[1]], &mut Hedged::fixed([9; 32])).is_err());
}
