//! How deeply a line is nested, before a parser finds out with its stack.

/// JSON objects and lists that may be inside each other, kept or dropped. The parser goes a stack frame
/// deeper with each.
const MAX_DEPTH: usize = 512;

/// Whether the parser had better not see this line.
pub fn is_too_deep(line: &[u8]) -> bool {
    // The depth is at most the number of opening brackets, which
    // is counted much faster, and few rows have so many.
    count_opening(line) > MAX_DEPTH && measure_depth(line) > MAX_DEPTH
}

/// How many brackets open, in strings too.
fn count_opening(line: &[u8]) -> usize {
    // `[` and `{` differ in one bit. A sum of 255 bytes fits a
    // byte, so that one instruction adds many of them.
    let opens = |byte: &u8| u8::from(byte | 0x20 == b'{');
    line.chunks(255).map(|part| usize::from(part.iter().map(opens).sum::<u8>())).sum()
}

/// In a text that is not JSON, only the depth before the first error matters.
fn measure_depth(line: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            // The byte behind a backslash is part of the escape, a quotation mark too.
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_text() {
        assert_eq!(measure_depth(br#"{"a":[[]],"b":{"[[[[\"[[[":1},"c":["]]",{}]}"#), 3);
        assert_eq!(measure_depth(br#"[["\\",[["#), 4);
    }

    #[test]
    fn long_rows_are_not_deep() {
        let wide = "[{}],".repeat(10_000);
        assert!(!is_too_deep(wide.as_bytes()));
        assert!(!is_too_deep(format!("[\"{}\"", "[".repeat(10_000)).as_bytes()));
        assert!(is_too_deep("[".repeat(513).as_bytes()));
        assert!(!is_too_deep("[".repeat(512).as_bytes()));
    }
}
