use std::fs;

use arrow::util::pretty::pretty_format_batches;

use super::*;
use crate::store::Folder;
use crate::study::dialect::parse_statement;

/// A study's name.
fn name(text: &str) -> StudyName {
    StudyName::parse(text).unwrap()
}

/// An engine on a folder with `db` and `in`.
fn engine(root: &std::path::Path) -> DataFusion {
    let folder = |name: &str| Folder::open(root.join(name).to_str().unwrap()).unwrap();
    let work = WorkFolder::create_work(Some(root.join("work").to_str().unwrap()), &folder("work"));
    let limits = Limits { memory: 256 << 20, threads: 2 };
    DataFusion::open_database(folder("db"), Input::Ndjson(folder("in")), work.unwrap(), &limits)
        .unwrap()
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
    let build = engine.begin_build(&name("s"), Start::Empty).unwrap();
    let sql = "CREATE TABLE s__codes AS SELECT c.id, c.\"recordedDate\" AS \"recordedDate_day\", u.x.code, o FROM condition c, UNNEST(c.code.coding) WITH ORDINALITY AS u (x, o)";
    assert_eq!(build.execute(&parse_statement(sql).unwrap()).unwrap().unwrap().rows, Some(2));
    build.commit_tables().unwrap();
    assert_eq!(
        shown(engine.run_query("select * from s__codes order by code").unwrap()),
        "+----+------------------+------+---+\n\
         | id | recordedDate_day | code | o |\n\
         +----+------------------+------+---+\n\
         | a  | 2020-01-02       | 1    | 1 |\n\
         | a  | 2020-01-02       | 2    | 2 |\n\
         +----+------------------+------+---+"
    );
}

/// Writes a Parquet file of one row of JSON.
fn parquet(path: &std::path::Path, row: &str) {
    let values = [serde_json::from_str::<serde_json::Value>(row).unwrap()];
    let rows = || values.iter().map(|value| Ok::<_, arrow::error::ArrowError>(value.clone()));
    let schema = arrow::json::reader::infer_json_schema_from_iterator(rows()).unwrap();
    let schema = Arc::new(schema);
    let mut decoder = arrow::json::ReaderBuilder::new(schema.clone()).build_decoder().unwrap();
    decoder.serialize(&values).unwrap();
    let batch = decoder.flush().unwrap().unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn files_of_a_table_may_differ_at_any_depth() {
    let root = tempfile::tempdir().unwrap();
    let lake = root.path().join("lake/patient");
    // No field of the struct in common, another spelling, a list of structs that grows.
    parquet(
        &lake.join("a.parquet"),
        r#"{"id": "a", "code": {"text": "t"}, "items": [{"x": 1}], "n": 1}"#,
    );
    parquet(
        &lake.join("b.parquet"),
        r#"{"ID": "b", "Code": {"coding": [{"code": "c"}]},
            "items": [{"y": {"z": "deep"}}, {"x": 2}], "later": true, "n": 1.5}"#,
    );
    let folder = |name: &str| Folder::open(root.path().join(name).to_str().unwrap()).unwrap();
    let work =
        WorkFolder::create_work(Some(root.path().join("work").to_str().unwrap()), &folder("work"));
    let limits = Limits { memory: 64 << 20, threads: 2 };
    let input = Input::Lake(folder("lake"));
    let engine = DataFusion::open_database(folder("db"), input, work.unwrap(), &limits).unwrap();
    let sql = "SELECT p.id, p.code.text, c.coding.code, i.item.x, i.item.y.z, p.later, p.n \
               FROM patient p LEFT JOIN UNNEST(p.code.coding) AS c (coding) ON TRUE \
               CROSS JOIN UNNEST(p.items) AS i (item) ORDER BY 1, 4, 5";
    assert_eq!(
        shown(engine.run_query(sql).unwrap()),
        "+----+------+------+---+------+-------+-----+\n\
         | id | text | code | x | z    | later | n   |\n\
         +----+------+------+---+------+-------+-----+\n\
         | a  | t    |      | 1 |      |       | 1.0 |\n\
         | b  |      | c    | 2 |      | true  | 1.5 |\n\
         | b  |      | c    |   | deep | true  | 1.5 |\n\
         +----+------+------+---+------+-------+-----+"
    );
    // A condition on a column that a file lacks, and on a field.
    let filtered = "SELECT id FROM patient p WHERE later AND p.code.text IS NULL AND n > 1";
    assert!(shown(engine.run_query(filtered).unwrap()).contains("| b  |"));
}

