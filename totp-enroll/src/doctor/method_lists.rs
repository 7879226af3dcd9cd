//! sshd's lists of methods (`AuthenticationMethods`): which of them a login can complete, and what is in the way of the others.

use super::sshd_program::{EffectiveOptions, first, is_on};
use super::stack::answers::{Answer, Answers};

/// A list of methods that is enough for a login; without `AuthenticationMethods`, each method that is switched on is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MethodList(Vec<String>);

/// Each method, the option that switches it on, and its older name.
const OPTIONS: [(&str, &str, &str); 5] = [
    ("publickey", "pubkeyauthentication", "PubkeyAuthentication"),
    ("hostbased", "hostbasedauthentication", "HostbasedAuthentication"),
    ("gssapi-with-mic", "gssapiauthentication", "GSSAPIAuthentication"),
    ("password", "passwordauthentication", "PasswordAuthentication"),
    ("keyboard-interactive", "kbdinteractiveauthentication", "KbdInteractiveAuthentication"),
];

impl MethodList {
    /// The lists of a login, which has to complete one of them.
    pub(super) fn all(login: &EffectiveOptions) -> Vec<Self> {
        let listed: Vec<&str> = match login.get("authenticationmethods") {
            Some(values) => values.iter().flat_map(|value| value.split_ascii_whitespace()).collect(),
            None => Vec::new(),
        };
        if listed.iter().any(|list| *list != "any") {
            return listed.iter().map(|list| Self(list.split(',').map(str::to_owned).collect())).collect();
        }
        let enabled = OPTIONS.iter().filter(|(_, option, _)| is_on(login, option));
        enabled.map(|(method, ..)| Self(vec![(*method).to_owned()])).collect()
    }

    /// The methods, without the device behind a colon.
    pub(super) fn methods(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|method| method.split(':').next().unwrap_or_default())
    }

    /// Whether it has this method.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.methods().any(|method| method == wanted)
    }

    /// Whether PAM is asked.
    pub(super) fn asks_pam(&self) -> bool {
        self.methods().any(is_of_pam)
    }

    /// Whether PAM is asked before sshd has checked anything itself.
    pub(super) fn begins_with_pam(&self) -> bool {
        self.methods().next().is_some_and(is_of_pam)
    }

    /// Whether sshd checks a key or something like it.
    pub(super) fn has_first_factor(&self) -> bool {
        self.methods().any(|method| !is_of_pam(method))
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        self.0.join(",")
    }

    /// Why nobody can complete it; `None`: it can be completed.
    pub(super) fn obstacle(
        &self,
        login: &EffectiveOptions,
        answers: &Answers,
        is_root: bool,
    ) -> Option<Obstacle> {
        self.0.iter().find_map(|method| obstacle(method, login, answers, is_root))
    }
}

/// What is in the way of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// The option with this name is `no`.
    SwitchedOff(&'static str),
    /// This device of keyboard-interactive is not PAM.
    NotPam(String),
    /// The stack refuses everybody.
    RefusedByPam,
    /// The stack accepts no single answer to all its prompts.
    AskedOnce,
    /// `PermitRootLogin` has this value.
    NotForRoot(String),
}

fn obstacle(method: &str, login: &EffectiveOptions, answers: &Answers, is_root: bool) -> Option<Obstacle> {
    let (method, device) = method.split_once(':').unwrap_or((method, "pam"));
    let older = method == "keyboard-interactive" && is_on(login, "challengeresponseauthentication");
    let option = OPTIONS.iter().find(|(name, ..)| *name == method);
    if let Some((.., name)) = option.filter(|(_, option, _)| !older && !is_on(login, option)) {
        return Some(Obstacle::SwitchedOff(name));
    }
    if !is_of_pam(method) {
        return None;
    }
    if method == "keyboard-interactive" && device != "pam" {
        return Some(Obstacle::NotPam(device.to_owned()));
    }
    let permitted = first(login, "permitrootlogin").unwrap_or_default();
    // Any other value has PAM answered with a wrong password (`sshpam_respond` in auth-pam.c).
    if is_root && permitted != "yes" {
        return Some(Obstacle::NotForRoot(permitted.replace("without", "prohibit")));
    }
    if !answers.at_each_prompt {
        return Some(Obstacle::RefusedByPam);
    }
    (method == "password" && answers.asked_once.is_empty()).then_some(Obstacle::AskedOnce)
}

impl Obstacle {
    pub(super) fn why(&self) -> String {
        match self {
            Self::SwitchedOff(option) => format!("{option} is no, so sshd skips this list"),
            Self::NotPam(device) => {
                format!("only keyboard-interactive:pam asks PAM; keyboard-interactive:{device} does not")
            }
            Self::RefusedByPam => "the auth lines of /etc/pam.d/sshd refuse every login".to_owned(),
            Self::AskedOnce => {
                "with the method password, sshd asks once and gives that answer to every prompt of PAM, and the auth lines of /etc/pam.d/sshd accept no single answer".to_owned()
            }
            Self::NotForRoot(value) => {
                format!("with \"PermitRootLogin {value}\" sshd accepts no password and no keyboard-interactive of root, not even after a key")
            }
        }
    }

    pub(super) fn fix(&self) -> String {
        match self {
            Self::SwitchedOff(option) => format!("set \"{option} yes\", or remove the list, and reload sshd"),
            Self::NotPam(_) => "write keyboard-interactive:pam, and reload sshd".to_owned(),
            Self::RefusedByPam => "correct the auth lines; see nobody_gets_in".to_owned(),
            Self::AskedOnce => {
                "set \"KbdInteractiveAuthentication yes\" and \"PasswordAuthentication no\", and where AuthenticationMethods names password, write keyboard-interactive:pam; or let people type password and code together (docs/stacks.md, \"One answer for both\")".to_owned()
            }
            Self::NotForRoot(_) => {
                "enrol root (\"totp-enroll enroll root\") and set \"PermitRootLogin yes\", after which root logs in by these lists, and only a list with publickey requires a key; or add \"Match User root\" with \"AuthenticationMethods publickey\"; or set \"PermitRootLogin no\" and log in with another account".to_owned()
            }
        }
    }
}

fn is_of_pam(method: &str) -> bool {
    method == "keyboard-interactive" || method == "password"
}

/// Whether a login by the method `password` has to be answered with the code alone.
pub(super) fn wants_code_as_password(answers: &Answers) -> bool {
    answers.asked_once == [Answer::Code]
}
