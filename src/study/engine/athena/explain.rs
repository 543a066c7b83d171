//! Athena's errors in our words: what went wrong, where, what to do.

use std::fmt::Debug;

use aws_sdk_athena::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_athena::types::QueryExecution;

use crate::error::{Error, Exit};

/// The error of a call. `what` says what was tried.
pub(super) fn explain<E, R>(error: &SdkError<E, R>, what: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Debug + 'static,
    R: Debug,
{
    let code = error.code().unwrap_or_default();
    let message = error.message().unwrap_or_default();
    match error {
        SdkError::DispatchFailure(failure) if failure.is_timeout() || failure.is_io() => {
            Error::failed(format!(
                "{what}: no answer from Athena. Is the region right (--region), and does the \
                 network let this machine out to AWS?"
            ))
        }
        SdkError::TimeoutError(_) => Error::failed(format!("{what}: Athena takes too long")),
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => Error::failed(format!(
            "{what}: {}",
            credentials(&DisplayErrorContext(error).to_string())
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
                Error::new(Exit::ArgsInvalid, format!("{what}: {message}"))
            }
            _ if message.is_empty() => Error::failed(format!("{what}: {code}")),
            _ => Error::failed(format!("{what}: {message}")),
        },
    }
}

/// Why there are no credentials; the chain of causes may quote files.
fn credentials(text: &str) -> &'static str {
    if text.contains("region") {
        "there is no region: give --region, or set AWS_REGION"
    } else {
        "there are no AWS credentials that can be used: set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or name a profile with --profile; try 'aws sts \
         get-caller-identity' with the same"
    }
}

/// Why a query has failed, in Athena's words; those of a row's value are cut off.
pub(super) fn failed(query: &QueryExecution) -> String {
    let status = query.status();
    let reason = status.and_then(|status| status.state_change_reason());
    let error = status.and_then(|status| status.athena_error()).and_then(|e| e.error_message());
    let text = reason.or(error).unwrap_or("Athena gives no reason");
    // "Cannot cast 'Smith' to date": what stands in single quotes may be a patient's.
    let mut shown = String::new();
    for (index, part) in text.split('\'').enumerate() {
        match index % 2 {
            0 => shown.push_str(part),
            _ if is_name(part) => shown.push_str(&format!("'{part}'")),
            _ => shown.push_str("'…'"),
        }
    }
    shown
}

/// Whether quoted text names something of the study's: a column, a table, a function, a type.
fn is_name(text: &str) -> bool {
    let column = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.()<>, ".contains(c);
    text.len() < 200
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.contains(['_', '(', '.'])
        && text.chars().all(column)
}
