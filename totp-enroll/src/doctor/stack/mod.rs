//! The PAM stack of a service, as `doctor` and `pam-snippet` see it: which lines are pam_totp's, and what the others are.

mod arguments;
pub(crate) mod bypasses;
mod module_kind;
#[cfg(test)]
mod tests;

pub(crate) use arguments::{Said as ModuleArguments, config_file, read as read_arguments};
pub(crate) use module_kind::ModuleKind;
pub(crate) use pam_stack::{
    Handler, InstalledFiles, LineKind, ServiceFiles, Stack, included, load,
    module_directories as directories, module_file, module_name, services,
};

/// Whether the service has a file but no auth line with pam_totp.so.
pub(crate) fn has_no_pam_totp_line(name: &str) -> bool {
    InstalledFiles::candidates().iter().any(|installed| {
        installed.open(name).is_some()
            && load(installed, name).is_ok_and(|stack| pam_totp_lines(&stack).next().is_none())
    })
}

/// The auth lines with pam_totp.so.
pub(crate) fn pam_totp_lines(stack: &Stack) -> impl Iterator<Item = &Handler> {
    stack.handlers.iter().filter(|handler| is_pam_totp(handler))
}

pub(crate) fn is_pam_totp(handler: &Handler) -> bool {
    handler.kind == LineKind::Module && ModuleKind::of(handler) == ModuleKind::PamTotp
}
