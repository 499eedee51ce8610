//! `quorate address --chain`: the address of a wallet's keys on any chain of the table.

use quorate::{
    core::{SuiteId, derive::DerivationPath},
    payload::KeyView as _,
};
use quorate_chains::{AccountPath, AddressOptions, Chain, Curve, TonWallet, VerifyingKey, address};

use super::super::{chains, client};
use crate::{
    args::{AddressArgs, ChainArgs},
    failure::Failure,
    key::{self, PublicKey},
    output::{Output, row, table},
};

/// Why a chain's BIP-340 accounts are refused.
const TWEAKED: &str =
    ". A bip340 key signs with the tweak of a Taproot output key alone, and could not spend what is sent to the bare key";

pub(super) fn run(name: &str, args: &AddressArgs, output: Output) -> Result<(), Failure> {
    let chain = chains::named(name)?;
    let steps = steps(&args.path)?;
    let options = options(&args.of, args)?;
    let keys = key::find(&client(&args.connection)?, &args.key, args.suite.as_deref())?;
    let mut found = Vec::new();
    for info in &keys {
        let key = PublicKey::try_from(info)?;
        let Some(curve) = curve(key.suite()).filter(|curve| spends(chain, *curve)) else { continue };
        let child = key.child_public_key(&steps)?;
        let verifying_key = VerifyingKey::new(curve, &child).map_err(|_| quorate::payload::PayloadError::KeyEncoding)?;
        found.push((info, curve, address(chain, &verifying_key, &options)?));
    }
    if found.is_empty() {
        let curves: Vec<_> = keys.iter().filter_map(|info| SuiteId::from_name(&info.suite).and_then(curve)).collect();
        return Err(wrong_curve(chain, &args.key, &curves));
    }
    if chain.is_receive_only() {
        output
            .note(&format!("WARNING: no signature that this wallet can make moves money on {chain}; its scheme is another one"));
    }
    let values: Vec<_> = found
        .iter()
        .map(|(info, curve, address)| {
            serde_json::json!({
                "wallet": info.wallet, "suite": info.suite, "key_id": info.key_id, "path": args.path, "chain": chain.name(),
                "curve": curve.name(), "network": address.network().to_string(), "kind": chain.kind(), "address": address.as_str(),
                "receive_only": chain.is_receive_only(), "vectors": chain.vectors().to_string(),
            })
        })
        .collect();
    let rows: Vec<_> = found.iter().map(|(info, _, address)| row([&info.suite, chain.name(), address.as_str()])).collect();
    output.answer(&values, &table(&rows))
}

/// The steps below the wallet's key. Hardened ones are refused, with the path that they leave.
fn steps(path: &str) -> Result<Vec<u32>, Failure> {
    let split: AccountPath = path.parse().map_err(|source| Failure::ChainPath { path: path.to_owned(), source })?;
    if split.account() != "m" {
        return Err(Failure::Hardened { path: path.to_owned(), instead: split.derivable() });
    }
    Ok(DerivationPath::new(split.steps())?.iter().collect())
}

fn options(of: &ChainArgs, args: &AddressArgs) -> Result<AddressOptions, Failure> {
    let mut ton = TonWallet::new(of.ton_version.into());
    (ton.bounceable, ton.workchain, ton.wallet_id) = (of.ton_bounceable, of.ton_workchain, of.ton_wallet_id);
    let mut options = AddressOptions::on(args.network.into()).with_ton(ton);
    options.stake_key = of.stake_key.as_deref().map(|digits| fixed("the stake key", digits)).transpose()?;
    options.subaccount = of.subaccount.as_deref().map_or(Ok([0; 32]), |digits| fixed("the subaccount", digits))?;
    options.eip1191 = of.eip1191;
    Ok(options)
}

fn fixed(what: &'static str, digits: &str) -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| Failure::Hex { what, digits: "64 hexadecimal digits" })?;
    Ok(bytes)
}

/// The curve and scheme of a suite's keys, as chains see them.
fn curve(suite: SuiteId) -> Option<Curve> {
    match suite {
        SuiteId::Bip340 => Some(Curve::Bip340),
        SuiteId::Ed25519 => Some(Curve::Ed25519),
        SuiteId::EcdsaSecp256k1 => Some(Curve::Secp256k1),
        SuiteId::EcdsaP256 => Some(Curve::P256),
        SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | _ => None,
    }
}

/// Whether cosigners can sign for the chain's accounts of such keys: a BIP-340 key is always tweaked, as in `bitcoin-p2tr` alone.
fn spends(chain: Chain, curve: Curve) -> bool {
    chain.curves().contains(&curve) && (curve != Curve::Bip340 || is_taproot(chain))
}

fn is_taproot(chain: Chain) -> bool {
    chain.name() == "bitcoin-p2tr"
}

fn wrong_curve(chain: Chain, key: &str, given: &[Curve]) -> Failure {
    let names = |curves: &mut dyn Iterator<Item = Curve>| curves.map(Curve::name).collect::<Vec<_>>().join(", ");
    let bare = given.contains(&Curve::Bip340) && chain.curves().contains(&Curve::Bip340) && !is_taproot(chain);
    Failure::WrongCurve {
        chain: chain.name(),
        accepted: names(&mut chain.curves().iter().copied()),
        key: key.to_owned(),
        given: names(&mut given.iter().copied()),
        note: if bare { TWEAKED } else { "" },
    }
}
