//! Options and their documentation: the tables of docs/reference.md, env.example and the variables in
//! compose.yaml are written from the declarations in `src/cli/`. `just docs` writes what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use cumulus_etl::cli::{ENV_PREFIX, list_settings, settings_of, variable};

use crate::logging::commands;
use crate::support::{Site, end};

/// Words that the documentation has a chapter on. The first place in a cell becomes a link to it.
const CHAPTERS: [(&str, &str); 10] = [
    ("`cumulus-etl inline`", "#inline"),
    ("Athena", "athena.md"),
    ("Ballista", "cluster.md"),
    ("Say more", "#messages"),
    ("certificate", "cluster.md#certificates"),
    ("codebook", "#the-phi-folder"),
    ("completion tables", "#completion-tables"),
    ("memory", "#memory"),
    ("registered", "how-to/register-a-client.md"),
    ("temporary files", "#temporary-files"),
];

/// The section of env.example for settings of the main job that have no heading in `--help`.
const MAIN_JOB: &str = "The main job";
/// The section of env.example for what is no setting of the main job.
const STUDIES: &str = "Studies";

/// An option or an argument, and what its declaration says.
struct Declared<'a> {
    arg: &'a Arg,
    /// Whether it is one of the command's settings.
    is_setting: bool,
}

impl Declared<'_> {
    fn is_argument(&self) -> bool {
        self.arg.get_long().is_none()
    }

    fn is_switch(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::SetTrue)
    }

    fn find_variable(&self) -> Option<String> {
        let declared = self.arg.get_env().map(|name| name.to_str().unwrap().to_owned());
        declared.or_else(|| self.is_setting.then(|| variable(self.arg.get_long().unwrap())))
    }

    /// The first paragraph of the help with the values that there are, and all of it; without the
    /// default.
    fn read_help(&self) -> (String, String) {
        let help = self.arg.get_help().unwrap_or_else(|| panic!("{} has no help", self.arg));
        let long = self.arg.get_long_help().unwrap_or(help).to_string();
        let plain = |text: &str| match text.split_once(" [default: ") {
            Some((before, rest)) => {
                let (_, after) = rest.split_once(']').expect("a default ends with ]");
                format!("{before}{after}")
            }
            None => text.to_owned(),
        };
        let long = plain(&long);
        let mut paragraphs = long.split("\n\n").map(|text| text.trim_end_matches('.'));
        let choices = self.list_choices().map(|choices| format!(": {choices}")).unwrap_or_default();
        let first = format!("{}{choices}", paragraphs.next().unwrap_or_default());
        let all: Vec<&str> = [&*first].into_iter().chain(paragraphs).collect();
        let all = all.join(". ");
        (first, all)
    }

    /// The help's words for a default that depends on something.
    fn describe_default(&self) -> Option<String> {
        let help = self.arg.get_help()?.to_string();
        let (_, rest) = help.split_once(" [default: ")?;
        Some(rest.split_once(']')?.0.to_owned())
    }

    /// The default, if it is one value.
    fn find_default(&self) -> Option<String> {
        let declared = self.arg.get_default_values().first();
        let declared = declared.map(|value| value.to_str().unwrap().to_owned());
        let described =
            || Some(self.describe_default()?.strip_prefix('`')?.split_once('`')?.0.to_owned());
        declared.or_else(described)
    }

    /// The values that there are, each with its help in brackets if it has some.
    fn list_choices(&self) -> Option<String> {
        let values = self.arg.get_possible_values();
        if self.is_switch() || values.is_empty() {
            return None;
        }
        let shown: Vec<_> = values
            .iter()
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({help})", value.get_name()),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        Some(shown.join(", "))
    }

    /// A row of a table of the reference, with so much of it as the table has columns for.
    fn write_row(&self, columns: &Columns) -> String {
        let name = self.arg.get_long().unwrap();
        let short = self.arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
        let value = match (self.is_switch(), self.arg.get_value_names()) {
            (false, Some([value, ..])) => format!(" <{value}>"),
            _ => String::new(),
        };
        let default = match (self.is_switch(), self.arg.get_default_values()) {
            (true, _) => "off".to_owned(),
            (false, [value]) => format!("`{}`", value.to_str().unwrap()),
            _ if self.arg.is_required_set() => "needed".to_owned(),
            _ => self.describe_default().unwrap_or_else(|| "none".to_owned()),
        };
        let mut cells = vec![format!("{short}`--{name}{value}`"), default];
        let code = |text: String| format!("`{text}`");
        let or_dash = |text: Option<String>| text.map_or_else(|| "—".to_owned(), code);
        if columns.variables {
            cells.push(or_dash(self.find_variable()));
        }
        if columns.keys {
            cells.push(or_dash(self.is_setting.then(|| name.to_owned())));
        }
        let (_, help) = self.read_help();
        cells.push(link_chapters(&help));
        assert!(cells.iter().all(|cell| !cell.contains(['|', '\n'])), "{cells:?}");
        format!("| {} |\n", cells.join(" | "))
    }
}

