//! One login, in a new process as in sshd: the request, the answers, and the outcome.

pub use crate::libpam::{Answer, Prompt};
pub use crate::outcome::{Death, Outcome, PamCode};

use crate::strace::{Injection, Trace};
use crate::{built, clock, machine};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A login about to be made; the request that `pam-login` reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// Where the service files lie.
    pub confdir: PathBuf,
    /// The PAM service.
    pub service: String,
    /// The name that the application gives; with none, the module has to ask for it.
    pub user: Option<Vec<u8>>,
    /// `PAM_RHOST`.
    pub rhost: Option<Vec<u8>>,
    /// `PAM_RUSER`.
    pub ruser: Option<Vec<u8>>,
    /// `PAM_TTY`.
    pub tty: Option<Vec<u8>>,
    /// What the application puts into the PAM environment, `NAME=VALUE`.
    pub pam_environment: Vec<String>,
    /// `PAM_SILENT`.
    pub silent: bool,
    /// What the application asks libpam for.
    pub call: Call,
    /// One for each prompt, in order; when they run out the conversation fails.
    pub answers: Vec<Answer>,
    /// How long the person thinks before each answer.
    pub pause_ms: u64,
    /// Where to wait until released.
    pub hold: Option<Stage>,
    /// Whether libpam may refuse the whole service, which fails the test otherwise.
    pub may_not_start: bool,
    /// Whether the application keeps what was typed, instead of wiping its own copies as it should.
    pub keeps_answers: bool,
    /// The mount namespace to log in to, when the fixture has one.
    #[serde(skip)]
    pub namespace: Option<machine::Namespace>,
    /// Runs the process as the user nobody: a copy of `pam-login` that nobody can execute.
    #[serde(skip)]
    pub unprivileged: Option<PathBuf>,
    /// The environment of the process, which is empty otherwise.
    #[serde(skip)]
    pub environment: Vec<(String, String)>,
    /// Stops the clock of the process at this second since 1970.
    #[serde(skip)]
    pub clock: Option<u64>,
    /// Starts the process in a time namespace in which the machine has been up for so many seconds.
    #[serde(skip)]
    pub up_for: Option<u64>,
    /// What strace does to the system calls of the process; with nothing, it does not run under strace.
    #[serde(skip)]
    pub injected: Vec<Injection>,
}

impl Login {
    /// A login at `service`, without answers yet.
    #[must_use]
    pub fn new(confdir: PathBuf, service: &str, user: &[u8]) -> Self {
        Self {
            confdir,
            service: service.to_owned(),
            user: Some(user.to_owned()),
            rhost: None,
            ruser: None,
            tty: None,
            pam_environment: Vec::new(),
            silent: false,
            call: Call::Authenticate,
            answers: Vec::new(),
            pause_ms: 0,
            hold: None,
            may_not_start: false,
            keeps_answers: false,
            namespace: None,
            unprivileged: None,
            environment: Vec::new(),
            clock: None,
            up_for: None,
            injected: Vec::new(),
        }
    }

    /// Answers the next prompt with this text.
    #[must_use]
    pub fn types(self, text: impl AsRef<[u8]>) -> Self {
        self.answers_with(Answer::Typed(text.as_ref().to_owned()))
    }

