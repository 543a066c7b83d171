//! De-identification's files in a [`Folder`]: on a disk or in a bucket.
//!
//! Not every folder may open what is for PHI:
//!
//! ```compile_fail,E0308
//! let runtime = cumulus_etl::store::StoreRuntime::start_threads().unwrap();
//! let storage = cumulus_etl::store::Storage::new(runtime, Default::default());
//! let output = storage.open_folder("memory:///").unwrap();
//! let rows = cumulus_etl::deid::Phi::new(vec![b"{\"id\": \"p1\"}".to_vec()]);
//! rows.open_for(&output);
//! ```

use std::io::{Read, Write};

use crate::deid::PhiFiles;
use crate::error::{Error, Result};
use crate::store::{Folder, Lock};

impl PhiFiles for Folder {
    type Lock = Lock;

    fn show_file(&self, name: &str) -> String {
        self.show(name)
    }

    fn read_file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.read(name)?.map(Vec::from))
    }

    fn open_file(&self, name: &str) -> Result<Option<impl Read>> {
        self.open_reader(name)
    }

    fn write_new_file(&self, name: &str, text: String) -> Result<bool> {
        self.write_new(name, text)
    }

    fn change_file(
        &self,
        name: &str,
        mut change: impl FnMut(&[u8]) -> Result<Option<String>>,
    ) -> Result<()> {
        loop {
            let version = self.version(name)?;
            let vanished = || Error::failed(format!("'{}' has vanished", self.show(name)));
            let Some(text) = change(&self.read(name)?.ok_or_else(vanished)?)? else {
                return Ok(());
            };
            if self.write_over(name, text, &version)? {
                return Ok(());
            }
        }
    }

    fn stream_file(
        &self,
        name: &str,
        lock: &Lock,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let mut upload = self.upload(name)?;
        write(&mut upload)?;
        lock.check_lock()?;
        upload.finish().map(|_| ())
    }

    fn lock_name(&self, name: &str) -> Result<Lock> {
        self.lock_file(name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, mpsc};
    use std::thread;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::deid::Codebook;

    /// A folder of each kind, empty; `bucket` names the one in memory.
    fn open_each_kind(bucket: &str) -> [(Option<tempfile::TempDir>, Folder); 2] {
        let dir = tempfile::tempdir().unwrap();
        let on_disk = Folder::open(dir.path().to_str().unwrap()).unwrap().private();
        let in_memory = Folder::open(&format!("memory://{bucket}/phi")).unwrap();
        [(Some(dir), on_disk), (None, in_memory)]
    }

    #[test]
    fn files_appear_whole_and_new_ones_take_no_place() {
        for (_dir, folder) in open_each_kind("phi-files-whole") {
            assert_eq!(folder.read_file("a.json").unwrap(), None, "{folder}");
            assert!(folder.open_file("a.json").unwrap().is_none(), "{folder}");
            assert!(folder.write_new_file("a.json", "one".to_owned()).unwrap(), "{folder}");
            assert!(!folder.write_new_file("a.json", "two".to_owned()).unwrap(), "{folder}");
            assert_eq!(folder.read_file("a.json").unwrap().unwrap(), b"one", "{folder}");
            let change = |bytes: &[u8]| Ok((bytes == b"one").then(|| "three".to_owned()));
            folder.change_file("a.json", change).unwrap();
            folder.change_file("a.json", change).unwrap();
            let write = |out: &mut dyn Write| {
                out.write_all(b"four").unwrap();
                assert_eq!(folder.read_file("a.json").unwrap().unwrap(), b"three", "{folder}");
                Ok(())
            };
            let fail = |out: &mut dyn Write| write(out).and(Err(Error::failed("broken off")));
            let lock = folder.lock_name(".a.lock").unwrap();
            assert!(folder.stream_file("a.json", &lock, fail).is_err(), "{folder}");
            folder.stream_file("a.json", &lock, write).unwrap();
            let mut text = String::new();
            folder.open_file("a.json").unwrap().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "four", "{folder}");
            let shown = folder.show_file("a.json");
            assert!(
                shown.starts_with(&folder.to_string()) && shown.ends_with("/a.json"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_lock_keeps_others_waiting_until_it_goes() {
        for (_dir, folder) in open_each_kind("phi-files-lock") {
            let held = folder.lock_name(".a.lock").unwrap();
            let (tell, told) = mpsc::channel();
            thread::scope(|scope| {
                let other = &folder;
                scope.spawn(move || {
                    let _held = other.lock_name(".a.lock").unwrap();
                    tell.send(()).unwrap();
                });
                assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "{folder}");
                drop(held);
                told.recv().unwrap();
            });
        }
    }

    #[test]
    fn a_run_that_has_lost_the_lock_leaves_what_the_other_wrote() {
        let folder = Folder::open("memory://phi-files-lost/phi").unwrap();
        let lock = folder.lock_name(".a.lock").unwrap();
        folder.write(".a.lock", "of another run").unwrap();
        let written = folder.stream_file("a.json", &lock, |_| Ok(()));
        let error = written.unwrap_err().to_string();
        assert!(error.contains("another run has taken over"), "{error}");
        assert_eq!(folder.read_file("a.json").unwrap(), None);
    }

    #[test]
    fn runs_that_complete_a_codebook_at_the_same_time_use_one_salt() {
        for (_dir, folder) in open_each_kind("phi-files-salt") {
            for old in [json!({"version": 1, "codebook_id": "one"}), json!({"mrn": {}})] {
                folder.write("codebook.json", old.to_string()).unwrap();
                let together = Barrier::new(4);
                let open = || {
                    together.wait();
                    let book = Codebook::open(&folder).unwrap();
                    (book.id().to_owned(), book.anonymize_id("X", "1"))
                };
                let used: Vec<_> = thread::scope(|scope| {
                    let runs: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                    runs.into_iter().map(|run| run.join().unwrap()).collect()
                });
                let saved = Codebook::open(&folder).unwrap();
                let saved = (saved.id().to_owned(), saved.anonymize_id("X", "1"));
                assert!(used.iter().all(|used| *used == saved), "{folder}: {used:?}");
            }
        }
    }
}
