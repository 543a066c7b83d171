//! The types of SQL that core's columns have.

/// The type of a column's values, in SQL's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlType {
    /// `VARCHAR`
    Text,
    /// `BOOLEAN`
    Boolean,
    /// `BIGINT`
    BigInt,
    /// `INTEGER`
    Int,
    /// `DOUBLE`
    Double,
    /// `TIMESTAMP`, in UTC on the embedded engine
    Timestamp,
    /// `DATE`
    Date,
}

impl SqlType {
    /// The type's name in SQL.
    pub fn sql_name(self) -> &'static str {
        match self {
            Self::Text => "VARCHAR",
            Self::Boolean => "BOOLEAN",
            Self::BigInt => "BIGINT",
            Self::Int => "INTEGER",
            Self::Double => "DOUBLE",
            Self::Timestamp => "TIMESTAMP",
            Self::Date => "DATE",
        }
    }

    /// A value that is not there.
    pub(super) fn null_sql(self) -> String {
        format!("CAST(NULL AS {})", self.sql_name())
    }
}
