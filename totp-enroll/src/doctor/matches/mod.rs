//! Reads the Match blocks of sshd's configuration and makes sample logins for each, about which sshd can then be asked
//! (sshd_config(5), Match and Include; ssh_config(5), PATTERNS).

mod pattern;

use super::enrolments;
use nix::unistd::{Gid, Group, User as Passwd, getgrouplist};
use pattern::{ANY_ADDRESS, examples, is_like, matches_list, values};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

const CONFIG: &str = "/etc/ssh/sshd_config";
/// The deepest include that sshd follows.
const DEEPEST: usize = 16;
/// A block that needs more sample logins than this is not checked.
const MOST_CONNECTIONS: usize = 1000;

/// The files of the configuration, and the Match blocks in them.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) files: Vec<PathBuf>,
    pub(super) blocks: Vec<Block>,
}

/// A Match block, by its first line.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    /// `None`: no sample logins can be made from this line alone.
    criteria: Option<Vec<(String, String)>>,
}

impl Configuration {
    pub(super) fn read() -> Self {
        let mut all = Self::default();
        all.file(Path::new(CONFIG), false, 0);
        all
    }

    fn file(&mut self, path: &Path, inside: bool, depth: usize) {
        // sshd accepts comments in any encoding.
        let Ok(text) = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) else {
            return;
        };
        self.files.push(path.to_owned());
        let mut in_block = inside;
        for (line, words) in (1..).zip(text.lines().map(words)) {
            let Some((first, rest)) = words.split_first() else { continue };
            let block = |criteria| Block { file: path.to_owned(), line, criteria };
            if first.eq_ignore_ascii_case("match") {
                in_block = true;
                // A block in a file that a block includes applies only where both do.
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

/// The words of a line as sshd splits it: `=` is a blank, quoted words may contain blanks, `#` begins a comment.
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

/// The files that match a pattern of glob(7); `None`: it uses more than `*` and `?`.
fn expand(pattern: &Path) -> Option<Vec<PathBuf>> {
    let mut paths = vec![PathBuf::from("/")];
    for part in pattern.iter().skip(1) {
        let part = part.to_str().filter(|part| !part.contains(['[', '{', '\\']))?;
        if !part.contains(['*', '?']) {
            paths.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let entries = paths.iter().flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
        let matches = |name: &str| is_like(name, part) && name.starts_with('.') == part.starts_with('.');
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_str().is_some_and(matches))
            .map(|entry| entry.path())
            .collect();
        found.sort();
        paths = found;
    }
    Some(paths)
}

impl Block {
    /// Sample logins that the block applies to, one for each value that it names; `None`: none can be made.
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

/// Sample users who meet the criteria: every one of them that is named or enrolled, and one other; `None`: none can be found.
fn users(criteria: &[(String, String)], enrolled: &[String]) -> Option<Vec<String>> {
    let lists = |wanted: &'static str| {
        criteria.iter().filter(move |(kind, _)| kind == wanted).map(|(_, list)| list.as_str())
    };
    if lists("user").chain(lists("group")).next().is_none() {
        return Some(vec![ANY_USER.to_owned()]);
    }
    let patterns = lists("user").flat_map(|list| list.split(',')).filter(|one| !one.starts_with('!'));
    let (like, plain): (Vec<&str>, Vec<&str>) = patterns.partition(|one| one.contains(['*', '?']));
    let members = lists("group").flat_map(|list| list.split(','));
    let members =
        members.filter_map(|name| Group::from_name(name).ok().flatten()).flat_map(|group| group.mem);
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    // Accounts of people come after those of the system.
    let known = passwd.lines().rev().filter_map(|line| line.split(':').next()).map(str::to_owned);
    let wanted = |name: &String| {
        lists("user").all(|list| matches_list(name, list, false))
            && lists("group").all(|list| is_member(name, list))
    };
    let named = plain.iter().map(|name| (*name).to_owned()).chain(enrolled.iter().cloned());
    let mut found: BTreeSet<String> = named.filter(|name| wanted(name) && enrolments::exists(name)).collect();
    found.extend(members.chain(known).find(wanted));
    // A name that no other block mentions, for accounts made later.
    let made_up = [ANY_USER.to_owned()].into_iter().chain(like.iter().flat_map(|pattern| examples(pattern)));
    found.extend(made_up.filter(|_| !like.is_empty()).find(wanted));
    // Only names without an account: nobody can log in by this block.
    let names_no_account =
        like.is_empty() && !plain.is_empty() && !plain.iter().any(|name| enrolments::exists(name));
    (!found.is_empty() || names_no_account).then(|| found.into_iter().collect())
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
    !list.split(',').any(excluded) && groups.iter().any(|group| matches_list(group, list, false))
}

/// A name without an account; only Match blocks for every user apply to it.
const ANY_USER: &str = "totp-enroll-doctor";

/// The connection parameters of `sshd -C` (sshd(8)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Connection {
    pub(super) user: String,
    pub(super) address: String,
    host: String,
    local_address: String,
    local_port: String,
}

impl Connection {
    /// A login by any user from any address.
    pub(super) fn general() -> Self {
        Self {
            user: ANY_USER.to_owned(),
            address: ANY_ADDRESS.to_owned(),
            host: ANY_ADDRESS.to_owned(),
            local_address: "127.0.0.1".to_owned(),
            local_port: "22".to_owned(),
        }
    }

    pub(super) fn of(user: &str) -> Self {
        Self { user: user.to_owned(), ..Self::general() }
    }

    /// The argument of `-C`; `None`: a value contains a comma, which sshd takes for its end.
    pub(super) fn specification(&self) -> Option<String> {
        let Self { user, address, host, local_address, local_port } = self;
        let values = [user, address, host, local_address, local_port];
        let argument =
            format!("user={user},host={host},addr={address},laddr={local_address},lport={local_port}");
        (!values.iter().any(|value| value.contains(','))).then_some(argument)
    }

    /// In words: the user, and from where.
    pub(super) fn described(&self) -> String {
        let general = Self::general();
        let mut text = if self.user == ANY_USER { "everybody".to_owned() } else { self.user.clone() };
        let (from, to) = (&self.host, &self.local_address);
        if *from != general.host {
            text.push_str(&format!(" from {from}"));
        }
        if *to != general.local_address {
            text.push_str(&format!(" to {to}"));
        }
        if self.local_port != general.local_port {
            text.push_str(&format!(" to port {}", self.local_port));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(line: &str) -> Option<Vec<String>> {
        let block = Block { file: PathBuf::new(), line: 1, criteria: criteria(&words(line)) };
        let connections = block.connections(&["root".to_owned()])?;
        Some(connections.iter().map(Connection::described).collect())
    }

    #[test]
    fn a_sample_login_matches_every_criterion() {
        for (line, whom) in [
            ("all", "everybody"),
            ("User root Address 10.0.0.0/8", "root from 10.0.0.0"),
            ("user=root LocalPort=2222 # comment", "root to port 2222"),
            ("Address 192.168.*", "everybody from 192.168.7.7"),
            ("Address 10.0.0.0/8,!10.0.0.0/24", "everybody from 10.255.255.255"),
            ("Address !10.0.0.0/9,!10.255.0.0/16,10.0.0.0/8", "everybody from 10.128.0.0"),
            ("Address 2001:db8::/32", "everybody from 2001:db8::"),
            ("Host *.example.org LocalAddress 192.0.2.1", "everybody from x.example.org to 192.0.2.1"),
            ("Group root", "root"),
        ] {
            assert_eq!(samples(line), Some(vec![whom.to_owned()]), "{line}");
        }
        let all_but_one = samples("User !root,*").unwrap();
        assert!(all_but_one.contains(&"everybody".to_owned()) && !all_but_one.contains(&"root".to_owned()));
        assert_eq!(samples("User nobody-of-that-name"), Some(vec![]));
        assert_eq!(samples("User roo?,nobody-*").map(|whom| whom.len()), Some(2));
    }

    #[test]
    fn a_block_without_sample_logins_is_reported() {
        for line in [
            "RDomain x",
            "Version OpenSSH_7*",
            "User",
            "Group no-group-of-that-name",
            "Address 10.0.0.0/8,!10.0.0.0/8",
            "Address what",
        ] {
            assert_eq!(samples(line), None, "{line}");
        }
    }
}
