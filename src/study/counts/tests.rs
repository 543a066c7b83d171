use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::*;

/// Reads a workflow of one table from its keys.
fn table(keys: &str) -> Result<CountsTable> {
    let text = format!("config_type = 'counts'\n[tables.count_x]\n{keys}");
    let source = Source::from_text("n.workflow", text);
    Ok(read(&source)?.remove(0))
}

fn fault(keys: &str) -> String {
    table(keys).unwrap_err().to_string()
}

/// The SQL of a step, checked to be SQL.
fn sql(text: String) -> String {
    Parser::parse_sql(&GenericDialect {}, &text).unwrap_or_else(|error| panic!("{error}: {text}"));
    text
}

const PLAIN: &str = "source_table = 's__a'\ntable_cols = ['x', ['y', 'date']]\n";

#[test]
fn a_table_without_options_counts_patients() {
    let table = table(PLAIN).unwrap();
    assert_eq!(
        sql(table.source_sql()),
        "SELECT p.\"subject_ref\" AS id1, CAST(p.\"x\" AS varchar) AS c1, \
         CAST(p.\"y\" AS varchar) AS c2 FROM \"s__a\" AS p"
    );
    let groupings: Vec<_> = table.list_groupings().map(|g| table.grouping_sql(g, "t")).collect();
    let having = "HAVING count(DISTINCT id1) >= 10";
    assert_eq!(
        groupings,
        [
            format!(
                "SELECT count(DISTINCT id1) AS \"cnt_subject_ref\", CAST(NULL AS varchar) AS \"x\", \
                 CAST(NULL AS varchar) AS \"y\" FROM t {having}"
            ),
            format!(
                "SELECT count(DISTINCT id1) AS \"cnt_subject_ref\", \
                 coalesce(c1, 'cumulus__none') AS \"x\", CAST(NULL AS varchar) AS \"y\" FROM t \
                 GROUP BY c1 {having}"
            ),
            format!(
                "SELECT count(DISTINCT id1) AS \"cnt_subject_ref\", CAST(NULL AS varchar) AS \"x\", \
                 coalesce(c2, 'cumulus__none') AS \"y\" FROM t GROUP BY c2 {having}"
            ),
            format!(
                "SELECT count(DISTINCT id1) AS \"cnt_subject_ref\", \
                 coalesce(c1, 'cumulus__none') AS \"x\", coalesce(c2, 'cumulus__none') AS \"y\" \
                 FROM t GROUP BY c1, c2 {having}"
            ),
        ]
    );
    assert_eq!(
        sql(table.finish_sql("f")),
        "SELECT p.\"cnt_subject_ref\" AS \"cnt\", p.\"x\", p.\"y\" FROM f AS p"
    );
    let whole = sql(table.whole_sql());
    assert!(
        groupings
            .iter()
            .all(|grouping| whole.contains(&grouping.replace("FROM t", "FROM counted_rows")))
    );
}

#[test]
fn both_counts_are_of_one_grouping_and_reach_the_minimum_whatever_else_is_asked() {
    let plain = format!("{PLAIN}secondary_id = 'encounter_ref'\nmin_subject = 3\n");
    let clauses =
        format!("{plain}where_clauses = ['p.x IS NOT NULL OR s.cnt_encounter_ref > 0']\n");
    for keys in [&plain, &clauses] {
        let table = table(keys).unwrap();
        for grouping in table.list_groupings() {
            let text = sql(table.grouping_sql(grouping, "t"));
            let enough = "HAVING count(DISTINCT id1) >= 3 AND count(DISTINCT id2) >= 3";
            assert!(text.ends_with(enough), "{text}");
        }
        let text = sql(table.finish_sql("f"));
        assert!(text.starts_with("SELECT p.\"cnt_encounter_ref\" AS \"cnt\""), "{text}");
    }
    // A condition can't widen the condition that it is part of.
    let text = table(&clauses).unwrap().finish_sql("f");
    let condition = "WHERE (p.\"x\" IS NOT NULL OR p.\"cnt_encounter_ref\" > 0)";
    assert!(text.ends_with(condition), "{text}");
}

