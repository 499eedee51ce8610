//! PSBTs of version 2 (BIP-370), written anew as version 0.
//!
//! Version 2 has the parts of the transaction in fields of their own. They are put together here, once, and from there on it is a PSBT of
//! version 0, which is what is checked, described, signed and given back. So nothing is signed that only this file has read: the
//! signature hashes are those of the transaction that it made, and a transaction that it put together in another way than its maker
//! meant would have no valid signature for the other.
//!
//! Spec: [BIP-370](https://github.com/bitcoin/bips/blob/master/bip-0370.mediawiki), and for the lock time its section "Determining Lock Time".

use std::collections::BTreeMap;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, VarInt, Witness,
    absolute::{self, LOCK_TIME_THRESHOLD},
    consensus::{deserialize, deserialize_partial, serialize},
    transaction::Version,
};

use super::{PsbtError, check::MAX_PARTS};

const MAGIC: &[u8] = b"psbt\xff";
/// Keys of the global part: those of version 2, the one of version 0, and the version itself.
const UNSIGNED_TX: u8 = 0x00;
const TX_VERSION: u8 = 0x02;
const FALLBACK_LOCKTIME: u8 = 0x03;
const INPUT_COUNT: u8 = 0x04;
const OUTPUT_COUNT: u8 = 0x05;
const TX_MODIFIABLE: u8 = 0x06;
const VERSION: u8 = 0xfb;
/// Keys of an input.
const PREVIOUS_TXID: u8 = 0x0e;
const OUTPUT_INDEX: u8 = 0x0f;
const SEQUENCE: u8 = 0x10;
const REQUIRED_TIME: u8 = 0x11;
const REQUIRED_HEIGHT: u8 = 0x12;
/// Keys of an output.
const AMOUNT: u8 = 0x03;
const SCRIPT: u8 = 0x04;

/// The keys and values of one part. A key is its type, which has one byte here, and what belongs to it.
type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Whether it says that it is of version 2.
pub(super) fn is_version_2(bytes: &[u8]) -> bool {
    let global = bytes.strip_prefix(MAGIC).and_then(|mut rest| read_map(&mut rest));
    global.is_some_and(|global| global.get(&vec![VERSION]).is_some_and(|version| *version == 2_u32.to_le_bytes()))
}

/// Whether a PSBT of version 0 has a field that version 2 gave a meaning: some programs would read it in another way than others.
pub(super) fn is_mixed(psbt: &bitcoin::Psbt) -> bool {
    let has = |unknown: &BTreeMap<bitcoin::psbt::raw::Key, Vec<u8>>, kinds: core::ops::RangeInclusive<u8>| {
        unknown.keys().any(|key| key.key.is_empty() && kinds.contains(&key.type_value))
    };
    has(&psbt.unknown, TX_VERSION..=TX_MODIFIABLE)
        || psbt.inputs.iter().any(|input| has(&input.unknown, PREVIOUS_TXID..=REQUIRED_HEIGHT))
        || psbt.outputs.iter().any(|output| has(&output.unknown, AMOUNT..=SCRIPT))
}

/// The same in version 0; what follows is refused.
pub(super) fn to_version_0(bytes: &[u8]) -> Result<Vec<u8>, PsbtError> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(PsbtError::Version2 { part: "magic" })?;
    let at = |rest: &[u8]| bytes.len().saturating_sub(rest.len());
    let mut next = |part| {
        let start = at(rest);
        read_map(&mut rest).ok_or(PsbtError::Maps { at: start, part })
    };
    let mut global = next("the global map")?;
    if global.contains_key(&vec![UNSIGNED_TX]) {
        return Err(PsbtError::Version2 { part: "unsigned transaction, which version 2 does not have," });
    }
    let (inputs, outputs) = (count(&mut global, INPUT_COUNT)?, count(&mut global, OUTPUT_COUNT)?);
    let mut maps = |count: usize, part| (0..count).map(|_| next(part)).collect::<Result<Vec<_>, _>>();
    let mut inputs = maps(inputs, "the map of an input")?;
    let mut outputs = maps(outputs, "the map of an output")?;
    if !rest.is_empty() {
        return Err(PsbtError::TrailingBytes { at: at(rest) });
    }
    let transaction = transaction(&mut global, &mut inputs, &mut outputs)?;
    global.insert(vec![UNSIGNED_TX], serialize(&transaction));
    let mut written = MAGIC.to_vec();
    for map in core::iter::once(&global).chain(&inputs).chain(&outputs) {
        for (key, value) in map {
            written.extend(serialize(key));
            written.extend(serialize(value));
        }
        written.push(0);
    }
    Ok(written)
}

