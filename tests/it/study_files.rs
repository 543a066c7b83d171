//! A study reads files of the folder that it was found in, and no others.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Ended, Site, end};

const MANIFEST: &str = "study_prefix = 's'\n[[stages.default]]\nfiles = ['a.sql']\n";

fn build(site: &Site) -> Ended {
    let mut command = site.command();
    command.args(["study", "build", "-t", "s", "-s", "studies", "--lake", "lake"]);
    end(command.args(["--database", "db"]))
}

/// A site with a lake, something secret beside the studies, and a study of these files.
fn site(files: &[(&str, &str)]) -> Site {
    let site = Site::new();
    site.lake("patient", &[crate::support::patient("a", "other")]);
    site.file("secret.csv", "a,b\nSmith-Secret,2\n");
    site.file("secret.sql", "CREATE TABLE s__x AS SELECT 'Smith-Secret' AS x;\n");
    site.file("secret.toml", "config_type = 'counts'\n");
    site.file("studies/s/manifest.toml", MANIFEST);
    site.file("studies/s/a.sql", "SELECT 1;\n");
    for (name, text) in files {
        site.file(&format!("studies/s/{name}"), text.replace("SITE", &site.arg("")));
    }
    site
}

fn refused(site: &Site, why: &str) {
    let ended = build(site);
    assert_eq!(ended.code, Some(72), "{why}: {ended:?}");
    assert!(ended.err.contains(why), "{why}: {ended:?}");
    assert!(!ended.err.contains("Smith"), "{ended:?}");
    assert!(!site.path("db/s/tables.json").exists(), "{ended:?}");
}

fn upload(keys: &str) -> String {
    format!("config_type = 'file_upload'\n[tables.up]\n{keys}\n")
}

#[test]
fn no_path_in_a_study_leads_out_of_its_folder() {
    let out = "leads out of";
    let stage = |files: &str| format!("study_prefix = 's'\n[[stages.default]]\n{files}\n");
    for name in ["SITE/secret", "../../secret", "./../s/../../secret"] {
        for (file, text) in [
            ("manifest.toml", stage(&format!("files = ['{name}.sql']"))),
            ("manifest.toml", stage(&format!("files = ['{name}.toml']"))),
            ("manifest.toml", stage(&format!("type = 'submanifest'\nfiles = ['{name}.toml']"))),
            ("manifest.toml", stage(&format!("type = 'export:counts'\ntables = ['{name}.toml']"))),
            ("manifest.toml", format!("data_dictionary = '{name}.csv'\n{MANIFEST}")),
            (
                "manifest.toml",
                format!("study_prefix = 's'\n[sql_config]\nfile_names = ['{name}.sql']\n"),
            ),
        ] {
            refused(&site(&[(file, &text)]), out);
        }
        let manifest = stage("files = ['up.workflow']");
        for keys in [format!("file = '{name}.csv'"), format!("files = ['{name}.csv']")] {
            refused(&site(&[("manifest.toml", &manifest), ("up.workflow", &upload(&keys))]), out);
        }
    }
    for keys in ["file = '/proc/self/environ'", "files = ['/etc']", "files = ['../..']"] {
        let manifest = stage("files = ['up.workflow']");
        refused(&site(&[("manifest.toml", &manifest), ("up.workflow", &upload(keys))]), out);
    }
}

#[test]
fn no_link_in_a_study_leads_out_of_its_folder() {
    let stage =
        |file: &str| format!("study_prefix = 's'\n[[stages.default]]\nfiles = ['{file}']\n");
    let linked = |manifest: &str, link: &str, to: &str, more: &[(&str, &str)]| {
        let site = site(&[&[("manifest.toml", manifest)], more].concat());
        fs::create_dir_all(site.path(&format!("studies/s/{link}")).parent().unwrap()).unwrap();
        symlink(to.replace("SITE", &site.arg("")), site.path(&format!("studies/s/{link}")))
            .unwrap();
        refused(&site, "leads out of");
    };
    linked(&stage("b.sql"), "b.sql", "../../secret.sql", &[]);
    linked(&stage("b.sql.jinja"), "b.sql.jinja", "SITE/secret.sql", &[]);
    linked(&stage("deep/secret.sql"), "deep", "../..", &[]);
    linked(&stage("b.workflow"), "b.workflow", "/proc/self/environ", &[]);
    let include = [("b.sql.jinja", "{% include 'x.jinja' %}")];
    linked(&stage("b.sql.jinja"), "x.jinja", "../../secret.csv", &include);
    let folder = upload("files = ['data']");
    linked(&stage("up.workflow"), "data/b.csv", "../../../secret.csv", &[("up.workflow", &folder)]);
    // A study behind a link does not belong to the folder.
    let site = Site::new();
    site.file("elsewhere/s/manifest.toml", MANIFEST);
    site.file("elsewhere/s/a.sql", "SELECT 1;\n");
    site.lake("patient", &[crate::support::patient("a", "other")]);
    fs::create_dir(site.path("studies")).unwrap();
    symlink(site.path("elsewhere/s"), site.path("studies/s")).unwrap();
    refused(&site, "leads out of");
}

