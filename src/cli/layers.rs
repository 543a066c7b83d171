//! Settings in layers: flags, then `CUMULUS_ETL_*` variables, then a TOML file, then defaults.

use std::path::Path;

use figment::Figment;
use figment::providers::{Format as _, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use crate::error::{Error, Result, SettingsFault};
use crate::output::OutputFormat;
use crate::ui::format_count;

/// The beginning of every variable's name; the rest is the flag in upper snake case.
pub const ENV_PREFIX: &str = "CUMULUS_ETL_";

/// Every setting of the main job, by the name it has in TOML files.
pub const ETL_KEYS: [&str; 52] = [
    "output-format",
    "task",
    "exclude-resources",
    "allow-missing-resources",
    "batch-size",
    "errors-to",
    "comment",
    "export-group",
    "export-timestamp",
    "s3-region",
    "s3-kms-key",
    "s3-endpoint",
    "upload-part-size",
    "upload-concurrency",
    "new-codebook",
    "no-table-optimization",
    "philter",
    "input-format",
    "fhir-url",
    "work-dir",
    "strict",
    "threads",
    "log-format",
    "verbose",
    "quiet",
    "smart-client-id",
    "smart-key",
    "smart-jwks",
    "basic-user",
    "basic-passwd",
    "bearer-token",
    "token-url",
    "scope",
    "token-host",
    "allow-http",
    "export-to",
    "since",
    "until",
    "type",
    "type-filter",
    "param",
    "post",
    "lenient",
    "resume",
    "cancel",
    "inline",
    "inline-resource",
    "inline-mimetype",
    "note-host",
    "max-connections",
    "export-timeout",
    "no-compression",
];

/// The merged layers, with every complaint about them.
pub struct Layers {
    figment: Figment,
    problems: Vec<String>,
}

impl Layers {
    /// Merges the flags over the environment over `file`.
    pub fn new(flags: Dict, file: Option<&Path>) -> Result<Self> {
        let mut figment = Figment::new();
        let mut problems = Vec::new();
        if let Some(path) = file {
            if !path.is_file() {
                let message = format!("--config: there is no file '{}'", path.display());
                return Err(Error::new(SettingsFault::InvalidValue, message));
            }
            // `Toml::file` would search the folders above as well.
            let toml = Figment::from(Toml::file_exact(path));
            match toml.extract::<Dict>() {
                Ok(dict) => {
                    for key in dict.keys().filter(|key| !ETL_KEYS.contains(&key.as_str())) {
                        problems.push(format!("'{key}' in '{}': no such setting", path.display()));
                    }
                }
                Err(error) => {
                    let message =
                        format!("--config '{}': {}", path.display(), without_source(&error));
                    return Err(Error::new(SettingsFault::InvalidValue, message));
                }
            }
            figment = figment.merge(toml);
        }
        // In figment, the layer that is merged last wins.
        let figment = figment.merge(Environment).merge(Serialized::globals(flags));
        Ok(Self { figment, problems })
    }

    /// The value of a setting, with how to name it in a complaint.
    fn find(&self, key: &str) -> Option<(Value, String)> {
        let value = self.figment.find_value(key).ok()?;
        let source = self.figment.get_metadata(value.tag()).map(|m| m.name.to_string());
        let shown = match source {
            // Figment names the provider that a value is of: `Environment` gives the first name,
            // the library the second.
            Some(name) if name.contains("environment") => variable(key),
            Some(name) if name.contains("TOML") => format!("'{key}' in the configuration file"),
            _ => format!("--{key}"),
        };
        Some((value, shown))
    }

    /// A text setting; empty text counts as not set, as compose files pass unset variables.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let (value, shown) = self.find(key)?;
        match scalar(&value) {
            Some(text) => Some(text).filter(|text| !text.is_empty()),
            None => {
                self.problems.push(format!("{shown} must be a text"));
                None
            }
        }
    }

    /// A text setting with two names; the higher layer wins, in a layer `key`.
    pub fn either(&mut self, key: &str, other: &str) -> Option<String> {
        let rank = |layers: &Self, key: &str| {
            let (value, shown) = layers.find(key)?;
            let rank = match shown {
                _ if scalar(&value).is_some_and(|text| text.is_empty()) => return None,
                shown if shown.starts_with("--") => 2,
                shown if shown.starts_with(ENV_PREFIX) => 1,
                _ => 0,
            };
            Some(rank)
        };
        match rank(self, key) >= rank(self, other) {
            true => self.text(key),
            false => self.text(other),
        }
    }

    /// A text setting that may be empty, if a flag or a file says so.
    pub fn maybe_empty(&mut self, key: &str) -> Option<String> {
        let (value, shown) = self.find(key)?;
        match scalar(&value) {
            Some(text) if text.is_empty() && !shown.starts_with(ENV_PREFIX) => Some(text),
            _ => self.text(key),
        }
    }

    /// A list setting: a list, or text with commas.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        let Some((value, shown)) = self.find(key) else { return Vec::new() };
        let texts = match &value {
            Value::Array(_, items) => items.iter().map(scalar).collect(),
            other => scalar(other).map(|text| vec![text]),
        };
        let Some(texts) = texts else {
            self.problems.push(format!("{shown} must be a list of names"));
            return Vec::new();
        };
        let names = texts.iter().flat_map(|text| text.split(','));
        names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    }

    /// A list of texts that may have commas in them: a list, or one text.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let Some((value, shown)) = self.find(key) else { return Vec::new() };
        let texts = match &value {
            Value::Array(_, items) => items.iter().map(scalar).collect(),
            other => scalar(other).map(|text| vec![text]),
        };
        let Some(texts): Option<Vec<String>> = texts else {
            self.problems.push(format!("{shown} must be a list of texts"));
            return Vec::new();
        };
        texts.into_iter().filter(|text| !text.trim().is_empty()).collect()
    }

    /// A switch.
    pub fn switch(&mut self, key: &str) -> bool {
        let Some((value, shown)) = self.find(key) else { return false };
        match scalar(&value).map(|text| text.to_ascii_lowercase()).as_deref() {
            Some("true" | "1" | "yes" | "on") => true,
            Some("false" | "0" | "no" | "off" | "") => false,
            _ => {
                self.problems.push(format!("{shown} must be true or false"));
                false
            }
        }
    }

    /// A whole number of at least 1.
    pub fn number(&mut self, key: &str, default: u64) -> u64 {
        let Some((value, shown)) = self.find(key) else { return default };
        match scalar(&value).as_deref() {
            Some("") => default,
            text => match text.and_then(|text| text.parse().ok()).filter(|n| *n >= 1) {
                Some(number) => number,
                None => {
                    self.problems.push(format!("{shown} must be a whole number of at least 1"));
                    default
                }
            },
        }
    }

    /// A text setting with a few possible values; the first is the default.
    pub fn choice(&mut self, key: &str, choices: &[&'static str]) -> &'static str {
        let default = choices.first().copied().unwrap_or_default();
        let Some(text) = self.text(key) else { return default };
        match choices.iter().find(|choice| **choice == text) {
            Some(choice) => choice,
            None => {
                let shown = self.find(key).map_or_else(|| format!("--{key}"), |(_, shown)| shown);
                self.problems.push(format!("{shown} must be one of {}", choices.join(", ")));
                default
            }
        }
    }

    /// `--output-format`: each format once.
    pub fn output_formats(&mut self) -> Vec<OutputFormat> {
        let mut formats = Vec::new();
        for name in self.list("output-format") {
            match OutputFormat::find_named(&name) {
                Some(format) if !formats.contains(&format) => formats.push(format),
                Some(_) => {}
                None => self.problems.push(format!(
                    "--output-format: there is no format '{name}'; there are {}",
                    OutputFormat::list_names()
                )),
            }
        }
        if formats.is_empty() {
            formats.push(OutputFormat::DELTALAKE);
        }
        formats
    }

    /// Adds a complaint.
    pub fn complain(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// One error that lists every bad value, if there is any.
    pub fn finish(self) -> Result<()> {
        match self.problems.as_slice() {
            [] => Ok(()),
            [one] => Err(Error::new(SettingsFault::InvalidValue, one.clone())),
            many => Err(Error::new(
                SettingsFault::InvalidValue,
                format!(
                    "{} can't be used:\n  {}",
                    format_count(many.len() as u64, "setting"),
                    many.join("\n  ")
                ),
            )),
        }
    }
}

/// The variables, each as the text it is: figment's own provider makes a number of a Group named
/// `007` and a list of a comment in brackets.
struct Environment;

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variables")
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let settings = ETL_KEYS.iter().filter_map(|key| {
            let text = std::env::var(variable(key)).ok()?;
            Some(((*key).to_owned(), Value::from(text)))
        });
        Ok(Map::from([(Profile::Global, settings.collect())]))
    }
}

