//! Every Rust file of the checkout, tests and fuzz targets included.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// The files, below `top`; what cargo and git keep for themselves is left out.
///
/// # Panics
///
/// Where a directory cannot be read.
#[must_use]
pub fn rust_files(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut ahead = vec![top.to_owned()];
    while let Some(directory) = ahead.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory of the checkout can be read") {
            let path = entry.expect("a directory of the checkout can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_cargos = name == "target" && directory.join("Cargo.toml").exists();
            if path.is_dir() && !path.is_symlink() && !is_cargos && name != ".git" {
                ahead.push(path);
            } else if name.ends_with(".rs") {
                found.push(path.strip_prefix(top).expect("it lies below").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The lines of a file in which this word stands as code; not as a comment or in a text.
///
/// # Panics
///
/// Where the file cannot be read, or is not Rust.
#[must_use]
pub fn lines_with(file: &Path, word: &str) -> Vec<usize> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut lines = Vec::new();
    in_tokens(tokens, word, &mut lines);
    lines
}

fn in_tokens(tokens: TokenStream, word: &str, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == word => lines.push(ident.span().start().line),
            TokenTree::Group(group) => in_tokens(group.stream(), word, lines),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
