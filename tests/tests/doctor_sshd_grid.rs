//! What `doctor` says of sshd is what a real sshd does: lists of methods, lines of the stack, and the methods that are switched on.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built fails its test")]

use acceptance::fixture::Fixture;
use acceptance::machine::PASSWORD;
use acceptance::site::{Findings, Site};
use acceptance::sshd::{Key, Sshd};
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;

/// Debian's, without the time that a wrong password takes.
const COMMON_AUTH: &str = "auth [success=1 default=ignore] pam_unix.so nullok nodelay\n\
    auth requisite pam_deny.so\nauth required pam_permit.so\n";

const STACKS: [&str; 14] = [
    "@include common-auth\nauth required TOTP",
    "@include common-auth\nauth required TOTP after_first_factor",
    "@include common-auth\nauth required TOTP try_first_pass",
    "@include common-auth\nauth required TOTP try_first_pass forward_pass",
    "@include common-auth\nauth required TOTP use_first_pass",
    "auth required TOTP",
    "auth required TOTP echo",
    "auth required TOTP forward_pass\nauth required pam_unix.so try_first_pass nodelay",
    "auth required TOTP forward_pass\nauth required pam_unix.so use_first_pass nodelay",
    "auth required TOTP forward_pass\n@include common-auth",
    "auth required TOTP\nauth required pam_unix.so use_first_pass nodelay",
    "auth required TOTP\nauth required pam_unix.so try_first_pass nodelay",
    "auth optional pam_unix.so nodelay\nauth required TOTP use_first_pass forward_pass\n\
     auth required pam_unix.so use_first_pass nodelay",
    "auth optional pam_unix.so nodelay\nauth required TOTP try_first_pass forward_pass\n\
     auth required pam_unix.so use_first_pass nodelay",
];

/// The empty one: sshd is told nothing.
const LISTS: [&str; 9] = [
    "",
    "publickey",
    "publickey,keyboard-interactive:pam",
    "keyboard-interactive",
    "password",
    "publickey,password",
    "publickey,password publickey,keyboard-interactive",
    "password keyboard-interactive",
    "publickey,keyboard-interactive:bsdauth publickey,password",
];

/// One setting of everything.
#[derive(Clone, Copy, Debug)]
struct Cell {
    stack: &'static str,
    lists: &'static str,
    keyboard: bool,
    password: bool,
}

impl Cell {
    fn all() -> impl Iterator<Item = Self> {
        STACKS.into_iter().flat_map(|stack| {
            LISTS.into_iter().flat_map(move |lists| {
                [(true, false), (true, true), (false, true), (false, false)]
                    .map(|(keyboard, password)| Self { stack, lists, keyboard, password })
            })
        })
    }

    fn options(&self) -> String {
        let word = |is_on| if is_on { "yes" } else { "no" };
        let Self { lists, keyboard, password, .. } = self;
        let lists = if lists.is_empty() { String::new() } else { format!("AuthenticationMethods {lists}\n") };
        format!(
            "UsePAM yes\nKbdInteractiveAuthentication {}\nPasswordAuthentication {}\n{lists}",
            word(*keyboard),
            word(*password)
        )
    }

    /// What sshd does, in a word, and how `doctor` contradicts it.
    fn compared(&self) -> (&'static str, Option<String>) {
        let people = (0..PEOPLE).map(|number| format!("u{number}"));
        let builder = people.fold(Fixture::builder(), |builder, name| builder.account(&name).enrolled(&name));
        let mut site = Site::of(builder);
        site.fixture.machine().write("pam.d/common-auth", 0o644, COMMON_AUTH);
        site.service("sshd", self.stack);
        site.sshd(&self.options());
        let found = site.doctor(&["--service", "sshd"]);
        let truth = Truth::of(&mut site, self);
        (truth.word(), truth.contradiction(&found).map(|why| format!("{why}\n{truth:?}\n{found:?}")))
    }

    /// What a client can try: each list, or each method that is switched on.
    fn ways(&self) -> Vec<String> {
        if !self.lists.is_empty() {
            return self.lists.split(' ').map(|list| list.split(':').next().unwrap().to_owned()).collect();
        }
        let single =
            [("publickey", true), ("password", self.password), ("keyboard-interactive", self.keyboard)];
        single.into_iter().filter(|(_, is_on)| *is_on).map(|(method, _)| method.to_owned()).collect()
    }
}

/// What a person has, and types where a password is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    /// The key, and a password at each prompt.
    PasswordOnly,
    /// A code at each prompt, and no key.
    CodeOnly,
    /// The key, a code where one is asked for, and this where a password is.
    Password,
    Code,
    Both,
}

/// Who logs in once each, so that no code is used twice.
const PEOPLE: usize = 20;

