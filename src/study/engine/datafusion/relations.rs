//! Which tables a query names.

use std::ops::ControlFlow;

use sqlparser::ast::{ObjectName, Query, Visit, Visitor};

/// The tables that a query reads, in lower case, with their schemas; those of its own WITH, too.
pub fn list_relations(query: &Query) -> Vec<(Option<String>, String)> {
    struct Names(Vec<(Option<String>, String)>);

    impl Visitor for Names {
        type Break = ();

        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            let mut parts =
                name.0.iter().rev().map(|part| Some(part.as_ident()?.value.to_lowercase()));
            if let Some(Some(name)) = parts.next() {
                let relation = (parts.next().flatten(), name);
                if !self.0.contains(&relation) {
                    self.0.push(relation);
                }
            }
            ControlFlow::Continue(())
        }
    }

    let mut names = Names(Vec::new());
    let _ = query.visit(&mut names);
    names.0
}
