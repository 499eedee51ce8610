//! Who asks the service. Only what names or proves an identity is taken from the environment: a variable must not turn off
//! signatures, conditions or TLS.

use std::{fs::File, io::Read as _, path::Path};

use object_store::{
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::AzureConfigKey,
    gcp::GoogleCloudStorageBuilder,
};
use zeroize::Zeroizing;

use super::Service;
use crate::http::Reason;

const LONGEST_FILE: u64 = 64 << 10;

const S3: [(&str, AmazonS3ConfigKey); 8] = [
    ("AWS_ACCESS_KEY_ID", AmazonS3ConfigKey::AccessKeyId),
    ("AWS_SECRET_ACCESS_KEY", AmazonS3ConfigKey::SecretAccessKey),
    ("AWS_SESSION_TOKEN", AmazonS3ConfigKey::Token),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", AmazonS3ConfigKey::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
    ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
];
const CONTAINER_TOKEN: (&str, AmazonS3ConfigKey) =
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile);
const AZURE: [(&str, AzureConfigKey); 6] = [
    ("AZURE_STORAGE_ACCOUNT_KEY", AzureConfigKey::AccessKey),
    ("AZURE_CLIENT_ID", AzureConfigKey::ClientId),
    ("AZURE_CLIENT_SECRET", AzureConfigKey::ClientSecret),
    ("AZURE_TENANT_ID", AzureConfigKey::AuthorityId),
    ("AZURE_FEDERATED_TOKEN_FILE", AzureConfigKey::FederatedTokenFile),
    ("AZURE_STORAGE_SAS_TOKEN", AzureConfigKey::SasKey),
];

/// Who asks.
#[derive(Clone)]
pub(super) enum Credentials {
    /// The environment, or the role of the machine.
    Ambient,
    Key {
        id: String,
        secret: Zeroizing<String>,
        session: Option<Zeroizing<String>>,
    },
    /// A service account of Google, in JSON.
    Account(Zeroizing<String>),
}

/// A variable of the environment that is set, and to something.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The region that the environment names, as the AWS tools read it.
pub(crate) fn aws_region() -> Option<String> {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

impl Credentials {
    pub(super) fn read(service: Service, file: &Path) -> Result<Self, String> {
        // Room for the longest, so that no part of it is left behind in memory that was too small.
        let mut text = Zeroizing::new(String::with_capacity(usize::try_from(LONGEST_FILE).unwrap_or_default().saturating_add(1)));
        let open = File::open(file).and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text));
        open.map_err(|error| error.to_string())?;
        match service {
            Service::S3 => profile(&text).ok_or_else(|| "there is no key of the profile \"default\" in it".to_owned()),
            Service::Google => Ok(Self::Account(text)),
            Service::Azure => {
                let mut lines = text.lines().map(str::trim);
                let pair = lines.next().zip(lines.next()).filter(|(id, secret)| !id.is_empty() && !secret.is_empty());
                let (id, secret) = pair.ok_or("it must have the account's name and its key, on two lines")?;
                Ok(Self::Key { id: id.to_owned(), secret: secret.to_owned().into(), session: None })
            }
            Service::Directory => Err("a directory needs none".to_owned()),
        }
    }

    pub(super) fn of_s3(&self, builder: AmazonS3Builder) -> AmazonS3Builder {
        match self {
            Self::Ambient | Self::Account(_) => {
                let known = S3.into_iter().chain([CONTAINER_TOKEN]);
                let given = known.filter_map(|(name, key)| variable(name).map(|value| (key, value)));
                given.fold(builder, |builder, (key, value)| builder.with_config(key, value))
            }
            Self::Key { id, secret, session } => {
                let builder = builder.with_access_key_id(id).with_secret_access_key(secret.as_str());
                session.iter().fold(builder, |builder, session| builder.with_token(session.as_str()))
            }
        }
    }

    pub(super) fn of_google(&self, builder: GoogleCloudStorageBuilder) -> Result<GoogleCloudStorageBuilder, Reason> {
        match self {
            Self::Ambient => {
                let named = variable("GOOGLE_APPLICATION_CREDENTIALS");
                Ok(named.into_iter().fold(builder, GoogleCloudStorageBuilder::with_application_credentials))
            }
            Self::Account(json) => Ok(builder.with_service_account_key(json.as_str())),
            Self::Key { .. } => Err("Google Cloud Storage takes a service account, not a key".into()),
        }
    }

    pub(super) fn of_azure(&self) -> Vec<(AzureConfigKey, String)> {
        match self {
            Self::Ambient | Self::Account(_) => {
                AZURE.into_iter().filter_map(|(name, key)| variable(name).map(|value| (key, value))).collect()
            }
            Self::Key { secret, .. } => vec![(AzureConfigKey::AccessKey, secret.as_str().to_owned())],
        }
    }

    /// The storage account that a key is of.
    pub(super) fn account(&self) -> Option<String> {
        match self {
            Self::Key { id, .. } => Some(id.clone()),
            Self::Ambient | Self::Account(_) => None,
        }
    }
}

/// Reads the key of the profile `default` from a file of the AWS tools.
fn profile(text: &str) -> Option<Credentials> {
    let mut inside = false;
    let (mut id, mut secret, mut session) = (None, None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if line.starts_with('[') {
            inside = line == "[default]";
        } else if inside && let Some((name, value)) = line.split_once('=') {
            let value = Some(value.trim()).filter(|value| !value.is_empty());
            match name.trim() {
                "aws_access_key_id" => id = value.map(str::to_owned),
                "aws_secret_access_key" => secret = value.map(|value| Zeroizing::new(value.to_owned())),
                "aws_session_token" => session = value.map(|value| Zeroizing::new(value.to_owned())),
                _ => {}
            }
        }
    }
    Some(Credentials::Key { id: id?, secret: secret?, session })
}

/// Who asks a service of AWS that is no bucket.
#[cfg(feature = "aws-kms")]
#[derive(Clone)]
pub(crate) struct AwsIdentity(Credentials);

#[cfg(feature = "aws-kms")]
impl AwsIdentity {
    /// That of the environment, or of the machine's role.
    pub(crate) const fn ambient() -> Self {
        Self(Credentials::Ambient)
    }

    pub(crate) fn key(id: &str, secret: &Zeroizing<String>) -> Self {
        Self(Credentials::Key { id: id.to_owned(), secret: secret.clone(), session: None })
    }

    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        Credentials::read(Service::S3, file).map(Self)
    }

    pub(crate) fn region() -> Option<String> {
        aws_region()
    }

    /// What gives a key to sign with, and renews it before it expires.
    pub(crate) fn provider(
        &self,
        region: &str,
        connector: crate::http::Connector,
    ) -> Result<object_store::aws::AwsCredentialProvider, Reason> {
        // No bucket of this name is ever asked.
        let builder = self.0.of_s3(AmazonS3Builder::new().with_bucket_name("unused").with_region(region));
        let bucket = builder.with_retry(super::never()).with_http_connector(connector).build()?;
        Ok(std::sync::Arc::clone(bucket.credentials()))
    }
}
