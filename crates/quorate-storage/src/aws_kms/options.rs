//! Which key, where, and who asks.

use core::fmt;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::AwsKmsError;
use crate::{http, stores::object_store::AwsIdentity};

/// The longest name of a key that is taken.
const LONGEST_KEY: usize = 256;

/// Which key, where KMS is, and who asks. `Debug` shows no secret.
///
/// Credentials come from a file, from the caller, from the environment as the tools of AWS read it, or from the role of the machine, in
/// this order.
#[derive(Clone)]
pub struct AwsKmsOptions {
    pub(super) key: String,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) identity: AwsIdentity,
    pub(super) roots: Option<Vec<CertificateDer<'static>>>,
}

impl AwsKmsOptions {
    /// Names a key by its id or its ARN, which says the region as well.
    ///
    /// # Errors
    ///
    /// [`AwsKmsError::Options`] if it is neither. An alias is refused.
    pub fn new(key: &str) -> Result<Self, AwsKmsError> {
        let wrong = |what| AwsKmsError::Options { what };
        if key.starts_with("alias/") || key.contains(":alias/") {
            return Err(wrong("an alias can be moved to another key; name the key by its id or its ARN"));
        }
        let is_word =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let (id, region) = match key.split(':').collect::<Vec<_>>().as_slice() {
            [id] => (*id, None),
            ["arn", partition, "kms", region, account, id] if [partition, region, account].iter().all(|part| is_word(part)) => {
                (id.strip_prefix("key/").unwrap_or_default(), Some((*region).to_owned()))
            }
            _ => ("", None),
        };
        if !is_word(id) || key.len() > LONGEST_KEY {
            return Err(wrong("a key is named by its id, or by its ARN as arn:aws:kms:REGION:ACCOUNT:key/ID"));
        }
        Ok(Self { key: key.to_owned(), region, endpoint: None, identity: AwsIdentity::ambient(), roots: None })
    }

    /// The region of the key; that of its ARN, or else of the environment, if none is given.
    ///
    /// # Errors
    ///
    /// [`AwsKmsError::Options`] if it is none, or another one than that of the key's ARN.
    pub fn region(mut self, region: &str) -> Result<Self, AwsKmsError> {
        check_region(region)?;
        if self.region.as_deref().is_some_and(|of_key| of_key != region) {
            return Err(AwsKmsError::Options { what: "the region is another one than that of the key's ARN" });
        }
        self.region = Some(region.to_owned());
        Ok(self)
    }

    /// Another endpoint than that of the region, as `https://kms-fips.eu-west-1.amazonaws.com`. In the clear on this machine alone.
    ///
    /// # Errors
    ///
    /// [`AwsKmsError::Options`] if it is no such URL.
    pub fn endpoint(mut self, url: &str) -> Result<Self, AwsKmsError> {
        self.endpoint = Some(http::endpoint(url).map_err(|what| AwsKmsError::Options { what })?);
        Ok(self)
    }

    /// The access key of an identity.
    #[must_use]
    pub fn access_key(mut self, id: &str, secret: &Zeroizing<String>) -> Self {
        self.identity = AwsIdentity::key(id, secret);
        self
    }

    /// A file of credentials as the tools of AWS have it, of which the profile `default` is used.
    ///
    /// # Errors
    ///
    /// [`AwsKmsError::File`] if the file does not serve.
    pub fn credentials(mut self, file: &Path) -> Result<Self, AwsKmsError> {
        self.identity = AwsIdentity::read(file).map_err(|words| unusable(file, words))?;
        Ok(self)
    }

    /// The authorities that vouch for the service, as a file of PEM certificates; those of the system if none is given.
    ///
    /// # Errors
    ///
    /// [`AwsKmsError::File`] if the file does not serve.
    pub fn roots(mut self, file: &Path) -> Result<Self, AwsKmsError> {
        self.roots = Some(http::read_roots(file).map_err(|words| unusable(file, words))?);
        Ok(self)
    }

    /// The region, wherever it is said.
    pub(super) fn region_or_ambient(&self) -> Result<String, AwsKmsError> {
        let region = self.region.clone().or_else(AwsIdentity::region);
        let region = region.ok_or(AwsKmsError::Options { what: "name the region of the key" })?;
        check_region(&region)?;
        Ok(region)
    }
}

/// It becomes a part of a host's name and of what is signed.
fn check_region(region: &str) -> Result<(), AwsKmsError> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=32).contains(&region.len()) && region.bytes().all(letter);
    if fits { Ok(()) } else { Err(AwsKmsError::Options { what: "a region is as eu-west-1" }) }
}

fn unusable(file: &Path, words: String) -> AwsKmsError {
    AwsKmsError::File { path: file.to_owned(), source: words.into() }
}

impl fmt::Debug for AwsKmsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKmsOptions").field("key", &self.key).field("region", &self.region).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn key_is_an_id_or_an_arn_and_never_an_alias() {
        let arn = format!("arn:aws:kms:eu-west-1:111122223333:key/{ID}");
        for (key, region) in [(ID, None), ("mrk-1234abcd12ab34cd56ef1234567890ab", None), (&arn, Some("eu-west-1"))] {
            assert_eq!(AwsKmsOptions::new(key).unwrap().region.as_deref(), region, "{key}");
        }
        for key in [
            "",
            "alias/wallets",
            "arn:aws:kms:eu-west-1:111122223333:alias/wallets",
            "arn:aws:s3:eu-west-1:111122223333:key/x",
            "arn:aws:kms::111122223333:key/x",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "a b",
            "key/x",
            &"x".repeat(257),
        ] {
            assert!(matches!(AwsKmsOptions::new(key), Err(AwsKmsError::Options { .. })), "{key}");
        }
        assert!(AwsKmsOptions::new(&arn).unwrap().region("eu-west-1").is_ok());
        assert!(AwsKmsOptions::new(&arn).unwrap().region("us-east-1").is_err());
    }

    #[test]
    fn region_and_endpoint_lead_nowhere_else() {
        let options = || AwsKmsOptions::new(ID).unwrap();
        for region in ["", "x.evil.example/", "EU", "a@b", &"a".repeat(33)] {
            assert!(options().region(region).is_err(), "{region}");
        }
        for (url, taken) in [
            ("https://kms-fips.eu-west-1.amazonaws.com", true),
            ("http://127.0.0.1:5000", true),
            ("http://kms.eu-west-1.amazonaws.com", false),
            ("https://a:b@kms.example", false),
            ("https://kms.example:99999", false),
            ("https://10.0.0.256", false),
        ] {
            assert_eq!(options().endpoint(url).is_ok(), taken, "{url}");
        }
    }
}
