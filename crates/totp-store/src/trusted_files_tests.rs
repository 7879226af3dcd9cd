//! Tests of owner, mode and kind of files and directories, and of writes that fail.

use super::*;
use crate::documents::{create_document, destroy_document, replace_document, sync_document};
use crate::trusted_file_changes::*;
use nix::fcntl::open;
use nix::sys::stat::Mode;
use nix::sys::stat::fchmod;
use nix::unistd::{Gid, Uid, chown, mkfifo, pipe};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use totp_core::store::StoreError;

/// A directory that only root can enter.
fn parent() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn directory(parent: &tempfile::TempDir) -> Directory {
    Directory::open(parent.path(), Access::RootWrites).unwrap()
}

fn file(parent: &tempfile::TempDir, owner: u32, group: u32, mode: u32) -> PathBuf {
    let path = parent.path().join("file");
    let _ = fs::remove_file(&path);
    fs::write(&path, "text").unwrap();
    own(&path, owner, group, mode);
    path
}

fn own(path: &Path, owner: u32, group: u32, mode: u32) {
    chown(path, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group))).unwrap();
    fchmod(fs::File::open(path).unwrap(), Mode::from_bits_truncate(mode)).unwrap();
}

fn names(parent: &tempfile::TempDir) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn problem<T, E: Into<StoreError>>(result: Result<T, E>) -> String {
    result.err().map_or("none".to_owned(), |error| error.into().problem().to_owned())
}

#[test]
fn a_secret_file_is_refused_unless_root_only() {
    let parent = parent();
    let read = |owner, group, mode| read_document(&file(&parent, owner, group, mode), Access::RootOnly);
    assert_eq!(read(0, 0, 0o600).unwrap().unwrap().expose(), b"text");
    for (owner, group, mode) in [
        (1, 0, 0o600),
        (0, 1, 0o600),
        (1, 1, 0o600),
        (0, 0, 0o640),
        (0, 0, 0o604),
        (0, 0, 0o400),
        (0, 0, 0o4600),
    ] {
        let problem = problem(read(owner, group, mode));
        assert!(problem.contains("must be root:root 0600"), "{owner}:{group} {mode:o}: {problem}");
    }
}

#[test]
fn a_public_document_is_written_by_root_only() {
    let parent = parent();
    let read = |owner, group, mode| read_document(&file(&parent, owner, group, mode), Access::RootWrites);
    for (group, mode) in [(0, 0o600), (0, 0o644), (1, 0o644), (0, 0o444)] {
        assert!(read(0, group, mode).unwrap().is_some(), "{group} {mode:o}");
    }
    for (owner, mode) in [(1, 0o644), (0, 0o664), (0, 0o646), (1, 0o666)] {
        let problem = problem(read(owner, 0, mode));
        assert!(
            problem.contains("must belong to root and be writable by nobody else"),
            "{owner} {mode:o}: {problem}"
        );
    }
}

#[test]
fn a_secret_file_has_one_name() {
    let parent = parent();
    let path = file(&parent, 0, 0, 0o600);
    fs::hard_link(&path, parent.path().join("other")).unwrap();
    assert!(problem(read_document(&path, Access::RootOnly)).contains("second name"));
    assert!(read_document(&path, Access::RootWrites).is_ok());
}

#[test]
fn only_a_regular_file_is_read() {
    let parent = parent();
    let path = |name: &str| parent.path().join(name);
    fs::create_dir(path("directory")).unwrap();
    mkfifo(&path("pipe"), Mode::from_bits_truncate(0o600)).unwrap();
    symlink(file(&parent, 0, 0, 0o600), path("link")).unwrap();
    for access in [Access::RootOnly, Access::RootWrites] {
        assert!(problem(read_document(&path("directory"), access)).contains("is not a regular file"));
        assert!(problem(read_document(&path("pipe"), access)).contains("is not a regular file"));
        assert!(problem(read_document(&path("link"), access)).contains("is a symbolic link"));
        assert!(problem(read_document(&path("file/inner"), access)).contains("is not a directory"));
        assert!(matches!(read_document(&path("nothing"), access), Ok(None)));
    }
}

#[test]
fn a_document_has_at_most_a_megabyte() {
    let parent = parent();
    let path = file(&parent, 0, 0, 0o600);
    for (length, fits) in [(0, true), (1 << 20, true), ((1 << 20) + 1, false), ((1 << 20) + 2, false)] {
        fs::write(&path, vec![b'#'; length]).unwrap();
        let read = read_document(&path, Access::RootOnly);
        assert_eq!(read.is_ok_and(|text| text.unwrap().expose().len() == length), fits, "{length}");
    }
}

