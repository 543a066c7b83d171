//! `cumulus-etl [etl] INPUT OUTPUT PHI`

use clap::Args;

use super::Process;
use super::credentials::CredentialArgs;
use super::declared::{AnyOf, FileArgs, Layered};
use super::exporting::{EXPORTS, ExportingArgs};
use super::hints;
use super::layers::Layers;
use super::logging::{JSON, Logging, TEXT, json_is_asked_for};
use super::store::StoreArgs;
use crate::error::{Error, ErrorKind, Result, SettingsFault};
use crate::etl::EtlConfig;
use crate::output::OutputFormat;

const NDJSON: &str = "ndjson";
const I2B2: &str = "i2b2";

/// Options of the main job.
#[derive(Args, Debug, Default)]
pub struct EtlArgs {
    /// Folder or bucket (s3://, gs://, az://, abfss://) of FHIR NDJSON, read at any depth (.ndjson,
    /// .jsonl, also .gz and .zst), or the URL of a FHIR server to export from
    /// (https://ehr.example/fhir, also with /Group/ID)
    #[arg(value_name = "INPUT")]
    input: Option<String>,
    /// Where de-identified tables go
    #[arg(value_name = "OUTPUT")]
    output: Option<String>,
    /// Where secrets stay (codebook, ID mapping, rejected rows): always the same one for an OUTPUT
    #[arg(value_name = "PHI")]
    phi: Option<String>,

    /// Only check settings, credentials, access to the three locations and the codebook, and say
    /// what would run
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    file: FileArgs,
    /// Accepted for older scripts; has no effect
    #[arg(long, hide = true)]
    skip_init_checks: bool,
    #[command(flatten)]
    settings: Layered<EtlSettings>,
}

/// The settings of the main job.
#[derive(Args)]
struct EtlSettings {
    /// Formats of the tables, with commas or repeated
    #[arg(long, value_name = "LIST", default_value = OutputFormat::DELTALAKE.name())]
    #[arg(value_parser = AnyOf::new(OutputFormat::ALL.iter().map(|format| format.name())))]
    output_format: Vec<String>,
    /// Tables to make, with commas or repeated; `help` lists them [default: all]
    ///
    /// Upper or lower case. `help` ends with exit code 35. A table named here that has no input ends
    /// the run with 36.
    #[arg(long, value_name = "LIST")]
    task: Vec<String>,
    /// Resource types to leave out, with commas or repeated; recorded in the completion tables
    #[arg(long, value_name = "LIST")]
    exclude_resources: Vec<String>,
    /// Also make tables of types that have no input, empty
    #[arg(long)]
    allow_missing_resources: bool,
    /// Rows per Parquet, CSV or NDJSON file at most
    ///
    /// Delta files have up to 1,048,576 rows whatever this says.
    #[arg(long, value_name = "N", default_value_t = EtlConfig::BATCH_SIZE.to_string())]
    batch_size: String,
    /// Also copy rejected rows to this folder, which must be empty or absent; they are patients' data
    #[arg(long, value_name = "DIR")]
    errors_to: Option<String>,
    /// A remark for the run's record, `job_config.json`
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// The Group that was exported [default: from the export log]
    #[arg(long, value_name = "NAME")]
    export_group: Option<String>,
    /// When it was exported: `2024-08-06T18:12:57Z` or `2024-08-06` [default: from the export log]
    ///
    /// UTC where no offset is given.
    #[arg(long, value_name = "TIME")]
    export_timestamp: Option<String>,
    /// Do not compact and vacuum Delta tables at the end
    #[arg(long)]
    no_table_optimization: bool,
    /// Scrub free text: not available yet, so it is refused with 33
    #[arg(long)]
    philter: bool,
    /// Format of the input
    ///
    /// `i2b2` is not available yet, so it is refused with 33.
    #[arg(long, value_name = "FORMAT", default_value = NDJSON)]
    #[arg(value_parser = AnyOf::new([NDJSON, I2B2]))]
    input_format: String,
    /// The FHIR server that the data came from: absolute references to it count as relative
    ///
    /// Notes of a folder are not downloaded from it; `cumulus-etl inline` does that.
    #[arg(long, value_name = "URL")]
    fhir_url: Option<String>,
    /// Local folder for temporary files [default: below PHI if that is local]
    ///
    /// Files that are exported from a server are below PHI all the same.
    #[arg(long, value_name = "DIR")]
    work_dir: Option<String>,
    /// Allow a new codebook in a container's own file system, which goes with the container
    #[arg(long)]
    new_codebook: bool,
    /// Exit with 71 if any row was rejected, a file holds no resources, or a delete is not understood
    ///
    /// All tables are written first.
    #[arg(long)]
    strict: bool,
    /// Worker threads, 256 at most [default: one per core]
    ///
    /// Fewer run where memory is limited.
    #[arg(long, value_name = "N")]
    threads: Option<String>,
    /// Form of the messages
    #[arg(long, value_name = "FORMAT", default_value = TEXT)]
    #[arg(value_parser = AnyOf::new([TEXT, JSON]))]
    log_format: String,
    /// Say more about what is done
    ///
    /// It tells what memory there is, each file that is read, each table's version, files and times.
    #[arg(short, long)]
    verbose: bool,
    /// Only say what needs attention; wins over `--verbose`
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    store: StoreArgs,
    /// Local folder to keep exported files in, as `.ndjson`
    ///
    /// The next run takes up what was interrupted there.
    #[arg(long, value_name = "DIR", help_heading = EXPORTS)]
    export_to: Option<String>,
    #[command(flatten)]
    exporting: ExportingArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
}

