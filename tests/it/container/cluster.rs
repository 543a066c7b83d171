//! A cluster for studies, as compose starts it.

use std::fs;
use std::path::Path;

use super::{Job, succeed};
use crate::needs;

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

#[test]
fn a_cluster_of_containers_builds_a_study() {
    let Some(()) = needs::docker() else { return };
    let job = Job::with_data("cluster");
    succeed(&mut job.run(&[], &["/in", "/out", "/phi"]));
    study(&job.path("in/studies/met"));
    let shared = job.path("out");
    let compose = || {
        let mut command = job.compose();
        command.env("CUMULUS_SHARED_DIR", &shared);
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
    // What one machine makes of it is the same.
    let lone = ["--database", "/shared/lone"];
    run(&[&["build"], &study[..], &lone, &["--lake", "/shared"]].concat());
    let sql = "SELECT * FROM met__count_met ORDER BY gender";
    let there = run(&[&["sql", sql, "--format", "csv"], &cluster[..], &tables].concat());
    let here = run(&[&["sql", sql, "--format", "csv"], &lone[..]].concat());
    assert!(here.lines().count() > 2, "{here}");
    assert_eq!(there, here);
}
