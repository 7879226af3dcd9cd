use super::*;
use proptest::prelude::*;
use toml::de::DeTable;

/// What the library makes of it; `None`: it is not TOML.
fn by_library(text: &str) -> Option<Fields<'_>> {
    DeTable::parse(text).ok().map(|document| document.into_inner().into())
}

fn is_read_alike(text: &str) {
    if let Some(read) = read(text) {
        assert_eq!(Some(read), by_library(text), "{text:?}");
    }
}

/// Everything that is plain.
const PLAIN: &str = "\
version = 2
user = \"älice\" # \tnot \"bob\"
uid = 1001
created = 2026-11-20T19:00:00Z

[[authenticator]]
label = \"phone\"
digits = 6

\t[[authenticator]] # the spare
label=\"spare\"
[recovery]
hashes = [ \"a\", \"b\",\t\"c\" , ]
none = []
off = false
[service.sudo.totp]
drift_steps = 0
";

#[test]
fn a_plain_document_is_read_as_the_library_reads_it() {
    for text in [
        PLAIN,
        "",
        "\n",
        "a = 1",
        "# nothing",
        " \t",
        "[a]\n[b]",
        "[a]\n[a.b]\n[a.c]\n",
        "a-b_C9 = \"\"\n",
        "a = true",
        "a = false#",
        "a = 2026-11-20",
        "a = 1970-01-01T00:00:00Z",
        "a = 9999-12-31T23:59:59Z",
        "a = [2000-02-29, 2024-02-29T01:02:03Z]",
    ] {
        assert!(read(text).is_some(), "{text:?}");
        is_read_alike(text);
    }
}

#[test]
fn what_is_shipped_is_plain() {
    let text = include_str!("../../../packaging/config.toml");
    assert!(read(text).is_some());
    is_read_alike(text);
}

#[test]
fn what_is_not_plain_is_left_to_the_library() {
    let good = [
        // A table that the header before it has implied.
        "[a.b]\n[a]",
        "a.b = 1",
        "\"a\" = 1",
        "a = 'b'",
        "a = \"\\u0041\"",
        "a = \"\"\"\nb\"\"\"",
        "a = [\n1 ]",
        "a = [[1]]",
        "a = { b = 1 }",
        "a = 0x10",
        "a = +1",
        "a = -1",
        "a = 1_0",
        "a = 1.5",
        "a = inf",
        "a = 2026-11-20 19:00:00Z",
        "a = 2026-11-20T19:00:00+00:00",
        "a = 2026-11-20T19:00:00.5Z",
        "a = 2026-11-20T19:00Z",
        "a = 2026-11-20T19:00:00",
        "a = 2026-12-31T23:59:60Z",
        "a = 1969-12-31",
        "a = 19:00:00",
        "a = 1\r\n",
        "[ a ]",
        "[a. b]",
        "[\"a\"]",
        "[[a.b]]",
        "[a.b.c.d]",
        "[[a]]\n[a.b]",
        "\u{feff}a = 1",
    ];
    for text in good {
        assert!(read(text).is_none() && by_library(text).is_some(), "{text:?}");
    }
    let many: String = (0..=MOST_NAMES).map(|name| format!("a{name} = 1\n")).collect();
    assert!(read(&many).is_none() && by_library(&many).is_some());
}

#[test]
fn what_is_wrong_is_left_to_the_library_to_name() {
    let bad = [
        "a",
        "a =",
        "= 1",
        "a = 1 2",
        "a = \"b\" c",
        "a = 01",
        "a = 2026-13-20T19:00:00Z",
        "a = 2026-11-20T19:00:0éZ",
        "a = 2026-11-20T24:00:00Z",
        "a = 2026-11-20T19:60:00Z",
        "a = 2026-11-20T+1:00:00Z",
        "a = 2026-11-20T19:00:61Z",
        "a = 2026-11-0:",
        "a = 2026-1/-20",
        "a = 2026-+1-20",
        "a = 2025-02-29",
        "a = 1900-02-29T00:00:00Z",
        "a = \"b\x07\"",
        "a = \"b\x7f\"",
        "# \x01",
        "a = \"b",
        "a = [1 2]",
        "a = [1,,2]",
        "a = [,]",
        "a = [1",
        "a = 1\na = 2",
        "[a]\n[a]",
        "[a",
        "[[a]",
        "[a]]",
        "[]",
        "[a.]",
        "[a] b",
        "a = 1\n[a]",
        "a = 1\n[[a]]",
        "a = []\n[[a]]",
        "[a]\nb = 1\n[a.b]",
        "[[a]]\n[a]",
        "[a]\n[[a]]",
        "é = 1",
    ];
    for text in bad {
        assert!(read(text).is_none() && by_library(text).is_none(), "{text:?}");
    }
}

/// Pieces of which both good and bad documents are made.
fn document() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["a", "b", "c-d", "service"]);
    let scalar = prop::sample::select(vec![
        "1",
        "0",
        "007",
        "true",
        "\"x\"",
        "\"\"",
        "\"a b#\"",
        "\"\\n\"",
        "'y'",
        "1.0",
        "99999999999999999999",
        "2026-11-20T19:00:00Z",
        "2026-02-29",
        "2026-02-30T19:00:00Z",
        "2026-11-20",
        "{}",
        "[]",
    ]);
    let list =
        prop::collection::vec(scalar.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(", ")));
    let value = prop_oneof![4 => scalar.prop_map(str::to_owned), 1 => list];
    let line = prop_oneof![
        6 => (name(), value).prop_map(|(name, value)| format!("{name} = {value}")),
        2 => prop::collection::vec(name(), 1..4).prop_map(|names| format!("[{}]", names.join("."))),
        2 => name().prop_map(|name| format!("[[{name}]]")),
        1 => Just("  # why".to_owned()),
        1 => Just(String::new()),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_read_is_what_the_library_reads(text in document()) {
        is_read_alike(&text);
    }

    #[test]
    fn a_moment_is_read_as_the_library_reads_it(
        text in "(19[67]|20[0-9]|999|[0-9]{3})[0-9]-(0[0-9]|1[0-3])-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z)?",
    ) {
        is_read_alike(&format!("a = {text}"));
    }

    #[test]
    fn a_changed_character_makes_no_difference_between_the_two(at in 0..PLAIN.len(), by in any::<char>()) {
        let change = |by: &str| {
            let characters = PLAIN.char_indices();
            characters.map(|(place, old)| if place == at { by.to_owned() } else { old.to_string() }).collect::<String>()
        };
        is_read_alike(&change(&by.to_string()));
        for by in ["", "\"", "\\", "[", "]", "]]", ".", "=", "#", ",", "\n", "\t", "\r", " ", "0", "\0"] {
            is_read_alike(&change(by));
        }
    }
}
