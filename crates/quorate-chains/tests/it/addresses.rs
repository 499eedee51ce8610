//! Every row of the address files: the same address, which reads back as itself, and the same facts about the chain.

use std::collections::{BTreeMap, BTreeSet};

use quorate_chains::{Address, Vectors, address, chains};

use crate::vectors::{AddressRow, addresses, more_addresses};

/// What is wrong with a row, if anything.
fn fault(row: &AddressRow) -> Option<String> {
    let (chain, options) = (row.chain(), row.options());
    let made = match address(chain, &row.key(), &options) {
        Ok(made) => made,
        Err(error) => return Some(format!("{}: {error}", row.chain)),
    };
    if made.as_str() != row.address {
        return Some(format!("{} of {}: {made}, published {} ({})", row.chain, row.public_key_hex, row.address, row.source));
    }
    let read = Address::parse(chain, &row.address, &options);
    (read.as_ref() != Ok(&made)).then(|| format!("{}: {} reads as {read:?}", row.chain, row.address))
}

fn check(rows: &[AddressRow]) {
    let faults: Vec<String> = rows.iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows.len(), faults.join("\n"));
}

#[test]
fn every_row_of_the_address_file_gives_its_address() {
    let rows = addresses();
    assert_eq!(rows.len(), 273);
    check(&rows);
}

#[test]
fn every_row_that_was_found_later_gives_its_address() {
    let rows = more_addresses();
    assert!(rows.len() > 50, "{}", rows.len());
    check(&rows);
}

#[test]
fn every_chain_of_the_file_is_in_the_table_with_its_facts() {
    for row in addresses() {
        let chain = row.chain();
        assert_eq!(chain.slip44(), row.slip44, "{chain}");
        assert_eq!(chain.evm_chain_id(), row.evm_chain_id, "{chain}");
        let path = chain.usual_path();
        // Where the file tells a story instead of a path, the table has nothing, or a first path of that form.
        let is_path = row.path.starts_with("m/") && !row.path.contains("acct") && !path.is_empty();
        assert!(!is_path || row.path.starts_with(path), "{chain}: {path}, published {}", row.path);
    }
}

#[test]
fn every_chain_of_the_table_has_a_row_in_a_file() {
    let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in addresses().into_iter().chain(more_addresses()) {
        sources.entry(row.chain).or_default().insert(row.source);
    }
    for chain in chains() {
        let sources = sources.get(chain.name()).unwrap_or_else(|| panic!("{chain} has no vector"));
        let constructed = sources.iter().all(|source| source.starts_with("constructed"));
        assert_eq!(constructed, chain.vectors() == Vectors::Constructed, "{chain}: {sources:?}");
    }
}

#[test]
fn names_are_unique_and_find_their_chain() {
    let names: BTreeSet<&str> = chains().map(|chain| chain.name()).collect();
    assert_eq!(names.len(), chains().count());
    for chain in chains() {
        assert_eq!(chain.name().parse(), Ok(chain));
        assert!(!chain.kind().is_empty() && !chain.curves().is_empty(), "{chain}");
    }
}

#[test]
fn the_48_public_chains_are_all_here() {
    const REQUIRED: &str = "bitcoin bitcoin-p2pkh bitcoin-p2sh-p2wpkh bitcoin-p2tr bitcoin-cash bitcoin-sv litecoin dogecoin dash \
        zcash-transparent horizen decred ravencoin namecoin massgrid handshake ethereum ethereum-classic bnb-smart-chain polygon \
        mixin-virtual-machine xdc ripple eos bitshares tron cosmos-hub akash bnb-beacon-chain filecoin nervos-ckb avalanche-x solana near \
        stellar algorand tezos aptos ton polkadot kusama starcoin siacoin bytom bytom-2.0 terra internet-computer arbitrum optimism base \
        avalanche-c";
    for name in REQUIRED.split_whitespace() {
        assert!(chains().any(|chain| chain.name() == name), "{name}");
    }
}
