//! Tables that no declaration covers: extensions of patients, encounters that are not complete,
//! components' quantities, parts of other tables, metadata.

use chrono::{DateTime, Utc};

use super::declare::Resource;
use super::place::Sources;
use super::sql_type::SqlType;
use super::sql_type::SqlType::{BigInt, Date, Double, Int, Text, Timestamp};
use super::{CoreColumn, TableQuery};

/// An encounter is complete once each of these is loaded that was exported with it or later.
const AWAITED: [&str; 11] = [
    "allergyintolerance",
    "condition",
    "diagnosticreport",
    "documentreference",
    "episodeofcare",
    "medicationrequest",
    "medicationdispense",
    "observation",
    "procedure",
    "servicerequest",
    "specimen",
];

/// The version that core's tables are compatible with.
// To be raised when columns of an exported table change: the Aggregator takes one set of columns for
// each version.
const PACKAGE_VERSION: u32 = 5;

/// The table of a group that US Core's extensions put patients in: `race` or `ethnicity`. The broad
/// category if there is one, else the detailed; several are one text, in alphabetical order.
pub(super) fn patient_extension(group: &str, sources: &Sources) -> TableQuery {
    let table = format!("core__patient_ext_{group}");
    let (code, display) = (format!("{group}_code"), format!("{group}_display"));
    let columns: Vec<CoreColumn> =
        ["id", "system", &code, &display].map(|n| (n, Text).into()).into();
    let query = || {
        let outer = sources.table_rows("patient", "s").get("extension");
        let outer_item = outer.list_items("o.extension")?;
        let inner = outer_item.get("extension");
        let item = inner.list_items("i.extension")?;
        let coding = item.get("valueCoding");
        let (url, kind) = (outer_item.get("url"), item.get("url"));
        if !(url.is_known() && kind.is_known() && coding.is_known()) {
            return None;
        }
        let shown = coding.get("display").value_sql(Text);
        // Sorted, as an aggregate comes to its rows in any order, and counts group by this text.
        let joined = |column: &str| {
            format!("lower(array_join(array_sort(array_agg({column})), '; ')) AS {group}_{column}")
        };
        Some(format!(
            "WITH codings AS (\n  SELECT DISTINCT\n    s.id, {kind} AS system, {} AS code, {shown} \
             AS display\n  FROM patient AS s,\n    UNNEST({}) AS o (extension),\n    UNNEST({}) AS i \
             (extension)\n  WHERE {} = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-{group}'\
             \n    AND {kind} IN ('ombCategory', 'detailed')\n    AND {shown} <> ''\n),\nsystems AS \
             (\n  SELECT\n    id, system,\n    {},\n    {},\n    row_number() OVER (\n      PARTITION \
             BY id ORDER BY CASE system WHEN 'ombCategory' THEN 0 ELSE 1 END\n    ) AS place\n  FROM \
             codings\n  GROUP BY id, system\n)\nSELECT id, system, {code}, {display}\nFROM \
             systems\nWHERE place = 1",
            coding.get("code").value_sql(Text),
            outer.as_sql(),
            inner.as_sql(),
            url.value_sql(Text),
            joined("code"),
            joined("display"),
            kind = kind.value_sql(Text),
        ))
    };
    let about = format!(
        "US Core's `{group}` of patients, in lower case: the broad categories, else the detailed \
         ones; several are one text."
    );
    match query() {
        Some(query) => TableQuery { table, columns, about, query },
        None => TableQuery::without_rows(table, columns, about),
    }
}

