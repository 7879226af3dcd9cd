//! Reads the Match blocks of sshd's configuration and makes sample logins for each, about which sshd can then be asked
//! (sshd_config(5), Match and Include; ssh_config(5), PATTERNS).

mod connection;
mod match_subject;
mod pattern;

pub(super) use connection::Connection;

use match_subject::users;
use pattern::{is_like, values};
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
