//! The lines that `pam-snippet` makes from those of distributions, and the lines that it refuses to print.

use super::{Snippet, quoted};
use crate::cli::{First, PamSnippet};
use crate::doctor::stack::ModuleArguments;
use pam_stack::{Libpam, ServiceFiles, line};
use std::path::{Path, PathBuf};
use std::process::Command;
use totp_core::config::DEFAULT_FILE;

struct FileTexts<'a>(&'a [(&'a str, &'a str)]);

impl ServiceFiles for FileTexts<'_> {
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let is_it = |name: &str| path == Path::new("/etc/pam.d").join(name);
        self.0.iter().find(|(name, _)| is_it(name)).map(|(_, text)| text.as_bytes().to_owned())
    }

    fn libpam(&self) -> Libpam {
        Libpam::DEBIAN_13
    }
}

/// The auth lines for a service, `; ` between them and one blank between words; or why there are none.
fn lines(service: &str, files: &[(&str, &str)]) -> Result<String, String> {
    snippet(service, files).map(|found| {
        let lines = found.auth.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>().join("; ")
    })
}

fn snippet(service: &str, files: &[(&str, &str)]) -> Result<Snippet, String> {
    let options = PamSnippet { service: service.to_owned(), from: None, first: First::Key };
    Snippet::of(&FileTexts(files), &options, None).map_err(|failure| failure.problem)
}

#[test]
fn a_removed_password_line_takes_the_lines_it_jumps_over_with_it() {
    let debian = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
    let left = Ok("auth required pam_permit.so; auth required pam_totp.so".to_owned());
    assert_eq!(lines("sshd", &[("sshd", debian)]), left);
    let ubuntu =
        debian.replace("auth [success=1", "auth [success=2 default=ignore] pam_sss.so\nauth [success=1");
    assert_eq!(lines("sshd", &[("sshd", &ubuntu)]), left);
    let oath = debian.replace("pam_unix.so", "pam_oath.so usersfile=/x");
    let replaced = Ok("auth required pam_totp.so; auth required pam_permit.so".to_owned());
    assert_eq!(lines("sshd", &[("sshd", &oath)]), replaced);
}

#[test]
fn lines_that_refuse_every_login_are_not_printed() {
    let fedora = "auth sufficient pam_unix.so\nauth required pam_deny.so\n";
    assert!(lines("sshd", &[("sshd", fedora)]).unwrap_err().contains("refuse every login"));
    let jumping =
        "auth [default=1 success=ok] pam_localuser.so\nauth required pam_unix.so\nauth required pam_env.so\n";
    assert!(lines("sshd", &[("sshd", jumping)]).unwrap_err().contains("line 1 jumps over"));
}

#[test]
fn lines_that_skip_the_code_are_not_printed() {
    let included = "auth sufficient pam_unix.so\nauth required pam_deny.so\n";
    assert!(lines("sudo", &[("sudo", included)]).unwrap_err().contains("pam_unix.so `sufficient`"));
    let all = [("sudo", "@include inner\n"), ("inner", included)];
    assert!(lines("sudo", &all).unwrap_err().contains("pam_unix.so `sufficient`"));
    let oath = "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_oath.so\nauth required pam_permit.so\n";
    assert!(lines("sudo", &[("sudo", oath)]).unwrap_err().contains("jumps over 2 lines"));
}

#[test]
fn an_include_that_would_skip_the_code_becomes_a_substack() {
    let system_auth = "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n";
    let files = [("sudo", "auth\t   include\tsystem-auth\n"), ("system-auth", system_auth)];
    let found = snippet("sudo", &files).unwrap();
    assert_eq!(found.auth[0], "auth    substack    system-auth");
    assert!(
        found.notes.iter().any(|note| note.contains("became `substack system-auth`")),
        "{:?}",
        found.notes
    );
    let harmless = [("sudo", "auth include system-auth\n"), ("system-auth", "auth required pam_unix.so\n")];
    assert_eq!(
        lines("sudo", &harmless),
        Ok("auth include system-auth; auth required pam_totp.so".to_owned())
    );
}

