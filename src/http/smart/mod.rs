//! SMART Backend Services: access tokens for a program, without a person.
//!
//! The program proves who it is by a signed assertion (`private_key_jwt`, RFC 7523), for which the
//! server has the public key. See the SMART App Launch IG, "Backend Services" and "Client
//! Authentication: Asymmetric".

mod assertion;
mod backend;
mod jwk;
mod key;
mod pem;
mod read;

pub use backend::{Backend, Endpoint, Token};
pub use key::{Algorithm, PrivateKey};
