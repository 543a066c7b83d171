//! The command line: settings, exit codes, what is said.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Ended, Site, children, end, json_file, patient, resource};

/// Runs with exactly these arguments.
fn run(site: &Site, args: &[&str], env: &[(&str, &str)]) -> Ended {
    end(site.command().args(args).envs(env.iter().copied()))
}

fn says(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.err);
    for part in parts {
        assert!(ended.err.contains(part), "'{part}' is missing: {}", ended.err);
    }
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

#[test]
fn arguments_that_are_missing_or_unknown_are_usage_errors() {
    let site = Site::with_patient_and_encounter();
    says(&run(&site, &[], &[]), 2, &["INPUT, OUTPUT and PHI are needed", "--help"]);
    says(&run(&site, &["in", "out"], &[]), 2, &["INPUT, OUTPUT and PHI are needed"]);
    says(&run(&site, &["in", "out", "phi", "more"], &[]), 2, &["'more'"]);
    says(&run(&site, &["in", "out", "phi", "--no-such-flag"], &[]), 2, &["--no-such-flag"]);
    says(&run(&site, &["etl"], &[]), 2, &["INPUT, OUTPUT and PHI are needed"]);
    assert_eq!(children(&site.path("")), ["home", "in", "tmp"]);
}

#[test]
fn tasks_are_listed_and_checked() {
    let site = Site::with_patient_and_encounter();
    for args in [&["--task=help"][..], &["in", "out", "phi", "--task", "patient,HELP"]] {
        let ended = run(&site, args, &[]);
        says(&ended, 35, &["Valid task names:", "  patient\n", "  servicerequest\n"]);
        assert!(!ended.err.contains("etl__completion"));
    }
    says(&site.fails(&["--task=patient,dog"], 17), 17, &["Unknown task 'dog'", "  patient\n"]);
    says(
        &site.fails(&["--exclude-resources=cat"], 17),
        17,
        &["Unknown task 'cat' requested for exclusion", "  patient\n"],
    );
    let missing = site.fails(&["--task=patient,device,SPECIMEN"], 36);
    says(&missing, 36, &["'in': Device, Specimen", "--allow-missing-resources"]);
    says(&site.fails(&["--task=patient", "--exclude-resources=Patient"], 36), 36, &["'in'"]);
    assert!(!site.path("out").exists() && !site.path("phi").exists());

    site.run(&[
        "--task",
        "PATIENT, device",
        "--task=Encounter,patient",
        "--allow-missing-resources",
    ]);
    let tables = [
        ".cumulus-output",
        "JobConfig",
        "device",
        "encounter",
        "etl__completion",
        "etl__completion_encounters",
        "patient",
    ];
    assert_eq!(children(&site.path("out")), tables);
    assert_eq!(site.table("out", "deltalake", "device").len(), 0);
}

#[test]
fn exclusions_are_recorded_where_completeness_is_judged() {
    let site = Site::with_patient_and_encounter();
    site.run(&["--exclude-resources=Device", "--exclude-resources=CONDITION,specimen"]);
    let excluded = "Device,CONDITION,specimen";
    for table in ["etl__completion", "etl__completion_encounters"] {
        for row in site.table("out", "deltalake", table) {
            assert_eq!(row["excluded_resources"], excluded, "{table}");
        }
    }
    let config = json_file(&site.last_record().join("job_config.json"));
    assert_eq!(config["exclusions"], excluded);
}

