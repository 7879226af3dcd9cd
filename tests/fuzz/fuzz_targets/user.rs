//! User names: each has one safe file name of its own, and comes back from it.
//!
//! The input is two names with a zero byte between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use totp_core::user::User;

fuzz_target!(|input: &str| {
    let (one, other) = input.split_once('\0').unwrap_or((input, ""));
    for text in [one, other] {
        assert_is_nobody_elses_file(text);
    }
    let (Ok(one), Ok(other)) = (parse(one), parse(other)) else { return };
    assert_eq!(one == other, one.component() == other.component());
});

fn parse(name: &str) -> Result<User, ()> {
    let user = User::parse(name).map_err(|error| assert!(!error.to_string().is_empty()))?;
    assert_eq!(user.as_str(), name);
    assert!(!name.is_empty() && !name.chars().any(char::is_control));
    let component = user.component();
    assert!((1..=240).contains(&component.len()) && !component.starts_with('.'));
    assert!(component.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-@+.%".contains(&byte)));
    assert_eq!(User::from_component(&component), Some(user.clone()));
    Ok(user)
}

/// A file name that reads as a user's is the one that we would write.
fn assert_is_nobody_elses_file(component: &str) {
    if let Some(user) = User::from_component(component) {
        assert_eq!(user.component(), component);
        assert!(parse(user.as_str()).is_ok());
    }
}
