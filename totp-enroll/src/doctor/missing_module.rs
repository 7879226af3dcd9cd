//! Lines whose module libpam does not find: pam_totp.so is not there, or its name is misspelt.

use super::finding::Finding;
use super::stack::bypasses::ServiceContext;
use super::stack::misspelt::{has_misspelt_line, is_misspelt};
use super::stack::{self, Handler, InstalledFiles, LineKind, ServiceFiles, Stack, is_pam_totp};
use pam_stack::walk;

/// One finding for each line.
pub(super) fn examine(stack: &Stack, context: &ServiceContext<'_>) -> Vec<Finding> {
    let missing = stack.handlers.iter().filter(|handler| is_missing(handler, context));
    missing.map(|handler| finding(handler, stack, context)).collect()
}

fn is_missing(handler: &Handler, context: &ServiceContext<'_>) -> bool {
    let is_meant = handler.kind == LineKind::Module && (is_pam_totp(handler) || is_misspelt(&handler.module));
    is_meant && !(context.is_installed)(&handler.module)
}

fn finding(handler: &Handler, stack: &Stack, context: &ServiceContext<'_>) -> Finding {
    let step = |handler: &Handler, (): &()| {
        let codes = walk::distinct(handler, context.return_codes(handler));
        codes.into_iter().map(|code| (code, ())).collect()
    };
    let succeeds = walk::can_succeed(&stack.handlers, (), &step, &|()| true).unwrap_or(true);
    let what = format!("{}: {} is not installed", handler.location, handler.module);
    let (what, fix) = match is_pam_totp(handler) {
        true => (what, "reinstall libpam-totp, or remove the line"),
        false => (
            format!("{what}; is pam_totp.so meant?"),
            "write pam_totp.so; keep a root shell open until a login has worked",
        ),
    };
    let why = match succeeds {
        true => {
            "libpam ignores the line (module_unknown), because of the controls of the stack: logins succeed without a code"
        }
        false => "libpam counts the line as a failure (module_unknown): every login is refused",
    };
    Finding::serious("module_missing", what).why(why).fix(fix)
}

/// Whether the service has a file but no auth line with pam_totp.so.
pub(super) fn has_no_pam_totp_line(name: &str) -> bool {
    InstalledFiles::candidates().iter().any(|installed| {
        installed.open(name).is_some()
            && stack::load(installed, name).is_ok_and(|stack| {
                // `module_missing` says it of a misspelt one.
                let is_installed = |module: &str| stack::module_file(module).is_some();
                stack::pam_totp_lines(&stack).next().is_none() && !has_misspelt_line(&stack, &is_installed)
            })
    })
}
