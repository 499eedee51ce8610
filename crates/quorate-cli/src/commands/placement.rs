//! `quorate placement explain`: which providers could take a key.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use quorate::{
    config::{Config, PlacementConfig},
    control::api::{AmendRequest, KeyInfo},
    core::{
        Identifier, Placement, Threshold,
        placement::{AmendedPlacement, Counting, Exposure, Waiver},
        wire::Encoding as _,
    },
};
use serde::Deserialize;

use super::{client, read_text};
use crate::{
    args::{Connection, PlacementCommand},
    failure::Failure,
    key,
    output::{Output, row, table},
};

/// A placement before there is a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    min_signers: u16,
    #[serde(default)]
    joint_counting: bool,
    participants: BTreeMap<String, PlacementConfig>,
    #[serde(default)]
    waivers: Vec<WaiverRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaiverRow {
    domain: String,
    reason: String,
    date: String,
}

pub(super) fn run(command: PlacementCommand, output: Output) -> Result<(), Failure> {
    let (key, suite, file, configs, min_signers, connection) = match command {
        PlacementCommand::Explain { key, suite, file, configs, min_signers, connection } => {
            (key, suite, file, configs, min_signers, connection)
        }
        PlacementCommand::Amend { key, suite, connection } => return amend(key, suite, &connection, output),
    };
    match (key, file) {
        (Some(key), _) => {
            let mut texts = Vec::new();
            let mut values = Vec::new();
            for info in key::find(&client(&connection)?, &key, suite.as_deref())? {
                let names =
                    info.participants.iter().map(|participant| (participant.identifier, participant.name.clone())).collect();
                let title = format!("{} {}", info.wallet, info.suite);
                let placement = amended(&info)?;
                texts.push(text(&title, &names, &placement));
                values.push(value(&title, &names, &placement));
            }
            output.answer(&values, &texts.join("\n"))
        }
        (None, Some(file)) => told(&read(&file)?, output),
        (None, None) => told(&of_configs(&configs, min_signers)?, output),
    }
}

/// Agrees with all participants where this cosigner's shares are.
fn amend(key: String, suite: Option<String>, connection: &Connection, output: Output) -> Result<(), Failure> {
    let client = client(connection)?;
    let spinner = output.spinner("asking the participants for their approval");
    let results = client.amend(&AmendRequest { key, suite })?;
    drop(spinner);
    let mut rows = vec![row(["wallet", "suite", "key", "placement"])];
    rows.extend(results.iter().map(|result| {
        let said = result.number.map_or_else(|| "said so already".to_owned(), |number| format!("amended (number {number})"));
        row([result.wallet.as_str(), &result.suite, &result.key_id, &said])
    }));
    output.answer(&results, &table(&rows))
}

/// The placement of a key with what was amended since.
fn amended(info: &KeyInfo) -> Result<AmendedPlacement, Failure> {
    let mut placement = AmendedPlacement::new(decode(&info.placement)?);
    for amendment in &info.amendments {
        let bytes = hex::decode(&amendment.row).map_err(|_| quorate::core::DecodeError::InvalidValue("row"))?;
        placement.amend(Identifier::new(amendment.participant)?, amendment.number, Exposure::from_bytes(&bytes)?)?;
    }
    Ok(placement)
}

fn told((names, placement): &(Names, Placement), output: Output) -> Result<(), Failure> {
    let placement = &AmendedPlacement::new(placement.clone());
    output.answer(&[value("before key generation", names, placement)], &text("before key generation", names, placement))
}

/// The participants' names by number.
type Names = BTreeMap<u16, String>;

/// The placement that a cosigner tells of.
pub(crate) fn decode(digits: &str) -> Result<Placement, Failure> {
    let bytes = hex::decode(digits).map_err(|_| quorate::core::DecodeError::InvalidValue("placement"))?;
    Ok(Placement::from_bytes(&bytes)?)
}

fn read(path: &Path) -> Result<(Names, Placement), Failure> {
    let malformed = |source| Failure::PlacementFile { path: path.to_owned(), source: Box::new(source) };
    let file: File = toml::from_str(&read_text(path)?).map_err(malformed)?;
    build(file)
}

fn of_configs(paths: &[PathBuf], min_signers: u16) -> Result<(Names, Placement), Failure> {
    let mut participants = BTreeMap::new();
    for path in paths {
        let config = Config::parse(&read_text(path)?, path)?;
        participants.insert(config.name, config.placement);
    }
    build(File { min_signers, joint_counting: false, participants, waivers: Vec::new() })
}

/// Numbers the participants as key generation does: sorted by name, from 1.
fn build(file: File) -> Result<(Names, Placement), Failure> {
    let count = u16::try_from(file.participants.len()).unwrap_or(u16::MAX);
    let mut builder = Placement::builder(Threshold::new(file.min_signers, count)?);
    if file.joint_counting {
        builder = builder.counting(Counting::Joint);
    }
    let mut names = Names::new();
    for ((name, row), number) in file.participants.into_iter().zip(1..) {
        builder = builder.participant(Identifier::new(number)?, row.exposure()?);
        names.insert(number, name);
    }
    for waiver in file.waivers {
        let domain = waiver.domain.parse().map_err(quorate::core::PlacementError::from)?;
        builder = builder.waive(Waiver::new(domain, &waiver.reason, &waiver.date)?);
    }
    Ok((names, builder.build()?))
}

fn text(title: &str, names: &Names, placement: &AmendedPlacement) -> String {
    let people: Vec<_> = names.iter().map(|(number, name)| format!("{number} is {name}")).collect();
    let (now, base) = (placement.latest(), placement.base());
    let before = if now == *base {
        String::new()
    } else {
        format!("\nAmended: old places count until the next reshare, and are counted below. The key was made with\n{base}\n")
    };
    format!("{title}: participant {}\n{now}\n{before}{}", people.join(", "), placement.explain())
}

fn value(title: &str, names: &Names, placement: &AmendedPlacement) -> serde_json::Value {
    let explanation = placement.explain();
    let sets: Vec<Vec<&str>> =
        explanation.breach().sets().iter().map(|set| set.iter().map(|domain| domain.as_str()).collect()).collect();
    let numbers = |list: &[Identifier]| list.iter().map(|identifier| identifier.to_u16()).collect::<Vec<_>>();
    let losses = explanation.losses().iter().map(|loss| {
        serde_json::json!({
            "domain": loss.domain().as_str(), "unavailable": numbers(loss.unavailable()), "can_sign": loss.can_sign(),
        })
    });
    let waivers = explanation.waivers().map(|(waiver, reached)| {
        serde_json::json!({
            "domain": waiver.domain().as_str(), "reason": waiver.reason(), "date": waiver.date().to_string(), "reaches": numbers(reached),
        })
    });
    serde_json::json!({
        "key": title,
        "participants": names,
        "min_signers": placement.base().threshold().min_signers(),
        "max_signers": placement.base().threshold().max_signers(),
        "separated": !placement.base().is_unchecked(),
        "amended": placement.latest() != *placement.base(),
        "domains_needed_to_take_the_key": explanation.breach().size(),
        "exact": explanation.breach().is_exact(),
        "smallest_sets": sets,
        "waivers": waivers.collect::<Vec<_>>(),
        "losses": losses.collect::<Vec<_>>(),
        "text": explanation.to_string(),
    })
}
