//! The memory limit of the control groups that this process is in.
//!
//! Both versions of cgroups, by their documentation in the kernel
//! (`admin-guide/cgroup-v1/memory.rst`, `admin-guide/cgroup-v2.rst`). A limit of any group above
//! holds, too, as far as it can be seen: a container sees its own groups only.

use std::fs;
use std::path::Path;

use cumulus_base::text::unescape_octal;

/// Where nothing is limited, version 1 gives the largest number of whole pages. It is above this,
/// whatever their size.
const UNLIMITED: u64 = i64::MAX as u64 - (1 << 20);

/// The smallest limit in bytes; `None` without a limit.
pub(super) fn find_limit() -> Option<u64> {
    limit_below(Path::new("/"))
}

/// The same, of a system whose files are below `root`.
pub(super) fn limit_below(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
    // In hybrid mode both versions are mounted, of which one has the memory controller.
    let hierarchies = mounts.lines().filter_map(Hierarchy::parse_line);
    let limits = hierarchies.filter_map(|hierarchy| {
        let group = groups.lines().find_map(|line| hierarchy.group_of(line))?;
        hierarchy.limit_of(root, group)
    });
    limits.min()
}

/// A tree of groups that may limit memory, as it is mounted.
struct Hierarchy {
    unified: bool,
    /// The group that is seen at the mount point.
    top: String,
    mounted: String,
}

impl Hierarchy {
    /// Of a line of `mountinfo` (see `proc_pid_mountinfo(5)`).
    fn parse_line(line: &str) -> Option<Self> {
        // Before the hyphen there may be any number of optional fields.
        let (place, kind) = line.split_once(" - ")?;
        let plain =
            |field: &str| String::from_utf8_lossy(&unescape_octal(field.as_bytes())).into_owned();
        // IDs of the mount and of its parent, and the device's numbers.
        let mut place = place.split(' ').skip(3).map(plain);
        let (top, mounted) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let unified = match kind.next()? {
            "cgroup2" => true,
            // The source comes between; the options of version 1 name the controllers of this
            // mount.
            "cgroup" if kind.nth(1)?.split(',').any(|option| option == "memory") => false,
            _ => return None,
        };
        Some(Self { unified, top, mounted })
    }

    /// This process's group, if the line of `/proc/self/cgroup` (`4:memory:/a/b`) is about this
    /// hierarchy.
    fn group_of<'l>(&self, line: &'l str) -> Option<&'l str> {
        let (number, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        let own = match self.unified {
            true => number == "0" && controllers.is_empty(),
            false => controllers.split(',').any(|name| name == "memory"),
        };
        own.then_some(group)
    }

    /// The smallest limit of a group and those above it.
    fn limit_of(&self, root: &Path, group: &str) -> Option<u64> {
        let mounted = root.join(self.mounted.trim_start_matches('/'));
        // A group that isn't seen from here (as `/../other`): the limits that are seen hold all the same.
        let below = Path::new(group).strip_prefix(&self.top).unwrap_or(Path::new(""));
        let hidden = below.components().any(|part| part.as_os_str() == "..");
        let leaf = if hidden { mounted.clone() } else { mounted.join(below) };
        let limits = leaf
            .ancestors()
            .take_while(|folder| folder.starts_with(&mounted))
            .flat_map(|folder| self.limits_in(folder));
        limits.min()
    }

    fn limits_in(&self, folder: &Path) -> Vec<u64> {
        let number = |name: &str| -> Option<u64> {
            // In version 2 also "max".
            fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
        };
        let found = match self.unified {
            // Beyond `memory.high` nothing is killed, but all is slowed down.
            true => [number("memory.max"), number("memory.high")],
            false => [number("memory.limit_in_bytes"), hierarchical_limit(folder)],
        };
        found.into_iter().flatten().filter(|bytes| (1..UNLIMITED).contains(bytes)).collect()
    }
}

/// In version 1, the limit of the groups above, with those that cannot be seen from here.
fn hierarchical_limit(folder: &Path) -> Option<u64> {
    let stat = fs::read_to_string(folder.join("memory.stat")).ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("hierarchical_memory_limit "))?;
    line.trim().parse().ok()
}