/// Takes the transaction's parts out of the maps.
fn transaction(global: &mut Map, inputs: &mut [Map], outputs: &mut [Map]) -> Result<Transaction, PsbtError> {
    let version =
        number(global, TX_VERSION)?.filter(|version| *version >= 2).ok_or(PsbtError::Version2 { part: "transaction version" })?;
    let fallback = number(global, FALLBACK_LOCKTIME)?.unwrap_or(0);
    // Who may still change what: signatures of ours cover everything, so nobody may from here on.
    let _flags = take::<1>(global, TX_MODIFIABLE)?;
    global.remove(&vec![VERSION]);
    let lock_time = lock_time(inputs, fallback)?;
    let input = inputs.iter_mut().map(take_input).collect::<Result<_, _>>()?;
    let output = outputs.iter_mut().map(take_output).collect::<Result<_, _>>()?;
    Ok(Transaction { version: Version(i32::from_le_bytes(version.to_le_bytes())), lock_time, input, output })
}

fn take_input(map: &mut Map) -> Result<TxIn, PsbtError> {
    let missing = |part| move || PsbtError::Version2 { part };
    let txid = take::<32>(map, PREVIOUS_TXID)?.ok_or_else(missing("previous txid"))?;
    let txid: Txid = deserialize(&txid).map_err(|_| PsbtError::Version2 { part: "previous txid" })?;
    let vout = number(map, OUTPUT_INDEX)?.ok_or_else(missing("output index"))?;
    let sequence = number(map, SEQUENCE)?.map_or(Sequence::MAX, Sequence);
    let (previous_output, script_sig, witness) = (OutPoint { txid, vout }, ScriptBuf::new(), Witness::new());
    Ok(TxIn { previous_output, script_sig, sequence, witness })
}

fn take_output(map: &mut Map) -> Result<TxOut, PsbtError> {
    let amount = take::<8>(map, AMOUNT)?.map(u64::from_le_bytes);
    let amount = amount.map(Amount::from_sat).filter(|amount| *amount <= Amount::MAX_MONEY);
    let value = amount.ok_or(PsbtError::Version2 { part: "amount of an output" })?;
    let script = map.remove(&vec![SCRIPT]).ok_or(PsbtError::Version2 { part: "script of an output" })?;
    Ok(TxOut { value, script_pubkey: ScriptBuf::from_bytes(script) })
}

/// The highest height that inputs ask for, or the latest time, or the fallback: heights, where all inputs that ask for anything allow one.
fn lock_time(inputs: &mut [Map], fallback: u32) -> Result<absolute::LockTime, PsbtError> {
    let mut asked = Vec::new();
    for map in inputs {
        let (time, height) = (number(map, REQUIRED_TIME)?, number(map, REQUIRED_HEIGHT)?);
        let fits = time.is_none_or(|time| time >= LOCK_TIME_THRESHOLD)
            && height.is_none_or(|height| (1..LOCK_TIME_THRESHOLD).contains(&height));
        if !fits {
            return Err(PsbtError::Version2 { part: "lock time of an input" });
        }
        if time.is_some() || height.is_some() {
            asked.push((time, height));
        }
    }
    let highest = |values: Option<Vec<u32>>| values.and_then(|values| values.into_iter().max());
    let by_height = highest(asked.iter().map(|(_, height)| *height).collect());
    let by_time = highest(asked.iter().map(|(time, _)| *time).collect());
    match (asked.is_empty(), by_height, by_time) {
        (true, ..) => Ok(absolute::LockTime::from_consensus(fallback)),
        (false, Some(height), _) => Ok(absolute::LockTime::from_consensus(height)),
        (false, None, Some(time)) => Ok(absolute::LockTime::from_consensus(time)),
        (false, None, None) => {
            Err(PsbtError::Version2 { part: "lock times of the inputs, of which some are heights and some times," })
        }
    }
}

/// Reads a map: keys that differ, and their values.
fn read_map(rest: &mut &[u8]) -> Option<Map> {
    let mut map = Map::new();
    loop {
        let key = read_bytes(rest)?;
        if key.is_empty() {
            return Some(map);
        }
        if map.insert(key, read_bytes(rest)?).is_some() {
            return None;
        }
    }
}

/// A length in its shortest form, and as many bytes.
fn read_bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, used) = deserialize_partial::<VarInt>(rest).ok()?;
    let bytes = rest.get(used..)?;
    let (value, after) = bytes.split_at_checked(usize::try_from(length.0).ok()?)?;
    *rest = after;
    Some(value.to_vec())
}

