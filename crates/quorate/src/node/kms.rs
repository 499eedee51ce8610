//! A key in AWS KMS, as far as this build has it.

use std::{path::Path, sync::Arc};

use quorate_storage::KeyEncryptionKey;

use super::NodeError;
use crate::config::AwsKmsConfig;

/// Takes the key. Nothing is asked of the service yet.
#[cfg(feature = "aws-kms")]
pub(super) fn open(directory: &Path, config: &AwsKmsConfig) -> Result<Arc<dyn KeyEncryptionKey>, NodeError> {
    use quorate_storage::{AwsKms, AwsKmsOptions};

    let mut options = AwsKmsOptions::new(&config.key)?;
    if let Some(region) = &config.region {
        options = options.region(region)?;
    }
    if let Some(endpoint) = &config.endpoint {
        options = options.endpoint(endpoint)?;
    }
    if let Some(file) = &config.credentials_file {
        options = options.credentials(&directory.join(file))?;
    }
    if let Some(file) = &config.ca_file {
        options = options.roots(&directory.join(file))?;
    }
    Ok(Arc::new(AwsKms::new(&options)?))
}

#[cfg(not(feature = "aws-kms"))]
pub(super) fn open(_directory: &Path, _config: &AwsKmsConfig) -> Result<Arc<dyn KeyEncryptionKey>, NodeError> {
    Err(NodeError::NoSuchKeyService { section: "aws_kms", feature: "aws-kms" })
}
