//! `convert`: a former output of this program or of Cumulus ETL becomes Delta tables.
//!
//! NDJSON goes through the allow-list once more, so that nothing but de-identified rows can
//! reach a table, whatever stands in the files. Delta tables that other engines manage (liquid
//! clustering) are copied.

use std::io::BufReader;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::collect::TableStaging;
use super::former_runs::check_same_codebook;
use super::plan::{self, TablePlan};
use super::read_chunks::InputFiles;
use super::scrub_chunk::RowForms;
use super::scrub_table::{RowScrubbing, TableScrubber};
use crate::bounded::{self, LONGEST_LINE, Line, read_line};
use crate::claim::{self, JOB_CONFIG, Role};
use crate::deid::{AnonId, Anonymizer, Codebook, Scrubber, row_key};
use crate::error::{Context, Error, Result, RunFault, SettingsFault};
use crate::fhir::{TABLE_TYPES, UNKNOWN_TIME, parse_instant};
use crate::http::recorded_url;
use crate::input::{InputFile, ReadAhead};
use crate::memory::Budget;
use crate::output::OutputFormat;
use crate::output::keys::KeyIndex;
use crate::output::rows::{Bitmap, RowSource};
use crate::output::staged::Staged;
use crate::output::table::{Merge, TableRun};
use crate::output::{SinkOptions, TableSink, TableSinks, completion, delta, layout};
use crate::store::{Folder, Storage, WorkFolder};
use crate::table::{Block, DeidentifiedBatch, Scratch, StagingArea, find_field, schema};
use crate::text::text_of_line;
use crate::ui::{Bars, Progress, format_count, tell_rows};

/// The column of completion tables, and the member of a run's record, with an export's URL.
const EXPORT_URL: &str = "export_url";
/// Bytes that a completion row, or the record of a run, may take as a tree.
const LARGEST_RECORD: usize = 16 << 20;

/// Converts `original` into Delta tables below `target`.
pub fn convert_output(
    original: &str,
    target: &str,
    work_dir: Option<&str>,
    storage: &Storage,
    budget: &Budget,
    bars: &Bars,
) -> Result<()> {
    let from = storage.open_folder(original)?;
    from.require_folder("original folder")?;
    let (folders, _) = from.list_direct()?;
    if !folders.iter().any(|folder| folder == JOB_CONFIG) {
        return Err(Error::new(
            SettingsFault::InvalidValue,
            format!("'{original}' does not look like an output folder: it has no JobConfig folder"),
        ));
    }
    // A run with several formats has its NDJSON tables a level deeper.
    let tables = match folders.iter().any(|folder| folder == "ndjson") {
        true => from.child("ndjson"),
        false => from.clone(),
    };
    let (folders, _) = tables.list_direct()?;
    let target = storage.open_folder(target)?;
    if from.contains(&target) || target.contains(&from) {
        return Err(Error::new(
            SettingsFault::Conflict,
            format!(
                "ORIGINAL '{from}' and TARGET '{target}' must not be the same folder, nor one \
                 inside the other: name a new folder, or an output folder with Delta tables"
            ),
        ));
    }
    claim::refuse_claimed(&target, "TARGET", &[Role::Phi])?;
    claim::refuse_inside(&target, "TARGET", Role::Phi)?;
    let formats = [OutputFormat::DELTALAKE];
    let names = plan::with_completion(&folders.iter().map(String::as_str).collect::<Vec<_>>());
    let check = || {
        check_same_codebook(&from, &target)?;
        layout::refuse_others(&target, &formats, &names)
    };
    check()?;
    layout::warn_of_second_set(&target, &formats)?;
    let hold = claim::hold_output(&target, &formats)?;
    if hold.has_waited() {
        check()?;
    }
    claim::remove_unfinished(&target, &formats, None);
    let work = WorkFolder::create_work(work_dir, &target)?;
    let staging = StagingArea { work, memory: budget.staging };
    let threads = budget.threads;
    let options =
        SinkOptions { rows_per_file: 1_000_000, threads, optimize: true, memory: budget.writing };
    let sinks = TableSinks::new(&target, &formats, options);
    let mut converter = Converter {
        from: &tables,
        records: Some(FormerRecords { from: from.child(JOB_CONFIG), to: target.child(JOB_CONFIG) }),
        staging: &staging,
        bytes_under_way: budget.chunks,
        threads,
        bars,
    };
    let mut converted = 0;
    for sink in sinks.iter() {
        // The order of the main job (`publish_order`): an encounter's completion row is there
        // before the encounter, a table's after the table.
        converter.convert_completion(
            sink,
            completion::ENCOUNTERS,
            schema::completion_encounters(),
        )?;
        for resource_type in TABLE_TYPES {
            converted += u32::from(converter.convert_resource(sink, resource_type)?);
        }
        converter.convert_completion(sink, completion::TABLE, schema::completion_schema())?;
    }
    if converted == 0 {
        return Err(Error::new(
            RunFault::NoResources,
            format!("'{original}' holds no table that can be converted: NDJSON or Delta Lake"),
        ));
    }
    for folder in folders.iter().filter(|folder| !is_known(folder)) {
        warn!("'{folder}' is not a table of this program; it was not converted");
    }
    Ok(())
}

