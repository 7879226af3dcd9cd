//! Files that are broken, missing or not as they should be: refused, in words that name the file; nothing changed,
//! and never taken for "not enrolled".

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "damage that cannot be done fails the test")]

use acceptance::clock::THEN;
use acceptance::files::Files;
use acceptance::login::PamCode;
use acceptance::scene::{DOOR, Scene};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

/// A service whose line says `nullok`.
const LENIENT: &str = "lenient";
/// nobody.
const SOMEBODY: u32 = 65_534;

mod config {
    use super::*;

    #[test]
    fn that_is_not_toml_is_refused_with_its_line() {
        let scene = scene();
        append(&scene.conf(), "[totp\n");
        refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "6");
    }

    #[test]
    fn with_a_key_that_is_not_known_is_refused_with_its_line_and_name() {
        let scene = scene();
        append(&scene.conf(), "[totp]\ndrift_step = 1\n");
        let problem = refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "7");
        assert!(problem.contains("drift_step"), "{problem}");
    }

    #[test]
    fn with_a_section_that_is_not_known_is_refused() {
        let scene = scene();
        append(&scene.conf(), "[totps]\ndrift_steps = 1\n");
        let problem = refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "6");
        assert!(problem.contains("totps"), "{problem}");
    }

    #[test]
    fn with_a_value_out_of_range_is_refused_with_its_line() {
        for (text, line) in [
            ("[totp]\ndrift_steps = -1\n", "7"),
            ("[totp]\ndrift_steps = 1000000\n", "7"),
            ("[totp]\nanswer_within = \"soon\"\n", "7"),
            ("[limit]\nattempts = 0\n", "7"),
            ("[limit]\n\nper = 60\n", "8"),
            ("[service.door.limit]\nattempts = 0\n", "7"),
        ] {
            let scene = scene();
            append(&scene.conf(), text);
            refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), line);
        }
    }

    #[test]
    fn that_is_not_utf8_is_refused() {
        let scene = scene();
        fs::write(scene.conf(), b"[totp]\n\xff\xfe = 1\n").unwrap();
        refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), ANY_LINE);
    }

    #[test]
    fn that_others_could_write_is_refused() {
        for mode in [0o664, 0o646, 0o666] {
            let scene = scene();
            set_mode(&scene.conf(), mode);
            refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
        }
    }

    #[test]
    fn that_others_can_read_is_no_trouble() {
        let scene = scene();
        set_mode(&scene.conf(), 0o644);
        assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    }

    #[test]
    fn of_another_owner_is_refused() {
        let scene = scene();
        chown(scene.conf(), Some(SOMEBODY), None).unwrap();
        refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
    }

    #[test]
    fn behind_a_symbolic_link_is_refused() {
        let scene = scene();
        put_a_link_in_its_place(&scene.conf());
        refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
    }

    #[test]
    fn that_is_a_pipe_or_a_directory_is_refused() {
        let scene = scene();
        put_a_pipe_in_its_place(&scene.conf());
        refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
        fs::remove_file(scene.conf()).unwrap();
        fs::create_dir(scene.conf()).unwrap();
        refused(&scene, PamCode::SERVICE_ERR, &scene.conf(), "");
    }

    #[test]
    fn that_is_missing_is_refused() {
        let scene = scene();
        fs::remove_file(scene.conf()).unwrap();
        // Where events go is not known then.
        for service in [DOOR, LENIENT] {
            let outcome = scene.login_at(service, "alice").types("123456").run();
            assert_eq!((outcome.code, outcome.prompts.len()), (PamCode::SERVICE_ERR, 0), "{outcome:?}");
        }
    }
}

mod keyring {
    use super::*;

    #[test]
    fn that_is_missing_is_refused() {
        let scene = scene();
        fs::remove_file(scene.keyring()).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
    }

