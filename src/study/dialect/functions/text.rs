//! Text, and the names of types.

use std::sync::Arc;

use datafusion::arrow::array::{Array, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

use super::base::Native;
use super::faults::refuse_arguments;
use super::{TO_VARCHAR, time};

/// The functions.
pub fn list_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Native::make_udf(
            TO_VARCHAR,
            "CAST(… AS varchar)",
            |types| match types {
                [DataType::Struct(_) | DataType::List(_) | DataType::Map(_, _)] => {
                    refuse_arguments()
                }
                [_] => Ok(types.to_vec()),
                _ => refuse_arguments(),
            },
            |_| Ok(DataType::Utf8),
            |args| match args[0].data_type() {
                DataType::Timestamp(_, _) => time::show_times(&args[0]),
                _ => Ok(cast(&args[0], &DataType::Utf8)?),
            },
        ),
        Native::make_udf(
            "typeof",
            "typeof(value)",
            |types| if types.len() == 1 { Ok(types.to_vec()) } else { refuse_arguments() },
            |_| Ok(DataType::Utf8),
            |args| {
                let name = type_name(args[0].data_type());
                Ok(Arc::new(StringArray::from_iter_values(vec![name; args[0].len()])))
            },
        ),
    ]
}

/// Trino's name of a type.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "varbinary".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(item) => format!("array({})", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), type_name(field.data_type())))
                .collect();
            format!("row({})", fields.join(", "))
        }
        other => other.to_string().to_lowercase(),
    }
}