#[test]
fn the_export_must_be_known() {
    let site = Site::with_patient_and_encounter();
    let args = |more: &[&'static str]| [&["in", "out", "phi"], more].concat();
    let ended = run(&site, &args(&[]), &[]);
    says(&ended, 34, &["--export-group NAME and --export-timestamp TIME", "log.ndjson", "'in'"]);
    says(&run(&site, &args(&["--export-group=g"]), &[]), 34, &["give --export-timestamp TIME"]);
    let ended = run(&site, &args(&["--export-timestamp=2024-01-01"]), &[]);
    says(&ended, 34, &["give --export-group NAME"]);
    let ended = run(&site, &args(&["--export-group=g", "--export-timestamp=yesterday"]), &[]);
    says(&ended, 23, &["'yesterday' is not a time", "2024-08-06T18:12:57Z"]);
    assert!(!site.path("out").exists() && !site.path("phi").exists());

    let events = [
        json!({"exportId": "x", "eventId": "kickoff", "eventDetail": {"exportUrl": "https://h/fhir/Group/from-log/$export"}}),
        json!({"exportId": "x", "eventId": "status_complete", "eventDetail": {"transactionTime": "2024-05-05T01:00:00+02:00"}}),
    ];
    site.rows("log.ndjson", &events);
    assert_eq!(run(&site, &args(&[]), &[]).code, Some(0));
    assert_eq!(run(&site, &args(&["--export-group=", "--export-timestamp="]), &[]).code, Some(0));
    assert_eq!(
        run(&site, &args(&["--export-group=mine", "--export-timestamp=2020-02-02"]), &[]).code,
        Some(0)
    );
    let mut found: Vec<_> = site
        .table("out", "deltalake", "etl__completion")
        .iter()
        .filter(|row| row["table_name"] == "patient")
        .map(|row| {
            format!("{} {} {}", row["group_name"], row["export_time"], row["export_url"])
                .replace('"', "")
        })
        .collect();
    found.sort();
    let url = "https://h/fhir/Group/from-log/$export";
    let log = format!("from-log 2024-05-04T23:00:00+00:00 {url}");
    let log = log.replace("2024-05-04T23:00:00+00:00", "2024-05-05T01:00:00+02:00");
    // An empty name is a name: that of an export of everything.
    assert_eq!(
        found,
        [log.replace("from-log 2", " 2"), log, format!("mine 2020-02-02T00:00:00+00:00 {url}")]
    );
}

#[test]
fn flags_win_over_variables_and_those_over_the_file() {
    let site = Site::with_patient_and_encounter();
    site.file(
        "etl.toml",
        "comment = 'file'\nexport-group = '007'\nexport-timestamp = '2024-01-01'\nbatch-size = 7\n\
         output-format = ['csv', 'ndjson']\ntask = 'patient'\nstrict = false\n",
    );
    let args = ["in", "out", "phi", "-c", "etl.toml"];
    let record = |ended: Ended| {
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let config = json_file(&site.last_record().join("job_config.json"));
        // A table keeps its format: the next one begins anew.
        fs::remove_dir_all(site.path("out")).unwrap();
        let settings = ["comment", "export_group_name", "batch_size", "output_format", "tasks"];
        settings.map(|name| config[name].to_string().replace('"', "")).join("|")
    };
    assert_eq!(record(run(&site, &args, &[])), "file|007|7|csv,ndjson|patient");
    // Values are taken as they are written: no numbers, no lists, no truth are made of them.
    let env = [
        ("CUMULUS_ETL_COMMENT", "[1.10, true"),
        ("CUMULUS_ETL_EXPORT_GROUP", "0012"),
        ("CUMULUS_ETL_BATCH_SIZE", "8"),
        ("CUMULUS_ETL_OUTPUT_FORMAT", "ndjson"),
        ("CUMULUS_ETL_TASK", ""),
        ("CUMULUS_ETL_UNHEARD_OF", "x"),
    ];
    assert_eq!(record(run(&site, &args, &env)), "[1.10, true|0012|8|ndjson|encounter,patient");
    let flags = [
        &args[..],
        &[
            "--comment=flag",
            "--export-group",
            "1e3",
            "--batch-size=9",
            "--output-format=csv",
            "--task=encounter",
        ],
    ]
    .concat();
    assert_eq!(record(run(&site, &flags, &env)), "flag|1e3|9|csv|encounter");
    // Unset in compose.yaml is empty here: the file's value counts, then the default.
    let empty: Vec<_> = env.iter().map(|(name, _)| (*name, "")).collect();
    let plain = ["in", "out", "phi", "--export-group=g", "--export-timestamp=2024-01-01"];
    assert_eq!(record(run(&site, &plain, &empty)), "|g|100000|deltalake|encounter,patient");
}

#[test]
fn every_bad_setting_is_named_at_once() {
    let site = Site::with_patient_and_encounter();
    site.file(
        "etl.toml",
        "threads = 'many'\nno-such-setting = 1\ncomment = [1]\n[strict]\nx = 1\n",
    );
    let env = [("CUMULUS_ETL_BATCH_SIZE", "-3"), ("CUMULUS_ETL_ALLOW_MISSING_RESOURCES", "maybe")];
    let args =
        ["in", "out", "phi", "--config=etl.toml", "--output-format=delta,csv", "--log-format=xml"];
    let ended = run(&site, &args, &env);
    let parts = [
        "8 settings can't be used:",
        "'no-such-setting' in 'etl.toml': no such setting",
        "CUMULUS_ETL_BATCH_SIZE must be a whole number of at least 1",
        "CUMULUS_ETL_ALLOW_MISSING_RESOURCES must be true or false",
        "'threads' in the configuration file must be a whole number of at least 1",
        "'comment' in the configuration file must be a text",
        "'strict' in the configuration file must be true or false",
        "--log-format must be one of text, json",
        "there is no format 'delta'; there are deltalake, parquet, csv, ndjson",
    ];
    says(&ended, 23, &parts);
    assert!(!site.path("out").exists());
    says(
        &run(&site, &["in", "out", "phi", "-c", "none.toml"], &[]),
        23,
        &["there is no file 'none.toml'"],
    );
    site.file("bad.toml", "comment = \nx");
    says(&run(&site, &["in", "out", "phi", "-c", "bad.toml"], &[]), 23, &["--config 'bad.toml'"]);
}

#[test]
fn what_is_not_there_yet_is_refused_not_ignored() {
    let site = Site::with_patient_and_encounter();
    says(&site.fails(&["--philter"], 33), 33, &["--philter is not available yet"]);
    says(&site.fails(&["--input-format=i2b2"], 33), 33, &["i2b2 is not available yet"]);
    says(&site.fails(&["--input-format=csv"], 23), 23, &["--input-format must be one of"]);
    let url = "https://user:hunter2@ehr.example/fhir/Group/g?token=hunter2";
    let ended = run(&site, &[url, "out", "phi"], &[]);
    says(&ended, 23, &["must not hold a user or password"]);
    assert!(!ended.err.contains("hunter2"), "{}", ended.err);
    for (place, phrase) in [
        ("s3://key:hunter2@bucket/out?sig=hunter2", "must be a bucket and a prefix only"),
        ("gopher://key:hunter2@x/y#hunter2", "no location that this program knows"),
    ] {
        let ended = run(
            &site,
            &["in", place, "phi", "--export-group=g", "--export-timestamp=2024-01-01"],
            &[],
        );
        says(&ended, 23, &[phrase]);
        assert!(!ended.err.contains("hunter2"), "{}", ended.err);
    }
    assert!(!site.path("out").exists() && !site.path("phi").exists());
}

#[test]
fn a_missing_input_folder_is_said_so() {
    let site = Site::with_patient_and_encounter();
    let ended = run(&site, &["nowhere", "out", "phi"], &[]);
    says(&ended, 54, &["The input folder '", "nowhere' does not exist"]);
    let ended = run(&site, &["in/p.ndjson", "out", "phi"], &[]);
    says(&ended, 54, &["in/p.ndjson' is a file; name the folder that holds it"]);
    let ended = run(&site, &["convert", "in/p.ndjson", "out"], &[]);
    says(&ended, 54, &["in/p.ndjson' is a file; name the folder that holds it"]);
}

#[test]
fn a_slip_in_a_command_is_no_folder() {
    let site = Site::with_patient_and_encounter();
    for (args, meant) in [
        (&["covert", "out", "lake"][..], "convert"),
        (&["expotr", "https://ehr.example/fhir", "dir"][..], "export"),
        (&["demmo"][..], "demo"),
        (&["etl", "stduy"][..], "study"),
    ] {
        let ended = run(&site, args, &[]);
        says(&ended, 2, &[&format!("is `{meant}` meant?")]);
    }
    // A folder of such a name is one.
    std::fs::rename(site.path("in"), site.path("covert")).unwrap();
    let args = ["covert", "out", "phi", "--export-group=g", "--export-timestamp=2024-01-01"];
    says(&run(&site, &args, &[]), 0, &["Read 2 rows"]);
}

#[test]
fn a_variable_that_has_no_effect_is_told() {
    let site = Site::with_patient_and_encounter();
    let slips = [("CUMULUS_ETL_OUPUT_FORMAT", "csv"), ("CUMULUS_LIBRARY_TABEL", "x")];
    let args = ["in", "out", "phi", "--export-group=g", "--export-timestamp=2024-01-01"];
    let ended = run(&site, &args, &slips);
    let told = "CUMULUS_ETL_OUPUT_FORMAT has no effect; is CUMULUS_ETL_OUTPUT_FORMAT meant?";
    says(&ended, 0, &[told, "CUMULUS_LIBRARY_TABEL has no effect"]);
    // An empty one is as good as none.
    let ended = run(&site, &args, &[("CUMULUS_ETL_OUPUT_FORMAT", "")]);
    assert!(!ended.err.contains("no effect"), "{}", ended.err);
}

#[test]
fn messages_as_json_are_all_json() {
    let site = Site::with_patient_and_encounter();
    site.input("bad.ndjson", "{\"resourceType\":\"Patient\"}\nx\n");
    let runs = [
        site.run(&["--log-format=json", "-v"]),
        site.fails(&["--log-format=json", "--strict"], 71),
        site.fails(&["--log-format=json", "--batch-size=x", "--output-format=y"], 23),
        site.fails(&["--log-format=json", "--task=help"], 35),
    ];
    for ended in &runs {
        assert!(ended.out.is_empty());
        let lines: Vec<Value> =
            ended.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().all(|line| line["message"].is_string() && line["level"].is_string()));
    }
    let last: Value = serde_json::from_str(runs[1].err.lines().last().unwrap()).unwrap();
    assert_eq!((&last["level"], &last["exit"]), (&json!("ERROR"), &json!(71)));
}

