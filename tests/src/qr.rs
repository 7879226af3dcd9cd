//! The camera of a phone: reads a QR code from a terminal, in its colours.

/// The text of the QR code on a screen.
///
/// # Errors
/// When there is none that a camera could read, or a part of it is in the terminal's own colours: then it would scan
/// on a dark terminal or on a bright one, not on both.
pub fn read(screen: &str) -> Result<String, String> {
    let rows: Vec<Vec<[Pixel; 2]>> = screen.lines().map(paint).filter(|row| !row.is_empty()).collect();
    let width = rows.iter().map(Vec::len).max().ok_or("no QR code on the screen")?;
    let mut pixels = Vec::new();
    for row in &rows {
        for half in 0..2 {
            let line: Result<Vec<u8>, String> = row.iter().map(|cell| cell[half].luma()).collect();
            let mut line = line?;
            line.resize(width, SURROUNDINGS);
            pixels.push(line);
        }
    }
    decode(&pixels, width)
}

/// What a program that drew the code may still have of it: stretches of its lines as they were written, and as a byte for
/// each module. A stretch that is nearly all of one colour could be anything, and so could one that repeats itself within the size
/// of a machine word: the timing pattern of every code does, and so does a table of equal numbers. They are left out.
#[must_use]
pub fn stretches(screen: &str) -> Vec<Vec<u8>> {
    const CELLS: usize = 24;
    const WORD: usize = 8;
    const CHANGES: usize = 7;
    let distinct = |cells: &[u8]| cells.windows(2).filter(|pair| pair[0] != pair[1]).count() >= CHANGES;
    let repeats =
        |cells: &[u8]| (1..=WORD).any(|period| cells.iter().zip(&cells[period..]).all(|(a, b)| a == b));
    let mut stretches = Vec::new();
    for row in screen.lines().map(paint).filter(|row| !row.is_empty()) {
        let dark = |half: usize| row.iter().map(|cell| u8::from(cell[half] == Pixel::Black)).collect();
        let [upper, lower]: [Vec<u8>; 2] = [dark(0), dark(1)];
        for half in [&upper, &lower] {
            let telling = half.windows(CELLS).filter(|cells| distinct(cells) && !repeats(cells));
            stretches.extend(telling.map(<[u8]>::to_vec));
        }
        for (upper, lower) in upper.windows(CELLS).zip(lower.windows(CELLS)) {
            if distinct(upper) && distinct(lower) {
                let drawn = |(upper, lower): (&u8, &u8)| match (upper, lower) {
                    (1, 1) => '█',
                    (1, _) => '▀',
                    (_, 1) => '▄',
                    (_, _) => ' ',
                };
                stretches.push(upper.iter().zip(lower).map(drawn).collect::<String>().into_bytes());
            }
        }
    }
    stretches
}

/// The text of a QR code that was drawn without colours, in half blocks or in pairs of `##`, on a dark terminal.
///
/// # Errors
/// When there is none that a camera could read.
pub fn read_uncoloured(screen: &str) -> Result<String, String> {
    let mut pixels: Vec<Vec<u8>> = Vec::new();
    for line in screen.lines().map(|line| line.trim_end_matches('\r')) {
        let light = |is_light: bool| if is_light { 255 } else { 0 };
        if line.contains('█') && line.chars().all(|c| "█▀▄ ".contains(c)) {
            pixels.push(line.chars().map(|c| light("█▀".contains(c))).collect());
            pixels.push(line.chars().map(|c| light("█▄".contains(c))).collect());
        } else if line.contains("##") && line.chars().all(|c| "# ".contains(c)) {
            pixels.push(line.chars().step_by(2).map(|c| light(c == '#')).collect());
        }
    }
    let width = pixels.first().map(Vec::len).ok_or("no QR code on the screen")?;
    if pixels.iter().any(|row| row.len() != width) {
        return Err("the QR code is torn".to_owned());
    }
    decode(&pixels, width)
}

