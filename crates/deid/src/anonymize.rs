//! Turns IDs and references that identify someone into ones that do not.

use std::sync::Arc;

use cumulus_fhir::{self as fhir, ServerBase};
use hmac::Hmac;
use sha2::Sha256;

use super::anon_id::{HashedId, IdKind, hash_id};
use super::codebook::Codebook;
use super::identities::Identities;

/// Hashes IDs with the codebook's salt. Each worker has its own, for its caches.
pub struct Anonymizer {
    codebook: Arc<Codebook>,
    /// The bases that absolute references may start with and still be the server's own.
    bases: Arc<[ServerBase]>,
    mac: Hmac<Sha256>,
    cache: Vec<Cached>,
    row: Vec<(IdKind, usize)>,
    row_real_ids: String,
    row_hashed_ids: Vec<HashedId>,
    identities: Identities,
}

#[derive(Clone)]
struct Cached {
    real: String,
    hashed: HashedId,
}

/// Rows of one patient stand together, so a small table catches most references.
const CACHE_SLOTS: usize = 1 << 10;

impl Anonymizer {
    /// An anonymizer for data of the server at `bases`.
    pub fn new(codebook: Arc<Codebook>, bases: Arc<[ServerBase]>) -> Self {
        let empty = Cached { real: String::new(), hashed: [0; 64] };
        Self {
            mac: codebook.keyed_hash(),
            codebook,
            bases,
            cache: vec![empty; CACHE_SLOTS],
            row: Vec::new(),
            row_real_ids: String::new(),
            row_hashed_ids: Vec::new(),
            identities: Identities::default(),
        }
    }

    pub(super) fn begin_row(&mut self) {
        self.row.clear();
        self.row_real_ids.clear();
        self.row_hashed_ids.clear();
    }

    /// The row is taken: the IDs in it belong into the mapping.
    pub(super) fn keep_row(&mut self) {
        let mut start = 0;
        for ((kind, end), hashed) in self.row.iter().zip(&self.row_hashed_ids) {
            self.identities.add_pair(*kind, &self.row_real_ids[start..*end], hashed);
            start = *end;
        }
    }

    pub(super) fn take_identities(&mut self) -> Identities {
        std::mem::take(&mut self.identities)
    }

    /// Appends the anonymous form of a resource's ID.
    pub fn push_id(&mut self, resource_type: &str, real: &str, out: &mut String) {
        let kind = IdKind::for_type(resource_type);
        if let Some(kind) = kind
            && let Some(legacy_id) = self.codebook.legacy_id(kind, real)
        {
            // No pair for the mapping: the codebook itself says whose ID this is.
            out.push_str(legacy_id);
            return;
        }
        let hashed = self.hash_cached(real);
        push_hex(&hashed, out);
        if let Some(kind) = kind {
            self.row_real_ids.push_str(real);
            self.row.push((kind, self.row_real_ids.len()));
            self.row_hashed_ids.push(hashed);
        }
    }

    /// Appends the anonymous form of `Reference.reference` (spec: `anon-ref`). `sibling` is the
    /// Reference's `type`.
    pub fn push_reference(&mut self, text: &str, sibling: Option<&str>, out: &mut String) {
        // The `id` of a contained resource is hashed where it stands, so the two still meet.
        if let Some(local) = text.strip_prefix('#') {
            out.push('#');
            let hashed = self.hash_cached(local);
            push_hex(&hashed, out);
            return;
        }
        let own = self.bases.iter().find_map(|base| base.relative_to(text));
        let relative = own.unwrap_or(text);
        // Only a type's name is shown: any other text before a `/` may be an ID.
        // `Patient?identifier=…` is a conditional reference (FHIR
        // R4, http): the query behind the type is hashed.
        if let Some(split) = relative.find(['/', '?'])
            && let Some(resource_type) = fhir::resource_type(&relative[..split])
            && split + 1 < relative.len()
        {
            // All that follows the type is hashed, a `/_history/2` too, as Cumulus ETL does.
            self.push_typed_id(resource_type, &relative[split + 1..], out);
            return;
        }
        // Only a name of the list of types: it is shown before
        // the hash, and other text there could name somebody.
        let sibling = sibling.and_then(|name| fhir::referenced_type(fhir::trim_text(name)));
        match sibling.or_else(|| type_in_path(text)) {
            Some(resource_type) => self.push_typed_id(resource_type, text, out),
            None => {
                let hashed = self.hash_cached(text);
                push_hex(&hashed, out);
            }
        }
    }

    fn push_typed_id(&mut self, resource_type: &str, real: &str, out: &mut String) {
        out.push_str(resource_type);
        out.push('/');
        self.push_id(resource_type, real, out);
    }

    fn hash_cached(&mut self, real: &str) -> HashedId {
        let slot = real.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let cached = &mut self.cache[(slot >> 32) as usize % CACHE_SLOTS];
        // An empty slot has the real ID "", which a row may have, too. A hash has no zero byte.
        if cached.real != real || cached.hashed[0] == 0 {
            cached.real.clear();
            cached.real.push_str(real);
            cached.hashed = hash_id(&self.mac, real);
        }
        cached.hashed
    }
}

fn push_hex(hashed: &HashedId, out: &mut String) {
    // They are ASCII digits: one check of all 64 is cheaper than 64 pushes.
    out.push_str(std::str::from_utf8(hashed).unwrap_or_default());
}

/// The type that the path of an absolute URL names: `…/Patient/123`, `…/Patient/123/_history/2`.
fn type_in_path(url: &str) -> Option<&'static str> {
    let (_, rest) = url.split_once("://")?;
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').skip(1).find_map(fhir::resource_type)
}
