//! sshd: what it asks for before PAM and beside it, for whom. It is asked itself (`sshd -T -C`), drop-ins and Match blocks included.

use super::finding::{Finding, Severity};
use super::matches::{Configuration, Connection};
use super::people::{self, People};
use super::services::Service;
use super::stack;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// InMemoryFiles anew whenever it reads its configuration.
const PID: &str = "/run/sshd.pid";
/// So many people are asked about one by one.
const MOST_PEOPLE: usize = 500;

/// What sshd says of one login: option, values.
type Effective = BTreeMap<String, Vec<String>>;

pub(super) fn examine(services: &[Service], people: &People, findings: &mut Vec<Finding>) {
    let Some(service) = services.iter().find(|service| service.name == "sshd" && service.asks) else {
        if !services.iter().any(|service| service.name == "sshd") {
            findings.extend(lost());
        }
        return;
    };
    let mut found = Vec::new();
    match program() {
        Some(sshd) => ask(&sshd, service, people, &mut found),
        None => found.push(
            Finding::warning("sshd_missing", "/etc/pam.d/sshd asks for a code, and there is no sshd")
                .why("what it would do cannot be told")
                .fix("install openssh-server, or take pam_totp out of /etc/pam.d/sshd"),
        ),
    }
    findings.extend(found.into_iter().map(|finding| finding.at("sshd")));
}

/// sshd demands what PAM asks, and PAM asks for no code.
fn lost() -> Option<Finding> {
    let general =
        effective(&program()?, &Connection::general()).ok().filter(|_| stack::asks_nothing("sshd"))?;
    let lists = general.get("authenticationmethods")?.join(" ");
    lists.contains("publickey,keyboard-interactive").then(|| {
        let what = format!("sshd demands {lists}, and no auth line of /etc/pam.d/sshd names pam_totp.so");
        Finding::warning("not_in_stack", what)
            .why("anyone who has a key is asked for something else than a code: an update may have put the file back")
            .fix("\"totp-enroll pam-snippet sshd\" prints the lines")
            .at("sshd")
    })
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].into_iter().map(PathBuf::from).find(|path| path.is_file())
}

fn ask(sshd: &Path, service: &Service, people: &People, found: &mut Vec<Finding>) {
    let general = match effective(sshd, &Connection::general()) {
        Ok(general) => general,
        // It looks for its directory before it reads its configuration; systemd makes it when it starts sshd.
        Err(problem) if problem.contains("Missing privilege separation directory") => {
            found.push(
                Finding::warning("sshd_not_asked", format!("sshd -T: {problem}"))
                    .why("sshd has not run since the machine was started; what it would do cannot be told")
                    .fix("\"mkdir -m 755 /run/sshd\", or start it, and run this again"),
            );
            return;
        }
        Err(problem) => {
            found.push(
                Finding::serious("sshd_refuses_config", format!("sshd -T: {problem}"))
                    .why("it does not start with that; one that runs goes on with an older configuration")
                    .fix("fix what it names, until \"sshd -t\" is silent, then reload it"),
            );
            return;
        }
    };
    let configuration = Configuration::read();
    machine(&general, service, found);
    let mut holes: BTreeMap<Hole, Whom> = BTreeMap::new();
    for hole in holes_in(&general, service) {
        holes.entry(hole).or_default().everybody = true;
    }
    let asked_about = people.enrolled.get(..MOST_PEOPLE).unwrap_or(&people.enrolled);
    let mut names: BTreeSet<&str> = asked_about.iter().map(String::as_str).collect();
    names.insert("root");
    let names = names.into_iter().filter(|name| people::exists(name));
    let mut connections: BTreeSet<Connection> = names.map(Connection::of).collect();
    for block in &configuration.blocks {
        match block.connections(asked_about) {
            Some(more) => connections.extend(more),
            None => found.push(not_asked(&format!("line {} of {}", block.line, block.file.display()))),
        }
    }
    for connection in connections {
        let Ok(login) = effective(sshd, &connection) else {
            found.push(not_asked(&format!("what holds for {}", connection.whom())));
            continue;
        };
        // With no means at all nobody gets in.
        if connection.user == "root" && first(&login, "permitrootlogin") == Some("no") {
            continue;
        }
        for hole in holes_in(&login, service) {
            let whom = holes.entry(hole).or_default();
            whom.is_enrolled |= people.enrolled.contains(&connection.user);
            whom.some.insert(connection.whom());
        }
    }
    if people.enrolled.len() > MOST_PEOPLE {
        found.push(
            Finding::info(
                "sshd_asked_for_some",
                format!("sshd was asked about {MOST_PEOPLE} of {} people", people.enrolled.len()),
            )
            .why("a Match block that lets one of the others in without a code would not be told")
            .fix("\"sshd -T -C user=NAME,host=x,addr=203.0.113.7\" says what holds for one"),
        );
    }
    found.extend(holes.into_iter().map(|(hole, who)| hole.finding(&who)));
    stale(&configuration.files, found);
}

