//! Buckets: a URL becomes a store, shared by all folders in that bucket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreScheme};
use url::Url;

use super::Storage;
use super::explain::{BucketPlace, Cloud};
use super::guarded::Guarded;
use super::kept::Kept;
use super::listings::PlainListings;
use super::options::{StoreOptions, request_timeout};
use super::s3::Aws;
use crate::error::{Error, Result, SettingsFault};
use crate::poison::ignore_poison;

/// A store and the place in it that a URL names.
pub(super) struct OpenedBucket {
    pub store: Arc<dyn ObjectStore>,
    pub prefix: Path,
    /// With a `/` at its end.
    pub url: Url,
}

/// The buckets that a run has opened.
#[derive(Default)]
pub(super) struct KnownBuckets {
    clients: Mutex<Vec<KnownClient>>,
    aws: Mutex<Vec<(StoreOptions, Arc<Aws>)>>,
}

/// The client of a bucket, with the options that it was made for.
struct KnownClient {
    bucket: String,
    options: StoreOptions,
    store: Arc<dyn ObjectStore>,
}

impl KnownBuckets {
    /// One connection pool, and one set of credentials, for all folders of a bucket.
    fn share_client(
        &self,
        bucket: &str,
        options: &StoreOptions,
        open: impl FnOnce() -> Result<Arc<dyn ObjectStore>>,
    ) -> Result<Arc<dyn ObjectStore>> {
        // The lock is held while the client is made: two tables that are opened at the same time
        // would else have a client each. Making one asks no server, so nobody waits long.
        let mut clients = ignore_poison(self.clients.lock());
        let is_it = |known: &&KnownClient| known.bucket == bucket && known.options == *options;
        if let Some(known) = clients.iter().find(is_it) {
            return Ok(known.store.clone());
        }
        let store = open()?;
        let (bucket, options) = (bucket.to_owned(), options.clone());
        clients.push(KnownClient { bucket, options, store: store.clone() });
        Ok(store)
    }

    fn load_aws(&self, storage: &Storage) -> Result<Arc<Aws>> {
        let options = storage.options();
        let mut known = ignore_poison(self.aws.lock());
        if let Some((_, aws)) = known.iter().find(|(o, _)| o == options) {
            return Ok(aws.clone());
        }
        let aws = Arc::new(Aws::load_aws(options, storage.runtime())?);
        known.push((options.clone(), aws.clone()));
        Ok(aws)
    }
}

/// Opens the store of a bucket URL; asks no server yet.
pub(super) fn open_bucket(
    url: &Url,
    storage: &Storage,
    known: &KnownBuckets,
) -> Result<OpenedBucket> {
    let options = storage.options();
    let invalid = |what: &str| {
        let shown = super::without_secrets(url);
        Error::new(SettingsFault::InvalidValue, format!("'{shown}' {what}"))
    };
    // Schemes that have two spellings get one: folders are compared by their URLs.
    let mut url = url.clone();
    let scheme = match url.scheme() {
        "s3a" => "s3",
        "azure" => "az",
        "abfs" => "abfss",
        other => other,
    };
    let scheme = scheme.to_owned();
    // `Url` refuses to change between the web's own schemes
    // (`https`) and others. None of these is the web's.
    url.set_scheme(&scheme).map_err(|()| invalid("has a scheme that does not fit"))?;
    let url = &url;
    if url.scheme() == "memory" {
        let bucket = format!("memory://{}", url.host_str().unwrap_or_default());
        let store = known.share_client(&bucket, options, || Ok(Arc::new(InMemory::new())))?;
        let prefix = Path::from_url_path(url.path());
        let prefix = prefix.map_err(|_| invalid("is no location"))?;
        return Ok(OpenedBucket { store, url: folder_url(url, &prefix), prefix });
    }
    let Ok((scheme, prefix)) = ObjectStoreScheme::parse(url) else {
        return Err(invalid(
            "is no location that this program knows: use a path, s3://bucket/prefix, \
             gs://bucket/prefix, az://container/prefix or abfss://container@account.dfs.core.\
             windows.net/prefix",
        ));
    };
    // In abfss:// the container stands where other URLs have a user.
    let user = !url.username().is_empty() && !matches!(url.scheme(), "abfs" | "abfss");
    if user || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(
            "must be a bucket and a prefix only: credentials come from the environment, and ? \
             and # are written %3F and %23",
        ));
    }
    let bucket = match url.username() {
        "" => format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
        user => format!("{}://{user}@{}", url.scheme(), url.host_str().unwrap_or_default()),
    };
    let store = known.share_client(&bucket, options, || match scheme {
        ObjectStoreScheme::AmazonS3 => open_s3(&bucket, url, storage, known),
        ObjectStoreScheme::GoogleCloudStorage => {
            let key = GoogleConfigKey::Client(ClientConfigKey::Timeout);
            // Without the prefix: paths begin at the bucket's
            // root, so that one client serves all folders in it.
            let builder = GoogleCloudStorageBuilder::from_env().with_url(bucket.as_str());
            let builder = builder.with_config(key, format_seconds(request_timeout()));
            let builder = builder.with_http_connector(PlainListings);
            let store =
                builder.build().map_err(|error| explain_unusable(&bucket, "GOOGLE_", &error))?;
            let place =
                BucketPlace { cloud: Cloud::Google, bucket: bucket.clone(), at: "Google".into() };
            Ok(Arc::new(Kept::new(Guarded::new(store, place, false))) as Arc<dyn ObjectStore>)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let key = AzureConfigKey::Client(ClientConfigKey::Timeout);
            let builder = MicrosoftAzureBuilder::from_env().with_url(bucket.as_str());
            let builder = builder.with_config(key, format_seconds(request_timeout()));
            let builder = builder.with_http_connector(PlainListings);
            let store =
                builder.build().map_err(|error| explain_unusable(&bucket, "AZURE_", &error))?;
            let place =
                BucketPlace { cloud: Cloud::Azure, bucket: bucket.clone(), at: "Azure".into() };
            Ok(Arc::new(Kept::new(Guarded::new(store, place, false))) as Arc<dyn ObjectStore>)
        }
        _ => Err(invalid("is no location that this program can read and write")),
    })?;
    Ok(OpenedBucket { store, url: folder_url(url, &prefix), prefix })
}

