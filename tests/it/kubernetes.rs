//! The manifests of docs/kubernetes/: valid, in step with the program, and the split job safe.
//!
//! `CUMULUS_TEST_PYTHON` names a Python that has `kubernetes-validate` (`.ci/run` makes one).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cumulus_etl::cli::{list_settings, variable};
use serde_json::{Value, json};

use crate::docs::exit_codes;
use crate::needs::{self, Needed, need};
use crate::s3::S3;
use crate::support::{Site, children, deletes, end, json_file, json_lines, read_table, resource};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Exit codes after which another try may help, or that no job of these ends with.
const NOT_FINAL: [u8; 7] = [0, 16, 19, 35, 70, 130, 143];
/// The codes from here on are of other commands, but for this one.
const REJECTED: u8 = 71;

/// All objects with the file that they are in, where there is a Python to read them.
fn objects() -> Needed<Vec<(String, Value)>> {
    let python = needs::python()?;
    let root = Path::new(ROOT);
    let mut command = Command::new(python);
    command.arg(root.join("tests/it/kubernetes.py")).arg(root.join("docs/kubernetes"));
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let objects = ended.out.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["file"].as_str().unwrap().to_owned(), line["object"].clone())
    });
    Ok(objects.collect())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The Job of an object: its own, or a CronJob's.
fn job_spec(object: &Value) -> Option<&Value> {
    match text(&object["kind"]) {
        "Job" => Some(&object["spec"]),
        "CronJob" => Some(&object["spec"]["jobTemplate"]["spec"]),
        _ => None,
    }
}

fn jobs(objects: &[(String, Value)]) -> Vec<(&str, &Value)> {
    let jobs = objects.iter().filter_map(|(file, object)| Some((file.as_str(), job_spec(object)?)));
    jobs.collect()
}

/// The names of the objects of a kind.
fn names<'o>(objects: &'o [(String, Value)], kind: &str) -> BTreeSet<&'o str> {
    let of_kind = objects.iter().filter(|(_, object)| object["kind"] == kind);
    of_kind.map(|(_, object)| text(&object["metadata"]["name"])).collect()
}

/// The pods of jobs, and of deployments: what a cluster's processes run in.
fn pod_specs(objects: &[(String, Value)]) -> Vec<(&str, &Value)> {
    let deployments = objects
        .iter()
        .filter(|(_, object)| object["kind"] == "Deployment")
        .map(|(file, object)| (file.as_str(), &object["spec"]));
    let specs = jobs(objects).into_iter().chain(deployments);
    specs.map(|(file, spec)| (file, &spec["template"]["spec"])).collect()
}

#[test]
fn a_job_that_hangs_does_not_keep_the_next_one_from_beginning() {
    const WEEK: u64 = 7 * 24 * 60 * 60;
    let objects = need!(objects());
    let mut found = 0;
    for (file, object) in objects.iter().filter(|(_, object)| object["kind"] == "CronJob") {
        assert_eq!(object["spec"]["concurrencyPolicy"], "Forbid", "{file}");
        assert!(text(&object["spec"]["schedule"]).ends_with(" * * 6"), "{file}: each week");
        let deadline = object["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"].as_u64();
        assert!(deadline.is_some_and(|seconds| seconds < WEEK), "{file}: {deadline:?}");
        found += 1;
    }
    assert_eq!(found, 1);
}

#[test]
fn pods_run_as_nobody_in_particular_with_nothing_to_write_to() {
    let objects = need!(objects());
    assert_eq!(jobs(&objects).len(), 4);
    for (file, job) in jobs(&objects) {
        assert_eq!(job["template"]["spec"]["restartPolicy"], "Never", "{file}");
    }
    let pods = pod_specs(&objects);
    assert_eq!(pods.len(), 6);
    for (file, pod) in pods {
        assert_eq!(pod["automountServiceAccountToken"], false, "{file}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{file}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{file}");
        // The time that a stop may take, and more.
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 10, "{file}");
        let [container] = pod["containers"].as_array().unwrap().as_slice() else {
            panic!("{file}")
        };
        let image = format!("registry.example.org/cumulus-etl:{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(container["image"], image, "{file}");
        let security = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        });
        assert_eq!(container["securityContext"], security, "{file}");
        let resources = &container["resources"];
        assert!(resources["requests"]["cpu"].is_string(), "{file}");
        assert_eq!(resources["requests"]["memory"], resources["limits"]["memory"], "{file}");
    }
}

