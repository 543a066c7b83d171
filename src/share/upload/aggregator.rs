//! The first step: asking the Aggregator for a link to upload to.

use serde_json::{Value, json};
use tracing::debug;
use url::Url;

use super::{Failure, Package};
use crate::error::{CredentialFault, Error, ErrorKind, Result, SettingsFault, UploadFault};
use crate::http::header::HeaderName;
use crate::http::{
    self, Auth, Client, ClientOptions, Method, Pace, Poster, Secret, TokenUse, show_url,
};
use crate::text::{escape_controls, shorten_text};

/// Where uploads go unless another place is named.
pub const DEFAULT_URL: &str = "https://aggregator.smartcumulus.org/";

/// The header that names an upload under way.
const TRANSACTION: HeaderName = HeaderName::from_static("transaction-id");
/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 256 << 10;
/// The longest wait for an answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// So long may nothing move during an upload, in seconds.
const SILENCE: u64 = 120;

/// The Aggregator, and who this site is to it.
#[derive(Clone, Debug)]
pub struct Aggregator {
    url: Url,
    network: Option<String>,
    user: String,
    client: Client,
}

/// An answer of the Aggregator: where to send the file, and with what.
#[derive(Debug)]
pub(super) struct Link {
    pub url: Url,
    /// The form's fields in the order of the answer. They are secrets.
    pub fields: Vec<(String, String)>,
    /// The ID that a repeated request must show.
    pub transaction: Option<String>,
}

impl Aggregator {
    /// The Aggregator at `base`, in a network of it. `user` and `id` are what its administrator has
    /// given to this site.
    pub fn new(base: &str, network: Option<&str>, user: &str, id: Secret) -> Result<Self> {
        let refused = |what: &str| Error::new(SettingsFault::InvalidValue, what.to_owned());
        let mut url = Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| refused("--url must be a URL like https://aggregator.example.org/"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("--url must not hold a user or password: give --user and --id"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("--url must be an address only, without ? and #"));
        }
        let word = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        if let Some(network) = network {
            // It becomes a part of the URL's path, where `..` leads elsewhere.
            if network.is_empty() || !network.chars().all(word) || network.starts_with('.') {
                return Err(refused(
                    "--network must be a name of letters, digits, '-', '_' and '.', as the \
                     Aggregator's administrator has given it",
                ));
            }
            let path = url.path().trim_end_matches('/').to_owned();
            url.set_path(&format!("{path}/{network}"));
        }
        // Basic authentication ends the name at the first `:` (RFC 7617). It is also a part of the
        // file's name.
        let odd = |c: char| c.is_control() || "/\\:\"".contains(c);
        if user.is_empty() || user.contains(odd) {
            return Err(refused(
                "--user must be the name that the Aggregator's administrator has given, without \
                 ':' and '/'",
            ));
        }
        let options = ClientOptions { read_timeout: PATIENCE, ..ClientOptions::default() };
        let client = Client::new(&url, Auth::basic(user, id), &options)?;
        Ok(Self { url, network: network.map(str::to_owned), user: user.to_owned(), client })
    }

    /// Where uploads are asked for, the network included.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The site's name.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The file's name there.
    pub(super) fn file_name(&self, package: &Package) -> String {
        format!("{}_{}.zip", self.user, package.study)
    }

    /// The body of the request for an upload, which describes the file.
    pub(super) fn describe_request(&self, package: &Package) -> Value {
        json!({
            "study": package.study,
            "data_package_version": package.version,
            "filename": self.file_name(package),
        })
    }

    /// Sends files to where links lead.
    pub(super) fn make_poster(&self, pace: Pace) -> Result<Poster> {
        let silence = pace.of(std::time::Duration::from_secs(SILENCE));
        // A test that runs everything quicker must not take a busy machine for a dead one.
        let silence = silence.max(std::time::Duration::from_secs(1));
        Poster::new(self.client.redactor().clone(), silence)
    }

    /// Asks for a link. `transaction` is that of the first answer, when it is asked again.
    pub(super) async fn ask_link(
        &self,
        package: &Package,
        transaction: Option<&str>,
    ) -> Result<Link, Failure> {
        let body = self.describe_request(package).to_string();
        let mut request = self
            .client
            .request(Method::POST, self.url.clone())
            .with_token(TokenUse::SameOrigin)
            .accept_type("application/json")
            .with_body(body, "application/json");
        if let Some(id) = transaction {
            request = request.with_header(TRANSACTION, id);
        }
        let response = request.send().await.map_err(|error| self.explain_failure(&error))?;
        let transaction = response.headers().get(TRANSACTION);
        let transaction = transaction.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer =
            response.json(LONGEST_ANSWER).await.map_err(|error| self.explain_failure(&error))?;
        let link = self.read_link(&answer, transaction).map_err(|what| {
            let place = show_url(&self.url);
            let message =
                format!("the answer of {place} {what}: is it the address of an Aggregator?");
            Failure::new(UploadFault::Undelivered, message).for_all()
        })?;
        debug!(study = package.study, "{}: the Aggregator has given a link", package.study);
        Ok(link)
    }

