//! Documents of EIP-712. The hashes are those of `eth-account`, and the first ones those of the specification.

use quorate::payload::{
    AnyPayload, Description, Details, Effect, KeyUse, Payload as _, PayloadError, TypedData, TypedDataDetails, TypedDataError,
    kind,
};
use serde_json::{Value, json};

use super::keys::{Bip340Key, EcdsaKey};

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../../../vectors/ethereum/typed-data.json")).unwrap()
}

/// The document of that label.
pub(crate) fn document(label: &str) -> Value {
    vectors().into_iter().find(|vector| vector["label"] == label).unwrap()["document"].clone()
}

fn described(document: &Value) -> (Description, TypedDataDetails) {
    let payload = TypedData::parse(document.to_string().as_bytes()).unwrap();
    let description = payload.describe(&KeyUse::new(&EcdsaKey::new(1), &[])).unwrap();
    match description.details.clone() {
        Details::TypedData(details) => (description, details),
        other => panic!("{other:?}"),
    }
}

fn refusal(text: &str) -> TypedDataError {
    match TypedData::parse(text.as_bytes()) {
        Err(PayloadError::TypedData(error)) => error,
        other => panic!("{other:?} of {text}"),
    }
}

/// A document with another value somewhere.
fn with(label: &str, pointer: &str, value: Value) -> Value {
    let mut document = document(label);
    *document.pointer_mut(pointer).unwrap() = value;
    document
}

#[test]
fn hashes_are_those_of_another_library_and_signatures_recover_to_the_key() {
    let key = EcdsaKey::new(1);
    let usage = KeyUse::new(&key, &[3]);
    for vector in vectors() {
        let payload = TypedData::parse(vector["document"].to_string().as_bytes()).unwrap();
        let Details::TypedData(details) = payload.describe(&usage).unwrap().details else { panic!("other details") };
        let hash = |name: &str| hex::decode(vector[name].as_str().unwrap()).unwrap();
        assert_eq!(details.domain_separator.to_vec(), hash("domain_separator"), "{}", vector["label"]);
        assert_eq!(details.struct_hash.to_vec(), hash("struct_hash"), "{}", vector["label"]);
        let to_sign = payload.messages(&usage).unwrap();
        assert_eq!(to_sign[0].message(), hash("digest"));
        let signature = payload.attach(&usage, &[key.sign(&to_sign[0])]).unwrap();
        let recovered = alloy_primitives::Signature::from_raw(&signature).unwrap();
        let digest = alloy_primitives::B256::from_slice(to_sign[0].message());
        let signer = recovered.recover_address_from_prehash(&digest).unwrap();
        assert_eq!(signer.to_checksum(None), usage.address(quorate::payload::AddressKind::Ethereum).unwrap());
    }
}

#[test]
fn document_travels_in_one_spelling() {
    for vector in vectors() {
        let text = serde_json::to_string_pretty(&vector["document"]).unwrap();
        let payload = TypedData::parse(text.as_bytes()).unwrap();
        let canonical = payload.encode();
        assert!(matches!(AnyPayload::decode(kind::TYPED_DATA, text.as_bytes()), Err(PayloadError::NotCanonical)));
        let again = AnyPayload::decode(kind::TYPED_DATA, &canonical).unwrap();
        let key = EcdsaKey::new(1);
        let usage = KeyUse::new(&key, &[]);
        assert_eq!(again.messages(&usage).unwrap(), payload.messages(&usage).unwrap());
        assert_eq!(again.describe(&usage).unwrap(), payload.describe(&usage).unwrap());
        for end in 0..canonical.len() {
            assert!(TypedData::parse(&canonical[..end]).is_err());
        }
    }
}

