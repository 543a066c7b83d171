//! Names of studies.

use std::fmt;
use std::ops::Deref;

use super::manifest::prefix_fault;
use crate::error::{Error, Result, SettingsFault};

/// A study's name: the prefix of its tables, in lower case, without `__`. It can be a part of a
/// path, and is never the main job's.
#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct StudyName(String);

impl StudyName {
    /// A name in any case.
    ///
    /// # Errors
    /// The text can't be the name of a study.
    pub fn parse(text: &str) -> Result<Self> {
        match prefix_fault(text) {
            // Tables have the same name in any case. A study in two spellings would have two locks and
            // two folders for the same tables.
            None => Ok(Self(text.to_ascii_lowercase())),
            Some(fault) => {
                let message = format!("'{text}' is no study's name: {fault}");
                Err(Error::new(SettingsFault::InvalidValue, message))
            }
        }
    }

    /// The study that a table belongs to, by the table's name.
    pub fn of_table(table: &str) -> Option<Self> {
        // No prefix holds `__` (`prefix_fault`), so the first one ends it.
        Self::parse(table.split_once("__")?.0).ok()
    }
}

impl Deref for StudyName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StudyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<&str> for StudyName {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        assert_eq!(&*StudyName::parse("My_Study2").unwrap(), "my_study2");
        for text in ["", ".", "..", "../lake", "/lake", "a/b", "a__b", "a_", "2a", ".locks", "ä"] {
            assert!(StudyName::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_main_job_has_its_name_for_itself() {
        for text in ["etl", "ETL"] {
            let error = StudyName::parse(text).unwrap_err().to_string();
            assert!(error.contains("main job"), "{error}");
        }
    }
}
