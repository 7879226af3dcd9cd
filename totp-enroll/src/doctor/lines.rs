//! What stands in a stack and should not, and what should and does not.

use super::finding::Finding;
use super::stack::{self, Handler, Nature, Said, Stack};

pub(super) fn not_in_stack(name: &str, stack: &Stack) -> Finding {
    let what = match stack.is_other {
        true => {
            format!("{name} has no auth lines of its own, and /etc/pam.d/other does not name pam_totp.so")
        }
        false => format!("no auth line of {name} names pam_totp.so, nor does a file that it includes"),
    };
    Finding::serious("not_in_stack", what)
        .why("nobody is asked for a code there")
        .fix(format!("\"totp-enroll pam-snippet {name}\" prints the lines"))
}

pub(super) fn misplaced(stack: &Stack, found: &mut Vec<Finding>) {
    for handler in stack.non_auth.iter().filter(|handler| stack::is_ours(handler)) {
        found.push(
            Finding::serious(
                "misplaced_line",
                format!("{}: pam_totp.so stands on a line that is not auth", handler.location),
            )
            .why("it asks for codes on auth lines alone, and refuses everybody on others")
            .fix("write it as `auth required pam_totp.so`, where the other auth lines are"),
        );
    }
}

pub(super) fn must_fail(stack: &Stack, found: &mut Vec<Finding>) {
    for handler in &stack.handlers {
        if let stack::LineKind::MustFail(why) = handler.kind {
            found.push(
                Finding::serious("line_unreadable", format!("{}: {why}", handler.location))
                    .why("libpam counts the line as a failure, anyone who comes")
                    .fix("correct the line, or take it out"),
            );
        }
    }
}

/// What stands where, and should not.
pub(super) fn arrangement(stack: &Stack, found: &mut Vec<Finding>) {
    let ours: Vec<usize> = stack
        .handlers
        .iter()
        .enumerate()
        .filter(|(_, handler)| stack::is_ours(handler))
        .map(|(at, _)| at)
        .collect();
    if let [first, second, ..] = ours.as_slice()
        && let (Some(first), Some(second)) = (stack.handlers.get(*first), stack.handlers.get(*second))
    {
        found.push(
            Finding::warning(
                "asked_twice",
                format!("pam_totp stands on {} and again on {}", first.location, second.location),
            )
            .why("each asks for a code of its own, and a code is good once: people wait for the next one")
            .fix("take one of the lines out; \"pam-auth-update --enable totp\" needs none beside it"),
        );
    }
    for handler in &stack.handlers {
        if handler.kind == stack::LineKind::Module
            && Nature::of(handler) == Nature::OtherCodes
            && !ours.is_empty()
        {
            let module = stack::module_name(&handler.module);
            found.push(
                Finding::warning("old_module", format!("{}: {module} is in the stack beside pam_totp", handler.location))
                    .why("people are asked for two codes, or may choose between two secrets, one of them lying unencrypted")
                    .fix("take the line out when everybody's secrets are taken over (\"totp-enroll import\")"),
            );
        }
    }
    for at in ours {
        let Some(handler) = stack.handlers.get(at) else { continue };
        let Ok(said) = stack::read_arguments(&handler.arguments) else { continue };
        passes(stack, at, handler, &said, found);
    }
}

fn passes(stack: &Stack, at: usize, handler: &Handler, said: &Said, found: &mut Vec<Finding>) {
    let asks_before = stack.handlers.iter().take(at).any(|line| Nature::of(line) == Nature::Proof);
    if said.use_first_pass && !asks_before {
        found.push(
            Finding::serious(
                "nothing_to_use",
                format!("{}: use_first_pass, and no line above it asks for anything", handler.location),
            )
            .why("nobody is asked for a code, and none is there: everybody is refused")
            .fix("take use_first_pass out, or write try_first_pass"),
        );
    }
    let takes = |line: &Handler| {
        line.arguments.iter().any(|word| word == "use_first_pass" || word == "try_first_pass")
    };
    let below = stack.handlers.iter().skip(at.saturating_add(1));
    if said.forward_pass && !below.into_iter().any(takes) {
        found.push(
            Finding::warning(
                "nobody_takes_the_password",
                format!("{}: forward_pass, and no line below it has try_first_pass", handler.location),
            )
            .why("the password in front of the code is asked for and looked at by nobody")
            .fix("write `auth required pam_unix.so try_first_pass` below it, or take forward_pass out"),
        );
    }
}

pub(super) fn nobody_gets_in() -> Finding {
    Finding::serious("nobody_gets_in", "no way through the stack lets in who gives the right code")
        .why("another line refuses, or nobody comes to pam_totp: keep a root shell open until it is fixed")
        .fix("look for a pam_deny.so that nothing jumps over any more, a module that is missing, and pam_unix.so that was taken out")
}

pub(super) fn ignored_is_refused() -> Finding {
    Finding::warning("ignored_is_refused", "no line lets in where pam_totp takes no part")
        .why("who is not enrolled and may be (nullok, require.enroll_by) is refused all the same")
        .fix("write `auth required pam_permit.so` below pam_totp: a wrong code refuses as before")
}

pub(super) fn not_introduced(handler: &Handler) -> Finding {
    let what =
        format!("{}: after_first_factor, and people come to that line who have passed none", handler.location);
    Finding::serious("after_no_first_factor", what)
        .why("strangers are told why a code was refused, and with enroll_at_login could enrol as another process")
        .fix("take after_first_factor out, or make the line above it `requisite`: `required` goes on after a wrong password")
}

pub(super) fn too_few_factors(nothing: bool, exempts: bool) -> Finding {
    let fix = "put the password above it: `@include common-auth` (Debian), or `auth requisite pam_unix.so`";
    if nothing {
        return Finding::serious("nothing_asked", "some people get in without a password and without a code")
            .why("where pam_totp takes no part (nullok, require.enroll_by), the rest of the stack says yes to everybody")
            .fix(fix);
    }
    if exempts {
        return Finding::serious(
            "exempt_from_everything",
            "whom a rule exempts from the code is asked for nothing at all",
        )
        .why("a code alone lets in here, and the config or the line waives it for some ([require], [fresh], fresh=)")
        .fix(fix);
    }
    Finding::warning("one_factor", "a code alone lets in")
        .why("that is one factor: anyone who finds the phone gets in")
        .fix(fix)
}
