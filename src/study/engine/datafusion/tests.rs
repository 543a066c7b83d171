use std::fs;

use arrow::util::pretty::pretty_format_batches;

use super::*;
use crate::store::Folder;

/// An engine on a folder with `db` and `in`.
fn engine(root: &std::path::Path) -> DataFusion {
    let folder = |name: &str| Folder::open(root.join(name).to_str().unwrap()).unwrap();
    let work = WorkFolder::create(Some(root.join("work").to_str().unwrap()), &folder("work"));
    let limits = Limits { memory: 256 << 20, threads: 2 };
    DataFusion::open(folder("db"), Input::Ndjson(folder("in")), work.unwrap(), &limits).unwrap()
}

fn shown(rows: Rows) -> String {
    let schema = rows.schema;
    let batches: Vec<_> = rows.batches.map(|batch| batch.unwrap()).collect();
    let batches = arrow::compute::concat_batches(&schema, &batches).unwrap();
    pretty_format_batches(&[batches]).unwrap().to_string()
}

#[test]
fn a_study_is_built_and_read() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("in")).unwrap();
    let lines = r#"{"resourceType":"Condition","id":"a","code":{"coding":[{"code":"1"},{"code":"2"}]},"recordedDate":"2020-01-02"}
{"resourceType":"Condition","id":"b","subject":{"reference":"Patient/1"}}
"#;
    fs::write(root.path().join("in/Condition.ndjson"), lines).unwrap();
    let engine = engine(root.path());
    let build = engine.begin("s", Start::Empty).unwrap();
    let sql = "CREATE TABLE s__codes AS SELECT c.id, c.\"recordedDate\" AS \"recordedDate_day\", u.x.code, o FROM condition c, UNNEST(c.code.coding) WITH ORDINALITY AS u (x, o)";
    assert_eq!(build.execute(sql).unwrap().unwrap().rows, Some(2));
    build.commit().unwrap();
    assert_eq!(
        shown(engine.query("select * from s__codes order by code").unwrap()),
        "+----+------------------+------+---+\n\
         | id | recordedDate_day | code | o |\n\
         +----+------------------+------+---+\n\
         | a  | 2020-01-02       | 1    | 1 |\n\
         | a  | 2020-01-02       | 2    | 2 |\n\
         +----+------------------+------+---+"
    );
}

#[test]
fn explore() {
    let Ok(path) = std::env::var("CONSTRUCTS") else { return };
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("in")).unwrap();
    for name in ["condition", "observation", "encounter", "diagnosticreport"] {
        let from = format!("/work/shared/golden/synthea-10/etl/{name}.ndjson.gz");
        let _ = fs::copy(from, root.path().join(format!("in/{name}.ndjson.gz")));
    }
    let tiny = "{\"id\":1,\"arr\":[10,20]}\n{\"id\":2,\"arr\":[]}\n{\"id\":3}\n";
    fs::write(root.path().join("in/tiny.ndjson"), tiny).unwrap();
    let engine = engine(root.path());
    let build = engine.begin("zz", Start::Empty).unwrap();
    let mut reader = csv::Reader::from_path(path).unwrap();
    for row in reader.records() {
        let row = row.unwrap();
        let (name, sql) = (&row[0], &row[1]);
        let sql = sql.replace("zz1", "zz__1").replace("\"zz2\"", "\"zz__2\"").replace(" zz2", " zz__2").replace(" zv", " zz__v");
        let result = match dialect::parse(&sql) {
            Ok(statement) if matches!(statement.command, Command::Query(_)) => engine.query(&sql).and_then(|rows| {
                let batches: crate::error::Result<Vec<_>> = rows.batches.collect();
                let batches = batches?;
                let mut out = String::new();
                for batch in batches.iter().take(1) {
                    for row in 0..batch.num_rows().min(3) {
                        let cells: Vec<_> = batch.columns().iter().map(|c| arrow::util::display::array_value_to_string(c, row).unwrap()).collect();
                        out += &format!("[{}]", cells.join(","));
                    }
                }
                Ok(out)
            }),
            Ok(_) => build.execute(&sql).map(|made| format!("{made:?}")),
            Err(refused) => Err(Error::failed(format!("REFUSED {}", refused.why))),
        };
        match result {
            Ok(shown) => println!("OK   {name} :: {sql} => {shown} || {} | {}", &row[3], &row[5]),
            Err(error) => println!("FAIL {name} :: {sql} => {error}"),
        }
    }
}
