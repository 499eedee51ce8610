//! The seeds: valid encodings of everything, and a few that are broken. Nonces in them are new each time; all else is the same.

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{
    Identifier, PeerId, Peers, Placement, SuiteId, Threshold,
    attest::attest,
    ecdsa::{Boot, EcdsaSecp256k1},
    frost::{self, Bip340, Ed25519, FrostSuite, P256, Ristretto255, Secp256k1, SignatureShare, SigningPackage, Taproot, Target},
    keygen::Keygen,
    keys::KeyShare,
    placement::{Backup, Exposure, Storage, Waiver},
    wire::{Encoding, Writer},
};
use quorate_storage::{
    KeyRef,
    backup::{BackupReader, Entry, Preamble},
    vault::fuzz_api::Hidden,
};
use quorate_transport::{Cosigner, Roster};

use crate::{
    keys::{id, new_shares, rng, session, shares, unchecked},
    links::Two,
    payloads::KINDS,
    storage::fixture,
};

mod messages;
mod steps;

use messages::{amendments, epochs, witness};
use steps::{changes, ecdsa, endpoint, link, pairing, steps, vault};

/// Bytes by file name.
type Seeds = Vec<(String, Vec<u8>)>;

/// The seeds of every target, by file name.
#[must_use]
pub fn all() -> BTreeMap<&'static str, Seeds> {
    let mut all = BTreeMap::from([
        ("addresses", addresses()),
        ("api_json", api_json()),
        ("backup", named(crate::backups::examples())),
        ("ceremony", ceremony()),
        ("chain_address", crate::chains::addresses()),
        ("chain_key", crate::chains::keys()),
        ("config", config()),
        ("coordinator", each_suite(&COORDINATOR)),
        ("documents", documents()),
        ("ecdsa", ecdsa(2)),
        ("ecdsa_online", ecdsa(0)),
        ("ecdsa_pairing", pairing()),
        ("ecdsa_presign", ecdsa(1)),
        ("endpoint", endpoint()),
        ("handshake", changes()),
        ("keygen", steps()),
        ("link", link()),
        ("paths", paths()),
        ("payload", payload()),
        ("placement", placements()),
        ("records", each_suite(&RECORDS)),
        ("roster", roster()),
        ("sealed", changes()),
        ("signing", steps()),
        ("storage_records", storage_records()),
        ("template", template()),
        ("values", values()),
        ("vault", vault()),
    ]);
    for seeds in all.values_mut() {
        let (name, broken) = seeds.first().map(|(name, bytes)| (name.clone(), broken(bytes))).unwrap_or_default();
        seeds.extend(broken.into_iter().zip(["cut", "flipped", "longer"]).map(|(bytes, how)| (format!("{name}-{how}"), bytes)));
    }
    all
}

/// New keys, by file name.
#[must_use]
pub fn fixtures() -> Seeds {
    let of = |suite: SuiteId, bytes| (format!("shares-{}", suite.to_u8()), bytes);
    vec![
        of(SuiteId::Ed25519, new_shares::<Ed25519>()),
        of(SuiteId::Bip340, new_shares::<Bip340>()),
        of(SuiteId::Ristretto255, new_shares::<Ristretto255>()),
        of(SuiteId::Secp256k1, new_shares::<Secp256k1>()),
        of(SuiteId::P256, new_shares::<P256>()),
        of(SuiteId::EcdsaSecp256k1, new_shares::<EcdsaSecp256k1>()),
    ]
}

fn broken(bytes: &[u8]) -> [Vec<u8>; 3] {
    let mut flipped = bytes.to_vec();
    let middle = flipped.len() / 2;
    flipped.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 0x40);
    [bytes[..middle].to_vec(), flipped, [bytes, &[0]].concat()]
}

