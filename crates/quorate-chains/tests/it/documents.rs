//! The table in docs/chains.md is that of the code: `QUORATE_WRITE_DOCS=1 cargo test -p quorate-chains documents` writes it anew.

use std::{collections::BTreeMap, fs};

use quorate_chains::{Chain, Vectors, chains};

use crate::vectors::{addresses, more_addresses};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/chains.md");
const BEGIN: &str = "<!-- the table: written by a test -->\n";
const END: &str = "<!-- end of the table -->\n";

/// The sources of an entry's rows, one a row.
fn sources() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in addresses().into_iter().chain(more_addresses()) {
        found.entry(row.chain).or_default().push(short(&row.source).to_owned());
    }
    found
}

/// Whose the source is.
fn short(source: &str) -> &str {
    let known = [
        "trustwallet/wallet-core",
        "ebellocchia/bip_utils",
        "hdwallet-io/python-hdwallet",
        "SiaFoundation/sia-sdk-rs",
        "kaspanet/rusty-kaspa",
    ];
    let known = known.into_iter().find(|known| source.starts_with(known));
    if source.starts_with("constructed") {
        return "constructed";
    }
    known.unwrap_or_else(|| source.split(['@', ',', '(']).next().unwrap_or(source).trim())
}

fn line(chain: Chain, sources: &[String]) -> String {
    let curves: Vec<&str> = chain.curves().iter().map(|curve| curve.name()).collect();
    let counted: Vec<&str> = sources.iter().map(String::as_str).filter(|source| *source != "constructed").collect();
    let mut names = counted.clone();
    names.dedup();
    let vectors = match chain.vectors() {
        Vectors::Published => format!("published {}: {}", counted.len(), names.join("; ")),
        _ => format!("constructed {}", sources.len()),
    };
    format!(
        "| `{chain}` | {} | {} | {} | {} | {} | {vectors} |\n",
        chain.family(),
        curves.join(", "),
        chain.kind(),
        chain.message_rule(),
        chain.signature_form(),
    )
}

fn table() -> String {
    let mut sources = sources();
    sources.values_mut().for_each(|sources| sources.sort());
    let mut table =
        String::from("| name | family | curves | address | message | signature | vectors |\n|---|---|---|---|---|---|---|\n");
    for chain in chains() {
        table.push_str(&line(chain, &sources[chain.name()]));
    }
    table
}

#[test]
fn the_documents_have_the_table_of_the_code() {
    let text = fs::read_to_string(FILE).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("a place for the table");
    let (written, after) = rest.split_once(END).expect("its end");
    let table = table();
    if std::env::var_os("QUORATE_WRITE_DOCS").is_some() {
        fs::write(FILE, [before, BEGIN, &table, END, after].concat()).unwrap();
        return;
    }
    assert!(written == table, "docs/chains.md has another table: run the command at the top of this file");
}

#[test]
fn the_documents_name_what_is_out() {
    let text = fs::read_to_string(FILE).unwrap();
    let names = "Monero, Grin, VCash, MobileCoin, Zcash shielded, Arweave, NEM, Zilliqa, Nano, Waves, Mina, Starknet, BLS";
    for name in names.split(", ") {
        assert!(text.contains(&format!("**{name}")), "{name}");
    }
}
