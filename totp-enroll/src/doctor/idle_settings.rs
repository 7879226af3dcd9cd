//! Settings that are on and can match no login at a service, because of what the service tells PAM.

use super::finding::Finding;
use super::guessing;
use super::services::Service;
use super::sshd::{self, FirstMethods};
use nix::unistd::Group;
use serde::Serialize;
use std::fs;
use totp_core::config::Config;
use totp_core::module_arguments::FirstPass;
use totp_core::policy::device::RememberMode;
use totp_core::time::Seconds;

/// A setting that has no effect at a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct IdleSetting {
    /// Its key in the config, with its section.
    pub(crate) setting: &'static str,
    pub(crate) why: String,
    #[serde(skip)]
    fix: &'static str,
}

/// What a service can tell of a login.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// The SSH key of the first factor.
    key: bool,
    /// An address in `PAM_RHOST`.
    address: bool,
    /// The login can be in a session in which a code was given before.
    session: bool,
    /// A first factor can be known to have passed.
    first_factor: bool,
    /// The person can be shown messages and asked more than once.
    converses: bool,
}

/// Services of programs that are used at the machine itself, and name no remote address.
const AT_THE_MACHINE: [&str; 17] = [
    "atd",
    "chfn",
    "chsh",
    "cron",
    "gdm-password",
    "i3lock",
    "lightdm",
    "passwd",
    "physlock",
    "polkit-1",
    "sddm",
    "su",
    "su-l",
    "sudo",
    "sudo-i",
    "swaylock",
    "xscreensaver",
];

impl Reach {
    fn of(service: &Service) -> Self {
        let name = service.name.as_str();
        let first = if name == "sshd" { sshd::first_methods() } else { FirstMethods::NONE };
        let claims = service.arguments.iter().any(|line| line.after_first_factor);
        Self {
            key: first.key,
            address: !AT_THE_MACHINE.contains(&name) && !guessing::is_without_address(name),
            session: name != "sshd" && !guessing::is_reached_with_address(name),
            first_factor: claims || first.any,
            converses: service.arguments.iter().any(|line| line.first_pass != FirstPass::Use),
        }
    }
}

/// Adds a finding for each setting that is on and has no effect at a service. One that is set for all services is not reported if
/// it has an effect at any of them.
pub(super) fn examine(own: &Config, services: &[Service], findings: &mut Vec<Finding>) {
    let asking: Vec<(&Service, &Config)> = services
        .iter()
        .filter(|service| service.asks)
        .filter_map(|one| Some((one, one.own_config.as_ref()?)))
        .collect();
    let idle: Vec<(&Service, Vec<IdleSetting>)> =
        asking.iter().map(|(service, config)| (*service, at(service, config))).collect();
    for ((service, config), (_, settings)) in asking.iter().zip(&idle) {
        for setting in settings {
            let is_of_all = is_as_in(setting.setting, config, own);
            let is_idle_everywhere = asking.iter().zip(&idle).all(|((_, other), (_, settings))| {
                !is_on(setting.setting, other) || settings.iter().any(|one| one.setting == setting.setting)
            });
            if !is_of_all || is_idle_everywhere {
                findings.push(
                    Finding::warning("setting_without_effect", format!("{} has no effect: {}", setting.setting, setting.why))
                        .why("no login can match it, so users are asked more often, or less, than the config seems to say")
                        .fix(setting.fix)
                        .at(&service.name),
                );
            }
        }
    }
}

