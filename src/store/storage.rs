//! The opener of folders, with the parts that all folders of a run share.

use std::fmt;
use std::path::Path as FsPath;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use url::Url;

use super::bucket::{KnownBuckets, OpenedBucket, open_bucket};
use super::work::WorkFolders;
use super::{Folder, StoreOptions, StoreRuntime, absolute_path};
use crate::error::{Context, Error, Result, SettingsFault};
use crate::stop::Shutdown;

/// Opens folders. All folders of a run come from one of these or from its clones: they share the
/// clients of buckets, and end together. `main` makes one.
#[derive(Clone)]
pub struct Storage {
    options: Arc<StoreOptions>,
    shared: Arc<Shared>,
    runtime: StoreRuntime,
}

/// The parts that do not depend on the options.
#[derive(Default)]
struct Shared {
    buckets: KnownBuckets,
    work_folders: WorkFolders,
    shutdown: Shutdown,
}

impl Storage {
    /// With default options. Folders that are opened here run on `runtime`, and end with `shutdown`.
    pub fn new(runtime: StoreRuntime, shutdown: Shutdown) -> Self {
        let shared = Shared { shutdown, ..Shared::default() };
        Self { options: Arc::default(), shared: Arc::new(shared), runtime }
    }

    /// The same with other options; the rest is shared.
    #[must_use]
    pub fn with_options(&self, options: StoreOptions) -> Self {
        Self { options: Arc::new(options), ..self.clone() }
    }

    /// How buckets are reached and written.
    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    /// The threads that stores run on.
    pub fn runtime(&self) -> &StoreRuntime {
        &self.runtime
    }

    /// Runs `future` to its end on these threads. Not from asynchronous code.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Whether what is opened here is to end.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shared.shutdown
    }

    /// Removes all work folders that were made here; from now on none is made: the process is about to
    /// end.
    pub fn remove_work_folders(&self) {
        self.shared.work_folders.remove_all();
    }

    pub(super) fn work_folders(&self) -> &WorkFolders {
        &self.shared.work_folders
    }

    /// Opens a path (`/data/out`, `out`) or a URL: `file://`, `s3://bucket/prefix`,
    /// `gs://bucket/prefix`, `az://container/prefix`, `abfss://container@account…/prefix`, or
    /// `memory:///` and `memory://name/prefix` (shared by all that is opened here) for tests.
    ///
    /// A local folder need not exist yet; [`Folder::create`] makes it. A bucket is not asked
    /// before something is read or written.
    pub fn open_folder(&self, location: &str) -> Result<Folder> {
        // One letter before a colon is no scheme of a store: `a:b` is a path.
        let scheme = Url::parse(location).ok().filter(|url| url.scheme().len() > 1);
        match scheme {
            None => self.open_local(FsPath::new(location)),
            Some(url) if url.scheme() == "file" => {
                let path = url.to_file_path().map_err(|()| {
                    Error::new(
                        SettingsFault::InvalidValue,
                        format!("'{location}' is not a local file URL"),
                    )
                })?;
                self.open_local(&path)
            }
            // `memory:///` has no name to share it by: it is this folder's alone.
            Some(url) if url.scheme() == "memory" && url.host().is_none() => Ok(Folder {
                store: Arc::new(InMemory::new()),
                prefix: Path::default(),
                url,
                local: None,
                private: false,
                storage: self.clone(),
            }),
            Some(url) => {
                let opened = open_bucket(&url, self, &self.shared.buckets)?;
                let OpenedBucket { store, prefix, url } = opened;
                let storage = self.clone();
                Ok(Folder { store, prefix, url, local: None, private: false, storage })
            }
        }
    }

    /// Opens a local folder, whatever its path looks like.
    pub fn open_local(&self, path: &FsPath) -> Result<Folder> {
        let path = absolute_path(path)
            .with_context(|| format!("cannot make '{}' an absolute path", path.display()))?;
        let url = Url::from_directory_path(&path).map_err(|()| {
            Error::new(
                SettingsFault::InvalidValue,
                format!("'{}' is not a usable path", path.display()),
            )
        })?;
        let prefix = Path::from_absolute_path(&path)
            .with_context(|| format!("'{}' is not a usable path", path.display()))?;
        let store = Arc::new(LocalFileSystem::new().with_automatic_cleanup(false));
        let storage = self.clone();
        Ok(Folder { store, prefix, url, local: Some(path), private: false, storage })
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("options", &self.options).finish_non_exhaustive()
    }
}