#[test]
fn columns_that_differ_in_case_only_are_refused() {
    let root = tempfile::tempdir().unwrap();
    parquet(
        &root.path().join("lake/patient/a.parquet"),
        r#"{"id": "a", "code": {"x": 1, "X": 2}}"#,
    );
    let folder = |name: &str| Folder::open(root.path().join(name).to_str().unwrap()).unwrap();
    let work =
        WorkFolder::create_work(Some(root.path().join("work").to_str().unwrap()), &folder("work"));
    let limits = Limits { memory: 64 << 20, threads: 1 };
    let input = Input::Lake(folder("lake"));
    let engine = DataFusion::open_database(folder("db"), input, work.unwrap(), &limits).unwrap();
    let error = engine.run_query("SELECT id FROM patient").err().unwrap().to_string();
    assert!(error.contains("differ in case only"), "{error}");
}

#[test]
fn a_database_can_be_in_a_bucket() {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str| Folder::open(root.path().join(name).to_str().unwrap()).unwrap();
    parquet(&root.path().join("lake/patient/a.parquet"), r#"{"id": "a"}"#);
    let database = || Folder::open("memory://study-tables/db").unwrap();
    let open = || {
        let work = root.path().join("work");
        let work = WorkFolder::create_work(Some(work.to_str().unwrap()), &folder("work")).unwrap();
        let limits = Limits { memory: 64 << 20, threads: 2 };
        DataFusion::open_database(database(), Input::Lake(folder("lake")), work, &limits).unwrap()
    };
    let names = || -> Vec<String> {
        database().list().unwrap().into_iter().map(|entry| entry.name).collect()
    };
    let engine = open();
    let build = engine.begin_build(&name("s"), Start::Empty).unwrap();
    build
        .execute(&parse_statement("CREATE TABLE s__a AS SELECT id FROM patient").unwrap())
        .unwrap();
    build.execute(&parse_statement("INSERT INTO s__a VALUES ('b')").unwrap()).unwrap();
    build.commit_tables().unwrap();
    assert!(shown(open().run_query("SELECT count(*) AS n FROM s__a").unwrap()).contains("| 2 |"));
    // One that ends early leaves nothing.
    let before = names();
    let build = engine.begin_build(&name("s"), Start::Without(&[])).unwrap();
    build.execute(&parse_statement("CREATE TABLE s__b AS SELECT 1 AS x").unwrap()).unwrap();
    assert!(build.has_table("s__a") && names().len() > before.len());
    drop(build);
    assert_eq!(names(), before);
    assert_eq!(engine.clean_study(&name("S")).unwrap().removed, 1);
    assert_eq!(names(), Vec::<String>::new());
    assert_eq!(engine.clean_study(&name("s")).unwrap(), Cleaned::default());
}

#[test]
fn sorts_and_groups_go_to_the_disk_when_memory_is_short() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("in")).unwrap();
    fs::write(
        root.path().join("in/Patient.ndjson"),
        "{\"resourceType\":\"Patient\",\"id\":\"p\"}\n",
    )
    .unwrap();
    let folder = |name: &str| Folder::open(root.path().join(name).to_str().unwrap()).unwrap();
    let work =
        WorkFolder::create_work(Some(root.path().join("work").to_str().unwrap()), &folder("work"));
    let limits = Limits { memory: 40 << 20, threads: 2 };
    let input = Input::Ndjson(folder("in"));
    let engine = DataFusion::open_database(folder("db"), input, work.unwrap(), &limits).unwrap();
    let build = engine.begin_build(&name("s"), Start::Empty).unwrap();
    let rows = "SELECT n, concat('a value that takes some room ', CAST(n * 7919 % 1000003 AS varchar)) AS v \
                FROM (SELECT UNNEST(sequence(1, 600000)) AS n)";
    build.execute(&parse_statement(&format!("CREATE TABLE s__rows AS {rows}")).unwrap()).unwrap();
    let sorted = "CREATE TABLE s__sorted AS SELECT * FROM s__rows ORDER BY v DESC";
    assert_eq!(
        build.execute(&parse_statement(sorted).unwrap()).unwrap().unwrap().rows,
        Some(600_000)
    );
    let grouped = "CREATE TABLE s__grouped AS SELECT v, count(*) AS n FROM s__rows GROUP BY v";
    assert_eq!(
        build.execute(&parse_statement(grouped).unwrap()).unwrap().unwrap().rows,
        Some(600_000)
    );
}

