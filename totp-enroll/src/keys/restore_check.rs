//! What a keyring that is to be restored would open and lose.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use std::path::Path;
use totp_core::keyring::rotation::Census;
use totp_core::keyring::{Keyring, each_token};

/// What a keyring opens of what is sealed here.
#[derive(Default)]
pub(super) struct RestoreCheck {
    pub(super) open: usize,
    /// Enrolments that it does not open, or that cannot be read.
    pub(super) shut: usize,
    /// Those that the keyring in use opens and the restored one does not.
    lost: usize,
    /// The same for tokens of the inventory.
    lost_tokens: usize,
    /// Tokens of the inventory that the restored keyring opens.
    open_tokens: usize,
    /// Tokens that it does not.
    shut_tokens: usize,
    /// Enrolments and tokens that cannot be read, and so may need any key.
    unread: usize,
    /// A key of the keyring in use that the restored one lacks.
    lacks: Option<String>,
}

impl RestoreCheck {
    /// Tries `restored` on everything that is sealed here, and compares it with the keyring that is `present`.
    pub(super) fn of(
        context: &Context,
        restored: &Keyring,
        present: Option<&Keyring>,
    ) -> Result<Self, CommandError> {
        let lacks = present.and_then(|present| restored.lacks(present)).map(|key| key.id().to_owned());
        let mut check = Self { lacks, ..Self::default() };
        let census = Census::of(&context.store, |credential| {
            if credential.check_seals(restored).is_ok() {
                check.open = check.open.saturating_add(1);
                return;
            }
            check.shut = check.shut.saturating_add(1);
            if present.is_some_and(|present| credential.would_lose(present, restored)) {
                check.lost = check.lost.saturating_add(1);
            }
        })?;
        check.shut = check.shut.saturating_add(census.unreadable.len());
        check.unread = census.unreadable.len();
        each_token(&context.store, |token| {
            check.unread = check.unread.saturating_add(usize::from(token.is_err()));
            let opens = token.as_ref().is_ok_and(|token| token.check_seal(restored).is_ok());
            let count = if opens { &mut check.open_tokens } else { &mut check.shut_tokens };
            *count = count.saturating_add(1);
            let is_lost = |present| token.as_ref().is_ok_and(|token| token.would_lose(present, restored));
            if present.is_some_and(is_lost) {
                check.lost_tokens = check.lost_tokens.saturating_add(1);
            }
        })?;
        Ok(check)
    }

    /// Whether something is sealed here, and all of it opens.
    pub(super) fn opens_all(&self) -> bool {
        let (open, shut) = (self.open.max(self.open_tokens), self.shut.max(self.shut_tokens));
        open > 0 && shut == 0
    }

    /// That everything here can be read, if a key would go.
    pub(super) fn reads_all(&self, file: &Path) -> Result<(), CommandError> {
        let Some(key) = self.lacks.as_ref().filter(|_| self.unread > 0) else { return Ok(()) };
        let problem = format!(
            "lacks the key \"{key}\", and {} here cannot be read and may need it; nothing was changed: \"totp-enroll doctor\" names what cannot be read; fix that first",
            output::count(self.unread, "document")
        );
        Err(CommandError::refused(problem).at(file, None))
    }

    /// That nothing is lost which the keyring that is present opens, or may open.
    pub(super) fn keeps_all(&self, file: &Path) -> Result<(), CommandError> {
        self.reads_all(file)?;
        let Self { lost, lost_tokens, .. } = self;
        if *lost_tokens > 0 {
            let problem = format!(
                "lacks keys: {} of the inventory that can be opened now could not be opened any more; nothing was changed",
                output::count(*lost_tokens, "token")
            );
            return Err(CommandError::refused(problem).at(file, None));
        }
        if *lost > 0 {
            let problem = format!(
                "lacks keys: {} that can be opened now could not be opened any more; nothing was changed",
                output::count(*lost, "enrolment")
            );
            return Err(CommandError::refused(problem).at(file, None));
        }
        Ok(())
    }

    /// Whether it opens anything here.
    pub(super) fn opens_any(&self) -> bool {
        self.open > 0 || self.open_tokens > 0
    }

    /// That it is a keyring of this machine.
    pub(super) fn opens_some(&self, file: &Path) -> Result<(), CommandError> {
        let Self { shut, shut_tokens, .. } = self;
        let shut = match (*shut, *shut_tokens) {
            (0, 0) => return Ok(()),
            _ if self.opens_any() => return Ok(()),
            (0, tokens) => format!("tokens here ({tokens})"),
            (enrolments, _) => format!("enrolments here ({enrolments})"),
        };
        let problem = format!(
            "belongs to another machine, or is too old: it opens none of the {shut}; nothing was changed"
        );
        Err(CommandError::refused(problem).at(file, None))
    }
}
