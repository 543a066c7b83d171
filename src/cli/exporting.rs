//! Options of an export, shared by `etl` and `export`.

use clap::Args;

use super::credentials::read_hosts;
use super::layers::Layers;
use crate::bulk::{
    ExportSettings, NOTE_MIMETYPES, NOTE_RESOURCES, NoteSelection, Since, parse_span,
    split_filters, to_instant,
};
use crate::error::Result;

/// The heading of options for exports, in `--help` and in the reference.
pub(super) const EXPORTS: &str = "Exports from a FHIR server";

/// Options that say what to export from a FHIR server, and how.
#[derive(Args)]
#[command(next_help_heading = EXPORTS)]
pub(super) struct ExportingArgs {
    /// Only what changed since then: `2024-08-06`, an instant, or `auto`: since the last export of the
    /// same thing
    ///
    /// Few servers keep to it.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what changed until then; of a date its end
    ///
    /// Few servers keep to it.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Resource types to export, with commas or repeated [default: those of the tables to make]
    ///
    /// Upper or lower case. A list is always sent. Of the types of tables, those that the server's
    /// CapabilityStatement does not list are left out with a warning, and get neither table nor
    /// completion row. Types that you name, here or as `_type` in `--param` or in the URL, are asked
    /// for all the same.
    #[arg(long = "type", value_name = "LIST")]
    types: Vec<String>,
    /// A search that narrows a type, like `Observation?category=laboratory`; may be repeated
    #[arg(long, value_name = "QUERY")]
    type_filter: Vec<String>,
    /// Any other parameter of the kick-off, like `_elements=id`; may be repeated
    ///
    /// Values of the same name become a list.
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Send the parameters as a body (POST)
    #[arg(long)]
    post: bool,
    /// Ask the server to overlook parameters that it does not know
    #[arg(long)]
    lenient: bool,
    /// Take up a running export by its status URL
    #[arg(long, value_name = "URL")]
    resume: Option<String>,
    /// End the interrupted export, on the server and here
    #[arg(long)]
    cancel: bool,
    /// Download clinical notes after the export
    #[arg(long)]
    inline: bool,
    #[command(flatten)]
    notes: NotesArgs,
    /// How long a run may wait for the server, from the kick-off to the last file: `90s`, `15m`,
    /// `12h`, `30d`
    ///
    /// The next run has as long again.
    #[arg(long, value_name = "SPAN")]
    #[arg(default_value_t = format!("{}d", ExportSettings::TIMEOUT_DAYS))]
    export_timeout: String,
    /// Keep exported files as `.ndjson` rather than `.ndjson.gz`
    #[arg(long)]
    no_compression: bool,
}

/// Options that say which notes to download.
#[derive(Args)]
pub(super) struct NotesArgs {
    #[arg(long, value_name = "LIST")]
    #[arg(help = describe_list("Types whose notes to download", &NOTE_RESOURCES))]
    inline_resource: Vec<String>,
    #[arg(long, value_name = "LIST")]
    #[arg(help = describe_list("Media types of notes to download", &NOTE_MIMETYPES))]
    inline_mimetype: Vec<String>,
    /// Other hosts than the server's that notes are downloaded from, like `files.example.org`; with
    /// commas or repeated
    #[arg(long, value_name = "HOST")]
    note_host: Vec<String>,
    /// Downloads that are under way together, 64 at most
    ///
    /// Fewer are used while the server says that it is busy.
    #[arg(long, value_name = "N", default_value_t = ExportSettings::MAX_CONNECTIONS.to_string())]
    max_connections: String,
}

/// The help of a list. Its default is shown as one can write it: with commas.
fn describe_list(what: &str, default: &[&str]) -> String {
    format!("{what}, with commas or repeated [default: `{}`]", default.join(","))
}

impl NotesArgs {
    pub(super) fn read_selection(layers: &mut Layers) -> Result<NoteSelection> {
        let hosts = read_hosts(layers, "note-host");
        let selection =
            NoteSelection::new(layers.list("inline-resource"), layers.list("inline-mimetype"))?;
        Ok(NoteSelection { hosts, ..selection })
    }

    pub(super) fn max_connections(layers: &mut Layers) -> usize {
        layers
            .number("max-connections")
            .map_or(ExportSettings::MAX_CONNECTIONS, |n| n.min(64) as usize)
    }
}

impl ExportingArgs {
    /// The settings of all layers together.
    pub(super) fn read_settings(layers: &mut Layers) -> Result<ExportSettings> {
        let mut time = |key: &str, end_of_day| {
            let text = layers.text(key)?;
            let parsed = to_instant(&text, end_of_day);
            if parsed.is_none() && !(key == "since" && text == "auto") {
                layers.complain(format!(
                    "--{key} '{text}' is not a time; write it like 2024-08-06 or \
                     2024-08-06T18:12:57Z"
                ));
            }
            parsed
        };
        let (since, until) = (time("since", false), time("until", true));
        // Known only later: it is the time of the last export in the log of the folder.
        let auto = layers.text("since").is_some_and(|text| text == "auto");
        let defaults = ExportSettings::default();
        let timeout = match layers.text("export-timeout") {
            None => defaults.timeout,
            Some(text) => parse_span(&text).unwrap_or_else(|| {
                layers.complain("--export-timeout must be a span like 90s, 15m, 12h or 30d");
                defaults.timeout
            }),
        };
        let mut params = Vec::new();
        for text in layers.texts("param") {
            match text.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    params.push((name.trim().to_owned(), value.to_owned()));
                }
                // Not shown: it may be a patient.
                _ => layers.complain("--param must be like NAME=VALUE"),
            }
        }
        let filters = layers.texts("type-filter");
        let inline = layers.switch("inline");
        let selection = NotesArgs::read_selection(layers)?;
        Ok(ExportSettings {
            since: if auto { Some(Since::Auto) } else { since.map(Since::Time) },
            until,
            types: layers.list("type"),
            type_filters: filters.iter().flat_map(|text| split_filters(text)).collect(),
            params,
            post: layers.switch("post"),
            lenient: layers.switch("lenient"),
            resume: layers.text("resume"),
            cancel: layers.switch("cancel"),
            inline: inline.then_some(selection),
            max_connections: NotesArgs::max_connections(layers),
            timeout,
            no_compression: layers.switch("no-compression"),
            export_to: layers.text("export-to"),
        })
    }
}
