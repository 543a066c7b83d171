//! Uploads of exported studies to the Cumulus Aggregator.
//!
//! ```text
//!  <study>.zip ──► package    ──► checked: only counts and metadata leave
//!                  aggregator ──► POST: may I? ──► a link, valid for an hour
//!                  http       ──► POST: the file, as a stream
//!                  receipt    ──► upload.json: what was sent, when, where
//! ```
//!
//! All studies of a call are checked before anything is sent of any.

mod aggregator;
mod layout;
mod package;
mod preview;
mod receipt;
mod s3;

use tracing::{info, warn};

pub use aggregator::{Aggregator, DEFAULT_URL};
pub use package::Package;

use crate::error::{Error, ErrorKind, Result, UploadFault};
use crate::http::{Pace, RetryPlan, SendError};
use crate::screen::{Allowed, LEAST};
use crate::store::{Folder, WorkFolder};
use crate::ui::{Bars, Progress, choose_form, format_count};
use aggregator::Link;

/// Waits before the second, third, … attempt, in seconds.
const RETRIES: RetryPlan = RetryPlan::of_seconds(&[2, 10, 30, 60]);

/// Why a step failed.
#[derive(Debug)]
struct Failure {
    error: Error,
    /// The same may go well in a moment.
    again: bool,
    /// It is not this study's fault: the next one would fail likewise.
    for_all: bool,
}

impl Failure {
    fn new(kind: impl Into<ErrorKind>, message: impl Into<String>) -> Self {
        Self { error: Error::new(kind, message), again: false, for_all: false }
    }

    fn or_retryable(self) -> Self {
        Self { again: true, ..self }
    }

    fn for_all(self) -> Self {
        Self { for_all: true, ..self }
    }
}

/// The exports to send: those of `targets`, else every one in `data`. Each is checked; if any must
/// not be sent, that is the error ([`UploadFault::Withheld`]), and it names all that is wrong, but for
/// what is `allowed`. Temporary files go to `work`.
pub fn open_packages(
    data: &Folder,
    targets: &[String],
    allowed: &Allowed,
    work: &WorkFolder,
) -> Result<Vec<Package>> {
    let studies =
        if targets.is_empty() { package::list_exported(data)? } else { remove_repeats(targets) };
    let (mut packages, mut faults) = (Vec::new(), Vec::new());
    for study in studies {
        match Package::open_package(data, &study, allowed, work) {
            Ok(package) => packages.push(package),
            Err(error) => faults.push(error),
        }
    }
    match faults.first().map(Error::kind) {
        None => Ok(packages),
        Some(kind) => {
            let faults: Vec<_> = faults.iter().map(Error::explain_causes).collect();
            Err(Error::new(kind, format!("nothing was sent: {}", faults.join("; "))))
        }
    }
}

/// How many cells of a member count too few.
fn tell_few_cells(cells: u64, member: &str) -> String {
    let count = choose_form(cells, "counts", "count");
    format!("{} of {member} {count} fewer than {LEAST}", format_count(cells, "cell"))
}

fn remove_repeats(targets: &[String]) -> Vec<String> {
    let mut studies = Vec::new();
    for target in targets {
        // Studies are written in lower case, whatever their users write.
        let study = target.to_lowercase();
        if !studies.contains(&study) {
            studies.push(study);
        }
    }
    studies
}

/// The requests that would be sent, as text. Asks no server.
pub fn preview_requests(aggregator: &Aggregator, packages: &[Package]) -> String {
    packages.iter().map(|package| preview::preview_package(aggregator, package)).collect()
}

/// Sends the packages one by one, with a receipt for each beside it. Where one fails, the others
/// are still sent, unless they would fail for the same reason.
pub fn send_packages(
    aggregator: &Aggregator,
    data: &Folder,
    packages: &[Package],
    pace: Pace,
    bars: &Bars,
) -> Result<()> {
    let mut failures: Vec<(String, Error)> = Vec::new();
    for (index, package) in packages.iter().enumerate() {
        let study = &package.study;
        for (member, cells) in &package.few {
            warn!(study, "{study}: {}", tell_few_cells(*cells, member));
        }
        let sent = data.storage().block_on(deliver_package(aggregator, package, pace, bars));
        match sent {
            Ok(delivered) => {
                let transaction = delivered.transaction.as_deref();
                let shown = transaction.map(|id| format!(", transaction {id}")).unwrap_or_default();
                let bytes = format_count(package.size(), "byte");
                info!(study, bytes = package.size(), "{study}: sent {bytes}{shown}");
                // The file has arrived all the same: it is not sent again, and the next study
                // follows.
                if let Err(error) = receipt::write(data, aggregator, package, &delivered) {
                    let message = format!("was sent{shown}, but has no receipt: {error:#}");
                    failures.push((study.clone(), Error::new(error.kind(), message)));
                }
            }
            Err(Failure { error, for_all, .. }) => {
                failures.push((study.clone(), error));
                let left: Vec<_> = packages[index + 1..].iter().map(|p| p.study.as_str()).collect();
                if for_all && !left.is_empty() {
                    warn!("not tried for the same reason: {}", left.join(", "));
                    break;
                }
            }
        }
    }
    let Some((_, first)) = failures.first() else { return Ok(()) };
    let kind = first.kind();
    let words: Vec<_> =
        failures.iter().map(|(study, error)| format!("{study}: {error:#}")).collect();
    Err(Error::new(kind, words.join("\n")))
}

