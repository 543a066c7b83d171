//! The settings of the main job.

use crate::bulk::ExportSettings;
use crate::http::Credentials;
use crate::memory::Budget;
use crate::output::OutputFormat;
use crate::store::Storage;

/// Settings of the main job (spec: "Options").
#[derive(Clone, Debug)]
pub struct EtlConfig {
    /// INPUT, OUTPUT and PHI, as the user wrote them.
    pub input: String,
    /// Where tables go.
    pub output: String,
    /// Where secrets stay.
    pub phi: String,
    /// Each at most once, in the order given.
    pub output_format: Vec<OutputFormat>,
    /// Empty: all.
    pub task: Vec<String>,
    /// Resource types left out.
    pub exclude_resources: Vec<String>,
    /// Make empty tables of types without input.
    pub allow_missing_resources: bool,
    /// Rows per file.
    pub batch_size: u64,
    /// Second place for rejected rows.
    pub errors_to: Option<String>,
    /// Kept in the run's record.
    pub comment: String,
    /// Overrides the log's Group.
    pub export_group: Option<String>,
    /// Overrides the log's time.
    pub export_timestamp: Option<String>,
    /// Skip compaction and vacuum.
    pub no_table_optimization: bool,
    /// The server that the data came from.
    pub fhir_url: Option<String>,
    /// Where temporary files go.
    pub work_dir: Option<String>,
    /// A codebook may begin in a container's own file system.
    pub new_codebook: bool,
    /// Rejected rows fail the run.
    pub strict: bool,
    /// Worker threads.
    pub threads: usize,
    /// The memory that the run may use.
    pub budget: Budget,
    /// Credentials for the FHIR server that INPUT is.
    pub credentials: Credentials,
    /// Opens folders: it knows how buckets are reached, and whether the run is to end.
    pub storage: Storage,
    /// The export to ask for, where INPUT is a FHIR server.
    pub export: ExportSettings,
}

impl EtlConfig {
    /// Rows per file unless another number is asked for.
    pub const BATCH_SIZE: u64 = 100_000;

    /// The defaults, for a run with so much memory whose folders `storage` opens.
    pub fn new(input: &str, output: &str, phi: &str, budget: Budget, storage: &Storage) -> Self {
        Self {
            input: input.to_owned(),
            output: output.to_owned(),
            phi: phi.to_owned(),
            output_format: vec![OutputFormat::DELTALAKE],
            task: Vec::new(),
            exclude_resources: Vec::new(),
            allow_missing_resources: false,
            batch_size: Self::BATCH_SIZE,
            errors_to: None,
            comment: String::new(),
            export_group: None,
            export_timestamp: None,
            no_table_optimization: false,
            fhir_url: None,
            work_dir: None,
            new_codebook: false,
            strict: false,
            threads: budget.threads,
            budget,
            credentials: Credentials::default(),
            storage: storage.with_options(storage.options().clone().with_parts(budget.part_mib)),
            export: ExportSettings::default(),
        }
    }
}
