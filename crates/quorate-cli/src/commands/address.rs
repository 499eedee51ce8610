//! `quorate address`.

mod on_chain;

use quorate::payload::{AddressKind, KeyUse};

use super::client;
use crate::{
    args::AddressArgs,
    failure::Failure,
    key::{self, PublicKey},
    output::{Output, row, table},
};

pub(super) fn run(args: &AddressArgs, output: Output) -> Result<(), Failure> {
    if let Some(chain) = &args.of.chain {
        return on_chain::run(chain, args, output);
    }
    let steps = key::steps(&args.path)?;
    let wanted = args.kind.map(AddressKind::from);
    let mut values = Vec::new();
    let mut rows = Vec::new();
    for info in key::find(&client(&args.connection)?, &args.key, args.suite.as_deref())? {
        let view = PublicKey::try_from(&info)?;
        for (kind, address) in KeyUse::new(&view, &steps).on(args.network.into()).addresses()? {
            if wanted.is_some_and(|wanted| wanted != kind) {
                continue;
            }
            rows.push(row([&info.suite, kind.name(), &address]));
            values.push(serde_json::json!({
                "wallet": info.wallet, "suite": info.suite, "key_id": info.key_id, "path": args.path, "kind": kind.name(),
                "address": address,
            }));
        }
    }
    if let (Some(kind), true) = (wanted, values.is_empty()) {
        return Err(Failure::NoAddress { key: args.key.clone(), kind });
    }
    output.answer(&values, &table(&rows))
}
