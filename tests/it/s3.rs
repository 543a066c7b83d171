//! An S3 server (moto) in a process of its own, told by `s3_server.py`'s orders how to behave.
//!
//! `CUMULUS_TEST_PYTHON` names a Python that has it (`.ci/run` makes one). Without it these tests
//! are skipped.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use crate::needs::{self, Needed};

/// The server, with the buckets `input`, `output` and `phi`; it ends when this is dropped.
pub struct S3 {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    pub url: String,
}

/// A secret that no message may have.
pub const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";

impl S3 {
    /// Starts one, if there is a Python for it.
    pub fn start() -> Needed<Self> {
        let mut child = Command::new(needs::python()?)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/s3_server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let hello = answer(&mut output);
        let url = format!("http://127.0.0.1:{}", hello["port"]);
        let server = Self { child, pipes: Mutex::new((input, output)), url };
        for name in ["input", "output", "phi"] {
            server.order(&format!("bucket {name}"));
        }
        Ok(server)
    }

    /// Gives an order, and waits for what it comes to.
    pub fn order(&self, order: &str) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{order}").unwrap();
        pipes.0.flush().unwrap();
        answer(&mut pipes.1)
    }

    /// The variables that a command needs to reach it.
    pub fn reach<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("CUMULUS_ETL_S3_ENDPOINT", &self.url)
    }
}

fn answer(output: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    serde_json::from_str(&line).expect("the server has ended")
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
