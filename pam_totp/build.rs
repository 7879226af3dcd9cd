//! Links the unwinder into the module: loading `libgcc_s.so.1` takes some 110 µs, and every login loads the module anew.
//!
//! rustc asks the linker for `-lgcc_s` by name; a linker script of that name, found first, answers with the static
//! archive of the same compiler. Nothing unwinds out of the module, so the application's own copy is not affected.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu") {
        let directory = PathBuf::from(std::env::var("OUT_DIR")?);
        std::fs::write(directory.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")?;
        println!("cargo::rustc-link-search=native={}", directory.display());
    }
    Ok(())
}
