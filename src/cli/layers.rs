//! Settings in layers: flags, then `CUMULUS_ETL_*` variables, then a TOML file, then defaults.

use std::path::Path;

use clap::Args;
use figment::Figment;
use figment::providers::{Format as _, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::declared::{Declared, Layered};
use crate::error::{Error, Result, SettingsFault};
use crate::output::OutputFormat;
use crate::ui::format_count;

/// The beginning of every variable's name; the rest is the flag in upper snake case.
pub const ENV_PREFIX: &str = "CUMULUS_ETL_";

/// The merged layers, with every complaint about them.
pub struct Layers {
    figment: Figment,
    declared: Declared,
    problems: Vec<String>,
}

impl Layers {
    /// Merges the flags over the environment over `file`, which may hold any setting of the main job.
    ///
    /// # Errors
    /// The file can't be read or is no TOML.
    pub fn new<A: Args>(flags: &Layered<A>, file: Option<&Path>) -> Result<Self> {
        let names = super::list_settings();
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
                    for key in dict.keys().filter(|key| !names.contains(key)) {
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
        let figment = figment.merge(Environment(names)).merge(Serialized::globals(&flags.given));
        Ok(Self { figment, declared: Declared::of_options::<A>(), problems })
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
        let default = self.declared.default_text(key);
        let Some((value, shown)) = self.find(key) else { return default };
        match scalar(&value) {
            Some(text) => Some(text).filter(|text| !text.is_empty()).or(default),
            None => {
                self.problems.push(format!("{shown} must be a text"));
                default
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

    /// A list setting: a list, or text with commas. An empty list counts as not set.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        let default: Vec<String> = self.declared.default_text(key).into_iter().collect();
        let texts = match self.find(key) {
            None => Vec::new(),
            Some((Value::Array(_, items), shown)) => self.scalars(&items, &shown),
            Some((other, shown)) => self.scalars(&[other], &shown),
        };
        let names = split_list(&texts);
        if names.is_empty() { split_list(&default) } else { names }
    }

    /// The items of a list of names.
    fn scalars(&mut self, items: &[Value], shown: &str) -> Vec<String> {
        let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
        texts.unwrap_or_else(|| {
            self.problems.push(format!("{shown} must be a list of names"));
            Vec::new()
        })
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

    /// A whole number of at least 1. `None`: it is not set, and no default is declared.
    pub fn number(&mut self, key: &str) -> Option<u64> {
        let default = self.declared.default_text(key).and_then(|text| text.parse().ok());
        let Some((value, shown)) = self.find(key) else { return default };
        match scalar(&value).as_deref() {
            Some("") => default,
            text => match text.and_then(|text| text.parse().ok()).filter(|n| *n >= 1) {
                Some(number) => Some(number),
                None => {
                    self.problems.push(format!("{shown} must be a whole number of at least 1"));
                    default
                }
            },
        }
    }

    /// A text setting that is one of the values that its declaration lists.
    pub fn choice(&mut self, key: &str) -> String {
        let text = self.text(key).unwrap_or_default();
        let choices = self.declared.list_choices(key);
        if choices.contains(&text) {
            return text;
        }
        let shown = self.find(key).map_or_else(|| format!("--{key}"), |(_, shown)| shown);
        self.problems.push(format!("{shown} must be one of {}", choices.join(", ")));
        self.declared.default_text(key).unwrap_or_default()
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
struct Environment(
    /// The settings' names.
    Vec<String>,
);

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variables")
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let settings = self.0.iter().filter_map(|key| {
            let text = std::env::var(variable(key)).ok()?;
            Some((key.clone(), Value::from(text)))
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

/// The names of a list: texts with commas.
fn split_list(texts: &[String]) -> Vec<String> {
    let names = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
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
    use clap::{Command, FromArgMatches};

    use super::*;
    use crate::cli::declared::AnyOf;

    /// Options of no command.
    #[derive(Args)]
    struct Sample {
        #[arg(long)]
        token_url: Option<String>,
        #[arg(long)]
        scope: Option<String>,
        #[arg(long, default_value_t = 7.to_string())]
        batch_size: String,
        #[arg(long)]
        threads: Option<String>,
        #[arg(long, default_value = "a,b")]
        task: Vec<String>,
        #[arg(long, default_value = "text", value_parser = AnyOf::new(["text", "json"]))]
        log_format: String,
        #[arg(long)]
        strict: bool,
    }

    fn layers(line: &[&str], file: &Path) -> Layers {
        let command = Layered::<Sample>::augment_args(Command::new("sample").no_binary_name(true));
        let flags = Layered::<Sample>::from_arg_matches(&command.get_matches_from(line)).unwrap();
        Layers::new(&flags, Some(file)).unwrap()
    }

    #[test]
    fn of_two_names_the_higher_layer_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        for (flag, file, expected) in [
            (Some("--token-url=flag"), "scope = 'file'", "flag"),
            (Some("--scope=flag"), "token-url = 'file'", "flag"),
            (None, "scope = 'file'", "file"),
            (None, "token-url = 'file'\nscope = 'other'", "file"),
            (None, "token-url = ''\nscope = 'other'", "other"),
        ] {
            std::fs::write(&path, file).unwrap();
            let line: Vec<_> = flag.into_iter().collect();
            let mut layers = layers(&line, &path);
            assert_eq!(layers.either("token-url", "scope").as_deref(), Some(expected), "{file}");
        }
    }

    #[test]
    fn what_no_layer_sets_is_as_declared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        for (file, line, expected) in [
            ("", &[][..], (Some(7), None, "a,b", "text", false)),
            (
                "batch-size = ''\ntask = []\nlog-format = ''",
                &[],
                (Some(7), None, "a,b", "text", false),
            ),
            (
                "batch-size = 8\nthreads = 2\ntask = ['c']",
                &[],
                (Some(8), Some(2), "c", "text", false),
            ),
            (
                "batch-size = 8\nlog-format = 'text'",
                &["--batch-size=9", "--task=d,e", "--task=f", "--log-format=json", "--strict"],
                (Some(9), None, "d,e,f", "json", true),
            ),
        ] {
            std::fs::write(&path, file).unwrap();
            let mut layers = layers(line, &path);
            let found = (
                layers.number("batch-size"),
                layers.number("threads"),
                &*layers.list("task").join(","),
                &*layers.choice("log-format"),
                layers.switch("strict"),
            );
            assert_eq!(found, expected, "{file} {line:?}");
            layers.finish().unwrap();
        }
        // A value that can't be used is told, and the declared value stands in for it.
        std::fs::write(&path, "batch-size = 'x'\nlog-format = 'xml'").unwrap();
        let mut layers = layers(&[], &path);
        assert_eq!((layers.number("batch-size"), &*layers.choice("log-format")), (Some(7), "text"));
        let error = layers.finish().unwrap_err().to_string();
        assert!(error.contains("'log-format' in the configuration file must be one of text, json"));
        assert!(error.contains("'batch-size' in the configuration file must be a whole number"));
    }
}
