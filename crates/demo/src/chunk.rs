//! The rows of a few patients, by type: one thread makes them at a time.

use super::codes::orders::TAGS;
use super::dates::{EXPORTED, TimeSpelling, WriteTime};
use super::flaws::{self, Flaw};
use super::json::Json;
use super::kind::RowType;
use super::resources;
use super::rng::{Id, Rng};
use super::row::Revision;
use super::world::{Person, World};

/// Patients per chunk: some 4 MB of rows.
pub(super) const PATIENTS: u64 = 16;

/// Lines of one file, and where each ends.
#[derive(Default)]
pub(super) struct FileLines {
    pub bytes: Vec<u8>,
    pub ends: Vec<usize>,
}

impl FileLines {
    fn clear_lines(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The line that began where the last one ended is complete.
    pub fn end_line(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// Counts of the rows that were made.
#[derive(Default)]
pub(super) struct MadeRows {
    pub rows: [u64; RowType::ALL.len()],
    pub duplicates: u64,
    pub broken: u64,
    pub deleted: u64,
    pub deleted_here: u64,
}

impl MadeRows {
    pub fn add(&mut self, other: &Self) {
        for (sum, rows) in self.rows.iter_mut().zip(other.rows) {
            *sum += rows;
        }
        self.duplicates += other.duplicates;
        self.broken += other.broken;
        self.deleted += other.deleted;
        self.deleted_here += other.deleted_here;
    }
}

/// A chunk; its buffers are used again for the next one.
#[derive(Default)]
pub(super) struct PatientChunk {
    pub lines: [FileLines; RowType::ALL.len()],
    pub deleted: FileLines,
    pub counts: MadeRows,
    /// Rows to come again at the end: patient, type, index.
    again: Vec<(u64, RowType, u64)>,
}

impl PatientChunk {
    /// Makes chunk `number` of `chunks`.
    pub fn fill_rows(&mut self, world: &World, number: u64, chunks: u64) {
        self.lines.iter_mut().for_each(FileLines::clear_lines);
        self.deleted.clear_lines();
        self.again.clear();
        self.counts = MadeRows::default();
        // The last part (`ch`) keeps these numbers apart from
        // those of patient `number`, which has the same seed.
        let mut rng = Rng::from_parts(&[world.seed, number, 0x63_68]);
        let first = number * PATIENTS;
        let patients = first..(first + PATIENTS).min(world.patients);
        let host = Person::new(world, first);

        if world.flaws && number == 0 {
            // A server's complaint where the first row should be.
            for kind in [RowType::Observation, RowType::DiagnosticReport] {
                self.break_row(world, &host, kind, Flaw::Outcome, 0);
            }
        }
        for kind in RowType::ALL.into_iter().filter(|kind| kind.is_shared()) {
            let count = world.count_shared(kind);
            // Shared rows are spread over all chunks, so that none
            // takes much more memory than the others.
            for index in number * count / chunks..(number + 1) * count / chunks {
                self.add_row(world, &host, kind, index, &mut rng);
            }
        }
        for patient in patients.clone() {
            let person = Person::new(world, patient);
            for kind in RowType::ALL.into_iter().filter(|kind| !kind.is_shared()) {
                for index in 0..person.count_rows(kind) {
                    self.add_row(world, &person, kind, index, &mut rng);
                }
            }
            if world.flaws && patient == first {
                self.break_some(world, &person, number, &mut rng);
            }
        }
        if world.flaws {
            self.repeat_rows(world, number, &mut rng);
        }
        if !patients.is_empty() {
            self.add_deletions(world, &host, number, &mut rng);
        }
        if world.flaws && number + 1 == chunks {
            // The last line of NDJSON may lack its line feed.
            self.lines[RowType::Specimen as usize].bytes.pop();
        }
    }

    /// Writes a row.
    fn add_row(
        &mut self,
        world: &World,
        person: &Person,
        kind: RowType,
        index: u64,
        rng: &mut Rng,
    ) {
        let lines = &mut self.lines[kind as usize];
        resources::write_row(&mut lines.bytes, world, person, kind, index, Revision::First);
        if world.flaws {
            let bits = rng.next_bits();
            flaws::vary_line_end(&mut lines.bytes, bits);
            if bits >> 32 & 0x1ff == 0 {
                self.again.push((person.number, kind, index));
            }
        }
        lines.end_line();
        self.counts.rows[kind as usize] += 1;
    }

    /// Writes rows whose ids were there before: of this chunk, and of one that is long past.
    fn repeat_rows(&mut self, world: &World, number: u64, rng: &mut Rng) {
        let mut again = std::mem::take(&mut self.again);
        if number == 0 && world.patients > 0 {
            // Even a tiny export has one.
            again.push((0, RowType::Observation, 0));
        } else if number > 0 {
            let patient = number / 2 * PATIENTS;
            let person = Person::new(world, patient);
            for kind in RowType::ALL {
                let rows = if kind.is_shared() {
                    // Those of the first chunk's first patient are surely past.
                    u64::from(rng.one_in(8))
                } else {
                    person.count_rows(kind) * u64::from(rng.one_in(2))
                };
                if rows > 0 {
                    again.push((patient, kind, rng.pick_below(rows)));
                }
            }
        }
        for (patient, kind, index) in again.drain(..) {
            let revision = if rng.one_in(3) { Revision::Older } else { Revision::Newer };
            let lines = &mut self.lines[kind as usize];
            resources::write_row(
                &mut lines.bytes,
                world,
                &Person::new(world, patient),
                kind,
                index,
                revision,
            );
            lines.end_line();
            self.counts.rows[kind as usize] += 1;
            self.counts.duplicates += 1;
        }
        self.again = again;
    }

    /// Writes broken rows: of each type several in the first chunk, some in the later ones.
    fn break_some(&mut self, world: &World, person: &Person, number: u64, rng: &mut Rng) {
        for kind in RowType::ALL {
            if number == 0 {
                for at in 0..4 {
                    let flaw = Flaw::ALL[(kind as usize * 3 + at) % Flaw::ALL.len()];
                    self.break_row(world, person, kind, flaw, at as u64 + 1);
                }
            } else if rng.one_in(12) {
                let flaw = *rng.pick_item(Flaw::ALL);
                self.break_row(world, person, kind, flaw, number);
            }
        }
    }

    fn break_row(&mut self, world: &World, person: &Person, kind: RowType, flaw: Flaw, at: u64) {
        // No usable row has this index, so none has the ID.
        let index = (1 << 32) + at;
        let lines = &mut self.lines[kind as usize];
        flaws::write_broken_line(&mut lines.bytes, world, person, kind, index, flaw);
        lines.end_line();
        self.counts.broken += 1;
    }

    /// Writes a Bundle of deletions.
    fn add_deletions(&mut self, world: &World, person: &Person, number: u64, rng: &mut Rng) {
        const KINDS: [RowType; 6] = [
            RowType::Observation,
            RowType::Condition,
            RowType::DocumentReference,
            RowType::MedicationRequest,
            RowType::Procedure,
            RowType::Immunization,
        ];
        // Even an export of one chunk deletes rows of its own.
        let here = if number == 0 { 3 } else { rng.pick_below(2) };
        let mut urls: Vec<(RowType, Id)> = Vec::new();
        for at in 0..here {
            let kind = KINDS[(number + at) as usize % KINDS.len()];
            if person.count_rows(kind) > 0 {
                urls.push((kind, world.row_id(kind, person.number, 0)));
            }
        }
        self.counts.deleted_here += urls.len() as u64;
        for at in 0..=rng.pick_below(6) {
            let kind = *rng.pick_item(&RowType::ALL);
            // Most deletes of a real export name rows of former
            // ones: indexes beyond all rows and all broken ones.
            urls.push((kind, world.row_id(kind, person.number, (1 << 33) + at)));
        }
        self.counts.deleted += urls.len() as u64;

        let id = Id::from_parts(&[world.seed, number, 0x62_75_6e]);
        let buf = &mut self.deleted.bytes;
        buf.add_item(|w| {
            w.add_str("resourceType", "Bundle");
            w.add_bytes("id", id.as_bytes());
            w.add_object("meta", |w| {
                w.add_time("lastUpdated", EXPORTED, TimeSpelling::Millis);
                w.add_list("tag", |w| w.add_item(|w| w.add_str("code", TAGS[1].code)));
            });
            w.add_str("type", "transaction");
            w.add_list("entry", |w| {
                for (kind, id) in &urls {
                    w.add_item(|w| {
                        w.add_object("request", |w| {
                            w.add_str("method", "DELETE");
                            w.add_str_of("url", |w| {
                                w.write_raw(kind.name());
                                w.write_raw("/");
                                w.extend_from_slice(id.as_bytes());
                            });
                        });
                    });
                }
            });
        });
        buf.push(b'\n');
        self.deleted.end_line();
    }
}
