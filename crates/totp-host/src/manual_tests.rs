//! The man pages name every file of pam_totp, and no other.

use crate::config_and_keyring::KeyringFiles;
use manual::{PAGES, page};
use std::collections::BTreeSet;
use totp_core::config::{Config, DEFAULT_FILE};
use totp_core::store::{Document, Users};
use totp_core::user::User;
use totp_store::STATE_DIRECTORIES;
use totp_store::enrolment_attempts::ATTEMPTS;
use totp_store::timestamp_records::TIMESTAMPS;

/// The files of pam_totp with the default paths, and their directories.
fn files() -> (BTreeSet<String>, BTreeSet<String>) {
    let paths = Config::defaults().unwrap().paths;
    let (user, store) = (
        User::parse("NAME").unwrap(),
        crate::store::open(&paths, crate::config_and_keyring::KeyringReader::new(&paths)),
    );
    let keyring = KeyringFiles::of(&paths);
    let runtime = |name| paths.runtime.join(name);
    let of_a_user =
        [Document::Credential, Document::Ledger, Document::Reset].map(|one| store.name_of(one, &user).into());
    let of_all = [DEFAULT_FILE.into(), keyring.sealed(), keyring.clear, keyring.opened];
    // Directories that are named as a whole.
    let closed =
        [paths.state.join("spool"), paths.state.join("told"), runtime(TIMESTAMPS), runtime(ATTEMPTS)];
    let generation =
        [paths.state.join("generation"), paths.keyring.with_file_name("keyring.var-lib-pam_totp.generation")];
    let cancelled = paths.state.join("cancelled/NAME");
    let token = paths.state.join("tokens/SERIAL.toml");
    let files: Vec<_> = of_a_user
        .into_iter()
        .chain(of_all)
        .chain(closed)
        .chain(generation)
        .chain([cancelled, token])
        .collect();
    let mut directories: BTreeSet<String> =
        STATE_DIRECTORIES.iter().map(|name| paths.state.join(name).display().to_string()).collect();
    directories.extend([&paths.state, &paths.runtime].map(|path| path.display().to_string()));
    directories.insert("/etc/pam_totp".to_owned());
    (files.iter().map(|file| file.display().to_string()).collect(), directories)
}

#[test]
fn the_man_pages_name_every_file_and_no_other() {
    let (files, directories) = files();
    let items = page("pam_totp.8").section("FILES AND MODES").items();
    let listed: BTreeSet<String> =
        items.iter().flat_map(|item| item.marked.clone()).map(|(_, file)| file).collect();
    let missing: Vec<&String> = files.iter().filter(|file| !listed.contains(*file)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for directory in STATE_DIRECTORIES {
        assert!(
            listed.iter().any(|file| file.contains(&format!("/var/lib/pam_totp/{directory}"))),
            "{directory}"
        );
    }
    let ours = ["/etc/pam_totp", "/var/lib/pam_totp", "/run/pam_totp"];
    for name in PAGES {
        for file in
            page(name).marked("Pa").iter().filter(|file| ours.iter().any(|ours| file.starts_with(ours)))
        {
            assert!(files.contains(file) || directories.contains(file), "{name}: {file}");
        }
    }
}
