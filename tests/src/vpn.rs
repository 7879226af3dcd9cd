//! A real OpenVPN server with its PAM plugin, and the real client, in a network namespace with a loopback only.

use crate::daemon::Daemon;
use crate::fixture::Fixture;
use crate::machine::Namespace;
use crate::terminal::Terminal;
use crate::wait;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running server.
#[derive(Debug)]
pub struct Vpn {
    _server: Daemon,
    namespace: Namespace,
    dir: PathBuf,
}

/// The options of every server and client. Keys are renegotiated every four seconds.
const COMMON: &str = "ca ca.crt\nreneg-sec 4\nverb 3\n";
const SERVER: &str = "local 127.0.0.1\nport 1194\nproto tcp-server\ndev tun\nserver 10.77.0.0 255.255.255.0\n\
    cert server.crt\nkey server.key\ndh none\n";
const CLIENT: &str = "client\nremote 127.0.0.1 1194\nproto tcp-client\ndev null\nnobind\nifconfig-noexec\n\
    route-noexec\ncert client.crt\nkey client.key\nconnect-retry-max 1\nauth-nocache\n";
/// What a client says when it is in.
pub const CONNECTED: &str = "Initialization Sequence Completed";
/// What it says when it was refused.
pub const REFUSED: &str = "AUTH_FAILED";

impl Fixture {
    /// Starts a server that says this as well.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn vpn(&mut self, lines: &str) -> Vpn {
        let dir = self.private("vpn");
        certificates(&dir);
        fs::write(dir.join("server.conf"), format!("{SERVER}{COMMON}{lines}")).unwrap();
        let namespace = self.machine().namespace();
        // The machine has its own /dev.
        let script = "cd \"$1\"; mkdir -p /dev/net; [ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200; \
            ip link set lo up; echo $$ >pid; exec openvpn --config server.conf >server.log 2>&1";
        let mut server = namespace.command("/usr/bin/unshare");
        // The plugin's own processes outlive the server.
        server.args(["--net", "/bin/sh", "-ec", script, "sh"]).arg(&dir);
        let vpn = Vpn { _server: Daemon::start(&server), namespace, dir };
        let started = || vpn.log().contains("Initialization Sequence Completed").then_some(());
        wait::until_some(started).unwrap_or_else(|| {
            panic!("openvpn did not start; it needs /dev/net/tun of the kernel:\n{}", vpn.log())
        });
        vpn
    }
}

impl Vpn {
    /// A client at a terminal that says this as well, and is asked for name and password.
    #[must_use]
    pub fn client(&self, lines: &str) -> Terminal {
        let config = format!("{CLIENT}{COMMON}{lines}");
        fs::write(self.dir.join("client.conf"), config).unwrap();
        let mut client = self.namespace.command("/usr/bin/nsenter");
        let server = fs::read_to_string(self.dir.join("pid")).unwrap();
        let network = format!("--net=/proc/{}/ns/net", server.trim());
        client.args([&network, "/bin/sh", "-c", "cd \"$1\" && exec openvpn --config client.conf", "sh"]);
        Terminal::open(client.arg(&self.dir))
    }

    /// What the server logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("server.log")).unwrap_or_default()
    }
}

/// An authority, and what it signed for a server and a client.
fn certificates(dir: &Path) {
    let script = "
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 2
        for name in server client; do
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
            openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $name.crt -days 2
        done";
    let made = Command::new("/bin/sh").args(["-ec", script]).current_dir(dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
