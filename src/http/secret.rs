//! Text that must not be seen.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::error::{Error, Exit, Result};

/// A password, token or key. It can't be printed or serialised, and its memory is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for those who have to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What an option that takes "a file or the text itself" means; `option` is its name.
    ///
    /// The path of a file means its content without white space around it. What can only be
    /// meant as a path, but names no file, is refused (exit 38) rather than sent to a server.
    pub fn read(&self, option: &str) -> Result<Self> {
        let text = self.expose();
        let path = Path::new(text);
        if !path.is_file() {
            if looks_like_a_path(text) {
                let message = format!(
                    "{option} looks like a path, but there is no such file (in a container: is \
                     it mounted?)"
                );
                return Err(Error::new(Exit::BadCredential, message));
            }
            return Ok(self.clone());
        }
        let content = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            // The error's own words have no path and no content.
            let message = format!("{option}: cannot read '{text}': {}", error.kind());
            Error::new(Exit::BadCredential, message)
        })?;
        match content.trim() {
            "" => {
                let message = format!("{option}: the file '{text}' is empty");
                Err(Error::new(Exit::BadCredential, message))
            }
            content => Ok(Self::new(content)),
        }
    }
}

fn looks_like_a_path(text: &str) -> bool {
    !text.contains('\n') && ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start))
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
        assert_eq!(read(path.to_str().unwrap()).unwrap().expose(), "s3cret word");
        assert_eq!(read("literal/with/slashes").unwrap().expose(), "literal/with/slashes");
    }

    #[test]
    fn a_path_without_a_file_and_an_empty_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty) = (folder.path().join("missing"), folder.path().join("empty"));
        fs::write(&empty, "\n").unwrap();
        for path in [missing, empty] {
            let error = Secret::new(path.to_str().unwrap()).read("--bearer-token").unwrap_err();
            assert_eq!(error.exit(), Exit::BadCredential);
        }
    }
}
