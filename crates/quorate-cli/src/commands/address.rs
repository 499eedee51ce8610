//! `quorate address`.

use quorate::payload::KeyUse;

use super::client;
use crate::{
    args::AddressArgs,
    failure::Failure,
    key::{self, PublicKey},
    output::{Output, row, table},
};

pub(super) fn run(args: &AddressArgs, output: Output) -> Result<(), Failure> {
    let steps = key::steps(&args.path)?;
    let mut values = Vec::new();
    let mut rows = Vec::new();
    for info in key::find(&client(&args.connection), &args.key, args.suite.as_deref())? {
        let view = PublicKey::new(&info)?;
        let address = KeyUse::new(&view, &steps).on(args.network.into()).address()?;
        rows.push(row([&info.suite, &address]));
        values.push(serde_json::json!({
            "wallet": info.wallet, "suite": info.suite, "key_id": info.key_id, "path": args.path, "address": address,
        }));
    }
    output.answer(&values, &table(&rows))
}
