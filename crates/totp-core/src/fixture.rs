//! The fixtures of the tests: alice, the codes of her phone, and what is done to her enrolment in any store.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up is to end")]

use crate::code::Answer;
use crate::config::Config;
use crate::credential::Label;
use crate::enrolment::ExpectedEnrolment;
use crate::enrolment::draft::Draft;
use crate::enrolment::{ChangeInputs, EnrolmentError, add, enrol};
use crate::factor::FactorKind;
use crate::factor::totp::{Algorithm, Parameters};
use crate::keyring::Keyring;
use crate::ledger::{LastLogin, Ledger, LoginMethod};
use crate::login::{Host, JudgeError, Method, Refusal, Rules, Submission, Verdict, judge};
use crate::recovery::RecoveryKind;
use crate::secret::{Entropy, EntropyError, Secret};
use crate::store::{Entries, Entry, Store};
use crate::time::Created;
use crate::time::Now;
use crate::user::Account;
use crate::user::User;
use std::path::Path;
use std::time::Duration;

/// A moment long after boot; `totp_rs` computes the codes that a phone would show.
pub const NOON: u64 = 1_800_000_000;
/// How long to wait for others.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// Bytes that are repeatable and do not repeat: Knuth's linear congruential generator.
pub struct Counter(pub u64);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes()[0];
        }
        Ok(())
    }
}

/// A keyring with one key, `k1`.
#[must_use]
pub fn keyring() -> Keyring {
    read(&Keyring::generate(created(), &mut Counter(0)).unwrap())
}

/// The same with a further key, which is the active one.
#[must_use]
pub fn with_new_key(keyring: &Keyring) -> Keyring {
    read(&keyring.with_new_key(created(), &mut Counter(keyring.keys().len() as u64)).ok().unwrap())
}

fn created() -> Created {
    "2026-11-20T19:00:00Z".parse().unwrap()
}

fn read(text: &Secret) -> Keyring {
    Keyring::parse(Path::new("keyring.toml"), text.expose()).unwrap()
}

/// A store with a keyring.
pub struct Fixture<S> {
    /// Any engine's.
    pub files: S,
    /// What seals.
    pub keyring: Keyring,
    entropy: Counter,
}

impl<S: Store + Entries> Fixture<S> {
    /// Nobody is enrolled.
    #[must_use]
    pub fn of(files: S) -> Self {
        Self { files, keyring: keyring(), entropy: Counter(3) }
    }

    /// Changes something with what the rules need from outside.
    pub fn inputs<T>(&mut self, now: u64, act: impl FnOnce(&S, &mut ChangeInputs<'_>) -> T) -> T {
        let (created, now) = (created(), at(now));
        let mut inputs = ChangeInputs { keyring: &self.keyring, entropy: &mut self.entropy, created, now };
        act(&self.files, &mut inputs)
    }

    /// Enrols alice; returns her recovery codes.
    pub fn enrol(&mut self, secret: &[u8]) -> Vec<Secret> {
        self.try_enrol(secret, ExpectedEnrolment::Nothing).unwrap()
    }

    /// Enrols alice over `permitted`.
    pub fn try_enrol(
        &mut self,
        secret: &[u8],
        permitted: ExpectedEnrolment,
    ) -> Result<Vec<Secret>, EnrolmentError> {
        let confirmed = [draft("phone", secret).confirm_without_code(0)];
        self.inputs(NOON, |files, inputs| {
            let entry = files.entry(&alice().user, PATIENCE).unwrap().unwrap();
            enrol(entry, &alice(), &confirmed, 10, permitted, inputs)
        })
    }

    /// Adds an authenticator to alice's enrolment.
    pub fn add(&mut self, label: &str, secret: &[u8]) -> Result<(), EnrolmentError> {
        let confirmed = draft(label, secret).confirm_without_code(0);
        self.inputs(NOON, |files, inputs| {
            let entry = files.entry(&alice().user, PATIENCE).unwrap().unwrap();
            let permitted = ExpectedEnrolment::of(entry.credential());
            add(entry, &alice(), &confirmed, permitted, inputs)
        })
    }

    /// What is in place for alice.
    pub fn in_place(&self) -> ExpectedEnrolment {
        ExpectedEnrolment::of(self.files.entry(&alice().user, PATIENCE).unwrap().unwrap().credential())
    }

    /// Replaces alice's enrolment, whatever it is.
    pub fn replace(&mut self, secret: &[u8]) -> Vec<Secret> {
        let permitted = self.in_place();
        self.try_enrol(secret, permitted).unwrap()
    }

    /// A login of alice.
    pub fn login(&self, typed: &[u8], now: Now) -> Result<Verdict, JudgeError> {
        self.login_as(&alice(), typed, now)
    }

    /// A login of an account.
    pub fn login_as(&self, account: &Account, typed: &[u8], now: Now) -> Result<Verdict, JudgeError> {
        let answer = Answer::recognise(typed).expect("shaped like a code");
        let submission = Submission { account, answer: &answer, rules: &rules(), patience: PATIENCE };
        judge(&self.files, &submission, &mut FixedHost { now, keyring: &self.keyring })
    }
}

/// A machine on which the clock stands and the keyring is what it is.
pub struct FixedHost<'k> {
    /// Now.
    pub now: Now,
    /// What seals.
    pub keyring: &'k Keyring,
}