/// The settings of `config` that are on and have no effect at this service.
pub(crate) fn at(service: &Service, config: &Config) -> Vec<IdleSetting> {
    let (reach, policy, name) = (Reach::of(service), &config.policy, &service.name);
    let remember = &policy.remember;
    let remembers = remember.mode != RememberMode::Off;
    let no_key = || {
        match name.as_str() {
        "sshd" => "sshd tells PAM of no SSH key, because no list of AuthenticationMethods has publickey and a method that asks PAM".to_owned(),
        _ => format!("{name} has no SSH keys"),
    }
    };
    let no_address = || format!("{name} gives PAM no remote address");
    let forwards = service.arguments.iter().any(|line| line.forward_pass);
    let mut idle = Vec::new();
    let mut push = |setting, why, fix| idle.push(IdleSetting { setting, why, fix });
    if remembers && remember.bind_key && !reach.key {
        push(
            "remember.bind",
            format!("devices are bound to their SSH key, and {}", no_key()),
            "set bind = [\"address\"] in [remember] if logins have an address, or mode = \"off\"",
        );
    } else if remembers && remember.bind_address && !reach.address {
        push(
            "remember.bind",
            format!("devices are bound to their address, and {}", no_address()),
            "set mode = \"off\" in the [remember] section of the service; [fresh] asks less often in one session",
        );
    } else if remembers && forwards && !reach.first_factor {
        push(
            "remember.mode",
            "with forward_pass no device is remembered, because the password is checked only afterwards"
                .to_owned(),
            "set mode = \"off\" in the [remember] section of the service, or let the password be asked above pam_totp.so",
        );
    }
    if policy.ssh_security_keys && !reach.key {
        push(
            "accept.ssh_security_keys",
            no_key(),
            "set it in [service.sshd.accept], and let sshd require publickey,keyboard-interactive:pam",
        );
    }
    if !policy.exempt_networks.is_empty() && !reach.address {
        push(
            "require.exempt_networks",
            no_address(),
            "set it for services that are reached over the network, or use exempt_groups",
        );
    }
    if policy.fresh > Seconds(0) && !reach.session {
        push(
            "fresh.for",
            format!("each login of {name} begins a session, in which no code was given before"),
            "set it for sudo, su or polkit-1, or use [remember]",
        );
    }
    if policy.enroll_at_login && !(reach.first_factor && reach.converses) {
        let why = match reach.converses {
            false => "with use_first_pass the login cannot show the messages of an enrolment",
            true => "no first factor is known to have passed when pam_totp.so is asked",
        };
        push(
            "require.enroll_at_login",
            why.to_owned(),
            "put after_first_factor on the line if the lines above it refuse a wrong password at once; otherwise enrol people with \"totp-enroll enroll\"",
        );
    }
    if let Some(group) = policy.exempt_groups.iter().find(|group| is_empty(group)) {
        push(
            "require.exempt_groups",
            format!("the group \"{group}\" has no members"),
            "add members to the group, or remove it from the list",
        );
    }
    if !policy.groups.is_empty() && policy.groups.iter().all(|group| is_empty(group)) {
        let why = "the groups have no members: nobody is asked for a code".to_owned();
        push("require.groups", why, "add members to a group, or remove the setting: then everyone is asked");
    }
    idle
}

/// Whether a setting is on.
fn is_on(setting: &str, config: &Config) -> bool {
    let policy = &config.policy;
    match setting {
        "remember.bind" | "remember.mode" => policy.remember.mode != RememberMode::Off,
        "accept.ssh_security_keys" => policy.ssh_security_keys,
        "require.exempt_networks" => !policy.exempt_networks.is_empty(),
        "fresh.for" => policy.fresh > Seconds(0),
        "require.enroll_at_login" => policy.enroll_at_login,
        "require.exempt_groups" => !policy.exempt_groups.is_empty(),
        _ => !policy.groups.is_empty(),
    }
}

/// Whether a service has the same value as all services.
fn is_as_in(setting: &str, config: &Config, all: &Config) -> bool {
    let (own, all) = (&config.policy, &all.policy);
    match setting {
        "remember.bind" | "remember.mode" => own.remember == all.remember,
        "accept.ssh_security_keys" => own.ssh_security_keys == all.ssh_security_keys,
        "require.exempt_networks" => own.exempt_networks == all.exempt_networks,
        "fresh.for" => own.fresh == all.fresh,
        "require.enroll_at_login" => own.enroll_at_login == all.enroll_at_login,
        "require.exempt_groups" => own.exempt_groups == all.exempt_groups,
        _ => own.groups == all.groups,
    }
}

/// Whether a group of this machine has no member, not even by the group that an account has in /etc/passwd. A group that is kept in a
/// directory may have members that are not listed.
fn is_empty(name: &str) -> bool {
    let Ok(Some(group)) = Group::from_name(name) else { return false };
    let lines = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let is_local = lines("/etc/group").lines().any(|line| line.split(':').next() == Some(name));
    let gid = group.gid.to_string();
    let is_primary = lines("/etc/passwd").lines().any(|line| line.split(':').nth(3) == Some(gid.as_str()));
    is_local && group.mem.is_empty() && !is_primary
}
