//! A machine that is configured as README.md says: sshd, sudo, su, a time service.

use crate::built;
use crate::enroll_command::CommandOutput;
use crate::fixture::{Builder, Fixture};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A fixture with a machine, where alice is enrolled and bob is not.
#[derive(Debug)]
pub struct Site {
    /// The fixture.
    pub fixture: Fixture,
    /// What a service file calls the module, and the config that it is to read.
    pub module: String,
}

/// The README's lines for sshd: key and code.
pub const KEY_AND_CODE: &str = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
    AuthenticationMethods publickey,keyboard-interactive:pam\n";
/// Those of docs/switching-on.md: password and code.
pub const PASSWORD_AND_CODE: &str = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
    AuthenticationMethods keyboard-interactive:pam\n";

impl Site {
    /// No service asks for a code yet.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Fixture::builder())
    }

    /// The same, with more in the fixture.
    #[must_use]
    pub fn of(builder: Builder) -> Self {
        let mut fixture = builder.account("alice").account("bob").enrolled("alice").build();
        let path = fixture.machine().install(&built::module());
        let module = format!("{} conf={}", path.display(), fixture.conf().display());
        // As `doctor` wants it: the fixture enrols without them.
        for user in fixture.totp_enroll(&["--json", "list"]).json()["users"].as_array().into_iter().flatten()
        {
            let user = user["user"].as_str().unwrap_or_default();
            fixture.totp_enroll(&["--json", "recovery-codes", user, "--yes"]).assert_done();
        }
        let mut site = Self { fixture, module };
        // Root's keys are not those of the machine that runs the tests.
        let sshd = "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\n\
            AuthorizedKeysFile /etc/ssh/keys_of_%u\n";
        site.fixture.machine().write("ssh/sshd_config", 0o644, sshd);
        site.shell("mkdir -p /etc/ssh/sshd_config.d; ssh-keygen -A >/dev/null");
        // A time service, as systemd has it.
        site.shell("mkdir -p /run/systemd/timesync; touch /run/systemd/timesync/synchronized");
        site
    }

    /// Runs a line of the shell on the machine, as root.
    ///
    /// # Panics
    /// When it fails.
    pub fn shell(&mut self, line: &str) {
        let namespace = self.fixture.machine().namespace();
        let done = namespace.command("/bin/sh").args(["-ec", line]).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Writes the auth lines of a service; `TOTP` is replaced by the module and its config.
    pub fn service(&mut self, name: &str, auth: &str) {
        let auth = auth.replace("TOTP", &self.module);
        self.fixture.machine().service(name, &auth);
    }

    /// Writes the drop-in of sshd that the README names.
    pub fn sshd(&mut self, lines: &str) {
        self.fixture.machine().write("ssh/sshd_config.d/50-totp.conf", 0o644, lines);
    }

    /// Switches a shipped profile on with the real pam-auth-update, beside Debian's own. Its records are new, debconf's a copy.
    ///
    /// # Panics
    /// When it fails.
    pub fn pam_auth_update(&mut self, profile: &str) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/pam-configs").join(profile);
        let text = fs::read_to_string(shipped).unwrap().replace("pam_totp.so", &self.module);
        self.fixture.machine().write(&format!("pam-configs-{profile}"), 0o644, &text);
        self.shell(&format!(
            "for directory in /usr/share/pam-configs /var/lib/pam /var/cache/debconf; do
                copy=$(mktemp -d /run/copy.XXXXXX); cp -a $directory/. $copy; mount --bind $copy $directory; done
             find /usr/share/pam-configs /var/lib/pam -type f ! -name unix -delete
             cp /etc/pam-configs-{profile} /usr/share/pam-configs/{profile}
             DEBIAN_FRONTEND=noninteractive pam-auth-update --enable unix {profile} --force"
        ));
    }

    /// What `doctor` finds.
    #[must_use]
    pub fn doctor(&self, arguments: &[&str]) -> Findings {
        let mut all = vec!["--json", "doctor"];
        all.extend(arguments);
        Findings(self.fixture.totp_enroll(&all))
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// What was found.
#[derive(Debug)]
pub struct Findings(CommandOutput);

impl Findings {
    /// All of it.
    ///
    /// # Panics
    /// When it is no document.
    #[must_use]
    pub fn all(&self) -> Vec<Value> {
        self.0.json()["findings"].as_array().expect("no findings").clone()
    }

    /// The findings of a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<Value> {
        self.all().into_iter().filter(|finding| finding["name"] == name).collect()
    }

    /// Asserts that nothing was found.
    ///
    /// # Panics
    /// When something was.
    pub fn assert_none(&self) {
        assert!(self.all().is_empty() && self.0.status == 0, "{:#?}", self.0.json());
    }

    /// Asserts that this was found, so serious, with this in its sentence, and that the exit status tells.
    ///
    /// # Panics
    /// When it was not.
    pub fn assert_found(&self, severity: &str, name: &str, what: &str) {
        let found = self.named(name);
        let fits = |finding: &Value| {
            let says = |key: &str| finding[key].as_str().is_some_and(|text| !text.is_empty());
            finding["severity"] == severity
                && finding["what"].as_str().is_some_and(|text| text.contains(what))
                && says("why")
                && says("fix")
        };
        assert!(found.iter().any(fits), "{severity} {name} {what:?} is not among {:#?}", self.0.json());
        assert_eq!(
            self.0.status,
            i32::from(self.all().iter().any(|finding| finding["severity"] == "serious"))
        );
        assert!(severity != "serious" || self.0.status == 1);
    }
}
