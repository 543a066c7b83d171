//! Tables made of spreadsheets (`.xlsx`).

mod look;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};
use chrono::{NaiveDate, TimeDelta, Timelike};
use zip::ZipArchive;

use self::look::Look;
use super::text_rows::TextRows;
use crate::error::{Error, Result, StudyFault};
use crate::ui::format_count;

/// Columns that a table can have.
const COLUMNS: u32 = 4096;
/// Bytes that members may become: a sheet is read bit by bit, others are kept.
const SHEET_BYTES: u64 = 512 << 20;
const OTHER_BYTES: u64 = 64 << 20;
const ALL_BYTES: u64 = 768 << 20;
/// Members of a spreadsheet.
const MEMBERS: usize = 10_000;
/// Bytes between two tags. A cell has 32,767 characters at most.
const TEXT: u64 = 4 << 20;
/// Bytes of the cells of a table.
const TEXTS: usize = 256 << 20;
/// Bytes that a shared string takes at least, with its tags.
const SHORTEST: u64 = 8;
/// The day after the last that a spreadsheet knows.
const DAYS: f64 = 2_958_466.0;

/// A row's cells with their columns, from 0.
type SheetRow = Vec<(u32, String)>;

/// The first sheet: its first row names the columns. Cells are text, whole numbers without a point;
/// rows without any cell are left out.
pub fn read_spreadsheet(path: &Path, file: File) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let invalid =
        |why: &str| Error::new(StudyFault::Definition, format!("{}: {why}", path.display()));
    // Before the library opens the book: it unpacks all shared strings and styles then.
    check_sizes(&file).map_err(|why| invalid(&why))?;
    let mut book: Xlsx<BufReader<File>> = Xlsx::new(BufReader::new(file))
        // Errors of the library are not shown, as they may hold text of the file
        // (`XlsxError::CellTAttribute`).
        .map_err(|_| invalid("this can't be read as a spreadsheet (.xlsx)"))?;
    let unreadable = || invalid("the first sheet can't be read");
    let name = book.sheet_names().first().cloned().ok_or_else(unreadable)?;
    // Cell by cell: as a whole, the library makes room for all places up to the farthest cell.
    let mut cells = book.worksheet_cells_reader(&name).map_err(|_| unreadable())?;
    let mut bytes = 0;
    let mut next = || -> Result<Option<(u32, u32, String)>> {
        while let Some(cell) = cells.next_cell().map_err(|_| unreadable())? {
            if let Some(text) = cell_text(cell.get_value()) {
                // A shared string is there once and may be the text of a million cells.
                bytes += text.len();
                if bytes > TEXTS {
                    let why = format!("the first sheet's cells have more than {TEXTS} bytes");
                    return Err(invalid(&why));
                }
                let (row, column) = cell.get_position();
                return Ok(Some((row, column, text)));
            }
        }
        Ok(None)
    };
    let mut table: Option<(u32, TextRows)> = None;
    let mut batches = Vec::new();
    let mut finish = |row: u32, mut line: SheetRow| -> Result<()> {
        // Programs write the cells of a row in order, but the format does not make them.
        line.sort_by_key(|(column, _)| *column);
        let (Some((first, _)), Some((last, _))) = (line.first(), line.last()) else {
            return Ok(());
        };
        let Some((begin, rows)) = &mut table else {
            let width = last - first + 1;
            if width > COLUMNS {
                let spanned = format_count(width.into(), "column");
                let why = format!("its first row spans {spanned}; {COLUMNS} are possible");
                return Err(invalid(&why));
            }
            let mut names = vec![""; width as usize];
            line.iter().for_each(|(column, name)| names[(column - first) as usize] = name);
            table = Some((*first, TextRows::new(names.into_iter())));
            return Ok(());
        };
        let width = rows.schema.fields().len() as u32;
        if first < begin || *last >= *begin + width {
            let why = format!(
                "row {} has a cell in a column that the first row does not name",
                u64::from(row) + 1
            );
            return Err(invalid(&why));
        }
        let mut values = vec![None; width as usize];
        line.iter()
            .for_each(|(column, text)| values[(column - *begin) as usize] = Some(text.as_str()));
        if rows.add_row(values.into_iter()) {
            batches.extend(rows.take_batch().transpose()?);
        }
        Ok(())
    };
    let mut line = SheetRow::new();
    let mut at = 0;
    while let Some((row, column, text)) = next()? {
        if row != at {
            finish(at, std::mem::take(&mut line))?;
            at = row;
        }
        line.push((column, text));
    }
    finish(at, line)?;
    let Some((_, mut rows)) = table else {
        return Err(invalid("the first sheet has no row with the names of the columns"));
    };
    batches.extend(rows.take_batch().transpose()?);
    Ok((rows.schema, batches))
}