    #[test]
    fn that_is_not_toml_is_refused_with_its_line() {
        let scene = scene();
        fs::write(scene.keyring(), "version = 1\nwhat is this\n").unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "2");
    }

    #[test]
    fn that_is_empty_is_refused() {
        let scene = scene();
        fs::write(scene.keyring(), "").unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), ANY_LINE);
    }

    #[test]
    fn that_somebody_else_could_read_or_write_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o644, 0o700] {
            let scene = scene();
            set_mode(&scene.keyring(), mode);
            refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
        }
    }

    #[test]
    fn of_another_owner_or_group_is_refused() {
        for (user, group) in [(Some(SOMEBODY), None), (None, Some(SOMEBODY))] {
            let scene = scene();
            chown(scene.keyring(), user, group).unwrap();
            refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
        }
    }

    #[test]
    fn behind_a_symbolic_link_is_refused() {
        let scene = scene();
        put_a_link_in_its_place(&scene.keyring());
        refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
    }

    #[test]
    fn that_is_a_pipe_is_refused() {
        let scene = scene();
        put_a_pipe_in_its_place(&scene.keyring());
        refused(&scene, PamCode::SYSTEM_ERR, &scene.keyring(), "");
    }

    #[test]
    fn of_another_machine_opens_nothing() {
        let (scene, elsewhere) = (scene(), scene());
        fs::copy(elsewhere.keyring(), scene.keyring()).unwrap();
        refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
    }

    #[test]
    fn without_the_key_of_a_credential_is_refused_and_the_key_is_named() {
        let scene = scene();
        let credential = fs::read_to_string(scene.credential("alice")).unwrap();
        let key = credential.lines().find(|line| line.starts_with("key = ")).unwrap();
        edit(&scene.credential("alice"), key, "key = \"k999\"");
        let problem = refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
        assert!(problem.contains("k999"), "{problem}");
    }
}

mod credential {
    use super::*;

    #[test]
    fn that_is_not_toml_is_refused_with_its_line() {
        let scene = scene();
        let path = scene.credential("alice");
        let old = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{old}oh no\n")).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &path, &(old.lines().count() + 1).to_string());
    }

    #[test]
    fn that_is_empty_or_cut_short_is_refused() {
        let scene = scene();
        let path = scene.credential("alice");
        let whole = fs::read(&path).unwrap();
        for length in (0..whole.len() - 1).step_by(23) {
            fs::write(&path, &whole[..length]).unwrap();
            refused(&scene, PamCode::SYSTEM_ERR, &path, ANY_LINE);
        }
    }

    #[test]
    fn with_a_key_that_is_not_known_is_refused() {
        let scene = scene();
        edit(&scene.credential("alice"), "[[authenticator]]", "colour = \"red\"\n[[authenticator]]");
        let problem = refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), ANY_LINE);
        assert!(problem.contains("colour"), "{problem}");
    }

    #[test]
    fn of_a_type_that_is_not_known_is_refused_by_name() {
        let scene = scene();
        edit(&scene.credential("alice"), "\"totp\"", "\"fido2\"");
        let problem = refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), ANY_LINE);
        assert!(problem.contains("fido2"), "{problem}");
    }

    #[test]
    fn of_a_newer_version_is_refused_and_says_so() {
        let scene = scene();
        edit(&scene.credential("alice"), "version = 1", "version = 2");
        let problem = refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), ANY_LINE);
        assert!(problem.contains("version"), "{problem}");
    }

    #[test]
    fn with_weaker_parameters_does_not_open() {
        for (from, to) in [
            ("digits = 8", "digits = 6"),
            ("period = 60", "period = 300"),
            ("\"SHA1\"", "\"SHA256\""),
            ("label = \"", "label = \"x"),
        ] {
            let scene = scene();
            edit(&scene.credential("alice"), from, to);
            refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
        }
    }

    #[test]
    fn of_another_person_is_refused() {
        let scene = scene();
        fs::copy(scene.credential("bob"), scene.credential("alice")).unwrap();
        refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
    }

    #[test]
    fn of_another_person_under_a_new_name_does_not_open() {
        let scene = scene();
        fs::copy(scene.credential("bob"), scene.credential("alice")).unwrap();
        edit(&scene.credential("alice"), "user = \"bob\"", "user = \"alice\"");
        fs::copy(scene.ledger("bob"), scene.ledger("alice")).unwrap();
        let code = scene.authenticator("bob").code_at(THEN);
        for service in [DOOR, LENIENT] {
            let refused = scene.login_at(service, "alice").types(&code).at(THEN).code();
            assert_eq!(refused, PamCode::SYSTEM_ERR, "{service}");
        }
    }

    #[test]
    fn that_somebody_else_could_read_or_write_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o644, 0o400] {
            let scene = scene();
            set_mode(&scene.credential("alice"), mode);
            refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), "");
        }
    }

    #[test]
    fn of_another_owner_is_refused() {
        let scene = scene();
        chown(scene.credential("alice"), Some(SOMEBODY), None).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), "");
    }

    #[test]
    fn behind_a_symbolic_link_is_refused() {
        let scene = scene();
        put_a_link_in_its_place(&scene.credential("alice"));
        refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), "");
    }

    #[test]
    fn with_a_second_name_is_refused() {
        let scene = scene();
        fs::hard_link(scene.credential("alice"), scene.path("second-name")).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), "");
    }

    #[test]
    fn that_is_a_pipe_or_a_directory_is_refused() {
        let scene = scene();
        put_a_pipe_in_its_place(&scene.credential("alice"));
        refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), "");
        fs::remove_file(scene.credential("alice")).unwrap();
        fs::create_dir(scene.credential("alice")).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.credential("alice"), "");
    }

    #[test]
    fn that_went_missing_is_not_taken_for_never_enrolled() {
        let scene = scene();
        // Both pages of the ledger have been written by now.
        for second in [THEN - 120, THEN - 60] {
            assert_eq!(scene.login_with_code_at("alice", second).code(), PamCode::SUCCESS);
        }
        fs::remove_file(scene.credential("alice")).unwrap();
        refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
    }

    #[test]
    fn of_one_person_that_is_broken_does_not_hinder_another() {
        let scene = scene();
        fs::write(scene.credential("alice"), "oh no").unwrap();
        assert_eq!(scene.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
    }
}

