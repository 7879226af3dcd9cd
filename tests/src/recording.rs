//! The picture of an enrolment at a terminal: an SVG of what the command shows.
//!
//! The enrolment is gone with the fixture, so the secret in the picture is worthless.

use crate::enroll_command::{self, ASKS_FOR_A_CODE};
use crate::fixture::Fixture;
use crate::qr;
use crate::terminal::Terminal;
use data_encoding::BASE32_NOPAD;
use std::fmt::Write;

/// Half of a line: the side of a module of the QR code, and the width of a character.
const UNIT: u32 = 8;
const LINE: u32 = 2 * UNIT;
const MARGIN: u32 = 16;
/// Characters in a line, at most.
const COLUMNS: u32 = 76;

/// What the picture shows, for those who do not see it.
const DESCRIPTION: &str = "A terminal. The command totp-enroll enroll alice shows the account and the issuer, a QR code, the same \
    as a key to type, and asks for a code from the authenticator. A code of six digits is typed. The command says that alice is enrolled \
    and lists ten recovery codes.";

/// Enrols alice at a terminal, to the end, and draws what was on it.
///
/// # Panics
/// When the enrolment does not succeed, or its QR code does not scan.
#[must_use]
pub fn enrolment() -> String {
    let fixture = Fixture::builder().account("alice").build();
    let words = ["enroll", "alice", "--issuer", "example.com"];
    let mut terminal = Terminal::open_with_echo(&fixture.command(&words));
    let shown = terminal.expect(ASKS_FOR_A_CODE);
    let phone = enroll_command::authenticator_in(&shown);
    let uri = qr::read(&shown).unwrap();
    assert!(
        uri.contains(&BASE32_NOPAD.encode(&phone.secret)),
        "the QR code and the key are not of one secret"
    );
    terminal.types(&phone.code());
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "not enrolled:\n{}", ended.screen);
    picture(&format!("$ sudo totp-enroll {}\n{}", words.join(" "), ended.screen))
}

/// The text of a picture, line by line, with an X for every character that differs between enrolments. Without the QR code.
#[must_use]
pub fn words_of(picture: &str) -> Vec<String> {
    let lines = picture.lines().filter_map(|line| line.split_once("<text ")?.1.split_once('>'));
    let text = lines.filter_map(|(_, rest)| rest.strip_suffix("</text>"));
    text.map(|line| {
        let fixed = [crate::authenticator::MANUAL_KEY, ASKS_FOR_A_CODE]
            .into_iter()
            .find(|fixed| line.starts_with(fixed));
        let is_code = line.split('-').count() == 4;
        let (fixed, random) = line.split_at(if is_code { 0 } else { fixed.map_or(line.len(), str::len) });
        format!("{fixed}{}", random.replace(|c: char| c.is_ascii_alphanumeric(), "X"))
    })
    .collect()
}

/// The modules of the QR code in a picture, line by line: 0 black, 255 white.
///
/// # Panics
/// When they are not drawn as they are here.
#[must_use]
pub fn modules_in(picture: &str) -> Vec<Vec<u8>> {
    let number = |text: &str| text.parse::<u32>().unwrap();
    let mut modules = Vec::new();
    for line in picture.lines().filter_map(|line| line.strip_prefix("<path fill=\"#fff\" d=\"M")) {
        let (ground, black) = line.split_once("\"/><path fill=\"#000\" d=\"").unwrap();
        let (_, ground) = ground.split_once(' ').unwrap();
        let (top, ground) = ground.split_once('h').unwrap();
        let (width, _) = ground.split_once('v').unwrap();
        let columns = usize::try_from(number(width) / UNIT).unwrap();
        let mut halves = [vec![255; columns], vec![255; columns]];
        for cell in black.split('"').next().unwrap().split('M').skip(1) {
            let (left, cell) = cell.split_once(' ').unwrap();
            let (y, cell) = cell.split_once('h').unwrap();
            let (_, height) = cell.split_once('v').unwrap();
            let (height, _) = height.split_once('h').unwrap();
            let column = usize::try_from((number(left) - MARGIN) / UNIT).unwrap();
            let first = (number(y) - number(top)) / UNIT;
            for half in first..first + number(height) / UNIT {
                halves[usize::try_from(half).unwrap()][column] = 0;
            }
        }
        modules.extend(halves);
    }
    modules
}

fn picture(screen: &str) -> String {
    let mut body = String::new();
    let mut row = 0;
    for line in screen.lines().map(|line| line.trim_end_matches('\r')) {
        let top = MARGIN + row * LINE;
        match line.split_once("\u{1b}[38;5;16;48;5;231m") {
            Some(("", modules)) => modules_of(&mut body, modules, top),
            Some(_) => panic!("a colour within a line: {line:?}"),
            None => text_of(&mut body, line, top + LINE - 4),
        }
        row += 1;
    }
    let (width, height) = (2 * MARGIN + COLUMNS * UNIT, 2 * MARGIN + row * LINE);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"title description\">\n<title id=\"title\">An enrolment at a terminal</title>\n\
         <desc id=\"description\">{DESCRIPTION}</desc>\n\
         <!-- Made by packaging/record-enrolment. The account was a throwaway one: its secret opens nothing. -->\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#16191d\"/>\n\
         <g fill=\"#e6e9ed\" font-family=\"ui-monospace, 'DejaVu Sans Mono', 'Liberation Mono', monospace\" font-size=\"13\">\n{body}</g>\n</svg>\n"
    )
}

fn text_of(body: &mut String, line: &str, baseline: u32) {
    if line.is_empty() {
        return;
    }
    let length = u32::try_from(line.chars().count()).unwrap();
    assert!(length <= COLUMNS, "a line of {length} characters: {line:?}");
    assert!(!line.chars().any(|c| c.is_control() || "<>&".contains(c)), "{line:?}");
    // As wide as the characters of a terminal, whatever font there is.
    let width = length * UNIT;
    writeln!(
        body,
        "<text x=\"{MARGIN}\" y=\"{baseline}\" textLength=\"{width}\" xml:space=\"preserve\">{line}</text>"
    )
    .unwrap();
}

/// Two rows of modules, black on white.
fn modules_of(body: &mut String, line: &str, top: u32) {
    let modules = line.strip_suffix("\u{1b}[0m").unwrap_or_else(|| panic!("no end of the colours: {line:?}"));
    let mut path = String::new();
    let mut left = MARGIN;
    for cell in modules.chars() {
        let (from, height) = match cell {
            '█' => (top, LINE),
            '▀' => (top, UNIT),
            '▄' => (top + UNIT, UNIT),
            ' ' => (top, 0),
            other => panic!("{other:?} is no part of a QR code"),
        };
        if height > 0 {
            write!(path, "M{left} {from}h{UNIT}v{height}h-{UNIT}z").unwrap();
        }
        left += UNIT;
    }
    let width = left - MARGIN;
    writeln!(body, "<path fill=\"#fff\" d=\"M{MARGIN} {top}h{width}v{LINE}h-{width}z\"/><path fill=\"#000\" d=\"{path}\" shape-rendering=\"crispEdges\"/>").unwrap();
}
