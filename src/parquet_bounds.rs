//! Parquet files that others made: opened only if what they hold can be held.
//!
//! A page may say that it becomes gigabytes, a dictionary may give each of a million rows the same
//! value of a hundred megabytes, and a list in the footer may claim more members than the file has
//! bytes. A reader believes all of it. So the footer and the head of each page are looked at first. The
//! values are not: where the library panics at them, the file is damaged.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type;
use parquet::column::page::Page;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, ParquetMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};

use self::thrift::{Head, PageWalk};
use crate::error::{Context, Error, Result};
use crate::threads::catch_panic;

/// Bytes of a footer.
const FOOTER: u64 = 16 << 20;
/// Bytes that a page becomes.
const PAGE: u64 = 128 << 20;
/// Values that a page has.
const VALUES: u64 = 64 << 20;
/// Bytes of the values that rows of a batch have in all.
const BATCH: u64 = 256 << 20;
/// Rows of a batch.
const ROWS: u64 = 8192;
/// Bounds of any file, and bounds for each of its bytes in addition: unpacked bytes, rows, bytes
/// of all values.
const UNPACKED: (u64, u64) = (4 << 30, 200);
const ALL_ROWS: (u64, u64) = (20_000_000, 100);
const ALL_BYTES: (u64, u64) = (64 << 30, 1000);

/// How files of others are read: without the Arrow schema that some writers put beside Parquet's own.
/// It gives types that are not asked for (large strings, dictionaries), nothing says that the two are of
/// the same columns, and what reads it panics where it is damaged.
pub fn reader_options() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_skip_arrow_metadata(true)
}

/// A Parquet file within the bounds.
#[derive(Debug)]
pub struct BoundedFile {
    builder: ParquetRecordBatchReaderBuilder<File>,
}

impl BoundedFile {
    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        self.builder.schema()
    }

    /// The texts that its writer put beside the rows.
    pub fn notes(&self) -> impl Iterator<Item = &KeyValue> {
        self.builder.metadata().file_metadata().key_value_metadata().into_iter().flatten()
    }

    /// Its rows, in batches that can be held.
    ///
    /// # Errors
    /// Columns that cannot be read.
    pub fn read_rows(self) -> Result<BoundedRows> {
        let opened = catch_panic(|| self.builder.build()).ok_or_else(say_damaged)?;
        Ok(BoundedRows { reader: Some(opened.map_err(|_| say_damaged())?) })
    }
}

/// The rows of a Parquet file within the bounds, up to the first that cannot be read.
pub struct BoundedRows {
    /// None after an error: a reader that has panicked is in no state to go on.
    reader: Option<ParquetRecordBatchReader>,
}

impl Iterator for BoundedRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        // Values below zero where lengths are expected are added to places, and slices end before they begin.
        let batch = match catch_panic(|| reader.next()) {
            Some(None) => return None,
            Some(Some(Ok(batch))) => return Some(Ok(batch)),
            Some(Some(Err(_))) | None => Err(say_damaged()),
        };
        self.reader = None;
        Some(batch)
    }
}

/// Opens a file of others.
///
/// # Errors
/// The file is no Parquet, or would become far larger than it is; in words that go on after its name.
pub fn open_bounded(file: File) -> Result<BoundedFile> {
    catch_panic(|| open_checked(file)).ok_or_else(say_damaged)?
}

fn open_checked(file: File) -> Result<BoundedFile> {
    let length = file.metadata().context("it cannot be read")?.len();
    // Clones of a file share one cursor. So each step seeks before it reads, and no two are under way.
    let own = || file.try_clone().context("it cannot be read");
    check_footer(&own()?, length)?;
    let broken = "it is no Parquet file that can be read";
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(own()?, reader_options());
    let builder = builder.context(broken)?;
    let metadata = builder.metadata().clone();
    let rows = Pages { file: own()?, length }.rows(&metadata)?;
    Ok(BoundedFile { builder: builder.with_batch_size(rows) })
}

fn too_large(what: &str) -> Error {
    Error::failed(format!("it would become too large when it is read: {what}"))
}

fn say_damaged() -> Error {
    Error::failed("it is no Parquet file that can be read")
}

fn most_rows((any, each): (u64, u64), length: u64) -> u64 {
    any.saturating_add(each.saturating_mul(length))
}

