//! Files of other people's studies. The first byte says which: a manifest (`m`), a counts workflow
//! (`c`), SQL (`q`), or the files of a whole study (`s`): `name`, a line feed and the file's text each,
//! separated by NULs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cumulus_etl::error::Result;
use cumulus_etl::study::build::{BuildOptions, check_statements as check_build, read_inputs};
use cumulus_etl::study::folder::StudyFolder;
use cumulus_etl::study::manifest::Manifest;
use cumulus_etl::study::source::Source;
use cumulus_etl::study::workflow::Workflow;
use cumulus_etl::study::{dialect, room};

/// Takes the input as one of these files, and panics where a promise is broken. Whether it is one.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(rest) else { return false };
    // As every command on studies does.
    let checked = room::with_room(|| {
        Ok(match kind {
            b'm' => check_manifest(text),
            b'c' => check_workflow(text),
            b'q' => check_sql(text),
            b's' => check_study(text),
            _ => false,
        })
    });
    checked.expect("a thread")
}

fn check_manifest(text: &str) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("manifest.toml"), text).expect("a file");
    fs::write(folder.path().join("a.sql"), "CREATE TABLE s__a AS SELECT 1 AS one;")
        .expect("a file");
    let workflow = "config_type = 'counts'\n[tables.count_a]\nsource_table = 's__a'\n\
                    table_cols = ['one']\n";
    fs::write(folder.path().join("c.workflow"), workflow).expect("a file");
    match Manifest::load_manifest(&StudyFolder::new(folder.path()).unwrap(), folder.path()) {
        Ok(manifest) => {
            // A stage that is there can be asked for.
            assert!(manifest.stage_actions(Some("all")).is_ok());
            assert!(manifest.table_name("x").ends_with("__x"), "{}", manifest.table_name("x"));
            true
        }
        Err(error) => {
            // With another prefix, the fault is in the study's other files.
            let told = error.to_string();
            let files = ["manifest.toml", "a.sql", "c.workflow"];
            assert!(files.iter().any(|file| told.contains(file)), "{told}");
            false
        }
    }
}

fn check_workflow(text: &str) -> bool {
    let source = Source::from_text("counts.workflow", text);
    match Workflow::read(&source) {
        Ok(Workflow::Counts(tables)) => {
            for table in &tables {
                // Steps as the engine runs them. A table may have 16,384 groupings, of which the last has
                // all columns.
                let grouping = table.list_groupings().last().expect("there is one");
                let steps = [
                    table.source_sql(),
                    table.grouping_sql(grouping, "counted_rows"),
                    table.finish_sql("finished_rows"),
                ];
                for sql in steps {
                    let parsed = dialect::parse_statement(&sql);
                    // Long lists of conditions are refused when they are run.
                    assert!(parsed.is_ok() || sql.len() > 8192, "{parsed:?}: {sql}");
                }
            }
            true
        }
        Ok(Workflow::Upload(tables)) => !tables.is_empty(),
        Err(error) => {
            assert!(error.to_string().contains("counts.workflow:"), "{error}");
            false
        }
    }
}

fn check_sql(text: &str) -> bool {
    let Ok(cut) = dialect::cut_statements(text) else { return false };
    let lines = text.split('\n').count();
    let (mut statements, mut from) = (0, 0);
    for statement in cut {
        // Statements are parts of the text, in order, and each begins in its line.
        let at = from + text[from..].find(&statement.text).expect("it is a part of the text");
        let line = 1 + text[..at].matches('\n').count();
        assert!(statement.line >= line, "{} before {line}", statement.line);
        from = at + statement.text.len();
        if let Some(table) = statement.created_table() {
            assert!((1..=lines).contains(&table.line), "{table:?}");
        }
        if statement.parse_words().is_ok() {
            statements += 1;
        }
    }
    statements > 0
}

