//! Which folder is for what, and which run is at work in it.
//!
//! OUTPUT and PHI each have a marker, a file that says which of the two it is. A folder that was made
//! before there were markers is known by what is in it. Every command that writes to a folder asks
//! here first; [`refuse_claimed`] changes nothing.

use chrono::{SecondsFormat, Utc};

use crate::deid::{CODEBOOK, MAPPING};
use crate::error::{Error, FolderFault, Result};
use crate::fhir::TABLE_TYPES;
use crate::output::{OutputFormat, layout};
use crate::store::{Folder, Hold, Sharing, Storage};

/// The folder of all runs' records below OUTPUT.
pub const JOB_CONFIG: &str = "JobConfig";
/// The record of a run in a folder of it: what it was asked to do.
pub const RUN_RECORD: &str = "job_config.json";
/// The record of a run beside [`RUN_RECORD`]: what it did.
pub const RUN_MANIFEST: &str = "manifest.json";
/// The folder of all runs' rejected rows below PHI.
pub const REJECTED: &str = "rejected";
/// The marker of an OUTPUT folder.
pub const OUTPUT_MARKER: &str = ".cumulus-output";
/// The marker of a PHI folder.
pub const PHI_MARKER: &str = ".cumulus-phi";
/// Begins the names of ID mappings.
const MAPPINGS: &str = "codebook-cached-mappings.";
/// Where PHI keeps what the last runs have done.
pub const CONTEXT: &str = "context.json";

const ABOUT_OUTPUT: &str = "cumulus-etl writes de-identified tables to this folder (OUTPUT), and \
                            tells it from PHI folders by this file: leave it here.";
const ABOUT_PHI: &str = "cumulus-etl keeps secrets in this folder (PHI), and tells it from OUTPUT \
                         folders by this file: leave it here.";

/// The purpose of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// De-identified tables, there to be shared.
    Output,
    /// The codebook, the ID mapping and rejected rows.
    Phi,
}

/// Refuses a folder that is in use as one of these. `what`: as what the user has named it, like
/// `OUTPUT`.
///
/// # Errors
/// [`FolderFault::Claimed`], and a folder that cannot be listed.
pub fn refuse_claimed(folder: &Folder, what: &str, roles: &[Role]) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let (folders, files) = folder.list_direct()?;
    for role in roles {
        let sign = match role {
            Role::Phi => sign_of_phi(&folders, &files),
            Role::Output => sign_of_output(folder, &folders, &files)?,
        };
        let Some(sign) = sign else { continue };
        let (is, holds) = match role {
            Role::Output => ("an OUTPUT folder", "de-identified tables and their records"),
            Role::Phi => ("a PHI folder", "what turns anonymous IDs back into patients"),
        };
        return Err(Error::new(
            FolderFault::Claimed,
            format!(
                "{what} '{folder}' is {is}: there is '{sign}' in it. Such a folder is for {holds}, \
                 and for nothing else. Nothing was changed. Name another folder; see that folders \
                 are in their order (INPUT OUTPUT PHI). If '{sign}' came there by mistake, move it \
                 to where it belongs"
            ),
        ));
    }
    Ok(())
}

/// Refuses a folder somewhere inside one that is in use as this: what is for OUTPUT's readers is read at
/// any depth of it, and what is in PHI is not there to be shared. `what`: as for [`refuse_claimed`].
///
/// # Errors
/// [`FolderFault::Claimed`].
pub fn refuse_inside(folder: &Folder, what: &str, role: Role) -> Result<()> {
    refuse_below(folder.folders_above(), folder, what, role)
}

/// Refuses `folder` if one of these is in use as this.
fn refuse_below(mut above: Vec<Folder>, folder: &Folder, what: &str, role: Role) -> Result<()> {
    let marked = |above: &Folder| mark_of(above, role);
    let Some((place, sign)) = above.iter().enumerate().find_map(|(at, f)| Some((at, marked(f)?)))
    else {
        return Ok(());
    };
    let above = above.swap_remove(place);
    let why = match role {
        Role::Output => {
            "the OUTPUT folder '{}', where others read: patients' data and secrets do not belong there"
        }
        Role::Phi => "the PHI folder '{}', which is for secrets and is not shared",
    };
    let why = why.replace("{}", &above.to_string());
    Err(Error::new(
        FolderFault::Claimed,
        format!(
            "{what} '{folder}' must not be in {why} ('{sign}' says what that folder is). Nothing was \
             changed. Name a folder of its own"
        ),
    ))
}

/// Refuses a place for temporary files that is an OUTPUT folder, or inside one: others read there.
///
/// # Errors
/// [`FolderFault::Claimed`].
pub fn refuse_work_folder(wanted: Option<&str>, storage: &Storage) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let work = storage.open_folder(wanted)?;
    if work.local().is_none() {
        // `WorkFolder` refuses such a place, and says why.
        return Ok(());
    }
    let mut places = work.folders_above();
    places.insert(0, work.clone());
    refuse_below(places, &work, "--work-dir", Role::Output)
}

