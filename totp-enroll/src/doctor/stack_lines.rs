//! Findings about the lines of a service's stack: missing, misplaced, unreadable or contradicting ones.

use super::finding::Finding;
use super::stack::bypasses::WastedBy;
use super::stack::{self, Facility, Handler, ModuleArguments, ModuleKind, Stack};
use pam_stack::control::Action;
use pam_stack::return_code::AUTH_ERR;
use totp_core::module_arguments::{ArgumentError, FirstPass};

pub(super) fn not_in_stack(name: &str, stack: &Stack) -> Finding {
    let what = match stack.is_other {
        true => format!(
            "{name} has no auth lines, and /etc/pam.d/other, which is used instead, does not name pam_totp.so"
        ),
        false => format!("no auth line of {name} or of a file that it includes names pam_totp.so"),
    };
    Finding::serious("not_in_stack", what)
        .why("this service does not ask for a code")
        .fix(format!("\"totp-enroll pam-snippet {name}\" prints the lines to add"))
}

pub(super) fn misplaced(stack: &Stack, found: &mut Vec<Finding>) {
    for handler in stack.non_auth.iter().filter(|handler| stack::is_pam_totp(handler)) {
        match confirms_source(handler) {
            Some(Ok(_)) => continue,
            Some(Err(error)) => {
                found.push(
                    Finding::warning("bad_argument", format!("{}: {error}", handler.location))
                        .why("the line does nothing: where the code comes before the password, no place becomes known")
                        .fix("correct that argument"),
                );
                continue;
            }
            None => {}
        }
        found.push(
            Finding::serious(
                "misplaced_line",
                format!("{}: pam_totp.so is on a line that is not an auth line", handler.location),
            )
            .why("pam_totp.so asks for codes only on auth lines; on another line it refuses every login, except on an account line with confirm_source")
            .fix("move it to the auth lines, as `auth required pam_totp.so`"),
        );
    }
}

/// The arguments of an account line that confirms sources; `None`: it is another line.
fn confirms_source(handler: &Handler) -> Option<Result<ModuleArguments, ArgumentError>> {
    match handler.facility {
        Facility::Account => ModuleArguments::of_account_line(&handler.arguments),
        Facility::Auth | Facility::Session | Facility::Password => None,
    }
}

/// In sshd, credentials are set by another process than the one that asked for the code.
pub(super) fn source_not_confirmed(stack: &Stack) -> Option<Finding> {
    let confirms = |handler: &Handler| stack::is_pam_totp(handler) && confirms_source(handler).is_some();
    if stack.non_auth.iter().any(confirms) {
        return None;
    }
    let finding = Finding::info(
        "source_not_confirmed",
        "no account line has pam_totp.so confirm_source, although a code is typed together with the password (forward_pass)",
    );
    Some(
        finding
            .why("no place becomes known by such logins, so wrong codes of strangers and of the owner are counted together")
            .fix("add `account optional pam_totp.so confirm_source`, with the conf= of the auth line"),
    )
}

pub(super) fn must_fail(stack: &Stack, found: &mut Vec<Finding>) {
    for handler in &stack.handlers {
        if let stack::LineKind::MustFail(why) = handler.kind {
            found.push(
                Finding::serious("line_unreadable", format!("{}: {why}", handler.location))
                    .why("libpam cannot read the line and counts it as a failure at every login")
                    .fix("correct the line, or remove it"),
            );
        }
    }
}

