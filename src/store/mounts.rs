//! Which file system a path is on: one that goes away with its container, or with the machine's
//! power, is no place for what cannot be made again.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::text::unescape_octal;

/// The kinds of file system that engines build a container's root of: an image below, and above it a
/// layer that is removed with the container.
const LAYERED: [&str; 4] = ["overlay", "aufs", "fuse.fuse-overlayfs", "fuse-overlayfs"];

/// The mounted file systems, by their places.
#[derive(Clone, Debug, Default)]
pub struct Mounts(Vec<Mount>);

/// One mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub point: PathBuf,
    /// `ext4`, `overlay`, …
    pub kind: String,
}

impl Mounts {
    /// As this process sees them; none where the system doesn't tell.
    pub fn of_process() -> Self {
        fs::read("/proc/self/mountinfo")
            .map_or_else(|_| Self::default(), |text| Self::parse_mounts(&text))
    }

    /// Reads the text of `/proc/<pid>/mountinfo`. Lines that are not understood are left out.
    pub fn parse_mounts(text: &[u8]) -> Self {
        Self(text.split(|byte| *byte == b'\n').filter_map(Mount::parse_line).collect())
    }

    /// The file system of a path. It must be absolute and without links; it need not exist.
    pub fn mount_of(&self, path: &Path) -> Option<&Mount> {
        // Of several at one place the last one hides the others.
        let above = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        // `max_by_key` gives the last of equals, and mountinfo
        // lists mounts in the order that they were made.
        above.max_by_key(|mount| mount.point.components().count())
    }
}

impl Mount {
    /// From `id parent major:minor root point options [optional…] - kind source options`.
    fn parse_line(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
        let point = unescape_octal(fields.nth(4)?);
        // Any number of optional fields stands before the lone
        // `-` (proc(5)), so the kind has no fixed place.
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        let point = PathBuf::from(OsString::from_vec(point));
        Some(Self { point, kind: String::from_utf8_lossy(kind).into_owned() })
    }

    /// Whether it is a container's own root: what is written there goes with the container.
    pub fn is_root_of_container(&self) -> bool {
        self.point == Path::new("/") && LAYERED.contains(&self.kind.as_str())
    }

    /// Whether it is in memory: what is written there goes when the machine, or the container, stops.
    pub fn is_in_memory(&self) -> bool {
        ["tmpfs", "ramfs"].contains(&self.kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &[u8] = b"\
618 517 0:52 / / rw,relatime master:191 - overlay overlay rw,lowerdir=/var/lib/docker/l/A:/B\n\
619 618 0:55 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n\
620 618 0:56 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755\n\
700 618 259:2 /data/phi /phi rw,relatime master:1 shared:7 - ext4 /dev/nvme0n1p2 rw\n\
701 618 259:2 /data/my\\040out /my\\040out rw,relatime - ext4 /dev/nvme0n1p2 rw\n\
702 618 0:60 / /run rw - tmpfs tmpfs rw\n\
a line that is odd\n";

    #[test]
    fn what_is_not_mounted_is_on_the_containers_own_root() {
        let mounts = Mounts::parse_mounts(DOCKER);
        let own = |path: &str| mounts.mount_of(Path::new(path)).unwrap().is_root_of_container();
        for path in ["/", "/out", "/phi2", "/home/cumulus/phi", "/my out2"] {
            assert!(own(path), "{path}");
        }
        for path in ["/phi", "/phi/below", "/my out/x", "/dev/shm/x", "/run/secrets"] {
            assert!(!own(path), "{path}");
        }
        assert!(mounts.mount_of(Path::new("/run/x")).unwrap().is_in_memory());
        assert!(!mounts.mount_of(Path::new("/phi/x")).unwrap().is_in_memory());
    }

    #[test]
    fn engines_name_their_layers_differently() {
        for (kind, own) in [
            ("overlay", true),
            ("fuse.fuse-overlayfs", true),
            ("aufs", true),
            ("ext4", false),
            ("xfs", false),
            ("btrfs", false),
            ("tmpfs", false),
        ] {
            let text = format!("1 0 0:1 / / rw - {kind} {kind} rw\n");
            let mounts = Mounts::parse_mounts(text.as_bytes());
            assert_eq!(
                mounts.mount_of(Path::new("/phi")).unwrap().is_root_of_container(),
                own,
                "{kind}"
            );
        }
        // A layered file system elsewhere is somebody's choice.
        let mounts =
            Mounts::parse_mounts(b"1 0 8:1 / / rw - ext4 x rw\n2 1 0:2 / /mnt rw - overlay o rw");
        assert!(!mounts.mount_of(Path::new("/mnt/phi")).unwrap().is_root_of_container());
    }

    #[test]
    fn the_last_of_several_mounts_at_one_place_counts() {
        let text = b"1 0 0:1 / / rw - overlay o rw\n2 1 8:1 / / rw - ext4 x rw\n";
        assert!(
            !Mounts::parse_mounts(text).mount_of(Path::new("/phi")).unwrap().is_root_of_container()
        );
        assert_eq!(Mounts::parse_mounts(b"").mount_of(Path::new("/phi")), None);
    }
}
