//! Each PAM service that asks for a code: its stack, the lines of ours in it, and the config that they name.

use super::finding::Finding;
use super::lines::{
    arrangement, ignored_is_refused, misplaced, must_fail, nobody_gets_in, not_in_stack, not_introduced,
    too_few_factors,
};
use super::stack::gaps::{self, Circumstances};
use super::stack::{self, Handler, Installed, Said, ServiceFiles, Stack};
use crate::output;
use std::path::{Path, PathBuf};
use totp_core::config::{Config, DEFAULT_FILE};
use totp_core::time::Seconds;
use totp_host::settings::read_config;

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

/// The command's own config, and where it came from.
pub(crate) struct Own<'a> {
    pub(crate) config: &'a Config,
    pub(crate) named: Option<&'a Path>,
}

/// Pairs of services of one program: what is asked at one has to be asked at the other.
const TWINS: [(&str, &str, &str); 2] =
    [("sudo", "sudo-i", "\"sudo -i\" asks this one"), ("su", "su-l", "\"su -\" asks this one")];

/// Services of programs, anyone who else includes their files.
const PROGRAMS: [&str; 6] = ["sshd", "sudo", "sudo-i", "su", "su-l", "login"];

/// Services that begin a session.
const LOGINS: [&str; 5] = ["sshd", "login", "gdm-password", "lightdm", "sddm"];

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
    let readings = Installed::candidates();
    let mut all = stack::services();
    let fragments: Vec<String> = readings.iter().flat_map(|installed| fragments(installed, &all)).collect();
    all.retain(|name| !INCLUDED.contains(&name.as_str()) && !fragments.contains(name));
    let named = !asked.is_empty();
    let mut services = Vec::new();
    for name in if named { asked } else { &all } {
        // Where it is not known which libpam reads the files: what is found by either.
        for installed in &readings {
            if named || concerns_us(installed, name) {
                let service = examined(installed, name, own, findings);
                service.into_iter().for_each(|service| add(&mut services, service));
            }
        }
    }
    if !named && services.is_empty() {
        findings.push(
            Finding::warning("not_switched_on", "no file in /etc/pam.d names pam_totp.so")
                .why("nobody is asked for a code")
                .fix("\"pam-auth-update --enable totp\", or the lines that \"totp-enroll pam-snippet sshd\" prints"),
        );
    }
    for installed in &readings {
        twins(installed, &services, &all, findings);
    }
    services
}

/// Of one service that was gone through more than once, the worse counts.
fn add(services: &mut Vec<Service>, other: Service) {
    match services.iter_mut().find(|service| service.name == other.name) {
        Some(service) => {
            service.asks |= other.asks;
            service.one_factor |= other.one_factor;
            service.nothing |= other.nothing;
            service.forward_pass |= other.forward_pass;
            service.config = service.config.take().or(other.config);
            service.modules.extend(other.modules);
        }
        None => services.push(other),
    }
}

/// Files that others include, and that are judged as a part of those. A program's own service is none, although its twin
/// includes it: `su-l` is that of `su`.
fn fragments(installed: &Installed, all: &[String]) -> Vec<String> {
    let mut fragments = Vec::new();
    for name in all {
        let Some((_, text)) = installed.open(name) else { continue };
        let is_of_another =
            |file: &String| !name.starts_with(file.as_str()) && !PROGRAMS.contains(&file.as_str());
        fragments.extend(stack::included(&text, installed.libpam()).into_iter().filter(is_of_another));
    }
    fragments
}

fn concerns_us(installed: &Installed, name: &str) -> bool {
    match stack::load(installed, name) {
        Ok(stack) => {
            let names_ours = stack.handlers.iter().chain(&stack.elsewhere).any(stack::is_ours);
            names_ours && !stack.is_other || misplaced_alone(&stack)
        }
        // Whether it would ask cannot be told; that nobody gets in there can.
        Err(_) => mentions_pam_totp(installed, name),
    }
}

fn misplaced_alone(stack: &Stack) -> bool {
    stack.elsewhere.iter().any(stack::is_ours)
}

fn mentions_pam_totp(installed: &Installed, name: &str) -> bool {
    let ours = b"pam_totp.so";
    installed.open(name).is_some_and(|(_, text)| text.windows(ours.len()).any(|window| window == ours))
}

