//! A look at tables before they leave: for anonymous IDs, and for counts of too few.

mod cells;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Schema};
use cumulus_base::error::{Context, Result};
use cumulus_base::numbers::{choose_form, format_thousands};

pub use cells::Formulas;

/// The column of counts.
pub const COUNT: &str = "cnt";
/// The smallest count that is shared, unless a counts workflow or the user says otherwise.
pub const LEAST: u64 = 10;
/// Hexadecimal digits of an anonymous ID.
const ID_DIGITS: usize = 64;

/// Tables that leave although they look as if they must not: someone has read them.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Texts that look like IDs in these are no IDs.
    pub ids: Vec<String>,
    /// These may have counts of few.
    pub small_cells: Vec<String>,
}

impl Allowed {
    /// Whether texts that look like IDs in a table are allowed.
    pub fn allows_ids(&self, table: &str) -> bool {
        self.ids.iter().any(|allowed| allowed.eq_ignore_ascii_case(table))
    }

    /// Whether a table may have counts of few.
    pub fn small_cells(&self, table: &str) -> bool {
        self.small_cells.iter().any(|allowed| allowed.eq_ignore_ascii_case(table))
    }
}

/// The findings in a table so far.
#[derive(Debug, Default)]
pub struct Screen {
    /// For counts, the smallest that the table may have.
    least: Option<u64>,
    has_counts: bool,
    /// Columns that are called like those of IDs.
    named: Vec<String>,
    /// Whether the name of a column is an ID.
    name_is_id: bool,
    /// Columns with values that hold IDs.
    ids: BTreeSet<String>,
    /// Rows whose count is below the smallest that the table may have, or is no number.
    small: u64,
    /// Rows whose count is below [`LEAST`], or is no number.
    few: u64,
}

impl Screen {
    /// Begins with a table's columns. `least` is the smallest count that it may have; `None` for a table
    /// that its study does not call counts. If it has a column of counts all the same, these are looked at
    /// as any others: the kind that a table is exported as is only its study's word.
    pub fn of_schema(schema: &Schema, least: Option<u64>) -> Self {
        let has_counts = schema.fields().iter().any(|field| is_count(field.name()));
        let least = least.or(has_counts.then_some(LEAST));
        let mut screen = Self { least, has_counts, ..Self::default() };
        for field in schema.fields() {
            let name = field.name();
            // An ID is not to be in a message.
            if holds_id(name.as_bytes()) {
                screen.name_is_id = true;
            } else if is_called_id(&name.to_lowercase()) {
                screen.named.push(name.clone());
            }
        }
        screen
    }

    /// Looks at some rows.
    pub fn look_at_rows(&mut self, batch: &RecordBatch) -> Result<()> {
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name();
            if !self.ids.contains(name) && has_ids(column)? {
                self.ids.insert(name.clone());
            }
            if let Some(least) = self.least
                && is_count(name)
            {
                self.count_small(column, least);
            }
        }
        Ok(())
    }

    fn count_small(&mut self, column: &ArrayRef, least: u64) {
        let rows = column.len() as u64;
        // A list or a struct that is called so can't be compared: each of its rows counts as too
        // few.
        let Ok(counts) = cast(column, &DataType::Float64) else {
            (self.small, self.few) = (self.small + rows, self.few + rows);
            return;
        };
        let below = |least: u64| {
            let counts = counts.as_primitive::<Float64Type>().iter();
            // Null and NaN are not enough, either.
            counts.filter(|count| !count.is_some_and(|count| count >= least as f64)).count() as u64
        };
        self.small += below(least);
        self.few += below(LEAST);
    }

    /// Rows of counts that are below [`LEAST`].
    pub fn small_rows(&self) -> u64 {
        self.few
    }

    /// Why a table must not leave, in words that go on after its name.
    pub fn faults(&self, table: &str, ids_allowed: bool, small_allowed: bool) -> Vec<String> {
        let mut faults = Vec::new();
        if self.least.is_some() && !self.has_counts {
            faults.push(format!("it has no column {COUNT}"));
        }
        if !ids_allowed {
            let allow = format!("If that is no ID, allow it by --allow-ids {table}");
            if self.name_is_id {
                faults.push(format!("one of its columns is called as an anonymous ID. {allow}"));
            }
            for name in self.named.iter().filter(|name| !self.ids.contains(*name)) {
                faults.push(format!("its column {name} is called like one of IDs. {allow}"));
            }
            for name in &self.ids {
                faults.push(format!("its column {name} has anonymous IDs. {allow}"));
            }
        }
        if let Some(least) = self.least.filter(|_| self.small > 0 && !small_allowed) {
            let cells = tell_small_cells(self.small);
            faults.push(format!(
                "{cells} fewer than {least}. Count by a counts workflow, which leaves such cells out; \
                 if it is one's, build the study again. If the table may leave as it is, allow it by \
                 --allow-small-cells {table}"
            ));
        }
        faults
    }
}

