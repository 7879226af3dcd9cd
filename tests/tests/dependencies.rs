//! The dependencies, the oldest Rust, and the version, which is the same wherever it is read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a module that sshd and sudo load has no use for: asynchronous runtimes, threads, TLS, regular expressions, parsers of the command.
const NOT_IN_THE_MODULE: [&str; 14] = [
    "age",
    "clap",
    "crossbeam",
    "indicatif",
    "jiff",
    "libloading",
    "mio",
    "native-tls",
    "openssl",
    "rayon",
    "regex",
    "rustls",
    "serde_json",
    "tokio",
];

#[test]
fn no_dependency_needs_a_newer_rust_than_stated() {
    let ours = numbers(&workspace("rust-version"));
    let newer: Vec<String> = Graph::read()
        .packages
        .values()
        .filter(|package| numbers(package["rust_version"].as_str().unwrap_or("1")) > ours)
        .map(|package| format!("{} needs {}", package["name"], package["rust_version"]))
        .collect();
    assert!(newer.is_empty(), "newer than {ours:?}: {newer:#?}");
}

#[test]
fn the_module_has_each_dependency_once_and_none_of_the_command() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in Graph::read().linked_into("pam_totp") {
        let [name, version] = ["name", "version"].map(|key| package[key].as_str().unwrap().to_owned());
        versions.entry(name).or_default().insert(version);
    }
    assert!(versions.contains_key("totp-core") && versions.contains_key("sha2"), "{versions:?}");
    let twice: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
    let unwanted: Vec<_> = NOT_IN_THE_MODULE.iter().filter(|name| versions.contains_key(**name)).collect();
    assert!(unwanted.is_empty(), "{unwanted:?}");
}

#[test]
fn every_dependency_has_its_reason_beside_it() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, behind) = text.split_once("[workspace.dependencies]\n").unwrap();
    let lines: Vec<&str> = behind.split("\n[").next().unwrap().lines().collect();
    let (mut seen, mut bare) = (0, Vec::new());
    for pair in lines.windows(2) {
        let is_dependency =
            pair[1].contains(" = ") && !pair[1].starts_with('#') && !pair[1].contains("path = ");
        seen += usize::from(is_dependency);
        if is_dependency && (!pair[0].starts_with("# ") || pair[0].starts_with("# ---")) {
            bare.push(pair[1]);
        }
    }
    assert!(seen > 20, "the dependencies were not read: {seen}");
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn the_version_is_the_same_wherever_it_is_read() {
    let version = workspace("version");
    let top = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = top.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        let text = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        for key in ["version", "edition", "rust-version"] {
            assert!(text.contains(&format!("\n{key}.workspace = true\n")), "{member}: {key}");
        }
    }
    let debian = fs::read_to_string(root().join("packaging/debian/changelog")).unwrap();
    assert!(debian.starts_with(&format!("pam-totp ({version}) ")), "{:?}", debian.lines().next());
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert_eq!(newest.split(' ').next(), Some(version.as_str()), "CHANGELOG.md");
    let shown = Command::new(root().join("target/release/totp-enroll")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), format!("totp-enroll {version}\n"));
}

/// A field of `[workspace.package]`.
fn workspace(key: &str) -> String {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, behind) = text.split_once("[workspace.package]\n").unwrap();
    let line = behind.lines().find_map(|line| line.strip_prefix(&format!("{key} = \""))).unwrap();
    line.trim_end_matches('"').to_owned()
}

fn numbers(version: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
    numbers.resize(3, 0);
    numbers
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What cargo resolved for this machine.
struct Graph {
    packages: BTreeMap<String, Value>,
    nodes: BTreeMap<String, Value>,
}

impl Graph {
    fn read() -> Self {
        let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Beside cargo: root's own PATH, if root runs this for another process, may know neither.
        let rustc = Command::new(cargo.with_file_name("rustc")).arg("-vV").output().unwrap();
        let rustc = String::from_utf8(rustc.stdout).unwrap();
        let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let arguments =
            ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", host];
        let output = Command::new(cargo).current_dir(root()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let whole: Value = serde_json::from_slice(&output.stdout).unwrap();
        let by_id = |list: &Value| {
            list.as_array()
                .unwrap()
                .iter()
                .map(|of| (of["id"].as_str().unwrap().to_owned(), of.clone()))
                .collect()
        };
        Self { packages: by_id(&whole["packages"]), nodes: by_id(&whole["resolve"]["nodes"]) }
    }

    /// The packages whose code ends up in `crate_name`'s: neither what builds it nor what tests it.
    fn linked_into(&self, crate_name: &str) -> Vec<&Value> {
        let start = self.packages.iter().find(|(_, package)| package["name"] == crate_name).unwrap().0;
        let (mut todo, mut seen) = (vec![start.as_str()], BTreeSet::new());
        while let Some(id) = todo.pop() {
            if self.is_macro(id) || !seen.insert(id) {
                continue;
            }
            for dependency in self.nodes[id]["deps"].as_array().unwrap() {
                let kinds = dependency["dep_kinds"].as_array().unwrap();
                if kinds.iter().any(|kind| kind["kind"].is_null()) {
                    todo.push(dependency["pkg"].as_str().unwrap());
                }
            }
        }
        seen.iter().map(|id| &self.packages[*id]).collect()
    }

    fn is_macro(&self, id: &str) -> bool {
        let targets = self.packages[id]["targets"].as_array().unwrap();
        targets.iter().any(|target| target["kind"].as_array().unwrap().contains(&"proc-macro".into()))
    }
}