/// A parser's message without the lines of the file that it shows: there may be a password in them.
fn without_source(error: &figment::Error) -> String {
    let text = error.to_string();
    // The parser shows the line behind its number and a bar, and an arrow below it behind a bar.
    let source = |line: &&str| {
        let line = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        line.trim_start().starts_with('|')
    };
    text.lines().filter(|line| !source(line)).map(str::trim).collect::<Vec<_>>().join(", ")
}

/// The variable that stands for a setting: `CUMULUS_ETL_BATCH_SIZE` for `batch-size`.
pub fn variable(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// A scalar as text: in TOML a number may stand where a text is meant.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, c) => Some(c.to_string()),
        Value::Bool(_, value) => Some(value.to_string()),
        Value::Num(_, number) => {
            let integer = number.to_i128().map(|n| n.to_string());
            integer
                .or_else(|| number.to_u128().map(|n| n.to_string()))
                .or_else(|| number.to_f64().map(|n| n.to_string()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_names_the_higher_layer_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        for (flag, file, expected) in [
            (Some("token-url"), "scope = 'file'", "flag"),
            (Some("scope"), "token-url = 'file'", "flag"),
            (None, "scope = 'file'", "file"),
            (None, "token-url = 'file'\nscope = 'other'", "file"),
            (None, "token-url = ''\nscope = 'other'", "other"),
        ] {
            std::fs::write(&path, file).unwrap();
            let flags = flag.map(|key| (key.to_owned(), Value::from("flag")));
            let mut layers = Layers::new(flags.into_iter().collect(), Some(&path)).unwrap();
            assert_eq!(layers.either("token-url", "scope").as_deref(), Some(expected), "{file}");
        }
    }
}
