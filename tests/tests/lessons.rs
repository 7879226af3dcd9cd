//! The table "failure seen elsewhere" in README.md names tests that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
