//! A table's schema as Delta spells it, and as Arrow.
//!
//! The JSON of the log is kept and only added to, so that what other writers noted on a column
//! survives.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

use crate::error::{Context, Error, Result};

/// A table's columns.
#[derive(Clone, Debug)]
pub(super) struct TableSchema {
    json: Value,
    arrow: SchemaRef,
}

impl TableSchema {
    /// The schema of a new table.
    pub fn new(schema: &Schema) -> Result<Self> {
        Self::parse_schema(json!({"type": "struct", "fields": []}))?.union_with(schema)
    }

    /// Reads the `schemaString` of a table's metadata.
    pub fn read_text(text: &str) -> Result<Self> {
        Self::parse_schema(serde_json::from_str(text).context("the table's schema is not JSON")?)
    }

    fn parse_schema(json: Value) -> Result<Self> {
        let fields = arrow_fields(&json, "")?;
        Ok(Self { json, arrow: Arc::new(Schema::new(fields)) })
    }

    /// The same columns, all nullable.
    pub fn arrow_schema(&self) -> &SchemaRef {
        &self.arrow
    }

    /// The `schemaString` of the table's metadata.
    pub fn json_text(&self) -> String {
        self.json.to_string()
    }

    /// The table's schema, and behind it the parts that only `run` has: columns, and fields at any depth of
    /// structs and lists.
    ///
    /// A name that the table spells otherwise, in case only, stays as the table has it: no program opens
    /// a table with two names that differ in nothing else.
    ///
    /// # Errors
    /// A column that both have with different types: nothing is widened silently.
    pub fn union_with(&self, run: &Schema) -> Result<Self> {
        let mut json = self.json.clone();
        add_fields(&mut json, run.fields(), "")?;
        Self::parse_schema(json)
    }

    /// Whether any column, at any depth, carries this metadata key.
    pub fn has_metadata(&self, key: &str) -> bool {
        any_object(&self.json, &|object| {
            object.get("metadata").is_some_and(|m| m.get(key).is_some())
        })
    }

    /// Whether any column, field or list item is declared never to be null.
    pub fn has_not_null(&self) -> bool {
        let never = |object: &Value, key: &str| object.get(key) == Some(&Value::Bool(false));
        any_object(&self.json, &|object| {
            ["nullable", "containsNull", "valueContainsNull"].iter().any(|key| never(object, key))
        })
    }
}

impl PartialEq for TableSchema {
    fn eq(&self, other: &Self) -> bool {
        // The JSON, not the Arrow schema: that leaves out what other writers noted on columns.
        self.json == other.json
    }
}

fn any_object(json: &Value, test: &impl Fn(&Value) -> bool) -> bool {
    match json {
        Value::Object(object) => test(json) || object.values().any(|value| any_object(value, test)),
        Value::Array(items) => items.iter().any(|item| any_object(item, test)),
        _ => false,
    }
}

