//! A table's transaction log: what the newest version holds, and how the next one is added.

use std::fs;
use std::io;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use delta_kernel::{Engine, Snapshot as KernelSnapshot, SnapshotRef};
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore};
use serde_json::Value;
use url::Url;

use super::listing_cache::ListingCache;
use super::snapshot::{DataFile, Snapshot};
use super::{LOG_FOLDER, MANIFEST, MANIFEST_FOLDER};
use crate::error::{Context, Result};
use crate::store::{Folder, sync_folder, unwrap_error};

/// The log of the table in a folder, there or not yet.
pub(super) struct Log {
    pub folder: Folder,
    pub store: LogStoreRef,
    listing: Arc<ListingCache>,
    engine: Arc<dyn Engine>,
    root: Url,
}

impl Log {
    pub fn open_log(folder: &Folder) -> Result<Self> {
        // The library sees the table as all there is, whatever store and path it lies in: names
        // that a URL spells otherwise than a path cannot confuse it. Of a `file` URL it expects
        // listings in no order.
        let root = Url::parse("file:///").context("not a URL")?;
        let table = PrefixStore::new(folder.store().clone(), folder.path(""));
        let listing = Arc::new(ListingCache::new(Arc::new(table)));
        let store: Arc<dyn ObjectStore> = listing.clone();
        let store = default_logstore(store.clone(), store, &root, &StorageConfig::default());
        // The engine runs on the runtime that it is made in.
        let engine = folder.storage().block_on(async { store.engine(None) });
        Ok(Self { folder: folder.clone(), store, listing, engine, root })
    }

    /// Whether there is a table.
    pub fn table_exists(&self) -> Result<bool> {
        self.refresh_listing()?;
        Ok(self.known_entries().next().is_some())
    }

    /// The newest version, or `None` where there is no table.
    ///
    /// # Errors
    /// A log that cannot be read, or whose reader features are not understood.
    pub fn read_snapshot(&self) -> Result<Option<Snapshot>> {
        self.refresh_listing()?;
        self.cached_snapshot()
    }

    /// The newest version that has been seen or made here; asks the store for no listing.
    ///
    /// # Errors
    /// As of [`Log::read_snapshot`].
    pub fn cached_snapshot(&self) -> Result<Option<Snapshot>> {
        if !self.listing.is_loaded() {
            self.refresh_listing()?;
        }
        if self.known_entries().next().is_none() {
            return Ok(None);
        }
        let read = || format!("cannot read the Delta table '{}'", self.folder);
        let kernel = self.kernel_snapshot().with_context(read)?;
        Snapshot::read(&self.folder, &*self.engine, &kernel).map(Some).with_context(read)
    }

    /// The number of the newest version, if there is a table.
    pub fn latest_version(&self) -> Result<Option<u64>> {
        self.refresh_listing()?;
        Ok(self.known_entries().map(|(version, _)| version).max())
    }

    /// Commits beyond the newest checkpoint, as they are known.
    pub fn commits_since_checkpoint(&self) -> u64 {
        let next = self.known_entries().map(|(version, _)| version + 1).max().unwrap_or(0);
        let checkpoints = self.known_entries().filter(|(_, checkpoint)| *checkpoint);
        // Counted from one, so that version 0 without a checkpoint counts as one commit.
        next - checkpoints.map(|(version, _)| version + 1).max().unwrap_or(0)
    }

    /// Everything below the table's folder but for the log.
    pub fn list_objects(&self) -> Result<Vec<ObjectMeta>> {
        let listed =
            self.folder.storage().block_on(self.listing.refresh_all()).map_err(unwrap_error);
        listed.with_context(|| format!("cannot list '{}'", self.folder))
    }

    /// When the oldest object of the log was written, as it is known.
    pub fn oldest_entry_time(&self) -> Option<DateTime<Utc>> {
        self.listing.cached_log().iter().map(|object| object.last_modified).min()
    }

    fn refresh_listing(&self) -> Result<()> {
        let listed =
            self.folder.storage().block_on(self.listing.refresh_log()).map_err(unwrap_error);
        listed.with_context(|| format!("cannot list '{}'", self.folder.show(LOG_FOLDER)))
    }

