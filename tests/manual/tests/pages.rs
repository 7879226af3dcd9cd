//! The pages are well formed by the word of the programs that show them, have what a reader looks for, and name packaged files
//! that there are.

use manual::{PAGES, file, page, repository, shown, warnings_of_mandoc};

#[test]
fn every_page_that_is_shipped_is_looked_at() {
    let mut names: Vec<String> = std::fs::read_dir(repository().join("packaging/man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, PAGES.map(|name| file(name).file_name().unwrap().to_str().unwrap().to_owned()));
}

#[test]
fn mandoc_finds_nothing_wrong() {
    for name in PAGES {
        assert_eq!(warnings_of_mandoc(&file(name)), "", "{name}");
    }
}

#[test]
fn man_finds_nothing_wrong() {
    for name in PAGES {
        let shown = shown(&file(name));
        assert!(shown.contains("SEE ALSO"), "{name}: {shown}");
    }
}

#[test]
fn quotations_have_both_quotes() {
    for name in PAGES {
        let shown = shown(&file(name));
        let mut begun = None;
        for (at, letter) in shown.char_indices() {
            match letter {
                '‘' => {
                    assert_eq!(begun, None, "{name}: one within another: {}", &shown[..at]);
                    begun = Some(at);
                }
                '’' => {
                    let quoted =
                        &shown[begun.take().unwrap_or_else(|| panic!("{name}: {}", &shown[..at]))..at];
                    assert_eq!(quoted.matches('[').count(), quoted.matches(']').count(), "{name}: {quoted}");
                }
                _ => {}
            }
        }
        assert_eq!(begun, None, "{name}");
    }
}

#[test]
fn each_page_has_examples_and_says_what_to_do_when_locked_out() {
    for name in PAGES {
        let titles = page(name).sections();
        let at = |title: &str| titles.iter().position(|known| known == title);
        assert!(at("EXAMPLES") == Some(3) && at("DESCRIPTION") == Some(2), "{name}: {titles:?}");
        assert!(at("LOCKED OUT").is_some() && at("SEE ALSO").is_some(), "{name}: {titles:?}");
    }
}

#[test]
fn a_page_refers_to_pages_that_there_are() {
    // Those of Debian that are referred to; its own are listed above.
    let of_debian = [
        "age 1",
        "su 1",
        "systemd-creds 1",
        "pam.conf 5",
        "sshd_config 5",
        "sudoers 5",
        "pam 8",
        "pam-auth-update 8",
        "pam_loginuid 8",
        "sshd 8",
        "sudo 8",
        "userdel 8",
    ];
    for name in PAGES {
        let words = page(name).marked("Xr");
        for pair in words.chunks(2) {
            let [of, section] = pair else { panic!("{name}: {pair:?}") };
            let is_own = PAGES.contains(&format!("{of}.{section}").as_str());
            assert!(
                is_own || of_debian.contains(&format!("{of} {section}").as_str()),
                "{name}: {of}({section})"
            );
        }
    }
}

#[test]
fn the_packaged_files_that_a_page_names_are_there() {
    let packaged = [
        ("/usr/share/pam-configs/", "packaging/pam-configs"),
        ("/etc/shadow-maint/userdel-post.d/", "packaging/shadow-maint"),
    ];
    let mut found = 0;
    for name in PAGES {
        for path in page(name).marked("Pa") {
            for (directory, source) in packaged {
                if let Some(file) = path.strip_prefix(directory) {
                    assert!(repository().join(source).join(file).is_file(), "{name}: {path}");
                    found += 1;
                }
            }
        }
    }
    assert_eq!(found, 3);
}
