//! The options of an export, and its summary.

use std::collections::BTreeMap;

/// The options of the export to generate.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// How many patients; on average some 170 rows and 0.4 MB each.
    pub patients: u64,
    /// The seed that everything follows from.
    pub seed: u64,
    /// When a file has this many rows, the next one is begun (`Type.001.ndjson`).
    pub rows_per_file: u64,
    /// Some rows come twice, some are broken, some are right but spelled in ways that Cumulus ETL 4
    /// rejects. Without flaws it takes every row.
    pub flaws: bool,
    /// Every element that de-identification keeps occurs in some row, in all the places that it
    /// may stand in. No hospital has all of it: the tables get several times as wide.
    pub every_element: bool,
    /// `Type.000.ndjson.gz` instead of `Type.000.ndjson`.
    pub gzip: bool,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            patients: 1_000,
            seed: 1,
            rows_per_file: 250_000,
            flaws: true,
            every_element: false,
            gzip: false,
        }
    }
}

/// The files and rows that were generated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DemoSummary {
    /// Files, the log included.
    pub files: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
    /// Usable rows per type, duplicates included.
    pub rows: BTreeMap<&'static str, u64>,
    /// Usable rows whose id another row of the type has, too: `rows` less these are distinct ids.
    pub duplicates: u64,
    /// Rows that have to be rejected; they are in no other count.
    pub broken: u64,
    /// Entries in `deleted/`.
    pub deleted: u64,
    /// Those of them that name a row of this export.
    pub deleted_here: u64,
}