/// Checks marks and length of the footer, and that no list in it claims more than there is.
fn check_footer(mut file: &File, length: u64) -> Result<()> {
    const MARK: &[u8] = b"PAR1";
    let mut ends = [0; 12];
    let mut read = |at: SeekFrom, into: &mut [u8]| -> Result<()> {
        file.seek(at).and_then(|_| file.read_exact(into)).map_err(|_| say_damaged())
    };
    if length < 12 {
        return Err(say_damaged());
    }
    read(SeekFrom::Start(0), &mut ends[..4])?;
    read(SeekFrom::End(-8), &mut ends[4..])?;
    if &ends[..4] != MARK || &ends[8..] != MARK {
        return Err(say_damaged());
    }
    let footer = u64::from(u32::from_le_bytes([ends[4], ends[5], ends[6], ends[7]]));
    if footer > length - 12 {
        return Err(say_damaged());
    }
    if footer > FOOTER {
        return Err(too_large("its footer"));
    }
    file.seek(SeekFrom::Start(length - 8 - footer)).map_err(|_| say_damaged())?;
    PageWalk::new(BufReader::new(file), footer).pass().ok_or_else(say_damaged)
}

/// The sizes of a column's values.
#[derive(Default)]
struct ColumnSizes {
    /// Bytes of the longest value that may come again and again.
    longest: u64,
    /// Values and bytes of the pages of values that are there once.
    pages: Vec<(u64, u64)>,
    /// Bytes of all its values at most.
    all: u64,
}

impl ColumnSizes {
    /// The most bytes that so many rows, one after the other, have.
    fn bytes(&self, rows: u64) -> u64 {
        let (mut first, mut values, mut bytes, mut most) = (0, 0_u64, 0_u64, 0_u64);
        for (count, size) in &self.pages {
            bytes = bytes.saturating_add(*size);
            most = most.max(bytes);
            values = values.saturating_add(*count);
            // The rows may begin with the last of a page: it is left when the others are too many.
            while let Some((count, size)) = self.pages.get(first)
                && values - count >= rows
            {
                values -= count;
                bytes -= size;
                first += 1;
            }
        }
        most.saturating_add(rows.saturating_mul(self.longest))
    }
}

struct Pages {
    file: File,
    length: u64,
}

impl Pages {
    /// How many rows a batch may have.
    fn rows(&self, metadata: &ParquetMetaData) -> Result<usize> {
        let count = metadata.file_metadata().num_rows();
        if u64::try_from(count).map_err(|_| say_damaged())? > most_rows(ALL_ROWS, self.length) {
            return Err(too_large("it has more rows than a file of its size"));
        }
        // Readers add up what the groups say, whatever the file says of itself.
        let mut groups =
            metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).ok());
        let sum = groups.try_fold(0_u64, |sum: u64, rows| sum.checked_add(rows?));
        if sum.ok_or_else(say_damaged)? > most_rows(ALL_ROWS, self.length) {
            return Err(too_large("its groups have more rows than a file of its size"));
        }
        let mut rows = ROWS;
        let (mut unpacked, mut all) = (0_u64, 0_u64);
        for (index, group) in metadata.row_groups().iter().enumerate() {
            let mut columns = Vec::new();
            for (number, chunk) in group.columns().iter().enumerate() {
                let (column, bytes) = self.column(chunk, (index, number), unpacked)?;
                unpacked = unpacked.saturating_add(bytes);
                all = all.saturating_add(column.all);
                columns.push(column);
            }
            if all > most_rows(ALL_BYTES, self.length) {
                return Err(too_large("its values"));
            }
            let bytes =
                |rows| columns.iter().fold(0_u64, |sum, c| sum.saturating_add(c.bytes(rows)));
            while rows > 1 && bytes(rows) > BATCH {
                rows /= 2;
            }
        }
        Ok(usize::try_from(rows).unwrap_or(1))
    }

    /// Looks at the heads of a column's pages; gives what they become, too.
    fn column(
        &self,
        chunk: &ColumnChunkMetaData,
        (group, number): (usize, usize),
        before: u64,
    ) -> Result<(ColumnSizes, u64)> {
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let start = u64::try_from(start).map_err(|_| say_damaged())?;
        let mut left = u64::try_from(chunk.compressed_size()).map_err(|_| say_damaged())?;
        if start.checked_add(left).is_none_or(|end| end > self.length) {
            return Err(say_damaged());
        }
        let texts = matches!(chunk.column_type(), Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY);
        let repeated = chunk.column_descr().max_rep_level() > 0;
        let mut file = self.file.try_clone().context("it cannot be read")?;
        file.seek(SeekFrom::Start(start)).context("it cannot be read")?;
        let mut reader = BufReader::new(file);
        let mut column = ColumnSizes::default();
        let (mut unpacked, mut values) = (0_u64, 0_u64);
        let mut has_dictionary = false;
        while left > 0 {
            let mut walk = PageWalk::new(&mut reader, left);
            let head = Head::read(&mut walk).ok_or_else(say_damaged)?;
            left = walk.left().checked_sub(head.packed).ok_or_else(say_damaged)?;
            let skip = i64::try_from(head.packed).map_err(|_| say_damaged())?;
            reader.seek_relative(skip).context("it cannot be read")?;
            if head.unpacked > PAGE || head.values > VALUES {
                return Err(too_large("one of its pages"));
            }
            unpacked = unpacked.saturating_add(head.unpacked);
            if before.saturating_add(unpacked) > most_rows(UNPACKED, self.length) {
                return Err(too_large("its pages"));
            }
            if head.is_dictionary {
                has_dictionary = true;
                continue;
            }
            values = values.saturating_add(head.values);
            if !texts {
                continue;
            }
            column.pages.push((head.values, head.unpacked));
            if head.is_delta {
                // A value may repeat the one before and add to it: each may be as long as the page.
                column.longest = column.longest.max(head.unpacked);
            }
        }
        if texts && has_dictionary {
            column.longest = column.longest.max(self.longest(group, number)?);
        }
        if let Ok(width) = u64::try_from(chunk.column_descr().type_length()) {
            column.longest = column.longest.max(width);
        }
        column.all = values.saturating_mul(column.longest).saturating_add(unpacked);
        if repeated {
            // These are values of lists: one row may have all of them, however few rows a batch has.
            let most = VALUES.saturating_add(8_u64.saturating_mul(unpacked));
            if values > most || column.all > most_of_rows() {
                return Err(too_large("the lists in it"));
            }
        }
        Ok((column, unpacked))
    }

    /// The bytes of the longest value of a column's dictionary, which is known to be no larger than a
    /// page may be.
    fn longest(&self, group: usize, number: usize) -> Result<u64> {
        let file = self.file.try_clone().context("it cannot be read")?;
        let reader = SerializedFileReader::new(file).map_err(|_| say_damaged())?;
        let group = reader.get_row_group(group).map_err(|_| say_damaged())?;
        let mut pages = group.get_column_page_reader(number).map_err(|_| say_damaged())?;
        let Some(Page::DictionaryPage { buf, .. }) =
            pages.get_next_page().map_err(|_| say_damaged())?
        else {
            return Err(say_damaged());
        };
        if group.metadata().column(number).column_type() == Type::FIXED_LEN_BYTE_ARRAY {
            return Ok(0);
        }
        let (mut rest, mut longest) = (&buf[..], 0);
        while let Some((head, after)) = rest.split_at_checked(4) {
            let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            longest = longest.max(u64::from(length).min(buf.len() as u64));
            rest = after.get(length as usize..).unwrap_or_default();
        }
        Ok(longest)
    }
}

