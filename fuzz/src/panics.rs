//! Panics of libraries that the program catches.

use std::panic;

use cumulus_etl::threads::is_catching;

/// Lets the program catch panics of libraries: libFuzzer's hook ends the process before they are caught.
/// Call it before the first input, after libFuzzer has set its hook.
pub fn pass_caught_panics() {
    let end_process = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !is_catching() {
            end_process(panic);
        }
    }));
}
