use super::*;

/// RFC 4226 appendix D: its key, and the codes of counters 0 to 9.
const KEY: &[u8] = b"12345678901234567890";
const CODES: [&str; 10] =
    ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
const WINDOW: Window = Window::DEFAULT;

fn secret(text: impl AsRef<[u8]>) -> Secret {
    Secret::new(text.as_ref().to_vec())
}

fn generator(digits: u8) -> Generator {
    Generator::new(Hotp::new(digits).unwrap(), &secret(KEY))
}

/// The code that a token with this counter shows.
fn code(counter: u64) -> String {
    generator(6).maker.generate(counter).to_string()
}

fn find(typed: &str, used_up_to: u64) -> CodeMatch {
    generator(6).find(&secret(typed), used_up_to, WINDOW)
}

fn pair(counters: [u64; 2], used_up_to: u64) -> CodeMatch {
    let [first, second] = counters.map(|counter| secret(code(counter)));
    generator(6).find_pair((&first, &second), used_up_to, WINDOW)
}

fn right(used_up_to: u64) -> CodeMatch {
    CodeMatch::Right { used_up_to }
}

const REPLAYED: CodeMatch = CodeMatch::Replayed { next_code: None };

#[test]
fn rfc_4226_appendix_d() {
    for (counter, code) in (0..).zip(CODES) {
        assert_eq!(find(code, counter), right(counter + 1), "{counter}");
    }
}

#[test]
fn codes_of_seven_and_eight_digits_and_of_another_key() {
    assert_eq!(generator(7).find(&secret("0338314"), 4, WINDOW), right(5));
    assert_eq!(generator(8).find(&secret("84755224"), 0, WINDOW), right(1));
    let key = data_encoding::BASE32.decode(b"2SH3V3GDW7ZNMGYE").unwrap();
    let generator = Generator::new(Hotp::new(6).unwrap(), &secret(key));
    for (counter, code) in [(1, "293240"), (5, "932068")] {
        assert_eq!(generator.find(&secret(code), counter, WINDOW), right(counter + 1));
    }
}

#[test]
fn the_next_code_and_ten_after_it_are_accepted() {
    for counter in 0..=10 {
        assert_eq!(find(&code(counter), 0), right(counter + 1), "{counter}");
    }
    assert_eq!(find(&code(11), 0), CodeMatch::Wrong);
    let own = |counters| {
        let hotp = Hotp::new(6).unwrap().with_look_ahead(Some(LookAhead::new(counters).unwrap()));
        let generator = Generator::new(hotp, &secret(KEY));
        [counters, counters + 1].map(|counter| generator.find(&secret(code(counter)), 0, WINDOW))
    };
    assert_eq!(own(0), [right(1), CodeMatch::Wrong]);
    assert_eq!(own(50), [right(51), CodeMatch::Wrong]);
    assert_eq!(LookAhead::new(51), Err(LookAheadError));
}

#[test]
fn codes_that_were_right_with_the_last_accepted_one_are_replays() {
    for counter in 9..20 {
        assert_eq!(find(&code(counter), 20), REPLAYED, "{counter}");
    }
    assert_eq!(find(&code(8), 20), CodeMatch::Wrong);
}

/// Two counters of this key that share a code, `apart` or fewer from each other.
fn twins(apart: u64) -> (u64, u64) {
    let mut codes = Vec::new();
    loop {
        let code = code(codes.len() as u64);
        let before = codes.len().saturating_sub(usize::try_from(apart).unwrap());
        if let Some(at) = codes[before..].iter().position(|known| *known == code) {
            return ((before + at) as u64, codes.len() as u64);
        }
        codes.push(code);
    }
}

#[test]
fn two_counters_with_one_code_do_not_make_it_work_twice() {
    let (first, second) = twins(10);
    assert_eq!(find(&code(first), first), right(second + 1));
    assert_eq!(find(&code(first), first + 1), REPLAYED);
    assert_eq!(find(&code(first), second), REPLAYED);
}

