//! The keys of an `otpauth://` URI: those that decide the codes, those that do not matter, and those that other programs write.
//!
//! A key that is in no list refuses the URI: an app may follow it, and the person would be enrolled with other codes than the app shows.

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UriKey {
    Secret,
    Algorithm,
    Digits,
    Period,
    Counter,
    /// It changes no code.
    Harmless,
}

/// Why a key refuses the URI. A key is only repeated if it is too short to be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error(
        "has &amp; or &#038; where a URI has &, because it was copied from the source of a web page; write & in each of these \
         places"
    )]
    Html,
    #[error(
        "has a blank beside the parameter {0}, which apps then do not see; remove the blank, or the parameter"
    )]
    Blank(&'static str),
    #[error(
        "has the parameter {0}, which apps ignore; it probably means {1}: rename it if the codes are made so, otherwise remove it"
    )]
    Means(&'static str, &'static str),
    #[error("has the parameter {0}, which may change the codes and is not supported; enrol this user anew")]
    ChangesCodes(&'static str),
    #[error(
        "has the unknown parameter {0}, which may change the codes; remove it if it does not, otherwise enrol this user anew"
    )]
    Unknown(String),
    #[error(
        "has a parameter without a known name, which may change the codes; correct it, or enrol this user anew"
    )]
    NoWord,
}

/// The longest unknown key that a message repeats; the shortest secret has 16 characters.
const LONGEST_NAMED: usize = 15;

/// The keys of the Key URI Format that decide the codes.
const DECIDING: [(&str, UriKey); 5] = [
    ("secret", UriKey::Secret),
    ("algorithm", UriKey::Algorithm),
    ("digits", UriKey::Digits),
    ("period", UriKey::Period),
    ("counter", UriKey::Counter),
];

/// Keys of apps and servers that say how an entry looks and where it came from: FreeOTP (`image`, `color`, `lock`), Ente
/// (`codeDisplay`), Stratum (`icon`), privacyIDEA (`creator`, `serial`), and what password managers add.
const HARMLESS: [&str; 28] = [
    "issuer",
    "image",
    "imageurl",
    "icon",
    "logo",
    "color",
    "colour",
    "lock",
    "label",
    "name",
    "account",
    "accountname",
    "user",
    "username",
    "codedisplay",
    "description",
    "group",
    "category",
    "tag",
    "tags",
    "note",
    "notes",
    "url",
    "origin",
    "favorite",
    "pinned",
    "creator",
    "serial",
];

/// Keys that apps ignore, and what they probably mean. Without `_` and `-`.
const PROBABLE: [(&str, &[&str]); 5] = [
    (
        "algorithm",
        &["alg", "algo", "hash", "hashalg", "hashalgo", "hashalgorithm", "digest", "hmac", "mac", "sha"],
    ),
    (
        "digits",
        &[
            "digit",
            "length",
            "len",
            "size",
            "otplength",
            "otplen",
            "codelength",
            "codesize",
            "numdigits",
            "codedigits",
        ],
    ),
    (
        "period",
        &[
            "timer",
            "interval",
            "step",
            "steps",
            "stepsize",
            "timestep",
            "timeinterval",
            "timeperiod",
            "seconds",
            "duration",
            "refresh",
        ],
    ),
    ("counter", &["count", "ctr", "movingfactor", "initialcounter", "startcounter"]),
    ("secret", &["key", "seed", "sharedsecret", "secretkey", "otpsecret"]),
];

/// Keys of kinds of codes that are not those of RFC 6238 and RFC 4226.
const OTHER_CODES: [&str; 8] = ["encoder", "t0", "epoch", "offset", "skew", "pin", "token", "alphabet"];

/// `&` as it is written in HTML, without the `&`; also after the `#` was written as `%23`.
const HTML: [&str; 4] = ["amp;", "#038;", "#38;", "#x26;"];

/// What a key is for; it is percent-decoded. Upper case counts too: ignoring DIGITS=8 would import wrong codes.
pub(super) fn parse(key: &str) -> Result<UriKey, KeyError> {
    let lower = key.to_ascii_lowercase();
    if is_html(&lower) {
        return Err(KeyError::Html);
    }
    let bare = lower
        .trim_matches(|char: char| char.is_whitespace() || matches!(char, '+' | '\u{200b}' | '\u{feff}'));
    if HARMLESS.contains(&bare) {
        return Ok(UriKey::Harmless);
    }
    if let Some((name, known)) = DECIDING.iter().find(|(name, _)| *name == bare) {
        return if bare == lower { Ok(*known) } else { Err(KeyError::Blank(name)) };
    }
    if let Some(name) = OTHER_CODES.iter().find(|name| **name == bare) {
        return Err(KeyError::ChangesCodes(name));
    }
    let joined: String = bare.chars().filter(|char| !matches!(char, '_' | '-')).collect();
    let names = PROBABLE.iter().flat_map(|(means, names)| names.iter().map(move |name| (*name, *means)));
    if let Some((name, means)) = names.into_iter().find(|(name, _)| *name == joined) {
        return Err(KeyError::Means(name, means));
    }
    let is_word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
    match (1..=LONGEST_NAMED).contains(&bare.len()) && bare.chars().all(is_word) {
        true => Err(KeyError::Unknown(bare.to_owned())),
        false => Err(KeyError::NoWord),
    }
}

/// Whether what follows a `&` is the rest of a `&` of HTML.
pub(super) fn is_html(behind: &str) -> bool {
    HTML.iter().any(|rest| behind.get(..rest.len()).is_some_and(|start| start.eq_ignore_ascii_case(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_harmless_or_refused_with_what_it_means() {
        assert_eq!(parse("secret"), Ok(UriKey::Secret));
        assert_eq!(parse("DIGITS"), Ok(UriKey::Digits));
        for harmless in ["issuer", "codeDisplay", "Image", " issuer"] {
            assert_eq!(parse(harmless), Ok(UriKey::Harmless), "{harmless}");
        }
        for html in [
            "amp;issuer",
            "amp;digits",
            "AMP;x",
            "#038;digits",
            "#38;digits",
            "#x26;digits",
            "amp;amp;digits",
        ] {
            assert_eq!(parse(html), Err(KeyError::Html), "{html}");
        }
        for (key, name, means) in [
            ("alg", "alg", "algorithm"),
            ("Hash", "hash", "algorithm"),
            ("digit", "digit", "digits"),
            ("length", "length", "digits"),
            ("timer", "timer", "period"),
            ("time_step", "timestep", "period"),
            ("moving-factor", "movingfactor", "counter"),
            ("key", "key", "secret"),
        ] {
            assert_eq!(parse(key), Err(KeyError::Means(name, means)), "{key}");
        }
        for blank in [" digits", "digits ", "+digits", "\u{a0}digits", "digits\t"] {
            assert_eq!(parse(blank), Err(KeyError::Blank("digits")), "{blank:?}");
        }
        assert_eq!(parse("encoder"), Err(KeyError::ChangesCodes("encoder")));
        assert_eq!(parse("x-new"), Err(KeyError::Unknown("x-new".to_owned())));
    }

    #[test]
    fn a_key_that_could_be_a_secret_is_not_repeated() {
        for key in ["GEZDGNBVGY3TQOJQ", "secret:GEZDGNBVGY3TQOJQ", "", "a b", "\u{1b}[2J", "é"] {
            assert_eq!(parse(key), Err(KeyError::NoWord), "{key}");
        }
    }
}
