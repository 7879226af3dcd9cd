//! The source of a local login is the account that called: the real su, setuid root.

use acceptance::login::PROMPT;
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::terminal::Terminal;

#[test]
fn su_by_the_account_itself_has_a_row_of_its_own() {
    assert_eq!(rows_of("alice", "alice"), ["own_uid", "own_uid"]);
}

#[test]
fn su_by_another_account_is_known_after_it_has_succeeded() {
    assert_eq!(rows_of("alice", "bob"), ["foreign", "local_uid"]);
}

/// Where a wrong code is counted that `caller` gives to `su target`: before, and after a login that succeeds.
fn rows_of(caller: &str, target: &str) -> [String; 2] {
    let mut site = Site::by(&["su"]);
    let mut shell = shell_of(&mut site, caller);
    let row = |shell: &mut Terminal| {
        su(shell, target, &site.fixture.authenticator(target).wrong_code());
        shell.expect("su: Authentication failure");
        let event = site.fixture.journal.last();
        assert_eq!(event.what(), "refused wrong", "{event:?}");
        event.field("source").to_owned()
    };
    let before = row(&mut shell);
    su(&mut shell, target, &site.fixture.code(target));
    shell.expect(&format!("\r\n{target}\r\n"));
    let after = row(&mut shell);
    shell.types("exit 0");
    assert_eq!(shell.end().status, 0);
    [before, after]
}

fn su(shell: &mut Terminal, target: &str, code: &str) {
    shell.types(&format!("su {target} -c 'id -un'"));
    shell.expect("Password: ");
    shell.types(PASSWORD);
    shell.expect(PROMPT);
    shell.types(code);
}

/// An account's shell at a terminal, without a login.
fn shell_of(site: &mut Site, account: &str) -> Terminal {
    let machine = site.fixture.machine();
    let uid = machine.uid(account).to_string();
    let mut shell = machine.namespace().command("/usr/bin/setpriv");
    shell.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "/bin/sh"]);
    let mut terminal = Terminal::open(shell.env("LC_ALL", "C.UTF-8"));
    terminal.expect("$ ");
    terminal
}
