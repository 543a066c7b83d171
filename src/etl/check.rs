//! `--check`: whether a run would work, and what it would do. No row is read beyond a file's
//! first, and nothing stays written.

use tracing::{info, warn};
use uuid::Uuid;

use super::config::EtlConfig;
use super::folders::RunFolders;
use super::former_runs::check_codebook;
use super::run_input::{RunInput, ServerInput};
use super::scan::ScannedInput;
use super::settings::{SettingsInForce, show_url};
use super::{phi, plan};
use crate::bulk;
use crate::deid::Codebook;
use crate::error::{Error, FolderFault, Result, RunFault, SettingsFault};
use crate::output::layout;
use crate::store::{Folder, Mounts};
use crate::ui::{Bars, format_count};

/// Bytes that are written to see whether that works.
const TRIAL: usize = 4096;

/// Checks settings, credentials, access to the three locations, and the codebook.
///
/// # Errors
/// One of the things that would go wrong; the others have been said before.
pub fn check_settings(config: &EtlConfig) -> Result<()> {
    let selected = plan::select_types(config)?;
    let folders = RunFolders::open_all(config)?;
    let uses = folders.refuse_other_uses();
    let RunFolders { input, output, phi, errors_to: _ } = folders;
    let formats: Vec<_> = config.output_format.iter().map(|format| format.name()).collect();

    let (found, kept) = match &input {
        RunInput::Folder(folder) => (read_input(config, &selected, folder), Ok(())),
        RunInput::Server(server) => {
            (ask_server(config, &selected, server), check_export_folder(config, &selected, server))
        }
    };
    let layout = check_layout(config, &output, found.as_deref().ok());
    let found = found.map(|_| ());
    let written = try_to_write(&output).map(|()| {
        info!("OUTPUT '{output}' can be written; tables will be {}", formats.join(", "));
    });
    let secret = try_to_write(&phi).and_then(|()| check_phi(config, &output, &phi));
    let space = check_work_folder(config, &phi);

    let failed = [found, layout, written, secret, space, kept, uses];
    let failed = failed.into_iter().filter_map(Result::err);
    let mut failed: Vec<Error> = failed.collect();
    // The last one is told by the process itself, as it ends.
    let Some(last) = failed.pop() else {
        info!("A run would begin; nothing was changed");
        return Ok(());
    };
    failed.iter().for_each(|error| warn!("{error:#}"));
    Err(last)
}

/// Which tables there would be, of what. Gives their names.
fn read_input(
    config: &EtlConfig,
    selected: &[&'static str],
    folder: &Folder,
) -> Result<Vec<String>> {
    let settings = SettingsInForce::of_run(config, config.threads, false);
    let scanned = ScannedInput::scan_folder(&settings, selected, folder)?;
    scanned.tell_of_notes(&settings);
    let ScannedInput { deletes, tables, export, .. } = scanned;
    info!("INPUT '{folder}' can be read: Group '{}', exported {}", export.group, export.time);
    for table in &tables {
        let deletes = deletes.by_type.get(table.r4.name).map_or(0, |ids| ids.len());
        info!(
            "{}: {}, {}, {}",
            table.name,
            format_count(table.files.len() as u64, "file"),
            format_count(table.input_bytes(), "byte"),
            format_count(deletes as u64, "delete"),
        );
    }
    Ok(tables.into_iter().map(|table| table.name).collect())
}

/// Whether OUTPUT takes these tables, where it is known which they are, in the formats of the run.
fn check_layout(config: &EtlConfig, output: &Folder, tables: Option<&[String]>) -> Result<()> {
    let tables: Vec<_> = tables.unwrap_or_default().iter().map(String::as_str).collect();
    let formats = &config.output_format;
    let checked = layout::warn_of_second_set(output, formats)
        .and_then(|()| layout::refuse_others(output, formats, &plan::with_completion(&tables)));
    // `try_to_write` says what is wrong with the folder itself.
    match checked {
        Err(error) if error.is_kind(FolderFault::Claimed) => Err(error),
        _ => Ok(()),
    }
}

/// Whether the server accepts the credentials, and what it would be asked for. Gives the names of
/// tables.
fn ask_server(
    config: &EtlConfig,
    selected: &[&'static str],
    server: &ServerInput,
) -> Result<Vec<String>> {
    let options = server.export_options(config, selected, &Bars::default())?;
    let client = server.make_client(config, &options)?;
    let asked = config.storage.block_on(async {
        client.authorize().await?;
        client.capabilities().await.map(|_| ())
    });
    asked.map_err(|error| error.into_error(RunFault::ExportIncomplete))?;
    let types = options.narrowing.types.join(", ");
    info!("INPUT '{}' accepts the credentials; {types} would be exported", show_url(&config.input));
    Ok(options.narrowing.types.iter().map(|name| name.to_lowercase()).collect())
}

/// Whether the exported files can be kept where the user wants them.
fn check_export_folder(
    config: &EtlConfig,
    selected: &[&'static str],
    server: &ServerInput,
) -> Result<()> {
    let Some(folder) = &server.keep else { return Ok(()) };
    try_to_write(folder)?;
    let options = server.export_options(config, selected, &Bars::default())?;
    folder.local().map_or(Ok(()), |path| bulk::check_folder(&options, path))
}

/// Whether the codebook can be used, and belongs to OUTPUT.
fn check_phi(config: &EtlConfig, output: &Folder, phi: &Folder) -> Result<()> {
    let found = Codebook::look(phi)?;
    check_codebook(output, phi)?;
    phi::refuse_new_codebook(phi, config.new_codebook, &Mounts::of_process())?;
    phi::tighten_rights(phi, true);
    match found {
        Some(codebook) => info!("PHI '{phi}' has the codebook {}", codebook.id()),
        None => info!("PHI '{phi}' has no codebook; a run makes one"),
    }
    Ok(())
}

/// Whether there is a place for temporary files.
fn check_work_folder(config: &EtlConfig, phi: &Folder) -> Result<()> {
    let place = match &config.work_dir {
        Some(named) => config.storage.open_folder(named)?,
        None if phi.local().is_some() => return Ok(()),
        None => config.storage.open_local(&std::env::temp_dir())?,
    };
    if place.local().is_none() {
        let message = format!("--work-dir must be a local folder, not '{place}'");
        return Err(Error::new(SettingsFault::InvalidValue, message));
    }
    try_to_write(&place)
}

/// Writes something and removes it; where there is no such folder yet, in the one that a run
/// would make it in.
fn try_to_write(folder: &Folder) -> Result<()> {
    let name = format!(".cumulus-etl-check-{}", Uuid::new_v4().simple());
    let nearest = folder.nearest_existing()?;
    // To list is a right of its own, in buckets and on a disk, and a run needs it.
    nearest.list_direct()?;
    // With content: a full disk has room for names.
    if nearest.write_new(&name, " ".repeat(TRIAL))? {
        nearest.remove(&name)?;
    }
    Ok(())
}
