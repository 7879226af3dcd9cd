//! A mail program in place of sendmail. It keeps the mails, or refuses them, or hangs.

use crate::fixture::Fixture;
use std::fs;
use std::path::{Path, PathBuf};

/// The program, and the mails that it took.
#[derive(Debug)]
pub struct Mailbox {
    directory: PathBuf,
}

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It takes the mail.
    Takes,
    /// It reads it, says why not, and ends with status 67, which is `EX_NOUSER` (sysexits.h).
    Refuses,
    /// It takes nothing and never ends.
    Hangs,
}

/// Each mail has the number of those before it, so that their order can be seen. One that it cannot read or keep it does not take.
const PROGRAM: &str = r#"
    mood=$(cat "$1/mood")
    case $mood in
    Hangs) echo "$$" >"$1/pid"; exec sleep 1000 ;;
    esac
    cat >"$1/taking.$$" || exit 75
    case $mood in
    Refuses) rm "$1/taking.$$"; echo "no such mailbox" >&2; exit 67 ;;
    esac
    test -s "$1/taking.$$" || exit 75
    mkdir -p "$1/taken"
    mv "$1/taking.$$" "$1/taken/$(printf %06d "$(ls "$1/taken" | wc -l)")"
"#;

impl Mailbox {
    /// Sets the program up and writes the configuration: this, `[notify]`, and more of it.
    ///
    /// # Panics
    /// When it cannot be set up.
    #[must_use]
    pub fn of(fixture: &Fixture, config: &str, notify: &str) -> Self {
        let directory = fixture.private("mail");
        let program = fixture.write("mail-program", PROGRAM);
        fixture.configure(&format!(
            "{config}\n[notify]\ncommand = [\"/bin/sh\", {program:?}, {directory:?}]\n{notify}\n"
        ));
        let mailbox = Self { directory };
        mailbox.set(Mood::Takes);
        mailbox
    }

    /// Changes how it behaves.
    ///
    /// # Panics
    /// When that cannot be written down.
    pub fn set(&self, mood: Mood) {
        fs::write(self.directory.join("mood"), format!("{mood:?}")).unwrap();
    }

    /// Its path.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The mails so far, in order.
    ///
    /// # Panics
    /// When one is not a mail of UTF-8 text.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        let Ok(entries) = fs::read_dir(self.directory.join("taken")) else { return Vec::new() };
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| Mail::parse(&fs::read_to_string(file).unwrap())).collect()
    }

    /// The one mail that there is.
    ///
    /// # Panics
    /// When there are none, or more.
    #[must_use]
    pub fn mail(&self) -> Mail {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails.remove(0)
    }
}

/// One mail.
#[derive(Clone, Debug)]
pub struct Mail {
    header: Vec<(String, String)>,
    /// Its text.
    pub body: String,
}

impl Mail {
    fn parse(text: &str) -> Self {
        let (header, body) = text.split_once("\n\n").expect("a mail has a header and a body");
        let line = |line: &str| {
            let (name, value) =
                line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?} in {text}"));
            (name.to_owned(), value.to_owned())
        };
        Self { header: header.replace("\n ", " ").lines().map(line).collect(), body: body.to_owned() }
    }

    /// The value of a header; empty when it is not there.
    ///
    /// # Panics
    /// When it is there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.header.iter().filter(|(key, _)| key == name);
        let value = values.next().map_or("", |(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    /// The names of the headers.
    #[must_use]
    pub fn headers(&self) -> Vec<&str> {
        self.header.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// The files in the spool of a fixture.
#[must_use]
pub fn spooled(fixture: &Fixture) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(fixture.state().join("spool")) else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}
