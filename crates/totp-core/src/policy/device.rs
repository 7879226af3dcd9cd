//! Remembered devices as values: the traits of a connection are kept as a keyed hash and compared.

use crate::network::leading;
use crate::random::Id;
use crate::random::Secret;
use crate::time::Seconds;
use crate::user::User;
use base16ct::lower;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::net::IpAddr;

/// The most devices of one user. One more replaces the one that was used longest ago.
pub const MOST_DEVICES: usize = 16;

/// Separates this use of the secret from any other.
const PURPOSE: &[u8] = b"pam_totp remembered device 1";

/// The traits of a connection by which a device is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits<'a> {
    /// The fingerprint of the SSH key of the first factor (`SHA256:...`, ssh-keygen(1)).
    pub key: Option<&'a str>,
    /// The address in `PAM_RHOST`; never a host name.
    pub address: Option<IpAddr>,
}

/// Whether a device may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RememberMode {
    /// Never.
    Off,
    /// After asking the user.
    Ask,
    /// Always.
    Always,
}

/// The `[remember]` section of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberRules {
    /// Whether devices are remembered.
    pub mode: RememberMode,
    /// How long a device is remembered.
    pub length: Seconds,
    /// The SSH key must be the same.
    pub bind_key: bool,
    /// The address must be the same, as far as the prefixes go.
    pub bind_address: bool,
    /// Leading bits of an IPv4 address that must be the same, 0 to 32.
    pub ipv4_prefix: u8,
    /// Leading bits of an IPv6 address that must be the same, 0 to 128.
    pub ipv6_prefix: u8,
}

/// The keyed hash of a user's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) [u8; 32]);

/// A remembered device, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub(crate) mark: Mark,
    /// When it was remembered, seconds since 1970.
    pub(crate) since: u64,
    /// When it is forgotten, seconds since 1970.
    pub(crate) until: u64,
    /// When it last logged in without a code, seconds since 1970.
    pub(crate) last_used: u64,
    /// The number of logins without a code.
    pub(crate) uses: u32,
}

/// The name of a device in the log and in `totp-enroll`: eight hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceId([u8; 4]);

impl std::fmt::Display for DeviceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&lower::encode_string(&self.0))
    }
}

impl RememberRules {
    /// No device is remembered.
    pub const OFF: Self = Self {
        mode: RememberMode::Off,
        length: Seconds(0),
        bind_key: true,
        bind_address: true,
        ipv4_prefix: 32,
        ipv6_prefix: 128,
    };

    /// Whether a device with these traits can be remembered: it needs every trait that it would be bound to.
    #[must_use]
    pub fn can_tell(&self, traits: &Traits<'_>) -> bool {
        let bound = self.bind_key || self.bind_address;
        let has_key = !self.bind_key || traits.key.is_some();
        let has_address = !self.bind_address || traits.address.is_some();
        self.mode != RememberMode::Off && bound && has_key && has_address
    }

    /// The mark of a device of `user` in the enrolment `credential`; `None` if a trait is missing.
    pub(crate) fn mark(
        &self,
        traits: &Traits<'_>,
        user: &User,
        credential: Id,
        key: &Secret,
    ) -> Option<Mark> {
        if !self.can_tell(traits) {
            return None;
        }
        let fingerprint = traits.key.filter(|_| self.bind_key);
        let address = traits.address.filter(|_| self.bind_address).map(|address| self.part(address));
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 section 3)")]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose()).expect("any key length");
        // Each field is preceded by its length, so that different fields never give the same bytes.
        for part in [PURPOSE, user.as_str().as_bytes(), credential.bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        for part in [fingerprint.map(str::to_owned), address] {
            // An unbound trait differs from an empty one.
            mac.update(&[u8::from(part.is_some())]);
            let part = part.unwrap_or_default();
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(Mark(mac.finalize().into_bytes().into()))
    }

    fn part(&self, address: IpAddr) -> String {
        let address = address.to_canonical();
        let prefix = if address.is_ipv4() { self.ipv4_prefix } else { self.ipv6_prefix };
        format!("{}/{prefix}", leading(address, prefix))
    }
}

impl Device {
    pub(crate) fn new(mark: Mark, now: u64, length: Seconds) -> Self {
        Self { mark, since: now, until: now.saturating_add(length.0), last_used: now, uses: 0 }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        let [a, b, c, d, ..] = self.mark.0;
        DeviceId([a, b, c, d])
    }

