//! A reader of the log: an unread socket fills up, and a login would wait for it.

use acceptance::libpam;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getppid};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The process that reads the log and forgets it.
pub(crate) struct Reader {
    socket: PathBuf,
    process: Pid,
}

/// Binds `socket` and reads it in a process of its own.
pub(crate) fn listen(socket: &Path) -> Reader {
    let listener = UnixDatagram::bind(socket).unwrap();
    listener.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let parent = nix::unistd::getpid();
    let process = libpam::fork(|| {
        let mut line = [0; 4096];
        while getppid() == parent {
            match listener.recv(&mut line) {
                Ok(length) if line[..length] == *END => return,
                Ok(_) | Err(_) => {}
            }
        }
    });
    Reader { socket: socket.to_owned(), process }
}

const END: &[u8] = b"end";

impl Reader {
    /// Does something while there is no log.
    pub(crate) fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        let elsewhere = self.socket.with_extension("aside");
        fs::rename(&self.socket, &elsewhere).unwrap();
        let result = work();
        fs::rename(&elsewhere, &self.socket).unwrap();
        result
    }

    /// Ends the process.
    pub(crate) fn end(self) {
        UnixDatagram::unbound().unwrap().send_to(END, &self.socket).unwrap();
        waitpid(self.process, None).unwrap();
    }
}
