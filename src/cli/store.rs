//! How buckets are reached, as options of several commands.

use clap::Args;
use figment::value::{Dict, Value};

use super::Process;
use super::layers::Layers;
use crate::error::Result;
use crate::store::{LeaseTimes, Storage, StoreOptions};

/// Options for s3:// and other buckets.
#[derive(Args, Debug, Default)]
pub(super) struct StoreArgs {
    /// Region of s3:// locations [default: of the environment or profile, else us-east-1]
    #[arg(long, value_name = "REGION")]
    s3_region: Option<String>,
    /// KMS key that encrypts what is written to s3:// [default: as the bucket does]
    #[arg(long, value_name = "KEY")]
    s3_kms_key: Option<String>,
    /// Server of s3:// locations, where it is not AWS (http://minio:9000)
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// MiB of one part of an upload to a bucket [default: 8]
    #[arg(long, value_name = "MIB")]
    upload_part_size: Option<String>,
    /// Parts of an upload or download under way at once [default: 2]
    #[arg(long, value_name = "N")]
    upload_concurrency: Option<String>,
}

impl StoreArgs {
    /// Adds the flags that were given.
    pub(super) fn add_to(&self, flags: &mut Dict) {
        for (key, text) in [
            ("s3-region", &self.s3_region),
            ("s3-kms-key", &self.s3_kms_key),
            ("s3-endpoint", &self.s3_endpoint),
            ("upload-part-size", &self.upload_part_size),
            ("upload-concurrency", &self.upload_concurrency),
        ] {
            if let Some(text) = text {
                flags.insert(key.to_owned(), Value::from(text.clone()));
            }
        }
    }

    /// A storage that opens folders with the options, from flags and variables, for commands that read
    /// no file.
    pub(super) fn of_command(&self, process: &Process) -> Result<Storage> {
        let mut flags = Dict::new();
        self.add_to(&mut flags);
        let mut layers = Layers::new(flags, None)?;
        let options = Self::read_options(&mut layers, process.budget.part_mib);
        layers.finish()?;
        Ok(process.storage.with_options(options))
    }

    /// The options, from all layers. `part_mib`: the size of parts where none is asked for.
    pub(super) fn read_options(layers: &mut Layers, part_mib: u64) -> StoreOptions {
        let part = layers.number("upload-part-size", part_mib);
        if !(StoreOptions::SMALLEST_PART..=1024).contains(&part) {
            layers.complain(format!(
                "--upload-part-size must be between {} and 1024 (MiB)",
                StoreOptions::SMALLEST_PART
            ));
        }
        StoreOptions {
            s3_region: layers.text("s3-region"),
            s3_endpoint: layers.text("s3-endpoint"),
            s3_kms_key: layers.text("s3-kms-key"),
            s3_checksums: false,
            aws_profile: None,
            // The complaint above ends the run only in `finish`: until then, the number must not
            // overflow.
            part_bytes: (part.min(1024) as usize) << 20,
            leases: LeaseTimes::default(),
            parts_in_flight: layers.number("upload-concurrency", StoreOptions::IN_FLIGHT).min(64)
                as usize,
        }
    }
}
