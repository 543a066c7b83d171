//! TLS for servers in tests: a certificate for 127.0.0.1 and localhost that signs itself.

use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use crate::support::Site;

/// A server's certificate and key.
pub struct Identity {
    /// PEM; who names it by `SSL_CERT_FILE` trusts the server.
    pub certificate: String,
    pub acceptor: TlsAcceptor,
}

impl Identity {
    /// `authority`: whether the certificate says that it is an authority's, as those do that
    /// `openssl req -x509` makes.
    pub fn new(authority: bool) -> Self {
        let names = ["127.0.0.1", "localhost", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self { certificate: certificate.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

/// Has the program trust these certificates and no others.
pub fn trust<'c>(command: &'c mut Command, site: &Site, certificates: &[&str]) -> &'c mut Command {
    site.file("trusted.pem", certificates.concat());
    command.env("SSL_CERT_FILE", site.path("trusted.pem"))
}
