//! The crates of the workspace, and which of them each depends on, as cargo knows it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// By the name of each crate of the workspace the other crates of it that it needs: to be built, to be tested, or by its build
/// script.
///
/// # Panics
///
/// Where cargo does not answer.
#[must_use]
pub fn needs(top: &Path) -> BTreeMap<String, BTreeSet<String>> {
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
        list(package, "dependencies").map(name).filter(|name| ours.contains(name)).collect()
    };
    packages.iter().map(|package| (name(package), needs(package))).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).expect("a list of cargo metadata").iter()
}

fn name(value: &Value) -> String {
    value.get("name").and_then(Value::as_str).expect("a name of cargo metadata").to_owned()
}
