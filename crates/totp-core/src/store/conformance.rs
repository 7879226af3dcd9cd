//! The suite that every engine of a store has to pass. A new engine is one more line: in a test module of its crate,
//! `totp_core::engine_conformance!(NAME, FRESH);`, where `FRESH` makes an empty store and what keeps it alive (a directory, say).
//!
//! | what is promised | where it is tested |
//! |---|---|
//! | parallel holds, lost comparisons judged anew, a crash between charge and record, refusals that write nothing | `logins` |
//! | commit, record, withdraw and resets through an entry, each with a conflict | `entries` |
//! | listing, resealing under load, the keyring's locks, enrolment attempts, notices, the check | `engine` |
//!
//! The tests know no engine: where one locks and another compares, they accept either and check what both promise.
//! The engines that run it: files (`totp-store/src/lib.rs`), and memory in both modes (`store/memory.rs`).

pub mod engine;
pub mod entries;
pub mod logins;
pub(crate) mod observed;

/// Runs the suite, as a module `$name` of tests. `$fresh` is called for each test and returns what keeps the store alive, and an
/// empty store.
#[macro_export]
macro_rules! engine_conformance {
    ($name:ident, $fresh:expr) => {
        mod $name {
            use super::*;

            $crate::conformance_tests! { $fresh;
                logins {
                    of_many_at_once_with_one_code_one_is_let_in
                    no_replacement_is_lost_among_many
                    a_login_that_was_overtaken_is_judged_anew
                    a_login_that_dies_before_its_record_lets_nobody_in
                    a_refusal_by_limit_writes_nothing
                    a_hold_does_not_overwrite_a_later_change
                    the_next_hold_finds_what_was_written
                    a_charge_outlives_its_hold
                    a_dropped_hold_changes_nothing
                    a_command_and_a_login_exclude_each_other
                    a_login_does_not_revive_a_withdrawn_enrolment
                }
                entries {
                    nobody_is_enrolled_in_an_empty_store
                    credential_and_ledger_come_and_go_together
                    of_two_commands_at_once_one_changes_the_enrolment
                    a_reset_is_not_overwritten_by_an_older_entry
                    a_new_enrolment_ends_the_old_one
                    a_login_finds_what_a_command_wrote
                    each_user_of_a_batch_is_enrolled
                    a_reset_is_kept_and_forgotten
                }
                engine {
                    enrolled_users_are_listed
                    a_reset_is_listed_and_read_without_a_hold
                    credentials_are_resealed_while_users_log_in
                    resealing_undoes_no_change
                    sealing_and_changing_keys_exclude_each_other
                    each_account_has_five_enrolment_attempts
                    of_many_enrolment_attempts_at_once_five_are_counted
                    notices_are_sent_in_order
                    one_process_sends_at_a_time
                    one_account_does_not_fill_the_spool
                    nothing_is_wrong_with_a_store_in_use
                }
            }
        }
    };
}

/// Each of these functions of the suite as a test.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:expr; $($module:ident { $($test:ident)+ })+) => {
        $($(
            #[test]
            fn $test() {
                $crate::store::conformance::$module::$test($fresh());
            }
        )+)+
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_function_of_the_suite_is_run() {
        let run = include_str!("conformance.rs");
        let suite = [
            include_str!("conformance/logins.rs"),
            include_str!("conformance/entries.rs"),
            include_str!("conformance/engine.rs"),
        ];
        let functions =
            suite.iter().flat_map(|file| file.lines()).filter_map(|line| line.strip_prefix("pub fn "));
        for function in functions {
            let name = function.split_once('<').unwrap().0;
            assert!(run.contains(&format!("                    {name}\n")), "{name} is not in the list");
        }
    }
}
