//! JSON text written straight into a buffer of bytes: no tree, no second pass.

/// Whatever owns a buffer that JSON goes to.
///
/// Names are written as they are; so are strings, but for [`Json::text`], which escapes. A comma
/// is put wherever the last byte calls for one, so members can be left out freely.
pub(super) trait Json: Sized {
    /// The buffer.
    fn buf(&mut self) -> &mut Vec<u8>;

    /// A comma, unless this is the first thing in its object, list or line.
    fn separate(&mut self) {
        let buf = self.buf();
        if !matches!(buf.last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            buf.push(b',');
        }
    }

    /// Bytes as they are.
    fn raw(&mut self, text: &str) {
        self.buf().extend_from_slice(text.as_bytes());
    }

    /// `"name":`
    fn name(&mut self, name: &str) {
        self.separate();
        let buf = self.buf();
        buf.push(b'"');
        buf.extend_from_slice(name.as_bytes());
        buf.extend_from_slice(b"\":");
    }

    /// `"name":"value"`, for a value that needs no escaping.
    fn str(&mut self, name: &str, value: &str) {
        debug_assert!(!value.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\'));
        self.bytes(name, value.as_bytes());
    }

    /// [`Json::str`] of bytes that are text without need of escaping.
    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        let buf = self.buf();
        buf.push(b'"');
        buf.extend_from_slice(value);
        buf.push(b'"');
    }

    /// `"name":"…"` whose text `write` puts into the buffer (without need of escaping).
    fn str_of(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.buf().push(b'"');
        write(self);
        self.buf().push(b'"');
    }

    /// `"name":"value"` for any text.
    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.buf().push(b'"');
        self.escaped(value);
        self.buf().push(b'"');
    }

    /// A string's inside, escaped.
    fn escaped(&mut self, value: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let buf = self.buf();
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
    fn int(&mut self, name: &str, value: i64) {
        self.name(name);
        self.digits(value);
    }

    /// A whole number, in as many digits as it has.
    fn digits(&mut self, value: i64) {
        if value < 0 {
            self.buf().push(b'-');
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
        self.buf().extend_from_slice(&text[start..]);
    }

    /// A whole number in at least `width` digits.
    fn padded(&mut self, value: i64, width: u32) {
        let mut limit = 10_i64.pow(width.saturating_sub(1));
        while limit > 1 && value < limit {
            self.buf().push(b'0');
            limit /= 10;
        }
        self.digits(value);
    }

    /// `"name":12.50` for 1250 hundredths (`places` = 2).
    fn decimal(&mut self, name: &str, value: i64, places: u32) {
        self.name(name);
        let unit = 10_i64.pow(places);
        if value < 0 && value > -unit {
            self.buf().push(b'-');
        }
        self.digits(value / unit);
        if places > 0 {
            self.buf().push(b'.');
            self.padded((value % unit).abs(), places);
        }
    }

    /// `"name":true`
    fn bool(&mut self, name: &str, value: bool) {
        self.name(name);
        self.raw(if value { "true" } else { "false" });
    }

    /// `"name":{…}`
    fn obj(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.buf().push(b'{');
        write(self);
        self.buf().push(b'}');
    }

    /// `"name":[…]`
    fn list(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.buf().push(b'[');
        write(self);
        self.buf().push(b']');
    }

    /// `{…}` in a list.
    fn item(&mut self, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.buf().push(b'{');
        write(self);
        self.buf().push(b'}');
    }

    /// `"name":["a","b"]`, for values that need no escaping.
    fn strs(&mut self, name: &str, values: &[&str]) {
        self.list(name, |w| {
            for value in values {
                w.separate();
                let buf = w.buf();
                buf.push(b'"');
                buf.extend_from_slice(value.as_bytes());
                buf.push(b'"');
            }
        });
    }
}

impl Json for Vec<u8> {
    fn buf(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// Appends `data` in base64.
pub(super) fn base64(buf: &mut Vec<u8>, data: &[u8]) {
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
