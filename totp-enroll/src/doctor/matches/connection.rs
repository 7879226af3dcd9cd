//! A connection that sshd is asked about.

/// An address that is nobody's (RFC 5737).
pub(super) const ANYWHERE: &str = "203.0.113.7";
/// An account that is nobody's; Match blocks for everybody apply to it.
pub(super) const ANYBODY: &str = "totp-enroll-doctor";

/// What sshd is asked about (sshd(8), -C).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::doctor) struct Connection {
    pub(in crate::doctor) user: String,
    pub(in crate::doctor) address: String,
    pub(super) host: String,
    pub(super) local_address: String,
    pub(super) local_port: String,
}

impl Connection {
    /// Anybody from anywhere.
    pub(in crate::doctor) fn general() -> Self {
        Self {
            user: ANYBODY.to_owned(),
            address: ANYWHERE.to_owned(),
            host: ANYWHERE.to_owned(),
            local_address: "127.0.0.1".to_owned(),
            local_port: "22".to_owned(),
        }
    }

    pub(in crate::doctor) fn of(user: &str) -> Self {
        Self { user: user.to_owned(), ..Self::general() }
    }

    /// As sshd reads it; `None`: a comma would end a value.
    pub(in crate::doctor) fn specification(&self) -> Option<String> {
        let Self { user, address, host, local_address, local_port } = self;
        let values = [user, address, host, local_address, local_port];
        let said = format!("user={user},host={host},addr={address},laddr={local_address},lport={local_port}");
        (!values.iter().any(|value| value.contains(','))).then_some(said)
    }

    /// For people: who, from where.
    pub(in crate::doctor) fn whom(&self) -> String {
        let general = Self::general();
        let mut whom = if self.user == ANYBODY { "everybody".to_owned() } else { self.user.clone() };
        let (from, to) = (&self.host, &self.local_address);
        if *from != general.host {
            whom.push_str(&format!(" from {from}"));
        }
        if *to != general.local_address {
            whom.push_str(&format!(" to {to}"));
        }
        if self.local_port != general.local_port {
            whom.push_str(&format!(" to port {}", self.local_port));
        }
        whom
    }
}
