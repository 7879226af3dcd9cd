//! What every engine promises, as tests that an engine calls with one line: [`crate::login_conformance`] where it does what a
//! login and a command need, [`crate::engine_conformance`] where it is an [`crate::store::Engine`].

mod engine;
mod login;
mod steps;

pub use engine::{
    a_reset_is_listed_and_read_without_a_hold, all_are_sealed_anew_while_they_log_in,
    everybody_who_is_enrolled_is_listed, five_attempts_are_counted_for_each_account,
    notices_wait_in_order_until_they_are_taken, of_many_attempts_at_once_five_are_counted,
    one_sends_at_a_time_and_one_account_does_not_fill_the_spool, what_changed_since_it_was_drafted_stays,
    who_seals_and_who_changes_keys_exclude_each_other,
};
pub use login::{
    a_batch_is_enrolled_to_the_last, a_command_and_a_login_exclude_each_other,
    a_hold_that_replaced_nothing_changes_nothing, a_new_enrolment_ends_the_old_one,
    a_reset_is_kept_and_forgotten, an_empty_store_has_nobody_enrolled,
    an_enrolment_is_there_as_a_whole_until_it_is_withdrawn, every_replacement_is_found_by_the_next_hold,
    no_replacement_is_lost_among_many, of_many_at_once_with_one_code_one_is_let_in,
    what_a_command_records_is_found_by_a_login, what_changed_since_it_was_held_is_not_replaced,
    what_was_charged_outlives_a_hold_that_is_dropped,
};

/// The tests of an engine for logins and commands; `$fresh` makes what keeps it alive, and an empty store.
#[macro_export]
macro_rules! login_conformance {
    ($name:ident, $fresh:expr) => {
        mod $name {
            use super::*;

            $crate::conformance_tests! { $fresh;
                an_empty_store_has_nobody_enrolled
                of_many_at_once_with_one_code_one_is_let_in
                what_changed_since_it_was_held_is_not_replaced
                every_replacement_is_found_by_the_next_hold
                what_was_charged_outlives_a_hold_that_is_dropped
                a_hold_that_replaced_nothing_changes_nothing
                no_replacement_is_lost_among_many
                a_command_and_a_login_exclude_each_other
                an_enrolment_is_there_as_a_whole_until_it_is_withdrawn
                a_new_enrolment_ends_the_old_one
                what_a_command_records_is_found_by_a_login
                a_batch_is_enrolled_to_the_last
                a_reset_is_kept_and_forgotten
            }
        }
    };
}

/// The tests of a whole engine; `$fresh` makes what keeps it alive, and an empty store.
#[macro_export]
macro_rules! engine_conformance {
    ($name:ident, $fresh:expr) => {
        mod $name {
            use super::*;

            $crate::login_conformance!(login, $fresh);

            $crate::conformance_tests! { $fresh;
                everybody_who_is_enrolled_is_listed
                a_reset_is_listed_and_read_without_a_hold
                all_are_sealed_anew_while_they_log_in
                what_changed_since_it_was_drafted_stays
                who_seals_and_who_changes_keys_exclude_each_other
                five_attempts_are_counted_for_each_account
                of_many_attempts_at_once_five_are_counted
                notices_wait_in_order_until_they_are_taken
                one_sends_at_a_time_and_one_account_does_not_fill_the_spool
            }
        }
    };
}

/// Each of these functions as a test.
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:expr; $($test:ident)+) => {
        $(
            #[test]
            fn $test() {
                $crate::store::conformance::$test($fresh());
            }
        )+
    };
}
