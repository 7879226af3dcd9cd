//! The head of a service's own section in the config.

/// `[service.NAME.OF]`, in TOML: a name that is no bare key is written as a string, whose escapes are JSON's.
pub(crate) fn head(service: &str, of: &str) -> String {
    let is_bare = service.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let name = if is_bare { service.to_owned() } else { serde_json::Value::from(service).to_string() };
    format!("[service.{name}.{of}]")
}
