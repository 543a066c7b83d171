//! Studies on a cluster: a scheduler and executors as processes of their own.

mod tls;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use cumulus_etl::store::WorkFolder;
use cumulus_etl::study::StudyName;
use cumulus_etl::study::engine::Engine;
use cumulus_etl::study::engine::datafusion::{DataFusion, Input, Limits};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Ended, Site, children, end, open_folder};

/// The longest wait for a process of a cluster to be ready.
const PATIENCE: Duration = Duration::from_secs(240);

/// Held by a test that builds the study core on a cluster: several on two cores take longer together
/// than one after the other, and each may then wait in vain.
static CORE: Mutex<()> = Mutex::new(());

/// The turn of a test that builds the study core on a cluster.
fn await_turn() -> MutexGuard<'static, ()> {
    CORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that ends with the test.
struct Process {
    child: Child,
}

impl Process {
    /// Starts the program; gives the first of its lines that has `ready` in it.
    fn start(site: &Site, arguments: &[&str], ready: Option<&str>) -> (Self, String) {
        let mut child = site
            .command()
            .arg("ballista")
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let process = Self { child };
        let (tell, told) = channel();
        let wanted = ready.map(str::to_owned);
        // Reads on, so that the process can always write.
        spawn(move || {
            for line in lines.map_while(Result::ok) {
                eprintln!("{line}");
                if wanted.as_ref().is_some_and(|wanted| line.contains(wanted)) {
                    let _ = tell.send(line);
                }
            }
        });
        let line = ready.map(|_| told.recv_timeout(PATIENCE).expect("it is ready"));
        (process, line.unwrap_or_default())
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A scheduler with executors.
struct Cluster {
    url: String,
    executors: Vec<Process>,
    /// Where rows are fetched from the executors.
    ports: Vec<u16>,
    _scheduler: Process,
}

impl Cluster {
    fn start(site: &Site, executors: usize) -> Self {
        Self::start_with(site, executors, &[])
    }

    /// `options`: of all members.
    fn start_with(site: &Site, executors: usize, options: &[&str]) -> Self {
        let scheduler = ["scheduler", "--bind", "127.0.0.1:0"];
        let (scheduler, line) =
            Process::start(site, &[&scheduler[..], options].concat(), Some("df://"));
        let url = line[line.find("df://").unwrap()..].trim().to_owned();
        let executor = |_| {
            let arguments = ["executor", &url, "--bind", "127.0.0.1:0", "--tasks", "2"];
            let arguments = [&arguments[..], &["--memory-limit", "512"], options].concat();
            Process::start(site, &arguments, Some("rows are fetched at "))
        };
        let (executors, lines): (Vec<_>, Vec<_>) = (0..executors).map(executor).unzip();
        let port = |line: &String| {
            let at = line.split_once("rows are fetched at ").unwrap().1;
            at.split(';').next().unwrap().rsplit(':').next().unwrap().parse().unwrap()
        };
        Self { ports: lines.iter().map(port).collect(), executors, url, _scheduler: scheduler }
    }

    /// The ports of all members.
    fn all_ports(&self) -> Vec<u16> {
        let scheduler = self.url.rsplit(':').next().unwrap().parse().unwrap();
        [&[scheduler], &self.ports[..]].concat()
    }
}

/// A lake with tables of invented patients.
fn lake(site: &Site, patients: &str) {
    let mut demo = site.command();
    demo.args(["demo", "fhir", "--data-only", "--every-element", "--patients", patients]);
    let ended = end(&mut demo);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut job = site.command();
    job.args(["fhir", "lake", "phi", "--threads=2", "--export-group=g"]);
    job.arg("--export-timestamp=2024-08-06T14:12:57-04:00");
    let ended = end(&mut job);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn study(site: &Site, arguments: &[&str]) -> Ended {
    end(site.command().arg("study").args(arguments))
}

fn build_embedded(site: &Site) {
    let built = study(site, &["build", "-t", "core", "--lake", "lake", "--database", "embedded"]);
    assert_eq!(built.code, Some(0), "{built:?}");
}

const ON_CLUSTER: [&str; 6] = ["-t", "core", "--db-type", "ballista", "--tables", "tables"];

fn build_on(site: &Site, cluster: &Cluster) -> Ended {
    build_with(site, cluster, &[])
}

fn build_with(site: &Site, cluster: &Cluster, options: &[&str]) -> Ended {
    let place = ["--lake", "lake", "--database", &cluster.url];
    study(site, &[&["build"], &ON_CLUSTER[..], &place, options].concat())
}

/// All tables of a study, each with its columns and its rows in order.
fn tables(site: &Site, database: &str) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
    let folder = |path: &Path| open_folder(path.to_str().unwrap());
    let temporary = site.path("tmp");
    let work = WorkFolder::create_work(temporary.to_str(), &folder(&temporary)).unwrap();
    let limits = Limits { memory: 1 << 30, threads: 2 };
    let database = folder(&site.path(database));
    let engine = DataFusion::open_database(database, Input::Nothing, work, &limits).unwrap();
    let core = StudyName::parse("core").unwrap();
    let names = engine.list_tables(&core).unwrap().into_iter().map(|table| table.name);
    names
        .map(|name| {
            let rows = engine.read_table(&name).unwrap();
            let columns = columns(&rows.schema);
            let mut texts: Vec<_> = rows.batches.flat_map(|batch| texts(&batch.unwrap())).collect();
            texts.sort_unstable();
            (name, (columns, texts))
        })
        .collect()
}

fn columns(schema: &Schema) -> Vec<String> {
    let fields = schema.fields().iter();
    fields.map(|field| format!("{}: {}", field.name(), field.data_type())).collect()
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let columns: Vec<_> =
        batch.columns().iter().map(|column| cast(column, &DataType::Utf8).unwrap()).collect();
    let cell = |column: &std::sync::Arc<dyn Array>, row: usize| match column.is_null(row) {
        true => "∅".to_owned(),
        false => column.as_string::<i32>().value(row).to_owned(),
    };
    (0..batch.num_rows())
        .map(|row| {
            columns.iter().map(|column| cell(column, row)).collect::<Vec<_>>().join("\u{1f}")
        })
        .collect()
}

/// The table that tells when the others were made.
const OF_THE_BUILD: &str = "core__lib_transactions";

fn assert_same(site: &Site) {
    let (mut ours, mut theirs) = (tables(site, "embedded"), tables(site, "tables"));
    for tables in [&mut ours, &mut theirs] {
        assert_eq!(tables.len(), 111);
        let filled = tables.values().filter(|(_, rows)| !rows.is_empty()).count();
        assert!(filled > 100, "{filled} tables have rows");
    }
    ours.remove(OF_THE_BUILD);
    theirs.remove(OF_THE_BUILD);
    for (name, (columns, rows)) in ours {
        let (their_columns, their_rows) = &theirs[&name];
        assert_eq!(&columns, their_columns, "{name}");
        assert!(rows == *their_rows, "{name}: {} rows, {} there", rows.len(), their_rows.len());
    }
}

#[test]
fn a_cluster_builds_and_exports_what_one_machine_does() {
    let _turn = await_turn();
    let site = Site::new();
    lake(&site, "20");
    build_embedded(&site);
    let cluster = Cluster::start(&site, 2);
    let built = build_on(&site, &cluster);
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.out.contains("Built core: 111 tables"), "{built:?}");
    assert_same(&site);

    let exported = study(&site, &["export", "-t", "core", "--database", "embedded", "here"]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let there = ["--database", &cluster.url, "there"];
    let exported = study(&site, &[&["export"], &ON_CLUSTER[..], &there].concat());
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let (here, there) = (site.path("here/core"), site.path("there/core"));
    let names = children(&here);
    assert_eq!(names, children(&there));
    let mut compared = 0;
    for name in names.iter().filter(|name| name.ends_with(".csv")) {
        let (ours, theirs) =
            (fs::read(here.join(name)).unwrap(), fs::read(there.join(name)).unwrap());
        assert!(ours == theirs, "{name}");
        compared += 1;
    }
    assert!(compared > 10, "{compared} files");
}

#[test]
fn numbers_and_results_are_bounded_on_a_cluster_as_on_one_machine() {
    let site = Site::new();
    lake(&site, "20");
    let cluster = Cluster::start(&site, 1);
    let ask = |sql: &str| {
        let place = ["--db-type", "ballista", "--tables", "tables", "--database", &cluster.url];
        study(&site, &[&["sql", sql, "--format", "csv", "--lake", "lake"], &place[..]].concat())
    };
    for sql in [
        "SELECT 9223372036854775807 + length(id) AS y FROM patient",
        "SELECT length(id) AS y FROM patient WHERE length(id) * 9223372036854775807 > 0",
        "SELECT sum(9223372036854775000 + length(id)) AS y FROM patient",
        "SELECT gender, sum(9223372036854775000 + length(id)) AS y FROM patient GROUP BY gender",
        "SELECT length(repeat(id, 2000000000)) AS y FROM patient",
        "SELECT cardinality(sequence(length(id), 1000000000000)) AS y FROM patient",
    ] {
        let ended = ask(sql);
        assert_eq!(ended.code, Some(70), "{sql}: {ended:?}");
        assert!(ended.out.lines().count() <= 1, "{sql}: {ended:?}");
        let told = ["out of range", "too large"].iter().any(|why| ended.err.contains(why));
        assert!(told, "{sql}: {ended:?}");
    }
    for sql in [
        "SELECT count(*) AS n, sum(length(id) - 1) AS s, -min(length(id)) AS m FROM patient",
        "SELECT try(length(id) * 9223372036854775807) AS y, count(*) AS n FROM patient GROUP BY 1",
    ] {
        let ended = ask(sql);
        assert_eq!(ended.code, Some(0), "{sql}: {ended:?}");
        let place = ["--format", "csv", "--lake", "lake", "--database", "embedded"];
        assert_eq!(ended.out, study(&site, &[&["sql", sql], &place[..]].concat()).out, "{sql}");
    }
    // A cluster never sees a second statement.
    let ended = ask("SELECT id FROM patient; DROP TABLE core__patient");
    assert_eq!(ended.code, Some(72), "{ended:?}");
}

#[test]
fn a_build_survives_an_executor() {
    let _turn = await_turn();
    let site = Site::new();
    lake(&site, "20");
    build_embedded(&site);
    let mut cluster = Cluster::start(&site, 2);
    let place = ["--lake", "lake", "--database", &cluster.url];
    let mut build = site.command();
    build.arg("study").args([&["build"], &ON_CLUSTER[..], &place].concat());
    let build = build.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // In the midst of it: some tables are made.
    let begun = Instant::now();
    while made(&site.path("tables/core")) < 20 {
        assert!(begun.elapsed() < PATIENCE, "the build does not get on");
        sleep(Duration::from_millis(20));
    }
    cluster.executors[0].kill();
    let ended: Ended = build.wait_with_output().unwrap().into();
    if ended.code != Some(0) {
        // It may fail, but not half: nothing is there, and the next build succeeds.
        assert_eq!(ended.code, Some(70), "{ended:?}");
        assert!(!site.path("tables/core/tables.json").exists());
        let again = build_on(&site, &cluster);
        assert_eq!(again.code, Some(0), "{again:?}");
    }
    assert_same(&site);
}

/// Files of tables in the folders below.
fn made(study: &Path) -> usize {
    let folders = fs::read_dir(study).into_iter().flatten().flatten();
    folders.filter_map(|folder| fs::read_dir(folder.path()).ok()).map(Iterator::count).sum()
}

#[test]
fn without_a_scheduler_nothing_begins() {
    let site = Site::new();
    lake(&site, "2");
    // A port that nobody listens at: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("df://127.0.0.1:{port}");
    let place = ["--lake", "lake", "--database", &url];
    let ended = study(&site, &[&["build"], &ON_CLUSTER[..], &place].concat());
    assert_eq!(ended.code, Some(33), "{ended:?}");
    assert!(
        ended.err.contains("cannot reach the Ballista scheduler at df://127.0.0.1:"),
        "{ended:?}"
    );
    let arguments = [&["build"], &ON_CLUSTER[..], &["--lake", "lake"]].concat();
    let ended = study(&site, &arguments);
    assert_eq!(ended.code, Some(23), "{ended:?}");
    assert!(ended.err.contains("--tables"), "{ended:?}");
}

#[test]
fn a_cluster_reads_no_ndjson() {
    let site = Site::new();
    site.rows("Patient.ndjson", &[crate::support::patient("1", "female")]);
    let place = ["--load-ndjson-dir", "in", "--database", "df://127.0.0.1:9"];
    let ended = study(&site, &[&["build"], &ON_CLUSTER[..], &place].concat());
    assert_eq!(ended.code, Some(22), "{ended:?}");
    assert!(ended.err.contains("a cluster reads tables only"), "{ended:?}");
}

#[test]
fn an_executor_ends_what_it_is_at_on_each_of_the_signals() {
    let site = Site::new();
    let mut cluster = Cluster::start(&site, 3);
    let signals = [(Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP"), (Signal::INT, "SIGINT")];
    for ((signal, name), index) in signals.into_iter().zip(0..) {
        // It serves: so it listens for signals, too.
        assert!(tls::answers(cluster.ports[index], None), "{name}");
        let child = &mut cluster.executors[index].child;
        let process = Pid::from_child(child);
        kill_process(process, signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143), "{name}");
    }
    let left = children(&site.path("tmp"));
    assert!(left.is_empty(), "{left:?}");
}
