//! That a few hundred patients show everything that de-identification keeps and studies read, and
//! that nothing which is kept names anyone.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

use super::{Export, options, usable};
use crate::needs::{self, need};
use crate::{RowType, identifying_words};

/// The lines of an export of a few hundred patients, by type; made once for all tests.
static LINES: LazyLock<Vec<(RowType, Vec<String>)>> = LazyLock::new(|| {
    let export = Export::new(&options(200, true));
    RowType::ALL.into_iter().map(|kind| (kind, export.lines(kind))).collect()
});

/// The rule for an element.
#[derive(Clone)]
struct Rule {
    action: String,
    /// Whether it occurred in a place where it is kept.
    seen: Cell<bool>,
}

/// The allow-list: for each type its elements (by path), inherited ones included; and the rules for the
/// extensions, by their URLs.
struct Policy {
    types: BTreeMap<String, BTreeMap<String, Rule>>,
    extensions: BTreeMap<String, String>,
}

impl Policy {
    fn read() -> Self {
        let elements = include_str!("../../../deid/src/policy/elements.csv");
        let extensions = include_str!("../../../deid/src/policy/extensions.csv");
        let mut types: BTreeMap<String, BTreeMap<String, Rule>> = BTreeMap::new();
        for [of, element, action] in columns(elements) {
            types.entry(of).or_default().insert(element, Rule { action, seen: Cell::new(false) });
        }
        let parents: BTreeMap<String, String> = types
            .iter_mut()
            .filter_map(|(of, rules)| Some((of.clone(), rules.remove("(extends)")?.action)))
            .collect();
        for of in types.keys().cloned().collect::<Vec<_>>() {
            let mut parent = parents.get(&of);
            while let Some(name) = parent {
                for (element, rule) in types[name].clone() {
                    types.get_mut(&of).unwrap().entry(element).or_insert(rule);
                }
                parent = parents.get(name);
            }
        }
        let extensions =
            columns(extensions).into_iter().map(|[_, disposition, url]| (url, disposition));
        Self { types, extensions: extensions.collect() }
    }

    /// The elements that did not occur, of all types that can.
    fn unseen(&self) -> Vec<String> {
        let types = self
            .types
            .iter()
            .filter(|(of, _)| !matches!(of.as_str(), "Resource" | "DomainResource" | "Element"));
        types
            .flat_map(|(of, rules)| {
                let unseen = rules.iter().filter(|(_, rule)| !rule.seen.get());
                unseen.map(move |(element, _)| format!("{of}.{element}"))
            })
            .collect()
    }
}

/// The rows of a CSV file of three columns, without its heading.
fn columns(csv: &str) -> Vec<[String; 3]> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    reader.records().map(|row| row.unwrap()).map(|row| [0, 1, 2].map(|at| row[at].into())).collect()
}

/// A walk along the allow-list.
struct PolicyWalk<'p> {
    policy: &'p Policy,
    /// All text that is kept, a line each.
    kept: String,
}

/// Where a walk is.
#[derive(Clone, Copy)]
struct PolicyPlace<'a> {
    of: &'a str,
    /// Inside the type: empty, or a backbone element's path and a dot.
    prefix: &'a str,
    inside_extension: bool,
}

impl<'p> PolicyWalk<'p> {
    fn resource(&mut self, resource: &Value) {
        let of = resource["resourceType"].as_str().unwrap_or_default();
        let of = if self.policy.types.contains_key(of) { of } else { "Resource" };
        self.object(PolicyPlace { of, prefix: "", inside_extension: false }, resource);
    }

