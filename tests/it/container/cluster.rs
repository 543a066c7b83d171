//! A cluster for studies, as compose starts it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Job, output, succeed};
use crate::needs::{self, need};

/// A study that takes a shuffle, written where the containers can read it.
fn study(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let manifest = "study_prefix = 'met'\n[[stages.default]]\nfiles = ['rows.sql', 'counts.workflow']\n\
                    [[stages.default]]\ntype = 'export:counts'\ntables = ['counts.workflow']\n";
    let sql = "CREATE TABLE met__rows AS SELECT e.subject.reference AS subject_ref, p.gender\n\
               FROM encounter AS e INNER JOIN patient AS p\n\
               ON e.subject.reference = concat('Patient/', p.id);\n";
    let counts = "config_type = 'counts'\n[tables.count_met]\nsource_table = 'met__rows'\n\
                  table_cols = ['gender']\nmin_subject = 1\n";
    for (name, text) in
        [("manifest.toml", manifest), ("rows.sql", sql), ("counts.workflow", counts)]
    {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// One certificate for all members, whose addresses are not known before they start, as files that
/// the containers can read.
fn certificates(folder: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let own = authority.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let member = rcgen::CertificateParams::new(vec!["cumulus-cluster".to_owned()]).unwrap();
    let member = member.signed_by(&key, &issuer).unwrap();
    fs::create_dir_all(folder).unwrap();
    for (name, pem) in
        [("ca.crt", own.pem()), ("tls.crt", member.pem()), ("tls.key", key.serialize_pem())]
    {
        fs::write(folder.join(name), pem).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
}

#[test]
fn a_cluster_of_containers_builds_a_study() {
    need!(needs::docker());
    let job = Job::with_data("cluster");
    succeed(&mut job.run(&[], &["/in", "/out", "/phi"]));
    study(&job.path("in/studies/met"));
    let shared = job.path("out");
    certificates(&job.path("in/tls"));
    let compose = || {
        let mut command = job.compose();
        command.env("CUMULUS_SHARED_DIR", &shared).env("CUMULUS_TLS_DIR", job.path("in/tls"));
        for (name, value) in [
            ("CERT", "/tls/tls.crt"),
            ("KEY", "/tls/tls.key"),
            ("CA", "/tls/ca.crt"),
            ("NAME", "cumulus-cluster"),
        ] {
            command.env(format!("CUMULUS_LIBRARY_TLS_{name}"), value);
        }
        command
    };
    let up = ["--profile", "ballista", "up", "--detach", "--no-build"];
    succeed(compose().args(up).args(["--scale", "ballista-executor=2"]));
    let run = |arguments: &[&str]| {
        let mut command = compose();
        command.args(["run", "--rm", "-T"]).args(job.volumes());
        command.arg(format!("--volume={}:/shared", shared.display()));
        command.arg("cumulus-library").args(arguments);
        succeed(&mut command)
    };
    let study = ["-t", "met", "-s", "/in/studies"];
    let cluster = ["--db-type", "ballista", "--database", "df://ballista-scheduler:50050"];
    let tables = ["--tables", "/shared/studies"];
    let built = run(&[&["build"], &study[..], &cluster, &tables, &["--lake", "/shared"]].concat());
    assert!(built.contains("Built met: 2 tables"), "{built}");
    // Without certificates the cluster lets nobody in.
    let mut without = job.compose();
    without.args(["run", "--rm", "-T", "cumulus-library", "sql", "SELECT 1"]).args(cluster);
    let refused = output(without.args(tables));
    assert_eq!(refused.status.code(), Some(23), "{refused:?}");
    let refused = output(without.env("CUMULUS_LIBRARY_INSECURE_CLUSTER", "true"));
    assert_eq!(refused.status.code(), Some(33), "{refused:?}");
    // One machine makes the same of it.
    let lone = ["--database", "/shared/lone"];
    run(&[&["build"], &study[..], &lone, &["--lake", "/shared"]].concat());
    let sql = "SELECT * FROM met__count_met ORDER BY gender";
    let there = run(&[&["sql", sql, "--format", "csv"], &cluster[..], &tables].concat());
    let here = run(&[&["sql", sql, "--format", "csv"], &lone[..]].concat());
    assert!(here.lines().count() > 2, "{here}");
    assert_eq!(there, here);
}
