//! Writes a QR code to a PNG or SVG file that only root can read: the QR code contains the secret.

use crate::command_error::CommandError;
use otpauth::Qr;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Pixels per module of the QR code, in each direction.
const PIXELS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageFormat {
    Png,
    Svg,
}

impl ImageFormat {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }
}

/// A written file; removed on drop unless it is kept.
pub(super) struct QrFile(Option<PathBuf>);

/// Refuses a path that exists or whose directory is missing.
pub(super) fn check_path(file: &Path) -> Result<(), CommandError> {
    match file.symlink_metadata() {
        Ok(_) => Err(exists(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
                Err(CommandError::refused("is not a directory; create it first").at(parent, None))
            }
            Some(_) | None => Ok(()),
        },
        Err(error) => Err(write_error(file, &error)),
    }
}

impl QrFile {
    /// Writes a new file with mode 0600, completely or not at all.
    pub(super) fn write(kind: ImageFormat, qr: &Qr, file: &Path) -> Result<Self, CommandError> {
        let bytes = match kind {
            ImageFormat::Png => {
                png(qr).map_err(|error| CommandError::refused(error.to_string()).at(file, None))?
            }
            ImageFormat::Svg => svg(qr),
        };
        // O_EXCL: nothing is overwritten, and no symbolic link is followed (open(2)).
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let mut opened = opened.map_err(|error| {
            let is_taken = error.kind() == std::io::ErrorKind::AlreadyExists;
            if is_taken { exists(file) } else { write_error(file, &error) }
        })?;
        let written = Self(Some(file.to_owned()));
        opened
            .write_all(&bytes)
            .and_then(|()| opened.sync_all())
            .map_err(|error| write_error(file, &error))?;
        Ok(written)
    }

    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for QrFile {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // The error that led here is reported; this one adds nothing.
            let _ = std::fs::remove_file(file);
        }
    }
}

fn exists(file: &Path) -> CommandError {
    CommandError::refused("already exists and is not overwritten; choose another name or move it away")
        .at(file, None)
}

fn write_error(file: &Path, error: &std::io::Error) -> CommandError {
    CommandError::refused(format!("cannot be written: {error}")).at(file, None)
}

/// One bit per pixel; white is 1.
fn png(qr: &Qr) -> Result<Zeroizing<Vec<u8>>, png::EncodingError> {
    let side = qr.size().saturating_mul(PIXELS);
    let mut rows = Zeroizing::new(Vec::with_capacity(side.div_ceil(8).saturating_mul(side)));
    for y in 0..side {
        // A module is 8 pixels wide, which is one byte.
        let row = (0..qr.size()).map(|x| if qr.is_dark(x, y / PIXELS) { 0 } else { u8::MAX });
        rows.extend(row);
    }
    let mut image = Zeroizing::new(Vec::new());
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut *image, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rows)?;
    writer.finish()?;
    Ok(image)
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