    fn object(&mut self, place: PolicyPlace, object: &Value) {
        let policy: &'p Policy = self.policy;
        let rules = &policy.types[place.of];
        let path = |name: &str| match place.prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}{name}"),
        };
        for (name, value) in object.as_object().into_iter().flat_map(|members| members.iter()) {
            if let Some(primitive) = name.strip_prefix('_') {
                if rules.contains_key(&path(primitive)) {
                    let element = PolicyPlace { of: "Element", prefix: "", ..place };
                    items(value).for_each(|item| self.object(element, item));
                }
                continue;
            }
            let path = path(name);
            // A part without a type of its own has BackboneElement's elements besides.
            let part =
                policy.types["BackboneElement"].get(name).filter(|_| !place.prefix.is_empty());
            for item in items(value).filter(|item| !item.is_null()) {
                match rules.get(&path).or(part) {
                    Some(rule) => {
                        if self.element(place, rule, object, item) {
                            rule.seen.set(true);
                        }
                    }
                    None => {
                        let prefix = format!("{path}.");
                        let mut below = rules.range(prefix.clone()..);
                        if below.next().is_some_and(|(element, _)| element.starts_with(&prefix)) {
                            self.object(PolicyPlace { prefix: &prefix, ..place }, item);
                        }
                    }
                }
            }
        }
    }

    /// Whether an element is kept; walks the elements in it.
    fn element(&mut self, place: PolicyPlace, rule: &Rule, parent: &Value, item: &Value) -> bool {
        let mut parts = rule.action.split(';');
        let action = parts.next().unwrap_or_default();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        match action {
            "Resource" => self.resource(item),
            "Extension" => {
                let fate = self.policy.extensions.get(&text(item, "url"));
                if !place.inside_extension && fate.is_none_or(|fate| fate != "keep") {
                    return false;
                }
                self.object(PolicyPlace { of: action, prefix: "", inside_extension: true }, item);
            }
            _ if action.starts_with(char::is_uppercase) => {
                let systems: Vec<&str> =
                    parts.filter_map(|part| part.strip_prefix("system=")).collect();
                let system = text(item, "system");
                if !systems.is_empty() && !systems.contains(&system.as_str()) {
                    return false;
                }
                self.object(PolicyPlace { of: action, prefix: "", ..place }, item);
            }
            "val" | "philter" | "check-system" | "zip" | "resource-type" => {
                let own = action == "check-system"
                    && text(parent, "system").starts_with("urn:oid:1.2.840.114350.");
                if let Some(text) = item.as_str().filter(|_| !own) {
                    self.kept.push_str(text);
                    self.kept.push('\n');
                }
            }
            "mask" | "mask-note" | "anon-id" | "anon-ref" | "year" => {}
            other => panic!("unknown action {other}"),
        }
        item.as_str().is_none_or(|text| !text.trim().is_empty())
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let list = value.as_array();
    list.into_iter().flatten().chain(list.is_none().then_some(value))
}

#[test]
fn all_that_is_kept_occurs_and_names_no_one() {
    let policy = Policy::read();
    let mut walk = PolicyWalk { policy: &policy, kept: String::new() };
    let mut urls = BTreeSet::new();
    for (kind, lines) in LINES.iter() {
        lines.iter().filter_map(|line| usable(line, *kind)).for_each(|row| walk.resource(&row));
        // Anywhere: some stand on elements that are dropped as a whole, a name or a phone number.
        for line in lines {
            let found = line.split("\"url\":\"").skip(1).filter_map(|rest| rest.split('"').next());
            urls.extend(found.filter(|url| url.contains("://")));
        }
    }
    let unseen = policy.unseen();
    assert!(unseen.is_empty(), "{} elements never occur: {unseen:#?}", unseen.len());
    let unseen: Vec<_> =
        policy.extensions.keys().filter(|url| !urls.contains(url.as_str())).collect();
    assert!(unseen.is_empty(), "extensions never occur: {unseen:#?}");
    let unknown = urls.iter().filter(|url| !policy.extensions.contains_key(**url)).count();
    assert!(unknown > 4, "{unknown} unknown extensions");
    for word in identifying_words() {
        let line = walk.kept.find(word).and_then(|at| walk.kept[at..].lines().next());
        assert!(line.is_none(), "kept text names someone: {line:?}");
    }
}