/// The mark by which a folder above another is known as this. Only what nothing else is called by
/// counts, and what cannot be looked at does not: rights to a bucket often begin further down.
fn mark_of(folder: &Folder, role: Role) -> Option<&'static str> {
    let has_file = |name: &str| matches!(folder.read(name), Ok(Some(_)));
    let has_folder = |name: &str| match folder.local() {
        Some(path) => path.join(name).is_dir(),
        None => folder.child(name).list_direct().is_ok_and(|found| found != Default::default()),
    };
    find_mark(role, &has_file, &has_folder)
}

/// The mark of a folder in use as this, by what is right in it.
pub fn find_mark(
    role: Role,
    has_file: &dyn Fn(&str) -> bool,
    has_folder: &dyn Fn(&str) -> bool,
) -> Option<&'static str> {
    match role {
        Role::Output if has_file(OUTPUT_MARKER) => Some(OUTPUT_MARKER),
        Role::Output if has_folder(JOB_CONFIG) => Some(JOB_CONFIG),
        Role::Phi if has_file(PHI_MARKER) => Some(PHI_MARKER),
        Role::Phi if has_file(CODEBOOK) && has_file(MAPPING) => Some(CODEBOOK),
        Role::Output | Role::Phi => None,
    }
}

/// The files which show that these are the contents of a PHI folder.
fn sign_of_phi(folders: &[String], files: &[String]) -> Option<String> {
    let is_secret = |name: &&String| {
        [PHI_MARKER, CODEBOOK].contains(&name.as_str()) || name.starts_with(MAPPINGS)
    };
    // A bucket's object may be anything, and so may what is on a disk by that name.
    let secret = files.iter().chain(folders).find(is_secret).cloned();
    let rejected = || folders.iter().find(|name| *name == REJECTED).map(|name| format!("{name}/"));
    secret.or_else(rejected)
}

/// The files which show that these are the contents of an OUTPUT folder.
fn sign_of_output(folder: &Folder, folders: &[String], files: &[String]) -> Result<Option<String>> {
    if files.iter().chain(folders).any(|name| name == OUTPUT_MARKER) {
        return Ok(Some(OUTPUT_MARKER.to_owned()));
    }
    if folders.iter().any(|name| name == JOB_CONFIG) {
        return Ok(Some(format!("{JOB_CONFIG}/")));
    }
    Ok(layout::any_table(folder, folders)?.map(|table| format!("{table}/")))
}

/// Marks a PHI folder, which must exist, as what it is.
///
/// # Errors
/// A folder that cannot be written, or that has become an OUTPUT meanwhile.
pub fn mark_phi(phi: &Folder) -> Result<()> {
    // Looked for first: a folder that cannot be written now may still be marked.
    if phi.read(PHI_MARKER)?.is_none() {
        phi.write_new(PHI_MARKER, format!("{ABOUT_PHI}\n"))?;
    }
    // Looked at again now that the marker is there: of two runs that begin at the same time, with
    // their folders swapped, at least one sees the other's marker.
    refuse_claimed(phi, "PHI", &[Role::Output])
}

/// Marks an OUTPUT folder, made if need be, and holds it for a run that writes these formats. Waits
/// for others: Delta tables take runs at the same time, as each is one atomic commit a table; plain
/// files are replaced as a whole, and need the folder alone.
///
/// # Errors
/// A folder that cannot be written, or that has become a PHI folder meanwhile.
pub fn hold_output(output: &Folder, formats: &[OutputFormat]) -> Result<Hold> {
    let is_shared = formats.iter().all(|format| format.table_format().has_commits());
    let sharing = if is_shared { Sharing::Shared } else { Sharing::Alone };
    output.create()?;
    let hold = output.hold_folder(OUTPUT_MARKER, ABOUT_OUTPUT, sharing, &this_run(formats))?;
    refuse_claimed(output, "OUTPUT", &[Role::Phi])?;
    Ok(hold)
}

/// Which run this is, for those who wait for it.
fn this_run(formats: &[OutputFormat]) -> String {
    let formats: Vec<_> = formats.iter().map(|format| format.name()).collect();
    format!(
        "process {} on {}, since {}, --output-format {}",
        std::process::id(),
        rustix::system::uname().nodename().to_string_lossy(),
        Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        formats.join(",")
    )
}

/// Whether a run gives a file below `JobConfig/` this name.
fn is_record(name: &str) -> bool {
    [RUN_RECORD, RUN_MANIFEST].contains(&name)
        || name.strip_suffix(".json").is_some_and(layout::is_table)
}

