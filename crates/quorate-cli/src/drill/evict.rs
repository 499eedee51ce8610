//! The second half of the drill: the robbed provider is evicted, and what was stolen from it is worth nothing any more.

use core::time::Duration;
use std::{thread, time::Instant};

use quorate::{
    control::{
        ClientError,
        api::{ConsentRequest, FreezeRequest, KeyInfo, PlanInfo, ReshareRequest, ReshareResult, ResumeRequest},
    },
    core::{
        ecdsa::EcdsaSecp256k1,
        frost::{Bip340, Ed25519},
    },
};

use super::{
    cleanup::Cleanup,
    documents::{self, Wallet},
    nothing,
    report::Report,
    rob, sign,
    team::Team,
    thief::{self, Loot, Suite},
    trouble::Trouble,
};

/// Who holds shares after the eviction.
const HOLDERS: [&str; 3] = ["bob", "carol", "dave"];
/// All pairs of them; the first is the one that is asked.
const PAIRS: [[&str; 2]; 3] = [["bob", "carol"], ["dave", "bob"], ["carol", "dave"]];
/// How long the evicted may take to hear that it is evicted.
const HEARD: Duration = Duration::from_secs(20);

/// Evicts alice, and lets the thief try again, with her old share and what it can steal afterwards.
pub(super) fn carry_out(team: &Team, wallet: &Wallet, loot: &[Loot], cleanup: &Cleanup, report: &mut Report) -> Option<()> {
    let stolen = loot.iter().find(|loot| loot.name == "alice")?;
    report.tell(
        "\nalice's provider is found to be breached: the thief has her shares. The others evict her, and dave takes her place.\n",
    );
    report.step("dave starts at a fourth provider, and holds nothing", || start_dave(team, cleanup))?;
    report.step("bob freezes all keys with one command", || freeze(team, wallet))?;
    let plan =
        report.step("bob wants alice evicted; without the others' operators nothing happens", || proposed(team, wallet))?;
    report.step("the operators of carol and dave read the plan and consent", || consented(team, &plan))?;
    let before = key_state(team, "bob")?;
    let mark = team.wires.mark();
    report.step("bob evicts alice: new shares of the same keys", || evicted(team, wallet, &before))?;
    let fresh =
        report.step("the thief, who has alice's old shares, robs the new holders", || rob(team, cleanup, &HOLDERS, "after"))?;
    report.step("search of all bytes of the eviction", || searched(stolen, &fresh, &team.wires.since(&mark)))?;
    for second in &fresh {
        report.step(&format!("alice's old shares with {}'s new ones", second.name), || mixed(wallet, stolen, second));
    }
    report.step("the old shares of the others are nowhere any more", || gone(stolen, &fresh));
    report.step("the keys stay frozen until two operators want them back", || resume(team, wallet))?;
    for pair in PAIRS {
        report.step(&format!("{} and {} sign", pair[0], pair[1]), || sign(team, wallet, pair))?;
    }
    report.step("alice's own cosigner hears of it", || alice_hears(team, wallet))?;
    report.step("POSITIVE CONTROL: rob two of the new holders", || two_new(wallet, &fresh))
}

