//! What the arguments of another module become: an argument of ours, a setting of the config, or a word about why neither.

use crate::output;
use serde::Serialize;
use totp_core::time::Seconds;

/// What is taken over from one line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// The arguments of ours.
    pub(super) arguments: Vec<String>,
    /// Lines for the config.
    pub(super) config: Vec<String>,
    /// What became of each argument.
    pub(super) said: Vec<Fate>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fate {
    pub(super) argument: String,
    pub(super) becomes: String,
}

impl Carried {
    /// Takes over the arguments of `module` at `service`.
    pub(super) fn of(module: &str, arguments: &[String], service: &str) -> Self {
        let mut carried = Self::default();
        for argument in arguments {
            let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
            let becomes = match module {
                "pam_oath.so" => carried.oath(key, value, service),
                _ => carried.google_authenticator(key, value, service),
            };
            carried.said.push(Fate { argument: argument.clone(), becomes });
        }
        carried
    }

    fn google_authenticator(&mut self, key: &str, value: &str, service: &str) -> String {
        match key {
            "nullok" | "try_first_pass" | "use_first_pass" | "forward_pass" | "debug" => self.argument(key),
            "echo_verification_code" | "echo-verification-code" => self.argument("echo"),
            "authtok_prompt" => self.argument(&format!("[prompt={}]", value.replace(']', "\\]"))),
            "grace_period" => self.grace(value, service),
            "secret" => {
                format!(
                    "nothing: secrets lie in the store; \"totp-enroll import google-authenticator\" takes over those in {value}"
                )
            }
            "user" | "allowed_perm" | "no_strict_owner" => {
                "nothing: files are root's, and read as root".to_owned()
            }
            "noskewadj" => {
                "nothing: a clock that is off is told to the log, and never adjusted to".to_owned()
            }
            "no_increment_hotp" => "nothing: counters (HOTP) are not taken over".to_owned(),
            _ => "nothing: it is not known here".to_owned(),
        }
    }

    fn oath(&mut self, key: &str, value: &str, service: &str) -> String {
        match key {
            "try_first_pass" | "use_first_pass" | "debug" => self.argument(key),
            "usersfile" => format!("nothing: \"totp-enroll import oath {value}\" takes its people over"),
            "digits" => "nothing: each enrolment says how many digits it has".to_owned(),
            "window" => match value.parse::<u64>() {
                Ok(steps) => {
                    let steps = steps.min(10);
                    self.config.push(output::service_section(service, "totp"));
                    self.config.push(format!("drift_steps = {steps}"));
                    format!("drift_steps = {steps} in the config; 1 is enough where clocks are right")
                }
                Err(_) => "nothing: it is no number".to_owned(),
            },
            "alwaysok" => "nothing: it let everybody in".to_owned(),
            _ => "nothing: it is not known here".to_owned(),
        }
    }

    fn argument(&mut self, argument: &str) -> String {
        self.arguments.push(argument.to_owned());
        argument.to_owned()
    }

    /// Google's is bound to the address; a program without one has the login session.
    fn grace(&mut self, value: &str, service: &str) -> String {
        let length = format!("{value}s");
        match Seconds::parse(&length) {
            Ok(Seconds(0)) => return "nothing: zero is none".to_owned(),
            Ok(_) => {}
            Err(_) => return "nothing: it is no time that is known here".to_owned(),
        }
        if service == "sshd" {
            self.config.extend([
                output::service_section(service, "remember"),
                "mode = \"always\"".to_owned(),
                format!("for = \"{length}\""),
            ]);
            return "[remember] in the config, bound to the SSH key and the address".to_owned();
        }
        self.argument(&format!("fresh={length}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use totp_core::config::Config;

    fn of(module: &str, service: &str, text: &str) -> Carried {
        let words: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
        Carried::of(module, &words, service)
    }

    #[test]
    fn what_both_know_stays_as_it_is() {
        let carried =
            of("pam_google_authenticator.so", "sshd", "nullok forward_pass echo_verification_code debug");
        assert_eq!(carried.arguments, ["nullok", "forward_pass", "echo", "debug"]);
        assert!(carried.config.is_empty());
    }

    #[test]
    fn grace_is_a_remembered_device_at_sshd_and_freshness_elsewhere() {
        let sshd = of("pam_google_authenticator.so", "sshd", "grace_period=3600");
        assert_eq!(
            (sshd.arguments.len(), sshd.config.last().map(String::as_str)),
            (0, Some("for = \"3600s\""))
        );
        assert_eq!(of("pam_google_authenticator.so", "sudo", "grace_period=3600").arguments, ["fresh=3600s"]);
        assert_eq!(
            of("pam_google_authenticator.so", "sudo", "grace_period=0"),
            Carried {
                said: vec![Fate {
                    argument: "grace_period=0".to_owned(),
                    becomes: "nothing: zero is none".to_owned()
                }],
                ..Carried::default()
            }
        );
    }

    #[test]
    fn an_imported_window_is_at_most_the_widest_drift() {
        assert_eq!(
            of("pam_oath.so", "sshd", "window=30 digits=6 usersfile=/x").config,
            ["[service.sshd.totp]", "drift_steps = 10"]
        );
    }

    #[test]
    fn what_is_for_the_config_reads_as_a_config_whatever_the_service_is_called() {
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
    fn a_time_that_cannot_be_kept_is_not_taken_over() {
        for service in ["sshd", "sudo"] {
            for seconds in ["4294967296", "-1", "1h", ""] {
                let carried = of("pam_google_authenticator.so", service, &format!("grace_period={seconds}"));
                assert!(carried.config.is_empty() && carried.arguments.is_empty(), "{carried:?}");
                assert!(carried.said[0].becomes.starts_with("nothing"), "{carried:?}");
            }
        }
    }

    #[test]
    fn what_lets_everybody_in_is_not_taken_over() {
        let carried = of("pam_oath.so", "sshd", "alwaysok");
        assert!(carried.arguments.is_empty() && carried.said[0].becomes.contains("everybody"));
    }

    #[test]
    fn every_argument_has_a_fate() {
        let carried = of(
            "pam_google_authenticator.so",
            "sshd",
            "secret=/x user=root allowed_perm=0400 noskewadj wat=1",
        );
        assert_eq!(carried.said.len(), 5);
        assert!(carried.arguments.is_empty());
    }
}
