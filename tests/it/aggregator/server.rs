//! An Aggregator: it checks each step as the real one does, and signs links to its store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Duration, Utc};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::store::{BUCKET, KEY, SECRET};
use crate::loopback::{Answer, Asked, Server};

pub const USER: &str = "site_a";
pub const ID: &str = "very-secret-site-id";
pub const NETWORK: &str = "flu-net";

/// How the Aggregator behaves for one request.
#[derive(Clone, Debug)]
pub enum Mood {
    /// The link is for so many seconds.
    Expires(i64),
    /// The link is for another object than its field says.
    OtherKey,
    /// The link takes files of so many bytes at most.
    AtMost(u64),
    /// The signature is of another key.
    Forged,
    /// Only this is answered.
    Says(u16, &'static str),
    /// The request is carried out, but the answer breaks off.
    Lost,
}

#[derive(Default)]
struct State {
    /// The transaction under way of each study.
    locks: BTreeMap<String, String>,
    moods: Vec<Mood>,
    transactions: usize,
}

/// The Aggregator. Requests have the moods in their order, then none.
pub struct Aggregator {
    pub server: Server,
    state: Arc<Mutex<State>>,
}

impl Aggregator {
    /// One whose links lead to `store`.
    pub fn start(store: &str) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let (known, store) = (state.clone(), store.to_owned());
        let server = Server::start(move |asked| answer(asked, &store, &mut known.lock().unwrap()));
        Self { server, state }
    }

    pub fn is(&self, moods: &[Mood]) -> &Self {
        self.state.lock().unwrap().moods = moods.to_vec();
        self
    }

    /// An upload of this study is being processed.
    pub fn is_busy_with(&self, study: &str) {
        self.state.lock().unwrap().locks.insert(study.to_owned(), "another".to_owned());
    }

    /// All uploads are processed.
    pub fn is_done(&self) {
        self.state.lock().unwrap().locks.clear();
    }
}

fn answer(asked: &Asked, store: &str, state: &mut State) -> Answer {
    let message = |status, text: &str| Answer::json(status, &json!({"message": text}));
    let mood = if state.moods.is_empty() { None } else { Some(state.moods.remove(0)) };
    if let Some(Mood::Says(status, body)) = mood {
        return Answer::new(status, body);
    }
    let networks = ["/", &format!("/{NETWORK}"), "/closed"];
    if asked.method != "POST" || !networks.contains(&asked.target.as_str()) {
        return message(403, "Missing Authentication Token");
    }
    let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{ID}")));
    if asked.headers.get("authorization") != Some(&expected) {
        return message(401, "Unauthorized");
    }
    if asked.target == "/closed" {
        let text = "User is not authorized to access this resource with an explicit deny";
        return Answer::json(403, &json!({"Message": text}));
    }
    assert_eq!(asked.headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["study", "data_package_version", "filename"]);
    let study = body["study"].as_str().unwrap().to_owned();
    let version = body["data_package_version"].as_u64().expect("a whole number");
    let name = body["filename"].as_str().unwrap();
    let shown = asked.headers.get("transaction-id");
    let transaction = match state.locks.get(&study) {
        Some(lock) if shown == Some(lock) => lock.clone(),
        Some(_) => {
            let text = format!("Currently processing a previous upload of {study}.");
            return Answer::json(412, &json!(text));
        }
        None => {
            state.transactions += 1;
            format!("transaction-{}", state.transactions)
        }
    };
    state.locks.insert(study.clone(), transaction.clone());
    let key = format!("site_upload/{study}/{USER}/{version:03}/{name}");
    let form = json!({"url": store, "fields": fields(&key, mood.as_ref())});
    let answer = Answer::json(200, &form).header("transaction-id", &transaction);
    Answer { broken: matches!(mood, Some(Mood::Lost)), ..answer }
}

/// The fields of a presigned POST (AWS signature version 4).
fn fields(key: &str, mood: Option<&Mood>) -> Value {
    let now = Utc::now();
    let (day, time) = (now.format("%Y%m%d").to_string(), now.format("%Y%m%dT%H%M%SZ").to_string());
    let credential = format!("{KEY}/{day}/us-east-1/s3/aws4_request");
    let seconds = if let Some(Mood::Expires(seconds)) = mood { *seconds } else { 3600 };
    let end = now + Duration::seconds(seconds);
    let signed_key = if let Some(Mood::OtherKey) = mood { "site_upload/other" } else { key };
    let mut conditions = vec![
        json!({"bucket": BUCKET}),
        json!({"key": signed_key}),
        json!({"x-amz-algorithm": "AWS4-HMAC-SHA256"}),
        json!({"x-amz-credential": credential}),
        json!({"x-amz-date": time}),
    ];
    if let Some(Mood::AtMost(bytes)) = mood {
        conditions.push(json!(["content-length-range", 1, bytes]));
    }
    let end = end.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let policy = json!({"expiration": end, "conditions": conditions});
    let policy = STANDARD.encode(policy.to_string());
    let secret = if let Some(Mood::Forged) = mood { "another" } else { SECRET };
    let mut signing = format!("AWS4{secret}").into_bytes();
    for word in [day.as_str(), "us-east-1", "s3", "aws4_request"] {
        signing = sign(&signing, word);
    }
    let signature: String =
        sign(&signing, &policy).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "key": key, "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential,
        "x-amz-date": time, "policy": policy, "x-amz-signature": signature,
    })
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
