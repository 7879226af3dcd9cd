//! The authenticator that the options of `enroll` ask for: the same for every account of a list.

use crate::cli::{Enroll, Kind};
use crate::command_error::CommandError;
use otpauth::Issuer;
use totp_core::credential::Label;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::Factor;
use totp_core::factor::hotp::{self, Hotp};
use totp_core::factor::totp::{Algorithm, Parameters};
use totp_host::machine::OsEntropy;

/// Label, factor and issuer of a new authenticator.
#[derive(Debug)]
pub(super) struct AuthenticatorOptions {
    pub(super) label: Label,
    pub(super) factor: Factor,
    /// For a counter token, the counter of its first code; otherwise zero.
    pub(super) begins_at: u64,
    pub(super) issuer: Issuer,
}

impl AuthenticatorOptions {
    /// Parses the options. Without `--issuer` the issuer is the host name.
    pub(super) fn of(options: &Enroll) -> Result<Self, CommandError> {
        let label = Label::parse(&options.label).map_err(|error| CommandError::usage(error.to_string()))?;
        let (factor, begins_at) = match options.kind {
            Kind::Totp => (app(options)?, 0),
            Kind::Hotp => (token(options)?, counter(options)?),
        };
        let issuer = options.issuer.clone().map_or_else(host_name, Ok)?;
        let issuer =
            Issuer::parse(&issuer).map_err(|error| CommandError::usage(format!("--issuer: {error}")))?;
        Ok(Self { label, factor, begins_at, issuer })
    }

    /// An authenticator with a new secret.
    pub(super) fn draft(&self) -> Result<Draft, CommandError> {
        Draft::generate(self.label.clone(), self.factor, &mut OsEntropy)
            .map(|draft| draft.beginning_at(self.begins_at))
            .map_err(|error| CommandError::refused(error.to_string()))
    }

    /// What to do with the key that is shown.
    pub(super) fn key_goes_to(&self) -> String {
        match self.factor {
            Factor::Totp(_) => "type the key into the authenticator app".to_owned(),
            Factor::Hotp(hotp) => format!(
                "write the key into the token, for codes of {} digits (HMAC-SHA1) from counter {} on",
                hotp.digits(),
                self.begins_at
            ),
        }
    }

    /// Why a first code is wrong, where the kind of authenticator has something to say about it.
    pub(super) fn why_wrong(&self) -> Option<String> {
        match self.factor {
            Factor::Totp(_) => None,
            Factor::Hotp(_) => Some(format!(
                "the code is wrong: the token has another key, or its counter is not {} to {}",
                self.begins_at,
                self.begins_at.saturating_add(hotp::Window::DEFAULT.look_ahead)
            )),
        }
    }
}

fn app(options: &Enroll) -> Result<Factor, CommandError> {
    if options.counter.is_some() {
        return Err(CommandError::usage("--counter is for counter tokens: add --type hotp, or leave it out"));
    }
    // The command line has a default for it, with this type.
    let period = options.period.unwrap_or(Parameters::EVERY_APP.period());
    let parameters = Parameters::new(options.algorithm.into(), options.digits, period);
    parameters.map(Factor::from).map_err(|error| CommandError::usage(error.to_string()))
}

fn token(options: &Enroll) -> Result<Factor, CommandError> {
    if Algorithm::from(options.algorithm) != hotp::ALGORITHM {
        return Err(CommandError::usage(
            "--algorithm: the codes of counter tokens are always SHA1 (RFC 4226); leave the option out",
        ));
    }
    if options.period.is_some() {
        return Err(CommandError::usage(
            "--period: the codes of counter tokens do not depend on the time; leave the option out",
        ));
    }
    Hotp::new(options.digits).map(Factor::from).map_err(|error| CommandError::usage(error.to_string()))
}

fn counter(options: &Enroll) -> Result<u64, CommandError> {
    let counter = options.counter.unwrap_or(0);
    if counter >= hotp::END {
        let last = hotp::END.saturating_sub(1);
        return Err(CommandError::usage(format!("--counter must be 0 to {last}")));
    }
    Ok(counter)
}

fn host_name() -> Result<String, CommandError> {
    let name = nix::unistd::gethostname().map_err(|error| CommandError::refused(error.to_string()))?;
    Ok(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn of(arguments: &[&str]) -> Result<AuthenticatorOptions, String> {
        let line = [&["totp-enroll", "enroll", "alice"][..], arguments].concat();
        let Command::Enroll(options) = Cli::try_parse_from(line).unwrap().command else {
            panic!("{arguments:?}")
        };
        AuthenticatorOptions::of(&options).map_err(|error| error.problem)
    }

    #[test]
    fn an_app_is_the_default_and_a_token_has_a_label_of_its_own() {
        let app = of(&[]).unwrap();
        assert_eq!((app.label.as_str(), app.factor), ("phone", Parameters::EVERY_APP.into()));
        let token = of(&["--type", "hotp", "--digits", "8", "--counter", "16"]).unwrap();
        assert_eq!((token.label.as_str(), token.begins_at), ("token", 16));
        assert_eq!(token.factor, Hotp::new(8).unwrap().into());
        assert_eq!(of(&["--type", "hotp", "--label", "fob"]).unwrap().label.as_str(), "fob");
        assert_eq!(of(&["--type", "hotp", "--algorithm", "SHA1"]).unwrap().begins_at, 0);
        let draft = token.draft().unwrap();
        assert_eq!((draft.factor(), draft.begins_at()), (token.factor, 16));
    }

    #[test]
    fn an_option_of_the_other_kind_is_refused_by_name() {
        for (arguments, name) in [
            (&["--type", "hotp", "--algorithm", "SHA256"][..], "--algorithm"),
            (&["--type", "hotp", "--period", "30"], "--period"),
            (&["--counter", "0"], "--counter"),
            (
                &["--type", "hotp", "--counter", "9223372036854775807"],
                "--counter must be 0 to 9223372036854775806",
            ),
            (&["--type", "hotp", "--digits", "5"], "digits"),
        ] {
            let problem = of(arguments).unwrap_err();
            assert!(problem.starts_with(name), "{arguments:?}: {problem}");
        }
    }
}
