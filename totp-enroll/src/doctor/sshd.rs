//! Checks sshd: which logins need PAM, a key or a password. sshd itself is asked (`sshd -T -C`), so drop-ins and Match blocks count.

use super::command_keys;
use super::enrolments::{self, EnrolledUsers};
use super::finding::{Finding, Severity};
use super::guessing;
use super::matches::{Configuration, Connection};
use super::services::Service;
use super::sshd_program;
use super::stack;
use crate::output;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// sshd writes it whenever it reads its configuration.
const PID: &str = "/run/sshd.pid";
/// At most this many users are checked one by one.
const MOST_USERS: usize = 500;

/// The options that hold for one login, with their values.
type EffectiveOptions = BTreeMap<String, Vec<String>>;

pub(super) fn examine(services: &[Service], enrolled: &EnrolledUsers, findings: &mut Vec<Finding>) {
    let Some(service) = services.iter().find(|service| service.name == "sshd" && service.asks) else {
        if !services.iter().any(|service| service.name == "sshd") {
            findings.extend(module_line_lost());
        }
        return;
    };
    let mut found = Vec::new();
    match program() {
        Some(sshd) => check(&sshd, service, enrolled, &mut found),
        None => found.push(
            Finding::warning("sshd_missing", "/etc/pam.d/sshd asks for a code, but sshd is not installed")
                .why("doctor cannot check which logins sshd would accept")
                .fix("install openssh-server, or remove pam_totp.so from /etc/pam.d/sshd"),
        ),
    }
    findings.extend(found.into_iter().map(|finding| finding.at("sshd")));
}

/// sshd requires a PAM login after a key, but its PAM service does not ask for a code.
fn module_line_lost() -> Option<Finding> {
    let general = effective(&program()?, &Connection::general())
        .ok()
        .filter(|_| stack::has_no_pam_totp_line("sshd"))?;
    let lists = general.get("authenticationmethods")?.join(" ");
    lists.contains("publickey,keyboard-interactive").then(|| {
        let what = format!("sshd requires {lists}, but no auth line of /etc/pam.d/sshd names pam_totp.so");
        Finding::warning("not_in_stack", what)
            .why("logins by key are asked for something other than a code; an update may have restored the original file")
            .fix("\"totp-enroll pam-snippet sshd\" prints the lines to add")
            .at("sshd")
    })
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].into_iter().map(PathBuf::from).find(|path| path.is_file())
}

