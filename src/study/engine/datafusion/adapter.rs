//! Files whose schema is not the table's: other spellings, columns and fields that they lack.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use super::fit;

/// Lets expressions on a table's schema be evaluated on a file's.
///
/// The engine's own adapter matches names by case, refuses structs that have no field in common, and
/// casts whole structs of which one field is asked for.
#[derive(Debug)]
pub struct AnySpelling;

impl PhysicalExprAdapterFactory for AnySpelling {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        Ok(Arc::new(Adapter { table, file }))
    }
}

#[derive(Debug)]
struct Adapter {
    table: SchemaRef,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        // From the top: a field of a struct is taken before the struct is.
        expr.transform_down(|expr| {
            let done = match (self.adapt_field(&expr)?, expr.downcast_ref::<Column>()) {
                (Some(field), _) => field,
                (None, Some(column)) => self.adapt_column(column)?,
                (None, None) => return Ok(Transformed::no(expr)),
            };
            // The adapted expression names the file's columns, and must not be adapted again.
            Ok(Transformed::new(done, true, TreeNodeRecursion::Jump))
        })
        .data()
    }
}

impl Adapter {
    fn adapt_column(&self, column: &Column) -> Result<Arc<dyn PhysicalExpr>> {
        // A name that the table doesn't have is the engine's own.
        let Ok(wanted) = self.table.field_with_name(column.name()) else {
            return Ok(Arc::new(column.clone()));
        };
        match fit::find_field(self.file.fields(), column.name()) {
            None => null_literal(wanted.data_type()),
            Some((index, field)) => {
                let found = Arc::new(Column::new(field.name(), index));
                Ok(fit_expression(found, field.data_type(), wanted))
            }
        }
    }

    /// `get_field(column, 'a', 'b')`, for which only that field need be read.
    fn adapt_field(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let Some(access) = ScalarFunctionExpr::try_downcast_func::<GetFieldFunc>(expr.as_ref())
        else {
            return Ok(None);
        };
        let Some((column, names)) = access.args().split_first() else { return Ok(None) };
        let Some(column) = column.downcast_ref::<Column>() else { return Ok(None) };
        let Ok(wanted) = self.table.field_with_name(column.name()) else { return Ok(None) };
        let Some((index, root)) = fit::find_field(self.file.fields(), column.name()) else {
            return null_literal(access.return_type()).map(Some);
        };
        let mut wanted_type = wanted.data_type();
        let mut file_type = root.data_type();
        let mut args: Vec<Arc<dyn PhysicalExpr>> = vec![Arc::new(Column::new(root.name(), index))];
        for name in names {
            let literal = name.downcast_ref::<Literal>();
            let name = literal.and_then(|literal| literal.value().try_as_str().flatten());
            let (Some(name), DataType::Struct(wanted), DataType::Struct(file)) =
                (name, wanted_type, file_type)
            else {
                return Ok(None);
            };
            let Some((_, field)) = fit::find_field(wanted, name) else { return Ok(None) };
            wanted_type = field.data_type();
            let Some((_, field)) = fit::find_field(file, name) else {
                return null_literal(access.return_type()).map(Some);
            };
            file_type = field.data_type();
            let spelled = ScalarValue::Utf8(Some(field.name().clone()));
            args.push(Arc::new(Literal::new(spelled)));
        }
        let taken = ScalarFunctionExpr::try_new(
            Arc::new(access.fun().clone()),
            args,
            &self.file,
            Arc::new(access.config_options().clone()),
        )?;
        let wanted = Field::new(access.name(), wanted_type.clone(), true);
        Ok(Some(fit_expression(Arc::new(taken), file_type, &wanted)))
    }
}

fn null_literal(data_type: &DataType) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(Arc::new(Literal::new(ScalarValue::try_from(data_type)?)))
}

fn fit_expression(
    expr: Arc<dyn PhysicalExpr>,
    from: &DataType,
    wanted: &Field,
) -> Arc<dyn PhysicalExpr> {
    if from == wanted.data_type() {
        return expr;
    }
    // Nullable whatever the table says: a file that lacks a part of the value gives null for it.
    let wanted = Arc::new(wanted.clone().with_nullable(true));
    Arc::new(Fitted { expr, wanted })
}

/// An expression whose result is brought to a type.
#[derive(Debug)]
struct Fitted {
    expr: Arc<dyn PhysicalExpr>,
    wanted: FieldRef,
}

impl PartialEq for Fitted {
    fn eq(&self, other: &Self) -> bool {
        self.expr.eq(&other.expr) && self.wanted == other.wanted
    }
}

impl Eq for Fitted {}

impl Hash for Fitted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expr.hash(state);
        self.wanted.hash(state);
    }
}

impl fmt::Display for Fitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fit({})", self.expr)
    }
}

impl PhysicalExpr for Fitted {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(self.wanted.data_type().clone())
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn return_field(&self, _: &Schema) -> Result<FieldRef> {
        Ok(self.wanted.clone())
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let array = self.expr.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(fit::fit_array(&array, self.wanted.data_type())?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.expr]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = children.pop().unwrap_or_else(|| self.expr.clone());
        Ok(Arc::new(Self { expr, wanted: self.wanted.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt_sql(f)
    }
}
