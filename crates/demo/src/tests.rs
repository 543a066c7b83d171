//! The promises of a generated export.

mod coverage;
mod parts;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::Read;

use cumulus_base::error::ErrorKind;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tempfile::TempDir;

use super::flaws::Flaw;
use super::*;

/// An export in a folder that is deleted with it.
struct Export {
    dir: TempDir,
    summary: DemoSummary,
}

impl Export {
    fn new(options: &DemoOptions) -> Self {
        Self::by_threads(options, 2)
    }

    fn by_threads(options: &DemoOptions, threads: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let summary = generate_with(dir.path(), options, threads, &|_| {}).unwrap();
        Self { dir, summary }
    }

    /// The text of every file, by its name below the folder.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for folder in ["", "deleted/", "error/"] {
            for entry in fs::read_dir(self.dir.path().join(folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    let name = format!("{folder}{}", entry.file_name().display());
                    files.insert(name, fs::read(entry.path()).unwrap());
                }
            }
        }
        files
    }

    /// The lines of all files of a type, in order; without their ends.
    fn lines(&self, kind: RowType) -> Vec<String> {
        let prefix = format!("{}.", kind.name());
        let files = self.files();
        let of_kind = files.iter().filter(|(name, _)| name.starts_with(&prefix));
        of_kind
            .flat_map(|(_, text)| std::str::from_utf8(text).unwrap().lines())
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// The lines of all types, one after the other.
    fn all_lines(&self) -> String {
        RowType::ALL.iter().flat_map(|kind| self.lines(*kind)).collect()
    }

    /// The rows of a type that can be used.
    fn rows(&self, kind: RowType) -> Vec<Value> {
        self.lines(kind).iter().filter_map(|line| usable(line, kind)).collect()
    }
}

fn options(patients: u64, flaws: bool) -> DemoOptions {
    DemoOptions { patients, flaws, every_element: true, ..DemoOptions::default() }
}

/// The row, unless it has to be rejected (spec: "Input").
fn usable(line: &str, kind: RowType) -> Option<Value> {
    let row: Value = sonic_rs::from_str(line).ok()?;
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let modifiers = row["modifierExtension"].as_array().cloned().unwrap_or_default();
    let known = |extension: &Value| {
        let url = extension["url"].as_str().unwrap_or_default();
        url.starts_with("http://fhir-registry.smarthealthit.org/StructureDefinition/nlp-")
    };
    let integer = |extension: &Value| {
        let value = extension.get("valueInteger");
        value.is_none_or(|value| value.as_i64().is_some_and(|value| i32::try_from(value).is_ok()))
    };
    let decimal = |extension: &Value| extension.get("valueDecimal").is_none_or(Value::is_number);
    let extensions = row["extension"].as_array().cloned().unwrap_or_default();
    let profiles = row["meta"]["profile"].as_array().cloned().unwrap_or_default();
    let good = text("resourceType") == Some(kind.name())
        && text("id").is_some()
        && row["meta"].as_str().is_none()
        && !row["language"].is_object()
        && modifiers.iter().all(known)
        && extensions.iter().all(|e| integer(e) && decimal(e))
        && !profiles.iter().any(Value::is_array);
    good.then_some(row)
}

#[test]
fn threads_make_no_difference_and_the_seed_does() {
    let small = DemoOptions { rows_per_file: 300, ..options(70, true) };
    let one = Export::by_threads(&small, 1);
    let three = Export::by_threads(&small, 3);
    assert_eq!(one.summary, three.summary);
    assert!(one.files() == three.files(), "the bytes differ");

    let other = Export::new(&DemoOptions { seed: 2, ..small });
    assert!(one.files()["Patient.000.ndjson"] != other.files()["Patient.000.ndjson"]);
}

#[test]
fn a_folder_that_holds_something_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.txt"), "mine").unwrap();
    let error = generate_export(dir.path(), &options(1, false), &|_| {}).unwrap_err();
    assert_eq!(error.kind(), FolderFault::NotEmpty.into());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    let new = dir.path().join("a/new/one");
    generate_export(&new, &options(1, false), &|_| {}).unwrap();
    assert!(new.join("log.ndjson").is_file());
}

#[test]
fn one_patient_shows_every_type() {
    let export = Export::new(&options(1, false));
    for kind in RowType::ALL {
        assert!(export.summary.rows[kind.name()] > 0, "no {}", kind.name());
        assert!(!export.rows(kind).is_empty(), "no {}", kind.name());
    }
}

