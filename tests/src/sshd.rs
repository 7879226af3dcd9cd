//! A real sshd on a free port of the loopback, on a fixture's machine, and the real ssh client.

use crate::fixture::Fixture;
use crate::machine::Namespace;
use crate::terminal::Terminal;
use crate::wait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The two stacks that docs/switching-on.md gives; the first is the README's.
pub const KEY_AND_CODE: &str = "publickey,keyboard-interactive:pam";
/// Password and code, both asked by PAM.
pub const ONLY_PAM: &str = "keyboard-interactive:pam";
/// The `password` method: what is typed lands, unasked, in the first prompt of the stack.
pub const PASSWORD_METHOD: &str = "password";

/// The option of a client that asks for no terminal on the other side.
pub const NO_TERMINAL: &str = "RequestTTY=no";

/// A fixture's FIDO2 key, beside its other keys: the public half, by which the client asks its agent for the other.
pub(crate) const SECURITY_KEY: &str = "security_key.pub";

/// A running sshd.
#[derive(Debug)]
pub struct Sshd {
    listener: Listener,
    namespace: Namespace,
    methods: String,
    port: u16,
    dir: PathBuf,
}

impl Fixture {
    /// Starts sshd with these `AuthenticationMethods` and this PAM stack. Every account may use the key of the fixture.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn sshd(&mut self, methods: &str, stack: &str) -> Sshd {
        self.machine().service("sshd", stack);
        self.sshd_with(&options_for(methods), methods)
    }

    /// The same sshd, but each connection's is started by a server that listens for all, as by s6, runit or inetd: that server
    /// leads the session of all, has no terminal, and its parent is not process 1.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn sshd_of_a_super_server(&mut self, methods: &str, stack: &str) -> Sshd {
        self.machine().service("sshd", stack);
        self.started(&options_for(methods), methods, StartedBy::SuperServer)
    }

    /// Starts sshd with the PAM stack that its machine has and these lines of configuration, for clients that try these methods.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn sshd_with(&mut self, options: &str, methods: &str) -> Sshd {
        self.started(options, methods, StartedBy::Itself)
    }

    fn started(&mut self, options: &str, methods: &str, started_by: StartedBy) -> Sshd {
        let dir = self.private("sshd");
        fs::write(dir.join("ssh_config"), "").unwrap();
        for key in ["host_key", "user_key"] {
            let path = dir.join(key);
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status();
            assert!(made.expect("no ssh-keygen").success());
        }
        let machine = self.machine();
        machine.write("ssh/acceptance_keys", 0o644, &fs::read_to_string(dir.join("user_key.pub")).unwrap());
        let namespace = machine.namespace();
        // Another process can take the port before sshd binds it; then sshd ends, and another port is tried.
        (0..5).find_map(|_| Sshd::start(&dir, namespace, options, methods, started_by)).unwrap_or_else(|| {
            panic!("sshd did not start:\n{}", fs::read_to_string(dir.join("sshd.log")).unwrap_or_default())
        })
    }
}

/// Nothing of the account that runs the tests is offered or remembered.
const OPTIONS: [&str; 5] = [
    "LogLevel=ERROR",
    "IdentityAgent=none",
    "IdentitiesOnly=yes",
    "GlobalKnownHostsFile=none",
    "StrictHostKeyChecking=yes",
];