#[test]
fn text_is_plain_where_no_terminal_is_and_quiet_where_wanted() {
    let site = Site::with_patient_and_encounter();
    let ended = site.run(&[]);
    assert!(!ended.err.contains('\u{1b}') && !ended.err.contains('\r'), "{:?}", ended.err);
    assert!(ended.err.contains("patient: 1 row (") && ended.err.contains("Read 2 rows"));
    assert_eq!(site.run(&["-q"]).err, "");
    assert_eq!(site.run(&["--quiet", "--verbose"]).err, "");
}

#[test]
fn nobody_listening_is_no_reason_to_end_otherwise() {
    let site = Site::with_patient_and_encounter();
    for (option, code) in [("--task=help", 35), ("--task=patient", 0)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = site.job(&[option]).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code), "{option}");
    }
}

#[test]
fn records_have_the_keys_that_cumulus_etl_reads() {
    let site = Site::with_patient_and_encounter();
    site.file("phi/context.json", r#"{"last_successful_datetime": "old", "of_others": 7}"#);
    site.run(&["--comment=why", "--batch-size=5", "--output-format=parquet,csv"]);
    let config = json_file(&site.last_record().join("job_config.json"));
    let codebook = json_file(&site.path("phi/codebook.json"));
    let expected = json!({
        "dir_input": "in", "dir_output": "out", "dir_phi": "phi",
        "path": site.last_record().join("job_config.json"),
        "input_format": "ndjson", "output_format": "parquet,csv", "comment": "why",
        "batch_size": 5, "tasks": "encounter,patient",
        "export_group_name": "g", "export_timestamp": "2024-08-06T14:12:57-04:00",
        "export_url": null, "codebook_id": codebook["codebook_id"], "exclusions": "",
    });
    assert_eq!(config, expected);
    let table = json_file(&site.last_record().join("patient.json"));
    let counts =
        ["label", "attempt", "success", "success_rate", "had_errors"].map(|k| table[k].clone());
    assert_eq!(counts, [json!("patient"), json!(1), json!(1), json!(1.0), json!(false)]);
    assert!(table["timestamp"].is_string() && table["hostname"].is_string());
    let context = json_file(&site.path("phi/context.json"));
    assert_eq!(context["of_others"], 7);
    assert_eq!(context["last_successful_input_dir"], "in");
    assert_eq!(context["last_successful_output_dir"], "out");
    let time = context["last_successful_datetime"].as_str().unwrap();
    assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
    // A failed run is no success.
    let before = fs::read(site.path("phi/context.json")).unwrap();
    let mut file = fs::File::create(site.path("in/z.ndjson.gz")).unwrap();
    let rows = format!("{}\n", resource("Device", "d", json!({}))).repeat(50_000);
    let bytes = zstd::encode_all(rows.as_bytes(), 1).unwrap();
    file.write_all(&bytes[..bytes.len() - 9]).unwrap();
    site.fails(&[], 19);
    assert_eq!(fs::read(site.path("phi/context.json")).unwrap(), before);
    let device = json_file(&site.last_record().join("device.json"));
    assert_eq!((&device["had_errors"], &device["success"]), (&json!(true), &json!(0)));
}

/// Writes to a pipe that nobody reads fail.
#[test]
fn an_output_that_nobody_reads_is_no_failure() {
    let site = Site::new();
    site.lake("patient", &[patient("a", "other")]);
    let manifest = "study_prefix = 's'\n[[stages.default]]\nfiles = ['a.sql']\n\
                    [[stages.default]]\ntype = 'export:flat'\ntables = ['s__a']\n";
    site.file("studies/manifest.toml", manifest);
    site.file("studies/a.sql", "CREATE TABLE s__a AS SELECT 1 AS x;\n");
    let unread = |arguments: &str| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = site.command();
        command.args(arguments.split(' ')).stdout(writer).stderr(Stdio::piped());
        let ended = Ended::from(command.spawn().unwrap().wait_with_output().unwrap());
        assert_eq!(ended.code, Some(0), "{arguments}: {}", ended.err);
    };
    let key = ["keys", "new", "key", "--alg=ES384"];
    assert_eq!(run(&site, &key, &[]).code, Some(0));
    unread("keys show key/private.jwks");
    unread("demo --data-only --patients=1 demo");
    unread("study build -t s -s studies --lake lake --database db");
    unread("study list --database db");
    unread("study export -t s -s studies --archive --database db out");
    let zip = children(&site.path("out")).into_iter().find(|name| name.starts_with("s__")).unwrap();
    unread(&format!("study import -a out/{zip} --database db"));
    unread("study clean -t s --database db");
}
