//! Options of an export, shared by `etl` and `export`.

use clap::Args;
use figment::value::{Dict, Value};

use super::credentials::read_hosts;
use super::layers::Layers;
use crate::bulk::{ExportSettings, NoteSelection, Since, parse_span, split_filters, to_instant};
use crate::error::Result;

/// Options that say what to export from a FHIR server, and how.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Exports from a FHIR server")]
pub(super) struct ExportingArgs {
    /// Only what changed since then: 2024-08-06, an instant, or auto (the last export's time)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what changed until then; of a date its end
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Resource types, with commas or repeated [default: those of the tables to make]
    #[arg(long = "type", value_name = "LIST")]
    types: Vec<String>,
    /// A search that narrows a type, like Observation?category=laboratory; may be repeated
    #[arg(long, value_name = "QUERY")]
    type_filter: Vec<String>,
    /// Any other parameter of the kick-off, like _elements=id; may be repeated
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
    /// How long a run may wait for the server, to the last file: 90s, 15m, 12h, 30d [default: 30d]
    #[arg(long, value_name = "SPAN")]
    export_timeout: Option<String>,
    /// Keep exported files uncompressed (.ndjson rather than .ndjson.gz)
    #[arg(long)]
    no_compression: bool,
}

/// Options that say which notes to download.
#[derive(Args, Debug, Default)]
pub(super) struct NotesArgs {
    /// Types whose notes to download [default: DiagnosticReport,DocumentReference]
    #[arg(long, value_name = "LIST")]
    inline_resource: Vec<String>,
    /// Media types of notes [default: text/plain,text/html,application/xhtml+xml]
    #[arg(long, value_name = "LIST")]
    inline_mimetype: Vec<String>,
    /// Another host than the server's to download notes from, like files.example.org; may be repeated
    #[arg(long, value_name = "HOST")]
    note_host: Vec<String>,
    /// Downloads at once [default: 5]
    #[arg(long, value_name = "N")]
    max_connections: Option<String>,
}

impl NotesArgs {
    pub(super) fn add_to(&self, flags: &mut Dict) {
        add_lists(
            flags,
            [
                ("inline-resource", &self.inline_resource),
                ("inline-mimetype", &self.inline_mimetype),
                ("note-host", &self.note_host),
            ],
        );
        add_texts(flags, [("max-connections", &self.max_connections)]);
    }

    pub(super) fn read_selection(layers: &mut Layers) -> Result<NoteSelection> {
        let hosts = read_hosts(layers, "note-host");
        let selection =
            NoteSelection::new(layers.list("inline-resource"), layers.list("inline-mimetype"))?;
        Ok(NoteSelection { hosts, ..selection })
    }

    pub(super) fn max_connections(layers: &mut Layers) -> usize {
        layers.number("max-connections", 5).min(64) as usize
    }
}

fn add_lists<const N: usize>(flags: &mut Dict, lists: [(&str, &Vec<String>); N]) {
    for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        flags.insert(key.to_owned(), Value::from(list.clone()));
    }
}

fn add_texts<const N: usize>(flags: &mut Dict, texts: [(&str, &Option<String>); N]) {
    for (key, text) in texts {
        if let Some(text) = text {
            flags.insert(key.to_owned(), Value::from(text.clone()));
        }
    }
}

impl ExportingArgs {
    /// Adds the flags that were given to the uppermost layer.
    pub(super) fn add_to(&self, flags: &mut Dict) {
        add_lists(
            flags,
            [("type", &self.types), ("type-filter", &self.type_filter), ("param", &self.param)],
        );
        add_texts(
            flags,
            [
                ("since", &self.since),
                ("until", &self.until),
                ("resume", &self.resume),
                ("export-timeout", &self.export_timeout),
            ],
        );
        self.notes.add_to(flags);
        for (key, switch) in [
            ("post", self.post),
            ("lenient", self.lenient),
            ("cancel", self.cancel),
            ("inline", self.inline),
            ("no-compression", self.no_compression),
        ] {
            if switch {
                flags.insert(key.to_owned(), Value::from(true));
            }
        }
    }

    /// The settings, from all layers.
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
