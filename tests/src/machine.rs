//! A private copy of this machine's /etc in a mount namespace of its own: accounts, PAM services, sudo rules and a
//! /dev/log that nobody else sees, and that are gone with the scene, however it ends.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The password of every account.
pub const PASSWORD: &str = "correct horse battery staple";
/// The same as crypt(3) has it: `openssl passwd -6 -salt acceptance`.
const PASSWORD_HASH: &str =
    "$6$acceptance$ZvxqG.RBoRvasAlGXkkcT5HhBHN/hWinmB12XSMgX0srt8OPe9UxAgX8G55SkXYBS/hLGNdOBIzqT7y326x7m.";

/// The namespace, and the process that keeps it open.
#[derive(Debug)]
pub struct Machine {
    root: PathBuf,
    keeper: Child,
    accounts: u32,
}

impl Machine {
    /// Copies /etc to below `root` and mounts it over /etc, for programs started with [`Namespace::command`] only.
    /// There /dev/log is the socket at `log`.
    ///
    /// # Panics
    /// Where mounting is not allowed, as in a container without CAP_SYS_ADMIN.
    pub(crate) fn new(root: &Path, log: &Path) -> Self {
        let copied = Command::new("cp").arg("-a").arg("/etc").arg(root.join("etc")).status().unwrap();
        assert!(copied.success(), "/etc could not be copied");
        for (directory, mode) in [("dev", 0o755), ("run", 0o755), ("run/sshd", 0o755), ("run/home", 0o755)] {
            fs::DirBuilder::new().mode(mode).create(root.join(directory)).unwrap();
        }
        let mut machine = Self { keeper: keeper(root, log), root: root.to_owned(), accounts: 0 };
        // Nothing outside this machine is asked who somebody is.
        machine.write("nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nhosts: files\n");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        machine.write("hosts", 0o644, &format!("127.0.0.1 localhost {host}"));
        for (service, stack) in
            [("sshd", "auth required pam_deny.so\n"), ("sudo", "auth required pam_deny.so\n")]
        {
            machine.service(service, stack);
        }
        machine
    }

    /// The namespace, to start programs in.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        Namespace(self.keeper.id())
    }

    /// Makes an account with [`PASSWORD`], a home and a user id that no other had; gives the user id.
    pub fn add_account(&mut self, name: &str) -> u32 {
        self.accounts += 1;
        let uid = 61_000 + self.accounts;
        let home = format!("/run/home/{name}");
        self.append("passwd", &format!("{name}:x:{uid}:{uid}::{home}:/bin/sh\n"));
        self.append("group", &format!("{name}:x:{uid}:\n"));
        self.append("shadow", &format!("{name}:{PASSWORD_HASH}:20000:0:99999:7:::\n"));
        let home = self.root.join(&home[1..]);
        if !home.exists() {
            fs::DirBuilder::new().mode(0o700).create(&home).unwrap();
        }
        chown(&home, Some(uid), Some(uid)).unwrap();
        uid
    }

    /// The user id of an account.
    ///
    /// # Panics
    /// When there is no such account.
    #[must_use]
    pub fn uid(&self, name: &str) -> u32 {
        let accounts = fs::read_to_string(self.root.join("etc/passwd")).unwrap();
        let line = accounts.lines().find(|line| line.starts_with(&format!("{name}:")));
        line.and_then(|line| line.split(':').nth(2)).expect("no such account").parse().unwrap()
    }

    /// Deletes an account.
    pub fn delete_account(&mut self, name: &str) {
        for table in ["passwd", "group", "shadow"] {
            let path = self.root.join("etc").join(table);
            let old = fs::read_to_string(&path).unwrap();
            let new: String =
                old.split_inclusive('\n').filter(|l| !l.starts_with(&format!("{name}:"))).collect();
            fs::write(&path, new).unwrap();
        }
    }

    /// Writes a PAM service; who may log in, and what a session is, are not its question.
    pub fn service(&mut self, name: &str, auth: &str) {
        let text = format!("{auth}\naccount required pam_permit.so\nsession required pam_permit.so\n");
        self.write(&format!("pam.d/{name}"), 0o644, &text);
    }

    /// Lets an account use sudo for everything.
    pub fn allow_sudo(&mut self, name: &str) {
        let rule = format!("Defaults lecture=never, !use_pty, passwd_tries=1\n{name} ALL=(ALL:ALL) ALL\n");
        self.write(&format!("sudoers.d/{name}"), 0o440, &rule);
    }

    /// Copies a program to where everybody can run it, and gives its path there.
    pub fn install(&mut self, program: &Path) -> PathBuf {
        let name = Path::new("run").join(program.file_name().unwrap());
        fs::copy(program, self.root.join(&name)).unwrap();
        fs::set_permissions(self.root.join(&name), fs::Permissions::from_mode(0o755)).unwrap();
        Path::new("/").join(name)
    }

    /// Writes a file below /etc.
    pub fn write(&mut self, name: &str, mode: u32, text: &str) {
        let path = self.root.join("etc").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn append(&mut self, table: &str, line: &str) {
        let path = self.root.join("etc").join(table);
        let mut file = fs::OpenOptions::new().append(true).mode(0o644).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

/// Where a machine's mounts are; programs started here see them.
#[derive(Clone, Copy, Debug)]
pub struct Namespace(u32);

impl Namespace {
    /// A command to be run on that machine.
    #[must_use]
    pub fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("/usr/bin/nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.0)).arg("--").arg(program);
        command
    }
}

/// The first process in the namespace: mounts, says so, and stays until its standard input ends.
fn keeper(root: &Path, log: &Path) -> Child {
    let mut keeper = Command::new("/usr/bin/unshare")
        .args(["--mount", "--propagation", "private", "/bin/sh", "-c", MOUNT, "sh"])
        .args([root, log])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "mounted\n", "no private /etc: mount namespaces need CAP_SYS_ADMIN");
    keeper
}

/// `/dev` is a new one for the sake of `/dev/log`, with the devices and terminals of the old.
const MOUNT: &str = r#"set -e
    root=$1 log=$2
    mount -t tmpfs -o mode=755 dev "$root/dev"
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount --bind /dev/pts "$root/dev/pts"
    mount -t tmpfs shm "$root/dev/shm"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s "$log" "$root/dev/log"
    mount --rbind "$root/dev" /dev
    mount --bind "$root/etc" /etc
    mount --bind "$root/run" /run
    mount -t tmpfs -o mode=755 log /var/log
    echo mounted
    exec cat"#;
