//! Dosage instructions of requests and dispenses, and the kinds of their doses.

use super::place::{SourceElement, Sources};
use super::sql_type::SqlType;
use super::sql_type::SqlType::{BigInt, Boolean, Date, Double, Text};
use super::{CoreColumn, TableQuery};

/// The columns of an instruction: column, element, type.
const INSTRUCTION: [(&str, &str, SqlType); 18] = [
    ("dosage_sequence", "sequence", BigInt),
    ("dosage_text", "text", Text),
    ("dosage_patient_instruction", "patientInstruction", Text),
    ("dosage_as_needed_bool", "asNeededBoolean", Boolean),
    ("dosage_timing_text", "timing.code.text", Text),
    ("dosage_timing_count", "timing.repeat.count", BigInt),
    ("dosage_timing_count_max", "timing.repeat.countMax", BigInt),
    ("dosage_timing_duration", "timing.repeat.duration", Double),
    ("dosage_timing_duration_max", "timing.repeat.durationMax", Double),
    ("dosage_timing_duration_unit", "timing.repeat.durationUnit", Text),
    ("dosage_timing_frequency", "timing.repeat.frequency", BigInt),
    ("dosage_timing_frequency_max", "timing.repeat.frequencyMax", BigInt),
    ("dosage_timing_period", "timing.repeat.period", Double),
    ("dosage_timing_period_max", "timing.repeat.periodMax", Double),
    ("dosage_timing_period_unit", "timing.repeat.periodUnit", Text),
    ("dosage_timing_offset", "timing.repeat.offset", BigInt),
    ("dosage_timing_bounds_start", "timing.repeat.boundsPeriod.start", Date),
    ("dosage_timing_bounds_end", "timing.repeat.boundsPeriod.end", Date),
];

/// The columns of a dose.
const DOSE: [(&str, SqlType); 8] = [
    ("dosage_dose_type", Text),
    ("dosage_dose_value", Double),
    ("dosage_dose_low_value", Double),
    ("dosage_dose_high_value", Double),
    ("dosage_dose_unit", Text),
    ("dosage_dose_system", Text),
    ("dosage_dose_code", Text),
    ("dosage_dose_rate_type_text", Text),
];

/// Elements of the quantities that a dose is given as.
const QUANTITY: [&str; 4] = ["value", "unit", "system", "code"];

/// A resource type with dosage instructions.
pub(super) struct Dosed {
    /// The source table.
    pub source: &'static str,
    /// The time of the resource that the instructions repeat.
    pub time: &'static str,
}

/// The resource types with dosage instructions.
pub(super) const DOSED: [Dosed; 2] = [
    Dosed { source: "medicationdispense", time: "whenHandedOver" },
    Dosed { source: "medicationrequest", time: "authoredOn" },
];

impl Dosed {
    /// The columns of the instructions' table.
    fn list_columns(&self) -> Vec<CoreColumn> {
        let mut columns: Vec<CoreColumn> =
            [("id", Text), ("row", BigInt), ("dose_row", BigInt)].map(CoreColumn::from).into();
        columns.extend(INSTRUCTION.map(|(name, _, kind)| CoreColumn::from((name, kind))));
        columns.extend(DOSE.map(CoreColumn::from));
        let own = format!("{}_ref", self.source);
        columns.push((self.time, SqlType::Timestamp).into());
        columns.push((format!("{}_month", self.time), Date).into());
        columns.extend([own.as_str(), "subject_ref", "encounter_ref"].map(|n| (n, Text).into()));
        columns
    }

    /// The table of instructions: a row for each, or for each of its doses.
    pub fn instructions_query(&self, sources: &Sources) -> TableQuery {
        let table = format!("core__{}_dosageinstruction", self.source);
        let about = format!(
            "Dosage instructions of `core__{}`, a row for each of their doses; `row` and `dose_row` \
             are their places.",
            self.source
        );
        let list = sources.table_rows(self.source, "s").get("dosageInstruction");
        let Some(item) = list.list_items("i.item") else {
            return TableQuery::without_rows(table, self.list_columns(), about);
        };
        let doses = item.get("doseAndRate");
        // If no row has more than rates, there is no dose to show, and each instruction is one row.
        let dose = doses.list_items("d.dose").filter(|dose| Dose(dose).is_known());
        if dose.is_none() && !INSTRUCTION.iter().any(|(_, path, _)| item.get(path).is_known()) {
            return TableQuery::without_rows(table, self.list_columns(), about);
        }
        let own = format!("{}_ref", self.source);
        let parent = [own.as_str(), "subject_ref", "encounter_ref"];
        // References and times come from core's table: an inner join with it leaves out rows that
        // were entered in error. DISTINCT, since a resource has several rows there.
        let time = [self.time.to_owned(), format!("{}_month", self.time)];
        let from = format!(
            "FROM {} AS s, UNNEST({}) WITH ORDINALITY AS i (item, row)",
            self.source,
            list.as_sql()
        );
        let instruction = INSTRUCTION
            .map(|(name, path, kind)| format!("{} AS {name}", item.get(path).value_sql(kind)));
        // The inner list is unnested in a query of its own and joined from the left, as an instruction
        // without doses keeps its row.
        let (doses, dose_columns, join) = match &dose {
            None => {
                let nulls = DOSE.map(|(name, kind)| format!("{} AS {name}", kind.null_sql()));
                let row = format!("{} AS dose_row", BigInt.null_sql());
                (String::new(), [vec![row], nulls.into()].concat(), "")
            }
            Some(dose) => (
                format!(
                    ",\ndoses AS (\n  SELECT\n    s.id, i.row, d.dose_row,\n    {}\n  {from},\n    \
                     UNNEST({}) WITH ORDINALITY AS d (dose, dose_row)\n)",
                    Dose(dose).column_values().join(",\n    "),
                    doses.as_sql()
                ),
                std::iter::once("d.dose_row".to_owned())
                    .chain(DOSE.map(|(name, _)| format!("d.{name}")))
                    .collect(),
                "\nLEFT JOIN doses AS d ON d.id = i.id AND d.row = i.row",
            ),
        };
        let (row, doses_shown) = dose_columns.split_at(1);
        let shown: Vec<String> = ["i.id".to_owned(), "i.row".to_owned()]
            .into_iter()
            .chain(row.iter().cloned())
            .chain(INSTRUCTION.map(|(name, ..)| format!("i.{name}")))
            .chain(doses_shown.iter().cloned())
            .chain(time.iter().map(|name| format!("p.{name}")))
            .chain(parent.map(|name| format!("p.{name}")))
            .collect();
        let query = format!(
            "WITH parent AS (\n  SELECT DISTINCT id, {}, {}\n  FROM core__{}\n),\ninstructions AS \
             (\n  SELECT\n    s.id, i.row,\n    {}\n  {from}\n){doses}\nSELECT\n  {}\nFROM \
             instructions AS i\nINNER JOIN parent AS p ON p.id = i.id{join}",
            time.join(", "),
            parent.join(", "),
            self.source,
            instruction.join(",\n    "),
            shown.join(",\n  ")
        );
        TableQuery { table, columns: self.list_columns(), about, query }
    }

