//! The allow-list, compiled once into a tree (spec: "De-identification").
//!
//! `policy/elements.csv` and `policy/extensions.csv` are the policy; this module only resolves
//! inheritance and joins each element with its R4 definition, so that a row is walked with one
//! look-up per field.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cumulus_base::error::{Error, Result};
use cumulus_fhir::{self as fhir, Element, Kind, Type};
use hashbrown::{HashMap, HashSet};

const ELEMENTS: &str = include_str!("policy/elements.csv");
const EXTENSIONS: &str = include_str!("policy/extensions.csv");

/// Index of an object's rules in [`Policy::rules_by_id`].
pub type RulesId = usize;

/// The compiled allow-list.
pub struct Policy {
    rules: Vec<Rules>,
    by_type: HashMap<&'static str, RulesId>,
    extensions: HashMap<&'static str, Disposition>,
    modifiers: HashSet<&'static str>,
}

/// The rules for an object: the elements that may be kept.
pub struct Rules {
    /// The R4 type or backbone path, or the policy's name where R4 has no such type.
    pub name: &'static str,
    /// The R4 definition that the table's columns follow.
    pub r4: Option<&'static Type>,
    fields: HashMap<&'static str, Field>,
    /// Whether `code` and `display` are subject to `check-system`.
    pub checks_system: bool,
    /// Whether an element of it is masked into its `_name` sibling.
    pub masks: bool,
}

/// One element of an object, or its `_name` sibling.
pub struct Field {
    /// The JSON name.
    pub name: &'static str,
    /// The column number within [`Rules::r4`]: twice the element's index, plus one for its
    /// `_name` sibling. `None` outside R4: such an element has no column.
    pub column: Option<usize>,
    /// Its definition in R4; `None` outside R4.
    pub element: Option<&'static Element>,
    /// Whether this is a `_name` sibling.
    pub sibling: bool,
    /// The action on its value.
    pub action: Action,
}

/// The action on an element's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// R4 knows it, the allow-list does not.
    Drop,
    /// Descend.
    Object {
        /// Rules of the object.
        rules: RulesId,
        /// Kept only if its `system` is one of these; empty: always.
        systems: Vec<&'static str>,
    },
    /// Descend with the rules of the resource's own type (`contained`).
    Resource,
    /// Descend if the URL is allowed.
    Extension {
        /// An unknown one rejects the row.
        modifier: bool,
    },
    /// A scalar.
    Scalar {
        /// Guarded by `check-system`.
        check: Option<Check>,
        /// The action proper.
        then: Scalar,
    },
}

/// Which side of a Coding `check-system` guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `code`.
    Code,
    /// `display`.
    Display,
}

/// The action on a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Keep it.
    Keep,
    /// Drop it and say so at the `_name` sibling.
    Mask,
    /// Hash it.
    AnonId,
    /// Hash the ID in it.
    AnonRef,
    /// The year of a date; anything else is dropped.
    Year,
    /// The first three digits of a US ZIP code; anything else is masked.
    Zip,
    /// The name of a resource type; anything else is dropped.
    ResourceType,
}

impl Scalar {
    /// Whether a value may have to be masked into the element's `_name` sibling.
    pub fn may_mask(self) -> bool {
        matches!(self, Self::Mask | Self::Zip)
    }
}

/// The policy's rule for an extension, by its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Kept.
    Keep,
    /// Dropped, and known to be of no use: not counted.
    DropSilently,
    /// Dropped and counted.
    Unknown,
}

impl Policy {
    /// The policy of this build. Parsed once per process.
    pub fn built_in() -> &'static Self {
        static POLICY: LazyLock<Policy> = LazyLock::new(|| {
            Compiler::compile_policy(ELEMENTS, EXTENSIONS).expect("the built-in policy is tested")
        });
        &POLICY
    }

    /// The rules of a resource type; of `Resource` where the policy does not name the type.
    pub fn resource_rules(&self, resource_type: &str) -> &Rules {
        let id = self.by_type.get(resource_type).unwrap_or(&self.by_type["Resource"]);
        &self.rules[*id]
    }

    /// The rules with this index.
    pub fn rules_by_id(&self, id: RulesId) -> &Rules {
        &self.rules[id]
    }

    /// The rules of extensions.
    pub fn extension_rules(&self) -> &Rules {
        &self.rules[self.by_type["Extension"]]
    }

    /// The name in the policy's own memory of a resource type with rules of its own.
    pub fn type_name(&self, name: &str) -> Option<&'static str> {
        self.by_type.get_key_value(name).map(|(name, _)| *name)
    }

    /// The rule for an extension with this URL.
    pub fn extension_disposition(&self, url: &str) -> Disposition {
        self.extensions.get(url).copied().unwrap_or(Disposition::Unknown)
    }

    /// Whether a modifier extension with this URL is understood.
    pub fn is_modifier_known(&self, url: &str) -> bool {
        self.modifiers.contains(url)
    }
}

