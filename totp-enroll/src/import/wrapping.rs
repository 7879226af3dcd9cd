//! What other tools write around a URI: harmless wrapping is taken off; what is no list of URIs is named, with how to make one.

use std::str;

/// In front of a URI: `QR-Code:` of zbarimg and zbarcam.
const PREFIXES: [&str; 1] = ["QR-Code:"];
/// Pairs of quotes, in ASCII and as word processors write them.
const QUOTES: [(&str, &str); 6] =
    [("\"", "\""), ("'", "'"), ("`", "`"), ("<", ">"), ("\u{201c}", "\u{201d}"), ("\u{201e}", "\u{201c}")];
/// Characters that nobody sees, at the ends of a line.
const UNSEEN: [&str; 8] =
    ["\u{feff}", "\u{200b}", "\u{a0}", "\u{2009}", "\u{202f}", "\u{200e}", "\u{2068}", "\u{2069}"];

/// The line without what is wrapped around it.
pub(super) fn unwrapped(line: &[u8]) -> &[u8] {
    let mut bare = line;
    loop {
        let before = bare.len();
        bare = bare.trim_ascii();
        for unseen in UNSEEN.map(str::as_bytes) {
            bare = bare.strip_prefix(unseen).unwrap_or(bare);
            bare = bare.strip_suffix(unseen).unwrap_or(bare);
        }
        for prefix in PREFIXES {
            let has_it =
                bare.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()));
            bare = if has_it { bare.get(prefix.len()..).unwrap_or(bare) } else { bare };
        }
        // The end of a line of a list in JSON, Python or a table with one column.
        bare = bare.strip_suffix(b",").or_else(|| bare.strip_suffix(b";")).unwrap_or(bare);
        for (open, close) in QUOTES {
            let inner =
                bare.strip_prefix(open.as_bytes()).and_then(|rest| rest.strip_suffix(close.as_bytes()));
            bare = inner.unwrap_or(bare);
        }
        if bare.len() == before {
            return bare;
        }
    }
}

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
    fn harmless_wrapping_is_taken_off() {
        let uri = "otpauth://totp/alice?secret=GEZDGNBV";
        for line in [
            uri.to_owned(),
            format!("\u{feff}{uri}\r"),
            format!("QR-Code:{uri}"),
            format!("qr-code: {uri}"),
            format!("\"{uri}\""),
            format!("  '{uri}',"),
            format!("<{uri}>;"),
            format!("\u{201c}{uri}\u{201d}"),
            format!("\u{a0}{uri}\u{200b}"),
            format!("\"QR-Code:{uri}\"\t"),
        ] {
            assert_eq!(unwrapped(line.as_bytes()), uri.as_bytes(), "{line}");
        }
        for line in ["\"otpauth://totp/a", "'", "", "# \"x\"", "\u{201c}"] {
            assert_eq!(unwrapped(line.as_bytes()), line.as_bytes(), "{line}");
        }
    }

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
