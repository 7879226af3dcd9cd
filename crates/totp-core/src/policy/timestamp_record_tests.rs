use super::*;
use proptest::prelude::*;

fn boot(digit: char) -> BootId {
    BootId::parse(&format!("{}-4444-4444-4444-{}", digit.to_string().repeat(8), "5".repeat(12))).unwrap()
}

fn process(pid: u32) -> Process {
    Process { pid, start: u64::from(pid) * 10 }
}

fn timestamp() -> TimestampRecord {
    TimestampRecord {
        uid: 1001,
        credential: Id::new([1; 16]),
        boot: boot('1'),
        leader: process(20),
        at: 1000,
    }
}

const ALICE: u32 = 1001;
const BOB: u32 = 1002;
const ROOTS: Uids = Uids([0; 4]);
const ALICES: Uids = Uids([ALICE; 4]);
const BOBS: Uids = Uids([BOB; 4]);

/// What su and sudo have while they ask: the caller's real uid, and root's.
fn set_user_id(caller: u32) -> Uids {
    Uids([caller, 0, 0, 0])
}

fn one(pid: u32, session: u32, uids: Uids) -> Ancestor {
    Ancestor { process: process(pid), uids, session, has_terminal: false, is_fork: false }
}

fn at_terminal(pid: u32, session: u32, uids: Uids) -> Ancestor {
    Ancestor { has_terminal: true, ..one(pid, session, uids) }
}

fn fork(pid: u32, session: u32, uids: Uids) -> Ancestor {
    Ancestor { is_fork: true, ..one(pid, session, uids) }
}

/// sshd's session (20) of a connection to sshd (10), and alice's process of it (25).
fn connection() -> [Ancestor; 3] {
    [fork(25, 20, ALICES), one(20, 20, ROOTS), one(10, 10, ROOTS)]
}

/// sudo (40) of a shell (30) at the terminal of a connection.
fn chain() -> Vec<Ancestor> {
    below_connection(&[at_terminal(40, 30, set_user_id(ALICE)), at_terminal(30, 30, ALICES)])
}

fn below_connection(below: &[Ancestor]) -> Vec<Ancestor> {
    [below, &connection()].concat()
}

fn caller(ancestors: &[Ancestor]) -> Caller<'_> {
    let (origin, requester) = (SessionOrigin::Local, Some(ALICE));
    Caller { uid: ALICE, origin, requester, ancestors, is_socket_instance: false }
}

fn age_of(timestamp: &TimestampRecord, caller: Caller<'_>, now: u64) -> Option<Seconds> {
    timestamp.age(&Asker { caller, credential: Id::new([1; 16]), boot: &boot('1'), now })
}

fn age(change: impl FnOnce(&mut TimestampRecord), chain: &[Ancestor], now: u64) -> Option<Seconds> {
    let mut timestamp = timestamp();
    change(&mut timestamp);
    age_of(&timestamp, caller(chain), now)
}

/// Whether a timestamp of the session that `leader` leads counts there.
fn counts(leader: u32, caller: Caller<'_>) -> bool {
    age_of(&TimestampRecord { leader: process(leader), uid: caller.uid, ..timestamp() }, caller, 1000)
        .is_some()
}

#[test]
fn a_timestamp_counts_for_what_descends_from_its_process() {
    assert_eq!(age(|_| {}, &chain(), 1000), Some(Seconds(0)));
    assert_eq!(age(|_| {}, &chain(), 1900), Some(Seconds(900)));
    assert_eq!(
        age(|timestamp| timestamp.leader = process(30), &chain(), 1000),
        Some(Seconds(0)),
        "a terminal's"
    );
    assert_eq!(age(|timestamp| timestamp.leader = process(21), &chain(), 1000), None, "another session");
}

#[test]
fn a_number_that_was_given_again_is_another_process() {
    assert_eq!(age(|timestamp| timestamp.leader.start = 201, &chain(), 1000), None);
}

#[test]
fn another_account_enrolment_or_boot_does_not_count() {
    assert_eq!(age(|timestamp| timestamp.uid = 0, &chain(), 1000), None);
    assert_eq!(age(|timestamp| timestamp.credential = Id::new([2; 16]), &chain(), 1000), None);
    assert_eq!(age(|timestamp| timestamp.boot = boot('2'), &chain(), 1000), None);
    assert_eq!(age(|timestamp| timestamp.at = 1001, &chain(), 1000), None, "from the future");
}

#[test]
fn a_third_account_anywhere_in_the_line_ends_freshness() {
    assert!(counts(20, caller(&chain())));
    for at in 0..chain().len() {
        for third in [BOBS, set_user_id(BOB), Uids([ALICE, BOB, ALICE, ALICE]), Uids([0, 0, BOB, 0])] {
            let mut chain = chain();
            chain[at].uids = third;
            assert!(!counts(20, caller(&chain)) && !counts(30, caller(&chain)), "{at} {third:?}");
        }
    }
}

