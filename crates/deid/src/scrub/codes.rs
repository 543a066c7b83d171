//! Codes that each customer of Epic defines for themselves.

use cumulus_fhir::trim_text;
use sonic_rs::{JsonValueTrait, Object};

use super::repeats::last_value;
use crate::policy::Check;

/// Epic's space for codes that each customer defines: free text and names turn up there.
const EPIC_CUSTOMER_OIDS: &str = "1.2.840.114350.";

/// `check-system`: whether a Coding's or Quantity's `code` or `display` may be kept.
pub(super) fn system_allows(parent: &Object, check: Check) -> bool {
    let text = |name| last_value(parent, name).and_then(|v| v.as_str());
    if !text("system").is_some_and(is_custom_system) {
        return true;
    }
    match (text("code").map(trim_text).unwrap_or_default(), check) {
        ("", Check::Display) => false,
        // Code 0 is "other" in such lists: its display is any text that somebody typed.
        ("0", Check::Display) => false,
        ("", Check::Code) => true,
        (code, _) => is_integer(code),
    }
}

/// Whether a system is of Epic's customers, with `urn:oid:` before the number or without.
fn is_custom_system(system: &str) -> bool {
    const URN: &str = "urn:oid:";
    let system = trim_text(system);
    let oid = match system.split_at_checked(URN.len()) {
        Some((scheme, oid)) if scheme.eq_ignore_ascii_case(URN) => oid,
        _ => system,
    };
    oid.starts_with(EPIC_CUSTOMER_OIDS)
}

fn is_integer(code: &str) -> bool {
    let digits = code.strip_prefix(['+', '-']).unwrap_or(code);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}
