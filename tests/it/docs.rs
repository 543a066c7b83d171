//! The documentation against the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::logging::commands;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// A part of the reference, from its heading to the next one.
fn section(heading: &str) -> String {
    let text = read("docs/reference.md");
    let start = text.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no '{heading}'"));
    let body = &text[start + heading.len() + 2..];
    body[..body.find("\n#").unwrap_or(body.len())].to_owned()
}

/// The rows of the tables in a text, as cells.
fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").map(|cell| cell.replace('`', "")).collect())
        .collect()
}

#[test]
fn the_reference_has_a_chapter_for_each_command() {
    let text = read("docs/reference.md");
    let (_, text) = text.split_once("\n## Commands\n").expect("a list of commands");
    let text = text.split("\n## ").next().unwrap();
    let headings = text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let existing = commands().into_keys().filter(|words| !words.is_empty());
    assert_eq!(
        headings.map(str::to_owned).collect::<BTreeSet<_>>(),
        existing.map(|words| words.join(" ")).collect()
    );
}

/// The exit codes of the mapping from kinds of errors, in the text of its file.
pub fn exit_codes(source: &str) -> BTreeSet<u8> {
    let arms = source.lines().filter_map(|line| line.split_once(" => "));
    arms.filter_map(|(_, code)| code.trim_end_matches(',').parse().ok()).collect()
}

#[test]
fn every_exit_code_is_explained() {
    let mut codes: BTreeSet<u8> = exit_codes(&read("src/cli/exit_code.rs"));
    assert!(codes.len() > 10, "{codes:?}");
    codes.insert(0);
    let first_cells = |text: &str| -> BTreeSet<u8> {
        rows(text).iter().filter_map(|row| row[0].parse().ok()).collect()
    };
    assert_eq!(first_cells(&section("## Exit codes")), codes);
}

#[test]
fn the_reference_names_the_types_that_have_tables() {
    let (_, types) = section("## Input").split_once("become tables: ").map_or_else(
        || panic!("no list of types"),
        |(before, after)| (before.to_owned(), after.split('.').next().unwrap().to_owned()),
    );
    let documented: BTreeSet<_> = types.split(',').map(|name| name.trim().to_lowercase()).collect();
    let program = env!("CARGO_BIN_EXE_cumulus-etl");
    let output = Command::new(program).args(["--task", "help"]).output().unwrap();
    let listed = String::from_utf8(output.stderr).unwrap();
    let tables: BTreeSet<_> =
        listed.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect();
    assert_eq!(documented, tables);
}

#[test]
fn every_reason_to_reject_a_row_is_explained() {
    let source = read("crates/deid/src/reject.rs");
    let (_, variants) = source.split_once("pub enum Reason {").unwrap();
    let variants = variants.split("\n}").next().unwrap().lines();
    let kebab = |name: &str| {
        let mut kebab = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.push(c.to_ascii_lowercase());
        }
        kebab
    };
    let reasons: BTreeSet<_> = variants
        .map(str::trim)
        .filter_map(|line| line.strip_suffix(','))
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()))
        .map(kebab)
        .collect();
    assert!(reasons.len() > 5, "{reasons:?}");
    let text = section("## Rejected rows");
    let (_, table) = text.split_once("| reason | the row |").unwrap();
    let explained: BTreeSet<_> =
        rows(table).into_iter().map(|row| row[0].clone()).filter(|name| name != "---").collect();
    assert_eq!(explained, reasons);
}

#[test]
fn policies_are_json_that_aws_can_read() {
    let text = read("docs/aws.md");
    let policies: Vec<&str> = text
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("a fence ends").0)
        .collect();
    assert!(policies.len() >= 4);
    for policy in policies {
        let policy: serde_json::Value = serde_json::from_str(policy).expect(policy);
        assert_eq!(policy["Version"], "2012-10-17");
        let statements = policy["Statement"].as_array().unwrap();
        let mut names = BTreeSet::new();
        for statement in statements {
            assert!(names.insert(statement["Sid"].as_str().unwrap()));
            assert_eq!(statement["Effect"], "Allow");
            let all = |key: &str| match &statement[key] {
                serde_json::Value::String(one) => vec![one.clone()],
                many => {
                    let many = many.as_array().unwrap().iter();
                    many.map(|one| one.as_str().unwrap().to_owned()).collect()
                }
            };
            let services: BTreeSet<_> =
                all("Action").iter().map(|a| a.split(':').next().unwrap().to_owned()).collect();
            assert_eq!(services.len(), 1, "{statement}");
            for resource in all("Resource") {
                let service = services.first().unwrap();
                assert!(resource.starts_with(&format!("arn:aws:{service}:")), "{resource}");
            }
        }
    }
}

/// The names of tests in the last column of a page's tables whose last header is `tests`, a list a row.
fn named_tests(page: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut has_tests = false;
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            has_tests = false;
            continue;
        };
        let last = row.rsplit('|').next().unwrap_or_default().trim();
        match last {
            "tests" => has_tests = true,
            "---" => {}
            _ if has_tests => {
                rows.push(last.split('`').skip(1).step_by(2).map(str::to_owned).collect());
            }
            _ => {}
        }
    }
    rows
}

#[test]
fn the_tests_that_tables_of_threats_name_exist() {
    let root = Path::new(ROOT);
    let mut sources = String::new();
    let mut folders = ["crates", "src", "tests/it"].map(|folder| root.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(kind) if kind == "rs" => sources += &fs::read_to_string(path).unwrap(),
                _ => {}
            }
        }
    }
    // The page, and how many rows it has at least.
    for (page, least) in [("docs/deidentification.md", 20), ("docs/architecture.md", 20)] {
        let rows = named_tests(&fs::read_to_string(root.join(page)).unwrap());
        assert!(rows.len() >= least, "{page}: {rows:?}");
        for tests in rows {
            assert!(!tests.is_empty(), "{page}: a row without a test");
            for test in tests {
                let declared = sources.contains(&format!("#[test]\nfn {test}()"))
                    || sources.contains(&format!("#[test]\n    fn {test}()"))
                    || sources.contains(&format!("#[tokio::test]\n    async fn {test}()"));
                assert!(declared, "{page}: there is no test {test}");
            }
        }
    }
}
