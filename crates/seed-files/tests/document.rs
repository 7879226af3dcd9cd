//! `docs/seed-files.md`: each file in it is read.

use seed_files::{Seed, SeedFileError, Unlock, read_csv, read_pskc};
use totp_core::random::Secret;

const DOCUMENT: &str = include_str!("../../../docs/seed-files.md");

fn blocks(kind: &str) -> Vec<&'static str> {
    let fences: Vec<&str> = DOCUMENT.split("```").collect();
    fences
        .into_iter()
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix(kind)?.strip_prefix('\n'))
        .collect()
}

fn serials(read: Result<Vec<Seed>, SeedFileError>) -> Result<Vec<String>, SeedFileError> {
    Ok(read?.iter().map(|seed| seed.serial.to_string()).collect())
}

#[test]
fn each_file_in_the_document_is_read() -> Result<(), SeedFileError> {
    let csv: Result<Vec<_>, _> =
        blocks("csv").iter().map(|file| serials(read_csv(file.as_bytes()))).collect();
    assert_eq!(csv?, [vec!["1001", "1002"], vec!["2001"]]);
    let key = Secret::new(vec![
        0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12,
    ]);
    let unlocks = [Unlock::None, Unlock::Key(&key)];
    let pskc: Result<Vec<_>, _> = blocks("xml")
        .iter()
        .zip(unlocks)
        .map(|(file, unlock)| serials(read_pskc(file.as_bytes(), unlock)))
        .collect();
    assert_eq!(pskc?, [["3001"], ["987654321"]]);
    Ok(())
}
