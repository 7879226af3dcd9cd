//! The policy: whether a login needs a code. Facts about the request in, a decision with its reason out.
//!
//! The rules are checked in order, and the first that applies decides. A fact that is not known exempts nobody.

pub mod device;
pub mod remembered_device;
pub mod ssh_key;
#[cfg(test)]
mod tests;
pub mod timestamp_record;

use crate::network::Network;
use crate::policy::device::{DeviceId, RememberMode, RememberRules};
use crate::time::{Date, Seconds};
use std::net::IpAddr;

/// The rules of the config and of the line in the service file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Only members of these groups need a code; empty: everybody does.
    pub groups: Vec<String>,
    /// Members of these groups need no code.
    pub exempt_groups: Vec<String>,
    /// Requests from these networks need no code.
    pub exempt_networks: Vec<Network>,
    /// The last day on which a user who is not enrolled may log in without a code.
    pub enroll_by: Option<Date>,
    /// A user who is not enrolled enrols during the login.
    pub enroll_at_login: bool,
    /// `nullok`: a user who is not enrolled needs no code; if there is a last day, until then.
    pub nullok: bool,
    /// No code is needed within this time of the last one in the same login session; zero: always.
    pub fresh: Seconds,
    /// The rules for remembered devices.
    pub remember: RememberRules,
    /// A login with a FIDO2 SSH key needs no code, because that is two factors.
    pub ssh_security_keys: bool,
}

/// The known facts of a request.
#[derive(Debug, Clone)]
pub struct PolicyInput {
    /// The system knows the account.
    pub known: bool,
    /// The account's groups among those that the policy names, or why they are not known.
    pub groups: Result<Vec<String>, String>,
    /// The address that the request comes from, if it is one.
    pub address: Option<IpAddr>,
    /// The first factor was a FIDO2 SSH key.
    pub security_key: bool,
    /// Whether a first factor is known to have been passed.
    pub introduced: bool,
    /// Whether the login may show messages and further prompts: not with `PAM_SILENT` or `use_first_pass`.
    pub may_converse: bool,
    /// Whether the account is enrolled; `None`: not checked, or not known.
    pub enrolled: Option<bool>,
    /// A reset has withdrawn the enrolment and its token is required; no exemption applies.
    pub reset: bool,
    /// How long ago a code was accepted in the same login session.
    pub since_code: Option<Seconds>,
    /// The device is remembered.
    pub remembered: bool,
    /// The machine's clock, seconds since 1970.
    pub now: u64,
}

const GROUPS: &str = "require.groups";
const EXEMPT_GROUPS: &str = "require.exempt_groups";

/// The decision of the policy.
#[derive(Debug)]
pub enum Decision {
    /// A code. A user who is not enrolled is asked too, and refused, so that a stranger learns nothing.
    Ask,
    /// No code.
    Exempt(Exemption),
    /// No code for this device, once its use is recorded ([`crate::policy::remembered_device::admit`]).
    Recognised,
    /// Not enrolled, and allowed to be.
    NotYetRequired(Unenrolled),
    /// Not enrolled, and to be enrolled now. If enrolling may still be postponed, this proof lets the login pass.
    Enroll(Option<Unenrolled>),
}

/// Proof that a rule exempts this login from a code. Made only here.
#[derive(Debug)]
pub struct Exemption {
    why: Exempted,
}

/// Why no code was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exempted {
    /// The policy exempts this account or its origin; the rule's key in the config.
    Exempt(&'static str),
    /// A code was accepted in the same login session this long ago.
    Fresh(Seconds),
    /// The first factor was a FIDO2 SSH key.
    SecurityKey,
    /// A remembered device, by its name in `totp-enroll`.
    RememberedDevice(Option<DeviceId>),
}

impl Exemption {
    /// The reason.
    #[must_use]
    pub fn why(&self) -> Exempted {
        self.why
    }

    /// Whether it shows what kind of account this is: its groups exempt it, not where the login comes from.
    #[must_use]
    pub fn is_of_the_account(&self) -> bool {
        match self.why {
            Exempted::Exempt(rule) => rule == EXEMPT_GROUPS || rule == GROUPS,
            Exempted::Fresh(_) | Exempted::SecurityKey | Exempted::RememberedDevice(_) => false,
        }
    }

    pub(crate) fn remembered(device: Option<DeviceId>) -> Self {
        Self { why: Exempted::RememberedDevice(device) }
    }
}

