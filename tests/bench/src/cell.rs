//! One cell of the table: every contestant, taking turns, with so many people and so many processes.

use crate::accounts;
use crate::contestant::Contestant;
use crate::fixture::Fixture;
use crate::person::Person;
use crate::round::Round;
use crate::surroundings::{Service, Surroundings};
use crate::sync;
use std::time::Duration;

/// How much is measured.
pub(crate) struct Effort {
    /// What a person types to have it measured.
    pub(crate) command: &'static str,
    /// For the tables of logins.
    pub(crate) people: &'static [u32],
    pub(crate) processes: &'static [usize],
    /// For the table of the command.
    pub(crate) totp_enroll: &'static [u32],
    /// Logins of each contestant in a cell.
    logins: usize,
    /// A contestant that took this long in a cell makes no more logins there.
    patience: Duration,
}

impl Effort {
    /// Two or three minutes on a busy machine.
    pub(crate) const QUICK: Self = Self {
        command: "tests/bench/run --quick",
        people: &[10, 1000],
        processes: &[1, 8],
        totp_enroll: &[10, 1000],
        logins: 2000,
        patience: Duration::from_secs(5),
    };
    pub(crate) const FULL: Self = Self {
        command: "tests/bench/run",
        people: &[10, 1000, 100_000],
        processes: &[1, 8, 64],
        totp_enroll: &[10, 1000, 10_000, 100_000],
        logins: 5000,
        patience: Duration::from_secs(15),
    };
}

/// Most logins of one contestant before the next has its turn. Little enough that what else the machine does meets all
/// of them.
const TURN: usize = 100;
/// Files replaced between two turns.
const SYNCS: usize = 10;

/// What was measured.
pub(crate) struct Cell {
    pub(crate) people: u32,
    pub(crate) processes: usize,
    pub(crate) surroundings: Surroundings,
    /// In the order of [`Contestant::ALL`].
    pub(crate) rounds: [Round; 4],
    /// How long replacing a file took there meanwhile.
    pub(crate) syncs: Vec<Duration>,
}

impl Cell {
    /// Lets the contestants take turns.
    pub(crate) fn measure(
        fixture: &Fixture,
        processes: usize,
        surroundings: Surroundings,
        effort: &Effort,
    ) -> Self {
        let mut rounds: [Round; 4] = Default::default();
        let mut syncs = Vec::new();
        let mut people = passers_by(fixture.people());
        let turns = effort.logins.div_ceil(TURN.min(fixture.people() as usize));
        for turn in 0..turns {
            let people: Vec<Person> = people.by_ref().take(TURN.min(fixture.people() as usize)).collect();
            accounts::give(&people);
            for at in 0..Contestant::ALL.len() {
                // Nobody is always the one after pam_oath.
                let at = (at + turn) % Contestant::ALL.len();
                if rounds[at].wall > effort.patience {
                    continue;
                }
                let kept = fixture.keep(Contestant::ALL[at], &people);
                let service = Service { fixture, contestant: Contestant::ALL[at], surroundings };
                rounds[at].add(Round::run(service, &people, processes));
                kept.restore();
            }
            syncs.extend(sync::replacing(fixture.directory(), SYNCS));
        }
        Self { people: fixture.people(), processes, surroundings, rounds, syncs }
    }
}

/// All users, again and again, in an order in which neighbours in the file system do not follow each other.
fn passers_by(people: u32) -> impl Iterator<Item = Person> {
    // A prime that divides none of the sizes, so that no user is repeated before all had a login.
    const STRIDE: u64 = 7_919;
    (0u64..).map(move |n| Person(u32::try_from(n * STRIDE % u64::from(people)).unwrap()))
}
