//! Generates the completions for bash, zsh and fish, in files with the names under which the shells look for them.

use crate::cli::Cli;
use crate::commands;
use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::{Shell, generate};
use std::error::Error;
use std::fmt::{self, Write};

/// The name and text of each file.
pub(super) fn all() -> Result<[(&'static str, String); 3], Box<dyn Error>> {
    Ok([
        ("totp-enroll.bash", bash_completions()?),
        ("_totp-enroll", clap_completions(Shell::Zsh)?),
        ("totp-enroll.fish", fish_completions(clap_completions(Shell::Fish)?)?),
    ])
}

fn clap_completions(shell: Shell) -> Result<String, Box<dyn Error>> {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "totp-enroll", &mut text);
    Ok(String::from_utf8(text)?)
}

/// Completions for fish: those of clap, plus account names as arguments, which clap leaves out.
fn fish_completions(mut text: String) -> Result<String, fmt::Error> {
    for (path, command) in commands() {
        if command.get_positionals().all(|argument| argument.get_value_hint() != ValueHint::Username) {
            continue;
        }
        let Some((first, rest)) = path.split_first() else { continue };
        let mut when = format!("__fish_totp_enroll_using_subcommand {first}");
        for word in rest {
            write!(when, "; and __fish_seen_subcommand_from {word}")?;
        }
        writeln!(text, "complete -c totp-enroll -n \"{when}\" -f -a \"(__fish_complete_users)\"")?;
    }
    Ok(text)
}

const HEAD: &str = r#"# shellcheck shell=bash
# Completions of totp-enroll for bash, generated from the definition of its command line.

_totp_enroll() {
    local cur=$2 prev=$3 command='' value='' i
    # --option=value is three words here.
    if [[ $cur == = ]]; then
        cur=''
        prev=${COMP_WORDS[COMP_CWORD - 1]}
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == = ]]; then continue; fi
        if [[ -n $value ]]; then
            value=''
            continue
        fi
        case "$command ${COMP_WORDS[i]}" in
"#;

const VALUES: &str = r#"        esac
    done
    case "$command $prev" in
"#;

const WORDS: &str = r#"    esac
    if [[ $cur == -* ]]; then
        case "$command" in
"#;

const ARGUMENTS: &str = r#"        esac
        return
    fi
    case "$command" in
"#;

const TAIL: &str = r#"    esac
}

_totp_enroll_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_totp_enroll_users() {
    mapfile -t COMPREPLY < <(compgen -u -- "$1")
}

_totp_enroll_files() {
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

complete -F _totp_enroll totp-enroll
"#;

/// Completions for bash, written here: clap_complete 4.6 completes neither account names nor file arguments, and no options at all for
/// a command with a dash in its name, because its case labels do not match.
fn bash_completions() -> Result<String, fmt::Error> {
    let commands: Vec<(String, Command)> =
        commands().into_iter().map(|(path, command)| (path.join(" "), command)).collect();
    let mut text = HEAD.to_owned();
    for (name, command) in &commands {
        let valued: Vec<String> = valued(command).map(|arg| format!("'{name} {}'", flag(arg))).collect();
        if !valued.is_empty() {
            writeln!(text, "            {}) value=next ;;", valued.join(" | "))?;
        }
        for inner in subcommands(command) {
            let path = if name.is_empty() { inner.clone() } else { format!("{name} {inner}") };
            writeln!(text, "            '{name} {inner}') command='{path}' ;;")?;
        }
    }
    text.push_str(VALUES);
    for (name, command) in &commands {
        for arg in valued(command) {
            writeln!(text, "        '{name} {}') {}return ;;", flag(arg), value_completion(arg))?;
        }
    }
    text.push_str(WORDS);
    for (name, command) in &commands {
        let flags: Vec<String> =
            command.get_arguments().filter(|arg| arg.get_long().is_some()).map(flag).collect();
        writeln!(text, "            '{name}') _totp_enroll_words '{}' \"$cur\" ;;", flags.join(" "))?;
    }
    text.push_str(ARGUMENTS);
    for (name, command) in &commands {
        let inner = subcommands(command);
        if !inner.is_empty() {
            writeln!(text, "        '{name}') _totp_enroll_words '{}' \"$cur\" ;;", inner.join(" "))?;
        }
        // Of several, the first that can be completed: which of them is being typed is not known.
        let values = command.get_positionals().map(value_completion);
        if let Some(value) = values.reduce(|first, next| if first.is_empty() { next } else { first }) {
            writeln!(text, "        '{name}') {};;", value.replace(';', ""))?;
        }
    }
    Ok(text + TAIL)
}

/// The options that take a value.
fn valued(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_opts().filter(|arg| arg.get_long().is_some())
}

fn flag(arg: &Arg) -> String {
    format!("--{}", arg.get_long().unwrap_or_default())
}

fn subcommands(command: &Command) -> Vec<String> {
    command.get_subcommands().map(|inner| inner.get_name().to_owned()).filter(|name| name != "help").collect()
}

/// The shell code that completes the value of an argument; empty if the values are unknown.
fn value_completion(arg: &Arg) -> String {
    let possible: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if !possible.is_empty() {
        return format!("_totp_enroll_words '{}' \"$cur\"; ", possible.join(" "));
    }
    let hint = arg.get_value_hint();
    if hint == ValueHint::FilePath {
        "_totp_enroll_files \"$cur\"; ".to_owned()
    } else if hint == ValueHint::Username {
        "_totp_enroll_users \"$cur\"; ".to_owned()
    } else {
        String::new()
    }
}
