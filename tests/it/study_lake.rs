//! Which files of a lake are tables to a study.

use std::fs;

use serde_json::json;

use crate::needs::{self, need};
use crate::support::{Ended, PROGRAM, Site, end, patient, resource};

fn count(site: &Site, lake: &str) -> Ended {
    let sql = "SELECT count(*) AS n FROM patient";
    let ended = end(site.command().args(["study", "sql", sql, "--database=db", "--lake", lake]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended
}

fn site() -> Site {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "x"), patient("b", "x")]);
    site.rows("c.ndjson", &[resource("Condition", "c", json!({}))]);
    site
}

#[test]
fn what_lies_beside_the_files_of_a_table_is_no_part_of_it() {
    for format in ["parquet", "ndjson"] {
        for (place, is_said) in [
            (format!("archive/patient.000.{format}"), true),
            (format!("2024/01/old.{format}"), true),
            (format!("Copy of patient.000.{format}"), true),
            (format!("patient.000 (1).{format}"), true),
            ("README.md".to_owned(), false),
        ] {
            let site = site();
            site.run(&[&format!("--output-format={format}")]);
            let table = site.path(&format!("out/patient/patient.000.{format}"));
            let copy = site.path(&format!("out/patient/{place}"));
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(table, copy).unwrap();
            let ended = count(&site, "out");
            assert!(ended.out.contains('2') && !ended.out.contains('4'), "{place}: {}", ended.out);
            assert_eq!(ended.err.contains("patient: 1 file in"), is_said, "{place}: {}", ended.err);
        }
    }
}

#[test]
fn tables_of_other_programs_may_have_any_names() {
    let site = site();
    site.run(&["--output-format=parquet"]);
    let name = |name: &str| site.path(&format!("out/patient/{name}.parquet"));
    fs::rename(name("patient.000"), name("part-00000-c000.snappy")).unwrap();
    fs::copy(name("part-00000-c000.snappy"), name("part-00001-c000.snappy")).unwrap();
    let ended = count(&site, "out");
    assert!(ended.out.contains('4') && ended.err.is_empty(), "{} {}", ended.out, ended.err);
}

#[test]
fn a_lake_with_two_sets_of_tables_says_which_one_is_read() {
    let site = site();
    site.run(&["--output-format=ndjson,csv"]);
    assert_eq!(count(&site, "out").err, "");
    // A folder that only has the name of a format is no table of a lake.
    fs::create_dir(site.path("out/parquet")).unwrap();
    assert_eq!(count(&site, "out").err, "");
    site.rows("more.ndjson", &[patient("d", "x")]);
    site.run(&["--output-format=ndjson"]);
    let ended = count(&site, "out");
    assert!(ended.out.contains('2'), "{}", ended.out);
    assert!(ended.err.contains("two sets of tables"), "{}", ended.err);
    let ended = count(&site, "out/ndjson");
    assert!(ended.out.contains('2') && ended.err.is_empty(), "{} {}", ended.out, ended.err);
}

#[test]
fn queries_of_a_lake_need_no_database_and_leave_nothing() {
    let site = site();
    site.run(&[]);
    let sql = |sql: &str, more: &[&str]| end(site.command().args(["study", "sql", sql]).args(more));
    let before = site.listing("");
    for (input, rows) in [("--lake=out", "a,2\n"), ("--load-ndjson-dir=in", "a,2\n")] {
        let ended = sql("SELECT 'a' AS x, count(*) AS n FROM patient", &[input, "--format=csv"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.out, format!("x,n\n{rows}"));
    }
    // There are no studies, and none can be made.
    let missing = sql("SELECT * FROM core__patient", &["--lake=out"]);
    assert_eq!(missing.code, Some(72), "{missing:?}");
    let refused = sql("CREATE TABLE x__y AS SELECT 1 AS z", &["--lake=out"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert_eq!(site.listing(""), before);
    // Without tables at all there is nothing to look at.
    let ended = sql("SELECT 1", &[]);
    assert_eq!(ended.code, Some(23), "{ended:?}");
    assert!(ended.err.contains("--database is missing"), "{ended:?}");
}

/// Runs a program in a terminal of so many columns.
const IN_TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    os.write(1, read)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

#[test]
fn rows_fit_the_terminal_and_are_whole_elsewhere() {
    let python = need!(needs::python());
    let site = site();
    let text = "a long text ".repeat(30);
    site.rows("p.ndjson", &[resource("Patient", "a", json!({"maritalStatus": {"text": text}}))]);
    site.run(&[]);
    let narrow = "SELECT id, maritalstatus FROM patient";
    for (query, columns) in [(narrow, 80), (narrow, 120), ("SELECT * FROM patient", 80)] {
        let mut command = site.command_of(&python);
        command.args(["-c", IN_TERMINAL, &columns.to_string(), PROGRAM]);
        command.args(["study", "sql", query, "--lake=out"]);
        let ended = end(&mut command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let lines = ended.out.lines().map(|line| line.trim_end_matches('\r'));
        let (last, rows): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("1 row"));
        assert!(rows.iter().all(|line| line.chars().count() <= columns), "{}", ended.out);
        assert!(rows.iter().any(|line| line.contains('…')), "{}", ended.out);
        assert_eq!(last, ["1 row; cells are cut, for whole ones: --format csv or json"]);
    }
    let ended = end(site.command().args(["study", "sql", narrow, "--lake=out"]));
    assert!(ended.out.contains(text.trim_end()) && !ended.out.contains('…'), "{}", ended.out);
}
