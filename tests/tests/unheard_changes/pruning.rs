//! A pruning that is killed at every call: where it stands, the log has its line. Nobody is mailed, because the account is gone.

use super::{built, changes_the_store, command};
use acceptance::authenticator::Authenticator;
use acceptance::fixture::{Fixture, users_file};
use acceptance::journal::Event;
use acceptance::snapshot::Snapshot;
use acceptance::strace::Trace;
use acceptance::sweep::Sweep;
use std::process::Stdio;

#[test]
fn a_pruning_that_stands_was_logged() {
    let gone = "nobody-of-this-name";
    let fixture = built(Fixture::builder());
    let users = fixture.write("users.oath", &users_file(&[(gone.to_owned(), Authenticator::random())]));
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    fixture.totp_enroll(&import).assert_done();
    let prune = ["--json", "prune", "--unknown", "--trust-database", "--yes"];
    let snapshot = Snapshot::of(&fixture);
    let points = Trace::new();
    drop(points.recording(&command(&fixture, &prune)).stdin(Stdio::null()).output().unwrap());
    let points =
        points.points(&[&fixture.path("")]).into_iter().skip_while(|point| !changes_the_store(point));
    let mut stood = 0;
    for point in Sweep::today().points(points) {
        snapshot.restore();
        let logged = fixture.journal.command_events().len();
        drop(Trace::new().killing(&command(&fixture, &prune), &point).stdin(Stdio::null()).output());
        if !fixture.credential(gone).exists() {
            stood += 1;
            let events = fixture.journal.command_events();
            let is_its = |line: &Event| line.field("user") == gone && line.field("event") == "pruned";
            assert!(events.iter().skip(logged).any(is_its), "without a line, ended at {}", point.line);
        }
    }
    assert!(stood > 0, "no pruning stood: nothing was shown");
}
