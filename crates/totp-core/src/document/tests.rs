//! Reading documents: errors, numbers, base64, ids and days.

use super::*;
use data_encoding::BASE64;
use proptest::prelude::*;

fn sample(text: &[u8]) -> Result<(u8, Option<String>), DocumentError> {
    read(Path::new("/etc/x.toml"), text, "fix it", |table| {
        Ok((table.required("count")?, table.optional("name")?))
    })
}

fn error(text: &[u8]) -> DocumentError {
    sample(text).unwrap_err()
}

#[test]
fn an_error_names_the_file_the_line_and_the_key() {
    let error = error(b"# hello\ncount = 1\nwat = 2\n");
    assert_eq!(error.line, Some(3));
    assert!(error.to_string().starts_with("/etc/x.toml line 3: unknown field `wat`"), "{error}");
    assert!(error.to_string().ends_with("expected one of `count`, `name`; fix it"), "{error}");
}

#[test]
fn what_is_there_and_nothing_else_is_read() {
    assert_eq!(sample(b"count = 0x10\n"), Ok((16, None)));
    assert_eq!(sample(b"name = 'a'\ncount = 255"), Ok((255, Some("a".to_owned()))));
    assert!(error(b"name = 'a'\n").problem.contains("missing field `count`"));
    assert_eq!(error(b"count = 1\nname = ''\n\ncount = 2\n").line, Some(4));
}

#[test]
fn of_several_mistakes_the_first_of_the_document_is_named() {
    let error = error(b"count = 1\nzz = 1\naa = 1\n");
    assert_eq!(error.line, Some(2), "{error}");
}

#[test]
fn tables_with_names_are_read_in_the_order_of_the_document() {
    let text = b"[t.b]\ncount = 1\n[t.c]\ncount = 3\n[t.a]\ncount = 2\n";
    let named = read(Path::new("/x"), text, "fix it", |table| {
        table.named_sections("t", |_, table| table.required::<u8>("count"))
    });
    let named = named.unwrap();
    assert_eq!(named, [("b".to_owned(), 1), ("c".to_owned(), 3), ("a".to_owned(), 2)]);
}

#[test]
fn a_key_breaks_no_line_of_an_error() {
    let error = error(b"count = 1\n\"a\\nb\\u001b\" = 2\n").to_string();
    assert!(!error.contains(['\n', '\u{1b}']) && error.contains("a\\nb"), "{error}");
}

#[test]
fn no_kind_of_value_is_repeated() {
    let values =
        ["\"a\\\"b\"", "12345678", "-987", "true", "1.5", "[ 77 ]", "{ a = 1 }", "2026-11-20", "0x1234"];
    for (name, value) in values.iter().flat_map(|value| [("count", value), ("name", value)]) {
        if name == "name" && value.starts_with('"') {
            continue;
        }
        let text =
            if name == "name" { format!("count = 1\nname = {value}") } else { format!("count = {value}") };
        let error = error(text.as_bytes());
        let inner = value.trim_matches(['"', '[', ']', ' ']);
        assert!(!error.problem.contains(inner) && !error.problem.contains("4660"), "{value}: {error}");
        assert!(error.problem.starts_with(&format!("`{name}`: ")), "{value}: {error}");
    }
}

#[test]
fn a_number_that_does_not_fit_is_an_error() {
    for number in ["256", "-1", "9223372036854775808", "0xffffffffffffffffff"] {
        assert!(sample(format!("count = {number}").as_bytes()).is_err(), "{number}");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_line() {
    assert_eq!(error(b"count = 1\n# \xff\n").line, Some(2));
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    Base64::read(&Value::String(text.into())).ok().map(|Base64(bytes)| bytes)
}

#[test]
fn there_is_one_way_to_write_bytes_in_base64() {
    assert_eq!(decoded("Zm9v/+8="), Some(b"foo\xff\xef".to_vec()));
    // Bits behind the last byte, padding left out or too much, another alphabet, blanks, the end of a line.
    for text in ["Zm9v/+9=", "Zm9v/+8", "Zm9v====", "=", "Zg==Zg==", "Zm9v_-8=", "Zm9v /+8=", "Zm9v\n"] {
        assert_eq!(decoded(text), None, "{text:?}");
    }
}

proptest! {
    // Padding only at the end: the other reader takes what was joined behind it as well.
    #[test]
    fn another_reader_of_base64_agrees(text in "[A-Da-d0-3+/_ -]{0,12}={0,3}", bytes: Vec<u8>) {
        prop_assert_eq!(decoded(&text), BASE64.decode(text.as_bytes()).ok());
        prop_assert_eq!(Base64::text(&bytes), BASE64.encode(&bytes));
        prop_assert_eq!(decoded(&Base64::text(&bytes)), Some(bytes));
    }
}

#[test]
fn none_is_no_id_that_a_document_may_hold() {
    assert!(Id::read(&Value::String("0".repeat(32).into())).is_err());
    assert!(Id::read(&Value::Boolean(true)).is_err());
    assert_eq!(Id::read(&Value::String("0a".repeat(16).into())), Ok(Id::new([10; 16])));
}

#[test]
fn a_day_is_written_bare_or_in_quotes_and_without_a_time() {
    let read = |value: &str| Date::read(&Value::parse(value).unwrap().into_inner());
    assert_eq!(read("2026-12-31"), Ok(Date::from_calendar(2026, 12, 31).unwrap()));
    assert_eq!(read("\"2026-12-31\""), Ok(Date::from_calendar(2026, 12, 31).unwrap()));
    for value in
        ["2026-12-31T00:00:00Z", "\"2026-12-31T00:00\"", "\"soon\"", "20261231", "1960-01-01", "12:00:00"]
    {
        assert!(read(value).unwrap_err().contains("is not a day"), "{value}");
    }
}
