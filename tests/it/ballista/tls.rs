//! Certificates of a cluster's members.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use arrow_flight::FlightDescriptor;
use arrow_flight::flight_service_client::FlightServiceClient;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::{
    Cluster, ON_CLUSTER, assert_same, await_turn, build_embedded, build_with, lake, study,
};
use crate::needs::{self, need};
use crate::support::{Ended, Site, end};

/// The name in the certificates of members that are not known by their address.
const NAME: &str = "member.cluster.example.org";

/// An authority that signs certificates of members.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, and the authority that its holder trusts.
#[derive(Clone)]
struct Member {
    own: String,
    key: String,
    authority: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).unwrap();
        Self { pem: own.pem(), issuer: Issuer::new(params, key) }
    }

    /// A member with these names or addresses.
    fn member(&self, names: &[&str]) -> Member {
        self.sign(names, |_| ())
    }

    fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Member {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let both = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.extended_key_usages = both.to_vec();
        change(&mut params);
        let own = params.signed_by(&key, &self.issuer).unwrap();
        Member { own: own.pem(), key: key.serialize_pem(), authority: self.pem.clone() }
    }
}

impl Member {
    /// Writes the files; the options that name them.
    fn options(&self, site: &Site, name: &str) -> Vec<String> {
        let files = [("cert", &self.own), ("key", &self.key), ("ca", &self.authority)];
        let option = |(kind, pem): (&str, &String)| {
            let file = format!("{name}-{kind}.pem");
            site.file(&file, pem);
            fs::set_permissions(site.path(&file), fs::Permissions::from_mode(0o600)).unwrap();
            format!("--tls-{kind}={}", site.arg(&file))
        };
        files.map(option).to_vec()
    }

    /// How a client of this member connects; `own`: it shows its certificate.
    fn client(&self, own: bool) -> ClientTlsConfig {
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority));
        match own {
            true => config.identity(Identity::from_pem(&self.own, &self.key)),
            false => config,
        }
    }
}

fn texts(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

/// Whether a member at this port answers a client: with an error of its own, as no member has
/// schemas.
pub(super) fn answers(port: u16, tls: Option<ClientTlsConfig>) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = async {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://127.0.0.1:{port}")).unwrap();
        let endpoint = match tls {
            Some(tls) => endpoint.tls_config(tls).unwrap(),
            None => endpoint,
        };
        let Ok(channel) = endpoint.connect().await else { return false };
        let mut client = FlightServiceClient::new(channel);
        let answer = client.get_schema(FlightDescriptor::default()).await;
        answer.is_err_and(|status| status.code() == Code::Unimplemented)
    };
    // A member that answered nothing would be no better than one that lets in everyone.
    let call = async { tokio::time::timeout(Duration::from_secs(60), call).await };
    runtime.block_on(call).expect("it refuses rather than waits")
}

/// The answer of a member to a request of another protocol.
fn said_to(port: u16, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = stream.write_all(request);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    said
}

fn assert_refused(ended: &Ended) {
    assert_eq!(ended.code, Some(33), "{ended:?}");
    assert!(ended.err.contains("does not take us"), "{ended:?}");
    assert!(!ended.err.contains("BEGIN"), "{ended:?}");
}

#[test]
fn a_cluster_with_certificates_builds_what_one_machine_does() {
    let _turn = await_turn();
    let site = Site::new();
    let authority = Authority::new();
    let member = authority.member(&["127.0.0.1"]).options(&site, "member");
    lake(&site, "20");
    build_embedded(&site);
    let cluster = Cluster::start_with(&site, 2, &texts(&member));
    // The process that builds has a certificate of its own.
    let builder = authority.member(&["researcher"]).options(&site, "builder");
    let built = build_with(&site, &cluster, &texts(&builder));
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.out.contains("Built core: 111 tables"), "{built:?}");
    assert_same(&site);
}

