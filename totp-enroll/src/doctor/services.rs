//! Checks each PAM service that asks for a code: its stack, its lines with pam_totp.so, and the config that they name.

use super::finding::Finding;
use super::missing_module;
use super::stack::answers::Answers;
use super::stack::bypasses::{self, ServiceContext};
use super::stack::misspelt::has_misspelt_line;
use super::stack::{self, Handler, InstalledFiles, ModuleArguments, ServiceFiles};
use super::stack_lines::{
    after_no_first_factor, arrangement, code_wasted, ignored_is_refused, misplaced, must_fail,
    nobody_gets_in, not_in_stack, source_not_confirmed, tells_accounts_apart, too_few_factors,
};
use crate::output::{self, service_section};
use std::path::{Path, PathBuf};
use totp_core::config::{Config, DEFAULT_FILE};
use totp_core::time::Seconds;
use totp_host::config_and_keyring::read_config;

/// A service that was checked.
pub(crate) struct Service {
    pub(crate) name: String,
    /// One of its auth lines is pam_totp's.
    pub(crate) asks: bool,
    /// A code alone is enough to log in.
    pub(crate) one_factor: bool,
    /// Some users log in without any factor.
    pub(crate) no_factor: bool,
    /// The config that its first line with pam_totp.so names, with what the line changes.
    pub(crate) config: Option<Config>,
    /// The same without the line.
    pub(crate) own_config: Option<Config>,
    /// The arguments of its lines with pam_totp.so.
    pub(crate) arguments: Vec<ModuleArguments>,
    /// The files of pam_totp.so that its lines name.
    pub(crate) modules: Vec<PathBuf>,
    /// What is accepted at its prompts.
    pub(crate) answers: Answers,
    /// A login that passed no first factor can have a code judged.
    pub(crate) judges_before_first_factor: bool,
}

/// The config that this command uses, and the file that `--config` named.
pub(crate) struct OwnConfig<'a> {
    pub(crate) config: &'a Config,
    pub(crate) named: Option<&'a Path>,
}

/// The two services of one program, and what uses the second: both have to ask for a code.
const PAIRS: [(&str, &str, &str); 2] =
    [("sudo", "sudo-i", "\"sudo -i\" uses this service"), ("su", "su-l", "\"su -\" uses this service")];

/// Files that are services of programs even if others include them.
const PROGRAMS: [&str; 6] = ["sshd", "sudo", "sudo-i", "su", "su-l", "login"];

/// Services that begin a session.
const LOGINS: [&str; 5] = ["sshd", "login", "gdm-password", "lightdm", "sddm"];

/// Files that services include, and that are not services themselves.
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

