//! What a line is that is no `otpauth://` URI, and how to make one of it.

/// What a line is that is no URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoUri {
    #[error(
        "has other text beside the URI; leave one otpauth:// URI per line, for example with: grep -o 'otpauth[^\",;<> ]*' FILE"
    )]
    TextBeside,
    #[error(
        "is a line of a table (CSV), not an otpauth:// URI; give the URIs alone, one per line; hardware tokens are imported with \
         \"totp-enroll import tokens\""
    )]
    Table,
    #[error(
        "is a URI of another kind, not an otpauth:// URI; such codes are not supported: enrol this user anew"
    )]
    OtherScheme,
    #[error("is not an otpauth:// URI; write otpauth://totp/ISSUER:ACCOUNT?secret=...")]
    Other,
}

impl NoUri {
    /// Looks at an unwrapped line.
    pub(super) fn of(line: &str) -> Self {
        let lower = line.to_ascii_lowercase();
        let separators = line.chars().filter(|char| matches!(char, ',' | ';' | '\t')).count();
        let scheme = lower.split_once("://").map(|(scheme, _)| scheme);
        if lower.find("otpauth://").is_some_and(|at| at > 0) || lower.contains("otpauth-migration://") {
            Self::TextBeside
        } else if separators >= 2 {
            Self::Table
        } else if matches!(scheme, Some("steam" | "motp" | "phonefactor" | "duo" | "yaotp" | "battlenet")) {
            Self::OtherScheme
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_uri_is_named() {
        for (line, what) in [
            ("Title,URL,Username,Password,Notes,OTPAuth", NoUri::Table),
            ("site,https://site.example,anna,pw,,otpauth://totp/a?secret=x", NoUri::TextBeside),
            ("secret of anna: otpauth://totp/a?secret=x", NoUri::TextBeside),
            ("steam://GEZDGNBV", NoUri::OtherScheme),
            ("GEZDGNBV", NoUri::Other),
            ("https://totp/alice", NoUri::Other),
        ] {
            assert_eq!(NoUri::of(line), what, "{line}");
        }
    }
}
