//! A server that speaks S3, of a test's own, with a bucket. `scripts/services` installs what it needs.

use core::time::Duration;

use quorate_services::Moto;
use quorate_storage::BucketOptions;
use zeroize::Zeroizing;

/// Stops when it is dropped, and forgets everything.
pub(crate) struct Server {
    moto: Moto,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server with the bucket `bucket`.
    pub(crate) fn start() -> Self {
        let moto = Moto::start();
        let server = Self { port: moto.port(), moto };
        server.ask("PUT", "/bucket", b"");
        server
    }

    /// Asks past the store, as whoever has the bucket can.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> String {
        self.moto.ask(method, path, body)
    }

    pub(crate) fn kill(&self) {
        self.moto.kill();
    }

    /// How a prefix of the bucket is reached over some port of this machine.
    pub(crate) fn over(&self, port: u16, prefix: &str) -> BucketOptions {
        let options = BucketOptions::new(&format!("s3://bucket/{prefix}")).unwrap().region("us-east-1");
        let options = options.endpoint(&format!("http://127.0.0.1:{port}")).unwrap().lease(Duration::from_secs(6));
        options.key("key-of-alice", &Zeroizing::new("secret-of-alice".to_owned()))
    }

    pub(crate) fn options(&self, prefix: &str) -> BucketOptions {
        self.over(self.port, prefix)
    }
}
