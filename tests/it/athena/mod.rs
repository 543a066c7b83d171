//! Studies on Athena, against a server in which queries run (`athena_server.py`).
//!
//! The AWS tools' variables lead there, so each test has a process of its own: a test of [`inner`],
//! which only runs when one of these calls it.

mod inner;
mod safe;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use crate::needs::{self, Need, Needed, need};
use crate::s3::SECRET;
use crate::support::{Ended, Site, children, end};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/of-the-lake";

/// The server, with the bucket `results`, the workgroup `safe`, and a source table
/// `core__patient`; it ends when this is dropped.
struct Server {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    url: String,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts one, if there is a Python for it.
    fn start() -> Needed<Self> {
        let python = needs::python()?;
        let has = Command::new(&python).args(["-c", "import duckdb, moto, sqlglot"]).status();
        if !has.unwrap().success() {
            let missing = "the Python that CUMULUS_TEST_PYTHON names lacks duckdb, moto or sqlglot";
            return needs::skip(Need::Python, missing);
        }
        let folder = tempfile::tempdir().unwrap();
        let patients = folder.path().join("patients.parquet");
        inner::write_patients(&patients);
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/athena_server.py"))
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let hello = answer(&mut output);
        let url = format!("http://127.0.0.1:{}", hello["port"]);
        let server = Self { child, pipes: Mutex::new((input, output)), url, folder };
        server.order("bucket results");
        server.order(&format!("workgroup safe {KEY} s3://results/athena/"));
        server.order(&format!("table core__patient {}", patients.display()));
        Ok(server)
    }

    /// Gives an order, and waits for what it comes to.
    fn order(&self, order: &str) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{order}").unwrap();
        answer(&mut pipes.1)
    }

    /// Texts that an order comes to.
    fn texts(&self, order: &str) -> Vec<String> {
        let texts = self.order(order);
        texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Runs a test of [`inner`]; panics if it does not pass.
    fn runs(&self, test: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([&format!("athena::inner::{test}"), "--exact", "--ignored", "--nocapture"])
            .env_clear()
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .output()
            .unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (said(&output.stdout), said(&output.stderr));
        assert!(out.contains("1 passed"), "{out}\n{err}");
        assert!(!out.contains(SECRET) && !err.contains(SECRET), "{out}\n{err}");
    }

    /// The objects' names in the bucket of results.
    fn objects(&self) -> Vec<String> {
        let saved = tempfile::tempdir().unwrap();
        self.order(&format!("save results {}", saved.path().display()));
        let mut names = Vec::new();
        let mut folders = vec![saved.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    names.push(path.strip_prefix(saved.path()).unwrap().display().to_string());
                }
            }
        }
        names.sort();
        names
    }
}

fn answer(output: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    serde_json::from_str(&line).expect("the server has ended")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_workgroup_must_encrypt_and_have_a_place_for_results() {
    let server = need!(Server::start());
    server.order("workgroup open none s3://results/athena/");
    server.order(&format!("workgroup nowhere {KEY} none"));
    server.order("workgroup plain s3 s3://results/");
    server.runs("workgroups_are_looked_at");
    assert_eq!(server.texts("statements"), [""; 0], "nothing ran in any");
}

#[test]
fn statements_go_to_athena_as_they_are_written() {
    let server = need!(Server::start());
    server.runs("a_study_is_built");
    assert_eq!(server.texts("tables"), ["asthma__cohort", "asthma__view", "core__patient"]);
    let statements = server.texts("statements");
    assert_eq!(statements, [inner::COHORT, inner::VIEW, inner::LOOK]);
    // Built again, what there was is dropped in the words that each kind wants.
    server.runs("a_study_is_built");
    let mut statements = server.texts("statements");
    statements[..2].sort();
    assert_eq!(
        statements,
        [
            "DROP TABLE IF EXISTS `asthma__cohort`",
            "DROP VIEW IF EXISTS \"asthma__view\"",
            inner::COHORT,
            inner::VIEW,
            inner::LOOK
        ]
    );
    server.runs("a_study_is_cleaned");
    assert_eq!(server.texts("tables"), ["core__patient"]);
}

#[test]
fn counts_are_those_of_the_other_engine() {
    let server = need!(Server::start());
    server.runs("counts_equal_their_definition");
}

#[test]
fn tables_are_read_by_way_of_a_prefix_that_is_empty_before_and_after() {
    let server = need!(Server::start());
    let left = tempfile::tempdir().unwrap();
    let stale = left.path().join("export/core__patient.parquet");
    std::fs::create_dir_all(&stale).unwrap();
    std::fs::write(stale.join("part-of-a-killed-run"), "stale").unwrap();
    let other = left.path().join("export/core__patient_more.parquet");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join("of-another"), "not ours").unwrap();
    server.order(&format!("load results {}", left.path().display()));
    server.runs("tables_are_read");
    assert_eq!(server.objects(), ["export/core__patient_more.parquet/of-another"]);
    let statements = server.texts("statements");
    let unload = "UNLOAD (SELECT * FROM \"core__patient\") TO \
                  's3://results/export/core__patient.parquet/' WITH (format = 'PARQUET', \
                  compression = 'SNAPPY')";
    assert_eq!(statements[0], unload);
}

