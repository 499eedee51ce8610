//! `quorate plans` and `quorate consent`.

use quorate::control::api::ConsentRequest;

use super::client;
use crate::{
    args::{Connection, ConsentArgs},
    failure::Failure,
    output::Output,
};

pub(super) fn plans(connection: &Connection, output: Output) -> Result<(), Failure> {
    let plans = client(connection)?.plans()?;
    if plans.is_empty() {
        return output.answer(&plans, "no change waits for your consent");
    }
    let mut text = String::new();
    for plan in &plans {
        text.push_str(&format!("{} proposes\n  {}\n  quorate consent {}\n\n", plan.proposer, plan.description, plan.plan));
    }
    text.push_str("Consent to what its proposer's operator told you over another way, and to nothing else.");
    output.answer(&plans, &text)
}

pub(super) fn consent(args: &ConsentArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.connection)?;
    let proposed = client.plans()?.into_iter().find(|plan| plan.plan.eq_ignore_ascii_case(&args.plan));
    client.consent(&ConsentRequest { plan: args.plan.clone() })?;
    let text = match &proposed {
        Some(plan) => format!(
            "This cosigner will take part in this change, for 24 hours or until it restarts:\n  {}\nHave {} propose it again.",
            plan.description, plan.proposer
        ),
        None => "This cosigner will take part in a change of that name, for 24 hours or until it restarts. Nobody has proposed \
                 it here yet, so that there are no words for it."
            .to_owned(),
    };
    output.answer(&serde_json::json!({"plan": args.plan, "proposed": proposed}), &text)
}
