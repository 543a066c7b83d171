//! The private key that proves who we are.

use std::fmt;

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs8::der::Decode;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::{CredentialFault, Error, Result};

/// How a signature is made (RFC 7518, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Es256, Self::Es384, Self::Es512];

    /// The name in a JWT's header, like `RS384`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The name of the curve, for those that have one.
    pub fn curve_name(self) -> Option<&'static str> {
        match self {
            Self::Es256 => Some("P-256"),
            Self::Es384 => Some("P-384"),
            Self::Es512 => Some("P-521"),
            Self::Rs256 | Self::Rs384 | Self::Rs512 => None,
        }
    }

    fn rsa_encoding(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_SHA256,
            Self::Rs512 => &signature::RSA_PKCS1_SHA512,
            _ => &signature::RSA_PKCS1_SHA384,
        }
    }

    /// How to sign on this algorithm's curve, giving r and s side by side as JWS wants them.
    pub(super) fn ecdsa_algorithm(self) -> Option<&'static EcdsaSigningAlgorithm> {
        match self {
            Self::Es256 => Some(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Self::Es384 => Some(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Self::Es512 => Some(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Self::Rs256 | Self::Rs384 | Self::Rs512 => None,
        }
    }
}

pub(super) enum KeyPair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// A private key with the algorithm that it is used with.
pub struct PrivateKey {
    pub(super) pair: KeyPair,
    pub(super) algorithm: Algorithm,
    /// Names the key among the public ones that the server knows.
    pub(super) kid: Option<String>,
}

impl PrivateKey {
    /// Makes a new key with a random `kid`. RSA keys have 3072 bits.
    pub fn generate_key(algorithm: Algorithm) -> Result<Self> {
        let failed = |_| Error::failed("cannot make a key: the system gives no random numbers");
        let pair = match algorithm.ecdsa_algorithm() {
            Some(ecdsa) => KeyPair::Ec(EcdsaKeyPair::generate(ecdsa).map_err(failed)?),
            None => KeyPair::Rsa(RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?),
        };
        Ok(Self { pair, algorithm, kid: Some(uuid::Uuid::new_v4().to_string()) })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key, if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Signs as JWS wants it (RFC 7515; for ECDSA r and s side by side).
    pub fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = |_| Error::failed("cannot sign with the private key");
        match &self.pair {
            KeyPair::Ec(pair) => {
                pair.sign(&random, message).map(|made| made.as_ref().to_vec()).map_err(failed)
            }
            KeyPair::Rsa(pair) => {
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(self.algorithm.rsa_encoding(), &random, message, &mut made)
                    .map_err(failed)?;
                Ok(made)
            }
        }
    }

    /// The public half as a JWK Set, which is what servers are given.
    pub fn public_jwks(&self) -> Result<Value> {
        let mut jwk = self.public_jwk()?;
        jwk["use"] = json!("sig");
        Ok(json!({"keys": [jwk]}))
    }

    fn public_jwk(&self) -> Result<Value> {
        let mut jwk = match &self.pair {
            KeyPair::Rsa(pair) => {
                let public = pkcs1::RsaPublicKey::from_der(pair.public_key().as_ref());
                let public = public.map_err(|_| encode_error())?;
                let (n, e) = (public.modulus.as_bytes(), public.public_exponent.as_bytes());
                json!({"kty": "RSA", "n": encode_base64(n), "e": encode_base64(e)})
            }
            KeyPair::Ec(pair) => {
                // 4, then x and y.
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
                let crv = self.algorithm.curve_name();
                json!({"kty": "EC", "crv": crv, "x": encode_base64(x), "y": encode_base64(y)})
            }
        };
        jwk["alg"] = json!(self.algorithm.name());
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        Ok(jwk)
    }

    /// The private key as a JWK Set: a secret, for a file that only its owner can read.
    pub fn private_jwks(&self) -> Result<Zeroizing<String>> {
        let mut jwk = self.public_jwk()?;
        // Cumulus ETL takes a key by this member. There should be no `use` beside it (RFC 7517, 4.3).
        jwk["key_ops"] = json!(["sign"]);
        match &self.pair {
            KeyPair::Ec(pair) => {
                let d: EcPrivateKeyBin =
                    pair.private_key().as_be_bytes().map_err(|_| encode_error())?;
                jwk["d"] = json!(encode_base64(d.as_ref()));
            }
            KeyPair::Rsa(pair) => {
                let der: Pkcs8V1Der = pair.as_der().map_err(|_| encode_error())?;
                let info =
                    pkcs8::PrivateKeyInfo::from_der(der.as_ref()).map_err(|_| encode_error())?;
                let key =
                    pkcs1::RsaPrivateKey::from_der(info.private_key).map_err(|_| encode_error())?;
                for (name, number) in [
                    ("d", key.private_exponent),
                    ("p", key.prime1),
                    ("q", key.prime2),
                    ("dp", key.exponent1),
                    ("dq", key.exponent2),
                    ("qi", key.coefficient),
                ] {
                    jwk[name] = json!(encode_base64(number.as_bytes()));
                }
            }
        }
        Ok(Zeroizing::new(format!("{:#}\n", json!({"keys": [jwk]}))))
    }
}

/// An error that says why a key cannot be used.
pub(super) fn invalid_key(what: &str) -> Error {
    Error::new(CredentialFault::Unreadable, what)
}

fn encode_error() -> Error {
    Error::failed("cannot write the key down")
}

fn encode_base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, {:?})", self.algorithm.name(), self.kid)
    }
}