#[test]
fn rows_from_outside_are_encrypted_and_checked_on_their_way() {
    let server = need!(Server::start());
    server.order("log");
    server.runs("rows_are_loaded");
    let place = "athena/cumulus_user_uploads/cumulus/asthma/codes/codes.parquet";
    assert_eq!(server.objects(), [place]);
    let log = server.order("log");
    let writes: Vec<_> =
        log.as_array().unwrap().iter().filter(|request| request["method"] == "PUT").collect();
    assert_eq!(writes.len(), 2);
    for write in writes {
        assert_eq!(write["path"], format!("/results/{place}"));
        assert_eq!(write["HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION"], "aws:kms");
        assert_eq!(write["HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID"], KEY);
        assert_eq!(write["HTTP_X_AMZ_CHECKSUM_SHA256"].as_str().map(str::len), Some(44));
    }
}

#[test]
fn files_of_cumulus_library_are_not_in_a_table_twice() {
    let server = need!(Server::start());
    let left = tempfile::tempdir().unwrap();
    let uploads = "athena/cumulus_user_uploads/cumulus/asthma";
    let [stale, other] = ["codes/codes.csv.parquet", "codes_more/of-another.parquet"];
    for name in [stale, other] {
        let path = left.path().join(uploads).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        inner::write_patients(&path);
    }
    server.order(&format!("load results {}", left.path().display()));
    server.runs("rows_are_loaded");
    let objects = [format!("{uploads}/codes/codes.parquet"), format!("{uploads}/{other}")];
    assert_eq!(server.objects(), objects);
    server.runs("names_in_any_case_are_one");
    assert_eq!(server.objects(), objects);
}

#[test]
fn temporary_files_are_where_the_user_wants_them() {
    let server = need!(Server::start());
    server.runs("temporary_files_go_where_they_shall_and_go_away");
}

#[test]
fn long_lists_and_results_come_page_by_page() {
    let server = need!(Server::start());
    server.runs("pages_are_turned");
    let calls = server.texts("calls");
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert!(count("ListTableMetadata") > 3 && count("GetQueryResults") > 3, "{calls:?}");
}

#[test]
fn throttling_is_waited_out_and_passing_failures_are_repeated() {
    let server = need!(Server::start());
    server.order("throttle 4");
    server.order("stumble 2");
    server.runs("a_study_is_built");
    let statements = server.texts("statements");
    assert_eq!(statements, [inner::COHORT, inner::COHORT, inner::COHORT, inner::VIEW, inner::LOOK]);
    // Rows that have perhaps been inserted are not inserted again.
    server.order("stumble 1");
    server.runs("an_insert_fails");
    assert_eq!(server.texts("statements").len(), 1);
}

#[test]
fn so_many_queries_run_at_once() {
    let server = need!(Server::start());
    server.runs("two_at_once");
    assert_eq!(server.order("peak"), 2);
    server.runs("twenty_at_once");
    let peak = server.order("peak").as_u64().unwrap();
    assert!((3..=20).contains(&peak), "{peak}");
}

#[test]
fn a_query_that_cannot_be_looked_at_is_stopped() {
    let server = need!(Server::start());
    server.order("linger 60");
    server.order("blind 1");
    server.runs("a_look_fails");
    assert_eq!(server.texts("states"), ["CANCELLED"]);
}

#[test]
fn a_failing_statement_is_explained_without_values() {
    let server = need!(Server::start());
    server.runs("a_statement_fails");
}

const MANIFEST: &str = "study_prefix = 'asthma'\n\
    [[stages.default]]\nfiles = ['rows.sql']\n\
    [[stages.default]]\ntype = 'build:parallel'\nfiles = ['counts.workflow', 'codes.workflow']\n\
    [[stages.default]]\ntype = 'export:counts'\ntables = ['counts.workflow']\n\
    [[stages.default]]\ntype = 'export:flat'\ntables = ['asthma__rows', 'asthma__codes', 'asthma__none']\n\
    [[stages.default]]\ntype = 'export:meta'\ntables = ['asthma__meta_date']\n";