impl EtlArgs {
    /// Runs the main job.
    pub fn run(self, process: &Process) -> Result<()> {
        let file = self.file.config.as_deref();
        let mut layers = Layers::new(&self.settings, file).inspect_err(|_| {
            // It can't be read, so that only the command line and the variable say how to say so.
            Logging::new(json_is_asked_for(std::env::args_os()), false, false)
                .init(&process.console);
        })?;
        let json = layers.choice("log-format") == JSON;
        let logging = Logging::new(json, layers.switch("verbose"), layers.switch("quiet"));
        let check = self.check;
        // An error waits until messages have the form that the settings ask for.
        let config = self.read_config(&mut layers, process);
        let bars = logging.init(&process.console);
        // Before other bad settings are told: to mend those would not make such a run possible.
        refuse_missing_parts(&mut layers)?;
        // All bad settings are told together, and before an argument that is missing.
        layers.finish()?;
        let config = config?;
        config.credentials.check_consistency()?;
        process.handle_signals()?;
        match check {
            true => crate::etl::check_settings(&config),
            false => crate::etl::run_etl(&config, &bars),
        }
    }

    fn read_config(self, layers: &mut Layers, process: &Process) -> Result<EtlConfig> {
        let Process { budget, storage, .. } = process;
        let budget = *budget;
        let task = layers.list("task");
        if let Some(word) = &self.input
            && let Some(command) = hints::command_like(word)
        {
            let message =
                format!("There is no command '{word}', and no folder; is `{command}` meant?");
            return Err(Error::new(SettingsFault::Usage, message));
        }
        let (Some(input), Some(output), Some(phi)) = (self.input, self.output, self.phi) else {
            if task.iter().any(|task| task.eq_ignore_ascii_case("help")) {
                // `--task help` shows the tables in place of a run, and needs no folders.
                return Ok(EtlConfig { task, ..EtlConfig::new("", "", "", budget, storage) });
            }
            return Err(Error::new(
                SettingsFault::Usage,
                "INPUT, OUTPUT and PHI are needed: cumulus-etl [OPTIONS] INPUT OUTPUT PHI; \
                 --help explains them",
            ));
        };
        let defaults = EtlConfig::new(&input, &output, &phi, budget, storage);
        Ok(EtlConfig {
            output_format: layers.output_formats(),
            task,
            exclude_resources: layers.list("exclude-resources"),
            allow_missing_resources: layers.switch("allow-missing-resources"),
            batch_size: layers.number("batch-size").unwrap_or(defaults.batch_size),
            errors_to: layers.text("errors-to"),
            comment: layers.text("comment").unwrap_or_default(),
            export_group: layers.maybe_empty("export-group"),
            export_timestamp: layers.text("export-timestamp"),
            no_table_optimization: layers.switch("no-table-optimization"),
            fhir_url: layers.text("fhir-url"),
            work_dir: layers.text("work-dir"),
            new_codebook: layers.switch("new-codebook"),
            strict: layers.switch("strict"),
            threads: layers.number("threads").unwrap_or(defaults.threads as u64).min(256) as usize,
            credentials: CredentialArgs::read_credentials(layers),
            storage: storage.with_options(StoreArgs::read_options(layers, budget.part_mib)),
            export: ExportingArgs::read_settings(layers)?,
            ..defaults
        })
    }
}

/// Says what is asked for but not there, rather than leaving it out.
fn refuse_missing_parts(layers: &mut Layers) -> Result<()> {
    if layers.switch("philter") {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "--philter is not available yet, and free text would stay as it is: run without it \
             only if that is acceptable (CodeableConcept.text and Coding.display are kept)",
        ));
    }
    if layers.choice("input-format") == I2B2 {
        let message = "--input-format i2b2 is not available yet; convert the data to FHIR NDJSON";
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    Ok(())
}
