//! A fixture: a directory with a configuration, a keyring, state, PAM services, and enrolled users.

use crate::authenticator::Authenticator;
use crate::files::Files;
use crate::journal::Journal;
use crate::login::Login;
use crate::machine::Machine;
use crate::{accounts, built, clock, enroll_command};
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The PAM service of a fixture, where it does not matter.
pub const SERVICE: &str = "app";

/// What is to be set up.
#[derive(Default)]
pub struct Builder {
    config: String,
    arguments: String,
    enrolled: Vec<(String, Authenticator)>,
    accounts: Vec<String>,
}

impl Builder {
    /// Enrols a user with a random secret.
    #[must_use]
    pub fn enrolled(self, user: &str) -> Self {
        self.enrolled_with(user, Authenticator::random())
    }

    /// Enrols a user with this authenticator: SHA1 and a period of 30 or 60, as in a users file of pam_oath.
    #[must_use]
    pub fn enrolled_with(mut self, user: &str, authenticator: Authenticator) -> Self {
        self.enrolled.push((user.to_owned(), authenticator));
        self
    }

    /// Makes an account. The fixture then has its own [`Machine`].
    #[must_use]
    pub fn account(mut self, name: &str) -> Self {
        self.accounts.push(name.to_owned());
        self
    }

    /// More of the configuration, beside `[paths]`.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    /// Arguments of the module, beside `conf=`.
    #[must_use]
    pub fn arguments(mut self, arguments: &str) -> Self {
        arguments.clone_into(&mut self.arguments);
        self
    }

    /// Builds the fixture, and enrols the users with the real command.
    ///
    /// # Panics
    /// When not root, or something is not built.
    #[must_use]
    pub fn build(self) -> Fixture {
        built::need_root();
        clock::wait_for_the_boot_to_be_past();
        let dir = tempfile::Builder::new()
            .prefix("pam_totp-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir();
        let dir = dir.expect("no temporary directory");
        let accounts = dir.path().join("accounts");
        fs::DirBuilder::new().mode(0o700).create(&accounts).unwrap();
        accounts::hide_machine_accounts(&accounts);
        let journal = Journal::listen(dir.path().join("log"));
        let mut fixture = Fixture { machine: None, journal, people: BTreeMap::new(), dir };
        fs::DirBuilder::new().mode(0o700).create(fixture.confdir()).unwrap();
        fixture.configure(&self.config);
        fixture.service(SERVICE, &fixture.module(&self.arguments));
        if !self.accounts.is_empty() {
            let mut machine = Machine::new(&fixture.private("machine"), &fixture.path("log"));
            for account in &self.accounts {
                machine.add_account(account);
            }
            fixture.machine = Some(machine);
        }
        fixture.totp_enroll(&["keys", "init"]).assert_done();
        if !self.enrolled.is_empty() {
            fixture.import(&self.enrolled);
        }
        fixture
    }
}

/// What one test runs in. Removed when dropped.
#[derive(Debug)]
pub struct Fixture {
    // Before the directory that its mounts and sockets lie in: fields are dropped in order.
    machine: Option<Machine>,
    /// Where the events go.
    pub journal: Journal,
    people: BTreeMap<String, Authenticator>,
    dir: TempDir,
}

impl Fixture {
    /// The default configuration, nobody enrolled.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The default configuration, these users enrolled.
    #[must_use]
    pub fn with(people: &[&str]) -> Self {
        people.iter().fold(Self::builder(), |builder, user| builder.enrolled(user)).build()
    }

    /// The authenticator of a user.
    ///
    /// # Panics
    /// When they are not enrolled.
    #[must_use]
    pub fn authenticator(&self, user: &str) -> &Authenticator {
        self.people.get(user).unwrap_or_else(|| panic!("{user} has no authenticator in this fixture"))
    }

    /// Notes the authenticator of a user who was enrolled otherwise.
    pub fn note(&mut self, user: &str, authenticator: Authenticator) {
        self.people.insert(user.to_owned(), authenticator);
    }

    /// The present code of a user.
    #[must_use]
    pub fn code(&self, user: &str) -> String {
        self.authenticator(user).code()
    }

    /// A login of a user, without answers yet.
    #[must_use]
    pub fn login(&self, user: impl AsRef<[u8]>) -> Login {
        self.login_at(SERVICE, user)
    }

    /// The same at this PAM service.
    #[must_use]
    pub fn login_at(&self, service: &str, user: impl AsRef<[u8]>) -> Login {
        let mut login = Login::new(self.confdir(), service, user.as_ref());
        login.namespace = self.machine.as_ref().map(Machine::namespace);
        login
    }

    /// A login with the present code.
    #[must_use]
    pub fn login_with_code(&self, user: &str) -> Login {
        self.login(user).types(self.code(user))
    }

    /// A login at a moment, with the code of that moment.
    #[must_use]
    pub fn login_with_code_at(&self, user: &str, second: u64) -> Login {
        self.login(user).types(self.authenticator(user).code_at(second)).at(second)
    }

    /// Writes a PAM service that `pam-login` can use.
    pub fn service(&self, name: &str, auth: &str) {
        fs::write(self.confdir().join(name), format!("{auth}\naccount required pam_permit.so\n")).unwrap();
    }

