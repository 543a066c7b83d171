//! Workflow files (`.workflow`, `.toml`): their kinds, and the tables that they make.

use serde::Deserialize;
use toml::Spanned;

use super::counts::{self, CountsTable};
use super::source::Source;
use super::upload::{self, UploadTable};
use crate::error::Result;

/// The tables that a workflow makes.
#[derive(Clone, Debug)]
pub enum Workflow {
    /// Tables of counts.
    Counts(Vec<CountsTable>),
    /// Tables of files.
    Upload(Vec<UploadTable>),
}

/// The one key that all kinds share; the others are checked by each kind.
#[derive(Deserialize)]
struct WorkflowType {
    config_type: Spanned<String>,
}

impl Workflow {
    /// Reads a workflow by its `config_type`.
    pub fn read(source: &Source) -> Result<Self> {
        // The text is read twice, as the type says which of its keys are unknown.
        let kind: WorkflowType = source.read_toml()?;
        match kind.config_type.get_ref().as_str() {
            "counts" => counts::read(source).map(Self::Counts),
            "file_upload" => upload::read(source).map(Self::Upload),
            other => Err(source.fault_at(
                &kind.config_type,
                format!(
                    "workflows of type '{other}' do not run here; 'counts' and 'file_upload' do"
                ),
            )),
        }
    }

    /// The names of its tables, as they are written, with their lines.
    pub fn table_names(&self) -> Vec<(String, usize)> {
        match self {
            Self::Counts(tables) => tables.iter().map(|t| (t.name.clone(), t.line)).collect(),
            Self::Upload(tables) => {
                let named = |t: &UploadTable| t.list_tables().into_iter().map(|(name, _)| name);
                tables.iter().flat_map(|t| named(t).map(|name| (name, t.line))).collect()
            }
        }
    }
}