/// Encounters that are tracked, but not loaded completely. Those that are not tracked are not here.
///
/// Complete means: for each table that is [`AWAITED`], one of the encounter's groups has a
/// completion whose export is not older than the encounter's earliest one.
pub(super) fn incomplete_encounter(sources: &Sources) -> TableQuery {
    let table = "core__incomplete_encounter".to_owned();
    let columns = vec![("id", Text).into()];
    let about = "Encounters whose data is not all loaded yet; they are not in `core__encounter`."
        .to_owned();
    let loads = sources.table_rows("etl__completion", "c");
    let tracked = sources.table_rows("etl__completion_encounters", "e");
    if !loads.get("group_name").is_known() || !tracked.get("group_name").is_known() {
        return TableQuery::without_rows(table, columns, about);
    }
    // Compared as times: texts of one instant differ by their offsets.
    let time = |time: &str| format!("from_iso8601_timestamp({time}.export_time)");
    let latest: Vec<_> = AWAITED
        .iter()
        .map(|name| {
            format!("max(CASE WHEN c.table_name = '{name}' THEN {} END) AS {name}", time("c"))
        })
        .collect();
    let best: Vec<_> = AWAITED.iter().map(|name| format!("max(l.{name}) AS {name}")).collect();
    // A table that was never loaded makes this null, which `coalesce` takes for not complete.
    let since: Vec<_> = AWAITED.iter().map(|name| format!("{name} >= exported")).collect();
    let query = format!(
        "WITH loads AS (\n  SELECT\n    c.group_name,\n    {}\n  FROM etl__completion AS c\n  GROUP BY \
         c.group_name\n),\ntracked AS (\n  SELECT\n    e.encounter_id AS id,\n    min({}) AS \
         exported,\n    {}\n  FROM etl__completion_encounters AS e\n  LEFT JOIN loads AS l ON \
         l.group_name = e.group_name\n  GROUP BY e.encounter_id\n)\nSELECT id\nFROM tracked\nWHERE \
         NOT coalesce(\n    {},\n    FALSE\n  )",
        latest.join(",\n    "),
        time("e"),
        best.join(",\n    "),
        since.join("\n    AND ")
    );
    TableQuery { table, columns, about, query }
}

/// The quantities of observations' components.
pub(super) fn component_quantity(sources: &Sources) -> TableQuery {
    let table = "core__observation_component_valuequantity".to_owned();
    let leaves =
        [("value", Double), ("comparator", Text), ("unit", Text), ("system", Text), ("code", Text)];
    let columns: Vec<CoreColumn> =
        [("id", Text), ("row", BigInt)].into_iter().chain(leaves).map(CoreColumn::from).collect();
    let about = "The quantities of `observation.component[].valueQuantity`.".to_owned();
    let list = sources.table_rows("observation", "s").get("component");
    let quantity = list.list_items("l.component").map(|component| component.get("valueQuantity"));
    let quantity =
        quantity.filter(|quantity| leaves.iter().any(|(leaf, _)| quantity.get(leaf).is_known()));
    let Some(quantity) = quantity else { return TableQuery::without_rows(table, columns, about) };
    let values =
        leaves.map(|(leaf, kind)| format!("{} AS {leaf}", quantity.get(leaf).value_sql(kind)));
    let query = format!(
        "SELECT\n  s.id, l.row,\n  {}\nFROM observation AS s, UNNEST({}) WITH ORDINALITY AS l \
         (component, row)\nWHERE {} IS NOT NULL",
        values.join(",\n  "),
        list.as_sql(),
        quantity.as_sql()
    );
    TableQuery { table, columns, about, query }
}

/// Observations of one of HL7's categories, some of their columns.
pub(super) fn observations_query(
    name: &str,
    category: &str,
    shown: &[&str],
    observation: &Resource,
) -> TableQuery {
    let all = observation.list_columns();
    let kept = shown.iter().filter_map(|name| all.iter().find(|column| column.name == *name));
    TableQuery {
        table: format!("core__observation_{name}"),
        columns: kept.cloned().collect(),
        about: format!("The rows of `core__observation` of category `{category}`."),
        query: format!(
            "SELECT\n  {}\nFROM core__observation\nWHERE category_code = '{category}'\n  AND \
             category_system = 'http://terminology.hl7.org/CodeSystem/observation-category'",
            shown.join(",\n  ")
        ),
    }
}

