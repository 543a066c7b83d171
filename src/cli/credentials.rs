//! Credentials for a FHIR server, as options of several commands.

use clap::Args;

use super::layers::Layers;
use crate::http::{AllowedServers, Credentials, HostName, Secret};

/// Options that say who this program is to a FHIR server.
#[derive(Args)]
#[command(next_help_heading = "Credentials for a FHIR server")]
pub(super) struct CredentialArgs {
    /// The ID that this client is registered by (SMART Backend Services), or a file with it
    #[arg(long, value_name = "ID")]
    smart_client_id: Option<String>,
    /// The client's private key: a file with a JWK Set, a JWK or PEM, or its text
    #[arg(long, value_name = "KEY")]
    smart_key: Option<Secret>,
    /// Another name of `--smart-key`
    #[arg(long, value_name = "KEY", conflicts_with = "smart_key")]
    smart_jwks: Option<Secret>,
    /// The user of Basic authentication
    #[arg(long, value_name = "USER")]
    basic_user: Option<String>,
    /// A file with the user's password (better), or the password itself
    #[arg(long, value_name = "PASSWORD")]
    basic_passwd: Option<Secret>,
    /// A file with an access token (better), or the token itself
    #[arg(long, value_name = "TOKEN")]
    bearer_token: Option<Secret>,
    /// Where access tokens are [default: where the server says]
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// The scopes to ask for, separated by blanks [default: to read the types that are wanted]
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// Other hosts of the server, like `files.example.org` or `files.example.org:8443`, which may see
    /// the access token too; with commas or repeated
    #[arg(long, value_name = "HOST")]
    token_host: Vec<String>,
    /// Where the server's URL is `https`: ask `http` URLs too that the server names, with a warning and
    /// without credentials
    #[arg(long)]
    allow_http: bool,
}

impl CredentialArgs {
    /// The settings of all layers together.
    pub(super) fn read_credentials(layers: &mut Layers) -> Credentials {
        Credentials {
            smart_client_id: layers.text("smart-client-id"),
            smart_key: layers.either("smart-key", "smart-jwks").map(Secret::new),
            basic_user: layers.text("basic-user"),
            basic_passwd: layers.text("basic-passwd").map(Secret::new),
            bearer_token: layers.text("bearer-token").map(Secret::new),
            token_url: layers.text("token-url"),
            scope: layers.text("scope"),
            allowed: AllowedServers {
                http: layers.switch("allow-http"),
                token_hosts: read_hosts(layers, "token-host"),
                // Messages may name --allow-http and --token-host: commands with these credentials
                // have them.
                has_options: true,
            },
        }
    }
}

/// A list of hosts; complains about texts that are no hosts.
pub(super) fn read_hosts(layers: &mut Layers, key: &str) -> Vec<HostName> {
    let (mut hosts, mut problems) = (Vec::new(), Vec::new());
    for text in layers.list(key) {
        match text.parse() {
            Ok(host) => hosts.push(host),
            Err(problem) => problems.push(format!("--{key}: {problem}")),
        }
    }
    problems.into_iter().for_each(|problem| layers.complain(problem));
    hosts
}
