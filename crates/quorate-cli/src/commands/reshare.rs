//! `quorate refresh`, `reshare`, `evict` and `repair`: the same keys on new polynomials.

use quorate::control::{
    Client, ClientError,
    api::{AttestRequest, AttestResult, KeyInfo, ReshareRequest, ReshareResult},
};

use super::client;
use crate::{
    args::{Dealt, EvictArgs, ReshareArgs},
    failure::{Failure, Threshold},
    output::{Output, row, table},
};

/// What stands before a plan in the words of a cosigner that lacks its operator's consent.
const CONSENT: &str = "quorate consent ";

pub(super) fn refresh(dealt: Dealt, output: Output) -> Result<(), Failure> {
    let client = client(&dealt.connection)?;
    let done = reshare(&client, &request(dealt), output)?;
    answer(&done, output)
}

pub(super) fn change(args: ReshareArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.dealt.connection)?;
    let ReshareArgs { dealt, min_signers, add, remove, moved } = args;
    let request = ReshareRequest { min_signers, add, remove, moved, ..request(dealt) };
    answer(&reshare(&client, &request, output)?, output)
}

pub(super) fn evict(args: EvictArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.dealt.connection)?;
    let replaced = u16::from(args.replace_with.is_some());
    for key in client.keys()?.iter().filter(|key| is_meant(key, &args.dealt)) {
        let threshold = fits(key, replaced, args.min_signers)?;
        if threshold.min_signers == threshold.left {
            output.note(&format!(
                "{} {}: all {} holders that are left have to sign from now on; one lost share is the end of the key",
                key.wallet, key.suite, threshold.left
            ));
        }
    }
    let EvictArgs { dealt, participant, replace_with, min_signers } = args;
    let add = replace_with.into_iter().collect();
    let request = ReshareRequest { min_signers, add, remove: vec![participant], ..request(dealt) };
    answer(&reshare(&client, &request, output)?, output)
}

pub(super) fn repair(dealt: Dealt, output: Output) -> Result<(), Failure> {
    let client = client(&dealt.connection)?;
    let before = attest(&client, &dealt, output)?;
    if before.iter().all(|result| result.holds_share) {
        let value = serde_json::json!({"before": before, "reshared": null, "after": null});
        return output.answer(&value, "Every participant proved that it holds its share. There is nothing to repair.");
    }
    let mut text = String::new();
    for result in before.iter().filter(|result| !result.holds_share) {
        let problem = result.problem.as_deref().unwrap_or("no proof");
        text.push_str(&format!("without a share: {} of the {} key ({problem})\n", result.name, result.suite));
    }
    output.note(&text);
    let done = reshare(&client, &request(dealt.clone()), output)?;
    let after = attest(&client, &dealt, output)?;
    let missing = after.iter().filter(|result| !result.holds_share).count();
    let total = after.len();
    text.push_str(&describe(&done));
    text.push_str(&format!("proofs: {} of {total}\n", total.saturating_sub(missing)));
    output.answer(&serde_json::json!({"before": before, "reshared": done, "after": after}), &text)?;
    if missing == 0 { effective(&done) } else { Err(Failure::ProofsMissing { missing, total }) }
}

fn request(dealt: Dealt) -> ReshareRequest {
    let Dealt { keys, suite, request_id, connection: _ } = dealt;
    ReshareRequest { keys, suite, request_id, ..ReshareRequest::default() }
}

fn is_meant(key: &KeyInfo, dealt: &Dealt) -> bool {
    let named = dealt.keys.iter().any(|name| *name == key.wallet || *name == key.key_id);
    named && dealt.suite.as_ref().is_none_or(|suite| *suite == key.suite)
}

/// How many holders an eviction leaves, and how many of them sign.
fn fits(key: &KeyInfo, replaced: u16, min_signers: Option<u16>) -> Result<Threshold, Failure> {
    let left = key.max_signers.saturating_sub(1).saturating_add(replaced);
    let threshold = Threshold { wallet: key.wallet.clone(), left, min_signers: min_signers.unwrap_or(key.min_signers) };
    if threshold.min_signers <= left { Ok(threshold) } else { Err(Failure::Threshold(threshold)) }
}

fn attest(client: &Client, dealt: &Dealt, output: Output) -> Result<Vec<AttestResult>, Failure> {
    let _spinner = output.spinner("asking the participants for proofs");
    let mut results = Vec::new();
    for key in &dealt.keys {
        results.extend(client.attest(&AttestRequest { key: key.clone(), suite: dealt.suite.clone() })?);
    }
    Ok(results)
}