/// Writes the files of a study; nothing if a name is not that of a file below the folder.
fn write_files(folder: &Path, text: &str) -> Option<()> {
    for file in text.split('\0').take(12) {
        let (name, text) = file.split_once('\n')?;
        let is_plain = |part: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !part.is_empty() && part.len() < 60 && !part.starts_with('.') && part.chars().all(known)
        };
        if name.matches('/').count() > 1 || !name.split('/').all(is_plain) {
            return None;
        }
        let path = folder.join(name);
        fs::create_dir_all(path.parent()?).ok()?;
        fs::write(path, text).ok()?;
    }
    Some(())
}

fn check_study(text: &str) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    if write_files(folder.path(), text).is_none() {
        return false;
    }
    let root = StudyFolder::new(folder.path()).expect("the folder");
    let read = || -> Result<()> {
        let manifest = Manifest::load_manifest(&root, folder.path())?;
        check_build(&manifest)?;
        let options = BuildOptions {
            stage: Some("all".to_owned()),
            variables: BTreeMap::from([("site".to_owned(), "a".to_owned())]),
            concurrent: 1,
        };
        read_inputs(&manifest, &options).map(|_| ())
    };
    match read() {
        Ok(()) => true,
        Err(error) => {
            // The message says which file of the study is wrong, or which folder. A template that
            // another includes is called as it is there.
            let shown = folder.path().canonicalize().expect("the folder");
            let (shown, named) = (shown.display().to_string(), folder.path().display().to_string());
            let error = error.to_string();
            let mut names = text.split('\0').filter_map(|file| file.split('\n').next());
            let is_named = names.any(|name| error.contains(name));
            assert!(is_named || error.contains(&shown) || error.contains(&named), "{error}");
            false
        }
    }
}

/// Valid inputs of each kind.
#[allow(dead_code, reason = "fuzz targets read them from files")]
pub fn seeds() -> Vec<Vec<u8>> {
    [manifests(), workflows(), statements(), studies()].concat()
}

fn manifests() -> Vec<Vec<u8>> {
    let manifest = |n: usize| {
        let description = format!("description = 'study {n}'\n");
        let body = match n % 4 {
            0 => "[[stages.default]]\nfiles = ['a.sql']\n",
            1 => {
                "[[stages.default]]\nfiles = ['a.sql', 'c.workflow']\n[[stages.more]]\ntype = \
                  'export:counts'\ntables = ['c.workflow']\n"
            }
            2 => "[sql_config]\nfile_names = ['a.sql']\n",
            _ => "[file_config]\nfile_names = ['a.sql']\n[export_config]\nflat_list = ['s__a']\n",
        };
        format!("mstudy_prefix = 's'\n{description}{body}").into_bytes()
    };
    (0..36).map(manifest).collect()
}

fn workflows() -> Vec<Vec<u8>> {
    let workflow = |n: usize| {
        let columns = ["gender", "race", "age", "site"][..1 + n % 4].to_vec();
        let columns = columns.iter().map(|c| format!("'{c}'")).collect::<Vec<_>>().join(", ");
        let more = match n % 9 {
            0 => String::new(),
            1 => format!("min_subject = {}\n", 10 + n),
            2 => "description = 'Patients'\n".to_owned(),
            3 => "primary_id = 'encounter_ref'\n".to_owned(),
            4 => "secondary_id = 'encounter_ref'\nsecondary_table = 's__e'\n\
                  secondary_cols = ['class', ['start', 'date', 'begin']]\n\
                  alt_secondary_join_id = 'encounter_ref'\n"
                .to_owned(),
            5 => "filter_cols = [{name = 'site', values = ['a', \"b'c\"]}, ['age', ['1'], true]]\n"
                .to_owned(),
            6 => "where_clauses = ['p.gender IS NOT NULL', \"cnt_subject_ref > 20 AND gender LIKE \
                  'f%'\"]\n"
                .to_owned(),
            7 => format!(
                "[tables.count_{n}.annotation]\nfield = 'gender'\njoin_table = '\"v\".\"codes\"'\n\
                 join_field = 'code'\ncolumns = ['display', ['system', 'varchar', 'from']]\n"
            ),
            _ => format!(
                "[tables.count_{n}.annotation]\nfield = 'gender'\njoin_table = 's__codes'\n\
                 join_field = 'code'\ncolumns = [['display']]\nalt_target = 'display'\n"
            ),
        };
        format!(
            "cconfig_type = 'counts'\n[tables.count_{n}]\nsource_table = 's__t{n}'\n\
             table_cols = [{columns}]\n{more}"
        )
        .into_bytes()
    };
    (0..36).map(workflow).collect()
}

