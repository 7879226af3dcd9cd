//! The figures as tables for people, and as a plot.

use crate::cell::Cell;
use crate::contestant::Contestant;
use crate::enroll_command::Cost;
use crate::machine;
use crate::plot;
use crate::round::{Round, percentile};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that was measured in one run.
#[derive(Default)]
pub(crate) struct Report {
    places: Vec<(String, PathBuf)>,
    cells: Vec<(String, Cell)>,
    totp_enroll: Vec<Row>,
    instructions: Vec<(Contestant, u64)>,
}

/// What a command of the command took.
struct Row {
    command: &'static str,
    place: String,
    users: u32,
    cost: Cost,
}

impl Report {
    pub(crate) fn place(&mut self, name: &str, directory: &Path) {
        self.places.push((name.to_owned(), directory.to_owned()));
    }

    pub(crate) fn cell(&mut self, place: &str, cell: Cell) {
        self.cells.push((place.to_owned(), cell));
    }

    pub(crate) fn command_took(&mut self, command: &'static str, place: &str, users: u32, cost: Cost) {
        self.totp_enroll.push(Row { command, place: place.to_owned(), users, cost });
    }

    pub(crate) fn instructions(&mut self, contestant: Contestant, count: u64) {
        self.instructions.push((contestant, count));
    }

    pub(crate) fn lacks_instructions(&self) -> bool {
        self.instructions.is_empty()
    }

    /// Writes `file`, and the plot beside it.
    pub(crate) fn write(&self, file: &Path, command: &str) {
        let mut text = HEAD.replace("COMMAND", command);
        text.push_str(&machine::described(&self.places));
        self.latencies(&mut text);
        self.throughput(&mut text);
        self.counted(&mut text);
        self.command_table(&mut text);
        fs::write(file, text).unwrap();
        plot::write(
            &file.with_extension("svg"),
            self.cells.iter().map(|(place, cell)| (place.as_str(), cell)),
        );
    }

    fn latencies(&self, text: &mut String) {
        text.push_str(
            "\n## One login\n\nMicroseconds from `pam_start` to `pam_end`: **median** and 99th percentile of the logins that were accepted. \
             The ratios divide medians: pam_totp by google-authenticator, and by pam_permit. The last column is the median of replacing one small file \
             with a sync, without a login, between their turns.\n\n",
        );
        table(text, "where, enrolled, at once", &["÷ google", "÷ permit", "a sync"], |text| {
            for (place, cell) in &self.cells {
                let [permit, ours, google, _] = &cell.rounds;
                let columns = cell.rounds.iter().map(latency);
                let ratios = [google, permit].map(|other| format!("{:.2}", ratio(ours, other)));
                let sync = percentile(&cell.syncs, 50).map_or(0, |sync| sync.as_micros());
                row(text, &name(place, cell), columns.chain(ratios).chain([sync.to_string()]));
            }
        });
        let tried = |round: &Round| round.accepted.len() + round.failed;
        let failures = self.cells.iter().flat_map(|(place, cell)| {
            let rounds = cell.rounds.iter().zip(Contestant::ALL).filter(|(round, _)| round.failed > 0);
            rounds.map(move |(round, contestant)| {
                let accepted = round.accepted.len();
                format!(
                    "- {} ({}): {accepted} of {} right codes were accepted.\n",
                    contestant.name(),
                    name(place, cell),
                    tried(round)
                )
            })
        });
        let failures: String = failures.collect();
        if failures.is_empty() {
            text.push_str("\nEvery login was accepted.\n");
        } else {
            write!(text, "\nEvery other login was accepted; not so:\n{failures}").unwrap();
        }
    }

    fn throughput(&self, text: &mut String) {
        text.push_str("\n## Logins per second\n\nAccepted ones, with the fork and the end of the child that makes each.\n\n");
        table(text, "where, enrolled, at once", &[], |text| {
            for (place, cell) in &self.cells {
                let rates = cell.rounds.iter().map(|round| {
                    #[expect(clippy::cast_precision_loss, reason = "thousands")]
                    let rate = round.accepted.len() as f64 / round.wall.as_secs_f64();
                    format!("{rate:.0}")
                });
                row(text, &name(place, cell), rates);
            }
        });
    }

    fn counted(&self, text: &mut String) {
        text.push_str("\n## Instructions\n\nOf one login outside the kernel, loader included, as callgrind counts them.\n\n");
        table(text, "", &[], |text| {
            row(text, "instructions", self.instructions.iter().map(|(_, count)| count.to_string()));
        });
    }

    fn command_table(&self, text: &mut String) {
        text.push_str(
            "\n## The command\n\n`totp-enroll`, until all of it is on the disk.\n\n\
             | command | where | users | seconds | users a minute | largest memory (MiB) |\n|---|---|--:|--:|--:|--:|\n",
        );
        for Row { command, place, users, cost: Cost { time, memory } } in &self.totp_enroll {
            let rate = f64::from(*users) * 60.0 / time.as_secs_f64();
            let (time, memory) = (time.as_secs_f64(), memory / 1024);
            writeln!(text, "| {command} | {place} | {users} | {time:.2} | {rate:.0} | {memory} |").unwrap();
        }
    }
}

const HEAD: &str = "# What a login costs\n\nMade by `COMMAND`; [README.md](README.md) says how it is measured. \
                    Only the ratios within one run mean something on another machine.\n\n![medians](RESULTS.svg)\n\n";

fn table(text: &mut String, first: &str, more: &[&str], rows: impl FnOnce(&mut String)) {
    let names = Contestant::ALL.iter().map(|contestant| contestant.name());
    row(text, first, names.chain(more.iter().copied()).map(str::to_owned));
    row(text, "---", std::iter::repeat_n("--:".to_owned(), Contestant::ALL.len() + more.len()));
    rows(text);
}

fn row(text: &mut String, first: &str, columns: impl Iterator<Item = String>) {
    let columns: Vec<String> = columns.collect();
    writeln!(text, "| {first} | {} |", columns.join(" | ")).unwrap();
}

fn name(place: &str, Cell { people, processes, surroundings, .. }: &Cell) -> String {
    let prefix = surroundings.prefix();
    format!("{prefix}{place}, {people}, {processes}")
}

fn latency(round: &Round) -> String {
    match (round.percentile(50), round.percentile(99)) {
        (Some(median), Some(last)) => format!("**{}** {}", median.as_micros(), last.as_micros()),
        (None, _) | (_, None) => "none".to_owned(),
    }
}

fn ratio(a: &Round, b: &Round) -> f64 {
    let median = |round: &Round| round.percentile(50).unwrap_or(Duration::MAX).as_secs_f64();
    median(a) / median(b)
}