#[test]
fn members_have_one_name_where_their_addresses_are_not_known() {
    let site = Site::new();
    let mut member = Authority::new().member(&[NAME]).options(&site, "member");
    member.push(format!("--tls-name={NAME}"));
    lake(&site, "2");
    let cluster = Cluster::start_with(&site, 2, &texts(&member));
    // Two executors, so that rows are fetched from one by the other, too.
    let sql = "SELECT p.gender, count(*) AS n FROM patient AS p INNER JOIN encounter AS e\n\
               ON e.subject.reference = concat('Patient/', p.id) GROUP BY p.gender";
    site.file(
        "studies/met/manifest.toml",
        "study_prefix = 'met'\n[[stages.default]]\nfiles = ['rows.sql']\n",
    );
    site.file("studies/met/rows.sql", format!("CREATE TABLE met__rows AS {sql};\n"));
    let here = ["build", "-t", "met", "-s", "studies", "--lake", "lake", "--database"];
    let there = [&here[..], &[&cluster.url, "--db-type=ballista", "--tables=tables"]].concat();
    let mut command = site.command();
    for option in &member {
        let (name, value) = option.trim_start_matches("--").split_once('=').unwrap();
        let name = name.to_uppercase().replace('-', "_");
        command.env(format!("CUMULUS_LIBRARY_{name}"), value);
    }
    let built = end(command.arg("study").args(&there));
    assert_eq!(built.code, Some(0), "{built:?}");
    // Without the name the address would have to be in the certificate.
    let files = &member[..3];
    assert_refused(&study(&site, &[&there[..], &texts(files)].concat()));

    let built = study(&site, &[&here[..], &["alone"]].concat());
    assert_eq!(built.code, Some(0), "{built:?}");
    let look = |database| {
        let sql = "SELECT * FROM met__rows ORDER BY gender";
        let looked = study(&site, &["sql", sql, "--format=csv", "--database", database]);
        assert_eq!(looked.code, Some(0), "{looked:?}");
        looked.out
    };
    assert!(look("alone").lines().count() > 1);
    assert_eq!(look("alone"), look("tables"));
}

