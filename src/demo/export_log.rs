//! What an export client leaves beside the data: `log.ndjson`, and the server's warnings.

use std::fs;
use std::path::Path;

use super::dates::{EXPORTED, Spelling, Time, WriteTime};
use super::files::Written;
use super::json::Json;
use super::references::BASE;
use super::{Kind, Options};
use crate::error::{Context, Result};

/// Writes `error/OperationOutcome.000.ndjson`: a warning, which does not fail an export.
pub(super) fn write_warnings(dir: &Path, options: &Options) -> Result<Written> {
    let mut text = Vec::new();
    text.item(|w| {
        w.str("resourceType", "OperationOutcome");
        w.list("issue", |w| {
            w.item(|w| {
                w.str("severity", "warning");
                w.str("code", "not-supported");
                w.text(
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
    Ok(Written {
        name,
        resource_type: "OperationOutcome",
        item_type: "error",
        rows: 1,
        bytes: text.len() as u64,
    })
}

/// Writes `log.ndjson` and returns its length.
pub(super) fn write(dir: &Path, options: &Options, files: &[Written]) -> Result<u64> {
    let mut log = Log { text: Vec::new(), clock: EXPORTED.plus(-1_800) };
    let count = |item_type| files.iter().filter(|file| file.item_type == item_type).count() as i64;
    let transaction_time = |w: &mut Vec<u8>| w.time("transactionTime", EXPORTED, Spelling::Utc);

    log.event("kickoff", |w| {
        w.str_of("exportUrl", |w| {
            w.raw(BASE);
            w.raw("/Group/demo/$export?_outputFormat=application%2Ffhir%2Bndjson&_type=");
            for (at, kind) in Kind::ALL.into_iter().enumerate() {
                w.raw(if at > 0 { "," } else { "" });
                w.raw(kind.name());
            }
        });
        w.str("softwareName", "cumulus-etl demo");
        w.str("softwareVersion", env!("CARGO_PKG_VERSION"));
        w.str("fhirVersion", "4.0.1");
        w.obj("requestParameters", |w| {
            w.str("_outputFormat", "application/fhir+ndjson");
            w.int("patients", options.patients.min(i64::MAX as u64) as i64);
        });
    });
    for percent in [10, 70] {
        log.event("status_progress", |w| {
            w.str_of("xProgress", |w| {
                w.digits(percent);
                w.raw("% complete");
            });
            w.str("retryAfter", "60");
        });
    }
    log.event("status_complete", transaction_time);
    log.event("status_page_complete", |w| {
        transaction_time(w);
        w.int("outputFileCount", count("output"));
        w.int("deletedFileCount", count("deleted"));
        w.int("errorFileCount", count("error"));
    });
    log.event("manifest_complete", |w| {
        transaction_time(w);
        w.int("totalOutputFileCount", count("output"));
        w.int("totalDeletedFileCount", count("deleted"));
        w.int("totalErrorFileCount", count("error"));
        w.int("totalManifests", 1);
    });
    for file in files {
        log.event("download_request", |w| {
            file_url(w, &file.name);
            w.str("itemType", file.item_type);
            w.str("resourceType", file.resource_type);
        });
        log.event("download_complete", |w| {
            file_url(w, &file.name);
            w.int("resourceCount", file.rows as i64);
            w.int("fileSize", file.bytes as i64);
        });
    }
    let duration = (log.clock.0 - EXPORTED.0 + 1_800) * 1_000;
    log.event("export_complete", |w| {
        w.int("files", files.len() as i64);
        w.int("resources", files.iter().map(|file| file.rows).sum::<u64>() as i64);
        w.int("bytes", files.iter().map(|file| file.bytes).sum::<u64>() as i64);
        w.int("attachments", 0);
        w.int("duration", duration);
    });
    write_file(dir, "log.ndjson", &log.text)?;
    Ok(log.text.len() as u64)
}

struct Log {
    text: Vec<u8>,
    clock: Time,
}

impl Log {
    fn event(&mut self, id: &str, detail: impl FnOnce(&mut Vec<u8>)) {
        let clock = self.clock;
        self.text.item(|w| {
            w.str_of("exportId", |w| {
                w.raw(BASE);
                w.raw("/bulkstatus/demo");
            });
            w.time("timestamp", clock, Spelling::Millis);
            w.str("eventId", id);
            w.obj("eventDetail", detail);
        });
        self.text.push(b'\n');
        self.clock = clock.plus(7);
    }
}

fn file_url(w: &mut Vec<u8>, name: &str) {
    w.str_of("fileUrl", |w| {
        w.raw(BASE);
        w.raw("/bulkfiles/demo/");
        w.raw(name);
    });
}

fn write_file(dir: &Path, name: &str, text: &[u8]) -> Result<()> {
    let path = dir.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write '{}'", path.display()))
}
