//! The lines that `pam-snippet` adds: that of pam_totp.so, and that of the password.

use crate::failure::Failure;
use std::path::Path;

/// What asks for a password, by the shared file that the distribution has.
const PASSWORD: [(&str, &str); 2] = [
    ("/etc/pam.d/common-auth", "@include common-auth"),
    ("/etc/pam.d/system-auth", "auth    substack    system-auth"),
];

/// The line that asks for a password.
pub(super) fn password() -> String {
    let known = PASSWORD.iter().find(|(file, _)| Path::new(file).exists());
    known.map_or_else(|| "auth    requisite   pam_unix.so".to_owned(), |(_, line)| (*line).to_owned())
}

/// The control of pam_totp.so in place of a module with this control: always required, also if that one was optional.
pub(super) fn keyword(control: &str) -> &'static str {
    if control.eq_ignore_ascii_case("requisite") { "requisite" } else { "required" }
}

/// The argument that names another config than the default one.
pub(super) fn conf(config: &Path) -> Result<String, Failure> {
    let unnamed = |why: &str| {
        Failure::usage(format!(
            "a line in /etc/pam.d cannot name {}, because {why}: move the file to another path",
            config.display()
        ))
    };
    let path = config.to_str().ok_or_else(|| unnamed("its path is not UTF-8"))?;
    // libpam takes # for a comment, and a backslash at the end for a continued line.
    if path.contains(|char: char| char == '#' || char.is_control()) || path.ends_with('\\') {
        return Err(unnamed("its path contains # or a control character, or ends with a backslash"));
    }
    Ok(if path.contains([' ', '[', ']']) {
        format!("[conf={}]", path.replace(']', "\\]"))
    } else {
        format!("conf={path}")
    })
}

/// The auth line of pam_totp.so.
pub(super) fn line(control: &str, arguments: &[String]) -> String {
    let mut line = format!("auth    {control:<11} pam_totp.so");
    for argument in arguments {
        line.push(' ');
        line.push_str(argument);
    }
    line
}
