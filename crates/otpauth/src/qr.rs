//! A QR code, and how it is drawn as text on a terminal.

use qrcodegen::{QrCode, QrCodeEcc, QrSegment};
use totp_core::random::Secret;

/// The white margin that readers need on each side, in modules (ISO/IEC 18004 section 6.3.8).
const QUIET: usize = 4;
/// Black (16) on white (231) of the 256 colours: unlike the first sixteen, no theme changes them.
const INK: &str = "\x1b[38;5;16;48;5;231m";
const PLAIN: &str = "\x1b[0m";

/// A QR code, one byte for each module. It holds the shared secret and is wiped like one. The encoder's own memory cannot be
/// reached from here; the allocators of the module and the command wipe it when it is freed.
pub struct Qr {
    modules: Secret,
    width: usize,
}

/// Why there is no QR code: issuer and account are too long for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account and issuer are too long for a QR code")]
pub struct QrError;

/// How modules are drawn as characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// Half blocks, two modules high, black on white by colour codes: readable with any colours of the terminal.
    Coloured,
    /// Half blocks in the terminal's own colours, without colour codes. Light modules are drawn, since most terminals show light
    /// text on a dark background.
    Inverted,
    /// ASCII alone: two characters wide, one line a module.
    Ascii,
}

impl Qr {
    /// Encodes `text`, which contains `key`, as small as possible: a smaller code fits more terminals, and a screen needs little
    /// error correction, because it gets no scratches.
    pub(crate) fn of(text: &Secret, key: &Secret) -> Result<Self, QrError> {
        let segments = segments(text.expose(), key.expose());
        let code = QrCode::encode_segments(&segments, QrCodeEcc::Low).map_err(|_| QrError)?;
        let size = code.size();
        let width = usize::try_from(size).map_err(|_| QrError)?;
        let mut modules = Vec::with_capacity(width.saturating_mul(width));
        for y in 0..size {
            modules.extend((0..size).map(|x| u8::from(code.get_module(x, y))));
        }
        Ok(Self { width, modules: Secret::new(modules) })
    }

    /// Its width on the terminal, in columns.
    #[must_use]
    pub fn columns(&self, drawing: Drawing) -> usize {
        match drawing {
            Drawing::Coloured | Drawing::Inverted => self.size(),
            Drawing::Ascii => self.size().saturating_mul(2),
        }
    }

    /// The lines to print, without a line end after the last.
    #[must_use]
    pub fn text(&self, drawing: Drawing) -> Secret {
        let rows = match drawing {
            Drawing::Coloured | Drawing::Inverted => self.size().div_ceil(2),
            Drawing::Ascii => self.size(),
        };
        // A half block has three bytes, the most of any cell. A buffer that never grows leaves no copy of the secret behind.
        let frame = INK.len().saturating_add(PLAIN.len()).saturating_add(1);
        let line = self.columns(drawing).saturating_mul(3).saturating_add(frame);
        let mut text = Vec::with_capacity(line.saturating_mul(rows));
        for row in 0..rows {
            if row > 0 {
                text.push(b'\n');
            }
            match drawing {
                Drawing::Coloured => {
                    text.extend(INK.as_bytes());
                    self.half_blocks(&mut text, row, |is_dark| is_dark);
                    text.extend(PLAIN.as_bytes());
                }
                Drawing::Inverted => self.half_blocks(&mut text, row, |is_dark| !is_dark),
                Drawing::Ascii => {
                    for x in 0..self.size() {
                        text.extend(if self.is_dark(x, row) { b"  " } else { b"##" });
                    }
                }
            }
        }
        Secret::new(text)
    }

    /// One line of text, which is two rows of modules; `is_drawn` says which modules have the colour of text.
    fn half_blocks(&self, text: &mut Vec<u8>, row: usize, is_drawn: fn(bool) -> bool) {
        let upper = row.saturating_mul(2);
        for x in 0..self.size() {
            let drawn = |y| is_drawn(self.is_dark(x, y));
            let cell = match (drawn(upper), drawn(upper.saturating_add(1))) {
                (true, true) => "█",
                (true, false) => "▀",
                (false, true) => "▄",
                (false, false) => " ",
            };
            text.extend(cell.as_bytes());
        }
    }

