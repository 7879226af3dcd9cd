//! polkit: a system bus, polkitd on it, and pkexec at a terminal.

use crate::daemon::Daemon;
use crate::machine::PASSWORD;
use crate::site::Site;
use crate::terminal::Terminal;
use crate::wait;
use std::process::{Command, Stdio};

/// A machine with a bus and polkitd, of which bob is the administrator.
#[derive(Debug)]
pub struct Polkit {
    /// The machine.
    pub site: Site,
    daemons: Vec<Daemon>,
}

impl Polkit {
    /// Starts both on a machine where bob has an account.
    ///
    /// # Panics
    /// When one does not start.
    #[must_use]
    pub fn of(mut site: Site) -> Self {
        let rule = "polkit.addAdminRule(function(action, subject) { return [\"unix-user:bob\"]; });\n";
        site.fixture.machine().write("polkit-1/rules.d/10-acceptance.rules", 0o644, rule);
        site.shell("mkdir /run/dbus; chmod -R a+rX /etc/polkit-1");
        let mut polkit = Self { site, daemons: Vec::new() };
        polkit.starts(
            &["dbus-daemon", "--system", "--nofork", "--nopidfile"],
            "test -S /run/dbus/system_bus_socket",
        );
        let owned = "dbus-send --system --print-reply --dest=org.freedesktop.DBus / \
            org.freedesktop.DBus.NameHasOwner string:org.freedesktop.PolicyKit1 | grep -q 'boolean true'";
        polkit.starts(&["/usr/lib/polkit-1/polkitd", "--no-debug"], owned);
        polkit
    }

    /// Starts a daemon, and waits until it is ready.
    fn starts(&mut self, command: &[&str], is_ready: &str) {
        let namespace = self.site.fixture.machine().namespace();
        let mut daemon = namespace.command(command[0]);
        self.daemons.push(Daemon::start(daemon.args(&command[1..])));
        let ready = || {
            let mut look: Command = namespace.command("/bin/sh");
            look.args(["-c", is_ready])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        };
        wait::until(&format!("{command:?} started (from tests/apt-packages)"), ready);
    }

    /// Starts pkexec in a shell of alice with an agent for terminals, and types the password of the administrator, bob.
    ///
    /// # Panics
    /// When the agent does not ask for it.
    #[must_use]
    pub fn alice_calls_pkexec(&mut self) -> Terminal {
        let machine = self.site.fixture.machine();
        let uid = machine.uid("alice").to_string();
        let mut shell = machine.namespace().command("/usr/bin/setpriv");
        // The agent says by closing it that it is there.
        let script = "mkfifo /run/home/alice/ready
            pkttyagent --process $$ --notify-fd 3 3>/run/home/alice/ready & cat /run/home/alice/ready
            pkexec --disable-internal-agent /bin/sh -c 'echo ran as $(id -u)' || echo did not run
            kill $!";
        shell.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "/bin/sh", "-c", script]);
        let mut terminal = Terminal::open(shell.env("LC_ALL", "C.UTF-8"));
        terminal.expect("Authenticating as: bob");
        terminal.expect("Password: ");
        terminal.expect_no_echo();
        terminal.types(PASSWORD);
        terminal
    }
}