impl Sshd {
    fn start(
        dir: &Path,
        namespace: Namespace,
        options: &str,
        methods: &str,
        started_by: StartedBy,
    ) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.join("sshd_config");
        fs::write(&config, configuration(dir, port, options)).unwrap();
        let log = File::create(dir.join("sshd.log")).unwrap();
        let mut command = match started_by {
            StartedBy::Itself => namespace.command("/usr/sbin/sshd"),
            StartedBy::SuperServer => {
                let mut server = namespace.command("/usr/bin/setsid");
                server.args(["/usr/bin/perl", "-e", SUPER_SERVER, &port.to_string(), "/usr/sbin/sshd", "-i"]);
                server
            }
        };
        // Since OpenSSH 9.8 a client that is refused often is shut out for a while; here all come from one address.
        if accepts(namespace, &config, "PerSourcePenalties=no") {
            command.args(["-o", "PerSourcePenalties=no"]);
        }
        command.arg("-E").arg(dir.join("sshd.log")).arg("-f").arg(&config);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut sshd = Self {
            listener: Listener::Child(child),
            namespace,
            methods: methods.to_owned(),
            port,
            dir: dir.to_owned(),
        };
        sshd.listens(started_by).then_some(sshd)
    }

    fn listens(&mut self, started_by: StartedBy) -> bool {
        let dir = self.dir.clone();
        let look = || {
            let listens = self.log().contains("Server listening");
            let pid = fs::read_to_string(dir.join("sshd.pid")).ok();
            let pid = pid.and_then(|text| text.trim_end().parse().ok()).map(Pid::from_raw);
            match (started_by, pid) {
                // It goes into the background as on any machine: what it starts does not descend from the tests.
                (StartedBy::Itself, Some(pid)) if listens => {
                    self.reap();
                    self.listener = Listener::Daemon(pid);
                    return Some(true);
                }
                (StartedBy::SuperServer, _) if listens => return Some(true),
                (StartedBy::Itself | StartedBy::SuperServer, _) => {}
            }
            match &mut self.listener {
                Listener::Child(child) => {
                    child.try_wait().unwrap().is_some_and(|status| !status.success()).then_some(false)
                }
                Listener::Daemon(_) => None,
            }
        };
        wait::until_some(look).unwrap_or(false)
    }

    /// Connects, with the key of the fixture or without any, and runs `command`.
    #[must_use]
    pub fn ssh(&self, user: &str, key: Key, command: &str) -> Terminal {
        self.ssh_with(user, key, command, "NumberOfPasswordPrompts=1")
    }

    /// The same, with one option of the client set.
    #[must_use]
    pub fn ssh_with(&self, user: &str, key: Key, command: &str, option: &str) -> Terminal {
        self.ssh_in("C.UTF-8", user, key, command, option)
    }

    /// The same, in this locale of the client.
    #[must_use]
    pub fn ssh_in(&self, locale: &str, user: &str, key: Key, command: &str, option: &str) -> Terminal {
        // In the namespace too: the client reads /etc/ssh and /etc/hosts.
        let mut ssh = self.namespace.command("/usr/bin/ssh");
        // For the terminal at the other end, also where the tests themselves have none: tmux does not start without it.
        ssh.env("TERM", "xterm");
        // Of two options of one name the client takes the first.
        let known_hosts = format!("UserKnownHostsFile={}", self.known_hosts().display());
        // A client that is told that no method is left (PAM_MAXTRIES) tries all its methods again.
        let methods = format!("PreferredAuthentications={}", self.methods.replace(":pam", ""));
        for option in [option, &known_hosts, &methods].into_iter().chain(OPTIONS) {
            ssh.args(["-o", option]);
        }
        ssh.arg("-F").arg(self.client_config());
        if option != NO_TERMINAL {
            ssh.arg("-t");
        }
        ssh.arg("-i").arg(match key {
            Key::Offered => self.dir.join("user_key"),
            Key::Security => self.dir.join(SECURITY_KEY),
            Key::None => self.dir.join("no_key"),
        });
        ssh.args(["-p", &self.port.to_string(), &format!("{user}@127.0.0.1"), command]);
        ssh.env("LC_ALL", locale);
        Terminal::open(&ssh)
    }

    /// Writes the configuration of all clients.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure_clients(&self, lines: &str) {
        fs::write(self.client_config(), lines).unwrap();
    }

    /// Does it still run?
    ///
    /// # Panics
    /// When that cannot be found out.
    pub fn is_alive(&mut self) -> bool {
        match &mut self.listener {
            Listener::Child(child) => child.try_wait().unwrap().is_none(),
            Listener::Daemon(pid) => is_running(*pid),
        }
    }

    /// What sshd itself logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("sshd.log")).unwrap()
    }

    fn client_config(&self) -> PathBuf {
        self.dir.join("ssh_config")
    }

    fn known_hosts(&self) -> PathBuf {
        let path = self.dir.join("known_hosts");
        let key = fs::read_to_string(self.dir.join("host_key.pub")).unwrap();
        fs::write(&path, format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
        path
    }
}

impl Sshd {
    fn reap(&mut self) {
        if let Listener::Child(child) = &mut self.listener {
            drop(child.wait());
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        match &mut self.listener {
            Listener::Child(child) => drop(child.kill()),
            Listener::Daemon(pid) => {
                let pid = *pid;
                let _ = kill(pid, Signal::SIGKILL);
                let _ = wait::until_some(|| (!is_running(pid)).then_some(()));
            }
        }
        self.reap();
    }
}

/// The process that accepts connections.
#[derive(Debug)]
enum Listener {
    Child(Child),
    Daemon(Pid),
}

/// Whether it is there, and not only waits for its parent to hear of its end.
fn is_running(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// What starts sshd for a connection.
#[derive(Clone, Copy, Debug)]
enum StartedBy {
    /// sshd itself, which starts a session for each.
    Itself,
    /// A server that runs a new sshd for each, in the server's session.
    SuperServer,
}

/// Runs a command for each connection to a port, which is its standard input and output.
const SUPER_SERVER: &str = r#"
    use IO::Socket::INET;
    my $port = shift;
    my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 9) or die $!;
    $SIG{CHLD} = "IGNORE";
    print STDERR "Server listening\n";
    while (my $connection = $listener->accept) {
        if (!fork) {
            open STDIN, "<&", $connection; open STDOUT, ">&", $connection;
            close $listener;
            $SIG{CHLD} = "DEFAULT";
            exec @ARGV;
        }
        close $connection;
    }"#;

fn options_for(methods: &str) -> String {
    let password = if methods == PASSWORD_METHOD { "yes" } else { "no" };
    format!(
        "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication {password}\n\
         AuthenticationMethods {methods}\n"
    )
}

/// Does the client offer the key of the fixture?
#[derive(Clone, Copy, Debug)]
pub enum Key {
    /// It does.
    Offered,
    /// It offers a FIDO2 key instead, if the fixture has one.
    Security,
    /// It has none.
    None,
}

/// The lines under test come last: they may end in a Match block.
fn configuration(dir: &Path, port: u16, options: &str) -> String {
    let host_key = dir.join("host_key");
    let host_key = host_key.display();
    let pid_file = dir.join("sshd.pid");
    let pid_file = pid_file.display();
    let root = if options.contains("PermitRootLogin") { "" } else { "PermitRootLogin no\n" };
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile {pid_file}\nUseDNS no\n\
         PrintMotd no\nPrintLastLog no\nMaxAuthTries 20\nMaxStartups 100\n{root}\
         AuthorizedKeysFile /etc/ssh/acceptance_keys\n{options}"
    )
}

fn accepts(namespace: Namespace, config: &Path, option: &str) -> bool {
    let test = namespace.command("/usr/sbin/sshd").args(["-t", "-o", option, "-f"]).arg(config).output();
    test.unwrap().status.success()
}
