//! Talking to FHIR servers: requests with credentials, and failures that can be told apart.
//!
//! A [`Client`] belongs to one FHIR server. It adds the credentials where they belong and nowhere
//! else (`trust`), renews an access token that has run out, and follows redirects. Waiting and trying again
//! are the caller's: an [`Error`] says whether that may help, a [`Pace`] how long to wait.
//!
//! Nothing that is made here for people to read holds a secret: see [`Redactor`].

mod auth;
mod capability;
mod client;
mod credentials;
mod error;
mod form;
mod outcome;
mod reach;
mod recorded;
mod redact;
mod request;
mod response;
mod retry;
mod roots;
mod secret;
pub mod smart;
mod trust;

pub use auth::Auth;
pub use capability::Capabilities;
pub use client::{Client, ClientOptions};
pub use credentials::Credentials;
pub use error::{Error, Result, StatusError};
pub use form::{Answer, File, Poster, SendError};
pub use outcome::outcome_text;
pub use recorded::{recorded_parameter, recorded_request, recorded_url};
pub use redact::{Redactor, show_url};
pub use request::Request;
pub use response::Response;
pub use retry::{DEFAULT_WAIT, LONGEST_WAIT, Pace, RetryPlan, SHORTEST_WAIT, retry_after};
pub use secret::Secret;
pub use trust::{AllowedServers, HostName, TokenUse};

pub use reqwest::header;
pub use reqwest::{Method, StatusCode};