#[test]
fn a_file_longer_than_its_size_is_refused() {
    // The kernel gives its size as zero.
    let problem = problem(read_document(Path::new("/proc/self/status"), Access::RootWrites));
    assert!(problem.contains("grew while it was read"), "{problem}");
}

#[test]
fn a_directory_of_another_owner_or_mode_is_refused() {
    let parent = parent();
    let outer = directory(&parent);
    fs::create_dir(parent.path().join("inner")).unwrap();
    for (owner, group, mode, private, ours) in [
        (0, 0, 0o700, true, true),
        (0, 0, 0o755, false, true),
        (0, 0, 0o750, false, true),
        (0, 1, 0o700, false, true),
        (1, 0, 0o700, false, false),
        (0, 0, 0o770, false, false),
        (0, 0, 0o1777, false, false),
    ] {
        own(&parent.path().join("inner"), owner, group, mode);
        let opens = |access| {
            let alone = Directory::open(&parent.path().join("inner"), access).is_ok();
            assert_eq!(outer.inner("inner", access).is_ok(), alone);
            alone
        };
        assert_eq!(
            (opens(Access::RootOnly), opens(Access::RootWrites)),
            (private, ours),
            "{owner}:{group} {mode:o}"
        );
    }
}

#[test]
fn a_symbolic_link_to_a_directory_is_refused() {
    let parent = parent();
    fs::create_dir(parent.path().join("real")).unwrap();
    symlink("real", parent.path().join("link")).unwrap();
    file(&parent, 0, 0, 0o600);
    for name in ["link", "file"] {
        for opened in [
            Directory::open(&parent.path().join(name), Access::RootWrites),
            directory(&parent).inner(name, Access::RootWrites),
        ] {
            assert!(problem(opened).contains("is not a directory, or is a symbolic link to one"), "{name}");
        }
    }
}

#[test]
fn a_symbolic_link_to_a_file_is_refused() {
    let parent = parent();
    symlink(file(&parent, 0, 0, 0o600), parent.path().join("link")).unwrap();
    assert!(problem(directory(&parent).file("link", OFlag::O_RDWR)).contains("is a symbolic link"));
    assert!(matches!(directory(&parent).file("nothing", OFlag::O_RDWR), Ok(None)));
}

#[test]
fn a_new_file_is_private_and_replaces_a_stale_draft() {
    let parent = parent();
    let new = parent.path().join("new");
    fs::write(&new, "of a kill, and longer").unwrap();
    directory(&parent).write_new("new", b"text").unwrap();
    assert_eq!((fs::read(&new).unwrap(), mode(&new)), (b"text".to_vec(), 0o600));
    assert_eq!(
        problem(directory(&parent).write_new("no/such", b"text")),
        "cannot make: No such file or directory"
    );
}

#[test]
fn a_new_file_has_roots_group_in_a_setgid_directory() {
    let parent = parent();
    std::os::unix::fs::chown(parent.path(), Some(0), Some(4242)).unwrap();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o2700)).unwrap();
    directory(&parent).write_new("new", b"text").unwrap();
    let made = fs::metadata(parent.path().join("new")).unwrap();
    assert_eq!((made.uid(), made.gid(), made.mode() & 0o7777), (0, 0, 0o600));
}

#[test]
fn a_draft_gets_a_free_name_or_is_removed() {
    let parent = parent();
    let directory = directory(&parent);
    for (text, named) in [("first", true), ("second", false)] {
        directory.write_new("draft", text.as_bytes()).unwrap();
        assert_eq!(directory.name("draft", "name").unwrap(), named);
        assert_eq!(names(&parent), ["name"]);
    }
    assert_eq!(fs::read(parent.path().join("name")).unwrap(), b"first");
    assert_eq!(problem(directory.name("draft", "other")), "cannot make: No such file or directory");
}

#[test]
fn removing_a_missing_file_is_not_an_error() {
    let parent = parent();
    file(&parent, 0, 0, 0o600);
    fs::create_dir(parent.path().join("directory")).unwrap();
    directory(&parent).remove("file").unwrap();
    directory(&parent).remove("file").unwrap();
    assert_eq!(names(&parent), ["directory"]);
    assert_eq!(problem(directory(&parent).remove("directory")), "cannot remove: Is a directory");
}

