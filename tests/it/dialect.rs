//! Athena's SQL on the embedded engine: `tests/sql/constructs.txt`, of which
//! `docs/sql.md` is made.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use cumulus_etl::error::Error;
use cumulus_etl::store::WorkFolder;
use cumulus_etl::study::StudyName;
use cumulus_etl::study::dialect::parse_statement;
use cumulus_etl::study::engine::datafusion::{DataFusion, Input, Limits};
use cumulus_etl::study::engine::{Engine, Rows, Start};

use crate::needs::{self, need};
use crate::support::{Site, open_folder};

/// A study's name.
fn name(text: &str) -> StudyName {
    StudyName::parse(text).unwrap()
}

/// The table that is checked, and what is made of it.
const CONSTRUCTS: &str = "tests/sql/constructs.txt";
const DOCS: &str = "docs/sql.md";
/// How docs/sql.md begins.
const INTRODUCTION: &str = "\
# SQL on the embedded engine

Studies are written in Athena's SQL, which is Trino's. This page shows what of it runs on the embedded
engine, and what it gives. It is made by a test that runs each line; what does not run is refused with
the message shown.

Where engines differ, the embedded one does as follows:

| what | here |
| --- | --- |
| names | no difference of case, with quotes or without; results are spelled as the statement or the table spells them |
| times with an offset | in UTC: `2024-01-02T23:00:00-05:00` is the third of January. Athena keeps the local date |
| `date_diff` | counts how often the unit begins: from 31 December to 1 January it is a year. Athena counts whole units |
| nulls in `ORDER BY` | last, unless `NULLS FIRST` is said |
| `concat` with a null | leaves it out. `||` gives null |
| views | are tables: their query runs when they are made |
| regular expressions | without look-around and back references |
| whole numbers and sums that do not fit | an error, as in Trino; `TRY` gives null for numbers |
| the type of a number in the statement | `bigint`: `2147483647 + 1` is 2147483648, and an error in Trino, where `1` is an `integer`. Next to a value of type tinyint, smallint or integer it is an `integer` here, too, and so is the result |
| `WITH RECURSIVE` | 1000 steps at most; Athena allows 10 |
| names before nested subscripts (`a.b[c.d[1]]`) | 16 dots in all; Athena has no such limit |
| values | a text or list has at most 64 MiB, one that is the same for all rows 16 MiB; what a function or `\\|\\|` gives for the rows of a batch (8192 at most), 256 MiB or four times what it was given. Anything larger is an error |
| statements | come to at most 4000 tables and subqueries, with those of `WITH` counted wherever they are named |
| time | has no limit: Ctrl-C or SIGTERM ends a query |
| `UNNEST` of a list of structs | gives one column, the struct |

In the tests, `small` has the lists `[10, 20]`, `[]` and null for the IDs 1, 2 and 3.
";

fn engine(site: &Site) -> DataFusion {
    let condition = r#"{"resourceType":"Condition","id":"a","recordedDate":"2020-01-02","subject":{"reference":"Patient/p"},"code":{"text":"Cough","coding":[{"code":"c1"},{"code":"c2"}]},"category":[{"coding":[{"code":"k"}]}]}
{"resourceType":"Condition","id":"b"}
"#;
    let encounter = r#"{"resourceType":"Encounter","id":"e","class":{"code":"AMB"},"period":{"start":"2020-01-01","end":"2020-01-02"}}
"#;
    site.file("fhir/Condition.ndjson", condition);
    site.file("fhir/Encounter.ndjson", encounter);
    let small = "{\"id\":1,\"numbers\":[10,20]}\n{\"id\":2,\"numbers\":[]}\n{\"id\":3}\n";
    site.file("fhir/small.ndjson", small);
    open(site, "fhir")
}

fn open(site: &Site, input: &str) -> DataFusion {
    let folder = |name: &str| open_folder(&site.arg(name));
    let work = WorkFolder::create_work(Some(&site.arg("work")), &folder("work")).unwrap();
    let limits = Limits { memory: 256 << 20, threads: 2 };
    DataFusion::open_database(folder("db"), Input::Ndjson(folder(input)), work, &limits).unwrap()
}

