//! The desk: `totp-enroll` enrols people, shows them their codes, and lets them back in.
//!
//! ```text
//!  main      the exit status, made in one place
//!   └ cli    what may be typed
//!   └ desk   what every command works with: config, keyring, store, audit, who asks
//!      └ enroll · recovery_codes · disable · unlock · status · list · devices · explain · doctor · test · pam_snippet · keys · import · reset · prune   one command each
//!          └ factor      who may change this: a present code, or root and a typed name
//!          └ (totp_card) what an app is shown
//!   └ notify    what people are told of it, at the end or by a timer
//!   └ terminal  asking a person      └ output  the one document of --json      └ progress  the bar over long work
//! ```
//!
//! Whether a code is right, and how an enrolment changes, is `totp_core`'s.

#![forbid(unsafe_code)]

mod account;
mod audit;
mod cli;
mod clock;
mod desk;
mod devices;
mod disable;
mod doctor;
mod enroll;
mod explain;
mod factor;
mod failure;
mod import;
mod keys;
mod list;
mod notify;
mod output;
mod pam_snippet;
mod progress;
mod prune;
mod recovery_codes;
mod report;
mod reset;
mod section;
mod signals;
mod status;
mod terminal;
mod test;
mod ticket;
mod unlock;

use clap::Parser;
use cli::{Cli, Command};
use desk::Desk;
use failure::Failure;
use std::alloc::System;
use std::process::ExitCode;
use totp_core::secret::wipe_stack;
use zeroizing_alloc::ZeroAlloc;

/// What is freed is wiped first: the drawing of a QR code and the buffer of standard output hold secrets too.
#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    signals::never_stop();
    let cli = Cli::parse();
    let format = output::Format::of(cli.json);
    let result = run(&cli);
    wipe_stack();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(format, &failure);
            ExitCode::from(failure.status())
        }
    }
}

/// In a frame of its own, so that all of it can be wiped.
#[inline(never)]
fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Enroll(options) => at_desk(cli, |desk| enroll::run(desk, options)),
        Command::Status { user } => at_desk(cli, |desk| status::run(desk, user.as_deref())),
        Command::List => at_desk(cli, list::run),
        Command::RecoveryCodes { user, yes } => {
            at_desk(cli, |desk| recovery_codes::run(desk, user.as_deref(), (*yes).into()))
        }
        Command::Disable { user, yes } => {
            at_desk(cli, |desk| disable::run(desk, user.as_deref(), (*yes).into()))
        }
        Command::Unlock { user, repair } => at_desk(cli, |desk| unlock::run(desk, user, *repair)),
        Command::Devices { user, revoke, revoke_all, yes } => at_desk(cli, |desk| {
            devices::run(desk, user.as_deref(), revoke.as_deref(), *revoke_all, (*yes).into())
        }),
        Command::Explain(asked) => at_desk(cli, |desk| explain::run(desk, cli, asked)),
        // What is broken is what it is asked about: no desk has to be open.
        Command::Doctor(asked) => doctor::run(cli, asked),
        Command::Test(asked) => at_desk(cli, |desk| test::run(desk, asked)),
        // Nothing of the desk is in it.
        Command::PamSnippet(asked) => pam_snippet::run(cli, asked),
        Command::Keys(command) => at_desk(cli, |desk| keys::run(desk, command)),
        Command::Notify(options) => at_desk(cli, |desk| notify::run(desk, options)),
        Command::Import(command) => at_desk(cli, |desk| import::run(desk, command)),
        Command::Reset(command) => at_desk(cli, |desk| reset::run(desk, command)),
        Command::Prune(options) => at_desk(cli, |desk| prune::run(desk, options)),
    }
}

/// Does it at an open desk, and sends what people are to be told of it.
fn at_desk(cli: &Cli, act: impl FnOnce(&Desk) -> Result<(), Failure>) -> Result<(), Failure> {
    let desk = Desk::open(cli)?;
    let done = act(&desk);
    notify::after(&desk);
    done
}
