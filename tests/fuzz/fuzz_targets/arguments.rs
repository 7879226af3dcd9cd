//! The module's arguments: nothing but the exact word weakens a door, and the order of words is nobody's business.
//!
//! The input is the words with a zero byte behind each. The module is a cdylib, so the file is included by path.
#![no_main]

#[path = "../../../pam_totp/src/arguments.rs"]
mod arguments;

use arguments::{ArgumentError, Arguments};
use libfuzzer_sys::fuzz_target;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

fuzz_target!(|input: &[u8]| {
    let words: Vec<CString> =
        input.split(|&byte| byte == 0).map(|word| CString::new(word).expect("split at zeros")).collect();
    let words: Vec<&CStr> = words.iter().map(CString::as_c_str).collect();
    let reversed: Vec<&CStr> = words.iter().rev().copied().collect();
    match (Arguments::parse(&words), Arguments::parse(&reversed)) {
        (Ok(arguments), Ok(other)) => {
            assert_eq!(arguments, other);
            assert_is_what_was_written(&arguments, &words);
        }
        (Err(error), Err(_)) => assert_is_about_a_word(&error, &words),
        (one, other) => panic!("the order matters: {one:?}, {other:?}"),
    }
    if let Some(config) = Arguments::config_file(&words) {
        assert!(config.is_absolute());
    }
});

fn assert_is_what_was_written(arguments: &Arguments, words: &[&CStr]) {
    let times = |word: &[u8]| words.iter().filter(|there| there.to_bytes() == word).count();
    assert_eq!(times(b"nullok"), usize::from(arguments.nullok));
    assert_eq!(times(b"echo"), usize::from(arguments.echo));
    assert_eq!(times(b"debug"), usize::from(arguments.debug));
    let values =
        |key: &[u8]| words.iter().filter_map(|word| word.to_bytes().strip_prefix(key)).collect::<Vec<_>>();
    let (config, prompt) = (values(b"conf="), values(b"prompt="));
    assert_eq!(config, arguments.config.iter().map(|path| path.as_os_str().as_bytes()).collect::<Vec<_>>());
    assert_eq!(Arguments::config_file(words), arguments.config);
    match prompt.as_slice() {
        [] => assert_eq!(arguments.prompt, "Verification code: "),
        [prompt] => assert_eq!(*prompt, arguments.prompt.as_bytes()),
        more => panic!("{} prompts were accepted", more.len()),
    }
    assert!(!arguments.prompt.is_empty() && !arguments.prompt.contains(char::is_control));
    let flags = [arguments.nullok, arguments.echo, arguments.debug];
    let known = flags.iter().filter(|&&flag| flag).count() + config.len() + prompt.len();
    assert_eq!(known, words.len(), "a word was passed over");
}

fn assert_is_about_a_word(error: &ArgumentError, words: &[&CStr]) {
    match error {
        ArgumentError::Unknown(word) => assert!(words.iter().any(|there| there.to_string_lossy() == *word)),
        ArgumentError::Twice(key) => {
            let there = words.iter().filter(|word| word.to_bytes().starts_with(key.as_bytes()));
            assert!(there.count() >= 2);
        }
        ArgumentError::Config => assert!(words.iter().any(|word| word.to_bytes().starts_with(b"conf="))),
        ArgumentError::Prompt => assert!(words.iter().any(|word| word.to_bytes().starts_with(b"prompt="))),
    }
}
