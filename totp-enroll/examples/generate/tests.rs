//! Tests of the generated man page: it is well formed and complete, and its examples are valid commands.

use crate::cli::Cli;
use crate::commands;
use crate::page::{COMMANDS, OPTIONS, is_own, page};
use clap::{Arg, Parser};
use manual::{PAGES, Part, shown, warnings_of_mandoc};
use std::collections::BTreeSet;
use std::fs;

fn generated() -> Part {
    Part::read("totp-enroll.1", &page())
}

/// A man page as it is installed.
fn shipped(name: &str) -> Part {
    if name == "totp-enroll.1" { generated() } else { manual::page(name) }
}

#[test]
fn mandoc_and_man_accept_the_page() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("totp-enroll.1");
    fs::write(&file, page()).unwrap();
    assert_eq!(warnings_of_mandoc(&file), "");
    let shown = shown(&file);
    for line in ["totp-enroll keys seal [option ...]", "--tpm2-pcrs PCRS", "-h, --help"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[test]
fn the_page_has_every_command_and_option() {
    let source = fs::read_to_string(manual::file("totp-enroll.1")).unwrap();
    assert!(source.contains(OPTIONS) && source.contains(COMMANDS), "the markers are missing");
    let page = generated().section("COMMANDS");
    for (path, command) in commands().iter().filter(|(_, command)| !command.has_subcommands()) {
        let items = page.subsection(&path.join(" ")).items();
        assert_eq!(items.len(), command.get_arguments().filter(|arg| is_own(arg)).count(), "{path:?}");
    }
    let enroll = page.subsection("enroll").items();
    let body = |head: &str| &enroll.iter().find(|item| item.head == head).unwrap().body;
    assert!(body("--label TEXT").contains("Default: phone."));
    assert!(body("--algorithm ALGORITHM").contains("One of: SHA1, SHA256, SHA512. Default: SHA1."));
    assert!(body("--batch").contains("pending"), "the paragraphs of the long help");
    let heads: Vec<String> =
        generated().section("OPTIONS").items().into_iter().map(|item| item.head).collect();
    assert_eq!(heads, ["--config FILE", "--json", "-h, --help", "-V, --version"]);
}

#[test]
fn every_help_text_is_one_capitalised_line_without_a_full_stop() {
    let is_well_formed = |text: &str| {
        let starts = text.starts_with(|first: char| first.is_uppercase()) || text.starts_with("otpauth");
        starts && !text.ends_with('.') && !text.contains('\n') && text.len() <= 110
    };
    for (path, command) in commands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(is_well_formed(&about), "{path:?}: {about}");
        for arg in command.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(is_well_formed(&help), "{path:?} {}: {help}", arg.get_id());
        }
    }
}

#[test]
fn every_option_and_command_in_a_page_exists() {
    let all = commands();
    let options: BTreeSet<&str> =
        all.iter().flat_map(|(_, command)| command.get_arguments().filter_map(Arg::get_long)).collect();
    let words: BTreeSet<&str> = all.iter().flat_map(|(path, _)| path.iter().map(String::as_str)).collect();
    for name in PAGES {
        for option in shipped(name).marked("Fl") {
            let long = option.strip_prefix('-');
            assert!(
                long.map_or(["h", "V"].contains(&option.as_str()), |long| options.contains(long)),
                "{name}: -{option}"
            );
        }
        for command in shipped(name).marked("Ic") {
            assert!(command.split(' ').all(|word| words.contains(word)), "{name}: {command}");
        }
    }
}

/// Splits a line into words like a shell.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for char in line.chars() {
        match char {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '#' | '|' if !quoted && word.is_none() => break,
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    words
}

/// The words of a call of `totp-enroll` in a line, as root or through sudo.
fn command_line(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    // A shell prompt is at most one word.
    let prompted = line.split_once(' ').filter(|(prompt, _)| prompt.ends_with(['$', '#']));
    let line = prompted.map_or(line, |(_, line)| line.trim());
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    line.starts_with("totp-enroll ").then(|| shell_words(line))
}

#[test]
fn every_command_line_in_a_page_is_valid() {
    for name in PAGES {
        let lines = shipped(name).displays().concat();
        let shown: Vec<Vec<String>> = lines.iter().filter_map(|line| command_line(line)).collect();
        assert!(!shown.is_empty(), "{name}");
        for words in shown {
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{name}: {words:?}: {error}");
            }
        }
    }
    assert!(generated().section("EXAMPLES").displays().len() >= 8);
}
