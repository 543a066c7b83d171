//! Reads the private key that a user has given, in whatever form.

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use super::key::{PrivateKey, invalid_key};
use super::{jwk, pem};
use crate::error::{Context, CredentialFault, Error, Result};

impl PrivateKey {
    /// Reads what `--smart-key` names: the path of a file, or the text of one. It may be a JWK
    /// Set, of which the first key that can sign is taken, a JWK, or a PEM private key.
    ///
    /// Anything else, and a key without its private part, is refused with
    /// `CredentialFault::Unreadable`.
    pub fn read_option(option: &str, text: &str) -> Result<Self> {
        let inline = text.trim_start();
        if inline.starts_with('{') || inline.starts_with("-----BEGIN") {
            return Self::parse_text(text).with_context(|| option.to_owned());
        }
        let path = Path::new(text);
        let content = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            // It may be a key that was cut short, so it is not repeated unless it names a file.
            let shown = if path.exists() { format!(" '{text}'") } else { String::new() };
            let message = format!(
                "{option}: cannot read the key{shown}: {} (give the path of a JWK Set, JWK or PEM \
                 file, or its text)",
                error.kind()
            );
            Error::new(CredentialFault::Unreadable, message)
        })?;
        Self::parse_text(&content).with_context(|| format!("{option}: '{text}'"))
    }

    /// Reads the text of a JWK Set, a JWK or a PEM private key.
    pub fn parse_text(text: &str) -> Result<Self> {
        // Some editors leave a mark at the beginning.
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.starts_with('{') {
            // The parser's message would have no values, but says nothing to a user either.
            let value = serde_json::from_str(text).map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                invalid_key(&format!("the key is not valid JSON ({place})"))
            })?;
            return jwk::read_jwk(&value);
        }
        pem::read_pem(text)
    }
}
