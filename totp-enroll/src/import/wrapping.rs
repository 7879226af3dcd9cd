//! What other tools write around a URI, which is taken off.

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
}
