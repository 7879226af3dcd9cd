//! The rules of pam_totp: what a code is, when it opens, what is remembered, and where it is kept.
//!
//! # The rooms
//!
//! ```text
//!    rotation    enrolment   remembered   login  account recovery   the sequences
//!          \    /      \          /     \        /
//!     draft  credential  keyring  ledger  timestamp_recordconfig      documents: what you are enrolled with | the keys |
//!         \       |        |   slot·slots    /               what has happened | what is asked for
//!          secret  totp  recovery  limit  device  policy     one rule each
//!          reset  token  enrolment_attempts
//!          id  user  account  code  time  created  event      the nouns, parsed once at the border
//!          network  ssh_key  address  notice  expected_enrolment  document
//!          store                                              the traits behind which an engine keeps all that, its errors,
//!                                                             and the suite that every engine has to pass
//! ```
//!
//! Everything is values in, values out: clocks ([`time::Now`]) and random bytes ([`secret::Entropy`]) are handed in, and what
//! is kept is kept by an engine behind the traits of [`store`] (files: the crate `totp-store`). Only [`store::groups`] still
//! asks the system. There is no PAM here, no terminal, no syslog, no environment, no thread, and no `unsafe`.
//!
//! # The sequences
//!
//! **A login** ([`login::judge`]): recognise the answer ([`code::Answer`]) → hold the user's ledger together with the
//! credential as it stands ([`store::Store::hold`]) → read the clock → is the account the one that was enrolled → limit
//! ([`lockout::Limit::state`]) → charge the try as a wrong one → look at the code → record what it was, a right one
//! refunded ([`store::Held::replace`]) → [`login::Verified`]. Charge and look are a pure step, whose verdict is sealed until it
//! is recorded. Whether the charge is recorded before the look or with it is the engine's to say ([`store::Store::CHARGING`]); an
//! engine that lost a comparison is asked anew, from the hold on.
//!
//! **An enrolment**: draft → confirm with a code ([`draft::Draft::confirm`]) → seal ([`enrolment::prepare`]) → ledger slot →
//! credential, in one rename ([`store::Entry::commit`]). The recovery codes are shown once: in the command after the commit, in
//! a login before it, which is done only when they are saved ([`enrolment::Prepared::commit_at_login`]).
//!
//! **A rotation** ([`rotation::Rotation`]): a new active key is on the disk before anything names it → each credential is
//! drafted under it, synced, and put in place while its user is held, if it still is what was drafted from
//! ([`store::resealing`]) → an old key goes when no credential names it. Ledgers are not touched.
//!
//! **A reset** ([`account_recovery`]): an operator requests it, and the owner is told at each login ([`ledger::Ledger::notice`]) →
//! others approve it → it waits → a token is made and the enrolment withdrawn → the token is typed in place of a code → an
//! enrolment, in whose commit the token is used up. Who may take which step, and when, is [`reset::Reset`]'s.
//!
//! # The invariants, and what states each
//!
//! * *Success means: a code was right and its use is recorded.* [`login::Verified`] has a private field and is built in
//!   one place, after the ledger was replaced. A login that enrols is let in by [`enrolment::Enrolled`], which is made after
//!   the commit. Anyone who is asked for no code is let in by a [`policy::Exemption`], which names the rule; that of a remembered
//!   device is made after its use was recorded. What could not be found out makes none.
//! * *You cannot look without spending.* Nothing but [`login::judge`] checks a code of an enrolment. A try is charged before it
//!   is looked at, so that a login that is killed in between has been charged; or what came of the look is sealed until it is
//!   recorded together with the charge ([`store::Charging`]).
//! * *One code opens one module.* Of two who hold the same ledger one waits, or loses the comparison ([`store::Held::replace`]); what
//!   is used up only moves forward; every authenticator that a code fits is moved on together.
//! * *A crash of the machine brings no code back.* A login does not sync its write. Instead no code of a step up to
//!   that of the boot instant (realtime minus boottime) plus the drift is ever accepted: whatever a lost write would
//!   have recorded is older than that. The rule needs no boot id, because it holds within a boot as well. What it cannot
//!   cover, a spent recovery code and the start of a lock, is synced before the answer: what happened
//!   says how durable its record has to be, and each factor says it of its codes ([`factor::Factor::durability_of_use`]).
//! * *A recovery code works once, ever.* Marks in the ledger are tied to the set's id, and renewing makes a new id. Those of our
//!   making are judged whatever the lock says; scratch codes of another program can be guessed, so they are charged and limited
//!   like TOTP codes ([`recovery::Kind`]). The pepper's seal is bound to whose making they are.
//! * *What a later version stored is not guessed at.* A document or slot of a later version is refused by its number, and no
//!   older slot beside it is used.
//! * *Trouble is not absence.* "Not enrolled" is a value ([`store::Hold::NotEnrolled`]); unreadable, corrupt, missing
//!   or foreign is an error. A ledger without its credential is trouble unless one of its slots says that nobody is
//!   enrolled.
//! * *A permission ends with what it was given for.* A change is made over the enrolment that was in place when someone
//!   showed a code or typed a name ([`expected_enrolment::ExpectedEnrolment`]), and over no other.
//! * *Nobody resets alone, at once, or unseen.* [`reset::Reset`] counts distinct persons and the time since the last of them,
//!   is bound to one enrolment, and announces itself in the ledger before it stands. While its file is there nobody is
//!   enrolled without its token but by an operator ([`account_recovery::admit`]), and nobody let past ([`policy::PolicyInput`]).
//! * *A credential never names a key that the keyring has lost.* Who seals has the lock to ([`store::KeyringLocks`]) from reading
//!   the keyring until the credential is in place; who reads the keyring before taking hold reads it again if a key of the
//!   credential is missing ([`credential::Credential::has_keys_in`]).
//! * *Old or new, never half.* The slot of the old credential stays until the new credential is renamed into place,
//!   and a reader takes the newest slot of the credential in place ([`ledger::slots`]).
//! * *No secret is printed, copied by accident or left.* [`secret::Secret`]: no `Debug`, no `Clone`, wiped on drop. What a
//!   library copied is wiped by the front ends: their allocator wipes what is freed, [`secret::wipe_stack`] the rest.
//! * *No user text becomes a path or a log line.* [`user::User::component`], [`event::Event::field`].
//!
//! # Deliberately absent
//!
//! A function that says whether a code is right without using it up; a default for "could not tell"; a cache.

#![forbid(unsafe_code)]
// The lists are in clippy.toml beside the manifest.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod account;
pub mod account_recovery;
pub mod address;
pub mod code;
pub mod config;
pub mod created;
pub mod credential;
pub mod device;
mod document;
pub mod draft;
mod durability;
pub mod enrolment;
pub mod enrolment_attempts;
pub mod event;
pub mod expected_enrolment;
pub mod factor;
#[cfg(any(test, feature = "testing"))]
pub mod fixture;
pub mod id;
pub mod keyring;
pub mod ledger;
pub mod lockout;
pub mod login;
#[cfg(test)]
mod manual_tests;
#[cfg(test)]
mod model_tests;
pub mod network;
pub mod notice;
pub mod policy;
pub mod recovery;
pub mod remembered;
pub mod reset;
pub mod reset_token;
pub mod rotation;
pub mod secret;
pub mod ssh_key;
pub mod store;
pub mod time;
pub mod timestamp_record;
pub mod user;

pub use document::DocumentError;
