//! A sample login about which sshd is asked.

/// An address for documentation, used by no host (RFC 5737).
pub(super) const ANY_ADDRESS: &str = "203.0.113.7";
/// A name without an account; only Match blocks for every user apply to it.
pub(super) const ANY_USER: &str = "totp-enroll-doctor";

/// The connection parameters of `sshd -C` (sshd(8)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::doctor) struct Connection {
    pub(in crate::doctor) user: String,
    pub(in crate::doctor) address: String,
    pub(super) host: String,
    pub(super) local_address: String,
    pub(super) local_port: String,
}

impl Connection {
    /// A login by any user from any address.
    pub(in crate::doctor) fn general() -> Self {
        Self {
            user: ANY_USER.to_owned(),
            address: ANY_ADDRESS.to_owned(),
            host: ANY_ADDRESS.to_owned(),
            local_address: "127.0.0.1".to_owned(),
            local_port: "22".to_owned(),
        }
    }

    pub(in crate::doctor) fn of(user: &str) -> Self {
        Self { user: user.to_owned(), ..Self::general() }
    }

    /// The argument of `-C`; `None`: a value contains a comma, which sshd takes for its end.
    pub(in crate::doctor) fn specification(&self) -> Option<String> {
        let Self { user, address, host, local_address, local_port } = self;
        let values = [user, address, host, local_address, local_port];
        let argument =
            format!("user={user},host={host},addr={address},laddr={local_address},lport={local_port}");
        (!values.iter().any(|value| value.contains(','))).then_some(argument)
    }

    /// In words: the user, and from where.
    pub(in crate::doctor) fn described(&self) -> String {
        let general = Self::general();
        let mut text = if self.user == ANY_USER { "everybody".to_owned() } else { self.user.clone() };
        let (from, to) = (&self.host, &self.local_address);
        if *from != general.host {
            text.push_str(&format!(" from {from}"));
        }
        if *to != general.local_address {
            text.push_str(&format!(" to {to}"));
        }
        if self.local_port != general.local_port {
            text.push_str(&format!(" to port {}", self.local_port));
        }
        text
    }
}