/// Which columns the tables of a command have beside the others.
struct Columns {
    variables: bool,
    /// Of the TOML file.
    keys: bool,
}

/// A text with a link at the first place of each word that has a chapter, outside of code.
fn link_chapters(text: &str) -> String {
    let mut text = text.to_owned();
    for (word, chapter) in CHAPTERS {
        let is_whole = |at: usize| !text[at + word.len()..].starts_with(char::is_alphanumeric);
        let is_prose = |at: usize| text[..at].matches('`').count().is_multiple_of(2);
        let mut places = text.match_indices(word).map(|(at, _)| at);
        let found = places.find(|at| is_whole(*at) && is_prose(*at));
        if let Some(at) = found {
            text.replace_range(at..at + word.len(), &format!("[{word}]({chapter})"));
        }
    }
    text
}

/// The options and arguments of a command, in the order of `--help`.
fn list_options(command: &Command) -> Vec<Declared<'_>> {
    let settings = settings_of(command);
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let is_setting =
        |arg: &Arg| arg.get_long().is_some_and(|name| settings.iter().any(|known| known == name));
    shown.map(|arg| Declared { arg, is_setting: is_setting(arg) }).collect()
}

/// The tables of a command's options: one, and one for each heading of `--help`.
fn write_tables(command: &Command) -> String {
    let options: Vec<_> =
        list_options(command).into_iter().filter(|option| !option.is_argument()).collect();
    let columns = Columns {
        variables: options.iter().any(|option| option.find_variable().is_some()),
        keys: options.iter().any(|option| option.arg.get_long() == Some("config")),
    };
    let mut titles = vec!["option", "default"];
    titles.extend(columns.variables.then_some("environment variable"));
    titles.extend(columns.keys.then_some("TOML key"));
    titles.push("meaning");
    let head = format!("\n| {} |\n|{}\n", titles.join(" | "), " --- |".repeat(titles.len()));
    let (mut tables, mut heading) = (head.clone(), None);
    for option in options {
        if option.arg.get_help_heading() != heading {
            heading = option.arg.get_help_heading();
            let _ =
                write!(tables, "\n**{}**\n{head}", heading.expect("options without come first"));
        }
        tables += &option.write_row(&columns);
    }
    tables + "\n"
}

fn project_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a file with what it must be, or writes that.
fn compare_file(path: &str, text: &str) {
    if std::env::var_os("CUMULUS_TEST_UPDATE").is_some() {
        fs::write(project_path(path), text).unwrap();
    }
    let found = fs::read_to_string(project_path(path)).unwrap();
    let mut pairs = found.lines().zip(text.lines()).enumerate();
    let other = pairs.find(|(_, (found, expected))| found != expected);
    assert!(found == text, "{path} is not as the options are declared (`just docs`): {other:#?}");
}

