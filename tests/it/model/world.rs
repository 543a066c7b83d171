//! The folders of a sequence, what was done to them, and the steps that may come next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

use super::expected::{CODEBOOK, State, fake, traced};
use super::export::{Export, TYPES};
use super::rng::Rng;
use crate::support::{Ended, FORMATS, PROGRAM, Site, end};

/// Where the tables of a format are.
struct Root {
    folder: String,
    format: &'static str,
    state: State,
}

impl Root {
    fn found(&self, site: &Site) -> State {
        State::found(&site.path(&self.folder), self.format)
    }
}

/// A sequence under way.
pub struct World {
    site: Site,
    rng: Rng,
    /// `--output-format`.
    formats: String,
    roots: Vec<Root>,
    /// Which IDs PHI must be able to trace back.
    traced: BTreeSet<(&'static str, String)>,
    /// Files that are not the program's, below the site.
    foreign: BTreeMap<String, Vec<u8>>,
    /// What was done, for the one who looks at a failure.
    pub history: Vec<String>,
    exports: usize,
    /// How long a run takes here.
    took: Duration,
    /// Whether a former release was at work here: version 0.1.0 removes files that are not its own.
    former: bool,
    /// What PHI could trace back when a copy of it was put aside.
    older: Option<BTreeSet<(&'static str, String)>>,
}

impl World {
    pub fn new(mut rng: Rng) -> Self {
        let site = Site::new();
        site.file("phi/codebook.json", CODEBOOK);
        // One format, or two that follow each other in the list.
        let first = rng.below(FORMATS.len());
        let formats: Vec<_> =
            FORMATS.into_iter().cycle().skip(first).take(1 + rng.below(3) / 2).collect();
        let folder = |format: &str| match formats.len() {
            1 => "out".to_owned(),
            _ => format!("out/{format}"),
        };
        let root = |format| Root { folder: folder(format), format, state: State::default() };
        let roots = formats.iter().copied().map(root).collect();
        let formats = formats.join(",");
        let mut world = Self {
            site,
            rng,
            history: vec![format!("an OUTPUT in {formats}")],
            formats,
            roots,
            traced: BTreeSet::new(),
            foreign: BTreeMap::new(),
            exports: 0,
            took: Duration::ZERO,
            former: false,
            older: None,
        };
        world.run_well();
        world
    }

    /// Takes a step at random, and looks at what it left.
    pub fn take_step(&mut self) {
        match self.rng.below(18) {
            0..=4 => self.run_well(),
            5 | 6 => self.kill(),
            7 | 8 => self.run_two(),
            9 | 10 if !self.former => self.place_foreign(),
            11 | 12 => self.name_wrong_folders(),
            13 => self.mix_up_folders(),
            14 => self.lose_a_folder(),
            15 => self.restore_older_phi(),
            16 => self.ask_for_another_format(),
            _ => self.check(),
        }
        self.look();
    }

    fn note(&mut self, text: impl Into<String>) {
        self.history.push(text.into());
    }

    /// A next export, in a folder of this name.
    fn export(&mut self, folder: &str) -> Export {
        let export = Export::random(&mut self.rng, self.exports);
        self.exports += 1;
        export.write(&self.site.path(folder));
        export
    }

    /// A run of an export.
    fn job(&self, folders: [&str; 3], export: &Export) -> Command {
        self.job_of(Path::new(PROGRAM), folders, export, &self.formats)
    }

    fn job_of(
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

    /// A run of an export has ended well.
    fn advance(&mut self, export: &Export) {
        for root in &mut self.roots {
            root.state = root.state.after(export, root.format);
        }
        self.traced.extend(export.traced());
    }

    fn run_well(&mut self) {
        let export = self.export("in");
        let strict = self.rng.one_in(4);
        self.note(format!("run {}, strict: {strict}", self.exports - 1));
        let mut job = self.job(["in", "out", "phi"], &export);
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

    /// A run of another release of the program.
    pub fn run_former(&mut self, program: &Path) {
        let export = self.export("in");
        self.former = true;
        self.note(format!("run {} by the former release", self.exports - 1));
        let ended = end(&mut self.job_of(program, ["in", "out", "phi"], &export, &self.formats));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        self.advance(&export);
        self.look();
    }

    /// Ends a run at a random moment; then the next one completes the work.
    fn kill(&mut self) {
        let export = self.export("in");
        let signal = *self.rng.pick(&[Signal::KILL, Signal::TERM]);
        let share = self.rng.below(100) as u32;
        self.note(format!("run {} until {share} %, then {signal:?}", self.exports - 1));
        let mut job = self.job(["in", "out", "phi"], &export);
        let mut child = spawn(&mut job);
        sleep(self.took * share / 100);
        let _ = kill_process(Pid::from_child(&child), signal);
        child.wait().unwrap();
        for root in &mut self.roots {
            // Each table is as before or as after.
            let (found, after) = (root.found(&self.site), root.state.after(&export, root.format));
            found.assert_any_of(&root.state, &[after]);
            root.state = found;
        }
        let ended = end(&mut self.job(["in", "out", "phi"], &export));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        self.advance(&export);
    }

    /// Two runs of different exports at the same time: as if one had come after the other.
    fn run_two(&mut self) {
        let exports = [self.export("in"), self.export("in2")];
        self.note(format!("runs {} and {} concurrently", self.exports - 2, self.exports - 1));
        let jobs = ["in", "in2"].into_iter().zip(&exports);
        let children: Vec<_> = jobs
            .map(|(input, export)| spawn(&mut self.job([input, "out", "phi"], export)))
            .collect();
        for child in children {
            let ended: Ended = child.wait_with_output().unwrap().into();
            assert_eq!(ended.code, Some(0), "{}", ended.err);
        }
        let [one, other] = &exports;
        for root in &mut self.roots {
            let after = |first: &Export, second: &Export| {
                root.state.after(first, root.format).after(second, root.format)
            };
            let orders = [after(one, other), after(other, one)];
            let found = root.found(&self.site);
            // Each table by itself: neither run knows of the other.
            for of in TYPES {
                let rows = found.rows(of);
                let known = orders.iter().any(|state| state.rows(of) == rows);
                assert!(known, "{of}:\n{rows:#?}\nis of no order of {orders:#?}");
            }
            let encounters = orders.iter().any(|state| state.encounters == found.encounters);
            assert!(encounters, "completed encounters: {:#?}", found.encounters);
            assert_eq!(found.completion, orders[0].completion);
            root.state = found;
        }
        self.traced.extend(exports.iter().flat_map(Export::traced));
    }

    /// Puts a file somewhere that is not the program's, old or new.
    fn place_foreign(&mut self) {
        let names = [
            "out/README.md",
            "out/Figure#7",
            "out/JobConfig/notes.txt",
            "out/cohort/_delta_log/00000000000000000000.json",
            "out/cohort/part-0.parquet",
            "out/study.new",
            "out/.patient.old/notes.txt",
            // Among the files of tables: support::FOREIGN.
            "out/patient/README.md",
            "out/device/archive/2020.csv",
            "out/etl__completion/README.md",
            "phi/codebook.json#2024",
            "phi/codebook.json.bak",
            "phi/keys/private.jwks",
            "phi/rejected/README#1",
            "phi/.cumulus-etl-notes",
        ];
        let name = *self.rng.pick(&names);
        let old = self.rng.one_in(2);
        self.note(format!("a foreign file '{name}', old: {old}"));
        let text = format!("foreign {}", self.exports).into_bytes();
        self.site.file(name, &text);
        if old {
            let days = SystemTime::now() - Duration::from_secs(9 * 24 * 60 * 60);
            File::options()
                .write(true)
                .open(self.site.path(name))
                .unwrap()
                .set_modified(days)
                .unwrap();
        }
        self.foreign.insert(name.to_owned(), text);
        // It is there for the next run.
        self.run_well();
    }

    /// OUTPUT and PHI in each other's place, the same twice, or inside another.
    fn name_wrong_folders(&mut self) {
        let wrong = [
            ["in", "phi", "out"],
            ["in", "out", "out"],
            ["in", "phi", "phi"],
            ["in", "phi/lake", "phi"],
            ["in", "out", "out/phi"],
            ["in", "in/lake", "phi"],
            ["in", "out", "in/phi"],
            ["in", "link", "phi"],
            ["out", "in", "phi"],
        ];
        let folders = *self.rng.pick(&wrong);
        let export = self.export("in");
        self.note(format!("a run of {folders:?}"));
        // By another name.
        let link = self.site.path("link");
        if !link.exists() {
            std::os::unix::fs::symlink(self.site.path("phi"), link).unwrap();
        }
        self.assert_refuses(&mut self.job(folders, &export), 22);
        for made in ["in/lake", "in/phi"] {
            assert!(!self.site.path(made).exists(), "{made}");
        }
    }

    /// Something of the one folder lies in the other.
    fn mix_up_folders(&mut self) {
        let strays = [
            "out/codebook.json",
            "out/.cumulus-phi",
            "out/codebook-cached-mappings.json",
            "phi/.cumulus-output",
            "phi/JobConfig/job_config.json",
            "phi/patient/_delta_log/00000000000000000000.json",
        ];
        let stray = *self.rng.pick(&strays);
        let (export, path) = (self.export("in"), self.site.path(stray));
        if path.exists() {
            return;
        }
        self.note(format!("there is '{stray}'"));
        self.site.file(stray, "{}");
        self.assert_refuses(&mut self.job(["in", "out", "phi"], &export), 22);
        // With the folders that were made for it, as far as they are empty.
        fs::remove_file(&path).unwrap();
        let mut folder = path.parent();
        while let Some(empty) = folder.filter(|folder| fs::remove_dir(folder).is_ok()) {
            folder = empty.parent();
        }
    }

    /// A folder is not there, as if a disk was not mounted.
    fn lose_a_folder(&mut self) {
        let name = *self.rng.pick(&["in", "out", "phi"]);
        self.note(format!("{name} is not there"));
        let export = self.export("in");
        let (path, away) = (self.site.path(name), self.site.path("away"));
        fs::rename(&path, &away).unwrap();
        let mut job = self.job(["in", "out", "phi"], &export);
        match name {
            "in" => self.assert_refuses(&mut job, 54),
            "phi" => {
                self.assert_refuses(&mut job, 41);
                assert!(!path.join("codebook.json").exists(), "a second codebook was made");
            }
            // A lake begins anew.
            _ => {
                let ended = end(&mut job);
                assert_eq!(ended.code, Some(0), "{}", ended.err);
                for root in &self.roots {
                    let wanted = State::default().after(&export, root.format);
                    root.found(&self.site).assert_any_of(&wanted, &[]);
                }
                self.traced.extend(export.traced());
            }
        }
        let _ = fs::remove_dir_all(&path);
        fs::rename(&away, &path).unwrap();
    }

    /// PHI comes from a backup: IDs are the same, and what is new can be traced back.
    fn restore_older_phi(&mut self) {
        let kept = self.site.path("backup");
        let files = ["codebook.json", "codebook-cached-mappings.json", "context.json"];
        match self.older.take() {
            None => {
                self.note("a backup of PHI");
                fs::create_dir_all(&kept).unwrap();
                for name in files {
                    fs::copy(self.site.path("phi").join(name), kept.join(name)).unwrap();
                }
                self.older = Some(self.traced.clone());
            }
            Some(traced) => {
                self.note("PHI from its backup");
                for name in files {
                    fs::copy(kept.join(name), self.site.path("phi").join(name)).unwrap();
                }
                self.traced = traced;
                self.run_well();
            }
        }
    }

    fn ask_for_another_format(&mut self) {
        let format = *self.rng.pick(&FORMATS);
        // With several formats each has a folder of its own: another one begins another.
        if self.roots.len() > 1 || self.roots[0].format == format {
            return;
        }
        let export = self.export("in");
        self.note(format!("run {} in {format}", self.exports - 1));
        let program = Path::new(PROGRAM);
        self.assert_refuses(&mut self.job_of(program, ["in", "out", "phi"], &export, format), 22);
    }

    /// `--check` changes nothing.
    fn check(&mut self) {
        let export = self.export("in");
        self.note("--check");
        let before = self.listings();
        let ended = end(self.job(["in", "out", "phi"], &export).arg("--check"));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(self.listings(), before);
    }

    /// Runs what must be refused, by this exit code, before anything changes.
    fn assert_refuses(&self, job: &mut Command, code: i32) {
        let before = self.listings();
        let ended = end(job);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert_eq!(self.listings(), before, "{}", ended.err);
    }

    /// Names and sizes of what is in OUTPUT and in PHI.
    fn listings(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for folder in ["out", "phi"] {
            let listing = self.site.listing(folder).into_iter();
            all.extend(listing.map(|(name, size)| (format!("{folder}/{name}"), size)));
        }
        all
    }

    /// Compares all that is there with the model.
    fn look(&self) {
        for root in &self.roots {
            let found = root.found(&self.site);
            for of in TYPES {
                assert_eq!(found.rows(of), root.state.rows(of), "{}: {of}", root.folder);
            }
            assert_eq!(found.encounters, root.state.encounters, "{}", root.folder);
            assert_eq!(found.completion, root.state.completion, "{}", root.folder);
        }
        let phi = self.site.path("phi");
        assert_eq!(fs::read_to_string(phi.join("codebook.json")).unwrap(), CODEBOOK);
        let known = traced(&phi);
        for (of, id) in &self.traced {
            let anonymous = known.get(&((*of).to_owned(), id.clone()));
            assert_eq!(anonymous, Some(&fake(id)), "{of}/{id} can be traced back");
        }
        for (name, bytes) in &self.foreign {
            let there = fs::read(self.site.path(name));
            assert_eq!(there.ok().as_ref(), Some(bytes), "'{name}' is not ours");
        }
        for folder in ["tmp", "spill"] {
            let left = self.site.listing(folder);
            assert!(left.is_empty(), "left behind in {folder}: {left:?}");
        }
    }
}

fn spawn(job: &mut Command) -> Child {
    job.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}