#[test]
fn the_summary_counts_what_is_there() {
    let export = Export::new(&options(120, true));
    let summary = &export.summary;
    let (mut broken, mut duplicates) = (0, 0);
    let mut ids = HashSet::new();
    for kind in RowType::ALL {
        let lines = export.lines(kind);
        let rows = export.rows(kind);
        assert_eq!(rows.len() as u64, summary.rows[kind.name()], "{}", kind.name());
        let unusable = lines.len() - rows.len();
        assert!(unusable >= 4, "{} has {unusable} broken rows", kind.name());
        broken += unusable as u64;
        for row in rows {
            let id = format!("{}/{}", kind.name(), row["id"].as_str().unwrap());
            duplicates += u64::from(!ids.insert(id));
        }
    }
    assert_eq!(broken, summary.broken);
    assert_eq!(duplicates, summary.duplicates);
    let share = duplicates as f64 / ids.len() as f64;
    assert!((0.002..0.01).contains(&share), "{share} of the rows are duplicates");

    let deleted = deletions(&export);
    assert_eq!(deleted.len() as u64, summary.deleted);
    let here = deleted.iter().filter(|url| ids.contains(*url)).count() as u64;
    assert_eq!(here, summary.deleted_here);
    assert!(here > 0 && here < summary.deleted);

    let files = export.files();
    assert_eq!(files.len() as u64, summary.files);
    assert_eq!(files.values().map(|text| text.len() as u64).sum::<u64>(), summary.bytes);
}

fn deletions(export: &Export) -> Vec<String> {
    let text = String::from_utf8(export.files()["deleted/Bundle.000.ndjson"].clone()).unwrap();
    let mut urls = Vec::new();
    for line in text.lines() {
        let bundle: Value = sonic_rs::from_str(line).unwrap();
        assert_eq!(bundle["type"], "transaction");
        for entry in bundle["entry"].as_array().unwrap() {
            assert_eq!(entry["request"]["method"], "DELETE");
            urls.push(entry["request"]["url"].as_str().unwrap().to_owned());
        }
    }
    urls
}

#[test]
fn every_flaw_is_there_and_usable_lines_end_in_all_ways() {
    let export = Export::new(&options(60, true));
    let mut all = String::new();
    for (name, text) in export.files() {
        if name.contains(".0") && !name.contains('/') {
            all.push_str(std::str::from_utf8(&text).unwrap());
        }
    }
    for sign in [
        "\nupstream request timeout\n",
        "\n\"no more results\"\n",
        "\n[{",
        "\n{\"resourceType\":\"Basic\"",
        "{\"resourceType\":\"OperationOutcome\"",
        "\"id\":null",
        "\"meta\":\"2024-05-05",
        "\"language\":{",
        "\"valueInteger\":\"seven\"",
        "\"valueDecimal\":\"<0.5\"",
        "\"valueInteger\":5000000000",
        "\"profile\":[[",
        "StructureDefinition/not-really",
        "}\r\n",
        "}\n\n",
        "\n  \t\n",
    ] {
        assert!(all.contains(sign), "no {sign:?}");
    }
    assert!(all.lines().any(|line| line.contains("}{\"")), "no two rows on a line");
    let patients = export.lines(RowType::Patient);
    let no_id =
        |line: &String| sonic_rs::from_str::<Value>(line).is_ok_and(|row| row.get("id").is_none());
    assert!(RowType::ALL.iter().any(|kind| export.lines(*kind).iter().any(no_id)));
    assert!(patients.len() > 60);
    assert!(!export.files()["Specimen.000.ndjson"].ends_with(b"\n"));
    assert_eq!(Flaw::ALL.len(), 16, "a new flaw needs a sign above");
    // The first line of a file does not tell its type.
    assert!(export.lines(RowType::Observation)[0].contains("OperationOutcome"));
}

