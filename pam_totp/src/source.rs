//! The source of a login: who can have typed the answer. Wrong codes are counted by it.
//!
//! It is found from what root's programs and the kernel say: the PAM items, sshd's PAM environment, and the real uid.

use crate::ffi::libpam;
use crate::request::Request;
use nix::unistd::getuid;
use pam::module::PamHandle;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use totp_core::lockout::{Place, Source, SourceRules};
use totp_core::user::Account;
use totp_host::machine::{self, Who};

/// Where X servers have the sockets of their displays (X(7)).
const DISPLAYS: &str = "/tmp/.X11-unix";

/// The source of a login to `account`. Call it while the application's own real uid is in place: the caller guard changes it.
pub(crate) fn of(pamh: &mut PamHandle, request: &Request, account: &Account, rules: &SourceRules) -> Source {
    if request.is_sshd() {
        return of_sshd(libpam::environment(pamh, c"SSH_CONNECTION").as_deref(), request, rules);
    }
    match request.rhost.as_deref() {
        Some(host) => {
            Place::of(host, rules).map_or(Source::Foreign, |place| Source::Remote { key: None, place })
        }
        None => of_this_machine(getuid().as_raw(), request, account, rules),
    }
}

/// sshd writes the client's address into `SSH_CONNECTION` itself (auth-pam.c); its `PAM_RHOST` is a name with `UseDNS yes`, which
/// the owner of that name chooses.
fn of_sshd(connection: Option<&str>, request: &Request, rules: &SourceRules) -> Source {
    let client = connection.and_then(|connection| connection.split(' ').next());
    let place = |text: Option<&str>| Place::of(text?, rules);
    let key = request.key().map(|key| key.fingerprint.clone());
    let place = place(client).or_else(|| place(request.rhost.as_deref()));
    place.map_or(Source::Foreign, |place| Source::Remote { key, place })
}

/// The source of a request that names no remote host.
///
/// sudo 1.9.13 and su of util-linux 2.38 keep the real uid of the account that called them (measured); called by root, su has the
/// real uid 0 and gives "root" as `PAM_RUSER`. A server that is root all the time may give there the name that its client typed
/// (Dovecot does, as `PAM_TTY` "dovecot"), so the name counts only where a person at this machine is asked.
fn of_this_machine(real_uid: u32, request: &Request, account: &Account, rules: &SourceRules) -> Source {
    if real_uid != 0 {
        return Source::Local(real_uid);
    }
    // A server that says nothing of its client (xrdp, saslauthd, FreeRADIUS) asks for strangers.
    if !is_local(request, rules) {
        return Source::Foreign;
    }
    match request.requester.as_deref().filter(|name| *name != "root") {
        Some(name) => uid_of(name, account).map_or(Source::Foreign, Source::Local),
        None => Source::Local(0),
    }
}

/// The uid of the account that called; `None`: it has none, or it cannot be found out.
fn uid_of(name: &str, account: &Account) -> Option<u32> {
    // Most people ask for their own account, and a look-up may wait for a directory service.
    if name == account.user.as_str() {
        return account.uid;
    }
    match machine::canonical(name).ok()? {
        Who::Account(requester) => requester.uid,
        Who::Impossible(_) => None,
    }
}

/// Whether a program of root asks a person who is at this machine.
fn is_local(request: &Request, rules: &SourceRules) -> bool {
    rules.is_local(&request.service)
        || request.tty.as_deref().is_some_and(|tty| is_terminal(tty) || is_display(tty, Path::new(DISPLAYS)))
}

/// Whether it names a terminal: a character device below /dev.
fn is_terminal(tty: &str) -> bool {
    let name = tty.strip_prefix("/dev/").unwrap_or(tty);
    let stays_below = !name.is_empty() && name.split('/').all(|part| !part.is_empty() && part != "..");
    stays_below
        && fs::metadata(Path::new("/dev").join(name)).is_ok_and(|file| file.file_type().is_char_device())
}

