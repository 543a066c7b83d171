//! A server's statement about itself: its CapabilityStatement.

use std::collections::BTreeSet;

use serde_json::Value;

/// SMART's extension that names the OAuth endpoints.
const OAUTH_URIS: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";

/// The parts of a CapabilityStatement (`GET BASE/metadata`) that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `fhirVersion`, like `4.0.1`.
    pub fhir_version: Option<String>,
    /// `software.name`.
    pub software_name: Option<String>,
    /// `software.version`.
    pub software_version: Option<String>,
    /// `software.releaseDate`.
    pub software_release_date: Option<String>,
    /// `rest.resource.type`; empty if the server lists none, which says nothing.
    pub resource_types: BTreeSet<String>,
    /// The token endpoint, by SMART's extension `oauth-uris`.
    pub token_url: Option<String>,
}

impl Capabilities {
    /// Reads a CapabilityStatement; `None` if it isn't one. Parts that are missing or odd are
    /// left out.
    pub fn read(statement: &Value) -> Option<Self> {
        if statement["resourceType"] != "CapabilityStatement" {
            return None;
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let software = &statement["software"];
        let rest = || list_items(&statement["rest"]);
        let types = rest().flat_map(|rest| list_items(&rest["resource"]));
        Some(Self {
            fhir_version: text(&statement["fhirVersion"]),
            software_name: text(&software["name"]),
            software_version: text(&software["version"]),
            software_release_date: text(&software["releaseDate"]),
            resource_types: types.filter_map(|resource| text(&resource["type"])).collect(),
            token_url: rest().find_map(|rest| token_url(&rest["security"])),
        })
    }

    /// Whether the server has this resource type, as far as it says.
    pub fn has(&self, resource_type: &str) -> bool {
        self.resource_types.is_empty() || self.resource_types.contains(resource_type)
    }

    /// Whether it is Epic.
    pub fn is_epic(&self) -> bool {
        let name = self.software_name.as_deref().unwrap_or_default();
        name.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("epic"))
    }
}

fn token_url(security: &Value) -> Option<String> {
    let named = |value: &Value, url: &str| {
        list_items(value).filter(|extension| extension["url"] == url).cloned().collect::<Vec<_>>()
    };
    let uris = named(&security["extension"], OAUTH_URIS);
    uris.iter()
        .flat_map(|uris| named(&uris["extension"], "token"))
        .filter_map(|token| token["valueUri"].as_str().map(str::to_owned))
        .find(|url| !url.is_empty())
}

fn list_items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_parts_that_matter_are_found() {
        let capabilities = Capabilities::read(&json!({
            "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1",
            "software": {"name": "Epic", "version": "May 2024", "releaseDate": "2024-05-01"},
            "rest": [
                {"mode": "client"},
                {"mode": "server", "resource": [{"type": "Patient"}, {}, {"type": "Group"}],
                 "security": {"extension": [
                    {"url": "other", "extension": [{"url": "token", "valueUri": "https://no"}]},
                    {"url": OAUTH_URIS, "extension": [
                        {"url": "authorize", "valueUri": "https://ehr/authorize"},
                        {"url": "token", "valueUri": "https://ehr/token"}]}]}}]}))
        .unwrap();
        assert!(capabilities.is_epic());
        assert_eq!(capabilities.fhir_version.as_deref(), Some("4.0.1"));
        assert_eq!(capabilities.software_release_date.as_deref(), Some("2024-05-01"));
        assert_eq!(capabilities.token_url.as_deref(), Some("https://ehr/token"));
        assert!(capabilities.has("Patient") && !capabilities.has("Device"));
    }

    #[test]
    fn a_server_that_lists_no_types_may_have_any() {
        let capabilities =
            Capabilities::read(&json!({"resourceType": "CapabilityStatement"})).unwrap();
        assert!(capabilities.has("Device") && !capabilities.is_epic());
    }

    #[test]
    fn only_epic_is_epic() {
        for (name, expected) in [("Epic", true), ("EPIC 2024", true), ("Epicure", false)] {
            let software_name = Some(name.to_owned());
            assert_eq!(Capabilities { software_name, ..Default::default() }.is_epic(), expected);
        }
    }

    #[test]
    fn anything_else_is_none() {
        assert_eq!(Capabilities::read(&json!({"resourceType": "OperationOutcome"})), None);
        assert_eq!(Capabilities::read(&json!([])), None);
    }
}
