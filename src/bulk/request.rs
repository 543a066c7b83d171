//! The kick-off request (Bulk Data IG, "Kick-off Request").

use chrono::{NaiveDate, SecondsFormat};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::error::{Error, Result, SettingsFault};
use crate::input::parse_time;

/// Parameters that name patients: for the server alone.
const PATIENT: &str = "patient";

/// The user's URL: a FHIR server, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportTarget {
    /// The server's base, with a `/` at its end.
    pub base: Url,
    /// `$export`, `Patient/$export` or `Group/ID/$export`.
    path: String,
    /// The URL's query.
    query: Vec<(String, String)>,
}

impl ExportTarget {
    /// Reads `https://ehr.example/fhir`, also with `/Patient`, `/Group/ID` and `/$export` below.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |what: &str| {
            let message = format!(
                "the FHIR server's URL {what}; write it like https://ehr.example/fhir or \
                 https://ehr.example/fhir/Group/ID"
            );
            Error::new(SettingsFault::InvalidValue, message)
        };
        let mut url = Url::parse(text).map_err(|error| refused(&format!("is none ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refused("must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(
                "must not hold a user or password (--basic-user and --basic-passwd are for that)",
            ));
        }
        let query = url.query_pairs().into_owned().collect();
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        // Only as a whole part of the path: a name may end so, too.
        let path = match path.rsplit_once('/') {
            Some((above, "$export" | "%24export")) => above.trim_end_matches('/'),
            _ => &path,
        };
        if path.ends_with("/Group") {
            return Err(refused("names no Group after /Group/"));
        }
        let (base, scope) = match path.rsplit_once("/Group/") {
            Some((_, id)) if id.is_empty() || id.contains('/') => {
                return Err(refused("names no Group after /Group/"));
            }
            Some((base, id)) => (base, format!("Group/{id}/")),
            None => match path.strip_suffix("/Patient") {
                Some(base) => (base, "Patient/".to_owned()),
                None => (path, String::new()),
            },
        };
        let (base, path) = (format!("{base}/"), format!("{scope}$export"));
        url.set_path(&base);
        Ok(Self { base: url, path, query })
    }

    /// The parameters in the URL that the user gave.
    pub(super) fn query_pairs(&self) -> &[(String, String)] {
        &self.query
    }

    /// The kick-off URL without parameters.
    pub fn export_url(&self) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path(), self.path));
        url
    }
}

/// `_since` as the user asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// An instant.
    Time(String),
    /// The transaction time of the last successful export of the same thing.
    /// See [`ExportFilters`] for what it came to.
    Auto,
}

/// Everything that narrows an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportFilters {
    /// `_type`; never empty when a request is made of it.
    pub types: Vec<String>,
    /// `_typeFilter`: queries like `Observation?category=laboratory`.
    pub type_filters: Vec<String>,
    /// `_since`.
    pub since: Option<String>,
    /// `_until`.
    pub until: Option<String>,
    /// Any other parameters; repeated ones become a comma list.
    pub params: Vec<(String, String)>,
}

