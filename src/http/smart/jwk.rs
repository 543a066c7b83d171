//! Private keys in JSON (RFC 7517, RFC 7518).

use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use zeroize::Zeroizing;

use super::key::{Algorithm, KeyPair, PrivateKey, invalid_key};
use crate::error::Result;

/// Some tools pad, which the standard forbids.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a JWK, or of a JWK Set the first key that is for signing: whose `key_ops` has `sign`,
/// or, where it has none, that has a private part.
pub(super) fn read_jwk(value: &Value) -> Result<PrivateKey> {
    match value.get("keys") {
        None => read_single_key(value),
        Some(keys) => {
            let keys = keys.as_array().map(Vec::as_slice).unwrap_or_default();
            match keys.iter().find(|key| can_sign(key)) {
                Some(key) => read_single_key(key),
                None if keys.is_empty() => Err(invalid_key("the JWK Set has no keys")),
                None => Err(invalid_key(
                    "the JWK Set has no private key for signing; is it the public half?",
                )),
            }
        }
    }
}

fn can_sign(key: &Value) -> bool {
    match key.get("key_ops").filter(|ops| !ops.is_null()) {
        Some(ops) => ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "sign")),
        None => key.get("d").is_some(),
    }
}

fn read_single_key(key: &Value) -> Result<PrivateKey> {
    if !key.is_object() {
        return Err(invalid_key("the key is no JWK"));
    }
    let text = |name: &str| key[name].as_str().filter(|text| !text.is_empty());
    // A symmetric key has its secret in `k`: it is refused below, by its kind.
    if text("d").is_none() && text("kty") != Some("oct") {
        return Err(invalid_key("the key has no private part; is it the public half?"));
    }
    let named = match text("alg") {
        None => None,
        Some(name) => Some(Algorithm::from_name(name).ok_or_else(|| {
            let names = Algorithm::ALL.map(Algorithm::name).join(", ");
            invalid_key(&format!(
                "the key is for an algorithm that is not known here; known are {names}"
            ))
        })?),
    };
    let (algorithm, pair) = match text("kty") {
        Some("RSA") => (named.unwrap_or(Algorithm::Rs384), KeyPair::Rsa(read_rsa(key)?)),
        Some("EC") => {
            let of_curve = |algorithm: &Algorithm| algorithm.curve_name() == text("crv");
            let algorithm =
                Algorithm::ALL[3..].iter().copied().find(of_curve).ok_or_else(|| {
                    let known = "P-256, P-384, P-521";
                    invalid_key(&format!(
                        "the key is on a curve that is not known here; known are {known}"
                    ))
                })?;
            (named.unwrap_or(algorithm), KeyPair::Ec(read_ec(key, algorithm)?))
        }
        _ => return Err(invalid_key("the key is neither RSA nor EC")),
    };
    let fits = match &pair {
        KeyPair::Rsa(_) => algorithm.curve_name().is_none(),
        KeyPair::Ec(_) => algorithm.curve_name() == text("crv"),
    };
    if !fits {
        return Err(invalid_key("the key's 'alg' does not fit its kind"));
    }
    Ok(PrivateKey { pair, algorithm, kid: text("kid").map(str::to_owned) })
}

fn read_rsa(key: &Value) -> Result<RsaKeyPair> {
    let number = |name: &str| decode_member(key, name);
    // RFC 7518, 6.3.1.1, warns of writers that put a zero in front. AWS-LC refuses such numbers.
    let leading = |number: Zeroizing<Vec<u8>>| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        Zeroizing::new(number[zeros..].to_vec())
    };
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: leading(number("n")?), e: leading(number("e")?) },
        d: number("d")?,
        p: number("p")?,
        q: number("q")?,
        dP: number("dp")?,
        dQ: number("dq")?,
        qInv: number("qi")?,
    };
    RsaKeyPair::from_components(&components).map_err(|_| {
        invalid_key("the RSA key is damaged, or has less than 2048 or more than 8192 bits")
    })
}

fn read_ec(key: &Value, algorithm: Algorithm) -> Result<EcdsaKeyPair> {
    let damaged = || invalid_key("the EC key is damaged");
    // Bytes of a coordinate (RFC 7518, 6.2.1.2). The 521 bits of P-521 take 66.
    let length = match algorithm {
        Algorithm::Es256 => 32,
        Algorithm::Es384 => 48,
        _ => 66,
    };
    // Some tools leave zeros at the beginning out, which the standard forbids.
    let number = |name: &str| -> Result<Zeroizing<Vec<u8>>> {
        let bytes = decode_member(key, name)?;
        let missing = length - bytes.len().min(length);
        let mut padded = Zeroizing::new(vec![0; missing]);
        padded.extend_from_slice(&bytes);
        Ok(padded)
    };
    // 4 begins a point whose two coordinates follow as they are (SEC 1, 2.3.3).
    let mut point = vec![4];
    point.extend_from_slice(&number("x")?);
    point.extend_from_slice(&number("y")?);
    let ecdsa = algorithm.ecdsa_algorithm().ok_or_else(damaged)?;
    EcdsaKeyPair::from_private_key_and_public_key(ecdsa, &number("d")?, &point)
        .map_err(|_| damaged())
}

fn decode_member(key: &Value, name: &str) -> Result<Zeroizing<Vec<u8>>> {
    let text =
        key[name].as_str().ok_or_else(|| invalid_key(&format!("the key has no '{name}'")))?;
    let bytes = LENIENT.decode(text.trim());
    bytes
        .map(Zeroizing::new)
        .map_err(|_| invalid_key(&format!("the key's '{name}' is not base64url")))
}
