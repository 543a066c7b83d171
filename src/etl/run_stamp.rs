//! How the folders of a run are named: after the time it began.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::claim::{JOB_CONFIG, RUN_RECORD};
use crate::error::Result;
use crate::store::Folder;

/// The name of the folders of a run that began at this time.
pub(super) fn name_run(time: DateTime<Utc>) -> String {
    // Cumulus ETL names its folders below `JobConfig/` so, and takes the last one by name for the
    // newest, as `former_runs` does.
    time.format("%Y-%m-%d__%H.%M.%S").to_string()
}

/// Makes the run's record, empty, and gives the time that its folder is named after. A second run
/// within the same second counts as a second later, so that no record is overwritten.
pub(super) fn claim_stamp(
    output: &Folder,
    rejected: &Folder,
    mut started: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    loop {
        let name = name_run(started);
        // The PHI folder may serve several output folders. This gives the run one name in both, where
        // that can be had; `super::rejects` decides where its rejected rows go.
        let free = rejected.child(&name).list()?.is_empty();
        if free && output.child(JOB_CONFIG).child(&name).write_new(RUN_RECORD, "{}")? {
            return Ok(started);
        }
        started += Duration::from_secs(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_within_a_second_counts_as_a_second_later() {
        let output = Folder::open("memory://run-stamps/out").unwrap();
        let rejected = Folder::open("memory://run-stamps/phi/rejected").unwrap();
        let began: DateTime<Utc> = "2024-08-06T18:12:57Z".parse().unwrap();
        assert_eq!(name_run(began), "2024-08-06__18.12.57");
        assert_eq!(claim_stamp(&output, &rejected, began).unwrap(), began);
        let second = Duration::from_secs(1);
        assert_eq!(claim_stamp(&output, &rejected, began).unwrap(), began + second);
        // Another OUTPUT of the same PHI has rejected rows there.
        rejected.child(&name_run(began + second * 2)).write("Patient.ndjson", "x").unwrap();
        assert_eq!(claim_stamp(&output, &rejected, began).unwrap(), began + second * 3);
    }
}