#[test]
fn all_that_studies_read_occurs() {
    let facts = need!(needs::shared("spec/core-facts.json"));
    let facts = fs::read_to_string(facts).unwrap();
    let facts: Value = sonic_rs::from_str(&facts).unwrap();
    for (kind, lines) in LINES.iter() {
        let rows: Vec<Value> = lines.iter().filter_map(|line| usable(line, *kind)).collect();
        let source = kind.name().to_lowercase();
        for (table, fact) in facts["dn"].as_object().unwrap().iter() {
            if fact["source_table"].as_str() == Some(&source) {
                concepts_occur(&rows, table, fact);
            }
        }
        for (table, shape) in facts["expected"].as_object().unwrap().iter() {
            if *table == source {
                shape_occurs(rows.iter().collect(), shape, table);
            }
        }
        if *kind == RowType::Patient {
            for (table, fact) in facts["ext"].as_object().unwrap().iter() {
                extension_occurs(&rows, table, fact);
            }
        }
    }
}

/// Checks that a table of concepts finds all of a Coding, and each code system that it prefers.
fn concepts_occur(rows: &[Value], table: &str, fact: &Value) {
    let path: Vec<&str> =
        items(&fact["column_hierarchy"]).filter_map(|step| step[0].as_str()).collect();
    let found: Vec<&Value> = rows.iter().flat_map(|row| follow(row, &path)).collect();
    assert!(!found.is_empty(), "{table}: nothing at {path:?}");
    let codings: Vec<&Value> = match fact["kind"].as_str() {
        Some("CodingConfig") => found,
        _ => found.into_iter().flat_map(|concept| items(&concept["coding"])).collect(),
    };
    for member in ["code", "system", "display", "userSelected", "version"] {
        assert!(codings.iter().any(|coding| !coding[member].is_null()), "{table}: no {member}");
    }
    for pattern in items(&fact["code_systems"]).filter_map(|pattern| pattern.as_str()) {
        let mut systems = codings.iter().filter_map(|coding| coding["system"].as_str());
        assert!(systems.any(|system| like(system, pattern)), "{table}: no code of {pattern}");
    }
}

/// Checks that each part of an extension of extensions occurs.
fn extension_occurs(patients: &[Value], table: &str, fact: &Value) {
    let extensions: Vec<&Value> = patients
        .iter()
        .flat_map(|row| items(&row["extension"]))
        .filter(|extension| extension["url"] == fact["fhir_extension"])
        .collect();
    let parts = |extension: &Value, url: &str| {
        items(&extension["extension"]).filter(|part| part["url"].as_str() == Some(url)).count()
    };
    for url in items(&fact["ext_systems"]).filter_map(|url| url.as_str()).chain(["text"]) {
        assert!(extensions.iter().any(|extension| parts(extension, url) > 0), "{table}: no {url}");
    }
    let several = extensions.iter().any(|extension| parts(extension, "ombCategory") > 1);
    assert!(several || table.ends_with("ethnicity"), "{table}: never two categories");
}

/// The values at `path`, whose case is not told apart.
fn follow<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    let Some((step, rest)) = path.split_first() else { return vec![value] };
    let members = value.as_object().into_iter().flat_map(|members| members.iter());
    members
        .filter(|(name, _)| name.eq_ignore_ascii_case(step))
        .flat_map(|(_, value)| items(value))
        .flat_map(|value| follow(value, rest))
        .collect()
}

/// SQL's LIKE with `%` only.
fn like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('%') {
        Some((head, tail)) => text.starts_with(head) && text.ends_with(tail),
        None => text == pattern,
    }
}

/// Checks that each leaf of a shape occurs in some of the values.
fn shape_occurs(values: Vec<&Value>, shape: &Value, place: &str) {
    let names = shape.as_array().into_iter().flatten().filter_map(|name| name.as_str());
    let members = shape.as_object().into_iter().flat_map(|members| members.iter());
    let names = names.map(|name| (name, None)).chain(members.map(|(name, at)| (name, Some(at))));
    for (name, below) in names {
        // De-identification writes the extension that masks a note.
        if name == "_data" {
            continue;
        }
        let found: Vec<&Value> =
            values.iter().flat_map(|value| follow(value, &[name.trim()])).collect();
        assert!(!found.is_empty(), "nothing at {place}.{name}");
        if let Some(below) = below {
            shape_occurs(found, below, &format!("{place}.{name}"));
        }
    }
}
