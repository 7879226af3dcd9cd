//! A typed answer in plain characters: invisible ones are removed, and digits of other scripts are read as digits.
//!
//! Codes are pasted from web pages, chats and password managers, which wrap them in no-break blanks, marks of writing direction and
//! line ends; a keyboard for Japanese, Arabic or Persian types digits of its own. The person sees a right code each time.

use crate::random::Secret;

/// Rewrites an answer, before its form is looked at: all that is counted and compared is the result, so two ways to write one code
/// are one code. Bytes that are not UTF-8 stay as they are. The result is no longer than the answer, and wiped on drop.
pub(crate) fn plain(typed: &[u8]) -> Secret {
    // Allocated at its full length, so that it never grows and leaves a copy behind.
    let mut plain = Vec::with_capacity(typed.len());
    for chunk in typed.utf8_chunks() {
        let valid = chunk.valid();
        for (at, char) in valid.char_indices() {
            match of_char(char) {
                Plain::Byte(byte) => plain.push(byte),
                Plain::Nothing => {}
                Plain::Itself => plain.extend(valid.as_bytes().iter().skip(at).take(char.len_utf8())),
            }
        }
        plain.extend(chunk.invalid());
    }
    Secret::new(plain)
}

enum Plain {
    Byte(u8),
    Nothing,
    Itself,
}

fn of_char(char: char) -> Plain {
    match char {
        // Blanks: tab, line ends, no-break, thin and the like, ideographic.
        '\t'
        | '\n'
        | '\r'
        | '\u{a0}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Plain::Byte(b' '),
        // Zero width, and marks of writing direction.
        '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => Plain::Nothing,
        // Dashes that a word processor makes of "-".
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' => Plain::Byte(b'-'),
        digit => match digit_of(digit) {
            Some(digit) => Plain::Byte(digit),
            None => Plain::Itself,
        },
    }
}

/// The ASCII digit of a digit that a keyboard types: Arabic, Persian, Devanagari, Bengali, full width.
fn digit_of(char: char) -> Option<u8> {
    let zeros = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{ff10}'];
    let value = zeros.into_iter().filter_map(|zero| u32::from(char).checked_sub(zero.into()));
    let value = value.filter_map(|value| u8::try_from(value).ok()).find(|value| *value < 10)?;
    value.checked_add(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_nobody_sees_is_taken_away() {
        for typed in [
            "123456\r\n",
            "\t123456",
            "123456\u{a0}",
            "\u{2068}123\u{2009}456\u{2069}",
            "\u{feff}123\u{202f}456\u{200b}",
            "\u{200e}123456\u{202c}",
        ] {
            let plain = plain(typed.as_bytes());
            let seen: Vec<u8> = plain.expose().iter().copied().filter(|byte| *byte != b' ').collect();
            assert_eq!(seen, b"123456", "{typed:?}");
        }
    }

    #[test]
    fn digits_of_a_keyboard_are_digits() {
        for typed in ["０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯"]
        {
            assert_eq!(plain(typed.as_bytes()).expose(), b"0123456789", "{typed}");
        }
        assert_eq!(plain("／：".as_bytes()).expose(), "／：".as_bytes());
    }

    proptest! {
        #[test]
        fn plain_text_and_bytes_that_are_no_text_stay(typed in proptest::collection::vec(any::<u8>(), 0..80)) {
            let once = plain(&typed);
            prop_assert!(once.expose().len() <= typed.len());
            let again = plain(once.expose());
            prop_assert_eq!(again.expose(), once.expose());
            if typed.iter().all(|byte| (b' '..=b'~').contains(byte)) {
                prop_assert_eq!(once.expose(), &typed);
            }
        }
    }
}
