//! Where input and output may happen, where proofs of success are made, and where PAM codes are.

use structure::making::{makes, remakes};
use structure::methods::called;
use structure::paths::{Named, bound, named};
use structure::sources::{Module, modules};
use syn::Item;

/// What the rules never do: files, programs, threads, the network, the environment, the clock, the system.
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
const VALUES: [&[&str]; 4] = [
    &["std", "net", "IpAddr"],
    &["std", "net", "Ipv4Addr"],
    &["std", "net", "Ipv6Addr"],
    &["std", "os", "unix", "ffi", "OsStrExt"],
];

/// Methods of a path that ask the disk.
const ASKS_THE_DISK: [&str; 10] = [
    "canonicalize",
    "exists",
    "is_dir",
    "is_file",
    "is_symlink",
    "metadata",
    "read_dir",
    "read_link",
    "symlink_metadata",
    "try_exists",
];

/// More names than anything is given.
const HANDS: usize = 4;

fn core() -> Vec<Module> {
    modules(&structure::checkout(), "crates/totp-core/src/lib.rs")
}

/// The module of the rules that is excepted, with those below it: the conformance suite of the engines uses threads.
const EXCEPTED: [&str; 1] = ["store::conformance"];

#[test]
fn the_rules_do_not_touch_the_system() {
    let core = core();
    let excepted = EXCEPTED.map(|name| name.split("::").map(str::to_owned).collect::<Vec<_>>());
    for path in &excepted {
        let touches = core.iter().any(|module| module.path.starts_with(path) && !impure(module).is_empty());
        assert!(touches, "{}: there is no such module, or no need to except it", path.join("::"));
    }
    let is_checked = |module: &&Module| !excepted.iter().any(|path| module.path.starts_with(path));
    let found: Vec<String> = core.iter().filter(is_checked).flat_map(impure).collect();
    assert!(found.is_empty(), "totp-core is values in, values out:\n{}", found.join("\n"));
}

