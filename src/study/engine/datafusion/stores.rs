//! Stores that the engine reads from, by names that mean nothing outside of it.

use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::path::Path;
use url::Url;

use super::veils::Veils;
use crate::encrypted::EncryptedFile;
use crate::error::{Context, Result};
use crate::store::Folder;

/// Makes the stores of folders known to the engine.
#[derive(Clone)]
pub struct Stores {
    runtime: Arc<RuntimeEnv>,
    veils: Arc<Veils>,
}

impl Stores {
    /// Stores are registered with `runtime`.
    pub fn new(runtime: Arc<RuntimeEnv>) -> Self {
        Self { runtime, veils: Arc::default() }
    }

    /// A temporary file, and where it is.
    pub fn keep_file(&self, file: EncryptedFile) -> Result<(ObjectStoreUrl, Path)> {
        let url = ObjectStoreUrl::parse(Veils::URL).context("cannot name temporary files")?;
        self.runtime.register_object_store(url.as_ref(), self.veils.clone());
        Ok((url, self.veils.keep_file(file)))
    }

    /// The local disk.
    pub fn local_disk(&self) -> ObjectStoreUrl {
        ObjectStoreUrl::local_filesystem()
    }

    /// The store of a folder, as the folder itself reaches it: with our credentials, retries and
    /// messages.
    pub fn store_of(&self, folder: &Folder) -> Result<ObjectStoreUrl> {
        if folder.local().is_some() {
            return Ok(self.local_disk());
        }
        let url = ObjectStoreUrl::parse(name(folder.url()))
            .with_context(|| format!("'{folder}' is no usable location"))?;
        self.runtime.register_object_store(url.as_ref(), folder.store().clone());
        Ok(url)
    }
}

/// A store's name: the engine tells stores apart by scheme, host and port alone, and of
/// `abfss://container@account` two containers are two stores.
fn name(url: &Url) -> String {
    let host = url.host_str().unwrap_or("local");
    match url.username() {
        "" => format!("{}://{host}", url.scheme()),
        // Names of containers have no dot.
        container => format!("{}://{container}.{host}", url.scheme()),
    }
}

/// The bucket that a store is named after.
#[cfg(feature = "ballista")]
pub fn url_of(name: &Url) -> String {
    let host = name.host_str().unwrap_or_default();
    match (name.scheme(), host.split_once('.')) {
        ("abfss", Some((container, account))) => format!("abfss://{container}@{account}/"),
        (scheme, _) => format!("{scheme}://{host}/"),
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stores")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_stores_have_one_name() {
        let named = |url: &str| name(&Url::parse(url).unwrap());
        assert_eq!(named("s3://bucket/prefix/"), "s3://bucket");
        let a = named("abfss://lake@account.dfs.core.windows.net/x/");
        let b = named("abfss://studies@account.dfs.core.windows.net/y/");
        assert_ne!(a, b);
        assert_eq!(a, "abfss://lake.account.dfs.core.windows.net");
        for name in [&a, &b] {
            assert!(ObjectStoreUrl::parse(name).is_ok(), "{name}");
        }
    }

    #[cfg(feature = "ballista")]
    #[test]
    fn names_lead_back_to_buckets() {
        for url in ["s3://my.bucket/", "gs://b/", "az://c/", "abfss://c@a.dfs.core.windows.net/"] {
            let name = Url::parse(&name(&Url::parse(url).unwrap())).unwrap();
            assert_eq!(url_of(&name), url);
        }
    }
}