#[test]
fn an_unknown_module_is_kept_and_named() {
    let files = [("sshd", "auth required pam_geoip.so\nauth required pam_unix.so\n")];
    let found = snippet("sshd", &files).unwrap();
    assert_eq!(found.auth[0], "auth required pam_geoip.so");
    assert!(!found.auth.iter().any(|line| line.contains("pam_unix")), "{:?}", found.auth);
    assert!(
        found.notes.iter().any(|note| note.contains("line 1: pam_geoip.so is not a known module")),
        "{:?}",
        found.notes
    );
    assert_eq!(found.sshd_config[3], "AuthenticationMethods publickey,keyboard-interactive:pam");
}

#[test]
fn the_line_belongs_in_the_included_service_of_a_pair() {
    let says = |service: &str, files: &[(&str, &str)], what: &str| {
        snippet(service, files).unwrap().notes.iter().any(|note| note.contains(what))
    };
    let (su, su_l) = (("su", "auth required pam_unix.so\n"), ("su-l", "auth\t\tinclude\t\tsu\n"));
    assert!(!says("su", &[su, su_l], "needs the same"));
    assert!(says("su-l", &[su, su_l], "su-l includes su: add the line there instead"));
    assert!(says("su", &[su, ("su-l", "auth required pam_unix.so\n")], "su-l needs the same"));
    let asks = ("su", "auth required pam_unix.so\nauth required pam_totp.so\n");
    assert!(says("su-l", &[asks, su_l], "asks for a code already"));
    assert!(!says("su-l", &[asks, su_l], "add the line there"));
    let sudo =
        [("sudo", "@include common-auth\n"), ("sudo-i", "@include common-auth\n"), ("common-auth", su.1)];
    assert!(says("sudo", &sudo, "sudo-i needs the same") && says("sudo-i", &sudo, "sudo needs the same"));
}

#[test]
fn tabs_become_blanks_and_control_characters_are_refused() {
    let found = snippet("sudo", &[("sudo", "auth\trequired\tpam_unix.so\tnullok\n")]).unwrap();
    assert_eq!(found.auth[0], "auth required pam_unix.so nullok");
    assert!(lines("sudo", &[("sudo", "auth required pam_unix.so\u{1b}[2J\n")]).is_err());
}

#[test]
fn the_printed_conf_argument_is_read_back_as_the_same_path() {
    let options = PamSnippet { service: "app".to_owned(), from: None, first: First::Key };
    let files = [("app", "auth required pam_unix.so\n")];
    for path in ["/srv/a.toml", "/srv/a b.toml", "/srv/[a].toml", "/srv/a]\\b.toml"] {
        let found = Snippet::of(&FileTexts(&files), &options, Some(Path::new(path))).unwrap();
        let words = line::words(&found.auth[1]);
        assert_eq!(ModuleArguments::config_file(&words[3..]), Some(PathBuf::from(path)), "{words:?}");
        assert_eq!(found.config_file, Path::new(path));
    }
    for path in ["/srv/#a.toml", "/srv/a\n.toml", "/srv/a\\", "/srv/a b\\"] {
        assert!(Snippet::of(&FileTexts(&files), &options, Some(Path::new(path))).is_err(), "{path:?}");
    }
}

#[test]
fn a_service_that_asks_already_keeps_the_config_its_line_names() {
    let options = PamSnippet { service: "app".to_owned(), from: None, first: First::Key };
    for (line, named) in [("pam_totp.so conf=/srv/its", "/srv/its"), ("pam_totp.so", DEFAULT_FILE)] {
        let text = format!("auth required pam_unix.so\nauth required {line}\n");
        let found =
            Snippet::of(&FileTexts(&[("app", &text)]), &options, Some(Path::new("/srv/mine"))).unwrap();
        assert_eq!(found.config_file, Path::new(named));
    }
}

#[test]
fn quoted_words_reach_the_shell_unchanged() {
    for word in ["/srv/a.toml", "/srv/a b.toml", "it's", "$(reboot)", "a;b", "gro\u{df}"] {
        let typed = format!("printf %s {}", quoted(word));
        let said = Command::new("/bin/sh").args(["-c", &typed]).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
    }
}