/// Whether the seeds that should decode do, by target.
#[must_use]
pub fn valid() -> Vec<(&'static str, bool)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let payload = |bytes: &[u8]| quorate::payload::AnyPayload::decode(KINDS[usize::from(bytes[0])], &bytes[2..]).is_ok();
    let of = |target: &'static str, fits: &dyn Fn(&[u8]) -> bool| {
        let seeds = &all()[target];
        (target, seeds[..seeds.len() - 3].iter().all(|(_, bytes)| fits(bytes)))
    };
    vec![
        of("backup", &|bytes| {
            let whole = |mut reader: BackupReader<_>| reader.next_chunk().is_ok_and(|chunk| chunk.is_some());
            let parts = Preamble::from_bytes(bytes).is_ok() || Entry::from_bytes(bytes).is_ok();
            parts || BackupReader::new(bytes).is_ok_and(whole)
        }),
        of("ceremony", &|bytes| quorate::fuzz_api::reencode_message(bytes).is_some()),
        of("chain_address", &crate::chains::reads),
        of("config", &|bytes| quorate::config::Config::parse(&text(bytes), "x".as_ref()).is_ok()),
        of("payload", &payload),
        of("placement", &|bytes| Placement::from_bytes(bytes).is_ok()),
        of("roster", &|bytes| Roster::from_toml(&text(bytes)).is_ok()),
        of("storage_records", &|bytes| {
            Hidden::ALL.get(usize::from(bytes[0])).is_none_or(|hidden| hidden.reencode(&bytes[1..]).is_some())
        }),
    ]
}

fn named(seeds: impl IntoIterator<Item = (impl Into<String>, Vec<u8>)>) -> Seeds {
    seeds.into_iter().map(|(name, bytes)| (name.into(), bytes)).collect()
}

/// One maker of seeds, for each suite.
struct Makers([fn() -> Seeds; 5]);

const RECORDS: Makers =
    Makers([records::<Ed25519>, records::<Bip340>, records::<Ristretto255>, records::<Secp256k1>, records::<P256>]);
const COORDINATOR: Makers = Makers([
    coordinator::<Ed25519>,
    coordinator::<Bip340>,
    coordinator::<Ristretto255>,
    coordinator::<Secp256k1>,
    coordinator::<P256>,
]);

fn each_suite(makers: &Makers) -> Seeds {
    makers.0.iter().flat_map(|make| make()).collect()
}

/// A package of the first two signers, and their shares of the signature.
type Signing<C> = (SigningPackage<C>, BTreeMap<Identifier, SignatureShare<C>>);

fn sign<C: FrostSuite>(message: &[u8], target: Target) -> Signing<C> {
    let signers = &shares::<C>()[..2];
    let nonces: Vec<_> = signers.iter().map(|share| frost::commit(share, &mut rng(1)).unwrap()).collect();
    let commitments = signers.iter().zip(&nonces).map(|(share, nonces)| (share.identifier(), *nonces.commitments()));
    let package = SigningPackage::new(commitments.collect(), message, target).unwrap();
    let sign = |(share, nonces): (&Arc<KeyShare<C>>, _)| (share.identifier(), frost::sign(&package, nonces, share).unwrap());
    let signed = signers.iter().zip(nonces).map(sign).collect();
    (package, signed)
}

fn records<C: FrostSuite>() -> Seeds {
    let share = &shares::<C>()[0];
    let (package, signed) = sign::<C>(b"message", Target::default());
    let mut pending = None;
    let mut machines: Vec<_> =
        (1..=2).map(|me| Keygen::<C>::start(&session(2), unchecked(2, 2), id(me), &mut rng(me as u8)).unwrap()).collect();
    while pending.is_none() {
        for me in 0..2 {
            while let Some(letter) = machines[me].next_outgoing() {
                machines[1 - me].handle(id(me as u16 + 1), &letter.bytes).unwrap();
            }
        }
        pending = machines[0].pending().map(|pending| pending.value().unwrap().to_secret_bytes().to_vec());
    }
    let suite = C::SUITE.to_u8();
    named([
        (format!("share-{suite}"), share.to_secret_bytes().to_vec()),
        (format!("pending-{suite}"), pending.unwrap_or_default()),
        (format!("package-{suite}"), share.package().to_bytes()),
        (format!("certificate-{suite}"), share.certificate().to_bytes()),
        (format!("commitments-{suite}"), package.commitments(id(1)).unwrap().to_bytes()),
        (format!("signing-package-{suite}"), package.to_bytes()),
        (format!("signature-share-{suite}"), signed[&id(1)].to_bytes()),
        (format!("attestation-{suite}"), attest(share, PeerId::new([1; 32]), &[2; 32], &mut rng(4)).unwrap().to_bytes()),
    ])
}