fn is_known(folder: &str) -> bool {
    folder == JOB_CONFIG || layout::is_table(folder)
}

/// The parts that all tables of a conversion share.
struct Converter<'a> {
    from: &'a Folder,
    /// Until TARGET has them.
    records: Option<FormerRecords>,
    staging: &'a StagingArea,
    bytes_under_way: usize,
    threads: usize,
    bars: &'a Bars,
}

impl Converter<'_> {
    /// Copies the records of former runs, if TARGET does not have them yet. Call it before each write
    /// of a table: however the conversion ends, TARGET tells which codebook its rows are of. A
    /// conversion that writes nothing leaves TARGET to other codebooks.
    fn ensure_records(&mut self) -> Result<()> {
        self.records.take().map_or(Ok(()), |records| records.copy_records())
    }

    /// Converts a resource's table; false if there is none.
    fn convert_resource(&mut self, sink: &TableSink, resource_type: &'static str) -> Result<bool> {
        let name = resource_type.to_lowercase();
        let folder = self.from.child(&name);
        if delta::exists(&folder)? {
            let mut copy = TableCopy::new(self.staging, &["id"]);
            delta::read(&folder, &mut |batch| copy.add_rows(&batch))?;
            self.ensure_records()?;
            if let Some(schema) = delta::schema(&folder)? {
                sink.create_table(&name, schema, self.staging)?;
            }
            return copy.write_table(sink, &name, &["id"], Merge::Upsert).map(|()| true);
        }
        let files = self.ndjson_files(&name)?;
        let deletes = read_deletes(&folder, &name)?;
        if files.is_empty() && deletes.is_empty() {
            return Ok(false);
        }
        let files = files
            .into_iter()
            .map(|(name, bytes)| InputFile { name, resource_type, bytes })
            .collect();
        let plan = TablePlan {
            // The former output has completion rows, which are converted on their own.
            completes_encounters: false,
            ..TablePlan::of_files(resource_type, files)?
        };
        // IDs are anonymous already, and `Scrubber::again` takes them as they are: nothing is
        // hashed by this codebook.
        let codebook = Arc::new(Codebook::throwaway());
        let make_scrubber =
            || Scrubber::again(Anonymizer::new(codebook.clone(), Arc::from(Vec::new())));
        let scrubber = TableScrubber {
            input: InputFiles { folder: self.from, ahead: ReadAhead::new(self.from, &plan.files) },
            rows: RowScrubbing {
                make_scrubber: &make_scrubber,
                forms: RowForms { arrow: true, json: false },
                workers: self.threads,
                completion: None,
            },
            staging: TableStaging { area: self.staging, mapping: None, rejects: Vec::new() },
            bytes_under_way: self.bytes_under_way,
        };
        let progress = Progress::begin_reading(&plan.name, plan.input_bytes(), self.bars);
        let table = scrubber.scrub_table(&plan, deletes, &progress);
        progress.end_step();
        let mut table = table?;
        let mut live = Bitmap::all_set(table.counts.rows);
        table.keys.resolve(&mut live)?;
        self.ensure_records()?;
        if table.contains {
            sink.fit_rows(&name, &mut table.rows)?;
        }
        let written = sink.write_table(&TableRun {
            name: &name,
            rows: &table.rows,
            lines: None,
            live: &live,
            keys: &table.keys,
            deletes: &table.deletes,
            merge: Merge::Upsert,
            key_columns: &["id"],
        })?;
        sink.optimize_table(&name)?;
        info!("{name}: {}", format_count(written.rows, "row"));
        for (reason, count) in &table.counts.rejected {
            warn!("{name}: {}: {reason}", tell_rows(*count, "rejected"));
        }
        Ok(true)
    }

    fn convert_completion(
        &mut self,
        sink: &TableSink,
        name: &'static str,
        schema: SchemaRef,
    ) -> Result<()> {
        let columns: &'static [&'static str] = match name {
            completion::TABLE => &["table_name", "group_name", "export_time", "etl_time"],
            _ => &["encounter_id", "group_name"],
        };
        let folder = self.from.child(name);
        let mut copy = TableCopy::new(self.staging, columns);
        if delta::exists(&folder)? {
            delta::read(&folder, &mut |batch| copy.add_rows(&without_secrets(batch)?))?;
        } else {
            let mut add = |batch| copy.add_rows(&without_secrets(batch)?);
            for (file, _) in self.ndjson_files(name)? {
                read_text_rows(self.from, &file, &schema, &mut add)?;
            }
        }
        if copy.staged.is_some() {
            self.ensure_records()?;
        }
        copy.write_table(sink, name, columns, Merge::InsertOnly)
    }

    /// The files of a table, by their names below the original folder.
    fn ndjson_files(&self, table: &str) -> Result<Vec<(String, u64)>> {
        let entries = self.from.child(table).list()?;
        Ok(entries
            .into_iter()
            .filter(|entry| !entry.name.contains('/') && entry.name.ends_with(".ndjson"))
            .map(|entry| (format!("{table}/{}", entry.name), entry.size))
            .collect())
    }
}

