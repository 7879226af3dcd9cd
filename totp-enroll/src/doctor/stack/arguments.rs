//! The words behind our module, as it reads them. The module has a reader of its own, which this room cannot use; the acceptance
//! tests prove that both refuse the same words.

use std::path::PathBuf;
use totp_core::time::Seconds;

/// What a line of ours says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) config: Option<PathBuf>,
    pub(crate) nullok: bool,
    pub(crate) fresh: Option<Seconds>,
    pub(crate) use_first_pass: bool,
    pub(crate) forward_pass: bool,
    pub(crate) after_first_factor: bool,
}

/// Reads them; `Err` says what the module refuses everybody for.
pub(crate) fn read(words: &[String]) -> Result<Said, String> {
    let mut said = Said::default();
    let mut seen: Vec<&str> = Vec::new();
    for word in words {
        let (key, value) =
            word.split_once('=').map_or((word.as_str(), None), |(key, value)| (key, Some(value)));
        match (key, value) {
            ("conf", Some(path)) if path.starts_with('/') => said.config = Some(PathBuf::from(path)),
            ("conf", Some(_)) => return Err("conf= must name a file by a path that starts with /".to_owned()),
            ("prompt", Some(text)) if !text.is_empty() && !text.chars().any(char::is_control) => {}
            ("prompt", Some(_)) => {
                return Err(
                    "prompt= must be printable text; with blanks write [prompt=One-time code: ]".to_owned()
                );
            }
            ("fresh", Some(length)) => {
                let length = Seconds::parse(length)
                    .map_err(|_| "fresh= must be a whole number and a unit, such as fresh=15m")?;
                said.fresh = Some(length);
            }
            ("nullok", None) => said.nullok = true,
            ("use_first_pass", None) => said.use_first_pass = true,
            ("forward_pass", None) => said.forward_pass = true,
            ("after_first_factor", None) => said.after_first_factor = true,
            ("echo" | "debug" | "try_first_pass", None) => {}
            (_, _) => return Err(format!("the argument \"{word}\" is not known")),
        }
        if seen.contains(&key) {
            return Err(format!("the argument \"{key}\" is there twice"));
        }
        seen.push(key);
    }
    if seen.contains(&"try_first_pass") && seen.contains(&"use_first_pass") {
        return Err("try_first_pass and use_first_pass contradict each other".to_owned());
    }
    Ok(said)
}

/// The config that is named, also beside words that are refused.
pub(crate) fn config_file(words: &[String]) -> Option<PathBuf> {
    words
        .iter()
        .find_map(|word| word.strip_prefix("conf=").filter(|path| path.starts_with('/')).map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Said, String> {
        read(&text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_word_of_the_manual_is_known() {
        let text =
            "conf=/a nullok fresh=15m prompt=x echo try_first_pass forward_pass after_first_factor debug";
        let said = parsed(text).unwrap();
        assert!(said.nullok && said.forward_pass && said.after_first_factor && !said.use_first_pass);
        assert_eq!((said.config, said.fresh), (Some(PathBuf::from("/a")), Some(Seconds(900))));
    }

    #[test]
    fn what_the_module_refuses_is_refused() {
        for text in [
            "nullOK",
            "nullok=1",
            "conf",
            "conf=a",
            "fresh=5",
            "prompt=",
            "debug debug",
            "secret=/x",
            "try_first_pass use_first_pass",
            "conf=/a conf=/b",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