const ROWS: &str = "-- one statement after the other\n\
    CREATE TABLE asthma__rows AS\n\
    SELECT p.n, p.gender, p.city, p.n / 4.0E0 AS quarter, p.n > 60 AS big,\n\
    CAST(date_add('day', p.n, DATE '2024-01-01') AS date) AS day\n\
    FROM patient AS p WHERE p.n < 90;\n\
    CREATE TABLE asthma__none AS SELECT p.n FROM patient AS p WHERE p.n < 0;\n\
    CREATE TABLE asthma__meta_date AS SELECT min(day) AS min_date, max(day) AS max_date FROM asthma__rows;\n";

/// A study `asthma` with its sources, for both engines.
pub fn study(site: &Site) {
    site.file("studies/asthma/manifest.toml", MANIFEST);
    site.file("studies/asthma/rows.sql", ROWS);
    let counts = "config_type = 'counts'\n[tables.count]\nsource_table = 'patient'\n\
                  table_cols = ['gender', 'city']\nsecondary_id = 'encounter_ref'\nmin_subject = 3\n";
    site.file("studies/asthma/counts.workflow", counts);
    let codes = "config_type = 'file_upload'\n[tables.codes]\nfiles = ['codes.csv']\n\
                 col_types = ['string', 'bigint']\n";
    site.file("studies/asthma/codes.workflow", codes);
    site.file("studies/asthma/codes.csv", "Code,RankNumber\nJ45,1\nJ46,\n");
    std::fs::create_dir_all(site.path("lake/patient")).unwrap();
    inner::write_patients(&site.path("lake/patient/patient.000.parquet"));
}

fn command(server: &Server, site: &Site, arguments: &[&str]) -> Command {
    let mut command = site.command();
    command
        .arg("study")
        .args(arguments)
        .env("AWS_ENDPOINT_URL", &server.url)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("CUMULUS_ETL_TEST_TIME_SCALE", "0.05")
        .env("CUMULUS_LIBRARY_DB_TYPE", "athena")
        .env("CUMULUS_LIBRARY_WORKGROUP", "safe")
        .env("CUMULUS_LIBRARY_SCHEMA_NAME", "cumulus")
        .env("CUMULUS_LIBRARY_REGION", "us-east-1");
    command
}