#[test]
fn root_and_the_account_itself_anywhere_below_the_login_keep_freshness() {
    for mixed in [ROOTS, ALICES, set_user_id(ALICE), Uids([0, ALICE, 0, ALICE])] {
        let mut chain = chain();
        chain[0].uids = mixed;
        assert!(counts(20, caller(&chain)) && counts(30, caller(&chain)), "{mixed:?}");
    }
}

#[test]
fn su_in_the_place_of_another_accounts_shell_does_not_count() {
    // alice's shell (30), su (40), and bob's `exec su alice` in the place of the shell that su started (41).
    let below = [
        at_terminal(41, 30, set_user_id(BOB)),
        at_terminal(40, 30, set_user_id(ALICE)),
        at_terminal(30, 30, ALICES),
    ];
    assert!(!counts(20, caller(&below_connection(&below))));
    // A program that has root's uids alone: the application says who called it.
    let below = [at_terminal(41, 30, ROOTS), below[1], below[2]];
    let chain = below_connection(&below);
    assert!(counts(20, caller(&chain)));
    assert!(counts(20, Caller { requester: Some(0), ..caller(&chain) }));
    assert!(counts(20, Caller { requester: None, ..caller(&chain) }));
    let by_bob = Caller { requester: Some(BOB), ..caller(&chain) };
    assert!(!counts(20, by_bob));
    assert_eq!((by_bob.leader(), caller(&chain).leader()), (None, Some(process(30))));
}

#[test]
fn a_uid_that_the_kernel_cannot_show_is_nobodys() {
    let unknown = Uids([OVERFLOW; 4]);
    let below = [at_terminal(40, 30, set_user_id(OVERFLOW)), at_terminal(30, 30, unknown)];
    let chain = [&below[..], &[one(25, 20, unknown), one(20, 20, ROOTS), one(10, 10, ROOTS)]].concat();
    let nobody = Caller { uid: OVERFLOW, requester: None, ..caller(&chain) };
    assert!(!counts(20, nobody));
    assert_eq!(nobody.leader(), None);
}

#[test]
fn a_remote_login_is_never_fresh() {
    for origin in [SessionOrigin::Sshd, SessionOrigin::Remote] {
        assert!(!counts(20, Caller { origin, ..caller(&chain()) }), "{origin:?}");
    }
}

#[test]
fn a_session_without_a_terminal_counts_only_as_sshds_of_one_connection() {
    // A server (20) whose session all connections share: of each there is an sshd (22), and below that alice's process.
    let shared = [
        at_terminal(40, 30, set_user_id(ALICE)),
        at_terminal(30, 30, ALICES),
        fork(25, 20, ALICES),
        one(22, 20, ROOTS),
        one(20, 20, ROOTS),
        one(10, 10, ROOTS),
    ];
    assert!(!counts(20, caller(&shared)));
    assert!(counts(30, caller(&shared)), "the terminal of one");
    // ssh without a terminal: the command leads a session of its own, which says nothing.
    let command = below_connection(&[one(40, 30, set_user_id(ALICE)), one(30, 30, ALICES)]);
    assert!(counts(20, caller(&command)));
    assert!(!counts(30, caller(&command)));
    assert_eq!(caller(&command).leader(), None);
    let deeper =
        below_connection(&[one(40, 30, set_user_id(ALICE)), one(35, 30, ALICES), one(30, 30, ALICES)]);
    assert!(!counts(30, caller(&deeper)));
}

#[test]
fn what_was_left_behind_by_a_login_is_in_no_login_session() {
    // sudo of a shell of a multiplexer that the first of all processes has adopted.
    let left = [at_terminal(40, 30, set_user_id(ALICE)), at_terminal(30, 30, ALICES), one(25, 25, ALICES)];
    assert!(!counts(30, caller(&left)) && !counts(20, caller(&left)));
    // `exec sudo` of its first shell: the leader is the asking program itself, and root's.
    let exec = [at_terminal(30, 30, ROOTS), left[2]];
    assert!(!counts(30, caller(&exec)) && !counts(30, caller(&exec[..1])));
    // The same where a process of root's adopts orphans.
    let adopted = [&left[..], &[one(2, 2, ROOTS)]].concat();
    assert!(!counts(30, caller(&adopted)));
    // script(1), which stays behind without leading a session: the leader of its own is gone.
    let script = [left[0], left[1], one(25, 24, ALICES), one(2, 2, ROOTS)];
    assert!(!counts(30, caller(&script)));
}

#[test]
fn a_login_at_a_terminal_counts() {
    // sudo (40) of a shell (30) of login (20), by the leader of the first session and by that of the second.
    let console =
        [at_terminal(40, 30, set_user_id(ALICE)), at_terminal(30, 30, ALICES), at_terminal(20, 20, ROOTS)];
    assert!(counts(20, caller(&console)) && counts(30, caller(&console)));
    let login = Caller { requester: None, ..caller(&console[2..]) };
    assert_eq!(login.leader(), Some(process(20)));
    let remote = Caller { origin: SessionOrigin::Remote, ..login };
    assert_eq!(remote.leader(), None);
}

