//! The schema of a table: R4's definitions, as deep as the rows go (spec: "Tables").

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use super::fit::find_field;
use crate::fhir::{self, Kind, Type};

/// The name of a list's items in Arrow schemas; Parquet's and Delta's convention.
pub const LIST_ITEM: &str = "element";
/// The column that R4 does not count among a resource's elements.
pub const RESOURCE_TYPE: &str = "resourceType";
/// The element that holds resources of any type.
const CONTAINED: &str = "contained";
/// Types that are complete wherever they are present, so that SQL finds all of their columns.
const COMPLETE: [&str; 4] = ["CodeableConcept", "Coding", "Period", "Reference"];

/// Which elements some rows have, as a tree of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    children: BTreeMap<String, Shape>,
}

impl Shape {
    /// Adds what a batch of a table's rows shows.
    pub fn add(&mut self, batch: &Schema) {
        self.add_fields(batch.fields());
    }

    fn add_fields(&mut self, fields: &Fields) {
        for field in fields {
            if !self.children.contains_key(field.name()) {
                self.children.insert(field.name().clone(), Self::default());
            }
            if let Some(child) = self.children.get_mut(field.name()) {
                let mut data_type = field.data_type();
                if let DataType::List(item) = data_type {
                    data_type = item.data_type();
                }
                if let DataType::Struct(fields) = data_type {
                    child.add_fields(fields);
                }
            }
        }
    }

    /// The shape of an element, which has none to begin with.
    pub fn element(&mut self, name: &str) -> &mut Self {
        // Not `entry`, which takes an owned name: most elements are there already.
        if !self.children.contains_key(name) {
            self.children.insert(name.to_owned(), Self::default());
        }
        self.children.get_mut(name).expect("it was put there if it was not")
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.get(name)
    }
}

/// The schema of the table of `r4`'s resources after rows of this shape.
/// `contained_types` are the resource types that its contained resources name.
pub fn table_schema(
    r4: &'static Type,
    shape: &Shape,
    contained_types: &BTreeSet<&'static str>,
) -> SchemaRef {
    let mut fields = vec![text_field(RESOURCE_TYPE)];
    fields.extend(object_fields(r4, Some(shape), 0));
    if let Some(tagged) = shape.child("contained")
        && let Some(contained) = fields.iter_mut().find(|field| field.name() == "contained")
    {
        let items = contained_fields(tagged, contained_types);
        *contained = list_of("contained", DataType::Struct(items.into()));
    }
    Arc::new(Schema::new(fields))
}

/// All elements seen in contained resources, by name; the alphabetically last type that defines
/// one wins.
fn contained_fields(tagged: &Shape, types: &BTreeSet<&'static str>) -> Vec<Field> {
    let mut shape = Shape::default();
    for (name, child) in &tagged.children {
        if name != RESOURCE_TYPE {
            merge_shape(&mut shape, child);
        }
    }
    let mut by_name: BTreeMap<String, Field> = BTreeMap::new();
    // In alphabetical order, `Resource` first: a later type replaces the field of an earlier one.
    for name in std::iter::once(&"Resource").chain(types) {
        for field in
            fhir::type_named(name).map_or(Vec::new(), |r4| object_fields(r4, Some(&shape), 2))
        {
            by_name.insert(field.name().clone(), field);
        }
    }
    std::iter::once(text_field(RESOURCE_TYPE)).chain(by_name.into_values()).collect()
}

