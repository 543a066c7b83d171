//! The structure of all packages: imports point down, nothing imports in circles, and the drawing in
//! `docs/architecture.md` shows what the `use` lines say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

const DOCS: &str = "docs/architecture.md";
const BEGIN: &str = "<!-- layers -->\n";
const END: &str = "<!-- end of layers -->";

/// A package of the workspace.
struct Package {
    /// Where its sources are.
    folder: &'static str,
    /// Its name in `use` lines.
    name: &'static str,
    /// The module that it is in the drawing; none where its modules have their own places there.
    module: Option<&'static str>,
}

const PACKAGES: [Package; 7] = [
    Package { folder: "src", name: "cumulus_etl", module: None },
    Package { folder: "crates/base/src", name: "cumulus_base", module: None },
    Package { folder: "crates/deid/src", name: "cumulus_deid", module: Some("deid") },
    Package { folder: "crates/demo/src", name: "cumulus_demo", module: Some("demo") },
    Package { folder: "crates/fhir/src", name: "cumulus_fhir", module: Some("fhir") },
    Package { folder: "crates/process/src", name: "cumulus_process", module: None },
    Package { folder: "crates/screen/src", name: "cumulus_screen", module: Some("screen") },
];

/// The modules of the drawing, lowest first. A module imports from layers below its own only.
const LAYERS: &[&[&str]] = &[
    &["encrypted", "error", "fhir", "numbers", "poison", "text"],
    &["bounded", "memory", "screen", "secrecy", "stop", "threads"],
    &["deid", "demo", "parquet_bounds", "store"],
    &["http", "ui"],
    &["input", "table"],
    &["output"],
    &["bulk", "claim"],
    &["etl", "study"],
    &["share"],
    &["cli"],
];

/// Calls that one module makes for all others: what they must be careful about is written once.
const HOMES: &[(&str, &str)] = &[
    (r"\bflock\(", "store::file_lock"),
    (r"\bfs::rename\b|\brenameat", "store::rename"),
    (r"\bChaCha20::", "encrypted"),
    (r"\bio::stdout\(|\be?print(ln)?!", "cli::printing"),
    (r"\bPoisonError::|\|e\| e\.into_inner\(\)", "poison"),
];

/// A module by the names that lead to it: `["deid", "scrub"]`.
type Module = Vec<String>;

/// A module's source.
struct Source {
    package: &'static Package,
    /// Its code without tests, comments and literals.
    code: String,
}

impl Package {
    /// The module that `crate` is in its sources.
    fn root(&self) -> Module {
        self.module.map(str::to_owned).into_iter().collect()
    }
}

/// The sources of all modules.
fn read_modules() -> BTreeMap<Module, Source> {
    let mut sources = BTreeMap::new();
    for package in &PACKAGES {
        let folder = project(package.folder);
        read_folder(package, &folder, &folder, &mut sources);
    }
    sources
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Which modules each module names.
struct Imports(BTreeMap<Module, BTreeSet<Module>>);

impl Imports {
    fn read() -> Self {
        let sources = read_modules();
        let names: BTreeSet<Module> = sources.keys().cloned().collect();
        let named =
            |(name, source): (&Module, &Source)| (name.clone(), named(name, source, &names));
        Self(sources.iter().map(named).collect())
    }

    /// Imports between two modules of which neither is above the other in the tree.
    fn between_siblings(&self) -> BTreeMap<String, BTreeSet<String>> {
        let show = |module: &Module| module.join("::");
        let related = |a: &Module, b: &Module| a.starts_with(b) || b.starts_with(a);
        let others = |from: &Module, to: &BTreeSet<Module>| {
            to.iter().filter(|to| !related(from, to)).map(show).collect()
        };
        self.0.iter().map(|(from, to)| (show(from), others(from, to))).collect()
    }

    /// Imports between the modules of the drawing, the program's root aside.
    fn between_folders(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in &self.0 {
            let Some(folder) = from.first() else { continue };
            let imported = to.iter().filter_map(|to| to.first()).filter(|to| *to != folder);
            folders.entry(folder.clone()).or_default().extend(imported.cloned());
        }
        folders
    }
}

/// Reads all modules below a folder of a package.
fn read_folder(
    package: &'static Package,
    root: &Path,
    folder: &Path,
    sources: &mut BTreeMap<Module, Source>,
) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_folder(package, root, &path, sources);
            continue;
        }
        let inner = path.strip_prefix(root).unwrap().with_extension("");
        let inner = inner.iter().map(|part| part.to_str().unwrap().to_owned());
        let mut name: Module = package.root().into_iter().chain(inner).collect();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if !is_source || name.iter().any(|part| part == "tests" || part == "main") {
            continue;
        }
        if name.last().is_some_and(|last| last == "mod" || last == "lib") {
            name.pop();
        }
        let code = code_of(&fs::read_to_string(&path).unwrap());
        let former = sources.insert(name.clone(), Source { package, code });
        assert!(name.is_empty() || former.is_none(), "two modules are called {name:?}");
    }
}