/// A date becomes an instant: its first moment, or its last; for times see [`parse_time`].
pub fn to_instant(text: &str, end_of_day: bool) -> Option<String> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let time = if end_of_day { "23:59:59.999" } else { "00:00:00" };
        let text = format!("{date}T{time}Z");
        // Years below 0 and beyond 9999 are dates, and no instants that can be read again.
        return parse_time(&text).map(|_| text);
    }
    let time = parse_time(text)?;
    Some(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Several filters in one text are told apart by the `Type?` that each begins with: commas are
/// also part of queries.
pub fn split_filters(text: &str) -> Vec<String> {
    let mut filters: Vec<String> = Vec::new();
    for part in text.split(',') {
        let head = part.trim_start().split_once('?').map_or("", |(head, _)| head);
        let begins = head.starts_with(|c: char| c.is_ascii_uppercase())
            && head.chars().all(|c| c.is_ascii_alphanumeric());
        match filters.last_mut() {
            Some(last) if !begins => {
                last.push(',');
                last.push_str(part);
            }
            _ => filters.push(part.trim().to_owned()),
        }
    }
    filters.retain(|filter| !filter.is_empty());
    filters
}

/// The request that begins an export.
#[derive(Clone, Debug)]
pub struct KickOff {
    /// Where it goes: with a query unless there is a body.
    pub url: Url,
    /// A FHIR Parameters resource, for POST.
    pub body: Option<Value>,
    /// Every parameter but those that name patients.
    pub parameters: Vec<(String, String)>,
    /// The parts that must not be shown: patients, and anything else that may name some.
    pub hidden: Vec<String>,
    /// The same for the same request, and telling nothing about it.
    pub fingerprint: String,
}

impl KickOff {
    /// Works out the request.
    pub fn new(target: &ExportTarget, narrowing: &ExportFilters, post: bool) -> Self {
        let parameters = collect_parameters(target, narrowing);
        let mut url = target.export_url();
        let body = post.then(|| parameters_resource(&parameters));
        if body.is_none() {
            let query: Vec<_> = parameters
                .iter()
                .map(|parameter| {
                    format!("{}={}", encode_component(&parameter.name), parameter.encode_values())
                })
                .collect();
            url.set_query(Some(&query.join("&")));
        }
        // Of the parameters, not of the body: GET and POST of the same parameters begin the same
        // export.
        let mut hash = Sha256::new();
        hash.update(target.export_url().as_str());
        for parameter in &parameters {
            hash.update(format!("\n{}={}", parameter.name, parameter.encode_values()));
        }
        let is_patient = |parameter: &&Parameter| parameter.name == PATIENT;
        let shown = parameters.iter().filter(|parameter| !is_patient(parameter));
        Self {
            url,
            body,
            hidden: parameters.iter().flat_map(Parameter::hidden_texts).collect(),
            parameters: shown.map(|p| (p.name.clone(), p.values.join(","))).collect(),
            fingerprint: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// A parameter with all its values.
struct Parameter {
    name: String,
    values: Vec<String>,
}

impl Parameter {
    /// Texts that may name a patient: the values, and the parts of them that a server may repeat.
    fn hidden_texts(&self) -> Vec<String> {
        match self.name.as_str() {
            "_type" | "_since" | "_until" | "_elements" | "_outputFormat" => Vec::new(),
            _ => self.values.iter().flat_map(|value| identifying_parts(value)).collect(),
        }
    }

    /// The values as one comma list for a query. A comma inside a value is encoded twice, so that
    /// it survives the list.
    fn encode_values(&self) -> String {
        let values = self.values.iter().map(|value| match self.name.as_str() {
            "_typeFilter" => encode_component(&value.replace(',', "%2C")),
            _ => encode_component(value),
        });
        values.collect::<Vec<_>>().join(",")
    }
}

/// A value (of `patient`, a filter, or another parameter), as it is and encoded, and those of its
/// parts that are more than names and systems: what is looked for stands at the end, and an
/// identifier has digits.
fn identifying_parts(value: &str) -> Vec<String> {
    let inner = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let pairs = value.split('&').flat_map(|pair| {
        let parts: Vec<_> = pair.split(|c| !inner(c)).filter(|part| !part.is_empty()).collect();
        let last = parts.len().saturating_sub(1);
        let wanted = |(at, part): (usize, &str)| {
            let has_digits = part.contains(|c: char| c.is_ascii_digit());
            (at == last || has_digits).then(|| part.to_owned())
        };
        parts.into_iter().enumerate().filter_map(wanted).collect::<Vec<_>>()
    });
    let encoded = Some(encode_component(value)).filter(|encoded| encoded != value);
    let all = std::iter::once(value.to_owned()).chain(encoded).chain(pairs);
    let plain = |text: &String| ["true", "false"].contains(&text.as_str());
    all.filter(|text| text.len() > 2 && !plain(text)).collect()
}

fn collect_parameters(target: &ExportTarget, narrowing: &ExportFilters) -> Vec<Parameter> {
    let mut all: Vec<Parameter> = Vec::new();
    let mut add = |name: &str, value: String| {
        if value.is_empty() {
            return;
        }
        match all.iter_mut().find(|parameter| parameter.name == name) {
            // Of times there can be only one.
            Some(known) if known.values.contains(&value) || name.starts_with("_since") => {}
            Some(known) => known.values.push(value),
            None => all.push(Parameter { name: name.to_owned(), values: vec![value] }),
        }
    };
    narrowing.types.iter().for_each(|name| add("_type", name.clone()));
    narrowing.since.iter().for_each(|time| add("_since", time.clone()));
    narrowing.until.iter().for_each(|time| add("_until", time.clone()));
    narrowing.type_filters.iter().for_each(|filter| add("_typeFilter", filter.clone()));
    for (name, value) in target.query.iter().chain(&narrowing.params) {
        match name.as_str() {
            // Among the types already.
            _ if is_param(name, "_type") => {}
            "_typeFilter" => split_filters(value).into_iter().for_each(|value| add(name, value)),
            _ => value.split(',').for_each(|value| add(name, value.trim().to_owned())),
        }
    }
    all
}

/// Whether a parameter is the one of this name. Some servers take names in any case.
pub(super) fn is_param(found: &str, name: &str) -> bool {
    found.trim().eq_ignore_ascii_case(name)
}

/// A query component; commas stay, as they separate.
fn encode_component(text: &str) -> String {
    let encoded: String = byte_serialize(text.as_bytes()).collect();
    // By RFC 3986 a `+` in a query is a plus. Only forms read it as a blank.
    encoded.replace('+', "%20").replace("%2C", ",").replace("%2F", "/").replace("%3A", ":")
}

fn parameters_resource(parameters: &[Parameter]) -> Value {
    let mut list = Vec::new();
    for Parameter { name, values } in parameters {
        let one = |key: &str, value: Value| json!({"name": name, key: value});
        // The types of the values are those that the Bulk Data IG gives its kick-off parameters.
        match name.as_str() {
            "_since" | "_until" => {
                list.extend(values.iter().map(|value| one("valueInstant", json!(value))));
            }
            PATIENT => {
                let reference = |value: &String| one("valueReference", json!({"reference": value}));
                list.extend(values.iter().map(reference));
            }
            "_typeFilter" => {
                list.extend(values.iter().map(|value| one("valueString", json!(value))));
            }
            _ if matches!(values.as_slice(), [value] if value == "true" || value == "false") => {
                list.push(one("valueBoolean", json!(values[0] == "true")));
            }
            _ => list.push(one("valueString", json!(values.join(",")))),
        }
    }
    json!({"resourceType": "Parameters", "parameter": list})
}

#[cfg(test)]
mod tests;
