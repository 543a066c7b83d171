//! The PHI folder: a codebook must not be lost, nor be read by strangers.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tracing::{info, warn};

use crate::claim::REJECTED;
use crate::deid::{CODEBOOK, Codebook, MAPPING};
use crate::error::{Error, FolderFault, Result};
use crate::store::{Folder, Mount, Mounts};

/// Everybody else's rights.
const OTHERS: u32 = 0o007;
/// The group's right to write: where it has that, somebody has meant it to have access.
const GROUP_WRITES: u32 = 0o020;

/// Refuses to begin a codebook where it would be gone with the container, unless that is `allowed`.
///
/// # Errors
/// [`FolderFault::OtherPhi`], with nothing written.
pub(super) fn refuse_new_codebook(phi: &Folder, allowed: bool, mounts: &Mounts) -> Result<()> {
    let is_lost = find_mount(phi, mounts).is_some_and(Mount::is_root_of_container);
    if allowed || !is_lost || phi.read(CODEBOOK)?.is_some() {
        return Ok(());
    }
    Err(Error::new(
        FolderFault::OtherPhi,
        format!(
            "PHI '{phi}' has no codebook, and is in the container's own file system: what is written \
             there goes with the container, and with a codebook every anonymous ID. Is the PHI \
             folder mounted there (docker run --volume /secure/phi:{phi} …)? Where a codebook is \
             really to begin there, as for a trial, add --new-codebook"
        ),
    ))
}

/// The codebook, begun where there is none; of that the user is told.
pub(super) fn open_codebook(phi: &Folder, mounts: &Mounts) -> Result<Codebook> {
    let (codebook, is_new) = Codebook::open_or_begin(phi)?;
    if is_new {
        info!(
            codebook_id = codebook.id(),
            "Began a new codebook, {}. Back up '{}': all anonymous IDs depend on it, and it cannot \
             be made again",
            codebook.id(),
            phi.show(CODEBOOK)
        );
        if find_mount(phi, mounts).is_some_and(Mount::is_in_memory) {
            warn!(
                "PHI '{phi}' is in memory: the codebook is lost when the machine or the container \
                 stops"
            );
        }
    }
    Ok(codebook)
}

/// Says so where tables would be gone with the container.
pub(super) fn warn_of_lost_tables(output: &Folder, mounts: &Mounts) {
    if find_mount(output, mounts).is_some_and(Mount::is_root_of_container) {
        warn!(
            "OUTPUT '{output}' is in the container's own file system: the tables go with the \
             container. Is the OUTPUT folder mounted there?"
        );
    }
}

/// Takes from everybody else the rights to PHI, and to what is in it, which an older program, or a
/// user, has given them; what cannot be changed is said. `look_only`: all of it is only said.
pub(super) fn tighten_rights(phi: &Folder, look_only: bool) {
    let Some(folder) = phi.local() else { return };
    let below = [CODEBOOK, MAPPING, REJECTED].map(|name| folder.join(name));
    std::iter::once(folder).chain(below.iter().map(AsRef::as_ref)).for_each(|path| {
        tighten_path(path, look_only);
    });
}

fn tighten_path(path: &Path, look_only: bool) {
    let Ok(there) = fs::symlink_metadata(path) else { return };
    let mode = there.mode() & 0o7777;
    // `chmod` would change what a link leads to. The mode of a link itself is always 777.
    if there.is_symlink() || mode & OTHERS == 0 {
        return;
    }
    let taken = if mode & GROUP_WRITES == 0 { 0o077 } else { OTHERS };
    let (show, new) = (path.display(), mode & !taken);
    if !look_only && fs::set_permissions(path, Permissions::from_mode(new)).is_ok() {
        warn!(
            "Everybody on this machine had rights to '{show}' (mode {mode:o}); they are taken away \
               (now {new:o})"
        );
        return;
    }
    warn!(
        "Everybody on this machine has rights to '{show}' (mode {mode:o}), which is for its owner \
           alone: chmod {new:o} '{show}'"
    );
}

fn find_mount<'a>(folder: &Folder, mounts: &'a Mounts) -> Option<&'a Mount> {
    folder.local().and_then(|path| mounts.mount_of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is not mounted elsewhere is the container's own; `mounted` is not.
    fn container(mounted: &Path) -> Mounts {
        let text = format!(
            "1 0 0:1 / / rw - overlay overlay rw\n2 1 8:1 / {} rw - ext4 /dev/sda rw\n",
            mounted.display()
        );
        Mounts::parse_mounts(text.as_bytes())
    }

    #[test]
    fn a_codebook_does_not_begin_where_it_goes_with_the_container() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let mounts = container(&root.join("mounted"));
        let phi = |name: &str| Folder::open(root.join(name).to_str().unwrap()).unwrap().private();
        for name in ["phi", "a/b/phi", "mounted2"] {
            let error = refuse_new_codebook(&phi(name), false, &mounts).unwrap_err();
            assert_eq!(error.kind(), FolderFault::OtherPhi.into(), "{name}");
            for part in ["--new-codebook", "mounted there", &format!("/{name}'")] {
                assert!(error.to_string().contains(part), "{part}: {error}");
            }
            assert!(!root.join(name).exists());
            refuse_new_codebook(&phi(name), true, &mounts).unwrap();
        }
        for name in ["mounted", "mounted/phi"] {
            refuse_new_codebook(&phi(name), false, &mounts).unwrap();
        }
        // Not in a container, or nothing is known.
        refuse_new_codebook(&phi("phi"), false, &Mounts::default()).unwrap();
        refuse_new_codebook(
            &phi("phi"),
            false,
            &Mounts::parse_mounts(b"1 0 8:1 / / rw - ext4 x rw"),
        )
        .unwrap();
        // One that is there may be used, wherever it came from.
        Codebook::open(&phi("phi")).unwrap();
        refuse_new_codebook(&phi("phi"), false, &mounts).unwrap();
        refuse_new_codebook(&Folder::open("memory:///").unwrap(), false, &mounts).unwrap();
    }

    #[test]
    fn rights_of_everybody_are_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let phi = Folder::open(dir.path().to_str().unwrap()).unwrap();
        let path = |name: &str| dir.path().join(name);
        let mode = |name: &str| path(name).metadata().unwrap().mode() & 0o777;
        let set = |name: &str, mode| {
            fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir(path(REJECTED)).unwrap();
        fs::write(path(CODEBOOK), "").unwrap();
        fs::write(path(MAPPING), "").unwrap();
        for (given, left) in
            [(0o755, 0o700), (0o644, 0o600), (0o664, 0o660), (0o640, 0o640), (0o701, 0o700)]
        {
            for name in ["", CODEBOOK, MAPPING, REJECTED] {
                set(name, given | 0o700);
            }
            tighten_rights(&phi, true);
            assert_eq!(mode(CODEBOOK), given | 0o700, "only looked at");
            tighten_rights(&phi, false);
            for name in ["", CODEBOOK, MAPPING, REJECTED] {
                assert_eq!(mode(name), left | 0o700, "{given:o} {name}");
            }
        }
    }
}
