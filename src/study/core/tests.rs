//! The statements as text. That they mean the right thing is shown on an engine: `tests/it`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::*;
use crate::fhir;
use crate::needs::{self, need};
use crate::table::schema::{Shape, table_schema};

/// All tables in order of their making: name, what is in it, columns.
fn tables(sources: &Sources) -> Vec<(String, String, Vec<CoreColumn>)> {
    let steps =
        plan_steps(sources).into_iter().chain([plan_bookkeeping(Utc::now(), Utc::now()).unwrap()]);
    let made = steps.flat_map(|step| step.tables);
    let mut tables: Vec<_> = made.map(|made| (made.table, made.about, made.columns)).collect();
    for table in read_counts().unwrap() {
        let columns = table.shown_columns().into_iter().map(|name| {
            let kind = if name == "cnt" { SqlType::BigInt } else { SqlType::Text };
            CoreColumn { name, kind }
        });
        let columns = columns.collect();
        tables.push((format!("core__{}", table.name), table.description.unwrap(), columns));
    }
    tables.sort_by(|one, other| one.0.cmp(&other.0));
    tables
}

/// The schemas of tables without rows, and with all that R4 has, down to some depth.
fn full() -> Sources {
    fn shape(name: &str, depth: u32, batch: &mut Vec<Field>) {
        for element in fhir::type_named(name).unwrap().elements {
            let data_type = match element.kind {
                fhir::Kind::Object(of) if depth > 0 && of != "Extension" => {
                    let mut fields = Vec::new();
                    if fhir::type_named(of).is_some() {
                        shape(of, depth - 1, &mut fields);
                    }
                    DataType::Struct(fields.into())
                }
                _ => DataType::Utf8,
            };
            batch.push(Field::new(element.name, data_type, true));
        }
    }
    Sources::new(resource_types().map(|name| {
        let mut fields = Vec::new();
        shape(name, 4, &mut fields);
        let mut seen = Shape::default();
        seen.add(&Schema::new(fields));
        let r4 = fhir::type_named(name).unwrap();
        (name.to_lowercase(), table_schema(r4, &seen, &Default::default()))
    }))
}

fn resource_types() -> impl Iterator<Item = &'static str> {
    let others = resources::OTHERS.iter().map(|resource| resource.fhir);
    others.chain(["Patient", "Medication"])
}

#[test]
fn there_are_111_tables() {
    let tables = tables(&Sources::default());
    assert_eq!(tables.len(), 111);
    assert!(tables.windows(2).all(|pair| pair[0].0 != pair[1].0));
    let sources: Vec<_> = resource_types().map(str::to_lowercase).collect();
    assert!(sources.iter().all(|name| SOURCES.contains(&name.as_str())));
    assert_eq!(SOURCES.len(), sources.len() + 2);
}

#[test]
fn columns_do_not_depend_on_the_data() {
    let none = tables(&Sources::default());
    assert_eq!(none, tables(&full()));
    let empty = resource_types().map(|name| {
        let r4 = fhir::type_named(name).unwrap();
        (name.to_lowercase(), table_schema(r4, &Shape::default(), &Default::default()))
    });
    assert_eq!(none, tables(&Sources::new(empty)));
    let id_only: SchemaRef = Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, true)]));
    let id_only = SOURCES.map(|name| (name.to_owned(), id_only.clone()));
    assert_eq!(none, tables(&Sources::new(id_only)));
}

#[test]
fn columns_are_those_that_studies_know() {
    let path = need!(needs::shared("spec/core-tables.csv"));
    let text = fs::read_to_string(path).unwrap();
    let mut known: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in csv::Reader::from_reader(text.as_bytes()).into_records() {
        let row = row.unwrap();
        known.entry(row[0].to_owned()).or_default().push((row[1].to_owned(), row[2].to_owned()));
    }
    for (table, _, columns) in tables(&Sources::default()) {
        let columns: Vec<_> =
            columns.into_iter().map(|c| (c.name, c.kind.sql_name().to_owned())).collect();
        assert_eq!(Some(columns), known.remove(&table), "{table}");
    }
    assert!(known.is_empty(), "{known:?}");
}