/// Rows that are tables already, on their way into another one.
struct TableCopy {
    staging: StagingArea,
    key_columns: &'static [&'static str],
    staged: Option<Staged>,
    scratch: Scratch,
    keys: KeyIndex,
}

impl TableCopy {
    fn new(staging: &StagingArea, key_columns: &'static [&'static str]) -> Self {
        let (staging, keys) = (staging.clone(), KeyIndex::new(staging));
        Self { staging, key_columns, staged: None, scratch: Scratch::default(), keys }
    }

    fn add_rows(&mut self, rows: &DeidentifiedBatch) -> Result<()> {
        let batch = rows.as_arrow();
        let staged = match &mut self.staged {
            Some(staged) => staged,
            none => none.insert(Staged::new(&self.staging, batch.schema())),
        };
        let odd = || Error::failed("a table lacks the columns that identify its rows");
        let fields = batch.schema_ref().fields();
        let columns: Vec<_> = self
            .key_columns
            .iter()
            .map(|name| batch.column(find_field(fields, name)?).as_string_opt::<i32>())
            .collect::<Option<_>>()
            .ok_or_else(odd)?;
        let times = find_field(fields, "meta")
            .and_then(|index| batch.column(index).as_struct_opt())
            .and_then(|meta| {
                let index = find_field(meta.fields(), "lastUpdated")?;
                meta.column(index).as_string_opt::<i32>().cloned()
            });
        let first = staged.slots();
        for row in 0..batch.num_rows() {
            let text: Vec<_> = columns.iter().map(|column| column.value(row)).collect();
            let time = times.as_ref().filter(|times| times.is_valid(row));
            let time = time.map_or(UNKNOWN_TIME, |times| parse_instant(times.value(row)));
            self.keys.add(row_key(&text), first + row as u64, time)?;
        }
        staged.push(Block::of_batch(rows, &mut self.scratch)?, batch.num_rows() as u64)
    }

    fn write_table(
        mut self,
        sink: &TableSink,
        name: &str,
        key_columns: &'static [&'static str],
        merge: Merge,
    ) -> Result<()> {
        let Some(rows) = self.staged else { return Ok(()) };
        let mut live = Bitmap::all_set(rows.slots());
        self.keys.resolve(&mut live)?;
        let written = sink.write_table(&TableRun {
            name,
            rows: &rows,
            lines: None,
            live: &live,
            keys: &self.keys,
            deletes: &[],
            merge,
            key_columns,
        })?;
        sink.optimize_table(name)?;
        info!("{name}: {}", format_count(written.rows, "row"));
        Ok(())
    }
}

/// The anonymous IDs that an NDJSON table's `.meta` says are deleted.
fn read_deletes(folder: &Folder, name: &str) -> Result<Vec<AnonId<'static>>> {
    let file = format!("{name}.meta");
    let Some(bytes) = folder.read(&file)? else { return Ok(Vec::new()) };
    let meta: Value = serde_json::from_slice(&bytes)
        .with_context(|| format!("'{}' is not JSON", folder.show(&file)))?;
    let ids = meta.get("deleted").and_then(Value::as_array).into_iter().flatten();
    let ids = ids.filter_map(Value::as_str).map(str::to_owned);
    let mut ids: Vec<_> = ids.map(AnonId::from_former_output).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Reads a completion table's NDJSON, some thousand rows at a time.
