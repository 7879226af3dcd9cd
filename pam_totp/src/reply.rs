//! What a login asks, and the reply: a code, or after the word `sync` two codes of a counter token.

use crate::attempt::{self, Attempt};
use crate::first_pass::{self, CodeLength};
use crate::messages;
use crate::outcome::Unanswered;
use pam::constants::{PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON};
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use std::time::{Duration, Instant};
use totp_core::code::{Answer, asks_for_two_codes};
use totp_core::module_arguments::Arguments;

/// What was typed at the prompt for the code, and the two codes that were asked for after it, if it was `sync`.
pub(crate) struct Reply {
    typed: SecretBytes,
    two_codes: Option<(SecretBytes, SecretBytes, Option<CodeLength>)>,
}

/// A typed answer, and the code in it.
pub(crate) struct Typed<'a> {
    /// Everything at the first prompt.
    pub(crate) bytes: &'a [u8],
    /// The code, and its length if a password stands in front of it. `None`: it cannot be a code.
    pub(crate) code: Option<(Answer, Option<CodeLength>)>,
}

impl<'a> Typed<'a> {
    /// An answer that no other follows.
    pub(crate) fn alone(bytes: &'a [u8], arguments: &Arguments) -> Self {
        let code = match arguments.forward_pass {
            false => Answer::recognise(bytes).map(|answer| (answer, None)),
            // Two codes with a blank between them are not looked for: the first one may be the end of the password.
            true => first_pass::split(bytes).map(|(answer, behind)| (answer, Some(behind))),
        };
        Self { bytes, code }
    }
}

impl Reply {
    /// What is judged.
    pub(crate) fn typed(&self, arguments: &Arguments) -> Typed<'_> {
        let bytes = self.typed.as_bytes();
        let Some((first, second, behind)) = &self.two_codes else { return Typed::alone(bytes, arguments) };
        let answer = Answer::two_codes(first.as_bytes(), second.as_bytes());
        Typed { bytes, code: answer.map(|answer| (answer, *behind)) }
    }
}

/// Asks for the code. Everyone who types `sync` is asked for two codes, and for the second one whatever the first was: so the prompts
/// reveal nothing. With `forward_pass` the word is typed where the code would be, behind the password, so that the next modules get the
/// password. An answer that an earlier module was given is never `sync`: with `use_first_pass` there is no prompt for two codes, and with
/// `try_first_pass` the word is typed at the prompt that follows.
pub(crate) fn ask_for_code(pamh: &PamHandle, attempt: &mut Attempt<'_>) -> Result<Reply, Unanswered> {
    let typed = ask(pamh, attempt, messages::prompt(&attempt.arguments))?;
    let behind = match attempt.arguments.forward_pass {
        false => asks_for_two_codes(typed.as_bytes()).then_some(None),
        true => first_pass::sync_behind_password(typed.as_bytes()).map(Some),
    };
    let Some(behind) = behind else { return Ok(Reply { typed, two_codes: None }) };
    attempt.debug("asking for two codes");
    let first = ask(pamh, attempt, messages::FIRST_CODE)?;
    let second = ask(pamh, attempt, messages::SECOND_CODE)?;
    Ok(Reply { typed, two_codes: Some((first, second, behind)) })
}

/// Asks one question. `Err`: there is nothing to judge.
pub(crate) fn ask(
    pamh: &PamHandle,
    attempt: &Attempt<'_>,
    question: &str,
) -> Result<SecretBytes, Unanswered> {
    let asked = Instant::now();
    let style = if attempt.arguments.echo { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
    let typed = attempt::ask(pamh, style, question).ok_or(Unanswered::Conversation)?;
    if asked.elapsed() > Duration::from_secs(attempt.config.answer_within.0) {
        return Err(Unanswered::Late);
    }
    Ok(typed)
}
