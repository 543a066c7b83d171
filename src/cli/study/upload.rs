//! `cumulus-etl study upload`

use clap::Args;

use crate::bulk;
use crate::claim;
use crate::cli::Process;
use crate::cli::declared::Layered;
use crate::cli::logging::LoggingArgs;
use crate::cli::printing::print_result;
use crate::cli::store::StoreArgs;
use crate::error::{CredentialFault, Error, Result};
use crate::http::Secret;
use crate::screen::Allowed;
use crate::share::upload::{self, Aggregator, DEFAULT_URL};
use crate::store::WorkFolder;
use crate::text::escape_lines;
use crate::ui::{choose_form, format_count};

/// Where exports are unless another folder is named.
const DATA_PATH: &str = "./data_export";

/// Options of `study upload`.
#[derive(Args, Debug)]
pub struct UploadArgs {
    /// Folder or bucket that exports were written to
    #[arg(value_name = "DATA_PATH", env = "CUMULUS_LIBRARY_DATA_PATH", default_value = DATA_PATH)]
    data_path: String,
    /// Study whose export to send; may be repeated [default: every export in DATA_PATH]
    #[arg(long, short = 't', value_name = "STUDY")]
    target: Vec<String>,
    /// The site's user name at the Aggregator, from its administrator
    #[arg(long, value_name = "USER", env = "CUMULUS_AGGREGATOR_USER")]
    user: Option<String>,
    /// The site's ID there, which is a password: a file with it, or the ID itself
    ///
    /// On the command line other users of the machine can see it: use a file or the variable.
    #[arg(long, value_name = "ID", env = "CUMULUS_AGGREGATOR_ID", hide_env_values = true)]
    id: Option<Secret>,
    /// The network of sites that the upload belongs to, from the Aggregator's administrator
    ///
    /// It becomes the end of the URL.
    #[arg(long, value_name = "NAME", env = "CUMULUS_AGGREGATOR_NETWORK")]
    network: Option<String>,
    /// The Aggregator's address
    #[arg(long, value_name = "URL", env = "CUMULUS_AGGREGATOR_URL", default_value = DEFAULT_URL)]
    url: String,
    /// Only check the exports and show what would be sent
    ///
    /// It is printed to standard output. No server is asked, and neither user nor ID is needed.
    #[arg(long)]
    preview: bool,
    /// Table that is sent although something in it looks like an anonymous ID: you have looked at
    /// it, and found none; may be repeated
    #[arg(long, value_name = "TABLE")]
    allow_ids: Vec<String>,
    /// Table that is sent although its counts are below 10 somewhere, and its export was not allowed
    /// to: you have looked at it, and may share it; may be repeated
    #[arg(long, value_name = "TABLE")]
    allow_small_cells: Vec<String>,
    /// Local folder for temporary files [default: the system's temporary folder]
    ///
    /// Tables are unpacked there to be checked, one at a time.
    #[arg(long, value_name = "DIR")]
    work_dir: Option<String>,
    #[command(flatten)]
    store: Layered<StoreArgs>,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl UploadArgs {
    /// Checks the exports, and sends them.
    pub fn run(self, process: &Process) -> Result<()> {
        let bars = self.logging.init(&process.console);
        // `without_empty` sees empty variables, not empty arguments: `"$DATA_PATH"` may be one.
        let data = or_default(&self.data_path, DATA_PATH);
        let data = self.store.of_command(process)?.open_folder(data)?;
        let user = self.user.filter(|user| !user.is_empty());
        let id = self.id.filter(|id| !id.expose_text().is_empty());
        let (user, id) = match (user, id) {
            (Some(user), Some(id)) => (user, id.read("--id")?),
            // To look at what would be sent, nobody need be known yet.
            (user, _) if self.preview => (user.unwrap_or("<user>".to_owned()), Secret::new("")),
            (user, _) => return Err(explain_missing(user.is_none())),
        };
        let network = self.network.as_deref().filter(|name| !name.is_empty());
        let aggregator = Aggregator::new(or_default(&self.url, DEFAULT_URL), network, &user, id)?;
        process.handle_signals()?;
        // Not beside the exports: what is unpacked to be looked at may turn out to be patients' data.
        claim::refuse_work_folder(self.work_dir.as_deref(), &process.storage)?;
        let work = WorkFolder::create_apart(self.work_dir.as_deref(), &process.storage)?;
        let allowed = Allowed { ids: self.allow_ids, small_cells: self.allow_small_cells };
        let packages = upload::open_packages(&data, &self.target, &allowed, &work)?;
        if self.preview {
            let text = upload::preview_requests(&aggregator, &packages);
            return print_result(&escape_lines(&text));
        }
        upload::send_packages(&aggregator, &data, &packages, bulk::read_pace(), &bars)?;
        let bytes: u64 = packages.iter().map(upload::Package::size).sum();
        let studies = choose_form(packages.len() as u64, "study", "studies");
        tracing::info!(
            bytes,
            "uploaded {} {studies}, {}; each has a receipt beside it (upload.json)",
            packages.len(),
            format_count(bytes, "byte")
        );
        Ok(())
    }
}

/// A text, unless it is empty: compose files pass unset variables so.
fn or_default<'t>(text: &'t str, default: &'t str) -> &'t str {
    if text.is_empty() { default } else { text }
}

fn explain_missing(user: bool) -> Error {
    let which = if user { "--user" } else { "--id" };
    let message = format!(
        "{which} is needed: give --user and --id, or set CUMULUS_AGGREGATOR_USER and \
         CUMULUS_AGGREGATOR_ID. The Aggregator's administrator gives them to your site"
    );
    Error::new(CredentialFault::IncompleteBasic, message)
}
