//! The content of an input folder, and the tables that are made of it.

use std::sync::Arc;

use tracing::{debug, info};

use super::oddities::report_oddities;
use super::plan::{SourceExport, TablePlan, plan_tables, source_export};
use super::servers::server_bases;
use super::settings::{SettingsInForce, show_url};
use crate::bulk::NOTE_RESOURCES;
use crate::error::Result;
use crate::fhir::ServerBase;
use crate::input::{self, Deletes, ExportLog, Inputs};
use crate::store::Folder;
use crate::text::escape_controls;

/// The content of an input folder, and the tables that are made of it.
pub(super) struct ScannedInput {
    pub inputs: Inputs,
    pub deletes: Deletes,
    pub tables: Vec<TablePlan>,
    /// The export that the data came from.
    pub export: Arc<SourceExport>,
    /// The FHIR server's own base URLs.
    pub bases: Arc<[ServerBase]>,
}

impl ScannedInput {
    /// Looks through the folder, and says what is odd. `selected`: the types that may have tables.
    pub(super) fn scan_folder(
        settings: &SettingsInForce<'_>,
        selected: &[&'static str],
        folder: &Folder,
    ) -> Result<Self> {
        input::refuse_managed_folder(folder)?;
        let inputs = input::find(folder)?;
        for file in &inputs.files {
            let (name, of) = (&file.name, &file.resource_type);
            let shown = escape_controls(name);
            debug!(file = name, bytes = file.bytes, "'{shown}' is of {of}, {} bytes", file.bytes);
        }
        let log = match &inputs.log {
            Some(name) => input::read_export_log(folder, name)?,
            None => ExportLog::default(),
        };
        let deletes = input::read_deletes(folder, &inputs.deleted)?;
        let tables = plan_tables(settings, selected, &inputs, &deletes)?;
        let export = Arc::new(source_export(settings, &log)?);
        let bases = server_bases(settings.asked, &export)?;
        // After all that may be refused: the reason for a refusal is not to be looked for among
        // these.
        report_oddities(&inputs, &deletes);
        Ok(Self { inputs, deletes, tables, export, bases })
    }

    /// Tells a user who names a server beside a folder, and may expect notes as they come with an
    /// export, that none are downloaded.
    pub(super) fn tell_of_notes(&self, settings: &SettingsInForce<'_>) {
        let Some(url) = settings.asked.fhir_url.as_deref() else { return };
        let has_notes = |kind: &str| NOTE_RESOURCES.contains(&kind);
        if self.inputs.files.iter().any(|file| has_notes(file.resource_type)) {
            info!(
                "Notes are not downloaded: of a folder, this run takes --fhir-url for references \
                 only. To put notes into its files, run cumulus-etl inline {} --fhir-url {}",
                settings.input,
                show_url(url)
            );
        }
    }

    /// Bytes of all files that will be read.
    pub(super) fn input_bytes(&self) -> u64 {
        self.tables.iter().map(TablePlan::input_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SettingsFault;
    use crate::etl::config::EtlConfig;
    use crate::memory::Budget;
    use crate::store::Storage;

    fn scan(config: &EtlConfig, folder: &Folder, allow_missing: bool) -> Result<ScannedInput> {
        let settings = SettingsInForce {
            asked: config,
            input: config.input.clone(),
            threads: 1,
            allow_missing_resources: allow_missing,
        };
        ScannedInput::scan_folder(&settings, &["Encounter", "Patient", "Device"], folder)
    }

    #[test]
    fn tables_come_of_files_and_the_export_of_flags() {
        let folder = Folder::open("memory://scan/in").unwrap();
        let patient = r#"{"resourceType":"Patient","id":"a"}"#;
        folder.write("Patient.ndjson", patient).unwrap();
        let mut config =
            EtlConfig::new("in", "out", "phi", Budget::for_limit(None, 2), &Storage::for_tests());
        let error = scan(&config, &folder, false).err().unwrap();
        assert_eq!(error.kind(), SettingsFault::MissingCompletion.into());
        config.export_group = Some("g".to_owned());
        config.export_timestamp = Some("2024-08-06T14:12:57-04:00".to_owned());
        let names = |found: &ScannedInput| -> Vec<String> {
            found.tables.iter().map(|table| table.name.clone()).collect()
        };
        let found = scan(&config, &folder, false).unwrap();
        assert_eq!(names(&found), ["patient"]);
        assert_eq!(found.input_bytes(), patient.len() as u64);
        assert_eq!((&*found.export.group, &found.export.url), ("g", &None));
        // An export of a server, or a user who allows for it: empty tables of the others.
        let found = scan(&config, &folder, true).unwrap();
        assert_eq!(names(&found), ["encounter", "patient", "device"]);
        let completes: Vec<_> = found.tables.iter().map(|t| t.completes_encounters).collect();
        assert_eq!(completes, [true, false, false]);
    }
}