fn coordinator<C: FrostSuite>() -> Seeds {
    let place = C::SUITE.to_u8() - 1;
    let target = match C::SUITE {
        SuiteId::Bip340 => Target::child("m/0/7".parse().unwrap()).taproot(Taproot::KEY_ONLY),
        SuiteId::Ed25519 => Target::child("m/1".parse().unwrap()),
        _ => Target::default(),
    };
    let seed = |signers: u8, target: Target, deeds: &[u8]| {
        let package = sign::<C>(b"message", target).0.to_bytes();
        [&[place, signers][..], &(package.len() as u16).to_be_bytes(), &package, deeds].concat()
    };
    named([
        (format!("honest-{place}"), seed(2, Target::default(), &[0, 0, 0])),
        (format!("target-{place}"), seed(3, target, &[0, 0, 0])),
        (format!("wrong-{place}"), seed(3, Target::default(), &[0, 1, 5, 3, 0])),
        (format!("foreign-{place}"), seed(3, Target::default(), &[4, 0, 0])),
    ])
}

fn row(cloud: &str) -> Exposure {
    let path = |service: &str| format!("{cloud}/{service}").parse().unwrap();
    Exposure::new(path("staff"), path("vm/1"), Storage::new(path("disk"), [path("kms")]).unwrap())
}

fn placements() -> Seeds {
    let of =
        |rows: [Exposure; 3]| Placement::new(Threshold::new(2, 3).unwrap(), [1, 2, 3].map(id).into_iter().zip(rows)).unwrap();
    let backup = Backup::new("tape/store".parse().unwrap()).with_key("safe/key".parse().unwrap());
    let rich =
        row("hetzner").with_deployer("ci/deploy".parse().unwrap()).with_backup(backup).with_relay("relay/1".parse().unwrap());
    let shared = |cloud: &str| {
        let row = row(cloud);
        Exposure::new("acme".parse().unwrap(), row.runtime().clone(), row.storage().clone())
    };
    let waived = Placement::builder(Threshold::new(2, 2).unwrap())
        .counting(quorate_core::placement::Counting::Joint)
        .participant(id(1), shared("aws"))
        .participant(id(2), shared("gcp"));
    let waiver = Waiver::new("acme".parse().unwrap(), "a drill", "2026-11-23").unwrap();
    named([
        ("strict", of([row("aws"), row("gcp"), row("hetzner")]).to_bytes()),
        ("rich", of([row("aws"), row("gcp"), rich]).to_bytes()),
        ("waived", waived.waive(waiver).build().unwrap().to_bytes()),
        ("unchecked", unchecked(2, 3).to_bytes()),
    ])
}

fn values() -> Seeds {
    let peers = session(3).peers().clone();
    let path: quorate_core::derive::DerivationPath = "m/0/7".parse().unwrap();
    let with = |kind: u8, bytes: Vec<u8>| [&[kind][..], &bytes].concat();
    let mut seeds = named([
        ("identifier", with(0, id(3).to_bytes())),
        ("threshold", with(1, Threshold::new(2, 3).unwrap().to_bytes())),
        ("set", with(2, unchecked(2, 3).participants().to_bytes())),
        ("peers", with(3, Peers::to_bytes(&peers))),
        ("path", with(4, path.to_bytes())),
        ("target", with(5, Target::child(path).taproot(Taproot::with_scripts([5; 32])).to_bytes())),
        ("exposure", with(6, row("aws").with_backup(Backup::new("tape".parse().unwrap())).to_bytes())),
        ("domain", with(7, row("aws").operator().to_bytes())),
        ("suite", with(8, SuiteId::Bip340.to_bytes())),
        ("peer", with(9, PeerId::new([9; 32]).to_bytes())),
        ("key-ref", with(10, KeyRef::new([1; 32], 2, id(3), SuiteId::Ed25519).to_bytes())),
    ]);
    seeds.extend([signature::<Ed25519>(11), signature::<Bip340>(12), signature::<Ristretto255>(13)].concat());
    seeds.extend([signature::<Secp256k1>(14), signature::<P256>(15)].concat());
    seeds
}

