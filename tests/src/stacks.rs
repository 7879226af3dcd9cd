//! The blocks of lines in `docs/stacks.md`, and a machine that is set up by them: what the document says is what is tested.
//!
//! A block is fenced, with a language and a name (`sudo`), and begins with the file that it is for:
//!
//! | first line | what is done |
//! |---|---|
//! | `# FILE` | it is the whole file |
//! | `# FILE, in place of its line "LINE"` | it takes the place of that line in the file as Debian ships it |
//! | `# FILE, added` | its lines are for a file that says other things as well: the test puts them there |

use crate::accounts;
use crate::documents::{self, Document};
use crate::fixture::Fixture;
use crate::site::Site;
use std::fs;
use std::path::PathBuf;

/// Some lines of the document.
#[derive(Clone, Debug)]
pub struct Block {
    /// What it is called.
    pub name: String,
    /// The file that it is for.
    pub file: String,
    /// Without the first.
    pub lines: String,
    placement: Placement,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Placement {
    Whole,
    Added,
    InPlaceOf(String),
}

/// The document.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn document() -> Document {
    documents::read("docs/stacks.md")
}

/// Every block of the document.
///
/// # Panics
/// When one has no name, or does not begin with its file.
#[must_use]
pub fn blocks() -> Vec<Block> {
    let fenced = document().blocks().into_iter();
    fenced.map(|block| Block::read(&block.kind, &block.text.lines().collect::<Vec<_>>())).collect()
}

/// The block of a name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn block(name: &str) -> Block {
    let found = blocks().into_iter().find(|block| block.name == name);
    found.unwrap_or_else(|| panic!("docs/stacks.md has no block {name}"))
}

impl Block {
    fn read(fence: &str, body: &[&str]) -> Self {
        let name = fence.split_once(' ').map_or("", |(_, name)| name.trim());
        assert!(!name.is_empty(), "a block without a name: ```{fence}");
        let (first, lines) = body.split_first().unwrap_or_else(|| panic!("{name}: an empty block"));
        let head = first.strip_prefix("# ").unwrap_or_else(|| panic!("{name}: not a file: {first}"));
        let (file, placement) = match head.split_once(", ") {
            None => (head, Placement::Whole),
            Some((file, "added")) => (file, Placement::Added),
            Some((file, place)) => {
                let line = place.strip_prefix("in place of its line \"").and_then(|l| l.strip_suffix('"'));
                let line = line.unwrap_or_else(|| panic!("{name}: where is that? {place}"));
                (file, Placement::InPlaceOf(line.to_owned()))
            }
        };
        let lines = lines.iter().fold(String::new(), |text, line| text + line + "\n");
        Self { name: name.to_owned(), file: file.to_owned(), lines, placement }
    }

    /// The same with an example's value exchanged for what the test has.
    ///
    /// # Panics
    /// When the example is not in it.
    #[must_use]
    pub fn with(mut self, example: &str, value: &str) -> Self {
        assert!(self.lines.contains(example), "{}: no {example} in\n{}", self.name, self.lines);
        self.lines = self.lines.replace(example, value);
        self
    }

    /// The file with the block in it, made from what Debian ships.
    fn in_place(&self, shipped: &str) -> String {
        let Placement::InPlaceOf(line) = &self.placement else { return self.lines.clone() };
        let same = |other: &str| other.split_whitespace().eq(line.split_whitespace());
        assert_eq!(
            shipped.lines().filter(|line| same(line)).count(),
            1,
            "{}: {line:?} is not in Debian's file once:\n{shipped}",
            self.file
        );
        shipped.lines().fold(
            String::new(),
            |text, line| {
                if same(line) { text + &self.lines } else { text + line + "\n" }
            },
        )
    }
}

