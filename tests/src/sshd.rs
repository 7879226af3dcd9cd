//! A real sshd on a free port of the loopback, on a scene's machine, and the real ssh client that knocks at it.

use crate::machine::Namespace;
use crate::scene::Scene;
use crate::terminal::Terminal;
use crate::wait;
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

/// A scene's FIDO2 key, beside its other keys: the public half, by which the client asks its agent for the other.
pub(crate) const SECURITY_KEY: &str = "security_key.pub";

/// A running sshd.
#[derive(Debug)]
pub struct Sshd {
    child: Child,
    namespace: Namespace,
    methods: String,
    port: u16,
    dir: PathBuf,
}

impl Scene {
    /// Starts sshd with these `AuthenticationMethods` and this PAM stack. Every account may use the key of the scene.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn sshd(&mut self, methods: &str, stack: &str) -> Sshd {
        self.machine().service("sshd", stack);
        let password = if methods == PASSWORD_METHOD { "yes" } else { "no" };
        let options = format!(
            "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication {password}\n\
             AuthenticationMethods {methods}\n"
        );
        self.sshd_with(&options, methods)
    }

    /// Starts sshd with the PAM stack that its machine has and these lines of configuration, for clients that try these methods.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn sshd_with(&mut self, options: &str, methods: &str) -> Sshd {
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
        // Another process can take the port between our look and sshd's; then sshd ends, and another port is tried.
        (0..5).find_map(|_| Sshd::start(&dir, namespace, options, methods)).unwrap_or_else(|| {
            panic!("sshd did not start:\n{}", fs::read_to_string(dir.join("sshd.log")).unwrap_or_default())
        })
    }
}

/// Nothing of the person who runs the tests is offered or remembered.
const OPTIONS: [&str; 5] = [
    "LogLevel=ERROR",
    "IdentityAgent=none",
    "IdentitiesOnly=yes",
    "GlobalKnownHostsFile=none",
    "StrictHostKeyChecking=yes",
];

impl Sshd {
    fn start(dir: &Path, namespace: Namespace, options: &str, methods: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.join("sshd_config");
        fs::write(&config, configuration(dir, port, options)).unwrap();
        let mut sshd = namespace.command("/usr/sbin/sshd");
        // Since OpenSSH 9.8 a client that is refused often is shut out for a while; here all come from one address.
        if accepts(namespace, &config, "PerSourcePenalties=no") {
            sshd.args(["-o", "PerSourcePenalties=no"]);
        }
        let log = File::create(dir.join("sshd.log")).unwrap();
        let child =
            sshd.args(["-D", "-e", "-f"]).arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut sshd = Self {
            child: child.spawn().unwrap(),
            namespace,
            methods: methods.to_owned(),
            port,
            dir: dir.to_owned(),
        };
        sshd.listens().then_some(sshd)
    }

    fn listens(&mut self) -> bool {
        let listens = || {
            let is_over = self.child.try_wait().unwrap().is_some();
            let listens = self.log().contains("Server listening");
            (listens || is_over).then_some(listens && !is_over)
        };
        wait::until_some(listens).unwrap_or(false)
    }

    /// Knocks, with the key of the scene or without any, and asks for `command` to be run.
    #[must_use]
    pub fn ssh(&self, user: &str, key: Key, command: &str) -> Terminal {
        self.ssh_with(user, key, command, "NumberOfPasswordPrompts=1")
    }

    /// The same, with one option of the client set.
    #[must_use]
    pub fn ssh_with(&self, user: &str, key: Key, command: &str, option: &str) -> Terminal {
        self.ssh_in("C.UTF-8", user, key, command, option)
    }

    /// The same, in a locale of the person's.
    #[must_use]
    pub fn ssh_in(&self, locale: &str, user: &str, key: Key, command: &str, option: &str) -> Terminal {
        // In the namespace too: the client reads /etc/ssh and /etc/hosts.
        let mut ssh = self.namespace.command("/usr/bin/ssh");
        // Of two options of one name the client takes the first.
        let known_hosts = format!("UserKnownHostsFile={}", self.known_hosts().display());
        // A client that is told that no method is left (PAM_MAXTRIES) tries all of its own again.
        let methods = format!("PreferredAuthentications={}", self.methods.replace(":pam", ""));
        for option in [option, &known_hosts, &methods].into_iter().chain(OPTIONS) {
            ssh.args(["-o", option]);
        }
        ssh.arg("-F").arg(self.client_config()).arg("-t");
        ssh.arg("-i").arg(match key {
            Key::Offered => self.dir.join("user_key"),
            Key::Security => self.dir.join(SECURITY_KEY),
            Key::None => self.dir.join("no_key"),
        });
        ssh.args(["-p", &self.port.to_string(), &format!("{user}@127.0.0.1"), command]);
        ssh.env("LC_ALL", locale);
        Terminal::open(&ssh)
    }

    /// Has everybody's client configured like this.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure_clients(&self, lines: &str) {
        fs::write(self.client_config(), lines).unwrap();
    }

    /// Does it still run?
    ///
    /// # Panics
    /// When that cannot be told.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
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

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Does the client offer the key of the scene?
#[derive(Clone, Copy, Debug)]
pub enum Key {
    /// It does.
    Offered,
    /// It offers a FIDO2 key instead, if the scene has one.
    Security,
    /// It has none.
    None,
}

/// What is to be tried comes last: it may end in a Match block.
fn configuration(dir: &Path, port: u16, options: &str) -> String {
    let host_key = dir.join("host_key");
    let host_key = host_key.display();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nUseDNS no\n\
         PrintMotd no\nPrintLastLog no\nMaxAuthTries 20\nMaxStartups 100\nPermitRootLogin no\n\
         AuthorizedKeysFile /etc/ssh/acceptance_keys\n{options}"
    )
}

fn accepts(namespace: Namespace, config: &Path, option: &str) -> bool {
    let test = namespace.command("/usr/sbin/sshd").args(["-t", "-o", option, "-f"]).arg(config).output();
    test.unwrap().status.success()
}
