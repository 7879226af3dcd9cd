//! What may be done where: the pure rooms, `unsafe`, and what success is made of.

use std::path::Path;

use structure::files::{lines_with, rust_files};
use structure::making::makes;
use structure::paths::{Named, bound, named};
use structure::sources::{Module, modules};

/// What a pure room never does: files, programs, threads, the network, the environment, the clock, the system.
const IMPURE: [&[&str]; 15] = [
    &["std", "fs"],
    &["std", "env"],
    &["std", "net"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "os"],
    &["std", "io", "stdin"],
    &["std", "io", "stdout"],
    &["std", "io", "stderr"],
    &["std", "time", "SystemTime"],
    &["std", "time", "Instant"],
    &["nix"],
    &["libc"],
    &["rustix"],
    &["getrandom"],
];

/// Of these, what are values.
const VALUES: [&[&str]; 3] =
    [&["std", "net", "IpAddr"], &["std", "net", "Ipv4Addr"], &["std", "net", "Ipv6Addr"]];

/// Where `unsafe` may stand: what is said to libpam, by the module and by the tests.
const UNSAFE: [&str; 2] = ["pam_totp/src/ffi/", "tests/src/libpam/"];

fn core() -> Vec<Module> {
    modules(&structure::checkout(), "totp-core/src/lib.rs")
}

#[test]
fn only_the_store_touches_the_system() {
    let mut found = Vec::new();
    for module in core().iter().filter(|module| module.path.first().is_none_or(|room| room != "store")) {
        found.extend(impure(module));
    }
    assert!(
        found.is_empty(),
        "what is not in totp-core/src/store is values in, values out:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_card_is_drawn_without_the_system() {
    let card = modules(&structure::checkout(), "totp-card/src/lib.rs");
    let found: Vec<String> = card.iter().flat_map(impure).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Each path of the module that begins as one of [`IMPURE`], written out or by an imported name.
fn impure(module: &Module) -> Vec<String> {
    let bound = bound(module);
    let mut paths: Vec<Named> = bound.iter().map(|bound| bound.target.clone()).collect();
    for named in named(module) {
        let imported = bound.iter().filter(|bound| named.segments.first() == Some(&bound.name));
        paths.extend(imported.map(|bound| {
            let segments =
                bound.target.segments.iter().chain(named.segments.iter().skip(1)).cloned().collect();
            Named { segments, line: named.line }
        }));
        paths.push(named);
    }
    let is_of = |path: &Named, all: &[&[&str]]| all.iter().any(|one| path.begins_with(one));
    let is_impure = |path: &&Named| is_of(path, &IMPURE) && !is_of(path, &VALUES);
    let at = |path: &Named| format!("{}:{}: {}", module.file.display(), path.line, path.segments.join("::"));
    paths.iter().filter(is_impure).map(at).collect()
}

#[test]
fn unsafe_stands_only_where_libpam_is_spoken_to() {
    let top = structure::checkout();
    let files = rust_files(&top);
    let is_allowed = |file: &Path| UNSAFE.iter().any(|allowed| file.starts_with(allowed));
    let at = |file: &Path| -> Vec<String> {
        lines_with(&top.join(file), "unsafe")
            .iter()
            .map(|line| format!("{}:{line}", file.display()))
            .collect()
    };
    for allowed in UNSAFE {
        assert!(files.iter().any(|file| file.starts_with(allowed)), "{allowed} is gone: correct this test");
    }
    let found: Vec<String> =
        files.iter().filter(|file| !is_allowed(file)).flat_map(|file| at(file)).collect();
    assert!(found.is_empty(), "unsafe outside of {UNSAFE:?}:\n{}", found.join("\n"));
}

#[test]
fn each_proof_of_success_is_made_in_its_one_place() {
    let core = core();
    let made = |name: &str| -> Vec<String> {
        core.iter().flat_map(|module| makes(module, name).into_iter().map(|_| module.name())).collect()
    };
    assert_eq!(made("Verified"), ["login"], "a code was right and its use is recorded");
    assert_eq!(made("Enrolled"), ["enrolment"], "a login enrolled, after the commit");
    assert_eq!(made("Unenrolled"), ["policy", "policy"], "by a last day, by nullok");
    assert_eq!(
        made("Waiver"),
        ["policy", "policy", "policy", "policy"],
        "exempt, fresh, by a security key, and a remembered device for the room of that"
    );
    let remembered = core.iter().flat_map(|module| {
        let calls = named(module)
            .into_iter()
            .filter(|path| path.segments.ends_with(&["Waiver".to_owned(), "remembered".to_owned()]));
        calls.map(|_| module.name()).collect::<Vec<_>>()
    });
    assert_eq!(
        remembered.collect::<Vec<_>>(),
        ["remembered"],
        "a device is admitted after its use was recorded"
    );
}

#[test]
fn pam_codes_that_let_somebody_pass_stand_in_one_table() {
    let door = modules(&structure::checkout(), "pam_totp/src/lib.rs");
    let said = |code: &str| -> Vec<String> {
        let of = |module: &Module| {
            let is_said = |path: &&Named| path.segments.last().is_some_and(|last| last == code);
            let count = named(module).iter().filter(is_said).count();
            let imported = bound(module).iter().any(|bound| is_said(&&bound.target) || bound.name == code);
            assert!(!imported, "{}: {code} is to be written as PamResultCode::{code}", module.file.display());
            vec![module.name(); count]
        };
        // What libpam answers to the module is a number there.
        door.iter()
            .filter(|module| module.path.first().is_none_or(|room| room != "ffi"))
            .flat_map(of)
            .collect()
    };
    assert_eq!(
        said("PAM_SUCCESS"),
        ["outcome", "outcome", "outcome", "outcome"],
        "for Verified, Enrolled and Waiver, and for setcred, which decides nothing"
    );
    assert_eq!(said("PAM_IGNORE"), ["outcome"], "for Unenrolled, and a Waiver that would be all there is");
}