    /// When it was remembered, seconds since 1970.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    /// When it is forgotten, seconds since 1970.
    #[must_use]
    pub fn until(&self) -> u64 {
        self.until
    }

    /// When it last logged in without a code, seconds since 1970; if never, when it was remembered.
    #[must_use]
    pub fn last_used(&self) -> u64 {
        self.last_used
    }

    /// The number of logins without a code.
    #[must_use]
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// Whether it is still remembered: until its time, and not longer than the config allows now. A clock before its
    /// last use was set back and would remember it for longer, so it is then forgotten.
    pub(crate) fn holds(&self, length: Seconds, now: u64) -> bool {
        now >= self.last_used && now < self.until && now < self.since.saturating_add(length.0)
    }
}

/// The position of the device with this mark that is still remembered. All are compared, in constant time.
pub(crate) fn find(devices: &[Device], mark: &Mark, length: Seconds, now: u64) -> Option<usize> {
    let mut found = None;
    for (at, device) in devices.iter().enumerate() {
        let differ = device.mark.0.iter().zip(&mark.0).fold(0, |differ, (a, b)| differ | (a ^ b));
        if differ == 0 && device.holds(length, now) {
            found = Some(at);
        }
    }
    found
}

/// Adds `new`. It replaces the same device, a forgotten one, or the one used longest ago.
pub(crate) fn insert(devices: &mut Vec<Device>, new: Device) {
    devices.retain(|device| device.mark != new.mark && device.until > new.since);
    if devices.len() >= MOST_DEVICES {
        let oldest = devices.iter().enumerate().min_by_key(|(_, device)| device.last_used).map(|(at, _)| at);
        oldest.map(|at| devices.remove(at));
    }
    devices.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const DAY: Seconds = Seconds(86400);
    const BOTH: RememberRules =
        RememberRules { mode: RememberMode::Ask, length: DAY, ipv6_prefix: 64, ..RememberRules::OFF };

    fn alice() -> User {
        User::parse("alice").unwrap()
    }

    fn mark_for(remember: &RememberRules, key: Option<&str>, address: Option<&str>) -> Option<Mark> {
        let address = address.map(|address| address.parse().unwrap());
        let secret = Secret::new(b"12345678901234567890".to_vec());
        remember.mark(&Traits { key, address }, &alice(), Id::new([1; 16]), &secret)
    }

    fn device(mark: u8, since: u64) -> Device {
        Device::new(Mark([mark; 32]), since, DAY)
    }

    #[test]
    fn a_device_is_known_by_all_that_it_is_bound_to() {
        let known = mark_for(&BOTH, Some("SHA256:a"), Some("192.0.2.1"));
        assert!(known.is_some());
        assert_eq!(mark_for(&BOTH, Some("SHA256:a"), Some("::ffff:192.0.2.1")), known);
        assert_ne!(mark_for(&BOTH, Some("SHA256:b"), Some("192.0.2.1")), known);
        assert_ne!(mark_for(&BOTH, Some("SHA256:a"), Some("192.0.2.2")), known);
        assert_eq!(mark_for(&BOTH, None, Some("192.0.2.1")), None, "no key, and bound to one");
        assert_eq!(mark_for(&BOTH, Some("SHA256:a"), None), None, "no address, and bound to one");
    }

    #[test]
    fn an_address_counts_as_far_as_its_prefix() {
        let known = mark_for(&BOTH, Some("a"), Some("2001:db8::1"));
        assert_eq!(mark_for(&BOTH, Some("a"), Some("2001:db8::ffff")), known);
        assert_ne!(mark_for(&BOTH, Some("a"), Some("2001:db8:0:1::1")), known);
        let wide = RememberRules { ipv4_prefix: 24, ..BOTH };
        let known = mark_for(&wide, Some("a"), Some("192.0.2.1"));
        assert_eq!(mark_for(&wide, Some("a"), Some("192.0.2.200")), known);
        assert_ne!(mark_for(&wide, Some("a"), Some("192.0.3.1")), known);
    }

    #[test]
    fn a_key_is_not_needed_where_the_address_alone_binds_and_the_other_way_round() {
        let address = RememberRules { bind_key: false, ..BOTH };
        let known = mark_for(&address, None, Some("192.0.2.1"));
        assert!(known.is_some());
        assert_eq!(
            mark_for(&address, Some("a"), Some("192.0.2.1")),
            known,
            "what is not bound does not count"
        );
        let key = RememberRules { bind_address: false, ..BOTH };
        assert_eq!(mark_for(&key, Some("a"), None), mark_for(&key, Some("a"), Some("192.0.2.1")));
        assert_ne!(mark_for(&key, Some("a"), None), None);
        let nothing = RememberRules { bind_key: false, bind_address: false, ..BOTH };
        assert_eq!(mark_for(&nothing, Some("a"), Some("192.0.2.1")), None, "bound to nothing is anybody");
    }

    #[test]
    fn a_mark_is_one_users_in_one_enrolment_under_one_key() {
        let traits = Traits { key: Some("a"), address: None };
        let remember = RememberRules { bind_address: false, ..BOTH };
        let mark = |user: &str, id: u8, key: u8| {
            let user = User::parse(user).unwrap();
            remember.mark(&traits, &user, Id::new([id; 16]), &Secret::new(vec![key; 20])).unwrap()
        };
        let known = mark("alice", 1, 1);
        assert_eq!(mark("alice", 1, 1), known);
        assert_ne!(mark("bob", 1, 1), known);
        assert_ne!(mark("alice", 2, 1), known);
        assert_ne!(mark("alice", 1, 2), known);
    }

    #[test]
    fn a_device_is_forgotten_at_its_time_or_at_that_of_a_stricter_config() {
        let devices = [device(1, NOW)];
        let found = |length, now| find(&devices, &Mark([1; 32]), length, now);
        assert_eq!(found(DAY, NOW), Some(0));
        assert_eq!(found(DAY, NOW + 86399), Some(0));
        assert_eq!(found(DAY, NOW + 86400), None);
        assert_eq!(found(Seconds(3600), NOW + 3600), None);
        assert_eq!(found(Seconds(864_000), NOW + 86400), None, "a laxer config brings nothing back");
        assert_eq!(found(DAY, NOW - 1), None, "the clock was set back");
        assert_eq!(find(&devices, &Mark([2; 32]), DAY, NOW), None);
    }

    #[test]
    fn the_one_used_longest_ago_leaves_for_a_seventeenth() {
        let mut devices: Vec<Device> = (0..16).map(|n| device(n, NOW + u64::from(n))).collect();
        devices[0].last_used = NOW + 1000;
        insert(&mut devices, device(99, NOW + 500));
        assert_eq!(devices.len(), MOST_DEVICES);
        assert!(!devices.iter().any(|device| device.mark == Mark([1; 32])));
        assert!(devices.iter().any(|device| device.mark == Mark([0; 32])));
        insert(&mut devices, device(99, NOW + 600));
        assert_eq!(devices.iter().filter(|device| device.mark == Mark([99; 32])).count(), 1);
    }

    #[test]
    fn a_forgotten_device_leaves_first() {
        let mut devices =
            vec![device(1, NOW - 86401), device(2, NOW - 86399), device(3, NOW), device(4, NOW - 86400)];
        insert(&mut devices, device(5, NOW));
        let marks: Vec<u8> = devices.iter().map(|device| device.mark.0[0]).collect();
        assert_eq!(marks, [2, 3, 5]);
    }
}
