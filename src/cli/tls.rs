//! Certificates of a cluster's members, as options of several commands.

use clap::Args;
use clap::builder::FalseyValueParser;

/// Certificates of a cluster's members.
#[derive(Args, Debug)]
pub(super) struct TlsArgs {
    /// Ballista: file with this process's certificate, PEM; members of the cluster show theirs to each
    /// other
    #[arg(long, value_name = "FILE", env = "CUMULUS_LIBRARY_TLS_CERT")]
    tls_cert: Option<String>,
    /// Ballista: file with the certificate's key, PEM
    #[arg(long, value_name = "FILE", env = "CUMULUS_LIBRARY_TLS_KEY")]
    tls_key: Option<String>,
    /// Ballista: file with the certificate of the authority that signs all members' certificates, PEM
    #[arg(long, value_name = "FILE", env = "CUMULUS_LIBRARY_TLS_CA")]
    tls_ca: Option<String>,
    /// Ballista: name in members' certificates [default: that by which each is reached]
    #[arg(long, value_name = "NAME", env = "CUMULUS_LIBRARY_TLS_NAME")]
    tls_name: Option<String>,
    /// Ballista: do without certificates on other addresses than loopback, too: anyone who reaches them
    /// can run queries and read rows
    #[arg(long, env = "CUMULUS_LIBRARY_INSECURE_CLUSTER", value_parser = FalseyValueParser::new())]
    insecure_cluster: bool,
}

impl TlsArgs {
    /// The options that the command line gives. A variable is there for all commands, and may not be
    /// meant for this one.
    pub(super) fn on_command_line(&self) -> Vec<&'static str> {
        let texts = [
            ("--tls-cert", &self.tls_cert, "CUMULUS_LIBRARY_TLS_CERT"),
            ("--tls-key", &self.tls_key, "CUMULUS_LIBRARY_TLS_KEY"),
            ("--tls-ca", &self.tls_ca, "CUMULUS_LIBRARY_TLS_CA"),
            ("--tls-name", &self.tls_name, "CUMULUS_LIBRARY_TLS_NAME"),
        ];
        let given = texts.iter().filter(|(_, value, variable)| is_typed(value.as_ref(), variable));
        let insecure =
            self.insecure_cluster && std::env::var_os("CUMULUS_LIBRARY_INSECURE_CLUSTER").is_none();
        let insecure = insecure.then_some("--insecure-cluster");
        given.map(|(name, ..)| *name).chain(insecure).collect()
    }
}

/// Whether an option's value is there and does not come from its variable.
pub(super) fn is_typed(value: Option<&String>, variable: &str) -> bool {
    value.is_some_and(|value| std::env::var(variable).ok().as_ref() != Some(value))
}

#[cfg(feature = "ballista")]
mod reading {
    use std::fs;
    use std::net::IpAddr;
    use std::os::unix::fs::MetadataExt;

    use tracing::warn;

    use super::TlsArgs;
    use crate::error::{Context, CredentialFault, Error, Result, SettingsFault};
    use crate::study::engine::datafusion::cluster::{Certificates, Tls};

    /// Others of the machine may read the file.
    const OTHERS: u32 = 0o004;

    impl TlsArgs {
        /// The certificates; `None` where there are none and these hosts, which the process listens
        /// at or talks to, need none.
        ///
        /// # Errors
        /// Options without each other, files that can't be used, or none where there must be some.
        pub fn read(&self, hosts: &[&str]) -> Result<Option<Tls>> {
            let given = [&self.tls_cert, &self.tls_key, &self.tls_ca];
            if let [Some(own), Some(key), Some(authority)] = given {
                let certificates = Certificates {
                    own: read_file("--tls-cert", own)?,
                    key: read_file("--tls-key", key)?,
                    authority: read_file("--tls-ca", authority)?,
                    name: self.tls_name.clone(),
                };
                if fs::metadata(key).is_ok_and(|file| file.mode() & OTHERS != 0) {
                    warn!("the file of --tls-key, '{key}', is readable by all users: chmod o-r");
                }
                return Tls::new(certificates).map(Some);
            }
            if given.iter().any(|option| option.is_some()) || self.tls_name.is_some() {
                let message = "--tls-cert, --tls-key and --tls-ca are given together; --tls-name \
                               only with them";
                return Err(Error::new(SettingsFault::InvalidValue, message));
            }
            let open = hosts.iter().find(|host| !is_loopback(host));
            match open {
                None => Ok(None),
                Some(host) if self.insecure_cluster => {
                    warn!(
                        "the cluster has no certificates at {host} (--insecure-cluster): anyone who \
                         reaches it can run queries and read rows"
                    );
                    Ok(None)
                }
                Some(host) => Err(Error::new(
                    SettingsFault::InvalidValue,
                    format!(
                        "without certificates anyone who reaches {host} could run queries and read \
                         rows: give --tls-cert, --tls-key and --tls-ca, use a loopback address, or \
                         say --insecure-cluster where a firewall keeps all others out"
                    ),
                )),
            }
        }
    }

    fn read_file(option: &str, path: &str) -> Result<Vec<u8>> {
        let read = fs::read(path).with_context(|| format!("cannot read {option} '{path}'"));
        read.map_err(|error| Error::new(CredentialFault::Unreadable, error.explain_causes()))
    }

    /// Whether only this machine reaches it.
    fn is_loopback(host: &str) -> bool {
        match host.parse::<IpAddr>() {
            // `::ffff:127.0.0.1` is one, but `is_loopback` says no of it.
            Ok(address) => address.to_canonical().is_loopback(),
            // The resolver says where another name leads to, and may say otherwise later.
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn without_tls(insecure: bool) -> TlsArgs {
            TlsArgs {
                tls_cert: None,
                tls_key: None,
                tls_ca: None,
                tls_name: None,
                insecure_cluster: insecure,
            }
        }

        #[test]
        fn only_loopback_needs_no_certificates() {
            for host in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"] {
                assert!(without_tls(false).read(&[host]).unwrap().is_none(), "{host}");
            }
            for host in ["0.0.0.0", "::", "10.0.0.7", "scheduler", "localhost.example.org"] {
                let error = without_tls(false).read(&["127.0.0.1", host]).unwrap_err();
                assert_eq!(error.kind(), SettingsFault::InvalidValue.into(), "{host}");
                assert!(error.to_string().contains("--insecure-cluster"), "{error}");
                assert!(without_tls(true).read(&[host]).unwrap().is_none(), "{host}");
            }
        }

        #[test]
        fn options_are_given_together_and_files_must_be_there() {
            let file = || Some("/no/such/file.pem".to_owned());
            let error = TlsArgs { tls_cert: file(), ..without_tls(true) }.read(&[]).unwrap_err();
            assert_eq!(error.kind(), SettingsFault::InvalidValue.into());
            let name = Some("member".to_owned());
            let error = TlsArgs { tls_name: name, ..without_tls(true) }.read(&[]).unwrap_err();
            assert_eq!(error.kind(), SettingsFault::InvalidValue.into());
            let all =
                TlsArgs { tls_cert: file(), tls_key: file(), tls_ca: file(), ..without_tls(true) };
            let error = all.read(&[]).unwrap_err();
            assert_eq!(error.kind(), CredentialFault::Unreadable.into());
            assert!(error.to_string().contains("--tls-cert '/no/such/file.pem'"), "{error}");
        }
    }
}
