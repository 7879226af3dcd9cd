//! The silent panic hook.

/// Keeps a panic's message off the host's standard error. The hook belongs to the copy of std inside this library; the
/// host's own is not touched.
pub(crate) fn silence() {
    std::panic::set_hook(Box::new(|_| {}));
}
