//! The socket that a fixture's events go to in place of /dev/log, and the parser of a line.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Everything that was logged in a fixture, in order.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    inbox: Arc<Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    lines: Mutex<Vec<Vec<u8>>>,
    arrived: Condvar,
}

/// What `Journal::lines` sends to itself: all that was sent before it has arrived when it has.
const MARK: &[u8] = b"mark";
/// Ends the thread that reads.
const STOP: &[u8] = b"stop";

impl Journal {
    /// Listens on a new socket at `path`. It reads all the time: a socket holds ten datagrams, then senders wait.
    pub(crate) fn listen(path: PathBuf) -> Self {
        let socket = UnixDatagram::bind(&path).unwrap();
        let inbox = Arc::new(Inbox::default());
        let theirs = Arc::clone(&inbox);
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while let Ok(length) = socket.recv(&mut buffer) {
                if &buffer[..length] == STOP {
                    return;
                }
                theirs.lines.lock().unwrap().push(buffer[..length].to_vec());
                theirs.arrived.notify_all();
            }
        });
        Self { path, inbox }
    }

    /// The lines so far.
    ///
    /// # Panics
    /// When a line is not UTF-8: no byte that a user types may reach the log unescaped.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        send(&self.path, MARK);
        let lines = self.inbox.lines.lock().unwrap();
        let mut lines = self.inbox.arrived.wait_while(lines, |l| !l.iter().any(|line| line == MARK)).unwrap();
        lines.retain(|line| line != MARK);
        lines.iter().map(|line| String::from_utf8(line.clone()).expect("a log line is not UTF-8")).collect()
    }

    /// The events of the module so far, without those of the command.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.all().into_iter().filter(|event| event.source != "totp-enroll").collect()
    }

    /// The events of the command so far.
    #[must_use]
    pub fn command_events(&self) -> Vec<Event> {
        self.all().into_iter().filter(|event| event.source == "totp-enroll").collect()
    }

    /// The same without those that only announce a change.
    #[must_use]
    pub fn done_by_commands(&self) -> Vec<Event> {
        self.command_events().into_iter().filter(|event| event.field("phase").is_empty()).collect()
    }

    /// The last event of the module.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn last(&self) -> Event {
        self.events().pop().expect("nothing was logged")
    }

    fn all(&self) -> Vec<Event> {
        // With a machine, sshd and sudo write here as well.
        let ours = |line: &&String| line.contains("pam_totp(") || line.contains("totp-enroll[");
        self.lines().iter().filter(ours).map(|line| Event::parse(line)).collect()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // A test may have taken the socket away; then the thread ends with the tests.
        drop(try_to_send(&self.path, STOP));
    }
}

fn send(path: &Path, datagram: &[u8]) {
    try_to_send(path, datagram).expect("nobody reads the journal");
}

fn try_to_send(path: &Path, datagram: &[u8]) -> std::io::Result<usize> {
    UnixDatagram::unbound()?.send_to(datagram, path)
}

/// One line: `<85>sshd[7]: pam_totp(sshd:auth): event=refused reason=wrong user="a b"`.
#[derive(Clone, Debug)]
pub struct Event {
    /// The whole line, for messages.
    pub line: String,
    /// Facility and severity: 86 is authpriv.info, 85 notice, 83 err.
    pub priority: u8,
    /// The program that the line is from.
    pub source: String,
    /// `pam_totp(sshd:auth)`; empty for the command.
    pub module: String,
    fields: BTreeMap<String, String>,
}

impl Event {
    /// The value of a field, unescaped; empty when it is not there.
    #[must_use]
    pub fn field(&self, key: &str) -> &str {
        self.fields.get(key).map_or("", String::as_str)
    }

    /// The event and its reason, as tests mostly want them: `refused wrong`.
    #[must_use]
    pub fn what(&self) -> String {
        format!("{} {}", self.field("event"), self.field("reason")).trim_end().to_owned()
    }

    /// Reads a line, and is strict: one line, no control characters, every field `key=value`, none twice.
    ///
    /// # Panics
    /// When the line is anything else.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let fail = |what: &str| -> ! { panic!("{what} in the log line {line:?}") };
        if line.chars().any(char::is_control) {
            fail("a control character");
        }
        let (priority, rest) =
            line.strip_prefix('<').and_then(|l| l.split_once('>')).unwrap_or_else(|| fail("no priority"));
        let (head, body) = rest.split_once("event=").unwrap_or_else(|| fail("no event"));
        let (tag, module) = head.split_once(": ").unwrap_or_else(|| fail("no tag"));
        let (source, pid) = tag.split_once('[').unwrap_or_else(|| fail("no process id"));
        if pid.trim_end_matches(']').parse::<u32>().is_err() {
            fail("no process id");
        }
        let fields = fields(&format!("event={body}")).unwrap_or_else(|what| fail(what));
        Self {
            line: line.to_owned(),
            priority: priority.parse().unwrap_or_else(|_| fail("no priority")),
            source: source.to_owned(),
            module: module.trim_end().trim_end_matches(':').to_owned(),
            fields,
        }
    }
}

/// `key=value key="quoted value"`; a backslash takes the next character as it is.
fn fields(body: &str) -> Result<BTreeMap<String, String>, &'static str> {
    let mut fields = BTreeMap::new();
    let mut rest = body.trim_end();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or("a field without a value")?;
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            return Err("a field with a bad name");
        }
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            let (value, after) = after.split_at(end);
            if value.contains(['"', '=', '\\']) {
                return Err("a value that should have been quoted");
            }
            (value.to_owned(), after)
        };
        if fields.insert(key.to_owned(), value).is_some() {
            return Err("a field twice");
        }
        if !after.is_empty() && !after.starts_with(' ') {
            return Err("no space after a field");
        }
        rest = after.trim_start_matches(' ');
    }
    Ok(fields)
}

fn unquote(quoted: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => {
                let (_, escaped) = chars.next().ok_or("an escape at the end")?;
                value.push(escaped);
            }
            _ => value.push(c),
        }
    }
    Err("a quote without an end")
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn a_line_is_taken_apart() {
        let event = Event::parse(
            r#"<85>sshd[7]: pam_totp(sshd:auth): event=refused reason=wrong user="a \"b\" c=d" n=1"#,
        );
        assert_eq!(
            (event.priority, event.source.as_str(), event.module.as_str()),
            (85, "sshd", "pam_totp(sshd:auth)")
        );
        assert_eq!(event.field("user"), r#"a "b" c=d"#);
        assert_eq!(event.what(), "refused wrong");
    }

    #[test]
    #[should_panic(expected = "a field twice")]
    fn a_field_that_a_user_name_forged_is_noticed() {
        drop(Event::parse("<85>sshd[7]: pam_totp(sshd:auth): event=refused user=a event=accepted"));
    }

    #[test]
    #[should_panic(expected = "a control character")]
    fn a_line_that_is_two_lines_is_noticed() {
        drop(Event::parse("<85>sshd[7]: pam_totp(sshd:auth): event=refused user=a\nevent=accepted"));
    }
}