#[test]
fn a_sync_that_fails_is_an_error() {
    let parent = parent();
    mkfifo(&parent.path().join("pipe"), Mode::from_bits_truncate(0o600)).unwrap();
    // Neither a pipe nor an O_PATH descriptor can be synced.
    assert_eq!(problem(directory(&parent).sync_file("pipe")), "cannot sync: Invalid argument");
    assert_eq!(problem(directory(&parent).sync_file("nothing")), "cannot sync: No such file or directory");
    let (end, _other) = pipe().unwrap();
    assert!(Directory { fd: end, path: PathBuf::new() }.sync().is_err());
    let fd = open(parent.path(), OFlag::O_PATH, Mode::empty()).unwrap();
    assert!(Directory { fd, path: PathBuf::new() }.sync_everything().is_err());
}

#[test]
fn a_document_is_created_once_and_private() {
    let parent = parent();
    let file = parent.path().join("etc/keyring.toml");
    let make = |text: &str| create_document(&file, &Secret::new(text.into())).unwrap();
    assert!(make("first"));
    assert!(!make("second"));
    assert_eq!(fs::read(&file).unwrap(), b"first");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(fs::read_dir(parent.path().join("etc")).unwrap().count(), 1);
}

#[test]
fn a_document_is_not_created_in_an_unsafe_directory() {
    let parent = parent();
    let make = |file: &Path| problem(create_document(file, &Secret::new(b"text".to_vec())));
    assert_eq!(make(Path::new("/")), "is not a file name");
    assert_eq!(make(&parent.path().join("a/b/keyring.toml")), "cannot make: No such file or directory");
    own(parent.path(), 0, 0, 0o777);
    assert!(make(&parent.path().join("keyring.toml")).contains("writable by nobody else"));
    assert!(names(&parent).is_empty());
}

#[test]
fn a_failed_replacement_keeps_the_document() {
    let parent = parent();
    let file = parent.path().join("keyring.toml");
    let replace = |text: &str| replace_document(&file, &Secret::new(text.into()));
    assert!(create_document(&file, &Secret::new(b"first".to_vec())).unwrap());
    fs::write(parent.path().join(".new.keyring.toml"), "what a kill left").unwrap();
    replace("second").unwrap();
    assert_eq!((fs::read(&file).unwrap().as_slice(), mode(&file)), (&b"second"[..], 0o600));
    assert_eq!(names(&parent), ["keyring.toml"]);
    own(parent.path(), 0, 0, 0o777);
    assert!(problem(replace("third")).contains("writable by nobody else"));
    assert_eq!(fs::read(&file).unwrap(), b"second");
}

#[test]
fn syncing_a_missing_document_is_an_error() {
    let parent = parent();
    let file = file(&parent, 0, 0, 0o600);
    assert_eq!(problem(sync_document(&file)), "none");
    fs::remove_file(&file).unwrap();
    assert_eq!(problem(sync_document(&file)), "cannot sync: No such file or directory");
}

#[test]
fn an_existing_directory_stays_as_it_is() {
    // /proc cannot be synced, so this would fail if it tried.
    assert_eq!(problem(make_directory(Path::new("/proc/self"), Mode::S_IRWXU)), "none");
}

#[test]
fn a_destroyed_document_is_removed_and_overwritten() {
    let parent = parent();
    let path = file(&parent, 0, 0, 0o600);
    let opened = fs::File::open(&path).unwrap();
    destroy_document(&path).unwrap();
    assert!(names(&parent).is_empty());
    let mut held = [1; 5];
    assert_eq!((opened.read_at(&mut held, 0).unwrap(), &held[..4]), (4, &[0; 4][..]));
    destroy_document(&path).expect("one that is not there is gone");
    let path = file(&parent, 0, 0, 0o644);
    assert!(destroy_document(&path).is_err() && path.exists(), "not ours");
}

#[test]
fn a_listing_ends_after_its_first_error() {
    // nix's iterator gives an error that stays, such as EIO, again at each call.
    let entries = Some(std::iter::repeat_with(|| Err(Errno::EIO)));
    let names = EntryNames { entries, path: PathBuf::from("/run/pam_totp/fresh") };
    let listed: Vec<_> = names.take(3).map(problem).collect();
    assert_eq!(listed, ["cannot list: I/O error"]);
}
