//! The order in which a table becomes visible. Crash safety needs it: see "Crash safety" in
//! docs/architecture.md.
//!
//! Whenever a run dies, what is there must be true. So each step begins after the one before has
//! succeeded:
//!
//! 1. Rejected rows are kept.
//! 2. The ID mapping is written: an anonymous ID that anyone can see can be traced back.
//! 3. The completion rows of encounters are written: a study that sees an encounter can tell whether
//!    its data is complete.
//! 4. The table is written.
//! 5. The table is tidied.
//! 6. The completion row of the table is written: it says that the table is there.
//! 7. How it went is recorded, a failure too.
//!
//! The steps up to the table are [`publish_in_order`], the others [`complete_in_order`]: another thread
//! does these, while the next table is published. The second takes what the first gives.

use crate::error::Result;

/// The steps of one table up to the table itself.
pub(super) trait PublishSteps {
    fn keep_rejected_rows(&mut self) -> Result<()>;
    fn persist_mapping(&mut self) -> Result<()>;
    /// Nothing to do but for encounters.
    fn publish_encounter_completion(&mut self) -> Result<()>;
    fn publish_rows(&mut self) -> Result<()>;
}

/// The steps of one table when it is there.
pub(super) trait CompleteSteps {
    fn optimize_table(&mut self) -> Result<()>;
    fn publish_table_completion(&mut self) -> Result<()>;
    fn record_table(&mut self, result: Result<()>);
}

/// That a table is published: only [`publish_in_order`] makes one.
#[derive(Debug)]
pub(super) struct TableIsPublished(());

/// Makes a table visible. A step that fails is the last.
pub(super) fn publish_in_order(steps: &mut impl PublishSteps) -> Result<TableIsPublished> {
    steps.keep_rejected_rows()?;
    steps.persist_mapping()?;
    steps.publish_encounter_completion()?;
    steps.publish_rows()?;
    Ok(TableIsPublished(()))
}

/// Says that a table is complete, if it is published, and records in any case how it went.
pub(super) fn complete_in_order(
    published: Result<TableIsPublished>,
    steps: &mut impl CompleteSteps,
) {
    let result = published.and_then(|TableIsPublished(())| {
        steps.optimize_table()?;
        steps.publish_table_completion()
    });
    steps.record_table(result);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    const PUBLISH: [&str; 4] = ["rejected rows", "mapping", "encounter completion", "rows"];
    const COMPLETE: [&str; 2] = ["optimize", "table completion"];

    /// Notes which steps are taken; one of them fails.
    #[derive(Default)]
    struct RecordedSteps {
        taken: Vec<String>,
        fails: &'static str,
    }

    impl RecordedSteps {
        fn take_step(&mut self, name: &str) -> Result<()> {
            self.taken.push(name.to_owned());
            if name == self.fails { Err(Error::failed("disk full")) } else { Ok(()) }
        }
    }

    impl PublishSteps for RecordedSteps {
        fn keep_rejected_rows(&mut self) -> Result<()> {
            self.take_step("rejected rows")
        }
        fn persist_mapping(&mut self) -> Result<()> {
            self.take_step("mapping")
        }
        fn publish_encounter_completion(&mut self) -> Result<()> {
            self.take_step("encounter completion")
        }
        fn publish_rows(&mut self) -> Result<()> {
            self.take_step("rows")
        }
    }

    impl CompleteSteps for RecordedSteps {
        fn optimize_table(&mut self) -> Result<()> {
            self.take_step("optimize")
        }
        fn publish_table_completion(&mut self) -> Result<()> {
            self.take_step("table completion")
        }
        fn record_table(&mut self, result: Result<()>) {
            let how = if result.is_ok() { "record success" } else { "record failure" };
            self.taken.push(how.to_owned());
        }
    }

    fn take_all(fails: &'static str) -> Vec<String> {
        let mut steps = RecordedSteps { fails, ..RecordedSteps::default() };
        let published = publish_in_order(&mut steps);
        complete_in_order(published, &mut steps);
        steps.taken
    }

    #[test]
    fn a_table_is_traceable_before_it_is_there_and_complete_after() {
        let all: Vec<_> = PUBLISH.into_iter().chain(COMPLETE).chain(["record success"]).collect();
        assert_eq!(take_all(""), all);
    }

    #[test]
    fn a_step_that_fails_stops_the_next_ones_and_is_recorded() {
        let steps: Vec<_> = PUBLISH.into_iter().chain(COMPLETE).collect();
        for (index, failing) in steps.iter().enumerate() {
            let mut expected = steps[..=index].to_vec();
            expected.push("record failure");
            assert_eq!(take_all(failing), expected);
        }
    }
}
