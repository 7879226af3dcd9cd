//! One login in a process of its own, as sshd makes it: a request on standard input, the outcome on standard output.

use acceptance::libpam;
use acceptance::login::Login;
use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let mut request = String::new();
    io::stdin().lock().read_line(&mut request)?;
    let login: Login = serde_json::from_str(&request)?;
    let outcome = libpam::login(&login, &mut || wait_for_release(login.hold));
    say(&serde_json::to_string(&outcome)?)
}

/// Says that it stands at the prompt, and waits for a line.
fn wait_for_release(hold: bool) {
    if !hold {
        return;
    }
    let released = say("at the prompt").and_then(|()| io::stdin().lock().read_line(&mut String::new()));
    if released.is_err() {
        std::process::exit(1);
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
