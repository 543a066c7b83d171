//! The elements that de-identification left out, by type: counts only, never values.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts by resource type, then by extension URL or element name.
pub type ByType = BTreeMap<String, BTreeMap<String, u64>>;

/// Counts of the elements that were left out of the rows of a run. Reports of parts of a run add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Extensions outside the allow-list, dropped.
    pub dropped_extensions: ByType,
    /// Modifier extensions outside the allow-list; each cost its resource.
    pub unknown_modifier_extensions: ByType,
    /// Elements that R4 does not know, dropped.
    pub non_r4_elements: ByType,
    /// Elements of contained resources that did not fit the table's schema, dropped.
    pub contained_misfits: ByType,
}

/// The kind of element that one entry of the report counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DroppedKind {
    /// A dropped extension.
    Extension,
    /// A modifier extension that cost its resource.
    Modifier,
    /// An element outside R4.
    NonR4,
}

impl Report {
    /// Counts one.
    pub fn count_dropped(&mut self, what: DroppedKind, resource_type: &str, name: &str) {
        let table = match what {
            DroppedKind::Extension => &mut self.dropped_extensions,
            DroppedKind::Modifier => &mut self.unknown_modifier_extensions,
            DroppedKind::NonR4 => &mut self.non_r4_elements,
        };
        add(table, resource_type, name, 1);
    }

    /// Counts an element of a contained resource that was dropped.
    pub fn count_misfits(&mut self, resource_type: &str, name: &str, count: u64) {
        add(&mut self.contained_misfits, resource_type, name, count);
    }

    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Report) {
        for (mine, others) in [
            (&mut self.dropped_extensions, &other.dropped_extensions),
            (&mut self.unknown_modifier_extensions, &other.unknown_modifier_extensions),
            (&mut self.non_r4_elements, &other.non_r4_elements),
            (&mut self.contained_misfits, &other.contained_misfits),
        ] {
            for (resource_type, names) in others {
                for (name, count) in names {
                    add(mine, resource_type, name, *count);
                }
            }
        }
    }
}

/// Different names that are kept of each resource type. The rest is counted as [`OTHERS`].
// Names are made of URLs in the input: one that differs in each row would fill memory and the summary.
const MOST_NAMES: usize = 200;
const OTHERS: &str = "(others)";

fn add(table: &mut ByType, resource_type: &str, name: &str, count: u64) {
    if !table.contains_key(resource_type) {
        table.insert(resource_type.to_owned(), BTreeMap::new());
    }
    if let Some(names) = table.get_mut(resource_type) {
        if let Some(sum) = names.get_mut(name) {
            *sum += count;
            return;
        }
        let full = names.len() - usize::from(names.contains_key(OTHERS)) >= MOST_NAMES;
        *names.entry(if full { OTHERS } else { name }.to_owned()).or_default() += count;
    }
}

/// An extension's URL as the report may show it: its host and its last part, since IDs may stand in
/// between, and even there no long numbers. A text that is no URL is not repeated at all, since
/// anything may stand where a URL belongs.
pub fn shown_url(url: Option<&str>) -> String {
    let Some(url) = url else { return "(no url)".to_owned() };
    let shown = match url.split_once(':') {
        Some((scheme @ ("http" | "https"), rest)) => web_url(scheme, rest),
        Some(("urn", rest)) => shown_urn(rest),
        _ => None,
    };
    shown.unwrap_or_else(|| "(not a URL)".to_owned())
}

fn web_url(scheme: &str, rest: &str) -> Option<String> {
    let rest = rest.strip_prefix("//")?.split(['?', '#']).next()?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    // The longest name of a host that DNS allows has 253 characters.
    if host.is_empty() || host.len() > 253 || !host.bytes().all(is_host) {
        return None;
    }
    let (between, last) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
    let between = if between.is_empty() { "" } else { "…/" };
    let last = if may_be_shown(last) { last } else { "…" };
    Some(format!("{scheme}://{host}/{between}{last}"))
}

