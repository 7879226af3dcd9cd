//! Loads the stack of a service: the lines of its file in libpam's order, with includes, substacks and `other`.

use crate::control::Control;
use crate::libpam::{Includes, Libpam};
use crate::line;
use std::path::{Path, PathBuf};

/// The directories of service files, in libpam's order.
pub(crate) const DIRECTORIES: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];

/// More lines than any stack in real use has; only files that include themselves repeatedly reach it.
const MOST_LINES: usize = 10_000;

/// A source of service files.
pub trait ServiceFiles {
    /// The content of a file; empty for a directory, `None` if there is no such file.
    fn read(&self, path: &Path) -> Option<Vec<u8>>;

    /// The libpam that reads them.
    fn libpam(&self) -> Libpam;

    /// The file of a service, or the file at an absolute path.
    fn open(&self, name: &str) -> Option<(PathBuf, Vec<u8>)> {
        let read = |path: PathBuf| self.read(&path).map(|text| (path, text));
        if name.starts_with('/') {
            return read(PathBuf::from(name));
        }
        DIRECTORIES.iter().find_map(|directory| read(Path::new(directory).join(name)))
    }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// The line's number, from one.
    pub line: usize,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of {}", self.line, self.file.display())
    }
}

/// What libpam does at a line of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineKind {
    /// It calls a module.
    Module,
    /// It cannot read the line and counts it as a failure; the text says why.
    MustFail(&'static str),
    /// It begins a substack.
    Substack,
}

/// One line of the stack; libpam calls it a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// Where the line is.
    pub location: Location,
    /// What libpam does at it.
    pub kind: LineKind,
    /// How many substacks contain it.
    pub level: usize,
    /// The action for each return code.
    pub control: Control,
    /// The control as written.
    pub control_text: String,
    /// The module as written.
    pub module: String,
    /// The module's arguments.
    pub arguments: Vec<String>,
    /// The type of the line.
    pub facility: Facility,
}

/// What `pam_authenticate` runs for a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// The `auth` lines, in the order in which they run.
    pub handlers: Vec<Handler>,
    /// The lines of the other types.
    pub non_auth: Vec<Handler>,
    /// The service has no auth lines; libpam uses those of `other`.
    pub is_other: bool,
}

/// Why libpam refuses a whole service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// The file.
    pub file: PathBuf,
    /// The line's number, from one; `None` if no single line is at fault.
    pub line: Option<usize>,
    /// What is wrong, in one sentence.
    pub problem: &'static str,
}

/// Loads the stack of `service`.
///
/// # Errors
/// When libpam refuses the whole service.
pub fn load(files: &dyn ServiceFiles, service: &str) -> Result<Stack, LoadError> {
    let own = files.open(service).map(|(path, text)| read(files, &path, &text)).transpose()?;
    let other = files.open("other").map(|(path, text)| read(files, &path, &text)).transpose()?;
    let Stack { handlers, non_auth, .. } = own.unwrap_or_default();
    if !handlers.is_empty() {
        return Ok(Stack { handlers, non_auth, is_other: false });
    }
    Ok(Stack { handlers: other.unwrap_or_default().handlers, non_auth, is_other: true })
}

fn read(files: &dyn ServiceFiles, path: &Path, text: &[u8]) -> Result<Stack, LoadError> {
    let mut loader = Loader { files, libpam: files.libpam(), stack: Stack::default() };
    loader.read(path, text, &IncludeContext { facility: None, depth: 0, level: 0 })?;
    if loader.is_full() {
        let problem = "it includes itself without end: remove that include";
        return Err(LoadError { file: path.to_owned(), line: None, problem });
    }
    Ok(loader.stack)
}

struct Loader<'a> {
    files: &'a dyn ServiceFiles,
    libpam: Libpam,
    stack: Stack,
}

/// How the file that is being read was included.
struct IncludeContext {
    /// Only lines of this type count; `None`: all.
    facility: Option<Facility>,
    depth: usize,
    level: usize,
}