/// From here on nobody signs, whoever asks.
fn freeze(team: &Team, wallet: &Wallet) -> Result<((), String), Trouble> {
    let request = FreezeRequest { all: true, reason: "alice's provider is breached".to_owned(), ..FreezeRequest::default() };
    team.member("bob")?.client().freeze(&request)?;
    let start = Instant::now();
    while team.member("carol")?.client().status()?.frozen.is_empty() {
        if start.elapsed() > HEARD {
            return Err(Trouble::Broken("carol has not heard that the keys are frozen"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let said = refused_as_frozen(team, wallet, ["carol", "bob"])?;
    Ok(((), format!("carol, asked to sign with bob: {said}")))
}

/// Asks for signatures, which must be refused because the key is frozen.
fn refused_as_frozen(team: &Team, wallet: &Wallet, pair: [&str; 2]) -> Result<String, Trouble> {
    match sign(team, wallet, pair) {
        Err(Trouble::Client(ClientError::Refused(error))) if error.code == "frozen" => Ok(error.message),
        Err(other) => Err(other),
        Ok(_) => Err(Trouble::Broken("a frozen key signs")),
    }
}

/// One operator is not enough, and need not be one who was there when the keys were frozen.
fn resume(team: &Team, wallet: &Wallet) -> Result<((), String), Trouble> {
    let all = ResumeRequest { all: true, ..ResumeRequest::default() };
    team.member("bob")?.client().resume(&all)?;
    refused_as_frozen(team, wallet, ["carol", "bob"])?;
    team.member("carol")?.client().resume(&all)?;
    let start = Instant::now();
    for name in HOLDERS {
        while !team.member(name)?.client().status()?.frozen.is_empty() {
            if start.elapsed() > HEARD {
                return Err(Trouble::Broken("the keys stay frozen although two operators want them back"));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(((), "bob's alone was not enough; with carol's the keys sign again".to_owned()))
}

fn start_dave(team: &Team, cleanup: &Cleanup) -> Result<((), String), Trouble> {
    let dave = team.member("dave")?;
    dave.start(cleanup)?;
    team.wait_for_links(cleanup)?;
    if !dave.client().keys()?.is_empty() {
        return Err(Trouble::Broken("dave has shares before anybody gave him any"));
    }
    Ok(((), "dave at ovh; on everyone's roster, without a share".to_owned()))
}

fn request(wallet: &Wallet) -> ReshareRequest {
    ReshareRequest {
        keys: vec![wallet.bip340.wallet.clone()],
        add: vec!["dave".to_owned()],
        remove: vec!["alice".to_owned()],
        ..ReshareRequest::default()
    }
}

fn key_state(team: &Team, name: &str) -> Option<Vec<KeyInfo>> {
    team.member(name).ok()?.client().keys().ok()
}

/// One cosigner alone, who might be the thief's, can evict nobody.
fn proposed(team: &Team, wallet: &Wallet) -> Result<(PlanInfo, String), Trouble> {
    match team.member("bob")?.client().reshare(&request(wallet)) {
        Err(ClientError::Refused(error)) if error.code == "refused" => {}
        Err(error) => return Err(error.into()),
        Ok(_) => return Err(Trouble::Broken("bob alone could evict alice")),
    }
    let plan = plan_at(team, "carol")?;
    let said = format!("carol and dave refuse; her operator sees: {}", plan.description);
    Ok((plan, said))
}

/// The plan that waits for the consent of an operator. The refusal of another one may have been faster.
fn plan_at(team: &Team, name: &str) -> Result<PlanInfo, Trouble> {
    let start = Instant::now();
    loop {
        let plans = team.member(name)?.client().plans()?;
        match <[PlanInfo; 1]>::try_from(plans) {
            Ok([plan]) => return Ok(plan),
            Err(none) if none.is_empty() && start.elapsed() < HEARD => thread::sleep(Duration::from_millis(50)),
            Err(_) => return Err(Trouble::Broken("an operator sees no plan, or several")),
        }
    }
}

fn consented(team: &Team, plan: &PlanInfo) -> Result<((), String), Trouble> {
    if plan.proposer != "bob" || !plan.description.ends_with("from 2 of 3 to 2 of 3; leaving: alice; joining: dave") {
        return Err(Trouble::Broken("the plan says something else than was proposed"));
    }
    let of_dave = plan_at(team, "dave")?;
    if of_dave.plan != plan.plan || !of_dave.description.ends_with("2 of 3; holders: bob, carol, dave") {
        return Err(Trouble::Broken("dave's operator is shown another plan"));
    }
    for name in ["carol", "dave"] {
        team.member(name)?.client().consent(&ConsentRequest { plan: plan.plan.clone() })?;
    }
    Ok(((), format!("carol's and dave's operators, to plan {} and to nothing else", plan.plan.get(..16).unwrap_or_default())))
}

fn evicted(team: &Team, wallet: &Wallet, before: &[KeyInfo]) -> Result<((), String), Trouble> {
    let done: ReshareResult = team.member("bob")?.client().reshare(&request(wallet))?;
    // Alice's cosigner runs still: it may have heard of it by now, and have destroyed what it had. Its word does not count.
    let said = |name: &str| done.destroyed.iter().any(|who| who == name);
    let others = done.destroyed.iter().chain(&done.outstanding).filter(|who| *who != "bob" && *who != "carol");
    if done.keys.len() != 3 || !done.effective || !said("bob") || !said("carol") || !others.eq(["alice"]) {
        return Err(Trouble::Broken("the eviction is not effective, or not of all three keys"));
    }
    for name in HOLDERS {
        let keys = team.member(name)?.client().keys()?;
        let held = keys.iter().all(|key| key.participants.iter().map(|holder| holder.name.as_str()).eq(HOLDERS));
        let moved = before.iter().all(|old| {
            let now = keys.iter().find(|key| key.key_id == old.key_id);
            now.is_some_and(|now| now.public_key == old.public_key && now.chain_code == old.chain_code && now.epoch > old.epoch)
        });
        if keys.len() != 3 || !held || !moved || !Wallet::new(&keys)?.has_addresses_of(wallet) {
            return Err(Trouble::Broken("a new holder does not have all three keys, the same as before, in a later epoch"));
        }
    }
    Ok((
        (),
        "the same three public keys and all addresses; bob and carol destroyed their old shares, dave has new ones".to_owned(),
    ))
}

/// Neither the old shares nor the new ones crossed the wires in the clear.
fn searched(old: &Loot, fresh: &[Loot], wires: &[u8]) -> Result<((), String), Trouble> {
    if wires.len() < 1_000 {
        return Err(Trouble::Broken("next to nothing was recorded: the cosigners spoke past the thief's ears"));
    }
    let epochs: Vec<_> = fresh.iter().take(1).chain([old]).collect();
    nothing(&thief::search_wires(&epochs, wires)?)?;
    Ok(((), format!("{} bytes hold no old share, no new share and no key", wires.len())))
}

/// What one thief could do with shares of two epochs: every attempt must fail.
fn mixed(wallet: &Wallet, old: &Loot, new: &Loot) -> Result<((), String), Trouble> {
    let both = [old, new];
    let attempts: [(&str, &[(&'static str, bool)]); 3] = [
        (
            "put together by the library",
            &[
                (Bip340::NAME, thief::combine_and_forge::<Bip340>(wallet, &both)?),
                (Ed25519::NAME, thief::combine_and_forge::<Ed25519>(wallet, &both)?),
                (EcdsaSecp256k1::NAME, thief::combine_and_forge::<EcdsaSecp256k1>(wallet, &both)?),
            ],
        ),
        (
            "interpolated",
            &[
                (Bip340::NAME, thief::interpolate::<Bip340>(wallet, old, new)?),
                (Ed25519::NAME, thief::interpolate::<Ed25519>(wallet, old, new)?),
                (EcdsaSecp256k1::NAME, thief::interpolate::<EcdsaSecp256k1>(wallet, old, new)?),
            ],
        ),
        (
            "signed with",
            &[
                (Bip340::NAME, thief::sign_together::<Bip340>(wallet, old, new)?),
                (Ed25519::NAME, thief::sign_together::<Ed25519>(wallet, old, new)?),
            ],
        ),
    ];
    for (what, suites) in attempts {
        if let Some(&(suite, _)) = suites.iter().find(|(_, succeeded)| *succeeded) {
            return Err(Trouble::Stolen { what: format!("shares of two epochs, {what},"), suite });
        }
    }
    Ok(((), "they lie on different polynomials: no key, no signature".to_owned()))
}

/// The old epoch is gone from the new holders: with its shares the thief could go on.
fn gone(old: &Loot, fresh: &[Loot]) -> Result<((), String), Trouble> {
    for new in fresh {
        nothing(&thief::search_for_epoch::<Bip340>(old, new)?)?;
        nothing(&thief::search_for_epoch::<Ed25519>(old, new)?)?;
        nothing(&thief::search_for_epoch::<EcdsaSecp256k1>(old, new)?)?;
    }
    Ok(((), "neither in the files of bob, carol and dave nor in what opens these".to_owned()))
}

/// The thief's copy is what it is; the cosigner that was copied is honest still.
fn alice_hears(team: &Team, wallet: &Wallet) -> Result<((), String), Trouble> {
    let alice = team.member("alice")?;
    let start = Instant::now();
    while !alice.client().keys()?.is_empty() {
        if start.elapsed() > HEARD {
            return Err(Trouble::Broken("alice keeps the shares that she was evicted from"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    if wallet.sign(&alice.client(), ["alice", "bob"]).is_ok() {
        return Err(Trouble::Broken("alice still signs"));
    }
    Ok(((), "it destroys its old shares, and signs no more".to_owned()))
}

/// The same code with two shares of one epoch: it must succeed.
fn two_new(wallet: &Wallet, fresh: &[Loot]) -> Result<((), String), Trouble> {
    for (place, first) in fresh.iter().enumerate() {
        for second in fresh.iter().skip(place + 1) {
            let both = [first, second];
            let taken = thief::combine_and_forge::<Bip340>(wallet, &both)?
                && thief::combine_and_forge::<Ed25519>(wallet, &both)?
                && thief::combine_and_forge::<EcdsaSecp256k1>(wallet, &both)?
                && thief::interpolate::<Bip340>(wallet, first, second)?
                && thief::interpolate::<Ed25519>(wallet, first, second)?
                && thief::interpolate::<EcdsaSecp256k1>(wallet, first, second)?
                && thief::sign_together::<Bip340>(wallet, first, second)?
                && thief::sign_together::<Ed25519>(wallet, first, second)?;
            if !taken {
                return Err(Trouble::Control("with two shares of the new epoch the thief got nothing"));
            }
        }
        let found = thief::search_for_epoch::<Bip340>(first, first)?;
        if found.is_empty() {
            return Err(Trouble::Control("the search for an epoch did not find a share that was there"));
        }
    }
    Ok(((), documents::TAKEN.to_owned()))
}

#[cfg(test)]
#[path = "evict_tests.rs"]
mod tests;