/// Checks how much the members of a spreadsheet become when they are unpacked, whatever they say
/// themselves.
fn check_sizes(file: &File) -> Result<(), String> {
    let damaged = |_| "this can't be read as a spreadsheet (.xlsx)".to_owned();
    // The clone shares the file's position. Both readers seek before they read, one after the other.
    let handle = file.try_clone().map_err(|error| error.to_string())?;
    let mut zip = ZipArchive::new(BufReader::new(handle)).map_err(|_| damaged(()))?;
    if zip.len() > MEMBERS {
        return Err(format!("it has more than {MEMBERS} members"));
    }
    let mut total = 0;
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).map_err(|_| damaged(()))?;
        let name = member.name().to_ascii_lowercase();
        let most = if name.contains("worksheets/") { SHEET_BYTES } else { OTHER_BYTES };
        let mut look = Look::default();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = member.read(&mut buffer).map_err(|_| damaged(()))?;
            if read == 0 {
                break;
            }
            total += read as u64;
            look.look_at(&buffer[..read]);
            if look.bytes > most || total > ALL_BYTES {
                return Err(format!("{name:?} would become too large when it is unpacked"));
            }
            if look.longest > TEXT {
                return Err(format!("{name:?} has a text of more than {TEXT} bytes"));
            }
        }
        if look.places.has_beyond() {
            return Err(format!("{name:?} names a cell that no sheet has"));
        }
        // The library makes room for as many shared strings as this says, before it reads one of them.
        if look.promised > look.bytes / SHORTEST + 1 {
            return Err(format!("{name:?} says that it has far more texts than it has"));
        }
    }
    Ok(())
}

/// The text that a cell shows; nothing if the cell is empty or holds an error.
fn cell_text(cell: &DataRef<'_>) -> Option<String> {
    let text = match cell {
        DataRef::Empty | DataRef::Error(_) => return None,
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        // `f64` shows a whole number without a point: `1`.
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(time) if time.is_duration() => show_duration(time.as_f64()),
        DataRef::DateTime(time) => show_moment(time).unwrap_or_else(|| time.as_f64().to_string()),
    };
    (!text.is_empty()).then_some(text)
}

