//! What `doctor` says of thousands of random stacks and of arguments is what the installed libpam and the module do with them
//! (the gate runs this on Debian 12 and 13).

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a fixture that cannot be built fails its test"
)]

use acceptance::built;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::sweep::{Dice, Sweep};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

#[test]
fn doctor_says_of_a_stack_what_libpam_does() {
    let sweep = Sweep::today();
    let count = sweep.count(300, 4000);
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let module = fixture.machine().install(&built::module());
    let ours = format!("{} conf={}", module.display(), fixture.conf().display());
    let mut dice = sweep.dice();
    let names: Vec<String> = (0..count).map(|number| format!("random-{number}")).collect();
    let stacks: Vec<String> =
        names.iter().map(|name| random_service(&mut fixture, &mut dice, name, &ours)).collect();
    let mut open = 0;
    for (names, stacks) in names.chunks(200).zip(stacks.chunks(200)) {
        let found = findings(&fixture, names);
        for (name, stack) in names.iter().zip(stacks) {
            let says = |finding: &str| found.contains(&(name.clone(), finding.to_owned()));
            // Without a line of pam_totp there is nothing to check.
            if says("not_in_stack") {
                continue;
            }
            let skipped = says("code_skipped") || says("code_not_counted");
            let mut login = fixture.login_at(name, "alice").types("no code");
            login.confdir = PathBuf::from("/etc/pam.d");
            login.may_not_start = says("stack_unreadable");
            // libpam itself crashes at an include without a name.
            let code = login.try_run().map_or(PamCode::ABORT, |outcome| outcome.code);
            assert!(!says("stack_unreadable") || code == PamCode::ABORT, "{code:?}:\n{stack}\n{found:?}");
            assert_eq!(skipped, code == PamCode::SUCCESS, "{code:?}:\n{stack}\n{found:?}");
            open += usize::from(skipped);
        }
    }
    assert!(open > count / 20 && open < count / 2, "{open} of {count} are open: that tests one side only");
}

/// Since libpam 1.6 a comment ends the line before it, and the next line lets everybody in.
#[test]
fn a_comment_after_a_continued_line_is_read_as_libpam_reads_it() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let module = fixture.machine().install(&built::module());
    let ours = format!("auth required {} conf={}", module.display(), fixture.conf().display());
    let text =
        format!("auth optional pam_echo.so \\\n# file=/etc/motd\nauth sufficient pam_permit.so\n{ours}\n");
    fixture.machine().write("pam.d/parted", 0o644, &text);
    let mut login = fixture.login_at("parted", "alice").types("no code");
    login.confdir = PathBuf::from("/etc/pam.d");
    let lets_in = login.run().code == PamCode::SUCCESS;
    let found = findings(&fixture, &["parted".to_owned()]);
    assert_eq!(found.contains(&("parted".to_owned(), "code_skipped".to_owned())), lets_in, "{found:?}");
}

/// Both read words with one parser. What is compared is how libpam and `doctor` split a line into words.
#[test]
fn the_words_that_doctor_names_are_those_that_the_module_refuses() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let module = fixture.machine().install(&built::module());
    let conf = fixture.conf();
    let conf = conf.display();
    let words = [
        format!(
            "conf={conf} nullok echo debug fresh=15m prompt=x try_first_pass forward_pass after_first_factor"
        ),
        format!("conf={conf} [prompt=One-time code: ]"),
        format!("conf={conf} prompt=One-time code:"),
        format!("conf={conf} [prompt=a \\] b]"),
        format!("conf={conf} [prompt=a ] b]"),
        format!("conf={conf} nullok nullok"),
        format!("conf={conf} NULLOK"),
        format!("conf={conf} []"),
        format!("conf={conf} debug # nullOK"),
        format!("conf={conf} debug\tnullok  echo"),
        format!("conf={conf} confirm_source"),
    ];
    let names: Vec<String> = (0..words.len()).map(|number| format!("words-{number}")).collect();
    for (name, words) in names.iter().zip(&words) {
        fixture.machine().service(name, &format!("auth required {} {words}", module.display()));
    }
    let found = findings(&fixture, &names);
    for (name, words) in names.iter().zip(&words) {
        let mut login = fixture.login_at(name, "alice").types("no code");
        login.confdir = PathBuf::from("/etc/pam.d");
        let refused = login.run().code == PamCode(3);
        assert_eq!(found.contains(&(name.clone(), "bad_argument".to_owned())), refused, "{words}");
    }
}

