//! Patients, their encounters, and the people and places that they meet.

use crate::study::core::declare::ColumnSpec::{
    Aliases, Concept, Date, Each, Element, Hidden, HiddenTime, Id, Own, Sql, Time,
};
use crate::study::core::declare::TimePart::{Day, Month, Week, Year};
use crate::study::core::declare::{ColumnSpec, Distinct, Join, Resource, no_joins};
use crate::study::core::place::SourceElement;
use crate::study::core::sql_type::SqlType::{BigInt, Boolean, Date as Day_, Text};

use super::ALL;

pub const PATIENT: Resource = Resource {
    fhir: "Patient",
    about: "Patients whose birth date and gender are known.",
    distinct: Distinct::Table,
    has_status: false,
    keep: Some("s.birthDate IS NOT NULL AND s.gender IS NOT NULL"),
    columns: &[
        Id,
        Element("gender", "gender", Text),
        Date("birthDate", "birthDate"),
        Sql("postalCode_3", Text, "coalesce(postal.area, 'cumulus__none')"),
        Own("subject_ref"),
        Sql("race_display", Text, "coalesce(ext_race.race_display, 'unknown')"),
        Sql("ethnicity_display", Text, "coalesce(ext_ethnicity.ethnicity_display, 'unknown')"),
    ],
    joins: |rows| {
        let by_id = |name: &str| {
            Join::of_table(name, &format!("patient_{name}"), format!("{name}.id = s.id"))
        };
        vec![
            Join::of_query("postal", postal_code_sql(rows)),
            by_id("ext_race"),
            by_id("ext_ethnicity"),
        ]
    },
};

/// The first three digits of one postal code for each patient: which one is arbitrary, but always
/// the same.
fn postal_code_sql(rows: &SourceElement) -> String {
    let address = rows.get("address");
    match address.list_items("a.address") {
        None => format!("  SELECT {0} AS id, {0} AS area WHERE 1 = 0", Text.null_sql()),
        Some(item) => format!(
            "  SELECT s.id, substr(max({}), 1, 3) AS area\n  FROM patient AS s, UNNEST({}) AS a \
             (address)\n  GROUP BY s.id",
            item.get("postalCode").value_sql(Text),
            address.as_sql()
        ),
    }
}

pub const ENCOUNTER: Resource = Resource {
    fhir: "Encounter",
    about: "Encounters of the patients in `core__patient`, with the patient's age and groups; \
            without encounters that are not loaded completely yet.",
    distinct: Distinct::Table,
    has_status: true,
    keep: Some("incomplete.id IS NULL"),
    columns: &[
        Id,
        Element("status", "status", Text),
        Hidden("class_code", "class.code", Text),
        Hidden("class_system", "class.system", Text),
        Hidden("class_display", "class.display", Text),
        HiddenTime("period_start", "period.start"),
        HiddenTime("period_end", "period.end"),
        Sql("class_code", Text, "coalesce(act.code, s.class_code)"),
        Sql("class_display", Text, "coalesce(act.display, s.class_display)"),
        Concept("type", "dn_type"),
        Concept("serviceType", "dn_servicetype"),
        Concept("priority", "dn_priority"),
        Concept("reasonCode", "dn_reasoncode"),
        Concept("dischargeDisposition", "dn_dischargedisposition"),
        Sql(
            "age_at_visit",
            BigInt,
            // De-identification keeps the year of birth alone, so the birth date is a 1 January. From
            // there Trino's whole years and DuckDB's turns of the year are the same number.
            "date_diff('year', patient.birthDate, CAST(s.period_start AS DATE))",
        ),
        Sql("gender", Text, "patient.gender"),
        Sql("race_display", Text, "patient.race_display"),
        Sql("ethnicity_display", Text, "patient.ethnicity_display"),
        Sql("postalCode_3", Text, "patient.postalCode_3"),
        Time("period_start", "period.start", &[Day]),
        Sql(
            "period_end_day",
            Day_,
            "coalesce(CAST(s.period_end AS DATE), CAST(s.period_start AS DATE))",
        ),
        Time("period_start", "period.start", &[Week, Month, Year]),
        Element("subject_ref", "subject.reference", Text),
        Each("episodeOfCare", &[("reference", "episodeOfCare_ref")]),
        Each("participant", &[("individual.reference", "participant_ref")]),
        Element("serviceProvider_ref", "serviceProvider.reference", Text),
        Own("encounter_ref"),
    ],
    joins: |_| {
        // By code and system: version 2 of HL7 and version 3 have lists of their own.
        let mapped = "mapped.found = s.class_code AND mapped.found_system = s.class_system";
        vec![
            Join::of_table("patient", "patient", "patient.subject_ref = s.subject_ref")
                .drop_unmatched(),
            Join::of_table("incomplete", "incomplete_encounter", "incomplete.id = s.id"),
            Join::of_table("mapped", "fhir_mapping_expected_act_encounter_code_v3", mapped),
            Join::of_table("act", "fhir_act_encounter_code_v3", "act.code = mapped.expected"),
        ]
    },
};

