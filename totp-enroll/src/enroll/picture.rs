//! A QR code as a picture in a file of root's own: anyone who sees it has the secret.

use crate::failure::Failure;
use otpauth::Qr;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Dots of one module, each way.
const DOTS: usize = 8;

/// A form of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Png,
    Svg,
}

impl Kind {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }
}

/// A picture that was written; it is gone again when this is dropped before it was kept.
pub(super) struct Picture(Option<PathBuf>);

/// Refuses a place where something is, before anybody is enrolled.
pub(super) fn check_place(file: &Path) -> Result<(), Failure> {
    match file.symlink_metadata() {
        Ok(_) => Err(is_there(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
                Err(Failure::refused("is no directory: make it first").at(parent, None))
            }
            Some(_) | None => Ok(()),
        },
        Err(error) => Err(unwritten(file, &error)),
    }
}

impl Picture {
    /// Writes a new file, 0600, whole or not at all.
    pub(super) fn write(kind: Kind, qr: &Qr, file: &Path) -> Result<Self, Failure> {
        let bytes = match kind {
            Kind::Png => png(qr).map_err(|error| Failure::refused(error.to_string()).at(file, None))?,
            Kind::Svg => svg(qr),
        };
        // O_EXCL: nothing is overwritten, and no symbolic link is followed (open(2)).
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let mut opened = opened.map_err(|error| {
            let taken = error.kind() == std::io::ErrorKind::AlreadyExists;
            if taken { is_there(file) } else { unwritten(file, &error) }
        })?;
        let written = Self(Some(file.to_owned()));
        opened.write_all(&bytes).and_then(|()| opened.sync_all()).map_err(|error| unwritten(file, &error))?;
        Ok(written)
    }

    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // It is of nobody; the error that matters is why.
            let _ = std::fs::remove_file(file);
        }
    }
}

fn is_there(file: &Path) -> Failure {
    Failure::refused("is there already, and nothing is overwritten: name another, or move it away")
        .at(file, None)
}

fn unwritten(file: &Path, error: &std::io::Error) -> Failure {
    Failure::refused(format!("cannot be written: {error}")).at(file, None)
}

/// One bit a dot; white is one.
fn png(qr: &Qr) -> Result<Zeroizing<Vec<u8>>, png::EncodingError> {
    let side = qr.size().saturating_mul(DOTS);
    let mut rows = Zeroizing::new(Vec::with_capacity(side.div_ceil(8).saturating_mul(side)));
    for y in 0..side {
        // A module is a byte wide.
        let row = (0..qr.size()).map(|x| if qr.is_dark(x, y / DOTS) { 0 } else { u8::MAX });
        rows.extend(row);
    }
    let mut picture = Zeroizing::new(Vec::new());
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut *picture, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rows)?;
    writer.finish()?;
    Ok(picture)
}

fn svg(qr: &Qr) -> Zeroizing<Vec<u8>> {
    let size = qr.size();
    let mut text = String::with_capacity(size.saturating_mul(size).saturating_mul(8));
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\""
    );
    for y in 0..size {
        for x in (0..size).filter(|&x| qr.is_dark(x, y)) {
            let _ = write!(text, "M{x} {y}h1v1h-1z");
        }
    }
    text.push_str("\"/></svg>\n");
    Zeroizing::new(text.into_bytes())
}
