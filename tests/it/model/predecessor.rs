//! Runs of Cumulus ETL, which this program follows, before and between runs of this program.

use std::fs;
use std::path::Path;

use super::export::{Export, TYPES};
use super::world::{FOLDERS, World};
use crate::support::end;

impl World {
    /// A run of Cumulus ETL, and one of this program that carries on what it left.
    ///
    /// Cumulus ETL writes NDJSON to an empty OUTPUT only, and Delta tables to any: so OUTPUT begins
    /// anew with the former, and PHI stays.
    pub fn run_predecessor(&mut self, program: &Path) {
        let format = self.roots[0].format;
        let export = Export::plain(&mut self.rng, self.exports);
        self.exports += 1;
        export.write(&self.site.path("in"));
        self.note(format!("run {} by Cumulus ETL", self.number()));
        self.others = true;
        let job = || {
            let mut job = self.site.command_of(program);
            // Python, Java and what they have fetched are where the user has them.
            for name in ["HOME", "PATH", "JAVA_HOME"] {
                job.envs(std::env::var_os(name).map(|value| (name, value)));
            }
            job.arg("etl").args(FOLDERS).arg(format!("--output-format={format}"));
            job.arg(format!("--export-group={}", export.group));
            job.arg(format!("--export-timestamp={}", export.time));
            job
        };
        if format == "ndjson" && self.exports > 1 {
            // It changes nothing of ours.
            self.assert_refuses(&mut job(), 26);
            fs::remove_dir_all(self.site.path("out")).unwrap();
            self.roots[0].state = Default::default();
        }
        let ended = end(&mut job());
        assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
        let found = self.roots[0].found(&self.site);
        let wanted = self.roots[0].state.after(&export, format);
        for of in TYPES {
            assert_eq!(found.rows(of), wanted.rows(of), "{of}");
            assert!(found.has_same(&wanted, of), "{of}: deletes");
        }
        assert_eq!(found.encounters, wanted.encounters);
        let declared = |state: &super::expected::State| state.completion.keys().cloned().collect();
        let (found_rows, wanted_rows): (Vec<_>, Vec<_>) = (declared(&found), declared(&wanted));
        assert_eq!(found_rows, wanted_rows);
        // How often it says so of a table is its own affair.
        self.roots[0].state = found;
        self.note_in_phi(&export);
        self.look();
        self.run_well();
        self.look();
    }
}
