//! Certificates of a cluster's members: each shows its own and checks the other's, on every
//! connection.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::extension::EndpointOverrideFn;
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use tonic::codegen::http::uri::{Scheme, Uri};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};

use crate::error::{CredentialFault, Error, Result, list_causes};

/// How long a peer may take to show who it is.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The files that a member is started with, as PEM.
pub struct Certificates {
    /// Its own certificate, with those between it and the authority.
    pub own: Vec<u8>,
    /// The key of its own certificate.
    pub key: Vec<u8>,
    /// The authority that has signed the certificates of all members.
    pub authority: Vec<u8>,
    /// The name that members' certificates have; without one, each has the name or address by which
    /// it is reached.
    pub name: Option<String>,
}

/// Encrypted connections between members that know each other.
#[derive(Clone)]
pub struct Tls {
    client: ClientTlsConfig,
    server: ServerTlsConfig,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Takes what the member was started with.
    ///
    /// # Errors
    /// It is no PEM, or the key is another certificate's (`CredentialFault::Unreadable`).
    pub fn new(certificates: Certificates) -> Result<Self> {
        // Two libraries for it are linked in, and the servers' side asks which one is meant. Where
        // that has been said already, it stays so.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let authority = Certificate::from_pem(certificates.authority);
        let identity = Identity::from_pem(certificates.own, certificates.key);
        let client = ClientTlsConfig::new()
            .ca_certificate(authority.clone())
            .identity(identity.clone())
            .timeout(HANDSHAKE);
        let client = match certificates.name {
            Some(name) => client.domain_name(name),
            None => client,
        };
        // A client without a certificate of the authority is refused.
        let server = ServerTlsConfig::new()
            .client_ca_root(authority)
            .client_auth_optional(false)
            .identity(identity)
            .timeout(HANDSHAKE);
        let tls = Self { client, server };
        // The files are looked at only where they are used: that is done now, so that bad ones are
        // told at the start.
        tls.secure_server(Server::builder())?;
        let probe = Endpoint::from_static("https://localhost").tls_config(tls.client.clone());
        probe.map_err(|error| refuse_certificates(&error))?;
        Ok(tls)
    }

    /// A server that talks to members only.
    ///
    /// # Errors
    /// The certificates can't be used (`CredentialFault::Unreadable`).
    pub fn secure_server(&self, server: Server) -> Result<Server> {
        server.tls_config(self.server.clone()).map_err(|error| refuse_certificates(&error))
    }

    /// The connection that `endpoint` describes, to a member only. Ballista has executors call the
    /// scheduler without encryption, whatever it is told: so the scheme is ours to choose.
    pub fn secure_endpoint(
        &self,
        endpoint: Endpoint,
    ) -> Result<Endpoint, Box<dyn StdError + Send + Sync>> {
        let endpoint = match endpoint.uri().scheme() == Some(&Scheme::HTTPS) {
            true => endpoint,
            false => {
                // An endpoint's address can't be changed. A new one has Ballista's own settings for
                // all else.
                let mut parts = endpoint.uri().clone().into_parts();
                parts.scheme = Some(Scheme::HTTPS);
                let url = Uri::from_parts(parts)?.to_string();
                create_grpc_client_endpoint(url, Some(&GrpcClientConfig::default()))?
            }
        };
        Ok(endpoint.tls_config(self.client.clone())?)
    }

    /// The same as Ballista takes it.
    pub fn endpoint_override(&self) -> EndpointOverrideFn {
        let tls = self.clone();
        Arc::new(move |endpoint| tls.secure_endpoint(endpoint))
    }
}

fn refuse_certificates(error: &dyn StdError) -> Error {
    let message = format!(
        "cannot use the files of --tls-cert, --tls-key and --tls-ca: {}. They are PEM: a \
         certificate, its key, and the authority's certificate",
        list_causes(error)
    );
    Error::new(CredentialFault::Unreadable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate with its key, as PEM.
    type Identity = (Vec<u8>, Vec<u8>);

    /// The certificate of an authority, and two members of it.
    fn authority() -> (Vec<u8>, [Identity; 2]) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let own = authority.self_signed(&key).unwrap();
        let issuer = rcgen::Issuer::new(authority, key);
        let member = || {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec!["member".to_owned()]).unwrap();
            let signed = params.signed_by(&key, &issuer).unwrap();
            (signed.pem().into_bytes(), key.serialize_pem().into_bytes())
        };
        (own.pem().into_bytes(), [member(), member()])
    }

    fn made(own: &[u8], key: &[u8], authority: &[u8]) -> Result<Tls> {
        let (own, key, authority) = (own.to_owned(), key.to_owned(), authority.to_owned());
        Tls::new(Certificates { own, key, authority, name: Some("member".to_owned()) })
    }

    #[test]
    fn files_that_do_not_fit_are_refused_without_being_shown() {
        let (authority, [(own, key), (other, other_key)]) = authority();
        made(&own, &key, &authority).unwrap();
        for (own, key, authority) in [
            (&own, &other_key, &authority),
            (&other, &key, &authority),
            (&own, &own, &authority),
            (&key, &key, &authority),
            (&own, &key, &key),
            (&own, &key, &Vec::new()),
        ] {
            let error = made(own, key, authority).map(drop).unwrap_err();
            assert_eq!(error.kind(), CredentialFault::Unreadable.into());
            let said = error.to_string();
            assert!(said.contains("--tls-cert, --tls-key and --tls-ca"), "{said}");
            assert!(!said.contains("BEGIN"), "{said}");
        }
    }

    #[test]
    fn every_connection_is_encrypted_whatever_it_was_to_be() {
        let (authority, [(own, key), _]) = authority();
        let tls = made(&own, &key, &authority).unwrap();
        for url in ["http://10.0.0.7:50050", "https://10.0.0.7:50050", "http://[::1]:7"] {
            let endpoint =
                tls.secure_endpoint(Endpoint::from_shared(url.to_owned()).unwrap()).unwrap();
            assert_eq!(endpoint.uri().scheme(), Some(&Scheme::HTTPS), "{url}");
            assert_eq!(endpoint.uri().port_u16(), url.rsplit(':').next().unwrap().parse().ok());
        }
    }
}
