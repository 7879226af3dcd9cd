//! Checks sshd: which logins need PAM, a key or a password. sshd itself is asked (`sshd -T -C`), so drop-ins and Match blocks count.

use super::command_keys;
use super::enrolments::{self, EnrolledUsers};
use super::finding::Finding;
use super::guessing;
use super::matches::{Configuration, Connection};
use super::method_lists::{MethodList, wants_code_as_password};
use super::missing_module::has_no_pam_totp_line;
use super::services::Service;
use super::sshd_program::{EffectiveOptions, effective, first, is_on};
use super::sshd_weakness::{AffectedLogins, Weakness, Whose, weaknesses_in};
use crate::output;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// sshd writes it whenever it reads its configuration.
const PID: &str = "/run/sshd.pid";
/// At most this many users are checked one by one.
const MOST_USERS: usize = 500;

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

/// What sshd can have checked before it asks PAM, and tells it (`SSH_AUTH_INFO_0`). With the method `password`, OpenSSH 10.0 tells and 9.2
/// does not; that is not told apart here.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstMethods {
    /// An SSH key.
    pub(super) key: bool,
    /// Anything.
    pub(super) any: bool,
}

impl FirstMethods {
    pub(super) const NONE: Self = Self { key: false, any: false };
    const ALL: Self = Self { key: true, any: true };
}

/// By the options that hold for all logins. A Match block may say otherwise, and then nothing is ruled out.
pub(super) fn first_methods() -> FirstMethods {
    let general = program().and_then(|sshd| effective(&sshd, &Connection::general()).ok());
    let Some(general) = general.filter(|_| Configuration::read().blocks.is_empty()) else {
        return FirstMethods::ALL;
    };
    let lists = MethodList::all(&general);
    let after = |list: &MethodList| list.has_first_factor() && list.asks_pam();
    FirstMethods {
        key: lists.iter().any(|list| after(list) && list.has("publickey")),
        any: lists.iter().any(after),
    }
}

/// sshd requires a PAM login after a key, but its PAM service does not ask for a code.
fn module_line_lost() -> Option<Finding> {
    let general =
        effective(&program()?, &Connection::general()).ok().filter(|_| has_no_pam_totp_line("sshd"))?;
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
    for weakness in weaknesses_in(&general, service, Whose::Everybodys) {
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
        let whose = if connection.user == "root" { Whose::Roots } else { Whose::Everybodys };
        for weakness in weaknesses_in(&login, service, whose) {
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
    let uses_pam = |list: &MethodList| list.has("keyboard-interactive");
    effective(sshd, &Connection::of(name)).map_or(true, |login| MethodList::all(&login).iter().any(uses_pam))
}

fn not_checked(what: &str) -> Finding {
    Finding::warning("match_not_asked", format!("{what}: could not be checked with sshd"))
        .why("it may let a login succeed without a code")
        .fix("check it yourself: \"sshd -T -C user=NAME,host=x,addr=203.0.113.7\" prints the options for one login")
}

/// Checks the options that hold for all logins.
fn global_options(general: &EffectiveOptions, service: &Service, found: &mut Vec<Finding>) {
    let answers = &service.answers;
    let lists = MethodList::all(general);
    let is_alive = |list: &&MethodList| list.obstacle(general, answers, false).is_none();
    if !is_on(general, "usepam") {
        found.push(
            Finding::serious("sshd_without_pam", "UsePAM is no")
                .why("sshd does not use PAM: no login asks for a code, whatever /etc/pam.d/sshd contains")
                .fix("set \"UsePAM yes\" in /etc/ssh/sshd_config.d/50-totp.conf, and reload sshd"),
        );
    } else if !is_on(general, "kbdinteractiveauthentication")
        && !is_on(general, "challengeresponseauthentication")
        && !lists.iter().filter(is_alive).any(MethodList::asks_pam)
    {
        found.push(
            Finding::serious("sshd_cannot_ask", "KbdInteractiveAuthentication is no")
                .why("sshd cannot ask for a code without this method: logins succeed without a code, or not at all")
                .fix("set \"KbdInteractiveAuthentication yes\" in /etc/ssh/sshd_config.d/50-totp.conf (the first value counts), and reload sshd"),
        );
    } else if lists.iter().filter(is_alive).any(|list| list.has("password"))
        && wants_code_as_password(answers)
    {
        found.push(
            Finding::warning("sshd_password_method", "sshd offers the method password, and pam_totp.so takes its answer for the code")
                .why("sshd asks for a password there: people who type theirs are refused, and do not learn that a code is wanted")
                .fix("set \"PasswordAuthentication no\" and \"KbdInteractiveAuthentication yes\", and write keyboard-interactive:pam in place of password in AuthenticationMethods"),
        );
    }
    if service.judges_before_first_factor
        && is_on(general, "usepam")
        && lists.iter().any(MethodList::begins_with_pam)
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