fn check(sshd: &Path, service: &Service, enrolled: &EnrolledUsers, found: &mut Vec<Finding>) {
    let general = match effective(sshd, &Connection::general()) {
        Ok(general) => general,
        // Only where `sshd_program` could not give it such a directory.
        Err(problem) if problem.contains("Missing privilege separation directory") => {
            found.push(
                Finding::warning("sshd_not_asked", format!("sshd -T: {problem}"))
                    .why("sshd has not run since the machine started, so doctor cannot check which logins it would accept")
                    .fix("start sshd (or run \"mkdir -m 755 /run/sshd\"), then run doctor again"),
            );
            return;
        }
        Err(problem) => {
            found.push(
                Finding::serious("sshd_refuses_config", format!("sshd -T: {problem}"))
                    .why("sshd does not start with this configuration; a running sshd keeps its previous one")
                    .fix("correct what it names until \"sshd -t\" prints nothing, then reload sshd"),
            );
            return;
        }
    };
    let configuration = Configuration::read();
    global_options(&general, service, found);
    let mut weaknesses: BTreeMap<Weakness, AffectedLogins> = BTreeMap::new();
    for weakness in weaknesses_in(&general, service) {
        weaknesses.entry(weakness).or_default().everybody = true;
    }
    let checked = enrolled.names.get(..MOST_USERS).unwrap_or(&enrolled.names);
    let mut names: BTreeSet<&str> = checked.iter().map(String::as_str).collect();
    names.insert("root");
    let names = names.into_iter().filter(|name| enrolments::exists(name));
    let mut connections: BTreeSet<Connection> = names.map(Connection::of).collect();
    for block in &configuration.blocks {
        match block.connections(checked) {
            Some(more) => connections.extend(more),
            None => found.push(not_checked(&format!("line {} of {}", block.line, block.file.display()))),
        }
    }
    for connection in connections {
        let Ok(login) = effective(sshd, &connection) else {
            found.push(not_checked(&format!("logins of {}", connection.described())));
            continue;
        };
        // root cannot log in at all.
        if connection.user == "root" && first(&login, "permitrootlogin") == Some("no") {
            continue;
        }
        for weakness in weaknesses_in(&login, service) {
            let affected = weaknesses.entry(weakness).or_default();
            affected.is_enrolled |= enrolled.names.contains(&connection.user);
            affected.some.insert(connection.described());
        }
    }
    if enrolled.names.len() > MOST_USERS {
        found.push(
            Finding::info(
                "sshd_asked_for_some",
                format!(
                    "only the first {MOST_USERS} of {} enrolled users were checked with sshd",
                    enrolled.names.len()
                ),
            )
            .why("a Match block that lets one of the others log in without a code was not found")
            .fix("\"sshd -T -C user=NAME,host=x,addr=203.0.113.7\" prints the options for one user"),
        );
    }
    found.extend(weaknesses.into_iter().map(|(weakness, affected)| weakness.finding(&affected)));
    if let Some(config) = &service.config {
        command_keys::examine(config, enrolled, &|name| asks_pam(sshd, name), found);
    }
    stale(&configuration.files, found);
}

/// Whether some way to log in as `name` asks PAM. If sshd does not say, it may.
fn asks_pam(sshd: &Path, name: &str) -> bool {
    let uses_pam = |list: &Vec<String>| list.iter().any(|method| method == "keyboard-interactive");
    effective(sshd, &Connection::of(name)).map_or(true, |login| methods(&login).iter().any(uses_pam))
}

fn not_checked(what: &str) -> Finding {
    Finding::warning("match_not_asked", format!("{what}: could not be checked with sshd"))
        .why("it may let a login succeed without a code")
        .fix("check it yourself: \"sshd -T -C user=NAME,host=x,addr=203.0.113.7\" prints the options for one login")
}

fn effective(sshd: &Path, connection: &Connection) -> Result<EffectiveOptions, String> {
    let connection = connection.specification().ok_or("sshd -C cannot take a value with a comma")?;
    let output =
        sshd_program::options(sshd, &connection).map_err(|error| format!("cannot be run: {error}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        return Err(lines.join("; "));
    }
    let mut options: EffectiveOptions = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((option, value)) = line.split_once(' ') {
            options.entry(option.to_ascii_lowercase()).or_default().push(value.to_owned());
        }
    }
    Ok(options)
}

fn first<'a>(login: &'a EffectiveOptions, option: &str) -> Option<&'a str> {
    login.get(option).and_then(|values| values.first()).map(String::as_str)
}

fn is_on(login: &EffectiveOptions, option: &str) -> bool {
    first(login, option).is_some_and(|value| value != "no")
}