/// Rows as one line: cells by commas, rows by bars.
fn shown(rows: Rows) -> cumulus_etl::error::Result<String> {
    let options = FormatOptions::default().with_null("null");
    let batches = rows.batches.collect::<Result<Vec<RecordBatch>, _>>()?;
    let mut lines = Vec::new();
    for batch in &batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<_> = columns.iter().map(|c| c.value(row).to_string()).collect();
            lines.push(cells.join(", "));
        }
    }
    Ok(lines.join(" / "))
}

#[test]
fn constructs_run_as_documented() {
    let site = Site::new();
    let engine = engine(&site);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path.join(CONSTRUCTS)).unwrap();
    let update = std::env::var_os("CUMULUS_TEST_UPDATE").is_some();
    let (mut docs, mut table, mut wrong) = (INTRODUCTION.to_owned(), String::new(), Vec::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("# ") {
            let _ = write!(docs, "\n## {title}\n\n| SQL | gives |\n| --- | --- |\n");
            let _ = writeln!(table, "# {title}");
            continue;
        }
        let expected = lines.next_if(|next| next.starts_with("=> ")).map(|next| &next[3..]);
        let result = engine.run_query(line).and_then(shown);
        let result = result.unwrap_or_else(|error| format!("refused: {error}"));
        if expected != Some(result.as_str()) {
            wrong.push(format!(
                "{line}\n  gives    {result}\n  expected {}",
                expected.unwrap_or("?")
            ));
        }
        let _ = writeln!(table, "{line}\n=> {result}");
        let cell = |text: &str| text.replace('|', "\\|");
        let result = match result.strip_prefix("refused: ") {
            Some(why) => format!("does not run: {}", cell(why)),
            None if result.is_empty() => "no rows".to_owned(),
            None => format!("`{}`", cell(&result)),
        };
        let _ = writeln!(docs, "| `{}` | {result} |", cell(line));
    }
    if update {
        fs::write(path.join(CONSTRUCTS), table).unwrap();
        fs::write(path.join(DOCS), docs).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let there = fs::read_to_string(path.join(DOCS)).unwrap();
    assert!(there == docs, "{DOCS} is old: run this test with CUMULUS_TEST_UPDATE=1");
}

/// The constructs that were tried when the engine was chosen: all of them run, or are refused in
/// words.
#[test]
fn constructs_of_the_specification_run_or_are_refused_in_words() {
    let list = need!(needs::shared("spec/datafusion-sql-constructs.csv"));
    let rows = need!(needs::shared("golden/synthea-10/etl"));
    let site = Site::new();
    for name in ["condition", "observation", "encounter", "diagnosticreport"] {
        let file = format!("{name}.ndjson.gz");
        if let Ok(bytes) = fs::read(rows.join(&file)) {
            site.file(&format!("in/{file}"), bytes);
        }
    }
    site.file("in/tiny.ndjson", "{\"id\":1,\"arr\":[10,20]}\n{\"id\":2,\"arr\":[]}\n{\"id\":3}\n");
    let engine = open(&site, "in");
    let build = engine.begin_build(&name("zz"), Start::Empty).unwrap();
    let mut runs = 0;
    let mut refused = Vec::new();
    for row in csv::Reader::from_path(list).unwrap().records() {
        let row = row.unwrap();
        // Tables belong to a study.
        let sql = ["zz1", "zz2", "zv"].iter().fold(row[1].to_owned(), |sql, name| {
            sql.replace(&format!("\"{name}\""), &format!("\"zz__{name}\""))
                .replace(&format!(" {name}"), &format!(" zz__{name}"))
        });
        let ended = match sql.starts_with("create")
            || sql.starts_with("drop")
            || sql.starts_with("insert")
            || sql.starts_with("delete")
        {
            true => parse_statement(&sql)
                .map_err(Error::from)
                .and_then(|sql| build.execute(&sql))
                .map(|_| ()),
            false => engine.run_query(&sql).and_then(shown).map(|_| ()),
        };
        match ended {
            Ok(()) => runs += 1,
            Err(error) => refused.push((row[0].to_owned(), error.explain_causes())),
        }
    }
    println!("{runs} run; refused: {refused:#?}");
    assert_eq!(runs, 161, "{refused:#?}");
    for (name, why) in &refused {
        let in_words =
            ["does not run on the embedded engine", "not found in struct", "can't be cast"];
        assert!(in_words.iter().any(|words| why.contains(words)), "{name}: {why}");
    }
}