/// An engine on an empty lake: statements need no other tables than their own.
fn alone(root: &std::path::Path) -> DataFusion {
    fs::create_dir_all(root.join("in")).unwrap();
    fs::write(root.join("in/Patient.ndjson"), "{\"resourceType\":\"Patient\",\"id\":\"p\"}\n")
        .unwrap();
    engine(root)
}

fn files(root: &std::path::Path) -> Vec<String> {
    let folder = Folder::open(root.to_str().unwrap()).unwrap();
    folder.list().unwrap().into_iter().map(|entry| entry.name).collect()
}

#[test]
fn no_row_is_lost_where_many_add_to_a_table_and_take_from_it() {
    let root = tempfile::tempdir().unwrap();
    let engine = alone(root.path());
    let build = engine.begin_build(&name("s"), Start::Empty).unwrap();
    build.execute(&parse_statement("CREATE TABLE s__t AS SELECT -1 AS n").unwrap()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let build = &build;
            scope.spawn(move || {
                for number in 0..5 {
                    let sql = format!("INSERT INTO s__t SELECT {}", thread * 5 + number);
                    build.execute(&parse_statement(&sql).unwrap()).unwrap();
                }
            });
        }
    });
    std::thread::scope(|scope| {
        for number in 0..6 {
            let build = &build;
            scope.spawn(move || {
                build
                    .execute(
                        &parse_statement(&format!("DELETE FROM s__t WHERE n = {number}")).unwrap(),
                    )
                    .unwrap();
            });
        }
    });
    build.commit_tables().unwrap();
    let shown = shown(engine.run_query("SELECT count(*) AS n, sum(n) AS s FROM s__t").unwrap());
    assert!(shown.contains("| 25 | 419 |"), "{shown}");
}

#[test]
fn rows_of_tables_that_are_gone_are_gone() {
    let root = tempfile::tempdir().unwrap();
    let engine = alone(root.path());
    let counts = "config_type = 'counts'\n[tables.count]\nsource_table = 's__rows'\n\
                  table_cols = ['kind']\nmin_subject = 1\n";
    let counts = crate::study::counts::read(&crate::study::source::Source::from_text("c", counts));
    let counts = counts.unwrap();
    let build = engine.begin_build(&name("s"), Start::Empty).unwrap();
    build
        .execute(
            &parse_statement("CREATE TABLE s__rows AS SELECT 'a' AS subject_ref, 'x' AS kind")
                .unwrap(),
        )
        .unwrap();
    // A former version called the rows to count so.
    let taken = "CREATE TABLE s__count__counted_rows AS SELECT 'mine' AS whose";
    build.execute(&parse_statement(taken).unwrap()).unwrap();
    build.make_counts("s__count", &counts[0]).unwrap();
    let open = files(&root.path().join("db"));
    assert!(!open.iter().any(|name| name.contains("-counted")), "{open:?}");
    build.execute(&parse_statement("DROP TABLE s__rows").unwrap()).unwrap();
    build.execute(&parse_statement("CREATE TABLE s__again AS SELECT 1 AS x").unwrap()).unwrap();
    build.execute(&parse_statement("CREATE TABLE s__again AS SELECT 2 AS x").unwrap()).unwrap();
    build.commit_tables().unwrap();
    let named = |part: &str| {
        let files = files(&root.path().join("db/s"));
        files.into_iter().filter(|name| name.contains(part)).count()
    };
    assert_eq!(named("rows"), 1, "the user's own");
    assert_eq!((named("again"), named("s__count."), named("")), (1, 1, 4));
    assert!(shown(engine.read_table("s__count__counted_rows").unwrap()).contains("mine"));

    // A reader can go on while the next build ends; the one after takes the files away.
    let without = [String::from("S__Again")];
    for left in [1, 0] {
        let build = engine.begin_build(&name("s"), Start::Without(&without)).unwrap();
        assert!(build.has_table("s__count") && !build.has_table("s__again"));
        build.commit_tables().unwrap();
        assert_eq!(named("again"), left);
    }
}