fn signature<C: FrostSuite>(kind: u8) -> Seeds {
    let (package, signed) = sign::<C>(b"message", Target::default());
    let public = shares::<C>()[0].package();
    let signature = frost::aggregate(&package, &signed, public).unwrap();
    named([
        (format!("signature-{kind}"), [&[kind][..], &signature.to_bytes()].concat()),
        (format!("key-{kind}"), [&[kind][..], public.verifying_key().to_bytes().as_ref()].concat()),
    ])
}

/// A requester's public key: an Ed25519 point of large order.
const REQUESTER: [u8; 32] = [
    0xed, 0x49, 0x28, 0xc6, 0x28, 0xd1, 0xc2, 0xc6, 0xea, 0xe9, 0x03, 0x38, 0x90, 0x59, 0x95, 0x61, 0x29, 0x59, 0x27, 0x3a, 0x5c,
    0x63, 0xf9, 0x36, 0x36, 0xc1, 0x46, 0x14, 0xac, 0x87, 0x37, 0xd1,
];

fn ceremony() -> Seeds {
    let message = |kind: u8, write: &dyn Fn(&mut Writer)| {
        let mut out = Writer::default();
        out.raw(&[1, kind]);
        out.raw(&[kind; 32]);
        write(&mut out);
        (format!("message-{kind:02}"), out.into_bytes())
    };
    let keygen = |out: &mut Writer| {
        out.u8(1);
        out.bytes(b"treasury");
        out.sequence(&[SuiteId::Ed25519, SuiteId::Bip340]);
        out.raw(&placements()[0].1);
        session(3).peers().write(out);
    };
    let import = |out: &mut Writer| {
        out.u8(5);
        out.bytes(b"old");
        out.sequence(&[SuiteId::Ed25519]);
        out.raw(&placements()[0].1);
        session(3).peers().write(out);
        out.bytes(&REQUESTER);
        out.raw(&[3; 32]);
    };
    let sign = |out: &mut Writer| {
        out.u8(2);
        out.raw(&[4; 32]);
        out.u64(1);
        unchecked(2, 2).participants().write(out);
        Target::default().path().write(out);
        [&b"message"[..], b"hello"].iter().for_each(|part| out.bytes(part));
        out.sequence(&[[5; 32], [6; 32]]);
        out.u8(1);
    };
    let unsigned = |out: &mut Writer| {
        sign(out);
        out.u8(0);
    };
    let signed = |out: &mut Writer| {
        sign(out);
        out.u8(1);
        out.u64(1000);
        [&REQUESTER[..], &[7; 64], &[0, 0, 0, 1], &REQUESTER, &[8; 64]].iter().for_each(|part| out.raw(part));
    };
    let presign = |out: &mut Writer| {
        out.u8(3);
        out.raw(&[4; 32]);
        out.u64(1);
        unchecked(2, 2).participants().write(out);
        out.u8(16);
    };
    let boot = Boot::new(3, [7; 16]);
    let pair = |kind: u8, write: &dyn Fn(&mut Writer)| {
        let mut out = Writer::default();
        out.raw(&[1, 13, kind]);
        write(&mut out);
        (format!("message-13-{kind}"), out.into_bytes())
    };
    let mut seeds = vec![
        message(1, &keygen),
        message(2, &|out| out.raw(&[2; 32])),
        message(3, &|out| out.bytes(b"no")),
        message(4, &|out| {
            out.length(1);
            id(1).write(out);
            out.raw(&[3; 32]);
        }),
        message(7, &|out| row("aws").write(out)),
        message(8, &|out| out.raw(&[0; 40])),
        message(9, &|out| out.bytes(b"record")),
        message(10, &|out| {
            out.raw(&[4; 32]);
            out.u64(1);
        }),
        message(11, &|out| out.bytes(b"record")),
    ];
    seeds.extend(epochs(&message));
    seeds.push(("message-01-import".to_owned(), message(1, &import).1));
    seeds.push(("message-01-sign".to_owned(), message(1, &unsigned).1));
    seeds.push(("message-01-signed".to_owned(), message(1, &signed).1));
    seeds.push(("message-01-presign".to_owned(), message(1, &presign).1));
    seeds.extend([1, 2, 3, 4].map(|lack| (format!("message-14-{lack}"), message(14, &|out| out.u8(lack)).1)));
    seeds.extend([
        ("message-20".to_owned(), [&[1, 20, 2, 1][..], &[9; 32], &[0; 7], &[5, 0, 0, 0, 3], b"why", &[7; 64]].concat()),
        (
            "message-20-signed".to_owned(),
            [&[1, 20, 1][..], &[8; 32], &[2], &REQUESTER, &[0; 7], &[5, 0, 0, 0, 1], b"x", &[7; 64]].concat(),
        ),
        message(21, &|out| out.u8(1)),
        message(22, &|_| {}),
        message(23, &|_| {}),
    ]);
    seeds.push(pair(1, &|out| boot.write(out)));
    seeds.push(pair(2, &|out| {
        boot.write(out);
        out.raw(&[8; 32]);
    }));
    seeds.push(pair(3, &|out| {
        out.raw(&[8; 32]);
        boot.write(out);
        out.raw(&[9; 32]);
        out.u64(2);
    }));
    seeds.push(pair(4, &|out| {
        out.raw(&[8; 32]);
        boot.write(out);
        out.u64(2);
    }));
    seeds.extend([5, 6, 12].map(|kind| message(kind, &|_| {})));
    seeds.extend(witness(boot, &message));
    seeds.extend(amendments(&message));
    seeds
}

