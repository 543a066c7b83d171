//! The private key that proves who we are.

use std::fmt;
use std::fs;
use std::path::Path;

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

use super::{jwk, pem};
use crate::error::{Context, Error, Exit, Result};

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
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The name of the curve, for those that have one.
    pub fn curve(self) -> Option<&'static str> {
        match self {
            Self::Es256 => Some("P-256"),
            Self::Es384 => Some("P-384"),
            Self::Es512 => Some("P-521"),
            Self::Rs256 | Self::Rs384 | Self::Rs512 => None,
        }
    }

    fn rsa(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_SHA256,
            Self::Rs512 => &signature::RSA_PKCS1_SHA512,
            _ => &signature::RSA_PKCS1_SHA384,
        }
    }

    /// How to sign on this algorithm's curve, giving r and s side by side as JWS wants them.
    pub(super) fn ecdsa(self) -> Option<&'static EcdsaSigningAlgorithm> {
        match self {
            Self::Es256 => Some(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Self::Es384 => Some(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Self::Es512 => Some(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Self::Rs256 | Self::Rs384 | Self::Rs512 => None,
        }
    }
}

pub(super) enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// A private key with the algorithm that it is used with.
pub struct PrivateKey {
    pub(super) pair: Pair,
    pub(super) algorithm: Algorithm,
    /// Names the key among the public ones that the server knows.
    pub(super) kid: Option<String>,
}

impl PrivateKey {
    /// Reads what `--smart-key` names: the path of a file, or the text of one. It may be a JWK
    /// Set, of which the first key that can sign is taken, a JWK, or a PEM private key.
    ///
    /// What is none of these, or no private key, is refused with exit 38.
    pub fn read(option: &str, text: &str) -> Result<Self> {
        let inline = text.trim_start();
        if inline.starts_with('{') || inline.starts_with("-----BEGIN") {
            return Self::parse(text).with_context(|| option.to_owned());
        }
        let path = Path::new(text);
        let content = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            // It may be a key that was cut short, so it is not repeated unless it names a file.
            let shown = if path.exists() { format!(" '{text}'") } else { String::new() };
            let message = format!(
                "{option}: cannot read the key{shown}: {} (give the path of a JWK Set, JWK or PEM \
                 file, or its text)",
                error.kind()
            );
            Error::new(Exit::BadCredential, message)
        })?;
        Self::parse(&content).with_context(|| format!("{option}: '{text}'"))
    }

    /// Reads the text of a JWK Set, a JWK or a PEM private key.
    pub fn parse(text: &str) -> Result<Self> {
        // Some editors leave a mark at the beginning.
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.starts_with('{') {
            // The parser's message would have no values, but says nothing to a user either.
            let value = serde_json::from_str(text).map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                bad(&format!("the key is not valid JSON ({place})"))
            })?;
            return jwk::read(&value);
        }
        pem::read(text)
    }

    /// Makes a new key with a random `kid`. RSA keys have 3072 bits.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        let failed = |_| Error::failed("cannot make a key: the system gives no random numbers");
        let pair = match algorithm.ecdsa() {
            Some(ecdsa) => Pair::Ec(EcdsaKeyPair::generate(ecdsa).map_err(failed)?),
            None => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?),
        };
        Ok(Self { pair, algorithm, kid: Some(uuid::Uuid::new_v4().to_string()) })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Signs as JWS wants it (RFC 7515; for ECDSA r and s side by side).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = |_| Error::failed("cannot sign with the private key");
        match &self.pair {
            Pair::Ec(pair) => {
                pair.sign(&random, message).map(|made| made.as_ref().to_vec()).map_err(failed)
            }
            Pair::Rsa(pair) => {
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(self.algorithm.rsa(), &random, message, &mut made).map_err(failed)?;
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
            Pair::Rsa(pair) => {
                let public = pkcs1::RsaPublicKey::from_der(pair.public_key().as_ref());
                let public = public.map_err(|_| odd())?;
                let (n, e) = (public.modulus.as_bytes(), public.public_exponent.as_bytes());
                json!({"kty": "RSA", "n": encode(n), "e": encode(e)})
            }
            Pair::Ec(pair) => {
                // 4, then x and y.
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
                let crv = self.algorithm.curve();
                json!({"kty": "EC", "crv": crv, "x": encode(x), "y": encode(y)})
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
        // What Cumulus ETL looks for. Beside it there should be no `use` (RFC 7517, 4.3).
        jwk["key_ops"] = json!(["sign"]);
        match &self.pair {
            Pair::Ec(pair) => {
                let d: EcPrivateKeyBin = pair.private_key().as_be_bytes().map_err(|_| odd())?;
                jwk["d"] = json!(encode(d.as_ref()));
            }
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der = pair.as_der().map_err(|_| odd())?;
                let info = pkcs8::PrivateKeyInfo::from_der(der.as_ref()).map_err(|_| odd())?;
                let key = pkcs1::RsaPrivateKey::from_der(info.private_key).map_err(|_| odd())?;
                for (name, number) in [
                    ("d", key.private_exponent),
                    ("p", key.prime1),
                    ("q", key.prime2),
                    ("dp", key.exponent1),
                    ("dq", key.exponent2),
                    ("qi", key.coefficient),
                ] {
                    jwk[name] = json!(encode(number.as_bytes()));
                }
            }
        }
        Ok(Zeroizing::new(format!("{:#}\n", json!({"keys": [jwk]}))))
    }
}

/// What is wrong with a key, as an error.
pub(super) fn bad(what: &str) -> Error {
    Error::new(Exit::BadCredential, what)
}

fn odd() -> Error {
    Error::failed("cannot write the key down")
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, {:?})", self.algorithm.name(), self.kid)
    }
}
