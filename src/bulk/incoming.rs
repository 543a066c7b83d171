//! The bytes of one file as the server sends them: in one transfer or several, as text or compressed.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use flate2::write::MultiGzDecoder;
use zstd::stream::raw::Decoder as RawZstd;
use zstd::stream::zio::Writer as ZstdWriter;

use crate::http::header::{DATE, ETAG, HeaderMap, LAST_MODIFIED};

/// Compressed bytes that are decompressed in one go: a thousand times as much may come out.
const SLICE: usize = 8 << 10;
/// The first bytes that tell how a file is compressed.
const MAGIC: usize = 4;
/// In this time at least so many bytes must come.
const LEAST: u64 = 64 << 10;

/// A file that is being downloaded.
pub(super) struct Incoming {
    /// How many bytes of the file as the server stores it have come.
    pub offset: u64,
    /// The validator that tells this version of the file from others, for `If-Range`.
    pub validator: Option<String>,
    decoder: Decoder,
}

enum Decoder {
    /// Too few bytes have come to tell.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd(Box<ZstdWriter<Vec<u8>, RawZstd<'static>>>),
}

/// Why bytes could not be taken.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The file is compressed, and damaged.
    Damaged,
    /// The text can't be written here.
    Write(io::Error),
}

impl Incoming {
    /// Of a file of which nothing is here.
    pub(super) fn new() -> Self {
        Self { offset: 0, validator: None, decoder: Decoder::Unknown(Vec::new()) }
    }

    /// Of a file of which so much text is here, from the version with this validator.
    pub(super) fn resume_at(offset: u64, validator: String) -> Self {
        Self { offset, validator: Some(validator), decoder: Decoder::Plain }
    }

    /// Whether the text that has come so far is all that there is to know: another run can go on
    /// from there.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.decoder, Decoder::Plain)
    }

    /// Takes the next bytes; `write` gets the text.
    pub(super) fn take_bytes(
        &mut self,
        mut bytes: &[u8],
        write: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Trouble> {
        self.offset += bytes.len() as u64;
        let mut first = Vec::new();
        if let Decoder::Unknown(known) = &mut self.decoder {
            let (now, rest) = bytes.split_at(bytes.len().min(MAGIC - known.len()));
            known.extend_from_slice(now);
            if known.len() < MAGIC {
                return Ok(());
            }
            first = std::mem::take(known);
            bytes = rest;
            self.decoder = Decoder::for_content(&first).map_err(Trouble::Write)?;
        }
        self.decoder.decode_bytes(&first, write)?;
        self.decoder.decode_bytes(bytes, write)
    }

    /// The file has ended.
    pub(super) fn finish_text(
        &mut self,
        write: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Trouble> {
        match &mut self.decoder {
            Decoder::Plain => Ok(()),
            Decoder::Unknown(known) => {
                // The whole file is shorter than any mark of a compressed one: it can only be text.
                let known = std::mem::take(known);
                self.decoder = Decoder::Plain;
                write(&known).map_err(Trouble::Write)
            }
            Decoder::Gzip(decoder) => {
                decoder.try_finish().map_err(|_| Trouble::Damaged)?;
                write(decoder.get_ref()).map_err(Trouble::Write)
            }
            Decoder::Zstd(decoder) => {
                decoder.finish().map_err(|_| Trouble::Damaged)?;
                write(decoder.writer()).map_err(Trouble::Write)
            }
        }
    }
}

impl Decoder {
    /// By the first bytes. Servers that store compressed files often don't say so.
    fn for_content(first: &[u8]) -> io::Result<Self> {
        Ok(match first {
            // Of several members, as files are that were compressed in pieces and joined.
            [0x1f, 0x8b, ..] => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            // A frame, or one of those that readers skip.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                Self::Zstd(Box::new(ZstdWriter::new(Vec::new(), RawZstd::new()?)))
            }
            _ => Self::Plain,
        })
    }

    fn decode_bytes(
        &mut self,
        bytes: &[u8],
        write: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Trouble> {
        match self {
            Self::Unknown(_) | Self::Plain => write(bytes).map_err(Trouble::Write),
            Self::Gzip(decoder) => bytes.chunks(SLICE).try_for_each(|slice| {
                decoder.write_all(slice).map_err(|_| Trouble::Damaged)?;
                write(decoder.get_ref()).map_err(Trouble::Write)?;
                decoder.get_mut().clear();
                Ok(())
            }),
            Self::Zstd(decoder) => bytes.chunks(SLICE).try_for_each(|slice| {
                decoder.write_all(slice).map_err(|_| Trouble::Damaged)?;
                // The zstd crate's writer keeps the last piece of text in its own buffer until the
                // next write, or until it is flushed.
                decoder.flush().map_err(|_| Trouble::Damaged)?;
                write(decoder.writer()).map_err(Trouble::Write)?;
                decoder.writer_mut().clear();
                Ok(())
            }),
        }
    }
}

/// The validator by which `If-Range` can name this version: a strong `ETag`, else `Last-Modified`.
///
/// A weak `ETag` promises only that two versions mean the same, not that they have the same bytes.
/// Neither does a change in the same second as the answer (RFC 9110, 8.8.2.2).
pub(super) fn find_validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(tag) = text(ETAG)
        && tag.len() >= 2
        && tag.starts_with('"')
        && tag.ends_with('"')
    {
        return Some(tag.to_owned());
    }
    let modified = text(LAST_MODIFIED)?;
    let time = httpdate::parse_http_date(modified).ok()?;
    let date = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    let date = date.unwrap_or_else(SystemTime::now);
    (time + Duration::from_secs(1) <= date).then(|| modified.to_owned())
}

