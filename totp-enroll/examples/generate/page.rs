//! Generates totp-enroll(1): the handwritten source, with options and commands in place of two markers.

use crate::commands;
use clap::{Arg, ArgAction, Command};
use std::fmt::Display;

/// The handwritten part.
const SOURCE: &str = include_str!("../../../packaging/man/totp-enroll.1.in");

/// The lines of the source that are replaced.
pub(crate) const OPTIONS: &str = ".\\\" @OPTIONS@\n";
pub(crate) const COMMANDS: &str = ".\\\" @COMMANDS@\n";

/// The most optional options that a synopsis spells out.
const SPELLED_OUT: usize = 2;

/// The whole page, in mdoc(7).
pub(crate) fn page() -> String {
    let all = commands();
    let for_all = all.iter().find(|(path, _)| path.is_empty()).map(|(_, command)| options(command));
    let leaves = all.iter().filter(|(_, command)| !command.has_subcommands());
    let each: String = leaves.map(|(path, command)| section(&path.join(" "), command)).collect();
    SOURCE.replace(OPTIONS, &for_all.unwrap_or_default()).replace(COMMANDS, &each)
}

/// The global options.
fn options(whole: &Command) -> String {
    list(whole.get_arguments())
}

/// One command: synopsis, description and arguments.
fn section(name: &str, command: &Command) -> String {
    let own: Vec<&Arg> = command.get_arguments().filter(|arg| is_own(arg)).collect();
    let about = text(command.get_about(), command.get_long_about());
    let items = if own.is_empty() { String::new() } else { list(own.iter().copied()) };
    format!(".Ss {name}\n.D1 Nm Ic {name}{}\n{about}{items}", synopsis(&own))
}

/// Whether an argument is neither global nor `--help`.
pub(crate) fn is_own(arg: &Arg) -> bool {
    let is_help = matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong);
    !arg.is_global_set() && !is_help
}

fn synopsis(own: &[&Arg]) -> String {
    let (options, arguments): (Vec<&Arg>, Vec<&Arg>) = own.iter().partition(|arg| arg.get_long().is_some());
    let (required, optional): (Vec<&Arg>, Vec<&Arg>) = options.iter().partition(|arg| arg.is_required_set());
    let spelled_out = if optional.len() > SPELLED_OUT { Vec::new() } else { optional.clone() };
    let mut line = String::new();
    for arg in arguments.iter().chain(&required).chain(&spelled_out) {
        let head = head(arg);
        line += &if arg.is_required_set() { format!(" {head}") } else { format!(" Oo {head} Oc") };
    }
    if optional.len() > SPELLED_OUT {
        line += " Oo Ar option ... Oc";
    }
    line
}

fn list<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let items: String = arguments.map(item).collect();
    format!(".Bl -tag -width Ds\n{items}.El\n")
}

fn item(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("Fl {short} , ")).unwrap_or_default();
    let head = head(arg);
    let head = if short.is_empty() { head } else { head.replacen("Fl ", &short, 1) };
    let mut body = text(arg.get_help(), arg.get_long_help());
    if arg.get_action().takes_values() {
        let values: Vec<String> = arg
            .get_possible_values()
            .iter()
            .map(|value| match value.get_help() {
                Some(help) => format!("{} ({help})", value.get_name()),
                None => value.get_name().to_owned(),
            })
            .collect();
        if !values.is_empty() {
            body += &line(&format!("One of: {}.", values.join(", ")));
        }
        for default in arg.get_default_values() {
            body += &line(&format!("Default: {}.", default.display()));
        }
    }
    format!(".It {head}\n{body}")
}

/// `Fl -option Ar VALUE`, or `Ar VALUE` for a positional argument.
fn head(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = value.map(|value| format!("Ar {value}")).unwrap_or_default();
    match arg.get_long() {
        Some(long) if arg.get_action().takes_values() => format!("Fl -{long} {value}"),
        Some(long) => format!("Fl -{long}"),
        None => value,
    }
}

/// The short help as a sentence, followed by the rest of the long help.
fn text(short: Option<&impl Display>, long: Option<&impl Display>) -> String {
    let short = short.map(ToString::to_string).unwrap_or_default();
    let long = long.map(ToString::to_string).unwrap_or_default();
    let rest = long.split_once("\n\n").map(|(_, rest)| rest).unwrap_or_default();
    let sentences = rest.split("\n\n").flat_map(|paragraph| paragraph.split_inclusive(". ")).map(str::trim);
    let rest: String = sentences.filter(|sentence| !sentence.is_empty()).map(line).collect();
    line(&format!("{short}.")) + &rest
}

/// One line of text, escaped for roff(7).
fn line(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let word = word.replace('\\', "\\e").replace('~', "\\(ti");
        // An option needs a minus sign, not a hyphen.
        let word = if word.starts_with('-') { word.replace('-', "\\-") } else { word };
        word.replace("\"--", "\"\\-\\-")
    });
    let line = words.collect::<Vec<_>>().join(" ");
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{line}\n")
}