/// Checks the services in `requested`, or all that name pam_totp.so.
pub(crate) fn examine(
    requested: &[String],
    own: &OwnConfig<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<Service> {
    let candidates = InstalledFiles::candidates();
    let mut all = stack::services();
    let included_files: Vec<String> =
        candidates.iter().flat_map(|installed| included_files(installed, &all)).collect();
    all.retain(|name| !INCLUDED.contains(&name.as_str()) && !included_files.contains(name));
    let named = !requested.is_empty();
    let mut services = Vec::new();
    for name in if named { requested } else { &all } {
        // If the installed libpam is not recognised, the findings for each candidate count.
        for installed in &candidates {
            if named || uses_pam_totp(installed, name) {
                let service = examined(installed, name, own, findings);
                service.into_iter().for_each(|service| add(&mut services, service));
            }
        }
    }
    if !named && services.is_empty() {
        findings.push(
            Finding::warning("not_switched_on", "no file in /etc/pam.d names pam_totp.so")
                .why("no login asks for a code")
                .fix("run \"pam-auth-update --enable totp\", or add the lines that \"totp-enroll pam-snippet sshd\" prints"),
        );
    }
    for installed in &candidates {
        paired_services(installed, &services, &all, findings);
    }
    services
}

/// Adds a service, or joins it with what was found of it with another candidate: the worse result counts.
fn add(services: &mut Vec<Service>, other: Service) {
    match services.iter_mut().find(|service| service.name == other.name) {
        Some(service) => {
            service.asks |= other.asks;
            service.one_factor |= other.one_factor;
            service.no_factor |= other.no_factor;
            service.answers = std::mem::take(&mut service.answers).or(other.answers);
            service.judges_before_first_factor |= other.judges_before_first_factor;
            service.config = service.config.take().or(other.config);
            service.own_config = service.own_config.take().or(other.own_config);
            service.arguments.extend(other.arguments);
            service.modules.extend(other.modules);
        }
        None => services.push(other),
    }
}

/// Files that other services include; they are checked as a part of those. `su` is not one although `su-l` includes it.
fn included_files(installed: &InstalledFiles, all: &[String]) -> Vec<String> {
    let mut included_files = Vec::new();
    for name in all {
        let Some((_, text)) = installed.open(name) else { continue };
        let is_of_another =
            |file: &String| !name.starts_with(file.as_str()) && !PROGRAMS.contains(&file.as_str());
        included_files.extend(stack::included(&text, installed.libpam()).into_iter().filter(is_of_another));
    }
    included_files
}

fn uses_pam_totp(installed: &InstalledFiles, name: &str) -> bool {
    match stack::load(installed, name) {
        Ok(stack) => {
            let in_auth = stack.handlers.iter().any(stack::is_pam_totp);
            let is_misspelt = has_misspelt_line(&stack, &|module| stack::module_file(module).is_some());
            (in_auth || is_misspelt) && !stack.is_other || stack.non_auth.iter().any(stack::is_pam_totp)
        }
        // libpam refuses the service: that is worth a finding if pam_totp.so is mentioned at all.
        Err(_) => mentions_pam_totp(installed, name),
    }
}

fn mentions_pam_totp(installed: &InstalledFiles, name: &str) -> bool {
    let module = b"pam_totp.so";
    installed.open(name).is_some_and(|(_, text)| text.windows(module.len()).any(|window| window == module))
}

fn examined(
    installed: &InstalledFiles,
    name: &str,
    own: &OwnConfig<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Service> {
    let stack = match stack::load(installed, name) {
        Ok(stack) => stack,
        Err(error) => {
            let what = format!("{}: {}", output::location(error.file.display(), error.line), error.problem);
            let finding = Finding::serious("stack_unreadable", what)
                .why("libpam refuses the whole service: every login fails")
                .fix("correct that line; keep a root shell open until a login has worked");
            findings.push(finding.at(name));
            return None;
        }
    };
    let is_installed = |module: &str| stack::module_file(module).is_some();
    let mut found = Vec::new();
    misplaced(&stack, &mut found);
    must_fail(&stack, &mut found);
    let lines: Vec<ModuleLine<'_>> =
        stack::pam_totp_lines(&stack).map(|handler| line(handler, name, &mut found)).collect();
    let asks = !lines.is_empty();
    if !asks && !has_misspelt_line(&stack, &is_installed) {
        found.push(not_in_stack(name, &stack));
    }
    arrangement(&stack, &mut found);
    for line in &lines {
        same_store(line, own, &mut found);
    }
    let config = lines.iter().find_map(|line| line.config.clone());
    let own_config = lines.iter().find_map(|line| line.own_config.clone());
    let may_ignore = lines.iter().any(|line| line.may_ignore(name));
    let context = ServiceContext { service: name, may_ignore, is_installed: &is_installed };
    found.extend(missing_module::examine(&stack, &context));
    found.extend(bypasses::without_code(&stack, &context));
    let answers = Answers::of(&stack, &context);
    if asks && !answers.at_each_prompt {
        found.push(nobody_gets_in());
    } else if lines.iter().any(ModuleLine::ignores_not_enrolled)
        && bypasses::refuses_users_whom_pam_totp_ignores(&stack, &context)
    {
        found.push(ignored_is_refused());
    }
    found.extend(bypasses::lines_that_waste_a_code(&stack, &context).into_iter().map(code_wasted));
    let arguments = |handler: &Handler| ModuleArguments::parse(&handler.arguments).ok();
    // At sshd the module asks everybody before a first factor.
    if name != "sshd" && lines.iter().any(ModuleLine::tells_accounts_apart) {
        found.extend(bypasses::asks_before_a_first_factor(&stack).into_iter().map(tells_accounts_apart));
    }
    let claims = bypasses::claims_without_first_factor(&stack, &arguments, &context);
    found.extend(claims.into_iter().map(after_no_first_factor));
    let one_factor = asks && bypasses::without_first_factor(&stack, &context);
    let no_factor = asks && bypasses::without_any_factor(&stack, &context);
    let exempts = config.as_ref().is_some_and(exempts);
    // sshd may check a key before PAM: doctor/sshd.rs takes that into account.
    if name != "sshd" && one_factor {
        found.push(too_few_factors(no_factor, exempts));
    }
    let forward_pass =
        lines.iter().any(|line| line.arguments.as_ref().is_some_and(|arguments| arguments.forward_pass));
    if name == "sshd" && forward_pass {
        found.extend(source_not_confirmed(&stack));
    }
    findings.extend(found.into_iter().map(|finding| finding.at(name)));
    let modules = lines.iter().filter_map(|line| stack::module_file(&line.handler.module)).collect();
    // A code alone at sshd comes after a key: doctor/sshd.rs finds a login without one.
    let judges_before_first_factor = forward_pass
        || one_factor && name != "sshd"
        || !bypasses::asks_before_a_first_factor(&stack).is_empty();
    Some(Service {
        name: name.to_owned(),
        asks,
        one_factor,
        no_factor,
        config,
        own_config,
        arguments: lines.into_iter().filter_map(|line| line.arguments).collect(),
        modules,
        answers,
        judges_before_first_factor,
    })
}

/// An auth line with pam_totp.so; no arguments or config if they cannot be read.
struct ModuleLine<'a> {
    handler: &'a Handler,
    arguments: Option<ModuleArguments>,
    config: Option<Config>,
    /// Without what the arguments change.
    own_config: Option<Config>,
}

impl ModuleLine<'_> {
    /// Whether it may return `PAM_IGNORE` for users who are not enrolled.
    fn ignores_not_enrolled(&self) -> bool {
        let nullok = self.arguments.as_ref().is_some_and(|arguments| arguments.nullok);
        nullok || self.config.as_ref().is_some_and(|config| config.policy.enroll_by.is_some())
    }

    /// Whether the first question shows which accounts need a code.
    fn tells_accounts_apart(&self) -> bool {
        let has_groups = |config: &Config| config.policy.named_groups().next().is_some();
        self.ignores_not_enrolled() || self.config.as_ref().is_some_and(has_groups)
    }

    fn may_ignore(&self, service: &str) -> bool {
        let after_first = self.arguments.as_ref().is_some_and(|arguments| arguments.after_first_factor);
        let exempted = service == "sshd" && !after_first && self.config.as_ref().is_some_and(exempts);
        self.ignores_not_enrolled() || exempted
    }
}