/// Service and name of what is found.
fn findings(fixture: &Fixture, services: &[String]) -> BTreeSet<(String, String)> {
    let mut arguments = vec!["--json", "doctor"];
    arguments.extend(services.iter().flat_map(|name| ["--service", name.as_str()]));
    let document = fixture.totp_enroll(&arguments).json();
    let findings = document["findings"].as_array().expect("findings").clone();
    let word = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings.iter().map(|finding| (word(finding, "service"), word(finding, "name"))).collect()
}

/// Writes a service, and two files that it may include; gives all three as text.
fn random_service(fixture: &mut Fixture, dice: &mut Dice, name: &str, ours: &str) -> String {
    let inner = [format!("{name}-a"), format!("{name}-b")];
    let service = random_file(dice, ours, &[&inner[0], &inner[1], "nowhere"], 6, true);
    let first = random_file(dice, ours, &[&inner[1]], 4, false);
    let second = random_file(dice, ours, &[], 3, false);
    let machine = fixture.machine();
    for (name, text) in [(name, &service), (&inner[0], &first), (&inner[1], &second)] {
        machine.write(&format!("pam.d/{name}"), 0o644, text);
    }
    format!("{name}:\n{service}\n{}:\n{first}\n{}:\n{second}", inner[0], inner[1])
}

fn random_file(dice: &mut Dice, ours: &str, includes: &[&str], most: usize, with_ours: bool) -> String {
    let lines = 1 + dice.roll(most);
    let place = if with_ours && dice.roll(10) > 0 { dice.roll(lines) } else { usize::MAX };
    let mut text = String::new();
    for at in 0..lines {
        let kind = dice.one_of(&["auth"; 12]);
        let kind = if dice.roll(30) == 0 {
            dice.one_of(&["atuh", "-auth", "AUTH", "[auth]", "-Auth", "--auth", "account", "session"])
        } else {
            kind
        };
        if at == place {
            // All refusals count alike.
            let control = match dice.roll(6) {
                0..=2 => "required".to_owned(),
                3 => dice.one_of(&["requisite", "sufficient", "optional"]).to_owned(),
                _ => format!("[success={} default={}]", action(dice), action(dice)),
            };
            writeln!(text, "auth {control} {ours}").expect("a string");
        } else if !includes.is_empty() && dice.roll(5) == 0 {
            let rare = if dice.roll(12) == 0 { includes.len() } else { includes.len().min(2) };
            let target = includes[dice.roll(rare)];
            let line = match dice.roll(5) {
                0 | 1 => format!("{kind} include {target}"),
                2 | 3 => format!("{kind} substack {target}"),
                _ => {
                    let word =
                        dice.one_of(&["@include", "@include", "@include", "-@Include", "@include\t \t"]);
                    let target = if dice.roll(60) == 0 { "# none" } else { target };
                    let behind = dice.one_of(&["", "", " \t", " # behind", " and more"]);
                    format!("{word} {target}{behind}")
                }
            };
            writeln!(text, "{line}").expect("a string");
        } else {
            let (control, module) = (control(dice), module(dice));
            let blank = dice.one_of(&[" ", " ", " ", "\t", " \t ", " \\\n", " \\ \t\n  "]);
            let end = dice.one_of(&["\n"; 12]);
            let end = if dice.roll(12) == 0 { behind_a_line(dice) } else { end.to_owned() };
            write!(text, "{kind}{blank}{control}{blank}{module}{end}").expect("a string");
        }
        if dice.roll(30) == 0 {
            text.push_str(dice.one_of(&[
                "# auth sufficient pam_permit.so\n",
                "\n",
                "auth \\\n# between\n required \\\n pam_permit.so\n",
                "auth optional pam_echo.so \\\n# file=/etc/motd\nauth sufficient pam_permit.so\n",
                "auth optional pam_echo.so \\\n \t\nauth sufficient pam_permit.so\n",
                "\\\n\n",
                "\r\n",
                "\0auth sufficient pam_permit.so\n",
            ]));
        }
        if dice.roll(20) == 0 {
            text.push_str(&long(dice));
        }
    }
    match dice.roll(80) {
        0 => text.push_str("auth sufficient pam_permit.so \\\n"),
        1 | 2 => text.push_str("auth sufficient pam_permit.so # \\"),
        3..6 => text.truncate(text.len().saturating_sub(1)),
        _ => {}
    }
    text
}

