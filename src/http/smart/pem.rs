//! Private keys in PEM: PKCS#8, PKCS#1 for RSA, SEC1 for EC.

use aws_lc_rs::signature::{EcdsaKeyPair, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use super::key::{Algorithm, KeyPair, PrivateKey, invalid_key};
use crate::error::Result;

/// Reads the first private key of a PEM text.
pub(super) fn read_pem(text: &str) -> Result<PrivateKey> {
    // Both forms have the word: `BEGIN ENCRYPTED PRIVATE KEY`, and the older `Proc-Type:
    // 4,ENCRYPTED`.
    if text.contains("ENCRYPTED") {
        return Err(invalid_key(
            "the key is locked with a passphrase; unlock it: openssl pkey -in KEY -out NEW",
        ));
    }
    let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        let public = text.contains("BEGIN PUBLIC KEY") || text.contains("BEGIN CERTIFICATE");
        invalid_key(match public {
            true => "there is no private key in it, but a public one",
            false => "it is no private key: neither a JWK Set or JWK nor PEM",
        })
    })?;
    let kinds = "it must be RSA with 2048 to 8192 bits, or EC on P-256, P-384 or P-521";
    let (algorithm, pair) = match &der {
        PrivateKeyDer::Pkcs1(key) => rsa_pair(RsaKeyPair::from_der(key.secret_pkcs1_der())),
        PrivateKeyDer::Sec1(key) => {
            find_ec_pair(|ecdsa| EcdsaKeyPair::from_private_key_der(ecdsa, key.secret_sec1_der()))
        }
        PrivateKeyDer::Pkcs8(key) => {
            let der = key.secret_pkcs8_der();
            let rsa = rsa_pair(RsaKeyPair::from_pkcs8(der));
            rsa.or_else(|| find_ec_pair(|ecdsa| EcdsaKeyPair::from_pkcs8(ecdsa, der)))
        }
        _ => None,
    }
    .ok_or_else(|| invalid_key(&format!("the private key can't be used: {kinds}")))?;
    Ok(PrivateKey { pair, algorithm, kid: None })
}

fn rsa_pair<E>(pair: Result<RsaKeyPair, E>) -> Option<(Algorithm, KeyPair)> {
    // Servers must have RS384 or ES384 (SMART App Launch IG, "Client Authentication: Asymmetric").
    pair.ok().map(|pair| (Algorithm::Rs384, KeyPair::Rsa(pair)))
}

fn find_ec_pair<E>(
    read: impl Fn(&'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> Result<EcdsaKeyPair, E>,
) -> Option<(Algorithm, KeyPair)> {
    Algorithm::ALL.into_iter().find_map(|algorithm| {
        let pair = read(algorithm.ecdsa_algorithm()?).ok()?;
        Some((algorithm, KeyPair::Ec(pair)))
    })
}
