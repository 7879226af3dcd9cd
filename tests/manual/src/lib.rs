//! The man pages in `packaging/man`, taken apart: sections, the items of lists, what a macro marks, what is shown as typed.
//!
//! The pages are written in mdoc(7), which says what a word is: `Fl` an option of the command, `Ic` a command of it, `Cm` an argument
//! of the module, `Va` a key of the config, `Dv` a PAM code, `Pa` a file. So a test can ask for each of them, and no list is kept
//! twice. A list of all variants of an enum, which the compiler checks, is [`every!`].

#![expect(
    clippy::panic,
    reason = "a page that is not there, or has no such section, fails the test that asked for it"
)]

mod line;

use line::Line;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The pages that there are.
pub const PAGES: [&str; 3] = ["pam_totp.8", "pam_totp.conf.5", "totp-enroll.1"];

/// A page, or a part of one.
pub struct Part {
    name: String,
    lines: Vec<Line>,
}

/// One item of a list.
pub struct Item {
    /// What the item is of, with the macro that marks it: `("Fl", "add")`.
    pub marked: Vec<(String, String)>,
    /// The same as it reads.
    pub head: String,
    /// What is said of it.
    pub body: String,
    /// The lines in it that are shown as they are typed.
    pub typed: Vec<String>,
}

/// Where the repository is.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where a page lies; of one that is completed when the package is built, its handwritten part.
#[must_use]
pub fn file(name: &str) -> PathBuf {
    let file = repository().join("packaging/man").join(name);
    if file.is_file() { file } else { repository().join(format!("packaging/man/{name}.in")) }
}

/// What mandoc warns of in this file.
///
/// # Panics
/// When mandoc cannot be run.
#[must_use]
pub fn warnings_of_mandoc(file: &Path) -> String {
    let output = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(file).output();
    let output = output.unwrap_or_else(|error| panic!("mandoc: {error}"));
    let warnings = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() || !warnings.is_empty(), "mandoc failed");
    warnings
}

/// The page in this file as man shows it.
///
/// # Panics
/// When man warns of something.
#[must_use]
pub fn shown(file: &Path) -> String {
    let output = Command::new("man")
        .args(["--warnings", "--encoding=UTF-8", "--local-file"])
        .arg(file)
        .env("LC_ALL", "C.UTF-8")
        .env("MANWIDTH", "80")
        .env("MANROFFSEQ", "")
        .output();
    let output = output.unwrap_or_else(|error| panic!("man: {error}"));
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{warnings}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The page of this name; of one that is completed when the package is built, its handwritten part.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn page(name: &str) -> Part {
    let text = std::fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Part::read(name, &text)
}

impl Part {
    /// The page of this text.
    #[must_use]
    pub fn read(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), lines: Line::all(text) }
    }

    /// The section of this title.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn section(&self, title: &str) -> Self {
        self.part("Sh", &["Sh"], title).unwrap_or_else(|| panic!("{} has no section {title}", self.name))
    }

    /// The subsection of this title.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn subsection(&self, title: &str) -> Self {
        let part = self.part("Ss", &["Sh", "Ss"], title);
        part.unwrap_or_else(|| panic!("{} has no subsection {title}", self.name))
    }

    /// The titles of the sections.
    #[must_use]
    pub fn sections(&self) -> Vec<String> {
        self.lines_of("Sh")
    }

    /// The titles of the subsections.
    #[must_use]
    pub fn subsections(&self) -> Vec<String> {
        self.lines_of("Ss")
    }

    fn lines_of(&self, name: &str) -> Vec<String> {
        self.lines.iter().filter(|line| line.name() == Some(name)).map(Line::text).collect()
    }

    fn part(&self, level: &str, ends: &[&str], title: &str) -> Option<Self> {
        let from = self.lines.iter().position(|line| line.name() == Some(level) && line.text() == title)?;
        let inside = self.lines.iter().skip(from.saturating_add(1));
        let lines = inside.take_while(|line| !line.name().is_some_and(|name| ends.contains(&name)));
        Some(Self { name: format!("{} {title}", self.name), lines: lines.cloned().collect() })
    }

    /// The items of the lists, outermost lists only.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        let (mut items, mut depth, mut is_display) = (Vec::<Item>::new(), 0_usize, false);
        for line in &self.lines {
            match line.name() {
                Some("Bl") => depth = depth.saturating_add(1),
                Some("El") => depth = depth.saturating_sub(1),
                Some("It") if depth == 1 => {
                    items.push(Item {
                        marked: line.marked(),
                        head: line.text(),
                        body: String::new(),
                        typed: Vec::new(),
                    });
                    continue;
                }
                Some("Bd") => is_display = true,
                Some("Ed") => is_display = false,
                Some(_) | None => {}
            }
            if let Some(item) = items.last_mut().filter(|_| depth > 0) {
                if is_display && line.name().is_none() {
                    item.typed.push(line.text());
                }
                item.body.push_str(&line.text());
                item.body.push(' ');
            }
        }
        items
    }

    /// The words that the macro marks, wherever.
    #[must_use]
    pub fn marked(&self, name: &str) -> Vec<String> {
        let all = self.lines.iter().flat_map(Line::marked);
        all.filter(|(marker, _)| marker == name).map(|(_, word)| word).collect()
    }

    /// What is shown as it is typed (`Bd -literal`), each block by its lines.
    #[must_use]
    pub fn displays(&self) -> Vec<Vec<String>> {
        let (mut displays, mut open) = (Vec::<Vec<String>>::new(), false);
        for line in &self.lines {
            match line.name() {
                Some("Bd") => {
                    displays.push(Vec::new());
                    open = true;
                }
                Some("Ed") => open = false,
                Some(_) | None => {
                    if let Some(display) = displays.last_mut().filter(|_| open) {
                        display.push(line.text());
                    }
                }
            }
        }
        displays
    }

    /// All of it as it reads, in one line.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().map(Line::text).collect::<Vec<_>>().join(" ")
    }
}

/// One value of each variant of an enum, as an array; a variant that is left out does not compile.
#[macro_export]
macro_rules! every {
    ($type:ty: $($pattern:pat => $value:expr),+ $(,)?) => {{
        let values: Vec<$type> = vec![$($value),+];
        for value in &values {
            match value { $($pattern => {}),+ }
        }
        values
    }};
}
