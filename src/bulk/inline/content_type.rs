//! The parts of a content type.

/// `text/plain` of `Text/Plain; charset=utf-8`.
pub(super) fn parse_media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The `charset` of a content type.
pub(super) fn parse_charset(text: &str) -> Option<String> {
    let mut parameters = text.split(';').skip(1).filter_map(|part| part.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(value.trim().trim_matches('"').to_ascii_lowercase()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_charset_are_told_apart() {
        for (text, kind, charset) in [
            ("Text/Plain", "text/plain", None),
            ("text/html; Charset=\"UTF-8\"", "text/html", Some("utf-8")),
            (" text/html ;q=1; charset = latin1", "text/html", Some("latin1")),
            ("text/html;charset=", "text/html", None),
            ("", "", None),
        ] {
            assert_eq!(parse_media_type(text), kind, "{text}");
            assert_eq!(parse_charset(text).as_deref(), charset, "{text}");
        }
    }
}