/// The text of a QR code of these modules, line by line: 0 black, 255 white.
///
/// # Errors
/// When there is none that a camera could read.
pub fn read_modules(modules: &[Vec<u8>]) -> Result<String, String> {
    let width = modules.first().map(Vec::len).ok_or("no QR code")?;
    if modules.iter().any(|row| row.len() != width) {
        return Err("the QR code is torn".to_owned());
    }
    decode(modules, width)
}

/// Neither black nor white: what lies around the code must not be needed to read it.
const SURROUNDINGS: u8 = 90;
/// How many pixels of the camera see one of the code's.
const ZOOM: usize = 6;

fn decode(pixels: &[Vec<u8>], width: usize) -> Result<String, String> {
    let margin = 2;
    let (columns, lines) = (width + 2 * margin, pixels.len() + 2 * margin);
    let at = |x: usize, y: usize| {
        let (column, line) = ((x / ZOOM).checked_sub(margin), (y / ZOOM).checked_sub(margin));
        column.zip(line).and_then(|(c, l)| pixels.get(l)?.get(c)).copied().unwrap_or(SURROUNDINGS)
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(columns * ZOOM, lines * ZOOM, at);
    let grids = image.detect_grids();
    let grid = grids.first().ok_or("the camera sees no QR code")?;
    grid.decode().map(|(_, text)| text).map_err(|e| e.to_string())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pixel {
    Black,
    White,
    TheTerminals,
}

impl Pixel {
    fn luma(self) -> Result<u8, String> {
        match self {
            Self::Black => Ok(0),
            Self::White => Ok(255),
            Self::TheTerminals => Err("a part of the QR code is in the terminal's own colours".to_owned()),
        }
    }
}

/// The cells of a line that holds a part of a QR code, each an upper and a lower pixel; empty for any other line.
fn paint(line: &str) -> Vec<[Pixel; 2]> {
    if !line.contains(['▀', '▄', '█']) && !line.contains("\u{1b}[") {
        return Vec::new();
    }
    let (mut ink, mut paper) = (Pixel::TheTerminals, Pixel::TheTerminals);
    let mut cells = Vec::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                let sequence: String = chars.by_ref().take_while(|c| !c.is_ascii_alphabetic()).collect();
                colours(sequence.trim_start_matches('['), &mut ink, &mut paper);
            }
            '▀' => cells.push([ink, paper]),
            '▄' => cells.push([paper, ink]),
            '█' => cells.push([ink, ink]),
            // Indentation, and text after the code, have no colour.
            ' ' if paper != Pixel::TheTerminals => cells.push([paper, paper]),
            '\r' | ' ' => {}
            // Words: not a line of the code.
            _ => return Vec::new(),
        }
    }
    cells
}

/// `ESC [ … m`: black and white in the sixteen colours, in the 256 and in 24 bits.
fn colours(sequence: &str, ink: &mut Pixel, paper: &mut Pixel) {
    let codes: Vec<u32> = sequence.split(';').map(|code| code.parse().unwrap_or(0)).collect();
    let mut rest = codes.as_slice();
    while let [code, after @ ..] = rest {
        rest = after;
        match code {
            0 => (*ink, *paper) = (Pixel::TheTerminals, Pixel::TheTerminals),
            7 => std::mem::swap(ink, paper),
            30 => *ink = Pixel::Black,
            37 | 97 => *ink = Pixel::White,
            39 => *ink = Pixel::TheTerminals,
            40 => *paper = Pixel::Black,
            47 | 107 => *paper = Pixel::White,
            49 => *paper = Pixel::TheTerminals,
            38 | 48 => {
                let (pixel, used) = match after {
                    [5, 0 | 16, ..] => (Pixel::Black, 2),
                    [5, 15 | 231, ..] => (Pixel::White, 2),
                    [5, ..] => (Pixel::TheTerminals, 2),
                    [2, 0, 0, 0, ..] => (Pixel::Black, 4),
                    [2, 255, 255, 255, ..] => (Pixel::White, 4),
                    _ => (Pixel::TheTerminals, after.len()),
                };
                *(if *code == 38 { &mut *ink } else { &mut *paper }) = pixel;
                rest = after.get(used..).unwrap_or_default();
            }
            _ => {}
        }
    }
}
