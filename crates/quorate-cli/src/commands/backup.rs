//! `quorate backup`.

use std::{
    fs::File,
    io::{BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use quorate::{
    backup::{BackupError, BackupReport, CheckError, KeyReport, OpeningKeys, restore_node, verify},
    config::{CONFIG_FILE, Config, STORE_DIRECTORY},
    control::api::BackupRequest,
};
use zeroize::Zeroizing;

use super::{client, passphrase_if, read_text, runtime};
use crate::{
    args::{BackupCommand, BackupMakeArgs, BackupRestoreArgs, BackupVerifyArgs},
    failure::Failure,
    output::{Output, row, table},
};

/// The longest key file that is read.
const MAX_KEY_FILE: usize = 64 << 10;
const DAY: u64 = 24 * 60 * 60;

pub(super) fn run(command: BackupCommand, output: Output) -> Result<(), Failure> {
    match command {
        BackupCommand::Make(args) => make(args, output),
        BackupCommand::Verify(args) => check(&args, output),
        BackupCommand::Restore(args) => restore(&args, output),
    }
}

fn make(args: BackupMakeArgs, output: Output) -> Result<(), Failure> {
    let failed = |source| Failure::File { action: "find", path: args.to.clone(), source };
    let to = std::path::absolute(&args.to).map_err(failed)?;
    let request = BackupRequest {
        to: to.to_string_lossy().into_owned(),
        location: args.location,
        recipient: args.recipient,
        with_identity: args.with_identity,
        partial: args.partial,
    };
    let spinner = output.spinner("writing the backup");
    let made = client(&args.connection)?.backup(&request)?;
    drop(spinner);
    let mut text = format!(
        "Wrote {}: {} keys, {} bytes. Bring it to {}, check it there with `quorate backup verify`, and delete the older ones:\n\
         shares of one epoch from min_signers cosigners' backups are the key.\n",
        to.display(),
        made.keys,
        made.bytes,
        request.location
    );
    if !made.left_out.is_empty() {
        let mut rows = vec![row(["NOT in the backup", "why"])];
        rows.extend(made.left_out.iter().map(|left| row([&left.key, &left.problem])));
        text.push_str(&format!("\n{}", table(&rows)));
    }
    output.answer(&made, &text)
}

fn check(args: &BackupVerifyArgs, output: Output) -> Result<(), Failure> {
    let keys = args.identity.as_deref().map(read_keys).transpose()?;
    let failed = |source| Failure::File { action: "read", path: args.file.clone(), source };
    let file = BufReader::new(File::open(&args.file).map_err(failed)?);
    let mut reports = Vec::new();
    let spinner = output.spinner("checking the backup");
    let report = verify(file, keys.as_ref(), |key| reports.push(key))?;
    drop(spinner);
    output.answer(&value(&report, &reports), &text(&report, &reports))
}

fn value(report: &BackupReport, keys: &[KeyReport]) -> serde_json::Value {
    let preamble = &report.preamble;
    let keys = keys.iter().map(|key| {
        serde_json::json!({
            "key_id": hex::encode(key.key_id), "suite": key.suite.name(), "public_key": hex::encode(&key.public_key),
            "min_signers": key.threshold.min_signers(), "max_signers": key.threshold.max_signers(),
            "participant": key.participant, "epoch": key.epoch, "pending": key.pending, "wallet": key.wallet,
        })
    });
    serde_json::json!({
        "id": hex::encode(preamble.id), "cosigner": preamble.cosigner.to_string(), "made": preamble.made,
        "location": preamble.location.as_str(), "key": preamble.key.as_str(), "recipient": preamble.recipient,
        "with_identity": preamble.with_identity, "opened": report.opened, "active": report.active, "pending": report.pending,
        "keys": keys.collect::<Vec<_>>(),
    })
}

fn text(report: &BackupReport, keys: &[KeyReport]) -> String {
    let preamble = &report.preamble;
    let mut rows = vec![row(["wallet", "suite", "threshold", "number", "epoch", "key id"])];
    rows.extend(keys.iter().map(|key| {
        let pending = key.pending.iter().map(|epoch| format!("{epoch} (not certified)"));
        let epochs: Vec<_> = key.epoch.iter().map(u64::to_string).chain(pending).collect();
        row([
            key.wallet.as_deref().unwrap_or("?"),
            key.suite.name(),
            &key.threshold.to_string(),
            &key.participant.to_string(),
            &epochs.join(", "),
            &hex::encode(key.key_id),
        ])
    }));
    let proved = if report.opened {
        "The backup was opened, and every share in it fits its key."
    } else {
        "The backup is whole, and its maker held every share. NOT checked: that the encrypted part holds them (--identity)."
    };
    format!(
        "made       {}{}\nby         {}, as it says\nfor        {}, recipient {} of {}\nidentity   {}\n\n{}\n{proved}\nA share of an epoch \
         before the key's present one is of no use for signing, and min_signers of them are the key all the same: delete old backups.",
        date(preamble.made),
        age(preamble.made),
        preamble.cosigner,
        preamble.location,
        preamble.recipient,
        preamble.key,
        if preamble.with_identity { "in the encrypted part" } else { "not in it" },
        table(&rows),
    )
}

fn restore(args: &BackupRestoreArgs, output: Output) -> Result<(), Failure> {
    let keys = read_keys(&args.identity)?;
    let config = args.config.as_deref().map(read_text).transpose()?;
    let new = !args.dir.join(STORE_DIRECTORY).is_dir();
    let path = args.dir.join(CONFIG_FILE);
    let settings = match &config {
        Some(text) if !path.exists() => Config::parse(text, &path),
        _ => Config::load(&args.dir),
    };
    // Whatever is wrong with it is said behind what is wrong with the backup.
    let needed = settings.map_or(true, |config| config.key_service.passphrase);
    let passphrase = passphrase_if(needed, &args.passphrase, new)?;
    let spinner = output.spinner("restoring the backup");
    let restored = runtime()?.block_on(restore_node(&args.dir, &args.file, &keys, passphrase, config.as_deref()))?;
    drop(spinner);
    let next = "This cosigner went back in time, and the others know more than its store: run `quorate rejoin` before it signs. A share of \
                an older epoch than the key's is refused by the others, and has to be repaired. A new directory needs its roster, too: \
                `quorate roster add`.";
    let value = serde_json::json!({
        "cosigner": restored.backup.preamble.cosigner.to_string(), "made": restored.backup.preamble.made,
        "stored": restored.stored, "present": restored.present, "unnamed": restored.unnamed, "next": next,
    });
    let mut text = format!(
        "Restored {} keys from the backup of {}{}; {} were there already.\n",
        restored.stored,
        date(restored.backup.preamble.made),
        age(restored.backup.preamble.made),
        restored.present
    );
    for key in &restored.unnamed {
        text.push_str(&format!("The key {key} goes by its id: another key has its wallet's name here.\n"));
    }
    output.answer(&value, &format!("{text}{next}"))
}

/// Reads a file of age secret keys that only this user can read, or standard input for `-`.
fn read_keys(path: &Path) -> Result<OpeningKeys, Failure> {
    let failed = |source| Failure::File { action: "read", path: path.to_owned(), source };
    // Room for all that is read, so that the buffer never moves and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE.saturating_add(64)));
    let limit = u64::try_from(MAX_KEY_FILE).unwrap_or(u64::MAX);
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_file() && mode & 0o077 != 0 {
            return Err(Failure::KeyFileNotPrivate { path: path.to_owned(), mode });
        }
        file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    }
    let keys = core::str::from_utf8(&bytes).map_err(|_| BackupError::KeyFile).and_then(OpeningKeys::parse);
    keys.map_err(|error| CheckError::from(error).into())
}

/// A time, as `2026-11-23 10:25 UTC`.
fn date(seconds: u64) -> String {
    let (days, minutes) = (seconds / DAY, seconds % DAY / 60);
    // From days to a date of the Gregorian calendar, with years that begin in March.
    let days = days.saturating_add(719_468);
    let era = days / 146_097;
    let day = days % 146_097;
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{}-{month:02}-{day:02} {:02}:{:02} UTC", era * 400 + year + next, minutes / 60, minutes % 60)
}

/// How long ago that was, by this machine's clock.
fn age(made: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match now.checked_sub(made).map(|age| age / DAY) {
        None => ", which this machine's clock has not reached yet".to_owned(),
        Some(0) => ", less than a day ago".to_owned(),
        Some(1) => ", a day ago".to_owned(),
        Some(days) => format!(", {days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_795_429_517, "2026-11-23 10:25 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(date(seconds), text);
        }
        assert!(!date(u64::MAX).is_empty());
    }
}
