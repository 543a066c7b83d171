//! How large a statement becomes once the tables of its WITH stand in the place of their names.
//!
//! The engine puts them there wherever they are named: thirty tables that each read the one before
//! twice are a plan of a thousand million tables.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Query, Visit, Visitor};

use super::Refused;

/// Tables and subqueries that a statement may come to.
const TABLES: usize = 4_000;
/// Expressions that it may come to.
const EXPRESSIONS: usize = 1_000_000;
/// Expressions within one that is written twice.
const COPIED: usize = 100_000;

/// Refuses a query that would become too large to plan.
pub(super) fn measure_query(query: &Query) -> Result<(), Refused> {
    let mut measure = SizeMeter { levels: vec![Level::default()] };
    let _ = query.visit(&mut measure);
    let whole = measure.levels.pop().unwrap_or_default().size;
    if whole.tables > TABLES || whole.expressions > EXPRESSIONS {
        return Err(Refused::new(format!(
            "the statement is too large: with the tables of its WITH wherever they are named, it comes \
             to more than {TABLES} tables or {EXPRESSIONS} expressions; make tables of some of them \
             (CREATE TABLE … AS), and read those"
        )));
    }
    Ok(())
}

/// Refuses an expression that a rewriting writes twice, if it is large together with `others` that
/// are written twice. An expression around it may be written twice as well. Gives how large they are now.
pub(super) fn measure_copy(expr: &Expr, others: usize) -> Result<usize, Refused> {
    struct Count(usize);

    impl Visitor for Count {
        type Break = ();

        fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
            self.0 += 1;
            if self.0 > COPIED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    let mut count = Count(others);
    match expr.visit(&mut count) {
        ControlFlow::Continue(()) => Ok(count.0),
        ControlFlow::Break(()) => Err(Refused::new(
            "the statement is too large: subqueries, WITH ORDINALITY, max_by() or min_by() are nested \
             too deep within each other; make tables of some of them (CREATE TABLE … AS)",
        )),
    }
}

#[derive(Clone, Copy, Default)]
struct Size {
    tables: usize,
    expressions: usize,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.tables = self.tables.saturating_add(other.tables);
        self.expressions = self.expressions.saturating_add(other.expressions);
    }
}

/// A query that is being measured.
#[derive(Default)]
struct Level {
    size: Size,
    /// The tables of its WITH so far, by name in lower case.
    known: Vec<(String, Size)>,
    /// Those that are still to come, in order: their queries are met before all others in it.
    coming: VecDeque<String>,
}

struct SizeMeter {
    /// The queries around, the innermost last.
    levels: Vec<Level>,
}

impl SizeMeter {
    fn add(&mut self, size: Size) {
        if let Some(level) = self.levels.last_mut() {
            level.size.add(size);
        }
    }
}

impl Visitor for SizeMeter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        let coming = tables.map(|table| table.alias.name.value.to_lowercase()).collect();
        self.levels.push(Level {
            size: Size { tables: 1, expressions: 0 },
            known: Vec::new(),
            coming,
        });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        let size = self.levels.pop().unwrap_or_default().size;
        if let Some(around) = self.levels.last_mut() {
            match around.coming.pop_front() {
                Some(name) => around.known.push((name, size)),
                None => around.size.add(size),
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let name = match name.0.as_slice() {
            [only] => only.as_ident().map(|name| name.value.to_lowercase()),
            _ => None,
        };
        // The innermost name hides those around it. A recursive table is not known yet within itself,
        // and counts as one table there.
        let known = self.levels.iter().rev().flat_map(|level| level.known.iter().rev());
        let named = known.into_iter().find(|(known, _)| Some(known) == name.as_ref());
        let size = named.map_or(Size { tables: 1, expressions: 0 }, |(_, size)| *size);
        self.add(size);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.add(Size { tables: 0, expressions: 1 });
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Refused, parse_statement};
    use crate::study::room;

    /// Statements that are nested this deep are read where there is room, as in the program.
    fn read(sql: &str) -> Result<(), Refused> {
        room::with_room(|| Ok(parse_statement(sql).map(drop))).unwrap()
    }

    fn doubling(steps: usize, body: &str) -> String {
        let mut with = "a0 AS (SELECT 1 AS x)".to_owned();
        for step in 1..=steps {
            let table = format!("a{}", step - 1);
            with += &format!(", a{step} AS ({})", body.replace("{}", &table));
        }
        format!("WITH {with} SELECT * FROM a{steps}")
    }

    #[test]
    fn statements_that_double_with_each_table_are_refused() {
        for body in [
            "SELECT p.x FROM {} p, {} q",
            "SELECT x FROM {} UNION ALL SELECT x FROM {}",
            "SELECT x FROM {} WHERE x IN (SELECT x FROM {})",
            "WITH b AS (SELECT x FROM {}) SELECT p.x FROM b p JOIN B q ON p.x = q.x",
        ] {
            assert!(read(&doubling(5, body)).is_ok(), "{body}");
            let refused = read(&doubling(40, body)).unwrap_err();
            assert!(refused.why.contains("too large"), "{body}: {refused:?}");
        }
        // One after the other is a chain, not a tree.
        let chain = "SELECT x + 1 AS x FROM {}";
        assert!(read(&doubling(500, chain)).is_ok());
    }

    #[test]
    fn what_is_written_twice_is_measured_before() {
        let mut nested = "ARRAY[1]".to_owned();
        for _ in 0..30 {
            nested =
                format!("(SELECT array_agg(i) FROM UNNEST({nested}) WITH ORDINALITY AS u (i, n))");
        }
        let sql = format!("SELECT * FROM UNNEST({nested}) WITH ORDINALITY AS u (i, n)");
        assert!(read(&sql).unwrap_err().why.contains("too large"));
    }
}
