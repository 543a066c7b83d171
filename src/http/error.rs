//! How a request fails.

use std::fmt;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::error::{self, CredentialFault, ErrorKind};
use crate::text::{escape_controls, shorten_text};

/// Result of a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request had no usable answer. All texts in it are free of secrets already.
#[derive(Debug)]
pub enum Error {
    /// There was no answer, or not all of it: name look-up, connection, TLS, time-out, a body
    /// that broke off.
    Transport {
        /// The URL that was asked for, as [`show_url`](super::show_url) shows it.
        url: String,
        /// The fault.
        what: String,
        /// Whether it may go better the next time. Not so for an untrusted certificate.
        retryable: bool,
    },
    /// The server said no: a status of 400 or more.
    Status(Box<StatusError>),
    /// The answer is not what was asked for: not JSON, too long, a redirect to nowhere.
    Unusable {
        /// The URL that was asked for, as [`show_url`](super::show_url) shows it.
        url: String,
        /// The fault of the answer.
        what: String,
    },
    /// It was not asked for: the URL is not one that may be.
    Refused {
        /// The URL that should have been asked for, as [`show_url`](super::show_url) shows it.
        url: String,
        /// Why it was not, and what lets it be.
        what: String,
    },
    /// The answer should be JSON and is not: the page of a proxy, or the part of an answer that was
    /// cut off. Such an answer may be another one the next time.
    NotJson {
        /// The URL that was asked for, as [`show_url`](super::show_url) shows it.
        url: String,
        /// The parser's message, which has no values.
        what: String,
    },
    /// The body of a request cannot be read here.
    Local {
        /// The message for the user.
        what: String,
    },
    /// There is no access token. `cause` is the token endpoint's answer, if it was asked.
    Token {
        /// The message for the user.
        what: String,
        /// The failed request to the token endpoint or to the server's description of itself.
        cause: Option<Box<Error>>,
    },
}

/// An answer with a status of 400 or more.
#[derive(Debug)]
pub struct StatusError {
    /// `GET`, `POST`, `DELETE`.
    pub method: String,
    /// The URL that was asked for, as [`show_url`](super::show_url) shows it.
    pub url: String,
    /// The status.
    pub status: StatusCode,
    /// The answer's headers but those that hold secrets.
    pub headers: HeaderMap,
    /// The answer's body, its first 64 KiB at most.
    pub body: String,
    /// The text of the body, if it is an OperationOutcome or an OAuth error.
    pub text: Option<String>,
    /// Whether the server has seen credentials.
    pub authorized: bool,
    /// Why it has not, where there are some.
    pub withheld: Option<String>,
}

impl Error {
    /// Whether the same request may go well later: no answer, 408, 429, or 5xx.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport { retryable, .. } => *retryable,
            Self::Status(answer) => match answer.status.as_u16() {
                408 | 429 => true,
                // The server does not know the method, or the version of HTTP: no time changes
                // that.
                501 | 505 => false,
                code => code >= 500,
            },
            Self::Unusable { .. }
            | Self::NotJson { .. }
            | Self::Refused { .. }
            | Self::Local { .. } => false,
            Self::Token { cause, .. } => cause.as_ref().is_some_and(|cause| cause.is_retryable()),
        }
    }

    /// The answer's status, where the server itself (not its token endpoint) answered.
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status.as_u16())
    }

    /// The answer, where the server itself (not its token endpoint) answered.
    pub fn answer(&self) -> Option<&StatusError> {
        match self {
            Self::Status(answer) => Some(answer),
            _ => None,
        }
    }

    /// Whether the server answered without having seen credentials that there are.
    pub fn is_withheld(&self) -> bool {
        self.answer().is_some_and(|answer| answer.withheld.is_some())
    }

    /// Whether it is for want of credentials that the server accepts.
    pub fn is_auth(&self) -> bool {
        match self {
            Self::Token { .. } => !self.is_retryable(),
            Self::Status(answer) => answer.status == StatusCode::UNAUTHORIZED,
            _ => false,
        }
    }

    /// The error that ends the program: [`CredentialFault::Refused`] for want of credentials, else
    /// `otherwise`.
    pub fn into_error(self, otherwise: impl Into<ErrorKind>) -> error::Error {
        let refused = CredentialFault::Refused.into();
        let kind = if self.is_auth() { refused } else { otherwise.into() };
        error::Error::new(kind, self.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport { url, what, .. } => write!(f, "no answer from {url}: {what}"),
            Self::Refused { url, what } => write!(f, "{url} is not asked: {what}"),
            Self::Unusable { url, what } => write!(f, "the answer of {url} can't be used: {what}"),
            Self::NotJson { url, what } => {
                write!(f, "the answer of {url} can't be used: it is not JSON ({what})")
            }
            Self::Local { what } | Self::Token { what, cause: None } => f.write_str(what),
            Self::Token { what, cause: Some(cause) } => write!(f, "{what}: {cause}"),
            Self::Status(answer) => answer.fmt(f),
        }
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.url, self.status)?;
        match &self.text {
            Some(text) => write!(f, ": {text}")?,
            // A plain sentence helps the reader; the HTML of a proxy, and JSON, do not.
            None if !self.body.trim_start().starts_with(['<', '{', '[']) => {
                let line = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
                if !line.is_empty() {
                    write!(f, ": {}", shorten_text(&escape_controls(&line), 300))?;
                }
            }
            None => {}
        }
        match (self.status.as_u16(), &self.withheld) {
            // Without them, some servers deny that there is anything.
            (401 | 403 | 404, Some(why)) => write!(f, " ({why})"),
            (401, None) if self.authorized => {
                f.write_str(" (the server does not accept these credentials)")
            }
            (401, None) => f.write_str(
                " (the server wants credentials: --smart-client-id with --smart-key, \
                 --basic-user with --basic-passwd, or --bearer-token)",
            ),
            (403, None) => f.write_str(
                " (is the client registered for this, and with these scopes? --scope names those to \
                 ask for)",
            ),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
