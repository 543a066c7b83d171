//! The attachments of one row.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::NoteSummary;
use super::content_type::parse_media_type;
use super::fetch::Fetcher;
use super::fields::RawObject;
use crate::bulk::note_selection::NoteSelection;
use crate::error::Result;
use crate::fhir::trim_text;
use crate::http::{Client, Pace};

/// Downloads notes into rows.
pub(super) struct NoteInliner {
    fetcher: Fetcher,
    mimetypes: Vec<String>,
}

/// An attachment, as far as it matters here.
enum NoteState {
    /// Nothing to download.
    Other,
    /// Its text is there.
    Present,
    /// Where it is, and its kind if that is known.
    Wanted { url: String, kind: Option<String> },
}

impl NoteInliner {
    /// `max_connections`: requests that may be under way.
    pub(super) fn new(
        client: &Client,
        selection: &NoteSelection,
        max_connections: usize,
        pace: Pace,
    ) -> Result<Self> {
        let fetcher = Fetcher::new(client, selection, max_connections, pace)?;
        Ok(Self { fetcher, mimetypes: selection.mimetypes.clone() })
    }

    /// The row with its notes. A row that is no FHIR resource stays as it is.
    pub(super) async fn put_into(&self, line: Vec<u8>) -> (Vec<u8>, NoteSummary) {
        let mut summary = NoteSummary::default();
        match self.inline_row(&line, &mut summary).await {
            Some(mut changed) => {
                changed.push(b'\n');
                (changed, summary)
            }
            None => (line, summary),
        }
    }

    /// Counts what an earlier run has done with a row. Whether it has not got all of its notes.
    pub(super) fn compare_rows(
        &self,
        original: &[u8],
        changed: &[u8],
        summary: &mut NoteSummary,
    ) -> bool {
        let (before, mut wanted) = self.count_notes(original);
        summary.present += before;
        if changed != original {
            let (after, still) = self.count_notes(changed);
            summary.downloaded += after.saturating_sub(before);
            wanted = still;
        }
        wanted > 0
    }

    /// How many attachments of a row have their text, and how many lack it.
    fn count_notes(&self, line: &[u8]) -> (u64, u64) {
        let Some(attachments) = parse_attachments(line) else { return (0, 0) };
        attachments.iter().fold((0, 0), |(present, wanted), one| match self.note_state(one) {
            NoteState::Present => (present + 1, wanted),
            NoteState::Wanted { .. } => (present, wanted + 1),
            NoteState::Other => (present, wanted),
        })
    }

    /// `None` where nothing changes.
    async fn inline_row(&self, line: &[u8], summary: &mut NoteSummary) -> Option<Vec<u8>> {
        let mut row: RawObject = serde_json::from_slice(line).ok()?;
        let list = attachments_field(&row)?;
        let mut items: Vec<Box<RawValue>> =
            serde_json::from_str(row.raw_member(list)?.get()).ok()?;
        let mut any = false;
        for item in &mut items {
            let changed = match list {
                "content" => self.inline_content(item, summary).await,
                _ => self.inline_attachment(item, summary).await,
            };
            if let Some(changed) = changed {
                *item = changed;
                any = true;
            }
        }
        if !any {
            return None;
        }
        row.set_member(list, &items).ok()?;
        serde_json::to_vec(&row).ok()
    }

    async fn inline_content(
        &self,
        content: &RawValue,
        summary: &mut NoteSummary,
    ) -> Option<Box<RawValue>> {
        let mut content: RawObject = serde_json::from_str(content.get()).ok()?;
        let changed = self.inline_attachment(content.raw_member("attachment")?, summary).await?;
        content.set_member("attachment", &changed).ok()?;
        serde_json::value::to_raw_value(&content).ok()
    }

    async fn inline_attachment(
        &self,
        raw: &RawValue,
        summary: &mut NoteSummary,
    ) -> Option<Box<RawValue>> {
        let mut attachment: RawObject = serde_json::from_str(raw.get()).ok()?;
        let (url, kind) = match self.note_state(&attachment) {
            NoteState::Other => return None,
            NoteState::Present => {
                summary.present += 1;
                return None;
            }
            NoteState::Wanted { url, kind } => (url, kind),
        };
        let kind = kind.as_deref();
        match self
            .fetcher
            .fetch_note(&url, kind, attachment.text_member("contentType").as_deref())
            .await
        {
            Ok(note) => {
                attachment.set_member("contentType", &note.content_type).ok()?;
                attachment.set_member("data", &STANDARD.encode(&note.bytes)).ok()?;
                attachment.set_member("size", &note.bytes.len()).ok()?;
                attachment.set_member("hash", &STANDARD.encode(note.sha1_hash())).ok()?;
                summary.downloaded += 1;
                serde_json::value::to_raw_value(&attachment).ok()
            }
            Err(missing) => {
                summary.count_missing(missing);
                None
            }
        }
    }

    fn note_state(&self, attachment: &RawObject) -> NoteState {
        let kind = attachment.text_member("contentType").map(|text| parse_media_type(&text));
        if kind.as_ref().is_some_and(|kind| !self.mimetypes.contains(kind)) {
            return NoteState::Other;
        }
        // Servers also write `""` or null beside the URL of a text that they do not hand out here
        // (test `an_attachment_whose_text_is_empty_or_null_gets_its_note`).
        if attachment.text_member("data").is_some_and(|data| !trim_text(&data).is_empty()) {
            return NoteState::Present;
        }
        match attachment.text_member("url").filter(|url| !url.is_empty()) {
            Some(url) => NoteState::Wanted { url, kind },
            None => NoteState::Other,
        }
    }
}

/// Whether a line of a draft is made of this row: it may differ in its notes only.
pub(super) fn is_same(original: &[u8], line: &[u8]) -> bool {
    if original == line {
        return true;
    }
    let (Ok(one), Ok(other)) =
        (serde_json::from_slice::<RawObject>(original), serde_json::from_slice::<RawObject>(line))
    else {
        return false;
    };
    attachments_field(&one).is_some_and(|list| one.is_same_but_for(&other, list))
}

/// The name of the list that a resource has its notes in.
fn attachments_field(row: &RawObject) -> Option<&'static str> {
    match row.text_member("resourceType")?.as_str() {
        "DocumentReference" => Some("content"),
        "DiagnosticReport" => Some("presentedForm"),
        _ => None,
    }
}

fn parse_attachments(line: &[u8]) -> Option<Vec<RawObject>> {
    let row: RawObject = serde_json::from_slice(line).ok()?;
    let list = attachments_field(&row)?;
    let items: Vec<RawObject> = serde_json::from_str(row.raw_member(list)?.get()).ok()?;
    if list == "presentedForm" {
        return Some(items);
    }
    let attachment =
        |item: &RawObject| serde_json::from_str(item.raw_member("attachment")?.get()).ok();
    Some(items.iter().filter_map(attachment).collect())
}
