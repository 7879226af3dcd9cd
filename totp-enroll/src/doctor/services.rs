//! Each PAM service that asks for a code: its stack, the lines of ours in it, and the config that they name.

use super::finding::Finding;
use super::stack::gaps::{self, Circumstances};
use super::stack::{self, Handler, Installed, Nature, Said, ServiceFiles, Stack};
use crate::desk;
use std::path::{Path, PathBuf};
use totp_core::config::{Config, DEFAULT_FILE};
use totp_core::time::Seconds;

/// A service whose stack was gone through.
pub(crate) struct Service {
    pub(crate) name: String,
    /// A line of ours is in it.
    pub(crate) asks: bool,
    /// A code alone lets in.
    pub(crate) one_factor: bool,
    /// Nothing at all lets some people in.
    pub(crate) nothing: bool,
    /// The config of the first line of ours.
    pub(crate) config: Option<Config>,
    /// The files of the modules that its lines of ours name.
    pub(crate) modules: Vec<PathBuf>,
    /// What the program is given in one prompt is parted into password and code.
    pub(crate) forward_pass: bool,
}

/// The desk's own config, and where it came from.
pub(crate) struct Own<'a> {
    pub(crate) config: &'a Config,
    pub(crate) named: Option<&'a Path>,
}

/// Pairs of services of one program: what is asked at one has to be asked at the other.
const TWINS: [(&str, &str, &str); 2] =
    [("sudo", "sudo-i", "\"sudo -i\" asks this one"), ("su", "su-l", "\"su -\" asks this one")];

/// Services of programs, whoever else includes their files.
const PROGRAMS: [&str; 6] = ["sshd", "sudo", "sudo-i", "su", "su-l", "login"];

/// Files that services include, and that are none themselves.
const INCLUDED: [&str; 10] = [
    "common-auth",
    "common-account",
    "common-password",
    "common-session",
    "common-session-noninteractive",
    "system-auth",
    "password-auth",
    "fingerprint-auth",
    "smartcard-auth",
    "postlogin",
];

/// Looks at these services, or at all that name the module.
pub(crate) fn examine(asked: &[String], own: &Own<'_>, findings: &mut Vec<Finding>) -> Vec<Service> {
    let mut all = stack::services();
    let fragments = fragments(&all);
    all.retain(|name| !INCLUDED.contains(&name.as_str()) && !fragments.contains(name));
    let named = !asked.is_empty();
    let mut services = Vec::new();
    for name in if named { asked } else { &all } {
        let service =
            if named { Some(examined(name, own, findings)) } else { examined_if_ours(name, own, findings) };
        services.extend(service.flatten());
    }
    if !named && services.is_empty() {
        findings.push(
            Finding::warning("not_switched_on", "no file in /etc/pam.d names pam_totp.so")
                .why("nobody is asked for a code")
                .mend("\"pam-auth-update --enable totp\", or the lines that \"totp-enroll pam-snippet sshd\" prints"),
        );
    }
    twins(&services, &all, findings);
    services
}

/// Files that others include, and that are judged as a part of those. A program's own service is none, although its twin
/// includes it: `su-l` is that of `su`.
fn fragments(all: &[String]) -> Vec<String> {
    let mut fragments = Vec::new();
    for name in all {
        let Some((_, text)) = Installed.open(name) else { continue };
        let is_of_another =
            |file: &String| !name.starts_with(file.as_str()) && !PROGRAMS.contains(&file.as_str());
        fragments.extend(stack::included(&text).into_iter().filter(is_of_another));
    }
    fragments
}

fn examined_if_ours(name: &str, own: &Own<'_>, findings: &mut Vec<Finding>) -> Option<Option<Service>> {
    match stack::load::load(&Installed, name) {
        Ok(stack) => {
            let names_ours = stack.handlers.iter().chain(&stack.elsewhere).any(stack::is_ours);
            (names_ours && !stack.is_other || misplaced_alone(&stack)).then(|| examined(name, own, findings))
        }
        // Whether it would ask cannot be told; that nobody gets in there can.
        Err(_) => mentions_ours(name).then(|| examined(name, own, findings)),
    }
}

fn misplaced_alone(stack: &Stack) -> bool {
    stack.elsewhere.iter().any(stack::is_ours)
}

