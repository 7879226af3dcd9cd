//! A QR code in a terminal: black on white whatever the terminal's own colours are, so that a phone can read it.

use crate::failure::Failure;
use qrcode::{Color, EcLevel, QrCode};
use totp_core::secret::Secret;

/// The white margin that readers need on each side, in modules (ISO/IEC 18004 section 6.3.8).
const QUIET: usize = 4;
/// Black (16) on white (231) of the 256 colours: unlike the first sixteen, no theme changes them.
const INK: &str = "\x1b[38;5;16;48;5;231m";
const PLAIN: &str = "\x1b[0m";

/// A code, one module a cell.
pub(crate) struct Qr {
    modules: Vec<Color>,
    width: usize,
}

impl Qr {
    /// Encodes `text`, with the least redundancy: a screen is not scratched, and a smaller code fits more terminals.
    pub(crate) fn of(text: &Secret) -> Result<Self, Failure> {
        let code = QrCode::with_error_correction_level(text.expose(), EcLevel::L).map_err(|error| {
            Failure::refused(format!("the account and issuer are too long for a QR code ({error})"))
        })?;
        Ok(Self { width: code.width(), modules: code.to_colors() })
    }

    /// Columns that it takes.
    pub(crate) fn columns(&self) -> usize {
        self.width.saturating_add(QUIET.saturating_mul(2))
    }

    /// The lines to print, two modules high each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let size = self.columns();
        let row = |y: usize| {
            let cells = (0..size).map(|x| match (self.dark(x, y), self.dark(x, y.saturating_add(1))) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
            format!("{INK}{}{PLAIN}", cells.collect::<String>())
        };
        (0..size).step_by(2).map(row).collect()
    }

    fn dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|&at| at < self.width);
        let (Some(x), Some(y)) = (inside(x), inside(y)) else { return false };
        let module =
            self.width.checked_mul(y).and_then(|row| row.checked_add(x)).and_then(|at| self.modules.get(at));
        module.is_some_and(|&module| module == Color::Dark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finder_pattern_stands_behind_a_quiet_zone() {
        let qr = Qr::of(&Secret::new(b"otpauth://totp/x".to_vec())).unwrap();
        let lines = qr.lines();
        let cells = |line: &str| {
            line.strip_prefix(INK).unwrap().strip_suffix(PLAIN).unwrap().chars().collect::<Vec<_>>()
        };
        assert!(cells(&lines[0]).iter().chain(&cells(&lines[1])).all(|&cell| cell == ' '));
        // Rows 4 and 5: seven dark over dark-light-light-light-light-light-dark.
        assert_eq!(cells(&lines[2])[..12], ['\u{20}', ' ', ' ', ' ', '█', '▀', '▀', '▀', '▀', '▀', '█', ' ']);
        assert_eq!(cells(&lines[2]).len(), qr.columns());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Qr::of(&Secret::new(vec![b'x'; 4000])).is_err());
    }
}
