//! A key in AWS KMS. moto stands in for it, and does most of what KMS does; what it does not is said by a line in between.

use core::{
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    time::Duration,
};
use std::sync::Arc;

use quorate_core::Secret;
use quorate_services::{Fate, Line, Moto};
use quorate_storage::{
    AwsKms, AwsKmsOptions, Both, KekError, KeyEncryptionKey, SealedError, Vault, VaultError, WrappedKey, aws_kms::AwsKmsError,
    conformance,
};
use zeroize::Zeroizing;

use crate::support::{KEY, Rig, Share};

const DISABLED: &[u8] =
    b"HTTP/1.1 400 x\r\nContent-Length: 55\r\n\r\n{\"__type\":\"DisabledException\",\"message\":\"arn is disable\"}";

fn options(key: &str, port: u16) -> AwsKmsOptions {
    let options = AwsKmsOptions::new(key).unwrap().region("us-east-1").unwrap();
    let options = options.endpoint(&format!("http://127.0.0.1:{port}")).unwrap();
    options.access_key("key-of-alice", &Zeroizing::new("secret-of-alice".to_owned()))
}

fn kms(key: &str, port: u16) -> Arc<AwsKms> {
    Arc::new(AwsKms::new(&options(key, port)).unwrap())
}

/// What KMS said, if it is not that the wrapped key is none of its own.
fn said(error: &KekError) -> &AwsKmsError {
    let KekError::Unavailable { source } = error else { panic!("{error:?}") };
    source.downcast_ref().unwrap()
}