/// A service file as the package of the service brought it.
fn shipped(file: &str) -> Option<String> {
    let name = file.strip_prefix("/etc/pam.d/")?;
    let places = [accounts::shipped_services(), PathBuf::from("/usr/lib/pam.d")];
    places.iter().find_map(|directory| fs::read_to_string(directory.join(name)).ok())
}

impl Site {
    /// A machine that is configured as these blocks of the document say.
    #[must_use]
    pub fn by(names: &[&str]) -> Self {
        let mut site = Self::of(Fixture::builder().enrolled("bob"));
        names.iter().for_each(|name| site.follows(&block(name)));
        site
    }

    /// Applies a block.
    ///
    /// # Panics
    /// When Debian ships no such file to be changed.
    pub fn follows(&mut self, block: &Block) {
        let shipped = match block.placement {
            Placement::Whole => None,
            Placement::InPlaceOf(_) => shipped(&block.file),
            Placement::Added => panic!("{}: to be added, by the test", block.name),
        };
        assert!(
            shipped.is_some() || block.placement == Placement::Whole,
            "{}: install tests/apt-packages",
            block.file
        );
        self.follows_in(block, &shipped.unwrap_or_default());
    }

    /// The same for a service whose package is not installed, with this text as its file.
    ///
    /// # Panics
    /// When the file is not below /etc.
    pub fn follows_in(&mut self, block: &Block, shipped: &str) {
        let text = block.in_place(shipped).replace("pam_totp.so", &self.module);
        let name = block.file.strip_prefix("/etc/").expect("a file below /etc");
        self.fixture.machine().write(name, 0o644, &text);
    }

    /// Restores the service file that the package ships.
    ///
    /// # Panics
    /// When there is no such package.
    pub fn as_shipped(&mut self, service: &str) {
        let text = shipped(&format!("/etc/pam.d/{service}")).expect("install tests/apt-packages");
        self.fixture.machine().write(&format!("pam.d/{service}"), 0o644, &text);
    }

    /// What a file of the machine holds, if it is there.
    ///
    /// # Panics
    /// When it is no text.
    #[must_use]
    pub fn file(&mut self, path: &str) -> Option<String> {
        let mut cat = self.fixture.machine().namespace().command("/bin/cat");
        let read = cat.arg(path).output().unwrap();
        read.status.success().then(|| String::from_utf8(read.stdout).unwrap())
    }

    /// Asserts that `doctor` has nothing to fix in these services.
    ///
    /// # Panics
    /// With what it found.
    pub fn assert_sound(&self, services: &[&str]) {
        for service in services {
            self.doctor(&["--service", service]).assert_none();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Placement};

    #[test]
    fn a_block_is_put_in_the_place_of_its_line() {
        let head = "# /etc/pam.d/app, in place of its line \"@include common-auth\"";
        let block = Block::read("pam app", &[head, "auth required pam_totp.so"]);
        assert_eq!((block.name.as_str(), block.file.as_str()), ("app", "/etc/pam.d/app"));
        let shipped = "# app\n@include  common-auth\n@include common-account\n";
        assert_eq!(block.in_place(shipped), "# app\nauth required pam_totp.so\n@include common-account\n");
    }

    #[test]
    fn a_block_can_be_a_whole_file() {
        let block = Block::read("pam app", &["# /etc/pam.d/app", "auth required pam_totp.so"]);
        assert_eq!(block.placement, Placement::Whole);
        assert_eq!(block.in_place("whatever"), "auth required pam_totp.so\n");
    }

    #[test]
    #[should_panic(expected = "is not in Debian's file once")]
    fn a_line_that_is_not_there_is_noticed() {
        let head = "# /etc/pam.d/app, in place of its line \"@include common-auth\"";
        let _ = Block::read("pam app", &[head, "auth required pam_totp.so"]).in_place("@include other\n");
    }

    #[test]
    #[should_panic(expected = "a block without a name")]
    fn a_block_without_a_name_is_noticed() {
        let _ = Block::read("pam", &["# /etc/pam.d/app"]);
    }
}