/// Replaces what stands between two marks.
fn replace_between(text: &str, begin: &str, end: &str, inner: &str) -> String {
    let (head, rest) = text.split_once(begin).unwrap_or_else(|| panic!("there is no {begin}"));
    let at = rest.find(end).unwrap_or_else(|| panic!("no {end} after {begin}"));
    format!("{head}{begin}{inner}{}", &rest[at..])
}

#[test]
fn options_are_documented_as_declared() {
    let mut text = fs::read_to_string(project_path("docs/reference.md")).unwrap();
    for (words, command) in commands() {
        if words.is_empty() {
            continue;
        }
        let name = words.join(" ");
        let begin = format!("<!-- options of `{name}` -->\n");
        text = replace_between(&text, &begin, "<!-- end -->", &write_tables(&command));
        // The text on arguments is by hand.
        let (_, chapter) = text.split_once(&format!("\n### `{name}`\n")).expect("a chapter");
        let (chapter, _) = chapter.split_once("\n<!-- options").expect("prose before the options");
        for argument in list_options(&command).iter().filter(|option| option.is_argument()) {
            let shown = argument.arg.get_value_names().unwrap()[0].as_str();
            assert!(chapter.contains(shown), "the reference has no {shown} of {name}");
        }
    }
    compare_file("docs/reference.md", &text);
    for (word, chapter) in CHAPTERS {
        assert!(text.contains(&format!("[{word}]({chapter})")), "no option speaks of {word}");
    }
}

/// A variable for Compose, as env.example shows it.
struct Variable {
    section: String,
    comment: String,
    /// The default or, of a switch, what turns it on.
    value: Option<String>,
}

/// The variables that there are, in the order of `--help`: those of settings, and those of studies.
fn list_variables() -> Vec<(String, Variable)> {
    let mut all: Vec<(String, Variable)> = Vec::new();
    let commands = commands();
    let (main_job, others): (Vec<_>, Vec<_>) =
        commands.iter().partition(|(words, _)| words.is_empty());
    let (studies, others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|(words, _)| words[0] == "study");
    for (_, command) in main_job.into_iter().chain(studies).chain(others) {
        for option in list_options(command) {
            let Some(name) = option.find_variable() else { continue };
            let of_studies = !name.starts_with(ENV_PREFIX);
            let known = all.iter().any(|(known, _)| *known == name);
            if known || !(option.is_setting || of_studies) {
                continue;
            }
            let (mut comment, _) = option.read_help();
            let value =
                if option.is_switch() { Some("true".to_owned()) } else { option.find_default() };
            if let (None, Some(default)) = (&value, option.describe_default()) {
                let _ = write!(comment, "; by default {default}");
            }
            let heading = option.arg.get_help_heading().unwrap_or(MAIN_JOB);
            let section = if of_studies { STUDIES } else { heading }.to_owned();
            all.push((name, Variable { section, comment, value }));
        }
    }
    all
}

/// A text as lines of a comment.
fn comment_lines(text: &str) -> String {
    let mut lines = String::from("#");
    let mut width = 1;
    for word in text.split_whitespace() {
        if width + 1 + word.chars().count() > 98 {
            lines += "\n#";
            width = 1;
        }
        lines += " ";
        lines += word;
        width += 1 + word.chars().count();
    }
    lines + "\n"
}

/// The variables that env.example names, each with its value.
fn shown_variables(text: &str) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for line in text.lines() {
        let assigned = line.strip_prefix('#').and_then(|rest| rest.split_once('='));
        let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match assigned {
            Some((name, value)) if is_name(name) => {
                assert_eq!(shown.insert(name.to_owned(), value.to_owned()), None, "{name} twice");
            }
            _ => assert!(
                line.is_empty() || line == "#" || line.starts_with("# "),
                "neither comment nor name: {line}"
            ),
        }
    }
    shown
}