mod ledger {
    use super::*;

    #[test]
    fn that_is_missing_is_refused() {
        let scene = scene();
        fs::remove_file(scene.ledger("alice")).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }

    #[test]
    fn that_is_empty_or_short_is_refused() {
        let scene = scene();
        let path = scene.ledger("alice");
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, 31, 2047] {
            fs::write(&path, &whole[..length]).unwrap();
            refused(&scene, PamCode::SYSTEM_ERR, &path, "");
        }
    }

    #[test]
    fn that_is_noise_or_zeros_is_refused() {
        for contents in [vec![0; 4096], vec![0xff; 4096], acceptance::authenticator::random_bytes(4096)] {
            let scene = scene();
            fs::write(scene.ledger("alice"), contents).unwrap();
            refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
        }
    }

    #[test]
    fn with_a_bit_flipped_in_each_page_is_refused() {
        for at in [8, 20, 40, 100, 2047] {
            let scene = scene();
            let mut bytes = fs::read(scene.ledger("alice")).unwrap();
            bytes[at] ^= 1;
            bytes[2048 + at] ^= 1;
            fs::write(scene.ledger("alice"), bytes).unwrap();
            refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
        }
    }

    #[test]
    fn of_another_person_is_refused() {
        let scene = scene();
        fs::copy(scene.ledger("bob"), scene.ledger("alice")).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }

    #[test]
    fn that_somebody_else_could_read_or_write_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let scene = scene();
            set_mode(&scene.ledger("alice"), mode);
            refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
        }
    }

    #[test]
    fn of_another_owner_is_refused() {
        let scene = scene();
        chown(scene.ledger("alice"), Some(SOMEBODY), None).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }

    #[test]
    fn behind_a_symbolic_link_is_refused() {
        let scene = scene();
        put_a_link_in_its_place(&scene.ledger("alice"));
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }

    #[test]
    fn with_a_second_name_is_refused() {
        let scene = scene();
        fs::hard_link(scene.ledger("alice"), scene.path("second-name")).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }

    #[test]
    fn that_is_a_pipe_or_a_directory_is_refused() {
        let scene = scene();
        put_a_pipe_in_its_place(&scene.ledger("alice"));
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
        fs::remove_file(scene.ledger("alice")).unwrap();
        fs::create_dir(scene.ledger("alice")).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &scene.ledger("alice"), "");
    }

    #[test]
    fn that_was_repaired_lets_in_again_and_voids_the_recovery_codes() {
        let mut scene = Scene::builder().account("alice").build();
        let enrolment = scene.enrol("alice", &[]);
        fs::write(scene.ledger("alice"), "oh no").unwrap();
        scene.desk(&["unlock", "alice", "--repair"]).assert_done();
        assert_eq!(scene.login("alice").types(&enrolment.recovery_codes[0]).code(), PamCode::AUTH_ERR);
        assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    }

    #[test]
    fn that_was_repaired_brings_no_used_code_back() {
        let scene = scene();
        let code = scene.code("alice");
        assert_eq!(scene.login("alice").types(&code).code(), PamCode::SUCCESS);
        fs::remove_file(scene.ledger("alice")).unwrap();
        scene.desk(&["unlock", "alice", "--repair"]).assert_done();
        assert_eq!(scene.login("alice").types(&code).code(), PamCode::AUTH_ERR);
    }

    #[test]
    fn stays_one_file_of_one_size_in_one_place() {
        let scene = scene();
        let before = fs::metadata(scene.ledger("alice")).unwrap();
        for i in 0..4 {
            assert_eq!(scene.login_with_code_at("alice", THEN + 60 * i).code(), PamCode::SUCCESS);
        }
        let after = fs::metadata(scene.ledger("alice")).unwrap();
        let identity = |meta: &fs::Metadata| {
            use std::os::unix::fs::MetadataExt;
            (meta.ino(), meta.len(), meta.blocks(), meta.mode())
        };
        assert_eq!(identity(&before), identity(&after));
    }
}

