use super::*;

#[test]
fn names_are_in_lower_case_and_their_spelling_is_known() {
    let statement =
        parse_statement("CREATE TABLE \"S__Made\" AS SELECT \"Code\" AS \"theCode\", Other FROM t");
    let statement = statement.unwrap();
    let StatementCommand::Create { name, query, .. } = &statement.command else {
        panic!("{statement:?}")
    };
    assert_eq!(name.name, "S__Made");
    assert!(query.to_string().contains("\"code\" AS \"thecode\""), "{query}");
    let table = |lower: &str| (lower == "code").then(|| "cOdE".to_owned());
    assert_eq!(statement.spelling.spell_column("thecode", table), "theCode");
    assert_eq!(statement.spelling.spell_column("code", table), "cOdE");
    assert_eq!(statement.spelling.spell_column("other", |_| None), "Other");
}

#[test]
fn what_is_refused_says_where_and_why() {
    for (sql, line, why) in [
        ("SELECT 1\nFROM", Some(2), "Expected"),
        ("SELECT 1 2 3", Some(1), "was not expected"),
        ("SELECT a,\n  json_parse(b) FROM t", Some(2), "json_parse() does not run"),
        ("SELECT try(a, b) FROM t", Some(1), "try(expression) is called with 2 arguments"),
        ("SELECT a FROM t FETCH FIRST 1 ROWS WITH TIES", None, "FETCH FIRST"),
        ("UPDATE t SET a = 1", None, "UPDATE t does not run"),
        ("CREATE EXTERNAL TABLE s__a (x int) LOCATION 'x'", None, "CREATE EXTERNAL TABLE"),
    ] {
        let refused = parse_statement(sql).unwrap_err();
        assert!(refused.why.contains(why), "{sql}: {refused:?}");
        assert_eq!(refused.line, line, "{sql}: {refused:?}");
    }
}

/// The parser's work doubles with each dot of a name before a bracket that it can't read: 161 bytes took
/// it minutes.
#[test]
fn names_with_many_dots_before_subscripts_are_refused() {
    let long = format!("a{}[1", ".b".repeat(17));
    let nested = "a.b.c.d[".repeat(6);
    let in_calls = "f(a.b.c.d [ ".repeat(6);
    let one_after_another = ".b.c.d.e[1]".repeat(5);
    for sql in [
        format!("SELECT {long}"),
        format!("SELECT {long}]"),
        format!("SELECT {nested}1 1"),
        format!("SELECT x, {in_calls}1 1"),
        format!("SELECT a{one_after_another}, [1 1]"),
        format!("SELECT \"A\"{} [1 1", ".\"b\"".repeat(17)),
    ] {
        let refused = parse_statement(&sql).unwrap_err();
        assert!(refused.why.contains("more than 16 dots"), "{sql}: {refused:?}");
        assert_eq!(refused.line, Some(1));
        assert!(parse_part(&AthenaDialect, &sql).is_err(), "{sql}");
    }
    for sql in [
        "SELECT r.code.coding[1].extension[1].value.coding[1].code FROM r",
        "SELECT t.a.b[t.c.d[1]], t.e.f[cardinality(t.e.f)], ARRAY[ARRAY[t.a.b.c, t.d.e.f]] FROM t",
        "SELECT a.b.c.d.e, a.b.c.d.e, a.b.c.d.e, a.b.c.d.e, a.b.c.d.e, x[1], 1.5 * y[2] FROM a",
    ] {
        assert!(parse_statement(sql).is_ok(), "{sql}: {:?}", parse_statement(sql).err());
    }
}
