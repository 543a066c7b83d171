//! The key that tells rows apart: a number made of the anonymous IDs in their key columns.

use sha2::{Digest, Sha256};

/// The key of a row: 128 bits of a hash of its key columns.
pub type RowKey = u128;

/// The key of a row, from the text of its key columns (for a FHIR table: its `id`).
///
/// Anonymous IDs are hashes already, so their own first 128 bits serve.
pub fn row_key(columns: &[&str]) -> RowKey {
    if let [id] = columns
        && id.len() == 64
        && let Some(key) = parse_leading_hex(id.as_bytes())
    {
        return key;
    }
    let mut hash = Sha256::new();
    for column in columns {
        hash.update(column.as_bytes());
        // Without a mark between them, columns `ab`, `c` and `a`, `bc` would have one key.
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest[..16].iter().fold(0, |key, byte| key << 8 | RowKey::from(*byte))
}

fn parse_leading_hex(text: &[u8]) -> Option<RowKey> {
    // By halves: a shift of 128 bits takes several instructions a digit.
    let parse_half = |digits: &[u8]| {
        digits.iter().try_fold(0_u64, |half, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return None,
            };
            Some(half << 4 | u64::from(digit))
        })
    };
    let (high, low) = (parse_half(&text[..16])?, parse_half(&text[16..32])?);
    Some(RowKey::from(high) << 64 | RowKey::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_ids_own_bits_or_a_hash() {
        let id = "00112233445566778899aabbccddeeff".repeat(2);
        assert_eq!(row_key(&[&id]), 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        // Made with Python: hashlib.sha256(b"a\0b\0").hexdigest()[:32]
        assert_eq!(row_key(&["a", "b"]), 0x8fb2_0ef6_3ced_4145_fc2e_983f_fe59_7d1d);
        assert_ne!(row_key(&["a", "b"]), row_key(&["ab"]));
        assert_ne!(row_key(&["a", ""]), row_key(&["a"]));
        assert_ne!(row_key(&[&id.to_uppercase()]), row_key(&[&id]));
    }
}