async fn fails(kms: &AwsKms) -> KekError {
    kms.wrap_key(b"here", &Secret::new([7; 32])).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn kms_key_conforms_by_its_arn_and_by_its_id() {
    let moto = Moto::start();
    let arn = moto.kms_key();
    let id = arn.rsplit('/').next().unwrap();
    let (by_arn, by_id) = (kms(&arn, moto.port()), kms(id, moto.port()));
    conformance::run_key_encryption_key(&*by_arn).await.unwrap();
    let wrapped = by_arn.wrap_key(b"here", &Secret::new([7; 32])).await.unwrap();
    assert_eq!(by_id.unwrap_key(b"here", &wrapped).await.unwrap().expose(), &[7; 32]);
    // Another key of the same account does not open it, and says so like a wrapped key that was altered.
    let other = kms(&moto.kms_key(), moto.port()).unwrap_key(b"here", &wrapped).await;
    assert!(matches!(other, Err(KekError::Refused)), "{other:?}");
}

/// moto checks signatures with botocore, and permissions, once it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn signature_is_that_of_the_tools_of_aws_and_a_wrong_secret_or_no_permission_is_told_apart() {
    let moto = Moto::start();
    let key = moto.kms_key();
    let user = |name: &str, allowed: bool| {
        moto.form("iam", &format!("Action=CreateUser&Version=2010-05-08&UserName={name}"));
        if allowed {
            let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%5B%22kms%3AEncrypt%22%2C%22kms%3ADecrypt%22%5D%2C%22Resource%22%3A%22*%22%7D%5D%7D";
            let form = format!("Action=PutUserPolicy&Version=2010-05-08&UserName={name}&PolicyName=p&PolicyDocument={policy}");
            moto.form("iam", &form);
        }
        let made = moto.form("iam", &format!("Action=CreateAccessKey&Version=2010-05-08&UserName={name}"));
        let part = |tag: &str| {
            let (_, rest) = made.split_once(&format!("<{tag}>")).unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        (part("AccessKeyId"), Zeroizing::new(part("SecretAccessKey")))
    };
    let (alice, eve) = (user("alice", true), user("eve", false));
    moto.ask("POST", "/moto-api/reset-auth", b"0");
    let asked_as =
        |id: &str, secret: &Zeroizing<String>| Arc::new(AwsKms::new(&options(&key, moto.port()).access_key(id, secret)).unwrap());
    let by_alice = asked_as(&alice.0, &alice.1);
    let wrapped = by_alice.wrap_key(b"here", &Secret::new([7; 32])).await.unwrap();
    assert_eq!(by_alice.unwrap_key(b"here", &wrapped).await.unwrap().expose(), &[7; 32]);
    let wrong = Zeroizing::new("a".repeat(40));
    for (id, secret) in [(&alice.0, &wrong), (&"AKIAIOSFODNN7EXAMPLE".to_owned(), &alice.1)] {
        let error = fails(&asked_as(id, secret)).await;
        assert!(matches!(said(&error), AwsKmsError::Credentials { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains(secret.as_str()), "{error:?}");
    }
    let by_eve = asked_as(&eve.0, &eve.1);
    let denied = by_eve.unwrap_key(b"here", &wrapped).await.unwrap_err();
    assert!(matches!(said(&denied), AwsKmsError::Denied { .. }), "{denied:?}");
    assert!(matches!(said(&fails(&by_eve).await), AwsKmsError::Denied { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_a_file_and_are_told_to_nobody() {
    let moto = Moto::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials");
    std::fs::write(
        &file,
        "[default]\naws_access_key_id = key-of-bob\naws_secret_access_key = word-of-bob\naws_session_token = session-of-bob\n",
    )
    .unwrap();
    let line = Line::to(moto.port());
    line.plan(|head| {
        let head = head.to_lowercase();
        let signed = head.contains("credential=key-of-bob/") && head.contains("x-amz-security-token: session-of-bob");
        if signed && !head.contains("word-of-bob") { Fate::Pass } else { Fate::LoseRequest }
    });
    let options = options(&moto.kms_key(), line.port()).credentials(&file).unwrap();
    let kms = AwsKms::new(&options).unwrap();
    kms.wrap_key(b"here", &Secret::new([7; 32])).await.unwrap();
    moto.kill();
    let error = fails(&kms).await;
    let words = format!("{options:?} {kms:?} {error:?} {error}");
    assert!(!words.contains("word-of") && !words.contains("session-of"), "{words}");
    std::fs::write(&file, "[default]\naws_access_key_id = a\u{7f}b\naws_secret_access_key = c\n").unwrap();
    let odd = AwsKms::new(&options.credentials(&file).unwrap()).unwrap();
    assert!(matches!(said(&fails(&odd).await), AwsKmsError::NoCredentials { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_freezes_while_the_key_is_disabled_and_loses_nothing() {
    let moto = Moto::start();
    let line = Line::to(moto.port());
    let rig = Rig::new();
    rig.activate(0);
    let both: Arc<dyn KeyEncryptionKey> = Arc::new(Both::new(rig.kek.clone(), kms(&moto.kms_key(), line.port())));
    let vault = rig.vault.clone().rewrap(both.clone()).await.unwrap();
    assert_eq!(vault.load_active::<Share>(&KEY).await.unwrap().1, Share::new(0));
    assert!(rig.open().is_err(), "the passphrase alone opens nothing any more");
    // moto goes on with a key that is disabled; KMS does not.
    line.plan(|_| Fate::Say(DISABLED));
    let frozen = vault.load_active::<Share>(&KEY).await.unwrap_err();
    let VaultError::Sealed { source: SealedError::Kek(error), .. } = &frozen else { panic!("{frozen:?}") };
    assert!(matches!(said(error), AwsKmsError::Disabled { .. }), "{frozen:?}");
    let open = || Vault::open(rig.store.clone(), rig.epoch_keys.clone(), both.clone());
    assert!(matches!(open().await, Err(VaultError::Kek(KekError::Unavailable { .. }))));
    line.plan(|_| Fate::Pass);
    let vault = open().await.unwrap();
    assert_eq!(vault.load_active::<Share>(&KEY).await.unwrap().1, Share::new(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kms_says_is_sorted_by_who_must_act_and_not_repeated() {
    type Sort = fn(&AwsKmsError) -> bool;
    let moto = Moto::start();
    let line = Line::to(moto.port());
    let kms = kms(&moto.kms_key(), line.port());
    let sorts: [(u16, &str, Sort); 11] = [
        (400, "DisabledException", |error| matches!(error, AwsKmsError::Disabled { .. })),
        (400, "KMSInvalidStateException", |error| matches!(error, AwsKmsError::State { .. })),
        (400, "NotFoundException", |error| matches!(error, AwsKmsError::NoKey { .. })),
        (400, "InvalidKeyUsageException", |error| matches!(error, AwsKmsError::Usage { .. })),
        (400, "AccessDeniedException", |error| matches!(error, AwsKmsError::Denied { .. })),
        (403, "InvalidSignatureException", |error| matches!(error, AwsKmsError::Credentials { .. })),
        (400, "ExpiredTokenException", |error| matches!(error, AwsKmsError::Credentials { .. })),
        (400, "ThrottlingException", |error| matches!(error, AwsKmsError::Throttled)),
        (400, "InvalidCiphertextException", |error| matches!(error, AwsKmsError::Odd { .. })),
        (500, "KMSInternalException", |error| matches!(error, AwsKmsError::Answered { status: 500, .. })),
        (302, "", |error| matches!(error, AwsKmsError::Answered { status: 302, .. })),
    ];
    for (status, code, fits) in sorts {
        let body = format!("{{\"__type\":\"com.amazonaws.kms#{code}\",\"message\":\"SECRET\"}}");
        let answer =
            format!("HTTP/1.1 {status} x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer: &'static [u8] = answer.into_bytes().leak();
        line.plan(move |_| Fate::Say(answer));
        let error = fails(&kms).await;
        assert!(fits(said(&error)), "{code}: {error:?}");
        assert!(!format!("{error:?} {}", said(&error)).contains("SECRET"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_again_and_what_does_not_pass_ends() {
    let moto = Moto::start();
    let line = Line::to(moto.port());
    let kms = kms(&moto.kms_key(), line.port());
    for fate in [
        Fate::LoseAnswer,
        Fate::LoseRequest,
        Fate::Say(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"),
        Fate::Say(b"HTTP/1.1 400 x\r\nContent-Length: 32\r\n\r\n{\"__type\":\"ThrottlingException\" }"),
        Fate::Say(b"\x16\x03\x01 no http at all"),
    ] {
        let left = AtomicU32::new(2);
        line.plan(move |_| {
            let now = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            if now { fate } else { Fate::Pass }
        });
        let wrapped = kms.wrap_key(b"here", &Secret::new([7; 32])).await.unwrap();
        assert_eq!(kms.unwrap_key(b"here", &wrapped).await.unwrap().expose(), &[7; 32], "{fate:?}");
    }
    line.plan(|_| Fate::LoseRequest);
    let error = fails(&kms).await;
    assert!(matches!(said(&error), AwsKmsError::Unreachable { .. }), "{error:?}");
    assert!(format!("{}", said(&error)).contains(&format!("http://127.0.0.1:{}", line.port())), "{error:?}");
    // One that never answers, and one that never ends, within the deadline of a call.
    for fate in [Fate::Hang, Fate::SayForEver(b"HTTP/1.1 200 OK\r\n\r\n"), Fate::SayForEver(b"HTTP/1.1 500 x\r\nX: ")] {
        line.plan(move |_| fate);
        let began = std::time::Instant::now();
        let error = fails(&kms).await;
        let Some(AwsKmsError::Unreachable { .. } | AwsKmsError::Answered { .. }) = Some(said(&error)) else {
            panic!("{error:?}")
        };
        assert!(began.elapsed() < Duration::from_secs(40), "{fate:?}: {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_that_makes_no_sense_is_an_error_and_never_a_key() {
    let moto = Moto::start();
    let arn = moto.kms_key();
    let line = Line::to(moto.port());
    let kms = kms(&arn, line.port());
    let wrapped = kms.wrap_key(b"here", &Secret::new([7; 32])).await.unwrap();
    let say = |body: String| {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer: &'static [u8] = answer.into_bytes().leak();
        line.plan(move |_| Fate::Say(answer));
    };
    for body in
        ["", "{}", "[]", "null", "{\"KeyId\":1}", "{\"KeyId\":\"arn:aws:kms:us-east-1:1:key/other\",\"CiphertextBlob\":\"AAAA\"}"]
    {
        say(body.to_owned());
        assert!(matches!(said(&fails(&kms).await), AwsKmsError::Odd { .. }), "{body}");
        let opened = kms.unwrap_key(b"here", &wrapped).await.unwrap_err();
        assert!(matches!(said(&opened), AwsKmsError::Odd { .. }), "{body}: {opened:?}");
    }
    for blob in ["", "not base64"] {
        say(format!("{{\"KeyId\":\"{arn}\",\"CiphertextBlob\":\"{blob}\"}}"));
        assert!(matches!(said(&fails(&kms).await), AwsKmsError::Odd { .. }), "{blob}");
    }
    say(format!("{{\"KeyId\":\"{arn}\",\"CiphertextBlob\":\"{}\"}}", "A".repeat(684)));
    assert!(matches!(fails(&kms).await, KekError::TooLong));
    // 31 bytes, 33 bytes, 1024 bytes, and none.
    for plaintext in ["A".repeat(40) + "AA==", "A".repeat(44), "A".repeat(1366), String::new()] {
        say(format!("{{\"KeyId\":\"{arn}\",\"Plaintext\":\"{plaintext}\"}}"));
        let opened = kms.unwrap_key(b"here", &wrapped).await;
        assert!(matches!(opened, Err(KekError::Refused)), "{plaintext}: {opened:?}");
    }
    line.plan(|_| Fate::Pass);
    assert_eq!(kms.unwrap_key(b"here", &wrapped).await.unwrap().expose(), &[7; 32]);
    let foreign = WrappedKey::new([&[2], &wrapped.as_bytes()[1..]].concat()).unwrap();
    assert!(matches!(kms.unwrap_key(b"here", &foreign).await, Err(KekError::Refused)), "another version");
}
