//! The drill: three cosigners, a wallet, signatures, and a thief who robs the providers one by one, and then two at once.
//!
//! ```text
//!   quorate drill ──starts──▶ quorate node (alice)  ◀── tap ──▶  quorate node (bob)
//!                                       ▲                               ▲
//!                                      tap                             tap          every byte is kept
//!                                       ▼                               ▼
//!                                       └────── quorate node (carol) ───┘
//! ```
//!
//! A check that could not be made counts as failed. What the thief's attempts are worth is shown by the positive control: the same code,
//! given two providers, must take the key and forge a signature that a library which is not ours accepts.

mod cleanup;
mod documents;
mod evict;
mod forge;
#[cfg(feature = "real-drill")]
mod real;
mod replay;
mod report;
mod search;
mod stack;
mod tap;
mod team;
mod thief;
mod trouble;
mod wires;

use std::path::Path;

use quorate::{
    config::STORE_DIRECTORY,
    control::api::{AttestRequest, KeygenRequest},
    core::{
        Identifier, Placement, PlacementError, Threshold,
        ecdsa::EcdsaSecp256k1,
        frost::{Bip340, Ed25519},
        placement::{Exposure, Storage},
    },
    storage::{RecordName, RedbStore, Store as _, store::MAX_PAGE},
};

use crate::{
    args::{DrillArgs, DrillStack},
    commands::{placement, runtime},
    failure::Failure,
    output::Output,
};
use cleanup::{Cleanup, Guard};
use documents::Wallet;
use report::Report;
use stack::Stack;
use team::Team;
use thief::{Loot, Suite};
use trouble::Trouble;

/// All pairs of the three; the first is the one that is asked.
const PAIRS: [[&str; 2]; 3] = [["alice", "bob"], ["alice", "carol"], ["bob", "carol"]];

pub(crate) fn run(args: &DrillArgs, output: Output) -> Result<(), Failure> {
    let cleanup = directory(args)?;
    let guard = Guard(&cleanup);
    cleanup.on_signals()?;
    let mut report = Report::new(output);
    // A step that fails is in the report; what follows from it is left out.
    let whole = carry_out(args, &cleanup, &mut report).is_some();
    drop(guard);
    if args.keep.is_some() {
        output.note(&format!("The directories, logs and recorded bytes are in {}.", cleanup.base().display()));
    }
    cleanup.wait_if_interrupted();
    report.finish(whole)
}

fn carry_out(args: &DrillArgs, cleanup: &Cleanup, report: &mut Report) -> Option<()> {
    report.step("a placement with all stores at one cloud is refused", refused_placement)?;
    let stack = stack(args, cleanup, report)?;
    let (team, wallet) = set_up(stack, cleanup, report)?;
    for pair in PAIRS {
        report.step(&format!("{} and {} sign", pair[0], pair[1]), || sign(&team, &wallet, pair))?;
    }
    report.step("carol is cut off; alice and bob sign without her", || without_carol(&team, &wallet, cleanup))?;
    let loot =
        report.step("the thief copies everything of all three providers", || rob(&team, cleanup, &team::HOLDERS, "stolen"))?;
    let wires = team.wires.bytes();
    report.step("the thief takes every byte that crossed the wires", || team.wires.keep(cleanup.base()))?;
    report.step("search of all recorded bytes", || searched_wires(&loot, &wires));
    for loot in &loot {
        robbed(loot, &wallet, report);
        report
            .step(&format!("rob {}: replay the recorded bytes at the others", loot.name), || team.wires.replay(&team, loot.name));
    }
    report.step("after all that, the team still signs", || {
        team.wait_for_links(cleanup)?;
        PAIRS.into_iter().try_for_each(|pair| sign(&team, &wallet, pair).map(drop))?;
        Ok(((), "all three pairs".to_owned()))
    });
    report.step("POSITIVE CONTROL: rob two providers", || two_robbed(&loot, &wallet))?;
    evict::carry_out(&team, &wallet, &loot, cleanup, report)
}