impl Rules {
    /// The field of this JSON name; `None` for a name that neither R4 nor the policy knows.
    pub fn field_named(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }
}

/// A type's own entries, by path below it.
type Entries = BTreeMap<&'static str, &'static str>;

struct Compiler {
    parents: HashMap<&'static str, &'static str>,
    entries: HashMap<&'static str, Entries>,
    rules: Vec<Rules>,
    by_type: HashMap<&'static str, RulesId>,
}

impl Compiler {
    fn compile_policy(elements: &'static str, extensions: &'static str) -> Result<Policy> {
        let mut compiler = Self {
            parents: HashMap::new(),
            entries: HashMap::new(),
            rules: Vec::new(),
            by_type: HashMap::new(),
        };
        for line in elements.lines().skip(1) {
            let mut parts = line.splitn(3, ',');
            let (Some(owner), Some(element), Some(action)) =
                (parts.next(), parts.next(), parts.next())
            else {
                return Err(Error::failed(format!("policy: cannot read '{line}'")));
            };
            if element == "(extends)" {
                compiler.parents.insert(owner, action);
            }
            let own = compiler.entries.entry(owner).or_default();
            if element != "(extends)" {
                own.insert(element, action);
            }
        }
        // Number all types first: they refer to each other, and to themselves.
        let mut names: Vec<_> = compiler.entries.keys().copied().collect();
        names.sort_unstable();
        for (id, name) in names.iter().enumerate() {
            compiler.by_type.insert(name, id);
            compiler.rules.push(Rules::without_fields(name));
        }
        for (id, name) in names.iter().enumerate() {
            let entries = compiler.inherited_entries(name)?;
            compiler.fill_rules(id, fhir::type_named(name), &entries)?;
        }
        let mut policy = Policy {
            rules: compiler.rules,
            by_type: compiler.by_type,
            extensions: HashMap::new(),
            modifiers: HashSet::new(),
        };
        for line in extensions.lines().skip(1) {
            match line.splitn(3, ',').collect::<Vec<_>>()[..] {
                ["extension", "keep", url] => policy.extensions.insert(url, Disposition::Keep),
                ["extension", "drop-silently", url] => {
                    policy.extensions.insert(url, Disposition::DropSilently)
                }
                ["modifierExtension", "keep", url] => {
                    policy.modifiers.insert(url);
                    None
                }
                _ => return Err(Error::failed(format!("policy: cannot read '{line}'"))),
            };
        }
        Ok(policy)
    }

    /// A type's entries with its ancestors'; the type's own win.
    fn inherited_entries(&self, name: &'static str) -> Result<Entries> {
        let mut all = Entries::new();
        let mut next = Some(name);
        while let Some(name) = next {
            let own = self.entries.get(name).ok_or_else(|| {
                Error::failed(format!("policy: no rules for the parent type '{name}'"))
            })?;
            for (path, action) in own {
                all.entry(path).or_insert(action);
            }
            next = self.parents.get(name).copied();
        }
        Ok(all)
    }

