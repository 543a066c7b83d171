//! SIGINT, SIGTERM and SIGHUP: tidy up and go.
//!
//! Every table is published in one step (a Delta commit, a rename), so that a run may end at any
//! moment; only what is half written has to be taken away, and the work folder, and a server told
//! that nobody waits for it any more.

use std::time::Duration;

use futures::future::join_all;
use rustix::process::{Signal as ProcessSignal, getpid, kill_process};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Console;
use crate::error::{Context, ErrorKind, Result, StopSignal};
use crate::stop;
use crate::store::Storage;
use crate::threads::Thread;

/// How long writers get to take back what is half written. Container engines kill after 10 seconds.
const PATIENCE: Duration = Duration::from_secs(6);

/// From now on SIGINT, SIGTERM and SIGHUP end the process, with the code that `exit_code` gives.
/// As the first process of a container they would otherwise do nothing.
///
/// A signal asks what `storage` opens to end, and removes its work folders.
///
/// SIGHUP comes when a terminal or a connection to it is closed. It is left alone where it is
/// ignored: that is what `nohup` is for.
pub fn install_handlers(
    storage: &Storage,
    console: &Console,
    exit_code: fn(ErrorKind) -> u8,
) -> Result<()> {
    // Here, not on the new thread: a signal that comes before its handler is there ends the process
    // by the system's default, with nothing tidied up.
    let (mut interrupt, mut terminate, mut hangup) = storage
        .block_on(async {
            let hangup = match is_hangup_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            };
            let interrupt = signal(SignalKind::interrupt())?;
            std::io::Result::Ok((interrupt, signal(SignalKind::terminate())?, hangup))
        })
        .context("cannot listen for signals")?;
    let (storage, console) = (storage.clone(), console.clone());
    let thread = Thread::named("signals").start_thread(move || {
        let asked = storage.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => StopSignal::Interrupt,
                _ = terminate.recv() => StopSignal::Terminate,
                () = next(&mut hangup) => StopSignal::Terminate,
            }
        });
        let shutdown = storage.shutdown();
        // First, so that nobody begins to write while the others are waited for.
        shutdown.ask_to_stop(asked);
        // The hooks read files that go below: the state of an export, say.
        let tellings = shutdown.prepare_end();
        shutdown.wait_for_writers(PATIENCE);
        // After the writers, which have files there and take them back.
        storage.remove_work_folders();
        // Last: a server may take long to answer, and the container may be killed meanwhile.
        if !tellings.is_empty() {
            storage.block_on(async {
                tokio::select! {
                    _ = join_all(tellings) => {}
                    // A second signal says that nobody wants to wait any longer.
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = next(&mut hangup) => {}
                }
            });
        }
        let exit = exit_code(asked.into());
        console.say_last_words(stop::MESSAGE, exit);
        // From this thread: the main one may be in the midst of a long step.
        // `leave_the_end_to_the_signal` keeps it from ending first, with another code.
        std::process::exit(exit.into());
    });
    thread.map(drop).context("cannot listen for signals")
}

/// Has SIGHUP end the process as SIGTERM does, where a library listens for that one by itself.
///
/// # Errors
/// The system lets nobody listen.
pub fn pass_on_hangup(storage: &Storage) -> Result<()> {
    if is_hangup_ignored() {
        return Ok(());
    }
    let hangup = storage.block_on(async { signal(SignalKind::hangup()) });
    let mut hangup = hangup.context("cannot listen for signals")?;
    storage.runtime().spawn_task(async move {
        while hangup.recv().await.is_some() {
            // To this process itself: the library hears SIGTERM alone, and lets tasks come to their
            // end.
            let _ = kill_process(getpid(), ProcessSignal::TERM);
        }
    });
    Ok(())
}

/// The next signal; a signal that is not listened for never comes.
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether this process was started with SIGHUP ignored, as far as the system tells.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_ignored(&status, SignalKind::hangup())
}

/// Reads the mask of ignored signals, whose lowest bit is that of signal 1.
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(u32::MAX);
    mask.checked_shr(bit).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_told_by_their_bits() {
        let status =
            |mask: &str| format!("Name:\tx\nSigBlk:\t0000\nSigIgn:\t{mask}\nSigCgt:\t01\n");
        let is_ignored = |mask: &str, kind| super::is_ignored(&status(mask), kind);
        assert!(is_ignored("0000000000000001", SignalKind::hangup()));
        assert!(is_ignored("0000000000001007", SignalKind::hangup()));
        assert!(!is_ignored("0000000000001006", SignalKind::hangup()));
        assert!(is_ignored("0000000000004000", SignalKind::terminate()));
        assert!(!super::is_ignored("", SignalKind::hangup()));
    }
}
