//! What Tab completes in the real bash, zsh and fish: commands, options, values, users, files.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use acceptance::built::generated;
use acceptance::terminal::Terminal;
use std::fs;
use std::process::Command;

/// What is typed before Tab, and the words of the line afterwards.
const LINES: [(&str, &[&str]); 10] = [
    ("totp-enroll pru", &["prune"]),
    ("totp-enroll keys rot", &["keys", "rotate"]),
    ("totp-enroll --json reset req", &["--json", "reset", "request"]),
    ("totp-enroll enroll --batch --qr-p", &["enroll", "--batch", "--qr-png"]),
    ("totp-enroll enroll --algorithm SHA5", &["enroll", "--algorithm", "SHA512"]),
    ("totp-enroll keys seal --with-key host+", &["keys", "seal", "--with-key", "host+tpm2"]),
    ("totp-enroll reset request roo", &["reset", "request", "root"]),
    ("totp-enroll enroll --label 'a b' roo", &["enroll", "--label", "a b", "root"]),
    ("totp-enroll enroll --batch --list peo", &["enroll", "--batch", "--list", "people of Ulm"]),
    ("totp-enroll --config peo", &["--config", "people of Ulm"]),
];

/// A shell on a terminal, in a directory with one file in it.
struct Shell {
    terminal: Terminal,
    _directory: tempfile::TempDir,
}

impl Shell {
    fn start(words: &[&str], setup: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("people of Ulm"), "").unwrap();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("TERM", "dumb").env("HOME", directory.path());
        let mut terminal = Terminal::open(&command);
        terminal.types(&format!("cd {} && {setup}; echo re''ady", directory.path().display()));
        terminal.expect("ready");
        Self { terminal, _directory: directory }
    }

    /// Presses Tab behind what is typed, and has the shell say of which words the line is then.
    fn completed(&mut self, typed: &str) -> Vec<String> {
        // At the start of the line (Ctrl-A): what makes it a line that says its own words.
        self.terminal.types(&format!("{typed}\t\u{1}printf '<%s>' 'words''are' "));
        self.terminal.expect("<wordsare>");
        // Every shell ends its line before it asks for another.
        self.terminal.types("echo en''d");
        let said = self.terminal.expect("end");
        let words = said.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
        words.map(|(word, _)| word.to_owned()).collect()
    }

    fn end(mut self) {
        self.terminal.types("exit");
        let _ = self.terminal.end();
    }
}

fn every_line_is_completed(shell: &mut Shell) {
    for (typed, words) in LINES {
        let expected: Vec<&str> = std::iter::once("totp-enroll").chain(words.iter().copied()).collect();
        assert_eq!(shell.completed(typed), expected, "{typed}");
    }
}

#[test]
fn shellcheck_finds_nothing_wrong_with_those_for_bash() {
    let output = Command::new("shellcheck").arg(generated("totp-enroll.bash")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn bash_completes_every_line() {
    let file = generated("totp-enroll.bash");
    let setup = format!("PS1= && bind 'set enable-bracketed-paste off' && . {}", file.display());
    let mut shell = Shell::start(&["bash", "--norc", "--noprofile", "-i"], &setup);
    every_line_is_completed(&mut shell);
    let with_equals = shell.completed("totp-enroll enroll --algorithm=SHA5");
    assert_eq!(with_equals, ["totp-enroll", "enroll", "--algorithm=SHA512"]);
    shell.end();
}

#[test]
fn zsh_completes_every_line() {
    let directory = generated("_totp-enroll").parent().unwrap().display().to_string();
    let setup = format!(
        "PROMPT= && unsetopt prompt_sp; bindkey -e; unset zle_bracketed_paste; \
         fpath=({directory} $fpath) && autoload -Uz compinit && compinit -u -D"
    );
    let mut shell = Shell::start(&["zsh", "-f", "-i"], &setup);
    every_line_is_completed(&mut shell);
    shell.end();
}

#[test]
fn fish_offers_what_every_line_becomes() {
    let file = generated("totp-enroll.fish");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("people of Ulm"), "").unwrap();
    for (typed, words) in LINES {
        let output = Command::new("fish")
            .args(["--no-config", "-c", "source $argv[1]; complete --do-complete $argv[2]"])
            .arg(&file)
            .arg(typed)
            .current_dir(directory.path())
            .env("HOME", directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        // The word, and behind a tab what it is.
        let offered: Vec<&str> = said.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(offered, [*words.last().unwrap()], "{typed}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
