//! Finds the paths through a stack on which a login succeeds without a code or without a first factor, and the line at fault.

use super::{Handler, LineKind, ModuleArguments, ModuleKind, Stack, is_pam_totp, pam_totp_return_codes};
use crate::doctor::finding::{Finding, Severity};
use pam_stack::control::Action;
use pam_stack::return_code::{self, ReturnCode};
use pam_stack::walk::{self, Bypass, TooLargeError};

/// What has to be known of a service besides its stack.
pub(crate) struct ServiceContext<'a> {
    pub(crate) service: &'a str,
    /// Whether pam_totp.so may return `PAM_IGNORE`.
    pub(crate) may_ignore: bool,
    /// Whether a module is installed; a line whose module is missing returns `module_unknown`.
    pub(crate) is_installed: &'a dyn Fn(&str) -> bool,
}

impl ServiceContext<'_> {
    pub(crate) fn return_codes(&self, handler: &Handler) -> Vec<ReturnCode> {
        if !(self.is_installed)(&handler.module) {
            return vec![return_code::MODULE_UNKNOWN];
        }
        if is_pam_totp(handler) {
            return pam_totp_return_codes(self.may_ignore);
        }
        return_code::of_module(&handler.module, &handler.arguments, self.service)
    }

    /// The same for the search for first factors: such a module does not return `PAM_IGNORE`, and an expired password was checked.
    pub(super) fn first_factor_return_codes(&self, handler: &Handler) -> Vec<ReturnCode> {
        let mut codes = self.return_codes(handler);
        if is_first_factor(handler) {
            codes.retain(|code| *code != return_code::IGNORE && *code != return_code::NEW_AUTHTOK_REQD);
        }
        codes
    }
}

/// One finding for each way to log in without a code.
pub(crate) fn without_code(stack: &Stack, context: &ServiceContext<'_>) -> Vec<Finding> {
    let return_codes = |handler: &Handler| context.return_codes(handler);
    match walk::bypasses(&stack.handlers, &return_codes, &is_pam_totp) {
        Ok(bypasses) => {
            let findings =
                bypasses.into_iter().filter_map(|bypass| finding(stack, bypass, context.is_installed));
            findings.collect()
        }
        Err(TooLargeError) => vec![too_large()],
    }
}

/// Whether users for whom pam_totp.so returns `PAM_IGNORE` are refused because no other line returns success.
pub(crate) fn refuses_users_whom_pam_totp_ignores(stack: &Stack, context: &ServiceContext<'_>) -> bool {
    let return_codes = |handler: &Handler| match is_pam_totp(handler) {
        true => vec![return_code::IGNORE],
        false => context.return_codes(handler),
    };
    let any_line = |_: &Handler| true;
    context.may_ignore
        && walk::can_succeed_with(&stack.handlers, &return_codes, &any_line).is_ok_and(|succeeds| !succeeds)
}

/// Whether a login can succeed without a first factor.
pub(crate) fn without_first_factor(stack: &Stack, context: &ServiceContext<'_>) -> bool {
    let return_codes = |handler: &Handler| context.first_factor_return_codes(handler);
    walk::bypasses(&stack.handlers, &return_codes, &is_first_factor)
        .map_or(true, |bypasses| !bypasses.is_empty())
}

/// Whether a login can succeed without any factor, not even a code.
pub(crate) fn without_any_factor(stack: &Stack, context: &ServiceContext<'_>) -> bool {
    let return_codes = |handler: &Handler| context.return_codes(handler);
    let is_factor = |handler: &Handler| {
        is_first_factor(handler) || ModuleKind::of(handler) == ModuleKind::OtherOtp || is_pam_totp(handler)
    };
    walk::bypasses(&stack.handlers, &return_codes, &is_factor).map_or(true, |bypasses| !bypasses.is_empty())
}

/// The lines of pam_totp with `after_first_factor` that a login can reach without a first factor.
pub(crate) fn claims_without_first_factor<'a>(
    stack: &'a Stack,
    arguments: &dyn Fn(&Handler) -> Option<ModuleArguments>,
    context: &ServiceContext<'_>,
) -> Vec<&'a Handler> {
    let return_codes = |handler: &Handler| context.first_factor_return_codes(handler);
    let reachable =
        walk::reachable_before(&stack.handlers, &return_codes, &is_first_factor).unwrap_or_default();
    let claims = |handler: &Handler| {
        is_pam_totp(handler) && arguments(handler).is_some_and(|arguments| arguments.after_first_factor)
    };
    let handlers = stack.handlers.iter().enumerate();
    handlers
        .filter(|(at, handler)| reachable.contains(at) && claims(handler))
        .map(|(_, handler)| handler)
        .collect()
}

