//! The fixtures of the acceptance tests: what a test sets up, does and looks at.
//!
//! A test knows only what is built: `libpam_totp.so` and `totp-enroll` in `target/release`.
//!
//! | room | what it holds |
//! |---|---|
//! | [`fixture`] | one test's world: directory, configuration, PAM services, enrolled people |
//! | [`login`] | one login, in a fresh process through the real libpam, as in sshd |
//! | [`libpam`] | the C interface itself; the only room with `unsafe` |
//! | [`authenticator`], [`clock`] | someone's phone, played by `oathtool`; the steps of time that it counts |
//! | [`journal`] | the socket that events are written to, and what is in a line |
//! | [`mailbox`] | what a fixture's people are told, by a mail program of its own that can refuse, fail and hang |
//! | [`totp_enroll`], [`terminal`], [`qr`] | the command; a person at a terminal; the camera of their phone |
//! | [`operator`], [`reset_steps`] | accounts that call the command through sudo, each from a login of its own; a reset by two of them |
//! | [`machine`], [`sshd`] | a private `/etc` with accounts of its own; a real sshd and the real ssh client in it |
//! | `accounts` | what takes the place of the machine's accounts and service files |
//! | [`files`], [`damage`] | what lies on the disk, and has it changed; what can be wrong with it |
//! | [`memory`], [`secrets`] | what a process has in its memory; what must not be there, nor be said |
//! | [`security_key`] | a FIDO2 key in software, behind an agent that ssh asks |
//! | [`site`], [`stacks`] | a machine that is set up as the README, or docs/stacks.md, says |
//! | [`daemon`] | a program that ends with its test, whatever becomes of that |
//! | [`polkit`] | a system bus, polkitd and pkexec |
//! | [`vpn`] | a real OpenVPN server and client, on a network of their own |
//! | [`snapshot`] | what is stored at one moment, to be put back |
//! | [`strace`], [`stopped`] | a program of which one system call is its last, or fails; one that stops to be looked at |
//! | [`unsynced`] | what a program had written and not synced when it spoke: what a crash would take back |
//! | [`recording`] | a picture of an enrolment, for the documents |
//! | [`documents`] | README.md and docs/: their blocks, links and commands |
//! | [`sweep`] | which points of a sweep are run: a sample of the day, or all |
//! | [`wait`] | the one place that waits, for an event |
//! | [`built`] | where the built things are |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "fixtures that cannot be set up fails the test that asked for it"
)]

mod accounts;
pub mod authenticator;
pub mod built;
pub mod clock;
pub mod daemon;
pub mod damage;
pub mod documents;
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
