//! The same people enrolled with every contestant, in one directory.

use crate::contestant::Contestant;
use crate::enroll_command::{self, Cost};
use crate::person::Person;
use acceptance::built;
use acceptance::login::Login;
use nix::unistd::syncfs;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where logins look for timestamp records: a tmpfs, as /run is one, wherever the other files are.
const RUNTIME: &str = "/dev/run";

/// A directory with everything, and what it cost the command to enrol the people.
pub(crate) struct Fixture {
    directory: PathBuf,
    people: u32,
    /// Of `totp-enroll import`.
    pub(crate) import: Cost,
}

impl Fixture {
    /// Enrols `people` in an empty `directory`.
    pub(crate) fn build(directory: &Path, people: u32) -> Self {
        let directory = directory.to_owned();
        let ours = ["", "pam.d", "google"].map(|part| directory.join(part));
        // Every machine has the last: systemd-tmpfiles makes it.
        for place in ours.iter().map(PathBuf::as_path).chain([Path::new(RUNTIME)]) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(place).unwrap();
        }
        let everybody = || (0..people).map(Person);
        for person in everybody() {
            write_private(&google(&directory, person), google_file(person).as_bytes());
        }
        let users = everybody().fold(String::new(), |mut text, person| {
            writeln!(text, "HOTP/T30/6 {} - {}", person.name(), person.hex()).unwrap();
            text
        });
        write_private(&directory.join("users.oath"), users.as_bytes());
        let config = format!(
            "[paths]\nstate = {0:?}\nkeyring = {1:?}\nruntime = {2:?}\n",
            directory.join("state"),
            directory.join("keyring.toml"),
            Path::new(RUNTIME)
        );
        write_private(&directory.join("config.toml"), config.as_bytes());
        for contestant in Contestant::ALL {
            let stack = format!("auth required {}\n", module(contestant, &directory));
            fs::write(directory.join("pam.d").join(contestant.name()), stack).unwrap();
        }
        // Every machine has one; without it libpam writes a line to the log at each login.
        fs::write(directory.join("pam.d/other"), "# nobody\n").unwrap();
        let config = directory.join("config.toml");
        enroll_command::run(&config, &["keys", "init"]);
        let import = enroll_command::run(
            &config,
            &["--json", "import", "oath", "--allow-unknown", directory.join("users.oath").to_str().unwrap()],
        );
        Self { directory, people, import }
    }

    /// Makes another key the active one, and seals all credentials again.
    pub(crate) fn rotate(&self) -> Cost {
        enroll_command::run(&self.directory.join("config.toml"), &["--json", "keys", "rotate"])
    }

    /// Its path.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// How many are enrolled.
    pub(crate) fn people(&self) -> u32 {
        self.people
    }

    /// A login of a contestant with the present code.
    pub(crate) fn login(&self, contestant: Contestant, person: Person) -> Login {
        Login::new(self.directory.join("pam.d"), contestant.name(), person.name().as_bytes())
            .types(person.code())
    }

    /// What a login of these people changes, as it is now.
    pub(crate) fn keep(&self, contestant: Contestant, people: &[Person]) -> Kept {
        let files: Vec<PathBuf> = match contestant {
            Contestant::Permit => Vec::new(),
            Contestant::Totp => {
                people.iter().map(|person| self.directory.join("state/ledgers").join(person.name())).collect()
            }
            Contestant::Google => people.iter().map(|&person| google(&self.directory, person)).collect(),
            Contestant::Oath => vec![self.directory.join("users.oath")],
        };
        Kept(
            files
                .into_iter()
                .map(|file| (fs::read(&file).unwrap(), file))
                .map(|(bytes, file)| (file, bytes))
                .collect(),
        )
    }
}

/// Files as they were before some logins.
pub(crate) struct Kept(Vec<(PathBuf, Vec<u8>)>);

impl Kept {
    /// Makes the codes that were used good again.
    pub(crate) fn restore(self) {
        let Some((first, _)) = self.0.first() else { return };
        let directory = File::open(first.parent().unwrap()).unwrap();
        for (path, bytes) in &self.0 {
            // Not truncated: ext4 would write the new blocks at once, during the next login.
            let file = File::options().write(true).open(path).unwrap();
            file.write_all_at(bytes, 0).unwrap();
            file.set_len(bytes.len() as u64).unwrap();
            file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        }
        syncfs(directory).unwrap();
    }
}

/// The last words of the line in the service file.
fn module(contestant: Contestant, directory: &Path) -> String {
    let directory = directory.display();
    match contestant {
        Contestant::Permit => "pam_permit.so".to_owned(),
        Contestant::Totp => format!("{} conf={directory}/config.toml", built::module().display()),
        // The set-up in which the user cannot read the secret, which is the one that compares.
        Contestant::Google => format!(
            "pam_google_authenticator.so secret={directory}/google/${{USER}} user=root no_increment_hotp allowed_perm=0600"
        ),
        Contestant::Oath => format!("pam_oath.so usersfile={directory}/users.oath window=3 digits=6"),
    }
}

fn google(directory: &Path, person: Person) -> PathBuf {
    directory.join("google").join(person.name())
}

/// What `google-authenticator --time-based --disallow-reuse --rate-limit=3 --rate-time=30 --window-size=3` writes, without
/// emergency codes.
fn google_file(person: Person) -> String {
    format!("{}\n\" RATE_LIMIT 3 30\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n", person.base32())
}

fn write_private(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}
