//! The reader of the sources sees what it is to see, in crates made for that.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the files of these crates are at hand")]

use std::fs;

use structure::arrows::arrows;
use structure::circles::circles;
use structure::making::{makes, remakes};
use structure::paths::named;
use structure::sources::{Module, modules};

/// The modules of a crate of these files; the first is its root.
fn read(files: &[(&str, &str)]) -> Vec<Module> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    modules(directory.path(), files[0].0)
}

/// Its arrows, as `from>to`.
fn drawn(files: &[(&str, &str)]) -> Vec<String> {
    arrows(&read(files)).iter().map(|arrow| format!("{}>{}", arrow.from, arrow.to)).collect()
}

fn circle_count(files: &[(&str, &str)]) -> usize {
    circles(&arrows(&read(files))).len()
}

#[test]
fn modules_that_name_each_other_are_a_circle_however_they_do() {
    let root = ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;");
    let of_b = ("b.rs", "pub struct B; pub fn b() { crate::a::a() }");
    for of_a in [
        "use crate::b::B; pub struct A(B);",
        "use super::b::{self as other, B as Other}; pub struct A(Other);",
        "use crate::b; pub struct A; pub fn a() { b::b() }",
        "pub struct A; pub fn a() { crate::b::b() }",
        "pub struct A; pub fn a() { println!(\"{}\", crate::b::b()) }",
        "use crate::B; pub struct A(B);",
        "use crate::b::*; pub struct A;",
        "pub struct A; pub fn a() { use crate::{b::b}; b() }",
        "pub struct A; pub fn a() { use crate::b as other; other::b() }",
        "pub struct A; mod inner { pub(super) fn a() { crate::b::b() } }",
        "pub struct A; impl From<crate::B> for A { fn from(_: crate::B) -> Self { A } }",
    ] {
        assert_eq!(circle_count(&[root, ("a.rs", of_a), of_b]), 1, "{of_a}");
    }
}

#[test]
fn a_function_named_like_a_module_is_seen() {
    let root = ("lib.rs", "mod a; mod b;");
    let of_a = ("a.rs", "use crate::b::b; pub struct A; pub fn a() { b() }");
    let of_b = ("b.rs", "use crate::a::A; pub fn b() -> A { A }");
    assert_eq!(circle_count(&[root, of_a, of_b]), 1, "like its own module");
    let root = ("lib.rs", "mod a;");
    for of_inner in [
        "use super::b; pub fn inner() { b() }",
        "pub fn inner() { super::b() }",
        "use super::{b as other}; pub fn inner() { other() }",
        "use super::B; pub fn inner() { B }",
    ] {
        let files = [
            root,
            ("a/mod.rs", "mod b; mod inner; pub fn b() { inner::inner() } pub const B: () = b::of();"),
            ("a/b.rs", "pub fn of() {}"),
            ("a/inner.rs", of_inner),
        ];
        assert_eq!(circle_count(&files), 1, "like a module beside it: {of_inner}");
    }
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b; pub struct A; pub fn a() { b::b() }"),
        ("b.rs", "use crate::a; pub fn b() {} fn c(a: u8) -> u8 { a }"),
    ];
    assert_eq!(drawn(&files), ["a>b"], "an imported module is not named yet");
}

#[test]
fn a_circle_through_others_is_one() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::c::C;"),
        ("c.rs", "use crate::a::A;"),
    ];
    assert_eq!(circle_count(&files), 1);
    assert_eq!(circle_count(&[files[0], files[1], files[2], ("c.rs", "use std::fmt;")]), 0);
}

#[test]
fn a_re_export_counts_for_the_module_that_defines_it() {
    let files = [
        ("lib.rs", "pub mod a; mod c;"),
        ("a/mod.rs", "mod b; pub use b::B; pub struct A;"),
        ("a/b.rs", "use super::A; pub struct B(A);"),
        ("c.rs", "use crate::a::B;"),
    ];
    assert_eq!(drawn(&files), ["a::b>a", "c>a::b"], "handing B on is not naming it");
    let naming = ("a/mod.rs", "mod b; pub use b::B; pub struct A; fn both(_: B) {}");
    assert_eq!(circle_count(&[files[0], naming, files[2], files[3]]), 1);
}

