//! The records of former runs about OUTPUT: which codebook its anonymous IDs are of.

use serde_json::{Map, Value};

use crate::claim::{JOB_CONFIG, RUN_RECORD};
use crate::deid::{CODEBOOK, Codebook};
use crate::error::{Error, FolderFault, Result};
use crate::store::Folder;

/// Refuses a PHI folder other than the one that OUTPUT was begun with: all IDs would change.
pub(super) fn check_codebook(output: &Folder, phi: &Folder) -> Result<()> {
    let Some(config) = newest_config(output)? else { return Ok(()) };
    let Some(expected) = config.get("codebook_id").and_then(Value::as_str) else { return Ok(()) };
    // A PHI folder without a codebook is another one; don't begin one there.
    let found = Codebook::id_in(phi)?;
    if found.as_deref() == Some(expected) {
        return Ok(());
    }
    let found = match &found {
        Some(id) => format!("has the codebook {id}"),
        None if phi.read(CODEBOOK)?.is_some() => "has a codebook without an ID".to_owned(),
        None => "has no codebook".to_owned(),
    };
    Err(Error::new(
        FolderFault::OtherPhi,
        format!(
            "The output folder '{output}' was made with another PHI folder ('{}') than '{phi}': \
             with the codebook {expected}, and '{phi}' {found}. Is the PHI folder mounted there, \
             in a container, too? Always use the same one for an output folder: with another, \
             every patient would get a second anonymous ID",
            config.get("dir_phi").and_then(Value::as_str).unwrap_or("unknown")
        ),
    ))
}

/// Refuses to put rows of one codebook into an output folder of another.
pub(super) fn check_same_codebook(from: &Folder, target: &Folder) -> Result<()> {
    let id = |folder: &Folder| -> Result<Option<String>> {
        let config = newest_config(folder)?;
        Ok(config.and_then(|c| Some(c.get("codebook_id")?.as_str()?.to_owned())))
    };
    match (id(from)?, id(target)?) {
        (Some(one), Some(other)) if one != other => Err(Error::new(
            FolderFault::OtherPhi,
            format!(
                "'{from}' and '{target}' were made with different PHI folders: the same patient \
                 has another anonymous ID in each. Convert into a folder of its own"
            ),
        )),
        _ => Ok(()),
    }
}

/// The newest `job_config.json` below `output`, if there is one.
fn newest_config(output: &Folder) -> Result<Option<Map<String, Value>>> {
    let root = output.child(JOB_CONFIG);
    let (runs, _) = root.list_direct()?;
    // The names are times (`run_stamp::name_run`) and sorted: the last one is of the newest run.
    for run in runs.iter().rev() {
        // A run that died right after its start leaves a record without content.
        let bytes = root.child(run).read(RUN_RECORD)?.unwrap_or_default();
        match serde_json::from_slice::<Map<String, Value>>(&bytes) {
            Ok(config) if config.contains_key("codebook_id") => return Ok(Some(config)),
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output_of(name: &str, codebook_id: &str) -> Folder {
        let output = Folder::open(&format!("memory://former-runs/{name}")).unwrap();
        let record = format!(r#"{{"codebook_id": "{codebook_id}", "dir_phi": "/phi"}}"#);
        let runs = output.child(JOB_CONFIG);
        runs.child("2024-01-01__00.00.00").write("job_config.json", record).unwrap();
        // One that died when it had just begun.
        runs.child("2024-01-02__00.00.00").write("job_config.json", "{}").unwrap();
        output
    }

    #[test]
    fn another_codebook_than_that_of_former_runs_is_refused() {
        let phi = Folder::open("memory://former-runs/phi").unwrap();
        let own = output_of("without-codebook", "other");
        let error = check_codebook(&own, &phi).unwrap_err();
        assert!(error.to_string().contains("has no codebook"), "{error}");
        let codebook = Codebook::open(&phi).unwrap();
        check_codebook(&output_of("same", codebook.id()), &phi).unwrap();
        let error = check_codebook(&own, &phi).unwrap_err();
        assert_eq!(error.kind(), FolderFault::OtherPhi.into());
        check_codebook(&Folder::open("memory://former-runs/new").unwrap(), &phi).unwrap();
    }

    #[test]
    fn rows_of_two_codebooks_do_not_come_together() {
        let (one, same) = (output_of("one", "a"), output_of("same-as-one", "a"));
        check_same_codebook(&one, &same).unwrap();
        let error = check_same_codebook(&one, &output_of("another", "b")).unwrap_err();
        assert_eq!(error.kind(), FolderFault::OtherPhi.into());
        check_same_codebook(&one, &Folder::open("memory://former-runs/empty").unwrap()).unwrap();
    }
}
