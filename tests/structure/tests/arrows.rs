//! Dependencies between the crates, and between the modules of each, have no circles.

use structure::arrows::{Arrow, arrows};
use structure::circles::circles;
use structure::packages::needs;
use structure::paths::bound;
use structure::sources::modules;

/// Each crate, and which of the others it may depend on. The front ends do not depend on each other; the acceptance tests use only
/// what is built.
const CRATES: [(&str, &[&str]); 12] = [
    ("totp-core", &[]),
    ("totp-store", &["totp-core"]),
    ("otpauth", &["totp-core"]),
    ("seed-files", &["totp-core"]),
    ("pam-stack", &[]),
    ("totp-host", &["totp-core", "totp-store"]),
    ("pam_totp", &["otpauth", "totp-core", "totp-host"]),
    ("totp-enroll", &["pam-stack", "seed-files", "otpauth", "totp-core", "totp-host"]),
    ("acceptance", &[]),
    ("pam-bench", &["acceptance"]),
    ("manual", &[]),
    ("structure", &[]),
];

/// What the tests of any crate may depend on as well.
const FOR_TESTS: [&str; 1] = ["manual"];

/// The roots of the crates that ship.
const ROOTS: [&str; 8] = [
    "crates/totp-core/src/lib.rs",
    "crates/totp-store/src/lib.rs",
    "crates/totp-host/src/lib.rs",
    "crates/pam-stack/src/lib.rs",
    "crates/otpauth/src/lib.rs",
    "crates/seed-files/src/lib.rs",
    "pam_totp/src/lib.rs",
    "totp-enroll/src/main.rs",
];

#[test]
fn a_crate_knows_those_that_it_may_know() {
    let crates = needs(&structure::checkout());
    let is_gone = |name: &&str| !crates.iter().any(|(there, _)| there == name);
    let listed =
        CRATES.iter().flat_map(|(name, allowed)| [name].into_iter().chain(*allowed)).chain(&FOR_TESTS);
    let mut unplaced: Vec<String> =
        listed.copied().filter(is_gone).map(|name| format!("{name}: there is no such crate")).collect();
    for (name, needs) in crates {
        let Some((_, allowed)) = CRATES.iter().find(|(known, _)| *known == name) else {
            unplaced.push(format!("{name}: add it to this test's table"));
            continue;
        };
        let is_strange = |other: &&String| !allowed.contains(&other.as_str());
        let is_strange_in_tests = |other: &&String| is_strange(other) && !FOR_TESTS.contains(&other.as_str());
        unplaced.extend(
            needs.built.iter().filter(is_strange).map(|other| format!("{name} must not depend on {other}")),
        );
        let tested = needs.tested.iter().filter(is_strange_in_tests);
        unplaced.extend(tested.map(|other| format!("the tests of {name} must not depend on {other}")));
    }
    assert!(unplaced.is_empty(), "{}", unplaced.join("\n"));
}

#[test]
fn the_modules_of_a_crate_know_each_other_in_one_direction() {
    let top = structure::checkout();
    let mut found = String::new();
    for root in ROOTS {
        let arrows = arrows(&modules(&top, root));
        // The modules of totp-host do not depend on each other, and otpauth has only two.
        let has_few = root.contains("totp-host") || root.contains("otpauth");
        assert!(arrows.len() > 2 || has_few, "{root}: hardly any dependency was read");
        for circle in circles(&arrows) {
            found += &format!("\na circle in {root}:\n{}", circle.into_iter().map(line).collect::<String>());
        }
    }
    assert!(found.is_empty(), "{found}\nmove what both sides name into its own file");
}

#[test]
fn nothing_is_handed_on_unnamed() {
    let top = structure::checkout();
    for module in ROOTS.iter().flat_map(|root| modules(&top, root)) {
        let globs = bound(&module).into_iter().filter(|bound| bound.handed_on && bound.name == "*");
        let lines: Vec<usize> = globs.map(|bound| bound.target.line).collect();
        assert!(lines.is_empty(), "{}:{lines:?}: the definition cannot be found", module.file.display());
    }
}

fn line(Arrow { from, to, what, at }: &Arrow) -> String {
    format!("  {from} -> {to}  ({what}, {at})\n")
}
