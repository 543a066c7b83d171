//! The plan of a run: which tables, from which files, for which export.

use std::collections::BTreeSet;

use super::config::EtlConfig;
use super::settings::SettingsInForce;
use crate::error::{Error, Result, RunFault, SettingsFault};
use crate::fhir;
use crate::fhir::TABLE_TYPES;
use crate::input::{Deletes, ExportLog, InputFile, Inputs, parse_time};
use crate::output::completion;

/// The type whose table comes with completion rows of its own.
const ENCOUNTER: &str = "Encounter";

/// One table to make.
#[derive(Debug)]
pub(super) struct TablePlan {
    pub r4: &'static fhir::Type,
    /// The table's name.
    pub name: String,
    pub files: Vec<InputFile>,
    /// Whether each row is an encounter for which the run writes a completion row.
    pub completes_encounters: bool,
}

impl TablePlan {
    /// The table that a run makes of a resource type's files.
    ///
    /// # Errors
    /// A type that R4 does not have.
    pub(super) fn of_files(resource_type: &str, files: Vec<InputFile>) -> Result<Self> {
        let r4 = fhir::type_named(resource_type)
            .ok_or_else(|| Error::failed(format!("R4 has no type '{resource_type}'")))?;
        let (name, completes_encounters) = (r4.name.to_lowercase(), r4.name == ENCOUNTER);
        Ok(Self { r4, name, files, completes_encounters })
    }

    /// Bytes of its input.
    pub(super) fn input_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// The export that the data came from, as the completion tables tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SourceExport {
    /// The Group's name; empty for an export of everything.
    pub group: String,
    /// `2024-08-06T18:12:57+00:00`.
    pub time: String,
    pub url: Option<String>,
    /// Excluded resources, as the user named them, with commas.
    pub excluded: String,
}

/// The tables that `--task` and `--exclude-resources` leave, in the order of running.
pub(super) fn select_types(config: &EtlConfig) -> Result<Vec<&'static str>> {
    let lower = |names: &[String]| -> Vec<String> {
        names.iter().map(|name| name.trim().to_lowercase()).filter(|n| !n.is_empty()).collect()
    };
    let (tasks, excluded) = (lower(&config.task), lower(&config.exclude_resources));
    let known: BTreeSet<String> = TABLE_TYPES.iter().map(|name| name.to_lowercase()).collect();
    let listing = || known.iter().map(|name| format!("  {name}")).collect::<Vec<_>>().join("\n");
    if tasks.iter().any(|task| task == "help") {
        return Err(Error::new(
            SettingsFault::TableHelp,
            format!("Valid task names:\n{}", listing()),
        ));
    }
    let unknown = |names: &[String]| names.iter().find(|name| !known.contains(*name)).cloned();
    if let Some(name) = unknown(&tasks) {
        let message = format!("Unknown task '{name}' requested.\nValid task names:\n{}", listing());
        return Err(Error::new(SettingsFault::UnknownTable, message));
    }
    if let Some(name) = unknown(&excluded) {
        let message = format!(
            "Unknown task '{name}' requested for exclusion.\nValid task names:\n{}",
            listing()
        );
        return Err(Error::new(SettingsFault::UnknownTable, message));
    }
    let wanted = |name: &&str| {
        let name = name.to_lowercase();
        (tasks.is_empty() || tasks.contains(&name)) && !excluded.contains(&name)
    };
    Ok(TABLE_TYPES.iter().filter(|name| wanted(name)).copied().collect())
}

