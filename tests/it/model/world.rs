//! The folders of a sequence, what was done to them, and what must be in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, flock};

use super::expected::{CODEBOOK, Rejects, State, fake};
use super::export::{Export, TYPES};
use super::lake;
use super::phi;
use super::rng::Rng;
use crate::support::{Ended, FORMATS, PROGRAM, Site, end};

/// INPUT, OUTPUT and PHI, as runs mostly have them.
pub const FOLDERS: [&str; 3] = ["in", "out", "phi"];

/// Where the tables of a format are.
#[derive(Clone)]
pub struct Root {
    pub folder: String,
    pub format: &'static str,
    pub state: State,
}

impl Root {
    pub fn found(&self, site: &Site) -> State {
        State::found(&site.path(&self.folder), self.format)
    }
}

/// The content of PHI beside the codebook.
#[derive(Clone, Default)]
pub struct Phi {
    /// Which IDs it must be able to trace back.
    pub traced: BTreeSet<(&'static str, String)>,
    /// The rejected rows of each run that ended well.
    pub rejects: Vec<Rejects>,
    /// Those of runs that did not, some of which may be there.
    pub rejects_perhaps: Vec<Rejects>,
}

/// A copy of PHI that was put aside.
pub struct Backup {
    pub phi: Phi,
    pub foreign: BTreeMap<String, Vec<u8>>,
}

/// A sequence under way.
pub struct World {
    pub site: Site,
    pub rng: Rng,
    /// `--output-format`.
    pub formats: String,
    pub roots: Vec<Root>,
    pub phi: Phi,
    /// Files that are not the program's, below the site.
    pub foreign: BTreeMap<String, Vec<u8>>,
    /// The steps so far, for the one who looks at a failure.
    pub history: Vec<String>,
    pub exports: usize,
    /// How long a run takes here.
    pub took: Duration,
    /// Whether another program, or an earlier release, was at work here: version 0.1.0 removes files
    /// that are not its own, and neither keeps other runs away.
    pub others: bool,
    /// Whether a run was killed, which leaves data files that no version of a Delta table names.
    pub killed: bool,
    pub backup: Option<Backup>,
}

impl World {
    /// A sequence whose OUTPUT is in one format, or in two that follow each other in the list.
    pub fn new(mut rng: Rng) -> Self {
        let first = rng.below(FORMATS.len());
        let count = 1 + rng.below(3) / 2;
        let formats: Vec<_> = FORMATS.into_iter().cycle().skip(first).take(count).collect();
        let mut world = Self::with_formats(rng, &formats);
        world.run_well();
        world
    }

    /// A sequence that has not begun.
    pub fn with_formats(rng: Rng, formats: &[&'static str]) -> Self {
        let site = Site::new();
        site.file("phi/codebook.json", CODEBOOK);
        let folder = |format: &str| match formats.len() {
            1 => "out".to_owned(),
            _ => format!("out/{format}"),
        };
        let root = |format| Root { folder: folder(format), format, state: State::default() };
        let roots = formats.iter().copied().map(root).collect();
        let formats = formats.join(",");
        Self {
            site,
            rng,
            history: vec![format!("an OUTPUT in {formats}")],
            formats,
            roots,
            phi: Phi::default(),
            foreign: BTreeMap::new(),
            exports: 0,
            took: Duration::ZERO,
            others: false,
            killed: false,
            backup: None,
        }
    }

    pub fn note(&mut self, text: impl Into<String>) {
        self.history.push(text.into());
    }

    /// A next export, in a folder of this name.
    pub fn export(&mut self, folder: &str) -> Export {
        let export = Export::random(&mut self.rng, self.exports);
        self.exports += 1;
        export.write(&self.site.path(folder));
        export
    }

    /// The number of the last export.
    pub fn number(&self) -> usize {
        self.exports - 1
    }

    /// A run of an export.
    pub fn job(&self, folders: [&str; 3], export: &Export) -> Command {
        self.job_of(Path::new(PROGRAM), folders, export, &self.formats)
    }

    pub fn job_of(
        &self,
        program: &Path,
        folders: [&str; 3],
        export: &Export,
        formats: &str,
    ) -> Command {
        let mut command = self.site.command_of(program);
        command.args(folders).arg(format!("--export-group={}", export.group));
        command.arg(format!("--export-timestamp={}", export.time));
        command.arg(format!("--output-format={formats}")).arg("--threads=2");
        command.args(export.excluded.map(|of| format!("--exclude-resources={of}")));
        command.args(&export.options);
        command
    }

    /// Runs a job of an export that ends well.
    pub fn succeed(&mut self, job: &mut Command, export: &Export) {
        let ended = end(job);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        self.advance(export);
    }

    /// A run of an export has ended well.
    pub fn advance(&mut self, export: &Export) {
        for root in &mut self.roots {
            root.state = root.state.after(export, root.format);
        }
        self.note_in_phi(export);
    }

    /// PHI has all that a run of an export leaves there.
    pub fn note_in_phi(&mut self, export: &Export) {
        self.phi.traced.extend(export.traced());
        self.phi.rejects.push(export.rejects());
    }

    pub fn run_well(&mut self) {
        let export = self.export("in");
        let strict = self.rng.one_in(4);
        self.note(format!("run {}, strict: {strict}", self.number()));
        let mut job = self.job(FOLDERS, &export);
        if strict {
            job.arg("--strict");
        }
        let clock = Instant::now();
        let ended = end(&mut job);
        self.took = clock.elapsed();
        let code = if strict && export.has_rejects() { 71 } else { 0 };
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        self.advance(&export);
    }

    /// Puts a file that is not the program's below the site; `old`: as if it were there for days.
    pub fn place(&mut self, name: &str, old: bool) {
        let text = format!("foreign {}", self.exports).into_bytes();
        self.site.file(name, &text);
        if old {
            let days = SystemTime::now() - Duration::from_secs(9 * 24 * 60 * 60);
            let file = File::options().write(true).open(self.site.path(name)).unwrap();
            file.set_modified(days).unwrap();
        }
        self.foreign.insert(name.to_owned(), text);
    }

    /// Runs what must be refused, by this exit code, before anything changes.
    pub fn assert_refuses(&self, job: &mut Command, code: i32) -> Ended {
        let before = self.contents();
        let ended = end(job);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(self.contents() == before, "something has changed: {}", ended.err);
        ended
    }

    /// The content of OUTPUT and PHI: files with their bytes, and folders.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        for folder in ["out", "phi"] {
            for name in self.site.listing(folder).into_keys() {
                let name = format!("{folder}/{name}");
                let bytes = match name.ends_with('/') {
                    true => Vec::new(),
                    false => fs::read(self.site.path(&name)).unwrap(),
                };
                all.insert(name, bytes);
            }
        }
        all
    }

