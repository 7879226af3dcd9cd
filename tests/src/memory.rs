//! What a process has in its memory: every mapping that can be read, searched for secrets.

use crate::secrets::{PIECE, Secrets};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// A piece of a secret in the memory of a process.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// What it is a piece of.
    pub secret: String,
    /// The mapping that it lies in, as /proc/PID/maps names it.
    pub mapping: String,
    address: u64,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} at {:#x}", self.secret, self.mapping, self.address)
    }
}

/// Asserts that nothing of any of them is left in a process.
///
/// # Panics
/// With what is left, and where.
pub fn assert_no_trace(pid: u32, secrets: &Secrets) {
    let mut traces = traces(pid, secrets);
    traces.dedup_by_key(|trace| (trace.secret.clone(), trace.mapping.clone()));
    assert!(traces.is_empty(), "left in memory: {traces:#?}");
}

/// The pieces of secrets in a process, which waits.
///
/// # Panics
/// When its memory cannot be read, all but what the kernel itself keeps there.
#[must_use]
pub fn traces(pid: u32, secrets: &Secrets) -> Vec<Trace> {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut found = Vec::new();
    let mut read = Vec::new();
    for mapping in mappings(pid) {
        let mut bytes = vec![0; mapping.length];
        match memory.read_exact_at(&mut bytes, mapping.start) {
            Ok(()) => read.push(mapping.name.clone()),
            // The clock's pages, and the part of a mapped file that lies beyond its end.
            Err(_) if mapping.name.starts_with("[v") => continue,
            Err(error) => panic!("{} cannot be read: {error}", mapping.name),
        }
        let here = secrets.found_in(&bytes).into_iter().map(|(at, secret)| Trace {
            secret: secret.to_owned(),
            mapping: mapping.name.clone(),
            address: mapping.start + at as u64,
        });
        found.extend(here);
    }
    for must in ["[heap]", "[stack]"] {
        assert!(read.iter().any(|name| name == must), "{must} was not searched: {read:?}");
    }
    found
}

struct Mapping {
    start: u64,
    length: usize,
    name: String,
}

/// Neighbours of one name are one: a secret may lie across their border.
fn mappings(pid: u32) -> Vec<Mapping> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (range, mode) = (fields.next().unwrap(), fields.next().unwrap());
        let name = fields.nth(3).unwrap_or("anonymous").to_owned();
        if !mode.starts_with('r') {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let length = usize::try_from(end - start).unwrap();
        match mappings.last_mut() {
            Some(last) if last.start + last.length as u64 == start && last.name == name => {
                last.length += length;
            }
            _ => mappings.push(Mapping { start, length, name }),
        }
    }
    assert!(mappings.iter().all(|mapping| mapping.length >= PIECE));
    mappings
}
