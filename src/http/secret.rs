//! Text that must not be seen.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use tracing::warn;
use zeroize::Zeroizing;

use crate::error::{CredentialFault, Error, Result};

/// A password, token or key. It can't be printed or serialised, and its memory is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for those who have to send it.
    pub fn expose_text(&self) -> &str {
        &self.0
    }

    /// The value of an option that takes "a file or the text itself"; `option` is its name.
    ///
    /// The path of a file means its content without white space around it. A text that can only be
    /// meant as a path, but names no file, is refused (`CredentialFault::Unreadable`) rather than
    /// sent to a server.
    pub fn read(&self, option: &str) -> Result<Self> {
        let text = self.expose_text();
        let path = Path::new(text);
        if !path.is_file() {
            if looks_like_a_path(text) {
                let message = format!(
                    "{option} looks like a path, but there is no such file (in a container: is \
                     it mounted?)"
                );
                return Err(Error::new(CredentialFault::Unreadable, message));
            }
            if may_be_a_path(text) {
                warn!(
                    "{option} names no file, so it is taken for the text itself, although it looks \
                     like a path. If a file is meant: is the path right, and in a container, is it \
                     mounted?"
                );
            }
            return Ok(self.clone());
        }
        let content = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            // The error's own words have no path and no content.
            let message = format!("{option}: cannot read '{text}': {}", error.kind());
            Error::new(CredentialFault::Unreadable, message)
        })?;
        match content.trim() {
            "" => {
                let message = format!("{option}: the file '{text}' is empty");
                Err(Error::new(CredentialFault::Unreadable, message))
            }
            content => Ok(Self::new(content)),
        }
    }
}

fn looks_like_a_path(text: &str) -> bool {
    !text.contains('\n') && ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start))
}

/// Whether a text may be meant as a path. Passwords and tokens may look so, too, which is why this is
/// worth no more than a hint.
fn may_be_a_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._- ".contains(c);
    // Tokens in base64 are mostly long, or have + and = in them.
    let is_plain = text.len() < 200 && text.chars().all(plain);
    let parts = || text.split('/').all(|part| !part.is_empty() && part.len() < 40);
    let ends = ["txt", "token", "jwt", "jwk", "jwks", "json", "pem", "key", "secret", "pass"];
    let ends_so = || text.rsplit_once('.').is_some_and(|(_, end)| ends.contains(&end));
    is_plain && (text.contains('/') && parts() || ends_so())
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?} {:?}", Some(&secret)).contains("hunter2"));
    }

    #[test]
    fn a_file_means_its_content_and_other_text_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "  s3cret word\r\n").unwrap();
        let read = |text: &str| Secret::new(text).read("--basic-passwd");
        assert_eq!(read(path.to_str().unwrap()).unwrap().expose_text(), "s3cret word");
        assert_eq!(read("literal/with/slashes").unwrap().expose_text(), "literal/with/slashes");
    }

    #[test]
    fn what_may_be_meant_as_a_path_is_told_from_tokens() {
        for path in ["path/that/is/not/there", "token.txt", "secrets/my token", "keys/private.jwks"]
        {
            assert!(may_be_a_path(path), "{path}");
        }
        for text in [
            "s3cret",
            "a/b+c==",
            "https://clients.example/me",
            "eyJhbGci.eyJpc3Mi.c2ln",
            "a//b",
            "my-client-id",
            "tok-0123456789-abcdefghijkl",
        ] {
            assert!(!may_be_a_path(text), "{text}");
        }
    }

    #[test]
    fn a_path_without_a_file_and_an_empty_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty) = (folder.path().join("missing"), folder.path().join("empty"));
        fs::write(&empty, "\n").unwrap();
        for path in [missing, empty] {
            let error = Secret::new(path.to_str().unwrap()).read("--bearer-token").unwrap_err();
            assert_eq!(error.kind(), CredentialFault::Unreadable.into());
        }
    }
}