/// The text that env.example must have. An example of a value that has no default stays as someone wrote it.
fn write_env_example() -> String {
    let mut text = fs::read_to_string(project_path("env.example")).unwrap();
    let examples = shown_variables(&text);
    let mut sections: Vec<(String, String)> = Vec::new();
    for (name, Variable { section, comment, value }) in list_variables() {
        let value = value.or_else(|| examples.get(&name).cloned()).unwrap_or_default();
        let lines = format!("{}#{name}={value}\n", comment_lines(&comment));
        match sections.iter_mut().find(|(known, _)| *known == section) {
            Some((_, known)) => *known += &lines,
            None => sections.push((section, lines)),
        }
    }
    text += "\n# ----";
    for (section, lines) in sections {
        let begin = format!("# ---- {section} ");
        let begin = format!("{begin:-<94}\n\n");
        text = replace_between(&text, &begin, "\n# ----", &lines);
    }
    text.trim_end_matches("\n# ----").to_owned()
}

#[test]
fn variables_are_documented_as_declared() {
    let example = write_env_example();
    compare_file("env.example", &example);
    // Compose passes on what stands there, but for what it takes itself.
    let mut passed = String::new();
    let mut section = String::new();
    let declared = list_variables();
    for (name, variable) in &declared {
        if variable.section != section {
            section.clone_from(&variable.section);
            let _ = writeln!(passed, "    # {section}");
        }
        let _ = writeln!(passed, "    - {name}");
    }
    let text = fs::read_to_string(project_path("compose.yaml")).unwrap();
    let begin = "    # Variables of options; `just docs` writes them\n";
    let text = replace_between(&text, begin, "\nservices:\n", &passed);
    compare_file("compose.yaml", &text);
    let (_, environment) = text.split_once("  environment:\n").unwrap();
    let (environment, _) = environment.split_once("\nservices:\n").unwrap();
    let passed = environment.lines().filter_map(|line| line.strip_prefix("    - "));
    let passed: BTreeSet<String> = passed.map(str::to_owned).collect();
    let of_compose = ["USER", "IMAGE", "AWS_DIR", "SHARED_DIR", "TLS_DIR"];
    let of_compose = of_compose.map(|name| format!("CUMULUS_{name}"));
    let named: BTreeSet<String> = shown_variables(&example).into_keys().collect();
    let missing: Vec<_> = of_compose.iter().filter(|name| !named.contains(*name)).collect();
    assert_eq!(missing, [""; 0]);
    let named = named.into_iter().filter(|name| !of_compose.contains(name)).collect();
    assert_eq!(passed, named);
}

#[test]
fn settings_of_all_commands_are_settings_of_the_main_job() {
    // One file holds settings for all commands: a key of any of them is known to each.
    let of_main_job: BTreeSet<String> = list_settings().into_iter().collect();
    let mut with_file = 0;
    for (words, command) in commands() {
        let settings = settings_of(&command);
        let foreign: Vec<_> = settings.iter().filter(|name| !of_main_job.contains(*name)).collect();
        assert!(foreign.is_empty(), "{words:?}: {foreign:?}");
        with_file += usize::from(settings.len() > 10);
    }
    // The main job by both its names, `export` and `inline`.
    assert_eq!(with_file, 4);
    assert!(of_main_job.len() > 40, "{of_main_job:?}");
}

#[test]
fn every_setting_is_read() {
    let site = Site::new();
    // No setting can be a table: each is complained about by what reads it.
    let complaints = |names: &[String]| {
        let file: String = names.iter().map(|name| format!("{name} = {{}}\n")).collect();
        site.file("settings.toml", &file);
        let mut command = site.command();
        command.env_remove(variable("new-codebook"));
        let ended = end(command.args(["in", "out", "phi", "--config=settings.toml"]));
        assert_eq!(ended.code, Some(23), "{}", ended.err);
        ended.err
    };
    // Of two names of a key, one is read.
    let (other, names): (Vec<_>, Vec<_>) =
        list_settings().into_iter().partition(|name| name == "smart-jwks");
    assert_eq!(other.len(), 1);
    for names in [names, other] {
        let told = complaints(&names);
        for name in &names {
            let complaint = format!("'{name}' in the configuration file must be ");
            assert!(told.contains(&complaint), "{name}: {told}");
        }
    }
}
