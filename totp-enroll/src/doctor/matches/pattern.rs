//! The patterns in sshd's lists (ssh_config(5), PATTERNS): tests a value against them, and makes values that match.

use std::net::IpAddr;
use totp_core::network::Network;

/// An address for documentation, used by no host (RFC 5737).
pub(super) const ANY_ADDRESS: &str = "203.0.113.7";

/// One matching value for each pattern of a list; `None`: a pattern for which none is found.
pub(super) fn values(kind: &str, list: &str) -> Option<Vec<String>> {
    let is_address = kind == "address" || kind == "localaddress";
    let wanted = list.split(',').filter(|pattern| !pattern.starts_with('!'));
    let values: Option<Vec<String>> = wanted
        .map(|pattern| {
            let examples = if is_address { addresses(pattern, list) } else { examples(pattern) };
            examples.into_iter().find(|value| matches_list(value, list, is_address))
        })
        .collect();
    // A list of exclusions only matches nothing (sshd_config(5)).
    values
}

/// Addresses that may match a network or a pattern, including those next to the excluded networks.
fn addresses(pattern: &str, list: &str) -> Vec<String> {
    if pattern == "*" {
        return [ANY_ADDRESS, "192.0.2.7", "2001:db8::7"].map(str::to_owned).to_vec();
    }
    let Some((first, last)) = range(pattern) else {
        let by = |star: &str| pattern.replace('*', star).replace('?', "1");
        let texts = ["7", "7.7", "7.7.7", "1", "1.1", "1.1.1", ":7", "7::7"].map(by);
        return texts.into_iter().filter(|text| text.parse::<IpAddr>().is_ok()).collect();
    };
    let is_six = pattern.contains(':');
    let excluded = list.split(',').filter_map(|pattern| range(pattern.strip_prefix('!')?));
    let beside = excluded.flat_map(|(first, last)| [first.checked_sub(1), last.checked_add(1)]).flatten();
    let middle = first.saturating_add(last.saturating_sub(first) / 2);
    let numbers = [first, last, middle].into_iter().chain(beside);
    let inside = numbers.filter(|number| (first..=last).contains(number));
    inside.filter_map(|number| address(number, is_six)).map(|address| address.to_string()).collect()
}

fn address(number: u128, is_six: bool) -> Option<IpAddr> {
    match is_six {
        true => Some(IpAddr::from(number.to_be_bytes())),
        false => u32::try_from(number).ok().map(|number| IpAddr::from(number.to_be_bytes())),
    }
}

/// The first and the last address of a network, or a single one, as numbers.
fn range(text: &str) -> Option<(u128, u128)> {
    let (address, prefix) =
        text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let (first, bits) = match address {
        IpAddr::V4(four) => (u128::from(four.to_bits()), 32_u32),
        IpAddr::V6(six) => (six.to_bits(), 128),
    };
    let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
    let rest = bits.checked_sub(prefix)?;
    let span = if rest == 128 { u128::MAX } else { 1_u128.checked_shl(rest)?.checked_sub(1)? };
    Some((first, first.checked_add(span)?))
}

/// Texts that match a pattern.
pub(super) fn examples(pattern: &str) -> Vec<String> {
    let by = |star: &str| pattern.replace('*', star).replace('?', "x");
    vec![by("x"), by("")].into_iter().filter(|text| !text.is_empty()).collect()
}

/// Whether a value matches a list of patterns, in which `!` excludes.
pub(super) fn matches_list(value: &str, list: &str, is_address: bool) -> bool {
    let like = |pattern: &str| match (is_address, pattern.contains('/')) {
        (true, true) => {
            let network = Network::parse(pattern).ok();
            value.parse().is_ok_and(|address| network.is_some_and(|network| network.contains(address)))
        }
        (true, false) | (false, _) => is_like(value, pattern),
    };
    let mut is_in = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(excluded) if like(excluded) => return false,
            Some(_) => {}
            None => is_in |= like(pattern),
        }
    }
    is_in
}

/// Whether a text matches a pattern: `*` is any text, `?` any character.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.filter_map(|at| text.get(at..)).any(|text| is_like(text, rest.as_str()))
        }
        Some(wanted) => {
            let mut chars = text.chars();
            chars.next().is_some_and(|char| wanted == '?' || char == wanted)
                && is_like(chars.as_str(), rest.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_manual_says() {
        for (text, pattern, is) in [
            ("b", "b*", true),
            ("bob", "b*", true),
            ("bob", "b?b", true),
            ("bob", "*b", true),
            ("bob", "b?", false),
            ("bob", "bo", false),
            ("", "*", true),
            ("a.b", "*.b", true),
        ] {
            assert_eq!(is_like(text, pattern), is, "{text} {pattern}");
        }
    }
}
