//! The locations that a user names, and which of them may be where.

use super::config::EtlConfig;
use super::run_input::RunInput;
use super::servers::named_server;
use crate::claim::{self, Role};
use crate::error::{Error, FolderFault, Result};
use crate::store::{Folder, Storage};

/// The locations of a run.
pub(super) struct RunFolders {
    pub input: RunInput,
    pub output: Folder,
    pub phi: Folder,
    pub errors_to: Option<Folder>,
}

impl RunFolders {
    /// Opens them all; refuses folders inside each other.
    pub(super) fn open_all(config: &EtlConfig) -> Result<Self> {
        // Only for its error: a slip in --fhir-url is told before a folder is looked at.
        named_server(config)?;
        let storage = &config.storage;
        let output = storage.open_folder(&config.output)?;
        let phi = storage.open_folder(&config.phi)?.private();
        let errors_to = config.errors_to.as_deref();
        let errors_to = errors_to.map(|to| open_empty_folder(to, storage)).transpose()?;
        let input = RunInput::open_input(config)?;
        if input.named_folder().is_none() && phi.local().is_none() {
            return Err(Error::new(
                FolderFault::Claimed,
                format!(
                    "INPUT is a server and PHI '{phi}' is a bucket: what is exported is patients' \
                     data as it is, and there is no place for it. Name a local folder on encrypted \
                     storage with --export-to, or a local folder as PHI"
                ),
            ));
        }
        let folders = Self { input, output, phi, errors_to };
        folders.refuse_overlaps()?;
        folders.refuse_work_folder(config.work_dir.as_deref())?;
        Ok(folders)
    }

    /// Refuses folders that are in use for something else, as when two were swapped.
    pub(super) fn refuse_other_uses(&self) -> Result<()> {
        if let Some(folder) = self.input.named_folder() {
            claim::refuse_claimed(folder, "INPUT", &[Role::Phi, Role::Output])?;
            claim::refuse_inside(folder, "INPUT", Role::Output)?;
        }
        claim::refuse_claimed(&self.output, "OUTPUT", &[Role::Phi])?;
        claim::refuse_inside(&self.output, "OUTPUT", Role::Phi)?;
        claim::refuse_claimed(&self.phi, "PHI", &[Role::Output])?;
        claim::refuse_inside(&self.phi, "PHI", Role::Output)?;
        match &self.errors_to {
            Some(folder) => claim::refuse_inside(folder, "--errors-to", Role::Output),
            None => Ok(()),
        }
    }

    /// Refuses folders inside each other where one of them would end up in the wrong hands.
    fn refuse_overlaps(&self) -> Result<()> {
        let Self { input, output, phi, errors_to } = self;
        let folder = input.named_folder();
        if output.contains(phi) || phi.contains(output) {
            return refuse_folder(format!(
                "OUTPUT '{output}' and PHI '{phi}' must not be the same folder, nor one inside the \
                 other: OUTPUT is there to be shared, and PHI holds what turns its anonymous IDs \
                 back into patients. Name two folders side by side"
            ));
        }
        if let Some(input) = folder {
            if output.contains(input) || input.contains(output) {
                return refuse_folder(format!(
                    "INPUT '{input}' and OUTPUT '{output}' must not be the same folder, nor one \
                     inside the other: patients' data would lie among the tables, or the tables be \
                     read as input. Name two folders side by side"
                ));
            }
            if input.contains(phi) {
                return refuse_folder(format!(
                    "PHI '{phi}' must not be INPUT '{input}' or inside it: the next run would read \
                     rejected rows as input. Name two folders side by side"
                ));
            }
        }
        let Some(errors_to) = errors_to else { return Ok(()) };
        if output.contains(errors_to) {
            return refuse_folder(format!(
                "--errors-to '{errors_to}' must not be inside OUTPUT '{output}': rejected rows are \
                 patients' data. Name a folder that is not shared"
            ));
        }
        match folder.filter(|input| input.contains(errors_to)) {
            None => Ok(()),
            Some(input) => refuse_folder(format!(
                "--errors-to '{errors_to}' must not be inside INPUT '{input}': the next run would \
                 read rejected rows as input. Name another folder"
            )),
        }
    }

    /// Refuses a place for temporary files where others look for data.
    fn refuse_work_folder(&self, wanted: Option<&str>) -> Result<()> {
        let Some(wanted) = wanted else { return Ok(()) };
        let storage = self.output.storage();
        claim::refuse_work_folder(Some(wanted), storage)?;
        let work = storage.open_folder(wanted)?;
        let places = [("OUTPUT", Some(&self.output)), ("INPUT", self.input.named_folder())];
        for (what, place) in places {
            if let Some(place) = place.filter(|place| place.contains(&work)) {
                return refuse_folder(format!(
                    "--work-dir '{work}' must not be {what} '{place}' or inside it: temporary files \
                     of patients' data would lie where others read. Name a folder of its own, or \
                     leave the option out"
                ));
            }
        }
        Ok(())
    }
}

fn refuse_folder(message: String) -> Result<()> {
    Err(Error::new(FolderFault::Claimed, message))
}

fn open_empty_folder(location: &str, storage: &Storage) -> Result<Folder> {
    let folder = storage.open_folder(location)?.private();
    match folder.list_direct()? {
        (folders, files) if folders.is_empty() && files.is_empty() => Ok(folder),
        _ => Err(Error::new(
            FolderFault::NotEmpty,
            format!("--errors-to: '{location}' is not empty; name an empty or a new folder"),
        )),
    }
}
