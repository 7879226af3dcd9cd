//! The state directories are broken, missing or foreign: every login is refused.

use acceptance::damage::{
    ANOTHER, fixture, put_a_link_in_its_place, refused, refused_whatever_it_names, set_mode,
};
use acceptance::login::PamCode;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_directory_that_others_could_write_is_refused() {
    for (name, mode) in [("state", 0o777), ("state", 0o770), ("credentials", 0o755), ("ledgers", 0o770)] {
        let fixture = fixture();
        let path = if name == "state" { fixture.state() } else { fixture.state().join(name) };
        set_mode(&path, mode);
        refused(&fixture, PamCode::SYSTEM_ERR, &path, "");
    }
}

#[test]
fn a_directory_of_another_owner_is_refused() {
    for name in ["", "credentials", "ledgers"] {
        let fixture = fixture();
        let path = if name.is_empty() { fixture.state() } else { fixture.state().join(name) };
        chown(&path, Some(ANOTHER), None).unwrap();
        refused(&fixture, PamCode::SYSTEM_ERR, &path, "");
    }
}

#[test]
fn a_directory_behind_a_symbolic_link_is_refused() {
    for name in ["", "credentials", "ledgers"] {
        let fixture = fixture();
        let path = if name.is_empty() { fixture.state() } else { fixture.state().join(name) };
        put_a_link_in_its_place(&path);
        refused(&fixture, PamCode::SYSTEM_ERR, &path, "");
    }
}

#[test]
fn a_missing_directory_is_not_taken_for_nobody_enrolled() {
    for name in ["", "credentials", "ledgers"] {
        let fixture = fixture();
        let path = if name.is_empty() { fixture.state() } else { fixture.state().join(name) };
        fs::remove_dir_all(&path).unwrap();
        refused_whatever_it_names(&fixture, PamCode::SYSTEM_ERR);
        assert!(!path.exists(), "a login made {}", path.display());
    }
}
