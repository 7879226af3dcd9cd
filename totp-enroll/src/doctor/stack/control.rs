//! The control of a line: what becomes of the stack at each answer of the module.

use super::code::{self, COUNT, Code};

/// What libpam does at an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// So many modules below are passed over; a substack counts as one.
    Jump(usize),
}

/// One action for each answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control([Action; COUNT]);

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
    pub(crate) const FAILURE: Self = Self([Action::Bad; COUNT]);

    /// The second field of a line, without its brackets. Never an error: libpam makes [`Control::FAILURE`] of one.
    pub(crate) fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "required" => Self::keyword(Action::Ok, Action::Ignore, Action::Bad),
            "requisite" => Self::keyword(Action::Ok, Action::Ignore, Action::Die),
            "optional" => Self::keyword(Action::Ok, Action::Ignore, Action::Ignore),
            "sufficient" => Self::keyword(Action::Done, Action::Ignore, Action::Ignore),
            _ => Self::pairs(word).unwrap_or(Self::FAILURE),
        }
    }

    pub(crate) fn at(&self, code: Code) -> Action {
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
    fn pairs(mut text: &str) -> Option<Self> {
        let mut actions: [Option<Action>; COUNT] = [None; COUNT];
        let set_others = |actions: &mut [Option<Action>; COUNT], action| {
            actions.iter_mut().filter(|one| one.is_none()).for_each(|one| *one = Some(action));
        };
        loop {
            text = text.trim_ascii_start();
            if text.is_empty() {
                break;
            }
            let names = code::NAMES.iter().copied().enumerate();
            let names = names.map(|(code, name)| (Some(code), name)).chain([(None, "default")]);
            let (code, rest) =
                names.into_iter().find_map(|(code, name)| Some((code, text.strip_prefix(name)?)))?;
            let rest = rest.trim_ascii_start().strip_prefix('=')?.trim_ascii_start();
            let (action, rest) = action(rest)?;
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

fn action(text: &str) -> Option<(Action, &str)> {
    let named = ACTIONS.iter().find_map(|(name, action)| Some((*action, text.strip_prefix(name)?)));
    named.or_else(|| {
        let digits =
            text.len().saturating_sub(text.trim_start_matches(|char: char| char.is_ascii_digit()).len());
        let (number, rest) = text.split_at_checked(digits)?;
        match number.parse() {
            Ok(0) => None,
            Ok(jump) => Some((Action::Jump(jump), rest)),
            // More than any stack has: a jump past its end.
            Err(_) if digits > 0 => Some((Action::Jump(usize::MAX), rest)),
            Err(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(word: &str, name: &str) -> Action {
        Control::parse(word).at(code::named(name).unwrap())
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
            assert_eq!(Control::parse(word), Control::FAILURE, "{word}");
        }
    }
}