/// Takes a value of a length out of a map.
fn take<const N: usize>(map: &mut Map, key: u8) -> Result<Option<[u8; N]>, PsbtError> {
    let wrong = |_| PsbtError::Version2 { part: "length of a field" };
    map.remove(&vec![key]).map(|value| value.try_into().map_err(wrong)).transpose()
}

fn number(map: &mut Map, key: u8) -> Result<Option<u32>, PsbtError> {
    Ok(take::<4>(map, key)?.map(u32::from_le_bytes))
}

fn count(map: &mut Map, key: u8) -> Result<usize, PsbtError> {
    let missing = PsbtError::Version2 { part: "number of inputs or outputs" };
    let Some(value) = map.remove(&vec![key]) else { return Err(missing) };
    let count = deserialize::<VarInt>(&value).ok().and_then(|count| usize::try_from(count.0).ok());
    match count {
        Some(count) if count > MAX_PARTS => Err(PsbtError::TooMany { limit: MAX_PARTS }),
        Some(count) => Ok(count),
        None => Err(missing),
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::{
        Psbt,
        base64::{Engine as _, prelude::BASE64_STANDARD},
    };

    use super::{super::parse, *};

    /// A document of BIP-370, and what is said of it.
    #[derive(serde::Deserialize)]
    struct Vector {
        case: String,
        psbt: String,
        expect: String,
        lock_time: Option<u32>,
    }

    fn vectors() -> Vec<Vector> {
        serde_json::from_str(include_str!("../../../../../vectors/bip370/test-vectors.json")).unwrap()
    }

    #[test]
    fn documents_of_the_specification_are_read_or_refused_as_it_says() {
        let all = vectors();
        assert!(all.len() > 35);
        for Vector { case, psbt, expect, lock_time } in all {
            let read = parse(psbt.as_bytes());
            match expect.as_str() {
                "invalid" | "undetermined" => assert!(read.is_err(), "{case}"),
                "valid" => {
                    let read = read.unwrap_or_else(|error| panic!("{case}: {error:?}"));
                    assert_eq!((read.inputs.len(), read.outputs.len(), read.version), (1, 2, 0), "{case}");
                }
                "lock_time" => assert_eq!(Some(read.unwrap().unsigned_tx.lock_time.to_consensus_u32()), lock_time, "{case}"),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn cut_extended_and_repeated_documents_are_refused() {
        for Vector { case, psbt, .. } in vectors().into_iter().filter(|vector| vector.expect == "valid") {
            let bytes = BASE64_STANDARD.decode(&psbt).unwrap();
            for end in 0..bytes.len() {
                let refused = to_version_0(bytes.get(..end).unwrap());
                // The map that is cut starts before.
                let starts = matches!(refused, Err(PsbtError::Maps { at, .. }) if (5..=end).contains(&at));
                assert!(if end < 5 { refused.is_err() } else { starts }, "{case} {end}: {refused:?}");
            }
            let trailing = to_version_0(&[&bytes[..], &[0]].concat());
            assert!(matches!(trailing, Err(PsbtError::TrailingBytes { at }) if at == bytes.len()), "{trailing:?}");
            // The version once more.
            let twice = [MAGIC, &[1, 0xfb, 4, 2, 0, 0, 0], &bytes[5..]].concat();
            assert!(to_version_0(&twice).is_err(), "{case}");
        }
    }

    #[test]
    fn transaction_and_all_other_fields_survive() {
        let vector =
            vectors().into_iter().find(|vector| vector.case == "1 input, 2 output updated PSBTv2, with PSBT_IN_SEQUENCE.");
        let bytes = BASE64_STANDARD.decode(vector.unwrap().psbt).unwrap();
        let read = Psbt::deserialize(&to_version_0(&bytes).unwrap()).unwrap();
        let spent = read.unsigned_tx.input.first().unwrap();
        assert_eq!(spent.previous_output.to_string(), "c85f81844094f9f0eec1e41f8d63e0a99e9f73dc725d7319871c9c4121d90a0b:0");
        assert_eq!(spent.sequence.0, 0xffff_fffe);
        let paid: Vec<u64> = read.unsigned_tx.output.iter().map(|output| output.value.to_sat()).collect();
        assert_eq!(paid, [800_000_000, 199_998_859]);
        assert!(read.inputs.first().unwrap().witness_utxo.is_some());
        assert!(read.outputs.iter().all(|output| output.bip32_derivation.len() <= 1 && output.unknown.is_empty()));
    }
}
