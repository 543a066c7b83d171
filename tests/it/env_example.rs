//! env.example against compose.yaml and the program's settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cumulus_etl::cli::{ENV_PREFIX, ETL_KEYS};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Whether a variable is set by env.example for the program, not for Compose alone.
fn for_the_program(name: &str) -> bool {
    !["CUMULUS_USER", "CUMULUS_IMAGE", "CUMULUS_AWS_DIR", "CUMULUS_SHARED_DIR", "CUMULUS_TLS_DIR"]
        .contains(&name)
}

/// The variables that env.example names, each with the heading of its section.
fn documented() -> BTreeMap<String, String> {
    let text = fs::read_to_string(Path::new(ROOT).join("env.example")).unwrap();
    let (mut names, mut section) = (BTreeMap::new(), String::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("# ---- ") {
            section = heading.trim_end_matches(['-', ' ']).to_owned();
        } else if let Some((name, _)) = line.strip_prefix('#').and_then(|rest| rest.split_once('='))
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            let earlier = names.insert(name.to_owned(), section.clone());
            assert_eq!(earlier, None, "{name} is there twice");
        } else {
            assert!(
                line.is_empty() || line == "#" || line.starts_with("# "),
                "neither comment nor name: {line}"
            );
        }
    }
    names
}

#[test]
fn compose_passes_on_all_that_env_example_names() {
    let text = fs::read_to_string(Path::new(ROOT).join("compose.yaml")).unwrap();
    let (_, environment) = text.split_once("  environment:\n").unwrap();
    let passed: BTreeSet<String> = environment
        .lines()
        .take_while(|line| line.starts_with("    "))
        .filter_map(|line| line.trim().strip_prefix("- "))
        .map(str::to_owned)
        .collect();
    let named: BTreeSet<String> =
        documented().into_keys().filter(|name| for_the_program(name)).collect();
    assert_eq!(passed, named);
}

#[test]
fn env_example_names_the_settings_that_exist() {
    let settings: BTreeSet<String> = ETL_KEYS
        .iter()
        .map(|key| format!("{ENV_PREFIX}{}", key.to_uppercase().replace('-', "_")))
        .collect();
    let existing: BTreeSet<String> = documented()
        .into_iter()
        .filter(|(name, section)| {
            name.starts_with(ENV_PREFIX) && !section.ends_with("(not there yet)")
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(settings, existing);
}
