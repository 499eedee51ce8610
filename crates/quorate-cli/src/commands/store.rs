//! `quorate store`: where a cosigner's sealed shares are.

use quorate::{
    config::{Config, StoreConfig},
    node::move_store,
};

use super::{passphrase_if, runtime};
use crate::{args::StoreCommand, failure::Failure, output::Output};

pub(super) fn run(command: StoreCommand, output: Output) -> Result<(), Failure> {
    let StoreCommand::Move(args) = command;
    let to = args.at.store().unwrap_or(StoreConfig::Redb {});
    let needed = Config::load(&args.dir)?.key_service.passphrase;
    let passphrase = passphrase_if(needed, &args.passphrase, false)?;
    let spinner = output.spinner("moving the sealed shares");
    let moved = runtime()?.block_on(move_store(&args.dir, &to, &args.domain, passphrase))?;
    drop(spinner);
    let value = serde_json::json!({ "records": moved.records, "bytes": moved.bytes, "from": moved.from, "to": moved.to });
    let text = format!(
        "Moved {} records ({} bytes) from {} to {}, compared them, and destroyed the old store.\n\
         Start the cosigner, and refresh its keys: until then the old place counts, since copies of it may exist.\n",
        moved.records, moved.bytes, moved.from, moved.to
    );
    output.answer(&value, &text)
}
