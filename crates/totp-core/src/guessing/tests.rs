//! A sample of the simulation, that it notices what it is for, and that the security model has its tables.

use super::account::{Account, Fault, authenticator};
use super::attacker::{STRATEGIES, Services};
use super::chance::Chance;
use super::history::History;
use super::owner::{HABITS, Sources};
use super::*;

#[test]
fn a_sample_of_owners_and_attackers_is_as_promised() {
    let figures = figures(1, Size { owner_years: 1, attacker_years: 30, one_pair_of: 8 });
    println!("{figures}");
    assert!(figures.wrong().is_empty(), "{}", figures.wrong().join("\n"));
}

/// The worst year of an attack, with something taken out of the rules.
fn worst_year(fault: Fault, services: Services, days: u64) -> u64 {
    let strategy = STRATEGIES.into_iter().find(|strategy| strategy.services == services);
    let account = Account { fault, ..Account::new(vec![authenticator(6, None)], 0) };
    let sources = Sources::new(false);
    History::new(account, HABITS[0], strategy, &sources, Chance::new(1)).run(days).worst_year
}

#[test]
fn without_the_charge_the_simulation_fails() {
    assert!(worst_year(Fault::None, Services::Default, 500) <= 1_000_000);
    assert!(worst_year(Fault::NoCharge, Services::Default, 500) > 1_000_000);
}

#[test]
fn with_a_success_that_refills_the_simulation_fails() {
    assert!(worst_year(Fault::None, Services::Lax, 30) <= 1_000_000);
    assert!(worst_year(Fault::SuccessRefills, Services::Lax, 30) > 1_000_000);
}

#[test]
fn the_security_model_has_the_tables_that_the_command_prints() {
    let document = include_str!("../../../../docs/security-model.md");
    for part in table().split("\n\n") {
        assert!(document.contains(part.trim_end()), "docs/security-model.md lacks:\n{part}");
    }
}
