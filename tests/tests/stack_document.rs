//! `docs/stacks.md`: each row and each block has a test, and each test that it names exists.

use acceptance::stacks::{blocks, document};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_row_of_the_table_names_its_tests_or_says_untested() {
    let document = document().text;
    let rows: Vec<&str> =
        document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Service")).collect();
    assert!(rows.len() > 10, "the table was not read: {rows:?}");
    for row in rows {
        let named = named_in(row);
        assert!(!named.is_empty() || row.contains("untested"), "a stack without a test: {row}");
    }
    let missing: Vec<_> =
        named_in(&document).into_iter().filter(|(file, test)| !is_there(file, test)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn every_block_is_put_on_a_machine_by_a_test() {
    let sources: String = stack_tests().iter().flat_map(fs::read_to_string).collect();
    let names: Vec<String> = blocks().into_iter().map(|block| block.name).collect();
    assert!(names.len() > 10, "the blocks were not read: {names:?}");
    let once: BTreeSet<&String> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "two blocks of one name: {names:?}");
    let unused: Vec<_> = names.iter().filter(|name| !sources.contains(&format!("\"{name}\""))).collect();
    assert!(unused.is_empty(), "no test uses the blocks {unused:?}");
}

#[test]
fn every_test_of_a_stack_is_named_in_the_document() {
    let named = named_in(&document().text);
    for path in stack_tests() {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = fs::read_to_string(&path).unwrap_or_default();
        for test in source.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next()) {
            assert!(
                named.contains(&(file.clone(), test.to_owned())),
                "{file}::{test} is not in docs/stacks.md"
            );
        }
    }
}

/// `file.rs::test`, in the order of the text.
fn named_in(text: &str) -> BTreeSet<(String, String)> {
    let words = text.split('`').filter_map(|word| word.split_once(".rs::"));
    words.map(|(file, test)| (format!("{file}.rs"), test.to_owned())).collect()
}

fn is_there(file: &str, test: &str) -> bool {
    let source = fs::read_to_string(tests().join(file)).unwrap_or_default();
    source.contains(&format!("#[test]\nfn {test}() {{\n"))
}

/// But this one, which is about the document and not about a stack.
fn stack_tests() -> Vec<PathBuf> {
    let entries = fs::read_dir(tests()).into_iter().flatten().flatten();
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let files = entries.map(|entry| entry.path());
    files
        .filter(|path| {
            name(path).is_some_and(|name| name.starts_with("stack_") && name != "stack_document.rs")
        })
        .collect()
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}
