//! Tables of a study that no build and no cleaning removes.
//!
//! Some are dear: a site has paid a language model for `<study>__nlp_…`. Others record the tables that
//! builds have made, `<study>__lib_…`, or the data that the main job has loaded. Their names say so.

/// Parts of names that protect a table.
// Cumulus Library 6.3 protects `lib` and `etl`. Earlier releases, and its documentation still, protect
// `nlp` as well.
const PROTECTED: [&str; 3] = ["nlp", "lib", "etl"];

/// Studies whose tables everyone may look up: they hold terms of a vocabulary, and no patients.
pub const VOCABULARIES: [&str; 3] = ["umls", "rxnorm", "loinc"];

/// Whether a table, by its whole name in any case, stays whatever a study does.
pub fn is_protected(table: &str) -> bool {
    let name = table.to_lowercase();
    PROTECTED
        .iter()
        .any(|part| name.contains(&format!("__{part}_")) || name.ends_with(&format!("__{part}")))
}

/// Why a study can't make, or change, a table of this whole name, if it can't.
pub fn name_fault(table: &str) -> Option<String> {
    if is_protected(table) {
        return Some(format!(
            "{table} is protected: no study makes, changes or drops tables whose names have __nlp_, \
             __lib_ or __etl_ in them"
        ));
    }
    let rest = table.split_once("__").map_or(table, |(_, rest)| rest);
    // The first `__` ends the prefix, by which studies are told apart. Cumulus Library refuses a second one.
    (rest.contains("__") || rest.is_empty()).then(|| {
        format!("{table} is no table's name: '__' is there once, after the study's prefix")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_tables_are_told_by_their_names() {
        for name in [
            "irae__nlp_x_gpt4o",
            "irae__NLP_x",
            "core__lib_transactions",
            "s__lib",
            "s__etl_x",
            "S__ETL",
            "s__a__nlp_b",
            "s__nlp__x",
        ] {
            assert!(is_protected(name), "{name}");
            assert!(name_fault(name).is_some(), "{name}");
        }
        for name in ["s__nlpx", "s__library", "nlp_s__x", "s__x_nlp", "s__x_lib_y", "lib__x"] {
            assert!(!is_protected(name), "{name}");
            assert_eq!(name_fault(name), None, "{name}");
        }
        assert!(name_fault("s__a__b").unwrap().contains("once"));
        assert!(name_fault("s__").is_some());
    }
}
