//! The dynamic loader, asked directly.

use super::text;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

/// Loads `path` with every symbol bound at once, looks `symbols` up in it, and lets it go again.
///
/// # Errors
/// The message of dlerror(3).
pub fn load(path: &Path, symbols: &[&str]) -> Result<(), String> {
    let path = text(path.as_os_str().as_encoded_bytes());
    // SAFETY: a terminated path. What runs are the initialisers of the library under test.
    let library = unsafe { dlopen(path.as_ptr(), RTLD_NOW) };
    if library.is_null() {
        return Err(last_error());
    }
    for symbol in symbols {
        let name = CString::new(*symbol).map_err(|e| e.to_string())?;
        // SAFETY: the library is loaded; the name is terminated.
        if unsafe { dlsym(library, name.as_ptr()) }.is_null() {
            return Err(last_error());
        }
    }
    // SAFETY: the library is loaded, and nothing of it is in use.
    match unsafe { dlclose(library) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

fn last_error() -> String {
    // SAFETY: dlerror(3) has no preconditions.
    let error = unsafe { dlerror() };
    if error.is_null() {
        return "the loader gave no reason".to_owned();
    }
    // SAFETY: not null, hence a terminated text.
    unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned()
}

const RTLD_NOW: c_int = 2;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlclose(library: *mut c_void) -> c_int;
    fn dlerror() -> *mut c_char;
}