/// Whether the config exempts some logins from the code.
fn exempts(config: &Config) -> bool {
    let policy = &config.policy;
    policy.named_groups().next().is_some() || !policy.exempt_networks.is_empty() || policy.fresh > Seconds(0)
}

fn line<'a>(handler: &'a Handler, service: &str, found: &mut Vec<Finding>) -> ModuleLine<'a> {
    let arguments = match ModuleArguments::parse(&handler.arguments) {
        Ok(arguments) => Some(arguments),
        Err(problem) => {
            found.push(
                Finding::serious("bad_argument", format!("{}: {problem}", handler.location))
                    .why("pam_totp.so refuses every login, so that a typo cannot weaken it")
                    .fix("correct the argument; pam_totp(8) lists them all"),
            );
            None
        }
    };
    let file = ModuleArguments::config_file(&handler.arguments);
    let own_config = match read_config(file.as_deref(), Some(service)) {
        Ok(config) => Some(config),
        Err(error) => {
            let file = output::location(error.about(), error.line());
            let what = format!("{}: its config {file}: {error}", handler.location);
            found.push(
                Finding::serious("config_unreadable", what)
                    .why("pam_totp.so refuses every login")
                    .fix("correct the file, or conf= in that line"),
            );
            None
        }
    };
    let config = own_config.clone().map(|config| match &arguments {
        Some(arguments) => {
            found.extend(fresh_without_config(arguments, &config, handler, service));
            Config { policy: config.policy.with_line(arguments.nullok, arguments.fresh), ..config }
        }
        None => config,
    });
    ModuleLine { handler, arguments, config, own_config }
}

