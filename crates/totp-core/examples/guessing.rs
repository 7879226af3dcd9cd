//! Simulates guessing and prints the figures; fails if one is not as promised.
//!
//!     cargo run -p totp-core --profile guessing --features testing --example guessing           # a sample
//!     TOTP_COMPLETE=1 cargo run ...                                                             # all of it
//!     cargo run -p totp-core --features testing --example guessing -- table                     # that of the security model
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command for developers"
)]

use std::env;
use std::process::ExitCode;
use totp_core::guessing::{Size, figures, table};

/// The seed without `TOTP_SEED`.
const SEED: u64 = 16;

fn main() -> ExitCode {
    if env::args().nth(1).as_deref() == Some("table") {
        print!("{}", table());
        return ExitCode::SUCCESS;
    }
    let seed = env::var("TOTP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let is_complete = env::var("TOTP_COMPLETE").is_ok_and(|complete| complete == "1");
    let figures = figures(seed, if is_complete { Size::COMPLETE } else { Size::SAMPLE });
    println!("TOTP_SEED={seed}\n{figures}");
    for wrong in figures.wrong() {
        eprintln!("not as promised: {wrong}");
    }
    if figures.wrong().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
