//! From service files to the list of modules that libpam asks, in its order: includes, substacks, `other`.

use crate::control::Control;
use crate::libpam::{Includes, Libpam, Release};
use crate::line;
use std::path::{Path, PathBuf};

/// The directories of service files, in libpam's order.
pub(crate) const DIRECTORIES: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];

/// The deepest include that libpam follows (`PAM_SUBSTACK_MAX_LEVEL`); up to 1.5 the deepest substack.
const DEEPEST: usize = 16;

/// Up to 1.5 plain includes end where no more files can be opened. Nobody nests so many that do not include themselves.
const DEEPEST_INCLUDE: usize = 64;

/// More lines than any stack that people write has; files that include themselves more than once come to it.
const MOST_LINES: usize = 10_000;

/// Where service files are read.
pub trait ServiceFiles {
    /// What a file holds; nothing for a directory, `None` where there is no such file.
    fn read(&self, path: &Path) -> Option<Vec<u8>>;

    /// The libpam that reads them.
    fn libpam(&self) -> Libpam;

    /// The file of a service, or that of an absolute path.
    fn open(&self, name: &str) -> Option<(PathBuf, Vec<u8>)> {
        let read = |path: PathBuf| self.read(&path).map(|text| (path, text));
        if name.starts_with('/') {
            return read(PathBuf::from(name));
        }
        DIRECTORIES.iter().find_map(|directory| read(Path::new(directory).join(name)))
    }
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Counted from one.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of {}", self.line, self.file.display())
    }
}

/// What a line of the stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A module is asked.
    Module,
    /// libpam cannot make sense of the line and counts it as a failure.
    MustFail(&'static str),
    /// A substack begins.
    Substack,
}

/// One line of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// Where it is written.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// How many substacks it is in.
    pub level: usize,
    /// What becomes of each answer.
    pub control: Control,
    /// The control as it is written.
    pub control_text: String,
    /// The module as it is written.
    pub module: String,
    /// What the module is given.
    pub arguments: Vec<String>,
}

/// What pam_authenticate goes through for a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// The `auth` lines, in the order in which they are asked.
    pub handlers: Vec<Handler>,
    /// Modules on lines that are not `auth`.
    pub elsewhere: Vec<Handler>,
    /// The service has no lines of its own; those of `other` count.
    pub is_other: bool,
}

/// A service that libpam refuses whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unloadable {
    /// The file.
    pub file: PathBuf,
    /// Counted from one; `None` where no single line is at fault.
    pub line: Option<usize>,
    /// Why, in a sentence.
    pub problem: &'static str,
}

/// The stack of `service`.
///
/// # Errors
/// When libpam refuses the whole service.
pub fn load(files: &dyn ServiceFiles, service: &str) -> Result<Stack, Unloadable> {
    let own = files.open(service).map(|(path, text)| read(files, &path, &text)).transpose()?;
    let other = files.open("other").map(|(path, text)| read(files, &path, &text)).transpose()?;
    let Stack { handlers, elsewhere, .. } = own.unwrap_or_default();
    if !handlers.is_empty() {
        return Ok(Stack { handlers, elsewhere, is_other: false });
    }
    Ok(Stack { handlers: other.unwrap_or_default().handlers, elsewhere, is_other: true })
}

fn read(files: &dyn ServiceFiles, path: &Path, text: &[u8]) -> Result<Stack, Unloadable> {
    let mut loader = Loader { files, libpam: files.libpam(), stack: Stack::default() };
    loader.read(path, text, &Within { facility: None, depth: 0, level: 0 })?;
    if loader.is_full() {
        let problem = "its includes never come to an end";
        return Err(Unloadable { file: path.to_owned(), line: None, problem });
    }
    Ok(loader.stack)
}

struct Loader<'a> {
    files: &'a dyn ServiceFiles,
    libpam: Libpam,
    stack: Stack,
}

/// Where in the includes a file is read.
struct Within {
    /// Only lines of this type count.
    facility: Option<Facility>,
    depth: usize,
    level: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Facility {
    Auth,
    Account,
    Session,
    Password,
}

impl Facility {
    fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "auth" => Some(Self::Auth),
            "account" => Some(Self::Account),
            "session" => Some(Self::Session),
            "password" => Some(Self::Password),
            _ => None,
        }
    }
}

