//! The assertion that proves who we are to a token endpoint.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::PrivateKey;
use crate::error::Result;

/// How long an assertion is valid, in seconds. Servers must refuse more than 300; clocks differ.
const LIFETIME: u64 = 240;

/// A signed JWT for one token request: `iss` and `sub` are the client, `aud` the token endpoint.
pub(super) fn sign_assertion(key: &PrivateKey, client_id: &str, token_url: &str) -> Result<String> {
    let mut header = json!({"alg": key.algorithm().name(), "typ": "JWT"});
    if let Some(kid) = key.key_id() {
        header["kid"] = json!(kid);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": token_url,
        "exp": now + LIFETIME,
        // Servers refuse an assertion whose ID they have seen (RFC 7523, 3).
        "jti": uuid::Uuid::new_v4().to_string(),
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign_message(signed.as_bytes())?);
    Ok(format!("{signed}.{signature}"))
}
