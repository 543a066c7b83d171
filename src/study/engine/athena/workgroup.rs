//! The workgroup: where results go, and whether they are encrypted.

use aws_config::SdkConfig;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::EncryptionOption;

use super::explain::explain_call;
use super::settings::{AthenaSettings, split_s3_location};
use crate::error::{Error, Result, SettingsFault};
use crate::store::StoreOptions;

/// The key that AWS keeps for each account's buckets.
const AWS_KEY: &str = "alias/aws/s3";

/// The settings of a workgroup that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Workgroup {
    /// The bucket of results.
    pub bucket: String,
    /// Below it, without `/` at either end; may be empty.
    pub prefix: String,
    /// The KMS key that encrypts results.
    pub kms_key: String,
}

impl Workgroup {
    pub fn read(client: &Client, settings: &AthenaSettings) -> Result<Self> {
        let name = &settings.workgroup;
        let answer = settings.storage.block_on(client.get_work_group().work_group(name).send());
        let answer = answer.map_err(|error| {
            explain_call(&error, &format!("cannot look at the workgroup '{name}'"))
        })?;
        let missing = || {
            let message = format!("there is no workgroup '{name}' in this region");
            Error::new(SettingsFault::InvalidValue, message)
        };
        let group = answer.work_group().ok_or_else(missing)?;
        let results = group.configuration().and_then(|all| all.result_configuration());
        let encryption = results.and_then(|results| results.encryption_configuration());
        let Some(encryption) = encryption else {
            return Err(Error::new(
                SettingsFault::InvalidValue,
                format!(
                    "the workgroup '{name}' does not encrypt its results: Athena's results are \
                     patients' data, so nothing runs there. Turn on \"Encrypt query results\" \
                     (SSE-KMS) in its settings, or take another --workgroup"
                ),
            ));
        };
        // With SSE-S3 the workgroup has no key to name: files that are uploaded are then encrypted by
        // the account's own key.
        let kms_key = match encryption.encryption_option() {
            EncryptionOption::SseKms | EncryptionOption::CseKms => encryption.kms_key(),
            _ => None,
        };
        let own = results.and_then(|results| results.output_location());
        // A flag goes before what the workgroup says. A workgroup that enforces its own settings
        // makes Athena pass over the flag.
        let place = settings.staging.as_deref().or(own).unwrap_or_default();
        let Some((bucket, prefix)) = split_s3_location(place) else {
            return Err(Error::new(
                SettingsFault::InvalidValue,
                format!(
                    "the workgroup '{name}' has no location for its results, which exports and \
                     uploaded files go by: give it one, or name one with --s3-staging-dir"
                ),
            ));
        };
        Ok(Self { bucket, prefix, kms_key: kms_key.unwrap_or(AWS_KEY).to_owned() })
    }

    /// How the bucket of results is reached: encrypted as the workgroup says, with checksums.
    pub fn store_options(&self, settings: &AthenaSettings, config: &SdkConfig) -> StoreOptions {
        StoreOptions {
            s3_region: config.region().map(|region| region.as_ref().to_owned()),
            s3_kms_key: Some(self.kms_key.clone()),
            s3_checksums: true,
            aws_profile: settings.profile.clone(),
            ..settings.storage.options().clone()
        }
    }

    /// A place below that of results.
    pub fn location_below(&self, name: &str) -> String {
        match self.prefix.is_empty() {
            true => name.to_owned(),
            false => format!("{}/{name}", self.prefix),
        }
    }
}