fn inner_type(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn add_fields(table: &mut Value, run: &Fields, path: &str) -> Result<()> {
    let fields = table.get_mut("fields").and_then(Value::as_array_mut);
    let fields = fields.ok_or_else(|| malformed_error(path))?;
    for field in run {
        let path = inner_type(path, field.name());
        let name = field.name().as_str();
        let is_same = |known: &Value| {
            known["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        match fields.iter_mut().find(|known| is_same(known)) {
            Some(known) => add_type(&mut known["type"], field.data_type(), &path)?,
            None => fields.push(json!({
                "name": field.name(),
                "type": delta_type(field.data_type(), &path)?,
                // Rows that are there already have no value for it.
                "nullable": true,
                "metadata": {},
            })),
        }
    }
    Ok(())
}

fn add_type(table: &mut Value, run: &DataType, path: &str) -> Result<()> {
    let kind = table.get("type").and_then(Value::as_str);
    match (kind, run) {
        (Some("struct"), DataType::Struct(fields)) => add_fields(table, fields, path),
        (Some("array"), DataType::List(item) | DataType::LargeList(item))
            // Lists of scalars fall through to the comparison
            // below: there is nothing to add inside them.
            if item.data_type().is_nested() && table["elementType"].is_object() =>
        {
            add_type(&mut table["elementType"], item.data_type(), path)
        }
        _ if *table == delta_type(run, path)? => Ok(()),
        _ => Err(Error::failed(format!(
            "column '{path}' is {} in the table, but {} in this run",
            show_type(table),
            show_type(&delta_type(run, path)?)
        ))),
    }
}

/// `string`, `struct`, `array of string`.
fn show_type(delta_type: &Value) -> String {
    match (delta_type.as_str(), delta_type["type"].as_str()) {
        (Some(name), _) => name.to_owned(),
        (None, Some("array")) => format!("array of {}", show_type(&delta_type["elementType"])),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "of an unknown type".to_owned(),
    }
}

fn malformed_error(path: &str) -> Error {
    Error::failed(format!("the table's schema is damaged at '{path}'"))
}

fn delta_type(arrow: &DataType, path: &str) -> Result<Value> {
    Ok(match arrow {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => json!("string"),
        DataType::Boolean => json!("boolean"),
        DataType::Int8 => json!("byte"),
        DataType::Int16 => json!("short"),
        DataType::Int32 => json!("integer"),
        DataType::Int64 => json!("long"),
        DataType::Float32 => json!("float"),
        DataType::Float64 => json!("double"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => json!("binary"),
        DataType::Date32 => json!("date"),
        DataType::Timestamp(_, Some(_)) => json!("timestamp"),
        DataType::Decimal128(precision, scale) => json!(format!("decimal({precision},{scale})")),
        DataType::List(item) | DataType::LargeList(item) => json!({
            "type": "array",
            "elementType": delta_type(item.data_type(), path)?,
            "containsNull": true,
        }),
        DataType::Struct(fields) => {
            let mut json = json!({"type": "struct", "fields": []});
            add_fields(&mut json, fields, path)?;
            json
        }
        other => {
            let message = format!("column '{path}': Delta tables have no type for {other}");
            return Err(Error::failed(message));
        }
    })
}

fn arrow_fields(json: &Value, path: &str) -> Result<Fields> {
    let fields = json["fields"].as_array().ok_or_else(|| malformed_error(path))?;
    let fields = fields.iter().map(|field| {
        let name = field["name"].as_str().ok_or_else(|| malformed_error(path))?;
        let data_type = arrow_type(&field["type"], &inner_type(path, name))?;
        // Nullable here, whatever the table says: files that lack the column are
        // read, too. Tables that demand a value are not written (`has_not_null`).
        Ok(Field::new(name, data_type, true))
    });
    fields.collect()
}

fn arrow_type(json: &Value, path: &str) -> Result<DataType> {
    if let Some(name) = json.as_str() {
        return scalar_type(name).ok_or_else(|| {
            Error::failed(format!("column '{path}' has the type {name}, which is not supported"))
        });
    }
    Ok(match json["type"].as_str() {
        Some("struct") => DataType::Struct(arrow_fields(json, path)?),
        // Parquet's own name for a list's items, which every reader takes.
        Some("array") => {
            let item = arrow_type(&json["elementType"], path)?;
            DataType::List(Arc::new(Field::new("element", item, true)))
        }
        Some("map") => {
            let entries = Fields::from(vec![
                Field::new("key", arrow_type(&json["keyType"], path)?, false),
                Field::new("value", arrow_type(&json["valueType"], path)?, true),
            ]);
            let entries = Field::new("key_value", DataType::Struct(entries), false);
            DataType::Map(Arc::new(entries), false)
        }
        _ => return Err(malformed_error(path)),
    })
}

fn scalar_type(name: &str) -> Option<DataType> {
    Some(match name {
        "string" => DataType::Utf8,
        "boolean" => DataType::Boolean,
        "byte" => DataType::Int8,
        "short" => DataType::Int16,
        "integer" => DataType::Int32,
        "long" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
        _ => {
            let digits = name.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = digits.split_once(',')?;
            DataType::Decimal128(precision.trim().parse().ok()?, scale.trim().parse().ok()?)
        }
    })
}
