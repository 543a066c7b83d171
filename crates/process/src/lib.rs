//! What a process has of the system: memory, threads and runtimes, its end, and what it keeps to itself.

pub mod memory;
pub mod secrecy;
pub mod stop;
pub mod threads;
