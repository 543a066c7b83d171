//! Messages for machines: every command speaks JSON where it is told to.

use std::collections::BTreeMap;

use clap::{Command, CommandFactory};
use cumulus_etl::cli::Cli;
use serde_json::Value;

use crate::support::{Site, end, patient};

/// Every command that does something, by its words; the first one is the program without any.
pub fn commands() -> BTreeMap<Vec<String>, Command> {
    fn below(words: &[String], command: &Command, all: &mut BTreeMap<Vec<String>, Command>) {
        for child in command.get_subcommands() {
            let words = [words, &[child.get_name().to_owned()]].concat();
            match child.has_subcommands() {
                true => below(&words, child, all),
                false => drop(all.insert(words, child.clone())),
            }
        }
    }
    let root = Cli::command();
    let mut all = BTreeMap::new();
    below(&[], &root, &mut all);
    all.insert(Vec::new(), root);
    all
}

/// The messages, each of which must be a JSON object with a level and a text.
fn messages(err: &str, what: &str) -> Vec<Value> {
    let message = |line: &str| -> Value {
        let message: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{what} says in text: {line}"));
        assert!(message["level"].is_string() && message["message"].is_string(), "{what}: {line}");
        message
    };
    err.lines().map(message).collect()
}

#[test]
fn every_command_takes_a_format_of_messages() {
    let commands = commands();
    assert!(commands.len() > 10, "{:?}", commands.keys());
    for (words, command) in commands {
        for option in ["log-format", "verbose", "quiet"] {
            let there = command.get_arguments().any(|arg| arg.get_long() == Some(option));
            assert!(there, "{words:?} has no --{option}");
        }
        let site = Site::new();
        for given in
            [&["--log-format=json", "--no-such-option"][..], &["-+", "--log-format", "json"]]
        {
            let ended = end(site.command().args(&words).args(given));
            assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
            let [told] = &messages(&ended.err, &format!("{words:?}"))[..] else {
                panic!("{words:?}: {}", ended.err)
            };
            assert_eq!((&told["level"], &told["exit"]), (&"ERROR".into(), &2.into()), "{told}");
            assert!(told["message"].as_str().unwrap().starts_with("unexpected argument"), "{told}");
        }
        // For people it is as it always was.
        let ended = end(site.command().args(&words).arg("--no-such-option"));
        assert!(ended.err.starts_with("error: unexpected argument"), "{}", ended.err);
    }
}

#[test]
fn commands_that_run_say_all_in_json() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("p", "other")]);
    site.input("bad.ndjson", "{\"resourceType\":\"Patient\"}\nx\n");
    let manifest = "study_prefix='s'\n[[stages.a]]\nfiles=['a.sql']\n\
                    [[stages.a]]\ntype='export:meta'\ntables=['s__a']\n";
    site.file("study/manifest.toml", manifest);
    site.file("study/a.sql", "CREATE TABLE s__a AS SELECT 1 AS x;");
    let of_group = ["--export-group=g", "--export-timestamp=2024-01-01"];
    let runs: [(&str, &[&str], i32); 19] = [
        ("", &["in", "out", "phi", of_group[0], of_group[1]], 0),
        ("", &["in", "out", "phi", "-c", "nowhere.toml"], 23),
        ("etl", &["in", "out", "phi", of_group[0], of_group[1], "--check"], 0),
        ("etl", &["nowhere", "out", "phi"], 54),
        ("init", &["empty"], 0),
        ("init", &["ftp://lake"], 23),
        ("convert", &["out", "converted"], 0),
        ("export", &["http://127.0.0.1:1/fhir", "s3://bucket/export"], 27),
        ("inline", &["nowhere", "--fhir-url=http://127.0.0.1:1/fhir"], 54),
        ("keys new", &["keys", "--alg=ES384"], 0),
        ("keys show", &["keys/private.jwks"], 0),
        ("demo", &["demo", "--data-only", "--patients=1"], 0),
        ("study build", &["-t", "s", "-s", "study", "--database=db", "--lake=out"], 0),
        ("study export", &["-t", "s", "-s", "study", "--database=db", "shared"], 0),
        ("study import", &["-a", "nowhere.zip", "--database=db"], 70),
        ("study list", &["-s", "study", "--database=db"], 0),
        ("study list", &["-s", "nowhere"], 54),
        ("study sql", &["SELECT * FROM s__a", "--database=db"], 0),
        ("study clean", &["-t", "s", "--database=db"], 0),
    ];
    for (words, args, code) in runs {
        for how in ["flag", "variable"] {
            let mut command = site.command();
            match how {
                "flag" => command.args(words.split_whitespace()).arg("--log-format=json"),
                _ => command.env("CUMULUS_ETL_LOG_FORMAT", "json").args(words.split_whitespace()),
            };
            // Files that the first one made are not made again.
            let again = how == "variable" && (words == "keys new" || words == "demo");
            let ended = end(command.args(args).arg("-v"));
            let what = format!("{words} {args:?} by {how}");
            assert_eq!(ended.code, Some(if again { 26 } else { code }), "{what}: {}", ended.err);
            let told = messages(&ended.err, &what);
            assert!(!told.is_empty(), "{what}: --verbose has nothing to say");
            let last = told.last().map(|last| last["exit"].clone()).unwrap_or_default();
            assert_eq!(
                last.as_i64().unwrap_or(0),
                i64::from(ended.code.unwrap()),
                "{what}: {told:?}"
            );
        }
    }
    // Unset in compose.yaml is empty here.
    let ended = end(site.command().env("CUMULUS_ETL_LOG_FORMAT", "").args(["init", "empty"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.err.starts_with('{'), "{}", ended.err);
}

#[test]
fn names_of_strangers_can_not_move_the_cursor_nor_forge_a_line() {
    let site = Site::new();
    let evil = "x\u{1b}[2J\nDone: all is well\r\u{202e}";
    let manifest = "study_prefix = \"s\"\ndescription = \"a\\u001b[2Jb\"\n\
                    [stages.default]\n[[stages.default.a]]\n";
    site.file("studies/s/manifest.toml", manifest);
    site.file(&format!("{evil}/manifest.toml"), "study_prefix = \"\\u001b[2J\"");
    for arguments in [
        vec![evil, "out", "phi"],
        vec!["in", "out", "phi", "--config", evil],
        vec!["in", "out", "phi", "--task", evil],
        vec!["study", "list", "-s", evil],
        vec!["study", "list", "-s", "studies"],
    ] {
        let ended = end(site.command().args(&arguments));
        for text in [&ended.out, &ended.err] {
            let controls = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!text.contains(controls), "{arguments:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("Done")), "{arguments:?}: {text}");
        }
    }
}
