//! `s3://`: AWS and servers like it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::aws::{
    AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, Checksum, S3ConditionalPut,
};
use object_store::{ClientOptions, CredentialProvider, HeaderValue};
use tokio::sync::Mutex;
use tracing::warn;
use url::Url;

use super::StoreRuntime;
use super::listings::PlainListings;
use super::options::{self, StoreOptions};
use super::profile::unreadable_profile;
use crate::error::{Context, Error, Result, SettingsFault};

/// The region where none is named: that of Cumulus ETL, which this program succeeds.
const DEFAULT_REGION: &str = "us-east-1";
/// Credentials are renewed when they are valid for less than this.
const RENEW: Duration = Duration::from_secs(5 * 60);

/// Variables for what few need; `object_store` knows their values.
const VARIABLES: [(&str, AmazonS3ConfigKey); 5] = [
    ("AWS_SKIP_SIGNATURE", AmazonS3ConfigKey::SkipSignature),
    ("AWS_REQUEST_PAYER", AmazonS3ConfigKey::RequestPayer),
    ("AWS_CHECKSUM_ALGORITHM", AmazonS3ConfigKey::Checksum),
    ("AWS_UNSIGNED_PAYLOAD", AmazonS3ConfigKey::UnsignedPayload),
    ("AWS_S3_EXPRESS", AmazonS3ConfigKey::S3Express),
];

/// The parts that all buckets of a run share.
pub(super) struct Aws {
    region: String,
    endpoint: Option<Url>,
    credentials: Arc<Chain>,
}

impl Aws {
    /// Reads the environment and the profile; asks no server.
    pub fn load_aws(options: &StoreOptions, runtime: &StoreRuntime) -> Result<Self> {
        let config = runtime.block_on(async {
            let region = RegionProviderChain::first_try(options.s3_region.clone().map(Region::new))
                .or_else(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::new())
                .or_else(Region::from_static(DEFAULT_REGION));
            let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).region(region);
            if let Some(profile) = &options.aws_profile {
                loader = loader.profile_name(profile);
            }
            loader.load().await
        });
        let region = config.region().map_or(DEFAULT_REGION, Region::as_ref).to_owned();
        let credentials = Arc::new(Chain::new(&config)?);
        Ok(Self { region, endpoint: find_endpoint(options, &config)?, credentials })
    }

    /// Where buckets are, as messages show it.
    pub fn shown_endpoint(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("endpoint {endpoint}, region {}", self.region),
            None => format!("region {}", self.region),
        }
    }

    /// Whether it is AWS itself that is asked.
    pub fn is_aws(&self) -> bool {
        // AWS has conditional writes everywhere (since 2024).
        // Others are asked first (`Guarded::check_overwrite`).
        let host = self.endpoint.as_ref().map(|url| url.host_str().unwrap_or_default());
        host.is_none_or(|host| {
            host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
        })
    }

    pub fn open_bucket(&self, bucket: &str, given: &StoreOptions) -> Result<AmazonS3> {
        let mut client = ClientOptions::new().with_timeout(options::request_timeout());
        let agent = concat!("cumulus-etl/", env!("CARGO_PKG_VERSION"));
        client = client.with_user_agent(HeaderValue::from_static(agent));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&self.region)
            .with_credentials(self.credentials.clone())
            // Leases and commits depend on `If-Match` and `If-None-Match`.
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_http_connector(PlainListings);
        for (name, key) in VARIABLES {
            if let Some(value) = read_variable(name) {
                builder = builder.with_config(key, value);
            }
        }
        let virtual_hosted = read_variable("AWS_VIRTUAL_HOSTED_STYLE_REQUEST")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        match &self.endpoint {
            Some(endpoint) => {
                let mut endpoint = endpoint.clone();
                // The library refuses http otherwise. `find_endpoint` has warned about it.
                client = client.with_allow_http(endpoint.scheme() == "http");
                if virtual_hosted {
                    // For an endpoint the library leaves it to the caller
                    // to put the bucket into the host's name.
                    let host = format!("{bucket}.{}", endpoint.host_str().unwrap_or_default());
                    endpoint.set_host(Some(&host)).with_context(|| {
                        format!("the bucket '{bucket}' cannot be a part of the endpoint's name")
                    })?;
                }
                builder = builder
                    .with_endpoint(endpoint.as_str().trim_end_matches('/'))
                    .with_virtual_hosted_style_request(virtual_hosted);
            }
            // AWS's certificates don't cover names with dots.
            None => builder = builder.with_virtual_hosted_style_request(!bucket.contains('.')),
        }
        if let Some(key) = &given.s3_kms_key {
            builder = builder.with_sse_kms_encryption(key);
        }
        if given.s3_checksums {
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        builder.with_client_options(client).build().map_err(|error| {
            let names = VARIABLES.map(|(name, _)| name).join(", ");
            let message = format!("'s3://{bucket}' cannot be used: {error} (see {names})");
            Error::new(SettingsFault::InvalidValue, message)
        })
    }
}

