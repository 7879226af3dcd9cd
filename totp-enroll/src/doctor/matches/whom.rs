//! Whom a Match block is about.

use super::connection::ANYBODY;
use super::pattern::{examples, fits, is_like};
use crate::doctor::people;
use nix::unistd::{Gid, Group, User as Passwd, getgrouplist};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;

/// Of those criteria: everybody who is named or enrolled, and one of the others.
pub(super) fn users(criteria: &[(String, String)], enrolled: &[String]) -> Option<Vec<String>> {
    let lists = |wanted: &'static str| {
        criteria.iter().filter(move |(kind, _)| kind == wanted).map(|(_, list)| list.as_str())
    };
    if lists("user").chain(lists("group")).next().is_none() {
        return Some(vec![ANYBODY.to_owned()]);
    }
    let patterns = lists("user").flat_map(|list| list.split(',')).filter(|one| !one.starts_with('!'));
    let (like, plain): (Vec<&str>, Vec<&str>) = patterns.partition(|one| one.contains(['*', '?']));
    let members = lists("group").flat_map(|list| list.split(','));
    let members =
        members.filter_map(|name| Group::from_name(name).ok().flatten()).flat_map(|group| group.mem);
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    // People stand behind what the system brought.
    let known = passwd.lines().rev().filter_map(|line| line.split(':').next()).map(str::to_owned);
    let wanted = |name: &String| {
        lists("user").all(|list| fits(name, list, false)) && lists("group").all(|list| is_member(name, list))
    };
    let people = plain.iter().map(|name| (*name).to_owned()).chain(enrolled.iter().cloned());
    let mut found: BTreeSet<String> = people.filter(|name| wanted(name) && people::exists(name)).collect();
    found.extend(members.chain(known).find(wanted));
    // Someone of whom no other block speaks, such as an account to come.
    let made_up = [ANYBODY.to_owned()].into_iter().chain(like.iter().flat_map(|pattern| examples(pattern)));
    found.extend(made_up.filter(|_| !like.is_empty()).find(wanted));
    // Named are those alone who are no accounts here: nobody gets in by it.
    let is_about_nobody =
        like.is_empty() && !plain.is_empty() && !plain.iter().any(|name| people::exists(name));
    (!found.is_empty() || is_about_nobody).then(|| found.into_iter().collect())
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
    !list.split(',').any(excluded) && groups.iter().any(|group| fits(group, list, false))
}
