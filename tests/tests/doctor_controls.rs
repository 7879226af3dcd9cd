//! What `doctor` says of the control of a line, of a missing module and of a misspelt one is what the installed libpam does.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a fixture that cannot be built fails its test"
)]

use acceptance::fixture::Fixture;
use acceptance::login::{Answer, PamCode};
use acceptance::site::{Findings, Site};

const CONTROLS: [&str; 14] = [
    "required",
    "requisite",
    "sufficient",
    "optional",
    "[success=ok default=bad]",
    "[success=ok default=die]",
    "[success=done default=bad]",
    "[success=1 default=ignore]",
    "[success=ok default=ignore]",
    "[default=bad module_unknown=ignore]",
    "[success=ok default=bad module_unknown=ignore]",
    "[success=ok default=bad conv_err=ignore]",
    "[success=ok default=bad conv_err=ignore module_unknown=ok]",
    "[success=ok default=bad perm_denied=ignore]",
];

/// How the line comes into the stack.
const PLACES: [&str; 5] = ["LINE", "auth include inner", "auth substack inner", "@include inner", "-LINE"];

/// What the module is called.
const MODULES: [&str; 3] = ["TOTP", "/nowhere/TOTP", "pam_topt.so"];

#[test]
fn doctor_says_of_a_control_what_libpam_does() {
    // One account for each control and place, so that no code is used twice.
    let each =
        (0..CONTROLS.len()).flat_map(|number| (0..PLACES.len()).map(move |at| format!("grid-{number}-{at}")));
    let builder = each.fold(Fixture::builder(), |builder, name| builder.account(&name).enrolled(&name));
    let mut site = Site::of(builder);
    let mut wrong = Vec::new();
    let mut services = Vec::new();
    for (number, control) in CONTROLS.iter().enumerate() {
        for (at, place) in PLACES.iter().enumerate() {
            for (kind, module) in MODULES.iter().enumerate() {
                let name = format!("grid-{number}-{at}-{kind}");
                write(&mut site, &name, control, place, module);
                services.push((name, format!("{place} with {control} {module}")));
            }
        }
    }
    let names: Vec<&str> = services.iter().flat_map(|(name, _)| ["--service", name.as_str()]).collect();
    let found = site.doctor(&names);
    for all in services.chunks(MODULES.len()) {
        let [there, missing, misspelt] = all else { panic!("three of each") };
        let opens = Opens::of(&site, &there.0);
        let open_without = lets_in(&site, &missing.0, "alice", Answer::Typed(b"wrong".to_vec()));
        assert_eq!(
            open_without,
            lets_in(&site, &misspelt.0, "alice", Answer::Typed(b"wrong".to_vec())),
            "{}",
            misspelt.1
        );
        let says = Says::of(&found, &there.0);
        wrong.extend(
            (says != opens.expected(open_without))
                .then(|| format!("{}: {opens:?}, missing {open_without}: {says:?}", there.1)),
        );
        for (name, what) in [missing, misspelt] {
            let why = if open_without { "succeed without a code" } else { "every login is refused" };
            let said = of_service(&found, name).any(|one| {
                one["name"] == "module_missing"
                    && one["severity"] == "serious"
                    && one["why"].as_str().unwrap().contains(why)
            });
            wrong.extend(
                (!said).then(|| format!("{what}: {why}: {:?}", of_service(&found, name).collect::<Vec<_>>())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The service, with a line above that accepts everybody, and a refusal behind a jump.
fn write(site: &mut Site, name: &str, control: &str, place: &str, module: &str) {
    let module = module.replace("TOTP", &site.module).replace("/nowhere//run", "/nowhere");
    let line = format!("auth {control} {module}");
    let inner = format!("{name}.inner");
    let jump = if control.contains("success=1") {
        "\nauth requisite pam_deny.so\nauth required pam_permit.so"
    } else {
        ""
    };
    site.fixture.machine().write(&format!("pam.d/{inner}"), 0o644, &format!("{line}{jump}\n"));
    let place = place.replace("inner", &inner).replace("LINE", &format!("{line}{jump}"));
    site.service(name, &format!("auth required pam_permit.so\n{place}"));
}

/// What lets in.
#[derive(Debug)]
struct Opens {
    right: bool,
    wrong: bool,
    without_answer: bool,
}

impl Opens {
    fn of(site: &Site, service: &str) -> Self {
        let user = service.strip_suffix("-0").expect("the module itself");
        Self {
            right: lets_in(site, service, user, Answer::Typed(site.fixture.code(user).into_bytes())),
            wrong: lets_in(site, service, user, Answer::Typed(b"wrong".to_vec())),
            without_answer: lets_in(site, service, user, Answer::Fails),
        }
    }

    fn expected(&self, open_without: bool) -> Says {
        Says {
            nobody: !self.right,
            uncounted: match self {
                Self { wrong: true, .. } => Some("serious a wrong code"),
                Self { without_answer: true, .. } => Some("serious cannot ask"),
                Self { .. } if open_without => Some("warning missing"),
                Self { .. } => None,
            },
        }
    }
}

/// What `doctor` says.
#[derive(Debug, PartialEq, Eq)]
struct Says {
    nobody: bool,
    uncounted: Option<&'static str>,
}

impl Says {
    fn of(found: &Findings, service: &str) -> Self {
        let uncounted = of_service(found, service).find(|one| one["name"] == "code_not_counted");
        let said = |one: serde_json::Value| {
            let why = one["why"].as_str().unwrap().to_owned();
            match one["severity"].as_str().unwrap() {
                "serious" if why.contains("with a wrong code") => "serious a wrong code",
                "serious" if why.contains("cannot ask (conv_err)") => "serious cannot ask",
                "warning" if why.contains("wrong codes are refused") && why.contains("removed") => {
                    "warning missing"
                }
                _ => "something else",
            }
        };
        Self {
            nobody: of_service(found, service).any(|one| one["name"] == "nobody_gets_in"),
            uncounted: uncounted.map(said),
        }
    }
}

fn of_service(found: &Findings, service: &str) -> impl Iterator<Item = serde_json::Value> {
    let service = service.to_owned();
    let is_about = move |one: &serde_json::Value| {
        one["service"] == service
            || one["services"].as_array().is_some_and(|all| all.iter().any(|other| *other == service))
    };
    found.all().into_iter().filter(is_about)
}

fn lets_in(site: &Site, service: &str, user: &str, answer: Answer) -> bool {
    let mut login = site.fixture.login_at(service, user).answers_with(answer);
    login.confdir = "/etc/pam.d".into();
    login.run().code == PamCode::SUCCESS
}