/// The columns of [`observations_query`] that are laboratory results.
pub(super) const LAB: [&str; 17] = [
    "id",
    "observation_code",
    "observation_system",
    "category_code",
    "category_system",
    "valueCodeableConcept_code",
    "valueCodeableConcept_system",
    "valueCodeableConcept_display",
    "effectiveDateTime_day",
    "effectiveDateTime_week",
    "effectiveDateTime_month",
    "effectiveDateTime_year",
    "status",
    "subject_ref",
    "encounter_ref",
    "specimen_ref",
    "observation_ref",
];

/// The columns of [`observations_query`] that are vital signs.
pub(super) const VITAL_SIGNS: [&str; 24] = [
    "id",
    "observation_code",
    "observation_system",
    "category_code",
    "category_system",
    "valueCodeableConcept_code",
    "valueCodeableConcept_system",
    "valueCodeableConcept_display",
    "valueQuantity_value",
    "valueQuantity_comparator",
    "valueQuantity_unit",
    "valueQuantity_system",
    "valueQuantity_code",
    "status",
    "interpretation_code",
    "interpretation_system",
    "interpretation_display",
    "effectiveDateTime_day",
    "effectiveDateTime_week",
    "effectiveDateTime_month",
    "effectiveDateTime_year",
    "subject_ref",
    "encounter_ref",
    "observation_ref",
];

/// The time that the encounters cover.
pub(super) fn meta_date() -> TableQuery {
    TableQuery {
        table: "core__meta_date".to_owned(),
        columns: vec![("min_date", Date).into(), ("max_date", Date).into()],
        about: "The days of the first and the last encounter.".to_owned(),
        query: "SELECT min(period_start_day) AS min_date, max(period_end_day) AS max_date\nFROM \
                core__encounter"
            .to_owned(),
    }
}

/// The version of the tables, which those who receive counts compare.
pub(super) fn meta_version() -> TableQuery {
    TableQuery {
        table: "core__meta_version".to_owned(),
        columns: vec![("data_package_version", Int).into()],
        about: "The version of core's tables, by which counts of several sites are compared."
            .to_owned(),
        query: format!("SELECT CAST({PACKAGE_VERSION} AS INTEGER) AS data_package_version"),
    }
}

/// The tables about a build: what it made, from when to when; and one that is always empty, as
/// others expect it.
pub(super) fn bookkeeping_queries(
    made: &[String],
    started: DateTime<Utc>,
    finished: DateTime<Utc>,
) -> Vec<TableQuery> {
    let version = env!("CARGO_PKG_VERSION");
    let event = |status: &str, time: DateTime<Utc>| {
        format!(
            "('core', '{version}', '{status}', TIMESTAMP '{}', CAST(NULL AS VARCHAR))",
            // Whole seconds, as Cumulus Library writes them into this table.
            time.format("%Y-%m-%d %H:%M:%S")
        )
    };
    let events = [event("started", started), event("finished", finished)];
    let sources: Vec<_> =
        made.iter().map(|table| format!("('default', '{table}', 'TABLE')")).collect();
    let values = |name: &str, about: &str, columns: &[(&str, SqlType)], rows: &[String]| {
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        TableQuery {
            table: format!("core__lib_{name}"),
            columns: columns.iter().copied().map(CoreColumn::from).collect(),
            about: about.to_owned(),
            query: format!(
                "SELECT {names}\nFROM (\n  VALUES\n  {}\n) AS t ({names})",
                rows.join(",\n  "),
                names = names.join(", ")
            ),
        }
    };
    let summary = [
        ("table_name", Text),
        ("ref_type", Text),
        ("ref_count", Int),
        ("delta_percent", Double),
        ("event_time", Timestamp),
    ];
    vec![
        values(
            "build_source",
            "The tables that the build made.",
            &[("stage", Text), ("name", Text), ("type", Text)],
            &sources,
        ),
        TableQuery::without_rows(
            "core__lib_ref_summary".to_owned(),
            summary.map(CoreColumn::from).into(),
            "Always empty; Cumulus Library has it, too.".to_owned(),
        ),
        values(
            "transactions",
            "When the build began and ended.",
            &[
                ("study_name", Text),
                ("library_version", Text),
                ("status", Text),
                ("event_time", Timestamp),
                ("message", Text),
            ],
            &events,
        ),
    ]
}