fn not_asked(what: &str) -> Finding {
    Finding::warning("match_not_asked", format!("{what}: sshd was not asked about it"))
        .why("whether it lets someone in without a code cannot be told")
        .fix("look at it yourself: \"sshd -T -C user=NAME,host=x,addr=203.0.113.7\" says what holds for one login")
}

fn effective(sshd: &Path, connection: &Connection) -> Result<Effective, String> {
    let connection = connection.specification().ok_or("a comma cannot be asked about")?;
    let asked = Command::new(sshd).args(["-T", "-C", &connection]).env_clear().output();
    let asked = asked.map_err(|error| format!("cannot be run: {error}"))?;
    if !asked.status.success() {
        let said = String::from_utf8_lossy(&asked.stderr);
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        return Err(lines.join("; "));
    }
    let mut options: Effective = BTreeMap::new();
    for line in String::from_utf8_lossy(&asked.stdout).lines() {
        if let Some((option, value)) = line.split_once(' ') {
            options.entry(option.to_ascii_lowercase()).or_default().push(value.to_owned());
        }
    }
    Ok(options)
}

fn first<'a>(login: &'a Effective, option: &str) -> Option<&'a str> {
    login.get(option).and_then(|values| values.first()).map(String::as_str)
}

fn is_on(login: &Effective, option: &str) -> bool {
    first(login, option).is_some_and(|value| value != "no")
}

/// What holds for the whole of sshd.
fn machine(general: &Effective, service: &Service, found: &mut Vec<Finding>) {
    let keyboard = "kbdinteractiveauthentication";
    let older = "challengeresponseauthentication";
    if !is_on(general, "usepam") {
        found.push(
            Finding::serious("sshd_without_pam", "UsePAM is no")
                .why("sshd asks PAM for nothing: no code is asked for, whatever /etc/pam.d/sshd says")
                .fix("UsePAM yes, in /etc/ssh/sshd_config.d/50-totp.conf, and reload sshd"),
        );
    } else if !is_on(general, keyboard) && !is_on(general, older) {
        found.push(
            Finding::serious("sshd_cannot_ask", "KbdInteractiveAuthentication is no")
                .why("it is the only method in which a code can be asked for: people get in without one, or not at all")
                .fix("KbdInteractiveAuthentication yes, in /etc/ssh/sshd_config.d/50-totp.conf (the first value counts), and reload sshd"),
        );
    } else if is_on(general, "passwordauthentication") && !service.forward_pass {
        let offered = methods(general).iter().any(|list| list.iter().any(|method| method == "password"));
        if offered {
            found.push(
                Finding::warning("sshd_password_method", "PasswordAuthentication is yes")
                    .why("in that method nobody can be asked for a code: clients that prefer it are refused, and people think that their password is wrong")
                    .fix("PasswordAuthentication no; passwords are asked for by PAM in the method keyboard-interactive"),
            );
        }
    }
    // Since OpenSSH 9.8; an older one does not say.
    if let Some(other) = first(general, "pamservicename").filter(|name| *name != "sshd") {
        found.push(
            Finding::warning("sshd_other_service", format!("PAMServiceName is {other}"))
                .why(format!("sshd asks /etc/pam.d/{other}, and not /etc/pam.d/sshd"))
                .fix(format!(
                    "\"totp-enroll doctor --service {other}\" looks at that one; or take PAMServiceName out"
                )),
        );
    }
    let config = service.config.as_ref();
    let enrols = config.is_some_and(|config| config.policy.enroll_at_login);
    let grace: Option<u64> = first(general, "logingracetime").and_then(|seconds| seconds.parse().ok());
    if let Some(seconds) = grace.filter(|seconds| enrols && (1..300).contains(seconds)) {
        found.push(
            Finding::warning(
                "sshd_grace_too_short",
                format!("LoginGraceTime is {seconds} seconds, and logins enrol ([require] enroll_at_login)"),
            )
            .why("setting up an app and writing recovery codes down takes longer; sshd ends the login then")
            .fix("LoginGraceTime 600"),
        );
    }
}