#[test]
fn the_last_counter_ends_the_token() {
    assert_eq!(find(&code(END - 1), END - 1), right(END));
    assert_eq!(find(&code(END - 1), END - 11), right(END));
    assert_eq!(find(&code(END), END - 1), CodeMatch::Wrong);
    assert_eq!([END - 1, END].map(takes_one_code), [Ok(()), Err(Unusable::Ended)]);
    assert_eq!(
        [END - 1, END, out_of_step(END)].map(takes_two_codes),
        [Ok(()), Err(Unusable::Ended), Err(Unusable::Ended)]
    );
    for counter in [0, END - 1, END, u64::MAX] {
        assert_eq!(find(&code(counter), END), CodeMatch::Wrong);
        assert_eq!(find(&code(counter), u64::MAX), CodeMatch::Wrong);
    }
    assert_eq!(pair([END - 2, END - 1], END - 2), right(END));
    assert_eq!(pair([END - 1, END], END - 1), CodeMatch::Wrong);
}

#[test]
fn two_codes_resynchronise_up_to_a_thousand_beyond_the_look_ahead() {
    for first in [5, 6, 35, 1014] {
        assert_eq!(pair([first, first + 1], 5), right(first + 2), "{first}");
    }
    assert_eq!(pair([1015, 1016], 5), CodeMatch::Wrong);
}

#[test]
fn two_codes_that_do_not_follow_each_other_or_are_used_resynchronise_nothing() {
    for counters in [[36, 35], [35, 37], [35, 35], [4, 5], [35, 2000], [2000, 36]] {
        assert_eq!(pair(counters, 5), CodeMatch::Wrong, "{counters:?}");
    }
    for counters in [[3, 4], [0, 1]] {
        assert_eq!(pair(counters, 5), REPLAYED, "{counters:?}");
    }
}

#[test]
fn one_code_is_not_enough_where_others_may_have_been_used() {
    let position = out_of_step(5);
    assert_eq!(takes_one_code(position), Err(Unusable::OutOfStep));
    assert_eq!(takes_two_codes(position), Ok(()));
    assert_eq!(find(&code(5), position), CodeMatch::Wrong);
    assert_eq!(pair([35, 36], position), right(37));
    assert_eq!(out_of_step(position), position);
}

#[test]
fn a_pair_is_charged_what_it_is_guessed_with() {
    let units = |digits, look_ahead: u64| Hotp::new(digits).unwrap().pair_units(Window { look_ahead });
    // 1000 to 1050 pairs of 10¹² are one unit; with more digits they are less.
    assert_eq!([units(6, 0), units(6, 10), units(6, 50), units(7, 10), units(8, 10)], [1; 5]);
}

#[test]
fn a_first_code_may_be_a_few_presses_on() {
    assert_eq!(generator(6).first(&secret(code(7)), 0), Some(8));
    assert_eq!(generator(6).first(&secret(code(7)), 7), Some(8));
    assert_eq!(generator(6).first(&secret(code(6)), 7), None);
    assert_eq!(generator(6).first(&secret(code(11)), 0), None);
}

#[test]
fn digits_out_of_range_are_refused() {
    assert_eq!([5, 9].map(Hotp::new), [Err(DigitsError), Err(DigitsError)]);
    assert_eq!(find("84755224", 0), CodeMatch::Wrong);
}

#[test]
fn a_counter_is_shown_with_why_no_single_code_is_accepted() {
    let counter = |used_up_to| Hotp::new(6).unwrap().counter(used_up_to, WINDOW);
    let shown = |next, unusable| Counter { next, look_ahead: 10, unusable };
    assert_eq!(counter(5), shown(5, None));
    assert_eq!(counter(out_of_step(5)), shown(5, Some(Unusable::OutOfStep)));
    assert_eq!(counter(END), shown(END, Some(Unusable::Ended)));
    assert_eq!(counter(out_of_step(END)), shown(END, Some(Unusable::Ended)));
    let own = Hotp::new(6).unwrap().with_look_ahead(Some(LookAhead::new(3).unwrap()));
    assert_eq!(own.counter(5, WINDOW).look_ahead, 3);
}