fn statements() -> Vec<Vec<u8>> {
    let queries = [
        "SELECT id FROM patient",
        "SELECT gender, count(*) AS n FROM patient GROUP BY gender HAVING count(*) > 9",
        "SELECT c.code FROM condition, UNNEST(code.coding) AS t (c)",
        "WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2",
        "SELECT date_diff('year', date '2020-01-01', current_date)",
        "SELECT CAST(id AS varchar), TRY_CAST('x' AS double) FROM patient",
        "SELECT row_number() OVER (PARTITION BY a ORDER BY b DESC) FROM s__t",
        "SELECT CASE WHEN a LIKE 'x%' THEN 'y' ELSE \"B\" END FROM s__t",
        "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (n, text)",
        "SELECT element_at(split(id, '-'), 1), transform(ARRAY[1, 2], x -> x + 1)[1] FROM patient",
        "SELECT date_trunc('month', from_iso8601_timestamp(birthdate)) + interval '1' day FROM patient",
        "SELECT p.id, t.n FROM patient AS p CROSS JOIN UNNEST(p.name) AS t (n)",
        "SELECT array_agg(DISTINCT a ORDER BY a) FILTER (WHERE a > 1), approx_distinct(b) FROM s__t",
        "SELECT a FROM s__t WHERE a IN (SELECT b FROM s__u) AND EXISTS (SELECT 1 FROM s__u) LIMIT 3",
        "SELECT regexp_like(a, '^x'), format('%s', a), json_extract_scalar(a, '$.b') FROM s__t",
    ];
    let statement = |n: usize| {
        let query = queries[n % queries.len()];
        let text = match n / queries.len() {
            0 => format!("{query} -- {n}"),
            1 => format!("-- {n}\nCREATE TABLE s__t{n} AS {query};\n"),
            _ => match n % 6 {
                0 => format!("CREATE OR REPLACE VIEW s__v{n} AS\n{query}\n;\nSELECT 1;"),
                1 => format!("/* {n} */ CREATE TABLE IF NOT EXISTS s__t AS ({query})"),
                2 => format!("CREATE TABLE s__t{n} (a varchar, b bigint, c double)"),
                3 => format!("INSERT INTO s__t{n} (a) {query}"),
                4 => format!("DELETE FROM s__t WHERE a = {n}; DROP TABLE IF EXISTS s__t, s__u"),
                _ => format!("CREATE TABLE s__t{n} WITH (format = 'PARQUET') AS {query}"),
            },
        };
        format!("q{text}").into_bytes()
    };
    (0..45).map(statement).collect()
}