fn examined(
    installed: &Installed,
    name: &str,
    own: &Own<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Service> {
    let stack = match stack::load(installed, name) {
        Ok(stack) => stack,
        Err(unloadable) => {
            let line = unloadable.line.map_or_else(String::new, |line| format!(" line {line}"));
            let what = format!("{}{line}: {}", unloadable.file.display(), unloadable.problem);
            let finding = Finding::serious("stack_unreadable", what)
                .why("libpam refuses the whole service: nobody gets in")
                .fix("fix that line");
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
    } else if lines.iter().any(Line::lets_past)
        && gaps::refuses_users_whom_pam_totp_ignores(&stack, &circumstances)
    {
        found.push(ignored_is_refused());
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
    /// Whether anyone who is not enrolled is let past.
    fn lets_past(&self) -> bool {
        let nullok = self.said.as_ref().is_some_and(|said| said.nullok);
        nullok || self.config.as_ref().is_some_and(|config| config.policy.enroll_by.is_some())
    }

    fn may_ignore(&self, service: &str) -> bool {
        let introduced = self.said.as_ref().is_some_and(|said| said.after_first_factor);
        let passes_over = service == "sshd" && !introduced && self.config.as_ref().is_some_and(exempts);
        self.lets_past() || passes_over
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
                .fix("install libpam-totp again, or take the line out"),
        );
    }
    let said = match stack::read_arguments(&handler.arguments) {
        Ok(said) => Some(said),
        Err(problem) => {
            found.push(
                Finding::serious("bad_argument", format!("{}: {problem}", handler.place))
                    .why("pam_totp refuses everybody, lest a typo weakens the module")
                    .fix("correct the word; pam_totp(8) lists those that are known"),
            );
            None
        }
    };
    let file = stack::config_file(&handler.arguments);
    let config = match read_config(file.as_deref(), Some(service)) {
        Ok(config) => Some(match &said {
            Some(said) => {
                found.extend(uninvited(said, &config, handler, service));
                Config { policy: config.policy.with_line(said.nullok, said.fresh), ..config }
            }
            None => config,
        }),
        Err(error) => {
            let line = error.line().map_or_else(String::new, |line| format!(" line {line}"));
            let what = format!("{}: its config {}{line}: {error}", handler.place, error.about());
            found.push(
                Finding::serious("config_unreadable", what)
                    .why("pam_totp refuses everybody")
                    .fix("fix the file, or correct conf= in that line"),
            );
            None
        }
    };
    Line { handler, said, config }
}

/// A login leaves timestamps where its config asks for freshness, and knows of no line but its own.
fn uninvited(said: &Said, config: &Config, handler: &Handler, service: &str) -> Option<Finding> {
    let fresh = said.fresh.filter(|fresh| *fresh > Seconds(0))?;
    if config.asks_for_freshness || LOGINS.contains(&service) {
        return None;
    }
    let what = format!("{}: fresh=, and no service of its config has a [fresh] time", handler.place);
    Some(
        Finding::info("fresh_on_the_line_alone", what)
            .why("the codes of logins may count only from the first such command after each boot: who logged in before it is asked once more")
            .fix(format!("in the config as well, on a line below {}: for = \"{fresh}\"", output::service_section(service, "fresh"))),
    )
}

fn same_store(line: &Line<'_>, own: &Own<'_>, found: &mut Vec<Finding>) {
    let Some(config) = &line.config else { return };
    let (theirs, ours) = (&config.paths, &own.config.paths);
    if theirs.state == ours.state && theirs.keyring == ours.keyring {
        return;
    }
    let file = stack::config_file(&line.handler.arguments).unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let context = own.named.unwrap_or(Path::new(DEFAULT_FILE));
    let what = format!(
        "{}: its config {} keeps people in {}, and this command, by {}, in {}",
        line.handler.place,
        file.display(),
        theirs.state.display(),
        context.display(),
        ours.state.display()
    );
    found.push(
        Finding::serious("other_store", what)
            .why("who is enrolled with this command is not enrolled there")
            .fix(format!("run the command with --config {}, or let both name one place", file.display())),
    );
}

fn twins(installed: &Installed, services: &[Service], all: &[String], findings: &mut Vec<Finding>) {
    let asks = |name: &str| {
        services.iter().any(|service| service.name == name && service.asks)
            || stack::load(installed, name).is_ok_and(|stack| stack::ours(&stack).next().is_some())
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
                .fix(format!("put the same lines into /etc/pam.d/{left_out}"))
                .at(left_out),
        );
    }
}
