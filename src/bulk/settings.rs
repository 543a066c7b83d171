//! What the user asks of an export, and what it comes to.

use std::time::Duration;

use url::Url;

use super::inline::Selection;
use super::{Narrowing, Options, Since, Target};
use crate::error::{Error, Exit, Result};
use crate::http::Pace;

/// Makes all waits shorter, in tests: a factor like `0.001`.
const TIME_SCALE: &str = "CUMULUS_ETL_TEST_TIME_SCALE";

/// The options of an export, checked one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
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
    pub inline: Option<Selection>,
    /// `--max-connections`
    pub max_connections: usize,
    /// `--export-timeout`
    pub timeout: Duration,
    /// `--no-compression`
    pub no_compression: bool,
    /// `--export-to`
    pub export_to: Option<String>,
}

impl Default for Settings {
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
            max_connections: 5,
            timeout: Duration::from_secs(30 * 24 * 3600),
            no_compression: false,
            export_to: None,
        }
    }
}

impl Settings {
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
    pub fn options(&self, target: &Target, types: &[&str], bars: bool) -> Result<Options> {
        let types = match self.types.is_empty() {
            true => types.iter().map(|name| (*name).to_owned()).collect(),
            false => self.types.clone(),
        };
        let since = match &self.since {
            Some(Since::Time(time)) => Some(time.clone()),
            _ => None,
        };
        Ok(Options {
            target: target.clone(),
            narrowing: Narrowing {
                types,
                type_filters: self.type_filters.clone(),
                since,
                until: self.until.clone(),
                params: self.params.clone(),
            },
            since: self.since.clone(),
            post: self.post,
            lenient: self.lenient,
            resume: self.resume_url()?,
            max_connections: self.max_connections,
            timeout: self.timeout,
            compress: !self.no_compression,
            inline: self.inline.clone(),
            temporary: false,
            pace: pace(),
            bars,
        })
    }

    /// `--resume` as a URL.
    pub fn resume_url(&self) -> Result<Option<Url>> {
        let parse = |text: &String| {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.ok_or_else(|| {
                let message = "--resume needs the status URL of an export, beginning with https://";
                Error::new(Exit::ArgsInvalid, message)
            })
        };
        self.resume.as_ref().map(parse).transpose()
    }
}

/// Real time, unless a test wants it quicker.
pub fn pace() -> Pace {
    let scale = std::env::var(TIME_SCALE).ok().and_then(|text| text.parse().ok());
    scale.map_or_else(Pace::default, Pace::scaled)
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
