//! The page of the command names every command, argument, option and default that there is, and none that there is
//! not; what the pages show as typed can be typed.

use super::Cli;
use super::completions_tests::commands;
use clap::{Arg, ArgAction, Command, CommandFactory, Parser};
use manual::{PAGES, page};
use std::collections::{BTreeMap, BTreeSet};

/// What holds for every command.
const GLOBAL: [&str; 2] = ["config", "json"];

fn page_of_the_command() -> manual::Part {
    page("totp-enroll.1")
}

/// Those that do something themselves, by their words.
fn leaves() -> BTreeMap<String, Command> {
    let all = commands().into_iter().filter(|(_, command)| !command.has_subcommands());
    all.map(|(path, command)| (path.join(" "), command)).collect()
}

fn own_options(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_own = |arg: &&Arg| {
        let is_of_all =
            matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong);
        arg.get_long().is_some_and(|long| !GLOBAL.contains(&long)) && !is_of_all
    };
    command.get_arguments().filter(is_own)
}

/// `--flag VALUE`, or `VALUE` for what stands alone.
fn head(arg: &Arg) -> String {
    let value =
        arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default();
    match arg.get_long() {
        Some(long) if arg.get_action().takes_values() => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
        None => value,
    }
}

#[test]
fn the_page_has_every_command_and_no_other() {
    let titles: BTreeSet<String> =
        page_of_the_command().section("COMMANDS").subsections().into_iter().collect();
    assert_eq!(titles, leaves().into_keys().collect());
}

#[test]
fn the_page_has_every_argument_of_each_command_and_no_other() {
    let page = page_of_the_command().section("COMMANDS");
    for (name, command) in leaves() {
        let mut listed: Vec<String> =
            page.subsection(&name).items().into_iter().map(|item| item.head).collect();
        let mut there: Vec<String> =
            own_options(&command).chain(command.get_positionals()).map(head).collect();
        listed.sort();
        there.sort();
        assert_eq!(listed, there, "{name}");
    }
}

#[test]
fn the_page_gives_each_default_and_each_word_that_a_value_may_be() {
    let page = page_of_the_command().section("COMMANDS");
    let (mut defaults, mut words) = (0, 0);
    for (name, command) in leaves() {
        for item in page.subsection(&name).items() {
            let arg =
                own_options(&command).chain(command.get_positionals()).find(|arg| head(arg) == item.head);
            let arg = arg.unwrap();
            for default in arg.get_default_values().iter().filter(|_| arg.get_action().takes_values()) {
                let said = format!("Default: {}.", default.display());
                assert!(item.body.contains(&said), "{name} {}: {said}", item.head);
                defaults += 1;
            }
            for value in arg.get_possible_values().iter().filter(|_| arg.get_action().takes_values()) {
                assert!(item.body.contains(value.get_name()), "{name} {}: {}", item.head, value.get_name());
                words += 1;
            }
        }
    }
    assert!(defaults >= 5 && words >= 11, "{defaults} {words}");
}

#[test]
fn the_page_has_the_options_of_all_commands_and_no_other() {
    let items = page_of_the_command().section("OPTIONS").items();
    let listed: Vec<String> = items.into_iter().map(|item| item.head).collect();
    assert_eq!(listed, ["--config FILE", "--json", "-h, --help", "-V, --version"]);
    let whole = Cli::command();
    let there: Vec<&str> = whole.get_arguments().filter_map(Arg::get_long).collect();
    assert_eq!(there, GLOBAL);
    assert!(whole.get_arguments().all(Arg::is_global_set));
}

#[test]
fn the_first_line_of_a_command_on_the_page_has_what_must_be_given() {
    let page = page_of_the_command().section("COMMANDS");
    for (name, command) in leaves() {
        let lines = page.subsection(&name).lines_shown();
        assert!(!lines.is_empty(), "{name}");
        for line in lines {
            let behind = line.strip_prefix(&name).unwrap_or_else(|| panic!("{name}: {line}"));
            for arg in command.get_arguments().filter(|arg| arg.is_required_set()) {
                assert!(behind.contains(&format!(" {}", head(arg))), "{name}: {}", head(arg));
            }
        }
    }
}

#[test]
fn every_option_and_command_that_a_page_names_is_there() {
    let all = commands();
    let options: BTreeSet<&str> =
        all.iter().flat_map(|(_, command)| command.get_arguments().filter_map(Arg::get_long)).collect();
    let words: BTreeSet<&str> = all.iter().flat_map(|(path, _)| path.iter().map(String::as_str)).collect();
    for name in PAGES {
        for option in page(name).marked("Fl") {
            let long = option.strip_prefix('-');
            assert!(
                long.map_or(["h", "V"].contains(&option.as_str()), |long| options.contains(long)),
                "{name}: -{option}"
            );
        }
        for command in page(name).marked("Ic") {
            assert!(command.split(' ').all(|word| words.contains(word)), "{name}: {command}");
        }
    }
}

/// The words of a line as a shell would part them.
fn parted(line: &str) -> Vec<String> {
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

/// The command in a line that is typed as root or through sudo, if it is ours.
fn typed(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    // A prompt is one word at most.
    let prompted = line.split_once(' ').filter(|(prompt, _)| prompt.ends_with(['$', '#']));
    let line = prompted.map_or(line, |(_, line)| line.trim());
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    line.starts_with("totp-enroll ").then(|| parted(line))
}

#[test]
fn every_command_that_a_page_shows_can_be_typed() {
    for name in PAGES {
        let lines = page(name).displays().concat();
        let shown: Vec<Vec<String>> = lines.iter().filter_map(|line| typed(line)).collect();
        assert!(!shown.is_empty(), "{name}");
        for words in shown {
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{name}: {words:?}: {error}");
            }
        }
    }
    assert!(page_of_the_command().section("EXAMPLES").displays().len() >= 8);
}

#[test]
fn every_command_and_argument_has_a_help_text() {
    for (path, command) in commands() {
        let name = path.join(" ");
        assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{name}");
        for arg in command.get_arguments() {
            assert!(arg.get_help().is_some_and(|help| !help.to_string().is_empty()), "{name}: {}", head(arg));
        }
    }
}
