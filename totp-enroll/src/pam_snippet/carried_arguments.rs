//! Translates the arguments of another module into arguments of pam_totp.so and settings of the config.

use crate::doctor::is_reached_with_address;
use crate::output;
use serde::Serialize;
use totp_core::factor::totp::WIDEST_DRIFT;
use totp_core::time::Seconds;

/// The translation of one line's arguments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CarriedArguments {
    /// The arguments for pam_totp.so.
    pub(super) arguments: Vec<String>,
    /// Lines for the config.
    pub(super) config: Vec<String>,
    /// What became of each argument, for the administrator.
    pub(super) outcomes: Vec<CarriedArgument>,
}

/// An argument of the other module, and what it becomes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct CarriedArgument {
    pub(super) argument: String,
    pub(super) becomes: String,
}

/// Where the arguments are carried to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// The name of the PAM service.
    pub(super) service: &'a str,
    /// sshd checks a key before it asks PAM.
    pub(super) after_key: bool,
}

impl CarriedArguments {
    /// Translates the arguments of `module`.
    pub(super) fn of(module: &str, arguments: &[String], target: Target<'_>) -> Self {
        let mut carried = Self::default();
        let service = target.service;
        for argument in arguments {
            let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
            let becomes = match module {
                "pam_oath.so" => carried.oath(key, value, service),
                _ => carried.google_authenticator(key, value, target, forwards(arguments)),
            };
            carried.outcomes.push(CarriedArgument { argument: argument.clone(), becomes });
        }
        carried
    }

    fn google_authenticator(&mut self, key: &str, value: &str, target: Target<'_>, forwards: bool) -> String {
        match key {
            "nullok" | "try_first_pass" | "use_first_pass" | "forward_pass" | "debug" => self.argument(key),
            "echo_verification_code" | "echo-verification-code" => self.argument("echo"),
            "authtok_prompt" => self.argument(&format!("[prompt={}]", value.replace(']', "\\]"))),
            "grace_period" => self.grace(value, target, forwards),
            "secret" => {
                format!(
                    "nothing: secrets are kept in the store; \"totp-enroll import google-authenticator\" imports those in {value}"
                )
            }
            "user" | "allowed_perm" | "no_strict_owner" => {
                "nothing: the files belong to root and are read as root".to_owned()
            }
            "noskewadj" => {
                "nothing: a clock that is off is logged, and codes are never adjusted to it".to_owned()
            }
            "no_increment_hotp" => "nothing: a wrong code never moves a counter".to_owned(),
            _ => "nothing: it is not a known argument".to_owned(),
        }
    }

    fn oath(&mut self, key: &str, value: &str, service: &str) -> String {
        match key {
            "try_first_pass" | "use_first_pass" | "debug" => self.argument(key),
            "usersfile" => format!("nothing: \"totp-enroll import oath {value}\" imports its users"),
            "digits" => "nothing: each enrolment stores its number of digits".to_owned(),
            "window" => self.window(value, service),
            "alwaysok" => "nothing: it accepted every code".to_owned(),
            _ => "nothing: it is not a known argument".to_owned(),
        }
    }

    /// At most the drift that an import gives an authenticator, for the same reason.
    fn window(&mut self, value: &str, service: &str) -> String {
        let Ok(wanted) = value.parse::<u64>() else { return "nothing: its value is not a number".to_owned() };
        let steps = wanted.min(WIDEST_DRIFT);
        self.config.push(output::service_section(service, "totp"));
        self.config.push(format!("drift_steps = {steps}"));
        if steps < wanted {
            return format!(
                "drift_steps = {steps} in the config, not {wanted}: a wider window makes guessing too easy; have the clocks of \
                 phones that are further off corrected"
            );
        }
        format!("drift_steps = {steps} in the config; 1 is enough if the clocks are right")
    }

    fn argument(&mut self, argument: &str) -> String {
        self.arguments.push(argument.to_owned());
        argument.to_owned()
    }

    /// google-authenticator binds the grace period to the remote address; where there is none, `fresh=` binds it to the session.
    fn grace(&mut self, value: &str, target: Target<'_>, forwards: bool) -> String {
        let Target { service, after_key } = target;
        let length = format!("{value}s");
        match Seconds::parse(&length) {
            Ok(Seconds(0)) => return "nothing: 0 turns it off".to_owned(),
            Ok(_) => {}
            Err(_) => return "nothing: its value is not a number of seconds".to_owned(),
        }
        if forwards && !after_key {
            return "nothing: with forward_pass no login is remembered, because the password is checked only afterwards"
                .to_owned();
        }
        if !is_reached_with_address(service) {
            return self.argument(&format!("fresh={length}"));
        }
        self.config.extend([
            output::service_section(service, "remember"),
            "mode = \"always\"".to_owned(),
            format!("for = \"{length}\""),
        ]);
        if after_key {
            return "[remember] in the config, bound to the SSH key and the address".to_owned();
        }
        self.config.push("bind = [\"address\"]".to_owned());
        "[remember] in the config, bound to the address".to_owned()
    }
}

