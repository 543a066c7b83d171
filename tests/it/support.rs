//! Helpers of all modules: the binary in an environment of its own, inputs, and tables read back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, Once};
use std::thread::sleep;
use std::time::{Duration, Instant};

use arrow::array::{Array, RecordBatch, StructArray};
use cumulus_etl::output::delta;
use cumulus_etl::stop::Shutdown;
use cumulus_etl::store::{Folder, Storage, StoreRuntime, UNFINISHED};
use cumulus_etl::table::json::write_value;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_cumulus-etl");
/// Formats, as `--output-format` names them.
pub const FORMATS: [&str; 4] = ["deltalake", "parquet", "csv", "ndjson"];

/// Files that tests put into the folders of tables: none of the program's files.
pub const FOREIGN: [&str; 2] = ["README.md", "archive"];

/// A file that somebody may have put into a table's folder.
pub const OF_OTHERS: &str = "README.md";

/// Opens a folder as a run of its own does.
pub fn open_folder(location: &str) -> Folder {
    new_storage().open_folder(location).unwrap()
}

/// An opener of folders for a run of its own, on threads that all tests share.
pub fn new_storage() -> Storage {
    Storage::new(test_runtime().clone(), Shutdown::default())
}

/// Runs `future` to its end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    test_runtime().block_on(future)
}

fn test_runtime() -> &'static StoreRuntime {
    static RUNTIME: LazyLock<StoreRuntime> =
        LazyLock::new(|| StoreRuntime::start_threads().unwrap());
    &RUNTIME
}

/// INPUT, OUTPUT and PHI in a folder that goes away, with a home and a temporary folder.
pub struct Site {
    dir: tempfile::TempDir,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Site {
    pub fn new() -> Self {
        have_children_hear_hangups();
        let dir = tempfile::tempdir().unwrap();
        for name in ["in", "home", "tmp"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    /// A site whose INPUT has a Patient `p` and an Encounter `e`.
    pub fn with_patient_and_encounter() -> Self {
        let site = Self::new();
        site.rows("p.ndjson", &[patient("p", "x")]);
        site.rows("e.ndjson", &[resource("Encounter", "e", json!({}))]);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as text, for arguments.
    pub fn arg(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a table of a lake as the main job would, with these rows, in `lake`.
    pub fn lake(&self, table: &str, rows: &[Value]) {
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        self.file(&format!("lake/{table}/{table}.000.ndjson"), lines);
    }

    /// Writes a file of rows below INPUT.
    pub fn rows(&self, name: &str, rows: &[Value]) {
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        self.input(name, lines);
    }

    /// Writes a file below INPUT.
    pub fn input(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.file(&format!("in/{name}"), bytes);
    }

    /// Writes a file below the site.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Empties INPUT.
    pub fn clear_input(&self) {
        fs::remove_dir_all(self.path("in")).unwrap();
        fs::create_dir(self.path("in")).unwrap();
    }

    /// The program, with nothing of the outer environment.
    pub fn command(&self) -> Command {
        self.command_of(Path::new(PROGRAM))
    }

    pub fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            // These tests may run in a container, on its own file system.
            .env("CUMULUS_ETL_NEW_CODEBOOK", "true")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// The main job from `in` to `out` and `phi`, of Group `g`.
    pub fn job(&self, options: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["in", "out", "phi", "--export-group=g"]);
        command.args(["--export-timestamp=2024-08-06T14:12:57-04:00", "--threads=2"]);
        command.args(options);
        command
    }

    /// Runs the main job; panics unless it ends well.
    pub fn run(&self, options: &[&str]) -> Ended {
        let ended = end(&mut self.job(options));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        ended
    }

    /// Runs the main job; panics unless it ends with this exit code.
    pub fn fails(&self, options: &[&str], code: i32) -> Ended {
        let ended = end(&mut self.job(options));
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        ended
    }

    /// The rows of a table below `root` (`out`, `out/csv`), by format.
    pub fn table(&self, root: &str, format: &str, table: &str) -> Vec<Value> {
        read_table(&self.path(root), format, table)
    }

    /// The same by `id`.
    pub fn by_id(&self, root: &str, format: &str, table: &str) -> BTreeMap<String, Value> {
        let mut rows = BTreeMap::new();
        for row in self.table(root, format, table) {
            let id = row["id"].as_str().unwrap().to_owned();
            assert!(rows.insert(id.clone(), row).is_none(), "{id} is there twice");
        }
        rows
    }

    /// The manifest of the last run.
    pub fn manifest(&self) -> Value {
        json_file(&self.last_record().join("manifest.json"))
    }

    /// The folder of the last run's records.
    pub fn last_record(&self) -> PathBuf {
        let runs = children(&self.path("out/JobConfig"));
        self.path("out/JobConfig").join(runs.last().expect("there is a record"))
    }

    /// The rejected rows of the last run that has any, of one type.
    pub fn rejected(&self, resource_type: &str) -> Vec<Value> {
        let root = self.path("phi/rejected");
        let run = children(&root).pop().expect("rows were rejected");
        json_lines(&root.join(run).join(format!("{resource_type}.ndjson")))
    }

    /// The anonymous form of an ID.
    pub fn fake(&self, resource_type: &str, id: &str) -> String {
        let phi = open_folder(&self.arg("phi"));
        let codebook = cumulus_etl::deid::Codebook::open(&phi).unwrap();
        codebook.anonymize_id(resource_type, id).to_string()
    }

    /// Every file below a folder of the site, with its size.
    pub fn listing(&self, name: &str) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        list(&self.path(name), "", &mut all);
        all
    }
}

/// Has children begin with SIGHUP as it comes from a terminal, where the tests run with it ignored, as
/// `nohup` has it: the program then leaves it ignored, and a test that sends it would wait for ever.
fn have_children_hear_hangups() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        // The lowest bit is that of signal 1.
        if u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1 {
            // A signal with a handler here, which does nothing, has none in a child, and is not ignored.
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { drop(signal(SignalKind::hangup()).unwrap()) });
        }
    });
}

