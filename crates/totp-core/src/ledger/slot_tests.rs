//! Tests of the ledger's file: what a slot holds, and which slot counts.

use super::*;
use proptest::prelude::*;

const ALICE: Id = Id::new([1; 16]);

fn ledger(used_up_to: u64) -> Ledger {
    Ledger::of(ALICE, vec![Progress { used_up_to, confirmed_at: 5 }])
}

fn device(at: u64) -> Device {
    Device { mark: Mark([7; 32]), since: at, until: at, last_used: at, uses: 9 }
}

fn file(first: Option<(&Ledger, u64)>, second: Option<(&Ledger, u64)>) -> Vec<u8> {
    let slot =
        |slot: Option<(&Ledger, u64)>| slot.map_or(vec![0; SLOT], |(ledger, number)| encode(ledger, number));
    [slot(first), slot(second)].concat()
}

#[test]
fn a_slot_holds_every_field() {
    let mut full = ledger(9);
    full.progress.push(Progress { used_up_to: 7, confirmed_at: 8 });
    full.failures = Failures { recent: (1..=16).collect(), consecutive: 17, locked_at: 20, locked_until: 18 };
    full.recovery = RecoveryMarks { set: Id::new([2; 16]), used: std::array::from_fn(|at| at as u64) };
    full.devices = vec![device(21), device(22)];
    full.notice = Some(ResetNotice { at: 23, until: 24, by: 25 });
    for method in [LoginMethod::Code(FactorKind::Totp), LoginMethod::RecoveryCode] {
        full.last_login = Some(LastLogin { at: 19, method });
        assert_eq!(decode(&encode(&full, 41)), Some((41, full.clone())));
    }
}

#[test]
fn a_slot_without_a_notice_keeps_its_bytes() {
    let slot = encode(&ledger(9), 41);
    assert!(slot[DEVICE_COUNT..BODY].iter().all(|&byte| byte == 0));
    let notice = Some(ResetNotice { at: 23, until: 24, by: 25 });
    let noticed = encode(&Ledger { notice, ..ledger(9) }, 41);
    assert_eq!(noticed[..DEVICE_COUNT + 4], slot[..DEVICE_COUNT + 4]);
    assert!(noticed[FIELDS..BODY].iter().all(|&byte| byte == 0));
}

#[test]
fn the_fields_end_before_the_zeros() {
    let full = Ledger {
        credential: ALICE,
        progress: vec![Progress { used_up_to: u64::MAX, confirmed_at: u64::MAX }; MOST_AUTHENTICATORS],
        failures: Failures {
            recent: vec![u64::MAX; MOST_ATTEMPTS],
            consecutive: u32::MAX,
            locked_at: u64::MAX,
            locked_until: u64::MAX,
        },
        recovery: RecoveryMarks::all_used(ALICE, u64::MAX),
        last_login: Some(LastLogin { at: u64::MAX, method: LoginMethod::RecoveryCode }),
        devices: vec![device(u64::MAX); MOST_DEVICES],
        notice: Some(ResetNotice { at: u64::MAX, until: u64::MAX, by: u32::MAX }),
    };
    assert_eq!(decode(&encode(&full, u64::MAX)), Some((u64::MAX, full)));
}

#[test]
fn a_slot_of_another_version_is_no_slot() {
    let mut slot = encode(&ledger(1), 1);
    slot[11] = 2;
    let checksum = checksum(&slot, FIELDS).unwrap();
    slot[BODY..].copy_from_slice(&checksum);
    assert!(decode(&slot).is_none());
    assert_eq!(newer_version(&slot), Some(2));
}

#[test]
fn the_newest_slot_of_the_credential_in_place_is_taken() {
    let (old, new, other) = (ledger(1), ledger(2), Ledger { credential: Id::new([9; 16]), ..ledger(3) });
    let bytes = file(Some((&new, 6)), Some((&old, 5)));
    let slots = Slots::of(&bytes);
    assert_eq!(slots.newest_of(ALICE), Some((new, NextSlot { spare: 1, sequence: 7 })));
    let bytes = file(Some((&old, 5)), Some((&other, 6)));
    let slots = Slots::of(&bytes);
    assert_eq!(slots.newest_of(ALICE), Some((old, NextSlot { spare: 1, sequence: 7 })));
}

#[test]
fn a_torn_slot_leaves_the_one_before_it() {
    let (old, new) = (ledger(1), ledger(2));
    let before = file(Some((&old, 5)), Some((&ledger(0), 4)));
    let slot = encode(&new, 6);
    // A prefix whose remainder happens to equal the old bytes is the whole write.
    for torn in 0..SLOT {
        let mut after = before.clone();
        after[SLOT..SLOT + torn].copy_from_slice(&slot[..torn]);
        let (read, _) = Slots::of(&after).newest_of(ALICE).unwrap();
        assert_eq!(read, if after[SLOT..] == slot { new.clone() } else { old.clone() }, "{torn}");
    }
}

#[test]
fn a_blank_file_says_that_nobody_is_enrolled() {
    let blank = blank();
    assert_eq!(blank.len(), LENGTH);
    assert!(Slots::of(&blank).none_enrolled());
    assert!(Slots::of(&blank).newest_of(ALICE).is_none());
    assert!(!Slots::of(&[0; LENGTH]).none_enrolled());
    assert!(!Slots::of(&file(Some((&ledger(1), 1)), None)).none_enrolled());
}

#[test]
fn a_slot_of_a_later_version_is_seen_beside_one_of_ours() {
    let old = ledger(1);
    let mut slot = encode(&old, 1);
    slot[11] = 2;
    let bytes = [encode(&old, 5), slot].concat();
    let slots = Slots::of(&bytes);
    assert_eq!(slots.newer(), Some(2));
    assert_eq!(Slots::of(&file(Some((&old, 5)), None)).newer(), None);
    assert_eq!(Slots::of(&blank()).newer(), None);
}

proptest! {
    #[test]
    fn any_changed_bit_is_noticed(at in 0..SLOT, bit in 0..8u8) {
        for devices in [vec![], vec![device(1)], vec![device(2); MOST_DEVICES]] {
            let mut slot = encode(&Ledger { devices, ..ledger(1) }, 1);
            slot[at] ^= 1 << bit;
            prop_assert!(decode(&slot).is_none());
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        let _ = Slots::of(&bytes).newest_of(ALICE);
    }
}
