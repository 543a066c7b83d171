//! Listings of buckets, without the objects whose keys are no paths.
//!
//! A key may be any text: `a//b`, `../a`. The library refuses a whole listing for one of them, and takes
//! `/a` for `a`. They are taken out of the server's answer before the library sees it, and named.

use async_trait::async_trait;
use bytes::Bytes;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::path::Path;
use tracing::warn;

use crate::text::escape_controls;

/// The elements of listings, and the element of a key in each: of S3 and Google, and of Azure.
const ENTRIES: [(&str, &str); 4] =
    [("Contents", "Key"), ("CommonPrefixes", "Prefix"), ("Blob", "Name"), ("BlobPrefix", "Name")];

/// Connects as the library does.
#[derive(Debug, Default)]
pub(super) struct PlainListings;

impl HttpConnector for PlainListings {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Service(client)))
    }
}

#[derive(Debug)]
struct Service(HttpClient);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_listing = request.method().as_str() == "GET"
            && request.uri().query().is_some_and(|query| {
                // S3 and Google mark a listing by `list-type=2`, Azure
                // by `comp=list`. The order of the parameters differs.
                query.split('&').any(|pair| matches!(pair, "list-type=2" | "comp=list"))
            });
        let response = self.0.execute(request).await?;
        if !is_listing || !response.status().is_success() {
            return Ok(response);
        }
        let (mut head, body) = response.into_parts();
        let body = body.bytes().await?;
        let (body, left_out) = without_odd_keys(body);
        for key in left_out {
            warn!("the object '{}' is left alone: its key is no path", escape_controls(&key));
        }
        // It told of the body before entries were taken out.
        head.headers.remove("content-length");
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

/// The listing without entries whose keys are no paths, and these keys.
fn without_odd_keys(listing: Bytes) -> (Bytes, Vec<String>) {
    let Ok(mut rest) = std::str::from_utf8(&listing) else { return (listing, Vec::new()) };
    let (mut kept, mut odd) = (String::new(), Vec::new());
    while let Some(entry) = next_entry(rest) {
        match entry.key.filter(|key| is_no_path(key)) {
            Some(key) => {
                kept.push_str(&rest[..entry.start]);
                odd.push(key);
            }
            None => kept.push_str(&rest[..entry.end]),
        }
        rest = &rest[entry.end..];
    }
    if odd.is_empty() {
        return (listing, odd);
    }
    kept.push_str(rest);
    (kept.into(), odd)
}

/// Whether no path leads to an object of this key, or one that leads to another.
fn is_no_path(key: &str) -> bool {
    key.starts_with('/') || Path::parse(key).is_err()
}

/// An entry of a listing: where its element begins and ends, and its key.
struct ListedElement {
    start: usize,
    end: usize,
    key: Option<String>,
}

fn next_entry(text: &str) -> Option<ListedElement> {
    let found = ENTRIES.iter().filter_map(|(element, of_key)| {
        let start = text.find(&format!("<{element}>"))?;
        // By text, not by an XML parser: what stands between entries
        // (the token of the next page) stays as it is, byte by byte.
        let close = format!("</{element}>");
        let end = start + text[start..].find(&close)? + close.len();
        Some((start, end, *of_key))
    });
    let (start, end, of_key) = found.min()?;
    let inside = &text[start..end];
    let key = inside.split_once(&format!("<{of_key}>")).and_then(|(_, rest)| rest.split_once('<'));
    Some(ListedElement { start, end, key: key.map(|(key, _)| unescape_xml(key)) })
}

/// The text that XML writes so.
fn unescape_xml(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        // A lone `&` is no XML. The rest is then shown as it is, and the key counts as read so far.
        let Some((name, behind)) = after.split_once(';') else { break };
        let number = |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => match name.strip_prefix("#x") {
                Some(digits) => number(digits, 16),
                None => name.strip_prefix('#').and_then(|digits| number(digits, 10)),
            },
        };
        plain.extend(character);
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(listing: &str) -> (String, Vec<String>) {
        let (kept, odd) = without_odd_keys(Bytes::from(listing.to_owned()));
        (String::from_utf8(kept.to_vec()).unwrap(), odd)
    }

    #[test]
    fn keys_that_are_no_paths_are_taken_out_of_a_listing() {
        let object = |key: &str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
        let prefix = |key: &str| format!("<CommonPrefixes><Prefix>{key}</Prefix></CommonPrefixes>");
        let listing = [
            "<?xml version=\"1.0\"?><ListBucketResult><Prefix>in//x</Prefix>".to_owned(),
            object("in/a.ndjson"),
            object("in//b.ndjson"),
            object("/in/a.ndjson"),
            object("in/../c.ndjson"),
            object("in/x&amp;y&#x41;.ndjson"),
            object("in/tab&#9;.ndjson"),
            prefix("in/d/"),
            prefix("in//"),
            prefix("/"),
            "</ListBucketResult>".to_owned(),
        ];
        let (kept, odd) = left(&listing.concat());
        assert_eq!(
            odd,
            ["in//b.ndjson", "/in/a.ndjson", "in/../c.ndjson", "in/tab\t.ndjson", "in//", "/"]
        );
        let expected = [0, 1, 5, 7, 10].map(|index| listing[index].as_str()).concat();
        assert_eq!(kept, expected);
    }

    #[test]
    fn listings_of_azure_and_plain_ones_stay_as_they_are() {
        let plain = "<EnumerationResults><Blobs><Blob><Name>a/b</Name></Blob><BlobPrefix>\
                     <Name>c/</Name></BlobPrefix></Blobs></EnumerationResults>";
        assert_eq!(left(plain), (plain.to_owned(), Vec::new()));
        let odd = plain.replace("a/b", "a//b").replace("c/", "c//");
        let (kept, odd) = left(&odd);
        assert_eq!(kept, "<EnumerationResults><Blobs></Blobs></EnumerationResults>");
        assert_eq!(odd, ["a//b", "c//"]);
        for other in ["", "<Contents>", "<Contents></Contents>", "no xml & <"] {
            assert_eq!(left(other), (other.to_owned(), Vec::new()));
        }
    }
}