    fn fill_rules(
        &mut self,
        id: RulesId,
        r4: Option<&'static Type>,
        entries: &Entries,
    ) -> Result<()> {
        let mut fields = HashMap::new();
        let mut backbones: BTreeMap<&'static str, Entries> = BTreeMap::new();
        for (path, action) in entries {
            match path.split_once('.') {
                Some((head, rest)) => {
                    backbones.entry(head).or_default().insert(rest, action);
                }
                None => {
                    fields.insert(*path, self.parse_action(path, action)?);
                }
            }
        }
        for (name, mut own) in backbones {
            // Every backbone element has these by FHIR's definition, and the CSV does not repeat them.
            for (path, action) in self.inherited_entries("BackboneElement")? {
                own.entry(path).or_insert(action);
            }
            let element = r4.and_then(|r4| r4.element(name));
            let r4 = element.and_then(object_type);
            let rules = self.rules.len();
            self.rules.push(Rules::without_fields(r4.map_or(name, |r4| r4.name)));
            self.fill_rules(rules, r4, &own)?;
            fields.insert(name, Action::Object { rules, systems: Vec::new() });
        }
        self.rules[id] = self.finish_rules(self.rules[id].name, r4, fields);
        Ok(())
    }

    fn finish_rules(
        &self,
        name: &'static str,
        r4: Option<&'static Type>,
        mut actions: HashMap<&'static str, Action>,
    ) -> Rules {
        let mut rules = Rules::without_fields(name);
        rules.r4 = r4;
        rules.checks_system =
            actions.values().any(|action| matches!(action, Action::Scalar { check: Some(_), .. }));
        rules.masks = actions
            .values()
            .any(|action| matches!(action, Action::Scalar { then, .. } if then.may_mask()));
        let element_rules = self.by_type["Element"];
        let known = r4.map_or(&[][..], |r4| r4.elements);
        for element in known {
            // An element that R4 knows and the allow-list does not name is dropped without a
            // word. Without this entry it would be counted as one that R4 does not know.
            actions.entry(element.name).or_insert(Action::Drop);
        }
        for (name, action) in actions {
            let index = known.iter().position(|element| element.name == name);
            let element = index.map(|index| &known[index]);
            let sibling_action = match action {
                Action::Drop => Action::Drop,
                _ => Action::Object { rules: element_rules, systems: Vec::new() },
            };
            // Once a process, as the policy itself: rows then hold names without a clone.
            let sibling_name: &'static str = Box::leak(format!("_{name}").into_boxed_str());
            let column = index.map(|index| 2 * index);
            for field in [
                Field { name, column, element, sibling: false, action },
                Field {
                    name: sibling_name,
                    column: column.map(|column| column + 1),
                    element,
                    sibling: true,
                    action: sibling_action,
                },
            ] {
                rules.fields.insert(field.name, field);
            }
        }
        rules
    }

    fn parse_action(&self, path: &'static str, action: &'static str) -> Result<Action> {
        let unknown =
            || Error::failed(format!("policy: '{path}' has an unknown action '{action}'"));
        if action.starts_with(char::is_uppercase) {
            let mut parts = action.split(';');
            let name = parts.next().unwrap_or_default();
            let systems = parts
                .map(|part| part.strip_prefix("system=").ok_or_else(unknown))
                .collect::<Result<Vec<_>>>()?;
            return match name {
                "Resource" => Ok(Action::Resource),
                "Extension" => Ok(Action::Extension { modifier: path == "modifierExtension" }),
                _ => {
                    let rules = *self.by_type.get(name).ok_or_else(unknown)?;
                    Ok(Action::Object { rules, systems })
                }
            };
        }
        let (check, action) = match action.strip_prefix("check-system;") {
            Some(rest) if path == "display" => (Some(Check::Display), rest),
            Some(rest) => (Some(Check::Code), rest),
            None => (None, action),
        };
        let then = match action {
            // Free text stays unless it is to be scrubbed, which is refused up front for now.
            "val" | "philter" => Scalar::Keep,
            "mask" | "mask-note" => Scalar::Mask,
            "anon-id" => Scalar::AnonId,
            "anon-ref" => Scalar::AnonRef,
            "year" => Scalar::Year,
            "zip" => Scalar::Zip,
            "resource-type" => Scalar::ResourceType,
            _ => return Err(unknown()),
        };
        Ok(Action::Scalar { check, then })
    }
}

impl Rules {
    fn without_fields(name: &'static str) -> Self {
        Self { name, r4: None, fields: HashMap::new(), checks_system: false, masks: false }
    }
}

/// The type of an object element.
pub fn object_type(element: &Element) -> Option<&'static Type> {
    match element.kind {
        Kind::Object(name) => fhir::type_named(name),
        _ => None,
    }
}