/// Two lines of pam_totp, modules that it replaces, and arguments that do not fit the lines around it.
pub(super) fn arrangement(stack: &Stack, found: &mut Vec<Finding>) {
    let with_pam_totp: Vec<usize> = stack
        .handlers
        .iter()
        .enumerate()
        .filter(|(_, handler)| stack::is_pam_totp(handler))
        .map(|(at, _)| at)
        .collect();
    if let [first, second, ..] = with_pam_totp.as_slice()
        && let (Some(first), Some(second)) = (stack.handlers.get(*first), stack.handlers.get(*second))
    {
        found.push(
            Finding::warning(
                "asked_twice",
                format!("pam_totp.so is on {} and again on {}", first.location, second.location),
            )
            .why("each line asks for a code, and a code can be used only once: users have to wait for the next one")
            .fix("remove one of the lines; \"pam-auth-update --enable totp\" adds its line by itself"),
        );
    }
    for handler in &stack.handlers {
        if handler.kind == stack::LineKind::Module
            && ModuleKind::of(handler) == ModuleKind::OtherOtp
            && !with_pam_totp.is_empty()
        {
            let module = stack::module_name(&handler.module);
            found.push(
                Finding::warning(
                    "old_module",
                    format!("{}: {module} is still in the stack, together with pam_totp.so", handler.location),
                )
                .why("users are asked for two codes, or can use either of two secrets, one of which is stored unencrypted")
                .fix("import the secrets (\"totp-enroll import\"), then remove the line"),
            );
        }
    }
    for at in with_pam_totp {
        let Some(handler) = stack.handlers.get(at) else { continue };
        let Ok(arguments) = ModuleArguments::parse(&handler.arguments) else { continue };
        password_arguments(stack, at, handler, &arguments, found);
    }
}

fn password_arguments(
    stack: &Stack,
    at: usize,
    handler: &Handler,
    arguments: &ModuleArguments,
    found: &mut Vec<Finding>,
) {
    let asks_before =
        stack.handlers.iter().take(at).any(|line| ModuleKind::of(line) == ModuleKind::FirstFactor);
    if arguments.first_pass == FirstPass::Use && !asks_before {
        found.push(
            Finding::serious(
                "nothing_to_use",
                format!("{}: use_first_pass is set, but no line above asks for a password", handler.location),
            )
            .why("pam_totp.so does not ask and has nothing to read a code from: every login is refused")
            .fix("remove use_first_pass, or replace it with try_first_pass"),
        );
    }
    // pam_unix.so takes what is passed on also without an argument (pam_get_authtok(3)).
    let takes = |line: &Handler| {
        stack::module_name(&line.module) == "pam_unix.so"
            || has(line, "use_first_pass")
            || has(line, "try_first_pass")
    };
    let below = || stack.handlers.iter().skip(at.saturating_add(1));
    if arguments.forward_pass && !asks_before && !below().any(takes) {
        found.push(
            Finding::warning(
                "forwarded_password_unused",
                format!(
                    "{}: forward_pass is set, but no line below has try_first_pass or use_first_pass",
                    handler.location
                ),
            )
            .why("users type password and code together, but no module checks the password")
            .fix("add `auth required pam_unix.so try_first_pass` below it, or remove forward_pass"),
        );
    }
    if arguments.forward_pass && arguments.first_pass == FirstPass::Try && asks_before {
        found.push(password_like_a_code(handler));
    }
    let refuses = |line: &&Handler| matches!(line.control.at(AUTH_ERR), Action::Bad | Action::Die);
    let wants =
        below().find(|line| ModuleKind::of(line) == ModuleKind::FirstFactor && has(line, "use_first_pass"));
    if let Some(line) = wants.filter(refuses).filter(|_| !arguments.forward_pass && !asks_before) {
        let module = stack::module_name(&line.module);
        found.push(
            Finding::serious(
                "nothing_to_use",
                format!("{}: {module} has use_first_pass, but no line above passes a password on", line.location),
            )
            .why(format!("{module} does not ask, and pam_totp.so passes a password on only with forward_pass: every login is refused, and its code is used up"))
            .fix("add forward_pass to the line of pam_totp.so (password and code are then typed together), or remove use_first_pass"),
        );
    }
}

fn has(line: &Handler, argument: &str) -> bool {
    line.arguments.iter().any(|word| word == argument)
}

/// A password that was typed alone is split like one with a code behind it.
fn password_like_a_code(handler: &Handler) -> Finding {
    let what = format!(
        "{}: try_first_pass forward_pass looks for a code at the end of the password that a line above has asked for",
        handler.location
    );
    Finding::info("password_like_a_code", what)
        .why("a password that itself ends in six digits or more is taken for one with a code: each login of its owner is charged as a wrong code before the code is asked for, and locks the account in time")
        .fix("where the code has a prompt of its own, remove try_first_pass and forward_pass; otherwise see that no password ends in six digits")
}

