//! Turns what identifies someone into what does not: IDs and references.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::codebook::Codebook;
use super::identities::{Identities, Kind};
use crate::fhir::{self, ServerBase};

/// Hashes IDs with the codebook's salt. Each worker has its own, for its caches.
pub struct Anonymizer {
    codebook: Arc<Codebook>,
    /// What absolute references may start with and still be the server's own.
    bases: Arc<[ServerBase]>,
    mac: Hmac<Sha256>,
    cache: Vec<Cached>,
    row: Vec<(Kind, usize)>,
    row_reals: String,
    row_fakes: Vec<Fake>,
    identities: Identities,
}

/// An anonymous ID: 64 lower-case hex digits.
pub type Fake = [u8; 64];

#[derive(Clone)]
struct Cached {
    real: String,
    fake: Fake,
}

/// Rows of one patient stand together, so a small table catches most references.
const CACHE_SLOTS: usize = 1 << 10;

impl Anonymizer {
    /// An anonymizer for data of the server at `bases`.
    pub fn new(codebook: Arc<Codebook>, bases: Arc<[ServerBase]>) -> Self {
        let empty = Cached { real: String::new(), fake: [0; 64] };
        Self {
            mac: codebook.mac(),
            codebook,
            bases,
            cache: vec![empty; CACHE_SLOTS],
            row: Vec::new(),
            row_reals: String::new(),
            row_fakes: Vec::new(),
            identities: Identities::default(),
        }
    }

    pub(super) fn begin_row(&mut self) {
        self.row.clear();
        self.row_reals.clear();
        self.row_fakes.clear();
    }

    /// The row is taken: the IDs in it belong into the mapping.
    pub(super) fn keep_row(&mut self) {
        let mut start = 0;
        for ((kind, end), fake) in self.row.iter().zip(&self.row_fakes) {
            self.identities.add(*kind, &self.row_reals[start..*end], fake);
            start = *end;
        }
    }

    pub(super) fn take_identities(&mut self) -> Identities {
        std::mem::take(&mut self.identities)
    }

    /// Appends the anonymous form of a resource's ID.
    pub fn id(&mut self, resource_type: &str, real: &str, out: &mut String) {
        let kind = Kind::of(resource_type);
        if let Some(kind) = kind
            && let Some(fake) = self.codebook.legacy(kind, real)
        {
            out.push_str(fake);
            return;
        }
        let fake = self.hash(real);
        push_hex(&fake, out);
        if let Some(kind) = kind {
            self.row_reals.push_str(real);
            self.row.push((kind, self.row_reals.len()));
            self.row_fakes.push(fake);
        }
    }

    /// Appends the anonymous form of `Reference.reference` (spec: `anon-ref`). `sibling` is the
    /// Reference's `type`.
    pub fn reference(&mut self, text: &str, sibling: Option<&str>, out: &mut String) {
        if let Some(local) = text.strip_prefix('#') {
            out.push('#');
            let fake = self.hash(local);
            push_hex(&fake, out);
            return;
        }
        let own = self.bases.iter().find_map(|base| base.relative(text));
        let relative = own.unwrap_or(text);
        // Anything else before a `/` may be an ID.
        if let Some(split) = relative.find(['/', '?'])
            && let Some(resource_type) = fhir::resource_type(&relative[..split])
            && split + 1 < relative.len()
        {
            self.typed(resource_type, &relative[split + 1..], out);
            return;
        }
        let sibling = sibling.and_then(|name| fhir::referenced_type(fhir::trim(name)));
        match sibling.or_else(|| type_in_path(text)) {
            Some(resource_type) => self.typed(resource_type, text, out),
            None => {
                let fake = self.hash(text);
                out.extend(fake.iter().map(|digit| char::from(*digit)));
            }
        }
    }

    fn typed(&mut self, resource_type: &str, real: &str, out: &mut String) {
        out.push_str(resource_type);
        out.push('/');
        self.id(resource_type, real, out);
    }

    fn hash(&mut self, real: &str) -> Fake {
        let slot = real.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let cached = &mut self.cache[(slot >> 32) as usize % CACHE_SLOTS];
        if cached.real != real || cached.fake[0] == 0 {
            cached.real.clear();
            cached.real.push_str(real);
            cached.fake = hash(&self.mac, real);
        }
        cached.fake
    }
}

fn push_hex(fake: &Fake, out: &mut String) {
    // They are digits; a check of all at once is cheaper than a push for each.
    out.push_str(std::str::from_utf8(fake).unwrap_or_default());
}

/// HMAC-SHA256 of the ID, as hex.
pub(super) fn hash(mac: &Hmac<Sha256>, real: &str) -> Fake {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digest = mac.clone().chain_update(real.as_bytes()).finalize().into_bytes();
    let mut fake = [0; 64];
    for (pair, byte) in fake.chunks_exact_mut(2).zip(digest) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    fake
}

/// The type that the path of an absolute URL names: `…/Patient/123`, `…/Patient/123/_history/2`.
fn type_in_path(url: &str) -> Option<&'static str> {
    let (_, rest) = url.split_once("://")?;
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').skip(1).find_map(fhir::resource_type)
}
