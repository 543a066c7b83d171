//! The files of the AWS tools: whether they are there but cannot be read.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The files and the variables that name others in their place.
const FILES: [(&str, &str); 2] =
    [("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")];

/// Which of the AWS tools' files cannot be read, and why, as a sentence; `None` where all that are
/// there can be read. Without it, a file that belongs to somebody else looks like none at all.
pub(crate) fn unreadable_profile() -> Option<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    find_unreadable(home.as_deref(), |name| std::env::var_os(name))
}

fn find_unreadable(
    home: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<String> {
    FILES.iter().find_map(|(name, file)| {
        let named = variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = named.or_else(|| Some(home?.join(".aws").join(file)))?;
        match std::fs::read(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Some(format!(
                "'{}' cannot be read ({}); in a container: may the user that it runs as read what \
                 is mounted?",
                path.display(),
                error.kind()
            )),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_can_not_be_read_is_told_from_none() {
        let home = tempfile::tempdir().unwrap();
        let look = || find_unreadable(Some(home.path()), |_| None);
        assert_eq!(look(), None);
        let aws = home.path().join(".aws");
        fs::create_dir(&aws).unwrap();
        fs::write(aws.join("credentials"), "[default]").unwrap();
        assert_eq!(look(), None);
        // Not even root can read a folder as a file.
        fs::create_dir(aws.join("config")).unwrap();
        assert!(look().unwrap().contains(".aws/config"));
        let named =
            |name: &str| (name == "AWS_CONFIG_FILE").then(|| aws.join("credentials").into());
        assert_eq!(find_unreadable(Some(home.path()), named), None);
        fs::set_permissions(&aws, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::read_dir(&aws).is_err() {
            assert!(look().unwrap().contains("permission denied"), "{:?}", look());
        }
        fs::set_permissions(&aws, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(find_unreadable(None, |_| None), None);
    }
}
