//! Whole numbers that do not fit, and results that are far too large, are errors.

use crate::support::{Ended, Site, end};

fn sql(site: &Site, text: &str) -> Ended {
    let mut command = site.command();
    end(command.args(["study", "sql", text, "--format", "csv", "--database", "db"]))
}

/// Checks what queries give.
fn are(site: &Site, queries: &[(&str, &str)]) {
    for (text, rows) in queries {
        let ended = sql(site, text);
        assert_eq!(ended.code, Some(0), "{text}: {ended:?}");
        assert_eq!(ended.out.split_once('\n').unwrap().1, *rows, "{text}");
    }
}

fn fails(site: &Site, text: &str, why: &str) {
    let ended = sql(site, text);
    assert!(matches!(ended.code, Some(70 | 72)), "{text}: {ended:?}");
    assert!(ended.err.contains(why), "{text}: {ended:?}");
    assert!(!ended.out.contains("-9223372036854775808"), "{text}: {ended:?}");
}

const MOST: &str = "9223372036854775807";

#[test]
fn whole_numbers_do_not_wrap_around() {
    let site = Site::new();
    let of = |value: &str, expression: &str| {
        format!("SELECT {expression} AS y FROM (VALUES ({value}), ({value})) AS t (x)")
    };
    for expression in ["x + 1", "1 + x", "x * 2", "-x - 2", "-(-x - 1)", "abs(-x - 1)", "x + x - x"]
    {
        fails(&site, &of(MOST, expression), "out of range");
        let literal = expression.replace('x', MOST);
        fails(&site, &format!("SELECT {literal} AS y"), "out of range");
    }
    for (kind, most) in [("tinyint", "127"), ("smallint", "32767"), ("integer", "2147483647")] {
        let value = format!("CAST({most} AS {kind})");
        let one = format!("CAST(1 AS {kind})");
        fails(&site, &of(&value, &format!("x + {one}")), "out of range");
        fails(&site, &of(&value, &format!("-x - {one} - {one}")), "out of range");
        fails(&site, &of(&format!("{most} + 1"), &format!("CAST(x AS {kind})")), "");
    }
    fails(&site, &of(MOST, "sum(x)"), "out of range");
    fails(&site, &format!("{} GROUP BY x", of(MOST, "sum(x)")), "out of range");
    fails(&site, &of(MOST, "sum(x) OVER ()"), "out of range");
    // Wherever it stands.
    for text in [
        format!("SELECT 1 AS y WHERE {MOST} + 1 < 0"),
        format!("SELECT 1 AS y FROM (VALUES ({MOST})) AS t (x) WHERE x + 1 < 0"),
        format!("SELECT x FROM (VALUES ({MOST})) AS t (x) ORDER BY x + 1"),
        format!("SELECT (SELECT max(x + 1) FROM (VALUES ({MOST})) AS t (x)) AS y"),
        format!("SELECT count(*) AS y FROM (VALUES ({MOST})) AS t (x) GROUP BY x + 1"),
        format!("SELECT CASE WHEN x > 1 THEN x * x END AS y FROM (VALUES ({MOST})) AS t (x)"),
    ] {
        fails(&site, &text, "out of range");
    }
}

#[test]
fn numbers_that_fit_are_what_they_were() {
    let least = format!("SELECT {MOST} - 1 + 1 AS y, try({MOST} + 1) AS a");
    let running = "SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS y FROM \
                   UNNEST(sequence(1, 4)) AS t (x) ORDER BY 1";
    let distinct = "SELECT sum(DISTINCT x % 2) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT \
                    ROW) AS y FROM UNNEST(sequence(2, 5)) AS t (x) ORDER BY x";
    let groups = "SELECT x % 2 + 1 AS k, sum(x * 2) AS y FROM UNNEST(sequence(1, 9)) AS t (x) GROUP BY x \
                  % 2 + 1 ORDER BY k";
    let none = "SELECT sum(x) AS y, 1 AS z FROM UNNEST(sequence(1, 3)) AS t (x) WHERE x > 5";
    are(
        &Site::new(),
        &[
            ("SELECT 1 + 2 * 3 - -4 AS y", "11\n"),
            (&least, &format!("{MOST},\n")),
            ("SELECT -9223372036854775808 AS y", "-9223372036854775808\n"),
            ("SELECT sum(x) AS y FROM UNNEST(sequence(1, 1000)) AS t (x)", "500500\n"),
            (none, ",1\n"),
            ("SELECT sum(DISTINCT x % 2) AS y FROM UNNEST(sequence(1, 9)) AS t (x)", "1\n"),
            (running, "1\n3\n5\n7\n"),
            (distinct, "0\n1\n1\n1\n"),
            (groups, "1,40\n2,50\n"),
            ("SELECT 1.5 + 2 AS y", "3.5\n"),
            ("SELECT DATE '2024-01-31' + INTERVAL '1' DAY AS y", "2024-02-01\n"),
            ("SELECT x + NULL AS y, x AS z FROM (VALUES (1)) AS t (x)", ",1\n"),
            ("SELECT transform(ARRAY[1, 2], v -> v + 1) AS y", "\"[2, 3]\"\n"),
            // TRY gives null for what does not fit.
            ("SELECT try(1 + 1) AS b, try(-(-3)) AS c", "2,3\n"),
            ("SELECT try(DATE '2024-01-31' + INTERVAL '1' DAY) AS y", "2024-02-01\n"),
        ],
    );
}