impl Host for FixedHost<'_> {
    type Error = JudgeError;

    fn now(&mut self) -> Result<Now, JudgeError> {
        Ok(self.now)
    }

    fn keyring(&mut self) -> Result<&Keyring, JudgeError> {
        Ok(self.keyring)
    }

    fn reread_keyring(&mut self) -> Result<(), JudgeError> {
        Ok(())
    }

    fn error(&self, error: JudgeError) -> JudgeError {
        error
    }
}

/// The rules of a config that sets nothing.
#[must_use]
pub fn rules() -> Rules {
    Rules::from(&Config::defaults().unwrap())
}

/// The account that is enrolled.
#[must_use]
pub fn alice() -> Account {
    Account { user: User::parse("alice").unwrap(), uid: Some(1001) }
}

/// A moment of a machine that has run for long.
#[must_use]
pub fn at(realtime: u64) -> Now {
    Now { realtime, boottime: 1_000_000 }
}

/// What a phone with this secret shows.
#[must_use]
pub fn code(secret: &[u8], time: u64) -> Vec<u8> {
    let totp = totp_rs::Builder::new().with_secret(secret.to_vec()).build_noncompliant();
    totp.generate(time).to_string().into_bytes()
}

/// An authenticator that is to be enrolled.
#[must_use]
pub fn draft(label: &str, secret: &[u8]) -> Draft {
    let parameters = Parameters::new(Algorithm::Sha1, 6, 30).unwrap();
    Draft::import(Label::parse(label).unwrap(), parameters, Secret::new(secret.to_vec())).ok().unwrap()
}

/// What a login came to, in a word.
pub fn word(result: Result<Verdict, JudgeError>) -> String {
    match result {
        Ok(Verdict::Accepted(verified)) => match verified.method() {
            Method::Code { authenticator, .. } => format!("accepted {}", authenticator.as_str()),
            Method::RecoveryCode { kind: RecoveryKind::Own, left } => format!("recovered {left}"),
            Method::RecoveryCode { kind: RecoveryKind::Scratch, left } => format!("scratched {left}"),
        },
        Ok(Verdict::Refused(Refusal { reason, lock, .. })) => lock
            .map_or(reason.as_str().to_owned(), |lock| format!("{} and locked {}", reason.as_str(), lock.0)),
        Err(trouble) => format!("trouble: {trouble}"),
    }
}

/// The secret of alice's phone.
pub const PHONE: &[u8] = b"12345678901234567890";
/// That of a second authenticator.
pub const SPARE: &[u8] = b"abcdefghijabcdefghij";

/// The same, last logged in at this time.
#[must_use]
pub fn logged_in(mut ledger: Ledger, at: u64) -> Ledger {
    ledger.last_login = Some(LastLogin { at, method: LoginMethod::Code(FactorKind::Totp) });
    ledger
}

/// The same with one more wrong code in a row.
#[must_use]
pub fn once_more_wrong(mut ledger: Ledger) -> Ledger {
    ledger.failures.consecutive += 1;
    ledger
}

/// When the wrong codes of a ledger were judged, how many there are in a row, and from when to when it is locked.
#[must_use]
pub fn wrong_codes(ledger: &Ledger) -> (Vec<u64>, u32, u64, u64) {
    let tries = ledger.failures();
    (tries.recent.clone(), tries.consecutive, tries.locked_at, tries.locked_until)
}
