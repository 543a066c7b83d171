//! Texts that others wrote: the part of a line that is text, and how it is shown.

use std::borrow::Cow;

/// The mark that some programs begin text files with. In files that were joined, it may begin any line.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a line: without its end, white space around it, and byte order marks before it.
pub fn text_of_line(line: &[u8]) -> &[u8] {
    let mut text = line.trim_ascii();
    while let Some(rest) = text.strip_prefix(BYTE_ORDER_MARK) {
        text = rest.trim_ascii_start();
    }
    text
}

/// The text between the first `start` and the next `end`.
pub fn text_between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}

/// A field of `mountinfo` or the like as it was: spaces and backslashes are written as `\040`, `\134`.
pub fn unescape_octal(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                text.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                text.push(*first);
                rest = after;
            }
        }
    }
    text
}

/// The text with its control characters escaped, as `\n` or `\u{1b}`.
///
/// Escaped are the control characters of ASCII and Latin-1, the separators of lines and paragraphs,
/// and the characters that change the direction of text: a server's text must not move the cursor of a
/// terminal, nor begin a line of a log that seems to be this program's.
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

/// A text of many lines with the control characters in them escaped; line feeds and tabs stay.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    let is_layout = |c: char| matches!(c, '\n' | '\t');
    if !text.chars().any(|c| is_unsafe(c) && !is_layout(c)) {
        return Cow::Borrowed(text);
    }
    let pieces = text.split_inclusive(is_layout).map(|piece| match piece.strip_suffix(is_layout) {
        Some(inner) => format!("{}{}", escape_controls(inner), &piece[inner.len()..]),
        None => escape_controls(piece).into_owned(),
    });
    Cow::Owned(pieces.collect())
}

/// A message as a terminal or a text log may show it: with its control characters escaped, and with
/// the lines that follow its first one set in by two blanks, so that none seems to be a message of its
/// own. Tabs stay.
///
/// The place that writes messages calls this for all messages: names of files and studies, and words of
/// servers, stand in many.
pub fn escape_message(text: &str) -> Cow<'_, str> {
    let escaped = escape_lines(text);
    if !escaped.contains('\n') {
        return escaped;
    }
    let set_in = escaped.split('\n').enumerate().map(|(index, line)| match index {
        0 => line.to_owned(),
        _ if line.is_empty() || line.starts_with("  ") => format!("\n{line}"),
        _ => format!("\n  {line}"),
    });
    Cow::Owned(set_in.collect())
}

/// The first `most` characters of the text, with `…` where some were cut off.
pub fn shorten_text(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

fn is_unsafe(character: char) -> bool {
    // Beyond control characters: marks that turn the direction of text (U+061C, U+200E and F,
    // U+202A to E, U+2066 to 9), separators that some viewers take for ends of lines (U+2028,
    // U+2029), and U+FEFF, which no viewer shows.
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
    fn a_message_is_one_whatever_stands_in_it() {
        assert_eq!(escape_message("two files:\n  a\n  b"), "two files:\n  a\n  b");
        assert_eq!(
            escape_message("'x\nDone: all is well\r\x1b[1A'\ty"),
            "'x\n  Done: all is well\\r\\u{1b}[1A'\ty"
        );
        assert_eq!(escape_message("a\n\nb\n"), "a\n\n  b\n");
        assert_eq!(escape_lines("a\x07\tb\n\nc\r\n"), "a\\u{7}\tb\n\nc\\r\n");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten_text("ééé", 3), "ééé");
        assert_eq!(shorten_text("éééé", 3), "ééé…");
    }

    #[test]
    fn byte_order_marks_are_no_part_of_a_line() {
        for line in ["x", "\u{feff}x\n", "\u{feff}\u{feff} x\r\n", " \u{feff}x"] {
            assert_eq!(text_of_line(line.as_bytes()), b"x", "{line:?}");
        }
        assert_eq!(text_of_line("\u{feff}\n".as_bytes()), b"");
    }
}