fn mentions_ours(name: &str) -> bool {
    Installed.open(name).is_some_and(|(_, text)| text.contains("pam_totp.so"))
}

fn examined(name: &str, own: &Own<'_>, findings: &mut Vec<Finding>) -> Option<Service> {
    let stack = match stack::load::load(&Installed, name) {
        Ok(stack) => stack,
        Err(unloadable) => {
            let line = unloadable.line.map_or_else(String::new, |line| format!(" line {line}"));
            let what = format!("{}{line}: {}", unloadable.file.display(), unloadable.problem);
            let finding = Finding::serious("stack_unreadable", what)
                .why("libpam refuses the whole service: nobody gets in")
                .mend("mend that line");
            findings.push(finding.at(name));
            return None;
        }
    };
    let mut found = Vec::new();
    misplaced(&stack, &mut found);
    must_fail(&stack, &mut found);
    let lines: Vec<Line<'_>> = stack::ours(&stack).map(|handler| line(handler, name, &mut found)).collect();
    let asks = !lines.is_empty();
    if !asks {
        found.push(not_in_stack(name, &stack));
    }
    arrangement(&stack, &mut found);
    for line in &lines {
        same_store(line, own, &mut found);
    }
    let config = lines.iter().find_map(|line| line.config.clone());
    let may_ignore = lines.iter().any(|line| line.may_ignore(name));
    let is_installed = |module: &str| stack::module_file(module).is_some();
    let circumstances = Circumstances { service: name, may_ignore, is_installed: &is_installed };
    found.extend(gaps::without_code(&stack, &circumstances));
    if asks && gaps::nobody_gets_in(&stack, &circumstances) {
        found.push(nobody_gets_in());
    }
    let said = |handler: &Handler| stack::read_arguments(&handler.arguments).ok();
    found.extend(gaps::introduced_by_nobody(&stack, &said, &circumstances).into_iter().map(not_introduced));
    let one_factor = asks && gaps::without_proof(&stack, &circumstances);
    let nothing = asks && gaps::without_anything(&stack, &circumstances);
    let exempts = config.as_ref().is_some_and(exempts);
    // What sshd itself asks for before is the question of another room.
    if name != "sshd" && one_factor {
        found.push(too_few_factors(nothing, exempts));
    }
    findings.extend(found.into_iter().map(|finding| finding.at(name)));
    let modules = lines.iter().filter_map(|line| stack::module_file(&line.handler.module)).collect();
    let forward_pass = lines.iter().any(|line| line.said.as_ref().is_some_and(|said| said.forward_pass));
    Some(Service { name: name.to_owned(), asks, one_factor, nothing, config, modules, forward_pass })
}

/// A line of ours.
struct Line<'a> {
    handler: &'a Handler,
    said: Option<Said>,
    config: Option<Config>,
}

impl Line<'_> {
    fn may_ignore(&self, service: &str) -> bool {
        let nullok = self.said.as_ref().is_some_and(|said| said.nullok);
        let introduced = self.said.as_ref().is_some_and(|said| said.after_first_factor);
        let enroll_by = self.config.as_ref().is_some_and(|config| config.policy.enroll_by.is_some());
        let passes_over = service == "sshd" && !introduced && self.config.as_ref().is_some_and(exempts);
        nullok || enroll_by || passes_over
    }
}

/// Whether some people get in without a code, by the config.
fn exempts(config: &Config) -> bool {
    let policy = &config.policy;
    policy.named_groups().next().is_some() || !policy.exempt_networks.is_empty() || policy.fresh > Seconds(0)
}

