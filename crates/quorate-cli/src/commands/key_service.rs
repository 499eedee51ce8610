//! `quorate key-service`: what opens a cosigner's sealed shares.

use quorate::{config::Config, node::move_key_service};

use super::{passphrase_if, runtime};
use crate::{args::KeyServiceCommand, failure::Failure, output::Output};

pub(super) fn run(command: KeyServiceCommand, output: Output) -> Result<(), Failure> {
    let KeyServiceCommand::Move(args) = command;
    let config = Config::load(&args.dir)?;
    let to = args.opens.key_service(&config.name)?;
    // It was written already if a move that was cut off had come that far: then the one that is asked for is not new.
    let (before, after) = (config.key_service.passphrase, to.passphrase);
    let passphrase = passphrase_if(before || after, &args.passphrase, !before)?;
    let spinner = output.spinner("wrapping the sealed shares anew");
    let moved = runtime()?.block_on(move_key_service(&args.dir, &to, &args.domains, passphrase))?;
    drop(spinner);
    let value = serde_json::json!({ "keys": moved.keys, "epoch_keys": moved.epoch_keys });
    let brought = match moved.epoch_keys {
        0 => String::new(),
        count => format!(", and brought {count} epoch keys to where they belong now"),
    };
    let text = format!(
        "Wrapped the records of {} keys anew{brought}. No share that is kept opens with the former key services.\n\
         Start the cosigner, and refresh its keys: until then the former ones count, since copies from before may exist.\n\
         The store may still have its former identity record in free pages, logs or versions, where the former key services open it:\n\
         if they may be in other hands, move the store to a fresh one (`quorate store move`), and destroy the old one with its copies.\n",
        moved.keys
    );
    output.answer(&value, &text)
}
