//! `quorate attest`.

use quorate::control::api::AttestRequest;

use super::client;
use crate::{
    args::AttestArgs,
    failure::Failure,
    output::{Output, row, table},
};

pub(super) fn run(args: AttestArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.connection)?;
    let spinner = output.spinner("asking the participants for proofs");
    let results = client.attest(&AttestRequest { key: args.key, suite: args.suite })?;
    drop(spinner);
    let mut rows = vec![row(["suite", "number", "name", "holds its share", ""])];
    rows.extend(results.iter().map(|result| {
        let proved = if result.holds_share { "yes, proved" } else { "NO PROOF" };
        row([&result.suite, &result.identifier.to_string(), &result.name, proved, result.problem.as_deref().unwrap_or_default()])
    }));
    let missing = results.iter().filter(|result| !result.holds_share).count();
    output.answer(&results, &table(&rows))?;
    if missing == 0 { Ok(()) } else { Err(Failure::ProofsMissing { missing, total: results.len() }) }
}