/// The lists of methods of which each alone lets in.
fn methods(login: &Effective) -> Vec<Vec<String>> {
    let listed: Vec<&str> = match login.get("authenticationmethods") {
        Some(values) => values.iter().flat_map(|value| value.split_ascii_whitespace()).collect(),
        None => Vec::new(),
    };
    if listed.iter().any(|list| *list != "any") {
        let bare = |method: &str| method.split(':').next().unwrap_or_default().to_owned();
        return listed.iter().map(|list| list.split(',').map(bare).collect()).collect();
    }
    // `any`: each that is switched on.
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

/// A way in that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Hole {
    /// These methods let in, and PAM is asked for nothing.
    NoCode(String),
    /// The stack asks for a code alone, and nothing comes before it.
    OneFactor,
    /// Nor need there be a code.
    Nothing,
    /// An empty password is one.
    EmptyPassword,
}

fn holes_in(login: &Effective, service: &Service) -> BTreeSet<Hole> {
    let mut holes = BTreeSet::new();
    if !is_on(login, "usepam") {
        // Told of the whole machine.
        return holes;
    }
    for list in methods(login) {
        let asks_pam = list.iter().any(|method| method == "keyboard-interactive" || method == "password");
        // Those that sshd checks by itself.
        let is_introduced =
            list.iter().any(|method| method != "keyboard-interactive" && method != "password");
        if !asks_pam {
            holes.insert(Hole::NoCode(list.join(",")));
        } else if !is_introduced && service.nothing {
            holes.insert(Hole::Nothing);
        } else if !is_introduced && service.one_factor {
            holes.insert(Hole::OneFactor);
        }
    }
    if is_on(login, "permitemptypasswords") && is_on(login, "passwordauthentication") {
        holes.insert(Hole::EmptyPassword);
    }
    holes
}

/// Who gets in by a hole.
#[derive(Default)]
struct Whom {
    everybody: bool,
    is_enrolled: bool,
    some: BTreeSet<String>,
}

impl Hole {
    fn finding(&self, who: &Whom) -> Finding {
        // Said of everybody, it is said of each.
        let whom = match who.everybody {
            true => "everybody".to_owned(),
            false => who.some.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        // A Match block for someone who is not enrolled is meant so.
        let severity = if who.everybody || who.is_enrolled { Severity::Serious } else { Severity::Warning };
        match self {
            Self::NoCode(methods) => {
                Finding::new(severity, "sshd_skips_pam", format!("{methods} alone lets in, without a code: {whom}"))
                    .why("sshd asks PAM for nothing then: /etc/pam.d/sshd counts for nobody who has a key")
                    .fix("AuthenticationMethods publickey,keyboard-interactive:pam (README, \"ssh: key + code\"); keep a Match block only for programs that cannot answer")
            }
            Self::OneFactor => {
                Finding::new(severity, "sshd_one_factor", format!("a code alone lets in: {whom}"))
                    .why("neither sshd nor another line of /etc/pam.d/sshd asks for a key or a password first")
                    .fix("AuthenticationMethods publickey,keyboard-interactive:pam, or `@include common-auth` above pam_totp in /etc/pam.d/sshd")
            }
            Self::Nothing => {
                Finding::new(severity, "sshd_asks_nothing", format!("some get in who have shown nothing at all: {whom}"))
                    .why("where pam_totp takes no part (nullok, a rule that exempts), another line of /etc/pam.d/sshd says yes to everybody")
                    .fix("AuthenticationMethods publickey,keyboard-interactive:pam, or `@include common-auth` above pam_totp in /etc/pam.d/sshd")
            }
            Self::EmptyPassword => Finding::new(severity, "sshd_empty_passwords", format!("PermitEmptyPasswords is yes: {whom}"))
                .why("the first factor may be nothing")
                .fix("PermitEmptyPasswords no"),
        }
    }
}

/// Whether one runs that has not read its configuration since it was changed.
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
            .why("it goes on by the old configuration")
            .fix("\"systemctl reload ssh\" (sshd on other systems)"),
        );
    }
}
