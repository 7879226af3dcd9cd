//! The Match blocks of sshd's configuration, and for each the connections that it is about, so that sshd can be asked about them
//! (sshd_config(5), Match and Include; ssh_config(5), PATTERNS).

use super::people;
use nix::unistd::{Gid, Group, User as Passwd, getgrouplist};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use totp_core::network::Network;

const CONFIG: &str = "/etc/ssh/sshd_config";
/// sshd itself goes no deeper.
const DEEPEST: usize = 16;
/// A block that is about more connections than this is not asked about.
const MOST_CONNECTIONS: usize = 1000;
/// An address that is nobody's (RFC 5737).
const ANYWHERE: &str = "203.0.113.7";
/// An account that is nobody's; Match blocks for everybody apply to it.
const ANYBODY: &str = "totp-enroll-doctor";

/// What sshd is asked about (sshd(8), -C).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Connection {
    pub(super) user: String,
    pub(super) address: String,
    host: String,
    local_address: String,
    local_port: String,
}

impl Connection {
    /// Anybody from anywhere.
    pub(super) fn general() -> Self {
        Self {
            user: ANYBODY.to_owned(),
            address: ANYWHERE.to_owned(),
            host: ANYWHERE.to_owned(),
            local_address: "127.0.0.1".to_owned(),
            local_port: "22".to_owned(),
        }
    }

    pub(super) fn of(user: &str) -> Self {
        Self { user: user.to_owned(), ..Self::general() }
    }

    /// As sshd reads it; `None`: a comma would end a value.
    pub(super) fn specification(&self) -> Option<String> {
        let Self { user, address, host, local_address, local_port } = self;
        let values = [user, address, host, local_address, local_port];
        let said = format!("user={user},host={host},addr={address},laddr={local_address},lport={local_port}");
        (!values.iter().any(|value| value.contains(','))).then_some(said)
    }

    /// For people: who, from where.
    pub(super) fn whom(&self) -> String {
        let general = Self::general();
        let mut whom = if self.user == ANYBODY { "everybody".to_owned() } else { self.user.clone() };
        let (from, to) = (&self.host, &self.local_address);
        if *from != general.host {
            whom.push_str(&format!(" from {from}"));
        }
        if *to != general.local_address {
            whom.push_str(&format!(" to {to}"));
        }
        if self.local_port != general.local_port {
            whom.push_str(&format!(" to port {}", self.local_port));
        }
        whom
    }
}

/// The files of the configuration, and the Match blocks in them.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) files: Vec<PathBuf>,
    pub(super) blocks: Vec<Block>,
}

/// One line that begins a block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    /// `None`: what is asked cannot be told from the line alone.
    criteria: Option<Vec<(String, String)>>,
}

impl Configuration {
    pub(super) fn read() -> Self {
        let mut all = Self::default();
        all.file(Path::new(CONFIG), false, 0);
        all
    }

    fn file(&mut self, path: &Path, inside: bool, depth: usize) {
        let Ok(text) = fs::read_to_string(path) else { return };
        self.files.push(path.to_owned());
        let mut in_block = inside;
        for (line, words) in (1..).zip(text.lines().map(words)) {
            let Some((first, rest)) = words.split_first() else { continue };
            let block = |criteria| Block { file: path.to_owned(), line, criteria };
            if first.eq_ignore_ascii_case("match") {
                in_block = true;
                // Both blocks have to apply to one that is in a file that a block includes.
                self.blocks.push(block(criteria(rest).filter(|_| !inside)));
            } else if first.eq_ignore_ascii_case("include") {
                for pattern in rest {
                    match expand(&Path::new("/etc/ssh").join(pattern)) {
                        Some(paths) if depth < DEEPEST => {
                            paths.iter().for_each(|path| self.file(path, in_block, depth.saturating_add(1)));
                        }
                        Some(_) | None => self.blocks.push(block(None)),
                    }
                }
            }
        }
    }
}

