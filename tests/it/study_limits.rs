//! Statements that would grow without an end come to one, with a word on what to do.

use crate::support::{Ended, Site, end, patient};

fn sql(site: &Site, text: &str) -> Ended {
    let mut command = site.command();
    command.args(["study", "sql", text, "--format", "csv", "--database", "db"]);
    end(command.args(["--memory-limit", "512"]))
}

fn fails(site: &Site, text: &str, why: &str) {
    let ended = sql(site, text);
    let shown = &text[..text.len().min(300)];
    assert!(matches!(ended.code, Some(70 | 72)), "{shown}: {ended:?}");
    assert!(ended.err.contains(why), "{shown}: {ended:?}");
    assert!(!ended.err.contains("fault of its own"), "{shown}: {ended:?}");
}

fn gives(site: &Site, text: &str, rows: &str) {
    let ended = sql(site, text);
    assert_eq!(ended.code, Some(0), "{text}: {ended:?}");
    assert_eq!(ended.out.split_once('\n').unwrap().1, rows, "{text}");
}

#[test]
fn recursive_queries_end() {
    let site = Site::new();
    let of = |step: &str| format!("WITH RECURSIVE r (x) AS ({step}) SELECT count(*) AS n FROM r");
    for step in [
        "SELECT 1 UNION ALL SELECT x + 1 FROM r",
        "SELECT 1 UNION SELECT x + 1 FROM r",
        "SELECT 'a' UNION ALL SELECT x FROM r WHERE length(x) > 0",
        "SELECT 1 UNION ALL SELECT r.x FROM r JOIN (VALUES (1), (2)) AS e (x) ON r.x = e.x",
    ] {
        fails(&site, &of(step), "recursive query r has not come to its end after 1000 steps");
    }
    gives(&site, &of("SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 900"), "900\n");
    // Each time it begins, it has all of its steps.
    let twice = "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 600) SELECT \
                 count(*) AS n FROM r a JOIN r b ON a.x = b.x";
    gives(&site, twice, "600\n");
}

#[test]
fn values_that_double_and_double_are_refused() {
    let site = Site::new();
    let double = |step: &str, times: usize, from: &str| {
        let from = from.to_owned();
        (0..times).fold(from, |query, _| format!("SELECT {step} AS x FROM ({query})"))
    };
    let rows = "SELECT 'a' || CAST(i AS varchar) AS x FROM UNNEST(sequence(1, 10)) AS t (i)";
    for step in [
        "x || x",
        "concat(x, x)",
        "concat_ws(x, x, '')",
        "array_join(ARRAY[x, x], '')",
        "array_join(ARRAY['', ''], x || x)",
        "lpad(x, length(x) * 2, x)",
        "repeat(x, 2)",
        "format('%s%s', x, x)",
    ] {
        fails(&site, &double(step, 40, rows), "too large");
    }
    fails(&site, &double("x || x", 40, "SELECT 'a' AS x"), "too large");
    for step in ["x || x", "flatten(ARRAY[x, x])"] {
        fails(&site, &double(step, 40, "SELECT ARRAY[1] AS x"), "too large");
    }
    let recursive = "WITH RECURSIVE r (x) AS (SELECT 'a' UNION ALL SELECT x || x FROM r) SELECT \
                     max(length(x)) AS n FROM r";
    fails(&site, recursive, "too large");
    let lists = "SELECT length(array_join(transform(sequence(1, 1000), v -> 'y'), repeat('z', 1000000))) \
                 AS n";
    fails(&site, lists, "too large");
    let replaced = "SELECT length(replace(repeat('a', 1000000), 'a', repeat('bc', 100))) AS n";
    fails(&site, replaced, "too large");
    let groups =
        "SELECT length(regexp_replace(repeat('ab', 10000), '.*', repeat('$0', 10000))) AS n";
    fails(&site, groups, "too large");
    gives(&site, "SELECT length(regexp_replace(repeat('ab', 10000), 'a', 'ccc')) AS n", "40000\n");
    gives(&site, "SELECT 'a' || 'b' || NULL AS x, 'a' || 'é' AS y", ",aé\n");
}

