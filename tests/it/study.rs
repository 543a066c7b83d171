//! Studies: what `study list` shows and refuses.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{Ended, PROGRAM, Site, end};

const MANIFEST: &str = "study_prefix = 'asthma'\ndescription = '''\nAsthma by month.\nMore.'''\n\
    [[stages.default]]\nlabel = 'Cohort'\nfiles = ['cohort.sql', 'more.sql.jinja']\n\
    [[stages.default]]\ntype = 'build:parallel'\nfiles = ['counts.workflow']\n\
    [[stages.default]]\ntype = 'export:counts'\ntables = ['counts.workflow']\n";

const COUNTS: &str = "config_type = 'counts'\n[tables.count_month]\n\
    source_table = 'asthma__cohort'\ntable_cols = ['month']\n";

fn asthma(site: &Site) {
    site.file("studies/asthma/manifest.toml", MANIFEST);
    site.file("studies/asthma/cohort.sql", "CREATE TABLE asthma__cohort AS SELECT 1;");
    site.file("studies/asthma/more.sql.jinja", "{{ x }}");
    site.file("studies/asthma/counts.workflow", COUNTS);
}

/// The last lines of every list.
const BUILT_IN: &str = "core  built in\n\
    \x20 The FHIR tables, flattened, and counts of them: 111 tables.\n\
    \x20 To build it: study build -t core\n\n";

fn list(site: &Site) -> Ended {
    end(site.command().args(["study", "list", "-s", "studies"]))
}

#[test]
fn a_study_is_shown_with_what_it_builds_and_exports() {
    let site = Site::new();
    asthma(&site);
    let ended = list(&site);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        ended.out,
        "asthma  studies/asthma/manifest.toml\n\
         \x20 Asthma by month.\n\
         \x20 stage default\n\
         \x20   build in order: Cohort\n\
         \x20     cohort.sql  asthma__cohort\n\
         \x20     more.sql.jinja  tables known once it is filled in\n\
         \x20   build in parallel\n\
         \x20     counts.workflow  asthma__count_month\n\
         \x20   export as cube\n\
         \x20     asthma__count_month\n\n"
            .to_owned()
            + BUILT_IN
    );
}

#[test]
fn a_faulty_study_is_named_and_the_others_are_shown() {
    let site = Site::new();
    asthma(&site);
    site.file("studies/b/manifest.toml", "study_prefix = 'b'\ncolour = 1\n");
    site.file(
        "studies/c/manifest.toml",
        MANIFEST.replace("label", "skip_by_default = true\nlabel"),
    );
    let ended = list(&site);
    assert_eq!(ended.code, Some(72), "{ended:?}");
    assert!(ended.out.starts_with("asthma  "), "{ended:?}");
    assert!(ended.err.contains("studies/b/manifest.toml:2: unknown field `colour`"), "{ended:?}");
    let missing = "studies/c/manifest.toml:8: there is no file studies/c/cohort.sql";
    assert!(ended.err.contains(missing), "{ended:?}");
}

#[test]
fn the_study_that_is_built_in_is_listed_wherever_one_looks() {
    let site = Site::new();
    asthma(&site);
    let list = |more: &[&str]| end(site.command().args(["study", "list"]).args(more));
    for more in [&[][..], &["--database", "db"], &["-s", "studies", "--database", "db"]] {
        let ended = list(more);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.out.ends_with(BUILT_IN), "{ended:?}");
    }
    // Faults of others do not hide it.
    site.file("studies/b/manifest.toml", "study_prefix = 'b'\ncolour = 1\n");
    let ended = list(&["-s", "studies"]);
    assert_eq!(ended.code, Some(72), "{ended:?}");
    assert!(ended.out.ends_with(BUILT_IN), "{ended:?}");
}

#[test]
fn two_studies_of_one_prefix_are_refused() {
    let site = Site::new();
    asthma(&site);
    site.file("studies/z/manifest.toml", "study_prefix = 'ASTHMA'\n[[stages.a]]\nfiles = []\n");
    let ended = list(&site);
    assert_eq!(ended.code, Some(72), "{ended:?}");
    let twice = "studies/z/manifest.toml: studies/asthma/manifest.toml is study 'asthma', too";
    assert!(ended.err.contains(twice), "{ended:?}");
}

#[test]
fn folders_without_studies_and_missing_folders_are_errors() {
    let site = Site::new();
    assert_eq!(list(&site).code, Some(54));
    site.file("studies/readme", "");
    let ended = list(&site);
    assert_eq!(ended.code, Some(72), "{ended:?}");
    assert!(ended.err.contains("no manifest.toml in or below studies"), "{ended:?}");
}

#[test]
fn a_link_called_cumulus_library_is_the_study_command() {
    let site = Site::new();
    asthma(&site);
    let link = site.path("cumulus-library");
    symlink(PROGRAM, &link).unwrap();
    let mut command = Command::new(&link);
    command.env_clear().env("CUMULUS_LIBRARY_STUDY_DIR", site.path("studies")).arg("list");
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("asthma__count_month"), "{ended:?}");
    let version = end(Command::new(&link).env_clear().arg("--version"));
    assert!(version.out.starts_with("cumulus-library "), "{version:?}");
}
