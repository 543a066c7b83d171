//! How an export ends: whole, with errors, or given up.

use std::path::Path;
use std::time::Duration;

use tracing::{debug, info, warn};
use url::Url;

use super::download::FailedFile;
use super::kickoff::HOW_TO_END;
use super::manifest::ManifestEntry;
use super::outcomes::ServerMessages;
use super::state::{ExportDir, ExportState, Phase};
use super::{ExportOptions, redacted_url};
use crate::error::{Error, Result, RunFault};
use crate::http::{Client, Method};
use crate::text::escape_controls;
use crate::ui::{choose_form, format_count, format_thousands};

/// Files that are missing, wrong or gone, of which the names are shown.
const SHOWN: usize = 5;
/// The longest wait for a server to take note that an export is given up. With the six seconds that writers have
/// (`ui/signals.rs`) it is less than the ten after which a container that is stopped is killed.
const PATIENCE: Duration = Duration::from_secs(3);

/// Gives up the export in a folder that goes away: many servers run one at a time, and it would be
/// in the way of the next. The future that it returns tells the server; the folder is not needed for that.
pub(super) fn abandon_export(
    client: &Client,
    folder: &Path,
) -> Option<impl Future<Output = ()> + Send + use<>> {
    // Without the lock, which this process's own export may hold. Of a complete export the job has
    // ended on the server already.
    let state = ExportState::peek_at(folder).filter(|state| state.phase != Phase::Complete)?;
    let (client, url) = (client.clone(), Url::parse(&state.status_url).ok()?);
    Some(async move {
        // One attempt only, unlike `kickoff::end_export`: after a signal, container engines kill
        // the process within 10 seconds.
        let sent = client.request(Method::DELETE, url.clone()).send();
        let failed = match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok(_)) => return debug!("the server knows that the export is given up"),
            Ok(Err(error)) if matches!(error.status(), Some(404 | 410)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not answer".to_owned(),
        };
        let url = redacted_url(&client, &url);
        warn!(
            "could not tell the server that the export {url} is given up: {failed}. If it refuses \
             the next one: {HOW_TO_END}"
        );
    })
}

/// Files, rows and bytes.
pub(super) fn total_counts(site: &ExportDir) -> (u64, u64, u64) {
    site.completed_files().values().fold((0, 0, 0), |(files, rows, bytes), done| {
        (files + 1, rows + done.rows, bytes + done.bytes)
    })
}

/// Sees that the files of an export that is whole are still there: without one of them its type would look as if
/// the server had no rows of it.
///
/// # Errors
/// [`RunFault::ExportIncomplete`] where some are gone.
pub(super) fn require_files(site: &ExportDir) -> Result<()> {
    let gone = site.missing_files();
    if gone.is_empty() {
        return Ok(());
    }
    let count = gone.len() as u64;
    let named: Vec<_> =
        gone.iter().take(SHOWN).map(|name| escape_controls(name).into_owned()).collect();
    let more = if gone.len() > SHOWN { ", …" } else { "" };
    let message = format!(
        "the whole export was in '{}', and {} of it {} gone ({}{more}). Put {} back, or empty the \
         folder to export anew",
        site.path().display(),
        format_count(count, "file"),
        choose_form(count, "is", "are"),
        named.join(", "),
        choose_form(count, "it", "them"),
    );
    Err(Error::new(RunFault::ExportIncomplete, message))
}

/// Some files could not be had.
pub(super) fn incomplete_error(
    options: &ExportOptions,
    entries: &[ManifestEntry],
    missing: &[FailedFile],
) -> Error {
    let mut lines: Vec<String> = missing
        .iter()
        .take(SHOWN)
        .map(|file| format!("\n  {}: {}", entries[file.index].name, file.message))
        .collect();
    if missing.len() > SHOWN {
        let more = format_count((missing.len() - SHOWN) as u64, "other");
        lines.push(format!("\n  and {more}"));
    }
    let message = format!(
        "{} of {} could not be downloaded; {}:{}",
        format_thousands(missing.len() as u64),
        format_count(entries.len() as u64, "file"),
        options.resume_hint(),
        lines.concat()
    );
    Error::new(RunFault::ExportIncomplete, message)
}

/// Shows what the server says went wrong: its reports. How many are errors.
fn show_reports(client: &Client, site: &ExportDir) -> Result<u64> {
    let reported = ServerMessages::read_folder(site.path())?;
    for line in &reported.message_lines() {
        warn!("The server says: {}", client.redactor().clean(line));
    }
    if reported.failures == 0 && reported.warnings > 0 {
        info!("The server has sent {}", format_count(reported.warnings, "warning"));
    }
    Ok(reported.failures)
}

/// The advice about an export that is not as it should be.
fn advise_user(options: &ExportOptions, site: &ExportDir) -> String {
    match options.temporary {
        true => "Run it with --export-to DIR to keep and see what there is".to_owned(),
        false => format!(
            "What there is, is in '{}' (errors below error/); if it will do, give that folder as \
             INPUT",
            site.path().display()
        ),
    }
}

/// Some files are not whole, however often they are downloaded: `wrong` has their names, and what is
/// wrong. The server still has the export.
pub(super) fn damaged_error(
    client: &Client,
    options: &ExportOptions,
    site: &ExportDir,
    wrong: &[(String, String)],
) -> Result<Error> {
    show_reports(client, site)?;
    for (name, problem) in wrong.iter().take(SHOWN) {
        warn!("{name}: {problem}");
    }
    let next = match options.temporary {
        true => "",
        false => {
            ". The server still has the export: the same command downloads these files again, \
             --cancel ends it and removes what is here"
        }
    };
    let message = format!(
        "the export is not complete: {} with missing or broken rows. {}{next}",
        format_count(wrong.len() as u64, "file"),
        advise_user(options, site)
    );
    Ok(Error::new(RunFault::ExportIncomplete, message))
}

/// Shows what the server says went wrong. With errors, the data must not be used unseen.
pub(super) fn check_reports(
    client: &Client,
    options: &ExportOptions,
    site: &ExportDir,
) -> Result<()> {
    let failures = show_reports(client, site)?;
    if failures == 0 {
        return Ok(());
    }
    // It will not get better: another export is a new one.
    site.forget_export()?;
    let message = format!(
        "the export is not complete: {} of the server. {}",
        format_count(failures, "error"),
        advise_user(options, site)
    );
    Err(Error::new(RunFault::ExportIncomplete, message))
}
