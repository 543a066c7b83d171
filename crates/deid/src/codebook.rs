//! `PHI/codebook.json`: the salt that all anonymous IDs depend on (spec: "IDs").

use std::collections::HashMap;

use cumulus_base::error::{Context, Error, ErrorKind, Result};
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::anon_id::{AnonId, HashedId, IdKind, hash_id};
use super::phi::PhiFiles;

/// Name of the codebook in the PHI folder.
pub const CODEBOOK: &str = "codebook.json";
/// Keeps two runs from changing files of the PHI folder at the same time.
pub(super) const LOCK: &str = ".codebook.lock";

/// The salt, and the IDs that earlier versions handed out at random.
pub struct Codebook {
    id: String,
    salt: [u8; 32],
    patients: HashMap<String, String>,
    encounters: HashMap<String, String>,
}

impl Codebook {
    /// Reads the codebook in `phi`, making or completing it first where needed. Of two runs
    /// that make it at the same time, both use the one that was there first.
    pub fn open(phi: &impl PhiFiles) -> Result<Self> {
        Self::open_or_begin(phi).map(|(codebook, _)| codebook)
    }

    /// The same, and whether the codebook was begun here.
    pub fn open_or_begin(phi: &impl PhiFiles) -> Result<(Self, bool)> {
        let show = phi.show_file(CODEBOOK);
        let Some(bytes) = phi.read_file(CODEBOOK)? else {
            let mut fresh = Map::from_iter([("version".to_owned(), json!(1))]);
            complete_settings(&mut fresh)?;
            // Losing a race is fine: then the winner's is read.
            let is_new = phi.write_new_file(CODEBOOK, render_settings(&fresh)?)?;
            let bytes = phi.read_file(CODEBOOK)?;
            let bytes = bytes.ok_or_else(|| Error::failed(format!("'{show}' has vanished")))?;
            return Ok((Self::parse_settings(&decode_settings(&bytes, &show)?, &show)?, is_new));
        };
        let mut settings = decode_settings(&bytes, &show)?;
        if upgrade_settings(&mut settings, &show)? || complete_settings(&mut settings)? {
            settings = complete_saved(phi, &show)?;
        }
        Ok((Self::parse_settings(&settings, &show)?, false))
    }

    /// The codebook in `phi` as a run would use it, if there is one; nothing is written.
    pub fn look(phi: &impl PhiFiles) -> Result<Option<Self>> {
        let show = phi.show_file(CODEBOOK);
        let Some(bytes) = phi.read_file(CODEBOOK)? else { return Ok(None) };
        let mut settings = decode_settings(&bytes, &show)?;
        upgrade_settings(&mut settings, &show)?;
        complete_settings(&mut settings)?;
        Self::parse_settings(&settings, &show).map(Some)
    }

    /// The ID of the codebook in `phi`, if there is one and it has one; nothing is written.
    pub fn id_in(phi: &impl PhiFiles) -> Result<Option<String>> {
        let Some(bytes) = phi.read_file(CODEBOOK)? else { return Ok(None) };
        let settings = decode_settings(&bytes, &phi.show_file(CODEBOOK))?;
        Ok(settings.get("codebook_id").and_then(Value::as_str).map(str::to_owned))
    }

    /// A codebook that hashes nothing worth keeping: for rows that have been de-identified.
    pub fn throwaway() -> Self {
        Self {
            id: String::new(),
            salt: [0; 32],
            patients: HashMap::new(),
            encounters: HashMap::new(),
        }
    }

    fn parse_settings(settings: &Map<String, Value>, show: &str) -> Result<Self> {
        let text = |name| settings.get(name).and_then(Value::as_str);
        let damaged = |what| {
            let help = "restore it from a backup; a new one would change every anonymous ID";
            Error::failed(format!("'{show}': {what}; {help}"))
        };
        let salt = text("id_salt").and_then(parse_salt);
        let map = |name| -> Result<HashMap<String, String>> {
            let Some(map) = settings.get(name) else { return Ok(HashMap::new()) };
            let map = map.as_object().ok_or_else(|| damaged("an ID map is not an object"))?;
            map.iter()
                .map(|(real, anon_id)| Some((real.clone(), anon_id.as_str()?.to_owned())))
                .collect::<Option<_>>()
                .ok_or_else(|| damaged("an ID map holds something other than text"))
        };
        Ok(Self {
            id: text("codebook_id").ok_or_else(|| damaged("'codebook_id' is not text"))?.to_owned(),
            salt: salt.ok_or_else(|| damaged("'id_salt' is not 64 hex digits"))?,
            patients: map("Patient")?,
            encounters: map("Encounter")?,
        })
    }

