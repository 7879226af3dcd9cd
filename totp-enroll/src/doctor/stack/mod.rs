//! The PAM stack of a service, gone through to find out how the code can be left out.

mod arguments;
pub(crate) mod gaps;
mod module;
#[cfg(test)]
mod tests;

pub(crate) use arguments::{Said, config_file, read as read_arguments};
pub(crate) use module::Nature;
pub(crate) use pam_stack::module::{directories, file as module_file, name as module_name};
pub(crate) use pam_stack::{Handler, InstalledFiles, LineKind, ServiceFiles, Stack, included, load, services};

/// Whether a service that is there has no line of ours.
pub(crate) fn asks_nothing(name: &str) -> bool {
    InstalledFiles::candidates().iter().any(|installed| {
        installed.open(name).is_some()
            && load(installed, name).is_ok_and(|stack| ours(&stack).next().is_none())
    })
}

/// The lines of ours.
pub(crate) fn ours(stack: &Stack) -> impl Iterator<Item = &Handler> {
    stack.handlers.iter().filter(|handler| is_ours(handler))
}

pub(crate) fn is_ours(handler: &Handler) -> bool {
    handler.kind == LineKind::Module && Nature::of(handler) == Nature::Ours
}
