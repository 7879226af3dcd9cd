//! A value that the module keeps on the PAM handle from one call to a later one (`pam_set_data(3)`).

use pam::module::PamHandle;
use std::cell::Cell;
use totp_core::login::UnconfirmedSource;

/// What is kept. The handle owns it; it is dropped, and its memory wiped, when it is set anew or the handle ends. A forked process
/// has its own copy.
type Kept = Cell<Option<UnconfirmedSource>>;

/// Its address is unique among all libraries of the process.
static OF_THIS_LIBRARY: u8 = 0;

/// The name of the data. A stack may load this module from two files, of different versions: neither may read the other's.
fn name() -> String {
    format!("pam_totp unconfirmed source {:p}", &raw const OF_THIS_LIBRARY)
}

/// Keeps a source in place of an earlier one. If libpam does not take it, it is not kept, and does not become known.
pub(crate) fn keep(pamh: &mut PamHandle, source: UnconfirmedSource) {
    drop(pamh.set_data(&name(), Box::<Kept>::new(Cell::new(Some(source)))));
}

/// Takes what is kept. The next call finds nothing.
pub(crate) fn take(pamh: &PamHandle) -> Option<UnconfirmedSource> {
    // SAFETY: the name has an address of this library in it, so only `keep` sets data of that name, and it sets a `Kept`. libpam
    // promises that the data lives until it is set anew or the handle ends, neither of which happens during this call.
    let kept = unsafe { pamh.get_data::<Kept>(&name()) }.ok()?;
    kept.take()
}
