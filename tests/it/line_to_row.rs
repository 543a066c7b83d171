//! Rules that hold of every line, whatever it is: shared by the fuzz target and its replay.

use std::fs;
use std::sync::Arc;

use arrow::array::StructArray;
use cumulus_etl::deid::json::write_row;
use cumulus_etl::deid::{Anonymizer, Codebook, Deidentified, Event, Scrubber};
use cumulus_etl::fhir::TABLE_TYPES;
use cumulus_etl::table::{
    Block, DeidentifiedBatch, Misfits, Scratch, Shape, TableBuilder, adapt_batch, json, schema,
};
use cumulus_etl::{demo, fhir};
use serde_json::{Map, Number, Value};

/// Takes `data` as lines of one resource type (the first that is named in it) all the way to
/// Arrow, and panics where a promise is broken. Whether any line was a row.
pub fn check(data: &[u8]) -> bool {
    let expected = named_type(data);
    let Some(r4) = fhir::type_named(expected) else { panic!("R4 lacks {expected}") };
    let mut scrubber = Scrubber::new(anonymizer());
    let mut again = Scrubber::again(anonymizer());
    let mut builder = TableBuilder::new(r4);
    let (mut rows, mut batches) = (Vec::new(), Vec::new());
    let mut shape = Shape::default();
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(row) = scrubber.scrub(line, expected) else { continue };
        let mut text = Vec::new();
        write_row(&row, &mut text);
        let value: Value = serde_json::from_slice(&text).expect("a row is JSON");
        let columns = with_columns(&row);
        let id = row.id();
        assert_eq!(value["id"], id.as_str(), "the row's ID is its `id`");
        builder.append(&row);

        // A de-identified row passes the allow-list unchanged.
        let second = again.scrub(&text, expected);
        let second =
            second.unwrap_or_else(|r| panic!("rejected again: {} {}", r.reason, r.element()));
        let mut second_text = Vec::new();
        write_row(&second, &mut second_text);
        assert_eq!(show(&text), show(&second_text), "changed by the second pass");
        rows.push(columns);
        // Batches of two rows and of one: each has its own columns.
        if rows.len() % 3 != 1 {
            batches.push(through_ipc(&mut builder, &mut shape));
        }
    }
    batches.push(through_ipc(&mut builder, &mut shape));
    let contained = scrubber.take_contained_types();
    let table = schema::table_schema(r4, &shape, &contained);
    let mut misfits = Misfits::new();
    let batch = adapt_batch(&batches, &table, &mut misfits).expect("they fit the table's schema");
    assert_eq!(batch.num_rows(), rows.len());
    let batch = StructArray::from(batch.as_arrow().clone());
    for (index, row) in rows.iter().enumerate() {
        let mut text = Vec::new();
        json::write_value(&batch, index, &mut text);
        // Unlike serde_json as it is built here, sonic_rs reads numbers to the last digit.
        let mut stored: Value = sonic_rs::from_slice(&text).expect("a stored row is JSON");
        let mut wanted = row.clone();
        if !misfits.is_empty() {
            // Contained resources of types that clash: what doesn't fit is dropped and counted.
            for value in [&mut stored, &mut wanted] {
                value.as_object_mut().and_then(|object| object.remove("contained"));
            }
        }
        assert_eq!(prune(stored), prune(wanted), "Arrow and JSON differ");
    }
    !rows.is_empty()
}

/// Valid inputs: rows of each type with all elements that are kept, three in each input.
#[allow(dead_code, reason = "fuzz targets read them from files")]
pub fn seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = demo::DemoOptions {
        patients: 4,
        every_element: true,
        flaws: false,
        ..demo::DemoOptions::default()
    };
    demo::generate_export(folder.path(), &options, &|_| {}).expect("a synthetic export");
    let mut seeds = Vec::new();
    for of in TABLE_TYPES {
        let Ok(text) = fs::read(folder.path().join(format!("{of}.000.ndjson"))) else { continue };
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        seeds.extend(lines.chunks(3).take(3).map(<[_]>::concat));
    }
    seeds
}

fn through_ipc(builder: &mut TableBuilder, shape: &mut Shape) -> DeidentifiedBatch {
    let batch = builder.finish().expect("rows become a batch");
    shape.add(&batch.schema());
    let block = Block::of_batch(&batch, &mut Scratch::default()).expect("a batch is encoded");
    block.decode_batch().expect("and read back").expect("there is a batch")
}

fn anonymizer() -> Anonymizer {
    Anonymizer::new(Arc::new(Codebook::throwaway()), Arc::from(Vec::new()))
}

fn named_type(data: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(data);
    let name = text.split("\"resourceType\":\"").nth(1).and_then(|rest| rest.split('"').next());
    TABLE_TYPES.into_iter().find(|known| Some(*known) == name).unwrap_or("Patient")
}

fn show(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The row's elements that have a column.
fn with_columns(row: &Deidentified<'_>) -> Value {
    let mut events = row.read_events();
    let first = events.next().expect("a row has events");
    value(first, &mut events)
}

fn value<'a>(first: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match first {
        Event::Object(_) => {
            let mut object = Map::new();
            while let Some(Event::Field(field)) = events.next() {
                let inner = events.next().expect("a value follows its name");
                let inner = value(inner, events);
                if field.column.is_some() || field.name == "resourceType" {
                    let earlier = object.insert(field.name.to_owned(), inner);
                    assert!(earlier.is_none(), "{} is there twice", field.name);
                }
            }
            Value::Object(object)
        }
        Event::List => {
            let mut items = Vec::new();
            loop {
                match events.next().expect("a list ends") {
                    Event::End => return Value::Array(items),
                    item => items.push(value(item, events)),
                }
            }
        }
        Event::Text(text) => text.into(),
        Event::Integer(number) => (number as f64).into(),
        Event::Decimal(number) => number.into(),
        Event::Boolean(value) => value.into(),
        Event::Null => Value::Null,
        Event::Field(_) | Event::End => panic!("a value begins otherwise"),
    }
}

/// Without what tables can't tell apart: absent, null, and objects of nothing but such.
fn prune(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let members = object.into_iter().map(|(name, value)| (name, prune(value)));
            Value::Object(members.filter(|(_, value)| !empty(value)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(prune).collect()),
        Value::Number(number) => {
            let number = number.as_f64().and_then(Number::from_f64);
            number.map_or(Value::Null, Value::Number)
        }
        other => other,
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(empty),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}