#[test]
fn casts_to_whole_numbers_round() {
    are(
        &Site::new(),
        &[
            ("SELECT CAST(2.5 AS integer) AS a, CAST(-2.5 AS bigint) AS b", "3,-3\n"),
            ("SELECT CAST(x AS smallint) AS a FROM (VALUES (2.4), (2.6)) AS t (x)", "2\n3\n"),
            (
                "SELECT TRY_CAST(x AS integer) AS a FROM (VALUES (1e30), (0.5)) AS t (x)",
                "\"\"\n1\n",
            ),
            ("SELECT CAST(CAST('7.5' AS decimal(5, 2)) AS integer) AS a", "8\n"),
            ("SELECT CAST(CAST('7.49' AS decimal(5, 2)) AS bigint) AS a", "7\n"),
            (
                "SELECT CAST(CAST('1.5' AS real) AS tinyint) AS a, CAST('7' AS integer) AS b",
                "2,7\n",
            ),
            (
                "SELECT typeof(length('a')) AS a, typeof(extract(year FROM DATE '2024-01-01')) AS b",
                "bigint,bigint\n",
            ),
        ],
    );
    let most = "CAST(99999999999999999999999999999999999999 AS decimal(38, 0))";
    for sum in ["sum(x)", "sum(x) OVER ()", "sum(x) OVER (ORDER BY y ROWS 1 PRECEDING)"] {
        let text = format!("SELECT {sum} AS y FROM (VALUES ({most}, 1), ({most}, 2)) AS t (x, y)");
        fails(&Site::new(), &text, "out of range");
    }
    let sums = "SELECT y, sum(CAST(x AS decimal(10, 2))) AS s FROM (VALUES ('1.25', 1), ('2.50', 1), \
                ('7', 2)) AS t (x, y) GROUP BY y ORDER BY y";
    are(&Site::new(), &[(sums, "1,3.75\n2,7.00\n")]);
}

/// Beside a number that is declared narrow, one of the statement is an integer, as in Trino.
#[test]
fn declared_integers_do_not_grow() {
    let site = Site::new();
    let of = |kind: &str, value: &str, expression: &str| {
        let value = format!("CAST({value} AS {kind})");
        let column = format!("SELECT {expression} AS y FROM (VALUES ({value})) AS t (x)");
        [column, format!("SELECT {} AS y", expression.replace('x', &value))]
    };
    for (expression, value) in [
        ("x + 1", "2147483647"),
        ("1 + x", "2147483647"),
        ("x - -1", "2147483647"),
        ("x * 3", "2147483647"),
        ("-x - 2", "2147483647"),
        ("x + 1 - 1", "2147483647"),
        ("x - 1", "-2147483648"),
        ("x / -1", "-2147483648"),
        ("-x", "-2147483648"),
        ("abs(x)", "-2147483648"),
        ("sum(x + 1)", "2147483647"),
    ] {
        for text in of("integer", value, expression) {
            fails(&site, &text, "out of range");
        }
    }
    for (kind, value, expression, shown) in [
        ("integer", "2147483646", "x + 1", "2147483647,integer\n"),
        ("integer", "2147483647", "x + 2147483648", "4294967295,bigint\n"),
        ("integer", "2147483647", "CAST(x AS bigint) + 1", "2147483648,bigint\n"),
        ("integer", "2147483647", "sum(x) + 1", "2147483648,bigint\n"),
        ("smallint", "32767", "x + 1", "32768,integer\n"),
        ("tinyint", "127", "x * 100000", "12700000,integer\n"),
        ("bigint", "2147483647", "x + 1", "2147483648,bigint\n"),
        ("integer", "7", "x % 4", "3,integer\n"),
    ] {
        for text in of(kind, value, expression) {
            let text = format!("SELECT y, typeof(y) FROM ({text})");
            are(&site, &[(&text, shown)]);
        }
    }
    let next = "WITH a AS (SELECT CAST(1 AS integer) AS x), b AS (SELECT x + 1 AS x FROM a UNION ALL \
                SELECT 5 FROM a) SELECT x + 1 AS y, typeof(x + 1) AS z FROM b ORDER BY 1";
    are(&site, &[(next, "3,bigint\n6,bigint\n")]);
    for (text, why) in [
        ("SELECT 1 / x AS y FROM (VALUES (0)) AS t (x)", "division by zero"),
        ("SELECT 1 % x AS y FROM (VALUES (0)) AS t (x)", "division by zero"),
        ("SELECT CAST('99999999999' AS integer) AS y", ""),
        ("SELECT CAST(1e30 AS bigint) AS y", ""),
        ("SELECT DATE '2024-01-31' + INTERVAL '9999999' YEAR AS y", ""),
        ("SELECT date_add('day', 9223372036854775807, DATE '2024-01-31') AS y", ""),
        ("SELECT date_add('year', 4000000000, TIMESTAMP '2024-01-31 00:00:00') AS y", ""),
    ] {
        fails(&site, text, why);
    }
    let distinct = format!(
        "SELECT sum(DISTINCT x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS y FROM \
         (VALUES ({MOST}), ({MOST} - 1)) AS t (x)"
    );
    fails(&site, &distinct, "out of range");
}

