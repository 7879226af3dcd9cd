//! The module's arguments: nothing but the exact word weakens a module, and the order of words is nobody's business.
//!
//! The input is the words with a zero byte behind each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::os::unix::ffi::OsStrExt;
use totp_core::module_arguments::{ArgumentError, Arguments, FirstPass};
use totp_core::time::Seconds;

fuzz_target!(|input: &[u8]| {
    let words: Vec<&[u8]> = input.split(|&byte| byte == 0).collect();
    let reversed: Vec<&[u8]> = words.iter().rev().copied().collect();
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

fn assert_is_what_was_written(arguments: &Arguments, words: &[&[u8]]) {
    let flags = [
        (&b"nullok"[..], arguments.nullok),
        (b"echo", arguments.echo),
        (b"debug", arguments.debug),
        (b"try_first_pass", arguments.first_pass == FirstPass::Try),
        (b"use_first_pass", arguments.first_pass == FirstPass::Use),
        (b"forward_pass", arguments.forward_pass),
        (b"after_first_factor", arguments.after_first_factor),
    ];
    for (word, set) in flags {
        assert_eq!(words.iter().filter(|there| **there == word).count(), usize::from(set));
    }
    let values = |key: &[u8]| words.iter().filter_map(|word| word.strip_prefix(key)).collect::<Vec<_>>();
    let (config, prompt, fresh) = (values(b"conf="), values(b"prompt="), values(b"fresh="));
    assert_eq!(config, arguments.config.iter().map(|path| path.as_os_str().as_bytes()).collect::<Vec<_>>());
    assert_eq!(Arguments::config_file(words), arguments.config);
    assert_eq!(prompt, arguments.prompt.iter().map(String::as_bytes).collect::<Vec<_>>());
    assert!(arguments.prompt.iter().all(|text| !text.is_empty() && !text.contains(char::is_control)));
    match fresh.as_slice() {
        [] => assert_eq!(arguments.fresh, None),
        [fresh] => assert_eq!(
            arguments.fresh,
            std::str::from_utf8(fresh).ok().and_then(|text| Seconds::parse(text).ok())
        ),
        more => panic!("{} lengths were accepted", more.len()),
    }
    let set = flags.iter().filter(|(_, set)| *set).count();
    assert_eq!(set + config.len() + prompt.len() + fresh.len(), words.len(), "a word was passed over");
}

fn assert_is_about_a_word(error: &ArgumentError, words: &[&[u8]]) {
    let is_there = |start: &[u8]| words.iter().any(|word| word.starts_with(start));
    match error {
        ArgumentError::Unknown(word) => {
            assert!(words.iter().any(|there| String::from_utf8_lossy(there) == *word))
        }
        ArgumentError::Twice(key) => {
            let there = words.iter().filter(|word| word.starts_with(key.as_bytes()));
            assert!(there.count() >= 2);
        }
        ArgumentError::ConfirmSource => assert!(is_there(b"confirm_source")),
        // Only an account line has it.
        ArgumentError::BesideConfirmSource(_) => unreachable!("an auth line was parsed"),
        ArgumentError::BothPasses => assert!(is_there(b"try_first_pass") && is_there(b"use_first_pass")),
        ArgumentError::Config => assert!(is_there(b"conf=")),
        ArgumentError::Fresh => assert!(is_there(b"fresh=")),
        ArgumentError::Prompt => assert!(is_there(b"prompt=")),
    }
}