/// Nobody but the cluster's own pods reaches its ports, and its names lead to each other.
#[test]
fn a_cluster_is_closed_to_others() {
    let objects = need!(objects());
    let part = json!({"app.kubernetes.io/part-of": "cumulus-ballista"});
    let of_kind = |kind: &'static str| objects.iter().filter(move |(_, o)| o["kind"] == kind);
    let (_, policy) = of_kind("NetworkPolicy").next().unwrap();
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"], part);
    let from = json!([{"from": [{"podSelector": {"matchLabels": part}}]}]);
    assert_eq!(policy["spec"]["ingress"], from);
    let (_, service) = of_kind("Service").next().unwrap();
    let mut selected = 0;
    for (_, deployment) in of_kind("Deployment") {
        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/part-of"], part["app.kubernetes.io/part-of"]);
        let name = &labels["app.kubernetes.io/name"];
        selected += usize::from(*name == service["spec"]["selector"]["app.kubernetes.io/name"]);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let arguments: Vec<_> = list(&container["args"]).map(text).collect();
        // Certificates are asked for, and are files of the Secret that is mounted.
        let value = |name: &str| {
            let of_name = list(&container["env"]).find(|variable| variable["name"] == name);
            text(&of_name.unwrap_or_else(|| panic!("no {name}"))["value"]).to_owned()
        };
        let mount = list(&container["volumeMounts"]).find(|mount| mount["name"] == "tls").unwrap();
        let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
        let volume = list(volumes).find(|volume| volume["name"] == "tls").unwrap();
        let secret = of_kind("Secret")
            .map(|(_, secret)| secret)
            .find(|secret| secret["metadata"]["name"] == volume["secret"]["secretName"])
            .unwrap();
        for name in ["CERT", "KEY", "CA"] {
            let file = value(&format!("CUMULUS_LIBRARY_TLS_{name}"));
            let below = file.strip_prefix(&format!("{}/", text(&mount["mountPath"]))).unwrap();
            assert!(secret["stringData"][below].is_string(), "{file}");
        }
        assert!(!value("CUMULUS_LIBRARY_TLS_NAME").is_empty());
        assert!(!arguments.contains(&"--insecure-cluster"), "{arguments:?}");
        // As the program reads them.
        let site = Site::new();
        let ended = end(site.command().args(&arguments).arg("--help"));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        if arguments[1] == "executor" {
            let url = format!("df://{}:50050", text(&service["metadata"]["name"]));
            assert_eq!(arguments[2], url);
        }
    }
    assert_eq!(selected, 1);
}

#[test]
fn what_manifests_refer_to_is_there() {
    let objects = need!(objects());
    for (file, pod) in pod_specs(&objects) {
        assert!(names(&objects, "ServiceAccount").contains(text(&pod["serviceAccountName"])));
        let container = &pod["containers"][0];
        let mounts: BTreeMap<_, _> = list(&container["volumeMounts"])
            .map(|mount| (text(&mount["name"]), text(&mount["mountPath"])))
            .collect();
        let volumes: BTreeSet<_> = list(&pod["volumes"]).map(|v| text(&v["name"])).collect();
        assert_eq!(mounts.keys().copied().collect::<BTreeSet<_>>(), volumes, "{file}");
        for volume in list(&pod["volumes"]) {
            for (kind, name) in [
                ("ConfigMap", &volume["configMap"]["name"]),
                ("Secret", &volume["secret"]["secretName"]),
                ("PersistentVolumeClaim", &volume["persistentVolumeClaim"]["claimName"]),
            ] {
                if let Some(name) = name.as_str() {
                    assert!(names(&objects, kind).contains(name), "{file}: {kind} {name}");
                }
            }
        }
        // Paths in arguments are below something that is mounted.
        for argument in list(&container["args"]).map(text) {
            let path = argument.rsplit('=').next().unwrap();
            if path.starts_with('/') {
                assert!(mounts.values().any(|mount| path.starts_with(mount)), "{file}: {path}");
            }
        }
    }
    let settings = config_of(&objects, "cumulus-etl")["cumulus-etl.toml"].clone();
    let is =
        |object: &Value| object["kind"] == "Secret" && object["metadata"]["name"] == "cumulus-etl";
    let secret = &objects.iter().find(|(_, object)| is(object)).unwrap().1;
    for (key, _) in secret["stringData"].as_object().unwrap() {
        assert!(text(&settings).contains(&format!("/secrets/{key}\"")), "{key}");
    }
}

