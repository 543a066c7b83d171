//! `cumulus-etl study …`, which is `cumulus-library …` too.

mod build;
mod chosen;
mod clean;
mod database;
mod export;
mod import;
mod list;
mod row_layout;
mod sql;
mod upload;

use std::fmt::Write as _;

use clap::{Args, Parser, Subcommand};

use crate::cli::Process;
use crate::error::Result;
use crate::study::engine::TableInfo;
use crate::study::room;
use crate::ui::format_count;

/// The name of a link to this program that stands for its studies.
pub const LIBRARY: &str = "cumulus-library";

/// Options of `study`.
#[derive(Args, Debug)]
pub struct StudyArgs {
    #[command(subcommand)]
    command: StudyCommand,
}

#[derive(Debug, Subcommand)]
enum StudyCommand {
    /// Build tables of studies
    Build(Box<build::BuildArgs>),
    /// Write the tables of studies that are to be shared
    Export(Box<export::StudyExportArgs>),
    /// Make the tables of an export again
    Import(Box<import::ImportArgs>),
    /// Remove the tables of studies
    Clean(Box<clean::CleanArgs>),
    /// Check studies and show what they build and export; show what was built
    List(Box<list::ListArgs>),
    /// Look at tables
    Sql(Box<sql::SqlArgs>),
    /// Send exported studies to the Cumulus Aggregator
    ///
    /// First it checks that each export holds only counts and metadata, then it asks the Aggregator
    /// for a link, and sends the file there. A receipt, upload.json, is left beside the export.
    Upload(Box<upload::UploadArgs>),
}

/// Studies: from de-identified tables to counts that can be shared.
#[derive(Debug, Parser)]
#[command(name = LIBRARY, version, max_term_width = 100)]
pub struct Library {
    /// The words that follow the link's name.
    #[command(flatten)]
    pub study: StudyArgs,
}

impl StudyArgs {
    /// Does what the command line says.
    pub fn run(self, process: &Process) -> Result<()> {
        // All of the commands: even to list a study its statements are parsed, which may be long
        // chains.
        room::with_room(|| self.run_here(process))
    }

    fn run_here(self, process: &Process) -> Result<()> {
        match self.command {
            StudyCommand::Build(args) => args.run(process),
            StudyCommand::Export(args) => args.run(process),
            StudyCommand::Import(args) => args.run(process),
            StudyCommand::Clean(args) => args.run(process),
            StudyCommand::List(args) => args.run(process),
            StudyCommand::Sql(args) => args.run(process),
            StudyCommand::Upload(args) => args.run(process),
        }
    }
}

/// A line for each table, with its rows where they are known without a query.
fn describe_tables(tables: &[TableInfo]) -> String {
    let width = tables.iter().map(|table| table.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for TableInfo { name, rows } in tables {
        let _ = match rows {
            Some(rows) => writeln!(text, "  {name:width$}  {:>17}", format_count(*rows, "row")),
            None => writeln!(text, "  {name}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_nobody_has_counted_are_not_said_to_be_none() {
        let table = |name: &str, rows| TableInfo { name: name.to_owned(), rows };
        let text = describe_tables(&[table("s__long", Some(12)), table("s__a", None)]);
        assert_eq!(text, "  s__long            12 rows\n  s__a\n");
        assert_eq!(describe_tables(&[table("s__a", Some(0))]), "  s__a             0 rows\n");
    }
}
