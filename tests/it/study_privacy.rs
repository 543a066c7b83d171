//! No cell below the minimum, whatever the rows: tables of counts against a count by hand.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use cumulus_etl::store::WorkFolder;
use cumulus_etl::study::StudyName;
use cumulus_etl::study::counts;
use cumulus_etl::study::engine::datafusion::{DataFusion, Input, Limits};
use cumulus_etl::study::engine::{Engine, Start};
use cumulus_etl::study::source::Source;
use serde_json::{Value, json};

use crate::support::{Site, open_folder};

/// A study's name.
fn name(text: &str) -> StudyName {
    StudyName::parse(text).unwrap()
}

/// The text of a missing value.
const MISSING: &str = "cumulus__none";
/// Values that could be mistaken for each other.
const VALUES: [Option<&str>; 7] =
    [None, Some(MISSING), Some("a"), Some("a-b"), Some("b"), Some("-"), Some("")];

/// Numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[derive(Clone)]
struct Row {
    subject: String,
    visit: Option<String>,
    values: Vec<Option<&'static str>>,
}

fn rows(numbers: &mut Numbers, count: usize, columns: usize) -> Vec<Row> {
    let row = |_| Row {
        subject: format!("s{}", numbers.below(12)),
        visit: (numbers.below(5) > 0).then_some(()).map(|()| format!("v{}", numbers.below(9))),
        values: (0..columns).map(|_| VALUES[numbers.below(VALUES.len())]).collect(),
    };
    (0..count).map(row).collect()
}

type Cell = (i64, Vec<Option<String>>);
/// Subjects and visits of the rows that have the same values.
type Groups<'a> = BTreeMap<Vec<Option<&'a str>>, (BTreeSet<&'a str>, BTreeSet<&'a str>)>;

/// The rule for the table: by each subset of columns, values with enough of both.
fn expected(rows: &[Row], columns: usize, least: usize, secondary: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for subset in 0..1_usize << columns {
        let mut groups = Groups::new();
        for row in rows {
            let key = (0..columns).filter(|column| subset >> column & 1 == 1);
            let group = groups.entry(key.map(|column| row.values[column]).collect()).or_default();
            group.0.insert(&row.subject);
            group.1.extend(row.visit.as_deref());
        }
        for (key, (subjects, visits)) in groups {
            if subjects.len() < least || (secondary && visits.len() < least.max(1)) {
                continue;
            }
            let count = if secondary { visits.len() } else { subjects.len() };
            let mut key = key.into_iter();
            let shown = (0..columns).map(|column| {
                let has = subset >> column & 1 == 1;
                has.then(|| key.next().flatten().unwrap_or(MISSING).to_owned())
            });
            cells.push((count as i64, shown.collect()));
        }
    }
    cells.sort();
    cells
}

fn counted(engine: &DataFusion, workflow: &str, columns: usize) -> Vec<Cell> {
    let tables = counts::read(&Source::from_text("counts.workflow", workflow)).unwrap();
    let build = engine.begin_build(&name("p"), Start::Empty).unwrap();
    build.make_counts("p__count", &tables[0]).unwrap();
    build.commit_tables().unwrap();
    let mut cells = Vec::new();
    for batch in engine.read_table("p__count").unwrap().batches {
        let batch = batch.unwrap();
        assert_eq!(batch.num_columns(), columns + 1);
        let count = batch.column(0).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let value = |column: usize| {
                let texts = batch.column(column + 1).as_string::<i32>();
                arrow::array::Array::is_valid(texts, row).then(|| texts.value(row).to_owned())
            };
            cells.push((count.value(row), (0..columns).map(value).collect()));
        }
    }
    cells.sort();
    cells
}

#[test]
fn cells_are_those_counted_by_hand_and_none_is_too_small() {
    let mut numbers = Numbers(7);
    for round in 0..12 {
        let columns = 1 + numbers.below(3);
        let count = 1 + numbers.below(150);
        let rows = rows(&mut numbers, count, columns);
        let least = numbers.below(6);
        let secondary = round % 2 == 0;
        let site = Site::new();
        let lines: String = rows
            .iter()
            .map(|row| {
                let mut line = json!({"subject_ref": row.subject, "encounter_ref": row.visit});
                for (column, value) in row.values.iter().enumerate() {
                    line[format!("c{column}")] = value.map_or(Value::Null, Value::from);
                }
                format!("{line}\n")
            })
            .collect();
        // One more line, so that every column is there; it is filtered out.
        let mut all = json!({"subject_ref": "none", "encounter_ref": "none", "keep": "no"});
        (0..columns).for_each(|column| all[format!("c{column}")] = "x".into());
        site.file("in/rows.ndjson", format!("{all}\n{lines}"));
        site.file("in/Patient.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"p\"}\n");
        let folder = |name: &str| open_folder(&site.arg(name));
        let work = WorkFolder::create_work(Some(&site.arg("work")), &folder("work")).unwrap();
        let limits = Limits { memory: 128 << 20, threads: 2 };
        let engine =
            DataFusion::open_database(folder("db"), Input::Ndjson(folder("in")), work, &limits)
                .unwrap();

        let names: Vec<_> = (0..columns).map(|column| format!("'c{column}'")).collect();
        let mut workflow = format!(
            "config_type = 'counts'\n[tables.count]\nsource_table = 'rows'\ntable_cols = [{}]\n\
             min_subject = {least}\nfilter_cols = [{{name = 'keep', values = [], include_nulls = true}}]\n",
            names.join(", ")
        );
        if secondary {
            workflow += "secondary_id = 'encounter_ref'\n";
        }
        let by_hand = expected(&rows, columns, least, secondary);
        assert_eq!(counted(&engine, &workflow, columns), by_hand, "round {round}: {workflow}");

        // A condition on finished rows takes rows away, and lets no small one in.
        let clause =
            "where_clauses = ['p.cnt_subject_ref >= 0', \"p.c0 = 'a-b' OR p.c0 IS NULL\"]\n";
        let chosen = by_hand
            .into_iter()
            .filter(|(_, values)| matches!(values[0].as_deref(), None | Some("a-b")))
            .collect::<Vec<_>>();
        assert_eq!(
            counted(&engine, &(workflow.clone() + clause), columns),
            chosen,
            "round {round} with a condition"
        );
    }
}
