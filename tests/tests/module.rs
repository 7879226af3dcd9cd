//! The file that sshd loads: what it exports, what it needs, and what it does to its host.

#![expect(clippy::expect_used, reason = "without binutils there is nothing to test with")]

use acceptance::{built, libpam};
use std::collections::BTreeSet;
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
fn it_starts_no_threads_or_programs_and_opens_no_connections() {
    let table = binutils("nm", &["--dynamic", "--undefined-only", "--format=posix"]);
    let used: BTreeSet<&str> = table.lines().filter_map(|line| line.split([' ', '@']).next()).collect();
    for function in
        ["pthread_create", "execve", "execvp", "posix_spawnp", "fork", "getaddrinfo", "openlog", "dlopen"]
    {
        assert!(!used.contains(function), "it uses {function}");
    }
}

#[test]
fn it_carries_nothing_that_only_the_command_needs() {
    let strings = std::fs::read(built::module()).expect("the module");
    for word in ["clap_builder-", "indicatif-", "regex-automata", "tokio-"] {
        let found = strings.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(!found, "it carries {word}");
    }
}

/// In a virtual machine each CPUID traps to the hypervisor; `.cargo/config.toml` has the ciphers built without it.
#[test]
fn it_never_asks_the_processor_what_it_can_do() {
    let code = binutils("objdump", &["--disassemble", "--no-show-raw-insn", "--no-addresses"]);
    assert!(code.contains("pam_sm_authenticate>:"), "the module was not disassembled");
    let asked = code.lines().filter(|line| line.trim() == "cpuid").count();
    assert_eq!(asked, 0, "CPUID is in the module: was it built with a RUSTFLAGS in the environment?");
}

fn needed() -> Vec<String> {
    let dynamic = binutils("readelf", &["--wide", "--dynamic"]);
    let name = |line: &str| Some(line.split_once('[')?.1.trim_end_matches(']').to_owned());
    dynamic.lines().filter(|line| line.contains("(NEEDED)")).filter_map(name).collect()
}

/// One of the tools of the package binutils, on the module.
fn binutils(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).arg(built::module()).output();
    let output = output.expect("no nm, readelf or objdump: install the packages in tests/apt-packages");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