/// The directory of the drill. With real services the program starts once more in it.
#[cfg(not(feature = "real-drill"))]
fn directory(args: &DrillArgs) -> Result<Cleanup, Failure> {
    match args.stack {
        DrillStack::Files => Cleanup::new(args),
        DrillStack::Real => Err(Failure::Feature { option: "--stack real", feature: "real-drill" }),
    }
}

/// The directory of the drill. With real services the program starts once more in it.
#[cfg(feature = "real-drill")]
fn directory(args: &DrillArgs) -> Result<Cleanup, Failure> {
    match args.stack {
        DrillStack::Files => Cleanup::new(args),
        DrillStack::Real => real::directory(args),
    }
}

/// What the cosigners use. Services are started.
#[cfg(not(feature = "real-drill"))]
const fn stack(_: &DrillArgs, _: &Cleanup, _: &mut Report) -> Option<Stack> {
    Some(Stack::Files)
}

/// What the cosigners use. Services are started.
#[cfg(feature = "real-drill")]
fn stack(args: &DrillArgs, cleanup: &Cleanup, report: &mut Report) -> Option<Stack> {
    match args.stack {
        DrillStack::Files => Some(Stack::Files),
        DrillStack::Real => report.step("the services of three providers start", || real::start(cleanup)),
    }
}

fn set_up(stack: Stack, cleanup: &Cleanup, report: &mut Report) -> Option<(Team, Wallet)> {
    let team = report.step("three cosigners start, each at its own provider", || {
        let team = Team::make(cleanup.base(), stack)?;
        team.start(cleanup)?;
        let described = team.stack.described().to_owned();
        Ok((team, described))
    })?;
    let wallet = report.step("a 2-of-3 wallet is made", || make_wallet(&team))?;
    report.tell(&format!(
        "\n  bitcoin   {}\n  bitcoin   {}\n  ethereum  {}\n  solana    {}\n",
        wallet.taproot_address, wallet.wpkh_address, wallet.ethereum_address, wallet.solana_address
    ));
    let explained = report.step("the placement is explained", || {
        let placement = placement::decode(&wallet.bip340.placement)?;
        let explanation = placement.explain();
        match explanation.breach().size() {
            Some(2) => Ok((explanation.to_string(), "taking the key needs two providers breached together".to_owned())),
            _ => Err(Trouble::Broken("the placement does not say that taking the key needs two domains")),
        }
    })?;
    report.tell(&indented(&explained));
    report.step("every cosigner proves that it holds its shares", || {
        let request = AttestRequest { key: wallet.bip340.wallet.clone(), suite: None };
        let proofs = team.member("bob")?.client().attest(&request)?;
        let all = proofs.len() == 9 && proofs.iter().all(|proof| proof.holds_share);
        if all { Ok(((), "9 of 9 proofs".to_owned())) } else { Err(Trouble::Broken("a proof is missing")) }
    })?;
    Some((team, wallet))
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |text, line| format!("{text}  {line}\n"))
}

fn make_wallet(team: &Team) -> Result<(Wallet, String), Trouble> {
    let request = KeygenRequest {
        wallet: "drill".to_owned(),
        suites: ["bip340", "ed25519", "ecdsa-secp256k1"].map(str::to_owned).into(),
        min_signers: 2,
        participants: team::HOLDERS.map(str::to_owned).into(),
        ..KeygenRequest::default()
    };
    let made = team.member("alice")?.client().keygen(&request)?;
    let mut public: Vec<_> = made.iter().map(|info| (info.key_id.clone(), info.public_key.clone())).collect();
    public.sort();
    for member in team.holders() {
        let mut theirs: Vec<_> = member.client().keys()?.into_iter().map(|info| (info.key_id, info.public_key)).collect();
        theirs.sort();
        if theirs != public {
            return Err(Trouble::Broken("the cosigners do not hold the same keys"));
        }
    }
    if !made.iter().all(|info| info.separated) {
        return Err(Trouble::Broken("the placement was not checked"));
    }
    Ok((Wallet::new(&made)?, "bip340, ed25519 and ecdsa-secp256k1; all three hold shares of all keys".to_owned()))
}

