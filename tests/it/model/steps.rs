//! The steps that a sequence may take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;

use rustix::process::{Pid, Signal, kill_process};

use super::expected::State;
use super::export::{Export, TYPES};
use super::world::{Backup, FOLDERS, World};
use crate::support::{Ended, FORMATS, PROGRAM, end};

impl World {
    /// Takes a step at random, and looks at what it left.
    pub fn take_step(&mut self) {
        match self.rng.below(24) {
            0..=4 => self.run_well(),
            5 | 6 => self.kill(),
            7 | 8 => self.run_two(),
            9 => self.kill_one_of_two(),
            10 => self.run_beside_another_output(),
            11 => self.fail_a_table(),
            12..=14 if !self.others => self.place_foreign(),
            15 | 16 => self.name_wrong_folders(),
            17 => self.mix_up_folders(),
            18 => self.place_another_format(),
            19 => self.lose_a_folder(),
            20 => self.swap_phi(),
            21 => self.restore_older_phi(),
            22 => self.ask_for_another_format(),
            _ => self.check(),
        }
        self.look();
    }

    /// A run of another release of the program.
    pub fn run_former(&mut self, program: &Path) {
        let export = self.export("in");
        self.others = true;
        self.note(format!("run {} by the former release", self.number()));
        let mut job = self.job_of(program, FOLDERS, &export, &self.formats);
        self.succeed(&mut job, &export);
        self.look();
    }

    /// Ends a run of another release at a random moment; one of this program completes the work. What
    /// the other one left until then is its own affair.
    pub fn kill_former(&mut self, program: &Path) {
        let export = self.export("in");
        self.others = true;
        let signal = *self.rng.pick(&[Signal::KILL, Signal::TERM]);
        let share = self.rng.below(100) as u32;
        let number = self.number();
        self.note(format!("run {number} by the former release until {share} %, then {signal:?}"));
        let child = spawn(&mut self.job_of(program, FOLDERS, &export, &self.formats));
        self.end_by(child, signal, share);
        self.phi.rejects_perhaps.push(export.rejects());
        let ended = end(&mut self.job(FOLDERS, &export));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        for root in &mut self.roots {
            let once = root.state.after(&export, root.format);
            let twice = once.after(&export, root.format);
            let found = root.found(&self.site);
            found.assert_any_of(&once, &[twice]);
            root.state = found;
        }
        self.note_in_phi(&export);
        self.look();
    }

    /// Ends a run at a random moment; then the next one completes the work.
    fn kill(&mut self) {
        let export = self.export("in");
        let signal = *self.rng.pick(&[Signal::KILL, Signal::TERM]);
        let share = self.rng.below(100) as u32;
        self.note(format!("run {} until {share} %, then {signal:?}", self.number()));
        let child = spawn(&mut self.job(FOLDERS, &export));
        self.end_by(child, signal, share);
        self.phi.rejects_perhaps.push(export.rejects());
        for root in &mut self.roots {
            // Each table is as before or as after.
            let (found, after) = (root.found(&self.site), root.state.after(&export, root.format));
            found.assert_any_of(&root.state, &[after]);
            root.state = found;
        }
        self.succeed(&mut self.job(FOLDERS, &export), &export);
    }

    /// Ends a run by a signal, after this share of the time that one takes.
    fn end_by(&mut self, child: Child, signal: Signal, share: u32) {
        sleep(self.took * share / 100);
        let _ = kill_process(Pid::from_child(&child), signal);
        let output = child.wait_with_output().unwrap();
        let ended: Ended = output.into();
        if signal == Signal::KILL {
            self.killed = true;
        }
        // It may have ended before, or before it listened to signals.
        let codes =
            if signal == Signal::TERM { &[Some(0), Some(143), None][..] } else { &[Some(0), None] };
        assert!(codes.contains(&ended.code), "{:?}: {}", ended.code, ended.err);
    }

    /// Two runs of different exports at the same time: as if one had come after the other.
    fn run_two(&mut self) {
        let exports = [self.export("in"), self.export("in2")];
        self.note(format!("runs {} and {} concurrently", self.number() - 1, self.number()));
        self.run_both(["in", "in2"].map(|input| [input, "out", "phi"]), &exports);
        let [one, other] = &exports;
        for root in &mut self.roots {
            let after = |first: &Export, second: &Export| {
                root.state.after(first, root.format).after(second, root.format)
            };
            let orders = [after(one, other), after(other, one)];
            let found = root.found(&self.site);
            // Each table by itself: neither run knows of the other.
            for of in TYPES {
                let known = orders.iter().any(|state| found.has_same(state, of));
                let rows = found.rows(of);
                assert!(known, "{of}:\n{rows:#?}\nis of no order of {orders:#?}");
            }
            let encounters = orders.iter().any(|state| state.encounters == found.encounters);
            assert!(encounters, "completed encounters: {:#?}", found.encounters);
            assert_eq!(found.completion, orders[0].completion);
            root.state = found;
        }
        exports.iter().for_each(|export| self.note_in_phi(export));
    }