    /// The table of the codings of the kinds of doses.
    pub fn dose_types(&self, sources: &Sources) -> TableQuery {
        let table = format!("core__{}_dn_dose_rate_type", self.source);
        let columns = [
            ("id", Text),
            ("row", BigInt),
            ("dose_row", BigInt),
            ("code", Text),
            ("system", Text),
            ("display", Text),
            ("userSelected", Boolean),
        ];
        let query = || {
            let list = sources.table_rows(self.source, "s").get("dosageInstruction");
            let doses = list.list_items("i.item")?.get("doseAndRate");
            let codings = doses.list_items("d.dose")?.get("type.coding");
            let coding = codings.list_items("c.coding")?;
            let shown: Vec<_> = columns[3..]
                .iter()
                .map(|(name, kind)| format!("{} AS {name}", coding.get(name).value_sql(*kind)))
                .collect();
            Some(format!(
                "SELECT DISTINCT\n  s.id, i.row, d.dose_row,\n  {}\nFROM {} AS s,\n    UNNEST({}) \
                 WITH ORDINALITY AS i (item, row),\n    UNNEST({}) WITH ORDINALITY AS d (dose, \
                 dose_row),\n    UNNEST({}) AS c (coding)",
                shown.join(",\n  "),
                self.source,
                list.as_sql(),
                doses.as_sql(),
                codings.as_sql()
            ))
        };
        let query = query();
        let columns = columns.map(CoreColumn::from).into();
        let about =
            format!("The codings of `{}.dosageInstruction[].doseAndRate[].type`.", self.source);
        match query {
            Some(query) => TableQuery { table, columns, about, query },
            None => TableQuery::without_rows(table, columns, about),
        }
    }
}

/// An item of `doseAndRate`: a quantity or a range.
struct Dose<'a>(&'a SourceElement);

impl Dose<'_> {
    fn quantity_places(&self) -> Vec<SourceElement> {
        QUANTITY.map(|leaf| self.0.get("doseQuantity").get(leaf)).into()
    }

    fn range_places(&self) -> Vec<SourceElement> {
        let end =
            |end: &'static str| QUANTITY.map(|leaf| self.0.get("doseRange").get(end).get(leaf));
        [end("low"), end("high")].concat()
    }

    /// Whether the schema has any place for a dose.
    fn is_known(&self) -> bool {
        self.quantity_places().iter().chain(&self.range_places()).any(SourceElement::is_known)
    }

    /// The columns of [`DOSE`]. Unit, system and code are those of whichever form is used.
    fn column_values(&self) -> Vec<String> {
        let forms = [("quantity", self.quantity_places()), ("range", self.range_places())];
        let cases: Vec<_> = forms
            .iter()
            .filter_map(|(name, leaves)| {
                let there: Vec<_> = leaves
                    .iter()
                    .filter(|leaf| leaf.is_known())
                    .map(|leaf| format!("{} IS NOT NULL", leaf.as_sql()))
                    .collect();
                (!there.is_empty()).then(|| format!("WHEN {} THEN '{name}'", there.join(" OR ")))
            })
            .collect();
        let value = |path: &str| self.0.get(path).value_sql(Double);
        // R4 lets a dose be a quantity or a range, never both, so at most one form has a value.
        let shared = |leaf: &str| {
            let all = ["doseQuantity", "doseRange.low", "doseRange.high"]
                .map(|form| self.0.get(form).get(leaf).value_sql(Text));
            format!("coalesce({})", all.join(", "))
        };
        let values = [
            format!("CASE {} END", cases.join(" ")),
            value("doseQuantity.value"),
            value("doseRange.low.value"),
            value("doseRange.high.value"),
            shared("unit"),
            shared("system"),
            shared("code"),
            self.0.get("type.text").value_sql(Text),
        ];
        values.iter().zip(DOSE).map(|(value, (name, _))| format!("{value} AS {name}")).collect()
    }
}
