use super::*;
use std::fs;
use std::path::Path;

/// The limit that a system with these files has.
fn limit(files: &[(&str, &str)]) -> Option<u64> {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    }
    cgroup::limit_below(root.path())
}

const V1: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 master:3 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
const V2: &str = "30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:4 - cgroup2 cgroup rw,nsdelegate\n";
const NONE: &str = "9223372036854771712\n";

#[test]
fn version_1_is_read() {
    let group = "9:name=systemd:/\n4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n";
    let at = "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes";
    let files = [("proc/self/cgroup", group), ("proc/self/mountinfo", V1)];
    assert_eq!(limit(&files), None);
    assert_eq!(limit(&[files[0], files[1], (at, NONE)]), None);
    assert_eq!(limit(&[files[0], files[1], (at, "536870912\n")]), Some(512 << 20));
    // The one above is tighter.
    let above = ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "268435456\n");
    assert_eq!(limit(&[files[0], files[1], (at, "536870912\n"), above]), Some(256 << 20));
    assert_eq!(limit(&[files[0], files[1], (at, NONE), above]), Some(256 << 20));
    // Without the host's view of the groups above, the kernel's own sum.
    let stat =
        ("sys/fs/cgroup/memory/docker/abc/memory.stat", "rss 1\nhierarchical_memory_limit 99\n");
    assert_eq!(limit(&[files[0], files[1], (at, "536870912\n"), stat]), Some(99));
}

#[test]
fn version_1_is_read_within_a_container() {
    // The container's group is mounted as the top one, but goes by its whole name.
    let group = "4:memory:/docker/abc/inner\n0::/\n";
    let mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    let files = [
        ("proc/self/cgroup", group),
        ("proc/self/mountinfo", mounts),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
        ("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "536870912\n"),
    ];
    assert_eq!(limit(&files), Some(512 << 20));
    assert_eq!(limit(&files[..3]), Some(1 << 30));
}

#[test]
fn version_2_is_read() {
    let group = "0::/kubepods.slice/pod1.slice/c\n";
    let files = [("proc/self/cgroup", group), ("proc/self/mountinfo", V2)];
    let own = |text| ("sys/fs/cgroup/kubepods.slice/pod1.slice/c/memory.max", text);
    let high = |text| ("sys/fs/cgroup/kubepods.slice/pod1.slice/c/memory.high", text);
    let pod = |text| ("sys/fs/cgroup/kubepods.slice/pod1.slice/memory.max", text);
    assert_eq!(limit(&[files[0], files[1], own("max\n"), high("max\n"), pod("max\n")]), None);
    assert_eq!(limit(&[files[0], files[1], own("536870912\n"), pod("max\n")]), Some(512 << 20));
    assert_eq!(limit(&[files[0], files[1], own("536870912\n"), pod("1000000\n")]), Some(1_000_000));
    assert_eq!(
        limit(&[files[0], files[1], own("536870912\n"), high("400000000\n")]),
        Some(400_000_000)
    );
    // In a namespace of its own a container is at the top.
    let files = [
        ("proc/self/cgroup", "0::/\n"),
        ("proc/self/mountinfo", V2),
        ("sys/fs/cgroup/memory.max", "536870912\n"),
    ];
    assert_eq!(limit(&files), Some(512 << 20));
    // One that was moved out of its namespace's top.
    let files = [("proc/self/cgroup", "0::/../other\n"), files[1], files[2]];
    assert_eq!(limit(&files), Some(512 << 20));
}

#[test]
fn what_makes_no_sense_is_no_limit() {
    for group in ["", "nonsense\n", "0::\n", ":::\n", "4:memory:relative\n"] {
        for mounts in ["", "x - cgroup2\n", "1 2 3 / /a - cgroup cgroup\n", V1, V2] {
            for text in ["", "-1\n", "0\n", "x\n", "99999999999999999999999\n"] {
                let files = [
                    ("proc/self/cgroup", group),
                    ("proc/self/mountinfo", mounts),
                    ("sys/fs/cgroup/memory.max", text),
                    ("sys/fs/cgroup/memory/memory.limit_in_bytes", text),
                ];
                assert_eq!(limit(&files), None, "{group} {mounts} {text}");
            }
        }
    }
    assert_eq!(limit(&[]), None);
}

fn of(mib: u64) -> Option<Limit> {
    Some(Limit { bytes: mib * MIB, source: LimitSource::Cgroup })
}

#[test]
fn wide_limits_change_nothing() {
    let free = Budget::for_limit(None, 4);
    assert_eq!(free.threads, 4);
    for mib in [1024, 2048, 1 << 20] {
        let budget = Budget::for_limit(of(mib), 4);
        let full = Budget { limit: of(mib), chunks: budget.chunks, ..free };
        assert_eq!(budget, full, "{mib}");
        assert!(!budget.is_tight());
    }
    // More cores than the memory can feed.
    let many = Budget::for_limit(of(2048), 96);
    assert!((8..=24).contains(&many.threads), "{many:?}");
    assert!(many.is_tight());
}

#[test]
fn shares_fit_the_limit() {
    for (mib, cores) in [(256, 2), (384, 8), (512, 1), (512, 2), (512, 64), (768, 4)] {
        let budget = Budget::for_limit(of(mib), cores);
        assert!(budget.is_tight());
        assert!(budget.threads >= 1 && budget.threads <= cores);
        // Three tables are under way at the same time: one is scrubbed, one waits, one is written.
        let sum = budget.chunks
            + 3 * (budget.staging.row_bytes + 2 * 32 * budget.staging.keys)
            + budget.writing.key_bytes
            + budget.writing.all_group_bytes
            + 100 * budget.mapping_pairs;
        assert!(sum as u64 <= mib * MIB / 3, "{mib}: {} MiB", sum >> 20);
        assert!(budget.part_mib >= 5);
    }
    // Of next to nothing each still has something.
    let least = Budget::for_limit(of(1), 8);
    assert_eq!(least.threads, 1);
    assert!(least.writing.row_group_bytes >= 4 << 20);
    assert!(least.staging.keys > 0 && least.mapping_pairs > 0);
}
