//! The proxy of the tests as a program, for `scripts/benchmark-stores.py`.
//!
//!     store-proxy PORT [--delay MILLISECONDS] [--faults N]
//!
//! Passes requests on to 127.0.0.1:PORT, each after a delay; 1 in N fails. Prints its own port. For
//! each line on standard input it prints what it has seen; it ends with its standard input.

#[path = "../it/proxy.rs"]
mod proxy;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use proxy::Behaviour;

fn main() -> io::Result<()> {
    let usage = || io::Error::other("store-proxy PORT [--delay MILLISECONDS] [--faults N]");
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().and_then(|text| text.parse().ok()).ok_or_else(usage)?;
    let behaviour = Arc::new(Behaviour::default());
    while let Some(option) = arguments.next() {
        let number: u64 = arguments.next().and_then(|text| text.parse().ok()).ok_or_else(usage)?;
        match option.as_str() {
            "--delay" => behaviour.delay.store(number, Relaxed),
            "--faults" => behaviour.faults.store(number, Relaxed),
            _ => return Err(usage()),
        }
    }
    let runtime = Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let mut out = io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    runtime.spawn(proxy::serve(listener, server, behaviour.clone()));
    for line in io::stdin().lock().lines() {
        line?;
        let failed = behaviour.failed();
        let count: u64 = failed.values().sum();
        let kinds = failed.iter().map(|((fault, method), n)| format!("{n} {fault} ({method})"));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        writeln!(out, "{} requests; {count} failed: {kinds}", behaviour.asked())?;
        out.flush()?;
    }
    Ok(())
}
