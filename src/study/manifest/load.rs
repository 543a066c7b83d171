//! From `manifest.toml` to a [`Manifest`]: both layouts, submanifests, and every check that needs
//! no data.

use std::collections::HashSet;
use std::path::Path;

use indexmap::IndexMap;
use toml::Spanned;

use super::names::{self, TableNames};
use super::raw::{RawAction, RawExport, RawManifest, RawSubmanifest};
use super::{
    ALL_STAGES, Content, DEFAULT_STAGE, ExportKind, ExportTable, FILE_NAME, FilePlace, Manifest,
    StudyAction, StudyFile, Work, dictionary,
};
use crate::error::Result;
use crate::study::StudyName;
use crate::study::counts::CountsTable;
use crate::study::dialect::{StatementText, cut_statements};
use crate::study::folder::StudyFolder;
use crate::study::source::Source;
use crate::study::workflow::Workflow;

/// The message about a Python builder. It names the formats to write instead.
const INSTEAD_OF_PYTHON: &str = "Python does not run here. Write the table as SQL (.sql), as a \
     template of SQL (.sql.jinja) or as a counts workflow (.workflow)";

/// Bytes that the files of a study may have, each as often as it is named: a manifest has room for a
/// hundred thousand names of the same file.
const BYTES: usize = 64 << 20;

impl Manifest {
    /// Reads the manifest of a folder, or of a path to a manifest, with all files that it names, all
    /// of them below `root`. The first fault is the error; nothing is changed.
    pub fn load_manifest(root: &StudyFolder, path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        Self::read(&Source::read(root, &path)?)
    }

    fn read(source: &Source) -> Result<Self> {
        let mut raw: RawManifest = source.read_toml()?;
        // Asked before the prefix, which such a manifest lacks because the script gives it.
        if let Some(script) = &raw.advanced_options.dynamic_study_prefix {
            let message = "Python does not run here: give the study's prefix as study_prefix";
            return Err(source.fault_at(script, message));
        }
        let prefix = match &raw.study_prefix {
            None => return Err(source.fault_in_line(1, "study_prefix is missing")),
            Some(prefix) => match names::prefix_fault(prefix.get_ref()) {
                None => StudyName::parse(prefix.get_ref())?,
                Some(fault) => return Err(source.fault_at(prefix, fault)),
            },
        };
        let dedicated_schema =
            raw.advanced_options.dedicated_schema.take().map(Spanned::into_inner);
        let dictionary = match &raw.data_dictionary {
            None => Vec::new(),
            Some(name) => {
                let line = source.line_of(name);
                dictionary::read(&at_line(source.folder(), source, line, name.get_ref())?)?
            }
        };
        let mut reader = ManifestReader {
            prefix: &prefix,
            dedicated_schema: dedicated_schema.as_deref(),
            folder: source.folder(),
            names: TableNames::default(),
            annotated: HashSet::new(),
            bytes: 0,
        };
        let mut stages = reader.read_stages(source, &mut raw)?;
        // After all stages: an export may name a table of counts before the workflow that makes it says
        // that it is annotated (test: annotated_counts_are_tagged_when_they_are_listed_by_name).
        stages.values_mut().flatten().for_each(|action| reader.tag_annotated(action));
        Ok(Self {
            root: source.root_folder()?.clone(),
            path: source.path().to_owned(),
            description: raw.description,
            dictionary,
            stages,
            subject_grain_column: raw.subject_grain_column,
            subject_grain_tables: raw.subject_grain_tables.unwrap_or_default(),
            dedicated_schema,
            prefix,
        })
    }
}

/// The state of the reader while it reads actions.
struct ManifestReader<'a> {
    prefix: &'a str,
    dedicated_schema: Option<&'a str>,
    /// The study's folder, from which its files count.
    folder: &'a Path,
    names: TableNames,
    /// Tables of annotated counts, in lower case.
    annotated: HashSet<String>,
    /// Bytes of the files that were read.
    bytes: usize,
}