/// Checks the options that hold for all logins.
fn global_options(general: &EffectiveOptions, service: &Service, found: &mut Vec<Finding>) {
    let keyboard = "kbdinteractiveauthentication";
    let older = "challengeresponseauthentication";
    if !is_on(general, "usepam") {
        found.push(
            Finding::serious("sshd_without_pam", "UsePAM is no")
                .why("sshd does not use PAM: no login asks for a code, whatever /etc/pam.d/sshd contains")
                .fix("set \"UsePAM yes\" in /etc/ssh/sshd_config.d/50-totp.conf, and reload sshd"),
        );
    } else if !is_on(general, keyboard) && !is_on(general, older) {
        found.push(
            Finding::serious("sshd_cannot_ask", "KbdInteractiveAuthentication is no")
                .why("sshd can ask for a code only with this method: logins succeed without a code, or not at all")
                .fix("set \"KbdInteractiveAuthentication yes\" in /etc/ssh/sshd_config.d/50-totp.conf (the first value counts), and reload sshd"),
        );
    } else if is_on(general, "passwordauthentication") && !service.forward_pass {
        let offered = methods(general).iter().any(|list| list.iter().any(|method| method == "password"));
        if offered {
            found.push(
                Finding::warning("sshd_password_method", "PasswordAuthentication is yes")
                    .why("sshd cannot ask for a code with this method: clients that prefer it are refused, and their users believe that the password was wrong")
                    .fix("set \"PasswordAuthentication no\"; PAM asks for passwords with the method keyboard-interactive"),
            );
        }
    }
    let begins_with_pam = |list: &Vec<String>| {
        list.first().is_some_and(|method| method == "keyboard-interactive" || method == "password")
    };
    if service.judges_before_first_factor
        && is_on(general, "usepam")
        && methods(general).iter().any(begins_with_pam)
    {
        found.push(guessing::guessed_by_anyone());
    }
    // Since OpenSSH 9.8; older releases always use the service sshd.
    if let Some(other) = first(general, "pamservicename").filter(|name| *name != "sshd") {
        found.push(
            Finding::warning("sshd_other_service", format!("PAMServiceName is {other}"))
                .why(format!("sshd uses /etc/pam.d/{other} instead of /etc/pam.d/sshd"))
                .fix(format!("run \"totp-enroll doctor --service {other}\", or remove PAMServiceName")),
        );
    }
    let config = service.config.as_ref();
    let enrols = config.is_some_and(|config| config.policy.enroll_at_login);
    let grace: Option<u64> = first(general, "logingracetime").and_then(|seconds| seconds.parse().ok());
    if let Some(seconds) = grace.filter(|seconds| enrols && (1..300).contains(seconds)) {
        found.push(
            Finding::warning(
                "sshd_grace_too_short",
                format!("LoginGraceTime is {}, but users can enrol while they log in ([require] enroll_at_login)", output::count(seconds, "second")),
            )
            .why("setting up an app and writing down recovery codes takes longer, and sshd then closes the connection")
            .fix("set \"LoginGraceTime 600\""),
        );
    }
}

/// The lists of methods; a login has to complete one of them.
fn methods(login: &EffectiveOptions) -> Vec<Vec<String>> {
    let listed: Vec<&str> = match login.get("authenticationmethods") {
        Some(values) => values.iter().flat_map(|value| value.split_ascii_whitespace()).collect(),
        None => Vec::new(),
    };
    if listed.iter().any(|list| *list != "any") {
        let bare = |method: &str| method.split(':').next().unwrap_or_default().to_owned();
        return listed.iter().map(|list| list.split(',').map(bare).collect()).collect();
    }
    // `any`: each enabled method alone is enough.
    let single = [
        ("pubkeyauthentication", "publickey"),
        ("hostbasedauthentication", "hostbased"),
        ("gssapiauthentication", "gssapi-with-mic"),
        ("passwordauthentication", "password"),
        ("kbdinteractiveauthentication", "keyboard-interactive"),
    ];
    single
        .iter()
        .filter(|(option, _)| is_on(login, option))
        .map(|(_, method)| vec![(*method).to_owned()])
        .collect()
}

/// A way to log in with too few factors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Weakness {
    /// These methods are enough, and none of them uses PAM.
    NoCode(String),
    /// A code is the only factor.
    OneFactor,
    /// Some users need no factor at all.
    NoFactor,
    /// An empty password is accepted.
    EmptyPassword,
}

