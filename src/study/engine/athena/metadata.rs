//! Which tables there are, and their columns, by Athena's view of the catalog.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use aws_sdk_athena::error::ProvideErrorMetadata;
use aws_sdk_athena::types::{Column, TableMetadata};

use super::explain::explain_call;
use super::hive;
use super::queries::{CATALOG, Queries};
use crate::error::{Error, Result};

/// A table or a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AthenaTable {
    /// In lower case, as the catalog keeps names.
    pub name: String,
    pub kind: RelationKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RelationKind {
    Table,
    View,
}

/// The tables of a study, sorted.
pub(super) fn of_study(queries: &Queries, study: &str) -> Result<Vec<AthenaTable>> {
    let prefix = format!("{}__", study.to_lowercase());
    let mut tables = list_tables(queries, Some(&format!("{prefix}*")))?;
    // The catalog decides what the pattern means exactly.
    tables.retain(|table| table.name.starts_with(&prefix));
    Ok(tables)
}

/// All tables whose names match a pattern, sorted.
pub(super) fn list_tables(queries: &Queries, pattern: Option<&str>) -> Result<Vec<AthenaTable>> {
    let schema = &queries.settings.schema;
    let mut pages = queries
        .client
        .list_table_metadata()
        .catalog_name(CATALOG)
        .database_name(schema)
        .work_group(&queries.settings.workgroup)
        .set_expression(pattern.map(str::to_owned))
        .into_paginator()
        .send();
    let mut tables = Vec::new();
    queries.settings.storage.block_on(async {
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                explain_call(&error, &format!("cannot list the tables of the schema '{schema}'"))
            })?;
            tables.extend(page.table_metadata_list().iter().map(to_table));
        }
        Ok::<_, Error>(())
    })?;
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

fn to_table(data: &TableMetadata) -> AthenaTable {
    let view = data.table_type().is_some_and(|kind| kind.eq_ignore_ascii_case("VIRTUAL_VIEW"));
    let kind = if view { RelationKind::View } else { RelationKind::Table };
    AthenaTable { name: data.name().to_lowercase(), kind }
}

/// A table's columns, those that it is partitioned by last; `None` if there is no such table.
pub(super) fn schema(queries: &Queries, name: &str) -> Result<Option<SchemaRef>> {
    let (schema, name) = match name.split_once('.') {
        Some((schema, name)) => (schema, name),
        None => (queries.settings.schema.as_str(), name),
    };
    let (schema, name) = (strip_quotes(schema), strip_quotes(name));
    let answer = queries.settings.storage.block_on(
        queries
            .client
            .get_table_metadata()
            .catalog_name(CATALOG)
            .database_name(&schema)
            .table_name(&name)
            .work_group(&queries.settings.workgroup)
            .send(),
    );
    let data = match answer {
        Ok(answer) => answer.table_metadata,
        Err(error) => {
            // Athena has one code for all that Glue answers. Only the text tells that there is no
            // such table.
            let missing = error.code() == Some("MetadataException")
                && error.message().is_some_and(|text| text.contains("EntityNotFound"));
            if missing {
                return Ok(None);
            }
            return Err(explain_call(
                &error,
                &format!("cannot look at the table '{schema}.{name}'"),
            ));
        }
    };
    let Some(data) = data else { return Ok(None) };
    // Glue lists the columns that a table is partitioned by apart; in a query they are columns as
    // others.
    let columns = data.columns().iter().chain(data.partition_keys());
    let fields: Vec<_> = columns.map(to_field).collect();
    Ok(Some(Arc::new(Schema::new(fields))))
}

fn to_field(column: &Column) -> Field {
    Field::new(column.name(), hive::arrow_type(column.r#type().unwrap_or("string")), true)
}

fn strip_quotes(name: &str) -> String {
    name.trim_matches(['"', '`']).to_lowercase()
}