fn reshare(client: &Client, request: &ReshareRequest, output: Output) -> Result<ReshareResult, Failure> {
    let _spinner = output.spinner("dealing the keys anew with the other cosigners");
    client.reshare(request).map_err(|error| match wanted_consent(&error) {
        Some((name, plan)) => Failure::Consent { name, plan },
        None => error.into(),
    })
}

/// Whose consent is missing, and to which plan. The words are another cosigner's: nothing but the digits is taken from them.
pub(super) fn wanted_consent(error: &ClientError) -> Option<(String, String)> {
    let ClientError::Refused(error) = error else { return None };
    let (_, rest) = error.message.split_once(CONSENT)?;
    let plan = rest.get(..64)?;
    let digits = error.code == "refused" && plan.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then_some((error.culprits.first()?.clone(), plan.to_owned()))
}

fn answer(done: &ReshareResult, output: Output) -> Result<(), Failure> {
    output.answer(done, &describe(done))?;
    effective(done)
}

fn effective(done: &ReshareResult) -> Result<(), Failure> {
    if done.effective { Ok(()) } else { Err(Failure::NotEffective { outstanding: done.outstanding.clone() }) }
}

fn describe(done: &ReshareResult) -> String {
    let mut rows = vec![row(["wallet", "suite", "epoch", "key id"])];
    rows.extend(done.keys.iter().map(|key| row([&key.wallet, &key.suite, &key.epoch.to_string(), &key.key_id])));
    let mut text = format!("{}\nold shares destroyed by: {}\n", table(&rows), done.destroyed.join(", "));
    if !done.outstanding.is_empty() {
        text.push_str(&format!("no word of it from:      {}\n", done.outstanding.join(", ")));
    }
    let effective = "Done. Public keys and addresses are what they were; the old shares that may be left cannot sign.";
    let not = "NOT EFFECTIVE YET: so many old shares may be left that they can sign together.";
    text.push_str(if done.effective { effective } else { not });
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, message: &str, culprits: &[&str]) -> ClientError {
        let error = serde_json::json!({"code": code, "message": message, "culprits": culprits});
        ClientError::Refused(serde_json::from_value(error).unwrap())
    }

    #[test]
    fn plan_is_read_from_a_refusal_and_from_nothing_else() {
        let plan = "ab".repeat(32);
        let words = format!("carol refuses: no: `quorate consent {plan}` here, if it is meant");
        assert_eq!(wanted_consent(&refusal("refused", &words, &["carol"])), Some(("carol".to_owned(), plan.clone())));
        assert_eq!(wanted_consent(&refusal("denied", &words, &["carol"])), None);
        assert_eq!(wanted_consent(&refusal("refused", &words, &[])), None);
        for other in ["quorate consent", "quorate consent abc", "quorate consent ééééééééééééééééééééééééééééééééé"]
        {
            assert_eq!(wanted_consent(&refusal("refused", other, &["carol"])), None, "{other}");
        }
        let strange = words.replacen(&plan, &"; rm -rf".repeat(8), 1);
        assert_eq!(wanted_consent(&refusal("refused", &strange, &["carol"])), None);
    }

    #[test]
    fn eviction_that_leaves_too_few_says_what_to_give() {
        let key = |min_signers: u16, max_signers: u16| -> KeyInfo {
            serde_json::from_value(serde_json::json!({
                "wallet": "w", "suite": "ed25519", "key_id": "", "epoch": 0, "public_key": "", "chain_code": "",
                "min_signers": min_signers, "max_signers": max_signers, "participant": 1, "participants": [], "placement": "",
                "separated": true,
            }))
            .unwrap()
        };
        assert!(fits(&key(2, 3), 0, None).is_ok() && fits(&key(3, 3), 1, None).is_ok() && fits(&key(3, 3), 0, Some(2)).is_ok());
        let lower = fits(&key(3, 3), 0, None).unwrap_err();
        assert_eq!(lower.exit_code(), 2);
        assert!(lower.message().contains("--replace-with NAME, or --min-signers 2"), "{}", lower.message());
        let wide = fits(&key(5, 5), 0, None).unwrap_err().message();
        assert!(wide.contains("--min-signers with a number from 2 to 4"), "{wide}");
        let pair = fits(&key(2, 2), 0, None).unwrap_err().message();
        assert!(pair.ends_with("give --replace-with NAME"), "{pair}");
    }
}