pub(super) fn nobody_gets_in() -> Finding {
    Finding::serious("nobody_gets_in", "the stack refuses every login, even with the right code")
        .why("another line always fails, or pam_totp.so is never reached: keep a root shell open until this is fixed")
        .fix("check the auth lines for a pam_deny.so that is no longer jumped over, a missing module, and a removed pam_unix.so")
}

pub(super) fn ignored_is_refused() -> Finding {
    Finding::warning("ignored_is_refused", "users who are not enrolled are refused, although they are allowed in")
        .why("pam_totp.so returns PAM_IGNORE for them (nullok, require.enroll_by), and no other line of the stack returns success")
        .fix("add `auth required pam_permit.so` below pam_totp.so; a wrong code is refused as before")
}

pub(super) fn after_no_first_factor(handler: &Handler) -> Finding {
    let what = format!(
        "{}: after_first_factor is set, but a login can reach the line without a first factor",
        handler.location
    );
    Finding::serious("after_no_first_factor", what)
        .why("strangers learn why a code was refused, and with enroll_at_login they can enrol for another user")
        .fix("remove after_first_factor, or make the password line above it `requisite`: `required` continues after a wrong password")
}

pub(super) fn code_wasted((handler, by): (&Handler, WastedBy)) -> Finding {
    let what = format!(
        "{}: {} `{}` can refuse a login and still go on to pam_totp.so",
        handler.location,
        stack::module_name(&handler.module),
        handler.control_text
    );
    let why = match by {
        WastedBy::Lock => {
            "while it has locked the account, a login still asks for a code, uses it up, logs it as accepted, and is then refused"
        }
        WastedBy::FirstFactor => {
            "a code is asked for after a wrong password as well: people who guess passwords use up the account's tries for codes, and a right code is used up, and logged as accepted, by a login that is then refused"
        }
        WastedBy::Rule => {
            "a login that it refuses still asks for a code, charges a wrong one, and uses a right one up and logs it as accepted"
        }
    };
    let fix = match by {
        _ if handler.level > 0 => {
            "a refusal ends only the substack: write `include` in place of `substack` (where no line of that file is `sufficient` or `done`), or write its lines into the service's own file"
        }
        WastedBy::Lock => {
            "change its control to `requisite`, or to `[default=die]` behind a password line; docs/stacks.md has the lines for pam_faillock"
        }
        WastedBy::FirstFactor => "change its control to `requisite`, or use `@include common-auth` (Debian)",
        WastedBy::Rule => "change its control to `requisite`",
    };
    Finding::warning("code_wasted", what).why(why).fix(fix)
}

pub(super) fn tells_accounts_apart(handler: &Handler) -> Finding {
    let what = format!(
        "{}: pam_totp.so asks before the password, and the line or the config lets some accounts in without a code",
        handler.location
    );
    Finding::warning("code_first_tells_accounts_apart", what)
        .why("a stranger who has only a name sees by the first question who is enrolled, and who is exempt (nullok, [require] enroll_by, groups, exempt_groups)")
        .fix("put the password above it (`@include common-auth`), or require a code of everyone")
}

pub(super) fn too_few_factors(nothing: bool, exempts: bool) -> Finding {
    let fix = "add the password above it: `@include common-auth` (Debian), or `auth requisite pam_unix.so`";
    if nothing {
        return Finding::serious("nothing_asked", "some users log in without a password and without a code")
            .why("where pam_totp.so returns PAM_IGNORE (nullok, require.enroll_by), the rest of the stack accepts everybody")
            .fix(fix);
    }
    if exempts {
        return Finding::serious(
            "exempt_from_everything",
            "users who are exempt from the code are asked for nothing at all",
        )
        .why("the code is the only factor here, and the config or the line exempts some users from it ([require], [fresh], fresh=)")
        .fix(fix);
    }
    Finding::warning("one_factor", "a code alone is enough to log in")
        .why("that is a single factor: a found or stolen phone is enough")
        .fix(fix)
}