fn sign(team: &Team, wallet: &Wallet, pair: [&str; 2]) -> Result<((), String), Trouble> {
    wallet.sign(&team.member(pair[0])?.client(), pair)?;
    Ok(((), documents::SIGNED.to_owned()))
}

fn without_carol(team: &Team, wallet: &Wallet, cleanup: &Cleanup) -> Result<((), String), Trouble> {
    cleanup.kill("carol")?;
    let signed = sign(team, wallet, ["alice", "bob"]);
    team.member("carol")?.start(cleanup)?;
    team.wait_for_links(cleanup)?;
    signed.map(|((), result)| ((), format!("{result}; carol is back")))
}

/// Copies all that three providers have, and opens the copies with what opens the stores.
fn rob(team: &Team, cleanup: &Cleanup, names: &[&str], copies: &str) -> Result<(Vec<Loot>, String), Trouble> {
    let runtime = runtime()?;
    let mut all = Vec::new();
    let (mut count, mut size) = (0, 0);
    for name in names {
        let member = team.member(name)?;
        let copy = cleanup.base().join(format!("{copies}-{}", member.name));
        let mut files = Vec::new();
        copy_directory(&member.directory, &copy, &mut files)?;
        if !team.stack.rob(name, &copy, copies, &mut files)? {
            runtime.block_on(forget_freezes(&copy))?;
        }
        let shares = runtime.block_on(quorate::danger::read_shares(&copy, member.passphrase()?))?;
        size += files.len();
        let loot = Loot::new(member.name, shares, files);
        count += loot.shares();
        all.push(loot);
    }
    if count != 9 {
        return Err(Trouble::Broken("the thief could not open every stolen store, so that its failures would prove nothing"));
    }
    Ok((all, format!("{size} bytes of {}: three shares in each", team.stack.stolen())))
}

/// A freeze keeps honest programs from an export. A thief removes it from its copy.
async fn forget_freezes(copy: &Path) -> Result<(), Trouble> {
    let store = RedbStore::open(&copy.join(STORE_DIRECTORY))?;
    let freezes = RecordName::new("freezes")?;
    for record in store.scan(Some(&freezes), None, MAX_PAGE).await?.records {
        store.delete(&record.name, &record.version).await?;
    }
    Ok(())
}

/// Copies all files of a directory, and keeps their bytes.
fn copy_directory(from: &Path, to: &Path, files: &mut Vec<u8>) -> Result<(), Trouble> {
    let failed = |source| Trouble::File { what: "copy", path: from.to_owned(), source };
    std::fs::create_dir(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_directory(&entry.path(), &target, files)?;
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).map_err(failed)?;
            std::fs::write(&target, &bytes).map_err(failed)?;
            files.extend(bytes);
        }
        // The control socket is no file.
    }
    Ok(())
}

fn searched_wires(loot: &[Loot], wires: &[u8]) -> Result<((), String), Trouble> {
    let first = loot.first().ok_or(Trouble::Broken("there is no loot"))?;
    if wires.len() < 10_000 {
        return Err(Trouble::Broken("next to nothing was recorded: the cosigners spoke past the thief's ears"));
    }
    nothing(&thief::search_wires(&[first], wires)?)?;
    Ok(((), format!("{} bytes of all key generations and signatures hold no share and no key", wires.len())))
}

