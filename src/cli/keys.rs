//! `cumulus-etl keys new DIR`, `cumulus-etl keys show KEY`

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use clap::{Args, Subcommand, ValueEnum};
use tracing::info;

use super::Process;
use super::logging::LoggingArgs;
use super::printing::print_result;
use crate::claim::{self, Role};
use crate::error::{Context, Error, FolderFault, Result, SettingsFault};
use crate::http::Secret;
use crate::http::smart::{Algorithm, PrivateKey};
use crate::store::Folder;

/// The file that stays.
const PRIVATE: &str = "private.jwks";
/// The file that the server gets.
const PUBLIC: &str = "public.jwks";

/// Options of `keys`.
#[derive(Args, Debug)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a new key pair: private.jwks for --smart-key, public.jwks for the server
    New {
        /// Folder for the two files; made if it is not there
        #[arg(value_name = "DIR")]
        dir: String,
        /// Algorithm of the key's signatures
        #[arg(long, value_name = "ALG", default_value = "RS384", ignore_case = true)]
        alg: Alg,
        #[command(flatten)]
        logging: LoggingArgs,
    },
    /// Print the public half of a key, as a JWK Set for the server
    Show {
        /// A file with a JWK Set, JWK or PEM private key
        #[arg(value_name = "KEY")]
        key: Secret,
        #[command(flatten)]
        logging: LoggingArgs,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Alg {
    /// RSA, 3072 bits: all servers take it
    #[value(name = "RS384")]
    Rs384,
    /// elliptic curve P-384
    #[value(name = "ES384")]
    Es384,
}

impl KeysArgs {
    /// Does what the command line says.
    pub fn run(self, process: &Process) -> Result<()> {
        match self.command {
            KeysCommand::New { dir, alg, logging } => {
                logging.init(&process.console);
                process.handle_signals()?;
                let algorithm = match alg {
                    Alg::Rs384 => Algorithm::Rs384,
                    Alg::Es384 => Algorithm::Es384,
                };
                make_keys(&process.storage.open_folder(&dir)?.private(), algorithm)
            }
            KeysCommand::Show { key, logging } => {
                logging.init(&process.console);
                show_public_key(key.expose_text())
            }
        }
    }
}

fn make_keys(folder: &Folder, algorithm: Algorithm) -> Result<()> {
    if folder.local().is_none() {
        let message = format!("'{folder}' is no local folder; keys are made where they are used");
        return Err(Error::new(SettingsFault::InvalidValue, message));
    }
    claim::refuse_claimed(folder, "DIR", &[Role::Output])?;
    claim::refuse_inside(folder, "DIR", Role::Output)?;
    let taken = |name: &str| {
        let message = format!(
            "'{}' is there already, and is not overwritten: a server may know that key. Name \
             another folder",
            folder.show(name)
        );
        Error::new(FolderFault::NotEmpty, message)
    };
    let path = |name: &str| folder.local().map(|local| local.join(name));
    if let Some(name) = [PRIVATE, PUBLIC]
        .into_iter()
        // Not `exists`, which says no of a link that leads nowhere: it is somebody's all the same.
        .find(|n| path(n).is_some_and(|p| p.symlink_metadata().is_ok()))
    {
        return Err(taken(name));
    }
    folder.create()?;
    let key = PrivateKey::generate_key(algorithm)?;
    let public = format!("{:#}\n", key.public_jwks()?);
    let private = key.private_jwks()?;
    // The private half first: where the second file fails, `keys show` makes the public half of it.
    for (name, text) in [(PRIVATE, private.as_str()), (PUBLIC, &public)] {
        if !folder.write_new(name, text.to_owned())? {
            return Err(taken(name));
        }
        if let Some(path) = path(name) {
            // The rights that the umask has left of it.
            fs::set_permissions(&path, Permissions::from_mode(0o600))
                .with_context(|| format!("cannot set the rights of '{}'", path.display()))?;
        }
    }
    info!(
        "made a key for {} in '{folder}': register {PUBLIC} with the server, keep {PRIVATE} to \
         yourself and name it with --smart-key",
        algorithm.name(),
    );
    Ok(())
}

fn show_public_key(key: &str) -> Result<()> {
    let key = PrivateKey::read_option("KEY", key)?;
    print_result(&format!("{:#}\n", key.public_jwks()?))
}