pub const EPISODE_OF_CARE: Resource = Resource {
    fhir: "EpisodeOfCare",
    about: "Episodes, which tie encounters together.",
    distinct: Distinct::Nowhere,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        Element("status", "status", Text),
        Concept("type", "dn_type"),
        Time("period_start", "period.start", ALL),
        Time("period_end", "period.end", ALL),
        Own("episodeofcare_ref"),
        Element("patient_ref", "patient.reference", Text),
    ],
    joins: no_joins,
};

pub const LOCATION: Resource = Resource {
    fhir: "Location",
    about: "Places; `alias` is the name and all aliases in one text.",
    distinct: Distinct::Nowhere,
    has_status: false,
    keep: None,
    columns: &[
        Id,
        IDENTIFIER,
        Element("status", "status", Text),
        Element("name", "name", Text),
        Aliases,
        Concept("type", "dn_type"),
        Own("location_ref"),
        Element("managing_organization_ref", "managingOrganization.reference", Text),
        Element("part_of_ref", "partOf.reference", Text),
    ],
    joins: no_joins,
};

pub const ORGANIZATION: Resource = Resource {
    fhir: "Organization",
    about: "Organizations; `alias` is the name and all aliases in one text.",
    distinct: Distinct::Nowhere,
    has_status: false,
    keep: None,
    columns: &[
        Id,
        IDENTIFIER,
        Element("active", "active", Boolean),
        Concept("type", "dn_type"),
        Element("name", "name", Text),
        Aliases,
        Own("organization_ref"),
        Element("part_of_ref", "partOf.reference", Text),
    ],
    joins: no_joins,
};

const IDENTIFIER: ColumnSpec =
    Each("identifier", &[("value", "identifier_value"), ("system", "identifier_system")]);

pub const PRACTITIONER: Resource = Resource {
    fhir: "Practitioner",
    about: "People who give care.",
    distinct: Distinct::Nowhere,
    has_status: false,
    keep: None,
    columns: &[
        Id,
        IDENTIFIER,
        Element("active", "active", Boolean),
        Concept("qualification_code", "dn_qualification_code"),
        Own("practitioner_ref"),
    ],
    joins: no_joins,
};

pub const PRACTITIONER_ROLE: Resource = Resource {
    fhir: "PractitionerRole",
    about: "The roles of people in organizations, and their places of work.",
    distinct: Distinct::Nowhere,
    has_status: false,
    keep: None,
    columns: &[
        Id,
        IDENTIFIER,
        Element("active", "active", Boolean),
        Concept("code", "dn_code"),
        Concept("specialty", "dn_specialty"),
        Own("practitionerrole_ref"),
        Element("practitioner_ref", "practitioner.reference", Text),
        Element("organization_ref", "organization.reference", Text),
        Each("location", &[("reference", "location_ref")]),
    ],
    joins: no_joins,
};