#[test]
fn queries_give_the_columns_that_are_declared() {
    for sources in [Sources::default(), full()] {
        for made in plan_steps(&sources).into_iter().flat_map(|step| step.tables) {
            let parsed = Parser::parse_sql(&GenericDialect {}, &made.create_sql());
            let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", made.table));
            let sqlparser::ast::Statement::CreateTable(parsed) = &parsed[0] else { panic!() };
            let sqlparser::ast::SetExpr::Select(select) =
                parsed.query.as_ref().unwrap().body.as_ref()
            else {
                panic!("{}", made.table)
            };
            let names: Vec<_> = select
                .projection
                .iter()
                .map(|item| match item {
                    sqlparser::ast::SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
                    item => item.to_string().rsplit('.').next().unwrap().replace('"', ""),
                })
                .collect();
            let declared: Vec<_> = made.columns.into_iter().map(|column| column.name).collect();
            assert_eq!(names, declared, "{}", made.table);
        }
    }
}

#[test]
fn what_a_schema_has_is_read_and_what_it_lacks_is_null() {
    let find = |sources: &Sources, table: &str| {
        let all = plan_steps(sources).into_iter().flat_map(|step| step.tables);
        all.into_iter().find(|made| made.table == table).unwrap().query
    };
    let (none, full) = (Sources::default(), full());
    let table = "core__allergyintolerance_dn_reaction_manifestation";
    assert!(find(&none, table).ends_with("WHERE 1 = 0"));
    assert_eq!(
        find(&full, table),
        "SELECT DISTINCT\n  s.id AS id,\n  l0.row AS row,\n  c.coding.code AS code,\n  \
         c.coding.system AS system,\n  c.coding.display AS display,\n  \
         c.coding.userSelected AS userSelected\nFROM allergyintolerance AS s,\n    \
         UNNEST(s.reaction) WITH ORDINALITY AS l0 (item0, row),\n    \
         UNNEST(l0.item0.manifestation) AS l1 (item1),\n    UNNEST(l1.item1.coding) AS c (coding)"
    );
    // Names in schemas may be spelled in another way.
    let fields = vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("recordeddate", DataType::Utf8, true),
        Field::new(
            "Subject",
            DataType::Struct(vec![Field::new("reference", DataType::Utf8, true)].into()),
            true,
        ),
        Field::new("encounter", DataType::Utf8, true),
    ];
    let condition = ("Condition".to_owned(), Arc::new(Schema::new(fields)) as SchemaRef);
    let query = find(&Sources::new([condition]), "core__condition");
    assert!(query.contains("s.subject.reference AS subject_ref"), "{query}");
    assert!(
        query.contains(
            "CAST(TRY(from_iso8601_timestamp(s.recordedDate)) AS TIMESTAMP) AS recordedDate"
        ),
        "{query}"
    );
    assert!(query.contains("CAST(NULL AS VARCHAR) AS encounter_ref"), "{query}");
}

#[test]
fn counts_and_metadata_are_exported() {
    let exports = list_exports().unwrap();
    assert_eq!(exports.len(), 24);
    let kind = |kind| exports.iter().filter(|table| table.kind == kind).count();
    assert_eq!((kind(ExportKind::Cube), kind(ExportKind::Meta)), (22, 2));
}

/// The list of tables in the documentation. To write it anew, set `CUMULUS_TEST_UPDATE`.
#[test]
fn the_tables_are_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/core.md");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once("<!-- tables -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- end of tables -->").unwrap();
    let mut list = String::new();
    for (name, about, columns) in tables(&Sources::default()) {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| match column.kind {
                SqlType::Text => format!("`{}`", column.name),
                kind => format!("`{}` ({})", column.name, kind.sql_name().to_lowercase()),
            })
            .collect();
        list += &format!("\n### `{name}`\n\n{about}\n\n{}\n", columns.join(", "));
    }
    let text = format!("{head}<!-- tables -->\n{list}\n<!-- end of tables -->{tail}");
    if std::env::var_os("CUMULUS_TEST_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == text, "run with CUMULUS_TEST_UPDATE=1");
}