#[test]
fn a_method_apart_from_its_type_is_known_to_its_callers() {
    let root = ("lib.rs", "mod a; mod b;");
    let of_a = ("a.rs", "pub struct A; impl A { fn a(&self) { self.b(); } }");
    let of_b = ("b.rs", "use crate::a::A; impl A { pub fn b(&self) {} }");
    assert_eq!(drawn(&[root, of_a, of_b]), ["a>b", "b>a"]);
    let of_two = (
        "b.rs",
        "use crate::a::A; impl A { pub fn b(&self) {} } pub struct B; impl B { pub fn b(&self) {} }",
    );
    assert_eq!(drawn(&[root, of_a, of_two]), ["b>a"], "whose it is cannot be read from the call");
    let of_a = ("a.rs", "pub struct A { pub b: u8 } impl A { fn a(&self) -> u8 { self.b } }");
    assert_eq!(drawn(&[root, of_a, of_b]), ["b>a"], "a field is no method");
}

#[test]
fn neither_tests_nor_names_that_are_the_same_are_arrows() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; fn a(mut it: B) { it.a = 1; let b = it.b(); b }"),
        (
            "b.rs",
            "use std::a::A; pub struct B; #[cfg(test)] mod tests { use crate::a::a; } // crate::a::a\n#[test] fn t() { crate::a::a() }\npub(in crate::a) fn seen() {}",
        ),
    ];
    assert_eq!(drawn(&files), ["a>b"]);
}

#[test]
fn a_file_elsewhere_is_read_as_its_module() {
    let files = [
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "#[path = \"a_inner.rs\"] mod inner;"),
        ("src/a_inner.rs", "use crate::b::B;"),
        ("src/b.rs", "pub struct B;"),
    ];
    assert_eq!(drawn(&files), ["a::inner>b"]);
}

#[test]
fn a_value_is_made_where_its_fields_are_given() {
    let text = "pub struct V { x: u8 }\n\
                impl V { fn of() -> Self { Self { x: 1 } } }\n\
                fn out(v: V) -> V { match v { V { .. } => v } }\n\
                fn new() -> V { V { x: 2 } }\n\
                fn inside() { vec![V { x: 3 }]; }\n\
                impl Other { fn of() -> Self { Self { x: 1 } } }";
    assert_eq!(makes(&read(&[("lib.rs", text)])[0], "V"), [2, 4, 5]);
    let text = "pub struct V(u8);\nfn new() -> V { V(1) }\nfn of(V(..): V) {}";
    assert_eq!(makes(&read(&[("lib.rs", text)])[0], "V"), [2]);
}

#[test]
fn another_name_for_a_type_and_a_copy_of_its_values_are_seen() {
    let text = "#[derive(Debug)] pub struct V { x: u8 }\n\
                #[derive(Debug, Clone)] pub struct W(u8);\n\
                type X = V;\n\
                use self::{V as Y, W as _};";
    let read = read(&[("lib.rs", text)]);
    assert_eq!((remakes(&read[0], "V"), remakes(&read[0], "W")), (vec![4, 3], vec![4, 2]));
}

#[test]
fn code_included_from_another_file_stops_the_reading() {
    for text in ["include!(\"a.inc\");", "fn f() { include!(\"a.inc\") }", "mod a { mod b; }"] {
        assert!(std::panic::catch_unwind(|| read(&[("lib.rs", text)])).is_err(), "{text}");
    }
    read(&[("lib.rs", "fn f() -> &'static str { include_str!(\"lib.rs\") } #[cfg(test)] mod a { mod b; }")]);
}

#[test]
fn a_path_is_read_whole_and_a_field_is_no_path() {
    let text = "fn f() { a::b::<u8>::c(d.e, ..g, h!(i::j)) }";
    let paths: Vec<String> =
        named(&read(&[("lib.rs", text)])[0]).iter().map(|path| path.segments.join("::")).collect();
    for path in ["a::b", "d", "g", "i::j"] {
        assert!(paths.iter().any(|found| found == path), "{path}: {paths:?}");
    }
    assert!(!paths.iter().any(|found| found == "e"), "{paths:?}");
}
