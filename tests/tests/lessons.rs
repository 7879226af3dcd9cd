//! The table "Failures seen elsewhere" in README.md names existing tests, and every test file is run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_test_that_the_table_of_lessons_names_is_there() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(package.join("README.md")).unwrap();
    let (_, table) = readme.split_once("\n## Failures seen elsewhere\n").unwrap();
    let table = table.split("\n## ").next().unwrap_or_default();
    let (mut named, mut missing) = (0, BTreeSet::new());
    for row in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Failure")) {
        let tests: Vec<(&str, &str)> = row.split('`').filter_map(|word| word.split_once("::")).collect();
        assert!(!tests.is_empty(), "a lesson without a test: {row}");
        for (file, test) in tests {
            named += 1;
            let source = fs::read_to_string(package.join("tests").join(file)).unwrap_or_default();
            if !source.contains(&format!("#[test]\nfn {test}() {{\n")) {
                missing.insert(format!("{file}::{test}"));
            }
        }
    }
    assert!(named > 20, "the table was not read: {named} tests");
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn every_file_of_tests_is_run() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let entries = |directory: &Path| -> Vec<PathBuf> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let (mut count, mut missing) = (0, Vec::new());
    let is_part = |path: &PathBuf| path.is_dir();
    let parts = entries(&directory).into_iter().filter(is_part).map(|part| (part.with_extension("rs"), part));
    for (root, files) in parts.chain([(directory.join("main.rs"), directory.clone())]) {
        let text = fs::read_to_string(&root).unwrap_or_default();
        let run: BTreeSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
        for file in entries(&files).into_iter().filter(|file| *file != root && !is_part(file)) {
            count += 1;
            let name = file.file_stem().unwrap().to_str().unwrap();
            if !run.contains(name) {
                missing.push(format!("{}: no mod {name}", root.display()));
            }
        }
    }
    assert!(count > 50 && missing.is_empty(), "{missing:#?}");
}
