//! Patients' data on its way to the PHI folder, and the operations that it needs of that folder.

use std::fmt;
use std::io::{Read, Write};
use std::ops::Deref;

use cumulus_base::error::Result;

/// The files of a folder, as far as de-identification reads and writes any: the codebook and the ID
/// mapping. The code that has folders implements this trait.
pub trait PhiFiles {
    /// A lock, until it is dropped.
    type Lock;

    /// A file as messages name it, with its folder.
    fn show_file(&self, name: &str) -> String;

    /// The whole of a small file; `None` if the file does not exist.
    fn read_file(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// A file to be read from its beginning; `None` if the file does not exist.
    fn open_file(&self, name: &str) -> Result<Option<impl Read>>;

    /// Writes a file, unless there is one with this name: then nothing changes, and the result is false.
    fn write_new_file(&self, name: &str, text: String) -> Result<bool>;

    /// Changes a small file that is there: `change` is given its content, and gives the new content, or
    /// nothing if the content stays. It is called again if another run has changed the file meanwhile.
    fn change_file(
        &self,
        name: &str,
        change: impl FnMut(&[u8]) -> Result<Option<String>>,
    ) -> Result<()>;

    /// Writes a file of any size, as `write` does it. It takes the place of one with this name, whole, and
    /// is durable on return. Nothing changes where `write` fails, or where the lock was lost meanwhile.
    fn stream_file(
        &self,
        name: &str,
        lock: &Self::Lock,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()>;

    /// Waits until no other run holds the lock of this name, and holds it.
    fn lock_name(&self, name: &str) -> Result<Self::Lock>;
}

/// A folder that is meant for patients' data: PHI, or the one of `--errors-to`.
#[derive(Clone, Debug)]
pub struct PhiFolder<F>(F);

impl<F: PhiFiles> PhiFolder<F> {
    /// The folder, which the user has named for patients' data.
    pub fn new(folder: F) -> Self {
        Self(folder)
    }
}

impl<F: fmt::Display> fmt::Display for PhiFolder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<F> Deref for PhiFolder<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

/// Patients' data that the PHI folder keeps: real IDs, rejected rows. Code that holds the folder can
/// look inside, and no other code:
///
/// ```compile_fail,E0616
/// let rows = cumulus_deid::Phi::new(vec![b"{\"id\": \"p1\"}".to_vec()]);
/// println!("{:?}", rows.data);
/// ```
///
/// OUTPUT is another kind of folder:
///
/// ```compile_fail,E0308
/// struct Output;
/// let rows = cumulus_deid::Phi::new(vec![b"{\"id\": \"p1\"}".to_vec()]);
/// rows.open_for(&Output);
/// ```
///
/// No message can show it:
///
/// ```compile_fail,E0277
/// println!("{:?}", cumulus_deid::Phi::new("Jane Doe"));
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
    pub fn open_for<F>(self, _writes_to: &PhiFolder<F>) -> T {
        self.data
    }

    /// Lets the code look that writes to this folder.
    pub fn look<F>(&self, _writes_to: &PhiFolder<F>) -> &T {
        &self.data
    }
}
