//! The text of a service file as libpam takes it apart: continued lines, comments, words in brackets.

/// A line, its continuations joined, comments gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The first of its lines in the file, counted from one.
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// A file that ends in a continuation, which libpam refuses whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfinished {
    pub(crate) number: usize,
}

/// The lines that say something, and whether the file ends within a further one.
pub(crate) fn lines(text: &str) -> (Vec<Line>, Option<Unfinished>) {
    let mut lines = Vec::new();
    let mut open: Option<Line> = None;
    for (number, raw) in (1_usize..).zip(text.lines()) {
        let said = raw.trim_start_matches(BLANKS);
        // Also between a line and its continuation.
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        let line = open.get_or_insert_with(|| Line { number, text: String::new() });
        // A comment ends the line, whatever stands in it.
        let (said, continued) = match said.split_once('#') {
            Some((said, _)) => (said, false),
            None => match said.trim_end().strip_suffix('\\') {
                Some(said) => (said, true),
                None => (said, false),
            },
        };
        line.text.push_str(said);
        line.text.push(' ');
        if !continued {
            lines.extend(open.take());
        }
    }
    (lines, open.map(|line| Unfinished { number: line.number }))
}

/// What parts words.
const BLANKS: [char; 3] = [' ', '\n', '\t'];

/// The first word and what follows it. One that begins with a bracket goes to the next closing one; `\]` is one in it.
pub(crate) fn word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches(BLANKS);
    let Some(inner) = text.strip_prefix('[') else {
        let end = text.find(BLANKS).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        let mut rest = rest.chars();
        rest.next();
        return (!word.is_empty()).then(|| (word.to_owned(), rest.as_str()));
    };
    let mut word = String::new();
    let mut rest = inner.chars();
    while let Some(char) = rest.next() {
        match char {
            ']' => break,
            '\\' if rest.as_str().starts_with(']') => {
                rest.next();
                word.push(']');
            }
            other => word.push(other),
        }
    }
    Some((word, rest.as_str()))
}

/// All of them.
pub(crate) fn words(mut text: &str) -> Vec<String> {
    let mut words = Vec::new();
    while let Some((next, rest)) = word(text) {
        words.push(next);
        text = rest;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(usize, Vec<String>)> {
        lines(text).0.into_iter().map(|line| (line.number, words(&line.text))).collect()
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        assert_eq!(
            texts("# a\n\n  \t\n  # b\nauth required x.so # c \\\n"),
            [(5, vec!["auth".to_owned(), "required".to_owned(), "x.so".to_owned()])]
        );
    }

    #[test]
    fn a_line_goes_on_behind_a_backslash_also_past_a_comment() {
        let found = texts("auth \\\n# between\n  required \\ \nx.so\nauth y\n");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], (1, ["auth", "required", "x.so"].map(str::to_owned).to_vec()));
        assert_eq!(found[1].0, 5);
    }

    #[test]
    fn a_file_that_ends_in_a_continuation_is_refused() {
        let (whole, unfinished) = lines("auth a\nauth b \\\n");
        assert_eq!((whole.len(), unfinished), (1, Some(Unfinished { number: 2 })));
    }

    #[test]
    fn brackets_hold_blanks_and_escaped_brackets() {
        assert_eq!(
            words("auth [a=1 b=2] x.so [prompt=a [b\\] c] d]e [f"),
            ["auth", "a=1 b=2", "x.so", "prompt=a [b] c", "d]e", "f"]
        );
        assert_eq!(words(" \t "), Vec::<String>::new());
    }
}
