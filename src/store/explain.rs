//! A cloud's error in the user's words: what went wrong, where, and what to do.
//!
//! Only codes, names of actions and the innermost cause are told: a server's answer, and a
//! request's address, may hold signatures.

use std::error::Error as StdError;

use object_store::Error as StoreError;

use crate::error::{Error, FolderFault};
use crate::text::{escape_controls, text_between};

/// A cloud's kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    S3,
    Google,
    Azure,
}

/// The request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreAction {
    List,
    Read,
    Write,
    /// Writing only where there is nothing yet.
    Create,
    Delete,
}

/// A bucket, as messages show it.
#[derive(Clone, Debug)]
pub(super) struct BucketPlace {
    pub cloud: Cloud,
    /// Like `s3://bucket`.
    pub bucket: String,
    /// Region and endpoint, like `region us-east-1`.
    pub at: String,
}

impl Cloud {
    fn where_credentials_come_from(self) -> &'static str {
        match self {
            Self::S3 => {
                "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile, and at \
                 --s3-endpoint"
            }
            Self::Google => "look at GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
            Self::Azure => "look at the AZURE_STORAGE_* and AZURE_CLIENT_* variables",
        }
    }
}

impl StoreAction {
    fn permission_name(self, cloud: Cloud) -> &'static str {
        match (cloud, self) {
            (Cloud::S3, Self::List) => "s3:ListBucket",
            (Cloud::S3, Self::Read) => "s3:GetObject",
            (Cloud::S3, Self::Write | Self::Create) => "s3:PutObject",
            (Cloud::S3, Self::Delete) => "s3:DeleteObject",
            (Cloud::Google, Self::List) => "storage.objects.list",
            (Cloud::Google, Self::Read) => "storage.objects.get",
            (Cloud::Google, Self::Write | Self::Create) => "storage.objects.create",
            (Cloud::Google, Self::Delete) => "storage.objects.delete",
            (Cloud::Azure, Self::List | Self::Read) => "blobs/read",
            (Cloud::Azure, Self::Write | Self::Create) => "blobs/write",
            (Cloud::Azure, Self::Delete) => "blobs/delete",
        }
    }
}

impl BucketPlace {
    /// The error in our words, of the same kind where callers tell kinds apart.
    pub fn explain_error(&self, action: StoreAction, error: StoreError) -> StoreError {
        // `object_store` keeps the server's answer (its XML with Code and Message) in the text
        // of its error only, and has no code in its variants. This text is read, never shown.
        let text = error.to_string();
        let code = text_between(&text, "<Code>", "</Code>");
        let no_bucket = matches!(code, Some("NoSuchBucket" | "ContainerNotFound"));
        match error {
            StoreError::NotFound { path, source } if !no_bucket => {
                StoreError::NotFound { path, source }
            }
            StoreError::AlreadyExists { .. }
            | StoreError::Precondition { .. }
            | StoreError::NotModified { .. }
            | StoreError::InvalidPath { .. } => error,
            error => {
                let ours = self.explain_failure(action, &error, &text, code);
                StoreError::Generic { store: "bucket", source: Box::new(ours) }
            }
        }
    }

