//! How an export begins: taken up where another run has left it, or with a kick-off.

use chrono::Utc;
use tracing::{info, warn};

use super::request::KickOff;
use super::state::{Phase, Site, State};
use super::{Narrowing, Options, Since, kickoff, shown};
use crate::error::{Error, Exit, Result};
use crate::http::{Capabilities, Client, show_url};

/// The export that was interrupted, if it is the one that is asked for.
pub(super) fn take_up(
    options: &Options,
    site: &Site,
    state: State,
    fingerprint: &str,
) -> Result<State> {
    let same = match &options.resume {
        Some(url) => state.status_url == url.as_str(),
        None => state.fingerprint == fingerprint,
    };
    let folder = site.path().display();
    if same {
        info!("Taking up the export of {} in '{folder}'", state.started);
        return Ok(state);
    }
    Err(Error::new(
        Exit::FolderNotEmpty,
        format!(
            "'{folder}' holds an interrupted export of another request. Give the options that it \
             was begun with to take it up, --cancel to end it, or name another folder"
        ),
    ))
}

pub(super) fn not_empty(site: &Site) -> Error {
    let message = format!(
        "'{}' is not empty: an export goes to an empty or a new folder. If this is a complete \
         export, give the folder as INPUT",
        site.path().display()
    );
    Error::new(Exit::FolderNotEmpty, message)
}

/// Kicks off, or takes a status URL from the user; it is on the disk when this returns.
pub(super) async fn begin(
    client: &Client,
    options: &Options,
    site: &Site,
    fingerprint: &str,
) -> Result<State> {
    let url = match &options.resume {
        Some(url) => url.clone(),
        None => {
            let capabilities = client.capabilities().await;
            if let Err(error) = &capabilities {
                tracing::debug!("the server's CapabilityStatement: {error}");
            }
            let capabilities = capabilities.ok();
            let narrowing = supported(&options.narrowing, capabilities)?;
            warn_of_times(&narrowing);
            let kickoff = KickOff::new(&options.target, &narrowing, options.post);
            info!("Asking {} for an export", show_url(&options.target.export_url()));
            kickoff::kick_off(client, options, &kickoff, capabilities, site).await?
        }
    };
    let state = State {
        fingerprint: fingerprint.to_owned(),
        status_url: url.to_string(),
        started: Utc::now().to_rfc3339(),
        phase: Phase::Running,
        files: Vec::new(),
        transaction_time: None,
    };
    site.write(&state)?;
    info!("The export runs at {}", shown(client, &url));
    Ok(state)
}

/// Leaves out types that the server does not have.
fn supported(narrowing: &Narrowing, capabilities: Option<&Capabilities>) -> Result<Narrowing> {
    let mut narrowing = narrowing.clone();
    let Some(capabilities) = capabilities else { return Ok(narrowing) };
    let (has, lacks): (Vec<_>, Vec<_>) =
        narrowing.types.into_iter().partition(|name| capabilities.has(name));
    if !lacks.is_empty() {
        warn!("the server does not have {}, which are left out", lacks.join(", "));
    }
    if has.is_empty() {
        let message = "the server has none of the resource types that were asked for (--type, \
                       --task); its CapabilityStatement (BASE/metadata) lists those that it has";
        return Err(Error::new(Exit::ResourcesMissing, message));
    }
    narrowing.types = has;
    Ok(narrowing)
}

fn warn_of_times(narrowing: &Narrowing) {
    let times = [("--since", &narrowing.since), ("--until", &narrowing.until)];
    for (name, _) in times.iter().filter(|(_, time)| time.is_some()) {
        warn!(
            "{name}: few servers keep to it, and some take it for another time than that of the \
             last change; see that the result is what you expect"
        );
    }
}

/// Of the request as the user has it: what is worked out may be another the next time.
pub(super) fn fingerprint(options: &Options) -> String {
    let mut asked = options.narrowing.clone();
    if let Some(Since::Auto) = options.since {
        asked.since = Some("auto".to_owned());
    }
    KickOff::new(&options.target, &asked, options.post).fingerprint
}