    /// Answers the next prompt like this.
    #[must_use]
    pub fn answers_with(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Comes from this host.
    #[must_use]
    pub fn from_host(mut self, rhost: impl AsRef<[u8]>) -> Self {
        self.rhost = Some(rhost.as_ref().to_owned());
        self
    }

    /// Comes through sshd, after a first factor: a line of its `SSH_AUTH_INFO_0`.
    #[must_use]
    pub fn after(mut self, first_factor: &str) -> Self {
        self.tty = Some(b"ssh".to_vec());
        self.pam_environment.push(format!("SSH_AUTH_INFO_0={first_factor}\n"));
        self
    }

    /// Comes through sshd, without word of a first factor.
    #[must_use]
    pub fn through_sshd(mut self) -> Self {
        self.tty = Some(b"ssh".to_vec());
        self
    }

    /// Comes through sshd from this address: the client's in its `SSH_CONNECTION`, and as `PAM_RHOST`.
    #[must_use]
    pub fn from_client(mut self, address: &str) -> Self {
        self.pam_environment.push(format!("SSH_CONNECTION={address} 50000 192.0.2.200 22"));
        self.through_sshd().from_host(address)
    }

    /// Comes at this second since 1970, by the clock that the module reads. What it takes to wait is not affected.
    #[must_use]
    pub fn at(mut self, second: u64) -> Self {
        self.clock = Some(second);
        self
    }

    /// Comes this many seconds after the machine started, by the clock that counts from there.
    #[must_use]
    pub fn up_for(mut self, seconds: u64) -> Self {
        self.up_for = Some(seconds);
        self
    }

    /// Has this done to its system calls, under strace.
    #[must_use]
    pub fn injecting(mut self, injected: &[Injection]) -> Self {
        self.injected = injected.to_vec();
        self
    }

    /// Makes the login.
    ///
    /// # Panics
    /// When the process was killed by a signal, or anything was written to the host's stdout or stderr.
    #[must_use]
    pub fn run(self) -> Outcome {
        self.start().outcome().unwrap_or_else(|death| panic!("{death}"))
    }

    /// Makes the login, in which libpam itself may die.
    ///
    /// # Errors
    /// When the process was killed by a signal.
    ///
    /// # Panics
    /// When anything was written to the host's stdout or stderr.
    pub fn try_run(self) -> Result<Outcome, Death> {
        self.start().outcome()
    }

    /// Makes the login, and tells only its code.
    #[must_use]
    pub fn code(self) -> PamCode {
        self.run().code
    }

    /// Goes to the prompt, and waits there.
    ///
    /// # Panics
    /// When it reaches no prompt.
    #[must_use]
    pub fn hold(self) -> Waiting {
        self.hold_at(Stage::Prompt)
    }

    /// Goes as far as this, and waits there.
    ///
    /// # Panics
    /// When it does not get there.
    #[must_use]
    pub fn hold_at(mut self, stage: Stage) -> Waiting {
        self.hold = Some(stage);
        let mut running = self.start();
        let line = running.line();
        assert_eq!(line.trim_end(), stage.announced(), "the login did not get there");
        Waiting(running)
    }

    fn start(self) -> Running {
        let program = built::pam_login();
        let mut command = match (self.namespace, self.up_for) {
            (None, None) => Command::new(&program),
            (Some(namespace), None) => namespace.command(&program),
            (None, Some(seconds)) => clock::just_started(&program, seconds),
            (Some(_), Some(_)) => {
                panic!("a fixture with a machine of its own cannot have a time of its own as well")
            }
        };
        if let Some(program) = &self.unprivileged {
            let namespace =
                self.namespace.expect("only a fixture with accounts can run unprivileged programs");
            command = namespace.command("/usr/bin/setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        }
        command.env_clear().envs(self.environment.iter().cloned());
        if let Some(second) = self.clock {
            clock::stop(&mut command, second);
        }
        let trace = (!self.injected.is_empty()).then(Trace::new);
        if let Some(trace) = &trace {
            command = trace.injecting(&command, &self.injected);
            command.env_clear();
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pam-login could not be started");
        let request = serde_json::to_string(&self).unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{request}").unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Running { child, said, trace }
    }
}

/// The module's default prompt.
pub const PROMPT: &str = "Verification code: ";

/// The prompts of a person who types `sync` at the first one.
pub const TWO_CODES: [&str; 3] = [PROMPT, "First code: ", "Second code: "];

/// What an application can ask libpam for; each goes to another kind of stack.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Call {
    /// `pam_authenticate`.
    Authenticate,
    /// `pam_acct_mgmt`.
    Account,
    /// `pam_open_session`.
    Session,
    /// `pam_chauthtok`.
    Password,
}

/// Where a login can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// At the first prompt, before it is answered.
    Prompt,
    /// After `pam_authenticate`, and `pam_setcred`: the module has answered, and is still loaded.
    Answered,
    /// After `pam_end`.
    Ended,
}

impl Stage {
    /// What `pam-login` says when it is there.
    #[must_use]
    pub fn announced(self) -> &'static str {
        match self {
            Self::Prompt => "at the prompt",
            Self::Answered => "answered",
            Self::Ended => "ended",
        }
    }
}

/// A login that waits.
#[derive(Debug)]
pub struct Waiting(Running);

impl Waiting {
    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.child.id()
    }

    /// Lets it answer.
    #[must_use]
    pub fn release(mut self) -> Running {
        writeln!(self.0.child.stdin.as_mut().unwrap(), "go on").unwrap();
        self.0
    }

    /// Lets it go on, and gives its outcome.
    ///
    /// # Panics
    /// As [`Login::run`] does.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        self.release().outcome().unwrap_or_else(|death| panic!("{death}"))
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.0.child.kill().unwrap();
        self.0.child.wait().unwrap();
    }
}

/// A login on its way.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: BufReader<ChildStdout>,
    trace: Option<Trace>,
}

impl Running {
    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its outcome.
    ///
    /// # Errors
    /// When the process was killed by a signal.
    ///
    /// # Panics
    /// When the module wrote to the host's stdout or stderr.
    pub fn outcome(mut self) -> Result<Outcome, Death> {
        let line = self.line();
        let mut noise = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut noise).unwrap();
        let status = self.child.wait().unwrap();
        if let Some(signal) = status.signal() {
            self.trace.iter().for_each(Trace::sweep);
            return Err(Death { signal, noise });
        }
        assert_eq!(noise, "", "something was written to the host's stderr");
        serde_json::from_str(&line).map_err(|e| {
            panic!("something was written to the host's stdout, or the host died: {e}: {line:?} ({status})")
        })
    }

    /// What strace wrote of it so far.
    ///
    /// # Panics
    /// When it does not run under strace.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        self.trace.as_ref().expect("nothing is injected into this login")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Running {
    /// A failed test leaves nothing stopped behind.
    fn drop(&mut self) {
        let Some(trace) = &self.trace else { return };
        if matches!(self.child.try_wait(), Ok(None)) {
            trace.end_processes();
            drop(self.child.wait());
        }
    }
}
