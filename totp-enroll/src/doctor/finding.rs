//! What is wrong, why it matters, and what mends it.

use serde::Serialize;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Somebody gets in who should not, or nobody does.
    Serious,
    /// It may be meant so, or will go wrong some day.
    Warning,
    /// As it was asked for; worth knowing.
    Info,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// A word for programs, the same in every version.
    pub(crate) name: &'static str,
    /// The PAM service that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) mend: String,
}

impl Finding {
    pub(crate) fn serious(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Serious, name, what)
    }

    pub(crate) fn warning(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, name, what)
    }

    pub(crate) fn info(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Info, name, what)
    }

    pub(crate) fn new(severity: Severity, name: &'static str, what: impl Into<String>) -> Self {
        Self { severity, name, service: None, what: what.into(), why: String::new(), mend: String::new() }
    }

    pub(crate) fn why(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    pub(crate) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: mend.into(), ..self }
    }

    pub(crate) fn at(self, service: &str) -> Self {
        Self { service: Some(service.to_owned()), ..self }
    }
}
