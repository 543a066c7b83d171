//! Two runs of the main job in one process: each has its own memory, folders and end.

use std::thread;

use cumulus_etl::claim;
use cumulus_etl::error::{Result, StopSignal};
use cumulus_etl::etl::{EtlConfig, run_etl};
use cumulus_etl::memory::{Budget, Limit, LimitSource};
use cumulus_etl::output::OutputFormat;
use cumulus_etl::ui::Bars;
use serde_json::Value;

use crate::support::{Site, children, new_storage, patient};

/// Rows of each run: more than one chunk of input.
const ROWS: usize = 40_000;

/// A run of the main job.
struct Job {
    site: Site,
    config: EtlConfig,
}

impl Job {
    /// A run on patients of its own, in memory of so many MiB.
    fn new(name: &str, format: &str, memory_mib: u64) -> Self {
        let site = Site::new();
        let rows: Vec<Value> =
            (0..ROWS).map(|number| patient(&format!("{name}-{number}"), "female")).collect();
        site.rows("Patient.ndjson", &rows);
        let limit = Limit { bytes: memory_mib << 20, source: LimitSource::Cgroup };
        let config = EtlConfig {
            output_format: OutputFormat::find_named(format).into_iter().collect(),
            export_group: Some(name.to_owned()),
            export_timestamp: Some("2024-08-06T14:12:57-04:00".to_owned()),
            new_codebook: true,
            ..EtlConfig::new(
                &site.arg("in"),
                &site.arg("out"),
                &site.arg("phi"),
                Budget::for_limit(Some(limit), 2),
                &new_storage(),
            )
        };
        Self { site, config }
    }

    fn run(&self) -> Result<()> {
        run_etl(&self.config, &Bars::default())
    }

    /// Checks that OUTPUT has this run's rows and no others.
    fn check_tables(&self, format: &str) {
        let rows = self.site.by_id("out", format, "patient");
        assert_eq!(rows.len(), ROWS);
        let group = self.config.export_group.as_deref().unwrap();
        for number in [0, ROWS - 1] {
            let id = self.site.fake("Patient", &format!("{group}-{number}"));
            assert!(rows.contains_key(&id), "{group} {number}");
        }
        // No work folder is left.
        let left = children(&self.site.path("phi"));
        assert!(left.iter().all(|name| !name.contains("work")), "{left:?}");
    }
}

#[test]
fn two_runs_in_one_process_have_budgets_and_folders_of_their_own() {
    let (tight, wide) = (Job::new("tight", "deltalake", 64), Job::new("wide", "parquet", 4096));
    thread::scope(|scope| {
        let runs = [scope.spawn(|| tight.run()), scope.spawn(|| wide.run())];
        runs.into_iter().for_each(|run| run.join().unwrap().unwrap());
    });
    for (job, format, mib) in [(&tight, "deltalake", 64_u64), (&wide, "parquet", 4096)] {
        job.check_tables(format);
        assert_eq!(job.site.manifest()["memory_limit_bytes"], mib << 20);
    }
    let threads = |job: &Job| job.site.manifest()["options"]["threads"].clone();
    assert_eq!((threads(&tight), threads(&wide)), (1.into(), 2.into()));
}

#[test]
fn a_run_that_is_to_end_ends_and_the_other_goes_on() {
    let (stopped, other) = (Job::new("stopped", "csv", 4096), Job::new("other", "csv", 4096));
    // OUTPUT is in use, so that the run waits, however fast it is.
    let storage = new_storage();
    let output = storage.open_folder(&stopped.config.output).unwrap();
    let hold = claim::hold_output(&output, &stopped.config.output_format).unwrap();
    thread::scope(|scope| {
        let run = scope.spawn(|| stopped.run());
        stopped.config.storage.shutdown().ask_to_stop(StopSignal::Terminate);
        other.run().unwrap();
        drop(hold);
        assert_eq!(run.join().unwrap().unwrap_err().kind(), StopSignal::Terminate.into());
    });
    other.check_tables("csv");
    assert!(!stopped.site.path("out/patient").exists());
    let left = children(&stopped.site.path("phi"));
    assert!(left.iter().all(|name| !name.contains("work")), "{left:?}");
    // Nothing is in the way of the next one.
    let config = EtlConfig { storage, ..stopped.config.clone() };
    run_etl(&config, &Bars::default()).unwrap();
    stopped.check_tables("csv");
}
