//! The entry point of `totp-enroll`: parses the command line, runs one command and sets the exit status.
//!
//! ```text
//!  main         the exit status, set in one place
//!   ├ cli       the definition of the command line
//!   ├ context   what every command works with: config, keyring, store, operator; it writes the audit log
//!   │  └ enroll · recovery_codes · disable · unlock · status · list · devices · explain · doctor · test · pam_snippet · keys · import · tokens · reset · prune   one command each
//!   │     └ authorise   who may change an enrolment: its owner with a code, or root
//!   ├ guess_report · next_code · lifted   what status, explain and unlock show of limits, in the words of limit_words
//!   ├ change    a change: its notice is left and logged before it is made      ├ owner_notices   leaves notices in the spool
//!   ├ notify    sends the notices, started by systemd or cron
//!   ├ homes     files in home directories, read by a process that may be left behind
//!   ├ sudo_rule  who may name another config
//!   ├ caller_cgroup  out of reach of who freezes their own cgroup
//!   ├ core_dumps  no core, and memory that no other process reads
//!   ├ terminal  prompts       ├ output  printed text, dates, progress bars, the document of --json
//!   └ command_error   why a command failed, and its exit status
//! ```
//!
//! `totp_core` decides whether a code is right and how an enrolment changes; `otpauth` draws what an app scans.

#![forbid(unsafe_code)]

mod account;
mod authenticator_report;
mod authorise;
mod caller_cgroup;
mod change;
mod cli;
mod command_error;
mod context;
mod core_dumps;
mod devices;
mod disable;
mod doctor;
mod enroll;
mod explain;
mod guess_report;
mod homes;
mod import;
mod keys;
mod lifted;
mod limit_words;
mod next_code;
mod notify;
mod output;
mod owner_notices;
mod pam_snippet;
mod prune;
mod recovery_codes;
mod reset;
mod reset_token;
mod restored;
mod status;
mod sudo_rule;
mod terminal;
mod test;
mod tokens;
mod unlock;

use clap::Parser;
use cli::{Cli, Command};
use command_error::CommandError;
use context::Context;
use nix::sys::signal::{SigSet, Signal};
use std::alloc::System;
use std::process::ExitCode;
use totp_core::random::wipe_stack;
use zeroizing_alloc::ZeroAlloc;

/// Wipes memory before it is freed: QR codes and the buffer of standard output contain secrets too.
#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    terminal::block_suspend();
    block_size_signal();
    let result = core_dumps::forbid();
    caller_cgroup::leave();
    if let Some(status) = homes::reader::serve().filter(|_| result.is_ok()) {
        return status;
    }
    let cli = Cli::try_parse().unwrap_or_else(|error| output::end_of_parsing(&error));
    let format = output::Format::of(cli.json);
    let result =
        result.and_then(|()| sudo_rule::check_config(cli.config.as_deref())).and_then(|()| run(&cli));
    wipe_stack();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(format, &error);
            ExitCode::from(error.status())
        }
    }
}

/// Makes a write beyond the limit on the size of files (setrlimit(2)) an error with a message: the signal would end the command
/// between a look at a code and its record. Programs that it starts inherit that, and get the error too.
fn block_size_signal() {
    let _ = [Signal::SIGXFSZ].into_iter().collect::<SigSet>().thread_block();
}

/// Runs the command in a stack frame of its own, which `main` wipes.
#[inline(never)]
fn run(cli: &Cli) -> Result<(), CommandError> {
    match &cli.command {
        Command::Enroll(options) => with_context(cli, |context| enroll::run(context, options)),
        Command::Status { user } => with_context(cli, |context| status::run(context, user.as_deref())),
        Command::List => with_context(cli, status::list),
        Command::RecoveryCodes { user, yes } => {
            with_context(cli, |context| recovery_codes::run(context, user.as_deref(), (*yes).into()))
        }
        Command::Disable { user, yes } => {
            with_context(cli, |context| disable::run(context, user.as_deref(), (*yes).into()))
        }
        Command::Unlock(asked) => with_context(cli, |context| unlock::run(context, asked)),
        Command::Devices { user, revoke, revoke_all, yes } => with_context(cli, |context| {
            devices::run(context, user.as_deref(), revoke.as_deref(), *revoke_all, (*yes).into())
        }),
        Command::Explain(asked) => with_context(cli, |context| explain::run(context, cli, asked)),
        // No context: it also runs where the config or the store is broken.
        Command::Doctor(asked) => doctor::run(cli, asked),
        Command::Test(asked) => with_context(cli, |context| test::run(context, asked)),
        // No context: it needs neither root nor the store.
        Command::PamSnippet(asked) => pam_snippet::run(cli, asked),
        Command::Keys(command) => with_context(cli, |context| keys::run(context, command)),
        Command::Notify(options) => with_context(cli, |context| notify::run(context, options)),
        Command::Tokens(command) => with_context(cli, |context| tokens::run(context, command)),
        Command::Import(command) => with_context(cli, |context| import::run(context, command)),
        Command::Reset(command) => with_context(cli, |context| reset::run(context, command)),
        Command::Restored { yes, force } => with_context(cli, |context| restored::run(context, *yes, *force)),
        Command::Prune(options) => with_context(cli, |context| prune::run(context, options)),
    }
}

/// Runs a command with its context.
fn with_context(
    cli: &Cli,
    act: impl FnOnce(&Context) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let context = Context::open(cli)?;
    let result = act(&context);
    context.send_again();
    result
}
