//! Owners: from where they log in, how often, and how well they type.

use super::chance::Chance;
use crate::lockout::source::Identity;
use crate::lockout::{Place, Source, SourceRules};
use crate::network::Network;
use crate::random::{Id, Secret};

/// From where an owner logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// Always the same address.
    OnePlace,
    NewAddressEachDay,
    /// A mobile carrier, with five addresses a day.
    Carrier,
    ThreeNewPlacesAWeek,
    /// Another address of the same /64 at each login (RFC 8981).
    Ipv6Privacy,
    /// Through a bastion that 200 people share, with a key of one's own.
    BastionWithKey,
    /// The same without a key.
    Bastion,
    /// The same, and the bastion is one of `shared_addresses`.
    SharedBastion,
    /// sudo at the own uid.
    Sudo,
    /// One place, but for ten days a year.
    HomeAndTravel,
}

impl Whereabouts {
    /// Whether every login comes from the same source.
    pub(super) fn is_fixed(self) -> bool {
        match self {
            Self::OnePlace | Self::BastionWithKey | Self::Bastion | Self::SharedBastion | Self::Sudo => true,
            Self::NewAddressEachDay
            | Self::Carrier
            | Self::ThreeNewPlacesAWeek
            | Self::Ipv6Privacy
            | Self::HomeAndTravel => false,
        }
    }

    /// Whether the source of most logins is settled.
    pub(super) fn is_settled(self) -> bool {
        match self {
            Self::NewAddressEachDay | Self::Carrier | Self::ThreeNewPlacesAWeek | Self::SharedBastion => {
                false
            }
            Self::OnePlace
            | Self::Ipv6Privacy
            | Self::BastionWithKey
            | Self::Bastion
            | Self::Sudo
            | Self::HomeAndTravel => true,
        }
    }
}

/// What an owner does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habit {
    pub(super) name: &'static str,
    pub(super) whereabouts: Whereabouts,
    pub(super) logins_a_day: u64,
    /// Of a thousand codes, how many are mistyped.
    pub(super) typos: u64,
    /// Phones and fobs.
    pub(super) authenticators: usize,
}

const fn habit(name: &'static str, whereabouts: Whereabouts, logins_a_day: u64, typos: u64) -> Habit {
    Habit { name, whereabouts, logins_a_day, typos, authenticators: 1 }
}

/// The habits that are simulated.
pub(super) const HABITS: [Habit; 11] = [
    habit("one place", Whereabouts::OnePlace, 5, 20),
    habit("20 logins a day, 3 % typos", Whereabouts::OnePlace, 20, 30),
    habit("a new address each day", Whereabouts::NewAddressEachDay, 5, 20),
    habit("a mobile carrier, five addresses a day", Whereabouts::Carrier, 5, 20),
    Habit {
        authenticators: 2,
        ..habit("three new places a week, phone and fob", Whereabouts::ThreeNewPlacesAWeek, 5, 20)
    },
    habit("IPv6 privacy addresses", Whereabouts::Ipv6Privacy, 5, 20),
    habit("ProxyJump through a bastion of 200, own key", Whereabouts::BastionWithKey, 5, 20),
    habit("a bastion of 200, no key", Whereabouts::Bastion, 5, 20),
    habit("the same, in shared_addresses", Whereabouts::SharedBastion, 5, 20),
    habit("sudo 30 times a day", Whereabouts::Sudo, 30, 20),
    habit("one place, and ten days of travel", Whereabouts::HomeAndTravel, 5, 20),
];

/// The uid of the account.
pub(super) const UID: u32 = 1001;
pub(super) const OWN_KEY: &str = "SHA256:of-the-owner";
pub(super) const BASTION: &str = "198.51.100.9";
const HOME: &str = "203.0.113.7";

/// The sources of an account, as the program makes them.
pub(super) struct Sources {
    rules: SourceRules,
    secret: Secret,
}

impl Sources {
    /// Those of a config in which the bastion is in `shared_addresses` or not.
    pub(super) fn new(is_shared: bool) -> Self {
        #[expect(clippy::expect_used, reason = "it is one")]
        let network = Network::parse("198.51.100.9/32").expect("a network");
        let shared_addresses = if is_shared { vec![network] } else { Vec::new() };
        Self {
            rules: SourceRules { shared_addresses, ..SourceRules::default() },
            secret: Secret::new(b"12345678901234567890".to_vec()),
        }
    }

    pub(super) fn identity(&self, source: &Source) -> Identity {
        source.identity(Some(UID), Id::new([1; 16]), Some(&self.secret))
    }

    /// An address, with a key or without.
    pub(super) fn remote(&self, key: Option<&str>, address: &str) -> Identity {
        self.identity(&remote(key, address, &self.rules))
    }

    /// Where an owner logs in on this day, for this login of the day.
    pub(super) fn of(&self, whereabouts: Whereabouts, day: u64, login: u64, chance: &mut Chance) -> Identity {
        self.identity(&source(whereabouts, day, login, chance, &self.rules))
    }
}

/// An address, with a key or without.
pub(super) fn remote(key: Option<&str>, address: &str, rules: &SourceRules) -> Source {
    Place::of(address, rules)
        .map_or(Source::Foreign, |place| Source::Remote { key: key.map(str::to_owned), place })
}

fn source(
    whereabouts: Whereabouts,
    day: u64,
    login: u64,
    chance: &mut Chance,
    rules: &SourceRules,
) -> Source {
    let of = |number: u64| format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    let (key, address) = match whereabouts {
        Whereabouts::OnePlace => (None, HOME.to_owned()),
        Whereabouts::NewAddressEachDay => (None, of(day)),
        Whereabouts::Carrier => (None, of(chance.below(1 << 20))),
        Whereabouts::ThreeNewPlacesAWeek => (None, of(day * 3 / 7)),
        Whereabouts::Ipv6Privacy => (None, format!("2001:db8:1:2::{:x}", 1 + chance.below(65535))),
        Whereabouts::BastionWithKey => (Some(OWN_KEY), BASTION.to_owned()),
        Whereabouts::Bastion | Whereabouts::SharedBastion => (None, BASTION.to_owned()),
        Whereabouts::Sudo => return Source::Local(UID),
        Whereabouts::HomeAndTravel if day % 365 / 5 == 60 || day % 365 / 5 == 70 => {
            (None, of(1_000_000 + day / 5 + login % 2))
        }
        Whereabouts::HomeAndTravel => (None, HOME.to_owned()),
    };
    remote(key, &address, rules)
}
