//! The control of a line: what becomes of the stack at each answer of the module.

use crate::code::{self, COUNT, Code};
use crate::libpam::Release;

/// What libpam does at an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The answer does not count.
    Ignore,
    /// It counts, unless a failure came before.
    Ok,
    /// The same, and the stack or substack ends, unless a failure came before.
    Done,
    /// The stack fails, and goes on.
    Bad,
    /// The stack or substack fails and ends.
    Die,
    /// What was answered in this stack or substack is forgotten.
    Reset,
    /// So many modules below are passed over; a substack counts as one.
    Jump(usize),
}

/// One action for each answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control([Action; COUNT]);

/// The actions by name.
const ACTIONS: [(&str, Action); 6] = [
    ("ignore", Action::Ignore),
    ("ok", Action::Ok),
    ("done", Action::Done),
    ("bad", Action::Bad),
    ("die", Action::Die),
    ("reset", Action::Reset),
];

impl Control {
    /// Everything is a failure: what libpam makes of what it cannot read.
    pub const FAILURE: Self = Self([Action::Bad; COUNT]);

    /// The second field of a line, without its brackets. Never an error: libpam makes [`Control::FAILURE`] of one.
    #[must_use]
    pub fn parse(word: &str, release: Release) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "required" => Self::keyword(Action::Ok, Action::Ignore, Action::Bad),
            "requisite" => Self::keyword(Action::Ok, Action::Ignore, Action::Die),
            "optional" => Self::keyword(Action::Ok, Action::Ignore, Action::Ignore),
            "sufficient" => Self::keyword(Action::Done, Action::Ignore, Action::Ignore),
            _ => Self::pairs(word, release).unwrap_or(Self::FAILURE),
        }
    }

    /// What becomes of that answer.
    #[must_use]
    pub fn at(&self, code: Code) -> Action {
        self.0.get(code).copied().unwrap_or(Action::Bad)
    }

    fn keyword(success: Action, ignore: Action, default: Action) -> Self {
        let mut actions = [default; COUNT];
        for (code, action) in
            [(code::SUCCESS, success), (code::NEW_AUTHTOK_REQD, success), (code::IGNORE, ignore)]
        {
            if let Some(place) = actions.get_mut(code) {
                *place = action;
            }
        }
        Self(actions)
    }

    /// `value=action value=action`, also without blanks between them, as libpam reads it.
    fn pairs(mut text: &str, release: Release) -> Option<Self> {
        let mut actions: [Option<Action>; COUNT] = [None; COUNT];
        let set_others = |actions: &mut [Option<Action>; COUNT], action| {
            actions.iter_mut().filter(|one| one.is_none()).for_each(|one| *one = Some(action));
        };
        loop {
            text = text.trim_start_matches(SPACES);
            if text.is_empty() {
                break;
            }
            let names = code::NAMES.iter().copied().enumerate();
            let names = names.map(|(code, name)| (Some(code), name)).chain([(None, "default")]);
            let (code, rest) =
                names.into_iter().find_map(|(code, name)| Some((code, text.strip_prefix(name)?)))?;
            let rest = rest.trim_start_matches(SPACES).strip_prefix('=')?.trim_start_matches(SPACES);
            let (action, rest) = action(rest, release)?;
            match code.and_then(|code| actions.get_mut(code)) {
                Some(place) => *place = Some(action),
                None => set_others(&mut actions, action),
            }
            text = rest;
        }
        set_others(&mut actions, Action::Bad);
        Some(Self(actions.map(|action| action.unwrap_or(Action::Bad))))
    }
}

/// isspace(3).
const SPACES: [char; 6] = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];

fn action(text: &str, release: Release) -> Option<(Action, &str)> {
    let named = ACTIONS.iter().find_map(|(name, action)| Some((*action, text.strip_prefix(name)?)));
    named.or_else(|| {
        let digits =
            text.len().saturating_sub(text.trim_start_matches(|char: char| char.is_ascii_digit()).len());
        let (number, rest) = text.split_at_checked(digits).filter(|_| digits > 0)?;
        let action = match release {
            Release::V1_5 => overflowing(number),
            Release::V1_6 => number.parse::<i32>().ok(),
        }?;
        Some((numbered(action)?, rest))
    })
}