/// The files of a ConfigMap.
fn config_of<'o>(objects: &'o [(String, Value)], name: &str) -> &'o Value {
    let is = |object: &Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name;
    &objects.iter().find(|(_, object)| is(object)).unwrap().1["data"]
}

/// The lines of a file between one that begins so, and the first that is indented less; read as
/// text, so that it needs no Python.
fn block(file: &str, begin: &str, indent: &str) -> String {
    let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with(begin)).skip(1);
    let lines = lines.map_while(|line| line.strip_prefix(indent));
    lines.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_row_that_is_rejected_fails_no_job_of_the_examples() {
    let of_pods = block("docs/kubernetes/split.yaml", "env:", "            - {name: ");
    let variables: Vec<(&str, &str)> = of_pods
        .lines()
        .map(|line| line.trim_end_matches('}').split_once(", value: ").unwrap())
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    assert!(variables.len() >= 3, "{of_pods}");
    let settings = [
        (block("docs/kubernetes/config.yaml", "cumulus-etl.toml: |", "    "), Vec::new()),
        (block("docs/how-to/weekly-ci.md", "# /etc/cumulus-etl.toml", ""), Vec::new()),
        (String::new(), variables),
    ];
    for (config, variables) in settings {
        let site = Site::new();
        site.input(
            "Patient.ndjson",
            format!("{}\nno JSON\n", json!({"resourceType": "Patient", "id": "p"})),
        );
        // Only what is about places is another here.
        let places = ["work-dir", "smart-"];
        let own = |line: &&str| !places.iter().any(|name| line.starts_with(name));
        let config: String = config.lines().filter(own).map(|line| format!("{line}\n")).collect();
        site.file("job.toml", &config);
        let mut job = site.job(&["--config=job.toml"]);
        for (name, value) in variables {
            if name != "CUMULUS_ETL_WORK_DIR" {
                job.env(name, value);
            }
        }
        let ended = end(&mut job);
        assert_eq!(ended.code, Some(0), "{config}: {}", ended.err);
        assert_eq!(site.rejected("Patient").len(), 1, "{config}");
    }
}

#[test]
fn manifests_name_settings_that_exist() {
    let objects = need!(objects());
    let known: BTreeSet<String> = list_settings().iter().map(|name| variable(name)).collect();
    let site = Site::new();
    let help = end(site.command().args(["etl", "--help"])).out;
    for (file, job) in jobs(&objects) {
        let container = &job["template"]["spec"]["containers"][0];
        for variable in list(&container["env"]) {
            assert!(known.contains(text(&variable["name"])), "{file}: {variable}");
        }
        let arguments: Vec<_> = list(&container["args"]).map(text).collect();
        let (flags, places): (Vec<&str>, Vec<&str>) =
            arguments.iter().partition(|argument| argument.starts_with("--"));
        assert_eq!(places.len(), 3, "{file}: INPUT, OUTPUT, PHI");
        for flag in flags {
            let name = flag.split('=').next().unwrap();
            assert!(help.contains(&format!("{name} <")) || help.contains(&format!("{name}\n")));
        }
    }
    // Files are taken by the program as they are.
    for name in names(&objects, "ConfigMap") {
        for (file, content) in config_of(&objects, name).as_object().unwrap() {
            site.file(file, text(content));
            let ended = end(site.command().arg("--task=help").arg(format!("--config={file}")));
            assert_eq!(ended.code, Some(35), "{name}/{file}: {}", ended.err);
        }
    }
}