    fn run_both(&self, folders: [[&str; 3]; 2], exports: &[Export; 2]) {
        let jobs = folders.into_iter().zip(exports);
        let children: Vec<_> =
            jobs.map(|(folders, export)| spawn(&mut self.job(folders, export))).collect();
        for child in children {
            let ended: Ended = child.wait_with_output().unwrap().into();
            assert_eq!(ended.code, Some(0), "{}", ended.err);
        }
    }

    /// Two runs at the same time, one of which is killed: the other one ends well, and has all its
    /// rows; then the killed one is done once more.
    fn kill_one_of_two(&mut self) {
        let exports = [self.export("in"), self.export("in2")];
        let signal = *self.rng.pick(&[Signal::KILL, Signal::TERM]);
        // Both at the same time take longer.
        let share = self.rng.below(200) as u32;
        self.note(format!(
            "runs {} and {} concurrently, the latter until {share} %, then {signal:?}",
            self.number() - 1,
            self.number()
        ));
        let [other, killed] = &exports;
        let first = spawn(&mut self.job(FOLDERS, other));
        let second = spawn(&mut self.job(["in2", "out", "phi"], killed));
        self.end_by(second, signal, share);
        let ended: Ended = first.wait_with_output().unwrap().into();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        self.phi.rejects_perhaps.push(killed.rejects());
        for root in &mut self.roots {
            let after = |state: &State, export: &Export| state.after(export, root.format);
            let alone = after(&root.state, other);
            let orders = [after(&alone, killed), after(&after(&root.state, killed), other)];
            let found = root.found(&self.site);
            found.assert_any_of(&alone, &orders);
            root.state = found;
        }
        self.note_in_phi(other);
        self.succeed(&mut self.job(["in2", "out", "phi"], killed), killed);
    }

    /// Two runs at the same time, with one PHI and an OUTPUT each.
    fn run_beside_another_output(&mut self) {
        let exports = [self.export("in"), self.export("in2")];
        self.note(format!(
            "runs {} and {} concurrently, the latter to another OUTPUT",
            self.number() - 1,
            self.number()
        ));
        self.run_both([FOLDERS, ["in2", "out2", "phi"]], &exports);
        let [one, other] = &exports;
        self.advance(one);
        self.note_in_phi(other);
        for root in &self.roots {
            let folder = root.folder.replacen("out", "out2", 1);
            let found = State::found(&self.site.path(&folder), root.format);
            let wanted = State::default().after(other, root.format);
            found.assert_any_of(&wanted, &[]);
            assert_eq!(found.completion, wanted.completion);
        }
        fs::remove_dir_all(self.site.path("out2")).unwrap();
    }

    /// A file of INPUT is cut off: its table stays as it is, and the others are written.
    fn fail_a_table(&mut self) {
        let mut export = Export::random(&mut self.rng, self.exports);
        self.exports += 1;
        let damaged = *self.rng.pick(&TYPES);
        (export.damaged, export.excluded) = (Some(damaged), None);
        export.write(&self.site.path("in"));
        self.note(format!("run {}, with a damaged file of {damaged}", self.number()));
        let ended = end(&mut self.job(FOLDERS, &export));
        assert_eq!(ended.code, Some(19), "{}", ended.err);
        self.advance(&export);
    }

