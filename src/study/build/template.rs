//! Statements that are filled in: `.sql.jinja`.

use std::collections::BTreeMap;
use std::fs;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use super::BuildOptions;
use crate::error::{Error, Result, StudyFault};
use crate::study::manifest::Manifest;
use crate::study::source::Source;
use crate::threads::catch_panic;

/// Steps that a template may take to be filled in. Each 64 bytes that it makes are one, too.
// So all texts that a template makes on the way have 256 MB at most together.
const FUEL: u64 = 4_000_000;
/// Bytes of the text that a template becomes, as of other statements.
const TEXT: usize = 8 << 20;

/// The byte of the first `{% import … as` that no name follows. The reader of templates takes any
/// expression there, and panics if the expression can't be assigned to. The build would report such a
/// panic as a fault of the study, too, but without the line and the reason.
fn find_odd_import(text: &str) -> Option<usize> {
    let blocks = text.match_indices("{%");
    let mut odd = blocks.filter(|(at, mark)| is_odd_import(&text[at + mark.len()..]));
    odd.next().map(|(at, _)| at)
}

/// Whether a block, from its begin on, is such an import.
fn is_odd_import(block: &str) -> bool {
    let is_inner = |c: char| c.is_alphanumeric() || c == '_';
    let block = block.trim_start_matches(['-', '+']).trim_start();
    let Some(mut rest) = block.strip_prefix("import").filter(|rest| !rest.starts_with(is_inner))
    else {
        return false;
    };
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return false };
        let (token, after) = match first {
            '\'' | '"' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let ends = *c == first && !escaped;
                    escaped = *c == '\\' && !escaped;
                    ends
                });
                rest.split_at(end.map_or(rest.len(), |(end, _)| end + 1))
            }
            _ if rest.starts_with("%}") => return false,
            first if is_inner(first) => {
                rest.split_at(rest.find(|c| !is_inner(c)).unwrap_or(rest.len()))
            }
            first => rest.split_at(first.len_utf8()),
        };
        // After a number a word may follow without a blank: `1as` are two.
        let is_as = token == "as" || (token.ends_with("as") && first.is_ascii_digit());
        if is_as {
            let name = after.trim_start();
            let end = name.find(|c| !is_inner(c)).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            let after = after.trim_start();
            let ends = ["%}", "-%}", "+%}", "with", "without"];
            return name.is_empty()
                || name.starts_with(|c: char| c.is_numeric())
                || ["true", "false", "none", "True", "False", "None", "not"].contains(&name)
                || !ends.iter().any(|end| after.starts_with(end));
        }
        rest = after;
    }
}

/// Has a template of a study read or filled in.
///
/// # Errors
/// The library that does it has panicked.
fn catch_fault<T>(name: &impl std::fmt::Display, work: impl FnOnce() -> T) -> Result<T> {
    catch_panic(work).ok_or_else(|| {
        let why = "this can't be read as a template: the reader of templates has failed on it";
        Error::new(StudyFault::Definition, format!("{name}: {why}"))
    })
}

/// Templates of a study, and the values that they are filled in with.
pub struct Templates {
    environment: Environment<'static>,
    variables: BTreeMap<String, Value>,
}

impl Templates {
    /// Variables are `study_prefix` (and `prefix`), the manifest's `subject_grain_column`, and those
    /// of the command line, which win. Templates of the study's folder can be included by their
    /// names.
    pub fn new(study: &Manifest, options: &BuildOptions) -> Result<Self> {
        let mut environment = Environment::new();
        // Otherwise a variable that is misspelled is an empty text, and may leave SQL that runs.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let folder = study.path.parent().unwrap_or(std::path::Path::new("."));
        // A folder that can't be listed has no templates: an `include` then says that its own is not
        // there.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".jinja") && !entry.path().is_dir() {
                let source = Source::read(&study.root, &entry.path())?;
                // A broken one must not fail builds that do not use it. Where it is used, it is not found.
                if find_odd_import(source.text()).is_some() {
                    continue;
                }
                let text = source.text().to_owned();
                let shown = source.path().display();
                let _ = catch_fault(&shown, || environment.add_template_owned(name, text))?;
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
    pub fn fill_template(&self, source: &Source, name: &str) -> Result<String> {
        if let Some(at) = find_odd_import(source.text()) {
            let why = "what a template imports is given a name: {% import 'file' as name %}";
            return Err(source.fault_in_line(source.line_at(at), why));
        }
        let filled = catch_fault(&source.path().display(), || {
            self.environment.render_named_str(name, source.text(), &self.variables)
        })?;
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
                // The line is one of the template that was included, not of `source`.
                Some(other) if other != name => {
                    Error::new(StudyFault::Definition, format!("{other}:{line}: {why}"))
                }
                _ => source.fault_in_line(line, why),
            }
        })?;
        match filled.len() > TEXT {
            true => Err(source
                .fault_in_line(1, format!("this becomes more than {TEXT} bytes of statements"))),
            false => Ok(filled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_have_names() {
        for odd in [
            "{% import 'm' as m %endmacro %}",
            "a\n{%- import 'm' as 1 %}",
            "{%import'm'as'x'%}",
            "{% import m as m + 1 %}",
            "{% import \"a\\\" as m\" as [1] %}",
            "{% import 'as m' ~ 'b' as f() %}",
            "{% import 'm' as true %}",
            "{% import 'm' as not m %}",
            "{% import 'm' as m.a[0] %}",
            "{% import 'm' as",
            "{% import 1as 2 %}",
            "{% import m[0xas]as 1 %}",
            "{% import 1_0as 2 %}",
        ] {
            assert!(find_odd_import(odd).is_some(), "{odd}");
        }
        for good in [
            "{% import 'm' as m %}{% from 'm' import a as b %}",
            "{%+import 'as 1' as name_1 without context -%}",
            "{% import 'm' as m with context %} as 1",
            "import as 1 {% if import as %}{% important as 1 %}",
            "{% import",
            "{% import m[1]as m %}{% import 1as m %}{% import 'm' ~ x1as as m %}",
        ] {
            assert_eq!(find_odd_import(good), None, "{good}");
        }
    }

    #[test]
    fn panics_of_the_reader_are_faults_of_the_study() {
        let mut environment = Environment::new();
        environment.add_function("fall", || -> String { panic!("Smith-Secret") });
        environment.add_template("own.jinja", "{{ fall() }}").unwrap();
        let templates = Templates { environment, variables: BTreeMap::new() };
        for text in ["{{ fall() }}", "{% include 'own.jinja' %}"] {
            let source = Source::from_text("studies/s/a.sql.jinja", text);
            let error = templates.fill_template(&source, "a.sql.jinja").unwrap_err();
            assert_eq!(error.kind(), StudyFault::Definition.into());
            let shown = error.to_string();
            assert!(shown.starts_with("studies/s/a.sql.jinja: "), "{shown}");
            assert!(!shown.contains("Secret"), "{shown}");
        }
    }
}