/// An `int` that is multiplied and added to without a look at its size.
fn overflowing(digits: &str) -> Option<i32> {
    digits.chars().try_fold(0_i32, |number, digit| {
        let digit = i32::try_from(digit.to_digit(10)?).ok()?;
        Some(number.wrapping_mul(10).wrapping_add(digit))
    })
}

/// A jump, or what an overflow made of it: libpam keeps the other actions as negative numbers.
fn numbered(number: i32) -> Option<Action> {
    match number {
        0 => None,
        -1 => Some(Action::Ok),
        -2 => Some(Action::Done),
        -3 => Some(Action::Bad),
        -4 => Some(Action::Die),
        -5 => Some(Action::Reset),
        // None of libpam's, or "not set yet", which becomes a failure; either way the stack fails from here.
        ..=-6 => Some(Action::Bad),
        1.. => usize::try_from(number).ok().map(Action::Jump),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(word: &str, name: &str) -> Action {
        Control::parse(word, Release::V1_6).at(code::named(name).unwrap())
    }

    #[test]
    fn a_jump_that_is_too_large_overflows_up_to_1_5_and_is_no_control_since_1_6() {
        let old = |word: &str| Control::parse(word, Release::V1_5).at(code::SUCCESS);
        assert_eq!(old("success=4294967295"), Action::Ok);
        assert_eq!(old("success=4294967294"), Action::Done);
        assert_eq!(old("success=4294967298"), Action::Jump(2));
        assert_eq!(old("success=2147483648"), Action::Bad);
        assert_eq!(Control::parse("success=4294967296 default=ok", Release::V1_5), Control::FAILURE);
        for word in ["success=2147483648 default=ok", "success=4294967295 default=ok"] {
            assert_eq!(Control::parse(word, Release::V1_6), Control::FAILURE, "{word}");
        }
        for release in [Release::V1_5, Release::V1_6] {
            let largest = Control::parse("success=002147483647", release).at(code::SUCCESS);
            assert_eq!(largest, Action::Jump(2_147_483_647), "{release:?}");
        }
    }

    #[test]
    fn the_words_are_what_the_manual_says() {
        for (word, success, ignore, auth_err) in [
            ("required", Action::Ok, Action::Ignore, Action::Bad),
            ("Requisite", Action::Ok, Action::Ignore, Action::Die),
            ("sufficient", Action::Done, Action::Ignore, Action::Ignore),
            ("optional", Action::Ok, Action::Ignore, Action::Ignore),
        ] {
            assert_eq!(at(word, "success"), success, "{word}");
            assert_eq!(at(word, "new_authtok_reqd"), success, "{word}");
            assert_eq!(at(word, "ignore"), ignore, "{word}");
            assert_eq!(at(word, "auth_err"), auth_err, "{word}");
        }
    }

    #[test]
    fn pairs_are_read_in_any_order_and_the_default_fills_what_is_left() {
        for word in ["success=1 default=ignore", "default=ignore success=1", "default = ignore success =1"] {
            assert_eq!(at(word, "success"), Action::Jump(1), "{word}");
            assert_eq!(at(word, "auth_err"), Action::Ignore, "{word}");
        }
        assert_eq!(at("success=ok", "auth_err"), Action::Bad);
        assert_eq!(at("success=okauth_err=die", "auth_err"), Action::Die);
    }

    #[test]
    fn what_is_no_control_fails() {
        for word in [
            "suficient",
            "success",
            "success=",
            "success=0",
            "success=jump",
            "success=ok wat=ok",
            "sucess=ok",
        ] {
            assert_eq!(Control::parse(word, Release::V1_5), Control::FAILURE, "{word}");
        }
    }
}
