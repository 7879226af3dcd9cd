//! The crates of the workspace and their dependencies on each other, from cargo.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The crates of the workspace that one of them needs.
pub struct Needs {
    /// To be built, its build script included.
    pub built: BTreeSet<String>,
    /// For its tests alone.
    pub tested: BTreeSet<String>,
}

/// Of each crate of the workspace, by its name.
///
/// # Panics
///
/// Where cargo does not answer.
#[must_use]
pub fn needs(top: &Path) -> BTreeMap<String, Needs> {
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--locked", "--offline", "--format-version", "1"])
        .current_dir(top)
        .output()
        .expect("cargo can be started");
    assert!(asked.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&asked.stderr));
    let answer: Value = serde_json::from_slice(&asked.stdout).expect("cargo answers in JSON");
    let packages: Vec<&Value> = list(&answer, "packages").collect();
    let ours: BTreeSet<String> = packages.iter().map(|package| name(package)).collect();
    let needs = |package: &Value| {
        let ours = |needed: &&Value| ours.contains(&name(needed));
        let (tested, built): (Vec<&Value>, Vec<&Value>) =
            list(package, "dependencies").filter(ours).partition(|needed| is_for_tests(needed));
        let names = |needed: Vec<&Value>| needed.into_iter().map(name).collect();
        Needs { built: names(built), tested: names(tested) }
    };
    packages.iter().map(|package| (name(package), needs(package))).collect()
}

fn is_for_tests(dependency: &Value) -> bool {
    dependency.get("kind").and_then(Value::as_str) == Some("dev")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).expect("a list of cargo metadata").iter()
}

fn name(value: &Value) -> String {
    value.get("name").and_then(Value::as_str).expect("a name of cargo metadata").to_owned()
}
