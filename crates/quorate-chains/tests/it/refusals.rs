//! Mistakes, and the name that each is refused by.

use quorate_chains::{
    AccountPath, Address, AddressError, AddressOptions, Chain, Curve, KeyError, Network, ParseError, PathError, Role,
    VerifyingKey, address, chains,
};

use crate::roundtrip::key;

fn parse(chain: &str, text: &str) -> Result<Address, ParseError> {
    Address::parse(Chain::named(chain).unwrap(), text, &AddressOptions::default())
}

fn refused(chain: &str, text: &str) -> ParseError {
    parse(chain, text).map(|address| panic!("{address} was accepted")).unwrap_err()
}

#[test]
fn a_key_of_another_curve_has_no_address() {
    let curves = [Curve::Secp256k1, Curve::Bip340, Curve::Ed25519, Curve::P256, Curve::Sr25519];
    for chain in chains() {
        for curve in curves.into_iter().filter(|curve| !chain.curves().contains(curve)) {
            let refused = address(chain, &key(curve, [9; 32]), &AddressOptions::default()).unwrap_err();
            assert_eq!(refused, AddressError::WrongCurve { chain: chain.name(), given: curve, accepted: chain.curves() });
        }
    }
}

#[test]
fn an_address_of_another_network_is_refused_by_name() {
    for (chain, text, network) in [
        ("bitcoin", "tb1qxdyjf6h5d6qxap4n2dap97q4j5ps6ua8sll0ct", Network::Testnet),
        ("bitcoin-p2pkh", "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV", Network::Testnet),
        ("bitcoin-p2sh-p2wpkh", "2N55m54k8vr95ggehfUcNkdbUuQvaqG2GxK", Network::Testnet),
        ("nuls", "tNULSeBaMtdtUNbnNBZ5RoFoh3fHrrrm6dVZLH", Network::Testnet),
        ("filecoin", "t15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrq", Network::Testnet),
        (
            "cardano-base",
            "addr_test1qpu962kp9tdj4l0jcpr0a4gv0sdmga9hfvps0d6q25dpkcgrh7x4t3ll2uxaf6mc8ayllfvc0vnnfnwg24tj38hkgg6s2x67qn",
            Network::Testnet,
        ),
    ] {
        assert_eq!(refused(chain, text), ParseError::OtherNetwork { network }, "{chain}");
        let there = Address::parse(Chain::named(chain).unwrap(), text, &AddressOptions::on(network));
        assert_eq!(there.unwrap().network(), network, "{chain}");
    }
    for chain in chains().filter(|chain| chain.has_network(Network::Testnet)) {
        let options = AddressOptions::on(Network::Testnet).with_stake_key([1; 32]);
        let theirs = address(chain, &key(chain.curves()[0], [8; 32]), &options).unwrap();
        let ours = AddressOptions::default().with_stake_key([1; 32]);
        let ours = address(chain, &key(chain.curves()[0], [8; 32]), &ours).unwrap();
        if theirs.as_str() != ours.as_str() {
            let refused = refused(chain.name(), theirs.as_str());
            assert_eq!(refused, ParseError::OtherNetwork { network: Network::Testnet }, "{chain}: {theirs}");
        }
    }
}

