//! The scenery of the tests of both sequences: a store in a directory of its own, alice, and the codes of her phone.

use crate::account::Account;
use crate::code::Answer;
use crate::config::Config;
use crate::credential::Label;
use crate::draft::Draft;
use crate::enrolment::{Desk, EnrolmentError, add, enrol};
use crate::in_place::InPlace;
use crate::keyring::{Keyring, tests::keyring};
use crate::login::{Method, Reason, Refusal, Rules, Trouble, Verdict, judge};
use crate::recovery::Kind;
use crate::secret::{Secret, tests::Counter};
use crate::store::files::Files;
use crate::store::{Entry, Hold, Store};
use crate::time::Now;
use crate::totp::{Algorithm, Parameters};
use crate::user::User;
use std::time::Duration;

/// A moment long after boot; `totp_rs` computes the codes that a phone would show.
pub(crate) const NOON: u64 = 1_800_000_000;
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

pub(crate) struct Scene {
    directory: tempfile::TempDir,
    pub(crate) files: Files,
    pub(crate) keyring: Keyring,
    entropy: Counter,
}

impl Scene {
    pub(crate) fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "files must belong to root: run the tests as root");
        let directory = tempfile::tempdir().unwrap();
        let files = Files::new(directory.path());
        files.prepare().unwrap();
        Self { directory, files, keyring: keyring(), entropy: Counter(3) }
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn desk<T>(&mut self, now: u64, act: impl FnOnce(&Files, &mut Desk<'_>) -> T) -> T {
        let created = "2026-11-20T19:00:00Z".parse().unwrap();
        let now = at(now);
        let mut desk = Desk { keyring: &self.keyring, entropy: &mut self.entropy, created, now };
        act(&self.files, &mut desk)
    }

    /// Enrols alice; returns her recovery codes.
    pub(crate) fn enrol(&mut self, secret: &[u8]) -> Vec<Secret> {
        self.try_enrol(secret, InPlace::Nothing).unwrap()
    }

    pub(crate) fn try_enrol(
        &mut self,
        secret: &[u8],
        permitted: InPlace,
    ) -> Result<Vec<Secret>, EnrolmentError> {
        let confirmed = [draft("phone", secret).vouched_after(0)];
        self.desk(NOON, |files, desk| {
            let entry = files.entry(&alice().user, PATIENCE).unwrap().unwrap();
            enrol(entry, &alice(), &confirmed, 10, permitted, desk)
        })
    }

    pub(crate) fn add(&mut self, label: &str, secret: &[u8]) -> Result<(), EnrolmentError> {
        let confirmed = draft(label, secret).vouched_after(0);
        self.desk(NOON, |files, desk| {
            let entry = files.entry(&alice().user, PATIENCE).unwrap().unwrap();
            let permitted = InPlace::of(entry.credential());
            add(entry, &alice(), &confirmed, permitted, desk)
        })
    }

    /// What is in place for alice.
    pub(crate) fn in_place(&self) -> InPlace {
        InPlace::of(self.files.entry(&alice().user, PATIENCE).unwrap().unwrap().credential())
    }

    /// Replaces alice's enrolment, whatever it is.
    pub(crate) fn replace(&mut self, secret: &[u8]) -> Vec<Secret> {
        let permitted = self.in_place();
        self.try_enrol(secret, permitted).unwrap()
    }

    pub(crate) fn login(&self, typed: &[u8], now: Now) -> Result<Verdict, Trouble> {
        self.login_as(&alice(), typed, now)
    }

    pub(crate) fn login_as(&self, account: &Account, typed: &[u8], now: Now) -> Result<Verdict, Trouble> {
        let answer = Answer::recognise(typed).expect("shaped like a code");
        match self.files.hold(&account.user, PATIENCE)? {
            Hold::Held(held) => judge(held, account, &answer, now, &rules(), &self.keyring),
            Hold::NotEnrolled => Ok(Reason::NotEnrolled.into()),
            Hold::Busy => Ok(Reason::Busy.into()),
        }
    }
}

pub(crate) fn rules() -> Rules {
    let config = Config::defaults().unwrap();
    let Config { drift_steps, greatest_drift_steps, limit, .. } = config;
    Rules { drift_steps, greatest_drift_steps, limit }
}

pub(crate) fn alice() -> Account {
    Account { user: User::parse("alice").unwrap(), uid: Some(1001) }
}

pub(crate) fn at(realtime: u64) -> Now {
    Now { realtime, boottime: 1_000_000 }
}

pub(crate) fn code(secret: &[u8], time: u64) -> Vec<u8> {
    let totp = totp_rs::Builder::new().with_secret(secret.to_vec()).build_noncompliant();
    totp.generate(time).to_string().into_bytes()
}

pub(crate) fn draft(label: &str, secret: &[u8]) -> Draft {
    let parameters = Parameters::new(Algorithm::Sha1, 6, 30).unwrap();
    Draft::import(Label::parse(label).unwrap(), parameters, Secret::new(secret.to_vec())).ok().unwrap()
}

/// What a login came to, in a word.
pub(crate) fn word(result: Result<Verdict, Trouble>) -> String {
    match result {
        Ok(Verdict::Accepted(verified)) => match verified.method() {
            Method::Totp { authenticator, .. } => format!("accepted {}", authenticator.as_str()),
            Method::RecoveryCode { kind: Kind::Own, left } => format!("recovered {left}"),
            Method::RecoveryCode { kind: Kind::Scratch, left } => format!("scratched {left}"),
        },
        Ok(Verdict::Refused(Refusal { reason, lock, .. })) => lock
            .map_or(reason.as_str().to_owned(), |lock| format!("{} and locked {}", reason.as_str(), lock.0)),
        Err(trouble) => format!("trouble: {trouble}"),
    }
}

pub(crate) const PHONE: &[u8] = b"12345678901234567890";
pub(crate) const SPARE: &[u8] = b"abcdefghijabcdefghij";

/// Waits until a thread of this process sleeps: between two looks at a lock that another has.
pub(crate) fn until_it_sleeps(thread: nix::unistd::Pid) {
    let stat = format!("/proc/self/task/{thread}/stat");
    // The state stands behind the name: proc_pid_stat(5).
    while !std::fs::read_to_string(&stat).unwrap().contains(") S ") {
        std::thread::yield_now();
    }
}
