//! What is enrolled with, as the options say: the same for everybody of a list.

use crate::cli::Enroll;
use crate::failure::Failure;
use otpauth::Issuer;
use totp_core::credential::Label;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::totp::Parameters;
use totp_host::entropy::OsEntropy;

/// What is enrolled with.
pub(super) struct Terms {
    pub(super) label: Label,
    pub(super) parameters: Parameters,
    pub(super) issuer: Issuer,
}

impl Terms {
    /// As the options say; the issuer is this machine's name unless they name one.
    pub(super) fn of(options: &Enroll) -> Result<Self, Failure> {
        let label = Label::parse(&options.label).map_err(|error| Failure::usage(error.to_string()))?;
        let parameters = Parameters::new(options.algorithm.into(), options.digits, options.period)
            .map_err(|error| Failure::usage(error.to_string()))?;
        let issuer = options.issuer.clone().map_or_else(host, Ok)?;
        let issuer = Issuer::parse(&issuer).map_err(|error| Failure::usage(format!("--issuer: {error}")))?;
        Ok(Self { label, parameters, issuer })
    }

    /// A new secret.
    pub(super) fn draft(&self) -> Result<Draft, Failure> {
        Draft::generate(self.label.clone(), self.parameters, &mut OsEntropy)
            .map_err(|error| Failure::refused(error.to_string()))
    }
}

fn host() -> Result<String, Failure> {
    let name = nix::unistd::gethostname().map_err(|error| Failure::refused(error.to_string()))?;
    Ok(name.to_string_lossy().into_owned())
}
