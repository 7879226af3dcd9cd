//! Checks what decides how much guessing is possible: services that do not say who asks, codes before a first factor, and budgets that
//! are set too high or too low, or are used up.

use super::finding::Finding;
use super::services::Service;
use crate::output;
use totp_core::config::Config;
use totp_core::ledger::Ledger;
use totp_core::lockout::RiskRules;

/// Services that do not give PAM the address of a client, and the program that each belongs to.
///
/// Seen in the programs of Debian 12: they set no `PAM_RHOST` (rlm_pam of FreeRADIUS 3.2.1, saslauthd 2.1.28, xrdp-sesman 0.9.21,
/// which does from 0.10 on).
const WITHOUT_ADDRESS: [(&str, &str); 8] = [
    ("xrdp-sesman", "xrdp before version 0.10"),
    ("radiusd", "FreeRADIUS"),
    ("freeradius", "FreeRADIUS"),
    ("smtp", "saslauthd"),
    ("sieve", "saslauthd"),
    ("pop", "saslauthd"),
    ("nntp", "saslauthd"),
    ("saslauthd", "saslauthd"),
];
/// Services that give a host name if the program is so configured, and the option that does it (mod_auth_pam.c of ProFTPD: `PAM_RHOST`
/// is its `remote_name`).
const WITH_HOST_NAME: [(&str, &str); 1] = [("proftpd", "UseReverseDNS on")];
/// Other services that strangers reach.
const NETWORK: [&str; 13] = [
    "sshd",
    "ftp",
    "vsftpd",
    "pure-ftpd",
    "imap",
    "imaps",
    "pop3",
    "pop3s",
    "dovecot",
    "openvpn",
    "cockpit",
    "webmin",
    "samba",
];

/// A budget of which so many percent are used counts as nearly used up.
const NEARLY_EMPTY: u8 = 75;
/// Above these, doctor says what was chosen.
const USUAL_RISK: u64 = RiskRules::DEFAULT.yearly_risk;
const USUAL_TRIES: u32 = 1000;

pub(super) fn examine(own: &Config, services: &[Service], findings: &mut Vec<Finding>) {
    chosen(own, None, findings);
    for service in services.iter().filter(|service| service.asks) {
        let name = &service.name;
        if let Some(config) = &service.config {
            if config.risk != own.risk {
                chosen(config, Some(name), findings);
            }
            findings.extend(listed_as_local(name, config).map(|finding| finding.at(name)));
        }
        findings.extend(unknown_source(name).map(|finding| finding.at(name)));
        // doctor/sshd.rs knows whether sshd checks a key before.
        if service.judges_before_first_factor && name != "sshd" && is_of_the_network(name) {
            findings.push(guessed_by_anyone().at(name));
        }
    }
}

fn is_of_the_network(service: &str) -> bool {
    let listed = WITHOUT_ADDRESS.iter().chain(&WITH_HOST_NAME).map(|(name, _)| *name);
    listed.chain(NETWORK).any(|name| name == service)
}

/// Whether the service gives PAM no address of a client.
pub(super) fn is_without_address(service: &str) -> bool {
    WITHOUT_ADDRESS.iter().any(|(name, _)| *name == service)
}

/// Whether the service gives PAM the address of its client.
pub(crate) fn is_reached_with_address(service: &str) -> bool {
    is_of_the_network(service) && !is_without_address(service)
}

fn unknown_source(service: &str) -> Option<Finding> {
    let of = |list: &[(&'static str, &'static str)]| {
        list.iter().find(|(name, _)| *name == service).map(|(_, what)| *what)
    };
    let why = "all wrong codes there are counted as those of unknown places: when guessers have used up an account's yearly budget, its owner needs a recovery code there";
    if let Some(program) = of(&WITHOUT_ADDRESS) {
        let fix = "nothing, if that is acceptable; otherwise use a version of the program that sets PAM_RHOST (if that gives the address of a proxy, list it in [limit] shared_addresses); list the service in [limit] local_services only if it cannot be reached over the network";
        return Some(
            Finding::info(
                "source_unknown",
                format!("{service} ({program}) does not tell PAM the client's address"),
            )
            .why(why)
            .fix(fix),
        );
    }
    let option = of(&WITH_HOST_NAME)?;
    Some(
        Finding::info(
            "source_unknown",
            format!("{service} gives PAM a host name in place of the client's address if \"{option}\" is set"),
        )
        .why(format!("the owner of an address chooses its name. Where a name is given, {why}"))
        .fix("turn that option off; if clients come through a proxy, list its addresses in [limit] shared_addresses"),
    )
}

