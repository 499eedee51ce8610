use super::*;

fn requester(byte: u8) -> Requester {
    Requester::from_secret_bytes(&Zeroizing::new([byte; 32]))
}

fn with<T>(change: impl FnOnce(&mut RequestContent<'_>), then: impl FnOnce(&RequestContent<'_>) -> T) -> T {
    let path = "m/0/7".parse().unwrap();
    let mut content = RequestContent {
        key_id: &[1; 32],
        suite: SuiteId::Ed25519,
        path: &path,
        kind: "message",
        payload: b"hello",
        request_id: &[2; 32],
        expires: Some(1000),
    };
    change(&mut content);
    then(&content)
}

fn digest(change: impl FnOnce(&mut RequestContent<'_>)) -> [u8; 32] {
    with(change, |content| content.digest())
}

/// Made by a program of its own, with another library: docs/requests.md has it too.
#[test]
fn content_and_signatures_are_those_of_version_1() {
    assert_eq!(hex::encode(digest(|_| {})), "6c31e005519e0bffbd06a3d81c21928cdef7460b91571664056c3017dde8a3c2");
    let key = "ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1";
    let signature = concat!(
        "a66224999fd345b7e43c17741a5124d20a83e0ed4a38e0693db91778c0d8cbd1",
        "8f94ab4900b1086f44a22ef2401f645bfe7789512649135572157e87ea38120e"
    );
    let approval = concat!(
        "1827356ef47c4d3094fe5893faf87ec828a8718301f0012456ebcd2c7a3c6f61",
        "2c573ff8e44fbfe7b217a2c54e6a49c9fb5230e194a8fae4bcdaab25c4f0060d"
    );
    let authorization = with(|_| {}, |content| requester(3).authorize(content).unwrap());
    assert_eq!(hex::encode(authorization.to_bytes()), format!("00000000000003e8{key}{signature}00000000"));
    let approved = with(|_| {}, |content| requester(3).approve(content).unwrap());
    assert_eq!(hex::encode(approved.to_bytes()), format!("{key}{approval}"));
}

#[test]
fn any_field_changed_is_another_request() {
    let other: &'static DerivationPath = Box::leak(Box::new("m/0/8".parse().unwrap()));
    let signed = with(|_| {}, |content| requester(3).authorize(content).unwrap());
    let digests = [
        digest(|content| content.key_id = &[9; 32]),
        digest(|content| content.suite = SuiteId::Bip340),
        digest(|content| content.path = other),
        digest(|content| content.kind = "digest"),
        digest(|content| content.payload = b"hellp"),
        digest(|content| content.request_id = &[9; 32]),
        digest(|content| content.expires = Some(1001)),
        digest(|content| content.expires = None),
        // A boundary that moves between kind and payload.
        digest(|content| (content.kind, content.payload) = ("messageh", b"ello")),
    ];
    signed.verify(&digest(|_| {})).unwrap();
    for digest in digests {
        assert_eq!(signed.verify(&digest), Err(RequestError::RequesterSignature { key: requester(3).key() }));
    }
}

#[test]
fn approval_counts_once_and_is_no_request_and_the_other_way_round() {
    let plain = digest(|_| {});
    let approve = |byte| with(|_| {}, |content| requester(byte).approve(content).unwrap());
    let mut authorization = with(|_| {}, |content| requester(3).authorize(content).unwrap());
    authorization.approvals = vec![approve(5), approve(4), approve(5)];
    let mut keys = vec![requester(4).key(), requester(5).key()];
    keys.sort();
    assert_eq!(authorization.verify(&plain), Ok(keys));
    let swapped = Approval { key: requester(3).key(), signature: authorization.signature };
    let wrong = Authorization { approvals: vec![swapped], ..authorization.clone() };
    assert_eq!(wrong.verify(&plain), Err(RequestError::Approval { key: requester(3).key() }));
    let wrong = Authorization { requester: requester(4).key(), signature: approve(4).signature, ..authorization };
    assert!(wrong.verify(&plain).is_err());
}

#[test]
fn time_of_a_request_is_bounded_on_both_sides() {
    let authorization = with(|_| {}, |content| requester(3).authorize(content).unwrap());
    assert_eq!(authorization.check_time(999, 100), Ok(()));
    assert_eq!(authorization.check_time(901, 100), Ok(()));
    assert!(matches!(authorization.check_time(900, 100), Err(RequestError::ExpiresTooLate { .. })));
    assert_eq!(authorization.check_time(1000, 100), Err(RequestError::Expired { at: 1000 }));
    assert_eq!(with(|content| content.expires = None, |content| requester(3).authorize(content)), Err(RequestError::NoExpiry));
}

#[test]
fn keys_for_which_anybody_can_sign_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    for bytes in [[0; 32], identity, [0xff; 32]] {
        assert_eq!(RequesterKey::new(bytes), Err(RequestError::RequesterKey));
    }
    let key = requester(3).key();
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(BASE64_STANDARD.encode(key.as_bytes()).parse(), Ok(key));
    assert!("".parse::<RequesterKey>().is_err() && "00".parse::<RequesterKey>().is_err());
}

#[test]
fn secret_is_not_printed() {
    let shown = format!("{:?}", requester(0xab));
    assert!(shown.contains("redacted") && !shown.contains("abababab") && !shown.contains("171"));
}

#[test]
fn authorization_is_read_back_and_nothing_else() {
    let approve = |byte| with(|_| {}, |content| requester(byte).approve(content).unwrap());
    let mut authorization = with(|_| {}, |content| requester(3).authorize(content).unwrap());
    authorization.add(approve(4));
    authorization.add(approve(4));
    assert_eq!(authorization.approvals.len(), 1);
    let bytes = authorization.to_bytes();
    assert_eq!(Authorization::from_bytes(&bytes), Ok(authorization));
    assert!(Authorization::from_bytes(&bytes[..bytes.len() - 1]).is_err());
}