#[test]
fn a_wrong_case_checksum_is_refused_by_name_and_one_case_is_not() {
    let right = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"; // EIP-55's first example
    assert_eq!(parse("ethereum", right).unwrap().as_str(), right);
    assert_eq!(refused("ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"), ParseError::CaseChecksum);
    assert_eq!(parse("ethereum", &right.to_lowercase()).unwrap().as_str(), right);
    assert_eq!(parse("ethereum", &right.to_uppercase().replace("0X", "0x")).unwrap().as_str(), right);
    assert_eq!(refused("ethereum", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), ParseError::Prefix);
    assert_eq!(refused("ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeA"), ParseError::Length { length: 19 });
    assert_eq!(parse("xdc", right).unwrap().as_str(), "xdc5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
}

#[test]
fn the_checksum_of_eip_1191_binds_the_chain() {
    // EIP-1191's own examples, for Rootstock.
    let mut options = AddressOptions::default();
    options.eip1191 = true;
    let rootstock = Chain::named("rootstock").unwrap();
    for text in ["0x5aaEB6053f3e94c9b9a09f33669435E7ef1bEAeD", "0xFb6916095cA1Df60bb79ce92cE3EA74c37c5d359"] {
        assert_eq!(Address::parse(rootstock, text, &options).unwrap().as_str(), text);
        assert_eq!(refused("rootstock", text), ParseError::CaseChecksum);
        assert_eq!(Address::parse(Chain::named("ethereum").unwrap(), text, &options), Err(ParseError::CaseChecksum));
    }
}

#[test]
fn a_wrong_checksum_is_refused_by_name() {
    for (chain, text) in [
        ("bitcoin", "bc1qhkfq3zahaqkkzx5mjnamwjsfpq2jk7z00ppggw"),
        ("bitcoin-p2pkh", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ"),
        ("bitcoin-cash", "bitcoincash:qp0xw4t8xrxae7ed4hq9a96rekynzqry2ydzeh0jgt"),
        ("decred", "Dsp4u8xxTHSZU2ELWTQLQP77xJhgeWrTsGL"),
        ("ripple", "r9cwJ8hM13jodBBGtioB44FUZ5HwWGwqfY"),
        ("eos", "EOS6hs8sRvGSzuQtq223zwJipMzqTJpXUVjyvHPvPwBSZWWrJTJkh"),
        ("filecoin", "f15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdra"),
        ("stellar", "GDXJHJHWN6GRNOAZXON6XH74ZX6NYFAS5B7642RSJQVJTIPA4ZYUQLEC"),
        ("algorand", "TOGHYQBIQCSDV6TI3IRKNLI2U6JBSTQXPFFFBH7XH4X74TVEEUAVQ22GNU"),
        ("tezos", "tz1bqff5qsRZ3ix1Er6XXs8uUKYuzvRyVa8q"),
        ("ton", "UQA3fRa_AHKBo1Lu8QF5xm_fiCLi197NfoPbeta0VJyvKa77"),
        ("polkadot", "12dyy3fArMPDXLsnRtapTqZsC2KCEimeqs1dop4AEERaKC6y"),
        ("siacoin", "8fb49ccf17dfdcc9526dec6ee8a5cca20ff8247302053d3777410b9b0494ba8cdf32abee86f1"),
        ("internet-computer", "cb3aa6a0471a417fc33d8e71f1d241750dfa29b4dc8f084265ce1301fb03b65c"),
        ("stacks", "SPAW66WC3G8WA5F28JVNG1NTRJ6H76E7EN5H6QQE"),
        ("nuls", "NULSd6HgfXT3m5JBGxeCZXHRQbb82FKgZGT8p"),
        ("nebulas", "n1ZVgEidtdseYv9ogmGz69Cz4mbqmHYSNqK"),
        ("nimiq", "NQ77 7AVR EHDA N05U X7SY XB14 XJU7 8ERV GM6H"),
        ("aeternity", "ak_2p5878zbFhxnrm7meL7TmqwtvBaqcBddyp5eGzZbovZ5FeVfcx"),
        ("kaspa", "kaspa:qp0l70zd5x85ttwd6jv7g3s3a8llzj96d8dncn4zmhv4tlzx5k2jyqh70xmfk"),
        ("nem", "NCUKWDY3J3THKQHAKOK5ALF6ANJQABZHCH7VN6DQ"),
    ] {
        assert_eq!(refused(chain, text), ParseError::Checksum, "{chain}");
    }
}

#[test]
fn an_address_of_another_chain_is_refused() {
    assert_eq!(refused("litecoin", "bc1qhkfq3zahaqkkzx5mjnamwjsfpq2jk7z00ppggv"), ParseError::Prefix);
    assert_eq!(refused("dogecoin", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"), ParseError::Prefix);
    assert_eq!(refused("cosmos-hub", "osmo142j9u5eaduzd7faumygud6ruhdwme98qclefqp"), ParseError::Prefix);
    assert_eq!(refused("kusama", "12dyy3fArMPDXLsnRtapTqZsC2KCEimeqs1dop4AEERaKC6x"), ParseError::Prefix);
    assert_eq!(refused("ecash", "bitcoincash:qp0xw4t8xrxae7ed4hq9a96rekynzqry2ydzeh0jgs"), ParseError::Prefix);
    assert_eq!(refused("avalanche-x", "P-avax14q4ugdl65sagjx4as20fuqf37ecaeadcqm96zt"), ParseError::Prefix);
}

#[test]
fn an_address_of_another_kind_is_refused_or_marked() {
    assert_eq!(refused("bitcoin", "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"), ParseError::OtherKind);
    assert_eq!(refused("hedera", "0.0.1234"), ParseError::OtherKind);
    // BIP-173's P2WSH, P2SH, a Filecoin actor, a NEO-like contract on ICON, a Stellar contract, a Tezos contract.
    for (chain, text) in [
        ("bitcoin", "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3"),
        ("bitcoin-p2pkh", "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"),
        ("filecoin", "f24vg6ut43yw2h2jqydgbg2xq7x6f4kub3bg6as6i"),
        ("filecoin", "f01729"),
        ("filecoin", "f410f2oekwcmo2pueydmaq53eic2i62crtbeyuzx2gmy"),
        ("icon", "cx0000000000000000000000000000000000000001"),
        ("tezos", "KT1BUKeJTemAaVBfRz6cqxeUBQGQqMxfG19A"),
        ("internet-computer-principal", "aaaaa-aa"),
    ] {
        let read = parse(chain, text).unwrap_or_else(|error| panic!("{chain} {text}: {error}"));
        assert_eq!((read.role(), read.as_str()), (Role::Script, text));
    }
}

#[test]
fn published_filecoin_addresses_read_as_published() {
    for (text, payload) in [
        ("f00", "0000"),
        ("f018446744073709551615", "00ffffffffffffffffff01"),
        ("f15ihq5ibzwki2b4ep2f46avlkrqzhpqgtga7pdrq", "01ea0f0ea039b291a0f08fd179e0556a8c3277c0d3"),
        ("f432f77777777x32lpna", "0420ffffffffff"),
        ("f410frw6wy7w6sbsguyn3yzeygg34fgf72n5ao5sxyky", "040a8dbd6c7ede90646a61bbc649831b7c298bfd37a0"),
        ("f418446744073709551615ftnkyfaq", "04ffffffffffffffffff01"),
    ] {
        if text == "f418446744073709551615ftnkyfaq" {
            // Without an address after the actor's number; the specification asks for one byte at least.
            assert!(matches!(parse("filecoin", text), Err(ParseError::Length { .. })));
            continue;
        }
        assert_eq!(hex::encode(parse("filecoin", text).unwrap().payload()), payload, "{text}");
    }
    for text in
        ["", "f", "f0-1", "f018446744073709551616", "f007", "f4f77777777vnmsana", "f418446744073709551615", "f95ihq5ibzwki2b4"]
    {
        assert!(parse("filecoin", text).is_err(), "{text}");
    }
}

#[test]
fn other_spellings_of_an_address_read_as_the_canonical_one() {
    for (chain, text, canonical) in [
        ("bitcoin", "BC1QHKFQ3ZAHAQKKZX5MJNAMWJSFPQ2JK7Z00PPGGV", "bc1qhkfq3zahaqkkzx5mjnamwjsfpq2jk7z00ppggv"),
        ("bitcoin-cash", "qp0xw4t8xrxae7ed4hq9a96rekynzqry2ydzeh0jgs", "bitcoincash:qp0xw4t8xrxae7ed4hq9a96rekynzqry2ydzeh0jgs"),
        ("nimiq", "NQ767AVREHDAN05UX7SYXB14XJU78ERVGM6H", "NQ76 7AVR EHDA N05U X7SY XB14 XJU7 8ERV GM6H"),
        (
            "ton",
            "0:8a8627861a5dd96c9db3ce0807b122da5ed473934ce7568a5b4b1c361cbb28ae",
            "UQCKhieGGl3ZbJ2zzggHsSLaXtRzk0znVopbSxw2HLsorhqg",
        ),
        ("ton", "EQCKhieGGl3ZbJ2zzggHsSLaXtRzk0znVopbSxw2HLsorkdl", "EQCKhieGGl3ZbJ2zzggHsSLaXtRzk0znVopbSxw2HLsorkdl"),
        ("stacks", "SP000000000000000000002Q6VF78", "SP000000000000000000002Q6VF78"),
    ] {
        assert_eq!(parse(chain, text).unwrap().as_str(), canonical, "{chain}");
    }
    assert_eq!(refused("bitcoin", "bc1qhkfq3zahaqkkzx5mjnamwjsfpq2jk7z00ppggV"), ParseError::MixedCase);
}

#[test]
fn bad_texts_are_refused_before_they_are_read() {
    for chain in chains() {
        assert_eq!(refused(chain.name(), &"1".repeat(257)), ParseError::TooLong { limit: 256 }, "{chain}");
        assert_eq!(refused(chain.name(), "1ü"), ParseError::Spelling, "{chain}");
        for text in ["", " ", "1", "0x", "bc1", "NQ", "S", "f4", "ak_", "X-", ":", "0:", "stc1", "G", "EOS", "0.0."] {
            let _ = refused(chain.name(), text);
        }
    }
}

#[test]
fn bytes_that_are_no_key_are_refused_by_name() {
    let curve = Curve::Secp256k1;
    assert_eq!(VerifyingKey::secp256k1(&[2; 32]), Err(KeyError::Length { curve, length: 32 }));
    assert_eq!(VerifyingKey::secp256k1(&[0xff; 33]), Err(KeyError::NotOnCurve { curve }));
    let mut none = [0xff; 33];
    none[0] = 2;
    assert_eq!(VerifyingKey::secp256k1(&none), Err(KeyError::NotOnCurve { curve }));
    assert_eq!(VerifyingKey::bip340(&[0xff; 32]), Err(KeyError::NotOnCurve { curve: Curve::Bip340 }));
    assert_eq!(VerifyingKey::p256(&none), Err(KeyError::NotOnCurve { curve: Curve::P256 }));
    assert_eq!(VerifyingKey::ed25519(&[0; 31]), Err(KeyError::Length { curve: Curve::Ed25519, length: 31 }));
    let long = hex::decode("043336540523b107fd43b020c51e4bf511a9986c30134a4d1abf3d7b44d43e1be13f25be4aec0721630fdcb768ed15588e6d0a72f25d0d696d785b3c7426b28729").unwrap();
    let long = VerifyingKey::secp256k1(&long).unwrap();
    let refused = address(Chain::named("bitcoin").unwrap(), &long, &AddressOptions::default());
    assert_eq!(refused, Err(AddressError::Uncompressed { chain: "bitcoin" }));
}

#[test]
fn options_that_are_missing_are_named() {
    let chain = Chain::named("cardano-base").unwrap();
    let refused = address(chain, &key(Curve::Ed25519, [1; 32]), &AddressOptions::default());
    assert_eq!(refused, Err(AddressError::MissingOption { chain: "cardano-base", option: "stake_key" }));
    let akash = address(Chain::named("akash").unwrap(), &key(Curve::Secp256k1, [1; 32]), &AddressOptions::on(Network::Testnet));
    assert_eq!(akash, Err(AddressError::NoNetwork { chain: "akash", network: Network::Testnet }));
    assert!(Chain::named("monero").unwrap_err().to_string().contains("no chain"));
}

#[test]
fn paths_split_where_a_group_key_stands() {
    let path = |text: &str| text.parse::<AccountPath>();
    assert_eq!(path("m/44'/60'/0'/0/0").unwrap().to_string(), "m/44'/60'/0'/0/0");
    assert_eq!(path("m/44h/60H/0'/3").unwrap().account(), "m/44'/60'/0'");
    assert_eq!(path("m/44'/501'/0'").unwrap().derivable(), "m");
    assert_eq!(path("m/0/7").unwrap().steps().collect::<Vec<_>>(), [0, 7]);
    assert_eq!(path("m/0/7'"), Err(PathError::HardenedBelow { step: 2 }));
    for text in ["", "44'", "m/", "m//0", "m/x", "m/2147483648", "m/+1", "m/1''", "m/0/"] {
        assert_eq!(path(text), Err(PathError::Syntax), "{text:?}");
    }
    assert_eq!(path(&format!("m{}", "/0".repeat(256))), Err(PathError::TooLong));
    for chain in chains().filter(|chain| !chain.usual_path().is_empty()) {
        assert!(path(chain.usual_path()).is_ok() || chain.name() == "hedera", "{chain}: {}", chain.usual_path());
    }
}