/// Whether it names a display whose X server runs here: ":N", or ":N.SCREEN". A display of another host has its name in front.
fn is_display(tty: &str, displays: &Path) -> bool {
    let Some(display) = tty.strip_prefix(':') else { return false };
    let number = display.split('.').next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        && fs::metadata(displays.join(format!("X{number}"))).is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh_auth_info::FirstFactor;
    use std::os::unix::net::UnixListener;
    use totp_core::user::User;

    fn request(rhost: Option<&str>, tty: Option<&str>) -> Request {
        Request {
            service: "app".to_owned(),
            rhost: rhost.map(str::to_owned),
            requester: None,
            tty: tty.map(str::to_owned),
            first_factor: None,
            facility: "auth",
        }
    }

    fn root() -> Account {
        Account { user: User::parse("root").unwrap(), uid: Some(0) }
    }

    fn at(text: &str) -> Source {
        Source::Remote { key: None, place: Place::of(text, &SourceRules::default()).unwrap() }
    }

    #[test]
    fn sshds_connection_counts_and_not_the_name_of_its_host() {
        let of =
            |connection, rhost| of_sshd(connection, &request(rhost, Some("ssh")), &SourceRules::default());
        let connection = Some("192.0.2.7 50000 192.0.2.1 22");
        assert_eq!(of(connection, Some("host.example.com")), at("192.0.2.7"));
        assert_eq!(of(Some("2001:db8::1 5 2001:db8::2 22"), Some("192.0.2.7")), at("2001:db8::1"));
        assert_eq!(of(Some("::ffff:192.0.2.7 5 ::1 22"), None), at("192.0.2.7"));
        assert_eq!(of(None, Some("192.0.2.7")), at("192.0.2.7"));
        for unknown in [None, Some("UNKNOWN 65535 UNKNOWN 65535"), Some("")] {
            assert_eq!(of(unknown, Some("UNKNOWN")), Source::Foreign, "{unknown:?}");
            assert_eq!(of(unknown, None), Source::Foreign, "{unknown:?}");
        }
    }

    #[test]
    fn the_key_that_sshd_vouched_for_is_part_of_the_source() {
        let info = "publickey ssh-ed25519 AAAAAXg=\n";
        let request = Request { first_factor: FirstFactor::parse(info), ..request(None, Some("ssh")) };
        let Source::Remote { key, .. } =
            of_sshd(Some("192.0.2.7 5 ::1 22"), &request, &SourceRules::default())
        else {
            panic!("not a remote source")
        };
        assert!(key.is_some_and(|key| key.starts_with("SHA256:")));
    }

    #[test]
    fn a_local_request_is_of_the_uid_that_called() {
        let of = |uid, requester: Option<&str>, tty| {
            let request = Request { requester: requester.map(str::to_owned), ..request(None, tty) };
            of_this_machine(uid, &request, &root(), &SourceRules::default())
        };
        assert_eq!(of(1000, None, None), Source::Local(1000));
        // A program keeps it even if it names another caller.
        assert_eq!(of(1000, Some("daemon"), None), Source::Local(1000));
        assert_eq!(of(0, Some("daemon"), Some("/dev/null")), Source::Local(1));
        assert_eq!(of(0, Some("nobody-of-that-name"), Some("/dev/null")), Source::Foreign);
        assert_eq!(of(0, Some("root"), None), Source::Foreign);
        assert_eq!(of(0, Some("root"), Some("/dev/null")), Source::Local(0));
    }

    #[test]
    fn a_server_that_gives_the_name_of_its_client_asks_for_strangers() {
        let alice = Account { user: User::parse("alice").unwrap(), uid: Some(1001) };
        for tty in [None, Some("dovecot"), Some("ftp")] {
            let request = Request { requester: Some("alice".to_owned()), ..request(None, tty) };
            let source = of_this_machine(0, &request, &alice, &SourceRules::default());
            assert_eq!(source, Source::Foreign, "{tty:?}: guesses would be those of the account's own uid");
        }
    }

    #[test]
    fn a_program_of_root_that_does_not_say_who_asks_is_foreign() {
        let of = |service: &str, tty| {
            let request = Request { service: service.to_owned(), ..request(None, tty) };
            of_this_machine(0, &request, &root(), &SourceRules::default())
        };
        assert_eq!(of("login", None), Source::Local(0));
        assert_eq!(of("saslauthd", None), Source::Foreign);
        for tty in ["/dev/tty", "tty", "/dev/null"] {
            assert_eq!(of("app", Some(tty)), Source::Local(0), "{tty}");
        }
        for tty in ["", "/dev/", "/dev", "/etc/passwd", "/dev/../dev/null", "../dev/null", "/dev/shm", "cron"]
        {
            assert_eq!(of("app", Some(tty)), Source::Foreign, "{tty}");
        }
    }

    #[test]
    fn a_display_is_local_if_its_server_runs_here() {
        let directory = tempfile::tempdir().unwrap();
        let _server = UnixListener::bind(directory.path().join("X7")).unwrap();
        fs::write(directory.path().join("X8"), "").unwrap();
        for (tty, is_here) in [
            (":7", true),
            (":7.0", true),
            (":8", false),
            (":9", false),
            (":", false),
            (":7/../X7", false),
            ("host:7", false),
            ("7", false),
        ] {
            assert_eq!(is_display(tty, directory.path()), is_here, "{tty}");
        }
    }
}
