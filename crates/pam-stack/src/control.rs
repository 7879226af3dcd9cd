//! The control field of a line: what libpam does at each return code of the module.

use crate::libpam::Release;
use crate::return_code::{self, COUNT, ReturnCode};

/// What libpam does at a return code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The code does not count.
    Ignore,
    /// The code becomes the result, unless a failure came before.
    Ok,
    /// Like `Ok`, and the stack or substack ends, unless a failure came before.
    Done,
    /// The stack fails and continues.
    Bad,
    /// The stack or substack fails and ends.
    Die,
    /// The result of this stack or substack so far is discarded.
    Reset,
    /// The next modules are skipped, this many; a substack counts as one.
    Jump(usize),
}

/// One action for each return code.
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
    /// Every code is a failure: what libpam uses for a control that it cannot read.
    pub const FAILURE: Self = Self([Action::Bad; COUNT]);

    /// Parses the second field of a line, without its brackets. An unreadable control is not an error: it is [`Control::FAILURE`].
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

    /// The action for a return code.
    #[must_use]
    pub fn at(&self, code: ReturnCode) -> Action {
        self.0.get(code).copied().unwrap_or(Action::Bad)
    }

    fn keyword(success: Action, ignore: Action, default: Action) -> Self {
        let mut actions = [default; COUNT];
        for (code, action) in [
            (return_code::SUCCESS, success),
            (return_code::NEW_AUTHTOK_REQD, success),
            (return_code::IGNORE, ignore),
        ] {
            if let Some(entry) = actions.get_mut(code) {
                *entry = action;
            }
        }
        Self(actions)
    }

    /// `value=action value=action`; libpam also accepts it without blanks in between.
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
            let names = return_code::NAMES.iter().copied().enumerate();
            let names = names.map(|(code, name)| (Some(code), name)).chain([(None, "default")]);
            let (code, rest) =
                names.into_iter().find_map(|(code, name)| Some((code, text.strip_prefix(name)?)))?;
            let rest = rest.trim_start_matches(SPACES).strip_prefix('=')?.trim_start_matches(SPACES);
            let (action, rest) = action(rest, release)?;
            match code.and_then(|code| actions.get_mut(code)) {
                Some(entry) => *entry = Some(action),
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

/// The number as an `int` that wraps around, as libpam up to 1.5 computes it.
fn overflowing(digits: &str) -> Option<i32> {
    digits.chars().try_fold(0_i32, |number, digit| {
        let digit = i32::try_from(digit.to_digit(10)?).ok()?;
        Some(number.wrapping_mul(10).wrapping_add(digit))
    })
}

/// A jump, or the action that an overflow turns it into: libpam stores the other actions as negative numbers.
fn numbered(number: i32) -> Option<Action> {
    match number {
        0 => None,
        -1 => Some(Action::Ok),
        -2 => Some(Action::Done),
        -3 => Some(Action::Bad),
        -4 => Some(Action::Die),
        -5 => Some(Action::Reset),
        // Not one of libpam's actions, or its "not set yet", which becomes a failure: the stack fails in both cases.
        ..=-6 => Some(Action::Bad),
        1.. => usize::try_from(number).ok().map(Action::Jump),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(word: &str, name: &str) -> Action {
        Control::parse(word, Release::V1_6).at(return_code::named(name).unwrap())
    }

    #[test]
    fn a_too_large_jump_overflows_up_to_1_5_and_is_invalid_since_1_6() {
        let old = |word: &str| Control::parse(word, Release::V1_5).at(return_code::SUCCESS);
        assert_eq!(old("success=4294967295"), Action::Ok);
        assert_eq!(old("success=4294967294"), Action::Done);
        assert_eq!(old("success=4294967298"), Action::Jump(2));
        assert_eq!(old("success=2147483648"), Action::Bad);
        assert_eq!(Control::parse("success=4294967296 default=ok", Release::V1_5), Control::FAILURE);
        for word in ["success=2147483648 default=ok", "success=4294967295 default=ok"] {
            assert_eq!(Control::parse(word, Release::V1_6), Control::FAILURE, "{word}");
        }
        for release in [Release::V1_5, Release::V1_6] {
            let largest = Control::parse("success=002147483647", release).at(return_code::SUCCESS);
            assert_eq!(largest, Action::Jump(2_147_483_647), "{release:?}");
        }
    }

    #[test]
    fn keywords_expand_as_the_manual_says() {
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
    fn pairs_come_in_any_order_and_the_default_fills_the_rest() {
        for word in ["success=1 default=ignore", "default=ignore success=1", "default = ignore success =1"] {
            assert_eq!(at(word, "success"), Action::Jump(1), "{word}");
            assert_eq!(at(word, "auth_err"), Action::Ignore, "{word}");
        }
        assert_eq!(at("success=ok", "auth_err"), Action::Bad);
        assert_eq!(at("success=okauth_err=die", "auth_err"), Action::Die);
    }

    #[test]
    fn an_invalid_control_counts_as_a_failure() {
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
