//! Files of other people's studies: manifests, counts and upload workflows, SQL. The first byte says
//! which (`m`, `c`, `q`).

use std::fs;

use cumulus_etl::study::folder::StudyFolder;
use cumulus_etl::study::manifest::Manifest;
use cumulus_etl::study::source::Source;
use cumulus_etl::study::workflow::Workflow;
use cumulus_etl::study::{dialect, sql_file};

/// Takes the input as one of these files, and panics where a promise is broken. Whether it is one.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(rest) else { return false };
    match kind {
        b'm' => check_manifest(text),
        b'c' => check_workflow(text),
        b'q' => check_sql(text),
        _ => false,
    }
}

fn check_manifest(text: &str) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("manifest.toml"), text).expect("a file");
    fs::write(folder.path().join("a.sql"), "CREATE TABLE s__a AS SELECT 1 AS one;")
        .expect("a file");
    let workflow = "config_type = 'counts'\n[tables.count_a]\nsource_table = 's__a'\n\
                    table_cols = ['one']\n";
    fs::write(folder.path().join("c.workflow"), workflow).expect("a file");
    match Manifest::load(&StudyFolder::new(folder.path()).unwrap(), folder.path()) {
        Ok(manifest) => {
            // A stage that is there can be asked for.
            assert!(manifest.stage(Some("all")).is_ok());
            assert!(manifest.table("x").ends_with("__x"), "{}", manifest.table("x"));
            true
        }
        Err(error) => {
            assert!(error.to_string().contains("manifest.toml"), "{error}");
            false
        }
    }
}

fn check_workflow(text: &str) -> bool {
    let source = Source::of("counts.workflow", text);
    match Workflow::read(&source) {
        Ok(Workflow::Counts(tables)) => {
            for table in &tables {
                let sql = table.statement();
                let parsed = dialect::parse(&sql);
                assert!(parsed.is_ok(), "{}", sql);
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
    let source = Source::of("a.sql", text);
    if let Ok(tables) = sql_file::created(&source) {
        let lines = text.split('\n').count();
        assert!(tables.iter().all(|table| (1..=lines).contains(&table.line)), "{tables:?}");
    }
    let Ok(pieces) = dialect::pieces(text) else { return false };
    let mut statements = 0;
    for piece in pieces {
        if dialect::parse(&piece.sql).is_ok() {
            statements += 1;
        }
    }
    statements > 0
}

/// Valid inputs of each kind.
#[allow(dead_code, reason = "fuzz targets read them from files")]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for n in 0..36 {
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
        let text = format!("study_prefix = 's'\n{description}{body}");
        seeds.push(format!("m{text}").into_bytes());
    }
    for n in 0..36 {
        let columns = ["gender", "race", "age", "site"][..1 + n % 4].to_vec();
        let columns = columns.iter().map(|c| format!("'{c}'")).collect::<Vec<_>>().join(", ");
        let more = match n % 4 {
            0 => String::new(),
            1 => format!("min_subject = {}\n", 10 + n),
            2 => "description = 'Patients'\n".to_owned(),
            _ => "primary_id = 'encounter_ref'\n".to_owned(),
        };
        seeds.push(
            format!(
                "cconfig_type = 'counts'\n[tables.count_{n}]\nsource_table = 's__t{n}'\n\
                 table_cols = [{columns}]\n{more}"
            )
            .into_bytes(),
        );
    }
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
    ];
    for n in 0..36 {
        let query = queries[n % 9];
        let text = match n / 9 {
            0 => format!("{query} -- {n}"),
            1 => format!("-- {n}\nCREATE TABLE s__t{n} AS {query};\n"),
            2 => format!("CREATE OR REPLACE VIEW s__v{n} AS\n{query}\n;\nSELECT 1;"),
            _ => format!("/* {n} */ CREATE TABLE IF NOT EXISTS s__t AS ({query})"),
        };
        seeds.push(format!("q{text}").into_bytes());
    }
    seeds
}