fn line<'a>(handler: &'a Handler, service: &str, found: &mut Vec<Finding>) -> Line<'a> {
    if stack::module_file(&handler.module).is_none() {
        found.push(
            Finding::serious("module_missing", format!("{}: {} is not there", handler.place, handler.module))
                .why("libpam counts the line as a failure: nobody gets in, or, behind another control, nobody is asked")
                .mend("install libpam-totp again, or take the line out"),
        );
    }
    let said = match stack::read_arguments(&handler.arguments) {
        Ok(said) => Some(said),
        Err(problem) => {
            found.push(
                Finding::serious("bad_argument", format!("{}: {problem}", handler.place))
                    .why("pam_totp refuses everybody, lest a typo weakens the door")
                    .mend("correct the word; pam_totp(8) lists those that are known"),
            );
            None
        }
    };
    let file = stack::config_file(&handler.arguments);
    let config = match desk::read_config(file.as_deref(), Some(service)) {
        Ok(config) => Some(config),
        Err(failure) => {
            let file = failure.file.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
            let line = failure.line.map_or_else(String::new, |line| format!(" line {line}"));
            let what = format!("{}: its config {}{line}: {}", handler.place, file.display(), failure.problem);
            found.push(
                Finding::serious("config_unreadable", what)
                    .why("pam_totp refuses everybody")
                    .mend("mend the file, or correct conf= in that line"),
            );
            None
        }
    };
    Line { handler, said, config }
}

fn not_in_stack(name: &str, stack: &Stack) -> Finding {
    let what = match stack.is_other {
        true => {
            format!("{name} has no auth lines of its own, and /etc/pam.d/other does not name pam_totp.so")
        }
        false => format!("no auth line of {name} names pam_totp.so, nor does a file that it includes"),
    };
    Finding::serious("not_in_stack", what)
        .why("nobody is asked for a code there")
        .mend(format!("\"totp-enroll pam-snippet {name}\" prints the lines"))
}

fn misplaced(stack: &Stack, found: &mut Vec<Finding>) {
    for handler in stack.elsewhere.iter().filter(|handler| stack::is_ours(handler)) {
        found.push(
            Finding::serious(
                "misplaced_line",
                format!("{}: pam_totp.so stands on a line that is not auth", handler.place),
            )
            .why("it asks for codes on auth lines alone, and refuses everybody on others")
            .mend("write it as `auth required pam_totp.so`, where the other auth lines are"),
        );
    }
}

fn must_fail(stack: &Stack, found: &mut Vec<Finding>) {
    for handler in &stack.handlers {
        if let stack::Kind::MustFail(why) = handler.kind {
            found.push(
                Finding::serious("line_unreadable", format!("{}: {why}", handler.place))
                    .why("libpam counts the line as a failure, whoever comes")
                    .mend("correct the line, or take it out"),
            );
        }
    }
}

/// What stands where, and should not.
fn arrangement(stack: &Stack, found: &mut Vec<Finding>) {
    let ours: Vec<usize> = stack
        .handlers
        .iter()
        .enumerate()
        .filter(|(_, handler)| stack::is_ours(handler))
        .map(|(at, _)| at)
        .collect();
    if let [first, second, ..] = ours.as_slice()
        && let (Some(first), Some(second)) = (stack.handlers.get(*first), stack.handlers.get(*second))
    {
        found.push(
            Finding::warning(
                "asked_twice",
                format!("pam_totp stands on {} and again on {}", first.place, second.place),
            )
            .why("each asks for a code of its own, and a code is good once: people wait for the next one")
            .mend("take one of the lines out; \"pam-auth-update --enable totp\" needs none beside it"),
        );
    }
    for handler in &stack.handlers {
        if handler.kind == stack::Kind::Module
            && Nature::of(handler) == Nature::OtherCodes
            && !ours.is_empty()
        {
            let module = stack::module_name(&handler.module);
            found.push(
                Finding::warning("old_module", format!("{}: {module} is in the stack beside pam_totp", handler.place))
                    .why("people are asked for two codes, or may choose between two secrets, one of them lying unencrypted")
                    .mend("take the line out when everybody's secrets are taken over (\"totp-enroll import\")"),
            );
        }
    }
    for at in ours {
        let Some(handler) = stack.handlers.get(at) else { continue };
        let Ok(said) = stack::read_arguments(&handler.arguments) else { continue };
        passes(stack, at, handler, &said, found);
    }
}