/// The thief with one provider: every attempt must fail.
fn robbed(loot: &Loot, wallet: &Wallet, report: &mut Report) {
    // One function a suite, bip340 and ed25519 first; ECDSA has no signature that one participant could try to make alone.
    type Attempt<'a> = (&'a str, &'a str, &'a [&'a dyn Fn() -> Result<bool, Trouble>]);
    let attempts: [Attempt<'_>; 3] = [
        (
            "open its store and combine the share alone",
            "opened, and refused: one share is not enough",
            &[
                &|| thief::combine_and_forge::<Bip340>(wallet, &[loot]),
                &|| thief::combine_and_forge::<Ed25519>(wallet, &[loot]),
                &|| thief::combine_and_forge::<EcdsaSecp256k1>(wallet, &[loot]),
            ],
        ),
        (
            "take the share for the key, guess second shares",
            "no guess gives the public key or a valid signature",
            &[&|| thief::guess::<Bip340>(wallet, loot.share()?), &|| thief::guess::<Ed25519>(wallet, loot.share()?), &|| {
                thief::guess::<EcdsaSecp256k1>(wallet, loot.share()?)
            }],
        ),
        (
            "sign alone in two names",
            "no signature verifies",
            &[&|| thief::sign_alone::<Bip340>(wallet, loot.share()?), &|| thief::sign_alone::<Ed25519>(wallet, loot.share()?)],
        ),
    ];
    for (what, result, suites) in attempts {
        report.step(&format!("rob {}: {what}", loot.name), || {
            for (attempt, suite) in suites.iter().zip([Bip340::NAME, Ed25519::NAME, EcdsaSecp256k1::NAME]) {
                if attempt()? {
                    return Err(Trouble::Stolen { what: what.to_owned(), suite });
                }
            }
            Ok(((), result.to_owned()))
        });
    }
    report.step(&format!("rob {}: search its files and opened records", loot.name), || {
        nothing(&thief::search::<Bip340>(loot)?)?;
        nothing(&thief::search::<Ed25519>(loot)?)?;
        nothing(&thief::search::<EcdsaSecp256k1>(loot)?)?;
        Ok(((), "no share in the clear on disk, nobody else's share anywhere".to_owned()))
    });
}

fn nothing(found: &[String]) -> Result<(), Trouble> {
    if found.is_empty() { Ok(()) } else { Err(Trouble::Found(found.join(", "))) }
}

/// The thief with two providers: it must succeed, with the same code.
fn two_robbed(loot: &[Loot], wallet: &Wallet) -> Result<((), String), Trouble> {
    for (place, first) in loot.iter().enumerate() {
        for second in loot.iter().skip(place + 1) {
            let both = [first, second];
            let forged = thief::combine_and_forge::<Bip340>(wallet, &both)?
                && thief::combine_and_forge::<Ed25519>(wallet, &both)?
                && thief::combine_and_forge::<EcdsaSecp256k1>(wallet, &both)?;
            if !forged {
                return Err(Trouble::Control("with two shares the thief forged no signature"));
            }
            let found = thief::search_finds_planted::<Bip340>(first, second)?
                && thief::search_finds_planted::<Ed25519>(first, second)?
                && thief::search_finds_planted::<EcdsaSecp256k1>(first, second)?;
            if !found {
                return Err(Trouble::Control("the search did not find a share that was there"));
            }
        }
    }
    Ok(((), documents::TAKEN.to_owned()))
}

/// Three operators, but all stores at one cloud: no key can be made.
fn refused_placement() -> Result<((), String), Trouble> {
    let row = |number: u16| -> Result<_, quorate::core::Error> {
        let path = |text: String| text.parse().map_err(PlacementError::from);
        let storage = Storage::new(path(format!("aws/account-{number}/disk"))?, [path(format!("operator-{number}/safe"))?])?;
        let exposure = Exposure::new(path(format!("operator-{number}"))?, path(format!("cloud-{number}/vm"))?, storage);
        Ok((Identifier::new(number)?, exposure))
    };
    let rows = (1..=3).map(row).collect::<Result<Vec<_>, _>>()?;
    match Placement::new(Threshold::new(2, 3).map_err(quorate::core::Error::from)?, rows) {
        Err(error @ PlacementError::OneDomainReachesTheKey { .. }) => Ok(((), error.to_string())),
        _ => Err(Trouble::Broken("a placement with all stores at one cloud was accepted")),
    }
}