fn listed_as_local(service: &str, config: &Config) -> Option<Finding> {
    let is_listed = config.sources.is_local(service);
    (is_listed && is_of_the_network(service)).then(|| {
        Finding::warning(
            "network_service_local",
            format!("[limit] local_services lists {service}, which is reached over the network"),
        )
        .why("all its clients then count as one user of this machine: after one login of the owner they share the owner's place, and once it is settled, its tries are not limited by the yearly risk")
        .fix("remove it from local_services")
    })
}

/// Strangers can have codes judged.
pub(super) fn guessed_by_anyone() -> Finding {
    Finding::warning(
        "guessed_before_password",
        "pam_totp.so checks a code before a first factor is known to have passed, and strangers reach this service",
    )
    .why("programs that try passwords there guess codes too, and can use up half of each account's yearly budget; that half is then missing when the owner mistypes at a new place")
    .fix("put the password above it (`auth requisite pam_unix.so`, or `@include common-auth`), and set after_first_factor; where the program asks only once, let only known networks reach it, or do not ask for a code there")
}

/// A risk that was set higher or lower than is usual.
fn chosen(config: &Config, service: Option<&String>, findings: &mut Vec<Finding>) {
    let RiskRules { yearly_risk, known_tries_per_year, .. } = config.risk;
    let mut push = |finding: Finding| {
        findings.push(match service {
            Some(service) => finding.at(service),
            None => finding,
        });
    };
    if yearly_risk > USUAL_RISK {
        push(
            Finding::info(
                "yearly_risk_high",
                format!("limit.yearly_risk allows a guessed code with a chance of {} a year", percent(yearly_risk)),
            )
            .why("someone who has the password of an account and guesses all year has this chance; the default is 0.1 %")
            .fix("nothing, if you want that; otherwise remove the line: a smaller risk takes effect at once"),
        );
    }
    // A guess at one app with six digits, in units of 10⁻⁹.
    let guess = config.greatest_drift_steps.saturating_mul(2).saturating_add(1).saturating_mul(1000);
    if yearly_risk < least_risk(guess) {
        push(
            Finding::warning(
                "yearly_risk_low",
                format!(
                    "limit.yearly_risk allows {} a year, which is less than one guess at a code of six digits needs",
                    percent(yearly_risk)
                ),
            )
            .why("such a code is never checked at an unknown place: everyone needs a recovery code there")
            .fix(format!("set it to {} or more, or use authenticators with eight digits (--digits 8)", decimal(least_risk(guess)))),
        );
    }
    if known_tries_per_year > USUAL_TRIES {
        let year = |guess: u64| percent(u64::from(known_tries_per_year).saturating_mul(guess));
        // All codes of the window are right at once.
        let token = config.windows().hotp.look_ahead.saturating_add(1).saturating_mul(1000);
        push(
            Finding::info(
                "known_tries_high",
                format!(
                    "limit.known_tries_per_year is {known_tries_per_year}: up to {} a year at each settled place for each app with six digits, and {} for each counter token with six digits",
                    year(guess),
                    year(token)
                ),
            )
            .why("someone who has the password and shares such a place with the owner has this chance, in addition to limit.yearly_risk")
            .fix("nothing, if you want that; otherwise lower it (the default is 400)"),
        );
    }
}

/// The smallest `yearly_risk` under which a try of this probability is ever checked at an unknown place, both in units of 10⁻⁹: 40 % of
/// it can be used at once.
pub(super) fn least_risk(units: u64) -> u64 {
    units.saturating_mul(5).div_ceil(2)
}

/// A probability in units of 10⁻⁹, as the config has it.
pub(super) fn decimal(units: u64) -> String {
    let text = format!("{}.{:09}", units / 1_000_000_000, units % 1_000_000_000);
    text.trim_end_matches('0').to_owned()
}

/// A probability in units of 10⁻⁹, in percent.
fn percent(units: u64) -> String {
    let (whole, rest) = (units / 10_000_000, units % 10_000_000);
    let decimals = format!("{rest:07}");
    match decimals.trim_end_matches('0') {
        "" => format!("{whole} %"),
        decimals => format!("{whole}.{decimals} %"),
    }
}

