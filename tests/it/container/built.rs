//! The image for other architectures, and its size.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use super::{ROOT, build, context, docker, output, own_architecture, succeed};
use crate::needs::{self, need};

/// Bytes of the image, at most.
const LARGEST: u64 = 200_000_000;

#[test]
fn the_image_is_built_for_another_architecture_without_emulation() {
    need!(needs::docker());
    let (other, loader, machine) = match own_architecture() {
        "amd64" => ("arm64", "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1", 0xb7),
        _ => ("amd64", "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", 0x3e),
    };
    // Any program will do: it is not run.
    let context = context(Path::new("/proc/self/exe"), other);
    let image = format!("cumulus-etl:test-{other}");
    let mut build = build(&context);
    build.env("CUMULUS_IMAGE", &image).env("DOCKER_DEFAULT_PLATFORM", format!("linux/{other}"));
    succeed(&mut build);
    let architecture =
        succeed(docker().args(["image", "inspect", "--format={{.Architecture}}", &image]));
    assert_eq!(architecture.trim(), other);
    let platform = format!("--platform=linux/{other}");
    let container = succeed(docker().args(["create", &platform, &image]));
    let files = tempfile::tempdir().unwrap();
    let mut copy = docker();
    copy.args(["cp", &format!("{}:/", container.trim())]).arg(files.path().join("root"));
    succeed(&mut copy);
    succeed(docker().args(["rm", container.trim()]));
    let root = files.path().join("root");
    for name in [loader, &loader.replace(loader.rsplit('/').next().unwrap(), "libc.so.6")] {
        let bytes = fs::read(root.join(name)).unwrap();
        assert_eq!((&bytes[..4], bytes[18]), (&b"\x7fELF"[..], machine), "{name}");
    }
    for package in ["libc6", "libgcc-s1", "ca-certificates"] {
        let record = root.join("var/lib/dpkg/status.d").join(package);
        assert!(fs::read_to_string(record).unwrap().contains("Version: "), "{package}");
        let copyright = root.join("usr/share/doc").join(package).join("copyright");
        assert!(copyright.exists(), "{package}");
    }
    assert!(root.join("usr/local/bin/cumulus-etl").exists());
}

#[test]
fn cross_compilers_are_those_of_the_architecture() {
    for (architecture, target, compiler) in [
        ("amd64", "x86_64-unknown-linux-gnu", "x86_64-linux-gnu-gcc"),
        ("arm64", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
    ] {
        let script = Path::new(ROOT).join("scripts/cross-env");
        let said = succeed(Command::new(&script).arg(architecture));
        let upper = target.to_uppercase().replace('-', "_");
        for line in [
            format!("CARGO_BUILD_TARGET={target}"),
            format!("CARGO_TARGET_{upper}_LINKER={compiler}"),
            format!("CC_{}={compiler}", target.replace('-', "_")),
        ] {
            assert!(said.lines().any(|found| found == line), "{line}: {said}");
        }
        assert_eq!(output(Command::new(&script).arg("riscv64")).status.code(), Some(2));
    }
}

/// `CUMULUS_TEST_RELEASE` names a program that `cargo build --release` has made.
#[test]
fn the_image_is_small() {
    need!(needs::docker());
    let release = need!(needs::release());
    let context = context(&release, own_architecture());
    let image = "cumulus-etl:test-release";
    succeed(build(&context).env("CUMULUS_IMAGE", image));
    let size = succeed(docker().args(["image", "inspect", "--format={{.Size}}", image]));
    let size: u64 = size.trim().parse().unwrap();
    let _ = writeln!(io::stderr(), "the image has {size} bytes");
    assert!(size <= LARGEST, "{size}");
    let version = succeed(docker().args(["run", "--rm", "--read-only", image, "--version"]));
    assert_eq!(version.trim(), concat!("cumulus-etl ", env!("CARGO_PKG_VERSION")));
}