#[test]
fn otpauth_does_not_touch_the_system() {
    let card = modules(&structure::checkout(), "crates/otpauth/src/lib.rs");
    let found: Vec<String> = card.iter().flat_map(impure).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn seed_files_are_read_from_memory() {
    let readers = modules(&structure::checkout(), "crates/seed-files/src/lib.rs");
    let found: Vec<String> = readers.iter().flat_map(impure).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Each path of the module that begins as one of [`IMPURE`], written out or by an imported name.
fn impure(module: &Module) -> Vec<String> {
    let at = |path: &Named| format!("{}:{}: {}", module.file.display(), path.line, path.segments.join("::"));
    let asks = called(module).into_iter().filter(|(name, _)| ASKS_THE_DISK.contains(&name.as_str()));
    let asks = asks.map(|(name, line)| format!("{}:{line}: .{name}()", module.file.display()));
    let renamed = module.items.iter().filter(|item| matches!(item, Item::ExternCrate(_)));
    let renamed = renamed.map(|_| format!("{}: extern crate", module.file.display()));
    impure_paths(module).iter().map(at).chain(asks).chain(renamed).collect()
}

fn impure_paths(module: &Module) -> Vec<Named> {
    let bound = bound(module);
    let mut paths: Vec<Named> = bound.iter().map(|bound| bound.target.clone()).chain(named(module)).collect();
    // What is imported may have been imported by another name before.
    for _ in 0..HANDS {
        let further = paths.iter().flat_map(|path| {
            let imported = bound.iter().filter(|bound| path.segments.first() == Some(&bound.name));
            imported.filter(|bound| bound.target.segments.first() != Some(&bound.name)).map(|bound| {
                let rest = path.segments.iter().skip(1);
                Named {
                    segments: bound.target.segments.iter().chain(rest).cloned().collect(),
                    line: path.line,
                }
            })
        });
        let further: Vec<Named> = further.filter(|path| !paths.contains(path)).collect();
        paths.extend(further);
    }
    let is_of = |path: &Named, all: &[&[&str]]| all.iter().any(|one| path.begins_with(one));
    let globs = bound.iter().filter(|bound| bound.name == "*" && bound.target.segments == ["std"]);
    let globs: Vec<Named> = globs.map(|bound| bound.target.clone()).collect();
    paths.retain(|path| is_of(path, &IMPURE) && !is_of(path, &VALUES));
    paths.extend(globs);
    paths
}

#[test]
fn each_proof_of_success_is_made_in_one_place() {
    let core = core();
    let made = |name: &str| -> Vec<String> {
        core.iter().flat_map(|module| makes(module, name).into_iter().map(|_| module.name())).collect()
    };
    assert_eq!(made("Verified"), ["login"], "a code was right and its use is recorded");
    assert_eq!(made("Enrolled"), ["enrolment"], "a login enrolled, after the commit");
    assert_eq!(made("Unenrolled"), ["policy", "policy"], "by a last day, by nullok");
    assert_eq!(
        made("Exemption"),
        ["policy", "policy", "policy", "policy"],
        "exempt, fresh, by a security key, and a remembered device in its own file"
    );
    let remembered = core.iter().flat_map(|module| {
        let calls = named(module)
            .into_iter()
            .filter(|path| path.segments.ends_with(&["Exemption".to_owned(), "remembered".to_owned()]));
        calls.map(|_| module.name()).collect::<Vec<_>>()
    });
    assert_eq!(
        remembered.collect::<Vec<_>>(),
        ["policy::remembered_device"],
        "a device is admitted after its use was recorded"
    );
}

#[test]
fn a_proof_of_success_has_one_name_and_is_no_copy() {
    for name in ["Verified", "Enrolled", "Unenrolled", "Exemption"] {
        for module in core() {
            let lines = remakes(&module, name);
            assert!(
                lines.is_empty(),
                "{}:{lines:?}: {name} by another name, or derived",
                module.file.display()
            );
        }
    }
}

#[test]
fn no_pam_code_is_made_from_a_number() {
    let service = modules(&structure::checkout(), "pam_totp/src/lib.rs");
    let mut set = Vec::new();
    for module in service.iter().filter(|module| module.path.first().is_none_or(|first| first != "ffi")) {
        let is_code = |path: &Named| path.segments.iter().any(|one| one == "PamResultCode" || one == "Self");
        let from_number = |path: &&Named| is_code(path) && path.segments.ends_with(&["try_from".to_owned()]);
        assert!(!named(module).iter().any(|path| from_number(&path)), "{}: try_from", module.file.display());
        assert!(
            !called(module).iter().any(|(name, _)| name == "try_into"),
            "{}: try_into",
            module.file.display()
        );
        let paths = named(module).into_iter().chain(bound(module).into_iter().map(|bound| bound.target));
        let fixed = ["CREDENTIALS_SET", "ACCOUNT_NOT_JUDGED"];
        let is_fixed = |path: &Named| path.segments.last().is_some_and(|last| fixed.contains(&last.as_str()));
        set.extend(paths.filter(is_fixed).map(|_| module.name()));
    }
    assert_eq!(
        set,
        ["crate", "crate", "outcome", "outcome"],
        "said of setcred and of an account line once each, where they are named"
    );
}

#[test]
fn pam_codes_that_let_a_user_in_are_in_one_table() {
    let service = modules(&structure::checkout(), "pam_totp/src/lib.rs");
    let said = |code: &str| -> Vec<String> {
        let of = |module: &Module| {
            let is_said = |path: &&Named| path.segments.last().is_some_and(|last| last == code);
            let count = named(module).iter().filter(is_said).count();
            let imported = bound(module).iter().any(|bound| is_said(&&bound.target) || bound.name == code);
            assert!(!imported, "{}: {code} is to be written as PamResultCode::{code}", module.file.display());
            vec![module.name(); count]
        };
        // What libpam answers to the module is a number there.
        service
            .iter()
            .filter(|module| module.path.first().is_none_or(|first| first != "ffi"))
            .flat_map(of)
            .collect()
    };
    assert_eq!(
        said("PAM_SUCCESS"),
        ["outcome", "outcome", "outcome", "outcome"],
        "for Verified, Enrolled and Exemption, and for setcred, which decides nothing"
    );
    assert_eq!(
        said("PAM_IGNORE"),
        ["outcome", "outcome"],
        "for Unenrolled, and an Exemption where no first factor was passed, and for an account line, which decides nothing"
    );
}