#[test]
fn description_shows_the_domain_and_every_value() {
    let (description, details) = described(&document("EIP-712 example"));
    let text = description.to_string();
    for part in [
        "chain: 1 (Ethereum)",
        "domain.name: Ether Mail",
        "domain.verifyingContract: 0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        "message.from.name: Cow",
        "message.to.wallet: 0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB",
        "message.contents: Hello, Bob!",
        "NOT DECODED: what a document of the type Mail lets somebody do",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!((details.chain_id, details.primary_type.as_str()), (Some(1), "Mail"));
    let (nowhere, details) = described(&document("integers"));
    assert_eq!(details.chain_id, None);
    assert!(nowhere.to_string().contains("valid on EVERY chain"));
    let (text, _) = described(&document("text"));
    assert!(text.to_string().contains("\\u{202e}") && !text.to_string().contains('\u{202e}'), "{text}");
}

#[test]
fn known_documents_are_what_they_permit() {
    let approvals = |label: &str| -> Vec<(String, u128, bool)> {
        let effects = described(&document(label)).0.effects;
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Undecoded { .. })), "{label}");
        let approval = |effect: &Effect| match effect {
            Effect::Approval { asset, amount, unlimited, .. } => Some((asset.to_string(), *amount, *unlimited)),
            _ => None,
        };
        effects.iter().filter_map(approval).collect()
    };
    let token = described(&document("permit")).1.verifying_contract.unwrap();
    let permit = approvals("permit");
    assert!(permit[0].0.ends_with(&token) && permit[0].1 == u128::MAX && permit[0].2);
    assert!(approvals("permit of dai")[0].2);
    assert_eq!(approvals("permit2 single").iter().map(|(_, amount, _)| *amount).collect::<Vec<_>>(), [1000]);
    assert_eq!(approvals("permit2 batch").iter().map(|(.., unlimited)| *unlimited).collect::<Vec<_>>(), [false, true]);
    assert_eq!(approvals("permit2 transfer")[0].1, 77);
    for (value, is_all) in [("79228162514264337593543950334", true), ("1208925819614629174706175", false)] {
        let effects = described(&with("permit", "/message/value", value.into())).0.effects;
        assert!(
            effects.iter().any(|effect| matches!(effect, Effect::Approval { unlimited, .. } if *unlimited == is_all)),
            "{value}"
        );
    }
    // A type that differs in one letter is another.
    let mut other = document("permit");
    other["types"]["Permit"][2]["type"] = "uint128".into();
    other["message"]["value"] = 5.into();
    assert!(described(&other).0.effects.iter().any(|effect| matches!(effect, Effect::Undecoded { .. })));
}

#[test]
fn transaction_of_a_safe_is_read_with_the_call_in_it() {
    let (description, details) = described(&document("safe call"));
    let inner = details.call.unwrap().inner.remove(0);
    assert_eq!((inner.function.as_deref(), inner.is_delegate), (Some("transfer(address,uint256)"), false));
    assert!(description.spends.iter().any(|(asset, amount)| asset.is_token() && *amount == 250));
    let (attack, _) = described(&document("safe delegatecall"));
    assert!(attack.effects.iter().any(|effect| matches!(effect, Effect::Delegatecall { .. })));
    assert!(attack.to_string().contains("DELEGATECALL of"), "{attack}");
    let (plain, _) = described(&document("safe plain transfer"));
    assert!(plain.spends.iter().any(|(asset, amount)| !asset.is_token() && *amount == 1_000_000_000_000_000_000));
}

/// What is said to the example, changed.
fn mail(change: fn(&mut Value)) -> TypedDataError {
    let mut mail = document("EIP-712 example");
    change(&mut mail);
    refusal(&mail.to_string())
}

fn mail_with(pointer: &str, value: Value) -> TypedDataError {
    refusal(&with("EIP-712 example", pointer, value).to_string())
}

