//! What is trusted and what is not, by owner, mode and kind; and that a write says so when it fails.

use super::*;
use crate::directory::{Access, Directory, make_directory};
use crate::documents::{create_document, destroy_document, read_document, replace_document, sync_document};
use nix::fcntl::open;
use nix::sys::stat::Mode;
use nix::sys::stat::fchmod;
use nix::unistd::{Gid, Uid, chown, mkfifo, pipe};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use totp_core::store::StoreError;

/// A directory that root alone can enter.
fn place() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn directory(place: &tempfile::TempDir) -> Directory {
    Directory::open(place.path(), Access::RootWrites).unwrap()
}

fn file(place: &tempfile::TempDir, owner: u32, group: u32, mode: u32) -> PathBuf {
    let path = place.path().join("file");
    let _ = fs::remove_file(&path);
    fs::write(&path, "text").unwrap();
    own(&path, owner, group, mode);
    path
}

fn own(path: &Path, owner: u32, group: u32, mode: u32) {
    chown(path, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group))).unwrap();
    fchmod(fs::File::open(path).unwrap(), Mode::from_bits_truncate(mode)).unwrap();
}

fn names(place: &tempfile::TempDir) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
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
fn a_secret_is_roots_alone() {
    let place = place();
    let read = |owner, group, mode| read_document(&file(&place, owner, group, mode), Guard::Secret);
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
fn a_public_document_is_read_by_anybody_and_written_by_root() {
    let place = place();
    let read = |owner, group, mode| read_document(&file(&place, owner, group, mode), Guard::Public);
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
fn a_secret_has_one_name_only() {
    let place = place();
    let path = file(&place, 0, 0, 0o600);
    fs::hard_link(&path, place.path().join("other")).unwrap();
    assert!(problem(read_document(&path, Guard::Secret)).contains("second name"));
    assert!(read_document(&path, Guard::Public).is_ok());
}

#[test]
fn what_is_no_file_is_not_read() {
    let place = place();
    let path = |name: &str| place.path().join(name);
    fs::create_dir(path("directory")).unwrap();
    mkfifo(&path("pipe"), Mode::from_bits_truncate(0o600)).unwrap();
    symlink(file(&place, 0, 0, 0o600), path("link")).unwrap();
    for guard in [Guard::Secret, Guard::Public] {
        assert!(problem(read_document(&path("directory"), guard)).contains("is not a regular file"));
        assert!(problem(read_document(&path("pipe"), guard)).contains("is not a regular file"));
        assert!(problem(read_document(&path("link"), guard)).contains("is a symbolic link"));
        assert!(problem(read_document(&path("file/inner"), guard)).contains("is not a directory"));
        assert!(matches!(read_document(&path("nothing"), guard), Ok(None)));
    }
}

#[test]
fn a_document_has_a_megabyte_at_most() {
    let place = place();
    let path = file(&place, 0, 0, 0o600);
    for (length, fits) in [(0, true), (1 << 20, true), ((1 << 20) + 1, false), ((1 << 20) + 2, false)] {
        fs::write(&path, vec![b'#'; length]).unwrap();
        let read = read_document(&path, Guard::Secret);
        assert_eq!(read.is_ok_and(|text| text.unwrap().expose().len() == length), fits, "{length}");
    }
}

#[test]
fn a_file_that_is_longer_than_it_says_is_not_read_in_part() {
    // The kernel says that it has no bytes at all.
    let problem = problem(read_document(Path::new("/proc/self/status"), Guard::Public));
    assert!(problem.contains("grew while it was read"), "{problem}");
}

#[test]
fn a_private_directory_is_roots_alone_and_a_parent_is_written_by_root() {
    let place = place();
    let outer = directory(&place);
    fs::create_dir(place.path().join("inner")).unwrap();
    for (owner, group, mode, private, ours) in [
        (0, 0, 0o700, true, true),
        (0, 0, 0o755, false, true),
        (0, 0, 0o750, false, true),
        (0, 1, 0o700, false, true),
        (1, 0, 0o700, false, false),
        (0, 0, 0o770, false, false),
        (0, 0, 0o1777, false, false),
    ] {
        own(&place.path().join("inner"), owner, group, mode);
        let opens = |access| {
            let alone = Directory::open(&place.path().join("inner"), access).is_ok();
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
fn a_link_in_the_place_of_a_directory_is_not_followed() {
    let place = place();
    fs::create_dir(place.path().join("real")).unwrap();
    symlink("real", place.path().join("link")).unwrap();
    file(&place, 0, 0, 0o600);
    for name in ["link", "file"] {
        for opened in [
            Directory::open(&place.path().join(name), Access::RootWrites),
            directory(&place).inner(name, Access::RootWrites),
        ] {
            assert!(problem(opened).contains("is not a directory, or a symbolic link to one"), "{name}");
        }
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let place = place();
    symlink(file(&place, 0, 0, 0o600), place.path().join("link")).unwrap();
    assert!(problem(directory(&place).file("link", OFlag::O_RDWR)).contains("is a symbolic link"));
    assert!(matches!(directory(&place).file("nothing", OFlag::O_RDWR), Ok(None)));
}

#[test]
fn a_new_file_is_whole_private_and_takes_the_place_of_what_a_kill_left() {
    let place = place();
    let new = place.path().join("new");
    fs::write(&new, "of a kill, and longer").unwrap();
    directory(&place).write_new("new", b"text").unwrap();
    assert_eq!((fs::read(&new).unwrap(), mode(&new)), (b"text".to_vec(), 0o600));
    assert_eq!(
        problem(directory(&place).write_new("no/such", b"text")),
        "cannot make: No such file or directory"
    );
}

#[test]
fn a_new_file_is_roots_groups_also_where_its_directory_hands_on_another() {
    let place = place();
    std::os::unix::fs::chown(place.path(), Some(0), Some(4242)).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o2700)).unwrap();
    directory(&place).write_new("new", b"text").unwrap();
    let made = fs::metadata(place.path().join("new")).unwrap();
    assert_eq!((made.uid(), made.gid(), made.mode() & 0o7777), (0, 0, 0o600));
}

#[test]
fn a_name_is_given_once_and_a_draft_is_not_left() {
    let place = place();
    let directory = directory(&place);
    for (text, named) in [("first", true), ("second", false)] {
        directory.write_new("draft", text.as_bytes()).unwrap();
        assert_eq!(directory.name("draft", "name").unwrap(), named);
        assert_eq!(names(&place), ["name"]);
    }
    assert_eq!(fs::read(place.path().join("name")).unwrap(), b"first");
    assert_eq!(problem(directory.name("draft", "other")), "cannot make: No such file or directory");
}

#[test]
fn what_is_removed_is_gone_and_what_was_not_there_is_no_error() {
    let place = place();
    file(&place, 0, 0, 0o600);
    fs::create_dir(place.path().join("directory")).unwrap();
    directory(&place).remove("file").unwrap();
    directory(&place).remove("file").unwrap();
    assert_eq!(names(&place), ["directory"]);
    assert_eq!(problem(directory(&place).remove("directory")), "cannot remove: Is a directory");
}

#[test]
fn a_sync_that_fails_is_an_error() {
    let place = place();
    mkfifo(&place.path().join("pipe"), Mode::from_bits_truncate(0o600)).unwrap();
    // A pipe cannot be synced; a descriptor that only stands for a path cannot either.
    assert_eq!(problem(directory(&place).sync_file("pipe")), "cannot sync: Invalid argument");
    assert_eq!(problem(directory(&place).sync_file("nothing")), "cannot sync: No such file or directory");
    let (end, _other) = pipe().unwrap();
    assert!(Directory { fd: end, path: PathBuf::new() }.sync().is_err());
    let fd = open(place.path(), OFlag::O_PATH, Mode::empty()).unwrap();
    assert!(Directory { fd, path: PathBuf::new() }.sync_everything().is_err());
}

#[test]
fn a_document_is_made_once_and_private() {
    let place = place();
    let file = place.path().join("etc/keyring.toml");
    let make = |text: &str| create_document(&file, &Secret::new(text.into())).unwrap();
    assert!(make("first"));
    assert!(!make("second"));
    assert_eq!(fs::read(&file).unwrap(), b"first");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(fs::read_dir(place.path().join("etc")).unwrap().count(), 1);
}

#[test]
fn a_document_is_not_made_where_others_can_write_or_nobody_can_see_it() {
    let place = place();
    let make = |file: &Path| problem(create_document(file, &Secret::new(b"text".to_vec())));
    assert_eq!(make(Path::new("/")), "is not the name of a file");
    assert_eq!(make(&place.path().join("a/b/keyring.toml")), "cannot make: No such file or directory");
    own(place.path(), 0, 0, 0o777);
    assert!(make(&place.path().join("keyring.toml")).contains("writable by nobody else"));
    assert!(names(&place).is_empty());
}

#[test]
fn a_document_is_replaced_whole_and_stays_where_that_fails() {
    let place = place();
    let file = place.path().join("keyring.toml");
    let replace = |text: &str| replace_document(&file, &Secret::new(text.into()));
    assert!(create_document(&file, &Secret::new(b"first".to_vec())).unwrap());
    fs::write(place.path().join(".new.keyring.toml"), "what a kill left").unwrap();
    replace("second").unwrap();
    assert_eq!((fs::read(&file).unwrap().as_slice(), mode(&file)), (&b"second"[..], 0o600));
    assert_eq!(names(&place), ["keyring.toml"]);
    own(place.path(), 0, 0, 0o777);
    assert!(problem(replace("third")).contains("writable by nobody else"));
    assert_eq!(fs::read(&file).unwrap(), b"second");
}

#[test]
fn only_a_document_that_is_there_can_be_made_to_last() {
    let place = place();
    let file = file(&place, 0, 0, 0o600);
    assert_eq!(problem(sync_document(&file)), "none");
    fs::remove_file(&file).unwrap();
    assert_eq!(problem(sync_document(&file)), "cannot sync: No such file or directory");
}

#[test]
fn a_directory_that_is_there_stays_as_it_is() {
    // What lies in /proc cannot be synced: nothing is.
    assert_eq!(problem(make_directory(Path::new("/proc/self"), Mode::S_IRWXU)), "none");
}

#[test]
fn a_document_that_is_destroyed_is_gone_and_what_it_held_is_written_over() {
    let place = place();
    let path = file(&place, 0, 0, 0o600);
    let opened = fs::File::open(&path).unwrap();
    destroy_document(&path).unwrap();
    assert!(names(&place).is_empty());
    let mut held = [1; 5];
    assert_eq!((opened.read_at(&mut held, 0).unwrap(), &held[..4]), (4, &[0; 4][..]));
    destroy_document(&path).expect("one that is not there is gone");
    let path = file(&place, 0, 0, 0o644);
    assert!(destroy_document(&path).is_err() && path.exists(), "not ours");
}