fn studies() -> Vec<Vec<u8>> {
    let study = |n: usize| {
        let head = format!("manifest.toml\nstudy_prefix = 's'\ndescription = 'study {n}'\n");
        let files: Vec<String> = match n % 6 {
            // A template, with another that it includes.
            0 => vec![
                format!("{head}[[stages.default]]\nfiles = ['t.sql.jinja']\n"),
                format!(
                    "t.sql.jinja\n{{% import 'm.jinja' as m %}}{{% for k in ['a', 'b', '{n}'] %}}CREATE \
                     TABLE {{{{ prefix }}}}__t_{{{{ k }}}} AS SELECT '{{{{ site }}}}' AS x{{{{ \
                     m.named(k) }}}};\n{{% endfor %}}"
                ),
                "m.jinja\n{% macro named(x) %}{{ x | upper | trim | replace('1', 'one') }}x{% endmacro %}"
                    .to_owned(),
            ],
            // A table of text files, one of them of another kind.
            1 => vec![
                format!("{head}[[stages.default]]\nfiles = ['u.workflow']\n"),
                format!(
                    "u.workflow\nconfig_type = 'file_upload'\n[tables.codes]\nfile = 'codes.csv'\n\
                     col_types = ['varchar', 'bigint']\n[tables.more]\nfiles = ['d']\n\
                     delimiter = '{}'\n",
                    [';', '|'][n / 6 % 2]
                ),
                format!("codes.csv\nCodeName,Rank\n\"a, {n}\",1\nb,\n"),
                ["d/m.csv\nx;y\n1;\"2\n3\"\n", "d/m.csv\nx|y\n1|2\n"][n / 6 % 2].to_owned(),
                "d/notes.md\nnot a table".to_owned(),
            ],
            // A submanifest, and exports of all kinds.
            2 => vec![
                format!(
                    "{head}[[stages.default]]\ntype = 'submanifest'\nfiles = ['sub.toml']\n\
                     [[stages.out]]\nlabel = 'out'\ntype = 'export:flat'\ntables = ['a']\n\
                     [[stages.out]]\ntype = 'export:meta'\ntables = [{{name = 's__meta_version', \
                     description = 'v{n}'}}]\n"
                ),
                "sub.toml\n[[actions]]\ntype = 'build:parallel'\nfiles = ['a.sql', 'b.sql']\n\
                 skip_by_default = true\n[[actions]]\ntype = 'export:annotated_counts'\n\
                 tables = ['c.workflow']\n"
                    .to_owned(),
                "a.sql\nCREATE TABLE s__a AS SELECT 1 AS one;\n".to_owned(),
                "b.sql\nCREATE TABLE s__meta_version AS SELECT 2 AS data_package_version;".to_owned(),
                "c.workflow\nconfig_type = 'counts'\n[tables.count_a]\nsource_table = 's__a'\n\
                 table_cols = ['one']\n"
                    .to_owned(),
            ],
            // A data dictionary of each kind.
            3 => {
                let (name, text) = match n / 6 % 3 {
                    0 => ("d.csv", "name,display,type\na,The A,integer\nb,,string\n"),
                    1 => ("d.json", r#"{"fields": [{"name": "a", "type": "day", "details": "x"}]}"#),
                    _ => ("d.toml", "[[fields]]\nname = 'a'\ndescription = 'An a'\n"),
                };
                let head = head.replace("description", &format!("data_dictionary = '{name}'\ndescription"));
                vec![
                    format!("{head}[[stages.default]]\nfiles = ['a.sql']\n"),
                    format!("{name}\n{text}"),
                    format!("a.sql\nCREATE TABLE s__a AS SELECT {n} AS a;"),
                ]
            }
            // The older layout.
            4 => vec![
                format!(
                    "{head}[file_config]\nfile_names = ['a.sql', 'c.workflow']\n[export_config]\n\
                     export_list = ['s__a', 's__meta_date']\ncount_list = ['s__count_a']\n"
                ),
                format!(
                    "a.sql\n-- {n}\nCREATE TABLE s__a AS SELECT 1 AS one;\nCREATE TABLE s__meta_date AS \
                     SELECT 2 AS two;"
                ),
                "c.workflow\nconfig_type = 'counts'\n[tables.count_a]\nsource_table = 's__a'\n\
                 table_cols = ['one']\n"
                    .to_owned(),
            ],
            // A schema of its own, and statements that change tables of the study.
            _ => vec![
                format!(
                    "{head}subject_grain_column = 'subject_ref'\nsubject_grain_tables = ['s__a']\n\
                     [advanced_options]\ndedicated_schema = 'own'\n[[stages.default]]\n\
                     files = ['a.sql']\n[[stages.default]]\nfiles = ['t.sql.jinja']\n"
                ),
                format!(
                    "a.sql\nCREATE TABLE own.a (x bigint);\nINSERT INTO own.a SELECT {n};\n\
                     DELETE FROM own.a WHERE x > 1;"
                ),
                "t.sql.jinja\nCREATE VIEW own.b AS SELECT {{ subject_grain_column }} FROM own.a".to_owned(),
            ],
        };
        format!("s{}", files.join("\0")).into_bytes()
    };
    (0..36).map(study).collect()
}