/// Whether the answer with these headers is of another version of the file than the one with this
/// validator. Servers that don't know `If-Range` send what was asked for, whatever it says.
pub(super) fn is_other_version(headers: &HeaderMap, expected: &str) -> bool {
    let name = if expected.starts_with('"') { ETAG } else { LAST_MODIFIED };
    // A missing header says nothing: by RFC 9110, 15.3.7, the answer to `If-Range` should leave out
    // `Last-Modified`.
    headers.get(name).is_some_and(|found| found.as_bytes().trim_ascii() != expected.as_bytes())
}

/// Sees whether a body comes so slowly that it had better be asked for again.
pub(super) struct Flow {
    window: Duration,
    begun: Duration,
    bytes: u64,
}

impl Flow {
    /// `window`: the time in which at least 64 KiB must come.
    pub(super) fn new(window: Duration) -> Self {
        Self { window, begun: Duration::ZERO, bytes: 0 }
    }

    /// So many more bytes have come, so long after the beginning. Whether that is quick enough.
    pub(super) fn is_quick_enough(&mut self, bytes: u64, now: Duration) -> bool {
        self.bytes += bytes;
        if now - self.begun < self.window {
            return true;
        }
        let enough = self.bytes >= LEAST;
        (self.begun, self.bytes) = (now, 0);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(file: &[u8], piece: usize) -> Result<Vec<u8>, Trouble> {
        let (mut incoming, mut text) = (Incoming::new(), Vec::new());
        let mut write = |bytes: &[u8]| {
            text.extend_from_slice(bytes);
            Ok(())
        };
        for bytes in file.chunks(piece) {
            incoming.take_bytes(bytes, &mut write)?;
        }
        incoming.finish_text(&mut write)?;
        assert_eq!(incoming.offset, file.len() as u64);
        Ok(text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_files_are_told_by_their_first_bytes() {
        let text: Vec<u8> = (0..40_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd].concat();
        let two = [zstd.clone(), zstd.clone()].concat();
        for piece in [1, 3, 1000, usize::MAX >> 1] {
            assert_eq!(text_of(&text, piece).unwrap(), text);
            assert_eq!(text_of(&gzip(&text), piece).unwrap(), text);
            let members = [gzip(&text[..1000]), gzip(&text[1000..])].concat();
            assert_eq!(text_of(&members, piece).unwrap(), text);
            assert_eq!(text_of(&zstd, piece).unwrap(), text);
            assert_eq!(text_of(&skippable, piece).unwrap(), text);
            assert_eq!(text_of(&two, piece).unwrap().len(), 2 * text.len());
            for short in ["", "{}", "{}\n"] {
                assert_eq!(text_of(short.as_bytes(), piece).unwrap(), short.as_bytes());
            }
        }
    }

    #[test]
    fn compressed_files_that_are_cut_off_are_damaged() {
        let text = b"{\"resourceType\":\"Patient\"}\n".repeat(1000);
        for file in [gzip(&text), zstd::encode_all(&text[..], 1).unwrap()] {
            let cut = &file[..file.len() - 3];
            assert!(matches!(text_of(cut, 64), Err(Trouble::Damaged)));
        }
        // gzip has a checksum.
        let mut odd = gzip(&text);
        let end = odd.len();
        odd[end - 6] ^= 1;
        assert!(matches!(text_of(&odd, 64), Err(Trouble::Damaged)));
    }

    #[test]
    fn only_strong_validators_count() {
        let validator = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            find_validator(&headers)
        };
        let (then, now) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:40 GMT");
        assert_eq!(validator(&[("etag", "\"a\""), ("last-modified", then)]).unwrap(), "\"a\"");
        assert_eq!(validator(&[("etag", "W/\"a\"")]), None);
        assert_eq!(validator(&[("etag", "w/\"a\""), ("last-modified", then)]).unwrap(), then);
        assert_eq!(validator(&[("etag", "bare")]), None);
        assert_eq!(validator(&[("last-modified", then), ("date", now)]).unwrap(), then);
        assert_eq!(validator(&[("last-modified", now), ("date", now)]), None);
        assert_eq!(validator(&[("last-modified", "yesterday")]), None);
        assert_eq!(validator(&[]), None);
    }

    #[test]
    fn a_byte_a_second_is_too_slow() {
        let seconds = Duration::from_secs;
        let mut flow = Flow::new(seconds(300));
        assert!((1..300).all(|second| flow.is_quick_enough(1, seconds(second))));
        assert!(!flow.is_quick_enough(1, seconds(300)));
        let mut flow = Flow::new(seconds(300));
        assert!((1..2000).all(|second| flow.is_quick_enough(1000, seconds(second))));
    }
}
