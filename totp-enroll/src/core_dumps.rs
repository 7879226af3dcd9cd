//! Keeps the memory of this process, which holds secrets, out of core dumps and out of reach of other processes.

use crate::command_error::CommandError;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};

/// From now on no signal leaves a core (Ctrl-\\ at a prompt is one), and only a process with `CAP_SYS_PTRACE` reads this memory.
///
/// "Not dumpable" also holds where a core is piped to a program, which ignores the limit (core(5)). It ends with execve(2), so a program
/// that is started is as readable as usual. The limit is inherited: a mail program leaves no core of the message either.
///
/// # Errors
/// [`CommandError`] if the kernel refuses it.
pub(crate) fn forbid() -> Result<(), CommandError> {
    set_dumpable(false).and_then(|()| setrlimit(Resource::RLIMIT_CORE, 0, 0)).map_err(|error| {
        CommandError::refused(format!("cannot keep secrets out of core dumps: {error}; nothing was done"))
    })
}