/// Text after a module that belongs to its arguments, to a comment, or to the next line.
fn behind_a_line(dice: &mut Dice) -> String {
    let behind = dice.one_of(&[
        "\r\n",
        " \r\n",
        " # behind\n",
        " # behind \\\n",
        " \\\r\n",
        " [a \\] b]c [\n",
        " \\\n# behind\n",
        " \\\n\n",
        " \\\n \\\n\n",
        " \0 \\\n",
        "\0\n",
        " \u{a0}\n",
    ]);
    behind.to_owned()
}

/// Lines about as long as libpam up to 1.5 reads them (1023 bytes), so that what is behind is a line of its own there.
fn long(dice: &mut Dice) -> String {
    let live = "auth sufficient pam_permit.so\n";
    let length = 1000 + dice.roll(30);
    match dice.roll(5) {
        0 => format!("#{}{live}", "x".repeat(1022)),
        1 => format!("{}{live}", "#".repeat(length)),
        2 => format!("{}{live}", " ".repeat(length)),
        3 => format!("auth optional pam_permit.so{}{live}", " ".repeat(length - 27)),
        // One that ends in the last byte is read for ever.
        _ => format!("auth optional pam_permit.so{}\\\n{live}", " ".repeat(length.min(1021) - 27)),
    }
}

fn control(dice: &mut Dice) -> String {
    match dice.roll(12) {
        0 | 1 => "required".to_owned(),
        2 => "requisite".to_owned(),
        3 | 4 => "sufficient".to_owned(),
        5 => "optional".to_owned(),
        6 => dice
            .one_of(&[
                "suficient",
                "SUFFICIENT",
                "[sufficient]",
                "[success]",
                "[success=0]",
                "[=ok]",
                "[default=]",
                "success=ok",
                "[success=done",
                "[success\t=\x0bok default=bad]",
                "[success=done\\] default=bad]",
                "[success=4294967294 default=ignore]",
                "[success=99999999999]",
                "[default=ignoresuccess=done]",
                "[]",
            ])
            .to_owned(),
        _ => {
            let mut pairs = format!("success={}", action(dice));
            for name in ["ignore", "auth_err", "new_authtok_reqd", "default"] {
                if dice.roll(3) == 0 {
                    write!(pairs, " {name}={}", action(dice)).expect("a string");
                }
            }
            format!("[{pairs}]")
        }
    }
}

fn action(dice: &mut Dice) -> &'static str {
    dice.one_of(&["ok", "ok", "done", "ignore", "ignore", "bad", "die", "reset", "1", "1", "2", "3"])
}

fn module(dice: &mut Dice) -> String {
    match dice.roll(12) {
        0 | 1 => "pam_permit.so".to_owned(),
        2 => "pam_deny.so".to_owned(),
        3 => dice
            .one_of(&["/nowhere/pam_missing.so", "pam_missing.so", "", "pam_warn.so", "pam_permit", "[]"])
            .to_owned(),
        4..=6 => "pam_debug.so auth=success".to_owned(),
        7 | 8 => "pam_debug.so auth=auth_err".to_owned(),
        _ => format!(
            "pam_debug.so auth={}",
            dice.one_of(&[
                "ignore",
                "new_authtok_reqd",
                "user_unknown",
                "abort",
                "incomplete",
                "conv_again",
                "cred_err",
                "open_err"
            ])
        ),
    }
}
