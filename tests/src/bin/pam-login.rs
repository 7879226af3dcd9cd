//! One login in its own process, as in sshd: the request on standard input, the outcome on standard output.

use acceptance::libpam;
use acceptance::login::{Login, Stage};
use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let mut request = String::new();
    io::stdin().lock().read_line(&mut request)?;
    // Its own session, as in sshd: the session of the tests may be led by a daemon, and is then never fresh.
    nix::unistd::setsid()?;
    let mut login: Login = serde_json::from_str(&request)?;
    let hold = login.hold;
    let outcome = libpam::login(&mut login, &mut |stage| wait_for_release(hold, stage));
    say(&serde_json::to_string(&outcome)?)
}

/// Reports this stage and waits for a line, if it has to wait here.
fn wait_for_release(hold: Option<Stage>, stage: Stage) {
    if hold != Some(stage) {
        return;
    }
    let released = say(stage.announced()).and_then(|()| io::stdin().lock().read_line(&mut String::new()));
    if released.is_err() {
        std::process::exit(1);
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
