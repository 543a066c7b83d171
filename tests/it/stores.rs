//! One suite for all stores: memory, a disk, and an S3 server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cumulus_etl::etl::EtlConfig;
use cumulus_etl::memory::Budget;
use cumulus_etl::output::OutputFormat;
use cumulus_etl::store::{Folder, Storage};
use cumulus_etl::ui::Bars;
use serde_json::{Value, json};

use crate::needs::{Needed, need};
use crate::s3::S3;
use crate::support::{
    Ended, PROGRAM, dated, deletes, end, json_file, new_storage, patient, read_table, resource,
};

/// INPUT, OUTPUT and PHI somewhere.
pub trait Ground {
    /// Makes INPUT what is below this folder.
    fn load(&self, folder: &Path);
    /// Runs the main job.
    fn run(&self, format: &str) -> Result<(), String>;
    /// Copies OUTPUT (`out`) or PHI (`phi`) to this folder.
    fn save(&self, which: &str, folder: &Path);
}

pub const GROUP: [&str; 2] = ["--export-group=g", "--export-timestamp=2024-08-06T14:12:57-04:00"];

/// A store in memory.
struct Memory {
    storage: Storage,
}

impl Memory {
    fn new() -> Self {
        Self { storage: new_storage() }
    }

    fn url(&self, which: &str) -> String {
        format!("memory://ground/{which}")
    }

    fn open_folder(&self, which: &str) -> Folder {
        self.storage.open_folder(&self.url(which)).unwrap()
    }
}

impl Ground for Memory {
    fn load(&self, from: &Path) {
        let folder = self.open_folder("in");
        for entry in folder.list().unwrap() {
            folder.remove(&entry.name).unwrap();
        }
        let from = self.storage.open_folder(from.to_str().unwrap()).unwrap();
        for entry in from.list().unwrap() {
            folder.write(&entry.name, from.read(&entry.name).unwrap().unwrap()).unwrap();
        }
    }

    fn run(&self, format: &str) -> Result<(), String> {
        let budget = Budget::for_limit(None, 2);
        let [input, output, phi] = ["in", "out", "phi"].map(|which| self.url(which));
        let mut config = EtlConfig::new(&input, &output, &phi, budget, &self.storage);
        config.output_format = OutputFormat::find_named(format).into_iter().collect();
        config.export_group = Some("g".into());
        config.export_timestamp = Some("2024-08-06T14:12:57-04:00".into());
        cumulus_etl::etl::run_etl(&config, &Bars::default()).map_err(|error| error.explain_causes())
    }

    fn save(&self, which: &str, to: &Path) {
        let folder = self.open_folder(which);
        for entry in folder.list().unwrap() {
            let path = to.join(&entry.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, folder.read(&entry.name).unwrap().unwrap()).unwrap();
        }
    }
}

struct Disk(tempfile::TempDir);

impl Ground for Disk {
    fn load(&self, from: &Path) {
        let _ = fs::remove_dir_all(self.0.path().join("in"));
        copy(from, &self.0.path().join("in"));
    }

    fn run(&self, format: &str) -> Result<(), String> {
        let mut command = program(self.0.path());
        command.args(["in", "out", "phi"]).args(GROUP).arg(format!("--output-format={format}"));
        ended(end(&mut command))
    }

    fn save(&self, which: &str, to: &Path) {
        copy(&self.0.path().join(which), to);
    }
}

/// The three of them on the S3 server of tests.
pub struct Bucket {
    pub server: S3,
    pub home: tempfile::TempDir,
}

impl Bucket {
    pub fn new() -> Needed<Self> {
        Ok(Self { server: S3::start()?, home: tempfile::tempdir().unwrap() })
    }

    /// The main job on all three buckets.
    pub fn job(&self) -> Command {
        let mut command = program(self.home.path());
        self.server.reach(&mut command);
        // A blank: what stands in a URL otherwise than in a path.
        command.args(["s3://input", "s3://output/a lake", "s3://phi/"]).args(GROUP);
        command
    }
}

impl Ground for Bucket {
    fn load(&self, from: &Path) {
        self.server.order(&format!("load input {}", from.display()));
    }

    fn run(&self, format: &str) -> Result<(), String> {
        ended(end(self.job().arg(format!("--output-format={format}"))))
    }

    fn save(&self, which: &str, to: &Path) {
        let all = tempfile::tempdir().unwrap();
        let (bucket, prefix) = if which == "out" { ("output", "a lake") } else { ("phi", "") };
        self.server.order(&format!("save {bucket} {}", all.path().display()));
        copy(&all.path().join(prefix), to);
    }
}

