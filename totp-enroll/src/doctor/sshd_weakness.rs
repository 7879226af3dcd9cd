//! What is wrong with the methods by which sshd lets people log in: too few factors, or a list that nobody can complete.

use super::finding::{Finding, Severity};
use super::method_lists::{MethodList, Obstacle};
use super::root_key;
use super::services::Service;
use super::sshd_program::{EffectiveOptions, is_on};
use std::collections::BTreeSet;

/// Whose login it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Everybodys,
    Roots,
}

/// A way to log in with too few factors, or one by which nobody can.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weakness {
    /// These methods are enough, and none of them uses PAM.
    NoCode(String),
    /// A code is the only factor.
    OneFactor,
    /// Some users need no factor at all.
    NoFactor,
    /// An empty password is accepted.
    EmptyPassword,
    /// Nobody can complete this list, but another one.
    DeadList(String, Obstacle),
    /// Nobody can complete any list.
    NoLogin(Vec<(String, Obstacle)>),
}

pub(super) fn weaknesses_in(login: &EffectiveOptions, service: &Service, whose: Whose) -> BTreeSet<Weakness> {
    let mut weaknesses = BTreeSet::new();
    if !is_on(login, "usepam") {
        // `global_options` reports it.
        return weaknesses;
    }
    let mut dead = Vec::new();
    let lists = MethodList::all(login);
    for list in &lists {
        if let Some(obstacle) = list.obstacle(login, &service.answers, whose == Whose::Roots) {
            dead.push((list.text(), obstacle));
        } else if !list.asks_pam() {
            weaknesses.insert(Weakness::NoCode(list.text()));
        } else if !list.has_first_factor() && service.no_factor {
            weaknesses.insert(Weakness::NoFactor);
        } else if !list.has_first_factor() && service.one_factor {
            weaknesses.insert(Weakness::OneFactor);
        }
    }
    // `nobody_gets_in` says it of the whole service.
    let is_said = |(_, obstacle): &(String, Obstacle)| *obstacle == Obstacle::RefusedByPam;
    let is_roots = |(_, obstacle): &(String, Obstacle)| matches!(obstacle, Obstacle::NotForRoot(_));
    if dead.len() < lists.len() {
        let dead = dead.into_iter().filter(|list| !is_said(list) && !is_roots(list));
        weaknesses.extend(dead.map(|(list, obstacle)| Weakness::DeadList(list, obstacle)));
    } else if !dead.iter().all(is_said) && (!dead.iter().any(is_roots) || root_key::is_there(login)) {
        weaknesses.insert(Weakness::NoLogin(dead));
    }
    if is_on(login, "permitemptypasswords") && is_on(login, "passwordauthentication") {
        weaknesses.insert(Weakness::EmptyPassword);
    }
    weaknesses
}

/// The logins that have a weakness.
#[derive(Default)]
pub(super) struct AffectedLogins {
    pub(super) everybody: bool,
    pub(super) is_enrolled: bool,
    pub(super) some: BTreeSet<String>,
}

impl Weakness {
    pub(super) fn finding(&self, affected: &AffectedLogins) -> Finding {
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
            Self::DeadList(list, obstacle) => {
                Finding::warning("sshd_dead_list", format!("no login by {list}, which sshd offers, can succeed: {logins}"))
                    .why(obstacle.why())
                    .fix(obstacle.fix())
            }
            Self::NoLogin(lists) => no_login(lists, severity, &logins),
        }
    }
}

fn no_login(lists: &[(String, Obstacle)], severity: Severity, logins: &str) -> Finding {
    let texts: Vec<&str> = lists.iter().map(|(list, _)| list.as_str()).collect();
    let obstacles: BTreeSet<&Obstacle> = lists.iter().map(|(_, obstacle)| obstacle).collect();
    let joined =
        |of: fn(&Obstacle) -> String| obstacles.iter().map(|one| of(one)).collect::<Vec<_>>().join("; ");
    // Root's key is often the last way in.
    let is_roots = obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::NotForRoot(_)));
    let (severity, name) = match is_roots {
        true => (Severity::Serious, "sshd_root_locked_out"),
        false => (severity, "sshd_nobody_gets_in"),
    };
    let what = match texts.as_slice() {
        [] => format!("no login over ssh can succeed, because no method is switched on: {logins}"),
        texts => format!("no login over ssh by {} can succeed: {logins}", texts.join(" or ")),
    };
    let (mut why, mut fix) = (joined(Obstacle::why), joined(Obstacle::fix));
    if texts.is_empty() {
        why.push_str("PubkeyAuthentication, PasswordAuthentication and KbdInteractiveAuthentication are no");
        fix.push_str(
            "set \"KbdInteractiveAuthentication yes\" and \"PubkeyAuthentication yes\", and reload sshd",
        );
    }
    Finding::new(severity, name, what)
        .why(why)
        .fix(format!("keep a root shell open until a login has worked; {fix}"))
}
