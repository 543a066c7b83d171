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
