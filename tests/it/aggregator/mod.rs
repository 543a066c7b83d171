//! Uploads to the Aggregator: what is asked, what is sent, what is refused, what is tried again.

mod faults;
mod files;
mod refused;
mod sending;
mod server;
mod store;

use std::fs;
use std::process::Command;

use crate::needs::Needed;
use crate::support::{Ended, Site, end};
use server::{Aggregator, ID, USER};
use store::{Line, SECRET, Store};

/// A site with exports, an Aggregator, and its store.
struct Ground {
    site: Site,
    aggregator: Aggregator,
    line: Line,
    store: &'static Store,
}

impl Ground {
    /// One, if there is a store.
    fn new() -> Needed<Self> {
        let store = Store::get()?;
        let line = Line::to(store);
        let aggregator = Aggregator::start(&line.url);
        Ok(Self { site: Site::new(), aggregator, line, store })
    }

    /// `study upload` of these targets, ready to run.
    fn upload(&self, targets: &[&str]) -> Command {
        let mut command = self.site.command();
        command.args(["study", "upload", "--url", self.aggregator.server.url.as_str(), "exports"]);
        command.args(targets.iter().flat_map(|target| ["-t", target]));
        command
            .env("CUMULUS_AGGREGATOR_USER", USER)
            .env("CUMULUS_AGGREGATOR_ID", ID)
            .env("CUMULUS_ETL_TEST_TIME_SCALE", "0.01");
        command
    }

    /// Runs it; panics if it ends otherwise, or tells a secret.
    fn ends(&self, command: &mut Command, code: i32) -> Ended {
        let ended = end(command);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        let said = format!("{}{}", ended.out, ended.err);
        for secret in [ID, SECRET, "X-Amz", "x-amz-signature", "c2l0ZV9hOnZlcnktc2VjcmV0"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
        ended
    }

    /// The requests for links: body, and transaction shown.
    fn asked(&self) -> Vec<(serde_json::Value, Option<String>)> {
        let asked = self.aggregator.server.asked();
        let each = asked.iter().map(|asked| {
            let body = serde_json::from_slice(&asked.body).unwrap();
            (body, asked.headers.get("transaction-id").cloned())
        });
        each.collect()
    }

    fn has_receipt(&self, study: &str) -> bool {
        fs::exists(self.site.path(&format!("exports/{study}/upload.json"))).unwrap()
    }
}