/// `urn:oid:1.2.840.114350.…`: the author of the name, but not the name.
fn shown_urn(rest: &str) -> Option<String> {
    const ARCS: usize = 5;
    let (kind, name) = rest.split_once(':')?;
    if kind.is_empty() || kind.len() > 31 || !kind.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let is_oid = kind == "oid" && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let shown = match name.match_indices('.').nth(ARCS - 1) {
        _ if !is_oid => "",
        Some((end, _)) => &name[..=end],
        None => return (name.len() <= 40).then(|| format!("urn:oid:{name}")),
    };
    Some(format!("urn:{kind}:{shown}…"))
}

/// Whether this is like the names of extensions, and not like an ID.
fn may_be_shown(name: &str) -> bool {
    const LONGEST_NUMBER: usize = 4;
    // The name of a standard, in the names of HL7's extensions.
    let rest = name.strip_prefix("iso21090").unwrap_or(name);
    let is_number = |part: &str| part.len() > LONGEST_NUMBER;
    name.len() <= 80
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        && !rest.split(|c: char| !c.is_ascii_digit()).any(is_number)
        && rest.bytes().filter(u8::is_ascii_digit).count() <= 2 * LONGEST_NUMBER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_extensions_url_the_host_and_the_last_part_are_shown() {
        for (url, shown) in [
            ("http://example.org/vip", "http://example.org/vip"),
            ("http://example.org", "http://example.org/"),
            (
                "http://hl7.org/fhir/us/core/StructureDefinition/us-core-sex",
                "http://hl7.org/…/us-core-sex",
            ),
            ("http://hl7.org/fhir/iso21090-EN-use", "http://hl7.org/…/iso21090-EN-use"),
            ("https://ehr:8443/Patient/MRN-1/vip/", "https://ehr:8443/…/vip"),
            ("https://ada:pw@ehr/Patient/MRN-1/vip?mrn=1#x", "https://ehr/…/vip"),
            ("https://ehr/patient-12345678", "https://ehr/…"),
            ("https://ehr/x/0c31a6e2-7d3f-4b0a-9f6e-0d5b9f1c2a3b", "https://ehr/…/…"),
            ("https://ehr/x/Ada%20Example", "https://ehr/…/…"),
            ("https://ehr/x/Zoë", "https://ehr/…/…"),
            ("urn:oid:1.2.840.114350.1.13.0.12345678", "urn:oid:1.2.840.114350.1.…"),
            ("urn:oid:1.2.3", "urn:oid:1.2.3"),
            ("urn:uuid:0c31a6e2-7d3f-4b0a-9f6e-0d5b9f1c2a3b", "urn:uuid:…"),
            ("urn:mrn:MRN-1", "urn:mrn:…"),
            ("http://Ada Example/x", "(not a URL)"),
            ("Jane Doe, 1 Main Street", "(not a URL)"),
            ("", "(not a URL)"),
        ] {
            assert_eq!(shown_url(Some(url)), shown, "{url}");
        }
        assert_eq!(shown_url(None), "(no url)");
        let long = format!("https://ehr/{}", "x".repeat(10_000));
        assert_eq!(shown_url(Some(&long)), "https://ehr/…");
    }

    #[test]
    fn no_more_than_so_many_names_are_kept() {
        let mut report = Report::default();
        for number in 0..10 * MOST_NAMES {
            report.count_dropped(DroppedKind::Extension, "Patient", &format!("http://x/{number}"));
        }
        let mut sum = Report::default();
        sum.merge(&report);
        sum.merge(&report);
        let names = &sum.dropped_extensions["Patient"];
        assert_eq!(names.len(), MOST_NAMES + 1);
        assert_eq!(names.values().sum::<u64>(), 20 * MOST_NAMES as u64);
        assert_eq!(names[OTHERS], 18 * MOST_NAMES as u64);
    }
}