/// How many of a table's cells count too few, as the beginning of a sentence: "2 of its cells count".
pub fn tell_small_cells(cells: u64) -> String {
    format!("{} of its cells {}", format_thousands(cells), choose_form(cells, "counts", "count"))
}

/// Whether a column, by its name, is of counts.
pub fn is_count(name: &str) -> bool {
    name.eq_ignore_ascii_case(COUNT)
}

/// Whether a column, by its name, identifies patients or their data.
fn is_called_id(name: &str) -> bool {
    const NAMES: [&str; 9] =
        ["id", "ids", "mrn", "patient", "subject", "encounter", "reference", "ref", "identifier"];
    const ENDS: [&str; 5] = ["_id", "_ids", "_ref", "_mrn", "_reference"];
    NAMES.contains(&name) || ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether a value holds an anonymous ID, wherever it is nested.
fn has_ids(column: &ArrayRef) -> Result<bool> {
    let data_type = column.data_type();
    // Numbers and times hold no ID, though the text of a large float has more digits than one.
    if data_type.is_primitive() || matches!(data_type, DataType::Null | DataType::Boolean) {
        return Ok(false);
    }
    // As text, lists and structs have their values one after the other, and binary is in hexadecimal
    // digits.
    let options = FormatOptions::default();
    let values = ArrayFormatter::try_new(column, &options).context("cannot look for IDs")?;
    let mut text = String::new();
    for row in 0..column.len() {
        text.clear();
        let _ = write!(text, "{}", values.value(row));
        if holds_id(text.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a text holds an anonymous ID, alone or within more.
pub fn holds_id(text: &[u8]) -> bool {
    let mut pieces = Pieces::default();
    pieces.look_at_piece(text);
    pieces.has_found()
}

/// Looks for anonymous IDs in a text that comes piece by piece.
#[derive(Debug, Default)]
pub struct Pieces {
    digits: usize,
    found: bool,
}

impl Pieces {
    /// Looks at the next piece.
    pub fn look_at_piece(&mut self, piece: &[u8]) {
        for byte in piece {
            self.digits = if byte.is_ascii_hexdigit() { self.digits + 1 } else { 0 };
            // Not exactly as many: an ID with a digit before it or behind it is still in there.
            self.found |= self.digits >= ID_DIGITS;
        }
    }

    /// Whether there was one so far.
    pub fn has_found(&self) -> bool {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{MapBuilder, StringBuilder};
    use arrow_array::types::Int32Type;
    use arrow_array::{
        BinaryArray, BooleanArray, Decimal256Array, DictionaryArray, Float64Array, Int64Array,
        ListArray, NullArray, StringArray, StringViewArray, StructArray,
    };
    use arrow_buffer::{OffsetBuffer, i256};
    use arrow_schema::Field;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn screened(columns: Vec<(&str, ArrayRef)>, least: Option<u64>) -> Screen {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut screen = Screen::of_schema(&batch.schema(), least);
        screen.look_at_rows(&batch).unwrap();
        screen
    }

    fn faults(columns: Vec<(&str, ArrayRef)>, least: Option<u64>) -> String {
        let faults = screened(columns, least).faults("s__t", false, false).join("\n");
        assert!(!faults.contains(ID), "{faults}");
        faults
    }

    fn lists(text: &str) -> ArrayRef {
        let values: ArrayRef = Arc::new(StringArray::from(vec!["x", text]));
        let offsets = OffsetBuffer::from_lengths([1, 1]);
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        Arc::new(ListArray::new(item, offsets, values, None))
    }

    #[test]
    fn ids_are_found_wherever_they_are() {
        let list = lists(ID);
        let field = Arc::new(Field::new("refs", list.data_type().clone(), true));
        let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        map.keys().append_value(ID);
        map.values().append_value("x");
        map.append(true).unwrap();
        let dictionary: DictionaryArray<Int32Type> = ["x", ID].into_iter().collect();
        let texts =
            |text: String| -> ArrayRef { Arc::new(StringArray::from(vec!["x".into(), text])) };
        let columns: Vec<ArrayRef> = vec![
            texts(ID.to_owned()),
            texts(format!("{ID}x")),
            texts(format!("{ID}0")),
            texts(format!("x-Patient/{ID}-x")),
            texts(ID.to_uppercase()),
            Arc::new(StringViewArray::from(vec![ID])),
            Arc::new(BinaryArray::from(vec![&[7_u8; 32][..]])),
            list.clone(),
            Arc::new(StructArray::from(vec![(field, list)])),
            Arc::new(map.finish()),
            Arc::new(dictionary),
        ];
        for column in columns {
            let shown = format!("{:?}", column.data_type());
            for least in [None, Some(LEAST)] {
                let count: ArrayRef = Arc::new(Int64Array::from(vec![10; column.len()]));
                let found = faults(vec![("cnt", count), ("kind", column.clone())], least);
                assert!(found.starts_with("its column kind has anonymous IDs"), "{shown}: {found}");
                assert!(found.ends_with("--allow-ids s__t"), "{found}");
            }
        }
        let name: ArrayRef = Arc::new(Int64Array::from(vec![10]));
        assert!(faults(vec![(ID, name.clone())], None).contains("is called as an anonymous ID"));
        let allowed = screened(vec![(ID, name.clone()), ("mrn", name)], None);
        assert_eq!(allowed.faults("s__t", true, false), [""; 0]);
    }

    #[test]
    fn other_texts_are_no_ids() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![
            Some(&ID[1..]),
            Some("123e4567-e89b-12d3-a456-426614174000"),
            Some("J45.9"),
            None,
        ]));
        let large: ArrayRef = Arc::new(Float64Array::from(vec![1e300, 1e-300, 0.1, f64::MAX]));
        assert_eq!(faults(vec![("a", texts.clone()), ("b", large)], None), "");
        assert_eq!(faults(vec![("a", lists(&ID[1..]))], None), "");
    }

    #[test]
    fn a_decimal_with_as_many_digits_as_an_id_is_a_number() {
        let digits = i256::from_string(&"1".repeat(70)).unwrap();
        let decimals = Decimal256Array::from(vec![digits]).with_precision_and_scale(76, 0).unwrap();
        assert_eq!(decimals.value_as_string(0).len(), 70);
        assert_eq!(faults(vec![("a", Arc::new(decimals))], None), "");
        let truth: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
        assert_eq!(faults(vec![("a", truth), ("b", Arc::new(NullArray::new(1)))], None), "");
    }

    #[test]
    fn columns_that_are_called_like_ids_are_told_once() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![10]));
        for name in ["id", "IDS", "mrn", "Patient", "subject_ref", "encounter_id", "a_mrn", "x_ids"]
        {
            let told = faults(vec![(name, values.clone())], None);
            let column = format!("its column {name} is called like one of IDs");
            assert!(told.starts_with(&column) && told.ends_with("--allow-ids s__t"), "{told}");
        }
        for name in ["identity", "idea", "patients_seen", "valid", "refs", "preference"] {
            assert_eq!(faults(vec![(name, values.clone())], None), "", "{name}");
        }
        // With IDs in it, the column is told for these.
        let ids: ArrayRef = Arc::new(StringArray::from(vec![ID]));
        let told = screened(vec![("id", ids)], None).faults("s__t", false, false);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("its column id has anonymous IDs"), "{told:?}");
    }

    #[test]
    fn only_the_named_tables_are_allowed_and_each_for_its_own_fault() {
        let allowed =
            Allowed { ids: vec!["S__Named".to_owned()], small_cells: vec!["s__few".to_owned()] };
        for (table, ids, small_cells) in
            [("s__named", true, false), ("S__FEW", false, true), ("s__name", false, false)]
        {
            assert_eq!(allowed.allows_ids(table), ids, "{table}");
            assert_eq!(allowed.small_cells(table), small_cells, "{table}");
        }
        assert!(!Allowed::default().allows_ids("s__named"));
        assert!(!Allowed::default().small_cells("s__few"));
    }

    #[test]
    fn an_id_in_two_pieces_is_found() {
        for at in 0..=64 {
            let mut pieces = Pieces::default();
            pieces.look_at_piece(format!("x{}", &ID[..at]).as_bytes());
            pieces.look_at_piece(format!("{}x", &ID[at..]).as_bytes());
            assert!(pieces.has_found(), "{at}");
        }
        let mut pieces = Pieces::default();
        [&ID[..63], "x", &ID[1..]].iter().for_each(|piece| pieces.look_at_piece(piece.as_bytes()));
        assert!(!pieces.has_found());
    }

    #[test]
    fn counts_of_few_are_found_in_any_type() {
        let columns: Vec<(ArrayRef, u64)> = vec![
            (Arc::new(Int64Array::from(vec![Some(10), Some(9), None])), 2),
            (Arc::new(Float64Array::from(vec![10.0, 9.99, f64::NAN])), 2),
            (Arc::new(StringArray::from(vec!["10", "9", "many"])), 2),
            (Arc::new(StringArray::from(vec!["11"])), 0),
            (lists("x"), 2),
        ];
        for (column, few) in columns {
            let screen = screened(vec![("CNT", column.clone())], Some(LEAST));
            assert_eq!(screen.small_rows(), few, "{column:?}");
            let told = screen.faults("s__t", true, false);
            assert_eq!(told.len(), usize::from(few > 0), "{told:?}");
            assert_eq!(screen.faults("s__t", true, true), [""; 0]);
        }
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![5, 4, 3]));
        let screen = screened(vec![("cnt", counts.clone())], Some(4));
        assert_eq!(screen.small_rows(), 3);
        let told = screen.faults("s__t", false, false);
        assert!(told[0].starts_with("1 of its cells counts fewer than 4"), "{told:?}");
        // Even if the study does not call the table counts: 5, 4 and 3 are below the smallest that may leave.
        let told = faults(vec![("Cnt", counts)], None);
        assert!(told.starts_with("3 of its cells count fewer than 10"), "{told}");
        let none: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        assert_eq!(faults(vec![("kind", none)], Some(0)), "it has no column cnt");
    }
}
