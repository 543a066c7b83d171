//! Which certificate authorities are trusted.

use reqwest::ClientBuilder;

use crate::error::{Error, Exit, Result};

/// Trusts the system's authorities, which `SSL_CERT_FILE` and `SSL_CERT_DIR` replace, so that a
/// hospital's own authority works. Only a system that has none at all gets Mozilla's.
pub(super) fn trust(builder: ClientBuilder) -> Result<ClientBuilder> {
    let named: Vec<_> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        .collect();
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() && !named.is_empty() {
        let message = format!("{} holds no CA certificates that can be read", named.join(", "));
        return Err(Error::new(Exit::ArgsInvalid, message));
    }
    let native = !found.certs.is_empty();
    Ok(builder.tls_built_in_native_certs(native).tls_built_in_webpki_certs(!native))
}