/// Whether password and code are typed together, and the password is passed on.
fn forwards(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument == "forward_pass")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use totp_core::config::Config;

    fn of(module: &str, service: &str, text: &str) -> CarriedArguments {
        let words: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
        CarriedArguments::of(module, &words, Target { service, after_key: false })
    }

    #[test]
    fn arguments_that_both_modules_have_are_kept() {
        let carried =
            of("pam_google_authenticator.so", "sshd", "nullok forward_pass echo_verification_code debug");
        assert_eq!(carried.arguments, ["nullok", "forward_pass", "echo", "debug"]);
        assert!(carried.config.is_empty());
    }

    #[test]
    fn grace_is_bound_to_what_a_login_has() {
        let grace = |service, after_key, text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            CarriedArguments::of("pam_google_authenticator.so", &words, Target { service, after_key })
        };
        let with_key = grace("sshd", true, "grace_period=3600");
        assert_eq!(with_key.config.last().map(String::as_str), Some("for = \"3600s\""));
        for (service, text) in [("sshd", "grace_period=3600"), ("openvpn", "nullok grace_period=3600")] {
            let by_address = grace(service, false, text);
            assert_eq!(
                by_address.config.last().map(String::as_str),
                Some("bind = [\"address\"]"),
                "{service}"
            );
        }
        let forwards = grace("sshd", false, "forward_pass grace_period=3600");
        assert!(forwards.config.is_empty() && forwards.outcomes[1].becomes.starts_with("nothing"));
        assert_eq!(of("pam_google_authenticator.so", "sudo", "grace_period=3600").arguments, ["fresh=3600s"]);
        assert_eq!(
            of("pam_google_authenticator.so", "sudo", "grace_period=0"),
            CarriedArguments {
                outcomes: vec![CarriedArgument {
                    argument: "grace_period=0".to_owned(),
                    becomes: "nothing: 0 turns it off".to_owned()
                }],
                ..CarriedArguments::default()
            }
        );
    }

    #[test]
    fn an_imported_window_is_at_most_the_widest_drift() {
        for (window, steps, is_cut) in [(1, 1, false), (4, 4, false), (5, 4, true), (30, 4, true)] {
            let carried = of("pam_oath.so", "sshd", &format!("window={window} digits=6 usersfile=/x"));
            assert_eq!(carried.config, ["[service.sshd.totp]".to_owned(), format!("drift_steps = {steps}")]);
            let becomes = &carried.outcomes[0].becomes;
            assert_eq!(becomes.contains(&format!("not {window}: a wider window")), is_cut, "{becomes}");
        }
    }

    #[test]
    fn the_config_lines_are_valid_for_any_service_name() {
        for service in ["vpn", "su-l", "vpn.example", "a b", "gro\u{df}", "it's \"it\" \\"] {
            let lines = of("pam_oath.so", service, "window=3").config.join("\n");
            let config = Config::parse(Path::new("/c"), lines.as_bytes(), Some(service)).unwrap();
            assert_eq!(config.drift_steps, 3, "{lines}");
        }
        let lines = of("pam_google_authenticator.so", "sshd", "grace_period=3600").config.join("\n");
        let config = Config::parse(Path::new("/c"), lines.as_bytes(), Some("sshd")).unwrap();
        assert_eq!(config.policy.remember.length, Seconds(3600));
    }

    #[test]
    fn an_invalid_grace_period_is_not_carried_over() {
        for service in ["sshd", "sudo"] {
            for seconds in ["4294967296", "-1", "1h", ""] {
                let carried = of("pam_google_authenticator.so", service, &format!("grace_period={seconds}"));
                assert!(carried.config.is_empty() && carried.arguments.is_empty(), "{carried:?}");
                assert!(carried.outcomes[0].becomes.starts_with("nothing"), "{carried:?}");
            }
        }
    }

    #[test]
    fn alwaysok_is_not_carried_over() {
        let carried = of("pam_oath.so", "sshd", "alwaysok");
        assert!(carried.arguments.is_empty() && carried.outcomes[0].becomes.contains("accepted every code"));
    }

    #[test]
    fn every_argument_is_accounted_for() {
        let carried = of(
            "pam_google_authenticator.so",
            "sshd",
            "secret=/x user=root allowed_perm=0400 noskewadj wat=1",
        );
        assert_eq!(carried.outcomes.len(), 5);
        assert!(carried.arguments.is_empty());
    }
}
