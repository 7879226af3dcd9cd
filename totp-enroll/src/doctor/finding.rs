//! A finding of `doctor`: what is wrong, why it matters, and how to fix it.

use crate::output;
use serde::Serialize;
use totp_core::store::StoreError;

/// At most this many names are listed in a finding about several users.
const MOST_NAMES: usize = 5;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Logins succeed that should not, or none succeeds.
    Serious,
    /// It may be intended, or will cause a failure later.
    Warning,
    /// It is as configured, and worth knowing.
    Info,
}

/// One thing that `doctor` found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    /// The config accepts it: it is shown, and does not count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) accepted: bool,
    pub(crate) severity: Severity,
    /// A name for programs, the same in every version.
    pub(crate) name: &'static str,
    /// The PAM service that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    /// The PAM services, if it concerns several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) services: Vec<String>,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) fix: String,
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
        Self {
            accepted: false,
            severity,
            name,
            service: None,
            services: Vec::new(),
            what: what.into(),
            why: String::new(),
            fix: String::new(),
        }
    }

    /// Joins findings that differ only in their service.
    pub(crate) fn merged(findings: Vec<Self>) -> Vec<Self> {
        let mut merged: Vec<Self> = Vec::new();
        for mut finding in findings {
            let same = |other: &&mut Self| {
                let key = |one: &Self| {
                    (one.accepted, one.severity, one.name, one.service.is_some() || !one.services.is_empty())
                };
                key(other) == key(&finding)
                    && (&other.what, &other.why, &other.fix) == (&finding.what, &finding.why, &finding.fix)
            };
            match merged.iter_mut().find(same) {
                Some(first) => {
                    first.services.extend(first.service.take());
                    first.services.extend(finding.service.take());
                }
                None => merged.push(finding),
            }
        }
        merged
    }

    pub(crate) fn why(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    pub(crate) fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    pub(crate) fn at(self, service: &str) -> Self {
        Self { service: Some(service.to_owned()), ..self }
    }
}

/// What is wrong with a document of the store, and where.
pub(super) fn described(error: &StoreError) -> String {
    format!("{}: {}", output::location(error.about(), error.line()), error.problem())
}

/// The first of these names.
pub(super) fn some_of(names: &[String]) -> String {
    let more = if names.len() > MOST_NAMES { ", ..." } else { "" };
    let some: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    format!("{}{more}", some.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_findings_of_several_services_are_joined() {
        let finding = |what: &str| Finding::info("x", what);
        let all = vec![
            finding("a"),
            finding("a").at("cron"),
            finding("a").at("su"),
            finding("a").at("sudo"),
            finding("b").at("su"),
        ];
        let merged = Finding::merged(all);
        let services: Vec<(&str, Option<&str>, usize)> = merged
            .iter()
            .map(|one| (one.what.as_str(), one.service.as_deref(), one.services.len()))
            .collect();
        assert_eq!(services, [("a", None, 0), ("a", None, 3), ("b", Some("su"), 0)]);
    }
}
