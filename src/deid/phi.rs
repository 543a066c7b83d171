//! Patients' data on its way to the PHI folder.

use std::fmt;
use std::ops::Deref;

use crate::store::Folder;

/// A folder that is meant for patients' data: PHI, or the one of `--errors-to`.
#[derive(Clone, Debug)]
pub struct PhiFolder(Folder);

impl PhiFolder {
    /// The folder, which the user has named for patients' data.
    pub fn new(folder: Folder) -> Self {
        Self(folder)
    }
}

impl fmt::Display for PhiFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Deref for PhiFolder {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.0
    }
}

/// Patients' data that the PHI folder keeps: real IDs, rejected rows. Code that holds the folder can
/// look inside, and no other code:
///
/// ```compile_fail,E0616
/// let rows = cumulus_etl::deid::Phi::new(vec![b"{\"id\": \"p1\"}".to_vec()]);
/// println!("{:?}", rows.data);
/// ```
///
/// OUTPUT is another kind of folder:
///
/// ```compile_fail,E0308
/// let runtime = cumulus_etl::store::StoreRuntime::start_threads().unwrap();
/// let storage = cumulus_etl::store::Storage::new(runtime, Default::default());
/// let output = storage.open_folder("memory:///").unwrap();
/// let rows = cumulus_etl::deid::Phi::new(vec![b"{\"id\": \"p1\"}".to_vec()]);
/// rows.open_for(&output);
/// ```
///
/// No message can show it:
///
/// ```compile_fail,E0277
/// println!("{:?}", cumulus_etl::deid::Phi::new("Jane Doe"));
/// ```
#[derive(Default)]
pub struct Phi<T> {
    data: T,
}

impl<T> Phi<T> {
    /// Closes the data.
    pub fn new(data: T) -> Self {
        Self { data }
    }

    /// Gives the data to the code that writes to this folder.
    pub fn open_for(self, _writes_to: &PhiFolder) -> T {
        self.data
    }

    /// Lets the code look that writes to this folder.
    pub fn look(&self, _writes_to: &PhiFolder) -> &T {
        &self.data
    }
}