#[test]
fn jobs_are_not_tried_again_where_that_cannot_help() {
    let objects = need!(objects());
    let source = fs::read_to_string(Path::new(ROOT).join("src/cli/exit_code.rs")).unwrap();
    // In the order that Kubernetes asks for.
    let codes = exit_codes(&source).into_iter();
    let expected: Vec<u8> =
        codes.filter(|code| *code <= REJECTED && !NOT_FINAL.contains(code)).collect();
    for (file, job) in jobs(&objects) {
        if job["backoffLimit"] == 0 {
            continue;
        }
        let rule = &job["podFailurePolicy"]["rules"][0];
        let action = if job["completionMode"] == "Indexed" { "FailIndex" } else { "FailJob" };
        assert_eq!(rule["action"], action, "{file}");
        assert_eq!(rule["onExitCodes"]["values"], json!(expected), "{file}");
    }
}

/// A pod of the split job: its arguments and variables, its configuration's name and text.
struct Pod {
    arguments: Vec<String>,
    env: Vec<(String, String)>,
    config: String,
}

/// The pods of the split job, as their completion indices make them.
fn pods(objects: &[(String, Value)]) -> Vec<Pod> {
    let (_, job) = jobs(objects).into_iter().find(|(file, _)| *file == "split.yaml").unwrap();
    assert_eq!(job["completionMode"], "Indexed");
    let parts = config_of(objects, "cumulus-etl-parts");
    let completions = job["completions"].as_u64().unwrap();
    assert_eq!(parts.as_object().unwrap().len() as u64, completions);
    let container = &job["template"]["spec"]["containers"][0];
    let pod = |index: u64| {
        let arguments: Vec<String> = list(&container["args"])
            .map(|argument| text(argument).replace("$(JOB_COMPLETION_INDEX)", &index.to_string()))
            .collect();
        let (_, name) = arguments[0].split_once("--config=/parts/").unwrap();
        let env = list(&container["env"]).map(|variable| {
            (text(&variable["name"]).to_owned(), text(&variable["value"]).to_owned())
        });
        Pod { config: text(&parts[name]).to_owned(), env: env.collect(), arguments }
    };
    (0..completions).map(pod).collect()
}