    /// Puts a file somewhere that is not the program's, old or new.
    fn place_foreign(&mut self) {
        let names = [
            "out/README.md",
            "out/Figure#7",
            "out/JobConfig/notes.txt",
            // A table of somebody else, and one of a name that this program could give.
            "out/cohort/_delta_log/00000000000000000000.json",
            "out/cohort/part-0.parquet",
            "out/condition/_delta_log/00000000000000000000.json",
            "out/condition/condition.000.parquet",
            "out/study.new",
            "out/.patient.old/notes.txt",
            "phi/codebook.json#2024",
            "phi/codebook.json.bak",
            "phi/keys/private.jwks",
            "phi/rejected/README#1",
            "phi/.cumulus-etl-notes",
            "phi/cohort/_delta_log/00000000000000000000.json",
            "phi/cohort/cohort.csv",
        ];
        // Among the files of tables: support::FOREIGN.
        let among = ["patient/README.md", "device/archive/2020.csv", "etl__completion/README.md"];
        let root = self.rng.pick(&self.roots).folder.clone();
        let name = match self.rng.one_in(3) {
            true => format!("{root}/{}", self.rng.pick(&among)),
            false => (*self.rng.pick(&names)).to_owned(),
        };
        let old = self.rng.one_in(2);
        self.note(format!("a foreign file '{name}', old: {old}"));
        self.place(&name, old);
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
            ["in", "out/../phi", "out"],
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
            "out/rejected/2024-01-01__00.00.00/Patient.ndjson",
            "phi/.cumulus-output",
            "phi/JobConfig/job_config.json",
            "phi/patient/_delta_log/00000000000000000000.json",
            "phi/csv/patient/patient.000.csv",
        ];
        let stray = *self.rng.pick(&strays);
        let (export, path) = (self.export("in"), self.site.path(stray));
        if path.exists() {
            return;
        }
        self.note(format!("there is '{stray}'"));
        self.site.file(stray, "{}");
        self.assert_refuses(&mut self.job(FOLDERS, &export), 22);
        remove_with_folders(&path);
    }

    /// A table's folder holds what another format makes: a run that would write there is refused, one
    /// that would not goes on.
    fn place_another_format(&mut self) {
        let export = self.export("in");
        let of = *self.rng.pick(&TYPES);
        let root = self.rng.pick(&self.roots).clone();
        let format = *self.rng.pick(&FORMATS);
        let table = of.to_lowercase();
        let name = match format {
            "deltalake" => "_delta_log/00000000000000000000.json".to_owned(),
            _ => format!("{table}.777.{format}"),
        };
        let stray = format!("{}/{table}/{name}", root.folder);
        if format == root.format {
            return;
        }
        self.note(format!("there is '{stray}', and run {}", self.number()));
        self.site.file(&stray, "{}");
        let mut job = self.job(FOLDERS, &export);
        if export.makes(of) {
            self.assert_refuses(&mut job, 22);
        } else {
            self.succeed(&mut job, &export);
        }
        remove_with_folders(&self.site.path(&stray));
    }

    /// A folder is not there, as if a disk was not mounted.
    fn lose_a_folder(&mut self) {
        let name = *self.rng.pick(&FOLDERS);
        self.note(format!("{name} is not there"));
        let export = self.export("in");
        let (path, away) = (self.site.path(name), self.site.path("away"));
        fs::rename(&path, &away).unwrap();
        let mut job = self.job(FOLDERS, &export);
        match name {
            "in" => drop(self.assert_refuses(&mut job, 54)),
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
                self.note_in_phi(&export);
            }
        }
        let _ = fs::remove_dir_all(&path);
        fs::rename(&away, &path).unwrap();
    }

    /// Another PHI, with a codebook of its own: all IDs would change.
    fn swap_phi(&mut self) {
        let export = self.export("in");
        self.note("another PHI");
        let salt = "22".repeat(32);
        let codebook =
            format!("{{\"version\":1,\"codebook_id\":\"other\",\"id_salt\":\"{salt}\"}}");
        self.site.file("phi2/codebook.json", codebook);
        let ended = self.assert_refuses(&mut self.job(["in", "out", "phi2"], &export), 41);
        for codebook in ["model", "other"] {
            assert!(ended.err.contains(codebook), "{}", ended.err);
        }
        assert_eq!(self.site.listing("phi2").len(), 1);
        fs::remove_dir_all(self.site.path("phi2")).unwrap();
    }

    /// PHI comes from a backup: IDs are the same, and what is new can be traced back.
    fn restore_older_phi(&mut self) {
        let (phi, kept) = (self.site.path("phi"), self.site.path("backup"));
        let of_phi = |name: &str| name.starts_with("phi/");
        match self.backup.take() {
            None => {
                self.note("a backup of PHI");
                copy_folder(&phi, &kept);
                let mut foreign = self.foreign.clone();
                foreign.retain(|name, _| of_phi(name));
                self.backup = Some(Backup { phi: self.phi.clone(), foreign });
            }
            Some(backup) => {
                self.note("PHI from its backup");
                fs::remove_dir_all(&phi).unwrap();
                fs::rename(&kept, &phi).unwrap();
                self.phi = backup.phi;
                self.foreign.retain(|name, _| !of_phi(name));
                self.foreign.extend(backup.foreign);
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
        self.note(format!("run {} in {format}", self.number()));
        self.assert_refuses(&mut self.job_of(Path::new(PROGRAM), FOLDERS, &export, format), 22);
    }

    /// `--check` changes nothing.
    fn check(&mut self) {
        let export = self.export("in");
        self.note("--check");
        let mut job = self.job(FOLDERS, &export);
        self.assert_refuses(job.arg("--check"), 0);
    }
}

/// Removes a file, and the folders that were made for it, as far as they are empty.
fn remove_with_folders(path: &Path) {
    fs::remove_file(path).unwrap();
    let mut folder = path.parent().map(PathBuf::from);
    while let Some(empty) = folder.filter(|folder| fs::remove_dir(folder).is_ok()) {
        folder = empty.parent().map(PathBuf::from);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

pub fn spawn(job: &mut Command) -> Child {
    job.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}
