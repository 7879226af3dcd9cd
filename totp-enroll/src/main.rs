//! The command: `totp-enroll` enrols people, shows them their codes, and lets them back in.
//!
//! ```text
//!  main      the exit status, made in one place
//!   └ cli    what may be typed
//!   └ command   what every command works with: config, keyring, store, audit, who asks
//!      └ enroll · recovery_codes · disable · unlock · status · list · devices · explain · doctor · test · pam_snippet · keys · import · reset · prune   one command each
//!          └ factor      who may change this: a present code, or root and a typed name
//!          └ (otpauth) what an app is shown
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
mod context;
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
mod reset_token;
mod section;
mod signals;
mod status;
mod terminal;
mod test;
mod unlock;

use clap::Parser;
use cli::{Cli, Command};
use context::Context;
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
        Command::Enroll(options) => at_terminal_of(cli, |context| enroll::run(context, options)),
        Command::Status { user } => at_terminal_of(cli, |context| status::run(context, user.as_deref())),
        Command::List => at_terminal_of(cli, list::run),
        Command::RecoveryCodes { user, yes } => {
            at_terminal_of(cli, |context| recovery_codes::run(context, user.as_deref(), (*yes).into()))
        }
        Command::Disable { user, yes } => {
            at_terminal_of(cli, |context| disable::run(context, user.as_deref(), (*yes).into()))
        }
        Command::Unlock { user, repair } => {
            at_terminal_of(cli, |context| unlock::run(context, user, *repair))
        }
        Command::Devices { user, revoke, revoke_all, yes } => at_terminal_of(cli, |context| {
            devices::run(context, user.as_deref(), revoke.as_deref(), *revoke_all, (*yes).into())
        }),
        Command::Explain(asked) => at_terminal_of(cli, |context| explain::run(context, cli, asked)),
        // What is broken is what it is asked about: no command has to be open.
        Command::Doctor(asked) => doctor::run(cli, asked),
        Command::Test(asked) => at_terminal_of(cli, |context| test::run(context, asked)),
        // Nothing of the command is in it.
        Command::PamSnippet(asked) => pam_snippet::run(cli, asked),
        Command::Keys(command) => at_terminal_of(cli, |context| keys::run(context, command)),
        Command::Notify(options) => at_terminal_of(cli, |context| notify::run(context, options)),
        Command::Import(command) => at_terminal_of(cli, |context| import::run(context, command)),
        Command::Reset(command) => at_terminal_of(cli, |context| reset::run(context, command)),
        Command::Prune(options) => at_terminal_of(cli, |context| prune::run(context, options)),
    }
}

/// Does it at an open command, and sends what people are to be told of it.
fn at_terminal_of(cli: &Cli, act: impl FnOnce(&Context) -> Result<(), Failure>) -> Result<(), Failure> {
    let context = Context::open(cli)?;
    let done = act(&context);
    notify::after(&context);
    done
}