    /// The line that puts the module into a stack.
    #[must_use]
    pub fn module(&self, arguments: &str) -> String {
        let (module, conf) = (built::module(), self.conf());
        format!("auth required {} conf={} {arguments}", module.display(), conf.display())
    }

    /// Replaces the configuration: `[paths]` and this. Without `[notify]` no mail is sent, as the machine may have a mail
    /// system.
    pub fn configure(&self, toml: &str) {
        let sends_mail = toml.contains("[notify]");
        let mut text = String::from(if sends_mail { "# with notices\n" } else { "notify.command = []\n" });
        for (key, path) in [
            ("state", self.state()),
            ("keyring", self.keyring()),
            ("runtime", self.path("run")),
            ("syslog", self.path("log")),
        ] {
            writeln!(text, "paths.{key} = {path:?}").unwrap();
        }
        text.push_str(toml);
        write_private(&self.conf(), &text);
    }

    /// The command, to be run on the fixture's configuration.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.run_by(built::command(), arguments)
    }

    /// The same, built so that a backup costs no time.
    #[must_use]
    pub fn command_with_small_backup_work(&self, arguments: &[&str]) -> Command {
        self.run_by(built::command_with_small_backup_work(), arguments)
    }

    fn run_by(&self, program: PathBuf, arguments: &[&str]) -> Command {
        let mut command = match &self.machine {
            Some(machine) => machine.namespace().command(program),
            None => Command::new(program),
        };
        for name in ["SUDO_USER", "SUDO_UID", "SUDO_GID", "SUDO_COMMAND", "LOGNAME", "USER"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        command.arg("--config").arg(self.conf()).args(arguments);
        command
    }

    /// The same, started by an account through sudo.
    ///
    /// # Panics
    /// When there is no such account.
    #[must_use]
    pub fn command_of(&self, account: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        let machine = self.machine.as_ref().expect("a fixture without accounts has no machine");
        let uid = machine.uid(account).to_string();
        command.env("SUDO_USER", account).env("SUDO_UID", &uid).env("SUDO_GID", &uid);
        command
    }

    /// Runs the command without a terminal.
    #[must_use]
    pub fn totp_enroll(&self, arguments: &[&str]) -> enroll_command::CommandOutput {
        enroll_command::run(self.command(arguments), "")
    }

    /// The machine with this fixture's accounts.
    ///
    /// # Panics
    /// When the fixture has no accounts.
    pub fn machine(&mut self) -> &mut Machine {
        self.machine.as_mut().expect("a fixture without accounts has no machine")
    }

    /// A file or directory of the fixture.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The configuration file.
    #[must_use]
    pub fn conf(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// The copy of the state's generation beside the keyring, whether or not it exists.
    #[must_use]
    pub fn generation_beside_keyring(&self) -> PathBuf {
        let state = self.state().display().to_string();
        let state = state.trim_start_matches('/').replace('-', "%2D").replace('/', "-");
        self.keyring().with_file_name(format!("keyring.{state}.generation"))
    }

    /// The keyring.
    #[must_use]
    pub fn keyring(&self) -> PathBuf {
        self.path("keyring.toml")
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn active_key(&self) -> String {
        let keyring = fs::read_to_string(self.keyring()).unwrap();
        let id = keyring.lines().find_map(|line| line.strip_prefix("active = "));
        id.unwrap().trim_matches('"').to_owned()
    }

    /// Where credentials and ledgers lie.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The credential file of a user.
    #[must_use]
    pub fn credential(&self, user: &str) -> PathBuf {
        self.state().join("credentials").join(format!("{user}.toml"))
    }

    /// The ledger file of a user.
    #[must_use]
    pub fn ledger(&self, user: &str) -> PathBuf {
        self.state().join("ledgers").join(user)
    }

    /// Where the PAM services are.
    #[must_use]
    pub fn confdir(&self) -> PathBuf {
        self.path("pam.d")
    }

    /// Everything that is stored, as it is now.
    #[must_use]
    pub fn stored(&self) -> Files {
        Files::below(&self.state())
    }

    /// Writes a file that only root can read.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        write_private(&path, text);
        path
    }

    /// A new directory that only root can enter.
    #[must_use]
    pub(crate) fn private(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        path
    }

    /// Enrols a further user.
    pub fn import_another(&mut self, user: &str) {
        self.import(&[(user.to_owned(), Authenticator::random())]);
    }

    /// Enrols users with `import oath`.
    fn import(&mut self, people: &[(String, Authenticator)]) {
        let users = self.write("users.oath", &users_file(people));
        self.totp_enroll(&["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"])
            .assert_done();
        fs::remove_file(users).unwrap();
        self.people.extend(people.iter().cloned());
    }
}

/// A users file of pam_oath.
#[must_use]
pub fn users_file(people: &[(String, Authenticator)]) -> String {
    people.iter().fold(String::new(), |mut text, (user, authenticator)| {
        let Authenticator { secret, digits, period, algorithm } = authenticator;
        assert_eq!(algorithm, "SHA1", "a users file knows SHA1 only");
        writeln!(text, "HOTP/T{period}/{digits} {user} - {}", HEXLOWER.encode(secret)).unwrap();
        text
    })
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
