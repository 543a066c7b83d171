//! The settings in force for a run.

use super::config::EtlConfig;
use crate::http::recorded_url;

/// The settings of a run, as its records tell them: those that the user has asked for, apart from what
/// the run decides itself.
pub(super) struct SettingsInForce<'a> {
    /// The user's settings.
    pub asked: &'a EtlConfig,
    /// INPUT as it may be recorded: a server's URL has no secrets.
    pub input: String,
    /// As many workers as the memory is enough for.
    pub threads: usize,
    /// Whether tables without input are made. Of a server's export they are: that it has none of a
    /// type is known then, too.
    pub allow_missing_resources: bool,
}

impl<'a> SettingsInForce<'a> {
    /// For a run with so many threads that reads a folder or, where `is_export`, what a server has
    /// exported.
    pub(super) fn of_run(asked: &'a EtlConfig, threads: usize, is_export: bool) -> Self {
        let input = if is_export { show_url(&asked.input) } else { asked.input.clone() };
        let allow_missing_resources = asked.allow_missing_resources || is_export;
        Self { asked, input, threads, allow_missing_resources }
    }
}

/// A server's URL as records and messages may show it.
pub(super) fn show_url(url: &str) -> String {
    recorded_url(url).unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Budget;
    use crate::store::Storage;

    #[test]
    fn an_export_allows_for_missing_types_and_its_url_has_no_secrets() {
        let asked = EtlConfig::new(
            "https://u:secret@ehr.example/fhir",
            "out",
            "phi",
            Budget::for_limit(None, 2),
            &Storage::for_tests(),
        );
        let settings = SettingsInForce::of_run(&asked, 3, true);
        assert!(!settings.input.contains("secret"), "{}", settings.input);
        assert!(settings.allow_missing_resources && settings.threads == 3);
        let asked =
            EtlConfig::new("in", "out", "phi", Budget::for_limit(None, 2), &Storage::for_tests());
        let settings = SettingsInForce::of_run(&asked, 3, false);
        assert_eq!((&*settings.input, settings.allow_missing_resources), ("in", false));
    }
}