    /// The known commits and checkpoints: their versions, and whether it is a checkpoint.
    fn known_entries(&self) -> impl Iterator<Item = (u64, bool)> {
        self.listing.cached_log().into_iter().filter_map(|object| {
            // By names alone: the folder may hold files of others, and files under way.
            let (version, kind) = object.location.filename()?.split_at_checked(20)?;
            let checkpoint = kind.starts_with(".checkpoint.");
            (checkpoint || kind == ".json").then_some((version.parse().ok()?, checkpoint))
        })
    }

    fn kernel_snapshot(&self) -> Result<SnapshotRef> {
        let snapshot = KernelSnapshot::builder_for(self.root.as_str()).build(&*self.engine);
        snapshot.context("the log cannot be read")
    }

    /// The rows of a file that its deletion vector marks as deleted, ascending.
    pub fn deleted_rows(&self, file: &DataFile) -> Result<Vec<u64>> {
        let rows = file.deletions.get_row_indexes(&*self.engine, &self.root);
        let rows = rows.with_context(|| {
            format!("cannot read what is deleted of '{}'", self.folder.show(&file.name))
        })?;
        Ok(rows.unwrap_or_default())
    }

    /// Adds `version` with these actions, durably; false where another writer has added it.
    ///
    /// Not by the library's store, which on a disk shows a file before it is durable: a power cut
    /// in between would leave an empty commit, and with it an unreadable table.
    pub fn add_version(&self, version: u64, actions: &[Value]) -> Result<bool> {
        let name = format!("{version:020}.json");
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        let bytes = lines.join("\n");
        let folder = self.folder.child(LOG_FOLDER);
        let added = folder.write_new(&name, bytes.clone())?;
        // A store that lost our answer to its own retry finds there what we wrote.
        // Every commit has a random `txnId`, so another writer's text is never equal to this one.
        let ours = added || folder.read(&name)?.is_some_and(|there| there == bytes);
        if ours {
            self.listing.add_entry(&name, bytes.len());
        }
        Ok(ours)
    }

    /// Writes a checkpoint of the newest version, so that readers need not read every commit.
    pub fn write_checkpoint(&self) -> Result<()> {
        let written = self.kernel_snapshot()?.checkpoint(&*self.engine, None);
        written.with_context(|| format!("cannot write a checkpoint of '{}'", self.folder))?;
        let Some(path) = self.folder.local() else { return Ok(()) };
        // The library leaves it to the operating system when the files reach the disk. A commit
        // is durable when it returns, so a checkpoint that isn't would be worse than none.
        let log = path.join(LOG_FOLDER);
        let sync = || -> io::Result<()> {
            for entry in fs::read_dir(&log)? {
                let name = entry?.file_name();
                if name.to_string_lossy().contains("checkpoint") {
                    match fs::File::open(log.join(name)) {
                        // Another run's, under way a moment ago: it has its own name by now.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        file => file?.sync_all()?,
                    }
                }
            }
            sync_folder(&log)
        };
        sync().with_context(|| format!("cannot make '{}' durable", log.display()))
    }
}

/// Removes what writers that died left half written beside a table's data: files of ours, and
/// checkpoints that the library wrote.
pub fn remove_unfinished(table: &Folder) {
    table.remove_unfinished_of_before(&super::write::is_data_file);
    let manifests = table.child(MANIFEST_FOLDER);
    manifests.remove_unfinished();
    manifests.remove_unfinished_of_before(&|name| name == MANIFEST);
    let log = table.child(LOG_FOLDER);
    log.remove_unfinished();
    log.remove_unfinished_of_before(&|name| {
        let version = name.strip_suffix(".json").unwrap_or_default();
        version.len() == 20 && version.bytes().all(|byte| byte.is_ascii_digit())
    });
    log.remove_abandoned(&is_checkpoint_under_way);
}

/// Whether the library, or the store that it writes with, gives such a name to a checkpoint, or to
/// the note of which is the newest, before it is whole: `…#1`.
fn is_checkpoint_under_way(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.rsplit_once('#').is_some_and(|(name, number)| {
        let version = name.split_once(".checkpoint.").map(|(version, _)| version);
        let is_checkpoint = version.is_some_and(|version| version.len() == 20 && digits(version));
        digits(number)
            && (name == "_last_checkpoint" || is_checkpoint && name.ends_with(".parquet"))
    })
}
