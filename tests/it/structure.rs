//! The structure of `src/`: imports point down, nothing imports in circles, and the drawing in
//! `docs/architecture.md` shows what the `use` lines say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

const DOCS: &str = "docs/architecture.md";
const BEGIN: &str = "<!-- layers -->\n";
const END: &str = "<!-- end of layers -->";

/// The modules right below `src/`, lowest first. A module imports from layers below its own only.
const LAYERS: &[&[&str]] = &[
    &["encrypted", "error", "poison", "text"],
    &["bounded", "memory", "parquet_bounds", "secrecy", "stop", "threads"],
    &["fhir", "store"],
    &["http", "ui"],
    &["deid"],
    &["input", "table"],
    &["output"],
    &["bulk", "claim", "demo"],
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

/// The code of all modules, without their tests, comments and literals.
fn read_modules() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    read_folder(&root, &root, &mut texts);
    texts
}

/// Which modules each module names.
struct Imports(BTreeMap<Module, BTreeSet<Module>>);

impl Imports {
    fn read() -> Self {
        let texts = read_modules();
        let names: BTreeSet<Module> = texts.keys().cloned().collect();
        Self(texts.iter().map(|(name, text)| (name.clone(), named(name, text, &names))).collect())
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

    /// Imports between the modules right below `src/`, the crate's root aside.
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

/// Reads all modules below a folder, without their tests, comments and literals.
fn read_folder(root: &Path, folder: &Path, texts: &mut BTreeMap<Module, String>) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_folder(root, &path, texts);
            continue;
        }
        let inner = path.strip_prefix(root).unwrap().with_extension("");
        let mut name: Module = inner.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if !is_source || name.iter().any(|part| part == "tests") || name == ["main"] {
            continue;
        }
        if name.last().is_some_and(|last| last == "mod" || last == "lib") {
            name.pop();
        }
        texts.insert(name, code_of(&fs::read_to_string(&path).unwrap()));
    }
}

/// A source text without its tests, comments and literals.
fn code_of(text: &str) -> String {
    let tests = Regex::new(r"\n#\[cfg\(test\)\]\s*\n\s*mod \w+ \{").unwrap();
    let text = tests.split(text).next().unwrap();
    let literals = Regex::new(r#""(?:[^"\\]|\\.)*"|//[^\n]*"#).unwrap();
    literals.replace_all(text, "").into_owned()
}

/// The modules that a module's text names: in `use` trees, and in paths that begin with `crate` or
/// `super`.
fn named(module: &Module, text: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let mut paths = Vec::new();
    let uses = Regex::new(r"(?:^|\n)\s*(?:pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap();
    for found in uses.captures_iter(text) {
        paths.extend(expand(&found[1]));
    }
    let inline = Regex::new(r"\b(?:crate|super)(?:::\w+)+").unwrap();
    paths.extend(inline.find_iter(text).map(|found| found.as_str().to_owned()));
    paths
        .iter()
        .filter_map(|path| resolve(module, path, modules))
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

/// The module that a path leads to, or into.
fn resolve(module: &Module, path: &str, modules: &BTreeSet<Module>) -> Option<Module> {
    let mut parts = path.split("::").map(str::trim).peekable();
    let mut at = match *parts.peek()? {
        "crate" => Module::new(),
        "self" | "super" => module.clone(),
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
    let texts = read_modules();
    for (call, home) in HOMES {
        let call = Regex::new(call).unwrap();
        let calling = texts.iter().filter(|(_, text)| call.is_match(text));
        let calling: Vec<_> = calling.map(|(module, _)| module.join("::")).collect();
        assert_eq!(calling, [*home], "{call}");
    }
}

#[test]
fn the_drawing_shows_the_imports() {
    let folders = Imports::read().between_folders();
    let quote = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let mut drawing = String::from("\n| layer | module | imports |\n| --- | --- | --- |\n");
    for (number, layer) in LAYERS.iter().enumerate().rev() {
        for name in *layer {
            let imported = folders.get(*name).into_iter().flatten();
            let below = quote(&mut imported.map(String::as_str));
            let _ = writeln!(drawing, "| {} | `{name}` | {below} |", number + 1);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCS);
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
    let lead = |path: &str| resolve(&from, path, &modules).map(|module| module.join("::"));
    assert_eq!(lead("crate::c::Type").as_deref(), Some("c"));
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
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
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