/// The type of a line, by which libpam sorts it into a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facility {
    /// `auth`
    Auth,
    /// `account`
    Account,
    /// `session`
    Session,
    /// `password`
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
    fn read(&mut self, path: &Path, text: &[u8], context: &IncludeContext) -> Result<(), LoadError> {
        // libpam reads line by line: lines before an error are in the stack already.
        let (lines, unfinished) = line::lines(text, self.libpam.release);
        for line in lines {
            let location = Location { file: path.to_owned(), line: line.number };
            self.line(location, &line.text, context)?;
        }
        unfinished.map_or(Ok(()), |unfinished| {
            Err(LoadError {
                file: path.to_owned(),
                line: Some(unfinished.number),
                problem: unfinished.problem,
            })
        })
    }

    fn line(&mut self, location: Location, text: &str, context: &IncludeContext) -> Result<(), LoadError> {
        let Some((kind, rest)) = line::word(text) else { return Ok(()) };
        let kind = kind.strip_prefix('-').unwrap_or(&kind);
        if self.libpam.includes == Includes::Debian && kind.eq_ignore_ascii_case("@include") {
            return self.include_all(location, rest, context);
        }
        let known = Facility::parse(kind);
        let facility = known.or(context.facility).unwrap_or(Facility::Auth);
        if context.facility.is_some_and(|wanted| wanted != facility) {
            return Ok(());
        }
        let mut handler = Handler {
            location,
            kind: match known {
                Some(_) => LineKind::Module,
                None => LineKind::MustFail("its first word is not auth, account, session or password"),
            },
            level: context.level,
            control: Control::FAILURE,
            control_text: String::new(),
            module: String::new(),
            arguments: Vec::new(),
            facility,
        };
        let Some((control, rest)) = line::word(rest) else {
            handler.kind = LineKind::MustFail("it has no control field");
            self.push(facility, handler);
            return Ok(());
        };
        handler.control_text.clone_from(&control);
        let target = line::word(rest);
        match control.to_ascii_lowercase().as_str() {
            "include" => return self.include(facility, handler, target, context, 0),
            "substack" => return self.include(facility, handler, target, context, 1),
            _ => handler.control = Control::parse(&control, self.libpam.release),
        }
        match target {
            Some((module, rest)) => {
                named(&handler.location, &module)?;
                handler.module = module;
                handler.arguments = line::words(rest);
            }
            None => handler.kind = LineKind::MustFail("it names no module"),
        }
        self.push(facility, handler);
        Ok(())
    }

    /// Debian's `@include FILE`: lines of every type.
    fn include_all(
        &mut self,
        location: Location,
        rest: &str,
        context: &IncludeContext,
    ) -> Result<(), LoadError> {
        let problem = "@include names a file that cannot be read";
        let Some((name, _)) = line::word(rest) else { return Err(crash(location)) };
        let inner = IncludeContext { depth: context.depth.saturating_add(1), ..*context };
        let loaded = self.file(&name, &inner);
        match (loaded, context.facility) {
            (Ok(()), _) => Ok(()),
            // Included for one type: one failing line. libpam leaves its control uninitialised: it is that of the line before.
            (Err(_), Some(facility)) => {
                self.push_failure(facility, location, context.level, problem);
                Ok(())
            }
            // Included for all types: libpam refuses the service.
            (Err(inner), None) => {
                Err(inner.unwrap_or(LoadError { file: location.file, line: Some(location.line), problem }))
            }
        }
    }

    fn include(
        &mut self,
        facility: Facility,
        handler: Handler,
        target: Option<(String, &str)>,
        context: &IncludeContext,
        deeper: usize,
    ) -> Result<(), LoadError> {
        let location = handler.location.clone();
        let Some((name, _)) = target else { return Err(crash(location)) };
        if deeper > 0 {
            named(&handler.location, &name)?;
            self.push(facility, Handler { kind: LineKind::Substack, ..handler });
        }
        let inner = IncludeContext {
            facility: Some(facility),
            depth: context.depth.saturating_add(1),
            level: context.level.saturating_add(deeper),
        };
        if self.file(&name, &inner).is_err() {
            self.push_failure(facility, location, context.level, "it includes a file that cannot be read");
        }
        Ok(())
    }

    /// `Err(None)`: there is no such file.
    fn file(&mut self, name: &str, context: &IncludeContext) -> Result<(), Option<LoadError>> {
        if self.libpam.release.is_too_deep(context.level, context.depth) || self.is_full() {
            return Err(None);
        }
        let opened = match self.libpam.includes {
            Includes::Debian if !name.starts_with('/') => self.files.open(&format!("/etc/pam.d/{name}")),
            Includes::Debian | Includes::Upstream => self.files.open(name),
        };
        let (path, text) = opened.ok_or(None)?;
        self.read(&path, &text, context).map_err(Some)
    }

    fn is_full(&self) -> bool {
        self.stack.handlers.len().saturating_add(self.stack.non_auth.len()) > MOST_LINES
    }

    fn push_failure(&mut self, facility: Facility, location: Location, level: usize, why: &'static str) {
        let handler = Handler {
            location,
            kind: LineKind::MustFail(why),
            level,
            control: Control::FAILURE,
            control_text: String::new(),
            module: String::new(),
            arguments: Vec::new(),
            facility,
        };
        self.push(facility, handler);
    }

    fn push(&mut self, facility: Facility, handler: Handler) {
        if facility == Facility::Auth {
            self.stack.handlers.push(handler);
        } else {
            self.stack.non_auth.push(handler);
        }
    }
}

/// Checks that something is left of a module's name without its directory and suffix (libpam's `extract_modulename`).
fn named(location: &Location, module: &str) -> Result<(), LoadError> {
    let name = module.rsplit('/').next().unwrap_or(module);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if stem.is_empty() || stem == "?" {
        let problem = "its module has no name, so libpam refuses the whole service";
        return Err(LoadError { file: location.file.clone(), line: Some(location.line), problem });
    }
    Ok(())
}

/// libpam dereferences the missing name.
fn crash(location: Location) -> LoadError {
    let problem = "its include names no file: libpam crashes here, and the program with it";
    LoadError { file: location.file, line: Some(location.line), problem }
}