/// A source text without its tests, comments and literals.
fn code_of(text: &str) -> String {
    static TESTS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\n#\[cfg\(test\)\]\s*\n\s*mod \w+ \{").unwrap());
    static LITERALS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*"|//[^\n]*"#).unwrap());
    let text = TESTS.split(text).next().unwrap();
    LITERALS.replace_all(text, "").into_owned()
}

/// The modules that a module's code names: in `use` trees, and in paths that begin with `crate`,
/// `super` or a package's name.
fn named(module: &Module, source: &Source, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    static USES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:^|\n)\s*(?:pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap()
    });
    static PATHS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(?:crate|super|cumulus_\w+)(?:::\w+)+").unwrap());
    let Source { package, code } = source;
    let mut paths = Vec::new();
    for found in USES.captures_iter(code) {
        paths.extend(expand(&found[1]));
    }
    paths.extend(PATHS.find_iter(code).map(|found| found.as_str().to_owned()));
    paths
        .iter()
        .filter_map(|path| resolve(module, &package.root(), path, modules))
        .filter(|named| named != module && !named.is_empty())
        .collect()
}

/// The paths of a `use` tree: `a::{b, c::{d, e}}` gives three.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let rest = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut from, mut paths) = (0, 0, Vec::new());
    for (at, character) in rest.char_indices().chain([(rest.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = rest[from..at].trim();
                if !part.is_empty() {
                    paths.extend(expand(part).into_iter().map(|part| format!("{head}{part}")));
                }
                from = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// The module that a path leads to, or into, from a module of the package with this root.
fn resolve(
    module: &Module,
    root: &Module,
    path: &str,
    modules: &BTreeSet<Module>,
) -> Option<Module> {
    let mut parts = path.split("::").map(str::trim).peekable();
    let first = *parts.peek()?;
    let mut at = match first {
        "crate" => root.clone(),
        "self" | "super" => module.clone(),
        _ if PACKAGES.iter().any(|package| package.name == first) => {
            parts.next();
            PACKAGES.iter().find(|package| package.name == first)?.root()
        }
        first => {
            let mut child = module.clone();
            child.push(first.to_owned());
            if !modules.contains(&child) {
                return None;
            }
            module.clone()
        }
    };
    for part in parts {
        match part {
            "crate" | "self" => {}
            "super" => drop(at.pop()),
            name => {
                at.push(name.to_owned());
                if !modules.contains(&at) {
                    at.pop();
                    break;
                }
            }
        }
    }
    Some(at)
}

/// Circles of a graph, each as the names that lie on it.
fn find_circles(graph: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|from| {
            let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.as_str()]);
            while let Some(at) = waiting.pop() {
                for to in graph.get(at).into_iter().flatten() {
                    if seen.insert(to.as_str()) {
                        waiting.push(to);
                    }
                }
            }
            (from.as_str(), seen)
        })
        .collect();
    let leads = |from: &str, to: &str| reached.get(from).is_some_and(|seen| seen.contains(to));
    reached
        .keys()
        .filter(|name| leads(name, name))
        .map(|name| {
            let back = |other: &&str| leads(name, other) && leads(other, name);
            reached.keys().copied().filter(back).map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn imports_point_down() {
    let layer = |folder: &str| LAYERS.iter().position(|names| names.contains(&folder));
    let folders = Imports::read().between_folders();
    let missing: Vec<_> = folders.keys().filter(|folder| layer(folder).is_none()).collect();
    assert!(missing.is_empty(), "in no layer of this test: {missing:?}");
    let mut wrong = Vec::new();
    for (from, to) in &folders {
        wrong.extend(to.iter().filter(|to| layer(to) >= layer(from)).map(|to| (from, to)));
    }
    assert!(wrong.is_empty(), "imports of what is not below: {wrong:?}");
}

#[test]
fn nothing_imports_in_circles() {
    let imports = Imports::read();
    assert_eq!(find_circles(&imports.between_folders()), BTreeSet::new(), "of folders");
    assert_eq!(find_circles(&imports.between_siblings()), BTreeSet::new(), "of files");
}

#[test]
fn infrastructure_has_one_home() {
    let sources = read_modules();
    for (call, home) in HOMES {
        let call = Regex::new(call).unwrap();
        let calling = sources.iter().filter(|(_, source)| call.is_match(&source.code));
        let calling: Vec<_> = calling.map(|(module, _)| module.join("::")).collect();
        assert_eq!(calling, [*home], "{call}");
    }
}

#[test]
fn each_package_is_in_the_drawing() {
    let listed = fs::read_dir(project("crates")).unwrap();
    let listed = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let folders: BTreeSet<_> = listed.map(|name| format!("crates/{name}/src")).collect();
    let drawn: BTreeSet<_> =
        PACKAGES[1..].iter().map(|package| package.folder.to_owned()).collect();
    assert_eq!(folders, drawn);
}

/// The dependencies of these packages have no part of the stores or of an engine: their tests are
/// built in seconds.
#[test]
fn light_packages_stand_on_nothing_heavy() {
    const LIGHT: [&str; 4] = ["cumulus-base", "cumulus-deid", "cumulus-fhir", "cumulus-screen"];
    // Packages for values in memory; no files, no queries.
    const VALUES: [&str; 7] = [
        "arrow-array",
        "arrow-buffer",
        "arrow-cast",
        "arrow-data",
        "arrow-ord",
        "arrow-schema",
        "arrow-select",
    ];
    const HEAVY: [&str; 8] = [
        "arrow",
        "ballista",
        "datafusion",
        "deltalake",
        "object_store",
        "parquet",
        "reqwest",
        "tokio",
    ];
    let lock: toml::Table = fs::read_to_string(project("Cargo.lock")).unwrap().parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    for light in LIGHT {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![light.to_owned()]);
        while let Some(next) = waiting.pop() {
            // The version stands behind the name where there are several.
            let mut parts = next.split(' ');
            let (name, version) = (parts.next().unwrap(), parts.next());
            let is_it = |package: &&toml::Value| {
                package["name"].as_str() == Some(name)
                    && version.is_none_or(|version| package["version"].as_str() == Some(version))
            };
            let found = packages.iter().find(is_it).unwrap_or_else(|| panic!("no {next}"));
            let below = found.get("dependencies").and_then(toml::Value::as_array);
            for below in below.into_iter().flatten().map(text) {
                if seen.insert(below.clone()) {
                    waiting.push(below);
                }
            }
        }
        assert!(seen.len() > 3, "{light}: {seen:?}");
        if light == "cumulus-screen" {
            seen.retain(|name| !VALUES.contains(&name.as_str()));
        }
        let heavy = seen.iter().filter(|name| HEAVY.iter().any(|heavy| name.starts_with(heavy)));
        assert_eq!(heavy.collect::<Vec<_>>(), [""; 0], "below {light}");
    }
}

#[test]
fn the_drawing_shows_the_imports() {
    let folders = Imports::read().between_folders();
    let sources = read_modules();
    let quote = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let mut drawing =
        String::from("\n| layer | module | package | imports |\n| --- | --- | --- | --- |\n");
    for (number, layer) in LAYERS.iter().enumerate().rev() {
        for name in *layer {
            let imported = folders.get(*name).into_iter().flatten();
            let below = quote(&mut imported.map(String::as_str));
            let package = sources[&vec![(*name).to_owned()]].package.name.replace('_', "-");
            let _ = writeln!(drawing, "| {} | `{name}` | `{package}` | {below} |", number + 1);
        }
    }
    let path = project(DOCS);
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let text = format!("{head}{BEGIN}{drawing}\n{END}{tail}");
    if std::env::var_os("CUMULUS_TEST_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == text, "run with CUMULUS_TEST_UPDATE=1");
}

#[test]
fn use_trees_lead_to_modules() {
    assert_eq!(expand("a::{b, c::{d, e as f}}"), ["a::b", "a::c::d", "a::c::e"]);
    let modules: BTreeSet<Module> = [&["a"][..], &["a", "b"], &["c"]]
        .map(|name| name.iter().map(|part| (*part).to_owned()).collect())
        .into();
    let from = ["a".to_owned(), "b".to_owned()].to_vec();
    let lead_from = |root: &Module, path: &str| {
        resolve(&from, root, path, &modules).map(|module| module.join("::"))
    };
    let lead = |path: &str| lead_from(&Module::new(), path);
    assert_eq!(lead("crate::c::Type").as_deref(), Some("c"));
    assert_eq!(lead_from(&vec!["a".to_owned()], "crate::b::Type").as_deref(), Some("a::b"));
    assert_eq!(lead("cumulus_base::c::Type").as_deref(), Some("c"));
    assert_eq!(lead("super::Type").as_deref(), Some("a"));
    assert_eq!(lead("super::super::c::call").as_deref(), Some("c"));
    assert_eq!(lead("std::fs"), None);
    let graph = |edges: &[(&str, &str)]| {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert!(find_circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let circles = find_circles(&graph(&[("a", "b"), ("b", "c"), ("c", "b")]));
    assert_eq!(circles, [["b".to_owned(), "c".to_owned()].to_vec()].into());
}

#[test]
fn no_message_makes_a_plural_of_its_own() {
    let things = "arguments|cells|columns|downloads|files|lines|members|notes|pages|patients|rows|\
                  settings|statements|studies|tables|tasks|threads|times|types";
    // Not a constant's name: that is more than one.
    let plural =
        Regex::new(&format!(r"\{{[^{{}}A-Z]*\}} (of \{{[^{{}}A-Z]*\}} )?({things})\b")).unwrap();
    // A line of a text that goes on in the next.
    let continued = Regex::new(r"\\\n\s*").unwrap();
    let mut folders = ["crates", "src"].map(project).to_vec();
    let (mut own, mut seen) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    folders.push(path);
                }
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let code = continued.replace_all(code, "");
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            seen += code.matches("format_count(").count();
            let found = code.lines().filter(is_code).filter(|line| plural.is_match(line));
            own.extend(found.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    assert!(seen > 50, "format_count has another name by now");
    assert_eq!(own, [""; 0], "ui::format_count knows the singular");
}
