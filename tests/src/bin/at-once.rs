//! One code offered by many logins at once: how often pam_totp, google-authenticator-libpam and pam_oath accept it, as a table.
//!
//! A measurement and no test: of the others it says how often they go wrong on this machine, which nothing depends on. What
//! must hold of ours is in `tests/race.rs`. As root, with what was built for release:
//!
//! ```text
//! cargo build --release --locked && cargo run --locked -p acceptance --bin at-once
//! ```

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints a table, or stops")]

use acceptance::authenticator::Authenticator;
use acceptance::clock;
use acceptance::fixture::Fixture;
use acceptance::login::{Login, PamCode, Running, Waiting};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// So many people, each with a code of their own.
const PEOPLE: usize = 200;
/// So many logins that offer each code at once.
const MANY: [usize; 2] = [8, 32];
/// So many single-use codes, each offered by so many logins at once.
const SINGLE_USE: (usize, usize) = (20, 16);
/// So many seconds are left of a code's time when it is offered. The clock is the machine's own: a stopped one would change the times
/// of files as well, by which google-authenticator notices that another process wrote.
const ROOM: u64 = 8;

fn main() {
    println!("| what was offered | pam_totp | google-authenticator-libpam | pam_oath |");
    println!("|---|--:|--:|--:|");
    for many in MANY {
        let accepted: Vec<String> = MODULES.map(|module| codes(module, many).to_string()).into();
        println!("| {PEOPLE} codes, each by {many} logins at once: accepted | {} |", accepted.join(" | "));
    }
    let (codes, many) = SINGLE_USE;
    let accepted = [MODULES[0], MODULES[1]].map(|module| single_use(module).to_string());
    println!(
        "| {codes} single-use codes, each by {many} logins at once: accepted | {} | none |",
        accepted.join(" | ")
    );
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    println!(
        "\nload {}at the end; the busier the disk, the longer a write of the others takes",
        load.split_inclusive(' ').take(1).collect::<String>()
    );
}

#[derive(Clone, Copy)]
enum Module {
    Totp,
    Google,
    Oath,
}

const MODULES: [Module; 3] = [Module::Totp, Module::Google, Module::Oath];

/// How many logins were let in with one code for all users.
fn codes(module: Module, many: usize) -> usize {
    let people: Vec<String> = (0..PEOPLE).map(|number| format!("user{number}")).collect();
    let fixture = people.iter().fold(Fixture::builder(), |builder, user| builder.enrolled(user)).build();
    set_up(module, &fixture, &people, &[]);
    let service = |user: &String| {
        let _ = clock::well_inside_a_step(30, ROOM);
        at_once(vec![fixture.login_at("measured", user).types(fixture.code(user)); many])
    };
    people.iter().map(service).sum()
}

/// How many logins were let in with single-use codes.
fn single_use(module: Module) -> usize {
    let (codes, many) = SINGLE_USE;
    let people: Vec<String> = (0..codes).map(|number| format!("user{number}")).collect();
    let fixture = people.iter().fold(Fixture::builder(), |builder, user| builder.enrolled(user)).build();
    let scratch: Vec<String> = (0..codes).map(|number| format!("{}", 12_345_678 + number)).collect();
    set_up(module, &fixture, &people, &scratch);
    let service = |(user, scratch): (&String, &String)| {
        let code = match module {
            Module::Totp => {
                let renewed = fixture.totp_enroll(&["--json", "recovery-codes", user, "--yes"]);
                acceptance::enroll_command::recovery_codes_in(&renewed.stdout).remove(0)
            }
            Module::Google | Module::Oath => scratch.clone(),
        };
        at_once(vec![fixture.login_at("measured", user).types(code); many])
    };
    people.iter().zip(&scratch).map(service).sum()
}

/// The service "measured", and what its module reads.
fn set_up(module: Module, fixture: &Fixture, people: &[String], scratch: &[String]) {
    let line = match module {
        Module::Totp => fixture.module(""),
        Module::Google => {
            let directory = fixture.path("google");
            fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
            for (number, user) in people.iter().enumerate() {
                let codes = scratch.get(number).map(String::as_str).unwrap_or_default();
                write(&directory.join(user), &google(fixture.authenticator(user), codes));
            }
            format!(
                "auth required pam_google_authenticator.so secret={}/${{USER}} user=root no_increment_hotp allowed_perm=0600",
                directory.display()
            )
        }
        Module::Oath => {
            let mut users = String::new();
            for user in people {
                let secret = HEXLOWER.encode(&fixture.authenticator(user).secret);
                writeln!(users, "HOTP/T30/6 {user} - {secret}").unwrap();
            }
            write(&fixture.path("users"), &users);
            format!(
                "auth required pam_oath.so usersfile={} window=3 digits=6",
                fixture.path("users").display()
            )
        }
    };
    fixture.service("measured", &line);
}

/// What `google-authenticator -t -d -u -w 3` writes: codes are to be good once.
fn google(authenticator: &Authenticator, scratch: &str) -> String {
    format!(
        "{}\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n{scratch}\n",
        BASE32_NOPAD.encode(&authenticator.secret)
    )
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Brings all to the prompt, lets all answer together, and counts those that were let in.
fn at_once(logins: Vec<Login>) -> usize {
    let waiting: Vec<Waiting> = logins.into_iter().map(Login::hold).collect();
    let running: Vec<Running> = waiting.into_iter().map(Waiting::release).collect();
    let codes = running.into_iter().map(|login| login.outcome().map(|outcome| outcome.code));
    codes.filter(|code| matches!(code, Ok(code) if *code == PamCode::SUCCESS)).count()
}