impl Loader<'_> {
    fn read(&mut self, path: &Path, text: &[u8], within: &Within) -> Result<(), Unloadable> {
        // libpam reads line by line: what stands before a mistake is in the stack already.
        let (lines, unfinished) = line::lines(text, self.libpam.release);
        for line in lines {
            let place = Place { file: path.to_owned(), line: line.number };
            self.line(place, &line.text, within)?;
        }
        unfinished.map_or(Ok(()), |unfinished| {
            Err(Unloadable {
                file: path.to_owned(),
                line: Some(unfinished.number),
                problem: unfinished.problem,
            })
        })
    }

    fn line(&mut self, place: Place, text: &str, within: &Within) -> Result<(), Unloadable> {
        let Some((kind, rest)) = line::word(text) else { return Ok(()) };
        let kind = kind.strip_prefix('-').unwrap_or(&kind);
        if self.libpam.includes == Includes::Debian && kind.eq_ignore_ascii_case("@include") {
            return self.include_all(place, rest, within);
        }
        let known = Facility::parse(kind);
        let facility = known.or(within.facility).unwrap_or(Facility::Auth);
        if within.facility.is_some_and(|wanted| wanted != facility) {
            return Ok(());
        }
        let mut handler = Handler {
            place,
            kind: match known {
                Some(_) => Kind::Module,
                None => Kind::MustFail("its first word is none of auth, account, session, password"),
            },
            level: within.level,
            control: Control::FAILURE,
            control_text: String::new(),
            module: String::new(),
            arguments: Vec::new(),
        };
        let Some((control, rest)) = line::word(rest) else {
            handler.kind = Kind::MustFail("it has no control");
            self.push(facility, handler);
            return Ok(());
        };
        handler.control_text.clone_from(&control);
        let target = line::word(rest);
        match control.to_ascii_lowercase().as_str() {
            "include" => return self.include(facility, handler, target, within, 0),
            "substack" => return self.include(facility, handler, target, within, 1),
            _ => handler.control = Control::parse(&control, self.libpam.release),
        }
        match target {
            Some((module, rest)) => {
                named(&handler.place, &module)?;
                handler.module = module;
                handler.arguments = line::words(rest);
            }
            None => handler.kind = Kind::MustFail("it names no module"),
        }
        self.push(facility, handler);
        Ok(())
    }

    /// Debian's `@include FILE`: lines of every type.
    fn include_all(&mut self, place: Place, rest: &str, within: &Within) -> Result<(), Unloadable> {
        let problem = "@include names a file that cannot be read";
        let Some((name, _)) = line::word(rest) else { return Err(crash(place)) };
        let within_it = Within { depth: within.depth.saturating_add(1), ..*within };
        let loaded = self.file(&name, &within_it);
        match (loaded, within.facility) {
            (Ok(()), _) => Ok(()),
            // Of a certain type: one line that fails. Its control is that of the line before in libpam (not initialised).
            (Err(_), Some(facility)) => {
                self.failing(facility, place, within.level, problem);
                Ok(())
            }
            // Of any type: libpam gives up.
            (Err(inner), None) => {
                Err(inner.unwrap_or(Unloadable { file: place.file, line: Some(place.line), problem }))
            }
        }
    }

    fn include(
        &mut self,
        facility: Facility,
        handler: Handler,
        target: Option<(String, &str)>,
        within: &Within,
        deeper: usize,
    ) -> Result<(), Unloadable> {
        let place = handler.place.clone();
        let Some((name, _)) = target else { return Err(crash(place)) };
        if deeper > 0 {
            named(&handler.place, &name)?;
            self.push(facility, Handler { kind: Kind::Substack, ..handler });
        }
        let within_it = Within {
            facility: Some(facility),
            depth: within.depth.saturating_add(1),
            level: within.level.saturating_add(deeper),
        };
        if self.file(&name, &within_it).is_err() {
            self.failing(facility, place, within.level, "it includes a file that cannot be read");
        }
        Ok(())
    }

    /// `Err(None)`: there is no such file.
    fn file(&mut self, name: &str, within: &Within) -> Result<(), Option<Unloadable>> {
        let too_deep = match self.libpam.release {
            Release::V1_5 => within.level >= DEEPEST || within.depth >= DEEPEST_INCLUDE,
            Release::V1_6 => within.depth >= DEEPEST,
        };
        if too_deep || self.is_full() {
            return Err(None);
        }
        let opened = match self.libpam.includes {
            Includes::Debian if !name.starts_with('/') => self.files.open(&format!("/etc/pam.d/{name}")),
            Includes::Debian | Includes::Upstream => self.files.open(name),
        };
        let (path, text) = opened.ok_or(None)?;
        self.read(&path, &text, within).map_err(Some)
    }

    fn is_full(&self) -> bool {
        self.stack.handlers.len().saturating_add(self.stack.elsewhere.len()) > MOST_LINES
    }

    fn failing(&mut self, facility: Facility, place: Place, level: usize, why: &'static str) {
        let handler = Handler {
            place,
            kind: Kind::MustFail(why),
            level,
            control: Control::FAILURE,
            control_text: String::new(),
            module: String::new(),
            arguments: Vec::new(),
        };
        self.push(facility, handler);
    }

    fn push(&mut self, facility: Facility, handler: Handler) {
        if facility == Facility::Auth {
            self.stack.handlers.push(handler);
        } else {
            self.stack.elsewhere.push(handler);
        }
    }
}

/// `extract_modulename`: what is left of a name without its directory and without what follows its last dot.
fn named(place: &Place, module: &str) -> Result<(), Unloadable> {
    let name = module.rsplit('/').next().unwrap_or(module);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if stem.is_empty() || stem == "?" {
        let problem = "it names a module without a name, for which libpam gives up";
        return Err(Unloadable { file: place.file.clone(), line: Some(place.line), problem });
    }
    Ok(())
}

/// libpam looks at the first letter of a name that is not there.
fn crash(place: Place) -> Unloadable {
    let problem = "it includes a file and names none: libpam crashes, and the program with it";
    Unloadable { file: place.file, line: Some(place.line), problem }
}