#[test]
fn duplicates_differ_and_come_later_also_in_later_files() {
    let export = Export::new(&DemoOptions { rows_per_file: 400, ..options(200, true) });
    let mut first: HashMap<String, (String, String)> = HashMap::new();
    let (mut newer, mut older, mut elsewhere) = (0, 0, 0);
    for (name, text) in export.files() {
        if !name.starts_with("Observation.") {
            continue;
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().filter(|line| !line.trim().is_empty()).count() <= 400, "{name}");
        for row in text.lines().filter_map(|line| usable(line, RowType::Observation)) {
            let id = row["id"].as_str().unwrap().to_owned();
            let updated = row["meta"]["lastUpdated"].as_str().unwrap().to_owned();
            let Some((file, before)) = first.get(&id) else {
                first.insert(id, (name.clone(), updated));
                continue;
            };
            elsewhere += u64::from(*file != name);
            let instant = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
            match instant(&updated).cmp(&instant(before)) {
                std::cmp::Ordering::Less => older += 1,
                std::cmp::Ordering::Greater => newer += 1,
                std::cmp::Ordering::Equal => panic!("a version as old as the first"),
            }
        }
    }
    assert!(newer > 0 && older > 0 && elsewhere > 0, "{newer} {older} {elsewhere}");
    let names: BTreeSet<String> = export.files().into_keys().collect();
    assert!(names.contains("Observation.001.ndjson") && names.contains("Observation.010.ndjson"));
}

#[test]
fn without_flaws_rows_are_unique_whole_and_linked() {
    let export = Export::new(&options(60, false));
    let mut ids = HashSet::new();
    let mut text = String::new();
    for kind in RowType::ALL {
        let lines = export.lines(kind);
        assert_eq!(export.rows(kind).len(), lines.len(), "{}", kind.name());
        for row in export.rows(kind) {
            let id = format!("{}/{}", kind.name(), row["id"].as_str().unwrap());
            assert!(ids.insert(id.clone()), "{id} comes twice");
        }
        text.extend(lines);
    }
    assert_eq!((export.summary.broken, export.summary.duplicates), (0, 0));
    let flawed: String = Export::new(&options(60, true)).all_lines();
    for flaw in [
        "\"reference\":\"urn:uuid:",
        "\"reference\":\"https://other.example.org",
        "\"resourceType\":\"PractitionerRole\",\"id\":\"role\"",
        "\"_alias\":[null,",
    ] {
        assert!(flawed.contains(flaw) && !text.contains(flaw), "{flaw}");
    }
    let allergies: String = export.lines(RowType::AllergyIntolerance).concat();
    assert!(!allergies.contains("\"onsetAge\"") && !allergies.contains("\"onsetPeriod\""));

    let (mut found, mut ways) = (0, BTreeMap::<&str, u64>::new());
    for rest in text.split("\"reference\":\"").skip(1) {
        let reference = &rest[..rest.find('"').unwrap()];
        let rest = &rest[reference.len()..];
        let way = if reference.starts_with('#') {
            "contained"
        } else if reference.contains('?') {
            "conditional"
        } else if reference.ends_with("/_history/2") {
            "versioned"
        } else if reference.starts_with("https://ehr.example.com/fhir/") {
            assert!(rest.starts_with("\",\"type\":\""), "{reference} has no type");
            "absolute"
        } else if !reference.contains('/') {
            assert!(rest.starts_with("\",\"type\":\""), "{reference} has no type");
            "bare"
        } else {
            "relative"
        };
        *ways.entry(way).or_default() += 1;
        let exported =
            RowType::ALL.iter().any(|kind| reference.trim().split('/').next() == Some(kind.name()));
        if way == "relative" && exported {
            found += u64::from(ids.contains(reference.trim()));
        }
    }
    assert_eq!(ways.len(), 6, "{ways:?}");
    // All but a few links to patients of another institution.
    assert!(found * 1_000 > ways["relative"] * 900, "{found} of {ways:?} lead to a row");
}

#[test]
fn what_no_ehr_fills_in_comes_on_request_only() {
    let usual = DemoOptions { every_element: false, ..options(60, true) };
    let (usual, all) = (Export::new(&usual), Export::new(&options(60, true)));
    assert_eq!(usual.summary.rows, all.summary.rows);
    let (usual, all) = (usual.all_lines(), all.all_lines());
    for rare in ["\"id\":\"el-1\"", "\"implicitRules\"", "\"valueUsageContext\"", "\"_alias\":["] {
        assert!(all.contains(rare) && !usual.contains(rare), "{rare}");
    }
    for common in ["us-core-race", "\"contained\":[", "\"component\":[", "\"userSelected\""] {
        assert!(usual.contains(common), "{common}");
    }
}

