//! Whole numbers that do not fit, and results that are far too large, are errors.

use crate::support::{Ended, Site, end};

fn sql(site: &Site, text: &str) -> Ended {
    let mut command = site.command();
    end(command.args(["study", "sql", text, "--format", "csv", "--database", "db"]))
}

fn is(site: &Site, text: &str, rows: &str) {
    let ended = sql(site, text);
    assert_eq!(ended.code, Some(0), "{text}: {ended:?}");
    assert_eq!(ended.out.split_once('\n').unwrap().1, rows, "{text}");
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
    let site = Site::new();
    is(&site, "SELECT 1 + 2 * 3 - -4 AS y", "11\n");
    is(&site, &format!("SELECT {MOST} - 1 + 1 AS y"), &format!("{MOST}\n"));
    is(&site, "SELECT -9223372036854775808 AS y", "-9223372036854775808\n");
    is(&site, "SELECT sum(x) AS y FROM UNNEST(sequence(1, 1000)) AS t (x)", "500500\n");
    is(
        &site,
        "SELECT sum(x) AS y, 1 AS z FROM UNNEST(sequence(1, 3)) AS t (x) WHERE x > 5",
        ",1\n",
    );
    is(&site, "SELECT sum(DISTINCT x % 2) AS y FROM UNNEST(sequence(1, 9)) AS t (x)", "1\n");
    let running = "SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS y FROM \
                   UNNEST(sequence(1, 4)) AS t (x) ORDER BY 1";
    is(&site, running, "1\n3\n5\n7\n");
    let groups = "SELECT x % 2 + 1 AS k, sum(x * 2) AS y FROM UNNEST(sequence(1, 9)) AS t (x) GROUP BY x \
                  % 2 + 1 ORDER BY k";
    is(&site, groups, "1,40\n2,50\n");
    is(&site, "SELECT 1.5 + 2 AS y", "3.5\n");
    is(&site, "SELECT DATE '2024-01-31' + INTERVAL '1' DAY AS y", "2024-02-01\n");
    is(&site, "SELECT x + NULL AS y, x AS z FROM (VALUES (1)) AS t (x)", ",1\n");
    is(&site, "SELECT transform(ARRAY[1, 2], v -> v + 1) AS y", "\"[2, 3]\"\n");
    // TRY gives null for what does not fit.
    is(&site, &format!("SELECT try({MOST} + 1) AS a, try(1 + 1) AS b, try(-(-3)) AS c"), ",2,3\n");
    is(&site, "SELECT try(DATE '2024-01-31' + INTERVAL '1' DAY) AS y", "2024-02-01\n");
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
    is(&site, "SELECT length(repeat('xy', 1000)) AS y", "2000\n");
    is(&site, "SELECT cardinality(sequence(1, 1000000)) AS y", "1000000\n");
    is(
        &site,
        "SELECT sequence(DATE '2024-01-31', DATE '2024-03-31', INTERVAL '1' MONTH)[2] AS y",
        "2024-02-29\n",
    );
    is(&site, "SELECT replace('a-b', '-', '+') AS a, lpad('1', 3, '0') AS b", "a+b,001\n");
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
