//! Requesters on other machines: TLS in both directions, and nothing that an operator says.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::{
    support::{Place, Said, free_port, quorate},
    wallet::NAMES,
};

/// An authority that gives out certificates.
struct Authority(rcgen::CertificateParams, rcgen::KeyPair);

impl Authority {
    fn new(place: &Place, name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
        place.write(&format!("{name}.ca"), params.self_signed(&key).unwrap().pem(), 0o644);
        Self(params, key)
    }

    /// Writes `NAME.pem` and `NAME.key`.
    fn certify(&self, place: &Place, name: &str, host: &str, serial: u64) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
        params.serial_number = Some(serial.into());
        let certificate = params.signed_by(&key, &rcgen::Issuer::from_params(&self.0, &self.1)).unwrap();
        place.write(&format!("{name}.pem"), certificate.pem(), 0o644);
        place.write(&format!("{name}.key"), key.serialize_pem(), 0o600);
    }

    /// Writes a list that takes one certificate back.
    fn revoke(&self, place: &Place, name: &str, serial: u64) {
        let list = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(2099, 1, 1),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![rcgen::RevokedCertParams {
                serial_number: serial.into(),
                revocation_time: rcgen::date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&rcgen::Issuer::from_params(&self.0, &self.1)).unwrap();
        place.write(name, list.pem().unwrap(), 0o644);
    }
}

#[test]
fn requester_elsewhere_signs_and_says_nothing_in_the_operators_name() {
    let place = Place::new();
    let (ours, theirs) = (Authority::new(&place, "ours"), Authority::new(&place, "theirs"));
    ours.certify(&place, "alice", "127.0.0.1", 1);
    ours.certify(&place, "wallet", "wallet.example", 2);
    ours.certify(&place, "former", "former.example", 3);
    ours.revoke(&place, "revoked", 3);
    theirs.certify(&place, "stranger", "wallet.example", 2);
    let port = free_port();
    let _nodes = place.start_team_with(&NAMES, |name| {
        if name != "alice" {
            return;
        }
        let path = place.path("alice/quorate.toml");
        let section = format!(
            "\n[control]\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"../alice.pem\"\nkey = \"../alice.key\"\n\
             client_ca_file = \"../ours.ca\"\nclient_crl_file = \"../revoked\"\n"
        );
        fs::write(&path, fs::read_to_string(&path).unwrap() + &section).unwrap();
    });
    let address = format!("127.0.0.1:{port}");
    let ask = |who: &str, ca: &str, command: &str| -> Said {
        let files = [format!("{ca}.ca"), format!("{who}.pem"), format!("{who}.key")].map(|name| place.path(&name));
        let [ca, certificate, key] = files.each_ref().map(|path| path.to_str().unwrap());
        let at = ["--connect", &address, "--tls-ca", ca, "--tls-certificate", certificate, "--tls-key", key, "--timeout", "30"];
        quorate(command.split_whitespace().chain(at))
    };

    // What the operator says, it says on the machine itself.
    for command in
        ["keygen treasury", "freeze --all --reason x", "resume --all", "audit verify", "rejoin", "plans", "refresh treasury"]
    {
        ask("wallet", "ours", command).fails(2, "on the cosigner's own machine");
    }
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    // What a requester asks.
    assert!(ask("wallet", "ours", "status").succeeds().contains("bob"));
    assert!(ask("wallet", "ours", "keys").succeeds().contains("treasury"));
    let signature = ask("wallet", "ours", "sign message treasury hello --suite ed25519").succeeds();
    let check = format!("verify message --wallet treasury --suite ed25519 --signature {} hello", signature.trim());
    place.at("bob", &check).succeeds();
    assert!(ask("wallet", "ours", "attest treasury --suite ed25519").succeeds().contains("carol"));

    // Without a certificate that counts, nothing is answered.
    ask("stranger", "ours", "status").fails(3, "did not answer");
    ask("former", "ours", "status").fails(3, "did not answer");
    // And nothing is asked of a cosigner that has none.
    ask("wallet", "theirs", "status").fails(3, "did not answer");
    quorate(["status", "--connect", &address]).fails(2, "--tls-ca");

    // Neither silence nor noise keeps others from asking.
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let mut noise = TcpStream::connect(&address).unwrap();
    noise.write_all(&[0xff; 4096]).unwrap();
    noise.write_all(b"GET /v1/keys HTTP/1.1\r\n\r\n").unwrap_or_default();
    let mut answer = Vec::new();
    drop(noise.read_to_end(&mut answer));
    assert!(!answer.windows(8).any(|part| part == b"treasury"));
    assert!(ask("wallet", "ours", "keys").succeeds().contains("treasury"));
    drop(silent);
}

#[test]
fn control_section_that_does_not_stand_is_named() {
    let place = Place::new();
    let ours = Authority::new(&place, "ours");
    ours.certify(&place, "alice", "127.0.0.1", 1);
    place.init("alice", free_port()).succeeds();
    place.add_to_roster("alice", &["alice"]).succeeds();
    let written = fs::read_to_string(place.path("alice/quorate.toml")).unwrap();
    let start = |section: &str| {
        place.write("alice/quorate.toml", format!("{written}\n[control]\nlisten = \"127.0.0.1:0\"\n{section}"), 0o600);
        place.start_fails("alice", "passphrase")
    };
    let file = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let section = |certificate: &str, key: &str, ca: &str| {
        format!("certificate = \"{}\"\nkey = \"{}\"\nclient_ca_file = \"{}\"\n", file(certificate), file(key), file(ca))
    };
    start("").fails(2, "certificate");
    start(&section("missing", "alice.key", "ours.ca")).fails(2, "missing");
    start(&section("alice.pem", "alice.pem", "ours.ca")).fails(2, "alice.pem");
    start(&section("alice.pem", "alice.key", "alice.key")).fails(2, "there is no certificate in it");
    ours.certify(&place, "other", "127.0.0.1", 2);
    start(&section("alice.pem", "other.key", "ours.ca")).fails(2, "do not fit together");
}
