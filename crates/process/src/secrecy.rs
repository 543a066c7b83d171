//! The memory that the process keeps from the rest of the machine.

use cumulus_base::error::{Context, Result};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Has no core dump made of this process, whatever ends it: its memory holds the salt and patients'
/// rows. The limit keeps cores off disks and holds for the programs that this one starts, too; a
/// process that is not dumpable gives none to a collector (systemd-coredump) either, and other
/// processes of the same user can't read its memory.
///
/// # Errors
/// The system refuses it (`Failed`).
pub fn forbid_core_dumps() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("cannot rule out core dumps")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot rule out core dumps")
}
