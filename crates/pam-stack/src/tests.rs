//! How each libpam reads service files and includes.

use crate::libpam::{Includes, Libpam, Release};
use crate::load::{ServiceFiles, load};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct InMemoryFiles(BTreeMap<PathBuf, String>, Libpam);

impl ServiceFiles for InMemoryFiles {
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.as_bytes().to_owned())
    }

    fn libpam(&self) -> Libpam {
        self.1
    }
}

fn written(files: &[(&str, &str)]) -> InMemoryFiles {
    read_by(Libpam::DEBIAN_13, files)
}

fn read_by(libpam: Libpam, files: &[(&str, &str)]) -> InMemoryFiles {
    let in_etc = |name: &str| Path::new("/etc/pam.d").join(name);
    InMemoryFiles(files.iter().map(|(name, text)| (in_etc(name), (*text).to_owned())).collect(), libpam)
}

#[test]
fn a_file_that_includes_itself_ends() {
    for libpam in [Libpam::DEBIAN_12, Libpam::DEBIAN_13] {
        let text = "auth required pam_totp.so\nauth include app\n";
        let stack = load(&read_by(libpam, &[("app", text)]), "app").unwrap();
        assert!(stack.handlers.len() > 2 && stack.handlers.len() < 100, "{libpam:?}");
    }
}

/// The modules of a stack, or why there is none.
fn modules(libpam: Libpam, files: &[(&str, &str)]) -> Result<Vec<String>, &'static str> {
    let stack = load(&read_by(libpam, files), "app").map_err(|unloadable| unloadable.problem)?;
    Ok(stack.handlers.into_iter().map(|handler| handler.module).collect())
}

#[test]
fn a_comment_after_a_continued_line_hides_the_next_line_only_up_to_1_5() {
    let service = "auth optional pam_echo.so \\\n# file=/etc/motd\nauth sufficient pam_permit.so\nauth required pam_totp.so\n";
    let of = |libpam| modules(libpam, &[("app", service)]).unwrap();
    assert_eq!(of(Libpam::DEBIAN_12), ["pam_echo.so", "pam_totp.so"]);
    assert_eq!(of(Libpam::DEBIAN_13), ["pam_echo.so", "pam_permit.so", "pam_totp.so"]);
}

#[test]
fn debian_reads_includes_in_any_case_with_a_dash_and_only_from_etc() {
    let upstream = Libpam { release: Release::V1_6, includes: Includes::Upstream };
    let files = [("app", "-@Include inner\n"), ("inner", "auth required pam_totp.so\n")];
    assert_eq!(modules(Libpam::DEBIAN_12, &files).unwrap(), ["pam_totp.so"]);
    assert_eq!(modules(Libpam::DEBIAN_13, &files).unwrap(), ["pam_totp.so"]);
    assert_eq!(modules(upstream, &files).unwrap(), [""], "a line that fails");
    let files =
        [("app", "auth include vendors\n"), ("/usr/lib/pam.d/vendors", "auth required pam_totp.so\n")];
    assert_eq!(modules(Libpam::DEBIAN_13, &files).unwrap(), [""], "a line that fails");
    assert_eq!(modules(upstream, &files).unwrap(), ["pam_totp.so"]);
}

#[test]
fn an_include_or_module_without_a_name_refuses_the_service() {
    for libpam in [Libpam::DEBIAN_12, Libpam::DEBIAN_13] {
        for text in ["@include\n", "auth include\n", "auth substack # inner\n", "account include\n"] {
            assert!(modules(libpam, &[("app", text)]).unwrap_err().contains("crashes"), "{text}");
        }
        for text in ["auth required []\n", "auth required .so\n", "account required /a/?.so\n", "auth x /\n"]
        {
            assert!(modules(libpam, &[("app", text)]).unwrap_err().contains("has no name"), "{text}");
        }
    }
}

#[test]
fn plain_includes_nest_deeper_up_to_1_5() {
    let name = |at: usize| if at == 0 { "app".to_owned() } else { format!("f{at}") };
    let chain = |control: &str| {
        let link = |at: usize| (name(at), format!("auth {control} f{}\n", at + 1));
        let mut files: Vec<(String, String)> = (0..20).map(link).collect();
        files.push((name(20), "auth required pam_totp.so\n".to_owned()));
        files
    };
    for (control, libpam, reached) in [
        ("include", Libpam::DEBIAN_12, true),
        ("include", Libpam::DEBIAN_13, false),
        ("substack", Libpam::DEBIAN_12, false),
    ] {
        let files = chain(control);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let found = modules(libpam, &files).unwrap();
        assert_eq!(found.iter().any(|module| module == "pam_totp.so"), reached, "{control} {libpam:?}");
    }
}

#[test]
fn endless_includes_refuse_the_service() {
    let loops = "auth include app\n".repeat(10);
    assert!(load(&written(&[("app", loops.as_str())]), "app").is_err());
}

#[test]
fn a_missing_include_for_all_types_refuses_the_service() {
    assert!(load(&written(&[("app", "@include nowhere\nauth required pam_totp.so\n")]), "app").is_err());
    assert!(load(&written(&[("app", "auth required x\\\n")]), "app").is_err());
}
