//! pam_totp(8) names every field of the log, and every word of some fields, and no other. They are read from the sources: a field
//! is a literal where an event is made.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use manual::{page, repository};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is written outside tests, without blanks at the ends of lines.
fn sources() -> Vec<String> {
    fn below(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                below(&path, found);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    for package in ["crates/totp-core", "crates/totp-store", "crates/totp-host", "pam_totp", "totp-enroll"] {
        below(&repository().join(package).join("src"), &mut files);
    }
    let text = |file: &PathBuf| fs::read_to_string(file).unwrap();
    files.iter().map(text).map(|text| text.split("\n#[cfg(test)]\nmod ").next().unwrap().to_owned()).collect()
}

/// The fields that are given to an event, each with the literal that is its value, if it is one.
fn given() -> Vec<(String, Option<String>)> {
    sources().iter().flat_map(|text| given_in(text)).collect()
}

fn given_in(text: &str) -> Vec<(String, Option<String>)> {
    fn literal(text: &str) -> Option<(&str, &str)> {
        text.trim_start().strip_prefix('"')?.split_once('"')
    }
    let mut given = Vec::new();
    for call in [".field(", ".maybe("] {
        for behind in text.split(call).skip(1) {
            let Some((key, behind)) = literal(behind) else { continue };
            let Some(behind) = behind.trim_start().strip_prefix(',') else { continue };
            let value = literal(behind).filter(|(_, rest)| rest.trim_start().starts_with([')', ',']));
            given.push((key.to_owned(), value.map(|(value, _)| value.to_owned())));
        }
    }
    given
}

fn values_of(field: &str) -> BTreeSet<String> {
    given().into_iter().filter(|(key, _)| key == field).filter_map(|(_, value)| value).collect()
}

/// The words that an `as_str` or the like of one type gives, of the type that gives all of `known`.
fn words_with(known: &[&str]) -> BTreeSet<String> {
    let words_of = |block: &str| -> BTreeSet<String> {
        let arms = block.split("=> \"").skip(1);
        arms.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    let blocks: Vec<BTreeSet<String>> = sources()
        .iter()
        .flat_map(|text| {
            text.split("\nimpl ").skip(1).map(|rest| words_of(rest.split("\n}\n").next().unwrap()))
        })
        .filter(|words| known.iter().all(|known| words.contains(*known)))
        .collect();
    assert!(blocks.len() == 1, "{known:?}: {blocks:?}");
    blocks.into_iter().flatten().collect()
}

fn listed(title: &str) -> BTreeSet<String> {
    let items = page("pam_totp.8").section("LOG").subsection(title).items();
    items.into_iter().map(|item| item.head).collect()
}

#[test]
fn the_page_has_every_field_and_no_other() {
    let mut fields: BTreeSet<String> = given().into_iter().map(|(key, _)| key).collect();
    assert!(fields.len() > 40, "{fields:?}");
    // It begins every line.
    fields.insert("event".to_owned());
    assert_eq!(listed("Fields"), fields);
}

#[test]
fn every_field_that_the_page_says_of_an_event_is_one() {
    let fields = listed("Fields");
    let page = page("pam_totp.8").section("LOG");
    let named: Vec<String> = page
        .marked("Ql")
        .iter()
        .filter_map(|word| word.split_once('=').map(|(field, _)| field.to_owned()))
        .collect();
    assert!(named.len() > 20);
    for field in named {
        assert!(fields.contains(&field), "{field}");
    }
}

/// The fields that are given to an event where it is made: from its name to the end of that statement, or arm of a match.
fn of_event(name: &str) -> BTreeSet<String> {
    let variant: String = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    let made = format!("Name::{variant})");
    let about = format!("Name::{variant},");
    let mut fields = BTreeSet::new();
    for text in sources() {
        for behind in [&made, &about].iter().flat_map(|begin| text.split(begin.as_str()).skip(1)) {
            let end = [";", "Name::", "=> "].iter().filter_map(|end| behind.find(end)).min().unwrap_or(0);
            fields.extend(given_in(&behind[..end]).into_iter().map(|(key, _)| key));
        }
    }
    fields
}

#[test]
fn the_page_gives_the_fields_of_each_event() {
    let page = page("pam_totp.8").section("LOG").subsection("Events");
    let of_all = ["user", "by", "loginuid", "rhost", "tty", "first_factor", "service"];
    let mut found = 0;
    for item in page.items() {
        for field in of_event(&item.head).iter().filter(|field| !of_all.contains(&field.as_str())) {
            let said = format!(" {field}=");
            assert!(format!(" {}", item.body).contains(&said), "{}:{said}", item.head);
            found += 1;
        }
    }
    assert!(found > 40, "{found}");
    for field in of_all {
        assert!(page.text().contains(&format!("{field}=")), "{field}");
    }
}

#[test]
fn the_page_has_every_method_and_no_other() {
    let mut methods = values_of("method");
    methods.extend(words_with(&["recovery_code", "scratch_code"]));
    // The kinds of factor.
    methods.extend(words_with(&["totp"]));
    assert_eq!(listed("Methods"), methods);
}

#[test]
fn the_page_has_every_way_to_be_enrolled_and_no_other() {
    let mut ways = values_of("way");
    ways.extend(words_with(&["new", "added"]));
    assert_eq!(listed("Ways to be enrolled"), ways);
}

#[test]
fn the_page_has_every_reason_to_prune_and_no_other() {
    let mut reasons = words_with(&["gone", "broken"]);
    // What cannot be read is kept while its account exists.
    assert!(reasons.remove("broken"));
    assert_eq!(listed("Reasons of pruned"), reasons);
}

#[test]
fn the_reasons_that_are_written_in_the_command_are_on_the_page() {
    let (refused, reset) = (listed("Reasons of a refusal"), listed("Reasons of reset_refused"));
    for reason in values_of("reason") {
        assert!(refused.contains(&reason) || reset.contains(&reason), "{reason}");
    }
}

#[test]
fn the_pages_name_every_variable_that_is_read_and_no_other() {
    let is_variable = |word: &&str| {
        word.contains('_') && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let mut read = BTreeSet::new();
    for text in sources().iter().filter(|text| text.contains("env::var")) {
        // What is set for another program is not read.
        let text = text.replace(".env(\"", "\"\"");
        read.extend(text.split('"').skip(1).step_by(2).filter(is_variable).map(str::to_owned));
    }
    let named: BTreeSet<String> =
        page("totp-enroll.1").section("ENVIRONMENT VARIABLES").marked("Ev").into_iter().collect();
    assert_eq!(named, read);
}