fn read_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn find_endpoint(options: &StoreOptions, config: &SdkConfig) -> Result<Option<Url>> {
    let given = options.s3_endpoint.clone().or_else(|| read_variable("AWS_ENDPOINT_URL_S3"));
    let Some(text) = given.or_else(|| config.endpoint_url().map(str::to_owned)) else {
        return Ok(None);
    };
    let invalid = || {
        Error::new(
            SettingsFault::InvalidValue,
            "--s3-endpoint must be a URL like https://s3.example.org or http://minio:9000, \
             without user, password or query",
        )
    };
    let url = Url::parse(&text).map_err(|_| invalid())?;
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !bare || !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid());
    }
    // A server on this machine (MinIO in tests, a sidecar) sends nothing over a network.
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !loopback {
        warn!("{url} is not encrypted: patients' data can be read on the way there");
    }
    Ok(Some(url))
}

/// The AWS SDK's chain of credentials (environment, profiles and SSO, web identity, ECS, EC2),
/// asked again before they run out.
struct Chain {
    provider: Option<SharedCredentialsProvider>,
    held: Mutex<Option<HeldCredential>>,
}

struct HeldCredential {
    credential: Arc<AwsCredential>,
    until: Option<SystemTime>,
}

impl Chain {
    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self { provider: config.credentials_provider(), held: Mutex::new(None) })
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // Held while the provider is asked: of many requests that find the
        // credentials run out, one asks and the others wait for its answer.
        let mut held = self.held.lock().await;
        let soon = SystemTime::now() + RENEW;
        // Keys from variables or a profile have no end, and are asked for once.
        if let Some(held) = held.as_ref().filter(|held| held.until.is_none_or(|t| t > soon)) {
            return Ok(held.credential.clone());
        }
        let failed =
            |error: Error| object_store::Error::Generic { store: "S3", source: Box::new(error) };
        let provider = self.provider.as_ref().ok_or_else(|| failed(none_found()))?;
        match provider.provide_credentials().await {
            Ok(found) => {
                let credential = Arc::new(AwsCredential {
                    key_id: found.access_key_id().to_owned(),
                    secret_key: found.secret_access_key().to_owned(),
                    token: found.session_token().map(str::to_owned),
                });
                *held =
                    Some(HeldCredential { credential: credential.clone(), until: found.expiry() });
                Ok(credential)
            }
            Err(error) => match held.as_ref() {
                // They may not be renewed now, but they are valid still.
                Some(held) if held.until.is_some_and(|t| t > SystemTime::now()) => {
                    Ok(held.credential.clone())
                }
                _ => Err(failed(not_found(&error))),
            },
        }
    }
}

fn none_found() -> Error {
    if let Some(what) = unreadable_profile() {
        return Error::failed(format!("there are no AWS credentials that can be read: {what}"));
    }
    Error::failed(
        "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
         AWS_PROFILE with a profile in ~/.aws, or give this machine or container a role; \
         AWS_SKIP_SIGNATURE=true is for public buckets",
    )
}

/// The chain's error, without the depth of it: files and servers that it quotes may hold secrets.
fn not_found(error: &CredentialsError) -> Error {
    if let Some(what) = unreadable_profile() {
        return Error::failed(format!("cannot get AWS credentials: {what}"));
    }
    let what = match error {
        CredentialsError::CredentialsNotLoaded(_) => return none_found(),
        CredentialsError::ProviderTimedOut(_) => "the service that gives them does not answer",
        CredentialsError::InvalidConfiguration(_) => {
            "the profile in ~/.aws (or the variables) cannot be used; try the same profile with \
             'aws sts get-caller-identity'"
        }
        _ => {
            "the service that gives them refused; if they come from single sign-on, run 'aws sso \
             login' again; else try 'aws sts get-caller-identity' with the same settings"
        }
    };
    Error::failed(format!("cannot get AWS credentials: {what}"))
}
