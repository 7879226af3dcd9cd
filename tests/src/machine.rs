//! A machine for a fixture: a mount namespace with its own /etc, /run and /dev/log. Its accounts, PAM services and sudo rules are
//! not visible outside, and are gone with the fixture, however it ends.

use crate::accounts;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The password of every account.
pub const PASSWORD: &str = "correct horse battery staple";
/// The same as crypt(3) has it: `openssl passwd -6 -salt acceptance`.
const PASSWORD_HASH: &str =
    "$6$acceptance$ZvxqG.RBoRvasAlGXkkcT5HhBHN/hWinmB12XSMgX0srt8OPe9UxAgX8G55SkXYBS/hLGNdOBIzqT7y326x7m.";

/// The number of accounts on all machines of this program. No user id is given twice: userdel sees the processes of all machines,
/// and deletes no account that has one.
static ACCOUNTS: AtomicU32 = AtomicU32::new(0);
/// As Debian ships it.
const SUDOERS: &str = "Defaults env_reset, mail_badpass\n\
    Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n\
    root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n";

/// The namespace, and the process that keeps it open.
#[derive(Debug)]
pub struct Machine {
    keeper: Child,
    groups: u32,
}

impl Machine {
    /// What programs started with [`Namespace::command`] write to /etc, /run and /var/log lies in memory, mounted at
    /// `directory`. There /dev/log is the socket at `log`.
    ///
    /// # Panics
    /// Where mounting is not allowed, as in a container without CAP_SYS_ADMIN.
    pub(crate) fn new(directory: &Path, log: &Path) -> Self {
        let mut machine = Self { keeper: keeper(directory, log), groups: 0 };
        machine.write("nsswitch.conf", 0o644, accounts::NSSWITCH);
        for (table, text) in accounts::tables() {
            machine.write(table, if table == "shadow" { 0o640 } else { 0o644 }, &text);
        }
        for service in fs::read_dir(accounts::shipped_services()).unwrap() {
            let path = service.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            machine.write(&format!("pam.d/{name}"), 0o644, &fs::read_to_string(&path).unwrap());
        }
        machine.write("sudoers", 0o440, SUDOERS);
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
        let uid = 61_001 + ACCOUNTS.fetch_add(1, Ordering::Relaxed);
        let home = format!("/run/home/{name}");
        self.append("passwd", &format!("{name}:x:{uid}:{uid}::{home}:/bin/sh\n"));
        self.append("group", &format!("{name}:x:{uid}:\n"));
        self.append("shadow", &format!("{name}:{PASSWORD_HASH}:20000:0:99999:7:::\n"));
        let home = self.seen_from_outside(&home);
        if !home.exists() {
            fs::DirBuilder::new().mode(0o700).create(&home).unwrap();
        }
        chown(&home, Some(uid), Some(uid)).unwrap();
        uid
    }

    /// Gives an account another password, as crypt(3) has it.
    pub fn set_password(&mut self, name: &str, hash: &str) {
        let path = self.seen_from_outside("/etc/shadow");
        let old = fs::read_to_string(&path).unwrap();
        fs::write(&path, old.replace(&format!("{name}:{PASSWORD_HASH}"), &format!("{name}:{hash}"))).unwrap();
    }

    /// Makes a group of these members.
    pub fn add_group(&mut self, name: &str, members: &[&str]) {
        self.groups += 1;
        self.append("group", &format!("{name}:x:{}:{}\n", 62_000 + self.groups, members.join(",")));
    }

    /// The user id of an account.
    ///
    /// # Panics
    /// When there is no such account.
    #[must_use]
    pub fn uid(&self, name: &str) -> u32 {
        let accounts = fs::read_to_string(self.seen_from_outside("/etc/passwd")).unwrap();
        let line = accounts.lines().find(|line| line.starts_with(&format!("{name}:")));
        line.and_then(|line| line.split(':').nth(2)).expect("no such account").parse().unwrap()
    }

    /// Deletes an account.
    pub fn delete_account(&mut self, name: &str) {
        for table in ["passwd", "group", "shadow"] {
            let path = self.seen_from_outside("/etc").join(table);
            let old = fs::read_to_string(&path).unwrap();
            let new: String =
                old.split_inclusive('\n').filter(|l| !l.starts_with(&format!("{name}:"))).collect();
            fs::write(&path, new).unwrap();
        }
    }