fn on_athena(server: &Server, site: &Site, arguments: &[&str]) -> Ended {
    let ended = end(&mut command(server, site, arguments));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

/// `study` with the embedded engine.
fn embedded(site: &Site, arguments: &[&str]) -> Ended {
    let ended = end(site.command().arg("study").args(arguments));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

#[test]
fn exports_of_both_engines_are_the_same() {
    let server = need!(Server::start());
    let site = Site::new();
    study(&site);
    server.order(&format!("table patient {}", site.arg("lake/patient/patient.000.parquet")));
    let built = on_athena(&server, &site, &["build", "-t", "asthma", "-s", "studies"]);
    assert!(built.err.contains("asthma__rows: 1,234 bytes scanned"), "{built:?}");
    assert!(built.err.contains("bytes scanned in all"), "{built:?}");
    let statements = server.texts("statements");
    // As they are in the file, comment and all, but for the semicolon.
    let first = ROWS.split(';').next().unwrap();
    let unchanged = |sql: &&String| first.ends_with(sql.as_str());
    assert_eq!(statements.iter().filter(unchanged).count(), 1, "{statements:?}");
    let export =
        ["export", "-t", "asthma", "-s", "studies", "--allow-small-cells", "asthma__count"];
    on_athena(&server, &site, &[&export[..], &["there"]].concat());

    embedded(
        &site,
        &["build", "-t", "asthma", "-s", "studies", "--lake", "lake", "--database", "db"],
    );
    embedded(&site, &[&export[..], &["--database", "db", "here"]].concat());
    let names = children(&site.path("here/asthma"));
    assert_eq!(children(&site.path("there/asthma")), names);
    assert!(names.len() >= 5, "{names:?}");
    let read = |place: &str, name: &str| {
        std::fs::read_to_string(site.path(&format!("{place}/asthma/{name}"))).unwrap()
    };
    for name in names.iter().filter(|name| name.ends_with(".csv")) {
        assert_eq!(read("there", name), read("here", name), "{name}");
    }
    let left = server.objects();
    assert!(left.iter().all(|name| name.contains("cumulus_user_uploads/")), "{left:?}");

    let listed = on_athena(&server, &site, &["list"]);
    assert!(listed.out.contains("asthma__count"), "{listed:?}");
    let sql = "SELECT code, rank_number FROM asthma__codes ORDER BY 1";
    let shown = on_athena(&server, &site, &["sql", sql]);
    assert!(shown.out.contains("J46"), "{shown:?}");
    on_athena(&server, &site, &["clean", "-t", "asthma"]);
    assert_eq!(server.texts("tables"), ["core__patient", "patient"]);
    let zip = site.arg("there/asthma/asthma.zip");
    on_athena(&server, &site, &["import", "-a", &zip]);
    let tables = server.texts("tables");
    assert!(tables.iter().any(|table| table == "asthma__rows"), "{tables:?}");
    let again = on_athena(&server, &site, &["sql", sql]);
    assert_eq!(again.out, shown.out);
}

/// Of times with an offset, Athena takes the local date, and the embedded engine that of UTC.
#[test]
fn exports_differ_in_days_of_times_with_an_offset_alone() {
    let server = need!(Server::start());
    let site = Site::new();
    let manifest = "study_prefix = 'visits'\n[[stages.default]]\nfiles = ['days.sql']\n\
                    [[stages.default]]\ntype = 'export:flat'\n\
                    tables = ['visits__days', 'visits__others']\n";
    let sql = "CREATE TABLE visits__days AS SELECT n, at, \
               CAST(from_iso8601_timestamp(at) AS date) AS day, \
               CAST(date_trunc('month', CAST(from_iso8601_timestamp(at) AS date)) AS date) AS \
               month FROM encounter; \
               CREATE TABLE visits__others AS SELECT n, at, substr(at, 1, 10) AS written, \
               n * 2 AS twice FROM encounter;";
    site.file("studies/manifest.toml", manifest);
    site.file("studies/days.sql", sql);
    let times = [
        ("2024-01-31T22:30:00-05:00", "2024-01-31", "2024-02-01"),
        ("2024-03-01T03:00:00+09:00", "2024-03-01", "2024-02-29"),
        ("2024-05-05T12:00:00-05:00", "2024-05-05", "2024-05-05"),
        ("2024-06-06T23:59:59Z", "2024-06-06", "2024-06-06"),
    ];
    std::fs::create_dir_all(site.path("lake/encounter")).unwrap();
    let file = site.arg("lake/encounter/encounter.000.parquet");
    inner::write_visits(Path::new(&file), &times.map(|(at, _, _)| at));
    server.order(&format!("table encounter {file}"));
    let study = ["-t", "visits", "-s", "studies"];
    on_athena(&server, &site, &[&["build"], &study[..]].concat());
    on_athena(&server, &site, &[&["export"], &study[..], &["there"]].concat());
    let here = ["--database", "db"];
    embedded(&site, &[&["build"], &study[..], &here, &["--lake", "lake"]].concat());
    embedded(&site, &[&["export"], &study[..], &here, &["here"]].concat());
    let names = children(&site.path("here/visits"));
    assert_eq!(children(&site.path("there/visits")), names);
    let read = |place: &str, name: &str| {
        let text = std::fs::read_to_string(site.path(&format!("{place}/visits/{name}"))).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let others = "visits__others.flat.csv";
    assert_eq!(read("there", others), read("here", others));
    let [mut there, mut here] = ["there", "here"].map(|place| read(place, "visits__days.flat.csv"));
    assert_eq!((there[0].as_str(), &there[0]), ("n,at,day,month", &here[0]));
    let expected = |day: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        let rows = times.iter().enumerate();
        rows.map(|(n, time)| format!("{n},{},{},{}-01", time.0, day(time), &day(time)[..7]))
            .collect::<Vec<_>>()
    };
    for rows in [&mut there, &mut here] {
        rows.remove(0);
        rows.sort();
    }
    assert_eq!(there, expected(|time| time.1), "the local date");
    assert_eq!(here, expected(|time| time.2), "the date of UTC");
}

#[test]
fn queries_are_stopped_in_athena_when_a_signal_comes() {
    let server = need!(Server::start());
    let site = Site::new();
    let manifest = "study_prefix = 's'\n[[stages.default]]\ntype = 'build:parallel'\n\
                    files = ['a.sql', 'b.sql', 'c.sql']\n";
    site.file("studies/manifest.toml", manifest);
    for name in ["a", "b", "c"] {
        site.file(
            &format!("studies/{name}.sql"),
            format!("CREATE TABLE s__{name} AS SELECT n FROM core__patient;"),
        );
    }
    server.order("linger 100");
    let mut before = 0;
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let arguments = ["build", "-t", "s", "-s", "studies", "--max-concurrent=2"];
        let mut command = command(&server, &site, &arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let states = || server.texts("states").split_off(before);
        for _ in 0..600 {
            if states().len() == 2 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(states(), ["RUNNING"; 2]);
        let arguments = [format!("-{signal}"), child.id().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
        let ended = Ended::from(child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(ended.err.contains("stopped by a signal"), "{}", ended.err);
        // Nor has the third begun, which waited for its turn.
        assert_eq!(states(), ["CANCELLED"; 2], "{signal}");
        before += 2;
    }
    assert_eq!(server.texts("tables"), ["core__patient"]);
    server.order("linger 0");
    on_athena(&server, &site, &["build", "-t", "s", "-s", "studies"]);
    assert_eq!(server.texts("tables"), ["core__patient", "s__a", "s__b", "s__c"]);
}