    fn read_link(&self, answer: &Value, transaction: Option<String>) -> Result<Link, &'static str> {
        let url = answer["url"].as_str().and_then(|text| Url::parse(text).ok());
        let url = url.ok_or("has no URL to upload to")?;
        match url.scheme() {
            "https" => {}
            // Where the user names an Aggregator without encryption, as a test does, its store may
            // have none, either.
            "http" if self.url.scheme() == "http" => {}
            _ => return Err("has a URL to upload to that is not encrypted"),
        }
        let fields = answer["fields"].as_object().ok_or("has no form fields")?;
        let fields = fields.iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            Value::Number(number) => Ok((name.clone(), number.to_string())),
            _ => Err("has form fields that are no texts"),
        });
        let fields: Vec<_> = fields.collect::<Result<_, _>>()?;
        // The store repeats some of these in its errors, which go to logs.
        for (name, value) in &fields {
            let name = name.to_ascii_lowercase();
            let secret = ["policy", "signature", "token", "credential", "accesskeyid"];
            if secret.iter().any(|word| name.contains(word)) {
                self.client.redactor().hide(value);
            }
        }
        Ok(Link { url, fields, transaction })
    }

    fn explain_failure(&self, error: &http::Error) -> Failure {
        let place = show_url(&self.url);
        let Some(answer) = error.answer() else {
            let message = format!("the Aggregator cannot be asked: {error}");
            let failure = Failure::new(UploadFault::Undelivered, message).for_all();
            return if error.is_retryable() { failure.or_retryable() } else { failure };
        };
        let words = read_sentence(&answer.body);
        let words = if words.is_empty() { answer.status.to_string() } else { words };
        let user = &self.user;
        let failure = |kind: ErrorKind, what: String| {
            Failure::new(kind, format!("{what} ({place}: {words})"))
        };
        // AWS's API Gateway answers so, with 403, for a path that it does not know. It is not about
        // credentials.
        let elsewhere = words.contains("Missing Authentication Token");
        match (answer.status.as_u16(), &self.network) {
            (412, _) => failure(
                UploadFault::Busy.into(),
                "the Aggregator is still processing an earlier upload of this study. Nothing was \
                 sent; run again in some minutes"
                    .to_owned(),
            ),
            (401, _) => failure(
                CredentialFault::Refused.into(),
                format!(
                    "the Aggregator does not accept user '{user}' with this ID: check --user and \
                     --id (CUMULUS_AGGREGATOR_USER, CUMULUS_AGGREGATOR_ID)"
                ),
            )
            .for_all(),
            (403 | 404, Some(network)) => failure(
                UploadFault::UnknownNetwork.into(),
                format!(
                    "the Aggregator has no network '{network}' that user '{user}' may send to: \
                     check --network (CUMULUS_AGGREGATOR_NETWORK), then --user and --id"
                ),
            )
            .for_all(),
            (403, None) if !elsewhere => failure(
                CredentialFault::Refused.into(),
                format!(
                    "the Aggregator does not let user '{user}' with this ID upload: check --user \
                     and --id; is a --network needed?"
                ),
            )
            .for_all(),
            (403 | 404, None) => failure(
                UploadFault::UnknownNetwork.into(),
                "there is no Aggregator at this address, or a --network is needed: check --url and \
                 --network"
                    .to_owned(),
            )
            .for_all(),
            _ => {
                let what = "the Aggregator does not take the upload".to_owned();
                let failure = failure(UploadFault::Undelivered.into(), what);
                if error.is_retryable() { failure.or_retryable().for_all() } else { failure }
            }
        }
    }
}

impl Link {
    /// The status that means success: the form may ask for another than 204.
    pub fn expected_status(&self) -> u16 {
        match self.form_field("success_action_status") {
            Some("200") => 200,
            Some("201") => 201,
            // S3 takes any other value for 204.
            _ => 204,
        }
    }

    /// The object's name in its bucket.
    pub fn object_name(&self) -> Option<&str> {
        self.form_field("key")
    }

    /// The server's name.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn form_field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The sentence in an error's body: JSON text, or its `message`.
fn read_sentence(body: &str) -> String {
    let text = match serde_json::from_str::<Value>(body) {
        Ok(Value::String(text)) => text,
        Ok(value) => ["message", "Message", "error"]
            .iter()
            .find_map(|key| value[key].as_str().map(str::to_owned))
            .unwrap_or_default(),
        // The page of a proxy: the status says more than its markup.
        Err(_) if body.trim_start().starts_with('<') => String::new(),
        Err(_) => body.to_owned(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shorten_text(&escape_controls(&line), 300).into_owned()
}
