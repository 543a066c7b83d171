//! Statements that are filled in: `.sql.jinja`.

use std::collections::BTreeMap;
use std::fs;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use super::Options;
use crate::error::{Error, Exit, Result};
use crate::study::manifest::Manifest;
use crate::study::source::Source;

/// Steps that a template may take to be filled in. Each 64 bytes that it makes are one, too.
const FUEL: u64 = 4_000_000;
/// Bytes of what a template becomes, as of other statements.
const TEXT: usize = 8 << 20;

/// Templates of a study, and what they are filled in with.
pub struct Templates {
    environment: Environment<'static>,
    variables: BTreeMap<String, Value>,
}

impl Templates {
    /// Variables are `study_prefix` (and `prefix`), the manifest's `subject_grain_column`, and those
    /// of the command line, which win. Templates of the study's folder can be included by their
    /// names.
    pub fn new(study: &Manifest, options: &Options) -> Result<Self> {
        let mut environment = Environment::new();
        // A name that is misspelled must not become nothing.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let folder = study.path.parent().unwrap_or(std::path::Path::new("."));
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".jinja") && !entry.path().is_dir() {
                let source = Source::read(&study.root, &entry.path())?;
                // One that is broken is an error where it is used.
                let _ = environment.add_template_owned(name, source.text().to_owned());
            }
        }
        let mut variables: BTreeMap<String, Value> = BTreeMap::new();
        for name in ["study_prefix", "prefix"] {
            variables.insert(name.to_owned(), Value::from(&*study.prefix));
        }
        if let Some(column) = &study.subject_grain_column {
            variables.insert("subject_grain_column".to_owned(), Value::from(column.clone()));
        }
        let given = options.variables.iter();
        variables.extend(given.map(|(name, value)| (name.clone(), Value::from(value.clone()))));
        Ok(Self { environment, variables })
    }

    /// Fills in a template.
    pub fn fill(&self, source: &Source, name: &str) -> Result<String> {
        let filled = self.environment.render_named_str(name, source.text(), &self.variables);
        let filled = filled.map_err(|error| {
            let line = error.line().unwrap_or(1);
            let why = match error.kind() {
                ErrorKind::UndefinedError => format!(
                    "a variable of the template is not defined{}; give it with -o name:value",
                    error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default()
                ),
                ErrorKind::OutOfFuel => {
                    "this takes far too long to fill in, or becomes far too large: does a loop end?"
                        .to_owned()
                }
                _ => match error.detail() {
                    Some(detail) => format!("{}: {detail}", error.kind()),
                    None => error.kind().to_string(),
                },
            };
            match error.name() {
                Some(other) if other != name => {
                    Error::new(Exit::StudyInvalid, format!("{other}:{line}: {why}"))
                }
                _ => source.fault(line, why),
            }
        })?;
        match filled.len() > TEXT {
            true => {
                Err(source.fault(1, format!("this becomes more than {TEXT} bytes of statements")))
            }
            false => Ok(filled),
        }
    }
}
