//! Commands that `demo` and the documentation show, run as they are shown.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{Ended, PROGRAM, Site, end, patient};

/// The printed lines that call the program.
fn printed_commands(out: &str) -> Vec<&str> {
    let lines = out.lines().filter_map(|line| line.strip_prefix("  "));
    lines.filter(|line| !["pip ", "python3 "].iter().any(|other| line.starts_with(other))).collect()
}

/// A shell in a site's folder, with `bin dir` of it on its PATH.
struct Shell<'a>(&'a Site);

impl<'a> Shell<'a> {
    /// One that finds the program by its name.
    fn with_program(site: &'a Site) -> Self {
        fs::create_dir(site.path("bin dir")).unwrap();
        symlink(PROGRAM, site.path("bin dir/cumulus-etl")).unwrap();
        Self(site)
    }

    /// Runs a command, which must end well.
    fn run(&self, command: &str) -> Ended {
        let mut shell = self.0.command_of(Path::new("/bin/sh"));
        let path = std::env::var("PATH").unwrap();
        shell.env("PATH", format!("{}:{path}", self.0.path("bin dir").display()));
        let ended = end(shell.args(["-c", command]));
        assert_eq!(ended.code, Some(0), "{command}: {}", ended.err);
        ended
    }
}

/// Runs a demo that is started by these words of a shell, and then what it prints: all of it, or what
/// takes no time. `name` is how that calls the program.
fn run_printed(shell: &Shell<'_>, start: &str, name: &str, all: bool) {
    let shown = shell.run(&format!("{start} demo --patients=2 'a demo'")).out;
    let commands = printed_commands(&shown);
    assert_eq!(commands.len(), 4, "{shown}");
    for command in commands {
        assert!(command.starts_with(&format!("{name} ")), "{name}: {command}");
        if all || !command.contains(" -t core ") {
            shell.run(command);
        }
    }
}

#[test]
fn the_commands_that_a_demo_prints_can_be_run_as_printed() {
    // By its path, from anywhere.
    run_printed(&Shell(&Site::new()), PROGRAM, PROGRAM, false);
    // By a path from here, which may have blanks.
    let site = Site::new();
    fs::create_dir(site.path("some where")).unwrap();
    let program = site.path("some where/program");
    if fs::hard_link(PROGRAM, &program).is_err() {
        fs::copy(PROGRAM, &program).unwrap();
    }
    run_printed(&Shell(&site), "some' 'where/program", "'./some where/program'", false);
    // By its name.
    let site = Site::new();
    run_printed(&Shell::with_program(&site), "cumulus-etl", "cumulus-etl", true);
}

/// The commands of the first block of a page for a shell, without comments.
fn documented_commands(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("```sh\n").expect("a block of commands");
    let (block, _) = rest.split_once("\n```").unwrap();
    let commands = block.lines().map(|line| line.split(" #").next().unwrap().trim());
    commands.map(str::to_owned).collect()
}

#[test]
fn the_first_commands_of_the_page_on_sharing_can_be_run() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("p", "other")]);
    site.run(&[]);
    let shell = Shell::with_program(&site);
    shell.run("cumulus-etl study build -t core --lake out --database studies");
    let commands = documented_commands("docs/how-to/share.md");
    let [export, preview, upload] = &commands[..] else { panic!("{commands:?}") };
    assert!(upload.starts_with("cumulus-etl study upload -t core "), "{upload}");
    // Where the page says that the tables are, there is nothing on this machine.
    assert!(export.contains("--database /lake/studies"), "{export}");
    shell.run(&export.replace("/lake/studies", "studies"));
    assert!(site.path("data_export/core/core.zip").is_file());
    assert!(shell.run(preview).out.contains("core.zip"));
}
