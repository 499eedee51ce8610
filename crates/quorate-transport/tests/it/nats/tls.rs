//! TLS in both directions.

use std::path::{Path, PathBuf};

use quorate_services::Nats;
use quorate_transport::{
    Identity,
    conformance::{End, check},
    wires::{NatsError, NatsOptions, NatsWire},
};
use tempfile::TempDir;

use super::attack::false_server;
use crate::common::{identities, roster};

/// An authority and the files that it gave out.
struct Authority {
    params: rcgen::CertificateParams,
    key: rcgen::KeyPair,
}

impl Authority {
    fn new(place: &Path, name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        std::fs::write(place.join(format!("{name}.ca")), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { params, key }
    }

    fn certify(&self, place: &Path, name: &str, host: &str) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &rcgen::Issuer::from_params(&self.params, &self.key)).unwrap();
        std::fs::write(place.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(place.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn files() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new(place.path(), "ours"), Authority::new(place.path(), "theirs"));
    ours.certify(place.path(), "server", "localhost");
    ours.certify(place.path(), "client", "alice");
    theirs.certify(place.path(), "stranger", "alice");
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn server_and_client_prove_themselves_by_certificates() {
    let place = files();
    let path = |name: &str| -> PathBuf { place.path().join(name) };
    let tls = |more: &str| {
        let [certificate, key, ca] = ["server.pem", "server.key", "ours.ca"].map(|name| path(name).display().to_string());
        format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\", ca_file: \"{ca}\", {more} }}")
    };
    let server = Nats::start_with(&tls("verify: true"));
    let identities = identities(3, 31);
    let (roster, ids) = (roster(&identities), identities.iter().map(Identity::peer_id).collect::<Vec<_>>());
    let url = format!("tls://localhost:{}", server.port());
    let options = |host: &str, ca: &str, certificate: Option<&str>| {
        let options = NatsOptions::new([url.replace("localhost", host)]).unwrap().roots(&path(ca)).unwrap();
        match certificate {
            Some(name) => options.client_certificate(&path(&format!("{name}.pem")), &path(&format!("{name}.key"))).unwrap(),
            None => options,
        }
    };
    let start = async |place: usize, options| NatsWire::start(ids[place], &roster, options).await;

    let good = || options("localhost", "ours.ca", Some("client"));
    let (a, b) = (start(0, good()).await.unwrap(), start(1, good()).await.unwrap());
    check(End::new(&a, ids[0]), End::new(&b, ids[1]), ids[2]).await.unwrap();
    // Another authority, and another name than the certificate's.
    for wrong in [options("localhost", "theirs.ca", Some("client")), options("127.0.0.1", "ours.ca", Some("client"))] {
        let started = start(0, wrong).await;
        assert!(matches!(started, Err(NatsError::Untrusted { .. })), "{started:?}");
    }
    for stranger in [options("localhost", "ours.ca", None), options("localhost", "ours.ca", Some("stranger"))] {
        let started = start(0, stranger).await;
        assert!(matches!(&started, Err(NatsError::Refused { said, .. }) if said.contains("TLS")), "{started:?}");
    }
    // A loopback server that asks for TLS is not spoken to in the clear.
    let clear = start(0, NatsOptions::new([server.url()]).unwrap()).await;
    assert!(matches!(&clear, Err(NatsError::Refused { said, .. }) if said.contains("TLS")), "{clear:?}");

    // And one that does not offer it is not spoken to where it is asked for.
    let plain = Nats::start();
    let options = NatsOptions::new([format!("tls://localhost:{}", plain.port())]).unwrap().roots(&path("ours.ca")).unwrap();
    let started = start(0, options).await;
    assert!(matches!(started, Err(NatsError::Untrusted { .. })), "{started:?}");
}

/// Whoever is on the way may have put them there.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_between_the_servers_word_and_tls_are_not_taken() {
    const INFO: &str = "INFO {\"max_payload\":1048576,\"tls_required\":true}\r\n";
    let place = files();
    let identities = identities(2, 34);
    let roster = roster(&identities);
    let start = async |answer: String| {
        let url = false_server(answer.into_bytes(), false).replace("nats://127.0.0.1", "tls://localhost");
        let options = NatsOptions::new([url]).unwrap().roots(&place.path().join("ours.ca")).unwrap();
        NatsWire::start(identities[0].peer_id(), &roster, options).await
    };
    let injected = start(format!("{INFO}PING\r\n")).await;
    assert!(matches!(injected, Err(NatsError::Untrusted { .. })), "{injected:?}");
    // Without them it gets as far as TLS, which this server does not speak.
    let plain = start(INFO.to_owned()).await;
    assert!(!matches!(plain, Err(NatsError::Untrusted { .. })), "{plain:?}");
}

#[test]
fn files_that_are_none_are_named() {
    let place = files();
    let options = || NatsOptions::new(["tls://localhost"]).unwrap();
    let missing = place.path().join("missing");
    let (chain, key) = (place.path().join("client.pem"), place.path().join("client.key"));
    for error in [
        options().roots(&missing).unwrap_err(),
        options().client_certificate(&missing, &key).unwrap_err(),
        options().client_certificate(&chain, &missing).unwrap_err(),
    ] {
        assert!(matches!(&error, NatsError::File { path, .. } if *path == missing), "{error}");
    }
    assert!(matches!(options().roots(&key), Err(NatsError::File { .. })));
    assert!(matches!(options().max_payload(100), Err(NatsError::Payload)));
}