    fn explain_failure(
        &self,
        action: StoreAction,
        error: &StoreError,
        text: &str,
        code: Option<&str>,
    ) -> Error {
        // Credentials that cannot be had (`s3.rs`) come as our own error, wrapped by the library.
        if let Some(ours) = error_chain(error).find_map(|e| e.downcast_ref::<Error>()) {
            return ours.join_causes();
        }
        let Self { cloud, bucket, at } = self;
        let message = text_between(text, "<Message>", "</Message>").unwrap_or_default();
        let denied =
            matches!(error, StoreError::PermissionDenied { .. }) || status_in(text) == Some("403");
        let failed = |message: String| Error::failed(message);
        match code.unwrap_or_default() {
            "NoSuchBucket" | "ContainerNotFound" => Error::new(
                FolderFault::Missing,
                format!(
                    "there is no bucket '{bucket}' ({at}); check the name, or make it first: \
                     buckets are not made by this program"
                ),
            ),
            "ExpiredToken"
            | "ExpiredTokenException"
            | "RequestExpired"
            | "TokenRefreshRequired" => failed(format!(
                "the credentials for '{bucket}' have expired; get new ones (such as by \
                     'aws sso login') and run again"
            )),
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "InvalidSecurity"
            | "AuthenticationFailed"
            | "UnrecognizedClientException" => failed(format!(
                "'{bucket}' does not accept the credentials ({}): the key is wrong, or belongs \
                 to another account or server ({at}); {}",
                code.unwrap_or_default(),
                cloud.where_credentials_come_from()
            )),
            // S3 answers so where the bucket is in another region
            // than the one that the request was signed for.
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "TemporaryRedirect"
            | "IllegalLocationConstraintException" => self.wrong_region(text),
            "RequestTimeTooSkewed" => failed(format!(
                "'{bucket}' refuses the request because this machine's clock is wrong; set it"
            )),
            "SlowDown" | "ServiceUnavailable" | "ServerBusy" => failed(format!(
                "'{bucket}' has asked to slow down for too long; run again later, with fewer \
                 runs at the same time"
            )),
            // A server that knows a header but does not implement
            // it says 501 NotImplemented, as S3's API asks.
            "NotImplemented" if action == StoreAction::Create => self.no_conditional_writes(),
            code if code.starts_with("KMS.") => failed(format!(
                "the KMS key for '{bucket}' cannot be used ({code}): check that it exists in this \
                 region, is enabled, and that its name is right"
            )),
            // S3 reports a key that may not be used as AccessDenied, and
            // names the missing action (`kms:…`) in the Message alone.
            _ if denied && message.contains("kms:") => failed(format!(
                "the credentials may not use the KMS key of '{bucket}': grant \
                 kms:GenerateDataKey and kms:Decrypt on it"
            )),
            _ if denied => {
                let hint = match (cloud, action) {
                    (Cloud::S3, StoreAction::Read) => {
                        " (and s3:ListBucket on the bucket: without it S3 says the same of \
                         objects that are not there)"
                    }
                    _ => "",
                };
                failed(format!(
                    "the credentials lack the permission {} in '{bucket}'; grant it{hint}",
                    action.permission_name(*cloud)
                ))
            }
            _ if matches!(error, StoreError::Unauthenticated { .. }) => failed(format!(
                "'{bucket}' needs credentials ({at}), or does not accept those that are there"
            )),
            // S3's 301 for another region has no Location header; the
            // library then gives an error of its own, without a code.
            _ if text.contains("redirect without LOCATION") => self.wrong_region(text),
            _ if action == StoreAction::Create && status_in(text) == Some("501") => {
                self.no_conditional_writes()
            }
            code => match (code, status_in(text)) {
                ("", None) => failed(format!(
                    "the server of '{bucket}' ({at}) does not answer as it should: {}",
                    innermost_text(error)
                )),
                ("", Some(status)) => {
                    failed(format!("the server of '{bucket}' ({at}) answered {status}"))
                }
                (code, status) => failed(format!(
                    "the server of '{bucket}' ({at}) answered {} {code}",
                    status.unwrap_or_default()
                )),
            },
        }
    }

    fn wrong_region(&self, text: &str) -> Error {
        let Self { bucket, at, .. } = self;
        Error::failed(match text_between(text, "<Region>", "</Region>") {
            Some(region) => format!(
                "'{bucket}' is in the region {region}, but was asked for in {at}; run with \
                 --s3-region {region}"
            ),
            None => format!(
                "'{bucket}' is not in {at}; name its region with --s3-region (the bucket's \
                 properties show it)"
            ),
        })
    }

    /// The refusal of servers where two writers could overwrite each other unnoticed.
    pub fn no_conditional_writes(&self) -> Error {
        let Self { bucket, at, .. } = self;
        Error::failed(format!(
            "the server of '{bucket}' ({at}) has no conditional writes (If-None-Match), so that \
             two concurrent runs could damage the tables and the codebook. Update it to a version that has \
             them, or use local folders and copy the tables afterwards"
        ))
    }
}

/// Whether nobody knows if the server has done what was asked: it has not answered.
pub(super) fn is_unanswered(error: &StoreError) -> bool {
    let text = error.to_string();
    matches!(error, StoreError::Generic { .. })
        // An answer has a status, or a code in its text. A connection that broke, or a
        // time-out, has neither. An error of ours was made before anything was sent.
        && status_in(&text).is_none()
        && text_between(&text, "<Code>", "</Code>").is_none()
        && !error_chain(error).any(|e| e.is::<Error>())
}

/// An error for [`crate::error::Context`]: ours where there is one, without what wraps it.
pub(crate) fn unwrap_error(error: StoreError) -> Box<dyn StdError + Send + Sync> {
    match error {
        StoreError::Generic { source, .. } if source.is::<Error>() => source,
        // The words of libraries for a disk's errors ("Unable to walk dir", "IO error for operation on")
        // say nothing more than the cause does.
        error @ StoreError::Generic { store: "LocalFileSystem", .. } => {
            innermost_text(&error).into()
        }
        error => Box::new(error),
    }
}

fn error_chain(error: &StoreError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn innermost_text(error: &StoreError) -> String {
    let words = error_chain(error).last().map(ToString::to_string).unwrap_or_default();
    escape_controls(&words).into_owned()
}

/// The HTTP status in an error's text.
fn status_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3).filter(|status| status.bytes().all(|b| b.is_ascii_digit()))
}
