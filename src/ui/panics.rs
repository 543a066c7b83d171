//! Faults of the program itself: what is said of a panic, and how the process ends after one.

use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::atomic::{AtomicBool, Ordering};

use super::Console;
use crate::threads;

/// Runs the program; after a panic `work` has no result. A panic on any thread is told once, in the
/// form of all other messages, by its place in the program alone: what it says may hold values of
/// rows. The code that catches one within the program tells of it. `exit`: the code that the
/// process ends with.
pub fn without_panic<T>(console: &Console, exit: u8, work: impl FnOnce() -> T) -> Option<T> {
    let (console, is_told) = (console.clone(), AtomicBool::new(false));
    panic::set_hook(Box::new(move |panic| {
        // Others follow from the first.
        if !threads::is_catching() && !is_told.swap(true, Ordering::SeqCst) {
            console.say_last_words(&panic_message(panic.location()), exit);
        }
    }));
    // Nothing that `work` has touched is used again: `main` only ends the process.
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

fn panic_message(at: Option<&Location<'_>>) -> String {
    let at = at.map_or_else(
        || "an unknown place".to_owned(),
        |at| format!("{}:{}", source(at.file()), at.line()),
    );
    format!(
        "the program has failed by a fault of its own, at {at}; please report this place and the \
         command. Readers see the state before or after each change, never a part of it: a further \
         run is safe"
    )
}

/// The path of a source file without the folder that it was compiled in.
fn source(path: &str) -> &str {
    match path.split_once("/registry/src/") {
        Some((_, below)) => below.split_once('/').map_or(below, |(_, path)| path),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_by_its_place() {
        let said = panic_message(Some(Location::caller()));
        assert!(said.contains("at src/ui/panics.rs:"), "{said}");
        assert!(panic_message(None).contains("an unknown place"));
    }

    #[test]
    fn folders_of_who_compiled_it_are_not_shown() {
        let cargo = "/home/x/.cargo/registry/src/index.crates.io-1949/tokio-1.54.1/src/pool.rs";
        assert_eq!(source(cargo), "tokio-1.54.1/src/pool.rs");
        assert_eq!(source("src/main.rs"), "src/main.rs");
    }
}