/// Proof that an account is not enrolled and that the policy allows that. Made only here.
#[derive(Debug)]
pub struct Unenrolled {
    days_left: Option<u64>,
}

impl Unenrolled {
    /// Days until the last day; `None`: there is no last day.
    #[must_use]
    pub fn days_left(&self) -> Option<u64> {
        self.days_left
    }
}

/// What one rule says about a request.
#[derive(Debug)]
pub struct Finding {
    /// The rule, by its key in the config.
    pub rule: &'static str,
    /// Why it applies or does not.
    pub why: String,
    /// Its decision, if it applies.
    pub decision: Option<Decision>,
}

impl Policy {
    /// Always asks everybody.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            groups: Vec::new(),
            exempt_groups: Vec::new(),
            exempt_networks: Vec::new(),
            enroll_by: None,
            enroll_at_login: false,
            nullok: false,
            fresh: Seconds(0),
            remember: RememberRules::OFF,
            ssh_security_keys: false,
        }
    }

    /// Applies the arguments of the service file's line: `nullok`, and another time in place of `fresh.for`.
    #[must_use]
    pub fn with_line(&self, nullok: bool, fresh: Option<Seconds>) -> Self {
        Self {
            groups: self.groups.clone(),
            exempt_groups: self.exempt_groups.clone(),
            exempt_networks: self.exempt_networks.clone(),
            enroll_by: self.enroll_by,
            enroll_at_login: self.enroll_at_login,
            nullok,
            fresh: fresh.unwrap_or(self.fresh),
            remember: self.remember,
            ssh_security_keys: self.ssh_security_keys,
        }
    }

    /// The groups that the policy names.
    pub fn named_groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().chain(&self.exempt_groups).map(String::as_str)
    }

    /// Whether the decision depends on the enrolment.
    #[must_use]
    pub fn depends_on_enrolment(&self) -> bool {
        self.nullok
            || self.enroll_by.is_some()
            || self.enroll_at_login
            || self.fresh > Seconds(0)
            || !matches!(self.remember.mode, RememberMode::Off)
    }

    /// The decision.
    #[must_use]
    pub fn decide(&self, input: &PolicyInput) -> Decision {
        self.findings(input).find_map(|finding| finding.decision).unwrap_or(Decision::Ask)
    }

    /// What each rule says about the request, in order. The first decision counts.
    pub fn findings<'a>(&'a self, input: &'a PolicyInput) -> impl Iterator<Item = Finding> + 'a {
        const RULES: [fn(&Policy, &PolicyInput) -> Finding; 9] = [
            Policy::account,
            Policy::exempt_networks,
            Policy::exempt_groups,
            Policy::groups,
            Policy::security_keys,
            Policy::enrolment,
            Policy::fresh,
            Policy::remembered,
            Policy::code,
        ];
        RULES.iter().map(move |rule| rule(self, input))
    }

    fn account(&self, input: &PolicyInput) -> Finding {
        if input.known {
            passed("account", "the system knows it")
        } else {
            // Also from an exempt network: no rule exempts an account that does not exist.
            decided("account", "the system does not know it, so no rule exempts it", Decision::Ask)
        }
    }

    fn exempt_networks(&self, input: &PolicyInput) -> Finding {
        const RULE: &str = "require.exempt_networks";
        if self.exempt_networks.is_empty() {
            return passed(RULE, "none is set");
        }
        let Some(address) = input.address else {
            return passed(RULE, "the request comes from no address");
        };
        match self.exempt_networks.iter().find(|network| network.contains(address)) {
            Some(network) => decided(RULE, format!("{address} is in {network}"), exempt(RULE)),
            None => passed(RULE, format!("{address} is in none of them")),
        }
    }

    fn exempt_groups(&self, input: &PolicyInput) -> Finding {
        const RULE: &str = EXEMPT_GROUPS;
        if self.exempt_groups.is_empty() {
            return passed(RULE, "none is set");
        }
        let groups = match &input.groups {
            Ok(groups) => groups,
            Err(why) => return passed(RULE, format!("the groups are not known: {why}")),
        };
        match groups.iter().find(|group| self.exempt_groups.contains(group)) {
            Some(group) => decided(RULE, format!("the account is in {group}"), exempt(RULE)),
            None => passed(RULE, "the account is in none of them"),
        }
    }

    fn groups(&self, input: &PolicyInput) -> Finding {
        const RULE: &str = GROUPS;
        if self.groups.is_empty() {
            return passed(RULE, "none is set: everybody is asked");
        }
        let groups = match &input.groups {
            Ok(groups) => groups,
            Err(why) => return passed(RULE, format!("the groups are not known: {why}")),
        };
        match groups.iter().find(|group| self.groups.contains(group)) {
            Some(group) => passed(RULE, format!("the account is in {group}")),
            None => decided(RULE, "the account is in none of them", exempt(RULE)),
        }
    }

    fn security_keys(&self, input: &PolicyInput) -> Finding {
        const RULE: &str = "accept.ssh_security_keys";
        match (self.ssh_security_keys, input.security_key) {
            (false, _) => passed(RULE, "not set"),
            (true, false) => passed(RULE, "the first factor was not a security key"),
            (true, true) => {
                let exemption = Exemption { why: Exempted::SecurityKey };
                decided(RULE, "the first factor was a security key", Decision::Exempt(exemption))
            }
        }
    }

    fn enrolment(&self, input: &PolicyInput) -> Finding {
        const RULE: &str = "require.enroll_by";
        match input.enrolled {
            None => return passed("enrolment", "not checked: it makes no difference here, or is not known"),
            Some(true) => return passed("enrolment", "the account is enrolled"),
            Some(false) if input.reset => {
                let why = "the second factor was reset: the reset token is asked for instead of a code";
                return decided("reset", why, Decision::Ask);
            }
            Some(false) => {}
        }
        let excuse = match self.enroll_by {
            Some(last) => last.days_left(input.now).map(|days| Unenrolled { days_left: Some(days) }),
            None => self.nullok.then_some(Unenrolled { days_left: None }),
        };
        if self.enroll_at_login && input.introduced && input.may_converse {
            let why = "the account is not enrolled: the login enrols it";
            return decided("require.enroll_at_login", why, Decision::Enroll(excuse));
        }
        let Some(excuse) = excuse else {
            let why = if self.enroll_by.is_some() {
                "the account is not enrolled, and the last day to enrol has passed"
            } else if self.enroll_at_login && input.introduced {
                "the account is not enrolled, and this login cannot show the messages of an enrolment"
            } else if self.enroll_at_login {
                "the account is not enrolled, and no first factor is known to have succeeded"
            } else {
                "the account is not enrolled"
            };
            return decided("enrolment", why, Decision::Ask);
        };
        match excuse.days_left {
            Some(days) => {
                let why = format!("the account is not enrolled, and has {days} days left to enrol");
                decided(RULE, why, Decision::NotYetRequired(excuse))
            }
            None => decided("nullok", "the account is not enrolled", Decision::NotYetRequired(excuse)),
        }
    }

    fn fresh(&self, input: &PolicyInput) -> Finding {
        const RULE: &str = "fresh.for";
        match (self.fresh, input.since_code) {
            (Seconds(0), _) => passed(RULE, "not set: every login asks"),
            (_, None) => passed(RULE, "no code was accepted in this login session"),
            (within, Some(age)) if age < within => {
                let exemption = Exemption { why: Exempted::Fresh(age) };
                decided(
                    RULE,
                    format!("a code was accepted in this login session {age} ago"),
                    Decision::Exempt(exemption),
                )
            }
            (within, Some(age)) => passed(
                RULE,
                format!("the last code of this login session is {age} old, and the limit is {within}"),
            ),
        }
    }

    fn remembered(&self, input: &PolicyInput) -> Finding {
        const RULE: &str = "remember.mode";
        match (self.remember.mode, input.remembered) {
            (RememberMode::Off, _) => passed(RULE, "off: no device is remembered"),
            (RememberMode::Ask | RememberMode::Always, false) => passed(RULE, "not a remembered device"),
            (RememberMode::Ask | RememberMode::Always, true) => {
                decided(RULE, "a remembered device", Decision::Recognised)
            }
        }
    }

    fn code(&self, _: &PolicyInput) -> Finding {
        decided("code", "no rule before this one decided", Decision::Ask)
    }
}

fn exempt(rule: &'static str) -> Decision {
    Decision::Exempt(Exemption { why: Exempted::Exempt(rule) })
}

fn passed(rule: &'static str, why: impl Into<String>) -> Finding {
    Finding { rule, why: why.into(), decision: None }
}

fn decided(rule: &'static str, why: impl Into<String>, decision: Decision) -> Finding {
    Finding { rule, why: why.into(), decision: Some(decision) }
}