#[test]
fn a_timestamp_is_left_at_a_terminal_of_the_account_and_of_no_other() {
    assert_eq!(caller(&chain()).leader(), Some(process(30)));
    // alice's code in bob's shell, at bob's terminal.
    let bobs = below_connection(&[at_terminal(40, 30, set_user_id(BOB)), at_terminal(30, 30, BOBS)]);
    assert_eq!(caller(&bobs).leader(), None);
    let bobs_shell = [chain()[0], at_terminal(35, 30, BOBS), chain()[1]];
    assert_eq!(caller(&below_connection(&bobs_shell)).leader(), None);
    let gone = below_connection(&[at_terminal(40, 29, set_user_id(ALICE))]);
    assert_eq!(caller(&gone).leader(), None, "the leader is no ancestor");
    assert_eq!(caller(&[]).leader(), None);
}

#[test]
fn sshd_leaves_a_timestamp_for_its_own_connection_only() {
    fn sshd(ancestors: &[Ancestor]) -> Caller<'_> {
        Caller { origin: SessionOrigin::Sshd, requester: None, ..caller(ancestors) }
    }
    let (leader, listener) = (one(20, 20, ROOTS), one(10, 10, ROOTS));
    let itself = [leader, listener];
    let its_copy = [fork(21, 20, ROOTS), leader, listener];
    assert_eq!(sshd(&itself).leader(), Some(process(20)));
    assert_eq!(sshd(&its_copy).leader(), Some(process(20)));
    for other in [
        // Started by a server for this connection, in the session of all.
        &[one(21, 20, ROOTS), leader, listener][..],
        &[fork(22, 20, ROOTS), one(21, 20, ROOTS), leader, listener],
        // Started by the first of all.
        &[leader],
        &[fork(21, 20, ROOTS), leader],
        // In debug mode: at the terminal that it was started at.
        &[at_terminal(20, 20, ROOTS), listener],
        // Not root's.
        &[fork(21, 20, ROOTS), one(20, 20, ALICES), listener],
    ] {
        assert_eq!(sshd(other).leader(), None, "{other:?}");
    }
    // Started by the first of all for this connection.
    let of_socket = |ancestors: &[Ancestor]| Caller { is_socket_instance: true, ..sshd(ancestors) }.leader();
    assert_eq!(of_socket(&[leader]), Some(process(20)));
    assert_eq!(of_socket(&[fork(21, 20, ROOTS), leader]), Some(process(20)));
    assert_eq!(of_socket(&[one(21, 20, ROOTS), leader]), None);
    assert_eq!(of_socket(&[fork(21, 20, ROOTS), one(20, 20, ALICES)]), None);
    assert_eq!(of_socket(&[at_terminal(20, 20, ROOTS)]), None);
    let remote = Caller { origin: SessionOrigin::Remote, ..sshd(&itself) };
    let local = Caller { origin: SessionOrigin::Local, ..sshd(&itself) };
    assert_eq!((remote.leader(), local.leader()), (None, None));
}

#[test]
fn a_timestamp_of_a_connection_that_the_first_process_started_counts_in_it() {
    // sudo (40) of a shell (30) of alice's process (25) of sshd (20).
    let chain = [
        at_terminal(40, 30, set_user_id(ALICE)),
        at_terminal(30, 30, ALICES),
        fork(25, 20, ALICES),
        one(20, 20, ROOTS),
    ];
    assert!(counts(20, caller(&chain)) && !counts(19, caller(&chain)));
    // What outlives it has another parent, or none but the first process.
    assert!(!counts(20, caller(&chain[..2])));
}

#[test]
fn a_boot_is_named_by_36_hexadecimal_digits_and_dashes() {
    let name = "0123abcd-4444-4444-4444-555555555555";
    assert!(BootId::parse(name).is_some());
    for other in ["", &name[1..], &format!("{name}5"), &name.replace('a', "g"), &name.replace('-', " ")] {
        assert_eq!(BootId::parse(other), None, "{other}");
    }
}

#[test]
fn a_timestamp_is_one_line_and_half_of_it_is_none() {
    let line = timestamp().encode();
    assert_eq!(TimestampRecord::decode(line.as_bytes()), Some(timestamp()));
    for end in 0..line.len() {
        assert_eq!(TimestampRecord::decode(&line.as_bytes()[..end]), None, "{end}");
    }
    for line in [
        line.replace("fresh 1", "fresh 2"),
        format!("{} 1\n", line.trim_end()),
        line.replace("1001", "+1001"),
        line.replace("1001", "01001"),
        line.replace("1000\n", "00\n"),
    ] {
        assert_eq!(TimestampRecord::decode(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn a_timestamp_of_another_version_is_none() {
    let line = timestamp().encode();
    assert!(TimestampRecord::decode(line.as_bytes()).is_some());
    for version in ["0", "2", "11", "1x"] {
        let other = line.replacen("pam_totp-fresh 1", &format!("pam_totp-fresh {version}"), 1);
        assert_eq!(TimestampRecord::decode(other.as_bytes()), None, "{version}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = TimestampRecord::decode(&bytes);
    }
}