#[test]
fn documents_that_can_be_read_in_two_ways_are_refused_by_name() {
    let text = document("EIP-712 example").to_string();
    assert!(
        matches!(refusal(&text.replacen("\"contents\":", "\"contents\":\"x\",\"contents\":", 1)), TypedDataError::Json(error) if error.to_string().contains("stands there twice at line 1 column"))
    );
    assert!(matches!(refusal(&format!("{text}x")), TypedDataError::Json(_)));
    assert!(matches!(refusal(&text.replacen("\"Hello, Bob!\"", "1.5", 1)), TypedDataError::Json(_)));
    assert!(matches!(refusal(&text.replacen("\"chainId\":1,", "\"chainId\":1e0,", 1)), TypedDataError::Json(_)));
    assert!(matches!(refusal(&"[".repeat(100_000)), TypedDataError::Json(_)));
    assert!(matches!(refusal(&" ".repeat(131_073)), TypedDataError::TooLong { .. }));
    assert!(matches!(mail(|mail| mail["extra"] = json!(1)), TypedDataError::Parts { found } if found == "extra"));
    assert!(
        matches!(mail(|mail| drop(mail.as_object_mut().unwrap().remove("domain"))), TypedDataError::Parts { found } if found == "domain")
    );
    assert!(matches!(mail(|mail| mail["message"]["cc"] = json!("x")), TypedDataError::UnknownField { at } if at == "message.cc"));
    assert!(
        matches!(mail(|mail| mail["message"]["to"]["age"] = json!(1)), TypedDataError::UnknownField { at } if at == "message.to.age")
    );
    assert!(
        matches!(mail(|mail| drop(mail["message"]["to"].as_object_mut().unwrap().remove("name"))), TypedDataError::MissingField { at } if at == "message.to.name")
    );
    assert!(matches!(mail(|mail| mail["domain"]["salt"] = json!("0x")), TypedDataError::UnknownField { .. }));
}

#[test]
fn types_that_contain_themselves_are_used_nowhere_or_are_none_are_refused_by_name() {
    assert!(
        matches!(mail(|mail| mail["types"]["Spare"] = json!([{"name": "a", "type": "bool"}])), TypedDataError::Unused { name } if name == "Spare")
    );
    assert!(
        matches!(mail(|mail| mail["types"]["Person"][0]["type"] = json!("Mail")), TypedDataError::Recursive { name } if name == "Mail")
    );
    assert!(
        matches!(mail(|mail| mail["types"]["Person"][0]["type"] = json!("Person[]")), TypedDataError::Recursive { name } if name == "Person")
    );
    assert!(
        matches!(mail(|mail| mail["types"]["Person"][0]["type"] = json!("Nobody")), TypedDataError::Type { found, .. } if found == "Nobody")
    );
    assert!(matches!(mail(|mail| mail["types"]["Person"][0]["type"] = json!("EIP712Domain")), TypedDataError::Type { .. }));
    assert!(matches!(mail(|mail| mail["types"]["Person"][1]["name"] = json!("name")), TypedDataError::Type { .. }));
    assert!(matches!(mail(|mail| mail["types"]["Person"][1]["more"] = json!("name")), TypedDataError::Type { .. }));
    assert!(matches!(mail(|mail| mail["types"]["uint256"] = json!([])), TypedDataError::Type { .. }));
    for wrong in [
        "uint",
        "int",
        "uint7",
        "uint264",
        "uint08",
        "bytes0",
        "bytes33",
        "bool[0]",
        "bool[01]",
        "bool[",
        "bool]",
        "a,b c",
        "",
        " bool",
        "address payable",
    ] {
        let refused = mail_with("/types/Person/0/type", json!(wrong));
        assert!(matches!(refused, TypedDataError::Type { .. }), "{wrong}: {refused:?}");
    }
    for wrong in ["a b", "a,uint256 b", "", "1a", "a)"] {
        assert!(matches!(mail_with("/types/Person/0/name", json!(wrong)), TypedDataError::Type { .. }), "{wrong}");
    }
}

#[test]
fn domains_and_values_that_do_not_stand_are_refused_by_name() {
    assert!(matches!(mail_with("/types/EIP712Domain/0/type", json!("bytes32")), TypedDataError::Domain));
    assert!(matches!(mail_with("/types/EIP712Domain/0/name", json!("title")), TypedDataError::Domain));
    assert!(matches!(mail_with("/types/EIP712Domain", json!([])), TypedDataError::Domain));
    assert!(matches!(mail_with("/primaryType", json!("EIP712Domain")), TypedDataError::Type { .. }));
    assert!(matches!(mail_with("/domain/chainId", json!("18446744073709551616")), TypedDataError::ChainId));
    assert!(matches!(mail_with("/domain/chainId", json!(0)), TypedDataError::ChainId));
    // A digit of a checksum.
    let wrong = json!("0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD827");
    assert!(
        matches!(mail_with("/message/from/wallet", wrong), TypedDataError::Address { at, source } if at == "message.from.wallet" && source.to_string().contains("EIP-55"))
    );
    for wrong in [json!(null), json!(5), json!(["x"]), json!({})] {
        assert!(matches!(mail_with("/message/contents", wrong), TypedDataError::Value { .. }));
    }
}

