//! Attackers: what they have, where they are, and when they try.

use super::account::{RULES, Shape};
use super::owner::{BASTION, Habit, OWN_KEY, Sources, UID, Whereabouts};
use crate::lockout::source::Identity;
use crate::lockout::{Limit, RiskRules, Source};
use crate::login::Rules;
use crate::time::Seconds;

/// From where an attacker tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    OneAddress,
    /// Another address at each try.
    ManyAddresses,
    /// The bastion that the owner uses too, with a key of the attacker's.
    Bastion,
    /// With the owner's key, from other addresses and without a key in turn.
    StolenKey,
    /// The owner's address: the carrier's NAT, the VPN's exit, the office.
    OwnersAddress,
    /// The owner's address with the owner's key, and without.
    OwnersAddressAndKey,
    /// The owner's uid: malware that knows the password.
    OwnUid,
    /// No address.
    Nowhere,
}

impl Origin {
    /// Whether the tries of an owner of this habit come from there too.
    pub(super) fn is_shared(self, habit: &Habit) -> bool {
        let (is_local, has_key) = match habit.whereabouts {
            Whereabouts::Sudo => (true, false),
            Whereabouts::BastionWithKey => (false, true),
            Whereabouts::OnePlace
            | Whereabouts::NewAddressEachDay
            | Whereabouts::Carrier
            | Whereabouts::ThreeNewPlacesAWeek
            | Whereabouts::Ipv6Privacy
            | Whereabouts::Bastion
            | Whereabouts::SharedBastion
            | Whereabouts::HomeAndTravel => (false, false),
        };
        match self {
            Self::OwnersAddress => !has_key,
            Self::OwnersAddressAndKey => true,
            Self::OwnUid => is_local,
            Self::OneAddress | Self::ManyAddresses | Self::Bastion | Self::StolenKey | Self::Nowhere => false,
        }
    }

    /// Whether some of its tries may be paid by a budget that is not the foreign one.
    pub(super) fn may_be_settled(self) -> bool {
        match self {
            Self::OwnersAddress | Self::OwnersAddressAndKey | Self::OwnUid => true,
            Self::OneAddress | Self::ManyAddresses | Self::Bastion | Self::StolenKey | Self::Nowhere => false,
        }
    }

    /// The sources from which this try can come. `owner`: that of the owner's last login.
    pub(super) fn identities(self, sources: &Sources, number: u64, owner: &Identity) -> Vec<Identity> {
        let other = || format!("192.0.2.{number}");
        match self {
            Self::OneAddress => vec![sources.remote(None, "192.0.2.1")],
            Self::ManyAddresses => vec![sources.remote(None, &other())],
            Self::Bastion => vec![sources.remote(Some("SHA256:of-the-attacker"), BASTION)],
            Self::StolenKey => vec![sources.remote(Some(OWN_KEY), &other()), sources.remote(None, &other())],
            Self::OwnersAddress if owner.key.is_some() => vec![sources.remote(None, BASTION)],
            Self::OwnersAddress => vec![*owner],
            Self::OwnersAddressAndKey => vec![*owner, sources.remote(Some(OWN_KEY), &other())],
            Self::OwnUid => vec![sources.identity(&Source::Local(UID))],
            Self::Nowhere => vec![Identity::FOREIGN],
        }
    }
}

/// When an attacker tries, and what goes wrong meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    /// Whenever a try would be judged: the answers of a login say when.
    AtOnce,
    /// Nine tries just before each login of the owner.
    BeforeLogins,
    /// The clock is set back and forward by up to a year.
    WithTheClock,
    /// Every other try is killed between the charge and the result.
    Killed,
    /// Before each guess, a code of the owner is replayed.
    Replaying,
}

/// Which services an attacker finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Services {
    /// One with the defaults.
    Default,
    /// One that hardly limits.
    Lax,
    /// Those two, one that limits more, and different windows.
    Many,
    /// Those of two configs, of which one allows half the risk.
    TwoRisks,
}

