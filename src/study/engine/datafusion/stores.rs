//! Stores that the engine reads from, by URLs that mean nothing outside of it.

use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::path::Path;

use super::veils::Veils;
use crate::error::{Context, Result};
use crate::store::{Folder, Veiled};

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
    pub fn keep(&self, file: Veiled) -> Result<(ObjectStoreUrl, Path)> {
        let url = ObjectStoreUrl::parse(Veils::URL).context("cannot name temporary files")?;
        self.runtime.register_object_store(url.as_ref(), self.veils.clone());
        Ok((url, self.veils.keep(file)))
    }

    /// The local disk.
    pub fn local(&self) -> ObjectStoreUrl {
        ObjectStoreUrl::local_filesystem()
    }

    /// The store of a folder, as the folder itself reaches it: with our credentials, retries and
    /// messages.
    pub fn of(&self, folder: &Folder) -> Result<ObjectStoreUrl> {
        if folder.local().is_some() {
            return Ok(self.local());
        }
        let url = folder.url();
        let name = format!("{}://{}", url.scheme(), url.host_str().unwrap_or("local"));
        let url = ObjectStoreUrl::parse(&name)
            .with_context(|| format!("'{folder}' is no usable location"))?;
        self.runtime.register_object_store(url.as_ref(), folder.store().clone());
        Ok(url)
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stores")
    }
}