fn roster() -> Seeds {
    let two = Two::new();
    let entries = [0, 1].map(|place| Cosigner::new(format!("c{place}"), two.identity(place).peer_id(), format!("h{place}:70")));
    named([("two", Roster::new(entries).unwrap().to_toml().into_bytes())])
}

fn config() -> Seeds {
    let small = "name = \"a\"\nlisten = \"h:1\"\n[placement]\noperator = \"o/a\"\nruntime = \"aws/1\"\nstore = \"aws/2\"\nkey_services = [\"k/a\"]\n";
    let rest = "deployer = \"ci\"\nrelay = \"r\"\nbackups = [{ location = \"gcp/b\", key = \"k/b\" }]\n[policy]\npayloads = [\"message\", \"psbt\"]\nallow_raw_digest = [\"t\"]\n[policy.psbt]\nmax_fee = 5_000\n[policy.solana]\nmax_lamports = 7\nnot_decoded = \"deny\"\n[policy.calls]\nupgrade = \"ask\"\n[policy.addresses]\nallow = [\"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\"]\ndeny_files = [{ path = \"x\" }]\n[policy.assets.\"eip155:1\"]\nmax = \"10\"\nper_day = 20\n[ecdsa]\npresignatures = 0\n";
    named([("small", small.into()), ("whole", [small, rest].concat().into_bytes())])
}

fn paths() -> Seeds {
    let texts = ["m/0/7", "m", "m/2147483647", "m/0'", "aws/123/eu-west-1", "a.b_c-d", "aws//x", "2026-11-23"];
    named(texts.iter().enumerate().map(|(n, text)| (format!("text-{n}"), text.as_bytes().to_vec())))
}

fn api_json() -> Seeds {
    let bodies = [
        r#"{"wallet":"w","suites":["bip340"],"min_signers":2,"participants":["a"],"waivers":[{"domain":"aws","reason":"r","date":"2026-11-23"}],"joint_counting":true,"request_id":null}"#,
        r#"{"key":"w","suite":"ed25519","path":"m/0","kind":"message","payload":"aGk=","signers":["a"],"request_id":"00"}"#,
        r#"{"key":"w","suite":null}"#,
        r#"{"domain":"aws","reason":"r","date":"2026-11-23"}"#,
        r#"{"name":"a","peer_id":"00","version":"0","boot":1,"keys":1,"pending":0,"peers":[{"name":"b","peer_id":"01","address":"h:1","connected":true}]}"#,
        r#"{"wallet":"w","suite":"bip340","key_id":"00","epoch":0,"public_key":"02","chain_code":"00","min_signers":2,"max_signers":3,"participant":1,"participants":[{"identifier":1,"name":"a","peer_id":"00"}],"placement":"00","separated":true}"#,
        r#"{"request_id":"00","key_id":"00","signers":[1,2],"description":"d","signatures":["00"],"document":""}"#,
        r#"{"suite":"bip340","identifier":1,"name":"a","holds_share":false,"problem":"gone"}"#,
        r#"{"code":"fault","message":"m","culprits":["b"]}"#,
    ];
    named((0_u8..).zip(bodies).map(|(kind, body)| (format!("body-{kind}"), [&[kind][..], body.as_bytes()].concat())))
}

