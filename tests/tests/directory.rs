//! The directories of the state: not as they should be, or missing, they refuse everybody.

use acceptance::damage::{
    SOMEBODY, put_a_link_in_its_place, refused, refused_whatever_it_names, scene, set_mode,
};
use acceptance::login::PamCode;
use std::fs;
use std::os::unix::fs::chown;

#[test]
fn a_directory_that_others_could_write_is_refused() {
    for (name, mode) in [("state", 0o777), ("state", 0o770), ("credentials", 0o755), ("ledgers", 0o770)] {
        let scene = scene();
        let path = if name == "state" { scene.state() } else { scene.state().join(name) };
        set_mode(&path, mode);
        refused(&scene, PamCode::SYSTEM_ERR, &path, "");
    }
}

#[test]
fn a_directory_of_another_owner_is_refused() {
    for name in ["", "credentials", "ledgers"] {
        let scene = scene();
        let path = if name.is_empty() { scene.state() } else { scene.state().join(name) };
        chown(&path, Some(SOMEBODY), None).unwrap();
        refused(&scene, PamCode::SYSTEM_ERR, &path, "");
    }
}

#[test]
fn a_directory_behind_a_symbolic_link_is_refused() {
    for name in ["", "credentials", "ledgers"] {
        let scene = scene();
        let path = if name.is_empty() { scene.state() } else { scene.state().join(name) };
        put_a_link_in_its_place(&path);
        refused(&scene, PamCode::SYSTEM_ERR, &path, "");
    }
}

#[test]
fn a_directory_that_is_missing_is_refused_and_not_taken_for_nobody_enrolled() {
    for name in ["", "credentials", "ledgers"] {
        let scene = scene();
        let path = if name.is_empty() { scene.state() } else { scene.state().join(name) };
        fs::remove_dir_all(&path).unwrap();
        refused_whatever_it_names(&scene, PamCode::SYSTEM_ERR);
        assert!(!path.exists(), "a login made {}", path.display());
    }
}
