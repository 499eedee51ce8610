//! A PSBT in words and numbers.

use bitcoin::{Address, Amount, Psbt, Script, Transaction, TxOut, absolute::LockTime};

use super::{
    super::{
        Description, Details, KeyUse, Network,
        description::hex,
        effect::{Asset, Effect},
        format_path,
    },
    OwnInput, Plan, scripts,
};

/// A Bitcoin transaction in numbers. Amounts are in satoshi.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PsbtDetails {
    /// What is spent.
    pub inputs: Vec<InputDetails>,
    /// What is paid.
    pub outputs: Vec<OutputDetails>,
    /// What the miners get: all inputs less all outputs.
    pub fee: u64,
    /// What this key loses at most: what goes to outputs that do not return to it, and the fee, but no more than its inputs hold.
    ///
    /// Inputs that are not recognised as this key's lower nothing: they can be its own at a path that the request does not name, and be
    /// signed by another request for the same transaction. So where others pay in too, their part counts as this key's.
    pub spent: u64,
    /// The fee for a thousand virtual bytes, if every input is Taproot or P2WPKH (then the final size can be told, to a byte an input).
    pub fee_rate: Option<u64>,
}

/// An input of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputDetails {
    /// The output that is spent, as `txid:index`.
    pub outpoint: String,
    /// Its value.
    pub value: u64,
    /// Its address, or its script if it has none.
    pub address: String,
    /// The path of the child that signs it, if it is this key's.
    pub path: Option<String>,
    /// The Taproot scripts by which it can be spent, or was, as far as the PSBT tells.
    pub scripts: Vec<String>,
    /// Whether this key is in one of the scripts, where it does not sign.
    pub in_script: bool,
}

/// An output of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputDetails {
    /// Its value.
    pub value: u64,
    /// Its address, or its script if it has none.
    pub address: String,
    /// The path of the child that it returns to, if it returns to this key and to nobody else.
    pub path: Option<String>,
    /// The Taproot scripts by which it can be spent beside its key, as far as the PSBT tells.
    pub scripts: Vec<String>,
}

/// Describes the transaction.
pub(super) fn describe(psbt: &Psbt, plan: &Plan, usage: &KeyUse<'_>) -> Description {
    let details = details(psbt, plan, usage);
    let title = format!(
        "Bitcoin transaction: spends {} of this key, fee {}, {} of {} inputs to sign",
        btc(details.spent),
        btc(details.fee),
        plan.own.len(),
        details.inputs.len()
    );
    let description = details.inputs.iter().enumerate().fold(Description::new(&title), |description, (index, input)| {
        let in_script = if input.in_script { "; this key is in its script, and does not sign there" } else { "" };
        let owner = input.path.as_ref().map_or_else(|| "not this key's".to_owned(), |path| format!("signed by {path}"));
        let label = format!("input {index}");
        let value = format!("{} from {} ({owner}{in_script})", btc(input.value), input.address);
        with_scripts(description.line(&label, &value), &label, &input.scripts)
    });
    let description = details.outputs.iter().enumerate().fold(description, |description, (index, output)| {
        let back = output.path.as_ref().map(|path| format!(" (returns to this key, {path})")).unwrap_or_default();
        let label = format!("output {index}");
        let value = format!("{} to {}{back}", btc(output.value), output.address);
        with_scripts(description.line(&label, &value), &label, &output.scripts)
    });
    let description = match details.fee_rate {
        Some(rate) => description.line("fee", &format!("{}, {}.{:03} sat/vB", btc(details.fee), rate / 1000, rate % 1000)),
        None => description.line("fee", &btc(details.fee)),
    };
    let foreign = details.outputs.iter().filter(|output| output.path.is_none());
    let effects = foreign.map(|output| Effect::Transfer {
        asset: Asset::bitcoin(),
        to: output.address.clone(),
        amount: output.value.into(),
    });
    let (effects, spends) = (effects.collect(), vec![(Asset::bitcoin(), details.spent.into())]);
    description
        .line("lock time", &lock_time(&psbt.unsigned_tx))
        .line("network", network_name(usage.network))
        .details(Details::Psbt(details))
        .effects(effects, spends)
}

fn with_scripts(description: Description, label: &str, scripts: &[String]) -> Description {
    scripts.iter().fold(description, |description, script| description.line(&format!("{label} script"), script))
}