const PSBT: &str = include_str!("../../../examples/data/transfer.psbt");
const WPKH: &str = include_str!("../../../examples/data/transfer-p2wpkh.psbt");
const EVM: &str = include_str!("../../../examples/data/transfer.evm");
const SOLANA: &str = include_str!("../../../examples/data/transfer.solana");

fn payload() -> Seeds {
    use quorate::payload::{EvmTransaction, KeyUse, Payload as _, template};
    let ecdsa = crate::payloads::key(SuiteId::EcdsaSecp256k1);
    let wpkh = template::psbt(WPKH.as_bytes(), &KeyUse::new(&ecdsa, &[])).unwrap().encode();
    let evm = EvmTransaction::parse(EVM.as_bytes()).unwrap().encode();
    // The example of EIP-155.
    let legacy =
        EvmTransaction::parse(b"ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080");
    // The example with an access list of one account with one storage key.
    let items = evm.get(2..evm.len() - 1).unwrap();
    let list = [&[0xf8, 0x38, 0xf7, 0x94][..], &[9; 20], &[0xe1, 0xa0], &[7; 32]].concat();
    let listed = [&[2, 0xf8, (items.len() + list.len()) as u8][..], items, &list].concat();
    let (bip340, ed25519) = (crate::payloads::key(SuiteId::Bip340), crate::payloads::key(SuiteId::Ed25519));
    let psbt = |path: &[u32]| template::psbt(PSBT.as_bytes(), &KeyUse::new(&bip340, path)).unwrap().encode();
    let solana = template::solana(SOLANA.as_bytes(), &KeyUse::new(&ed25519, &[])).unwrap().encode();
    // The same in version 0, with an address table behind.
    let lookup = [&[0x80][..], &solana, &[1], &[0x44; 32], &[1, 1, 0]].concat();
    let with = |kind: u8, steps: u8, bytes: &[u8]| [&[kind, steps][..], bytes].concat();
    let typed = typed_data().into_iter().map(|(label, text)| {
        let canonical = quorate::payload::TypedData::parse(text.as_bytes()).unwrap().encode();
        (format!("typed-{label}"), with(5, 0, &canonical))
    });
    let blob = [&[0x0a, 0xe1, 0xa0, 1][..], &[7; 31]].concat();
    let more = [("evm-2930", with(4, 0, &transaction(1, &[], &[]))), ("evm-4844", with(4, 0, &transaction(3, &blob, &[])))];
    let calls = calls().into_iter().map(|(name, bytes)| (name, with(4, 0, &bytes)));
    let mut seeds = named([
        ("psbt", with(2, 0, &psbt(&[]))),
        ("psbt-child", with(2, 2, &psbt(&[0, 7]))),
        ("solana", with(3, 0, &solana)),
        ("solana-lookup", with(3, 0, &lookup)),
        ("evm", with(4, 0, &evm)),
        ("evm-legacy", with(4, 1, &legacy.unwrap().encode())),
        ("evm-listed", with(4, 2, &listed)),
        ("psbt-p2wpkh", with(2, 0, &wpkh)),
        ("message", with(0, 1, b"hello")),
        ("digest", with(1, 0, &[7; 32])),
    ]);
    seeds.extend(named(more).into_iter().chain(calls).chain(typed));
    seeds
}

/// Documents of EIP-712 by their labels.
fn typed_data() -> Vec<(String, String)> {
    let vectors: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../vectors/ethereum/typed-data.json")).unwrap();
    let named =
        |vector: &serde_json::Value| (vector["label"].as_str().unwrap().replace(' ', "-"), vector["document"].to_string());
    vectors.iter().map(named).filter(|(label, _)| !label.contains("plain")).collect()
}