/// A login leaves a timestamp record only if its own line or config has a fresh time; it does not see the lines of other services.
fn fresh_without_config(
    arguments: &ModuleArguments,
    config: &Config,
    handler: &Handler,
    service: &str,
) -> Option<Finding> {
    let fresh = arguments.fresh.filter(|fresh| *fresh > Seconds(0))?;
    if config.asks_for_freshness || LOGINS.contains(&service) {
        return None;
    }
    let what =
        format!("{}: fresh= is set, but no service in its config has a [fresh] time", handler.location);
    Some(
        Finding::info("fresh_on_the_line_alone", what)
            .why("until this command runs for the first time after a boot, logins may not record when a code was given: users are then asked once more")
            .fix(format!("add to the config as well, on a line below {}: for = \"{fresh}\"", service_section(service, "fresh"))),
    )
}

fn same_store(line: &ModuleLine<'_>, own: &OwnConfig<'_>, found: &mut Vec<Finding>) {
    let Some(config) = &line.config else { return };
    let (modules, commands) = (&config.paths, &own.config.paths);
    if modules.state == commands.state && modules.keyring == commands.keyring {
        return;
    }
    let file =
        ModuleArguments::config_file(&line.handler.arguments).unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let own_file = own.named.unwrap_or(Path::new(DEFAULT_FILE));
    let what = format!(
        "{}: the module and this command use different enrolments: its config {} has them in {} (keyring {}), that of this command, {}, in {} (keyring {})",
        line.handler.location,
        file.display(),
        modules.state.display(),
        modules.keyring.display(),
        own_file.display(),
        commands.state.display(),
        commands.keyring.display()
    );
    found.push(
        Finding::serious("other_store", what)
            .why("users whom this command enrols are not enrolled for this service")
            .fix(format!(
                "run totp-enroll with --config {}, or set the same [paths] in both",
                file.display()
            )),
    );
}

fn paired_services(
    installed: &InstalledFiles,
    services: &[Service],
    all: &[String],
    findings: &mut Vec<Finding>,
) {
    let asks = |name: &str| {
        services.iter().any(|service| service.name == name && service.asks)
            || stack::load(installed, name).is_ok_and(|stack| stack::pam_totp_lines(&stack).next().is_some())
    };
    let examined = |name: &str| services.iter().any(|service| service.name == name);
    for (one, other, why) in PAIRS {
        let (unprotected, asking) = match (asks(one), asks(other)) {
            (true, false) => (other, one),
            (false, true) => (one, other),
            (true, true) | (false, false) => continue,
        };
        if !(examined(one) || examined(other)) || !all.iter().any(|name| name == unprotected) {
            continue;
        }
        let why = if unprotected == other { why } else { "the command without a dash uses this service" };
        findings.push(
            Finding::serious(
                "paired_service_unprotected",
                format!("{asking} asks for a code, but {unprotected} does not"),
            )
            .why(format!("{why}: it is a way around the code"))
            .fix(format!("add the same lines to /etc/pam.d/{unprotected}"))
            .at(unprotected),
        );
    }
}