/// Removes what runs that died left half written in OUTPUT and PHI: files of names that only this
/// program gives, at the places where it writes.
pub fn remove_unfinished(output: &Folder, formats: &[OutputFormat], phi: Option<&Folder>) {
    let below = |folder: &Folder| -> Vec<Folder> {
        let folders = folder.list_direct().map(|(folders, _)| folders).unwrap_or_default();
        folders.iter().map(|name| folder.child(name)).collect()
    };
    if let Some(phi) = phi.filter(|phi| phi.local().is_some()) {
        phi.remove_unfinished();
        // Not for the codebook: a half-made one is too like somebody's copy of the real one.
        phi.remove_unfinished_of_before(&|name| [CONTEXT, MAPPING].contains(&name));
        for run in below(&phi.child(REJECTED)) {
            run.remove_unfinished();
            run.remove_unfinished_of_before(&|name| {
                TABLE_TYPES.iter().any(|kind| name.strip_prefix(kind) == Some(".ndjson"))
            });
        }
    }
    // In a bucket an object appears whole or not at all: there are no names of unfinished ones.
    if output.local().is_none() {
        return;
    }
    output.remove_unfinished();
    for run in below(&output.child(JOB_CONFIG)) {
        run.remove_unfinished();
        run.remove_unfinished_of_before(&is_record);
    }
    for format in formats {
        layout::remove_unfinished(&layout::format_root(output, *format, formats));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> Folder {
        let folder = Folder::open("memory:///").unwrap();
        for name in files {
            folder.write(name, "x").unwrap();
        }
        folder
    }

    fn roles(files: &[&str]) -> (bool, bool) {
        let is = |role| refuse_claimed(&folder(files), "X", &[role]).is_err();
        (is(Role::Output), is(Role::Phi))
    }

    #[test]
    fn folders_are_known_by_their_markers_and_by_what_is_in_them() {
        for name in [
            ".cumulus-output",
            "JobConfig/2024-01-01__00.00.00/job_config.json",
            "patient/_delta_log/00000000000000000000.json",
            "condition/condition.000.csv",
            "etl__completion/etl__completion.000.ndjson",
            "parquet/patient/patient.000.parquet",
        ] {
            assert_eq!(roles(&[name]), (true, false), "{name}");
        }
        for name in [
            ".cumulus-phi",
            "codebook.json",
            "codebook-cached-mappings.json",
            "codebook-cached-mappings.parquet",
            "rejected/2024-01-01__00.00.00/Patient.ndjson",
        ] {
            assert_eq!(roles(&[name]), (false, true), "{name}");
        }
        for name in
            ["Patient.000.ndjson", "log.ndjson", "patient/notes.txt", "context.json", "csv/x", "a"]
        {
            assert_eq!(roles(&[name]), (false, false), "{name}");
        }
        // A run with swapped folders left these: neither is to be used any more.
        assert_eq!(roles(&["codebook.json", "JobConfig/x/job_config.json"]), (true, true));
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_to_do() {
        let error =
            refuse_claimed(&folder(&["codebook.json"]), "OUTPUT", &[Role::Phi]).unwrap_err();
        assert_eq!(error.kind(), FolderFault::Claimed.into());
        for part in ["OUTPUT 'memory:///", "a PHI folder", "'codebook.json'", "INPUT OUTPUT PHI"] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn folders_inside_others_are_known_by_the_marks_of_those() {
        for (file, role) in [
            ("lake/.cumulus-output", Role::Output),
            ("lake/JobConfig/2024-01-01__00.00.00/job_config.json", Role::Output),
            ("lake/.cumulus-phi", Role::Phi),
        ] {
            let other = if role == Role::Phi { Role::Output } else { Role::Phi };
            let root = folder(&[file]);
            for inside in ["lake/keys", "lake/a/b/c"] {
                let inside = root.child(inside);
                let error = refuse_inside(&inside, "DIR", role).unwrap_err();
                assert_eq!(error.kind(), FolderFault::Claimed.into(), "{file}");
                assert!(error.to_string().contains("/lake/'"), "{error}");
                refuse_inside(&inside, "DIR", other).unwrap();
            }
            // The folder itself is for `refuse`, and its neighbours are nobody's business.
            for outside in ["lake", "lake2/keys", "keys"] {
                refuse_inside(&root.child(outside), "DIR", role).unwrap();
            }
        }
        // A file that many things are called by is none.
        let root = folder(&["project/codebook.json"]);
        refuse_inside(&root.child("project/out"), "OUTPUT", Role::Phi).unwrap();
        let root = folder(&["phi/codebook.json", "phi/codebook-cached-mappings.json"]);
        refuse_inside(&root.child("phi/out"), "OUTPUT", Role::Phi).unwrap_err();
    }

    #[test]
    fn a_folder_cannot_be_both() {
        let folder = folder(&[]);
        let hold = hold_output(&folder, &[OutputFormat::CSV]).unwrap();
        assert!(mark_phi(&folder).is_err());
        drop(hold);
        let folder = Folder::open("memory:///").unwrap();
        mark_phi(&folder).unwrap();
        assert!(hold_output(&folder, &[OutputFormat::DELTALAKE]).is_err());
    }
}