fn details(psbt: &Psbt, plan: &Plan, usage: &KeyUse<'_>) -> PsbtDetails {
    let spends = psbt.unsigned_tx.input.iter().zip(&plan.prevouts).enumerate();
    let inputs: Vec<InputDetails> = spends
        .map(|(index, (input, prevout))| InputDetails {
            outpoint: input.previous_output.to_string(),
            value: prevout.value.to_sat(),
            address: address(&prevout.script_pubkey, usage.network),
            path: plan.own_input(index).map(|own| format_path(&own.path)),
            scripts: psbt.inputs.get(index).map(scripts::of_input).unwrap_or_default(),
            in_script: plan.in_scripts.contains(&index),
        })
        .collect();
    let pays = psbt.unsigned_tx.output.iter().zip(&psbt.outputs).zip(&plan.returns);
    let outputs: Vec<OutputDetails> = pays
        .map(|((output, told), path)| OutputDetails {
            value: output.value.to_sat(),
            address: address(&output.script_pubkey, usage.network),
            path: path.as_deref().map(format_path),
            scripts: scripts::of_output(told),
        })
        .collect();
    // No sum overflows: they were checked against all the bitcoin there is.
    let total = |values: &mut dyn Iterator<Item = u64>| values.fold(0, u64::saturating_add);
    let own_in = total(&mut inputs.iter().filter(|input| input.path.is_some()).map(|input| input.value));
    let foreign_out = total(&mut outputs.iter().filter(|output| output.path.is_none()).map(|output| output.value));
    let all_in = total(&mut inputs.iter().map(|input| input.value));
    let fee = all_in.saturating_sub(total(&mut outputs.iter().map(|output| output.value)));
    let fee_rate = virtual_size(psbt, plan).and_then(|size| fee.checked_mul(1000)?.checked_div(size));
    PsbtDetails { inputs, outputs, fee, spent: own_in.min(foreign_out.saturating_add(fee)), fee_rate }
}

/// The size of the signed transaction if every input spends Taproot by the key path, or P2WPKH, BIP-141.
fn virtual_size(psbt: &Psbt, plan: &Plan) -> Option<u64> {
    let (transaction, inputs) = (&psbt.unsigned_tx, &psbt.inputs);
    let witness = |(index, prevout): (usize, &TxOut)| {
        if prevout.script_pubkey.is_p2wpkh() {
            // A count, two lengths, a signature of at most 72 bytes with its hash type, and the key.
            return Some(108);
        }
        if inputs.get(index).is_some_and(scripts::is_spent_by_script) {
            return None;
        }
        let all = plan.own_input(index).is_some_and(OwnInput::names_sighash);
        // A count, a length and the signature of 64 bytes, or 65 if it names its hash type.
        prevout.script_pubkey.is_p2tr().then_some(66_u64.saturating_add(u64::from(all)))
    };
    let witnesses = plan.prevouts.iter().enumerate().map(witness).try_fold(0_u64, |sum, size| sum.checked_add(size?))?;
    let base = u64::try_from(transaction.base_size()).ok()?;
    let weight = base.checked_mul(4)?.checked_add(2)?.checked_add(witnesses)?;
    Some(weight.div_ceil(4))
}

fn lock_time(transaction: &Transaction) -> String {
    let replaceable = if transaction.is_explicitly_rbf() { "; replaceable by a higher fee" } else { "" };
    if !transaction.is_lock_time_enabled() {
        return format!("none{replaceable}");
    }
    match transaction.lock_time {
        LockTime::Blocks(height) => format!("not before block {}{replaceable}", height.to_consensus_u32()),
        LockTime::Seconds(time) => format!("not before Unix time {}{replaceable}", time.to_consensus_u32()),
    }
}

fn network_name(network: Network) -> &'static str {
    match network {
        Network::Bitcoin => "addresses of the main network",
        Network::Testnet => "addresses of the test networks",
        Network::Regtest => "addresses of regtest",
    }
}

fn address(script: &Script, network: Network) -> String {
    let address = match network {
        Network::Bitcoin => Address::from_script(script, bitcoin::Network::Bitcoin),
        Network::Testnet => Address::from_script(script, bitcoin::Network::Testnet),
        Network::Regtest => Address::from_script(script, bitcoin::Network::Regtest),
    };
    match address {
        Ok(address) => address.to_string(),
        Err(_) if script.is_op_return() => format!("nobody (data {})", hex(script.as_bytes())),
        Err(_) => format!("script {}", hex(script.as_bytes())),
    }
}

fn btc(satoshi: u64) -> String {
    format!("{:.8} BTC", Amount::from_sat(satoshi).display_in(bitcoin::Denomination::Bitcoin))
}
