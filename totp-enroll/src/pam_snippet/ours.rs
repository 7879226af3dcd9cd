//! An auth line of ours, as it is written.

use crate::failure::Failure;
use std::path::Path;

/// The control of ours in the place of another: what is required stays so, and what was not, is.
pub(super) fn keyword(control: &str) -> &'static str {
    if control.eq_ignore_ascii_case("requisite") { "requisite" } else { "required" }
}

/// The argument that a line of ours needs for another config than the default one.
pub(super) fn conf(config: &Path) -> Result<String, Failure> {
    let unnamed = |why: &str| {
        Failure::usage(format!("a line in /etc/pam.d cannot name {}: {why}: move the file", config.display()))
    };
    let path = config.to_str().ok_or_else(|| unnamed("its path is not UTF-8"))?;
    // A comment begins, or the line goes on.
    if path.contains(|char: char| char == '#' || char.is_control()) || path.ends_with('\\') {
        return Err(unnamed("its path holds a # or a control character, or ends in a backslash"));
    }
    Ok(if path.contains([' ', '[', ']']) {
        format!("[conf={}]", path.replace(']', "\\]"))
    } else {
        format!("conf={path}")
    })
}

/// The line.
pub(super) fn line(control: &str, arguments: &[String]) -> String {
    let mut line = format!("auth    {control:<11} pam_totp.so");
    for argument in arguments {
        line.push(' ');
        line.push_str(argument);
    }
    line
}