fn read_text_rows(
    folder: &Folder,
    name: &str,
    schema: &SchemaRef,
    visit: &mut dyn FnMut(DeidentifiedBatch) -> Result<()>,
) -> Result<()> {
    const ROWS: usize = 50_000;
    let failed = || format!("cannot read '{}'", folder.show(name));
    let Some(reader) = folder.open_reader(name)? else { return Ok(()) };
    let mut builders = make_builders(schema);
    let mut rows = 0;
    let mut lines = BufReader::with_capacity(1 << 16, reader);
    let (mut line, mut unreadable) = (Vec::new(), 0_u64);
    loop {
        match read_line(&mut lines, LONGEST_LINE, &mut line).with_context(failed)? {
            Line::End => break,
            Line::TooLong => {
                unreadable += 1;
                continue;
            }
            Line::Whole => {}
        }
        let text = text_of_line(&line);
        if text.is_empty() {
            continue;
        }
        // The last row of a file that was cut off.
        let Ok(row) = bounded::json::parse_json(text, LARGEST_RECORD) else {
            unreadable += 1;
            continue;
        };
        for (builder, field) in builders.iter_mut().zip(schema.fields()) {
            builder.append_option(row.get(field.name()).and_then(Value::as_str));
        }
        rows += 1;
        if rows == ROWS {
            visit(finish_batch(&mut builders, schema)?)?;
            rows = 0;
        }
    }
    if unreadable > 0 {
        let shown = folder.show(name);
        warn!("'{shown}' is damaged: {}", tell_rows(unreadable, "left out"));
    }
    if rows > 0 { visit(finish_batch(&mut builders, schema)?) } else { Ok(()) }
}

fn make_builders(schema: &Schema) -> Vec<StringBuilder> {
    schema.fields().iter().map(|_| StringBuilder::new()).collect()
}

fn finish_batch(builders: &mut [StringBuilder], schema: &SchemaRef) -> Result<DeidentifiedBatch> {
    let columns = builders.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
    let batch = RecordBatch::try_new(schema.clone(), columns.collect());
    batch.map(DeidentifiedBatch::from_former_output).context("cannot make completion rows")
}

/// Completion rows with what may be recorded of an export's URL: other programs, and older versions of
/// this one, have written all of it.
fn without_secrets(rows: DeidentifiedBatch) -> Result<DeidentifiedBatch> {
    let batch = rows.as_arrow();
    let schema = batch.schema();
    let Some(index) = find_field(schema.fields(), EXPORT_URL) else { return Ok(rows) };
    let mut columns = batch.columns().to_vec();
    let Some(urls) = columns[index].as_string_opt::<i32>() else { return Ok(rows) };
    let recorded: StringArray = urls.iter().map(|url| url.and_then(recorded_or_empty)).collect();
    columns[index] = Arc::new(recorded);
    let batch = RecordBatch::try_new(schema, columns).context("cannot make completion rows")?;
    // The rows of a completion table with less in them.
    Ok(DeidentifiedBatch::from_former_output(batch))
}

/// The recordable part of an export's URL; that there was none stays.
fn recorded_or_empty(url: &str) -> Option<String> {
    if url.is_empty() { Some(String::new()) } else { recorded_url(url) }
}

/// The record of a run with what may be recorded of its export's URL. As it is, if it cannot be read.
fn record_without_secrets(bytes: Bytes) -> Result<Bytes> {
    let Ok(mut record) = bounded::json::parse_json(&bytes, LARGEST_RECORD) else {
        return Ok(bytes);
    };
    let Some(url) = record.get(EXPORT_URL).and_then(Value::as_str) else { return Ok(bytes) };
    let recorded = recorded_or_empty(url);
    if recorded.as_deref() == Some(url) {
        return Ok(bytes);
    }
    record[EXPORT_URL] = json!(recorded);
    Ok(serde_json::to_vec_pretty(&record).context("cannot write the record of a run")?.into())
}

/// The records of former runs, which hold the codebook's ID, on their way into TARGET.
struct FormerRecords {
    from: Folder,
    to: Folder,
}

impl FormerRecords {
    fn copy_records(&self) -> Result<()> {
        self.to.create()?;
        for entry in self.from.list()? {
            if let Some(bytes) = self.from.read(&entry.name)? {
                self.to.write(&entry.name, record_without_secrets(bytes)?)?;
            }
        }
        Ok(())
    }
}