/// A study of one template, with something secret that templates could include.
fn template(text: &str) -> Site {
    let manifest = "study_prefix = 's'\n[[stages.default]]\nfiles = ['b.sql.jinja']\n";
    let site = site(&[
        ("manifest.toml", manifest),
        ("b.sql.jinja", text),
        ("own.jinja", "{% macro word() %}own{% endmacro %}own"),
    ]);
    site.file("secret.jinja", "{% macro word() %}Smith-Secret{% endmacro %}Smith-Secret");
    site.file("studies/secret.jinja", "{% macro word() %}Smith-Secret{% endmacro %}Smith-Secret");
    site
}

/// Each way that a template takes up another one.
const TAKING_UP: [&str; 6] = [
    "{% include 'NAME' %}",
    "{% include ['NAME', 'NAME'] %}",
    "{% include 'NA' ~ 'ME' %}",
    "{% import 'NAME' as taken %}{{ taken.word() }}",
    "{% from 'NAME' import word %}{{ word() }}",
    "{% extends 'NAME' %}",
];

/// A template that takes up another one in the middle of a statement.
fn taking_up(way: &str, name: &str) -> String {
    let middle = name.len() / 2;
    let way = way.replace("'NA' ~ 'ME'", &format!("'{}' ~ '{}'", &name[..middle], &name[middle..]));
    let way = way.replace("NAME", name);
    match way.contains("extends") {
        true => way,
        false => format!("CREATE TABLE s__x AS SELECT '{way}' AS x;"),
    }
}

#[test]
fn no_template_takes_up_what_is_out_of_its_folder() {
    for name in ["../secret.jinja", "../../secret.jinja", "./../secret.jinja", "SITE/secret.jinja"]
    {
        for way in TAKING_UP {
            let site = template(&taking_up(way, name));
            refused(&site, "template not found");
        }
        // Where nothing need be there, nothing is taken up.
        let site = template(&taking_up("{% include 'NAME' ignore missing %}", name));
        let ended = build(&site);
        assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
        let mut command = site.command();
        command.args(["study", "sql", "SELECT x FROM s__x", "--database", "db", "--lake", "lake"]);
        let shown = end(&mut command);
        assert_eq!(shown.code, Some(0), "{name}: {shown:?}");
        assert!(!shown.out.contains("Smith"), "{name}: {shown:?}");
    }
    for way in TAKING_UP {
        // By a link, whose own name is of the study.
        for to in ["../../secret.jinja", "../secret.jinja", "SITE/secret.jinja"] {
            let site = template(&taking_up(way, "link.jinja"));
            symlink(to.replace("SITE", &site.arg("")), site.path("studies/s/link.jinja")).unwrap();
            match to {
                // Below the folder of -s it is one of the study's files.
                "../secret.jinja" => assert!(!build(&site).err.contains("leads out of"), "{way}"),
                _ => refused(&site, "leads out of"),
            }
        }
    }
    for way in TAKING_UP.into_iter().filter(|way| !way.contains("extends")) {
        let site = template(&taking_up(way, "own.jinja"));
        let ended = build(&site);
        assert_eq!(ended.code, Some(0), "{way}: {ended:?}");
    }
}

#[test]
fn files_beside_a_study_and_links_to_them_are_read() {
    // As public studies have it: `../spreadsheet`, below the folder of -s.
    let manifest = "study_prefix = 's'\n[[stages.default]]\nfiles = ['up.workflow', 'link.sql']\n";
    let site =
        site(&[("manifest.toml", manifest), ("up.workflow", &upload("file = '../data/b.csv'"))]);
    site.file("studies/data/b.csv", "x\n1\n");
    symlink("a.sql", site.path("studies/s/link.sql")).unwrap();
    let real = site.path("real");
    fs::rename(site.path("studies"), &real).unwrap();
    symlink(&real, site.path("studies")).unwrap();
    let ended = build(&site);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("s__up"), "{ended:?}");
}

#[test]
fn special_files_are_refused_and_nothing_waits_for_them() {
    let fifo = |site: &Site, name: &str| {
        let path = site.path(&format!("studies/s/{name}"));
        let _ = fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
    };
    let up = "study_prefix = 's'\n[[stages.default]]\nfiles = ['up.workflow']\n";
    let folder = upload("files = ['data']");
    for (name, files) in [
        ("manifest.toml", vec![]),
        ("a.sql", vec![]),
        ("x.jinja", vec![]),
        (
            "data/b.csv",
            vec![("manifest.toml", up), ("up.workflow", &folder), ("data/a.csv", "x\n")],
        ),
    ] {
        let site = site(&files);
        fifo(&site, name);
        refused(&site, "is no regular file");
    }
}

#[test]
fn texts_that_are_too_large_are_refused_before_they_are_read() {
    let large = "[],".repeat(1 << 20);
    let manifest = format!("{MANIFEST}x = [{large}]\n");
    refused(&site(&[("manifest.toml", &manifest)]), "manifest.toml:1: this cannot be read");
    let deep = format!("{MANIFEST}x = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let ended = build(&site(&[("manifest.toml", &deep)]));
    assert_eq!(ended.code, Some(72), "{:?}", ended.code);
    let keys = format!("{MANIFEST}{} = 1\n", ["a"; 100_000].join("."));
    assert_eq!(build(&site(&[("manifest.toml", &keys)])).code, Some(72));
    let json = format!("{{\"fields\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let manifest = format!("data_dictionary = 'd.json'\n{MANIFEST}");
    let site = site(&[("manifest.toml", &manifest), ("d.json", &json)]);
    assert_eq!(build(&site).code, Some(72));
}
