//! One line of a page: a macro with its words, or text.

/// Macros that mark the words behind them, also in the middle of a line (mdoc(7), "parsed" and "callable").
const MARKERS: [&str; 22] = [
    "Ar", "Cm", "Dq", "Dv", "Em", "Ev", "Fl", "Ic", "Li", "Nm", "No", "Ns", "Oc", "Oo", "Op", "Pa", "Pq",
    "Ql", "Sy", "Va", "Xr", "Ap",
];

/// One line.
#[derive(Clone)]
pub(crate) struct Line {
    /// The macro that begins it; `None`: text.
    name: Option<String>,
    words: Vec<Word>,
}

#[derive(Clone)]
struct Word {
    text: String,
    /// In quotes no word is a macro.
    quoted: bool,
}

impl Line {
    /// The lines of a page but for comments.
    pub(crate) fn all(page: &str) -> Vec<Self> {
        page.lines().filter(|line| !line.starts_with(".\\\"")).map(Self::read).collect()
    }

    fn read(line: &str) -> Self {
        let Some(rest) = line.strip_prefix('.') else {
            let text = Word { text: unescaped(line), quoted: true };
            return Self { name: None, words: vec![text] };
        };
        let mut words = split(rest);
        let name = if words.is_empty() { None } else { Some(words.remove(0).text) };
        Self { name, words }
    }

    /// The macro that begins it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The words with the macro that marks each, punctuation left out.
    pub(crate) fn marked(&self) -> Vec<(String, String)> {
        let Some(name) = &self.name else { return Vec::new() };
        let mut marker = name.as_str();
        let mut marked = Vec::new();
        for word in &self.words {
            if !word.quoted && MARKERS.contains(&word.text.as_str()) {
                marker = &word.text;
            } else if word.quoted || !is_punctuation(&word.text) {
                marked.push((marker.to_owned(), word.text.clone()));
            }
        }
        marked
    }

    /// As it reads, nearly: without macros, with the dash that `Fl` writes.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let (mut marker, mut joined) = (self.name.as_deref().unwrap_or_default(), true);
        for word in &self.words {
            if !word.quoted && MARKERS.contains(&word.text.as_str()) {
                match word.text.as_str() {
                    "Ns" => joined = true,
                    other => marker = other,
                }
                continue;
            }
            if !joined && (!is_punctuation(&word.text) || word.text == "(") {
                text.push(' ');
            }
            joined = word.text == "(";
            if marker == "Fl" && !is_punctuation(&word.text) {
                text.push('-');
            }
            text.push_str(&word.text);
        }
        text
    }
}

fn is_punctuation(word: &str) -> bool {
    matches!(word, "." | "," | ":" | ";" | "(" | ")" | "[" | "]" | "?" | "!" | "|")
}

fn split(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (text, quoted, behind) = match rest.strip_prefix('"') {
            Some(inner) => {
                let (text, behind) = inner.split_once('"').unwrap_or((inner, ""));
                (text, true, behind)
            }
            None => {
                let (text, behind) = rest.split_once(' ').unwrap_or((rest, ""));
                (text, false, behind)
            }
        };
        words.push(Word { text: unescaped(text), quoted });
        rest = behind.trim_start();
    }
    words
}

/// The escapes of roff(7) that the pages use.
fn unescaped(text: &str) -> String {
    [
        ("\\&", ""),
        ("\\-", "-"),
        ("\\(dq", "\""),
        ("\\(ti", "~"),
        ("\\(ha", "^"),
        ("\\(aq", "'"),
        ("\\e", "\\"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (escape, meaning)| text.replace(escape, meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_it_is_shown() {
        for (line, text) in [
            (".It Fl -digits Ar N", "--digits N"),
            (".Ic unlock Oo Fl -repair Oc Ar USER .", "unlock --repair USER."),
            (".Cm conf Ns = Ns Ar FILE", "conf=FILE"),
            ("a \\(dqquoted\\(dq word\\&.", "a \"quoted\" word."),
            (".Xr mdoc 7 ,", "mdoc 7,"),
        ] {
            assert_eq!(Line::read(line).text(), text);
        }
    }

    #[test]
    fn a_word_is_marked_by_the_macro_before_it() {
        let marked = Line::read(".It Fl -digits Ar N \"Ar x\" .").marked();
        let marked: Vec<(&str, &str)> = marked.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(marked, [("Fl", "-digits"), ("Ar", "N"), ("Ar", "Ar x")]);
    }
}