fn passes(stack: &Stack, at: usize, handler: &Handler, said: &Said, found: &mut Vec<Finding>) {
    let asks_before = stack.handlers.iter().take(at).any(|line| Nature::of(line) == Nature::Proof);
    if said.use_first_pass && !asks_before {
        found.push(
            Finding::serious(
                "nothing_to_use",
                format!("{}: use_first_pass, and no line above it asks for anything", handler.place),
            )
            .why("nobody is asked for a code, and none is there: everybody is refused")
            .mend("take use_first_pass out, or write try_first_pass"),
        );
    }
    let takes = |line: &Handler| {
        line.arguments.iter().any(|word| word == "use_first_pass" || word == "try_first_pass")
    };
    let below = stack.handlers.iter().skip(at.saturating_add(1));
    if said.forward_pass && !below.into_iter().any(takes) {
        found.push(
            Finding::warning(
                "nobody_takes_the_password",
                format!("{}: forward_pass, and no line below it has try_first_pass", handler.place),
            )
            .why("the password in front of the code is asked for and looked at by nobody")
            .mend("write `auth required pam_unix.so try_first_pass` below it, or take forward_pass out"),
        );
    }
}

fn nobody_gets_in() -> Finding {
    Finding::serious("nobody_gets_in", "no way through the stack lets in who gives the right code")
        .why("another line refuses, or nobody comes to pam_totp: keep a root shell open until it is mended")
        .mend("look for a pam_deny.so that nothing jumps over any more, a module that is missing, and pam_unix.so that was taken out")
}

fn not_introduced(handler: &Handler) -> Finding {
    let what =
        format!("{}: after_first_factor, and people come to that line who have passed none", handler.place);
    Finding::serious("after_no_first_factor", what)
        .why("strangers are told why a code was refused, and with enroll_at_login could enrol as somebody else")
        .mend("take after_first_factor out, or make the line above it `requisite`: `required` goes on after a wrong password")
}

fn too_few_factors(nothing: bool, exempts: bool) -> Finding {
    let mend = "put the password above it: `@include common-auth` (Debian), or `auth requisite pam_unix.so`";
    if nothing {
        return Finding::serious("nothing_asked", "some people get in without a password and without a code")
            .why("where pam_totp takes no part (nullok, require.enroll_by), the rest of the stack says yes to everybody")
            .mend(mend);
    }
    if exempts {
        return Finding::serious(
            "exempt_from_everything",
            "whom a rule exempts from the code is asked for nothing at all",
        )
        .why("a code alone lets in here, and the config waives it for some ([require], [fresh])")
        .mend(mend);
    }
    Finding::warning("one_factor", "a code alone lets in")
        .why("that is one factor: whoever finds the phone gets in")
        .mend(mend)
}

fn same_store(line: &Line<'_>, own: &Own<'_>, found: &mut Vec<Finding>) {
    let Some(config) = &line.config else { return };
    let (theirs, ours) = (&config.paths, &own.config.paths);
    if theirs.state == ours.state && theirs.keyring == ours.keyring {
        return;
    }
    let file = stack::config_file(&line.handler.arguments).unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let desk = own.named.unwrap_or(Path::new(DEFAULT_FILE));
    let what = format!(
        "{}: its config {} keeps people in {}, and this command, by {}, in {}",
        line.handler.place,
        file.display(),
        theirs.state.display(),
        desk.display(),
        ours.state.display()
    );
    found.push(
        Finding::serious("other_store", what)
            .why("who is enrolled with this command is not enrolled there")
            .mend(format!("run the command with --config {}, or let both name one place", file.display())),
    );
}

fn twins(services: &[Service], all: &[String], findings: &mut Vec<Finding>) {
    let asks = |name: &str| {
        services.iter().any(|service| service.name == name && service.asks)
            || stack::load::load(&Installed, name).is_ok_and(|stack| stack::ours(&stack).next().is_some())
    };
    let examined = |name: &str| services.iter().any(|service| service.name == name);
    for (one, other, why) in TWINS {
        let (left_out, asking) = match (asks(one), asks(other)) {
            (true, false) => (other, one),
            (false, true) => (one, other),
            (true, true) | (false, false) => continue,
        };
        if !(examined(one) || examined(other)) || !all.iter().any(|name| name == left_out) {
            continue;
        }
        let why = if left_out == other { why } else { "the plain command asks this one" };
        findings.push(
            Finding::serious("twin_left_out", format!("{asking} asks for a code, and {left_out} does not"))
                .why(format!("{why}, so the code is left out by a letter"))
                .mend(format!("put the same lines into /etc/pam.d/{left_out}"))
                .at(left_out),
        );
    }
}
