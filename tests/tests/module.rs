//! The file that is loaded into sshd: what it shows, what it needs, and what it does to its host.

#![expect(clippy::expect_used, reason = "without binutils there is nothing to test with")]

use acceptance::{built, libpam};
use std::collections::BTreeSet;
use std::ops::Range;
use std::process::Command;

const ENTRY_POINTS: [&str; 6] = [
    "pam_sm_acct_mgmt",
    "pam_sm_authenticate",
    "pam_sm_chauthtok",
    "pam_sm_close_session",
    "pam_sm_open_session",
    "pam_sm_setcred",
];

#[test]
fn it_shows_the_entry_points_of_a_pam_module_and_nothing_else() {
    let table = binutils("nm", &["--dynamic", "--defined-only", "--format=posix"]);
    let shown: BTreeSet<&str> = table.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(shown, BTreeSet::from(ENTRY_POINTS));
}

#[test]
fn it_needs_libpam_and_the_c_library_and_nothing_else() {
    let needed = needed();
    let allowed =
        ["libpam.so.0", "libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];
    let more: Vec<&String> = needed.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(more.is_empty(), "it also needs {more:?}");
    assert!(
        needed.iter().any(|name| name == "libpam.so.0"),
        "a host that did not load libpam cannot load it"
    );
}

#[test]
fn it_loads_with_every_symbol_bound_and_again_and_again() {
    for _ in 0..50 {
        assert_eq!(libpam::load(&built::module(), &ENTRY_POINTS), Ok(()));
    }
}

#[test]
fn it_loads_into_a_program_that_knows_nothing_of_pam() {
    let output =
        Command::new("/bin/true").env("LD_PRELOAD", built::module()).env("LD_BIND_NOW", "1").output();
    let output = output.expect("no /bin/true");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn it_is_without_text_relocations_and_an_executable_stack() {
    let headers = binutils("readelf", &["--wide", "--program-headers", "--dynamic"]);
    assert!(!headers.contains("TEXTREL"), "{headers}");
    let stack = headers.lines().find(|line| line.contains("GNU_STACK")).unwrap_or_default();
    assert!(stack.contains("RW ") && !stack.contains("RWE"), "{stack}");
    assert!(headers.contains("GNU_RELRO"), "{headers}");
}

#[test]
fn it_starts_no_threads_and_no_programs_and_opens_no_connections() {
    let table = binutils("nm", &["--dynamic", "--undefined-only", "--format=posix"]);
    let used: BTreeSet<&str> = table.lines().filter_map(|line| line.split([' ', '@']).next()).collect();
    for function in
        ["pthread_create", "execve", "execvp", "posix_spawnp", "fork", "getaddrinfo", "openlog", "dlopen"]
    {
        assert!(!used.contains(function), "it uses {function}");
    }
}

#[test]
fn it_carries_nothing_that_only_the_desk_needs() {
    let strings = std::fs::read(built::module()).expect("the module");
    for word in ["clap_builder-", "indicatif-", "regex-automata", "tokio-"] {
        let found = strings.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(!found, "it carries {word}");
    }
}

/// A login loads the module anew: what it does not run is not to lie between what it runs.
#[test]
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    ignore = "the module is not laid out there"
)]
fn what_a_login_seldom_runs_lies_apart() {
    let layout = include_str!("../../pam_totp/seldom.ld");
    let names = layout.split([' ', '(', ')', '\n']).filter_map(|word| word.strip_prefix(".text.*"));
    let names: Vec<&str> = names.map(|name| name.trim_end_matches(['*', '?'])).collect();
    assert!(names.len() > 20, "{names:?}");
    let seldom = section(".text.seldom");
    let (apart, usual): (Vec<_>, Vec<_>) = functions().into_iter().partition(|(at, _)| seldom.contains(at));
    let is_among = |functions: &[(u64, String)], name: &str| {
        functions.iter().any(|(_, function)| function.contains(name))
    };
    let unknown: Vec<&&str> = names.iter().filter(|name| !is_among(&apart, name)).collect();
    assert!(unknown.is_empty(), "pam_totp/seldom.ld names what is not there: {unknown:?}");
    assert!(is_among(&apart, "_Unwind_RaiseException"), "seldom.ld does not find the unwinder's archive");
    for name in ["pam_sm_authenticate", "8answered", "5plain4read", "compress256", "wipe_stack"] {
        assert!(is_among(&usual, name) && !is_among(&apart, name), "{name} is of every login");
    }
}

/// Where a section of the module lies.
fn section(name: &str) -> Range<u64> {
    let table = binutils("readelf", &["--wide", "--sections"]);
    let line = table.lines().find_map(|line| line.split_once(&format!("] {name} ")));
    let fields: Vec<&str> = line.expect("no such section").1.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| u64::from_str_radix(field, 16).ok());
    let (start, length) = (number(1).expect("an address"), number(3).expect("a size"));
    start..start + length
}

/// Where each function of the module begins.
fn functions() -> Vec<(u64, String)> {
    let table = binutils("nm", &["--defined-only", "--format=posix"]);
    let functions = table.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (name, kind, at) = (fields.next()?, fields.next()?, fields.next()?);
        matches!(kind, "t" | "T").then_some((u64::from_str_radix(at, 16).ok()?, name.to_owned()))
    });
    functions.collect()
}

fn needed() -> Vec<String> {
    let dynamic = binutils("readelf", &["--wide", "--dynamic"]);
    let name = |line: &str| Some(line.split_once('[')?.1.trim_end_matches(']').to_owned());
    dynamic.lines().filter(|line| line.contains("(NEEDED)")).filter_map(name).collect()
}

/// One of the tools of the package binutils, on the module.
fn binutils(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).arg(built::module()).output();
    let output = output.expect("no nm or readelf: install the packages in tests/apt-packages");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
