//! Stores as a scheduler or an executor reaches them: by name, with its own credentials.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use super::super::stores;
use crate::store::Storage;
use crate::threads::{Thread, join_scoped};

/// All stores that this process can reach, by the names that [`stores`] gives them.
pub struct Reached {
    storage: Storage,
    disk: Arc<dyn ObjectStore>,
}

impl Reached {
    /// Stores that are reached as `storage` and the environment say.
    pub fn new(storage: Storage) -> Self {
        Self { storage, disk: Arc::new(LocalFileSystem::new()) }
    }
}

impl fmt::Debug for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reached")
    }
}

impl ObjectStoreRegistry for Reached {
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, name: &Url) -> Result<Arc<dyn ObjectStore>> {
        if name.scheme() == "file" {
            return Ok(self.disk.clone());
        }
        let url = stores::url_of(name);
        // Credentials may have to be asked for, and tasks are asynchronous.
        let opened = std::thread::scope(|scope| {
            join_scoped(Thread::named("open").start_in(scope, || self.storage.open_folder(&url))?)
        });
        match opened {
            Ok(folder) => Ok(folder.store().clone()),
            Err(error) => Err(DataFusionError::External(Box::new(error.join_causes()))),
        }
    }
}
