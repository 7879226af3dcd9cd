//! Unattended jobs are not asked and go on: real cron, with the profile in `common-auth`.

use acceptance::daemon::Daemon;
use acceptance::login::{Call, Login, PamCode};
use acceptance::site::Site;
use acceptance::wait;
use std::path::PathBuf;

#[test]
fn cron_runs_jobs_with_the_profile_switched_on() {
    let mut site = Site::new();
    site.as_shipped("cron");
    site.pam_auth_update("totp");
    site.assert_sound(&["cron"]);
    // No crontab of this machine, and no job of its packages.
    site.shell("mkdir /run/spool; mount --bind /run/spool /var/spool/cron; mkdir /run/spool/crontabs; rm -rf /etc/cron.d/*");
    let job = "@reboot alice id -un >/run/home/alice/ran\n";
    site.fixture.machine().write("crontab", 0o644, job);
    let mut cron = site.fixture.machine().namespace().command("/usr/sbin/cron");
    let cron = Daemon::start(cron.arg("-f"));
    let ran = wait::until_some(|| site.file("/run/home/alice/ran").filter(|text| !text.is_empty()));
    drop(cron);
    assert_eq!(ran.as_deref(), Some("alice\n"), "{:#?}", site.fixture.journal.lines());
    assert!(site.fixture.journal.events().is_empty(), "{:#?}", site.fixture.journal.lines());
}

#[test]
fn other_questions_of_a_service_are_answered_as_before() {
    let mut site = Site::new();
    site.service("job", "@include common-auth");
    site.pam_auth_update("totp");
    for call in [Call::Account, Call::Session] {
        let login =
            Login { confdir: PathBuf::from("/etc/pam.d"), call, ..site.fixture.login_at("job", "alice") };
        let outcome = login.run();
        assert_eq!((outcome.code, outcome.setcred), (PamCode::SUCCESS, PamCode::SUCCESS), "{call:?}");
        assert!(outcome.prompts.is_empty(), "{outcome:?}");
    }
}
