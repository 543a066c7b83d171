//! The files that an export client leaves beside the data: `log.ndjson`, and the server's warnings.

use std::fs;
use std::path::Path;

use cumulus_base::error::{Context, Result};

use super::dates::{EXPORTED, Time, TimeSpelling, WriteTime};
use super::files::ExportFile;
use super::json::Json;
use super::kind::RowType;
use super::options::DemoOptions;
use super::references::BASE;

/// Writes `error/OperationOutcome.000.ndjson`: a warning, which does not fail an export.
pub(super) fn write_warnings(dir: &Path, options: &DemoOptions) -> Result<ExportFile> {
    let mut text = Vec::new();
    text.add_item(|w| {
        w.add_str("resourceType", "OperationOutcome");
        w.add_list("issue", |w| {
            w.add_item(|w| {
                w.add_str("severity", "warning");
                w.add_str("code", "not-supported");
                w.add_text(
                    "diagnostics",
                    "The parameter \"_elements\" was ignored: it is not supported for this group.",
                );
            });
        });
    });
    text.push(b'\n');
    let name = "error/OperationOutcome.000.ndjson";
    let (name, text) = if options.gzip {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let packed = encoder.write_all(&text).and_then(|()| encoder.finish());
        (format!("{name}.gz"), packed.context("cannot compress a file of warnings")?)
    } else {
        (name.to_owned(), text)
    };
    write_file(dir, &name, &text)?;
    Ok(ExportFile {
        name,
        resource_type: "OperationOutcome",
        item_type: "error",
        rows: 1,
        bytes: text.len() as u64,
    })
}

/// Writes `log.ndjson` and returns its length.
pub(super) fn write(dir: &Path, options: &DemoOptions, files: &[ExportFile]) -> Result<u64> {
    let mut log = LogWriter { text: Vec::new(), clock: EXPORTED.plus_seconds(-1_800) };
    let count = |item_type| files.iter().filter(|file| file.item_type == item_type).count() as i64;
    let transaction_time =
        |w: &mut Vec<u8>| w.add_time("transactionTime", EXPORTED, TimeSpelling::Utc);

    // The main job takes the Group and the time of an
    // export from this event and from `status_complete`.
    log.write_event("kickoff", |w| {
        w.add_str_of("exportUrl", |w| {
            w.write_raw(BASE);
            w.write_raw("/Group/demo/$export?_outputFormat=application%2Ffhir%2Bndjson&_type=");
            for (at, kind) in RowType::ALL.into_iter().enumerate() {
                w.write_raw(if at > 0 { "," } else { "" });
                w.write_raw(kind.name());
            }
        });
        w.add_str("softwareName", "cumulus-etl demo");
        w.add_str("softwareVersion", env!("CARGO_PKG_VERSION"));
        w.add_str("fhirVersion", "4.0.1");
        w.add_object("requestParameters", |w| {
            w.add_str("_outputFormat", "application/fhir+ndjson");
            w.add_int("patients", options.patients.min(i64::MAX as u64) as i64);
        });
    });
    for percent in [10, 70] {
        log.write_event("status_progress", |w| {
            w.add_str_of("xProgress", |w| {
                w.write_digits(percent);
                w.write_raw("% complete");
            });
            w.add_str("retryAfter", "60");
        });
    }
    log.write_event("status_complete", transaction_time);
    log.write_event("status_page_complete", |w| {
        transaction_time(w);
        w.add_int("outputFileCount", count("output"));
        w.add_int("deletedFileCount", count("deleted"));
        w.add_int("errorFileCount", count("error"));
    });
    log.write_event("manifest_complete", |w| {
        transaction_time(w);
        w.add_int("totalOutputFileCount", count("output"));
        w.add_int("totalDeletedFileCount", count("deleted"));
        w.add_int("totalErrorFileCount", count("error"));
        w.add_int("totalManifests", 1);
    });
    for file in files {
        log.write_event("download_request", |w| {
            file_url(w, &file.name);
            w.add_str("itemType", file.item_type);
            w.add_str("resourceType", file.resource_type);
        });
        log.write_event("download_complete", |w| {
            file_url(w, &file.name);
            w.add_int("resourceCount", file.rows as i64);
            w.add_int("fileSize", file.bytes as i64);
        });
    }
    // The log's clock began 1,800 s before `EXPORTED`; the log tells milliseconds.
    let duration = (log.clock.0 - EXPORTED.0 + 1_800) * 1_000;
    log.write_event("export_complete", |w| {
        w.add_int("files", files.len() as i64);
        w.add_int("resources", files.iter().map(|file| file.rows).sum::<u64>() as i64);
        w.add_int("bytes", files.iter().map(|file| file.bytes).sum::<u64>() as i64);
        w.add_int("attachments", 0);
        w.add_int("duration", duration);
    });
    write_file(dir, "log.ndjson", &log.text)?;
    Ok(log.text.len() as u64)
}

struct LogWriter {
    text: Vec<u8>,
    clock: Time,
}

impl LogWriter {
    fn write_event(&mut self, id: &str, detail: impl FnOnce(&mut Vec<u8>)) {
        let clock = self.clock;
        self.text.add_item(|w| {
            w.add_str_of("exportId", |w| {
                w.write_raw(BASE);
                w.write_raw("/bulkstatus/demo");
            });
            w.add_time("timestamp", clock, TimeSpelling::Millis);
            w.add_str("eventId", id);
            w.add_object("eventDetail", detail);
        });
        self.text.push(b'\n');
        self.clock = clock.plus_seconds(7);
    }
}

fn file_url(w: &mut Vec<u8>, name: &str) {
    w.add_str_of("fileUrl", |w| {
        w.write_raw(BASE);
        w.write_raw("/bulkfiles/demo/");
        w.write_raw(name);
    });
}

fn write_file(dir: &Path, name: &str, text: &[u8]) -> Result<()> {
    let path = dir.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write '{}'", path.display()))
}
