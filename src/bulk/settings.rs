//! The user's settings of an export, and the settings that follow from them.

use std::time::Duration;

use url::Url;

use super::note_selection::NoteSelection;
use super::request::is_param;
use super::{ExportFilters, ExportOptions, ExportTarget, Since};
use crate::error::{Error, Result, SettingsFault};
use crate::fhir::resource_type_ignoring_case;
use crate::http::Pace;
use crate::store::Storage;
use crate::ui::Bars;

/// Makes all waits shorter, in tests: a factor like `0.001`.
const TIME_SCALE: &str = "CUMULUS_ETL_TEST_TIME_SCALE";

/// Values that `_outputFormat` may have: the IG's names of NDJSON.
const NDJSON: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// The options of an export, checked one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSettings {
    /// `--since`
    pub since: Option<Since>,
    /// `--until`, an instant.
    pub until: Option<String>,
    /// `--type`; empty: those of the tables to make.
    pub types: Vec<String>,
    /// `--type-filter`
    pub type_filters: Vec<String>,
    /// `--param`
    pub params: Vec<(String, String)>,
    /// `--post`
    pub post: bool,
    /// `--lenient`
    pub lenient: bool,
    /// `--resume`, a status URL.
    pub resume: Option<String>,
    /// `--cancel`
    pub cancel: bool,
    /// `--inline`, with what `--inline-resource` and `--inline-mimetype` say.
    pub inline: Option<NoteSelection>,
    /// `--max-connections`
    pub max_connections: usize,
    /// `--export-timeout`
    pub timeout: Duration,
    /// `--no-compression`
    pub no_compression: bool,
    /// `--export-to`
    pub export_to: Option<String>,
}

impl Default for ExportSettings {
    fn default() -> Self {
        Self {
            since: None,
            until: None,
            types: Vec::new(),
            type_filters: Vec::new(),
            params: Vec::new(),
            post: false,
            lenient: false,
            resume: None,
            cancel: false,
            inline: None,
            max_connections: Self::MAX_CONNECTIONS,
            timeout: Duration::from_secs(Self::TIMEOUT_DAYS * 24 * 3600),
            no_compression: false,
            export_to: None,
        }
    }
}

impl ExportSettings {
    /// Downloads that are under way together, unless another number is asked for.
    pub const MAX_CONNECTIONS: usize = 5;
    /// How many days a run may wait for the server, unless another span is asked for.
    pub const TIMEOUT_DAYS: u64 = 30;

    /// The options that make no sense without a server, of those that are set.
    pub fn for_servers_only(&self) -> Vec<&'static str> {
        [
            ("--export-to", self.export_to.is_some()),
            ("--since", self.since.is_some()),
            ("--until", self.until.is_some()),
            ("--type", !self.types.is_empty()),
            ("--type-filter", !self.type_filters.is_empty()),
            ("--param", !self.params.is_empty()),
            ("--resume", self.resume.is_some()),
            ("--cancel", self.cancel),
            ("--inline", self.inline.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name))
        .collect()
    }

    /// Of an export of `target`. `types` are those to take unless the user names some.
    pub fn options(
        &self,
        target: &ExportTarget,
        types: &[&str],
        storage: &Storage,
        bars: &Bars,
    ) -> Result<ExportOptions> {
        self.refuse_other_forms(target)?;
        let named = self.named_types(target);
        let (named, types) = match named.is_empty() {
            true => (false, types.iter().map(|name| (*name).to_owned()).collect()),
            false => (true, named),
        };
        let since = match &self.since {
            Some(Since::Time(time)) => Some(time.clone()),
            _ => None,
        };
        Ok(ExportOptions {
            target: target.clone(),
            narrowing: ExportFilters {
                types,
                type_filters: self.type_filters.clone(),
                since,
                until: self.until.clone(),
                params: self.params.clone(),
            },
            named,
            time: None,
            since: self.since.clone(),
            post: self.post,
            lenient: self.lenient,
            resume: self.resume_url()?,
            max_connections: self.max_connections,
            timeout: self.timeout,
            compress: !self.no_compression,
            inline: self.inline.clone(),
            temporary: false,
            pace: read_pace(),
            storage: storage.clone(),
            bars: bars.clone(),
        })
    }

    /// The types that the user names, whichever way: `--type`, `--param _type=`, or `_type` in the
    /// URL's query.
    fn named_types(&self, target: &ExportTarget) -> Vec<String> {
        let lists = self.kick_off_params(target).filter(|(name, _)| is_param(name, "_type"));
        let lists = lists.flat_map(|(_, list)| list.split(','));
        let mut names: Vec<String> = Vec::new();
        for name in self.types.iter().map(String::as_str).chain(lists).map(str::trim) {
            let name = canonical_type(name);
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Parameters that the user gives by name.
    fn kick_off_params<'a>(
        &'a self,
        target: &'a ExportTarget,
    ) -> impl Iterator<Item = &'a (String, String)> {
        target.query_pairs().iter().chain(&self.params)
    }

    /// Refuses what makes a server send files that this program can't read, before it has worked
    /// for hours.
    fn refuse_other_forms(&self, target: &ExportTarget) -> Result<()> {
        // Parameters without a value are not sent (`collect_parameters`).
        for (name, value) in self.kick_off_params(target).filter(|(_, value)| !value.is_empty()) {
            let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let reason = if is_param(name, "organizeOutputBy") {
                "files must hold one resource type each"
            } else if is_param(name, "_outputFormat") && !NDJSON.contains(&kind.as_str()) {
                "files must be NDJSON"
            } else {
                continue;
            };
            let message = format!("the parameter {name} can't be used: {reason}. Leave it out");
            return Err(Error::new(SettingsFault::InvalidValue, message));
        }
        Ok(())
    }

    /// `--resume` as a URL.
    pub fn resume_url(&self) -> Result<Option<Url>> {
        let parse = |text: &String| {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.ok_or_else(|| {
                let message = "--resume needs the status URL of an export, beginning with https://";
                Error::new(SettingsFault::InvalidValue, message)
            })
        };
        self.resume.as_ref().map(parse).transpose()
    }
}

