//! The modules that are compared.

/// One of them; also the name of its PAM service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contestant {
    /// Asks nothing: what libpam itself costs.
    Permit,
    /// The module of this repository.
    Totp,
    /// google-authenticator-libpam as Debian packages it.
    Google,
    /// `pam_oath` as Debian packages it.
    Oath,
}

impl Contestant {
    /// In the order of the tables.
    pub(crate) const ALL: [Self; 4] = [Self::Permit, Self::Totp, Self::Google, Self::Oath];

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Permit => "pam_permit",
            Self::Totp => "pam_totp",
            Self::Google => "google-authenticator",
            Self::Oath => "pam_oath",
        }
    }

    /// The Debian package that it comes from.
    pub(crate) fn package(self) -> Option<&'static str> {
        match self {
            Self::Permit => Some("libpam-modules"),
            Self::Totp => None,
            Self::Google => Some("libpam-google-authenticator"),
            Self::Oath => Some("libpam-oath"),
        }
    }
}
