//! A cancellation of a reset that waits for no lock: a command that is stopped while it holds the account must not keep a reset from being
//! cancelled.
//!
//! It is a mark beside the reset. Every process that reads the reset afterwards, also the command that was stopped, finds it called off.

use super::reset::Reset;

/// The mark: it names one request of a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancellation {
    requested_at: u64,
    requested_by: u32,
}

impl Cancellation {
    /// The cancellation of this reset.
    #[must_use]
    pub fn of(reset: &Reset) -> Self {
        let request = reset.requested();
        Self { requested_at: request.at, requested_by: request.by.uid }
    }

    /// The text that an engine stores.
    #[must_use]
    pub fn to_text(self) -> String {
        let Self { requested_at, requested_by } = self;
        format!("{requested_at} {requested_by}\n")
    }

    /// Reads [`Cancellation::to_text`]; `None`: it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (at, by) = text.strip_suffix('\n')?.split_once(' ')?;
        Some(Self { requested_at: at.parse().ok()?, requested_by: by.parse().ok()? })
    }

    /// The reset as it is beside this mark: called off, unless the mark is of an earlier request.
    #[must_use]
    pub fn applied_to(self, mut reset: Reset) -> Reset {
        if self == Self::of(&reset) {
            reset.call_off();
        }
        reset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mark = Cancellation { requested_at: 1_800_000_000, requested_by: 1001 };
        assert_eq!(Cancellation::parse(&mark.to_text()), Some(mark));
        for text in ["", "\n", "1 2", "1\n", "1 2 3\n", "-1 2\n", "a b\n"] {
            assert_eq!(Cancellation::parse(text), None, "{text:?}");
        }
    }
}
