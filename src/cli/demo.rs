//! `cumulus-etl demo [DIR]`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::Process;
use super::logging::LoggingArgs;
use super::printing::print_result;
use crate::claim::{self, Role};
use crate::demo::{self, DemoSummary};
use crate::error::Result;
use crate::etl;
use crate::etl::EtlConfig;
use crate::share::export::{ExportRules, Study, export_tables};
use crate::store::{Storage, WorkFolder};
use crate::study::build::{self, Observer};
use crate::study::engine::TableInfo;
use crate::study::engine::datafusion::{DataFusion, Input, Limits};
use crate::ui::{Progress, format_count};

/// Options of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Folder to make; must be empty or absent
    #[arg(value_name = "DIR", default_value = "cumulus-demo")]
    dir: PathBuf,
    /// Patients to invent, some 400 kB of NDJSON each
    #[arg(long, value_name = "N", default_value_t = 100)]
    patients: u64,
    /// The same seed gives the same data
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Only make the export, right in DIR
    #[arg(long)]
    data_only: bool,
    /// Make an export without duplicates and broken rows
    #[arg(long)]
    no_flaws: bool,
    /// Also write every element that de-identification keeps, wherever it may stand: for tests;
    /// the tables get several times as wide as a hospital's
    #[arg(long)]
    every_element: bool,
    /// Compress the export's files
    #[arg(long)]
    gzip: bool,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl DemoArgs {
    /// Makes the data, runs the main job on it, and says how to look at the result.
    pub fn run(self, process: &Process) -> Result<()> {
        let bars = self.logging.init(&process.console);
        process.handle_signals()?;
        let dir = process.storage.open_local(&self.dir)?;
        // With --data-only the export goes right into DIR: invented patients must not lie among a
        // run's tables or secrets.
        claim::refuse_claimed(&dir, "DIR", &[Role::Phi, Role::Output])?;
        let export = if self.data_only { self.dir.clone() } else { self.dir.join("export") };
        let options = demo::DemoOptions {
            patients: self.patients,
            seed: self.seed,
            flaws: !self.no_flaws,
            every_element: self.every_element,
            gzip: self.gzip,
            ..demo::DemoOptions::default()
        };
        let clock = Instant::now();
        let progress = Progress::begin_reading("sample data", 0, &bars);
        let summary = demo::generate_export(&export, &options, &|_| {})?;
        progress.end_step();
        let made = describe_run(&summary, &export.display().to_string(), clock);
        print_result(&format!("{made}\n"))?;
        if self.data_only {
            return Ok(());
        }
        let text = |name: &str| self.dir.join(name).display().to_string();
        let (input, output, phi) = (text("export"), text("output"), text("phi"));
        let program = quote_word(&program_name());
        let words = [&input, &output, &phi].map(|folder| quote_word(folder));
        print_result(&format!(
            "\nNow the main job, as you would run it on real data:\n  {program} {}\n\n",
            words.join(" ")
        ))?;
        // Nobody needs these IDs again.
        let config = EtlConfig {
            new_codebook: true,
            ..EtlConfig::new(&input, &output, &phi, process.budget, &process.storage)
        };
        etl::run_etl(&config, &bars)?;
        let (database, shared) = (text("studies"), text("shared"));
        let [lake, to, out] = [&output, &database, &shared].map(|folder| quote_word(folder));
        print_result(&format!(
            "\nNow the study core, and what of it is to be shared:\n  \
             {program} study build -t core --lake {lake} --database {to}\n  \
             {program} study export -t core --database {to} {out}\n\n"
        ))?;
        build_core(&process.storage, &output, &database, &shared)?;
        print_result(&format!("{}\n", describe_next_steps(&program, &output, &phi, &to)))
    }
}

fn describe_run(summary: &DemoSummary, dir: &str, clock: Instant) -> String {
    let rows: u64 = summary.rows.values().sum();
    let seconds = clock.elapsed().as_secs_f64();
    format!(
        "Made a synthetic bulk export in '{dir}': {} of {} in {}, {:.1} MB in \
         {seconds:.1} s ({:.0} MB/s); {}, {}, {}",
        format_count(rows, "row"),
        format_count(summary.rows.len() as u64, "type"),
        format_count(summary.files, "file"),
        summary.bytes as f64 / 1e6,
        summary.bytes as f64 / 1e6 / seconds.max(1e-9),
        format_count(summary.duplicates, "duplicate"),
        format_count(summary.broken, "broken row"),
        format_count(summary.deleted, "delete"),
    )
}

/// Builds and exports core.
fn build_core(storage: &Storage, output: &str, database: &str, shared: &str) -> Result<()> {
    struct Quiet;

    impl Observer for Quiet {
        fn note_file(&self, _: usize, _: usize, _: &str) {}
        fn note_table(&self, _: &TableInfo) {}
    }

    let work = WorkFolder::create_apart(None, storage)?;
    let limits = Limits::of_machine();
    let input = Input::Lake(storage.open_folder(output)?);
    let engine =
        DataFusion::open_database(storage.open_folder(database)?, input, work.clone(), &limits)?;
    let built = build::build_core(&engine, limits.threads, &Quiet)?;
    let tables = |count: usize| format_count(count as u64, "table");
    let seconds = built.time.as_secs_f64();
    print_result(&format!("Built core: {} in {seconds:.1} s\n", tables(built.tables.len())))?;
    let exported = export_tables(
        &engine,
        &Study::of_core()?,
        &storage.open_folder(shared)?,
        &ExportRules::default(),
        &work,
    )?;
    let count = tables(exported.tables.len());
    print_result(&format!("Exported {count} of core to {}\n", exported.archive))
}

/// How a shell calls this program from here: by its name, or by its path where the name leads to
/// another program or to none.
fn program_name() -> String {
    const NAME: &str = "cumulus-etl";
    let Ok(program) = std::env::current_exe() else { return NAME.to_owned() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(NAME)).find(|at| at.is_file());
    let same = |found: PathBuf| found.canonicalize().is_ok_and(|found| found == program);
    if found.is_some_and(same) {
        return NAME.to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    match program.strip_prefix(here) {
        // Without a folder in it, the shell would look for it on PATH.
        Ok(below) => std::path::Path::new(".").join(below).display().to_string(),
        Err(_) => program.display().to_string(),
    }
}

/// A word of a command as a shell takes it: in quotes, unless it has nothing that means something to
/// a shell.
fn quote_word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:=@%,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn describe_next_steps(program: &str, output: &str, phi: &str, database: &str) -> String {
    format!(
        "
The de-identified tables are Delta Lake tables below '{output}', a folder each. To look at one:
  pip install deltalake pyarrow
  python3 -c \"from deltalake import DeltaTable; print(DeltaTable('{output}/patient').to_pyarrow_table().to_pylist()[0])\"
or ask for what you want to know:
  {program} study sql \"SELECT * FROM core__count_patient\" --database {database}
The records of the run are in '{output}/JobConfig/'. The codebook, the ID mapping and the rejected rows
are in '{phi}': with patients' data, that folder never leaves the institution."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_commands_are_quoted_where_a_shell_asks_for_it() {
        for plain in ["cumulus-demo/output", "/a/b_c.d", "./cumulus-etl", "Übung"] {
            assert_eq!(quote_word(plain), plain);
        }
        for (word, quoted) in [
            ("my demo", "'my demo'"),
            ("it's", r"'it'\''s'"),
            ("$HOME/a", "'$HOME/a'"),
            ("~/a", "'~/a'"),
            ("", "''"),
        ] {
            assert_eq!(quote_word(word), quoted);
        }
    }
}
