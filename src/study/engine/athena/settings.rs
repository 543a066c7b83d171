//! Where Athena is, and how it is used.

use std::time::Duration;

use crate::error::{Error, Result, SettingsFault};
use crate::http::Pace;
use crate::store::Storage;

/// Queries under way at the same time unless the user says otherwise. Athena's quotas begin at 20.
pub const MAX_CONCURRENT: usize = 20;

/// The user's settings for Athena.
#[derive(Clone, Debug)]
pub struct AthenaSettings {
    /// The workgroup that queries run in, and are charged to.
    pub workgroup: String,
    /// The schema (Glue's database) with the tables.
    pub schema: String,
    /// The region; else the environment's or the profile's.
    pub region: Option<String>,
    /// The profile in `~/.aws`; else the environment's credentials.
    pub profile: Option<String>,
    /// Where results go instead of where the workgroup says: `s3://bucket/prefix/`.
    pub staging: Option<String>,
    /// Queries under way at the same time.
    pub max_concurrent: usize,
    /// Where temporary files go, if not to the system's folder.
    pub work_dir: Option<String>,
    /// Opens folders: it knows how buckets are reached, and whether the run is to end.
    pub storage: Storage,
    /// Waits are by this pace.
    pub pace: Pace,
}

impl AthenaSettings {
    /// A schema in a workgroup, the rest by default.
    pub fn new(workgroup: &str, schema: &str, storage: &Storage) -> Self {
        Self {
            workgroup: workgroup.to_owned(),
            schema: schema.to_owned(),
            region: None,
            profile: None,
            staging: None,
            max_concurrent: MAX_CONCURRENT,
            work_dir: None,
            storage: storage.clone(),
            pace: Pace::default(),
        }
    }

    pub(super) fn check_values(&self) -> Result<()> {
        let invalid = |what: &str| Err(Error::new(SettingsFault::InvalidValue, what.to_owned()));
        let name = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || more.contains(c))
        };
        // An option that is missing is an empty text here.
        if !name(&self.workgroup, "_-.") {
            return invalid("--workgroup must name the Athena workgroup to run queries in");
        }
        // The name goes into statements between backquotes, and into the paths of uploads.
        if !name(&self.schema, "_-") {
            return invalid("--schema-name must name the schema (Glue's database) with the tables");
        }
        if self.max_concurrent == 0 {
            return invalid("--max-concurrent must be a whole number of at least 1");
        }
        match &self.staging {
            Some(place) if split_s3_location(place).is_none() => {
                invalid("--s3-staging-dir must be a location like s3://bucket/prefix/")
            }
            _ => Ok(()),
        }
    }

    /// The wait before the `attempt`-th look at a query, from 0.
    pub(super) fn wait_before_look(&self, attempt: u32) -> Duration {
        // Four doublings are beyond the two seconds already, and some sixty would overflow.
        let milliseconds = 200_u64 << attempt.min(4);
        self.pace.of(Duration::from_millis(milliseconds.min(2_000)))
    }
}

/// Bucket and prefix of an `s3://` location.
pub(super) fn split_s3_location(place: &str) -> Option<(String, String)> {
    let (bucket, prefix) = match place.strip_prefix("s3://")?.split_once('/') {
        Some((bucket, prefix)) => (bucket, prefix.trim_matches('/')),
        None => (place.strip_prefix("s3://")?, ""),
    };
    (!bucket.is_empty()).then(|| (bucket.to_owned(), prefix.to_owned()))
}