mod directory {
    use super::*;

    #[test]
    fn that_others_could_write_is_refused() {
        for (name, mode) in [("state", 0o777), ("state", 0o770), ("credentials", 0o755), ("ledgers", 0o770)] {
            let scene = scene();
            let path = if name == "state" { scene.state() } else { scene.state().join(name) };
            set_mode(&path, mode);
            refused(&scene, PamCode::SYSTEM_ERR, &path, "");
        }
    }

    #[test]
    fn of_another_owner_is_refused() {
        for name in ["", "credentials", "ledgers"] {
            let scene = scene();
            let path = if name.is_empty() { scene.state() } else { scene.state().join(name) };
            chown(&path, Some(SOMEBODY), None).unwrap();
            refused(&scene, PamCode::SYSTEM_ERR, &path, "");
        }
    }

    #[test]
    fn behind_a_symbolic_link_is_refused() {
        for name in ["credentials", "ledgers"] {
            let scene = scene();
            put_a_link_in_its_place(&scene.state().join(name));
            refused(&scene, PamCode::SYSTEM_ERR, &scene.state().join(name), "");
        }
    }

    #[test]
    fn that_is_missing_is_refused_and_not_taken_for_nobody_enrolled() {
        for name in ["", "credentials", "ledgers"] {
            let scene = scene();
            let path = if name.is_empty() { scene.state() } else { scene.state().join(name) };
            fs::remove_dir_all(&path).unwrap();
            refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
            assert!(!path.exists(), "a login made {}", path.display());
        }
    }
}

/// A line number of any kind, or none.
const ANY_LINE: &str = "any";

/// Alice, who has an account, and bob; both with eight digits and sixty seconds, which can be weakened.
fn scene() -> Scene {
    let phone = || acceptance::authenticator::Authenticator {
        digits: 8,
        period: 60,
        ..acceptance::authenticator::Authenticator::random()
    };
    let scene =
        Scene::builder().account("alice").enrolled_with("alice", phone()).enrolled_with("bob", phone());
    let scene = scene.build();
    scene.service(LENIENT, &scene.module("nullok"));
    scene
}

/// Alice is refused with this PAM code and an error in the log that names the file and the line; nothing changes.
/// Gives what the log says is the problem.
fn refused(scene: &Scene, code: PamCode, file: &Path, line: &str) -> String {
    let problem = refused_whatever_it_names(scene, code);
    let event = scene.journal.last();
    assert_eq!(event.field("file"), file.to_str().unwrap(), "{event:?}");
    if line != ANY_LINE {
        assert_eq!(event.field("line"), line, "{event:?}");
    }
    problem
}

/// The same, where the trouble lies between two files.
fn refused_whatever_it_names(scene: &Scene, code: PamCode) -> String {
    let before = Files::below(&scene.path(""));
    for service in [DOOR, LENIENT] {
        let logged = scene.journal.events().len();
        let login =
            scene.login_at(service, "alice").types(scene.authenticator("alice").code_at(THEN)).at(THEN);
        let outcome = login.run();
        assert_eq!(outcome.code, code, "{service}: {outcome:?}");
        if service == DOOR {
            // Before a configuration is read nobody is asked; after that strangers learn nothing from what is broken.
            let asks = usize::from(code != PamCode::SERVICE_ERR);
            assert_eq!(outcome.asked().len(), asks, "{outcome:?}");
        }
        assert_eq!(scene.journal.events().len(), logged + 1, "{service}: not one line");
    }
    before.assert_unchanged(&scene.path(""));
    let event = scene.journal.last();
    assert_eq!((event.what().as_str(), event.priority), ("error", 83), "{event:?}");
    assert_ne!(event.field("file"), "", "{event:?}");
    let problem = event.field("problem").to_owned();
    assert!(problem.contains(": ") || problem.contains("; "), "what to do is not said: {event:?}");
    problem
}

fn append(path: &Path, text: &str) {
    let old = fs::read_to_string(path).unwrap();
    fs::write(path, old + text).unwrap();
}

fn edit(path: &Path, from: &str, to: &str) {
    let old = fs::read_to_string(path).unwrap();
    assert!(old.contains(from), "{from:?} is not in {}:\n{old}", path.display());
    fs::write(path, old.replace(from, to)).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The thing itself lies beside it, as good as ever.
fn put_a_link_in_its_place(path: &Path) {
    let real = path.with_extension("real");
    fs::rename(path, &real).unwrap();
    symlink(&real, path).unwrap();
}

fn put_a_pipe_in_its_place(path: &Path) {
    fs::remove_file(path).unwrap();
    let made = Command::new("mkfifo").args(["-m", "600"]).arg(path).status().expect("no mkfifo");
    assert!(made.success());
}