#[test]
fn statements_that_double_and_double_are_refused_or_run() {
    let site = Site::new();
    let with = |body: &str, steps: usize| {
        let tables = (1..=steps).map(|step| {
            format!(", a{step} AS ({})", body.replace("{}", &format!("a{}", step - 1)))
        });
        let tables: String = tables.collect();
        format!("WITH a0 AS (SELECT 1 AS x){tables} SELECT count(*) AS n FROM a{steps}")
    };
    for body in [
        "SELECT p.x + q.x AS x FROM {} p, {} q",
        "SELECT p.* FROM {} p CROSS JOIN {} q",
        "SELECT x FROM {} UNION ALL SELECT x FROM {}",
        "SELECT x FROM {} WHERE x = (SELECT max(x) FROM {})",
    ] {
        fails(&site, &with(body, 30), "the statement is too large");
        gives(&site, &with(body, 1).replace("count(*)", "min(x) - min(x)"), "0\n");
    }
    // Conditions are not moved below what each step uses twice.
    let steps = "CASE WHEN x > 1 THEN x - 1 ELSE x END";
    let query = (0..40)
        .fold("SELECT i AS x FROM UNNEST(sequence(1, 100)) AS t (i)".to_owned(), |query, _| {
            format!("SELECT {steps} AS x FROM ({query})")
        });
    gives(&site, &format!("SELECT count(*) AS n FROM ({query}) WHERE x > 10"), "50\n");
    let grouped = (0..20).fold("SELECT 1 AS x".to_owned(), |query, _| {
        format!("SELECT {steps} AS x FROM ({query}) GROUP BY {steps}")
    });
    gives(&site, &format!("SELECT count(*) AS n FROM ({grouped}) WHERE x > 10"), "0\n");
    let slices = (0..40)
        .fold("1".to_owned(), |inner, _| format!("cardinality(slice(ARRAY[1, 2, 3], {inner}, 1))"));
    gives(&site, &format!("SELECT {slices} AS n"), "1\n");
}

/// A select around one that reads alike is run as well.
#[test]
fn selects_that_read_alike_are_all_run() {
    let site = Site::new();
    let nested = |item: &str, from: &str| {
        (0..3).fold(from.to_owned(), |from, _| format!("SELECT {item} FROM ({from})"))
    };
    for (item, from, rows) in [
        ("x * 10 AS x", "SELECT 1 AS x", "1000\n"),
        ("x + x AS x", "SELECT x FROM (VALUES (1)) AS t (x)", "8\n"),
        ("substr(x, 2) AS x", "SELECT 'abcdef' AS x", "def\n"),
        ("CASE WHEN x > 2 THEN x - 1 ELSE x END AS x", "SELECT 9 AS x", "6\n"),
        ("DISTINCT x - 1 AS x, y + x AS y", "SELECT 9 AS x, 0 AS y", "6,24\n"),
        ("x || 'a' AS x", "SELECT 'b' AS x", "baaa\n"),
        ("y AS x, x AS y", "SELECT 1 AS x, 2 AS y", "2,1\n"),
    ] {
        gives(&site, &nested(item, from), rows);
    }
    let ended = sql(&site, "SELECT z FROM (SELECT 1 AS x, 2 AS y)");
    assert!(ended.err.contains("There are: x, y"), "{ended:?}");
}

#[test]
fn rows_that_are_wide_are_unnested_and_joined() {
    let site = Site::new();
    let wide = "(SELECT repeat('x', 1000000) AS x)";
    let count = format!(
        "SELECT count(*) AS n, max(length(x)) AS l FROM {wide} CROSS JOIN UNNEST(sequence(1, 3000)) AS u \
         (i) WHERE i > 0 AND x <> CAST(i AS varchar)"
    );
    gives(&site, &count, "3000,1000000\n");
    let numbers =
        "SELECT repeat('x', 100000 + CAST(i AS bigint)) AS x FROM UNNEST(sequence(1, 60)) AS t (i)";
    let joined = format!(
        "SELECT count(*) AS n, max(length(a.x || b.x)) AS l FROM ({numbers}) a JOIN ({numbers}) b ON a.x \
         <> b.x"
    );
    gives(&site, &joined, "3540,200119\n");
    let lists = "SELECT count(i) AS n, count(j) AS m, sum(i) AS s FROM UNNEST(sequence(1, 30000), \
                 sequence(1, 10001)) AS u (i, j)";
    gives(&site, lists, "30000,10001,450015000\n");
    let ordered = "SELECT max(n) AS n FROM UNNEST(sequence(1, 30000)) WITH ORDINALITY AS u (i, n)";
    gives(&site, ordered, "30000\n");
}

#[test]
fn the_file_and_line_of_a_statement_without_end_are_named() {
    let site = Site::new();
    site.lake("patient", &[patient("a", "other"), patient("b", "male")]);
    site.file(
        "studies/s/manifest.toml",
        "study_prefix = 's'\n[[stages.default]]\nfiles = ['a.sql']\n",
    );
    for (query, why) in [
        (
            "WITH RECURSIVE r (n) AS (SELECT id FROM patient UNION ALL SELECT n FROM r) SELECT n FROM r",
            "1000 steps",
        ),
        ("SELECT repeat(id, 1000000000) AS x FROM patient", "too large"),
        (
            "SELECT CAST(2147483647 AS integer) + CAST(length(id) AS integer) AS x FROM patient",
            "out of range",
        ),
    ] {
        site.file("studies/s/a.sql", format!("-- a study\n\nCREATE TABLE s__a AS {query};\n"));
        let mut command = site.command();
        command.args(["study", "build", "-t", "s", "-s", "studies", "--lake", "lake"]);
        let ended = end(command.args(["--database", "db"]));
        assert!(matches!(ended.code, Some(70 | 72)), "{query}: {ended:?}");
        assert!(ended.err.contains("a.sql:3") && ended.err.contains(why), "{query}: {ended:?}");
    }
}
