//! Athena's errors in our words: what went wrong, where, what to do.

use std::fmt::Debug;

use aws_sdk_athena::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_athena::types::QueryExecution;

use crate::error::{Error, SettingsFault};
use crate::store::unreadable_profile;
use crate::text::escape_controls;

/// The error of a call. `what` says what was tried.
pub(super) fn explain_call<E, R>(error: &SdkError<E, R>, what: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Debug + 'static,
    R: Debug,
{
    let code = error.code().unwrap_or_default();
    let message = escape_controls(error.message().unwrap_or_default());
    match error {
        SdkError::DispatchFailure(failure) if failure.is_timeout() || failure.is_io() => {
            Error::failed(format!(
                "{what}: no answer from Athena. Is the region right (--region), and does the \
                 network let this machine out to AWS?"
            ))
        }
        SdkError::TimeoutError(_) => Error::failed(format!("{what}: Athena takes too long")),
        // Credentials are looked for when a request is made, so that their faults end up in these two.
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => Error::failed(format!(
            "{what}: {}",
            explain_credentials(&DisplayErrorContext(error).to_string())
        )),
        _ => match code {
            "AccessDeniedException" | "AccessDenied" => Error::failed(format!(
                "{what}: {message}. docs/athena.md lists the rights that are needed"
            )),
            "ExpiredTokenException" | "ExpiredToken" => Error::failed(format!(
                "{what}: the AWS credentials have expired; get new ones (such as by 'aws sso \
                 login') and run again"
            )),
            "UnrecognizedClientException" | "InvalidSignatureException" => Error::failed(format!(
                "{what}: Athena does not accept the AWS credentials ({code})"
            )),
            "ThrottlingException" | "TooManyRequestsException" => Error::failed(format!(
                "{what}: Athena has asked to slow down for too long; run again with a smaller \
                 --max-concurrent"
            )),
            "InvalidRequestException" | "MetadataException" => {
                Error::new(SettingsFault::InvalidValue, format!("{what}: {message}"))
            }
            _ if message.is_empty() => Error::failed(format!("{what}: {code}")),
            _ => Error::failed(format!("{what}: {message}")),
        },
    }
}

/// Why there are no credentials; the chain of causes may quote files.
fn explain_credentials(text: &str) -> String {
    if text.contains("region") {
        return "there is no region: give --region, or set AWS_REGION".to_owned();
    }
    if let Some(what) = unreadable_profile() {
        return format!("there are no AWS credentials that can be read: {what}");
    }
    "there are no AWS credentials that can be used: set AWS_ACCESS_KEY_ID and \
     AWS_SECRET_ACCESS_KEY, or name a profile with --profile; try 'aws sts get-caller-identity' \
     with the same"
        .to_owned()
}

/// Errors whose words are of the statement and of tables, never of the rows in them.
const SHOWN: [&str; 24] = [
    "SYNTAX_ERROR",
    "COLUMN_NOT_FOUND",
    "TABLE_NOT_FOUND",
    "SCHEMA_NOT_FOUND",
    "CATALOG_NOT_FOUND",
    "FUNCTION_NOT_FOUND",
    "TYPE_MISMATCH",
    "TYPE_NOT_FOUND",
    "AMBIGUOUS_NAME",
    "MISMATCHED_COLUMN_ALIASES",
    "EXPRESSION_NOT_AGGREGATE",
    "EXPRESSION_NOT_SCALAR",
    "MISSING_GROUP_BY",
    "DUPLICATE_COLUMN_NAME",
    "TOO_MANY_GROUPING_SETS",
    "TABLE_ALREADY_EXISTS",
    "INVALID_VIEW",
    "VIEW_IS_STALE",
    "VIEW_IS_RECURSIVE",
    "NOT_SUPPORTED",
    "HIVE_PATH_ALREADY_EXISTS",
    "HIVE_METASTORE_ERROR",
    "PERMISSION_DENIED",
    "ACCESS_DENIED",
];
/// Other codes, whose words may be of rows in tables. Any other word before a colon may be a name.
const CODES: [&str; 68] = [
    "ABANDONED_QUERY",
    "CLUSTER_OUT_OF_MEMORY",
    "COMPILER_ERROR",
    "CONSTRAINT_VIOLATION",
    "DELTA_LAKE_BAD_DATA",
    "DELTA_LAKE_BAD_WRITE",
    "DELTA_LAKE_FILESYSTEM_ERROR",
    "DELTA_LAKE_INVALID_SCHEMA",
    "DELTA_LAKE_INVALID_TABLE",
    "DIVISION_BY_ZERO",
    "EXCEEDED_CPU_LIMIT",
    "EXCEEDED_FUNCTION_MEMORY_LIMIT",
    "EXCEEDED_GLOBAL_MEMORY_LIMIT",
    "EXCEEDED_LOCAL_MEMORY_LIMIT",
    "EXCEEDED_MEMORY_LIMIT",
    "EXCEEDED_TIME_LIMIT",
    "GENERIC_INSUFFICIENT_RESOURCES",
    "GENERIC_INTERNAL_ERROR",
    "GENERIC_USER_ERROR",
    "HIVE_BAD_DATA",
    "HIVE_CANNOT_OPEN_SPLIT",
    "HIVE_COLUMN_ORDER_MISMATCH",
    "HIVE_CURSOR_ERROR",
    "HIVE_DATABASE_LOCATION_ERROR",
    "HIVE_EXCEEDED_PARTITION_LIMIT",
    "HIVE_EXCEEDED_SPLIT_BUFFERING_LIMIT",
    "HIVE_FILESYSTEM_ERROR",
    "HIVE_FILE_NOT_FOUND",
    "HIVE_INVALID_BUCKET_FILES",
    "HIVE_INVALID_METADATA",
    "HIVE_INVALID_PARTITION_VALUE",
    "HIVE_INVALID_VIEW_DATA",
    "HIVE_MISSING_DATA",
    "HIVE_PARTITION_READ_ONLY",
    "HIVE_PARTITION_SCHEMA_MISMATCH",
    "HIVE_SERDE_NOT_FOUND",
    "HIVE_TABLE_READ_ONLY",
    "HIVE_TOO_MANY_OPEN_PARTITIONS",
    "HIVE_UNKNOWN_ERROR",
    "HIVE_UNSUPPORTED_ENCRYPTION_OPERATION",
    "HIVE_UNSUPPORTED_FORMAT",
    "HIVE_WRITER_CLOSE_ERROR",
    "HIVE_WRITER_DATA_ERROR",
    "HIVE_WRITER_OPEN_ERROR",
    "HIVE_WRITE_VALIDATION_FAILED",
    "ICEBERG_BAD_DATA",
    "ICEBERG_CANNOT_OPEN_SPLIT",
    "ICEBERG_COMMIT_ERROR",
    "ICEBERG_CURSOR_ERROR",
    "ICEBERG_FILESYSTEM_ERROR",
    "ICEBERG_INVALID_METADATA",
    "ICEBERG_MISSING_DATA",
    "INVALID_ARGUMENTS",
    "INVALID_CAST_ARGUMENT",
    "INVALID_FUNCTION_ARGUMENT",
    "INVALID_JSON_LITERAL",
    "INVALID_LITERAL",
    "INVALID_ROW_FILTER",
    "NO_NODES_AVAILABLE",
    "NUMERIC_VALUE_OUT_OF_RANGE",
    "PAGE_TRANSPORT_ERROR",
    "PAGE_TRANSPORT_TIMEOUT",
    "QUERY_HAS_TOO_MANY_STAGES",
    "QUERY_TEXT_TOO_LARGE",
    "REMOTE_TASK_ERROR",
    "SUBQUERY_MULTIPLE_ROWS",
    "TOO_MANY_REQUESTS_FAILED",
    "USER_CANCELED",
];
/// Beginnings of such errors that have no code.
const SAID: [&str; 5] =
    ["Query exhausted", "Insufficient", "Table ", "FAILED: ParseException", "FAILED: SemanticExc"];

/// Why a query has failed, in Athena's words where they can have no value of a row in them.
pub(super) fn explain_failure(query: &QueryExecution) -> String {
    let status = query.status();
    let reason = status.and_then(|status| status.state_change_reason());
    let error = status.and_then(|status| status.athena_error()).and_then(|e| e.error_message());
    known_words(reason.or(error).unwrap_or_default())
}

fn known_words(text: &str) -> String {
    let code = text.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap_or_default();
    let is_before_colon = text[code.len()..].starts_with(':');
    if (is_before_colon && SHOWN.contains(&code))
        || SAID.iter().any(|start| text.starts_with(start))
    {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        return escape_controls(&line).into_owned();
    }
    let is_code = is_before_colon && CODES.contains(&code);
    let code = if is_code { code } else { "it has failed" };
    format!("{code}; Athena's history has the whole message, which may hold a patient's data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_rows_are_not_shown() {
        let shown = "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved";
        assert_eq!(known_words(shown), shown);
        assert!(known_words("Query exhausted resources at this scale factor").ends_with("factor"));
        for text in [
            "INVALID_CAST_ARGUMENT: Value cannot be cast to date: Smith",
            "Smith",
            "HIVE_BAD_DATA: Smith",
            "SMITH: no such patient",
            "SMITH_JONES: no such patient",
            "SYNTAX_ERROR Smith",
            "",
        ] {
            let words = known_words(text);
            assert!(
                !words.to_lowercase().contains("smith") && words.contains("history"),
                "{words}"
            );
        }
        assert!(known_words("HIVE_BAD_DATA: Smith").starts_with("HIVE_BAD_DATA; "));
        assert!(CODES.is_sorted());
    }
}
