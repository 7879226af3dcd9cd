//! The documents for people, README.md and docs/: their fenced blocks, their links, the commands in them.

use std::fs;
use std::path::{Path, PathBuf};

/// One document.
#[derive(Debug)]
pub struct Document {
    /// Its path from the top of the repository.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// The document and the line, for messages.
    pub place: String,
    /// The text after the fence: the language, and perhaps a name.
    pub kind: String,
    /// What is between the fences.
    pub text: String,
}

/// README.md, SECURITY.md, CHANGELOG.md, CONTRIBUTING.md and all of docs/.
///
/// # Panics
/// When they cannot be read.
#[must_use]
pub fn all() -> Vec<Document> {
    let mut names: Vec<String> =
        ["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "tests/README.md"]
            .map(str::to_owned)
            .into();
    for entry in fs::read_dir(top().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|ending| ending == "md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.iter().map(|name| read(name)).collect()
}

/// The document of this name.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn read(name: &str) -> Document {
    let path = top().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    Document { name: name.to_owned(), path, text }
}

/// The top of the repository.
///
/// # Panics
/// Never: the tests lie below it.
#[must_use]
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

impl Document {
    /// Its fenced blocks, also those within a list.
    ///
    /// # Panics
    /// When the last one does not end.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            let Some(kind) = line.trim_start().strip_prefix("```") else { continue };
            let place = format!("{}:{}", self.name, at + 1);
            let mut text = String::new();
            loop {
                let (_, line) = lines.next().unwrap_or_else(|| panic!("{place}: the block does not end"));
                if line.trim() == "```" {
                    break;
                }
                text.push_str(line.trim_start_matches(' '));
                text.push('\n');
            }
            blocks.push(Block { place, kind: kind.trim().to_owned(), text });
        }
        blocks
    }

    /// Its lines outside of fenced blocks, each with its number.
    #[must_use]
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let mut fenced = false;
        let numbered = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        numbered
            .filter(|(_, line)| {
                let fence = line.trim_start().starts_with("```");
                fenced ^= fence;
                !fenced && !fence
            })
            .collect()
    }

    /// The text between backticks outside of fenced blocks, with its line number.
    #[must_use]
    pub fn spans(&self) -> Vec<(usize, &str)> {
        self.prose()
            .into_iter()
            .flat_map(|(at, line)| line.split('`').skip(1).step_by(2).map(move |span| (at, span)))
            .collect()
    }

    /// Where its links and pictures lead, each with the number of its line.
    #[must_use]
    pub fn links(&self) -> Vec<(usize, &str)> {
        self.prose()
            .into_iter()
            .flat_map(|(at, line)| {
                line.split("](").skip(1).filter_map(move |rest| Some((at, rest.split(')').next()?)))
            })
            .collect()
    }

    /// What its headings are called in a link.
    #[must_use]
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().into_iter().filter(|(_, line)| line.starts_with('#'));
        let anchor = |heading: &str| {
            let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
            heading
                .trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        };
        headings.map(|(_, line)| anchor(line)).collect()
    }
}

/// The calls of the command in a line of the shell, each as its words behind the command's name.
#[must_use]
pub fn calls(line: &str) -> Vec<Vec<String>> {
    let mut calls: Vec<Vec<String>> = Vec::new();
    let mut within = false;
    for word in words(line) {
        match word {
            Word::Operator => within = false,
            Word::Text(text) if within => calls.last_mut().unwrap().push(text),
            Word::Text(text) if text == "totp-enroll" || text.ends_with("/totp-enroll") => {
                within = true;
                calls.push(Vec::new());
            }
            Word::Text(_) => {}
        }
    }
    calls
}

enum Word {
    Text(String),
    /// What ends a command.
    Operator,
}

/// As much of the shell's grammar as the documents need.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '|' | ';' | '&' | '<' | '>') => {
                words.extend(word.take().map(Word::Text));
                if c != ' ' {
                    words.push(Word::Operator);
                }
            }
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.map(Word::Text));
    words
}

#[cfg(test)]
mod tests {
    use super::{Document, calls};
    use std::path::PathBuf;

    #[test]
    fn a_call_ends_where_the_shell_ends_it() {
        let line = r#"ssh a sudo totp-enroll --json list | jq -r '.a | .b' > x; /usr/bin/totp-enroll status "al ice"  # more"#;
        assert_eq!(calls(line), [vec!["--json", "list"], vec!["status", "al ice"]]);
        assert!(calls("# totp-enroll list").is_empty());
    }

    #[test]
    fn a_document_is_taken_apart() {
        let text = "# One `two` three\n\n[a](b.md#c) `totp-enroll list`\n\n```toml name\n[x](y)\n```\n\n   ```log\n   z\n   ```\n";
        let document = Document { name: "d".to_owned(), path: PathBuf::new(), text: text.to_owned() };
        assert_eq!(document.anchors(), ["one-two-three"]);
        assert_eq!(document.links(), [(3, "b.md#c")]);
        assert_eq!(document.spans(), [(1, "two"), (3, "totp-enroll list")]);
        let blocks: Vec<_> =
            document.blocks().into_iter().map(|block| (block.place, block.kind, block.text)).collect();
        let expected = [("d:5", "toml name", "[x](y)\n"), ("d:9", "log", "z\n")];
        assert_eq!(
            blocks,
            expected.map(|(place, kind, text)| (place.to_owned(), kind.to_owned(), text.to_owned()))
        );
    }
}
