//! `cumulus-etl [etl] INPUT OUTPUT PHI`

use std::path::PathBuf;

use clap::Args;
use figment::value::{Dict, Value};

use super::Process;
use super::credentials::CredentialArgs;
use super::exporting::ExportingArgs;
use super::hints;
use super::layers::Layers;
use super::logging::{Logging, json_is_asked_for};
use super::store::StoreArgs;
use crate::error::{Error, ErrorKind, Result, SettingsFault};
use crate::etl::EtlConfig;
use crate::output::OutputFormat;

/// Options of the main job. Each also works as an environment variable (CUMULUS_ETL_BATCH_SIZE)
/// and in a TOML file (batch-size = 50000).
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
    /// TOML file with settings, keys as the flags without --
    #[arg(short, long, value_name = "FILE", env = "CUMULUS_ETL_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    #[arg(long, value_name = "LIST", help = describe_formats())]
    output_format: Vec<String>,
    /// Only these tables, with commas or repeated; `help` lists them [default: all]
    #[arg(long, value_name = "LIST")]
    task: Vec<String>,
    /// Leave these resource types out, and record that; with commas or repeated
    #[arg(long, value_name = "LIST")]
    exclude_resources: Vec<String>,
    /// Also make (empty) tables of types that have no input
    #[arg(long)]
    allow_missing_resources: bool,
    /// Rows per Parquet, CSV or NDJSON file at most [default: 100000]
    #[arg(long, value_name = "N")]
    batch_size: Option<String>,
    /// Also copy rejected rows, patients' data, to this folder; it must be empty
    #[arg(long, value_name = "DIR")]
    errors_to: Option<String>,
    /// A remark for the run's record
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// The Group that was exported [default: from the export log]
    #[arg(long, value_name = "NAME")]
    export_group: Option<String>,
    /// When it was exported, like 2024-08-06T18:12:57Z [default: from the export log]
    #[arg(long, value_name = "TIME")]
    export_timestamp: Option<String>,
    /// Skip compaction and vacuum of Delta tables at the end
    #[arg(long)]
    no_table_optimization: bool,
    /// Scrub free text (not available yet, so it is refused)
    #[arg(long)]
    philter: bool,
    /// ndjson; i2b2 is not available yet, so it is refused [default: ndjson]
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<String>,
    /// The FHIR server that the data came from: absolute references to it count as relative
    #[arg(long, value_name = "URL")]
    fhir_url: Option<String>,
    /// Local folder for temporary files [default: below PHI if that is local]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<String>,
    /// Allow a new codebook in a container's own file system, which goes with the container
    #[arg(long)]
    new_codebook: bool,
    /// Exit with 71 if any row, file or delete could not be used; tables are written all the same
    #[arg(long)]
    strict: bool,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<String>,
    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Say more
    #[arg(short, long)]
    verbose: bool,
    /// Only say what needs attention
    #[arg(short, long)]
    quiet: bool,
    /// Accepted for older scripts; has no effect
    #[arg(long, hide = true)]
    skip_init_checks: bool,
    /// Keep exported files in this local folder; the next run takes up what was interrupted there
    #[arg(long, value_name = "DIR")]
    export_to: Option<String>,
    #[command(flatten)]
    exporting: ExportingArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl EtlArgs {
    /// Runs the main job.
    pub fn run(self, process: &Process) -> Result<()> {
        let mut layers = Layers::new(self.flags(), self.config.as_deref()).inspect_err(|_| {
            // It can't be read, so that only the command line and the variable say how to say so.
            Logging::new(json_is_asked_for(std::env::args_os()), false, false)
                .init(&process.console);
        })?;
        let json = layers.choice("log-format", &["text", "json"]) == "json";
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
            batch_size: layers.number("batch-size", defaults.batch_size),
            errors_to: layers.text("errors-to"),
            comment: layers.text("comment").unwrap_or_default(),
            export_group: layers.maybe_empty("export-group"),
            export_timestamp: layers.text("export-timestamp"),
            no_table_optimization: layers.switch("no-table-optimization"),
            fhir_url: layers.text("fhir-url"),
            work_dir: layers.text("work-dir"),
            new_codebook: layers.switch("new-codebook"),
            strict: layers.switch("strict"),
            threads: layers.number("threads", defaults.threads as u64).min(256) as usize,
            credentials: CredentialArgs::read_credentials(layers),
            storage: storage.with_options(StoreArgs::read_options(layers, budget.part_mib)),
            export: ExportingArgs::read_settings(layers)?,
            ..defaults
        })
    }

    /// The flags that were given, as the uppermost layer.
    fn flags(&self) -> Dict {
        let mut flags = Dict::new();
        for (key, list) in [
            ("output-format", &self.output_format),
            ("task", &self.task),
            ("exclude-resources", &self.exclude_resources),
        ] {
            if !list.is_empty() {
                flags.insert(key.to_owned(), Value::from(list.clone()));
            }
        }
        for (key, text) in [
            // Numbers are texts until all layers are known: a bad one is then told like any other
            // bad setting, and not by clap alone.
            ("batch-size", &self.batch_size),
            ("errors-to", &self.errors_to),
            ("comment", &self.comment),
            ("export-group", &self.export_group),
            ("export-timestamp", &self.export_timestamp),
            ("input-format", &self.input_format),
            ("fhir-url", &self.fhir_url),
            ("work-dir", &self.work_dir),
            ("threads", &self.threads),
            ("log-format", &self.log_format),
            ("export-to", &self.export_to),
        ] {
            if let Some(text) = text {
                flags.insert(key.to_owned(), Value::from(text.clone()));
            }
        }
        for (key, switch) in [
            ("allow-missing-resources", self.allow_missing_resources),
            ("no-table-optimization", self.no_table_optimization),
            ("philter", self.philter),
            ("new-codebook", self.new_codebook),
            ("strict", self.strict),
            ("verbose", self.verbose),
            ("quiet", self.quiet),
        ] {
            if switch {
                flags.insert(key.to_owned(), Value::from(true));
            }
        }
        self.exporting.add_to(&mut flags);
        self.credentials.add_to(&mut flags);
        self.store.add_to(&mut flags);
        flags
    }
}

/// The help of `--output-format`.
fn describe_formats() -> String {
    format!("Formats, with commas: {} [default: deltalake]", OutputFormat::list_names())
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
    if layers.choice("input-format", &["ndjson", "i2b2"]) == "i2b2" {
        let message = "--input-format i2b2 is not available yet; convert the data to FHIR NDJSON";
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    Ok(())
}