#[test]
fn all_ports_refuse_whoever_is_no_member() {
    let site = Site::new();
    let (authority, others) = (Authority::new(), Authority::new());
    let member = authority.member(&["127.0.0.1"]);
    let cluster = Cluster::start_with(&site, 1, &texts(&member.options(&site, "member")));
    // The same names, another authority; it trusts the cluster's.
    let stranger = Member { authority: authority.pem.clone(), ..others.member(&["127.0.0.1"]) };
    let expired = authority.sign(&["127.0.0.1"], |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let of_servers = authority.sign(&["127.0.0.1"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    for port in cluster.all_ports() {
        assert!(answers(port, Some(member.client(true))), "a member at {port}");
        assert!(!answers(port, Some(member.client(false))), "without a certificate at {port}");
        assert!(!answers(port, Some(stranger.client(true))), "another authority's at {port}");
        assert!(!answers(port, Some(expired.client(true))), "an expired one at {port}");
        assert!(!answers(port, Some(of_servers.client(true))), "a server's at {port}");
        assert!(!answers(port, None), "without encryption at {port}");
        let http = said_to(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(!http.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&http));
        // It still works.
        assert!(answers(port, Some(member.client(true))), "a member at {port}");
    }
}

#[test]
fn the_program_tells_why_a_cluster_does_not_take_it() {
    let site = Site::new();
    let (authority, others) = (Authority::new(), Authority::new());
    let member = authority.member(&["127.0.0.1"]);
    let cluster = Cluster::start_with(&site, 0, &texts(&member.options(&site, "member")));
    lake(&site, "2");

    let plain = build_with(&site, &cluster, &[]);
    assert_refused(&plain);
    assert!(plain.err.contains("does it have TLS? Then give --tls-cert"), "{plain:?}");

    let stranger = others.member(&["127.0.0.1"]);
    let believing = Member { authority: authority.pem.clone(), ..stranger.clone() };
    let doubting = Member { authority: others.pem.clone(), ..member.clone() };
    for (name, options) in [
        ("stranger", stranger.options(&site, "stranger")),
        ("believing", believing.options(&site, "believing")),
        ("doubting", doubting.options(&site, "doubting")),
    ] {
        let ended = build_with(&site, &cluster, &texts(&options));
        assert_refused(&ended);
        assert!(ended.err.contains("--tls-ca"), "{name}: {ended:?}");
        // An executor neither joins nor waits.
        let executor = ["ballista", "executor", &cluster.url, "--bind=127.0.0.1:0"];
        let ended = end(site.command().args(executor).args(&options));
        assert_refused(&ended);
    }
    // A member without encryption at a scheduler that has none does not turn to plain text either.
    let open = Cluster::start(&site, 0);
    assert_refused(&build_with(&site, &open, &texts(&member.options(&site, "member"))));
}

#[test]
fn without_certificates_only_loopback_is_served_and_asked() {
    let site = Site::new();
    let sql = ["sql", "SELECT 1", "--tables=tables", "--database=df://192.0.2.7:9"];
    let study_command = [&["study"], &sql[..], &ON_CLUSTER[2..4]].concat();
    let commands: [&[&str]; 5] = [
        &["ballista", "scheduler", "--bind=0.0.0.0:0"],
        &["ballista", "scheduler", "--bind=[::]:0"],
        &["ballista", "executor", "df://127.0.0.1:9", "--bind=0.0.0.0:0"],
        &["ballista", "executor", "df://192.0.2.7:9", "--bind=127.0.0.1:0"],
        &study_command,
    ];
    for arguments in commands {
        let ended = end(site.command().args(arguments));
        assert_eq!(ended.code, Some(23), "{arguments:?}: {ended:?}");
        assert!(ended.err.contains("--insecure-cluster"), "{arguments:?}: {ended:?}");
    }
    let arguments = ["scheduler", "--bind=0.0.0.0:0", "--insecure-cluster"];
    let (_scheduler, line) = super::Process::start(&site, &arguments, Some("df://"));
    let port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
    assert!(answers(port, None));
}

#[test]
fn a_key_that_all_users_can_read_is_told() {
    let site = Site::new();
    let member = Authority::new().member(&["127.0.0.1"]).options(&site, "member");
    let start = |mode| {
        let key = site.path("member-key.pem");
        fs::set_permissions(key, fs::Permissions::from_mode(mode)).unwrap();
        // Nothing listens there.
        let arguments = ["sql", "SELECT 1", "--tables=tables", "--database=df://127.0.0.1:1"];
        study(&site, &[&arguments[..], &ON_CLUSTER[2..4], &texts(&member)].concat())
    };
    assert!(start(0o644).err.contains("is readable by all users: chmod o-r"));
    for mode in [0o600, 0o440] {
        assert!(!start(mode).err.contains("readable by all"), "{mode:o}");
    }
}

#[test]
fn the_documented_commands_make_certificates_that_are_taken() {
    need!(needs::openssl());
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cluster.md"));
    let text = text.unwrap();
    let begin = text.find("openssl req -x509").expect("commands are documented");
    let commands = text[begin..].split("```").next().unwrap();
    let site = Site::new();
    let mut bash = site.command_of(Path::new("bash"));
    bash.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let made = end(bash.args(["-euc", commands]));
    assert_eq!(made.code, Some(0), "{made:?}");
    let options = [
        "--tls-cert=tls.crt",
        "--tls-key=tls.key",
        "--tls-ca=ca.crt",
        "--tls-name=cumulus-cluster",
    ];
    // Executors say where rows are fetched once the scheduler has taken them.
    let cluster = Cluster::start_with(&site, 1, &options);
    assert_eq!(cluster.all_ports().len(), 2);
    assert_refused(&study(
        &site,
        &[&["sql", "SELECT 1", "--tables=tables", "--database", &cluster.url], &ON_CLUSTER[2..4]]
            .concat(),
    ));
}