#[test]
fn compressed_files_hold_the_same() {
    let plain = Export::new(&options(20, true));
    let packed = Export::new(&DemoOptions { gzip: true, ..options(20, true) });
    let packed_files = packed.files();
    for (name, text) in plain.files().iter().filter(|(name, _)| *name != "log.ndjson") {
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed_files[&format!("{name}.gz")].as_slice())
            .read_to_end(&mut unpacked)
            .unwrap();
        assert!(unpacked == *text, "{name} differs");
    }
    assert_eq!(packed.summary.rows, plain.summary.rows);
    assert!(packed.summary.bytes * 4 < plain.summary.bytes);
    let stored: u64 = packed_files.values().map(|text| text.len() as u64).sum();
    assert_eq!(stored, packed.summary.bytes);
}

#[test]
fn the_log_tells_the_whole_export() {
    let export = Export::new(&DemoOptions { rows_per_file: 1_000, ..options(40, true) });
    let files = export.files();
    let log = String::from_utf8(files["log.ndjson"].clone()).unwrap();
    let events: Vec<Value> = log.lines().map(|line| sonic_rs::from_str(line).unwrap()).collect();
    let of = |id: &str| -> Vec<&Value> {
        events.iter().filter(|event| event["eventId"] == id).map(|e| &e["eventDetail"]).collect()
    };
    assert!(events.iter().all(|event| event["exportId"] == events[0]["exportId"]));
    let url = of("kickoff")[0]["exportUrl"].as_str().unwrap();
    assert!(url.starts_with("https://ehr.example.com/fhir/Group/demo/$export?"), "{url}");
    let time = of("status_complete")[0]["transactionTime"].as_str().unwrap();
    assert_eq!(time, "2025-06-30T16:45:00Z");
    let stored = files.len() - 1;
    assert_eq!(of("download_request").len(), stored);
    for done in of("download_complete") {
        let url = done["fileUrl"].as_str().unwrap();
        let name = url.strip_prefix("https://ehr.example.com/fhir/bulkfiles/demo/").unwrap();
        let text = std::str::from_utf8(&files[name]).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        assert_eq!(done["fileSize"], files[name].len(), "{name}");
        assert_eq!(done["resourceCount"], lines, "{name}");
    }
    assert_eq!(of("manifest_complete")[0]["totalOutputFileCount"], stored - 2);
    assert_eq!(of("export_complete")[0]["files"], stored);
    assert!(files["error/OperationOutcome.000.ndjson"].starts_with(b"{\"resourceType\":\"Op"));
}

#[test]
fn patients_have_as_many_rows_as_in_an_ehr() {
    let world = World::new(&options(2_000, false));
    for kind in RowType::ALL.into_iter().filter(|kind| !kind.is_shared()) {
        let rows: u64 = (0..2_000).map(|n| world::Person::new(&world, n).count_rows(kind)).sum();
        let average = rows as f64 / 2_000.0;
        let wanted = kind.per_patient() as f64;
        assert!((average / wanted - 1.0).abs() < 0.1, "{} {average}", kind.name());
    }
    let heavy =
        (0..2_000).map(|n| world::Person::new(&world, n).count_rows(RowType::Observation)).max();
    assert!(heavy > Some(200), "no one is very ill: {heavy:?}");
}

#[test]
fn each_patient_can_be_searched_for() {
    let export = Export::new(&options(100, false));
    let lines = export.lines(RowType::Patient);
    let mut seen = HashSet::new();
    for (number, line) in lines.iter().enumerate() {
        for secret in identifying_strings(number as u64) {
            assert!(line.contains(&secret), "patient {number} lacks {secret}");
            assert!(seen.insert(secret), "two patients share an identifier");
        }
    }
    let text = export.all_lines();
    let absent: Vec<_> =
        identifying_words().into_iter().filter(|word| !text.contains(word)).collect();
    assert!(absent.is_empty(), "{absent:?}");
}

#[test]
fn a_file_that_cannot_be_written_ends_all_threads() {
    let dir = tempfile::tempdir().unwrap();
    let small = DemoOptions { rows_per_file: 5, ..options(300, true) };
    let (world, files) = (World::new(&small), ExportFiles::new(dir.path(), &small).unwrap());
    // A folder stands where a later file has to go.
    fs::create_dir(dir.path().join("Patient.012.ndjson")).unwrap();
    let next = AtomicU64::new(0);
    let work = || -> Result<u64> {
        let mut chunk = PatientChunk::default();
        for done in 0.. {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= 18 {
                return Ok(done);
            }
            chunk.fill_rows(&world, number, 18);
            files.write(number, &chunk)?;
        }
        Ok(0)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].kind(), ErrorKind::Failed);
    assert!(errors[0].to_string().contains("Patient.012.ndjson"), "{}", errors[0]);
}
