//! The accounts, groups and service files that a fixture starts with. From the machine it takes only the ids of Debian's
//! system accounts, because files belong to them.

use crate::built;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Accounts and groups that Debian's packages bring.
const SYSTEM: [&str; 27] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "adm",
    "tty",
    "disk",
    "man",
    "mail",
    "shadow",
    "utmp",
    "staff",
    "users",
    "nogroup",
    "nobody",
    "_apt",
    "messagebus",
    "sshd",
    "_ssh",
    "ssh",
    "crontab",
    "polkitd",
    "systemd-journal",
    "systemd-network",
    "systemd-resolve",
    "systemd-timesync",
    "sudo",
];

/// Accounts and hosts are looked up in files only.
pub(crate) const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files\n";

/// `/etc/passwd`, `/etc/group` and `/etc/shadow`, each with what is in it.
pub(crate) fn tables() -> [(&'static str, String); 3] {
    let account = |name: &str, fields: &[&str]| {
        let (uid, gid) = (fields.get(2)?, fields.get(3)?);
        let rest = if name == "root" { "root:/root:/bin/bash" } else { ":/nonexistent:/usr/sbin/nologin" };
        Some((format!("{name}:x:{uid}:{gid}:{rest}\n"), format!("{name}:*:20000:0:99999:7:::\n")))
    };
    let group = |name: &str, fields: &[&str]| Some(format!("{name}:x:{}:\n", fields.get(2)?));
    let (passwd, shadow) = of_debian("/etc/passwd", account).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let groups = of_debian("/etc/group", group);
    [("passwd", passwd.concat()), ("group", groups.concat()), ("shadow", shadow.concat())]
}

fn of_debian<T>(file: &str, made_of: impl Fn(&str, &[&str]) -> Option<T>) -> Vec<T> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines
        .filter(|fields| SYSTEM.contains(&fields[0]))
        .filter_map(|fields| made_of(fields[0], &fields))
        .collect()
}

/// The service files that Debian ships, for the release of this machine.
///
/// # Panics
/// On another release than Debian 12 or 13.
pub(crate) fn shipped_services() -> PathBuf {
    let release = fs::read_to_string("/etc/os-release").unwrap();
    let version = release.lines().find_map(|line| line.strip_prefix("VERSION_ID=")).unwrap_or_default();
    let directory = format!("fixtures/debian-{}/pam.d", version.trim_matches('"'));
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    assert!(directory.is_dir(), "there are no {}: these tests are for Debian 12 and 13", directory.display());
    directory
}

/// Hides the machine's accounts from this thread and from what it starts: in a mount namespace of its own these files, made in
/// `directory`, are in their place, also when the directory is gone. Done once for a thread.
///
/// # Panics
/// Where mounting is not allowed.
pub(crate) fn hide_machine_accounts(directory: &Path) {
    const NONE: Option<&str> = None;
    let _ = built::this_test();
    let tables = tables();
    if tables
        .iter()
        .all(|(name, text)| fs::read_to_string(format!("/etc/{name}")).is_ok_and(|now| now == *text))
    {
        return;
    }
    unshare(CloneFlags::CLONE_NEWNS).expect("no mount namespace: that needs CAP_SYS_ADMIN");
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .expect("in a chroot its root has to be mounted (mount --bind DIR DIR)");
    let texts = tables.iter().map(|(name, text)| (*name, text.as_str()));
    for (name, text) in texts.chain([("nsswitch.conf", NSSWITCH)]) {
        let own = directory.join(name);
        fs::write(&own, text).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(if name == "shadow" { 0o600 } else { 0o644 }))
            .unwrap();
        let of_the_machine = Path::new("/etc").join(name);
        mount(Some(&own), &of_the_machine, NONE, MsFlags::MS_BIND, NONE).unwrap();
    }
}
