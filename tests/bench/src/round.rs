//! Logins by so many processes at once, each login in a child forked for it.

use crate::person::Person;
use crate::surroundings::Service;
use acceptance::libpam;
use acceptance::login::PamCode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::setsid;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::time::{Duration, Instant};

/// What became of some logins.
#[derive(Default)]
pub(crate) struct Round {
    /// How long each that was accepted took, from `pam_start` to `pam_end`.
    pub(crate) accepted: Vec<Duration>,
    /// How many were not.
    pub(crate) failed: usize,
    /// From the first to the last, with the forks.
    pub(crate) wall: Duration,
}

impl Round {
    /// Everybody logs in once; `processes` share them.
    pub(crate) fn run(service: Service<'_>, people: &[Person], processes: usize) -> Self {
        let (results, result) = pipe().unwrap();
        let (start, mut starter) = pipe().unwrap();
        let processes = processes.min(people.len());
        let mut workers = Vec::with_capacity(processes);
        for first in 0..processes {
            let mine = people.iter().skip(first).step_by(processes).copied();
            workers.push(libpam::fork(|| work(service, mine, &start, &result)));
        }
        drop(result);
        let begun = Instant::now();
        starter.write_all(&vec![0; processes]).unwrap();
        let mut round = Self::collect(results);
        round.wall = begun.elapsed();
        for worker in workers {
            assert_eq!(waitpid(worker, None), Ok(WaitStatus::Exited(worker, 0)));
        }
        assert_eq!(round.accepted.len() + round.failed, people.len());
        round
    }

    /// More of the same.
    pub(crate) fn add(&mut self, more: Self) {
        self.accepted.extend(more.accepted);
        self.failed += more.failed;
        self.wall += more.wall;
    }

    /// The time within which so many of a hundred were accepted.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        percentile(&self.accepted, percent)
    }

    /// Reads results until the last worker is gone.
    fn collect(mut results: PipeReader) -> Self {
        let mut round = Self::default();
        let mut bytes = [0; RESULT];
        while results.read_exact(&mut bytes).is_ok() {
            let (code, nanoseconds) = bytes.split_at(4);
            if i32::from_ne_bytes(code.try_into().unwrap()) == PamCode::SUCCESS.0 {
                let nanoseconds = u64::from_ne_bytes(nanoseconds.try_into().unwrap());
                round.accepted.push(Duration::from_nanos(nanoseconds));
            } else {
                round.failed += 1;
            }
        }
        round
    }
}

/// What so many of a hundred took at most; `None` of nothing.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() * percent / 100).copied()
}

/// Bytes of one result: the code, then nanoseconds; few enough to be written in one piece (pipe(7)).
const RESULT: usize = 12;

/// Makes this process the leader of a login session, as sshd's monitor of a connection is.
pub(crate) fn begin_session() {
    setsid().unwrap();
}

/// Waits for the start, then makes one login after another.
fn work(
    service: Service<'_>,
    people: impl Iterator<Item = Person>,
    mut start: &PipeReader,
    mut result: &PipeWriter,
) {
    start.read_exact(&mut [0]).unwrap();
    for person in people {
        let mut login = service.login(person);
        let child = libpam::fork(|| {
            begin_session();
            let (code, time) = libpam::timed(&mut login);
            let mut bytes = [0; RESULT];
            bytes[..4].copy_from_slice(&code.0.to_ne_bytes());
            bytes[4..].copy_from_slice(&u64::try_from(time.as_nanos()).unwrap().to_ne_bytes());
            result.write_all(&bytes).unwrap();
        });
        assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)), "the login's process");
    }
}