#[test]
fn doctor_says_of_sshd_what_sshd_does() {
    let sweep = Sweep::today();
    let mut wrong = Vec::new();
    let mut met = BTreeSet::new();
    let cells = sweep.points(Cell::all());
    // Most of a login is waiting.
    std::thread::scope(|scope| {
        let workers = cells.chunks(cells.len().div_ceil(4)).map(|cells| {
            scope.spawn(|| cells.iter().map(|cell| (cell, cell.compared())).collect::<Vec<_>>())
        });
        for worker in workers.collect::<Vec<_>>() {
            for (cell, (word, contradiction)) in worker.join().expect("a cell could not be tried") {
                met.insert(word);
                wrong.extend(contradiction.map(|why| format!("{cell:?}: {why}")));
            }
        }
    });
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n\n"));
    sweep.assert_met(&met, ["nobody", "some", "all", "open"]);
}

/// What sshd does.
#[derive(Debug)]
struct Truth {
    /// By a list, or a method alone, whether someone gets in who has everything.
    ways: Vec<(String, bool)>,
    /// What is enough, although it is not everything.
    open: Option<(String, Typed)>,
}

impl Truth {
    fn of(site: &mut Site, cell: &Cell) -> Self {
        let starts = site.fixture.machine().namespace().command("/usr/sbin/sshd").arg("-t").output().unwrap();
        if !starts.status.success() {
            return Self { ways: cell.ways().into_iter().map(|way| (way, false)).collect(), open: None };
        }
        let sshd = site.fixture.sshd_with(&cell.options(), "any");
        sshd.configure_clients("NumberOfPasswordPrompts 1\n");
        let mut people = (0..PEOPLE).map(|number| format!("u{number}"));
        let mut try_with = |way: &str, typed| lets_in(site, &sshd, way, typed, &people.next().unwrap());
        let mut truth = Self { ways: Vec::new(), open: None };
        for way in cell.ways() {
            let lets_in =
                [Typed::Password, Typed::Both, Typed::Code].into_iter().any(|typed| try_with(&way, typed));
            let with_less = [Typed::PasswordOnly, Typed::CodeOnly];
            let open = with_less.into_iter().find(|typed| lets_in && try_with(&way, *typed));
            truth.open = truth.open.or(open.map(|typed| (way.clone(), typed)));
            truth.ways.push((way, lets_in));
        }
        truth
    }

    fn word(&self) -> &'static str {
        match (&self.open, self.ways.iter().filter(|(_, lets_in)| *lets_in).count()) {
            (Some(_), _) => "open",
            (None, 0) => "nobody",
            (None, count) if count == self.ways.len() => "all",
            (None, _) => "some",
        }
    }

    /// Why `doctor` is wrong, if it is.
    fn contradiction(&self, found: &Findings) -> Option<String> {
        let all = found.all();
        let of = |severity: &str, names: &[&str]| {
            all.iter().any(|one| {
                one["severity"] == severity
                    && (names.is_empty() || names.iter().any(|name| one["name"] == *name))
            })
        };
        let nobody = of(
            "serious",
            &["sshd_nobody_gets_in", "nobody_gets_in", "nothing_to_use", "sshd_refuses_config"],
        );
        let dead =
            of("serious", &["nobody_gets_in"]) || of("warning", &["sshd_dead_list", "sshd_password_method"]);
        let lets_in = self.ways.iter().any(|(_, lets_in)| *lets_in);
        let some_do_not = self.ways.iter().any(|(_, lets_in)| !lets_in);
        let lets_in_by_pam = self.ways.iter().any(|(way, lets_in)| *lets_in && way != "publickey");
        // That the stack refuses everybody is true also where a key is enough.
        let contradicts = if nobody { lets_in_by_pam } else { !lets_in };
        if contradicts {
            return Some(format!("nobody gets in: sshd {}, doctor {nobody}", !lets_in));
        }
        if lets_in && some_do_not && !dead {
            return Some("a list that lets nobody in is not found".to_owned());
        }
        // Where a password is asked for and the code is wanted, `sshd_password_method` is right.
        if !some_do_not && of("warning", &["sshd_dead_list"]) {
            return Some("a list that lets in is called dead".to_owned());
        }
        let serious = of("serious", &[]);
        (serious != (!lets_in || self.open.is_some())).then(|| format!("serious: {serious}"))
    }
}

/// Whether a client that may use these methods gets in.
fn lets_in(site: &Site, sshd: &Sshd, way: &str, typed: Typed, user: &str) -> bool {
    let code = site.fixture.code(user);
    let key = if typed == Typed::CodeOnly { Key::None } else { Key::Offered };
    let mut ssh = sshd.ssh_with(user, key, "echo inside", &format!("PreferredAuthentications={way}"));
    let prompts = [
        "'s password: ",
        ") Password: ",
        "Password & verification code: ",
        ") Verification code: ",
        "inside",
    ];
    while let Some((which, _)) = ssh.expect_any_or_the_end(&prompts) {
        let both = format!("{PASSWORD}{code}");
        ssh.types(match (typed, which) {
            (_, 4) => return true,
            (Typed::PasswordOnly, _) => PASSWORD,
            (Typed::CodeOnly, _) => &code,
            (_, 3) => &code,
            (_, 2) | (Typed::Both, _) => &both,
            (Typed::Password, _) => PASSWORD,
            (Typed::Code, _) => &code,
        });
    }
    false
}
