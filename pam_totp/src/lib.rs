//! The module: `pam_totp.so`, which sshd, sudo, su and login load to ask for a one-time code.
//!
//! ```text
//!  ffi            the six pam_sm_* symbols, libpam calls that pam-bindings lacks, the silent panic hook; the only unsafe
//!   └ entry       which entry point does what
//!      └ login    the sequence: arguments → config → who → what is required → ask → clock → hold and judge (totp-core) → outcome
//!          ├ first_pass          the password that modules hand on
//!          ├ facts · session     what the policy depends on; the login session that the process is in
//!          ├ enroll              the login itself enrols, where the policy says so (the card: otpauth)
//!          ├ parting · words     what follows a decision that stands: a timestamp, a word, a device to remember
//!          └ notice              what a person is told of it, left in the spool for the command to send
//!             └ call             one call on its way: what all of these work on
//!                ├ arguments     the words after pam_totp.so in the service file
//!                ├ request · first_factor   what the application says of itself: service, remote host, terminal; what sshd says came first
//!                ├ shield        nobody stops the process while it holds a ledger
//!                └ audit         one line to syslog for every outcome
//!                   └ outcome · unfinished  what it came to, and the one table of PAM codes; why an enrolment came to nothing
//! ```
//!
//! Config, keyring, clock, random bytes, accounts and the log's socket are `totp_host`'s. Nothing here decides whether a code is right, or whether one is required: that is `totp_core::{login, policy, enrolment}`, and only
//! their proofs (`Verified`, `Exemption`, `Enrolled`) become `PAM_SUCCESS`.

#[cfg(panic = "abort")]
compile_error!(
    "pam_totp must unwind: with panic = \"abort\" a bug would kill sshd instead of refusing one login. Remove panic = \"abort\"."
);

mod attempt;
mod audit;
mod caller_guard;
mod enroll;
mod entry;
mod ffi;
mod first_pass;
mod freshness;
mod login;
#[cfg(test)]
mod manual_tests;
mod messages;
mod notice;
mod outcome;
mod policy_input;
mod remembered_device;
mod request;
mod reset_token;
mod session;

use std::alloc::System;
use zeroizing_alloc::ZeroAlloc;

/// The memory is the application's: what is freed in here is wiped first, anyone who allocated it and whatever for.
#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);
