//! The process: its memory, its threads and runtimes, its end, and the secrecy of its memory.

pub mod memory;
pub mod secrecy;
pub mod stop;
pub mod threads;
