//! The formats that tables are written in.

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputFormat {
    /// A Delta Lake table.
    Deltalake,
    /// Parquet files.
    Parquet,
    /// CSV files.
    Csv,
    /// NDJSON files.
    Ndjson,
}

impl OutputFormat {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Deltalake, Self::Parquet, Self::Csv, Self::Ndjson];

    /// The name that `--output-format` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deltalake => "deltalake",
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}