impl ManifestReader<'_> {
    fn read_stages(
        &mut self,
        source: &Source,
        raw: &mut RawManifest,
    ) -> Result<IndexMap<String, Vec<StudyAction>>> {
        let older = self.read_older(source, raw)?;
        if raw.stages.is_empty() {
            return match older.is_empty() {
                true => Err(source.fault_in_line(1, "there are no stages: add [[stages.default]]")),
                false => Ok(IndexMap::from([(DEFAULT_STAGE.to_owned(), older)])),
            };
        }
        if let Some(action) = older.first() {
            let message = "a manifest with stages has its files and exports in them: move these";
            return Err(source.fault_in_line(action.place.line, message));
        }
        let mut stages = IndexMap::new();
        for (name, actions) in std::mem::take(&mut raw.stages) {
            if name.get_ref() == ALL_STAGES {
                let message = "'all' means every stage; call this one something else";
                return Err(source.fault_at(&name, message));
            }
            let mut read = Vec::new();
            for action in actions {
                self.read_action(source, action, true, &mut read)?;
            }
            stages.insert(name.into_inner(), read);
        }
        Ok(stages)
    }

    /// The actions that the older layout means.
    fn read_older(&mut self, source: &Source, raw: &mut RawManifest) -> Result<Vec<StudyAction>> {
        let mut actions = Vec::new();
        // Cumulus Library's order of steps, wherever these tables stand in the manifest: tables are
        // made before SQL reads them, and counted after both.
        let lists = [
            &mut raw.table_builder_config,
            &mut raw.sql_config,
            &mut raw.counts_builder_config,
            &mut raw.file_config,
            &mut raw.statistics_config,
        ];
        for list in lists.into_iter().filter_map(Option::take) {
            let place = place_of(source, &list);
            let files = self.read_files(source, list.into_inner().file_names)?;
            let work = Work::Build { parallel: false, files };
            actions.push(StudyAction { label: None, work, skip_by_default: false, place });
        }
        if let Some(exports) = raw.export_config.take() {
            let place = place_of(source, &exports);
            let exports = exports.into_inner();
            // The oldest key tells no kinds apart, so tables about the study are listed among the
            // counts. As counts they would be refused, since they have no `cnt` (test:
            // tables_about_the_study_leave_by_an_older_manifest).
            let (meta, counts) = exports
                .export_list
                .into_iter()
                .partition(|export| names::is_meta(self.prefix, &export.get_ref().name));
            let lists = [
                (ExportKind::Cube, counts),
                (ExportKind::Meta, meta),
                (ExportKind::Cube, exports.count_list),
                (ExportKind::AnnotatedCube, exports.annotated_count_list),
                (ExportKind::Flat, exports.flat_list),
                (ExportKind::Meta, exports.meta_list),
            ];
            for (kind, tables) in lists.into_iter().filter(|(_, tables)| !tables.is_empty()) {
                let tables = self.read_exports(source, kind, tables)?;
                let work = Work::Export { kind, tables };
                let place = place.clone();
                actions.push(StudyAction { label: None, work, skip_by_default: false, place });
            }
        }
        Ok(actions)
    }

    /// Reads an action, or those of the submanifests that it names.
    fn read_action(
        &mut self,
        source: &Source,
        action: Spanned<RawAction>,
        may_have_submanifests: bool,
        into: &mut Vec<StudyAction>,
    ) -> Result<()> {
        let place = place_of(source, &action);
        let raw = action.into_inner();
        let label = raw.label.or(raw.description);
        // Cumulus Library refuses these labels, as it reserves square brackets.
        if let Some(label) = &label
            && label.get_ref().contains(['[', ']'])
        {
            return Err(source.fault_at(label, "a label has no square brackets"));
        }
        let kind = raw.kind.as_ref().map_or("build:serial", |kind| kind.get_ref());
        let fault = |message: &str| source.fault_in_line(place.line, message);
        let export = match kind {
            "build:serial" | "build:parallel" | "submanifest" => None,
            "export:counts" => Some(ExportKind::Cube),
            "export:annotated_counts" => Some(ExportKind::AnnotatedCube),
            "export:flat" => Some(ExportKind::Flat),
            "export:meta" => Some(ExportKind::Meta),
            _ => {
                let message = format!(
                    "type '{kind}' is none of build:serial, build:parallel, export:counts, \
                     export:annotated_counts, export:flat, export:meta, submanifest"
                );
                return Err(raw
                    .kind
                    .as_ref()
                    .map_or_else(|| fault(&message), |kind| source.fault_at(kind, &message)));
            }
        };
        let work = if let Some(kind) = export {
            if raw.files.is_some() {
                return Err(fault("an export has tables, not files"));
            }
            let tables = raw.tables.ok_or_else(|| fault("an export needs 'tables'"))?;
            Work::Export { kind, tables: self.read_exports(source, kind, tables)? }
        } else {
            if raw.tables.is_some() {
                return Err(fault("only an export has tables; this action needs 'files'"));
            }
            let files = raw.files.ok_or_else(|| fault("this action needs 'files'"))?;
            if kind == "submanifest" {
                if !may_have_submanifests {
                    return Err(fault("a submanifest has no submanifests of its own"));
                }
                return self.read_submanifests(source, &files, raw.skip_by_default, into);
            }
            let parallel = kind == "build:parallel";
            Work::Build { parallel, files: self.read_files(source, files)? }
        };
        let label = label.map(Spanned::into_inner);
        into.push(StudyAction { label, work, skip_by_default: raw.skip_by_default, place });
        Ok(())
    }

    fn read_submanifests(
        &mut self,
        source: &Source,
        files: &[Spanned<String>],
        skip_by_default: bool,
        into: &mut Vec<StudyAction>,
    ) -> Result<()> {
        for file in files {
            // A submanifest may be in a folder of its own. The files that it names count from the
            // study's folder all the same.
            let part = self.read(source, source.line_of(file), file.get_ref())?;
            let raw: RawSubmanifest = part.read_toml()?;
            let first = into.len();
            for action in raw.actions {
                self.read_action(&part, action, false, into)?;
            }
            for action in &mut into[first..] {
                action.skip_by_default |= skip_by_default;
            }
        }
        Ok(())
    }

    /// Reads a file that is named in a line of `source`.
    fn read(&mut self, source: &Source, line: usize, name: &str) -> Result<Source> {
        let file = at_line(self.folder, source, line, name)?;
        self.bytes += file.text().len();
        match self.bytes > BYTES {
            true => {
                let message = format!(
                    "the files that the study names have more than {BYTES} bytes, each as often as it \
                     is named"
                );
                Err(source.fault_in_line(line, message))
            }
            false => Ok(file),
        }
    }

    fn read_files(
        &mut self,
        source: &Source,
        files: Vec<Spanned<String>>,
    ) -> Result<Vec<StudyFile>> {
        files.into_iter().map(|file| self.read_study_file(source, &file)).collect()
    }

    fn read_study_file(&mut self, source: &Source, file: &Spanned<String>) -> Result<StudyFile> {
        let name = file.get_ref();
        let lower = name.to_ascii_lowercase();
        if lower.ends_with(".py") {
            return Err(source.fault_at(file, format!("{name}: {INSTEAD_OF_PYTHON}")));
        }
        // An absolute name replaces the folder here. `StudyFolder`, which opens all files, refuses a
        // path that leads out of it.
        let path = self.folder.join(name);
        let content = if lower.ends_with(".sql.jinja") {
            // The build reads it when it fills it in: its variables come with the options of the build.
            let there = source.root_folder()?.check_file(&path);
            there.map_err(|error| source.fault_at(file, error.explain_causes()))?;
            Content::Template
        } else if lower.ends_with(".sql") {
            let statements = self.read(source, source.line_of(file), name)?;
            Content::Sql(self.read_statements(&statements)?)
        } else if names::is_workflow(name) {
            let workflow = self.read(source, source.line_of(file), name)?;
            let content = Workflow::read(&workflow)?;
            for (name, line) in content.table_names() {
                let whole = names::own_name(self.prefix, &name, &workflow, line)?;
                self.names.note_made(&whole, &workflow, line)?;
            }
            // An export may list tables of a workflow by their names alone, which says nothing of
            // annotations.
            if let Workflow::Counts(tables) = &content {
                self.note_annotations(tables);
            }
            Content::Workflow(content)
        } else {
            let message = format!("{name} is none of .sql, .sql.jinja, .workflow, .toml");
            return Err(source.fault_at(file, message));
        };
        Ok(StudyFile { name: name.clone(), path, content })
    }

    fn read_statements(&mut self, source: &Source) -> Result<Vec<String>> {
        let mut tables = Vec::new();
        let cut = cut_statements(source.text());
        let cut = cut.map_err(|refused| source.statement_fault(1, refused))?;
        for table in cut.iter().filter_map(StatementText::created_table) {
            let named = (table.schema.as_deref(), table.name.as_str());
            let schema = self.dedicated_schema;
            let whole = names::own_in_sql(self.prefix, schema, named, source, table.line)?;
            self.names.note_made(&whole, source, table.line)?;
            tables.push(whole);
        }
        Ok(tables)
    }

    fn read_exports(
        &mut self,
        source: &Source,
        kind: ExportKind,
        entries: Vec<Spanned<RawExport>>,
    ) -> Result<Vec<ExportTable>> {
        let mut tables = Vec::new();
        for entry in entries {
            let line = source.line_of(&entry);
            let RawExport { name, description } = entry.into_inner();
            if names::is_workflow(&name) {
                let workflow = self.read(source, line, &name)?;
                self.workflow_exports(source, line, (kind, &workflow), &mut tables)?;
            } else {
                let name = names::own_name(self.prefix, &name, source, line)?;
                self.names.note_exported(&name, source, line)?;
                tables.push(ExportTable { name, description, kind });
            }
        }
        Ok(tables)
    }

    /// The tables that a workflow makes, each to be exported.
    fn workflow_exports(
        &mut self,
        manifest: &Source,
        line: usize,
        (kind, source): (ExportKind, &Source),
        into: &mut Vec<ExportTable>,
    ) -> Result<()> {
        let Workflow::Counts(tables) = Workflow::read(source)? else {
            let message = format!("{} makes no counts", source.path().display());
            return Err(manifest.fault_in_line(line, message));
        };
        self.note_annotations(&tables);
        for table in tables {
            let name = names::own_name(self.prefix, &table.name, source, table.line)?;
            self.names.note_exported(&name, manifest, line)?;
            into.push(ExportTable { name, description: table.description, kind });
        }
        Ok(())
    }

    /// Takes note of the tables that an annotation explains.
    fn note_annotations(&mut self, tables: &[CountsTable]) {
        let annotated = tables.iter().filter(|table| table.annotation.is_some());
        let names = annotated.map(|table| names::whole_name(self.prefix, &table.name));
        self.annotated.extend(names.map(|name| name.to_ascii_lowercase()));
    }

    /// Annotated counts are exported as such, however the manifest lists them.
    fn tag_annotated(&self, action: &mut StudyAction) {
        let Work::Export { tables, .. } = &mut action.work else { return };
        for table in tables.iter_mut().filter(|table| table.kind == ExportKind::Cube) {
            if self.annotated.contains(&table.name.to_ascii_lowercase()) {
                table.kind = ExportKind::AnnotatedCube;
            }
        }
    }
}

/// Reads a file that a line of `source` names. Its path counts from the study's folder.
fn at_line(folder: &Path, source: &Source, line: usize, name: &str) -> Result<Source> {
    let (root, path) = (source.root_folder()?, folder.join(name));
    // Looked at first for the sake of the place: a missing file is a fault of the line that names it,
    // and a fault in the file is one of the file's own line.
    root.check_file(&path).map_err(|error| source.fault_in_line(line, error.explain_causes()))?;
    Source::read(root, &path)
}

fn place_of<T>(source: &Source, value: &Spanned<T>) -> FilePlace {
    FilePlace { file: source.path().to_owned(), line: source.line_of(value) }
}
