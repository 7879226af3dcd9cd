//! The man pages name every event, reason, key and file that there is, and none that there is not.

use crate::account_recovery::ResetError;
use crate::account_recovery::TokenRefused;
use crate::audit_event::{Name, Severity};
use crate::config::Config;
use crate::config::schema_tests::{ConfigKey, keys, of_a_service, parse, without_default};
use crate::time::Seconds;
use manual::{Item, PAGES, Part, every, page};
use std::collections::{BTreeMap, BTreeSet};

/// The words that the items of a subsection are of, each once.
fn words(part: &Part) -> BTreeSet<String> {
    let items = part.items();
    let words: BTreeSet<String> = items.iter().map(|item| item.marked[0].1.clone()).collect();
    assert_eq!(words.len(), items.len(), "an item is there twice");
    words
}

fn all(words: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

/// What the page of the config says of each key.
fn described() -> BTreeMap<ConfigKey, Item> {
    let page = page("pam_totp.conf.5").section("KEYS");
    let mut described = BTreeMap::new();
    for title in page.subsections() {
        let section = if title == "Above all sections" { "" } else { &title };
        for item in page.subsection(&title).items() {
            assert_eq!(item.marked[0].0, "Va");
            let key = ConfigKey::new(section, &item.marked[0].1);
            assert!(described.insert(key, item).is_none(), "{title} has a key twice");
        }
    }
    described
}

#[test]
fn the_page_of_the_config_has_every_key_and_no_other() {
    assert_eq!(described().into_keys().collect::<Vec<_>>(), keys());
}

#[test]
fn the_page_of_the_config_gives_each_default() {
    let defaults = Config::defaults().unwrap();
    for (key, item) in described() {
        if without_default(&key) {
            assert!(item.body.contains("Not set:") && item.head == key.name, "{}", key.path());
            continue;
        }
        let value = item.head.strip_prefix(&format!("{} = ", key.name));
        let value = value.unwrap_or_else(|| panic!("{}: {}", key.path(), item.head));
        assert_eq!(parse(&key.set_to(value)).as_ref(), Ok(&defaults), "{}", key.path());
    }
}

#[test]
fn the_page_of_the_config_gives_each_type() {
    for (key, item) in described() {
        // What a table is taken for is no value of any key; what a text is not, depends on what is meant by it.
        let (table, text) = (parse(&key.set_to("{}")).unwrap_err(), parse(&key.set_to("\"?\"")));
        let starts: &[&str] = if table.contains("expected true or false") {
            &["True or false."]
        } else if table.contains("expected a whole number") {
            &["Whole number, "]
        } else if table.contains("expected a number") {
            &["Number, "]
        } else if table.contains("expected a list") {
            &["List of "]
        } else if table.contains("is not a day") {
            &["Day."]
        } else if text.is_err_and(|error| error.contains("not a duration")) {
            &["Duration.", "Duration,"]
        } else {
            &["Text,", "Text:"]
        };
        assert!(starts.iter().any(|start| item.body.starts_with(start)), "{}: {}", key.path(), item.body);
    }
}

#[test]
fn the_page_of_the_config_gives_the_bounds_of_each_number() {
    let is_within = |key: &ConfigKey, number: i64| {
        parse(&key.set_to(&number.to_string())).map_or_else(|error| !error.contains("out of range"), |_| true)
    };
    let mut numbers = 0;
    for (key, item) in described() {
        let Some(bounds) = item.body.strip_prefix("Whole number, ") else { continue };
        let (least, rest) = bounds.split_once(" to ").unwrap();
        let digits = rest.find(|char: char| !char.is_ascii_digit()).unwrap();
        let (least, most) = (least.parse().unwrap(), rest[..digits].parse().unwrap());
        assert!(is_within(&key, least) && !is_within(&key, least - 1), "{}: {least}", key.path());
        assert!(is_within(&key, most) && !is_within(&key, most + 1), "{}: {most}", key.path());
        numbers += 1;
    }
    assert!(numbers >= 9, "{numbers}");
}

#[test]
fn the_page_of_the_config_gives_each_word_that_a_key_may_hold() {
    let mut found = 0;
    for (key, item) in described() {
        for value in ["\"zzz\"", "[\"zzz\"]"] {
            let error = parse(&key.set_to(value)).err().unwrap_or_default();
            let Some((_, known)) = error.split_once("unknown variant `zzz`, expected one of ") else {
                continue;
            };
            for word in known.split(';').next().unwrap().split(", ") {
                let word = word.trim_matches('`');
                assert!(item.body.contains(&format!(" {word}")), "{}: {word}", key.path());
                found += 1;
            }
        }
    }
    assert_eq!(found, 5);
}

#[test]
fn the_page_of_the_config_says_what_no_service_has_of_its_own() {
    let page = page("pam_totp.conf.5").section("KEYS");
    let of_a_service = of_a_service();
    for title in page.subsections().iter().filter(|title| *title != "Above all sections") {
        let is_everybodys = page.subsection(title).text().starts_with("For the whole machine");
        assert_ne!(is_everybodys, of_a_service.contains(title), "{title}");
    }
    assert!(of_a_service.iter().any(|name| name == "quiet"));
}

#[test]
fn the_page_of_the_config_says_which_limits_no_service_has_of_its_own() {
    let mut found = 0;
    for (key, item) in described().into_iter().filter(|(key, _)| key.section == "limit") {
        let for_a_service = parse(&format!("[service.any.limit]\n{} = {{}}\n", key.name)).unwrap_err();
        let is_everybodys = for_a_service.contains("is the same for every service");
        assert_eq!(item.body.contains("The same for every service."), is_everybodys, "{}", key.path());
        found += usize::from(is_everybodys);
    }
    assert_eq!(found, 6);
}

#[test]
fn every_example_of_the_config_can_be_read_and_says_something() {
    let displays = page("pam_totp.conf.5").section("EXAMPLES").displays();
    assert!(displays.len() >= 5);
    for display in displays {
        let text = display.join("\n");
        let own = |service| Config::parse("/c.toml".as_ref(), text.as_bytes(), service).unwrap();
        let changes = [None, Some("sudo"), Some("su"), Some("sshd")]
            .map(|service| own(service) != Config::defaults().unwrap());
        assert!(changes.contains(&true), "{text}");
    }
}

#[test]
fn every_key_that_a_page_names_is_there() {
    let keys: BTreeSet<String> = keys().iter().map(ConfigKey::path).collect();
    for name in PAGES {
        let inside: Vec<String> = match name {
            // The items of KEYS are below the title of their section.
            "pam_totp.conf.5" => {
                page(name).marked("Va").into_iter().filter(|word| word.contains('.')).collect()
            }
            _ => page(name).marked("Va"),
        };
        // What the page of the command says of keys is generated, from its help texts.
        assert!(!inside.is_empty() || name == "totp-enroll.1");
        for word in inside {
            assert!(keys.contains(&word), "{name}: {word}");
        }
    }
}

/// Every event that there is.
pub(crate) fn events() -> Vec<Name> {
    every!(Name:
        Name::Accepted => Name::Accepted,
        Name::Refused => Name::Refused,
        Name::RecoveryUsed => Name::RecoveryUsed,
        Name::Locked => Name::Locked,
        Name::Guessing => Name::Guessing,
        Name::Tested => Name::Tested,
        Name::Unlocked => Name::Unlocked,
        Name::BudgetRefilled => Name::BudgetRefilled,
        Name::Enrolled => Name::Enrolled,
        Name::Disabled => Name::Disabled,
        Name::Pruned => Name::Pruned,
        Name::StateRestored => Name::StateRestored,
        Name::CodesRegenerated => Name::CodesRegenerated,
        Name::Imported => Name::Imported,
        Name::TokensImported => Name::TokensImported,
        Name::TokenAssigned => Name::TokenAssigned,
        Name::AssignmentRefused => Name::AssignmentRefused,
        Name::TokenUnassigned => Name::TokenUnassigned,
        Name::TokenRevoked => Name::TokenRevoked,
        Name::TokenRemoved => Name::TokenRemoved,
        Name::DeviceRemembered => Name::DeviceRemembered,
        Name::DeviceRevoked => Name::DeviceRevoked,
        Name::KeyringCreated => Name::KeyringCreated,
        Name::KeyringSealed => Name::KeyringSealed,
        Name::KeyringUnsealed => Name::KeyringUnsealed,
        Name::KeyringBackedUp => Name::KeyringBackedUp,
        Name::KeyringRestored => Name::KeyringRestored,
        Name::KeyRotated => Name::KeyRotated,
        Name::NotifyFailed => Name::NotifyFailed,
        Name::ResetRequested => Name::ResetRequested,
        Name::ResetApproved => Name::ResetApproved,
        Name::ResetRefused => Name::ResetRefused,
        Name::ResetCancelled => Name::ResetCancelled,
        Name::ResetCompleted => Name::ResetCompleted,
        Name::TokenUsed => Name::TokenUsed,
        Name::TokenRefused => Name::TokenRefused,
        Name::Error => Name::Error,
        Name::Debug => Name::Debug,
    )
}

#[test]
fn the_page_of_the_module_has_every_event_and_no_other() {
    let page = page("pam_totp.8").section("LOG").subsection("Events");
    assert_eq!(words(&page), all(events().into_iter().map(Name::as_str)));
}

#[test]
fn the_page_of_the_module_says_how_loud_each_event_is() {
    let items = page("pam_totp.8").section("LOG").subsection("Severities").items();
    let listed = |severity: &str| {
        let item = items.iter().find(|item| item.head == severity).unwrap();
        item.body.trim().trim_end_matches('.').split(", ").map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let of =
        |severity| all(events().into_iter().filter(|name| name.severity() == severity).map(Name::as_str));
    assert_eq!(listed("err"), of(Severity::Error));
    assert_eq!(listed("info"), of(Severity::Info));
    assert_eq!(listed("debug"), of(Severity::Debug));
    assert_eq!(listed("notice"), all(["Every other event"]));
    assert_eq!(items.len(), 4);
}

#[test]
fn the_page_of_the_module_has_every_reason_against_a_step_of_a_reset_and_no_other() {
    let refused = every!(ResetError:
        ResetError::Own => ResetError::Own,
        ResetError::Requested => ResetError::Requested,
        ResetError::TokenOut => ResetError::TokenOut,
        ResetError::NoPart => ResetError::NoPart,
        ResetError::CalledOff => ResetError::CalledOff,
        ResetError::SamePerson => ResetError::SamePerson,
        ResetError::ApprovedBefore => ResetError::ApprovedBefore,
        ResetError::NobodyInPerson => ResetError::NobodyInPerson,
        ResetError::Enough => ResetError::Enough,
        ResetError::Unapproved(_) => ResetError::Unapproved(1),
        ResetError::Cooling(_) => ResetError::Cooling(Seconds(1)),
        ResetError::Expired => ResetError::Expired,
        ResetError::TooLate => ResetError::TooLate,
        ResetError::Void => ResetError::Void,
        ResetError::Withdrawn => ResetError::Withdrawn,
    );
    let mut words_of_it = all(refused.into_iter().map(ResetError::as_str));
    // The command's own: whom sudo names is not whose login it is.
    words_of_it.insert("not_one_person".to_owned());
    let page = page("pam_totp.8").section("LOG").subsection("Reasons of reset_refused");
    assert_eq!(words(&page), words_of_it);
}

#[test]
fn the_page_of_the_module_has_every_reason_against_a_token_and_no_other() {
    let token_refused = every!(TokenRefused:
        TokenRefused::Wrong => TokenRefused::Wrong,
        TokenRefused::Unrecorded => TokenRefused::Unrecorded,
        TokenRefused::Expired => TokenRefused::Expired,
        TokenRefused::Dead => TokenRefused::Dead,
        TokenRefused::None => TokenRefused::None,
        TokenRefused::Missing => TokenRefused::Missing,
    );
    let page = page("pam_totp.8").section("LOG").subsection("Reasons of token_refused");
    assert_eq!(words(&page), all(token_refused.into_iter().map(TokenRefused::as_str)));
}
