//! The messages of frequent faults, as the user sees them: one snapshot for each part of the program in
//! `snapshots/`. A change of a sentence shows there as a difference that can be read (CONTRIBUTING.md,
//! "Change a message").

use std::fs;

use crate::support::{Site, children, end, json_file, patient};

/// Commands, and all that they said.
struct Transcript {
    site: Site,
    text: String,
}

impl Transcript {
    /// Begins in a site whose INPUT has a Patient and an Encounter.
    fn new() -> Self {
        Self { site: Site::with_patient_and_encounter(), text: String::new() }
    }

    /// Runs the program; adds the command, its standard output and error, and its exit code.
    fn run(&mut self, arguments: &[&str]) {
        self.run_with(arguments, &[]);
    }

    /// The same with some environment variables.
    fn run_with(&mut self, arguments: &[&str], variables: &[(&str, &str)]) {
        let ended = end(self.site.command().args(arguments).envs(variables.iter().copied()));
        let code = ended.code.expect("no signal has ended it");
        self.text.push('$');
        for (name, value) in variables {
            self.text += &format!(" {name}={}", quote_blank(value));
        }
        self.text.push_str(" cumulus-etl");
        for argument in arguments {
            self.text += &format!(" {}", quote_blank(argument));
        }
        self.text += &format!("\n{}{}exit {code}\n\n", ended.out, ended.err);
    }

    /// The text, with names in the places of the parts that differ each time: the temporary folder's path,
    /// and `masks`, each with its name.
    fn finish(&self, masks: &[(&str, &str)]) -> String {
        let root = self.site.arg("");
        let mut text = self.text.replace(root.trim_end_matches('/'), "SITE");
        for (part, name) in masks {
            assert!(text.contains(part), "'{part}' is missing: {text}");
            text = text.replace(part, name);
        }
        text.trim_end().to_owned()
    }
}

/// An argument as one would type it.
fn quote_blank(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:@".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{argument}'"),
    }
}

/// The export that the rows of INPUT are of.
const OF_EXPORT: [&str; 2] = ["--export-group=g", "--export-timestamp=2024-08-06"];

