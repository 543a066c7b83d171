//! Settings as the declarations of options give them: the layers, `--help` and the documentation have
//! it from there.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches};
use figment::value::{Dict, Value};

/// The group of those options of a command that are settings.
const SETTINGS: &str = "settings";

/// Options of a command that are settings: each also has a variable and, where the command has
/// `--config`, a key of that file. `A` declares them. The names of its options, and whether they
/// are switches, texts or lists, are read from there, so that `A` itself is never made.
pub struct Layered<A> {
    /// The values of the command line, by the settings' names.
    pub(super) given: Dict,
    options: PhantomData<A>,
}

/// The file that settings may stand in.
#[derive(Args, Debug, Default)]
pub struct FileArgs {
    /// TOML file with settings; its keys are the options without `--`
    #[arg(short, long, value_name = "FILE", env = "CUMULUS_ETL_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
}

/// The options that `A` declares.
fn declare_options<A: Args>() -> Vec<Arg> {
    A::augment_args(Command::new(SETTINGS)).get_arguments().cloned().collect()
}

/// The names of those options of a command that are settings, without `--`.
pub fn settings_of(command: &Command) -> Vec<String> {
    let group = command.get_groups().find(|group| group.get_id() == SETTINGS);
    let ids: Vec<_> = group.into_iter().flat_map(ArgGroup::get_args).collect();
    let settings = command.get_arguments().filter(|option| ids.contains(&option.get_id()));
    settings.filter_map(Arg::get_long).map(str::to_owned).collect()
}

impl<A: Args> Args for Layered<A> {
    fn augment_args(command: Command) -> Command {
        let ids = declare_options::<A>().into_iter().map(|option| option.get_id().clone());
        A::augment_args(command).group(ArgGroup::new(SETTINGS).multiple(true).args(ids))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<A: Args> FromArgMatches for Layered<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        for option in declare_options::<A>() {
            let id = option.get_id().as_str();
            let Some(name) = option.get_long() else { continue };
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let texts = matches.get_raw(id).into_iter().flatten();
            let mut texts = texts.map(|text| text.to_string_lossy().into_owned());
            let value = match option.get_action() {
                ArgAction::SetTrue => Value::from(true),
                ArgAction::Append => Value::from(texts.collect::<Vec<_>>()),
                _ => Value::from(texts.next_back().unwrap_or_default()),
            };
            flags.given.insert(name.to_owned(), value);
        }
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<A> Default for Layered<A> {
    fn default() -> Self {
        Self { given: Dict::new(), options: PhantomData }
    }
}

/// Names only: a value may be a secret.
impl<A> fmt::Debug for Layered<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

/// The declarations of the values of settings, by the settings' names.
pub(super) struct Declared(BTreeMap<String, Arg>);

impl Declared {
    /// Of the options that `A` declares.
    pub(super) fn of_options<A: Args>() -> Self {
        let named = |option: Arg| Some((option.get_long()?.to_owned(), option));
        Self(declare_options::<A>().into_iter().filter_map(named).collect())
    }

    /// The value that counts where no layer has one; `None` also for switches.
    pub(super) fn default_text(&self, name: &str) -> Option<String> {
        let default = self.0.get(name)?.get_default_values().first()?;
        Some(default.to_string_lossy().into_owned())
    }

    /// The values that a setting may have; none where there are no such limits.
    pub(super) fn list_choices(&self, name: &str) -> Vec<String> {
        let values = self.0.get(name).map(Arg::get_possible_values).unwrap_or_default();
        values.iter().map(|value| value.get_name().to_owned()).collect()
    }
}

/// The values that a setting may have, for `--help`. The option takes others, too: a value is checked
/// when the layers are read, so that one message names all that are wrong.
#[derive(Clone, Debug)]
pub(super) struct AnyOf(Vec<&'static str>);

impl AnyOf {
    /// Of these values.
    pub(super) fn new(values: impl IntoIterator<Item = &'static str>) -> Self {
        Self(values.into_iter().collect())
    }
}

impl TypedValueParser for AnyOf {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        option: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, option, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Args)]
    struct Sample {
        #[arg(long)]
        strict: bool,
        #[arg(long)]
        basic_passwd: Option<String>,
        #[arg(long = "type")]
        types: Vec<String>,
        #[arg(long, default_value = "delta", env = "HOME")]
        output_format: String,
    }

    #[test]
    fn only_what_the_command_line_gives_is_a_flag() {
        let parse = |line: &[&str]| {
            let command = Command::new("sample").no_binary_name(true);
            let command = Layered::<Sample>::augment_args(command).arg(Arg::new("INPUT"));
            assert_eq!(settings_of(&command), ["strict", "basic-passwd", "type", "output-format"]);
            Layered::<Sample>::from_arg_matches(&command.get_matches_from(line)).unwrap()
        };
        assert_eq!(parse(&["in"]).given, Dict::new());
        let flags =
            parse(&["--strict", "--basic-passwd=geheim", "--type=A,B", "in", "--type", "C"]);
        let lists = Value::from(vec!["A,B".to_owned(), "C".to_owned()]);
        let given = [
            ("strict", Value::from(true)),
            ("basic-passwd", Value::from("geheim")),
            ("type", lists),
        ];
        let given: Dict = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(flags.given, given);
        assert_eq!(format!("{flags:?}"), r#"{"basic-passwd", "strict", "type"}"#);
    }
}
