//! What the ways through a stack mean: who gets in without a code, and which line lets them.

use super::module::{Nature, our_answers};
use super::{Handler, Said, Stack, is_ours};
use crate::doctor::finding::{Finding, Severity};
use pam_stack::return_code::{self, ReturnCode};
use pam_stack::control::Action;
use pam_stack::module;
use pam_stack::walk::{self, Bypass, TooLargeError};

/// What is known of a service beside its stack.
pub(crate) struct Circumstances<'a> {
    pub(crate) service: &'a str,
    /// Whether ours may answer that it takes no part.
    pub(crate) may_ignore: bool,
    /// Whether a module's file is there; a line whose module is missing counts as `module_unknown`.
    pub(crate) is_installed: &'a dyn Fn(&str) -> bool,
}

impl Circumstances<'_> {
    fn answers(&self, handler: &Handler) -> Vec<ReturnCode> {
        if is_ours(handler) {
            return our_answers(self.may_ignore);
        }
        if !(self.is_installed)(&handler.module) {
            return vec![return_code::MODULE_UNKNOWN];
        }
        module::answers(&handler.module, &handler.arguments, self.service)
    }

    /// The same where a proof is what is looked for: a module that asks for one takes part, and an old password was one.
    fn answers_of_proofs(&self, handler: &Handler) -> Vec<ReturnCode> {
        let mut answers = self.answers(handler);
        if is_first_factor(handler) {
            answers.retain(|code| *code != return_code::IGNORE && *code != return_code::NEW_AUTHTOK_REQD);
        }
        answers
    }
}

/// Each way to get in without a code.
pub(crate) fn without_code(stack: &Stack, circumstances: &Circumstances<'_>) -> Vec<Finding> {
    let answers = |handler: &Handler| circumstances.answers(handler);
    match walk::bypasses(&stack.handlers, &answers, &is_ours) {
        Ok(missed) => missed.into_iter().filter_map(|missed| gap(stack, missed)).collect(),
        Err(TooLargeError) => vec![too_large()],
    }
}

/// Whether no way through the stack lets in who gives the right code.
pub(crate) fn nobody_gets_in(stack: &Stack, circumstances: &Circumstances<'_>) -> bool {
    // That ours is missing is told of by itself.
    let answers = |handler: &Handler| match is_ours(handler) {
        true => our_answers(circumstances.may_ignore),
        false => circumstances.answers(handler),
    };
    // A stack that is too large is told of by itself.
    walk::can_succeed_with(&stack.handlers, &answers, &is_ours).is_ok_and(|lets_in| !lets_in)
}

/// Whether no way lets in whom ours takes no part in: an answer that counts for nothing leaves the yes to another line.
pub(crate) fn refuses_users_whom_pam_totp_ignores(stack: &Stack, circumstances: &Circumstances<'_>) -> bool {
    let answers = |handler: &Handler| match is_ours(handler) {
        true => vec![return_code::IGNORE],
        false => circumstances.answers(handler),
    };
    let says_yes = |_: &Handler| true;
    circumstances.may_ignore
        && walk::can_succeed_with(&stack.handlers, &answers, &says_yes).is_ok_and(|lets_in| !lets_in)
}

/// Whether someone gets in who has shown nothing but perhaps a code.
pub(crate) fn without_proof(stack: &Stack, circumstances: &Circumstances<'_>) -> bool {
    let answers = |handler: &Handler| circumstances.answers_of_proofs(handler);
    walk::bypasses(&stack.handlers, &answers, &is_first_factor).map_or(true, |missed| !missed.is_empty())
}

/// Whether someone gets in who has shown nothing at all, not even a code.
pub(crate) fn without_anything(stack: &Stack, circumstances: &Circumstances<'_>) -> bool {
    let answers = |handler: &Handler| circumstances.answers(handler);
    let proof = |handler: &Handler| {
        is_first_factor(handler) || Nature::of(handler) == Nature::OtherCodes || is_ours(handler)
    };
    walk::bypasses(&stack.handlers, &answers, &proof).map_or(true, |missed| !missed.is_empty())
}

