//! The fixtures of the acceptance tests.
//!
//! A test uses only what is built: `libpam_totp.so` and `totp-enroll` in `target/release`.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`fixture`] | what one test runs in: directory, configuration, PAM services, enrolled users |
//! | [`login`] | one login, in a fresh process through the real libpam, as in sshd |
//! | [`libpam`] | the C interface of libpam; the only module with `unsafe` |
//! | [`authenticator`], [`clock`] | a phone, played by `oathtool`; the time steps that it counts |
//! | [`counter_token`] | a fob with a button, played by `oathtool` |
//! | [`journal`] | the socket that events are written to, and what is in a line |
//! | [`mailbox`] | a mail program of the tests, which can refuse, fail and hang; what it was given |
//! | [`enroll_command`], [`terminal`], [`qr`] | the command; a user at a terminal; the camera of a phone |
//! | [`operator`], [`reset_steps`] | accounts that call the command through sudo, each from its own login; the steps of a reset |
//! | [`machine`], [`sshd`] | a private `/etc` with its own accounts; a real sshd and the real ssh client in it |
//! | `accounts` | what replaces the machine's accounts and service files |
//! | [`files`], [`damage`] | the files on the disk and what changed; ways to damage them |
//! | [`memory`], [`secrets`] | the memory of a process; the secrets that must not be in it or in a message |
//! | [`security_key`] | a FIDO2 key in software, behind an agent that ssh asks |
//! | [`site`], [`stacks`] | a machine that is configured as README.md or docs/stacks.md says |
//! | [`daemon`] | a program that ends with its test, also when the test is killed |
//! | [`polkit`] | a system bus, polkitd and pkexec |
//! | [`vpn`] | a real OpenVPN server and client, on a network of their own |
//! | [`snapshot`] | the stored files at one moment, to be restored |
//! | [`strace`], [`stopped`] | a program that is killed at a system call, or of which one fails; one that is stopped to be examined |
//! | [`unsynced`] | what a program had written and not synced when it answered: what a crash would undo |
//! | [`recording`] | the picture of an enrolment in the documents |
//! | [`earlier_version`] | stores as earlier versions of the program left them |
//! | [`documents`] | README.md and docs/: their blocks, links and commands |
//! | [`sweep`] | which points of a sweep are run: a sample of the day, or all |
//! | [`wait`] | waiting for an event; no other module waits |
//! | [`built`] | where the built things are |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture that cannot be built fails its test"
)]

mod accounts;
pub mod authenticator;
pub mod built;
pub mod clock;
pub mod counter_token;
pub mod daemon;
pub mod damage;
pub mod documents;
pub mod earlier_version;
pub mod enroll_command;
pub mod files;
pub mod fixture;
pub mod journal;
pub mod libpam;
pub mod login;
pub mod machine;
pub mod mailbox;
pub mod memory;
pub mod operator;
pub mod outcome;
pub mod polkit;
pub mod qr;
pub mod recording;
pub mod reset_steps;
pub mod secrets;
pub mod security_key;
pub mod site;
pub mod snapshot;
pub mod sshd;
pub mod stacks;
pub mod stopped;
pub mod strace;
pub mod sweep;
pub mod terminal;
pub mod unsynced;
pub mod vpn;
pub mod wait;
