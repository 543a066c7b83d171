//! The catalog's types (Hive's words) and Arrow's.

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// The Arrow type of a column; text for a type without one.
pub(super) fn arrow_type(text: &str) -> DataType {
    let mut reader = TypeReader { rest: text.trim() };
    reader.read(0).filter(|_| reader.rest.trim().is_empty()).unwrap_or(DataType::Utf8)
}

/// How deep types may be nested.
const DEEPEST: usize = 64;

struct TypeReader<'t> {
    rest: &'t str,
}

impl TypeReader<'_> {
    fn read(&mut self, depth: usize) -> Option<DataType> {
        // Each level is a call: a type of a hundred thousand levels, which anyone who may write to
        // the catalog could declare, would end the process.
        if depth > DEEPEST {
            return None;
        }
        let name = self.read_word().to_ascii_lowercase();
        Some(match name.as_str() {
            "tinyint" => DataType::Int8,
            "smallint" => DataType::Int16,
            "int" | "integer" => DataType::Int32,
            "bigint" => DataType::Int64,
            "float" | "real" => DataType::Float32,
            "double" => DataType::Float64,
            "boolean" => DataType::Boolean,
            "date" => DataType::Date32,
            // Athena's timestamps have milliseconds.
            "timestamp" => DataType::Timestamp(TimeUnit::Millisecond, None),
            "binary" | "varbinary" => DataType::Binary,
            "string" => DataType::Utf8,
            "varchar" | "char" => {
                self.read_numbers();
                DataType::Utf8
            }
            "decimal" => match self.read_numbers().as_slice() {
                [precision] => DataType::Decimal128(*precision, 0),
                [precision, scale] => DataType::Decimal128(*precision, i8::try_from(*scale).ok()?),
                // Hive takes DECIMAL without numbers for DECIMAL(10,0).
                _ => DataType::Decimal128(10, 0),
            },
            "array" => {
                self.expect_char('<')?;
                let item = self.read(depth + 1)?;
                self.expect_char('>')?;
                DataType::new_list(item, true)
            }
            "map" => {
                self.expect_char('<')?;
                let key = self.read(depth + 1)?;
                self.expect_char(',')?;
                let value = self.read(depth + 1)?;
                self.expect_char('>')?;
                let fields = [Field::new("key", key, false), Field::new("value", value, true)];
                let entries = DataType::Struct(Fields::from(fields.to_vec()));
                DataType::Map(Field::new("entries", entries, false).into(), false)
            }
            "struct" => {
                self.expect_char('<')?;
                let mut fields = Vec::new();
                while self.expect_char('>').is_none() {
                    if !fields.is_empty() {
                        self.expect_char(',')?;
                    }
                    let end = self.rest.find(':')?;
                    let name = self.rest[..end].trim().trim_matches('`').to_owned();
                    self.rest = &self.rest[end + 1..];
                    fields.push(Field::new(name, self.read(depth + 1)?, true));
                }
                DataType::Struct(Fields::from(fields))
            }
            _ => return None,
        })
    }

    fn read_word(&mut self) -> &str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn expect_char(&mut self, c: char) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(c)?;
        Some(())
    }

    /// The numbers in parentheses, if there are any.
    fn read_numbers(&mut self) -> Vec<u8> {
        let Some((inside, rest)) =
            self.rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'))
        else {
            return Vec::new();
        };
        self.rest = rest;
        inside.split(',').filter_map(|number| number.trim().parse().ok()).collect()
    }
}

/// A type in Hive's words, for `CREATE EXTERNAL TABLE`; `None` for a type that Hive has not.
pub(super) fn hive_type(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "int".to_owned(),
        DataType::Int64 | DataType::UInt32 => "bigint".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("array<{}>", hive_type(item.data_type())?)
        }
        DataType::Struct(fields) => {
            let fields: Option<Vec<_>> = fields
                .iter()
                .map(|field| Some(format!("{}:{}", field.name(), hive_type(field.data_type())?)))
                .collect();
            format!("struct<{}>", fields?.join(","))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                let key = hive_type(fields[0].data_type())?;
                format!("map<{key},{}>", hive_type(fields[1].data_type())?)
            }
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_come_back_as_they_went() {
        for text in [
            "string",
            "bigint",
            "decimal(10,2)",
            "array<struct<code:string,value:double>>",
            "struct<a:array<int>,b:struct<c:date,d:timestamp>>",
            "map<string,array<boolean>>",
        ] {
            assert_eq!(hive_type(&arrow_type(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_not_understood_is_text() {
        let deep = "array<".repeat(1000);
        for text in ["interval", "struct<a", "array<int", "int>", "", "struct<a:int;b:int>", &deep]
        {
            assert_eq!(arrow_type(text), DataType::Utf8, "{text}");
        }
        assert_eq!(arrow_type("VARCHAR(20)"), DataType::Utf8);
        assert_eq!(arrow_type("decimal"), DataType::Decimal128(10, 0));
        assert_eq!(arrow_type("struct<>"), DataType::Struct(Fields::empty()));
    }
}
