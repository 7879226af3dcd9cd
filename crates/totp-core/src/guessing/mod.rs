//! A simulation of guessing: attackers with every strategy against owners of all habits, for thousands of years.
//!
//! The rules are those of the program ([`crate::lockout::Guesses`]), driven in the steps of a login; only a code is not a code but its
//! probability. `agreement_tests` shows that a login with real codes takes the same steps. The example `guessing` prints the figures.

mod account;
#[cfg(test)]
mod agreement_tests;
mod attacker;
mod chance;
mod figures;
mod history;
mod owner;
mod table;
#[cfg(test)]
mod tests;
mod worst_year;

pub use figures::{Figures, Size, figures};
pub use table::table;