/// The name of a resource type as FHIR spells it, if that is known.
pub(super) fn canonical_type(name: &str) -> String {
    resource_type_ignoring_case(name).unwrap_or(name).to_owned()
}

/// Real time, unless a test wants it quicker.
pub fn read_pace() -> Pace {
    let scale = std::env::var(TIME_SCALE).ok().and_then(|text| text.parse().ok());
    scale.map_or_else(Pace::default, Pace::with_scale)
}

/// A span like `90s`, `15m`, `12h`, `30d`; a bare number is in seconds.
pub fn parse_span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = match text.char_indices().next_back()? {
        (_, c) if c.is_ascii_digit() => (text, 1),
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3600),
        (at, 'd') => (&text[..at], 86_400),
        _ => return None,
    };
    let seconds = number.trim().parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Duration::from_secs(seconds)).filter(|span| !span.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(settings: &ExportSettings, url: &str) -> Result<ExportOptions> {
        let target = ExportTarget::parse(url)?;
        settings.options(&target, &["Patient", "Device"], &Storage::for_tests(), &Bars::default())
    }

    #[test]
    fn types_that_the_user_names_are_taken_from_wherever_they_stand() {
        let usual = options(&ExportSettings::default(), "https://ehr?y=1").unwrap();
        assert_eq!((usual.named, usual.narrowing.types.len()), (false, 2));
        let types = vec!["patient".to_owned(), "Basic".to_owned()];
        let params = vec![
            ("_type".to_owned(), "CONDITION, Patient, bodystructure".to_owned()),
            ("_TYPE".to_owned(), "device".to_owned()),
        ];
        let settings = ExportSettings { types, params, ..ExportSettings::default() };
        let named = options(&settings, "https://ehr/$export?_type=encounter,,Basic").unwrap();
        assert!(named.named);
        let expected = ["Patient", "Basic", "Encounter", "Condition", "BodyStructure", "Device"];
        assert_eq!(named.narrowing.types, expected);
    }

    #[test]
    fn what_makes_other_files_is_refused_before_the_kick_off() {
        for (name, value, good) in [
            ("organizeOutputBy", "Patient", false),
            ("organizeoutputby", "Group", false),
            ("_outputFormat", "application/fhir+ndjson", true),
            ("_outputFormat", "NDJSON", true),
            ("_outputFormat", "application/ndjson; fhirVersion=4.0", true),
            ("_outputFormat", "text/csv", false),
            ("_outputFormat", "application/fhir+json", false),
            ("_elements", "id", true),
        ] {
            let params = vec![(name.to_owned(), value.to_owned())];
            let settings = ExportSettings { params, ..ExportSettings::default() };
            assert_eq!(options(&settings, "https://ehr").is_ok(), good, "{name}={value}");
            let mut url = Url::parse("https://ehr/$export").unwrap();
            url.query_pairs_mut().append_pair(name, value);
            let found = options(&ExportSettings::default(), url.as_str());
            assert_eq!(found.is_ok(), good, "{url}");
        }
    }

    #[test]
    fn spans_have_units() {
        for (text, seconds) in
            [("90", 90), ("90s", 90), ("15m", 900), ("2 h", 7200), ("30d", 2_592_000)]
        {
            assert_eq!(parse_span(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "d", "-1", "1w", "0", "99999999999999999d"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }
}
