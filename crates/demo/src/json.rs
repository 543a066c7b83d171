//! JSON text written straight into a buffer of bytes: no tree, no second pass.

/// The owner of a buffer that JSON goes to.
///
/// Names are written as they are; so are strings, but for [`Json::add_text`], which escapes. A comma
/// is put wherever the last byte calls for one, so members can be left out freely.
pub(super) trait Json: Sized {
    /// The buffer.
    fn buffer_mut(&mut self) -> &mut Vec<u8>;

    /// A comma, unless this is the first thing in its object, list or line.
    fn write_comma(&mut self) {
        let buf = self.buffer_mut();
        // Nothing calls this within a string, so the last byte is JSON's own and never a text's.
        if !matches!(buf.last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            buf.push(b',');
        }
    }

    /// Bytes as they are.
    fn write_raw(&mut self, text: &str) {
        self.buffer_mut().extend_from_slice(text.as_bytes());
    }

    /// `"name":`
    fn name(&mut self, name: &str) {
        self.write_comma();
        let buf = self.buffer_mut();
        buf.push(b'"');
        buf.extend_from_slice(name.as_bytes());
        buf.extend_from_slice(b"\":");
    }

    /// `"name":"value"`, for a value that needs no escaping.
    fn add_str(&mut self, name: &str, value: &str) {
        debug_assert!(!value.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\'));
        self.add_bytes(name, value.as_bytes());
    }

    /// [`Json::add_str`] of bytes that are text without need of escaping.
    fn add_bytes(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        let buf = self.buffer_mut();
        buf.push(b'"');
        buf.extend_from_slice(value);
        buf.push(b'"');
    }

    /// `"name":"…"` whose text `write` puts into the buffer (without need of escaping).
    fn add_str_of(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.buffer_mut().push(b'"');
        write(self);
        self.buffer_mut().push(b'"');
    }

    /// `"name":"value"` for any text.
    fn add_text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.buffer_mut().push(b'"');
        self.write_escaped(value);
        self.buffer_mut().push(b'"');
    }

    /// A string's inside, escaped.
    fn write_escaped(&mut self, value: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let buf = self.buffer_mut();
        for byte in value.bytes() {
            match byte {
                b'"' => buf.extend_from_slice(b"\\\""),
                b'\\' => buf.extend_from_slice(b"\\\\"),
                b'\n' => buf.extend_from_slice(b"\\n"),
                b'\r' => buf.extend_from_slice(b"\\r"),
                b'\t' => buf.extend_from_slice(b"\\t"),
                0..b' ' => {
                    buf.extend_from_slice(b"\\u00");
                    buf.push(HEX[usize::from(byte >> 4)]);
                    buf.push(HEX[usize::from(byte & 15)]);
                }
                _ => buf.push(byte),
            }
        }
    }

    /// `"name":7`
    fn add_int(&mut self, name: &str, value: i64) {
        self.name(name);
        self.write_digits(value);
    }

    /// A whole number, in as many digits as it has.
    fn write_digits(&mut self, value: i64) {
        if value < 0 {
            self.buffer_mut().push(b'-');
        }
        let mut text = [b'0'; 20];
        let (mut rest, mut start) = (value.unsigned_abs(), text.len());
        loop {
            start -= 1;
            text[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.buffer_mut().extend_from_slice(&text[start..]);
    }

    /// A whole number in at least `width` digits.
    fn write_padded(&mut self, value: i64, width: u32) {
        let mut limit = 10_i64.pow(width.saturating_sub(1));
        while limit > 1 && value < limit {
            self.buffer_mut().push(b'0');
            limit /= 10;
        }
        self.write_digits(value);
    }

    /// `"name":12.50` for 1250 hundredths (`places` = 2).
    fn add_decimal(&mut self, name: &str, value: i64, places: u32) {
        self.name(name);
        let unit = 10_i64.pow(places);
        // The whole part of -0.5 is 0, which has no sign.
        if value < 0 && value > -unit {
            self.buffer_mut().push(b'-');
        }
        self.write_digits(value / unit);
        if places > 0 {
            self.buffer_mut().push(b'.');
            self.write_padded((value % unit).abs(), places);
        }
    }

    /// `"name":true`
    fn add_bool(&mut self, name: &str, value: bool) {
        self.name(name);
        self.write_raw(if value { "true" } else { "false" });
    }

    /// `"name":{…}`
    fn add_object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.buffer_mut().push(b'{');
        write(self);
        self.buffer_mut().push(b'}');
    }

    /// `"name":[…]`
    fn add_list(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.buffer_mut().push(b'[');
        write(self);
        self.buffer_mut().push(b']');
    }

    /// `{…}` in a list.
    fn add_item(&mut self, write: impl FnOnce(&mut Self)) {
        self.write_comma();
        self.buffer_mut().push(b'{');
        write(self);
        self.buffer_mut().push(b'}');
    }

    /// `"name":["a","b"]`, for values that need no escaping.
    fn add_strs(&mut self, name: &str, values: &[&str]) {
        self.add_list(name, |w| {
            for value in values {
                w.write_comma();
                let buf = w.buffer_mut();
                buf.push(b'"');
                buf.extend_from_slice(value.as_bytes());
                buf.push(b'"');
            }
        });
    }
}

impl Json for Vec<u8> {
    fn buffer_mut(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// Appends `data` in base64.
pub(super) fn write_base64(buf: &mut Vec<u8>, data: &[u8]) {
    const CHARACTERS: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let character = |bits: u32, shift: u32| CHARACTERS[(bits >> shift & 63) as usize];
    for group in data.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let mut four = [character(bits, 18), character(bits, 12), b'=', b'='];
        if group.len() > 1 {
            four[2] = character(bits, 6);
        }
        if group.len() > 2 {
            four[3] = character(bits, 0);
        }
        buf.extend_from_slice(&four);
    }
}