/// The arguments of the main job with these folders, and more options.
fn job<'a>(folders: [&'a str; 3], more: &[&'a str]) -> Vec<&'a str> {
    [&folders[..], &OF_EXPORT, more].concat()
}

const FOLDERS: [&str; 3] = ["in", "out", "phi"];

#[test]
fn settings() {
    let mut told = Transcript::new();
    told.site.file("etl.toml", "threads = 'many'\nno-such-setting = 1\n[strict]\nx = 1\n");
    told.site.file("broken.toml", "comment = \nx");
    told.run(&[]);
    told.run(&["in", "out", "phi", "more"]);
    told.run(&["in", "out", "phi", "--no-such-flag"]);
    told.run(&["covert", "out", "lake"]);
    told.run(&["in", "out", "phi"]);
    told.run(&["in", "out", "phi", "--export-group=g"]);
    told.run(&["in", "out", "phi", "--export-group=g", "--export-timestamp=yesterday"]);
    told.run_with(
        &["in", "out", "phi", "-c", "etl.toml", "--output-format=delta,csv", "--log-format=xml"],
        &[("CUMULUS_ETL_BATCH_SIZE", "-3")],
    );
    told.run(&["in", "out", "phi", "-c", "none.toml"]);
    told.run(&["in", "out", "phi", "-c", "broken.toml"]);
    told.run(&job(FOLDERS, &["--task=patient,dog"]));
    told.run(&job(FOLDERS, &["--task=help"]));
    told.run(&job(FOLDERS, &["--task=device"]));
    told.run(&job(FOLDERS, &["--philter"]));
    told.run(&job(FOLDERS, &["--input-format=i2b2"]));
    insta::assert_snapshot!(told.finish(&[]));
}

#[test]
fn folders() {
    let mut told = Transcript::new();
    for folders in [
        ["nowhere", "out", "phi"],
        ["in/p.ndjson", "out", "phi"],
        ["in", "out", "out/phi"],
        ["in", "in/out", "phi"],
        ["in", "out", "in"],
        ["in", "s3://key:secret@bucket/out?sig=secret", "phi"],
        ["in", "gopher://x/y", "phi"],
    ] {
        told.run(&job(folders, &[]));
    }
    told.site.run(&["--output-format=csv"]);
    told.run(&job(["in", "phi", "out"], &[]));
    told.run(&job(["in", "out", "other-phi"], &["--output-format=csv"]));
    told.run(&job(FOLDERS, &["--output-format=ndjson"]));
    told.run(&job(["out", "other", "phi"], &[]));
    // A codebook's name is random.
    let codebook = json_file(&told.site.path("phi/codebook.json"));
    let name = codebook["codebook_id"].as_str().unwrap();
    insta::assert_snapshot!(told.finish(&[(name, "CODEBOOK")]));
}

#[test]
fn rows() {
    let mut told = Transcript::new();
    told.site.input(
        "p.ndjson",
        "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n{\"resourceType\":\"Patient\"}\nx\n\
         {\"resourceType\":\"Patient\",\"id\":7}\n",
    );
    told.run(&job(FOLDERS, &["--strict", "-q"]));
    told.run(&job(["in", "out-2", "phi-2"], &["--task=device,patient", "-q"]));
    told.site.input("e.ndjson.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03broken");
    told.run(&job(["in", "out-3", "phi-3"], &["-q"]));
    let time = children(&told.site.path("phi/rejected")).pop().unwrap();
    insta::assert_snapshot!(told.finish(&[(&time, "TIME")]));
}

#[test]
fn servers() {
    let mut told = Transcript::new();
    // Nobody listens at the port of `discard`, and no name is asked for.
    let server = "http://127.0.0.1:9/fhir";
    told.run(&["export", "https://user:secret@ehr.example/fhir/Group/g?token=secret", "to"]);
    told.run(&["export", server, "to", "--smart-client-id=me"]);
    told.run(&["export", server, "to", "--basic-user=me"]);
    told.run(&["export", server, "to", "--bearer-token=no-such-file"]);
    told.run(&["export", server, "to", "--smart-client-id=me", "--smart-key=none.jwks"]);
    insta::assert_snapshot!(told.finish(&[]));
}

/// A study `s` of this statement.
fn write_study(site: &Site, statement: &str) {
    site.file(
        "studies/s/manifest.toml",
        "study_prefix = 's'\n[[stages.default]]\nfiles = ['a.sql']\n",
    );
    site.file("studies/s/a.sql", format!("-- Patients.\n{statement};\n"));
}

#[test]
fn studies() {
    let mut told = Transcript::new();
    told.site.lake("patient", &[patient("a", "female")]);
    let database = ["--lake", "lake", "--database", "db"];
    let build = [&["study", "build", "-t", "s", "-s", "studies"], &database[..]].concat();
    told.run(&build);
    for statement in [
        "CREATE TABLE s__a AS SELEC 1 AS x",
        "CREATE TABLE other__a AS SELECT 1 AS x",
        "CREATE TABLE s__a AS SELECT gendre FROM patient",
        "CREATE TABLE s__a AS SELECT id FROM patients",
        "CREATE TABLE s__a AS SELECT no_such_function(id) AS x FROM patient",
        "CREATE TABLE s__a AS SELECT CAST(gender AS bigint) AS x FROM patient",
        "UPDATE s__a SET x = 1",
    ] {
        write_study(&told.site, statement);
        told.text += &format!("-- studies/s/a.sql: {statement}\n");
        told.run(&build);
    }
    write_study(&told.site, "CREATE TABLE s__a AS SELECT 1 AS x");
    told.run(&[&build[..], &["--stage", "none"]].concat());
    told.run(&["study", "build", "-t", "t", "-s", "studies", "--lake", "lake", "--database", "db"]);
    told.run(&["study", "export", "-t", "s", "-s", "studies", "to", "--database", "db"]);
    told.run(&[&["study", "sql", "DROP TABLE patient"], &database[..]].concat());
    fs::write(told.site.path("studies/s/manifest.toml"), "study_prefix = 's'\nstages = 7\n")
        .unwrap();
    told.run(&build);
    insta::assert_snapshot!(told.finish(&[]));
}

#[test]
fn shares() {
    let mut told = Transcript::new();
    let rows: Vec<_> = (0..12).map(|number| patient(&format!("{number:064x}"), "other")).collect();
    told.site.lake("patient", &rows);
    let manifest = "study_prefix = 's'\n[[stages.default]]\nfiles = ['a.sql']\n\
                    [[stages.default]]\ntype = 'export:flat'\ntables = ['ids', 'few', 'rows']\n";
    let statements = "CREATE TABLE s__ids AS SELECT 'Patient/' || id AS kind FROM patient;\n\
                      CREATE TABLE s__few AS SELECT 3 AS cnt, 'x' AS kind;\n\
                      CREATE TABLE s__rows AS SELECT gender FROM patient;\n";
    told.site.file("studies/s/manifest.toml", manifest);
    told.site.file("studies/s/a.sql", statements);
    let build = ["study", "build", "-t", "s", "-s", "studies", "--lake=lake", "--database=db"];
    // Its last lines have times, and no faults.
    assert_eq!(end(told.site.command().args(build)).code, Some(0));
    told.run(&["study", "export", "-t", "s", "-s", "studies", "to", "--database=db"]);
    told.run(&["study", "import", "-a", "none.zip", "--database=db"]);
    told.site.file("broken.zip", "no zip");
    told.run(&["study", "import", "-a", "broken.zip", "--database=db"]);
    told.run(&["study", "upload", "-t", "s", "--user=me", "to"]);
    told.run(&["study", "upload", "to"]);
    insta::assert_snapshot!(told.finish(&[]));
}