#[test]
fn what_is_not_a_studys_stays() {
    let root = tempfile::tempdir().unwrap();
    let engine = alone(root.path());
    let kept = ["db/s/notes.txt", "db/s/other/rows.parquet", "db/patient/_delta_log/0.json"];
    for name in kept {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    for study in ["s", "patient"] {
        assert_eq!(engine.clean_study(&name(study)).unwrap(), Cleaned::default());
        let build = engine.begin_build(&name(study), Start::Empty).unwrap();
        build
            .execute(
                &parse_statement(&format!("CREATE TABLE {study}__a AS SELECT 1 AS x")).unwrap(),
            )
            .unwrap();
        build.commit_tables().unwrap();
        assert!(engine.clean_study(&name(study)).unwrap().removed > 0);
        assert_eq!(engine.clean_study(&name(study)).unwrap(), Cleaned::default());
    }
    let files: Vec<_> =
        files(&root.path().join("db")).into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(files, ["patient/_delta_log/0.json", "s/notes.txt", "s/other/rows.parquet"]);
}

#[test]
fn a_schema_of_a_studys_own_has_its_tables() {
    let root = tempfile::tempdir().unwrap();
    let engine = alone(root.path());
    let build = engine.begin_build(&name("s"), Start::Empty).unwrap();
    build.dedicated_schema("Own");
    build
        .execute(
            &parse_statement("CREATE TABLE own.Patient AS SELECT 'mine' AS \"Whose\"").unwrap(),
        )
        .unwrap();
    build
        .execute(
            &parse_statement(
                "CREATE TABLE s__all AS SELECT o.Whose, p.id FROM own.patient o, patient p",
            )
            .unwrap(),
        )
        .unwrap();
    build
        .execute(
            &parse_statement("INSERT INTO own.\"all\" SELECT whose, 'q' FROM OWN.patient").unwrap(),
        )
        .unwrap();
    let foreign = build
        .execute(&parse_statement("CREATE TABLE other.patient AS SELECT 1 AS x").unwrap())
        .unwrap_err();
    assert!(foreign.to_string().contains("must begin with s__"), "{foreign}");
    build.commit_tables().unwrap();
    assert_eq!(
        shown(engine.run_query("SELECT * FROM s__all ORDER BY id").unwrap()),
        "+-------+----+\n\
         | Whose | id |\n\
         +-------+----+\n\
         | mine  | p  |\n\
         | mine  | q  |\n\
         +-------+----+"
    );
}

#[test]
fn nobody_stands_in_for_the_main_jobs_own_tables() {
    let root = tempfile::tempdir().unwrap();
    let engine = alone(root.path());
    let build = engine.begin_build(&name("s"), Start::Empty).unwrap();
    build
        .execute(
            &parse_statement("CREATE TABLE s__completion AS SELECT 'false' AS table_name").unwrap(),
        )
        .unwrap();
    build.commit_tables().unwrap();
    // As an older program may have left it.
    fs::rename(root.path().join("db/s"), root.path().join("db/etl")).unwrap();
    let list = root.path().join("db/etl/tables.json");
    let text =
        fs::read_to_string(&list).unwrap().replace("\"s__completion\"", "\"etl__completion\"");
    fs::write(&list, text).unwrap();
    let shown = shown(engine.run_query("SELECT count(*) AS n FROM ETL__Completion").unwrap());
    assert!(shown.contains("| 0 |"), "{shown}");
    assert_eq!(engine.list_studies().unwrap(), Vec::<StudyName>::new());
}

#[test]
fn rows_are_in_no_file_that_has_a_name() {
    let root = tempfile::tempdir().unwrap();
    let engine = alone(root.path());
    assert!(shown(engine.run_query("SELECT id FROM patient").unwrap()).contains("| p  |"));
    let build = engine.begin_build(&name("s"), Start::Empty).unwrap();
    build
        .execute(&parse_statement("CREATE TABLE s__a AS SELECT id FROM patient").unwrap())
        .unwrap();
    build.commit_tables().unwrap();
    let work = files(&root.path().join("work"));
    assert!(work.iter().all(|name| name.ends_with("/lock")), "{work:?}");
    // That they were patients' own is known as long as there are tables of them.
    assert!(engine.is_raw(&name("s")).unwrap());
    let folder = |name: &str| Folder::open(root.path().join(name).to_str().unwrap()).unwrap();
    let work = WorkFolder::create_work(Some(root.path().join("w").to_str().unwrap()), &folder("w"));
    let limits = Limits { memory: 64 << 20, threads: 1 };
    let later =
        DataFusion::open_database(folder("db"), Input::Nothing, work.unwrap(), &limits).unwrap();
    for (study, sql, raw) in [
        ("t", "CREATE TABLE t__a AS SELECT 1 AS x", false),
        ("u", "CREATE TABLE u__a AS SELECT * FROM s__a", true),
    ] {
        let build = later.begin_build(&name(study), Start::Empty).unwrap();
        build.execute(&parse_statement(sql).unwrap()).unwrap();
        build.commit_tables().unwrap();
        assert_eq!(later.is_raw(&name(study)).unwrap(), raw, "{study}");
    }
}

/// Writes lines of patients for [`engine`].
fn patients(root: &std::path::Path, lines: &[String]) {
    fs::create_dir_all(root.join("in")).unwrap();
    fs::write(root.join("in/Patient.ndjson"), lines.join("\n")).unwrap();
}

/// A second object would be a second row, and anything else would fail the whole table.
#[test]
fn lines_with_more_than_an_object_are_left_out() {
    let root = tempfile::tempdir().unwrap();
    let line = |id: &str| format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
    let lines = [line("a"), line("b") + " x", line("c") + &line("d"), line("e") + " "];
    patients(root.path(), &lines);
    assert_eq!(
        shown(engine(root.path()).run_query("SELECT id FROM patient ORDER BY id").unwrap()),
        "+----+\n| id |\n+----+\n| a  |\n| e  |\n+----+"
    );
}

#[test]
fn a_null_group_of_a_pattern_finds_nothing() {
    let root = tempfile::tempdir().unwrap();
    patients(root.path(), &[r#"{"resourceType":"Patient"}"#.to_owned()]);
    let sql = "SELECT regexp_extract('ab12', '([0-9]+)', g) AS a, \
               regexp_extract_all('ab12', '([0-9])', g) AS b, regexp_extract('ab12', 'b', 0) AS c \
               FROM (VALUES (1), (nullif(1, 1))) AS t (g) ORDER BY g";
    assert_eq!(
        shown(engine(root.path()).run_query(sql).unwrap()),
        "+----+--------+---+\n\
         | a  | b      | c |\n\
         +----+--------+---+\n\
         | 12 | [1, 2] | b |\n\
         |    |        | b |\n\
         +----+--------+---+"
    );
}

#[test]
fn decimals_of_too_many_digits_are_refused() {
    let root = tempfile::tempdir().unwrap();
    patients(root.path(), &[r#"{"resourceType":"Patient"}"#.to_owned()]);
    let engine = engine(root.path());
    let plan = |wanted: &str| {
        let sql = format!("SELECT CAST(NULL AS {wanted}) AS a");
        engine.run_query(&sql).err().map(|error| error.explain_causes())
    };
    for wanted in
        ["decimal(300,2)", "decimal(39)", "decimal(5,6)", "numeric(0)", "array<decimal(39)>"]
    {
        let error = plan(wanted).unwrap();
        assert!(error.contains("there is no decimal("), "{wanted}: {error}");
    }
    for wanted in ["decimal(38,2)", "numeric(10)", "decimal", "array<decimal(10,2)>"] {
        assert_eq!(plan(wanted), None, "{wanted}");
    }
}
