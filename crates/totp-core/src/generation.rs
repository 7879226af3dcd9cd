//! The generation of the stored state: a number that tells a state that was restored from a backup.
//!
//! It is stored twice, in the state and beside the keyring. It moves at each boot, each enrolment and once a day: first
//! the copy in the state, then the other. So the state's copy is ahead after a crash, and behind only if the state was
//! replaced by an older one.

use std::fmt;

/// The first words of the document.
const HEAD: &str = "pam_totp generation 1";
const ANY_HEAD: &str = "pam_totp generation ";
/// The longest id of a boot, as the kernel writes it.
const LONGEST_BOOT: usize = 64;

/// One copy of the generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    number: u64,
    boot: String,
    day: u64,
}

/// When a generation was made or is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment<'a> {
    /// The kernel's id of this boot.
    pub boot: &'a str,
    /// The day, counted from 1970 in UTC.
    pub day: u64,
}

/// What the two copies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing is to be done.
    Current,
    /// This generation is to be written: first to the state and synced, then beside the keyring.
    Move(Generation),
    /// The copy beside the keyring is behind: this generation is to be written there.
    Repair(Generation),
    /// The state is behind: it was restored.
    Restored,
}

impl Generation {
    /// Reads a copy; `None`: it is not one of this version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.strip_prefix(HEAD)?.strip_prefix(' ')?.split(' ');
        let (number, boot, day) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !Self::is_boot_id(boot) {
            return None;
        }
        Some(Self { number: number.parse().ok()?, boot: boot.to_owned(), day: day.parse().ok()? })
    }

    /// Whether the text is a copy that a later version wrote.
    #[must_use]
    pub fn is_later_version(text: &str) -> bool {
        let version = text.strip_prefix(ANY_HEAD).and_then(|rest| rest.split([' ', '\n']).next());
        version.and_then(|version| version.parse::<u32>().ok()).is_some_and(|version| version > 1)
    }

    /// Whether a copy can hold this id of a boot.
    #[must_use]
    pub fn is_boot_id(text: &str) -> bool {
        let known = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        known && !text.is_empty() && text.len() <= LONGEST_BOOT
    }

    /// The generation after this one.
    #[must_use]
    pub fn next(&self, moment: Moment<'_>) -> Self {
        Self { number: self.number.saturating_add(1), ..Self::first(moment) }
    }

    /// The first generation of a state.
    #[must_use]
    pub fn first(Moment { boot, day }: Moment<'_>) -> Self {
        Self { number: 1, boot: boot.to_owned(), day }
    }

    /// When it was made.
    #[must_use]
    pub fn moment(&self) -> Moment<'_> {
        Moment { boot: &self.boot, day: self.day }
    }

    /// The later of two.
    #[must_use]
    pub fn later<'a>(&'a self, other: &'a Self) -> &'a Self {
        if other.number > self.number { other } else { self }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, boot, day } = self;
        writeln!(f, "{HEAD} {number} {boot} {day}")
    }
}

/// Compares the copy in the state with that beside the keyring. `None`: there is no such copy.
#[must_use]
pub fn compare(state: Option<&Generation>, beside: Option<&Generation>, moment: Moment<'_>) -> Comparison {
    match (state, beside) {
        (None, None) => Comparison::Move(Generation::first(moment)),
        (None, Some(_)) => Comparison::Restored,
        (Some(state), Some(beside)) if state.number < beside.number => Comparison::Restored,
        (Some(state), _) if state.boot != moment.boot || state.day != moment.day => {
            Comparison::Move(state.next(moment))
        }
        (Some(state), None) => Comparison::Repair(state.clone()),
        (Some(state), Some(beside)) if state.number > beside.number => Comparison::Repair(state.clone()),
        (Some(_), Some(_)) => Comparison::Current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment<'_> = Moment { boot: "0b5d6c1e-2f4a", day: 20_000 };

    fn generation(number: u64) -> Generation {
        Generation { number, ..Generation::first(NOW) }
    }

    #[test]
    fn a_generation_is_read_as_it_was_written() {
        let text = generation(17).to_string();
        assert_eq!(text, "pam_totp generation 1 17 0b5d6c1e-2f4a 20000\n");
        assert_eq!(Generation::parse(&text), Some(generation(17)));
    }

    #[test]
    fn anything_else_is_no_generation() {
        let good = generation(17).to_string();
        for text in [
            "",
            "\n",
            good.trim_end(),
            &good.replace("generation 1", "generation 2"),
            &good.replace("17", "-17"),
            &good.replace("0b5d", "xyzw"),
            &good.replace(" 20000", ""),
            &good.replace("20000", "20000 1"),
            &good.replace("0b5d6c1e-2f4a", &"a".repeat(65)),
            &format!("{good}{good}"),
        ] {
            assert_eq!(Generation::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_a_state_that_is_behind_is_restored() {
        let of = |state: Option<u64>, beside: Option<u64>| {
            compare(state.map(generation).as_ref(), beside.map(generation).as_ref(), NOW)
        };
        assert_eq!(of(Some(5), Some(5)), Comparison::Current);
        assert_eq!(of(Some(4), Some(5)), Comparison::Restored);
        assert_eq!(of(None, Some(1)), Comparison::Restored);
        assert_eq!(of(Some(6), Some(5)), Comparison::Repair(generation(6)));
        assert_eq!(of(Some(6), None), Comparison::Repair(generation(6)));
        assert_eq!(of(None, None), Comparison::Move(generation(1)));
    }

    #[test]
    fn a_boot_and_a_day_move_it_also_if_the_clock_was_set_back() {
        for later in [Moment { boot: "1", ..NOW }, Moment { day: 20_001, ..NOW }, Moment { day: 3, ..NOW }] {
            let moved = Comparison::Move(generation(5).next(later));
            assert_eq!(compare(Some(&generation(5)), Some(&generation(5)), later), moved);
            assert_eq!(compare(Some(&generation(5)), Some(&generation(6)), later), Comparison::Restored);
        }
    }

    #[test]
    fn a_crash_between_the_two_copies_is_repaired() {
        let mut copies = (generation(1), generation(1));
        for day in 20_001..20_010 {
            let moment = Moment { day, ..NOW };
            let Comparison::Move(next) = compare(Some(&copies.0), Some(&copies.1), moment) else {
                panic!("it moves each day");
            };
            copies.0 = next.clone();
            assert_eq!(compare(Some(&copies.0), Some(&copies.1), moment), Comparison::Repair(next.clone()));
            // A crash: the other copy was not written, and the next day comes.
            if day % 2 == 0 {
                copies.1 = next;
            }
        }
    }
}