    /// Compares all that is there with the model.
    pub fn look(&self) {
        for root in &self.roots {
            let found = root.found(&self.site);
            for of in TYPES {
                assert_eq!(found.rows(of), root.state.rows(of), "{}: {of}", root.folder);
                assert!(found.has_same(&root.state, of), "{}: {of}: deletes", root.folder);
            }
            assert_eq!(found.encounters, root.state.encounters, "{}", root.folder);
            assert_eq!(found.completion, root.state.completion, "{}", root.folder);
            if root.format == "deltalake" {
                lake::assert_tables(&self.site.path(&root.folder), self.killed || self.others);
            }
        }
        self.look_at_phi();
        for (name, bytes) in &self.foreign {
            let there = fs::read(self.site.path(name));
            assert_eq!(there.ok().as_ref(), Some(bytes), "'{name}' is not ours");
        }
        self.assert_nothing_left();
    }

    fn look_at_phi(&self) {
        let phi = self.site.path("phi");
        phi::assert_codebook(&phi);
        let known = phi::traced(&phi);
        for (of, id) in &self.phi.traced {
            let anonymous = known.get(&((*of).to_owned(), id.clone()));
            assert_eq!(anonymous, Some(&fake(id)), "{of}/{id} can be traced back");
        }
        phi::assert_rejects(&phi, &self.phi.rejects, &self.phi.rejects_perhaps);
    }

    /// Nothing is under way: no file without its name, no work folder, no lock that is held.
    fn assert_nothing_left(&self) {
        for folder in ["tmp", "spill"] {
            let left = self.site.listing(folder);
            assert!(left.is_empty(), "left behind in {folder}: {left:?}");
        }
        for folder in ["out", "phi"] {
            for name in self.site.listing(folder).into_keys() {
                let is_left = name.contains(".cumulus-etl-new-")
                    || name.contains(".cumulus-etl-work-")
                    || is_staged_by_former(&name)
                    || name.ends_with(".kept-1");
                assert!(!is_left, "left behind in {folder}: {name}");
            }
        }
        for name in ["out/.cumulus-output", "phi/.codebook.lock"] {
            if let Ok(file) = File::open(self.site.path(name)) {
                let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
                assert!(locked.is_ok(), "'{name}' is still locked");
            }
        }
    }
}

/// Whether it is a file that version 0.1.0, or a library, has not given its name yet.
fn is_staged_by_former(name: &str) -> bool {
    let end = name.rsplit_once('#').map(|(_, end)| end);
    end.is_some_and(|end| end.len() == 20 && end.bytes().all(|byte| byte.is_ascii_digit()))
}