    /// Width and height in modules, with the margin.
    #[must_use]
    pub fn size(&self) -> usize {
        self.width.saturating_add(QUIET.saturating_mul(2))
    }

    /// Whether a module is dark; the margin is light.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|&at| at < self.width);
        let (Some(x), Some(y)) = (inside(x), inside(y)) else { return false };
        let module = self.width.checked_mul(y).and_then(|row| row.checked_add(x));
        module.and_then(|at| self.modules.expose().get(at)).is_some_and(|&module| module == 1)
    }
}

/// The key, which is capitals and digits, takes 5.5 bits a character in a segment of its own, the rest 8 (ISO/IEC 18004
/// section 7.4).
fn segments(text: &[u8], key: &[u8]) -> Vec<QrSegment> {
    let parts = text.windows(key.len().max(1)).position(|window| window == key).and_then(|at| {
        let (head, rest) = text.split_at_checked(at)?;
        let (key, tail) = rest.split_at_checked(key.len())?;
        let key = std::str::from_utf8(key).ok().filter(|key| QrSegment::is_alphanumeric(key))?;
        Some((head, key, tail))
    });
    match parts {
        Some((head, key, tail)) => {
            vec![QrSegment::make_bytes(head), QrSegment::make_alphanumeric(key), QrSegment::make_bytes(tail)]
        }
        None => vec![QrSegment::make_bytes(text)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qr() -> Qr {
        of(b"otpauth://totp/x", b"").unwrap()
    }

    fn of(text: &[u8], key: &[u8]) -> Result<Qr, QrError> {
        Qr::of(&Secret::new(text.to_vec()), &Secret::new(key.to_vec()))
    }

    fn lines(drawing: Drawing) -> Vec<Vec<char>> {
        let text = qr().text(drawing);
        let lines = std::str::from_utf8(text.expose()).unwrap().lines();
        let bare = |line: &str| line.replace(INK, "").replace(PLAIN, "").chars().collect();
        lines.map(bare).collect()
    }

    // Rows 4 and 5: seven dark over dark-light-light-light-light-light-dark.
    #[test]
    fn the_finder_pattern_is_inside_a_quiet_zone() {
        let lines = lines(Drawing::Coloured);
        assert!(lines[0].iter().chain(&lines[1]).all(|&cell| cell == ' '));
        assert_eq!(lines[2][..12].iter().collect::<String>(), "    █▀▀▀▀▀█ ");
        assert!(lines.iter().all(|line| line.len() == qr().columns(Drawing::Coloured)));
    }

    #[test]
    fn without_colours_light_modules_are_drawn() {
        let lines = lines(Drawing::Inverted);
        assert!(lines[0].iter().chain(&lines[1]).all(|&cell| cell == '█'));
        assert_eq!(lines[2][..12].iter().collect::<String>(), "████ ▄▄▄▄▄ █");
        let text = qr().text(Drawing::Inverted);
        assert!(!text.expose().contains(&0x1b));
    }

    #[test]
    fn in_ascii_a_module_is_two_characters_wide() {
        let lines = lines(Drawing::Ascii);
        assert!(lines[..4].concat().iter().all(|&cell| cell == '#'));
        assert_eq!(lines[4][..24].iter().collect::<String>(), "########              ##");
        assert_eq!(lines[5][..24].iter().collect::<String>(), "########  ##########  ##");
        assert!(lines.iter().all(|line| line.len() == qr().columns(Drawing::Ascii)));
        assert_eq!(lines.len() * 2, qr().columns(Drawing::Ascii));
    }

    #[test]
    fn a_key_in_capitals_takes_less_space() {
        let text = format!("otpauth://totp/{}?secret={}&digits=6", "h".repeat(46), "A2".repeat(16));
        let width = |key: &str| of(text.as_bytes(), key.as_bytes()).unwrap().width;
        // Version 6, of 41 modules, where 106 bytes fit into version 5.
        assert_eq!((text.len(), width("")), (110, 41));
        assert_eq!((width(&"A2".repeat(16)), width("otpauth"), width("NOT IN IT")), (37, 41, 41));
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        assert_eq!(of(&[b'x'; 4000], b"").err(), Some(QrError));
    }
}