/// What the budget of a user says, at `now` (seconds since 1970).
pub(super) fn budget(user: &str, ledger: &Ledger, risk: &RiskRules, now: u64, findings: &mut Vec<Finding>) {
    let guesses = ledger.guesses();
    let used = guesses.foreign_used_percent(risk, now);
    if used >= NEARLY_EMPTY {
        findings.push(
            Finding::warning(
                "budget_low",
                format!("{used} % of {user}'s budget for guesses from unknown places is used up"),
            )
            .why("once it is used up, no code from an unknown place is checked until some of it has come back; a recovery code opens, and settled places are not affected")
            .fix(format!("ask whether {user} mistyped so often, and look at \"totp-enroll status {user}\"; if not, someone has the password or the key: change it; then \"totp-enroll unlock --budget {user}\" refills the budget, which adds to this year's risk")),
        );
    }
    if let Some(until) = guesses.stands_still_until(now) {
        findings.push(
            Finding::warning(
                "budget_ahead",
                format!("{user}'s budget for guesses was last updated at {}, which is in the future", output::date(until)),
            )
            .why("the clock was fast then, or was set back since: nothing of the budget comes back until that time")
            .fix(format!("correct the clock; if it was fast then and is right now, run \"totp-enroll unlock {user}\"")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::stack::answers::Answers;

    fn config(text: &str) -> Config {
        Config::parse("/c.toml".as_ref(), text.as_bytes(), None).unwrap()
    }

    fn service(name: &str, judges_before_first_factor: bool, own: &Config) -> Service {
        Service {
            name: name.to_owned(),
            asks: true,
            one_factor: false,
            no_factor: false,
            config: Some(own.clone()),
            own_config: Some(own.clone()),
            arguments: Vec::new(),
            modules: Vec::new(),
            answers: Answers::default(),
            judges_before_first_factor,
        }
    }

    fn found(text: &str, name: &str, before: bool) -> Vec<(&'static str, Option<String>)> {
        let (own, mut findings) = (config(text), Vec::new());
        examine(&own, &[service(name, before, &own)], &mut findings);
        findings.into_iter().map(|finding| (finding.name, finding.service)).collect()
    }

    #[test]
    fn a_service_that_does_not_say_who_asks_is_named() {
        for name in ["xrdp-sesman", "radiusd", "smtp", "proftpd"] {
            assert_eq!(found("", name, false), [("source_unknown", Some(name.to_owned()))]);
        }
        for name in ["sshd", "sudo", "login", "dovecot", "vsftpd"] {
            assert_eq!(found("", name, false), [], "{name}");
        }
    }

    #[test]
    fn a_code_before_a_first_factor_is_found_where_strangers_come() {
        for name in ["vsftpd", "pure-ftpd"] {
            assert_eq!(found("", name, true), [("guessed_before_password", Some(name.to_owned()))]);
        }
        assert_eq!(found("", "sudo", true), []);
    }

    #[test]
    fn a_service_of_the_network_is_not_local() {
        let text = "[limit]\nlocal_services = [\"login\", \"dovecot\"]\n";
        assert_eq!(found(text, "dovecot", false), [("network_service_local", Some("dovecot".to_owned()))]);
        assert_eq!(found(text, "login", false), []);
    }

    #[test]
    fn a_risk_that_was_raised_is_said_once_in_percent() {
        let own = config("[limit]\nyearly_risk = 0.0125e-1\nknown_tries_per_year = 2000\n");
        let mut findings = Vec::new();
        examine(&own, &[service("sudo", false, &own)], &mut findings);
        let [risk, tries] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(risk.name == "yearly_risk_high" && risk.what.contains("0.125 % a year"), "{}", risk.what);
        assert!(tries.what.contains("2.2 % for each counter token"), "{}", tries.what);
        assert!(tries.name == "known_tries_high" && tries.what.contains("0.6 % a year"), "{}", tries.what);
        assert_eq!(found("[limit]\nyearly_risk = 0.001\nknown_tries_per_year = 1000\n", "sudo", false), []);
    }

    #[test]
    fn a_risk_that_checks_no_code_is_found_with_one_that_does() {
        let enough = |drift: u64, risk: &str| {
            let own = config(&format!("[totp]\ndrift_steps = {drift}\n[limit]\nyearly_risk = {risk}\n"));
            let mut findings = Vec::new();
            examine(&own, &[], &mut findings);
            findings.into_iter().find(|finding| finding.name == "yearly_risk_low")
        };
        assert!(enough(1, "0.0000074").unwrap().fix.contains("set it to 0.0000075 or more"));
        assert_eq!(enough(1, "0.0000075"), None);
        assert!(enough(0, "0.0000075").is_none() && enough(2, "0.0000075").is_some());
    }

    #[test]
    fn a_line_with_a_config_of_its_own_is_said_with_its_service() {
        let (own, other) = (config(""), config("[limit]\nyearly_risk = 0.01\n"));
        let mut findings = Vec::new();
        examine(&own, &[service("su", false, &other)], &mut findings);
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert_eq!((finding.name, finding.service.as_deref()), ("yearly_risk_high", Some("su")));
        assert!(finding.what.contains("1 % a year"), "{}", finding.what);
    }
}