    /// Writes a PAM service with these auth lines; account and session are permitted.
    pub fn service(&mut self, name: &str, auth: &str) {
        let text = format!("{auth}\naccount required pam_permit.so\nsession required pam_permit.so\n");
        self.write(&format!("pam.d/{name}"), 0o644, &text);
    }

    /// Lets an account use sudo for everything.
    pub fn allow_sudo(&mut self, name: &str) {
        let rule = format!("Defaults lecture=never, !use_pty, passwd_tries=1\n{name} ALL=(ALL:ALL) ALL\n");
        self.write(&format!("sudoers.d/{name}"), 0o440, &rule);
    }

    /// Copies a program to a directory from which every account can run it; gives its path.
    pub fn install(&mut self, program: &Path) -> PathBuf {
        let path = Path::new("/run").join(program.file_name().unwrap());
        let outside = self.seen_from_outside(&path);
        fs::copy(program, &outside).unwrap();
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Pretends that systemd runs this machine; its loginctl(1) is this script.
    pub fn run_by_systemd(&mut self, loginctl: &str) {
        self.run_by_systemd_with("loginctl", loginctl);
    }

    /// The same with this script in place of another program of systemd.
    ///
    /// # Panics
    /// When it cannot be put there.
    pub fn run_by_systemd_with(&mut self, program: &str, text: &str) {
        fs::create_dir_all(self.seen_from_outside("/run/systemd/system")).unwrap();
        let script = self.seen_from_outside(format!("/run/{program}"));
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let mut mount = self.namespace().command("/usr/bin/mount");
        let paths = [format!("/run/{program}"), format!("/usr/bin/{program}")];
        assert!(mount.arg("--bind").args(paths).status().unwrap().success());
    }

    /// Writes a file below /etc.
    pub fn write(&mut self, name: &str, mode: u32, text: &str) {
        let path = self.seen_from_outside("/etc").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The path by which a file of this machine can be reached from outside.
    fn seen_from_outside(&self, path: impl AsRef<Path>) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(path.as_ref().strip_prefix("/").unwrap())
    }

    fn append(&mut self, table: &str, line: &str) {
        let path = self.seen_from_outside("/etc").join(table);
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
        // The root and the working directory as well: in a chroot they are not those of the namespace.
        let keeper = format!("/proc/{}", self.0);
        command
            .arg(format!("--mount={keeper}/ns/mnt"))
            .arg(format!("--root={keeper}/root"))
            .arg(format!("--wd={keeper}/root"))
            .arg("--")
            .arg(program);
        command
    }
}

/// The first process in the namespace: mounts, says so, and stays until its standard input ends.
fn keeper(directory: &Path, log: &Path) -> Child {
    let mut keeper = Command::new("/usr/bin/unshare")
        .args(["--mount", "--propagation", "private", "/bin/sh", "-c", MOUNT, "sh"])
        .args([directory, log])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(
        line, "mounted\n",
        "no /etc of its own: that needs CAP_SYS_ADMIN, and in a chroot that its root is mounted (mount --bind DIR DIR)"
    );
    keeper
}

/// A new `/dev` for `/dev/log`, with the devices of the old one and its own terminals: those of the old one may be open
/// for root alone.
const MOUNT: &str = r#"set -e
    umask 022
    log=$2
    mount -t tmpfs -o mode=755 machine "$1"
    cd "$1"
    mkdir etc work dev dev/pts dev/shm run run/sshd run/home log
    for device in null zero full random urandom tty; do
        touch "dev/$device"
        mount --bind "/dev/$device" "dev/$device"
    done
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    ln -s "$log" dev/log
    mount --rbind dev /dev
    mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" etc /etc
    rm -rf /etc/pam.d /etc/sudoers /etc/sudoers.d /etc/sudo.conf /etc/gshadow /etc/ssh/sshd_config.d /etc/pam_totp
    mkdir /etc/pam.d /etc/sudoers.d
    mount --bind run /run
    mount --bind log /var/log
    echo mounted
    exec cat"#;