#[test]
fn values_outside_their_types_are_refused() {
    let cases = [
        ("integers", "/message/a", json!(-129)),
        ("integers", "/message/b", json!(128)),
        ("integers", "/message/b", json!("0127")),
        ("integers", "/message/b", json!("+1")),
        ("integers", "/message/a", json!("-0")),
        ("integers", "/message/d", json!(256)),
        ("integers", "/message/d", json!(-1)),
        ("integers", "/message/d", json!("0x100")),
        ("integers", "/message/d", json!("")),
        ("integers", "/message/d", json!(true)),
        ("integers", "/message/e", json!(format!("1{}", "0".repeat(78)))),
        ("bytes", "/message/a", json!("0xffff")),
        ("bytes", "/message/a", json!("ff")),
        ("bytes", "/message/c", json!("0x1")),
        ("bytes", "/message/b", json!("0x00")),
        ("text", "/message/d", json!("true")),
        ("text", "/message/d", json!(1)),
        ("lists", "/message/b", json!([1, 2])),
        ("lists", "/message/b", json!([1, 2, 3, 4])),
        ("lists", "/message/a", json!({})),
    ];
    for (label, pointer, value) in cases {
        let refused = refusal(&with(label, pointer, value.clone()).to_string());
        assert!(matches!(refused, TypedDataError::Value { .. }), "{label} {pointer} {value}: {refused:?}");
    }
    // The same number in hexadecimal digits is the same document.
    let same = with("integers", "/message/d", json!("0xff")).to_string();
    let canonical = TypedData::parse(document("integers").to_string().as_bytes()).unwrap().encode();
    assert_eq!(TypedData::parse(same.as_bytes()).unwrap().encode(), canonical);
}

#[test]
fn documents_that_nobody_could_look_at_are_refused() {
    let many = with("lists", "/message/a", json!(vec![0; 2000]));
    assert!(matches!(refusal(&many.to_string()), TypedDataError::TooMany { what: "values", .. }));
    let mut deep = document("EIP-712 example");
    for level in 0..20 {
        let next = if level == 19 { "bool".to_owned() } else { format!("T{}", level + 1) };
        deep["types"][format!("T{level}")] = json!([{"name": "x", "type": next}]);
    }
    deep["types"]["Mail"][2]["type"] = json!("T0");
    assert!(matches!(refusal(&deep.to_string()), TypedDataError::TooMany { what: "levels of types", .. }));
    for level in 0..100 {
        deep["types"][format!("S{level}")] = json!([]);
    }
    assert!(matches!(refusal(&deep.to_string()), TypedDataError::TooMany { what: "types", .. }));
    // Types that refer to each other in all ways are visited once each.
    let mut wide = document("EIP-712 example");
    for level in 0..14 {
        let fields: Vec<Value> = (0..20).map(|field| json!({"name": format!("f{field}"), "type": if level == 13 { "bool[]".to_owned() } else { format!("W{}[]", level + 1) }})).collect();
        wide["types"][format!("W{level}")] = fields.into();
    }
    wide["types"]["Mail"][2]["type"] = json!("W0[]");
    wide["message"]["contents"] = json!([]);
    TypedData::parse(wide.to_string().as_bytes()).unwrap().describe(&KeyUse::new(&EcdsaKey::new(1), &[])).unwrap();
}

#[test]
fn keys_of_other_suites_sign_no_document() {
    let payload = TypedData::parse(document("permit").to_string().as_bytes()).unwrap();
    let refused = payload.describe(&KeyUse::new(&Bip340Key::new(1), &[]));
    assert!(matches!(refused, Err(PayloadError::UnsupportedSuite { kind: kind::TYPED_DATA, .. })));
}
