//! The users to which a Match block applies.

use super::connection::ANY_USER;
use super::pattern::{examples, is_like, matches_list};
use crate::doctor::enrolments;
use nix::unistd::{Gid, Group, User as Passwd, getgrouplist};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;

/// Sample users who meet the criteria: every one of them that is named or enrolled, and one other; `None`: none can be found.
pub(super) fn users(criteria: &[(String, String)], enrolled: &[String]) -> Option<Vec<String>> {
    let lists = |wanted: &'static str| {
        criteria.iter().filter(move |(kind, _)| kind == wanted).map(|(_, list)| list.as_str())
    };
    if lists("user").chain(lists("group")).next().is_none() {
        return Some(vec![ANY_USER.to_owned()]);
    }
    let patterns = lists("user").flat_map(|list| list.split(',')).filter(|one| !one.starts_with('!'));
    let (like, plain): (Vec<&str>, Vec<&str>) = patterns.partition(|one| one.contains(['*', '?']));
    let members = lists("group").flat_map(|list| list.split(','));
    let members =
        members.filter_map(|name| Group::from_name(name).ok().flatten()).flat_map(|group| group.mem);
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    // Accounts of people come after those of the system.
    let known = passwd.lines().rev().filter_map(|line| line.split(':').next()).map(str::to_owned);
    let wanted = |name: &String| {
        lists("user").all(|list| matches_list(name, list, false))
            && lists("group").all(|list| is_member(name, list))
    };
    let named = plain.iter().map(|name| (*name).to_owned()).chain(enrolled.iter().cloned());
    let mut found: BTreeSet<String> = named.filter(|name| wanted(name) && enrolments::exists(name)).collect();
    found.extend(members.chain(known).find(wanted));
    // A name that no other block mentions, for accounts made later.
    let made_up = [ANY_USER.to_owned()].into_iter().chain(like.iter().flat_map(|pattern| examples(pattern)));
    found.extend(made_up.filter(|_| !like.is_empty()).find(wanted));
    // Only names without an account: nobody can log in by this block.
    let names_no_account =
        like.is_empty() && !plain.is_empty() && !plain.iter().any(|name| enrolments::exists(name));
    (!found.is_empty() || names_no_account).then(|| found.into_iter().collect())
}

fn is_member(name: &str, list: &str) -> bool {
    let groups = || {
        let account = Passwd::from_name(name).ok()??;
        let gids: Vec<Gid> = getgrouplist(&CString::new(name).ok()?, account.gid).ok()?;
        let groups = gids.into_iter().filter_map(|gid| Group::from_gid(gid).ok()?);
        Some(groups.map(|group| group.name).collect::<Vec<_>>())
    };
    let groups = groups().unwrap_or_default();
    let excluded = |pattern: &str| {
        pattern.strip_prefix('!').is_some_and(|one| groups.iter().any(|group| is_like(group, one)))
    };
    !list.split(',').any(excluded) && groups.iter().any(|group| matches_list(group, list, false))
}
