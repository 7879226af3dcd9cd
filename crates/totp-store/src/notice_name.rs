//! The file name of a waiting notice, which holds its state: `SECOND.NUMBER.UID.ID.TRIES.LAST`, and for a notice of a command
//! `.TOPIC` behind it, with `.begun` while its change has not ended and `.bulk` for the persons of an import.

use base16ct::lower;
use totp_core::store::notices::{Source, Topic, Waiting};

/// The file name of a notice.
pub(crate) fn name_of(waiting: &Waiting) -> String {
    let Waiting { at, number, uid, id, tries, last, source } = waiting;
    let uid = uid.map_or_else(|| "-".to_owned(), |uid| uid.to_string());
    let source = match source {
        Source::Login => String::new(),
        Source::Command(topic) => format!(".{topic}"),
        Source::Begun(topic) => format!(".{topic}.begun"),
        Source::Bulk(topic) => format!(".{topic}.bulk"),
    };
    format!("{at:012}.{number}.{uid}.{id}.{tries}.{last}{source}")
}

/// Reads such a name. Each notice has exactly one name: "01" for 1 is refused.
pub(crate) fn parse(name: &str) -> Option<Waiting> {
    let mut parts = name.split('.');
    let (at, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let uid = match parts.next()? {
        "-" => None,
        uid => Some(uid.parse().ok()?),
    };
    let is_id = |id: &&str| lower::decode(id, &mut [0; 16]).is_ok_and(|id| id.len() == 16);
    let id = parts.next().filter(is_id)?.to_owned();
    let (tries, last) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let source = match (parts.next(), parts.next()) {
        (None, _) => Source::Login,
        (Some(topic), None) => Source::Command(Topic::parse(topic)?),
        (Some(topic), Some("begun")) => Source::Begun(Topic::parse(topic)?),
        (Some(topic), Some("bulk")) => Source::Bulk(Topic::parse(topic)?),
        (Some(_), Some(_)) => return None,
    };
    let waiting = Waiting { at, number, uid, id, tries, last, source };
    (name_of(&waiting) == name).then_some(waiting)
}
