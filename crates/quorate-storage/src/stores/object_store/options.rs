//! Where a bucket is, who asks, and that nobody listens on the way.

use core::{fmt, time::Duration};
use std::{path::Path, sync::Arc};

use object_store::{
    ObjectStore, RetryConfig,
    aws::AmazonS3Builder,
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::GoogleCloudStorageBuilder,
    local::LocalFileSystem,
};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{bucket::Bucket, lease::LONGEST_LEASE};
use crate::{
    directory::make_private_dir,
    http::{self, Connector, Reason},
    store::{Location, StoreError},
};

mod credentials;

#[cfg(feature = "aws-kms")]
pub(crate) use credentials::AwsIdentity;
use credentials::Credentials;

const LEASE: Duration = Duration::from_secs(15);
const SHORTEST_LEASE: Duration = Duration::from_secs(1);
/// What an answer has beside the object: a page of a listing is at most some 2 MB.
const LISTING: usize = 8 << 20;

/// Where a bucket is, who asks, and which authorities vouch for the service. `Debug` shows no secret.
///
/// Credentials are never in the URL. They come from a file, from the caller, from the environment as the provider's own tools read
/// it, or from the role of the machine, in this order.
#[derive(Clone)]
pub struct BucketOptions {
    service: Service,
    bucket: String,
    prefix: String,
    region: Option<String>,
    endpoint: Option<String>,
    account: Option<String>,
    credentials: Credentials,
    roots: Option<Vec<CertificateDer<'static>>>,
    lease: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    S3,
    Google,
    Azure,
    Directory,
}

impl BucketOptions {
    /// Reads a URL as `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, or, for [`WriteOnce`](super::WriteOnce)
    /// alone, `file:///directory`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if it is none of these, or has more in it.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let wrong = |words: &str| unusable("read the bucket's URL", words.into());
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it must be as s3://bucket/prefix"))?;
        let service = match scheme {
            "s3" => Service::S3,
            "gs" => Service::Google,
            "az" => Service::Azure,
            "file" => Service::Directory,
            _ => return Err(wrong("it must begin with s3://, gs://, az:// or file://")),
        };
        let (bucket, prefix) = match service {
            Service::Directory if Path::new(rest).is_absolute() => (rest, ""),
            Service::Directory => return Err(wrong("a directory must be named from the root: file:///directory")),
            Service::S3 | Service::Google | Service::Azure => rest.split_once('/').unwrap_or((rest, "")),
        };
        let prefix = prefix.trim_end_matches('/');
        if service != Service::Directory && !(is_bucket(bucket) && (prefix.is_empty() || prefix.split('/').all(is_segment))) {
            return Err(wrong("a bucket and a prefix are of letters, digits, '-', '_' and '.'; credentials are given in a file"));
        }
        if bucket.ends_with("--x-s3") {
            return Err(wrong("a directory bucket does not list in order; use a general purpose one"));
        }
        Ok(Self {
            service,
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            region: None,
            endpoint: None,
            account: None,
            credentials: Credentials::Ambient,
            roots: None,
            lease: LEASE,
        })
    }

    /// The region of an S3 bucket; that of the environment if none is given.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// The storage account of an Azure container; that of the environment if none is given.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Another service that speaks the same protocol, as `https://minio.example:9000`. In the clear on this machine alone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if it is no such URL.
    pub fn endpoint(mut self, url: &str) -> Result<Self, StoreError> {
        let endpoint = http::endpoint(url).map_err(|words| unusable("read the endpoint's URL", words.into()))?;
        self.endpoint = Some(endpoint);
        Ok(self)
    }

    /// The key of an identity at S3, or of a storage account at Azure, whose `id` is the account's name.
    #[must_use]
    pub fn key(mut self, id: &str, secret: &Zeroizing<String>) -> Self {
        self.credentials = Credentials::Key { id: id.to_owned(), secret: secret.clone(), session: None };
        self
    }

    /// A file of credentials: the one of the AWS tools, of which the profile `default` is used; a service account of Google, in
    /// JSON; for Azure the account's name and its key, on two lines.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the file does not serve.
    pub fn credentials(mut self, file: &Path) -> Result<Self, StoreError> {
        let read = Credentials::read(self.service, file);
        self.credentials = read.map_err(|words| unusable("read credentials", format!("{}: {words}", file.display()).into()))?;
        Ok(self)
    }

    /// The authorities that vouch for the service, as a file of PEM certificates; those of the system if none is given.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the file does not serve.
    pub fn roots(mut self, file: &Path) -> Result<Self, StoreError> {
        let wrong = |words: String| unusable("read certificates", format!("{}: {words}", file.display()).into());
        self.roots = Some(http::read_roots(file).map_err(wrong)?);
        Ok(self)
    }

    /// For how long an instance has the store without renewing it, 1 second to 5 minutes, 15 seconds if nothing is said.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(SHORTEST_LEASE, LONGEST_LEASE);
        self
    }

    /// The bucket in words, without what is secret.
    #[must_use]
    pub fn location(&self) -> Location {
        let scheme = match self.service {
            Service::S3 => "s3",
            Service::Google => "gs",
            Service::Azure => "az",
            Service::Directory => "file",
        };
        let url = format!("{scheme}://{}/{}", self.bucket, self.prefix.trim_end_matches('/'));
        let at = self.endpoint.as_deref().map(|endpoint| format!(" at {endpoint}"));
        Location::new(&format!("{}{}", url.trim_end_matches('/'), at.unwrap_or_default()))
    }

    pub(super) const fn lease_length(&self) -> Duration {
        self.lease
    }

    pub(super) fn is_azure(&self) -> bool {
        self.service == Service::Azure
    }

    pub(super) fn is_directory(&self) -> bool {
        self.service == Service::Directory
    }

    /// The bucket, of which objects of `most` bytes can be read.
    pub(super) fn bucket(&self, most: usize) -> Result<Bucket, Reason> {
        let generations = self.service == Service::Google;
        let service: Arc<dyn ObjectStore> = match self.service {
            Service::S3 => Arc::new(self.s3(self.connector(most)?)?),
            Service::Google => Arc::new(self.google(self.connector(most)?)?),
            Service::Azure => Arc::new(self.azure(self.connector(most)?)?),
            Service::Directory => {
                make_private_dir(Path::new(&self.bucket))?;
                Arc::new(LocalFileSystem::new_with_prefix(&self.bucket)?.with_fsync(true))
            }
        };
        Ok(Bucket { service, prefix: self.prefix.clone(), generations, ordered: !self.is_directory(), longest: most })
    }

    fn s3(&self, connector: Connector) -> Result<object_store::aws::AmazonS3, Reason> {
        let region = self.region.clone().or_else(credentials::aws_region);
        let region = region.ok_or("name the region of the bucket")?;
        // It becomes a part of a host's name.
        http::endpoint(&format!("https://s3.{region}.amazonaws.com")).map_err(|_| "a region is as eu-west-1")?;
        let mut builder = AmazonS3Builder::new().with_bucket_name(&self.bucket).with_region(region);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        Ok(self.credentials.of_s3(builder).with_retry(never()).with_http_connector(connector).build()?)
    }

    fn google(&self, connector: Connector) -> Result<object_store::gcp::GoogleCloudStorage, Reason> {
        let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(&self.bucket);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_base_url(endpoint);
        }
        let builder = self.credentials.of_google(builder)?;
        Ok(builder.with_retry(never()).with_http_connector(connector).build()?)
    }

    fn azure(&self, connector: Connector) -> Result<object_store::azure::MicrosoftAzure, Reason> {
        let account = self.account.clone().or_else(|| self.credentials.account());
        let account = account.or_else(|| credentials::variable("AZURE_STORAGE_ACCOUNT_NAME"));
        let account = account.ok_or("name the storage account of the container")?;
        let mut builder = MicrosoftAzureBuilder::new().with_container_name(&self.bucket).with_account(account);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        let given: Vec<(AzureConfigKey, String)> = self.credentials.of_azure();
        let builder = given.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
        Ok(builder.with_retry(never()).with_http_connector(connector).build()?)
    }

    fn connector(&self, most: usize) -> Result<Connector, Reason> {
        Connector::new(self.roots.as_deref(), self.endpoint.as_deref(), most.max(LISTING))
    }
}

