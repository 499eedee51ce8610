//! The `quorate` program: runs a cosigner, speaks to a running one, and drills a theft.
//!
//! [`args`] is the command line, one module in [`commands`] carries out each command, and [`failure`] turns what went wrong into an exit
//! code. Nothing here does cryptography of its own but for the thief of the [`drill`], who is meant to fail.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod drill;
mod failure;
mod independent;
mod key;
mod output;
mod passphrase;
mod progress;
mod request;
mod requester;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let output = output::Output::new(cli.json);
    match commands::run(cli.command, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
