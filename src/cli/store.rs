//! How buckets are reached, as options of several commands.

use clap::Args;

use super::Process;
use super::declared::Layered;
use super::layers::Layers;
use crate::error::Result;
use crate::store::{LeaseTimes, Storage, StoreOptions};

/// The largest part of an upload, in MiB.
const LARGEST_PART: u64 = 1024;

/// Options for s3:// and other buckets.
#[derive(Args)]
pub(super) struct StoreArgs {
    /// Region of `s3://` locations [default: of the environment or profile, else `us-east-1`]
    #[arg(long, value_name = "REGION")]
    s3_region: Option<String>,
    /// KMS key (ID, ARN or alias) for what is written to `s3://` [default: as the bucket does]
    ///
    /// Without it, no encryption header is sent and the bucket's own setting holds.
    #[arg(long, value_name = "KEY")]
    s3_kms_key: Option<String>,
    /// Server of `s3://` locations, like `http://minio:9000` [default: AWS]
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    #[arg(long, value_name = "MIB", help = describe_part(), long_help = explain_part())]
    upload_part_size: Option<String>,
    /// Parts of one upload or download that are under way together, 64 at most
    #[arg(long, value_name = "N", default_value_t = StoreOptions::IN_FLIGHT.to_string())]
    upload_concurrency: String,
}

/// The help of `--upload-part-size`.
fn describe_part() -> String {
    format!(
        "MiB of a part of an upload or download, {} to {LARGEST_PART} [default: `{}`, or less where \
         memory is short]",
        StoreOptions::SMALLEST_PART,
        StoreOptions::USUAL_PART
    )
}

fn explain_part() -> String {
    format!(
        "{}\n\nLarger objects are sent to a bucket, and read from it, in parts of this size. Each \
         upload and download under way holds some parts in memory.",
        describe_part()
    )
}

impl Layered<StoreArgs> {
    /// Opens folders with the options, from flags and variables, for commands that read no file.
    pub(super) fn of_command(&self, process: &Process) -> Result<Storage> {
        let mut layers = Layers::new(self, None)?;
        let options = StoreArgs::read_options(&mut layers, process.budget.part_mib);
        layers.finish()?;
        Ok(process.storage.with_options(options))
    }
}

impl StoreArgs {
    /// The options, from all layers. `part_mib`: the size of parts where none is asked for.
    pub(super) fn read_options(layers: &mut Layers, part_mib: u64) -> StoreOptions {
        let part = layers.number("upload-part-size").unwrap_or(part_mib);
        if !(StoreOptions::SMALLEST_PART..=LARGEST_PART).contains(&part) {
            layers.complain(format!(
                "--upload-part-size must be between {} and {LARGEST_PART} (MiB)",
                StoreOptions::SMALLEST_PART
            ));
        }
        let parts = layers.number("upload-concurrency").unwrap_or(StoreOptions::IN_FLIGHT);
        StoreOptions {
            s3_region: layers.text("s3-region"),
            s3_endpoint: layers.text("s3-endpoint"),
            s3_kms_key: layers.text("s3-kms-key"),
            s3_checksums: false,
            aws_profile: None,
            part_bytes: (part.min(LARGEST_PART) as usize) << 20,
            leases: LeaseTimes::default(),
            parts_in_flight: parts.min(64) as usize,
        }
    }
}