/// The lines that can refuse a login and let it go on to pam_totp.so, which then uses up a code for nothing.
pub(crate) fn lines_that_waste_a_code<'a>(
    stack: &'a Stack,
    context: &ServiceContext<'_>,
) -> Vec<(&'a Handler, WastedBy)> {
    // An expired password was right: such a module has not refused.
    let return_codes = |handler: &Handler| {
        let codes = context.return_codes(handler).into_iter();
        codes.filter(|code| *code != return_code::NEW_AUTHTOK_REQD).collect()
    };
    // `stack_too_large` says that not every path is known.
    let lines = walk::fails_before(&stack.handlers, &return_codes, &is_pam_totp).unwrap_or_default();
    let handlers = lines.into_iter().filter_map(|at| stack.handlers.get(at));
    handlers.filter_map(|handler| Some((handler, WastedBy::of(handler)?))).collect()
}

/// Why a line refuses a login for which a code is asked all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WastedBy {
    /// It counts failures, and has locked the account for a time.
    Lock,
    /// The password or another first factor was wrong.
    FirstFactor,
    /// The login comes from the wrong place or at the wrong time.
    Rule,
}

impl WastedBy {
    /// `None`: a module that refuses the same users every time (pam_succeed_if.so, pam_shells.so), so that nobody who has a code to lose
    /// tries, or everybody for a short time (pam_nologin.so). Debian's own files have such lines.
    fn of(handler: &Handler) -> Option<Self> {
        if handler.kind != LineKind::Module {
            return None;
        }
        match (pam_stack::module_name(&handler.module), ModuleKind::of(handler)) {
            ("pam_faillock.so" | "pam_tally2.so" | "pam_abl.so" | "pam_shield.so", _) => Some(Self::Lock),
            ("pam_access.so" | "pam_time.so" | "pam_rhosts.so", _) => Some(Self::Rule),
            // It is reached where a password line above it was not jumped from.
            ("pam_deny.so", _) | (_, ModuleKind::FirstFactor | ModuleKind::SecondFactor) => {
                Some(Self::FirstFactor)
            }
            // `old_module` says that a code of another module is asked for as well.
            (_, ModuleKind::PamTotp | ModuleKind::OtherOtp | ModuleKind::Rule | ModuleKind::NoFactor) => None,
        }
    }
}

/// The lines of pam_totp that ask before a line of the stack that asks for a first factor.
pub(crate) fn asks_before_a_first_factor(stack: &Stack) -> Vec<&Handler> {
    let first = stack.handlers.iter().position(is_first_factor).unwrap_or(0);
    stack.handlers.iter().take(first).filter(|handler| is_pam_totp(handler)).collect()
}

fn is_first_factor(handler: &Handler) -> bool {
    matches!(ModuleKind::of(handler), ModuleKind::FirstFactor | ModuleKind::SecondFactor)
}

fn too_large() -> Finding {
    Finding::serious(
        "stack_too_large",
        "the stack has too many jumps and includes to follow every path through it",
    )
    .why("doctor cannot tell whether a login can succeed without a code")
    .fix("rewrite it with fewer jumps and includes")
}

fn finding(stack: &Stack, bypass: Bypass, is_installed: &dyn Fn(&str) -> bool) -> Option<Finding> {
    let line = |at: usize| stack.handlers.get(at);
    match bypass {
        // `not_in_stack` says it of the whole service.
        Bypass::NoSuchLine => None,
        Bypass::Skipped { by, code } => line(by).map(|by| code_skipped(by, code)),
        Bypass::FailureNotCounted { at, code } => line(at).map(|line| code_not_counted(line, code, is_installed)),
        Bypass::Ignored { at } => line(at).map(|line| {
            let what = format!("{}: users for whom pam_totp.so returns PAM_IGNORE log in without a code", line.location);
            Finding::info("code_ignored", what)
                .why("these are users who are not enrolled and need not be (nullok, require.enroll_by) and, at sshd, users whom a rule exempts")
                .fix("remove nullok when \"totp-enroll list\" shows every user")
        }),
    }
}

