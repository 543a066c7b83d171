//! Text out of gzip files as they come: in several members, and padded.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Unpacks all members of a gzip file. NUL bytes behind a member, which tapes and some stores fill
/// their blocks with, are passed over.
pub struct Gunzip<R> {
    /// `None` at the end of the file.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gunzip<R> {
    /// Unpacks what `reader` gives, which must begin with a member.
    pub fn new(reader: R) -> Self {
        Self { member: Some(GzDecoder::new(reader)) }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            // A read into an empty buffer gives 0 as well, and is no end of the member.
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(ended) = self.member.take() else { break };
            let mut rest = ended.into_inner();
            if !skip_nuls(&mut rest)? {
                self.member = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}

/// Passes over NUL bytes; gives whether the file ends there.
fn skip_nuls(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        let nuls = buffer.iter().take_while(|byte| **byte == 0).count();
        let (is_end, all) = (buffer.is_empty(), nuls == buffer.len());
        reader.consume(nuls);
        if is_end || !all {
            return Ok(is_end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, Write};

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    fn unpack(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        // A buffer of a few bytes: members and padding end anywhere in it.
        let reader = BufReader::with_capacity(3, Cursor::new(bytes));
        Gunzip::new(reader).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_are_one_text_with_padding_or_without() {
        for nuls in [0, 1, 2, 3, 511, 5000] {
            let padding = vec![0; nuls];
            let bytes = [member("one\n"), padding.clone(), member(""), member("two\n"), padding];
            assert_eq!(unpack(bytes.concat()).unwrap(), "one\ntwo\n", "{nuls}");
        }
    }

    #[test]
    fn what_is_cut_off_or_no_member_is_an_error() {
        let whole = member("one\n");
        for cut in [1, 5, 12, whole.len() - 1] {
            assert!(unpack(whole[..cut].to_vec()).is_err(), "{cut}");
        }
        assert!(unpack([whole.clone(), b"more".to_vec()].concat()).is_err());
        assert!(unpack([whole.clone(), vec![0], whole[..7].to_vec()].concat()).is_err());
    }
}