/// Transactions of EIP-1559 whose data is a call that is known.
fn calls() -> Vec<(String, Vec<u8>)> {
    let vectors: Vec<serde_json::Value> = serde_json::from_str(include_str!("../../../vectors/ethereum/calls.json")).unwrap();
    let shown = ["transfer(", "approve(", "permit(", "execTransaction(", "upgradeToAndCall(", "swapOwner(", "setApprovalForAll("];
    let known = vectors.iter().filter_map(|vector| {
        let signature = vector["signature"].as_str()?;
        shown
            .iter()
            .find(|name| signature.starts_with(*name))
            .map(|name| (name.trim_end_matches('(').to_owned(), hex(vector["data"].as_str().unwrap())))
    });
    known.map(|(name, data)| (format!("call-{name}"), transaction(2, &[], &data))).collect()
}

fn hex(digits: &str) -> Vec<u8> {
    let digits = digits.trim_start_matches("0x").as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// An unsigned transaction of a type, with what follows the access list.
fn transaction(kind: u8, behind: &[u8], data: &[u8]) -> Vec<u8> {
    let sized = |short: u8, length: usize| match length {
        0..56 => vec![short + length as u8],
        56..256 => vec![short + 56, length as u8],
        _ => [&[short + 57][..], &(length as u16).to_be_bytes()].concat(),
    };
    // Chain, nonce, fees, gas, recipient, value, data, access list.
    let fees: &[u8] = if kind == 1 { &[7] } else { &[1, 7] };
    let data = [sized(0x80, data.len()), data.to_vec()].concat();
    let items = [&[1, 3][..], fees, &[0x82, 0x52, 0x08, 0x94], &[9; 20], &[5], &data, &[0xc0], behind].concat();
    [&[kind][..], &sized(0xc0, items.len()), &items].concat()
}

fn documents() -> Seeds {
    let of = |kind: u8, bytes: &[u8]| [&[kind][..], bytes].concat();
    let vectors: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../vectors/bip370/test-vectors.json")).unwrap();
    let psbts = (0..).zip(&vectors).filter(|(index, _)| index % 6 == 3);
    let mut seeds: Seeds =
        psbts.map(|(index, vector)| (format!("psbt-{index}"), of(0, vector["psbt"].as_str().unwrap().as_bytes()))).collect();
    seeds.extend(typed_data().into_iter().take(4).map(|(label, text)| (label, of(2, text.as_bytes()))));
    seeds.extend(named([("evm", of(1, EVM.as_bytes())), ("solana", of(3, SOLANA.as_bytes()))]));
    seeds
}

fn addresses() -> Seeds {
    let texts = [
        "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826",
        "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        "eip155:1/erc20:0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826",
        "solana/token:TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        "eip155:8453",
    ];
    named(texts.iter().enumerate().map(|(n, text)| (format!("text-{n}"), text.as_bytes().to_vec())))
}

fn template() -> Seeds {
    let with = |kind: u8, text: &str| [&[kind][..], text.as_bytes()].concat();
    let raw = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, PSBT.trim()).unwrap();
    named([
        ("psbt", with(0, PSBT)),
        ("psbt-binary", [&[0][..], &raw].concat()),
        ("solana", with(1, SOLANA)),
        ("signed", [&[2][..], &raw].concat()),
        ("psbt-p2wpkh", with(3, WPKH)),
    ])
}

fn storage_records() -> Seeds {
    let kinds = [("identity", 9), ("kek/passphrase", 3), ("vault", 2)];
    let mut seeds: Seeds = Vec::new();
    for (name, value) in fixture() {
        for (_, kind) in kinds.iter().filter(|(of, _)| *of == name) {
            seeds.push((name.replace('/', "-"), [&[*kind][..], &value].concat()));
        }
        if name.starts_with("keys/") {
            seeds.push(("key".to_owned(), [&[0][..], &value[..value.len() - Hidden::TAG]].concat()));
        }
    }
    seeds.push(("name".to_owned(), b"\x01\0\0\0\x08treasury".to_vec()));
    seeds
}
