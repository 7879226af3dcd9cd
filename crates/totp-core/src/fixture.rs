//! The fixture of the tests: alice, her authenticators and their codes, enrolled in any store.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test whose fixture cannot be set up has to fail"
)]

use crate::code::Answer;
use crate::config::Config;
use crate::credential::Label;
use crate::enrolment::ExpectedEnrolment;
use crate::enrolment::draft::Draft;
use crate::enrolment::{ChangeInputs, EnrolmentError, add, enrol};
use crate::factor::FactorKind;
use crate::factor::totp::{Algorithm, Parameters};
use crate::keyring::{Keyring, LedgerKey};
use crate::ledger::{LastLogin, Ledger, LoginMethod};
use crate::lockout::budget::ForeignBudget;
use crate::lockout::{Failures, RiskRules, Source};
use crate::login::{Host, JudgeError, Method, Refusal, Rules, Submission, Verdict, judge};
use crate::policy::device::{self, Device, MOST_DEVICES, Mark};
use crate::random::{Entropy, EntropyError, Secret};
use crate::recovery::RecoveryKind;
use crate::store::{Entries, Entry, Hold, LedgerKeys, Store, StoreError};
use crate::time::{Created, Now, Seconds};
use crate::user::Account;
use crate::user::User;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The time of the tests, in seconds since 1970.
pub const NOON: u64 = 1_800_000_000;
/// How long the tests wait for a lock.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// Random bytes that are the same in each run: Knuth's linear congruential generator.
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
    named_k1(0)
}

/// The same keyring with one more key, which is the active one.
#[must_use]
pub fn with_new_key(keyring: &Keyring) -> Keyring {
    read(&keyring.with_new_key(created(), &mut Counter(keyring.keys().len() as u64)).ok().unwrap())
}

/// A keyring whose one key has the id that earlier versions gave to the first key of every machine; each `seed` gives
/// another key.
#[must_use]
pub fn named_k1(seed: u64) -> Keyring {
    let text = Keyring::generate(created(), &mut Counter(seed)).unwrap();
    let id = read(&text).active().to_owned();
    let text = String::from_utf8(text.expose().to_vec()).unwrap().replace(&id, "k1");
    read(&Secret::new(text.into_bytes()))
}

fn created() -> Created {
    "2026-11-20T19:00:00Z".parse().unwrap()
}

fn read(text: &Secret) -> Keyring {
    Keyring::parse(Path::new("keyring.toml"), text.expose()).unwrap()
}

/// The keys of [`keyring`] and of the keyrings that [`with_new_key`] makes of it: as on a machine whose keyring is read again
/// when a ledger names a newer key.
pub struct AllKeys {
    keyrings: Vec<Keyring>,
    /// The keyring that was read last.
    read: AtomicUsize,
}

impl Default for AllKeys {
    fn default() -> Self {
        let mut keyrings = vec![keyring()];
        for _ in 0..4 {
            keyrings.extend(keyrings.last().map(with_new_key));
        }
        Self { keyrings, read: AtomicUsize::new(0) }
    }
}

impl LedgerKeys for AllKeys {
    fn ledger_key(&self, id: &str) -> Result<Option<LedgerKey>, StoreError> {
        let Some(read) = self.keyrings.iter().position(|keyring| keyring.has(id)) else { return Ok(None) };
        self.read.fetch_max(read, Ordering::SeqCst);
        LedgerKeys::ledger_key(&self.keyrings[read], id)
    }

    fn active_ledger_key(&self) -> Result<LedgerKey, StoreError> {
        LedgerKeys::active_ledger_key(&self.keyrings[self.read.load(Ordering::SeqCst)])
    }
}

/// A store of any engine, and the keyring that its credentials are sealed with.
pub struct Fixture<S> {
    /// The store.
    pub store: S,
    /// The keyring.
    pub keyring: Keyring,
    entropy: Counter,
}

impl<S: Store + Entries + Default> Fixture<S> {
    /// A new store, in which nobody is enrolled.
    #[must_use]
    pub fn new() -> Self {
        Self::of(S::default())
    }
}

impl<S: Store + Entries + Default> Default for Fixture<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Store + Entries> Fixture<S> {
    /// The same over a store that is there.
    #[must_use]
    pub fn of(store: S) -> Self {
        Self { store, keyring: keyring(), entropy: Counter(3) }
    }

