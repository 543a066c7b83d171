//! Hints about slips on the command line and in the environment.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use tracing::warn;

use super::layers::{ENV_PREFIX, variable};
use super::{Cli, settings_of};

/// How alike two names must be for one to be taken for a slip of the other: from 0 to 1.
const ALIKE: f64 = 0.85;

/// The beginnings of this program's variables.
const PREFIXES: [&str; 3] = [ENV_PREFIX, "CUMULUS_LIBRARY_", "CUMULUS_AGGREGATOR_"];
/// Variables that only tests use begin with this.
const OF_TESTS: &str = "CUMULUS_ETL_TEST_";

/// The command that `word` may have been meant to be, where it is none and names no file.
pub(super) fn command_like(word: &str) -> Option<String> {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    // A folder of that name is what was meant.
    if !plain || Path::new(word).exists() {
        return None;
    }
    let commands = Cli::command();
    let names = commands.get_subcommands().map(|command| command.get_name().to_owned());
    most_alike(&word.to_ascii_lowercase(), names)
}

/// Warns of variables that look like this program's, but that no command knows.
pub(super) fn warn_of_unknown_variables() {
    let names = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let names: Vec<_> = names.filter_map(|(name, _)| name.into_string().ok()).collect();
    for (name, known) in unknown_variables(&names) {
        match known {
            Some(known) => warn!("The variable {name} has no effect; is {known} meant?"),
            None => warn!("The variable {name} has no effect: there is no such setting"),
        }
    }
}

/// Of `names` those that no command knows, each with the known one that it is most like.
fn unknown_variables(names: &[String]) -> Vec<(&str, Option<String>)> {
    let ours = |name: &&String| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !name.starts_with(OF_TESTS)
    };
    let names: Vec<_> = names.iter().filter(ours).collect();
    // Most runs return here, before all of clap's commands are built to know their variables.
    if names.is_empty() {
        return Vec::new();
    }
    let commands = Cli::command();
    let mut known: BTreeSet<String> =
        settings_of(&commands).iter().map(|name| variable(name)).collect();
    add_variables(&commands, &mut known);
    let unknown = names.into_iter().filter(|name| !known.contains(*name));
    unknown.map(|name| (name.as_str(), most_alike(name, known.iter().cloned()))).collect()
}

fn add_variables(command: &clap::Command, known: &mut BTreeSet<String>) {
    let variables = command.get_arguments().filter_map(|argument| argument.get_env());
    known.extend(variables.map(|name| name.to_string_lossy().into_owned()));
    command.get_subcommands().for_each(|below| add_variables(below, known));
}

fn most_alike(word: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let rated = names.map(|name| (strsim::damerau_levenshtein(word, &name), name));
    let (distance, name) = rated.min_by_key(|(distance, _)| *distance)?;
    let length = word.chars().count().max(name.chars().count());
    let alike = strsim::jaro_winkler(word, &name) >= ALIKE;
    (alike && distance <= (length / 4).max(1)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_commands_are_seen() {
        let pairs =
            [("covert", "convert"), ("expotr", "export"), ("Inti", "init"), ("stduy", "study")];
        for (slip, meant) in pairs {
            assert_eq!(command_like(slip).as_deref(), Some(meant), "{slip}");
        }
        for other in ["in", "input", "/data/covert", "s3://covert", "export2024", "", "week-01"] {
            assert_eq!(command_like(other), None, "{other}");
        }
    }

    #[test]
    fn variables_that_no_command_knows_are_seen() {
        let names = [
            "CUMULUS_ETL_OUPUT_FORMAT",
            "CUMULUS_ETL_OUTPUT_FORMAT",
            "CUMULUS_ETL_CONFIG",
            "CUMULUS_ETL_TEST_TIME_SCALE",
            "CUMULUS_LIBRARY_DATABSE",
            "CUMULUS_ETL_FAVOURITE_COLOUR",
            "CUMULUS_IMAGE",
            "PATH",
        ];
        let names = names.map(str::to_owned);
        let expected = [
            ("CUMULUS_ETL_OUPUT_FORMAT", Some("CUMULUS_ETL_OUTPUT_FORMAT".to_owned())),
            ("CUMULUS_LIBRARY_DATABSE", Some("CUMULUS_LIBRARY_DATABASE".to_owned())),
            ("CUMULUS_ETL_FAVOURITE_COLOUR", None),
        ];
        assert_eq!(unknown_variables(&names), expected);
    }
}