/// Whether the second of two folders' URLs is the first one, or below it, by whatever name.
pub(super) fn is_within(own: &Url, other: &Url) -> bool {
    if other.as_str().starts_with(own.as_str()) {
        return true;
    }
    let (Some(own_place), Some(other_place)) = (azure_container(own), azure_container(other))
    else {
        return false;
    };
    // Which account is meant where none is named, only the environment knows.
    let same = |one: Option<&str>, two: Option<&str>| match (one, two) {
        (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
        // Two folders that may be the same are taken for the same: a
        // run is then refused rather than PHI put into OUTPUT.
        _ => true,
    };
    own_place.0 == other_place.0
        && same(own_place.1, other_place.1)
        && other.path().starts_with(own.path())
}

/// The container of a folder at Azure, which has two ways to name one, and its account if it is named.
fn azure_container(url: &Url) -> Option<(&str, Option<&str>)> {
    let host = url.host_str()?;
    match (url.scheme(), url.username()) {
        ("az", _) | ("abfss", "") => Some((host, None)),
        ("abfss", container) => Some((container, host.split('.').next())),
        _ => None,
    }
}

/// As the library reads it.
fn format_seconds(time: Duration) -> String {
    format!("{} seconds", time.as_secs().max(1))
}

fn folder_url(url: &Url, prefix: &Path) -> Url {
    let mut url = url.clone();
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.clear().extend(prefix.parts().map(|part| part.as_ref().to_owned())).push("");
    }
    url
}

fn open_s3(
    bucket: &str,
    url: &Url,
    storage: &Storage,
    known: &KnownBuckets,
) -> Result<Arc<dyn ObjectStore>> {
    let (aws, options) = (known.load_aws(storage)?, storage.options());
    let store = aws.open_bucket(url.host_str().unwrap_or_default(), options)?;
    let place =
        BucketPlace { cloud: Cloud::S3, bucket: bucket.to_owned(), at: aws.shown_endpoint() };
    Ok(Arc::new(Kept::new(Guarded::new(store, place, !aws.is_aws()))))
}

fn explain_unusable(bucket: &str, prefix: &str, error: &object_store::Error) -> Error {
    // The variables may hold a key, so only the kind of fault is told.
    let what = match error {
        object_store::Error::Generic { .. } => "its settings are not complete or cannot be read",
        _ => "its settings cannot be used",
    };
    Error::new(
        SettingsFault::InvalidValue,
        format!("'{bucket}': {what}; see the {prefix}* variables"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_at_azure_is_the_same_by_either_of_its_names() {
        let within = |own: &str, other: &str| {
            is_within(&Url::parse(own).unwrap(), &Url::parse(other).unwrap())
        };
        const WHOLE: &str = "abfss://lake@site.dfs.core.windows.net";
        for (own, other, same) in [
            ("az://lake/out/".to_owned(), format!("{WHOLE}/out/phi/"), true),
            (format!("{WHOLE}/out/"), "az://lake/out/".to_owned(), true),
            (
                format!("{WHOLE}/out/"),
                "abfss://lake@SITE.blob.core.windows.net/out/x/".into(),
                true,
            ),
            (format!("{WHOLE}/out/"), "abfss://lake@other.dfs.core.windows.net/out/".into(), false),
            ("az://lake/out/".to_owned(), format!("{WHOLE}/out2/"), false),
            (
                "az://lake/out/".to_owned(),
                "abfss://phi@site.dfs.core.windows.net/out/".into(),
                false,
            ),
            ("s3://lake/out/".to_owned(), "gs://lake/out/".into(), false),
            ("s3://lake/out/".to_owned(), "s3://lake/out/phi/".into(), true),
        ] {
            assert_eq!(within(&own, &other), same, "{own} {other}");
        }
    }
}