    /// Lets `act` change something in the store at `now`.
    pub fn inputs<T>(&mut self, now: u64, act: impl FnOnce(&S, &mut ChangeInputs<'_>) -> T) -> T {
        let (created, now) = (created(), at(now));
        let mut inputs = ChangeInputs { keyring: &self.keyring, entropy: &mut self.entropy, created, now };
        act(&self.store, &mut inputs)
    }

    /// Lets `act` change alice's enrolment at `now`.
    pub fn change<T>(&mut self, now: u64, act: impl FnOnce(S::Entry, &mut ChangeInputs<'_>) -> T) -> T {
        let entry = self.entry();
        self.inputs(now, |_, inputs| act(entry, inputs))
    }

    /// Alice's entry.
    pub fn entry(&self) -> S::Entry {
        self.store.entry(&alice().user, PATIENCE).unwrap().expect("nobody else holds her")
    }

    /// Alice, who is enrolled, held.
    pub fn held(&self) -> S::Held {
        match self.store.hold(&alice().user, PATIENCE).unwrap() {
            Hold::Held(held) => held,
            Hold::NotEnrolled => panic!("alice is not enrolled"),
            Hold::Busy => panic!("alice is held by another"),
        }
    }

    /// Enrols alice; returns her recovery codes.
    pub fn enrol(&mut self, secret: &[u8]) -> Vec<Secret> {
        self.try_enrol(secret, ExpectedEnrolment::Nothing).unwrap()
    }

    /// Enrols alice if her enrolment is `expected`.
    ///
    /// # Errors
    /// As [`enrol`].
    pub fn try_enrol(
        &mut self,
        secret: &[u8],
        expected: ExpectedEnrolment,
    ) -> Result<Vec<Secret>, EnrolmentError> {
        let confirmed = [draft("phone", secret).confirm_without_code(0)];
        self.change(NOON, |entry, inputs| enrol(entry, &alice(), &confirmed, 10, expected, inputs))
    }

    /// Adds an authenticator to alice's enrolment.
    ///
    /// # Errors
    /// As [`add`].
    pub fn add(&mut self, label: &str, secret: &[u8]) -> Result<(), EnrolmentError> {
        let (confirmed, expected) = (draft(label, secret).confirm_without_code(0), self.in_place());
        self.change(NOON, |entry, inputs| add(entry, &alice(), &confirmed, expected, inputs))
    }

    /// Alice's enrolment as it is now.
    pub fn in_place(&self) -> ExpectedEnrolment {
        ExpectedEnrolment::of(self.entry().credential())
    }

    /// Replaces alice's enrolment; returns the new recovery codes.
    pub fn replace(&mut self, secret: &[u8]) -> Vec<Secret> {
        let expected = self.in_place();
        self.try_enrol(secret, expected).unwrap()
    }

    /// A login of alice.
    ///
    /// # Errors
    /// As [`judge`].
    pub fn login(&self, typed: &[u8], now: Now) -> Result<Verdict, JudgeError> {
        self.login_as(&alice(), typed, now)
    }

    /// A login of an account.
    ///
    /// # Errors
    /// As [`judge`].
    pub fn login_as(&self, account: &Account, typed: &[u8], now: Now) -> Result<Verdict, JudgeError> {
        let answer = Answer::recognise(typed).expect("shaped like a code");
        self.login_at(&self.store, account, &answer, now)
    }

    /// A login over another store: one that wraps the store of the fixture, say.
    ///
    /// # Errors
    /// As [`judge`].
    pub fn login_at<T: Store>(
        &self,
        store: &T,
        account: &Account,
        answer: &Answer,
        now: Now,
    ) -> Result<Verdict, JudgeError> {
        self.login_from(store, account, answer, (&Source::Foreign, true), now)
    }

    /// A login from a source, where a first factor is known to have passed or not.
    ///
    /// # Errors
    /// As [`judge`].
    pub fn login_from<T: Store>(
        &self,
        store: &T,
        account: &Account,
        answer: &Answer,
        (source, has_first_factor): (&Source, bool),
        now: Now,
    ) -> Result<Verdict, JudgeError> {
        let (rules, patience) = (&rules(), PATIENCE);
        let submission = Submission { account, answer, source, has_first_factor, rules, patience };
        judge(store, &submission, &mut FixedHost { now, keyring: &self.keyring })
    }
}

/// A machine with a stopped clock and one keyring.
pub struct FixedHost<'k> {
    /// The time.
    pub now: Now,
    /// The keyring.
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

    fn lost_lines(&mut self, _count: u32) {}

    fn error(&self, error: JudgeError) -> JudgeError {
        error
    }
}

/// The rules of a config that sets nothing.
#[must_use]
pub fn rules() -> Rules {
    Rules::from(&Config::defaults().unwrap())
}

/// The account of the tests.
#[must_use]
pub fn alice() -> Account {
    Account { user: User::parse("alice").unwrap(), uid: Some(1001) }
}

/// The clocks of a machine that was booted long ago.
#[must_use]
pub fn at(realtime: u64) -> Now {
    Now { realtime, boottime: 1_000_000 }
}

/// The code that an app with this secret shows, computed by `totp_rs` alone.
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

/// The result of a login, in a word.
pub fn word(result: Result<Verdict, JudgeError>) -> String {
    match result {
        Ok(Verdict::Accepted(verified)) => match verified.method() {
            Method::Code { authenticator, .. } => format!("accepted {}", authenticator.as_str()),
            Method::RecoveryCode { kind: RecoveryKind::Own, left } => format!("recovered {left}"),
            Method::RecoveryCode { kind: RecoveryKind::Scratch, left } => format!("scratched {left}"),
        },
        Ok(Verdict::Refused(Refusal { reason, lock, .. })) => lock
            .map_or(reason.as_str().to_owned(), |lock| format!("{} and locked {}", reason.as_str(), lock.0)),
        Ok(Verdict::Unrecorded(unrecorded)) => format!("unrecorded: {}", unrecorded.error),
        Err(error) => format!("error: {error}"),
    }
}

/// The shared secret of alice's phone.
pub const PHONE: &[u8] = b"12345678901234567890";
/// The shared secret of a second authenticator.
pub const SPARE: &[u8] = b"abcdefghijabcdefghij";

/// The ledger with its last login at this time.
#[must_use]
pub fn logged_in(mut ledger: Ledger, at: u64) -> Ledger {
    ledger.last_login = Some(LastLogin { at, method: LoginMethod::Code(FactorKind::Totp) });
    ledger
}

/// The ledger with one more wrong code in a row.
#[must_use]
pub fn once_more_wrong(mut ledger: Ledger) -> Ledger {
    ledger.guesses.since_accepted.wrong += 1;
    ledger.guesses.budget.get_or_insert(ForeignBudget::new(1_000_000, NOON));
    ledger
}

/// The wrong codes of a ledger: when they were judged, how many there are in a row, and the start and end of the lock.
#[must_use]
pub fn wrong_codes(ledger: &Ledger) -> (Vec<u64>, u32, u64, u64) {
    let tries = &ledger.guesses.foreign;
    (tries.recent.clone(), tries.consecutive, tries.locked_at, tries.locked_until)
}

/// The failures of foreign sources, as they stand and as the next login at `now` finds them.
#[must_use]
pub fn foreign_failures(ledger: &Ledger, now: u64) -> [Failures; 2] {
    let mut later = ledger.guesses.clone();
    later.pull_back(now);
    later.bring_up_to(&RiskRules::DEFAULT, || 3000, now);
    [ledger.guesses.foreign.clone(), later.foreign]
}

/// The ledger with one more remembered device, which has its place whatever devices there are, and is found for as long as it is
/// remembered.
#[must_use]
pub fn with_one_more_device(ledger: &Ledger) -> Ledger {
    let (mut ledger, length) = (ledger.clone(), Seconds(60));
    let new = Device::new(Mark([7; 32]), NOON, length);
    device::insert(&mut ledger.devices, new);
    let devices = &ledger.devices;
    assert!((1..=MOST_DEVICES).contains(&devices.len()));
    assert_eq!(devices.iter().filter(|device| device.mark == new.mark).count(), 1);
    let found = |now| device::find(devices, &new.mark, length, now);
    assert_eq!(found(NOON), Some(devices.len() - 1));
    assert_eq!([found(NOON - 1), found(NOON + 60)], [None, None]);
    assert_eq!(device::find(devices, &new.mark, Seconds(0), NOON), None);
    ledger
}