#[test]
fn without_a_minimum_a_secondary_count_is_at_least_one() {
    let keys = format!("{PLAIN}secondary_id = 'encounter_ref'\nmin_subject = 0\n");
    let table = table(&keys).unwrap();
    let grouping = table.list_groupings().next().unwrap();
    assert!(table.grouping_sql(grouping, "t").ends_with(">= 0 AND count(DISTINCT id2) >= 1"));
}

#[test]
fn conditions_find_columns_in_any_case_and_only_finished_ones() {
    let with = |clause: &str| format!("{PLAIN}where_clauses = [\n\"{clause}\"]\n");
    let written = |clause: &str| table(&with(clause)).unwrap().clauses.remove(0);
    assert_eq!(written("CNT_subject_ref >= 20"), "p.\"cnt_subject_ref\" >= 20");
    assert_eq!(written("s.X LIKE 'p.y%'"), "p.\"x\" LIKE 'p.y%'");
    assert_eq!(written("lower(p.y) = 'a'"), "lower(p.\"y\") = 'a'");
    let message = fault(&with("p.status = 'final'"));
    assert!(
        message.starts_with("n.workflow:6: where_clauses: finished rows have no column 'status'")
    );
    let message = fault(&with("p.x = 'a') OR (1 = 1"));
    assert!(message.starts_with("n.workflow:6: where_clauses: "), "{message}");
    assert!(fault(&with("p.x = ")).starts_with("n.workflow:6: where_clauses: "));
}

#[test]
fn filters_choose_source_rows_and_their_values_stay_text() {
    let keys = format!(
        "{PLAIN}filter_cols = [\n  {{name = 'status', values = ['it''s', 'b'], include_nulls = false}},\n  \
         ['docStatus', ['final'], true], {{name = 'z', values = [], include_nulls = true}}]\n"
    )
    .replace("'it''s'", "\"it's\"");
    let text = sql(table(&keys).unwrap().source_sql());
    let filters = "WHERE (CAST(p.\"status\" AS varchar) IN ('it''s', 'b')) AND \
         (p.\"docStatus\" IS NULL OR CAST(p.\"docStatus\" AS varchar) IN ('final')) AND \
         (p.\"z\" IS NULL)";
    assert!(text.ends_with(filters), "{text}");
    let nothing = fault(&format!("{PLAIN}filter_cols = [['z', [], false]]\n"));
    assert!(nothing.starts_with("n.workflow:5: the filter on z lets nothing through"), "{nothing}");
}

#[test]
fn a_secondary_table_joins_by_the_nearest_id() {
    let base = format!("{PLAIN}secondary_table = 'core__encounter'\nsecondary_cols = ['class']\n");
    for (more, on) in [
        ("", "subject_ref"),
        ("secondary_id = 'doc_ref'\n", "doc_ref"),
        ("secondary_id = 'doc_ref'\nalt_secondary_join_id = 'encounter_ref'\n", "encounter_ref"),
    ] {
        let table = table(&format!("{base}{more}")).unwrap();
        let text = sql(table.source_sql());
        let join = format!("INNER JOIN \"core__encounter\" AS s ON s.\"{on}\" = p.\"{on}\"");
        assert!(text.ends_with(&join), "{text}");
        assert!(text.contains("CAST(s.\"class\" AS varchar) AS c3"), "{text}");
    }
}