/// The result of an upload.
#[derive(Debug)]
struct Delivered {
    /// The Aggregator's name for the upload.
    transaction: Option<String>,
    /// Where the file is there.
    object: Option<String>,
    /// The store's fingerprint of the file.
    e_tag: Option<String>,
}

async fn deliver_package(
    aggregator: &Aggregator,
    package: &Package,
    pace: Pace,
    bars: &Bars,
) -> Result<Delivered, Failure> {
    let study = &package.study;
    // The Aggregator locks site and study with its first answer: only a request that shows the
    // transaction of that answer may ask again.
    let mut transaction: Option<String> = None;
    let mut failed = 0;
    let mut expired = false;
    // Whether all of the file was sent, and no answer came.
    let mut unanswered = false;
    loop {
        let failure = match aggregator.ask_link(package, transaction.as_deref()).await {
            Ok(link) => {
                transaction = link.transaction.clone().or(transaction);
                match send_once(aggregator, package, &link, pace, bars).await {
                    Ok(e_tag) => {
                        let object = link.object_name().map(str::to_owned);
                        return Ok(Delivered { transaction, object, e_tag });
                    }
                    Err((failure, all_sent)) => {
                        unanswered |= all_sent;
                        failure
                    }
                }
            }
            Err(failure) if unanswered && failure.error.is_kind(UploadFault::Busy) => {
                let message = format!(
                    "the whole file was sent, but the answer was lost, and now the Aggregator is \
                     processing an upload of this study: most likely this one{}. Ask its \
                     administrator, or upload again later: the same file twice does no harm",
                    transaction.map(|id| format!(" (transaction {id})")).unwrap_or_default()
                );
                return Err(Failure::new(UploadFault::Busy, message));
            }
            Err(failure) => failure,
        };
        // Once: a link is valid for an hour, and where a second one runs out, the connection is too
        // slow.
        if failure.error.is_kind(UploadFault::ExpiredLink) && !std::mem::replace(&mut expired, true)
        {
            warn!(study, "{study}: the link had expired; asking for another one");
            continue;
        }
        failed += 1;
        let Some(wait) = RETRIES.wait_after(failed, None, pace).filter(|_| failure.again) else {
            return Err(failure);
        };
        warn!(study, "{study}: {:#}; trying again in {} s", failure.error, wait.as_secs());
        tokio::time::sleep(wait).await;
    }
}

async fn send_once(
    aggregator: &Aggregator,
    package: &Package,
    link: &Link,
    pace: Pace,
    bars: &Bars,
) -> Result<Option<String>, (Failure, bool)> {
    let progress = Progress::begin_sending(&package.study, package.size(), bars);
    let moved = progress.clone();
    let poster = aggregator
        .make_poster(pace)
        .map_err(|error| (Failure { error, again: false, for_all: true }, false))?;
    let file = package
        .file(&aggregator.file_name(package))
        .map_err(|error| (Failure { error, again: false, for_all: false }, false))?;
    let answer =
        poster.post_form(&link.url, &link.fields, &file, move |bytes| moved.add(bytes)).await;
    progress.end_step();
    match answer {
        // The store has answered, so that nobody need guess whether the file has arrived.
        Ok(answer) => s3::judge_answer(&answer, link).map_err(|failure| (failure, false)),
        Err(SendError { error, all_sent }) => {
            if !error.is_retryable() {
                let message = format!("the file was not taken: {error}");
                return Err((Failure::new(UploadFault::Undelivered, message), all_sent));
            }
            let message = format!(
                "the file was not taken: {error}. If that stays so: does a proxy or firewall let \
                 large uploads to {} through?",
                link.host()
            );
            Err((
                Failure::new(UploadFault::Undelivered, message).or_retryable().for_all(),
                all_sent,
            ))
        }
    }
}