/// The tables to make of `inputs`: those with input or deletes, or all that were selected where
/// the user allows for missing ones.
pub(super) fn plan_tables(
    settings: &SettingsInForce<'_>,
    selected: &[&'static str],
    inputs: &Inputs,
    deletes: &Deletes,
) -> Result<Vec<TablePlan>> {
    let mut plans = Vec::new();
    let mut missing = Vec::new();
    for resource_type in selected {
        let files = inputs.of(resource_type);
        let present = !files.is_empty() || deletes.by_type.contains_key(*resource_type);
        if present || settings.allow_missing_resources {
            plans.push(TablePlan::of_files(resource_type, files)?);
        } else {
            missing.push(*resource_type);
        }
    }
    // Only of a table that the user has named is it an error that there is nothing for it.
    if !settings.asked.task.is_empty() && !missing.is_empty() {
        return Err(Error::new(
            RunFault::NoResources,
            format!(
                "Required resources not found in '{}': {}.\nAdd --allow-missing-resources to make \
                 their tables anyway, empty.",
                settings.input,
                missing.join(", ")
            ),
        ));
    }
    if plans.is_empty() {
        return Err(Error::new(
            RunFault::NoResources,
            format!(
                "No supported resources found in '{}'. Expected are files like Patient.000.ndjson \
                 (.ndjson or .jsonl, also .gz or .zst) with one FHIR resource a line; --task help \
                 lists the types.",
                settings.input
            ),
        ));
    }
    Ok(plans)
}

/// These tables, and those that every run writes.
pub(super) fn with_completion<'a>(tables: &[&'a str]) -> Vec<&'a str> {
    tables.iter().copied().chain([completion::TABLE, completion::ENCOUNTERS]).collect()
}

/// The export's group and time, from the flags or else from the log.
pub(super) fn source_export(
    settings: &SettingsInForce<'_>,
    log: &ExportLog,
) -> Result<SourceExport> {
    let config = settings.asked;
    let group = config.export_group.clone().or_else(|| log.group.clone());
    let time = match &config.export_timestamp {
        Some(text) => Some(parse_time(text).ok_or_else(|| {
            let message = format!(
                "--export-timestamp '{text}' is not a time; write it like 2024-08-06T18:12:57Z"
            );
            Error::new(SettingsFault::InvalidValue, message)
        })?),
        None => log.time,
    };
    let missing = |what: &str, flags: &str| {
        Error::new(
            SettingsFault::MissingCompletion,
            format!(
                "It is not known {what}, which decides whether a patient's data is complete. An \
                 export log (log.ndjson) in '{}' would tell; without one, give {flags}.",
                settings.input
            ),
        )
    };
    let (group, time) = match (group, time) {
        (Some(group), Some(time)) => (group, time),
        (None, None) => {
            let flags = "--export-group NAME and --export-timestamp TIME";
            return Err(missing("which Group was exported, and when", flags));
        }
        (None, _) => return Err(missing("which Group was exported", "--export-group NAME")),
        (_, None) => return Err(missing("when the data was exported", "--export-timestamp TIME")),
    };
    Ok(SourceExport {
        group,
        // As Python's `isoformat`, with an offset rather than `Z`: rows that Cumulus ETL has written
        // stand in the same column of texts.
        time: time.format("%Y-%m-%dT%H:%M:%S%.f%:z").to_string(),
        url: log.export_url.clone(),
        excluded: config.exclude_resources.join(","),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Budget;
    use crate::store::Storage;

    #[test]
    fn the_table_that_completes_encounters_is_the_first_and_the_only_one() {
        // `process_tables` publishes the first table alone.
        let selected = select_types(&EtlConfig::new(
            "in",
            "out",
            "phi",
            Budget::for_limit(None, 2),
            &Storage::for_tests(),
        ))
        .unwrap();
        let plans = selected.iter().map(|name| TablePlan::of_files(name, Vec::new()).unwrap());
        let completes: Vec<_> = plans.map(|plan| plan.completes_encounters).collect();
        assert_eq!(completes.iter().position(|completes| *completes), Some(0));
        assert_eq!(completes.iter().filter(|completes| **completes).count(), 1);
    }

    #[test]
    fn types_are_chosen_by_name_whatever_their_case() {
        let mut config =
            EtlConfig::new("in", "out", "phi", Budget::for_limit(None, 2), &Storage::for_tests());
        config.task = vec!["Patient".to_owned(), " device ".to_owned()];
        config.exclude_resources = vec!["DEVICE".to_owned()];
        assert_eq!(select_types(&config).unwrap(), ["Patient"]);
        config.task.push("nothing".to_owned());
        assert_eq!(select_types(&config).unwrap_err().kind(), SettingsFault::UnknownTable.into());
        config.task.push("help".to_owned());
        assert_eq!(select_types(&config).unwrap_err().kind(), SettingsFault::TableHelp.into());
        assert!(TablePlan::of_files("Nothing", Vec::new()).is_err());
    }
}