/// What has happened when pam_totp.so, or libpam in its place, returns a code.
const REFUSALS: [(&str, &str); 8] = [
    ("auth_err", "a wrong code was typed, or none"),
    ("maxtries", "the account is locked after wrong codes"),
    ("user_unknown", "the program names no account"),
    ("conv_err", "the program cannot ask"),
    ("service_err", "the line or the config has a mistake"),
    ("system_err", "the keyring, the state or the clock cannot be used, or the program is not root"),
    ("abort", "pam_totp.so has a bug"),
    ("module_unknown", "the file pam_totp.so is missing or cannot be loaded"),
];

/// `code`: what the line returned; the other codes for which its control has the same action are not counted either.
fn code_not_counted(line: &Handler, code: ReturnCode, is_installed: &dyn Fn(&str) -> bool) -> Finding {
    let is_alike = |other: ReturnCode| line.control.at(other) == line.control.at(code);
    let refusals = REFUSALS.iter().filter_map(|(name, why)| Some((return_code::named(name)?, *why)));
    let uncounted: Vec<(ReturnCode, &str)> = refusals.filter(|(other, _)| is_alike(*other)).collect();
    let is_missing = !is_installed(&line.module);
    let fix = "change the line to `auth required pam_totp.so`, and keep its arguments";
    if is_missing || uncounted.iter().all(|(other, _)| *other == return_code::MODULE_UNKNOWN) {
        let what = format!(
            "{}: the control `{}` ignores that pam_totp.so is missing (module_unknown)",
            line.location, line.control_text
        );
        return match is_missing {
            true => Finding::serious("code_not_counted", what)
                .why(format!("{} is not installed: logins succeed without a code", line.module))
                .fix(format!("reinstall libpam-totp, or correct the name of the module; then {fix}")),
            false => Finding::warning("code_not_counted", what)
                .why("wrong codes are refused; but if the file is removed, renamed or cannot be loaded, logins succeed without a code")
                .fix(fix),
        };
    }
    let what = format!(
        "{}: the stack ignores what pam_totp.so returns (its control is `{}`)",
        line.location, line.control_text
    );
    let why = match uncounted.iter().any(|(other, _)| *other == return_code::AUTH_ERR) {
        true => "logins with a wrong code, or with none, succeed".to_owned(),
        false => {
            let cases = uncounted.iter().map(|(other, why)| format!("{why} ({})", return_code::name(*other)));
            format!(
                "wrong codes are refused, but logins succeed without a code if {}",
                cases.collect::<Vec<_>>().join(", or if ")
            )
        }
    };
    Finding::serious("code_not_counted", what).why(why).fix(fix)
}

fn code_skipped(by: &Handler, code: ReturnCode) -> Finding {
    let effect = match by.control.at(code) {
        Action::Jump(1) => "jumps over the next line, pam_totp.so,".to_owned(),
        Action::Jump(count) => format!("jumps over {count} lines, including pam_totp.so,"),
        Action::Done | Action::Die | Action::Ok | Action::Bad | Action::Ignore | Action::Reset => {
            "ends the stack before pam_totp.so is reached".to_owned()
        }
    };
    let module = pam_stack::module_name(&by.module);
    let what = format!(
        "{}: {module} `{}` {effect} when it returns {}",
        by.location,
        by.control_text,
        return_code::name(code)
    );
    let why = match ModuleKind::of(by) {
        ModuleKind::Rule => format!("users whom {module} accepts are not asked for a code"),
        ModuleKind::OtherOtp => format!("a code of {module} is enough to log in"),
        ModuleKind::SecondFactor => format!("{module} replaces the code as the second factor"),
        ModuleKind::PamTotp | ModuleKind::NoFactor | ModuleKind::FirstFactor => {
            "users who get past this line log in without a code".to_owned()
        }
    };
    let severity = match ModuleKind::of(by) {
        // pam_rootok.so accepts everybody here, because the service runs as root.
        ModuleKind::Rule if module == "pam_rootok.so" => Severity::Serious,
        ModuleKind::Rule | ModuleKind::SecondFactor => Severity::Warning,
        ModuleKind::PamTotp | ModuleKind::OtherOtp | ModuleKind::NoFactor | ModuleKind::FirstFactor => {
            Severity::Serious
        }
    };
    let fix = "move pam_totp.so above that line, or change its control to `requisite` (or a smaller jump); to exempt users, use [require] in config.toml";
    Finding::new(severity, "code_skipped", what).why(why).fix(fix)
}