impl fmt::Debug for BucketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketOptions").field("location", &self.location()).finish_non_exhaustive()
    }
}

/// No retries below those of this crate, which know what they do.
fn never() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn is_bucket(name: &str) -> bool {
    is_segment(name) && name.len() <= 222
}

fn is_segment(part: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !part.is_empty() && part.len() <= 222 && !part.starts_with('.') && !part.ends_with('.') && part.bytes().all(letter)
}

fn unusable(operation: &'static str, source: Reason) -> StoreError {
    StoreError::Unavailable { location: Location::new("the bucket"), operation, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_that_is_no_bucket_or_has_more_in_it_is_refused() {
        for url in [
            "",
            "bucket",
            "s3://",
            "s3:///prefix",
            "http://bucket/prefix",
            "s3://key:secret@bucket/prefix",
            "s3://bucket/prefix?signature=secret",
            "az://container/prefix#secret",
            "s3://bucket/a//b",
            "s3://bucket/../b",
            "s3://bucket--use1-az4--x-s3/prefix",
            "file://directory",
        ] {
            let error = BucketOptions::new(url).unwrap_err();
            assert!(matches!(error, StoreError::Unavailable { .. }), "{url}: {error:?}");
            assert!(!format!("{error:?}").contains("secret@") && !format!("{error:?}").contains("=secret"), "{error:?}");
        }
    }

    #[test]
    fn endpoint_is_https_or_this_machine() {
        let options = || BucketOptions::new("s3://bucket/prefix/").unwrap();
        for (url, taken) in [
            ("https://minio.example:9000", true),
            ("http://127.0.0.1:9000", true),
            ("http://[::1]:9000", true),
            ("http://minio.example:9000", false),
            ("http://169.254.169.254", false),
            ("https://key:secret@minio.example", false),
            ("https://minio.example/?key=secret", false),
            ("https://minio.example:99999", false),
            ("https://10.0.0.256", false),
            ("minio.example", false),
        ] {
            assert_eq!(options().endpoint(url).is_ok(), taken, "{url}");
        }
        let options = options().endpoint("https://minio.example:9000/").unwrap();
        assert_eq!(options.location().to_string(), "s3://bucket/prefix at https://minio.example:9000");
    }

    #[test]
    fn name_that_azure_would_change_is_refused_there() {
        assert!(BucketOptions::new("az://container/prefix").unwrap().is_azure());
        assert!(BucketOptions::new("az://container/prefix.").is_err());
    }
}