/// Bytes of the values of one column with lists: all may be of one row.
fn most_of_rows() -> u64 {
    4 * BATCH
}

mod thrift {
    //! As much of Thrift's compact protocol as it takes to pass over what is written in it.

    use std::io::{self, Read};

    /// How deep structs and lists may be in each other.
    const DEPTH: usize = 32;

    /// Reads at most a number of bytes.
    pub struct PageWalk<R> {
        reader: R,
        left: u64,
    }

    /// The head of a page.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct Head {
        pub packed: u64,
        pub unpacked: u64,
        pub values: u64,
        pub is_dictionary: bool,
        /// Whether its values are written as what differs from the one before.
        pub is_delta: bool,
    }

    const STOP: u8 = 0;
    const TRUE: u8 = 1;
    const FALSE: u8 = 2;
    const BYTE: u8 = 3;
    const I16: u8 = 4;
    const I32: u8 = 5;
    const I64: u8 = 6;
    const DOUBLE: u8 = 7;
    const BINARY: u8 = 8;
    const LIST: u8 = 9;
    const SET: u8 = 10;
    const MAP: u8 = 11;
    const STRUCT: u8 = 12;

    impl<R: Read> PageWalk<R> {
        pub fn new(reader: R, left: u64) -> Self {
            Self { reader, left }
        }

        /// Bytes that were not read.
        pub fn left(&self) -> u64 {
            self.left
        }

        /// Passes a struct; nothing if it is none, or claims more than there is.
        pub fn pass(&mut self) -> Option<()> {
            self.skip(STRUCT, DEPTH)
        }

        fn byte(&mut self) -> Option<u8> {
            let mut byte = [0];
            self.left = self.left.checked_sub(1)?;
            self.reader.read_exact(&mut byte).ok()?;
            Some(byte[0])
        }

        fn number(&mut self) -> Option<u64> {
            let mut number = 0;
            // Ten bytes hold 64 bits; a number that goes on is no number.
            for shift in (0..70).step_by(7) {
                let byte = self.byte()?;
                number |= u64::from(byte & 0x7f).checked_shl(shift)?;
                if byte & 0x80 == 0 {
                    return Some(number);
                }
            }
            None
        }

        fn signed(&mut self) -> Option<i64> {
            let number = self.number()?;
            Some((number >> 1) as i64 ^ -((number & 1) as i64))
        }

        fn bytes(&mut self, count: u64) -> Option<()> {
            self.left = self.left.checked_sub(count)?;
            let passed = io::copy(&mut (&mut self.reader).take(count), &mut io::sink()).ok()?;
            (passed == count).then_some(())
        }

        /// The kind and number of a struct's next field; `STOP` at its end.
        fn field(&mut self, before: i64) -> Option<(u8, i64)> {
            let head = self.byte()?;
            let (kind, step) = (head & 0x0f, i64::from(head >> 4));
            Some(match (kind, step) {
                (STOP, _) => (STOP, 0),
                (_, 0) => (kind, self.signed()?),
                _ => (kind, before + step),
            })
        }

        fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
            // This recurses: without a bound a footer of opening structs would use up the stack.
            let depth = depth.checked_sub(1)?;
            match kind {
                // In a struct the kind of a boolean is its value, and
                // no byte follows. In a list each takes one.
                TRUE | FALSE => Some(()),
                BYTE => self.bytes(1),
                I16 | I32 | I64 => self.number().map(|_| ()),
                DOUBLE => self.bytes(8),
                BINARY => {
                    let length = self.number()?;
                    self.bytes(length)
                }
                LIST | SET => {
                    let head = self.byte()?;
                    let count = match head >> 4 {
                        15 => self.number()?,
                        count => u64::from(count),
                    };
                    // Each member has a byte at least.
                    if count > self.left {
                        return None;
                    }
                    let member = head & 0x0f;
                    (0..count).try_for_each(|_| match member {
                        TRUE | FALSE => self.bytes(1),
                        member => self.skip(member, depth),
                    })
                }
                MAP => {
                    let count = self.number()?;
                    if count == 0 {
                        return Some(());
                    }
                    let kinds = self.byte()?;
                    if count > self.left {
                        return None;
                    }
                    (0..count).try_for_each(|_| {
                        self.skip(kinds >> 4, depth)?;
                        self.skip(kinds & 0x0f, depth)
                    })
                }
                STRUCT => {
                    let mut number = 0;
                    loop {
                        let (kind, next) = self.field(number)?;
                        if kind == STOP {
                            return Some(());
                        }
                        number = next;
                        self.skip(kind, depth)?;
                    }
                }
                _ => None,
            }
        }
    }

    impl Head {
        /// Reads the head of a page.
        pub fn read<R: Read>(walk: &mut PageWalk<R>) -> Option<Self> {
            // Numbers of the fields of `PageHeader` in parquet.thrift.
            const DATA: i64 = 5;
            const DICTIONARY: i64 = 7;
            const DATA_2: i64 = 8;
            let mut head = Self::default();
            let mut number = 0;
            loop {
                let (kind, next) = walk.field(number)?;
                number = next;
                match (kind, number) {
                    (STOP, _) => return Some(head),
                    // A field may stand twice, and which one the reader
                    // believes is not told: the larger one counts.
                    (I32, 2) => head.unpacked = head.unpacked.max(read_positive(walk)?),
                    (I32, 3) => head.packed = read_positive(walk)?,
                    (STRUCT, DATA) => head.of_page(walk, 2)?,
                    (STRUCT, DATA_2) => head.of_page(walk, 4)?,
                    (STRUCT, DICTIONARY) => {
                        head.is_dictionary = true;
                        walk.skip(STRUCT, DEPTH)?;
                    }
                    _ => walk.skip(kind, DEPTH)?,
                }
            }
        }

        /// Reads what a head says about values; `encoding` is the field that says how they are written.
        fn of_page<R: Read>(&mut self, walk: &mut PageWalk<R>, encoding: i64) -> Option<()> {
            const DELTA_BYTE_ARRAY: u64 = 7;
            let mut number = 0;
            loop {
                let (kind, next) = walk.field(number)?;
                number = next;
                match (kind, number) {
                    (STOP, _) => return Some(()),
                    (I32, 1) => self.values = self.values.max(read_positive(walk)?),
                    (I32, number) if number == encoding => {
                        // In parquet.thrift the encoding is field 2 of
                        // `DataPageHeader`, and field 4 of `DataPageHeaderV2`.
                        self.is_delta |= read_positive(walk)? == DELTA_BYTE_ARRAY;
                    }
                    _ => walk.skip(kind, DEPTH)?,
                }
            }
        }
    }

    fn read_positive<R: Read>(walk: &mut PageWalk<R>) -> Option<u64> {
        u64::try_from(walk.signed()?).ok()
    }
}

#[cfg(test)]
mod tests;
