//! The user's options for buckets; the rest comes from each cloud's own variables and files.

use std::time::Duration;

use super::lease::LeaseTimes;
use crate::memory::Budget;

/// For one request. The longest carry a part of an upload, or of an object that is read.
// 8 MiB in 90 s are 93 kB/s: a slower line is taken for a broken one.
const REQUEST: Duration = Duration::from_secs(90);
/// Makes waits that much shorter, for tests.
const TIME_SCALE: &str = "CUMULUS_ETL_TEST_TIME_SCALE";

/// How long one request may take.
pub(super) fn request_timeout() -> Duration {
    let scale = std::env::var(TIME_SCALE).ok().and_then(|text| text.parse::<f64>().ok());
    REQUEST.mul_f64(scale.filter(|scale| (0.001..=1.0).contains(scale)).unwrap_or(1.0))
}

/// How buckets are reached and written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreOptions {
    /// Region of `s3://` locations; else the environment's or the profile's, else `us-east-1`.
    pub s3_region: Option<String>,
    /// Another server than AWS, like `http://minio:9000`; buckets are then part of the path.
    pub s3_endpoint: Option<String>,
    /// KMS key (ID, ARN or alias) for what is written; without it no header speaks of encryption.
    pub s3_kms_key: Option<String>,
    /// Send a SHA-256 of what is written to `s3://`, for the server to compare.
    pub s3_checksums: bool,
    /// The profile in `~/.aws` to take credentials of; else the environment's.
    pub aws_profile: Option<String>,
    /// Bytes of a part of an upload; what is smaller goes in one request.
    pub part_bytes: usize,
    /// Parts of one upload that are under way at the same time.
    pub parts_in_flight: usize,
    /// How runs keep each other out.
    pub leases: LeaseTimes,
}

impl StoreOptions {
    /// The smallest part that S3 takes, in MiB.
    pub const SMALLEST_PART: u64 = 5;
    /// The default number of parts under way.
    // With the one that is being filled, each upload has three parts in memory.
    pub const IN_FLIGHT: u64 = 2;

    /// The size of parts, in MiB, where memory is not short.
    pub const USUAL_PART: u64 = Budget::PART_MIB;

    /// The same with parts of so many MiB.
    #[must_use]
    pub fn with_parts(self, part_mib: u64) -> Self {
        Self { part_bytes: (part_mib as usize) << 20, ..self }
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            s3_region: None,
            s3_endpoint: None,
            s3_kms_key: None,
            s3_checksums: false,
            aws_profile: None,
            part_bytes: (Self::USUAL_PART as usize) << 20,
            parts_in_flight: Self::IN_FLIGHT as usize,
            leases: LeaseTimes::default(),
        }
    }
}
