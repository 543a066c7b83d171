//! Which studies a command is about.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result, SettingsFault};
use crate::study::core;
use crate::study::find;
use crate::study::manifest::Manifest;

/// A study that was asked for.
pub enum Chosen {
    /// One in a folder.
    Own(Box<Manifest>),
    /// The one that is built in.
    Core,
}

/// Studies by name, and where they are.
#[derive(Args, Debug)]
pub struct ChosenArgs {
    /// Prefix of a study; may be repeated
    #[arg(long, short = 't', value_name = "STUDY", required = true)]
    pub target: Vec<String>,
    /// Folder with studies, at any depth; may be repeated
    #[arg(long, short = 's', value_name = "DIR", env = "CUMULUS_LIBRARY_STUDY_DIR")]
    study_dir: Vec<PathBuf>,
}

impl ChosenArgs {
    /// The studies in the order in which they are asked for, each read and checked.
    pub fn read_studies(&self) -> Result<Vec<Chosen>> {
        let mut found = find::find_below(&self.study_dir)?;
        let mut studies = Vec::new();
        let mut asked = HashSet::new();
        for target in &self.target {
            let wanted = target.to_lowercase();
            if !asked.insert(wanted.clone()) {
                continue;
            }
            let index = found.iter().position(|found| match &found.study {
                Ok(study) => *study.prefix == *wanted,
                // A faulty one can still be told by its folder.
                Err(_) => found.path.parent().is_some_and(|folder| folder.ends_with(target)),
            });
            match index {
                Some(index) => studies.push(Chosen::Own(Box::new(found.remove(index).study?))),
                // Second: a study of one's own with that name goes before the one that is built in.
                None if wanted == core::PREFIX => studies.push(Chosen::Core),
                None => return Err(self.explain_unknown(target, &found)),
            }
        }
        Ok(studies)
    }

    /// That there is no such study. One that is faulty may be the one that is meant: its fault is told.
    fn explain_unknown(&self, target: &str, found: &[find::FoundStudy]) -> Error {
        // Its manifest can't be read, and so not its name: it may be the study that is asked for.
        if let Some(fault) = found.iter().find_map(|found| found.study.as_ref().err()) {
            let message = format!("there is no study '{target}' that can be read: {fault:#}");
            return Error::new(fault.kind(), message);
        }
        let known: Vec<_> =
            found.iter().filter_map(|found| Some(&found.study.as_ref().ok()?.prefix[..])).collect();
        let there = match (self.study_dir.is_empty(), known.is_empty()) {
            (true, _) => "say with -s in which folder it is".to_owned(),
            (false, true) => "there is none in the folders given".to_owned(),
            (false, false) => format!("there are: {}", known.join(", ")),
        };
        Error::new(SettingsFault::InvalidValue, format!("there is no study '{target}'; {there}"))
    }
}
