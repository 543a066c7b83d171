//! A study's data dictionary: the meanings of its columns, as CSV, JSON or TOML.

use serde::Deserialize;

use crate::error::Result;
use crate::study::source::Source;

/// Types that dashboards know.
const TYPES: [&str; 8] = ["string", "integer", "float", "boolean", "day", "week", "month", "year"];

/// The meaning of a column.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The column.
    pub name: String,
    /// Its name for readers.
    pub display: Option<String>,
    /// Its content, in a sentence.
    pub description: Option<String>,
    /// More than that.
    pub details: Option<String>,
    /// `string`, `integer`, `float`, `boolean`, `day`, `week`, `month` or `year`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    fields: Vec<Term>,
}

/// Reads a dictionary by its ending. JSON and TOML have the rows in `fields`.
pub fn read(source: &Source) -> Result<Vec<Term>> {
    let ending = source.path().extension().and_then(|ending| ending.to_str()).unwrap_or("");
    let terms = match ending.to_ascii_lowercase().as_str() {
        "csv" => csv_rows(source)?,
        "json" => {
            let fields: Fields = serde_json::from_str(source.text())
                // serde_json says line 0 where it knows none.
                .map_err(|error| source.fault_in_line(error.line().max(1), error.to_string()))?;
            fields.fields
        }
        "toml" => source.read_toml::<Fields>()?.fields,
        _ => {
            return Err(source.fault_in_line(1, "a data dictionary is a .csv, .json or .toml file"));
        }
    };
    for term in &terms {
        if let Some(kind) = &term.kind
            && !TYPES.contains(&kind.as_str())
        {
            // A term keeps no place, as it is made of three formats. The first line with its name is a
            // guess.
            let line = source.text().lines().position(|line| line.contains(&term.name));
            let message =
                format!("type '{kind}' of '{}' is none of {}", term.name, TYPES.join(", "));
            return Err(source.fault_in_line(line.map_or(1, |line| line + 1), message));
        }
    }
    Ok(terms)
}

/// Rows of CSV; an empty cell is one that is not there.
fn csv_rows(source: &Source) -> Result<Vec<Term>> {
    let mut reader = csv::Reader::from_reader(source.text().as_bytes());
    reader
        .deserialize()
        .map(|row| {
            row.map_err(|error: csv::Error| {
                let line = error.position().map_or(1, csv::Position::line);
                source.fault_in_line(usize::try_from(line).unwrap_or(1), error.to_string())
            })
        })
        .collect()
}