/// Hours, minutes and seconds, as `[h]:mm:ss` shows them.
fn show_duration(days: f64) -> String {
    let seconds = (days.abs() * 86_400.0).round() as u64;
    let sign = if days < 0.0 { "-" } else { "" };
    format!("{sign}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A date, a date with a time, or a time alone; nothing if a spreadsheet has no such date or time.
fn show_moment(time: &ExcelDateTime) -> Option<String> {
    let days = time.as_f64();
    // Beyond these the library still makes a date of the number; a spreadsheet shows none.
    if !(0.0..DAYS).contains(&days) {
        return None;
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    // Day 60 is 29 February 1900 to Excel, which never was. The cell then shows its number.
    let date = NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day))?;
    let exact = date.and_hms_milli_opt(
        u32::from(hour),
        u32::from(minute),
        u32::from(second),
        u32::from(milli),
    )?;
    // A time is stored as a fraction of a day, which is seldom a whole second.
    let time = (exact + TimeDelta::milliseconds(500)).with_nanosecond(0)?;
    let midnight = time.num_seconds_from_midnight() == 0;
    Some(match (days < 1.0, midnight) {
        (true, _) => time.format("%H:%M:%S").to_string(),
        (_, true) => time.format("%Y-%m-%d").to_string(),
        _ => time.format("%Y-%m-%d %H:%M:%S").to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;

    use arrow::util::pretty::pretty_format_batches;
    use calamine::ExcelDateTimeType::{DateTime, TimeDelta};
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    #[test]
    fn times_are_those_that_the_spreadsheet_shows() {
        let shown = |days, kind, is_1904| {
            cell_text(&DataRef::DateTime(ExcelDateTime::new(days, kind, is_1904))).unwrap()
        };
        assert_eq!(shown(45_943.0, DateTime, false), "2025-10-13");
        assert_eq!(shown(45_943.541, DateTime, false), "2025-10-13 12:59:02");
        assert_eq!(shown(45_943.0 - 1462.0, DateTime, true), "2025-10-13");
        assert_eq!(shown(0.5, DateTime, false), "12:00:00");
        assert_eq!(shown(1.5, TimeDelta, false), "36:00:00");
        assert_eq!(shown(-0.25, TimeDelta, true), "-6:00:00");
        assert_eq!(shown(1e300, DateTime, true), 1e300.to_string());
        assert_eq!(shown(-1.0, DateTime, false), "-1");
    }

    /// Writes a spreadsheet with these cells, which are texts.
    fn sheet(path: &Path, cells: &[&[(&str, &str)]]) {
        let mut rows = String::new();
        for cells in cells {
            rows += "<row>";
            for (place, text) in *cells {
                let _ = write!(rows, "<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
            }
            rows += "</row>";
        }
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let package = "http://schemas.openxmlformats.org/package/2006/relationships";
        let related = |id: &str, kind: &str, target: &str| {
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"{id}\" \
                 Type=\"{office}/{kind}\" Target=\"{target}\"/></Relationships>"
            )
        };
        for (name, text) in [
            ("_rels/.rels", related("a", "officeDocument", "xl/workbook.xml")),
            ("xl/_rels/workbook.xml.rels", related("b", "worksheet", "worksheets/a.xml")),
            (
                "xl/workbook.xml",
                format!(
                    "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets>\
                     <sheet name=\"A\" sheetId=\"1\" r:id=\"b\"/></sheets></workbook>"
                ),
            ),
            (
                "xl/worksheets/a.xml",
                format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>"),
            ),
        ] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn the_first_row_names_the_columns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.xlsx");
        sheet(&path, &[&[("B3", "x"), ("D3", "y")], &[("D9", "1")], &[("B1048576", "2")]]);
        let (_, batches) = read_spreadsheet(&path, File::open(&path).unwrap()).unwrap();
        assert_eq!(
            pretty_format_batches(&batches).unwrap().to_string(),
            "+---+---+---+\n\
             | x |   | y |\n\
             +---+---+---+\n\
             |   |   | 1 |\n\
             | 2 |   |   |\n\
             +---+---+---+"
        );
    }

    #[test]
    fn a_cell_that_no_sheet_has_is_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.xlsx");
        let read = |place: &str| {
            sheet(&path, &[&[("A1", "x"), (place, "y")]]);
            super::read_spreadsheet(&path, File::open(&path).unwrap())
                .map_err(|error| error.to_string())
        };
        for place in ["B1", "XFD1", "b1"] {
            assert!(read(place).is_ok() || place == "XFD1", "{place}");
        }
        // A reader adds up letters and digits without end.
        for place in ["AAAA1", "ZZZZZZZ1", "B4294967296", "B99999999999999999999"] {
            assert!(read(place).unwrap_err().contains("names a cell that no sheet has"), "{place}");
        }
    }

    #[test]
    fn a_cell_far_away_is_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.xlsx");
        let refused = |cells: &[&[(&str, &str)]]| {
            sheet(&path, cells);
            read_spreadsheet(&path, File::open(&path).unwrap()).unwrap_err().to_string()
        };
        let error = refused(&[&[("A1", "x")], &[("A2", "1")], &[("XFD1048576", "far")]]);
        assert!(error.contains("row 1048576 has a cell in a column"), "{error}");
        let error = refused(&[&[("A1", "x"), ("XFD1", "y")]]);
        assert!(error.contains("spans 16,384 columns"), "{error}");
        assert!(refused(&[]).contains("no row with the names"), "no rows");
    }
}