fn weaknesses_in(login: &EffectiveOptions, service: &Service) -> BTreeSet<Weakness> {
    let mut weaknesses = BTreeSet::new();
    if !is_on(login, "usepam") {
        // `global_options` reports it.
        return weaknesses;
    }
    for list in methods(login) {
        let uses_pam = list.iter().any(|method| method == "keyboard-interactive" || method == "password");
        // A method that sshd checks itself.
        let has_first_factor =
            list.iter().any(|method| method != "keyboard-interactive" && method != "password");
        if !uses_pam {
            weaknesses.insert(Weakness::NoCode(list.join(",")));
        } else if !has_first_factor && service.no_factor {
            weaknesses.insert(Weakness::NoFactor);
        } else if !has_first_factor && service.one_factor {
            weaknesses.insert(Weakness::OneFactor);
        }
    }
    if is_on(login, "permitemptypasswords") && is_on(login, "passwordauthentication") {
        weaknesses.insert(Weakness::EmptyPassword);
    }
    weaknesses
}

/// The logins that have a weakness.
#[derive(Default)]
struct AffectedLogins {
    everybody: bool,
    is_enrolled: bool,
    some: BTreeSet<String>,
}

impl Weakness {
    fn finding(&self, affected: &AffectedLogins) -> Finding {
        let logins = match affected.everybody {
            true => "everybody".to_owned(),
            false => affected.some.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        // A Match block for users who are not enrolled is probably intended.
        let severity =
            if affected.everybody || affected.is_enrolled { Severity::Serious } else { Severity::Warning };
        match self {
            Self::NoCode(methods) => {
                Finding::new(severity, "sshd_skips_pam", format!("{methods} alone is enough to log in, without a code: {logins}"))
                    .why("sshd does not run the auth lines of /etc/pam.d/sshd for these logins")
                    .fix("set \"AuthenticationMethods publickey,keyboard-interactive:pam\" (README, \"ssh: key + code\"); keep exceptions in a Match block only for programs that cannot enter a code")
            }
            Self::OneFactor => {
                Finding::new(severity, "sshd_one_factor", format!("a code alone is enough to log in: {logins}"))
                    .why("neither sshd nor another line of /etc/pam.d/sshd asks for a key or a password")
                    .fix("set \"AuthenticationMethods publickey,keyboard-interactive:pam\", or add `@include common-auth` above pam_totp.so in /etc/pam.d/sshd")
            }
            Self::NoFactor => {
                Finding::new(severity, "sshd_asks_nothing", format!("some logins need no key, no password and no code: {logins}"))
                    .why("where pam_totp.so returns PAM_IGNORE (nullok, a rule that exempts), another line of /etc/pam.d/sshd accepts everybody")
                    .fix("set \"AuthenticationMethods publickey,keyboard-interactive:pam\", or add `@include common-auth` above pam_totp.so in /etc/pam.d/sshd")
            }
            Self::EmptyPassword => Finding::new(severity, "sshd_empty_passwords", format!("PermitEmptyPasswords is yes: {logins}"))
                .why("accounts with an empty password log in with a code alone")
                .fix("set \"PermitEmptyPasswords no\""),
        }
    }
}

/// Checks whether a running sshd has read its configuration since it was changed.
fn stale(files: &[PathBuf], found: &mut Vec<Finding>) {
    let Ok(started) = fs::metadata(PID) else { return };
    let is_alive = fs::read_to_string(PID).is_ok_and(|pid| {
        fs::read_to_string(format!("/proc/{}/comm", pid.trim())).is_ok_and(|name| name.trim_end() == "sshd")
    });
    let newer = |path: &PathBuf| fs::metadata(path).is_ok_and(|data| data.mtime() > started.mtime());
    if let Some(file) = files.iter().find(|path| is_alive && newer(path)) {
        found.push(
            Finding::warning(
                "sshd_not_reloaded",
                format!("{} was changed after sshd read it", file.display()),
            )
            .why("the running sshd still uses the previous configuration")
            .fix("run \"systemctl reload ssh\" (on other systems \"systemctl reload sshd\")"),
        );
    }
}