/// The words of a line, as sshd parts them: `=` is a blank, quotes hold blanks, `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for char in line.chars() {
        match (char, words.last_mut()) {
            ('"', _) => quoted = !quoted,
            ('#', Some(word)) if !quoted && word.is_empty() => break,
            ('=' | ' ' | '\t' | '\r', _) if !quoted => words.push(String::new()),
            (_, Some(word)) => word.push(char),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn criteria(words: &[String]) -> Option<Vec<(String, String)>> {
    let mut words = words.iter();
    let mut criteria = Vec::new();
    while let Some(kind) = words.next() {
        let kind = kind.to_ascii_lowercase();
        match kind.as_str() {
            "all" | "invalid-user" => {}
            "user" | "group" | "address" | "host" | "localaddress" | "localport" => {
                criteria.push((kind, words.next()?.clone()));
            }
            _ => return None,
        }
    }
    Some(criteria)
}

/// The files of a pattern (glob(7), `*` and `?`); `None`: it is of another kind.
fn expand(pattern: &Path) -> Option<Vec<PathBuf>> {
    let mut paths = vec![PathBuf::from("/")];
    for part in pattern.iter().skip(1) {
        let part = part.to_str().filter(|part| !part.contains(['[', '{', '\\']))?;
        if !part.contains(['*', '?']) {
            paths.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let entries = paths.iter().flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
        let fits = |name: &str| is_like(name, part) && name.starts_with('.') == part.starts_with('.');
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_str().is_some_and(fits))
            .map(|entry| entry.path())
            .collect();
        found.sort();
        paths = found;
    }
    Some(paths)
}

impl Block {
    /// Connections that the block applies to: one for each thing that it names; `None`: that cannot be told.
    pub(super) fn connections(&self, enrolled: &[String]) -> Option<Vec<Connection>> {
        let criteria = self.criteria.as_ref()?;
        let mut connections: Vec<Connection> =
            users(criteria, enrolled)?.iter().map(|user| Connection::of(user)).collect();
        for (kind, list) in criteria.iter().filter(|(kind, _)| kind != "user" && kind != "group") {
            let values = values(kind, list)?;
            if connections.len().saturating_mul(values.len()) > MOST_CONNECTIONS {
                return None;
            }
            let with = |connection: &Connection, value: &String| {
                let (mut connection, value) = (connection.clone(), value.clone());
                match kind.as_str() {
                    "address" => {
                        connection.host.clone_from(&value);
                        connection.address = value;
                    }
                    "host" => connection.host = value,
                    "localaddress" => connection.local_address = value,
                    _ => connection.local_port = value,
                }
                connection
            };
            connections = connections
                .iter()
                .flat_map(|connection| values.iter().map(|value| with(connection, value)).collect::<Vec<_>>())
                .collect();
        }
        Some(connections)
    }
}

/// One value for each that a list names.
fn values(kind: &str, list: &str) -> Option<Vec<String>> {
    let is_address = kind == "address" || kind == "localaddress";
    let wanted = list.split(',').filter(|pattern| !pattern.starts_with('!'));
    let values: Option<Vec<String>> = wanted
        .map(|pattern| {
            let examples = if is_address { addresses(pattern, list) } else { examples(pattern) };
            examples.into_iter().find(|value| fits(value, list, is_address))
        })
        .collect();
    // With nothing but what is excluded, sshd takes it for nobody.
    values
}

/// Addresses of a network, or like a pattern; also those beside what the list excludes.
fn addresses(pattern: &str, list: &str) -> Vec<String> {
    if pattern == "*" {
        return [ANYWHERE, "192.0.2.7", "2001:db8::7"].map(str::to_owned).to_vec();
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

/// Texts that are like a pattern.
fn examples(pattern: &str) -> Vec<String> {
    let by = |star: &str| pattern.replace('*', star).replace('?', "x");
    vec![by("x"), by("")].into_iter().filter(|text| !text.is_empty()).collect()
}

/// Whether a list of patterns, those with `!` excluding, takes in a value.
fn fits(value: &str, list: &str, is_address: bool) -> bool {
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

/// `*` is any text, `?` any character.
fn is_like(text: &str, pattern: &str) -> bool {
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

/// Whom the block is about: everybody who is named or enrolled, and one of the others.
fn users(criteria: &[(String, String)], enrolled: &[String]) -> Option<Vec<String>> {
    let lists = |wanted: &'static str| {
        criteria.iter().filter(move |(kind, _)| kind == wanted).map(|(_, list)| list.as_str())
    };
    if lists("user").chain(lists("group")).next().is_none() {
        return Some(vec![ANYBODY.to_owned()]);
    }
    let patterns = lists("user").flat_map(|list| list.split(',')).filter(|one| !one.starts_with('!'));
    let (like, plain): (Vec<&str>, Vec<&str>) = patterns.partition(|one| one.contains(['*', '?']));
    let members = lists("group").flat_map(|list| list.split(','));
    let members =
        members.filter_map(|name| Group::from_name(name).ok().flatten()).flat_map(|group| group.mem);
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    // People stand behind what the system brought.
    let known = passwd.lines().rev().filter_map(|line| line.split(':').next()).map(str::to_owned);
    let wanted = |name: &String| {
        lists("user").all(|list| fits(name, list, false)) && lists("group").all(|list| is_member(name, list))
    };
    let people = plain.iter().map(|name| (*name).to_owned()).chain(enrolled.iter().cloned());
    let mut found: BTreeSet<String> = people.filter(|name| wanted(name) && people::exists(name)).collect();
    found.extend(members.chain(known).find(wanted));
    // Somebody of whom no other block speaks, such as an account to come.
    let made_up = [ANYBODY.to_owned()].into_iter().chain(like.iter().flat_map(|pattern| examples(pattern)));
    found.extend(made_up.filter(|_| !like.is_empty()).find(wanted));
    // Named are those alone who are no accounts here: nobody gets in by it.
    let is_about_nobody =
        like.is_empty() && !plain.is_empty() && !plain.iter().any(|name| people::exists(name));
    (!found.is_empty() || is_about_nobody).then(|| found.into_iter().collect())
}

fn is_member(name: &str, list: &str) -> bool {
    let groups = || {
        let account = Passwd::from_name(name).ok()??;
        let gids: Vec<Gid> = getgrouplist(&CString::new(name).ok()?, account.gid).ok()?;
        let groups = gids.into_iter().filter_map(|gid| Group::from_gid(gid).ok()?);
        Some(groups.map(|group| group.name).collect::<Vec<_>>())
    };
    let groups = groups().unwrap_or_default();
    let excluded = |pattern: &str| {
        pattern.strip_prefix('!').is_some_and(|one| groups.iter().any(|group| is_like(group, one)))
    };
    !list.split(',').any(excluded) && groups.iter().any(|group| fits(group, list, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Option<Vec<String>> {
        let block = Block { file: PathBuf::new(), line: 1, criteria: criteria(&words(line)) };
        let connections = block.connections(&["root".to_owned()])?;
        Some(connections.iter().map(Connection::whom).collect())
    }

    #[test]
    fn each_criterion_has_its_part_in_what_is_asked() {
        for (line, whom) in [
            ("all", "everybody"),
            ("User root Address 10.0.0.0/8", "root from 10.0.0.0"),
            ("user=root LocalPort=2222 # ours", "root to port 2222"),
            ("Address 192.168.*", "everybody from 192.168.7.7"),
            ("Address 10.0.0.0/8,!10.0.0.0/24", "everybody from 10.255.255.255"),
            ("Address !10.0.0.0/9,!10.255.0.0/16,10.0.0.0/8", "everybody from 10.128.0.0"),
            ("Address 2001:db8::/32", "everybody from 2001:db8::"),
            ("Host *.example.org LocalAddress 192.0.2.1", "everybody from x.example.org to 192.0.2.1"),
            ("Group root", "root"),
        ] {
            assert_eq!(asked(line), Some(vec![whom.to_owned()]), "{line}");
        }
        let all_but_one = asked("User !root,*").unwrap();
        assert!(all_but_one.contains(&"everybody".to_owned()) && !all_but_one.contains(&"root".to_owned()));
        assert_eq!(asked("User nobody-of-that-name"), Some(vec![]));
        assert_eq!(asked("User roo?,nobody-*").map(|whom| whom.len()), Some(2));
    }

    #[test]
    fn what_cannot_be_told_is_not_silently_left_out() {
        for line in [
            "RDomain x",
            "Version OpenSSH_7*",
            "User",
            "Group no-group-of-that-name",
            "Address 10.0.0.0/8,!10.0.0.0/8",
            "Address what",
        ] {
            assert_eq!(asked(line), None, "{line}");
        }
    }

    #[test]
    fn patterns_are_those_of_the_manual() {
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
