//! The formats that tables are written in.

use std::fmt;

use super::deltalake::Deltalake;
use super::files::{Csv, Ndjson, Parquet};
use super::table_format::TableFormat;

/// One of the formats that tables are written in.
#[derive(Clone, Copy)]
pub struct OutputFormat(&'static dyn TableFormat);

impl OutputFormat {
    /// All formats, in the order in which they are told.
    pub const ALL: &'static [Self] = &[Self::DELTALAKE, Self::PARQUET, Self::CSV, Self::NDJSON];

    /// A Delta Lake table.
    pub const DELTALAKE: Self = Self(&Deltalake);
    /// Parquet files.
    pub const PARQUET: Self = Self(&Parquet);
    /// CSV files.
    pub const CSV: Self = Self(&Csv);
    /// NDJSON files.
    pub const NDJSON: Self = Self(&Ndjson);

    /// The names of all formats, with commas.
    pub fn list_names() -> String {
        Self::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
    }

    /// The format of this name, if there is one.
    pub fn find_named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// The name that `--output-format` takes.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The format's implementation.
    pub fn table_format(self) -> &'static dyn TableFormat {
        self.0
    }
}

impl PartialEq for OutputFormat {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for OutputFormat {}

impl fmt::Debug for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_a_name_of_its_own_and_knows_its_own_files_only() {
        for format in OutputFormat::ALL {
            assert_eq!(OutputFormat::find_named(format.name()), Some(*format));
            let file = format!("patient.000.{}", format.name());
            let makers = OutputFormat::ALL.iter().filter(|maker| {
                let (maker, files) = (maker.table_format(), [file.clone()]);
                let knows = maker.knows_table("patient", &[], &files);
                assert_eq!(knows, maker.makes_file("patient", &file), "{file}");
                knows
            });
            assert!(makers.count() <= 1, "{file}");
            assert!(OutputFormat::list_names().split(", ").any(|name| name == format.name()));
        }
        assert_eq!(OutputFormat::find_named("orc"), None);
    }
}