pub fn program(home: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("HOME", home).env("TMPDIR", home).current_dir(home);
    command.stdin(Stdio::null());
    command
}

pub fn ended(ended: Ended) -> Result<(), String> {
    match ended.code {
        Some(0) => Ok(()),
        code => Err(format!("{code:?}: {}", ended.err)),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).into_iter().flatten() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A folder of files of rows.
pub fn export(files: &[(&str, &[Value])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, rows) in files {
        let path: PathBuf = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(path, lines).unwrap();
    }
    dir
}

/// The content of OUTPUT and PHI.
pub struct Found {
    dir: tempfile::TempDir,
}

impl Found {
    pub fn of(ground: &dyn Ground) -> Self {
        let dir = tempfile::tempdir().unwrap();
        ground.save("out", &dir.path().join("out"));
        ground.save("phi", &dir.path().join("phi"));
        Self { dir }
    }

    fn rows(&self, format: &str, table: &str) -> Vec<Value> {
        read_table(&self.dir.path().join("out"), format, table)
    }

    /// By real ID, as the mapping has it; each once.
    pub fn by_real(&self, format: &str, table: &str, kind: &str) -> BTreeMap<String, Value> {
        let mapping = json_file(&self.dir.path().join("phi/codebook-cached-mappings.json"));
        let real: BTreeMap<&str, &String> = mapping[kind]
            .as_object()
            .unwrap()
            .iter()
            .map(|(real, fake)| (fake.as_str().unwrap(), real))
            .collect();
        let mut rows = BTreeMap::new();
        for row in self.rows(format, table) {
            let id = real[row["id"].as_str().unwrap()].clone();
            assert!(rows.insert(id.clone(), row).is_none(), "{id} is there twice");
        }
        rows
    }

    /// Rows in the files of rejected rows of this type, one for each run.
    pub fn rejected(&self, kind: &str) -> Vec<usize> {
        let runs = fs::read_dir(self.dir.path().join("phi/rejected")).unwrap();
        let files = runs.map(|run| run.unwrap().path().join(format!("{kind}.ndjson")));
        files.map(|file| fs::read_to_string(file).unwrap().lines().count()).collect()
    }

    pub fn patients(&self) -> BTreeMap<String, Value> {
        self.by_real("deltalake", "patient", "Patient")
    }
}

pub fn conformance(ground: &dyn Ground) {
    let encounter = resource(
        "Encounter",
        "e",
        json!({"status": "finished", "subject": {"reference": "Patient/a"}}),
    );
    let first = [
        dated("a", "female", "2020-01-02T00:00:00Z"),
        dated("b", "female", "2020-01-02T00:00:00Z"),
        patient("c", "other"),
    ];
    ground.load(export(&[("p.ndjson", &first), ("deep/er/e.ndjson", &[encounter])]).path());
    ground.run("deltalake").unwrap();
    let found = Found::of(ground);
    let before = found.patients();
    assert_eq!(before.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    let encounters = found.by_real("deltalake", "encounter", "Encounter");
    let subject = encounters["e"]["subject"]["reference"].as_str().unwrap();
    assert_eq!(subject, format!("Patient/{}", before["a"]["id"].as_str().unwrap()));

    // Changes, one of them older than what is there; a new one; a delete; new nested fields.
    let mut newer = dated("a", "male", "2021-01-02T00:00:00Z");
    newer["communication"] = json!([{"language": {"coding": [{"code": "de"}]}, "preferred": true}]);
    let second = [newer, dated("b", "male", "2019-01-02T00:00:00Z"), patient("d", "male")];
    let gone = [deletes(&["Patient/c"])];
    ground.load(export(&[("p.ndjson", &second), ("deleted/d.ndjson", &gone)]).path());
    ground.run("deltalake").unwrap();
    let after = Found::of(ground).patients();
    assert_eq!(after.keys().collect::<Vec<_>>(), ["a", "b", "d"]);
    assert_eq!(after["a"]["gender"], "male");
    assert_eq!(after["a"]["communication"][0]["preferred"], true);
    assert_eq!(after["a"]["id"], before["a"]["id"]);
    assert_eq!(after["b"], before["b"]);

    // The same again changes nothing.
    ground.run("deltalake").unwrap();
    assert_eq!(Found::of(ground).patients(), after);
    let found = Found::of(ground);
    let completion = found.rows("deltalake", "etl__completion");
    let patients = completion.iter().filter(|row| row["table_name"] == "patient");
    assert_eq!(patients.count(), 3);
    assert_eq!(found.rows("deltalake", "etl__completion_encounters").len(), 1);
}

/// A re-run replaces the files of plain formats.
pub fn replacement(ground: &dyn Ground, format: &str) {
    for genders in [["male", "female"], ["other", "unknown"]] {
        let rows = [patient("a", genders[0]), patient("b", genders[1])];
        ground.load(export(&[("p.ndjson", &rows)]).path());
        ground.run(format).unwrap();
        let rows = Found::of(ground).by_real(format, "patient", "Patient");
        assert_eq!(rows.len(), 2, "{format}");
        assert_eq!([&rows["a"]["gender"], &rows["b"]["gender"]], genders, "{format}");
    }
}

#[test]
fn tables_are_right_in_memory() {
    conformance(&Memory::new());
}

#[test]
fn tables_are_right_on_a_disk() {
    conformance(&Disk(tempfile::tempdir().unwrap()));
}

#[test]
fn tables_are_right_in_buckets() {
    let bucket = need!(Bucket::new());
    conformance(&bucket);
}

#[test]
fn plain_formats_are_replaced_in_every_store() {
    replacement(&Memory::new(), "parquet");
    replacement(&Memory::new(), "csv");
    replacement(&Memory::new(), "ndjson");
    for format in ["parquet", "csv", "ndjson"] {
        replacement(&Disk(tempfile::tempdir().unwrap()), format);
        if let Ok(bucket) = Bucket::new() {
            replacement(&bucket, format);
        }
    }
}

#[test]
fn a_run_that_is_killed_leaves_tables_whole_and_the_next_completes_them() {
    let bucket = need!(Bucket::new());
    let row = |id: &str, gender| dated(id, gender, "2020-01-02T00:00:00Z");
    let first = [row("a", "female"), row("b", "female")];
    bucket.load(export(&[("p.ndjson", &first)]).path());
    bucket.run("deltalake").unwrap();
    let before = Found::of(&bucket).patients();
    let mut seen = BTreeSet::new();
    for answered in (10..90).step_by(10) {
        // As many rows each time; only the gender tells.
        let gender = if answered % 20 == 0 { "male" } else { "other" };
        bucket.load(export(&[("p.ndjson", &[row("a", gender), row("b", gender)])]).path());
        bucket.server.order(&format!("hang {answered}"));
        let mut child = bucket.job().stderr(Stdio::null()).spawn().unwrap();
        while bucket.server.order("hung") == json!(false) && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        bucket.server.order("resume");
        let left = Found::of(&bucket).patients();
        let genders: BTreeSet<_> = left.values().map(|row| row["gender"].to_string()).collect();
        assert_eq!((left.len(), genders.len()), (2, 1), "after {answered} requests: {left:?}");
        seen.insert(left["a"]["gender"] == gender);

        bucket.run("deltalake").unwrap();
        let after = Found::of(&bucket).patients();
        assert_eq!(after["b"]["gender"], gender);
        assert_eq!(after["a"]["id"], before["a"]["id"]);
    }
    assert_eq!(seen.len(), 2, "the kills were all before the commit, or all after it");
}

#[test]
fn two_first_runs_at_once_share_a_codebook_and_both_finish() {
    let bucket = need!(Bucket::new());
    let many = |prefix: &str| -> Vec<Value> {
        (0..50).map(|n| patient(&format!("{prefix}{n}"), "male")).collect()
    };
    let (one, two) = (many("one-"), many("two-"));
    bucket.load(export(&[("one/p.ndjson", &one), ("two/p.ndjson", &two)]).path());
    let start = |input: &str| {
        let mut command = program(bucket.home.path());
        bucket.server.reach(&mut command);
        command
            .args([&format!("s3://input/{input}"), "s3://output/a lake", "s3://phi"])
            .args(GROUP);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start("one"), start("two")];
    for child in children {
        ended(child.wait_with_output().unwrap().into()).unwrap();
    }
    // Every row is there by the ID that the one mapping gives it.
    let patients = Found::of(&bucket).patients();
    let expected: BTreeSet<_> =
        one.iter().chain(&two).map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(patients.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
}

/// Each request costs its latency: a table in a bucket must not need more of them unnoticed.
#[test]
fn a_run_gets_through_faults() {
    let bucket = need!(Bucket::new());
    let rows: Vec<_> = (0..2000).map(|n| patient(&format!("p{n}"), "female")).collect();
    bucket.load(export(&[("p.ndjson", &rows)]).path());
    bucket.server.order("faults 20");
    for _ in 0..2 {
        bucket.run("deltalake").unwrap();
    }
    bucket.server.order("faults 0");
    assert_eq!(Found::of(&bucket).patients().len(), 2000);
}