#[test]
fn annotations_explain_or_replace_the_columns() {
    let with = |more: &str| {
        format!(
            "{PLAIN}[tables.count_x.annotation]\nfield = 'X'\njoin_table = '\"lib\".\"codes\"'\n\
             join_field = 'code'\ncolumns = [['display', 'varchar'], ['system', 'varchar', 'sys']]\n{more}"
        )
    };
    let join =
        "FROM f AS p LEFT JOIN \"lib\".\"codes\" AS j ON p.\"x\" = CAST(j.\"code\" AS varchar)";
    assert_eq!(
        sql(table(&with("")).unwrap().finish_sql("f")),
        format!(
            "SELECT p.\"cnt_subject_ref\" AS \"cnt\", p.\"x\", p.\"y\", j.\"display\" AS \"display\", \
             j.\"system\" AS \"sys\" {join}"
        )
    );
    assert_eq!(
        sql(table(&with("alt_target = 'display'\n")).unwrap().finish_sql("f")),
        format!(
            "SELECT CAST(sum(p.\"cnt_subject_ref\") AS bigint) AS \"cnt\", \
             j.\"display\" AS \"display\", j.\"system\" AS \"sys\" {join} \
             GROUP BY j.\"display\", j.\"system\""
        )
    );
    assert!(fault(&with("alt_target = 'z'\n")).starts_with("n.workflow:10: 'z' is none of"));
    assert!(fault(&with("").replace("'X'", "'z'")).starts_with("n.workflow:6: 'z' is not counted"));
}

#[test]
fn faults_name_file_and_line() {
    for (keys, expected) in [
        (format!("{PLAIN}where = []\n"), "n.workflow:5: unknown field `where`"),
        ("source_table = 's__a'\n".to_owned(), "n.workflow:2: missing field `table_cols`"),
        (
            "source_table = 's__a'\ntable_cols = []\n".to_owned(),
            "n.workflow:4: table_cols names no",
        ),
        (
            "source_table = 'a b; DROP'\ntable_cols = ['x']\n".to_owned(),
            "n.workflow:3: 'a b; DROP' is no table's name",
        ),
        (format!("{PLAIN}min_subject = -1\n"), "n.workflow:5: invalid value"),
        (format!("{PLAIN}secondary_cols = ['z']\n"), "n.workflow:5: secondary_cols need"),
        (format!("{PLAIN}filter_cols = [['a']]\n"), "n.workflow:5: invalid length"),
        (
            "source_table = 's__a'\ntable_cols = ['x', ['y', 'date', 'X']]\n".to_owned(),
            "n.workflow:2: count_x would have two columns 'x'",
        ),
        (
            format!("source_table = 's__a'\ntable_cols = {:?}\n", vec!["x"; MAX_COLUMNS + 1]),
            "n.workflow:4: count_x has 15 columns; 14 are possible",
        ),
    ] {
        let message = fault(&keys);
        assert!(message.starts_with(expected), "{keys}\n{message}");
    }
}

#[test]
fn conditions_and_names_are_bounded_as_statements_are() {
    // Each link is a call of all that goes through the condition, and of the code that takes it apart.
    for (clause, why) in [
        (format!("1 = 1{}", " AND 1 = 1".repeat(50_000)), "operators"),
        (format!("x{}", " || x".repeat(50_000)), "operators"),
        (format!("{}x{}", "(".repeat(2_000), ")".repeat(2_000)), "deep"),
        (format!("x IN ({}1)", "- ".repeat(50_000)), "operators"),
    ] {
        let fault = fault(&format!("{PLAIN}where_clauses = [\"{clause}\"]"));
        assert!(fault.starts_with("n.workflow:5: where_clauses: "), "{fault:.200}");
        assert!(fault.contains(why), "{fault:.200}");
    }
    let long = format!("source_table = '{}a'\ntable_cols = ['x']\n", "(".repeat(100_000));
    assert!(fault(&long).contains("is no table's name"));
    let columns: String = (0..100_000).map(|n| format!("'c{n}', ")).collect();
    let explained = format!(
        "{PLAIN}annotation = {{field = 'x', join_table = 'j', join_field = 'k', columns = [{columns}'C7']}}"
    );
    assert!(fault(&explained).contains("two columns 'c7'"));
}