/// The schema of a run whose contained resources meet those of a table that is there: where the
/// two clash, because other types were contained then, the table's columns stay as they are.
pub fn keep_contained(run: &SchemaRef, table: &Schema) -> SchemaRef {
    let Some(index) = find_field(table.fields(), CONTAINED) else { return run.clone() };
    let there = table.field(index);
    let fields = run.fields().iter().map(|field| match field.name() == CONTAINED {
        true => {
            Arc::new(field.as_ref().clone().with_data_type(keep_type(field.data_type(), there)))
        }
        false => field.clone(),
    });
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

/// `wanted`, but with what `there` has a different type for as it is there.
fn keep_type(wanted: &DataType, there: &Field) -> DataType {
    match (wanted, there.data_type()) {
        (DataType::Struct(wanted), DataType::Struct(there)) => {
            let fields = wanted.iter().map(|field| match find_field(there, field.name()) {
                Some(index) => {
                    let data_type = keep_type(field.data_type(), &there[index]);
                    Arc::new(field.as_ref().clone().with_data_type(data_type))
                }
                None => field.clone(),
            });
            DataType::Struct(fields.collect())
        }
        (DataType::List(wanted), DataType::List(there)) => {
            let item = wanted.as_ref().clone();
            DataType::List(Arc::new(item.with_data_type(keep_type(wanted.data_type(), there))))
        }
        // `adapt_batch` then leaves out, and counts, what does not fit.
        (_, there) => there.clone(),
    }
}

fn merge_shape(into: &mut Shape, from: &Shape) {
    for (name, child) in &from.children {
        merge_shape(into.children.entry(name.clone()).or_default(), child);
    }
}

/// The fields of an object at `level` (0: the resource itself).
fn object_fields(r4: &Type, shape: Option<&Shape>, level: u32) -> Vec<Field> {
    let complete = COMPLETE.contains(&r4.name);
    let mut fields = Vec::new();
    for element in r4.elements {
        let seen = shape.and_then(|shape| shape.child(element.name));
        let forced = complete && element.kind != Kind::Object("Extension");
        let included = seen.is_some() || forced;
        let data_type = match element.kind {
            // Right in a column all scalars are there, seen or not, and deeper only
            // what was seen. Structs recurse in FHIR
            // (`Reference.identifier.assigner`), so they must be seen to be there.
            Kind::Object(_) if level >= 1 && !included => None,
            Kind::Object(name) => struct_of(name, seen, level + 1),
            _ if level >= 2 && !included => None,
            Kind::Text => Some(DataType::Utf8),
            Kind::Integer => Some(DataType::Int32),
            Kind::Decimal => Some(DataType::Float64),
            Kind::Boolean => Some(DataType::Boolean),
        };
        fields
            .extend(data_type.map(|data_type| named_field(element.name, data_type, element.list)));

        let sibling_name = format!("_{}", element.name);
        if let Some(sibling) = shape.and_then(|shape| shape.child(&sibling_name))
            && let Some(data_type) = struct_of("Element", Some(sibling), 2)
        {
            fields.push(named_field(&sibling_name, data_type, element.list));
        }
    }
    fields
}

/// `None` for a struct without children, which engines don't accept.
fn struct_of(name: &str, shape: Option<&Shape>, level: u32) -> Option<DataType> {
    let fields = object_fields(fhir::type_named(name)?, shape, level);
    (!fields.is_empty()).then(|| DataType::Struct(fields.into()))
}

fn named_field(name: &str, data_type: DataType, list: bool) -> Field {
    match list {
        true => list_of(name, data_type),
        false => Field::new(name, data_type, true),
    }
}

fn list_of(name: &str, item: DataType) -> Field {
    Field::new_list(name, Field::new(LIST_ITEM, item, true), true)
}

fn text_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

/// `etl__completion`: one row per table and run.
pub fn completion_schema() -> SchemaRef {
    text_columns(&[
        "table_name",
        "group_name",
        "export_time",
        "export_url",
        "etl_version",
        "etl_time",
        "excluded_resources",
    ])
}

/// `etl__completion_encounters`: one row per encounter and group.
pub fn completion_encounters() -> SchemaRef {
    text_columns(&["encounter_id", "group_name", "export_time", "excluded_resources"])
}

fn text_columns(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| text_field(name)).collect::<Vec<_>>()))
}
