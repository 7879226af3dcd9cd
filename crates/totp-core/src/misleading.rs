//! Characters that make a terminal or a mail program show something other than the text says: controls, the direction of text,
//! and what is invisible. Each exit escapes them by [`escaped`].

/// Whether `char` misleads a reader: a control character or line end; one that changes the direction of text (Unicode UAX #9;
/// CVE-2021-42574); or one that shows nothing, so that two names look the same (`Default_Ignorable_Code_Point` of
/// DerivedCoreProperties.txt, the annotations U+FFF9 to U+FFFB, and the two blanks that are letters or symbols).
#[must_use]
pub fn misleads(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text with each misleading character as its number, as in `\u{202e}`. To escape it twice changes nothing more.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if misleads(char) {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_moves_a_cursor_turns_text_or_is_invisible_is_escaped() {
        let shown = escaped(
            "a\u{1b}[2Jb\u{9b}c\rd\ne\u{7f}f\u{202e}g\u{2066}h\u{200f}i\u{2028}j\u{feff}k\u{e0041}l\u{ad}",
        );
        let expected = "a\\u{1b}[2Jb\\u{9b}c\\rd\\ne\\u{7f}f\\u{202e}g\\u{2066}h\\u{200f}i\\u{2028}j\\u{feff}k\\u{e0041}l\\u{ad}";
        assert_eq!(shown, expected);
    }

    #[test]
    fn text_of_any_script_stands_as_it_is() {
        for text in ["Zoë \\ \"x\"", "\u{5d0}\u{5d1}", "\u{627}\u{628}", "\u{7530}\u{4e2d}", "\u{a0}"] {
            assert_eq!(escaped(text), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_misleads_once_it_is_escaped(text in "\\PC*|[\\x00-\\x{ffff}]*") {
            let shown = escaped(&text);
            prop_assert!(!shown.contains(misleads));
            prop_assert_eq!(escaped(&shown), shown);
        }
    }
}