/// A strategy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strategy {
    pub(super) name: &'static str,
    pub(super) origin: Origin,
    pub(super) timing: Timing,
    pub(super) services: Services,
    /// Whether the attacker has the password.
    pub(super) is_proven: bool,
    /// Unused scratch codes of the account.
    pub(super) scratch: u64,
}

const fn strategy(name: &'static str, origin: Origin, timing: Timing, services: Services) -> Strategy {
    Strategy { name, origin, timing, services, is_proven: true, scratch: 0 }
}

/// The strategies that are simulated.
pub(super) const STRATEGIES: [Strategy; 16] = [
    strategy("one address", Origin::OneAddress, Timing::AtOnce, Services::Default),
    strategy("many addresses", Origin::ManyAddresses, Timing::AtOnce, Services::Default),
    strategy("hides before each login", Origin::OneAddress, Timing::BeforeLogins, Services::Default),
    strategy("bursts at a lax service", Origin::ManyAddresses, Timing::AtOnce, Services::Lax),
    strategy("many services and windows", Origin::ManyAddresses, Timing::AtOnce, Services::Many),
    strategy("two configs, two risks", Origin::Nowhere, Timing::AtOnce, Services::TwoRisks),
    strategy("the bastion, another key", Origin::Bastion, Timing::AtOnce, Services::Lax),
    strategy("the owner's key elsewhere", Origin::StolenKey, Timing::AtOnce, Services::Default),
    strategy("a clock set back and forward", Origin::OneAddress, Timing::WithTheClock, Services::Lax),
    strategy("replays codes of the owner", Origin::ManyAddresses, Timing::Replaying, Services::Lax),
    strategy("kills every other login", Origin::ManyAddresses, Timing::Killed, Services::Lax),
    Strategy {
        is_proven: false,
        ..strategy("a bot without a first factor", Origin::ManyAddresses, Timing::AtOnce, Services::Lax)
    },
    Strategy {
        scratch: 5,
        ..strategy("scratch codes as well", Origin::OneAddress, Timing::AtOnce, Services::Lax)
    },
    strategy("the owner's address", Origin::OwnersAddress, Timing::AtOnce, Services::Default),
    strategy("the owner's address and key", Origin::OwnersAddressAndKey, Timing::AtOnce, Services::Lax),
    strategy("the owner's uid", Origin::OwnUid, Timing::AtOnce, Services::Default),
];

/// Hardly any limit.
const LAX: Limit = Limit {
    attempts: 16,
    per: Seconds(1),
    lock_after: 1000,
    lock_for: Seconds(1),
    lock_max: Seconds(1),
    disable_after: 1000,
};

impl Strategy {
    /// The rules of the services that it can use.
    pub(super) fn rules(&self) -> Vec<Rules> {
        let lax = Rules { limit: LAX, ..RULES };
        let mut wide = lax;
        wide.windows.totp.drift_steps = 4;
        let mut strict = RULES;
        (strict.windows.totp.drift_steps, strict.limit.attempts) = (0, 2);
        strict.limit.lock_after = 3;
        let mut careful = strict;
        careful.risk = RiskRules { yearly_risk: RULES.risk.yearly_risk / 2, ..RULES.risk };
        match self.services {
            Services::Default => vec![RULES],
            Services::Lax => vec![lax],
            Services::Many => vec![RULES, wide, strict],
            Services::TwoRisks => vec![careful, lax],
        }
    }

    /// The risk of a year that holds for what it does.
    pub(super) fn yearly_risk(&self) -> u64 {
        let all = self.rules().into_iter().map(|rules| rules.risk.yearly_risk).min();
        let risk = all.unwrap_or(RULES.risk.yearly_risk);
        if self.is_proven { risk } else { risk / 2 }
    }

    /// What it types.
    pub(super) fn shapes(&self) -> &'static [Shape] {
        match self.services {
            Services::Default | Services::Lax | Services::TwoRisks if self.scratch == 0 => &[Shape::Trailing],
            Services::Default | Services::Lax | Services::Many | Services::TwoRisks => {
                &[Shape::Trailing, Shape::Digits(6), Shape::Digits(7), Shape::Digits(8)]
            }
        }
    }
}