/// Moments to end a run at, spread over the time that one takes. A busy machine may have made the
/// first measurement many times too long: each run that ends before its moment shortens the time.
pub struct Moments {
    took: Duration,
    since: Instant,
    next: u32,
    count: u32,
}

impl Moments {
    /// `took`: how long a run takes that nothing ends.
    pub fn new(took: Duration, count: u32) -> Self {
        Self { took, since: Instant::now(), next: 0, count }
    }

    /// Starts a run and waits until its moment, never quite the same one. Nothing when all have
    /// come.
    pub fn start_next(&mut self, start: impl FnOnce() -> Child) -> Option<Child> {
        if self.next == self.count {
            return None;
        }
        let jitter = u64::from(self.since.elapsed().subsec_micros()) % 20_000;
        self.since = Instant::now();
        let child = start();
        sleep(self.took * self.next / self.count + Duration::from_micros(jitter));
        self.next += 1;
        Some(child)
    }

    /// Notes that the run was over before it was ended.
    pub fn note_early_end(&mut self) {
        self.took = self.took.min(self.since.elapsed());
    }
}

/// Runs a command to its end.
pub fn end(command: &mut Command) -> Ended {
    command.output().unwrap().into()
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A resource with an ID and one more element.
pub fn resource(resource_type: &str, id: &str, more: Value) -> Value {
    let mut row = json!({"resourceType": resource_type, "id": id});
    for (name, value) in more.as_object().expect("elements") {
        row[name] = value.clone();
    }
    row
}

pub fn patient(id: &str, gender: &str) -> Value {
    resource("Patient", id, json!({"gender": gender}))
}

/// A Patient with `meta.lastUpdated`.
pub fn dated(id: &str, gender: &str, time: &str) -> Value {
    resource("Patient", id, json!({"gender": gender, "meta": {"lastUpdated": time}}))
}

/// A Bundle that deletes, as exports bring it.
pub fn deletes(urls: &[&str]) -> Value {
    let entries: Vec<_> =
        urls.iter().map(|url| json!({"request": {"method": "DELETE", "url": url}})).collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

pub fn read_table(root: &Path, format: &str, table: &str) -> Vec<Value> {
    if format == "deltalake" {
        let folder = open_folder(root.join(table).to_str().unwrap());
        let mut rows = Vec::new();
        delta::read(&folder, &mut |batch| {
            rows.extend(to_json(batch.as_arrow().clone()));
            Ok(())
        })
        .unwrap();
        return rows;
    }
    let folder = root.join(table);
    let mut rows = Vec::new();
    for name in children(&folder) {
        let path = folder.join(&name);
        // The unfinished file of a run that was killed; readers pass hidden files over.
        if name.starts_with(UNFINISHED) || name == OF_OTHERS {
            continue;
        }
        if !name.ends_with(&format!(".{format}")) {
            let known = name.ends_with(".meta") || FOREIGN.contains(&name.as_str());
            assert!(known, "an odd file: {name}");
            continue;
        }
        match format {
            "ndjson" => rows.extend(json_lines(&path)),
            "csv" => rows.extend(csv_rows(&path)),
            _ => {
                let file = fs::File::open(&path).unwrap();
                let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
                reader.build().unwrap().for_each(|batch| rows.extend(to_json(batch.unwrap())));
            }
        }
    }
    rows
}

/// Rows without their nulls.
fn to_json(batch: RecordBatch) -> Vec<Value> {
    let batch = StructArray::from(batch);
    let row = |index| {
        let mut text = Vec::new();
        write_value(&batch, index, &mut text);
        serde_json::from_slice(&text).unwrap()
    };
    (0..batch.len()).map(row).collect()
}

/// Rows without their empty cells; what looks like JSON is taken as such.
fn csv_rows(path: &Path) -> Vec<Value> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        let cells = header.iter().zip(&record).filter(|(_, cell)| !cell.is_empty());
        let cells = cells.map(|(name, cell)| {
            let nested = cell.starts_with(['{', '[']);
            let value = if nested { serde_json::from_str(cell).unwrap() } else { json!(cell) };
            (name.to_owned(), value)
        });
        Value::Object(cells.collect())
    });
    rows.collect()
}

pub fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn json_file(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap()
}

/// The names in a folder, sorted; none where there is no folder.
pub fn children(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn list(folder: &Path, prefix: &str, all: &mut BTreeMap<String, u64>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), &format!("{name}/"), all);
            all.insert(format!("{name}/"), 0);
        } else {
            all.insert(name, entry.metadata().unwrap().len());
        }
    }
}