#[test]
fn results_far_larger_than_their_arguments_are_errors() {
    let site = Site::new();
    for text in [
        "SELECT repeat('x', 2000000000) AS y",
        "SELECT length(repeat(t, 1000000)) AS y FROM (SELECT 'abc' || CAST(n AS varchar) AS t FROM \
         UNNEST(sequence(1, 8000)) AS u (n))",
        "SELECT lpad('x', 2000000000, 'y') AS y",
        "SELECT rpad('x', 2000000000) AS y",
        "SELECT array_repeat(repeat('x', 1000000), 100000) AS y",
        "SELECT replace(repeat('x', 1000000), 'x', repeat('y', 1000000)) AS y",
        "SELECT sequence(1, 1000000000000) AS y",
        "SELECT generate_series(1, 1000000000000) AS y",
        "SELECT sequence(DATE '0001-01-01', DATE '9999-01-01', INTERVAL '1' SECOND) AS y",
        "SELECT count(*) AS y FROM UNNEST(sequence(1, 1000000000000)) AS t (x)",
    ] {
        fails(&site, text, "");
    }
    fails(&site, "SELECT count(*) AS y FROM generate_series(1, 1000000000000)", "");
    fails(&site, "SELECT count(*) AS y FROM range(1000000000000)", "");
    let months =
        "SELECT sequence(DATE '2024-01-31', DATE '2024-03-31', INTERVAL '1' MONTH)[2] AS y";
    are(
        &site,
        &[
            ("SELECT length(repeat('xy', 1000)) AS y", "2000\n"),
            ("SELECT cardinality(sequence(1, 1000000)) AS y", "1000000\n"),
            (months, "2024-02-29\n"),
            ("SELECT replace('a-b', '-', '+') AS a, lpad('1', 3, '0') AS b", "a+b,001\n"),
        ],
    );
}

#[test]
fn templates_that_do_not_end_or_become_too_large_are_refused() {
    let site = Site::new();
    site.lake("patient", &[crate::support::patient("a", "other")]);
    site.file(
        "studies/s/manifest.toml",
        "study_prefix = 's'\n[[stages.default]]\nfiles = ['a.sql.jinja']\n",
    );
    site.file("studies/s/macro.jinja", "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}");
    let nested = "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}\
                  {% endfor %}{% endfor %}{% endfor %}";
    for text in [
        nested,
        "{{ 'x' * 2000000000 }}",
        "{% for a in range(100000) %}{{ 'SELECT 1; ' * 1000 }}{% endfor %}",
        "{% set ns = namespace(t='x') %}{% for a in range(64) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
        "{{ ('x' * 1000000) | replace('x', 'y' * 1000000) }}",
        "{% include 'macro.jinja' %}",
    ] {
        site.file("studies/s/a.sql.jinja", text);
        let mut command = site.command();
        command.args(["study", "build", "-t", "s", "-s", "studies", "--lake", "lake"]);
        let ended = end(command.args(["--database", "db"]));
        assert_eq!(ended.code, Some(72), "{text}: {:?}", ended.code);
        assert!(
            ended.err.contains(".jinja:"),
            "{text}: {}",
            &ended.err[..ended.err.len().min(300)]
        );
    }
}
