use std::fs;
use std::path::Path;

use super::*;
use crate::error::StudyFault;
use crate::study::manifest::ExportKind::{AnnotatedCube, Cube, Flat, Meta};

/// A study's folder with some files.
fn study(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// The study of a folder, which is the folder that it is found in.
fn loaded(folder: &Path) -> Result<Manifest> {
    Manifest::load_manifest(&StudyFolder::new(folder).unwrap(), folder)
}

/// The message of a study that is not accepted, paths from its folder on.
fn fault(files: &[(&str, &str)]) -> String {
    let dir = study(files);
    let error = loaded(dir.path()).unwrap_err();
    assert_eq!(error.kind(), StudyFault::Definition.into());
    error.to_string().replace(&format!("{}/", dir.path().display()), "")
}

fn exports(actions: &[&StudyAction]) -> Vec<(String, ExportKind)> {
    let tables = actions.iter().flat_map(|action| match &action.work {
        Work::Export { tables, .. } => tables.as_slice(),
        Work::Build { .. } => &[],
    });
    tables.map(|table| (table.name.clone(), table.kind)).collect()
}

fn files(actions: &[&StudyAction]) -> Vec<String> {
    let files = actions.iter().flat_map(|action| match &action.work {
        Work::Build { files, .. } => files.as_slice(),
        Work::Export { .. } => &[],
    });
    files.map(|file| file.name.clone()).collect()
}

const COUNTS: &str = "config_type = 'counts'\n\
    [tables.count_a]\nsource_table = 's__a'\ntable_cols = ['x']\ndescription = 'as'\n\
    [tables.S__count_b]\nsource_table = 's__a'\ntable_cols = ['x']\n\
    annotation = {field = 'x', join_table = 'j', join_field = 'x', columns = ['y']}\n";

#[test]
fn stages_run_in_order_and_all_leaves_out_what_is_skipped() {
    let dir = study(&[
        (
            "manifest.toml",
            "study_prefix = 'S'\ndescription = 'About'\n\
             [[stages.second]]\nlabel = 'Two'\ntype = 'build:parallel'\nfiles = ['b.sql', 'a.sql']\n\
             [[stages.first]]\ndescription = 'old label'\nfiles = ['c.sql.jinja']\n\
             skip_by_default = true\n\
             [[stages.first]]\ntype = 'submanifest'\nfiles = ['part/sub.toml']\n\
             [[stages.second]]\ntype = 'export:counts'\n\
             tables = ['n.workflow', 'plain', {name = 's__named', description = 'd'}]\n\
             [[stages.second]]\ntype = 'export:meta'\ntables = ['s__meta']\n",
        ),
        ("a.sql", "CREATE TABLE s__a AS SELECT 1;"),
        ("b.sql", "-- nothing"),
        ("c.sql.jinja", "{{ anything }}"),
        ("n.workflow", COUNTS),
        ("part/sub.toml", "[[actions]]\nfiles = ['n.workflow']\n"),
    ]);
    let manifest = loaded(dir.path()).unwrap();
    assert_eq!(&*manifest.prefix, "s");
    assert_eq!(manifest.stages.keys().collect::<Vec<_>>(), ["second", "first"]);
    let all = manifest.stage_actions(None).unwrap();
    assert_eq!(files(&all), ["b.sql", "a.sql", "n.workflow"]);
    let expected = [
        ("s__count_a", Cube),
        ("s__count_b", AnnotatedCube),
        ("s__plain", Cube),
        ("s__named", Cube),
        ("s__meta", Meta),
    ];
    assert_eq!(exports(&all), expected.map(|(name, kind)| (name.to_owned(), kind)));
    let first = manifest.stage_actions(Some("first")).unwrap();
    assert_eq!(files(&first), ["c.sql.jinja", "n.workflow"]);
    assert_eq!(first[0].label.as_deref(), Some("old label"));
    let unknown = manifest.stage_actions(Some("third")).unwrap_err();
    assert!(unknown.to_string().ends_with("there are: second, first, all"), "{unknown}");
}

#[test]
fn annotated_counts_are_tagged_when_they_are_listed_by_name() {
    let dir = study(&[
        (
            "manifest.toml",
            "study_prefix = 's'\n\
             [[stages.a]]\ntype = 'export:counts'\ntables = ['count_a', 'count_b']\n\
             [[stages.a]]\nfiles = ['n.workflow']\n",
        ),
        ("n.workflow", COUNTS),
    ]);
    let manifest = loaded(dir.path()).unwrap();
    let expected = [("s__count_a".to_owned(), Cube), ("s__count_b".to_owned(), AnnotatedCube)];
    assert_eq!(exports(&manifest.stage_actions(None).unwrap()), expected);
}

#[test]
fn a_stage_called_default_runs_alone() {
    let dir = study(&[
        (
            "manifest.toml",
            "study_prefix = 's'\n[[stages.other]]\nfiles = ['a.sql']\n\
             [[stages.default]]\nfiles = ['b.sql']\nskip_by_default = true\n",
        ),
        ("a.sql", ""),
        ("b.sql", ""),
    ]);
    let manifest = loaded(dir.path()).unwrap();
    assert_eq!(files(&manifest.stage_actions(None).unwrap()), ["b.sql"]);
    assert_eq!(files(&manifest.stage_actions(Some("all")).unwrap()), ["a.sql"]);
}

#[test]
fn the_older_layout_is_one_stage() {
    let dir = study(&[
        (
            "manifest.toml",
            "study_prefix = 's'\n[sql_config]\nfile_names = ['a.sql', 'b.sql']\n\
             [export_config]\nexport_list = ['s__meta_date', 's__a', 'meta_version']\n\
             flat_list = ['s__b', 's__meta_flat']\n",
        ),
        ("a.sql", "create table s__a as select 1"),
        ("b.sql", ""),
    ]);
    let manifest = loaded(dir.path()).unwrap();
    let actions = manifest.stage_actions(None).unwrap();
    assert_eq!(files(&actions), ["a.sql", "b.sql"]);
    let tables = [
        ("s__a", Cube),
        ("s__meta_date", Meta),
        ("s__meta_version", Meta),
        ("s__b", Flat),
        ("s__meta_flat", Flat),
    ];
    assert_eq!(exports(&actions), tables.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn faults_name_file_and_line() {
    let manifest = |rest: &str| format!("study_prefix = 's'\n{rest}");
    let stage = |rest: &str| manifest(&format!("[[stages.a]]\n{rest}"));
    for (text, expected) in [
        (manifest("colour = 1\n"), "manifest.toml:2: unknown field `colour`"),
        (stage("file = ['a.sql']\n"), "manifest.toml:3: unknown field `file`"),
        (
            stage("files = [\n  'a.sql',\n  'gone.sql']\n"),
            "manifest.toml:5: there is no file gone.sql",
        ),
        (stage("files = ['b.py']\n"), "manifest.toml:3: b.py: Python does not run here"),
        (stage("files = ['a.txt']\n"), "manifest.toml:3: a.txt is none of .sql"),
        (stage("type = 'build'\nfiles = []\n"), "manifest.toml:3: type 'build' is none of"),
        (stage("type = 'export:flat'\n"), "manifest.toml:2: an export needs 'tables'"),
        (stage("label = 'a[b]'\nfiles = []\n"), "manifest.toml:3: a label has no square"),
        (
            stage("type = 'export:flat'\ntables = [\n  'ok', {name = 'x', descr = ''}]\n"),
            "manifest.toml:5: unknown field `descr`",
        ),
        (
            stage("type = 'export:flat'\ntables = [\n  's__ok',\n  'other__x']\n"),
            "manifest.toml:6: other__x is not a table of this study: its name must begin with s__",
        ),
        (
            stage("type = 'export:flat'\ntables = ['s__x',\n'X']\n"),
            "manifest.toml:5: s__X is exported at manifest.toml:4, too",
        ),
        (manifest("[[stages.all]]\nfiles = []\n"), "manifest.toml:2: 'all' means every stage"),
        (manifest(""), "manifest.toml:1: there are no stages"),
        (
            manifest("[advanced_options]\ndynamic_study_prefix = 'p.py'\n"),
            "manifest.toml:3: Python does not run here",
        ),
        (
            stage("files = ['a.sql']\n[sql_config]\nfile_names = ['a.sql']\n"),
            "manifest.toml:4: a manifest with stages",
        ),
        ("description = ''\n".to_owned(), "manifest.toml:1: study_prefix is missing"),
        ("\nstudy_prefix = 'a-b'\n".to_owned(), "manifest.toml:2: a study_prefix is a letter"),
        ("study_prefix = 'a__b'\n".to_owned(), "manifest.toml:1: a study_prefix has no '__'"),
    ] {
        let files = [("manifest.toml", text.as_str()), ("a.sql", ""), ("b.py", ""), ("a.txt", "")];
        let message = fault(&files);
        assert!(message.starts_with(expected), "{text}\n{message}");
    }
}

#[test]
fn tables_are_the_studys_own_and_made_once() {
    let manifest = "study_prefix = 's'\n[[stages.a]]\nfiles = ['a.sql', 'n.workflow', 'a.sql']\n";
    let with = |sql: &str, workflow: &str| {
        fault(&[("manifest.toml", manifest), ("a.sql", sql), ("n.workflow", workflow)])
    };
    assert_eq!(
        with("SELECT 1;\nCREATE TABLE other__x AS SELECT 1", COUNTS),
        "a.sql:2: other__x is not a table of this study: its name must begin with s__"
    );
    assert_eq!(
        with("SELECT 1;\n\nCREATE TABLE x.s__y AS SELECT 1", COUNTS),
        "a.sql:3: x.s__y is in a schema that is not this study's"
    );
    assert_eq!(
        with("CREATE TABLE s__COUNT_A AS SELECT 1", COUNTS),
        "n.workflow:2: table s__count_a is made at a.sql:1, too; rename one of them"
    );
    let foreign = COUNTS.replace("S__count_b", "t__count_b");
    assert!(with("", &foreign).starts_with("n.workflow:6: t__count_b is not a table"));
    let unknown = with("", "config_type = 'psm'\n");
    assert!(unknown.starts_with("n.workflow:1: workflows of type 'psm'"), "{unknown}");
}

#[test]
fn a_schema_of_its_own_stands_for_the_prefix() {
    let dir = study(&[
        (
            "manifest.toml",
            "study_prefix = 's'\nadvanced_options = {dedicated_schema = 'own'}\n\
             [[stages.a]]\nfiles = ['a.sql']\n",
        ),
        ("a.sql", "CREATE TABLE own.x AS SELECT 1"),
    ]);
    let manifest = loaded(dir.path()).unwrap();
    let Work::Build { files, .. } = &manifest.stage_actions(None).unwrap()[0].work else {
        panic!()
    };
    assert!(matches!(&files[0].content, Content::Sql(tables) if *tables == ["s__x"]));
}

#[test]
fn dictionaries_are_the_same_in_each_form() {
    let forms = [
        ("d.csv", "name,display,type\nx,The x,month\ny,,string\n"),
        (
            "d.json",
            r#"{"fields": [{"name": "x", "display": "The x", "type": "month"},
                {"name": "y", "type": "string"}]}"#,
        ),
        (
            "d.toml",
            "[[fields]]\nname = 'x'\ndisplay = 'The x'\ntype = 'month'\n\
             [[fields]]\nname = 'y'\ntype = 'string'\n",
        ),
    ];
    let manifest = |name: &str| {
        format!("study_prefix='s'\ndata_dictionary='{name}'\n[[stages.a]]\nfiles=[]\n")
    };
    for (name, text) in forms {
        let dir = study(&[("manifest.toml", &manifest(name)), (name, text)]);
        let terms = loaded(dir.path()).unwrap().dictionary;
        assert_eq!(terms.len(), 2, "{name}");
        let first = (terms[0].name.as_str(), terms[0].display.as_deref(), terms[0].kind.as_deref());
        assert_eq!(first, ("x", Some("The x"), Some("month")), "{name}");
        assert_eq!(terms[1].display, None, "{name}");
    }
    let faulty = |text| fault(&[("manifest.toml", &manifest("d.csv")), ("d.csv", text)]);
    assert!(faulty("name,type\nx,day\nyy,colour\n").starts_with("d.csv:3: type 'colour' of 'yy'"));
    assert!(faulty("name,colour\nx,red\n").starts_with("d.csv:2: "), "an unknown column");
    assert!(faulty("display\nx\n").starts_with("d.csv:2: "), "no name");
}

#[test]
fn a_file_that_is_named_again_and_again_is_not_read_without_end() {
    let text = format!("-- {}\nCREATE TABLE s__a AS SELECT 1 AS one;", "x".repeat(1 << 20));
    let workflow = format!("{COUNTS}# {}", "x".repeat(1 << 19));
    let part = format!("[[actions]]\nfiles = []\n# {}", "x".repeat(1 << 19));
    let head = "study_prefix = 's'\n";
    for (name, text, line) in [
        ("a.sql", text, "[[stages.default]]\nfiles = ['a.sql'"),
        ("c.workflow", workflow, "[[stages.default]]\nfiles = ['c.workflow'"),
        ("p.toml", part, "[[stages.default]]\ntype = 'submanifest'\nfiles = ['p.toml'"),
    ] {
        let more = format!(", '{name}'").repeat(20_000);
        let manifest = format!("{head}{line}{more}]\n");
        let fault = fault(&[("manifest.toml", &manifest), (name, &text)]);
        assert!(fault.starts_with("manifest.toml:"), "{fault}");
        assert!(fault.contains("as often as it is named"), "{fault}");
    }
    let few = format!("{head}[[stages.default]]\nfiles = ['a.sql', 'a.sql']\n");
    let dir = study(&[("manifest.toml", &few), ("a.sql", "CREATE TABLE s__a AS SELECT 1 AS one")]);
    assert!(loaded(dir.path()).is_ok());
}