    /// The ID by which OUTPUT remembers the codebook; not a secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The keyed hash, ready to be cloned.
    pub(super) fn keyed_hash(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.salt).expect("HMAC takes keys of any length")
    }

    /// The ID that an earlier version handed out for this real one.
    pub(super) fn legacy_id(&self, kind: IdKind, real: &str) -> Option<&str> {
        let map = match kind {
            IdKind::Patient => &self.patients,
            IdKind::Encounter => &self.encounters,
        };
        // An empty anonymous ID would join the rows of all who have one.
        map.get(real).map(String::as_str).filter(|anon_id| !anon_id.is_empty())
    }

    /// The anonymous form of one ID outside a row: `deleted/` bundles need it.
    pub fn anonymize_id(&self, resource_type: &str, real: &str) -> AnonId<'static> {
        let legacy = IdKind::for_type(resource_type).and_then(|kind| self.legacy_id(kind, real));
        let text = legacy.map_or_else(
            || self.hash_real_id(real).iter().map(|digit| char::from(*digit)).collect(),
            str::to_owned,
        );
        AnonId::new(text.into())
    }

    pub(super) fn hash_real_id(&self, real: &str) -> HashedId {
        hash_id(&self.keyed_hash(), real)
    }
}

/// Completes the codebook in `phi`, unless another run does so first: the salt that stays is the one
/// that both use.
fn complete_saved(phi: &impl PhiFiles, show: &str) -> Result<Map<String, Value>> {
    // On a disk the lock keeps others away. In a bucket it can be lost: there the version tells.
    let _lock = phi.lock_name(LOCK)?;
    let mut completed = Map::new();
    phi.change_file(CODEBOOK, |bytes| {
        let mut settings = decode_settings(bytes, show)?;
        let upgraded = upgrade_settings(&mut settings, show)?;
        let changed = complete_settings(&mut settings)? || upgraded;
        let text = changed.then(|| render_settings(&settings)).transpose();
        completed = settings;
        text
    })?;
    Ok(completed)
}

fn decode_settings(bytes: &[u8], show: &str) -> Result<Map<String, Value>> {
    // serde_json's message may quote the text, and the text is a secret.
    serde_json::from_slice(bytes).map_err(|_| {
        Error::failed(format!("'{show}' is not a JSON object; restore it from a backup"))
    })
}

fn render_settings(settings: &Map<String, Value>) -> Result<String> {
    serde_json::to_string(settings).context("cannot write the codebook as JSON")
}

/// Turns version 0 into version 1; true if there was something to do.
fn upgrade_settings(settings: &mut Map<String, Value>, show: &str) -> Result<bool> {
    match settings.get("version").map(Value::as_u64) {
        Some(Some(1)) => return Ok(false),
        None | Some(Some(0)) => {}
        Some(_) => {
            return Err(Error::new(
                ErrorKind::Failed,
                format!("'{show}' has a version that this program does not know; update it"),
            ));
        }
    }
    let odd = || Error::failed(format!("'{show}' is of version 0, but not as version 0 was"));
    let (mut patients, mut encounters) = (Map::new(), Map::new());
    // A file of version 0 without this map could be anything. To
    // take it for an empty one would give known patients new IDs.
    let mrns = settings.get("mrn").and_then(Value::as_object).ok_or_else(odd)?;
    for (real, patient) in mrns {
        let anon_id = patient.get("deid").filter(|anon_id| anon_id.is_string()).ok_or_else(odd)?;
        patients.insert(real.clone(), anon_id.clone());
        let visits = patient.get("encounter").and_then(Value::as_object);
        for (real, encounter) in visits.into_iter().flatten() {
            let anon_id =
                encounter.get("deid").filter(|anon_id| anon_id.is_string()).ok_or_else(odd)?;
            encounters.insert(real.clone(), anon_id.clone());
        }
    }
    *settings = Map::from_iter([
        ("version".to_owned(), json!(1)),
        ("Patient".to_owned(), patients.into()),
        ("Encounter".to_owned(), encounters.into()),
    ]);
    Ok(true)
}

/// Adds an ID and a salt where they are missing; true if there was something to do.
fn complete_settings(settings: &mut Map<String, Value>) -> Result<bool> {
    let mut changed = false;
    if !settings.contains_key("codebook_id") {
        settings.insert("codebook_id".to_owned(), json!(Uuid::new_v4().to_string()));
        changed = true;
    }
    if !settings.contains_key("id_salt") {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt)
            .map_err(|e| Error::failed(format!("the system gives no random numbers: {e}")))?;
        let hex: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        settings.insert("id_salt".to_owned(), json!(hex));
        changed = true;
    }
    Ok(changed)
}

fn parse_salt(hex: &str) -> Option<[u8; 32]> {
    let mut salt = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in salt.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(salt)
}
