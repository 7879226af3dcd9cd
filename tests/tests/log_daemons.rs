//! journald and rsyslogd show the right time in any time zone, and each line once.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::clock;
use acceptance::daemon::Daemon;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::wait;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

const ZONE: &str = "TZ=Asia/Tokyo";

#[test]
fn rsyslogd_shows_the_right_time_of_a_line() {
    let fixture = Fixture::with(&["alice"]);
    let (log, shown) = (fixture.path("log"), fixture.path("shown"));
    // From here on the socket is the daemon's.
    fs::remove_file(&log).unwrap();
    let conf = fixture.write(
        "rsyslog.conf",
        &format!(
            r#"
            module(load="imuxsock" SysSock.Use="off")
            input(type="imuxsock" Socket="{}" IgnoreTimestamp="off" UseSysTimeStamp="off")
            template(name="shown" type="string" string="%timereported:::date-rfc3339% %app-name%%msg%\n")
            action(type="omfile" file="{}" template="shown")
            "#,
            log.display(),
            shown.display()
        ),
    );
    let mut rsyslogd = Command::new("/usr/bin/env");
    rsyslogd.args([ZONE, "/usr/sbin/rsyslogd", "-n", "-f"]).arg(&conf).arg("-i").arg(fixture.path("pid"));
    let _daemon = Daemon::start(&rsyslogd);
    wait::until_some(|| log.exists().then_some(())).expect("the socket of rsyslogd");

    let mut login = fixture.login_with_code("alice");
    login.environment.push(("TZ".to_owned(), "Asia/Tokyo".to_owned()));
    assert_eq!(login.code(), PamCode::SUCCESS);
    let of_login = wait::until_some(|| line_with(&shown, "event=accepted")).expect("the login's line");
    assert_eq!(
        fixture.login("alice").types(fixture.authenticator("alice").wrong_code()).code(),
        PamCode::AUTH_ERR
    );
    let mut command = fixture.command(&["unlock", "alice"]);
    assert!(command.env("TZ", "Asia/Tokyo").output().unwrap().status.success());
    let of_command = wait::until_some(|| line_with(&shown, "event=unlocked")).expect("the command's line");
    for line in [of_login, of_command] {
        let (time, _) = line.split_once(' ').unwrap();
        assert!(time.ends_with("+09:00"), "{line}");
        assert!(seconds(time).abs_diff(clock::now()) < 600, "{line}");
    }
}

#[test]
fn journald_has_the_right_time_and_each_line_once() {
    let fixture = Fixture::with(&["alice"]);
    for directory in ["run/systemd", "run/log", "var"] {
        fs::create_dir_all(fixture.path(directory)).unwrap();
    }
    // A journald of a namespace does not read the kernel's messages. Its unit keeps it from the kernel's audit, which it would
    // turn on in Debian 13.
    let start = "mount --bind \"$1/run\" /run && mount --bind \"$1/var\" /var/log && \
                 exec setpriv --bounding-set=-audit_control,-audit_read /lib/systemd/systemd-journald pam-totp";
    let mut journald = Command::new("/usr/bin/env");
    journald.args([ZONE, "unshare", "--mount", "--propagation", "private", "/bin/sh", "-euc", start, "sh"]);
    journald.arg(fixture.path(""));
    let _daemon = Daemon::start(&journald);
    let socket = fixture.path("run/systemd/journal.pam-totp/dev-log");
    wait::until_some(|| UnixDatagram::unbound().unwrap().connect(&socket).ok())
        .expect("the socket of journald");
    let log = fixture.path("log");
    fs::remove_file(&log).unwrap();
    symlink(&socket, &log).unwrap();

    let mut login = fixture.login_with_code("alice");
    login.environment.push(("TZ".to_owned(), "Asia/Tokyo".to_owned()));
    assert_eq!(login.code(), PamCode::SUCCESS);
    // Behind it, so that all of the login's lines are there when this is.
    UnixDatagram::unbound().unwrap().send_to(b"<86>test[1]: all is said", &log).unwrap();
    let entries = wait::until_some(|| {
        let journalctl = Command::new("/usr/bin/journalctl")
            .args(["--no-pager", "--output=short-unix", "--quiet", "--file"])
            .arg(journal_of(&fixture.path("var/journal"))?)
            .output()
            .unwrap();
        let text = String::from_utf8(journalctl.stdout).unwrap();
        text.contains("all is said").then_some(text)
    })
    .expect("the last line");
    let lines: Vec<&str> = entries.lines().filter(|line| line.contains("event=")).collect();
    assert_eq!(lines.len(), 1, "{entries}");
    let (time, rest) = lines[0].split_once(' ').unwrap();
    assert!(rest.contains("]: pam_totp("), "{entries}");
    let time: u64 = time.split('.').next().unwrap().parse().unwrap();
    assert!(time.abs_diff(clock::now()) < 600, "{entries}");
    // With every field: SYSLOG_RAW= would be the whole line once more.
    let journal = journal_of(&fixture.path("var/journal")).unwrap();
    let journalctl = Command::new("/usr/bin/journalctl")
        .args(["--no-pager", "--output=export", "--quiet", "--file"])
        .arg(journal)
        .args(["--", "SYSLOG_FACILITY=10", "PRIORITY=6"])
        .output()
        .unwrap();
    let export = String::from_utf8_lossy(&journalctl.stdout).into_owned();
    assert_eq!(export.matches("event=accepted").count(), 1, "{export}");
}

/// The one file of the journal, below a directory that is named for the machine.
fn journal_of(directory: &Path) -> Option<PathBuf> {
    let machine = fs::read_dir(directory).ok()?.next()?.ok()?.path();
    Some(machine.join("system.journal")).filter(|file| file.exists())
}

fn line_with(file: &Path, word: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    // Only whole lines: the daemon may be writing.
    let (text, _) = text.rsplit_once('\n')?;
    text.lines().find(|line| line.contains(word)).map(str::to_owned)
}

fn seconds(time: &str) -> u64 {
    let date = Command::new("/bin/date").args(["--date", time, "+%s"]).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().parse().unwrap()
}
