//! Compose with an S3 server as a second service.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::{Job, ROOT, docker, image, output, succeed};
use crate::bulk::server::{Content, Server};
use crate::needs::{self, Needed, need};
use crate::support::{children, patient};

const S3_IMAGE: &str = "cumulus-etl-test-s3";

/// Where what takes long to make is kept from run to run.
fn cache() -> PathBuf {
    let home = std::env::var_os("HOME").unwrap_or_default();
    std::env::var_os("XDG_CACHE_HOME")
        .map_or_else(|| Path::new(&home).join(".cache"), PathBuf::from)
        .join("cumulus-etl-container")
}

/// Builds the image of an S3 server, once per test run.
fn build_s3_image(python: &Path) {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        // The version of the machine's own tests, but for the image's Python.
        let version = "import importlib.metadata as m; print(m.version('moto'))";
        let version = succeed(Command::new(python).args(["-c", version]));
        let packages = cache().join(format!("moto-{}", version.trim()));
        if !packages.exists() {
            let made = packages.with_extension(std::process::id().to_string());
            let platform = format!("manylinux2014_{}", std::env::consts::ARCH);
            succeed(
                Command::new(python)
                    .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"])
                    .args(["--python-version", "3.13", "--platform", &platform])
                    .args(["--platform", "manylinux_2_28_x86_64", "--target"])
                    .arg(&made)
                    .arg(format!("moto[server]=={}", version.trim())),
            );
            // Another test run may have been faster.
            let _ = fs::rename(&made, &packages);
            let _ = fs::remove_dir_all(&made);
        }
        let context = tempfile::tempdir().unwrap();
        let dockerfile = Path::new(ROOT).join("tests/container/s3/Dockerfile");
        fs::copy(dockerfile, context.path().join("Dockerfile")).unwrap();
        succeed(Command::new("cp").arg("-r").arg(&packages).arg(context.path().join("packages")));
        // By Compose: the plain command may have no BuildKit.
        let compose = format!("services:\n  s3:\n    image: {S3_IMAGE}\n    build: .\n");
        fs::write(context.path().join("compose.yaml"), compose).unwrap();
        succeed(docker().current_dir(context.path()).args(["compose", "build"]));
    });
}

/// An S3 server as a second service of a job's compose file, on this machine's loopback.
struct S3Service {
    port: u16,
}

impl S3Service {
    /// Adds the service and starts it, with the buckets `output` and `phi`.
    fn start(job: &Job) -> Needed<Self> {
        build_s3_image(&needs::python()?);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let services = format!(
            "services:
  s3:
    image: {S3_IMAGE}
    command: [-p, \"{port}\"]
    network_mode: host
    init: true
  cumulus-etl:
    network_mode: host
    depends_on: [s3]
"
        );
        fs::write(job.path("compose.override.yaml"), services).unwrap();
        let settings = format!(
            "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY
AWS_EC2_METADATA_DISABLED=true
CUMULUS_ETL_S3_ENDPOINT=http://127.0.0.1:{port}
"
        );
        fs::write(job.path(".env"), settings).unwrap();
        succeed(job.compose().args(["up", "--detach", "s3"]));
        let server = Self { port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "no S3 server");
            thread::sleep(Duration::from_millis(100));
        }
        for bucket in ["output", "phi"] {
            server.request("PUT", &format!("/{bucket}"));
        }
        Ok(server)
    }

    /// The answer to a request.
    fn request(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // It looks whether a request is signed, not by whom.
        let signed = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request";
        let head = format!("Host: 127.0.0.1\r\nContent-Length: 0\r\nAuthorization: {signed}");
        write!(stream, "{method} {path} HTTP/1.0\r\n{head}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split(' ').nth(1).is_some_and(|code| code.starts_with('2')), "{answer}");
        answer
    }

    /// The names of a bucket's objects.
    fn objects(&self, bucket: &str) -> Vec<String> {
        let listing = self.request("GET", &format!("/{bucket}?list-type=2"));
        let keys = listing.split("<Key>").skip(1);
        keys.map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect()
    }
}

/// The call that the documentation has, from a FHIR server to buckets, and then one that adds to
/// these, in its variants: nothing to write to but the mounted folder, a user of its own, little
/// memory.
#[test]
fn buckets_of_a_second_service_are_written() {
    need!(needs::docker());
    let rows = |n| (0..n).map(|n| patient(&format!("p{n}"), "other")).collect::<Vec<_>>();
    let server = Server::start(Content::default().file("Patient", &rows(3)));
    let job = Job::new("s3");
    let s3 = need!(S3Service::start(&job));
    let exported = job.path("in").join("exported");
    fs::create_dir(&exported).unwrap();
    fs::set_permissions(&exported, fs::Permissions::from_mode(0o777)).unwrap();
    let volume = format!("--volume={}:/folder", exported.display());
    let mut run = job.compose();
    run.args(["run", "--rm", "-T", &volume, "cumulus-etl", "--export-to=/folder"]);
    let url = format!("{}/", server.base());
    succeed(run.args([&url, "s3://output/", "s3://phi/"]));
    let rows = fs::read_to_string(exported.join("Patient.000.ndjson")).unwrap();
    assert_eq!(rows.lines().count(), 3);
    let (tables, secrets) = (s3.objects("output"), s3.objects("phi"));
    assert!(tables.contains(&"patient/_delta_log/00000000000000000000.json".to_owned()));
    assert!(secrets.contains(&"codebook.json".to_owned()), "{secrets:?}");
    let commit = |version: usize| {
        s3.request("GET", &format!("/output/patient/_delta_log/{version:020}.json"))
    };
    assert!(commit(0).contains(r#"\"numRecords\":3"#));
    let codebook = s3.request("GET", "/phi/codebook.json");

    for (patient_id, options, limit) in [
        ("q3", "--read-only", None),
        ("q4", "--user=12345", None),
        ("q5", "--memory=512m --memory-swap=512m", Some(512)),
        ("q6", "--read-only --user=12345:0 --memory=512m --cap-drop=ALL", Some(512)),
    ] {
        // `run` of Compose has no such options: the same container by Docker alone.
        let line = format!("{}\n", patient(patient_id, "female"));
        fs::write(exported.join("Patient.001.ndjson"), line).unwrap();
        readable(&exported);
        let mut run = docker();
        run.args(["run", "--rm", "--network=host"]).args(options.split(' '));
        run.arg("--env-file").arg(job.path(".env"));
        run.arg(format!("--volume={}:/folder:ro", exported.display()));
        // Without a PHI folder on a disk, temporary files go to the system's.
        run.args(["--tmpfs=/tmp", image(), "/folder", "s3://output/", "s3://phi/"]);
        let ended = output(&mut run);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{options:?}: {said}");
        if let Some(mib) = limit {
            assert!(said.contains(&format!("memory is limited to {mib} MiB")), "{said}");
        }
        assert_eq!(s3.request("GET", "/phi/codebook.json").lines().last(), codebook.lines().last());
    }
    let all: Vec<_> = (0..20)
        .map_while(|version| {
            let name = format!("patient/_delta_log/{version:020}.json");
            s3.objects("output").contains(&name).then(|| commit(version))
        })
        .collect();
    let merged = all.iter().filter(|commit| commit.contains(r#""numTargetRowsInserted":1"#));
    assert_eq!(merged.count(), 4, "{all:?}");
}

/// Lets other users read an export, as its owner would for a job of another user.
fn readable(folder: &Path) {
    let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    open(folder, 0o755);
    for name in children(folder) {
        let path = folder.join(name);
        open(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
}
