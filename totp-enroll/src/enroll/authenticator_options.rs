//! The options of a new authenticator, parsed: the same for every account of a list.

use crate::cli::Enroll;
use crate::command_error::CommandError;
use otpauth::Issuer;
use totp_core::credential::Label;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::totp::Parameters;
use totp_host::entropy::OsEntropy;

/// Label, parameters and issuer of a new authenticator.
pub(super) struct AuthenticatorOptions {
    pub(super) label: Label,
    pub(super) parameters: Parameters,
    pub(super) issuer: Issuer,
}

impl AuthenticatorOptions {
    /// Parses the options. Without `--issuer` the issuer is the host name.
    pub(super) fn of(options: &Enroll) -> Result<Self, CommandError> {
        let label = Label::parse(&options.label).map_err(|error| CommandError::usage(error.to_string()))?;
        let parameters = Parameters::new(options.algorithm.into(), options.digits, options.period)
            .map_err(|error| CommandError::usage(error.to_string()))?;
        let issuer = options.issuer.clone().map_or_else(host_name, Ok)?;
        let issuer =
            Issuer::parse(&issuer).map_err(|error| CommandError::usage(format!("--issuer: {error}")))?;
        Ok(Self { label, parameters, issuer })
    }

    /// An authenticator with a new secret.
    pub(super) fn draft(&self) -> Result<Draft, CommandError> {
        Draft::generate(self.label.clone(), self.parameters, &mut OsEntropy)
            .map_err(|error| CommandError::refused(error.to_string()))
    }
}

fn host_name() -> Result<String, CommandError> {
    let name = nix::unistd::gethostname().map_err(|error| CommandError::refused(error.to_string()))?;
    Ok(name.to_string_lossy().into_owned())
}