#[test]
fn the_split_job_makes_each_table_once() {
    let objects = need!(objects());
    let site = Site::new();
    let listed = end(site.command().args(["--task", "help"])).err;
    let all: Vec<_> = listed.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(all.len(), 20);
    let pods = pods(&objects);
    let mut tasks: Vec<_> = pods
        .iter()
        .flat_map(|pod| pod.config.split('"').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    tasks.sort();
    assert_eq!(tasks, all);
}

/// Where a job's three locations are in a test.
trait Ground {
    /// INPUT, OUTPUT and PHI, each with this at its end.
    fn places(&self, suffix: &str) -> [String; 3];
    fn command(&self) -> Command;
    /// Makes INPUT what is below the site's `in`.
    fn load(&self);
    /// OUTPUT and PHI as local folders.
    fn fetch(&self, suffix: &str) -> [PathBuf; 2];
    /// Puts a file into PHI.
    fn put(&self, suffix: &str, name: &str, from: &Path);
    fn site(&self) -> &Site;
}

struct Disk(Site);

impl Ground for Disk {
    fn places(&self, suffix: &str) -> [String; 3] {
        [self.0.arg("in"), self.0.arg(&format!("out{suffix}")), self.0.arg(&format!("phi{suffix}"))]
    }

    fn command(&self) -> Command {
        self.0.command()
    }

    fn load(&self) {}

    fn fetch(&self, suffix: &str) -> [PathBuf; 2] {
        [self.0.path(&format!("out{suffix}")), self.0.path(&format!("phi{suffix}"))]
    }

    fn put(&self, suffix: &str, name: &str, from: &Path) {
        self.0.file(&format!("phi{suffix}/{name}"), fs::read(from).unwrap());
    }

    fn site(&self) -> &Site {
        &self.0
    }
}

struct Bucket(Site, S3);

impl Ground for Bucket {
    fn places(&self, suffix: &str) -> [String; 3] {
        let below = |bucket: &str| format!("s3://{bucket}/etl{suffix}/");
        ["s3://input/".to_owned(), below("output"), below("phi")]
    }

    fn command(&self) -> Command {
        let mut command = self.0.command();
        self.1.reach(&mut command);
        command
    }

    fn load(&self) {
        self.1.order(&format!("load input {}", self.0.arg("in")));
    }

    fn fetch(&self, suffix: &str) -> [PathBuf; 2] {
        ["output", "phi"].map(|bucket| {
            let folder = self.0.path(&format!("saved-{bucket}"));
            let _ = fs::remove_dir_all(&folder);
            self.1.order(&format!("save {bucket} {}", folder.display()));
            folder.join(format!("etl{suffix}"))
        })
    }

    fn put(&self, suffix: &str, name: &str, from: &Path) {
        let folder = self.0.path(&format!("put/etl{suffix}"));
        fs::create_dir_all(&folder).unwrap();
        fs::copy(from, folder.join(name)).unwrap();
        self.1.order(&format!("add phi {}", self.0.arg("put")));
    }

    fn site(&self) -> &Site {
        &self.0
    }
}

/// An export, or one that comes after it: updates, new rows, deletes, rows that are not taken.
fn export(site: &Site, generation: usize) {
    site.clear_input();
    let first = generation * 20;
    let updated = format!("2026-01-0{}T00:00:00Z", generation + 1);
    for resource_type in
        ["Patient", "Encounter", "Observation", "Condition", "Location", "MedicationRequest"]
    {
        let row = |n: usize| {
            let more = json!({
                "meta": {"lastUpdated": updated, "versionId": format!("{generation}")},
                "subject": {"reference": format!("Patient/seen-by-{resource_type}-{n}")},
                "encounter": {"reference": format!("Encounter/seen-by-{resource_type}-{n}")},
            });
            resource(resource_type, &format!("{resource_type}-{n}"), more)
        };
        let rows: Vec<_> = (first..first + 40).map(row).collect();
        site.rows(&format!("{resource_type}.ndjson"), &rows);
        site.input(&format!("{resource_type}.odd.ndjson"), format!("{}\nx\n", rows[0]));
    }
    if generation > 0 {
        let urls = ["Patient/Patient-3", "Observation/Observation-57", "Device/never-seen"];
        site.rows("deleted/d.ndjson", &[deletes(&urls)]);
    }
    let event =
        |id: &str, detail: Value| json!({"exportId": "e", "eventId": id, "eventDetail": detail});
    let log = [
        event("kickoff", json!({"exportUrl": "https://ehr.example.org/fhir/Group/g/$export"})),
        event("status_complete", json!({"transactionTime": updated})),
    ];
    site.rows("log.ndjson", &log);
}

/// Starts a pod with the locations of a ground in place of its own.
fn start(ground: &dyn Ground, pod: &Pod, index: usize) -> Child {
    let site = ground.site();
    let config = site.path(&format!("parts-{index}.toml"));
    fs::write(&config, &pod.config).unwrap();
    let work = site.path(&format!("work-{index}"));
    let mut command = ground.command();
    command.arg(format!("--config={}", config.display()));
    assert_eq!(pod.arguments.len(), 4);
    command.args(ground.places(""));
    for (name, value) in &pod.env {
        match name.as_str() {
            "CUMULUS_ETL_WORK_DIR" => command.env(name, &work),
            _ => command.env(name, value),
        };
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The tables of an OUTPUT, each as sorted rows without when they were written.
fn tables(output: &Path) -> BTreeMap<String, Vec<String>> {
    let names =
        children(output).into_iter().filter(|name| name != "JobConfig" && !name.starts_with('.'));
    let table = |name: String| {
        let mut rows: Vec<_> = read_table(output, "deltalake", &name)
            .into_iter()
            .map(|mut row| {
                row.as_object_mut().unwrap().remove("etl_time");
                row.sort_all_objects();
                row.to_string()
            })
            .collect();
        rows.sort();
        (name, rows)
    };
    names.map(table).collect()
}

/// The rejected rows of all runs, sorted.
fn rejected(phi: &Path) -> Vec<String> {
    let folders = children(&phi.join("rejected"));
    let files = folders.iter().flat_map(|run| {
        let run = phi.join("rejected").join(run);
        children(&run).into_iter().map(move |name| run.join(name))
    });
    let mut rows: Vec<_> = files.flat_map(|f| json_lines(&f)).map(|row| row.to_string()).collect();
    rows.sort();
    rows
}

/// The tasks of all runs' records, and the IDs of their codebooks.
fn records(output: &Path) -> (Vec<String>, BTreeSet<String>) {
    let (mut tasks, mut codebooks) = (Vec::new(), BTreeSet::new());
    for run in children(&output.join("JobConfig")) {
        let folder = output.join("JobConfig").join(run);
        let config = json_file(&folder.join("job_config.json"));
        codebooks.insert(text(&config["codebook_id"]).to_owned());
        let own: Vec<_> = text(&config["tasks"]).split(',').map(str::to_owned).collect();
        let made = json_file(&folder.join("manifest.json"));
        let made: Vec<_> =
            list(&made["tables"]).map(|table| text(&table["name"]).to_owned()).collect();
        assert_eq!(made, own);
        tasks.extend(own);
    }
    tasks.sort();
    (tasks, codebooks)
}

fn mapping(phi: &Path) -> Value {
    let mut mapping = json_file(&phi.join("codebook-cached-mappings.json"));
    mapping.sort_all_objects();
    mapping
}

/// Runs the pods of the split job at the same time, from the first run on, and one process that
/// does all; both must come to the same.
fn split_equals_whole(ground: &dyn Ground, runs: usize) {
    let objects = need!(objects());
    let pods = pods(&objects);
    for generation in 0..runs {
        export(ground.site(), generation);
        ground.load();
        let started: Vec<_> =
            pods.iter().enumerate().map(|(index, pod)| start(ground, pod, index)).collect();
        for child in started {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{said}");
        }
        let [output, phi] = ground.fetch("");
        if generation == 0 {
            ground.put("-whole", "codebook.json", &phi.join("codebook.json"));
        }
        let mut whole = ground.command();
        whole.args(ground.places("-whole")).args(["--allow-missing-resources", "--work-dir=work"]);
        let ended = end(&mut whole);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let [output, phi] = if generation == 0 { [output, phi] } else { ground.fetch("") };
        let split = (tables(&output), records(&output), rejected(&phi), mapping(&phi));
        let [output, phi] = ground.fetch("-whole");
        let whole = (tables(&output), records(&output), rejected(&phi), mapping(&phi));
        assert_eq!(split.0.len(), 22);
        assert!(
            split.0["observation"].len() >= 40 && split.0["etl__completion_encounters"].len() >= 40
        );
        for (name, rows) in &whole.0 {
            assert!(split.0[name] == *rows, "generation {generation}: {name}");
        }
        assert_eq!(split.1, whole.1);
        assert_eq!(split.2, whole.2);
        assert!(split.3 == whole.3, "the mapping");
        assert!(split.3["Encounter"].as_object().unwrap().len() > 40);
        // Nothing is left of pods that ran beside each other.
        for index in 0..pods.len() {
            assert!(children(&ground.site().path(&format!("work-{index}"))).is_empty());
        }
    }
}

#[test]
fn the_split_job_is_safe_on_a_disk() {
    split_equals_whole(&Disk(Site::new()), 2);
}

#[test]
fn the_split_job_is_safe_in_buckets() {
    let server = need!(S3::start());
    split_equals_whole(&Bucket(Site::new(), server), 1);
}