/// Lines of ours that say that a first factor was shown, and can be come to without one.
pub(crate) fn introduced_by_nobody<'a>(
    stack: &'a Stack,
    said: &dyn Fn(&Handler) -> Option<Said>,
    circumstances: &Circumstances<'_>,
) -> Vec<&'a Handler> {
    let answers = |handler: &Handler| circumstances.answers_of_proofs(handler);
    let reached = walk::reachable_before(&stack.handlers, &answers, &is_first_factor).unwrap_or_default();
    let claims =
        |handler: &Handler| is_ours(handler) && said(handler).is_some_and(|said| said.after_first_factor);
    let handlers = stack.handlers.iter().enumerate();
    handlers
        .filter(|(at, handler)| reached.contains(at) && claims(handler))
        .map(|(_, handler)| handler)
        .collect()
}

fn is_first_factor(handler: &Handler) -> bool {
    matches!(Nature::of(handler), Nature::Proof | Nature::SecondFactor)
}

fn too_large() -> Finding {
    Finding::serious("stack_too_large", "the stack has more ways through it than can be gone through")
        .why("nobody can tell whether the code can be left out")
        .fix("write it with fewer jumps and includes")
}

fn gap(stack: &Stack, missed: Bypass) -> Option<Finding> {
    let line = |at: usize| stack.handlers.get(at);
    match missed {
        // Said of the whole service elsewhere.
        Bypass::NoSuchLine => None,
        Bypass::Skipped { by, answer } => line(by).map(|by| ignored(by, answer)),
        Bypass::FailureNotCounted { at } => line(at).map(|line| {
            let what = format!("{}: what pam_totp says does not count (`{}`)", line.location, line.control_text);
            Finding::serious("code_not_counted", what)
                .why("someone who gives a wrong code, or none, is let in all the same")
                .fix("write `auth required pam_totp.so`, with its arguments")
        }),
        Bypass::Ignored { at } => line(at).map(|line| {
            let what = format!("{}: where pam_totp takes no part, other lines let in", line.location);
            Finding::info("code_ignored", what)
                .why("who is not enrolled and may be (nullok, require.enroll_by) gets in without a code; likewise, at sshd, whom a rule exempts")
                .fix("take nullok out when \"totp-enroll list\" shows everybody")
        }),
    }
}

fn ignored(by: &Handler, answer: ReturnCode) -> Finding {
    let how = match by.control.at(answer) {
        Action::Jump(count) => format!("jumps over {count} lines, pam_totp among them"),
        Action::Done | Action::Die | Action::Ok | Action::Bad | Action::Ignore | Action::Reset => {
            "ends the stack before pam_totp is reached".to_owned()
        }
    };
    let module = module::name(&by.module);
    let what =
        format!("{}: {module} `{}` {how} when it answers {}", by.location, by.control_text, return_code::name(answer));
    let why = match Nature::of(by) {
        Nature::Rule => format!("whom {module} lets through is not asked for a code"),
        Nature::OtherCodes => format!("anyone who has a code of {module} is let in by that"),
        Nature::SecondFactor => format!("{module} takes the place of the code"),
        Nature::Ours | Nature::Nothing | Nature::Proof => {
            "anyone who passes it gets in without a code".to_owned()
        }
    };
    let severity = match Nature::of(by) {
        // Runs as root here, so it says yes to everybody.
        Nature::Rule if module == "pam_rootok.so" => Severity::Serious,
        Nature::Rule | Nature::SecondFactor => Severity::Warning,
        Nature::Ours | Nature::OtherCodes | Nature::Nothing | Nature::Proof => Severity::Serious,
    };
    let fix = "move pam_totp above that line, or write `requisite` (or a smaller jump) there; exempt people in config.toml ([require]) instead";
    Finding::new(severity, "code_skipped", what).why(why).fix(fix)
}
