//! The rules of pam_totp. Values in, values out: this crate decides, and the crates around it read, write and ask.
//!
//! The caller hands in the clocks ([`time::Now`]) and the random bytes ([`random::Entropy`]). An engine behind the traits of
//! [`store`] keeps the documents; the engine for files is the crate `totp-store`. There is no PAM here, no terminal, no
//! syslog, no environment, no thread and no `unsafe`. Clippy's lists of disallowed names, beside the manifest, are errors.
//!
//! # Code map
//!
//! | module | what it decides or holds |
//! |---|---|
//! | [`factor`] | the kinds of second factor: parameters, window, what a code uses up, how durable the record of that has to be |
//! | [`lockout`] | failures, the limit on attempts, locks that grow, and when an account is disabled |
//! | [`recovery`] | recovery codes: how a set is made, hashed and compared |
//! | [`policy`] | whether a login needs a code: exemptions, remembered devices, security keys, recent codes (`timestamp_record`) |
//! | [`login`] | judging an answer: a pure step with a sealed result (`judging`), the sequence around it, and what a verdict says (`verdict`) |
//! | [`enrolment`] | draft, confirm, seal, commit; the limit on enrolment attempts; repairs |
//! | [`account_recovery`] | resets: request, approval, cool-down, reset token |
//! | [`credential`] | the document of what a user is enrolled with, sealed with a key of the keyring |
//! | [`token`] | a hardware token of the inventory: its document, and what goes with it from one person to the next |
//! | [`keyring`] | the keys, and their rotation |
//! | [`ledger`] | the document of what has happened, in two slots |
//! | [`config`] | the administrator's configuration, checked |
//! | `document` | reading TOML: errors name the file, the line and what to do, and repeat no value |
//! | [`audit_event`] | the line in the log |
//! | [`lost_lines`] | how many lines the log did not take, for a later line to say |
//! | [`misleading`] | characters that a terminal shows as something else, escaped at every exit |
//! | `mail_text`, [`notice`] | the words of the mail to the owner; the notice that waits to be sent |
//! | [`user`], [`code`], [`time`], [`network`], [`mail_address`], [`random`] | the nouns, parsed once at the border |
//! | `guessing` | for tests: a simulation of owners and attackers over the rules of [`lockout`] |
//! | [`store`] | the traits that an engine implements, its errors, and the tests that every engine has to pass |
//!
//! The documents know the nouns, the rules know the documents, the sequences know the rules and [`store`]. A file never
//! depends on one that depends on it (`tests/structure` checks this).
//!
//! # Sequences
//!
//! **A login** is [`login::judge`]:
//! 1. Recognise the answer ([`code::Answer`]).
//! 2. Hold the user's ledger together with the credential ([`store::Store::hold`]), then read the clock.
//! 3. Check that the account is the enrolled one, then the limit ([`lockout::Limit::state`]).
//! 4. Charge the attempt as a wrong one, look at the code, and refund the charge if the code is right. This step is pure.
//! 5. Record the result ([`store::Held::replace`]). Only that opens the sealed verdict and makes [`login::Verified`].
//!
//! Each engine states whether it records the charge before the look or together with its result
//! ([`store::Store::CHARGING`]). After a lost comparison the login is judged anew, from step 2.
//!
//! **A remembered device** is recognised and its use recorded before it exempts a login ([`policy::remembered_device`]).
//!
//! **An enrolment**: make a draft, confirm it with a code ([`enrolment::draft::Draft::confirm`]), seal it
//! ([`enrolment::prepare`]), allocate the ledger, and put the credential in place in one step ([`store::Entry::commit`]).
//! `totp-enroll` shows the recovery codes after the commit. A login shows them before it, and commits once they are saved
//! ([`enrolment::Prepared::commit_at_login`]).
//!
//! **A reset** ([`account_recovery`]): an operator requests it, and each login tells the owner
//! ([`ledger::Ledger::notice`]). Other operators approve it, and the cool-down passes. The completion makes a reset token
//! and withdraws the enrolment. The owner types the token in place of a code and enrols; that commit uses the token up.
//! [`account_recovery::Reset`] decides who may take which step, and when.
//!
//! **A key rotation** ([`keyring::rotation::Rotation`]): a new active key is on the disk before a credential names it. Each
//! credential is sealed anew and replaces the one it was read from while its user is held ([`store::resealing`]). A key is
//! dropped when no credential names it. Ledgers are not touched.
//!
//! # Invariants, and what states each
//!
//! * *Success means that a code was right and its use is recorded.* [`login::Verified`] has a private field and is made in
//!   one place, after the ledger was replaced. [`enrolment::Enrolled`] is made after the commit of an enrolment.
//!   [`policy::Exemption`] names the rule by which no code was asked for. An error makes none of these.
//! * *You cannot look without spending.* Only [`login::judge`] checks a code of an enrolment. The charge is recorded before the
//!   look, so that a killed login has been charged; or the result of the look stays sealed until it is recorded with the
//!   charge ([`store::Charging`]).
//! * *One code allows one login.* Of two processes at one ledger, one waits or loses the comparison
//!   ([`store::Held::replace`]). What is used up only moves forward, for every authenticator that the code fits.
//! * *A crash of the machine brings no code back (the boot rule).* An ordinary login does not sync its record. Instead, every
//!   code of a time step up to the boot (realtime minus boottime, plus the drift) is refused, so a record that the crash lost
//!   cannot matter. A spent recovery code and the start of a lock are synced before the answer
//!   ([`factor::Durability`], [`factor::Factor::durability_of_use`]).
//! * *A recovery code works once, ever.* The marks in the ledger name the set's id, and a new set has a new id. Our own codes are
//!   judged during a lock too. Imported scratch codes can be guessed, so they are charged and limited like TOTP codes
//!   ([`recovery::RecoveryKind`]); the seal of the set is bound to its kind.
//! * *A document of a later version is refused by its number.* No older slot beside a later one is used.
//! * *An error is not absence.* "Not enrolled" is a value ([`store::Hold::NotEnrolled`]). Unreadable, corrupt, missing or foreign
//!   is an error. So is a ledger without its credential, unless a slot says that nobody is enrolled.
//! * *A permission is for one enrolment.* A change replaces the enrolment that was in place when it was permitted
//!   ([`enrolment::ExpectedEnrolment`]), and no other.
//! * *Nobody resets alone, at once or unseen.* [`account_recovery::Reset`] counts distinct persons and the time since the last
//!   approval, is bound to one enrolment, and is in the ledger's notice before it is stored. While it exists, only its token or
//!   an operator can enrol the account ([`account_recovery::admit`]), and no rule exempts it ([`policy::PolicyInput`]).
//! * *A credential never names a key that the keyring has lost.* A writer holds the keyring's lock ([`store::KeyringLocks`]) from
//!   reading the keyring until the credential is in place. A reader whose keyring lacks a key reads it again
//!   ([`credential::Credential::has_keys_in`]).
//! * *The old enrolment or the new one, never half.* The old slot stays until the new credential is in place; a reader takes the
//!   newest slot of the credential that it found ([`ledger::slot`]).
//! * *No secret is printed, copied by accident or left in memory.* [`random::Secret`] has no `Debug` and no `Clone` and is wiped on
//!   drop. The front ends wipe what libraries copied: their allocator wipes freed memory, [`random::wipe_stack`] the stack.
//! * *No user text becomes a path, a log line or a terminal's command.* [`user::User::component`], [`audit_event::Event::field`],
//!   [`misleading::escaped`].
//!
//! # Deliberately absent
//!
//! * A function that says whether a code is right without using it up.
//! * A default for "could not tell".
//! * A cache: each login reads what is stored now.
//! * A clock, a source of random bytes, a path that is opened: they come in as values.

#![forbid(unsafe_code)]
// The lists are in clippy.toml beside the manifest.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod account_recovery;
pub mod audit_event;
pub mod code;
pub mod config;
pub mod credential;
mod document;
pub mod enrolment;
pub mod factor;
#[cfg(any(test, feature = "testing"))]
pub mod fixture;
pub mod generation;
#[cfg(any(test, feature = "testing"))]
pub mod guessing;
pub mod keyring;
pub mod ledger;
pub mod lockout;
pub mod login;
pub mod lost_lines;
pub mod mail_address;
mod mail_text;
#[cfg(test)]
mod manual_tests;
pub mod misleading;
#[cfg(test)]
mod model_tests;
pub mod module_arguments;
pub mod network;
pub mod notice;
pub mod policy;
pub mod random;
pub mod recovery;
pub mod store;
pub mod time;
pub mod token;
mod typed;
pub mod user;

pub use document::DocumentError;
