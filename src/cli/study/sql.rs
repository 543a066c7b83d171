//! `cumulus-etl study sql`

use std::io::{BufWriter, Write};

use arrow::array::RecordBatch;
use arrow::json::WriterBuilder;
use arrow::json::writer::JsonArray;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clap::{Args, ValueEnum};

use super::database::{DatabaseArgs, InputArgs};
use super::row_layout::{Layout, lay_out_rows};
use crate::cli::Process;
use crate::cli::logging::LoggingArgs;
use crate::cli::printing::Out;
use crate::error::{Context, Result};
use crate::study::engine::Rows;
use crate::text::escape_lines;
use crate::ui;

/// Rows that a table on the screen has at most.
const SHOWN: usize = 200;

/// Options of `study sql`.
#[derive(Args, Debug)]
pub struct SqlArgs {
    /// A query in Athena's SQL; it can't change anything
    #[arg(value_name = "QUERY")]
    query: String,
    /// How rows are shown
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    logging: LoggingArgs,
}

/// How rows are shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// for the screen, the first 200 rows
    Table,
    /// all rows, a null as an empty cell
    Csv,
    /// all rows as one list of objects
    Json,
}

impl SqlArgs {
    /// Runs the query and prints its rows.
    pub fn run(self, process: &Process) -> Result<()> {
        self.logging.init(&process.console);
        process.handle_signals()?;
        let opened = self.database.open_to_read(process, &self.input)?;
        let rows = opened.engine.run_query(&self.query)?;
        let mut out = BufWriter::new(Out::default());
        let printed = match self.format {
            Format::Table => write_table(rows, ui::terminal_width(), &mut out),
            Format::Csv => write_csv(rows, &mut out),
            Format::Json => write_json(rows, &mut out),
        };
        let printed = printed.and_then(|()| out.flush().context("cannot print"));
        let (out, _) = out.into_parts();
        out.unless_closed(printed)
    }
}

fn write_table(rows: Rows, width: Option<usize>, out: &mut impl Write) -> Result<()> {
    let Rows { schema, batches } = rows;
    let mut shown: Vec<RecordBatch> = Vec::new();
    let (mut count, mut more) = (0, false);
    for batch in batches {
        let batch = batch?;
        let left = SHOWN - count;
        more = batch.num_rows() > left;
        let batch = batch.slice(0, batch.num_rows().min(left));
        count += batch.num_rows();
        shown.push(batch);
        if more {
            break;
        }
    }
    let Layout { text, is_cut } = lay_out_rows(&schema, &shown, width)?;
    // Columns and values are words of strangers, too.
    writeln!(out, "{}", escape_lines(&text)).context("cannot print")?;
    let note = if more { "the first " } else { "" };
    let rest = match (more, is_cut) {
        (false, false) => "",
        (true, false) => "; for all of them: --format csv or json",
        (false, true) => "; cells are cut, for whole ones: --format csv or json",
        (true, true) => "; cells are cut, for all rows and whole cells: --format csv or json",
    };
    writeln!(out, "{note}{}{rest}", ui::format_count(count as u64, "row")).context("cannot print")
}

fn write_csv(rows: Rows, out: &mut impl Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(rows.schema.fields().iter().map(|field| field.name()))
        .context("cannot print")?;
    let options = FormatOptions::default().with_null("");
    for batch in rows.batches {
        let batch = batch?;
        let formatters: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<_, _>>()
            .context("cannot print")?;
        for row in 0..batch.num_rows() {
            let cells = formatters.iter().map(|formatter| formatter.value(row).to_string());
            csv.write_record(cells).context("cannot print")?;
        }
    }
    csv.flush().context("cannot print")
}

fn write_json(rows: Rows, out: &mut impl Write) -> Result<()> {
    // All objects have all columns: a reader need not look at every row to know them.
    let mut json = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(&mut *out);
    for batch in rows.batches {
        json.write(&batch?).context("cannot print")?;
    }
    json.finish().context("cannot print")?;
    drop(json);
    writeln!(out).context("cannot print")
}
