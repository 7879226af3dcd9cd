//! The config file that is shipped shows every key with its default, and nothing else. What the keys are, the reader says itself.

use super::Config;
use super::schema_tests::{ConfigKey, keys, parse, without_default};
use std::path::Path;

const SHIPPED: &str = include_str!("../../../../packaging/config.toml");

/// One key that is commented out.
struct Shown {
    key: ConfigKey,
    /// As it would stand there.
    line: &'static str,
    /// Where, counted from one.
    number: usize,
}

/// What is shown before the examples for one service.
fn shown() -> Vec<Shown> {
    let mut section = "";
    let mut shown = Vec::new();
    for (number, line) in (1..).zip(SHIPPED.lines()).take_while(|(_, line)| *line != "#[service.sudo.limit]")
    {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some(line) = line.strip_prefix('#').filter(|line| line.starts_with(char::is_alphabetic))
        {
            let (name, _) =
                line.split_once(" =").unwrap_or_else(|| panic!("line {number} is no key: {line}"));
            shown.push(Shown { key: ConfigKey::new(section, name), line, number });
        }
    }
    shown
}

/// The shipped file with the lines of `these` keys in force.
fn with<'a>(these: impl IntoIterator<Item = &'a Shown>) -> String {
    let mut lines: Vec<&str> = SHIPPED.lines().collect();
    for shown in these {
        lines[shown.number - 1] = shown.line;
    }
    lines.join("\n")
}

#[test]
fn it_says_what_holds_without_it() {
    assert_eq!(Config::parse(Path::new("/c.toml"), SHIPPED.as_bytes(), None), Config::defaults());
}

#[test]
fn every_key_is_shown_once_and_no_other() {
    let mut shown: Vec<ConfigKey> = shown().into_iter().map(|shown| shown.key).collect();
    shown.sort();
    assert_eq!(shown, keys());
}

#[test]
fn every_key_is_shown_with_its_default() {
    let defaults = Config::defaults().unwrap();
    let shown = shown();
    let by_default: Vec<&Shown> = shown.iter().filter(|shown| !without_default(&shown.key)).collect();
    for shown in &by_default {
        assert_eq!(parse(&with([*shown])).as_ref(), Ok(&defaults), "line {}: {}", shown.number, shown.line);
    }
    assert_eq!(parse(&with(by_default)).as_ref(), Ok(&defaults));
}

#[test]
fn a_key_without_a_default_says_so_and_what_is_shown_can_be_set() {
    let shown = shown();
    let none: Vec<&Shown> = shown.iter().filter(|shown| without_default(&shown.key)).collect();
    for shown in &none {
        let before: Vec<&str> = SHIPPED.lines().take(shown.number - 1).collect();
        let comment = before.iter().rev().take_while(|line| line.starts_with("# "));
        assert!(comment.clone().any(|line| line.contains("Not set:")), "line {}", shown.number);
        let set = parse(&with([*shown])).unwrap();
        assert_ne!(set, Config::defaults().unwrap(), "line {}: {}", shown.number, shown.line);
    }
    assert!(parse(&with(&shown)).is_ok());
}

#[test]
fn the_examples_for_one_service_can_be_set() {
    let (before, examples) = SHIPPED.split_once("\n#[service.").unwrap();
    let text = format!("{before}\n#[service.{examples}").replace("\n#", "\n");
    let examples: String =
        text.lines().skip(before.lines().count()).map(|line| format!("{line}\n")).collect();
    let config = Config::parse(Path::new("/c.toml"), examples.as_bytes(), Some("sudo")).unwrap();
    assert_ne!(config, Config::defaults().unwrap());
}
