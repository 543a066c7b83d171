//! Rows of a query as text that fits the width of a terminal.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches_with_schema;
use console::{measure_text_width, truncate_str};

use crate::error::{Context, Result};
use crate::text::escape_controls;

/// Characters that a cut cell keeps at least. Where even these do not fit, each row is shown as a list.
const NARROWEST: usize = 12;
/// Characters of a column's name in a list.
const LONGEST_NAME: usize = 30;
/// The width of the text around each cell of a table (`| ` and a blank), and of the line's end.
const BORDER: usize = 3;
const CUT: &str = "…";

/// Rows as text, and whether some of their cells are cut.
pub(super) struct Layout {
    /// The rows. Each line fits the width, if there is one.
    pub text: String,
    /// Whether a cell is not whole.
    pub is_cut: bool,
}

/// Lays out rows as a table, with cells cut where the table would be wider than `width` characters. Where there
/// are too many columns for that, each row becomes a list of its columns.
///
/// # Errors
/// A value that cannot be shown.
pub(super) fn lay_out_rows(
    schema: &Arc<Schema>,
    batches: &[RecordBatch],
    width: Option<usize>,
) -> Result<Layout> {
    let whole =
        pretty_format_batches_with_schema(schema.clone(), batches).context("cannot print")?;
    let text = whole.to_string();
    let Some(width) = width else { return Ok(Layout { text, is_cut: false }) };
    if text.lines().all(|line| measure_text_width(line) <= width) {
        return Ok(Layout { text, is_cut: false });
    }
    let columns = format_columns(schema, batches)?;
    let widths: Vec<usize> = columns.iter().map(PrintedColumn::measure_width).collect();
    match find_cell_limit(&widths, width) {
        Some(limit) => lay_out_table(&columns, limit),
        None => Ok(lay_out_lists(&columns, width)),
    }
}

/// A column's name and cells, each a line of text.
struct PrintedColumn {
    name: String,
    cells: Vec<String>,
}

impl PrintedColumn {
    fn measure_width(&self) -> usize {
        let cells = self.cells.iter().chain([&self.name]);
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    }
}

fn format_columns(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<PrintedColumn>> {
    let options = FormatOptions::default();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (index, field) in schema.fields().iter().enumerate() {
        let mut cells = Vec::new();
        for batch in batches {
            let formatter =
                ArrayFormatter::try_new(batch.column(index), &options).context("cannot print")?;
            for row in 0..batch.num_rows() {
                let cell = formatter.value(row).try_to_string().context("cannot print")?;
                cells.push(escape_controls(&cell).into_owned());
            }
        }
        columns.push(PrintedColumn { name: escape_controls(field.name()).into_owned(), cells });
    }
    Ok(columns)
}

/// The width at which cells of a table are cut so that it is no wider than `width`; `None` where they would be
/// too narrow to be read.
fn find_cell_limit(widths: &[usize], width: usize) -> Option<usize> {
    let room = width.checked_sub(widths.len() * BORDER + 1)?;
    let fits = |limit: usize| widths.iter().map(|cell| limit.min(*cell)).sum::<usize>() <= room;
    (NARROWEST..=room).rev().find(|limit| fits(*limit))
}

fn lay_out_table(columns: &[PrintedColumn], limit: usize) -> Result<Layout> {
    let cut = |text: &str| truncate_str(text, limit, CUT).into_owned();
    let fields: Vec<Field> =
        columns.iter().map(|column| Field::new(cut(&column.name), DataType::Utf8, true)).collect();
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|column| {
            let cells: StringArray = column.cells.iter().map(|cell| Some(cut(cell))).collect();
            Arc::new(cells) as ArrayRef
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), arrays).context("cannot print")?;
    let table = pretty_format_batches_with_schema(schema, &[batch]).context("cannot print")?;
    Ok(Layout { text: table.to_string(), is_cut: true })
}

fn lay_out_lists(columns: &[PrintedColumn], width: usize) -> Layout {
    let names: Vec<_> =
        columns.iter().map(|column| truncate_str(&column.name, LONGEST_NAME, CUT)).collect();
    let name_width = names.iter().map(|name| measure_text_width(name)).max().unwrap_or(0);
    let room = width.saturating_sub(name_width + 4).max(NARROWEST);
    let mut layout = Layout { text: String::new(), is_cut: false };
    for row in 0..columns.first().map_or(0, |column| column.cells.len()) {
        let _ = writeln!(layout.text, "row {}", row + 1);
        for (name, column) in names.iter().zip(columns) {
            let cell = &column.cells[row];
            let shown = truncate_str(cell, room, CUT);
            layout.is_cut |= shown.len() != cell.len();
            let pad = name_width - measure_text_width(name);
            let line = format!("  {name}{:pad$}  {shown}", "");
            let _ = writeln!(layout.text, "{}", line.trim_end());
        }
    }
    layout.text.truncate(layout.text.trim_end().len());
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay_out(columns: &[(&str, &[&str])], width: Option<usize>) -> Layout {
        let fields: Vec<_> =
            columns.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns
            .iter()
            .map(|(_, cells)| Arc::new(StringArray::from_iter_values(cells.iter())) as ArrayRef);
        let batch = RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap();
        // Two batches are one table.
        lay_out_rows(&schema, &[batch.slice(0, 1), batch.slice(1, batch.num_rows() - 1)], width)
            .unwrap()
    }

    fn is_within(text: &str, width: usize) -> bool {
        text.lines().all(|line| measure_text_width(line) <= width)
    }

    #[test]
    fn cells_are_cut_to_the_width_of_the_terminal_and_only_there() {
        let long = "x".repeat(200);
        let columns: [(&str, &[&str]); 2] = [("id", &["a", "b"]), ("text", &["short", &long])];
        let layout = lay_out(&columns, None);
        assert!(layout.text.contains(&long) && !layout.is_cut);
        for width in [40, 80, 132] {
            let layout = lay_out(&columns, Some(width));
            assert!(is_within(&layout.text, width), "{}", layout.text);
            assert!(layout.is_cut && layout.text.contains("x…"), "{}", layout.text);
            // The room is used up.
            assert!(
                layout.text.lines().any(|line| measure_text_width(line) == width),
                "{}",
                layout.text
            );
        }
        let layout = lay_out(&columns, Some(400));
        assert!(layout.text.contains(&long) && !layout.is_cut);
    }

    #[test]
    fn rows_of_many_columns_become_lists() {
        let names: Vec<String> = (0..20).map(|number| format!("column{number}")).collect();
        let long = "y".repeat(100);
        let cells: [&str; 2] = [&long, "日本語\nnext"];
        let columns: Vec<(&str, &[&str])> =
            names.iter().map(|name| (name.as_str(), &cells[..])).collect();
        let layout = lay_out(&columns, Some(80));
        assert!(layout.is_cut && is_within(&layout.text, 80), "{}", layout.text);
        assert!(layout.text.starts_with("row 1\n  column0   yyy"), "{}", layout.text);
        assert!(layout.text.contains("\nrow 2\n  column0   日本語"), "{}", layout.text);
        assert_eq!(layout.text.lines().count(), 2 + 2 * names.len(), "{}", layout.text);
        // However narrow it is.
        for width in [0, 1, 10, 20] {
            assert!(!lay_out(&columns, Some(width)).text.is_empty());
        }
    }
}
