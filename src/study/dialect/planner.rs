//! Types and accesses to fields, as Trino spells them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Fields, TimeUnit,
};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawFieldAccessExpr, TypePlanner,
};
use datafusion::logical_expr::{ExprSchemable, GetFieldAccess};
use sqlparser::ast::{self, ArrayElemTypeDef, ExactNumberInfo, ObjectName};

/// Adds them to a session.
pub fn add_planners(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let planners = builder.expr_planners().get_or_insert_default();
    // First: the engine's planner of accesses takes them as they are spelled, and asks no other.
    planners.insert(0, Arc::new(LowerFields));
    builder.with_type_planner(Arc::new(Types))
}

/// `x['Field']` on a struct, whose fields are in lower case.
#[derive(Debug)]
struct LowerFields;

impl ExprPlanner for LowerFields {
    fn plan_field_access(
        &self,
        mut expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        // Structs only: `m['Key']` on a map asks for a value of the data, whose case matters.
        if let GetFieldAccess::NamedStructField { name } = &mut expr.field_access
            && matches!(expr.expr.get_type(schema), Ok(DataType::Struct(_)))
            && let Some(text) = name.try_as_str().flatten()
        {
            *name = text.to_lowercase().into();
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// `ROW(…)`, `ARRAY(…)`, `MAP(…)`, and types whose names differ.
#[derive(Debug)]
struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> Result<Option<FieldRef>> {
        let data_type = self::data_type(sql_type)?;
        Ok(data_type.map(|data_type| Arc::new(Field::new("", data_type, true))))
    }
}

/// `None` where the engine's own reading is right.
fn data_type(sql_type: &ast::DataType) -> Result<Option<DataType>> {
    use ast::DataType as Sql;
    Ok(match sql_type {
        Sql::JSON | Sql::JSONB => {
            return plan_err!(
                "the type JSON does not run on the embedded engine: keep JSON as varchar, and use \
                 json_extract_scalar"
            );
        }
        Sql::Array(
            ArrayElemTypeDef::AngleBracket(item)
            | ArrayElemTypeDef::SquareBracket(item, _)
            | ArrayElemTypeDef::Parenthesis(item),
        ) => Some(DataType::new_list(inner_type(item)?, true)),
        Sql::Struct(fields, _) => {
            let mut named = Vec::new();
            for (index, field) in fields.iter().enumerate() {
                let name = field.field_name.as_ref().map(|name| name.value.to_lowercase());
                let name = name.unwrap_or_else(|| format!("field{index}"));
                named.push(Field::new(name, inner_type(&field.field_type)?, true));
            }
            Some(DataType::Struct(Fields::from(named)))
        }
        // `row(x int, y varchar)` comes as a type of someone's own, its words in a list.
        Sql::Custom(name, words) if is_named(name, "row") => Some(row_type(words)?),
        Sql::Custom(name, _) if is_named(name, "string") => Some(DataType::Utf8),
        Sql::Decimal(stated) | Sql::Numeric(stated) => stated_decimal(stated)?,
        Sql::Varbinary(_) => Some(DataType::Binary),
        Sql::Timestamp(_, ast::TimezoneInfo::None | ast::TimezoneInfo::WithoutTimeZone) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, None))
        }
        Sql::Timestamp(_, _) => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
        }
        _ => None,
    })
}

fn is_named(name: &ObjectName, wanted: &str) -> bool {
    name.to_string().eq_ignore_ascii_case(wanted)
}

fn row_type(words: &[String]) -> Result<DataType> {
    let mut fields = Vec::new();
    for pair in words.chunks(2) {
        let [name, kind] = pair else {
            return plan_err!("the fields of a ROW need a name and a type each");
        };
        let Some(data_type) = column_type(kind) else {
            return plan_err!("the type {kind} does not run within ROW on the embedded engine");
        };
        fields.push(Field::new(name.trim_matches('"').to_lowercase(), data_type, true));
    }
    Ok(DataType::Struct(Fields::from(fields)))
}

/// A type that is inside of another.
fn inner_type(sql_type: &ast::DataType) -> Result<DataType> {
    if let Some(data_type) = data_type(sql_type)? {
        return Ok(data_type);
    }
    // Of a type within another the engine is not asked, so plain names are read here as well.
    let text = sql_type.to_string();
    match column_type(&text) {
        Some(data_type) => Ok(data_type),
        None => plan_err!("the type {text} does not run within another on the embedded engine"),
    }
}

/// A type by its name in Trino or Hive.
pub fn column_type(name: &str) -> Option<DataType> {
    let name = name.trim().to_ascii_lowercase();
    let (base, arguments) = name.split_once('(').unwrap_or((&name, ""));
    Some(match base.trim() {
        "varchar" | "char" | "string" | "text" => DataType::Utf8,
        "boolean" | "bool" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" | "integer" => DataType::Int32,
        "bigint" | "long" => DataType::Int64,
        "real" | "float" => DataType::Float32,
        "double" | "double precision" => DataType::Float64,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "binary" | "varbinary" => DataType::Binary,
        "decimal" | "numeric" => {
            let mut numbers = arguments.trim_end_matches(')').split(',').map(str::trim);
            let precision = match numbers.next() {
                None | Some("") => DECIMAL128_MAX_PRECISION,
                Some(number) => number.parse().ok()?,
            };
            let scale = numbers.next().map_or(Ok(0), str::parse).ok()?;
            match numbers.next() {
                None => decimal_type(precision, scale)?,
                Some(_) => return None,
            }
        }
        _ => return None,
    })
}

/// A decimal; `None` where it has more digits than Trino's, or fewer than its scale.
fn decimal_type(precision: u8, scale: i8) -> Option<DataType> {
    let may_be = (1..=DECIMAL128_MAX_PRECISION).contains(&precision)
        && u8::try_from(scale).is_ok_and(|scale| scale <= precision);
    may_be.then_some(DataType::Decimal128(precision, scale))
}

/// A decimal as a statement has it; `None` without any numbers.
fn stated_decimal(stated: &ExactNumberInfo) -> Result<Option<DataType>> {
    let (precision, scale) = match *stated {
        ExactNumberInfo::None => return Ok(None),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    let numbers = u8::try_from(precision).ok().zip(i8::try_from(scale).ok());
    match numbers.and_then(|(precision, scale)| decimal_type(precision, scale)) {
        Some(data_type) => Ok(Some(data_type)),
        None => plan_err!(
            "there is no decimal({precision},{scale}): it has 1 to {DECIMAL128_MAX_PRECISION} digits, of \
             which 0 to all are behind the point"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_as_many_digits_as_in_trino() {
        for (name, precision, scale) in
            [("decimal", 38, 0), ("DECIMAL(10, 2)", 10, 2), ("numeric (38,38)", 38, 38)]
        {
            assert_eq!(column_type(name), Some(DataType::Decimal128(precision, scale)), "{name}");
        }
        for name in ["(300,2)", "(39)", "(0)", "(5,6)", "(5,-1)", "(x)", "(5,x)", "(5,2,1)", "(5,)"]
        {
            assert_eq!(column_type(&format!("decimal{name}")), None, "{name}");
        }
    }
}
