//! Which certificates are trusted.

use std::sync::Arc;

use chrono::NaiveDateTime;
use reqwest::ClientBuilder;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::error::{Context, Error, Result, SettingsFault};

/// Trusts the system's authorities, which `SSL_CERT_FILE` and `SSL_CERT_DIR` replace, so that a
/// hospital's own authority works, and a server's own certificate too. Only a system that has no
/// authorities at all gets Mozilla's.
pub(super) fn trust_roots(builder: ClientBuilder) -> Result<ClientBuilder> {
    let named: Vec<_> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        .collect();
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() && !named.is_empty() {
        let message = format!("{} holds no CA certificates that can be read", named.join(", "));
        return Err(Error::new(SettingsFault::InvalidValue, message));
    }
    if !named.is_empty() {
        return Ok(builder.use_preconfigured_tls(with_own(found.certs)?));
    }
    let native = !found.certs.is_empty();
    // By default reqwest trusts both lists, as it is built with both. An authority that a hospital
    // has taken out of its system's list must not come back by Mozilla's.
    Ok(builder.tls_built_in_native_certs(native).tls_built_in_webpki_certs(!native))
}

/// TLS that trusts these certificates, as authorities and as a server's own.
fn with_own(own: Vec<CertificateDer<'static>>) -> Result<ClientConfig> {
    let failed = "cannot set up HTTPS";
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = OwnRoots::new(own, provider.clone())?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // reqwest names the protocols only in configurations that it makes itself. Without these there
    // would be no HTTP/2.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The usual checks; beyond them, a server's certificate passes that is itself one of the user's own
/// roots. By the usual ones no authority's certificate is a server's (RFC 5280), but a certificate
/// that somebody makes for one server by hand says mostly that it is an authority's.
#[derive(Debug)]
struct OwnRoots {
    usual: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl OwnRoots {
    fn new(
        own: Vec<CertificateDer<'static>>,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        // A file of many authorities may have one that nobody can read any more.
        let (usable, _) = roots.add_parsable_certificates(own.iter().cloned());
        if usable == 0 {
            let message = "SSL_CERT_FILE and SSL_CERT_DIR hold no certificate that can be used";
            return Err(Error::new(SettingsFault::InvalidValue, message));
        }
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self { usual: usual.context("cannot set up HTTPS")?, own })
    }
}

impl ServerCertVerifier for OwnRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let usual = self.usual.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        if usual.is_ok() || !self.own.iter().any(|own| own.as_ref() == end_entity.as_ref()) {
            return usual;
        }
        // A certificate that is trusted by itself must still be this server's, and of this time. The
        // handshake's signature, which is checked below as usual, shows that the server has its key.
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        let invalid = |error| Err(TlsError::InvalidCertificate(error));
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match read_validity(end_entity) {
            None => invalid(CertificateError::BadEncoding),
            Some((from, _)) if seconds < from => invalid(CertificateError::NotValidYet),
            Some((_, until)) if seconds > until => invalid(CertificateError::Expired),
            Some(_) => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// From when to when a certificate is valid, in seconds since 1970 (RFC 5280, 4.1.2.5).
fn read_validity(certificate: &[u8]) -> Option<(i64, i64)> {
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = read_element(certificate)?;
    let (_, signed, _) = read_element(certificate)?;
    let (tag, _, after) = read_element(signed)?;
    // The version may be left out. Then: serial number, algorithm, issuer.
    let mut rest = if tag == VERSION { after } else { signed };
    for _ in 0..3 {
        rest = read_element(rest)?.2;
    }
    let (_, times, _) = read_element(rest)?;
    let (tag, from, rest) = read_element(times)?;
    let from = parse_time(tag, from)?;
    let (tag, until, _) = read_element(rest)?;
    Some((from, parse_time(tag, until)?))
}

/// The first element of DER: its tag, its content, and what follows it.
fn read_element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // The long form (X.690, 8.1.3.5). No certificate needs more than four bytes for a length.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn parse_time(tag: u8, time: &[u8]) -> Option<i64> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let time = std::str::from_utf8(time).ok()?;
    let time = match tag {
        // RFC 5280, 4.1.2.5.1: two digits of a year below 50 are of this century.
        UTC_TIME if time.get(..2)? < "50" => format!("20{time}"),
        UTC_TIME => format!("19{time}"),
        GENERALIZED_TIME => time.to_owned(),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&time, "%Y%m%d%H%M%SZ").ok()?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

    use super::*;

    /// A certificate that signs itself, as `openssl req -x509` makes it, for `ehr.example`.
    fn made(years: (i32, i32)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["ehr.example".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) =
            (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn verify(own: &CertificateDer<'static>, shown: &CertificateDer<'_>, name: &str) -> bool {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = OwnRoots::new(vec![own.clone()], provider).unwrap();
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_750_000_000));
        verifier.verify_server_cert(shown, &[], &name, &[], now).is_ok()
    }

    #[test]
    fn a_servers_own_certificate_is_trusted_if_it_is_named() {
        let own = made((2020, 2060));
        assert!(verify(&own, &own, "ehr.example"));
        assert!(!verify(&own, &own, "other.example"), "another name");
        // The same subject, names and times, but not the same certificate.
        assert!(!verify(&own, &made((2020, 2060)), "ehr.example"), "another certificate");
        for years in [(2020, 2021), (2040, 2060)] {
            let own = made(years);
            assert!(!verify(&own, &own, "ehr.example"), "{years:?}");
        }
    }

    #[test]
    fn times_of_certificates_are_read() {
        let seconds = |year| date_time_ymd(year, 1, 1).unix_timestamp();
        for (from, until) in [(1970, 2049), (2000, 2050), (1999, 3000)] {
            assert_eq!(read_validity(&made((from, until))), Some((seconds(from), seconds(until))));
        }
        let whole = made((2000, 2050));
        for length in 0..whole.len() / 2 {
            assert_eq!(read_validity(&whole[..length]), None);
        }
    }
}
