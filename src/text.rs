//! Texts that others wrote, made fit to be shown.

use std::borrow::Cow;

/// The text with its control characters escaped, as `\n` or `\u{1b}`.
///
/// Escaped are the control characters of ASCII and Latin-1, the separators of lines and paragraphs,
/// and what changes the direction of text: a server's text must not move the cursor of a terminal,
/// nor begin a line of a log that seems to be this program's.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_unsafe(character) {
            true => escaped.extend(character.escape_default()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// The first `most` characters of the text, with `…` where some were cut off.
pub fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_all_else_is_kept() {
        assert_eq!(escape_controls("Zoë – 日本 \"x\" \\"), "Zoë – 日本 \"x\" \\");
        assert_eq!(escape_controls("a\x1b[2Jb\r\nc\u{9b}d"), "a\\u{1b}[2Jb\\r\\nc\\u{9b}d");
        assert_eq!(escape_controls("x\u{202e}y\u{2028}z"), "x\\u{202e}y\\u{2028}z");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten("ééé", 3), "ééé");
        assert_eq!(shorten("éééé", 3), "ééé…");
    }
}
