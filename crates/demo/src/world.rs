//! The counts of all that an export has, and each patient's visits.

use super::codes::Code;
use super::codes::admin::{CLASSES, EPIC_CLASSES};
use super::dates::{DAY, EXPORTED, Time};
use super::kind::RowType;
use super::names::PersonName;
use super::options::DemoOptions;
use super::rng::{Id, Rng};

/// The facts that hold for the whole export.
pub(super) struct World {
    pub seed: u64,
    pub flaws: bool,
    pub every_element: bool,
    pub patients: u64,
}

impl World {
    pub fn new(options: &DemoOptions) -> Self {
        let DemoOptions { patients, seed, flaws, every_element, .. } = *options;
        Self { seed, flaws, every_element, patients }
    }

    /// How many rows of a type there are that belong to no patient.
    pub fn count_shared(&self, kind: RowType) -> u64 {
        match kind {
            RowType::Organization => 12 + self.patients / 1_000,
            RowType::Location => 24 + self.patients / 200,
            RowType::Practitioner => 40 + self.patients / 20,
            RowType::PractitionerRole => 50 + self.patients / 16,
            RowType::Medication => 60 + self.patients / 20,
            _ => 0,
        }
    }

    /// The id of the row `index` of a type: of a patient's, or of the shared ones (patient 0).
    pub fn row_id(&self, kind: RowType, patient: u64, index: u64) -> Id {
        Id::from_parts(&[self.seed, kind as u64, patient, index])
    }
}

/// A patient's visit.
pub(super) struct PatientVisit {
    pub start: Time,
    pub minutes: i64,
    pub class: &'static Code,
    pub inpatient: bool,
}

/// The facts that all of a patient's rows agree on.
pub(super) struct Person {
    pub number: u64,
    pub name: PersonName,
    pub female: bool,
    pub birth: Time,
    pub death: Option<Time>,
    /// Never empty; by time.
    pub visits: Vec<PatientVisit>,
    counts: [u64; RowType::ALL.len()],
}

impl Person {
    pub fn new(world: &World, number: u64) -> Self {
        let mut rng = Rng::from_parts(&[world.seed, 0x70_65_72, number]);
        // Few people need much care: most rows of an export belong to them.
        // (6 × 5 + 3 × 12 + 1 × 34) / 10 are 10 tenths: on
        // average a patient has what `per_patient` says.
        let tenths = match rng.pick_below(10) {
            0..6 => 5,
            6..9 => 12,
            _ => 34,
        };
        let mut counts = [0; RowType::ALL.len()];
        for kind in RowType::ALL {
            let average = kind.per_patient();
            if average > 0 && kind != RowType::Patient {
                // From 0.6 to 1.4 of that, in ten-thousandths. The rest is rounded
                // by chance, or small numbers would always be rounded down.
                let share = average * tenths * (600 + rng.pick_below(801));
                counts[kind as usize] = (share + rng.pick_below(10_000)) / 10_000;
                // The first patient has everything, so that even a tiny export shows every table.
                if number == 0 || kind == RowType::Encounter {
                    counts[kind as usize] = counts[kind as usize].max(1);
                }
            }
        }
        counts[RowType::Patient as usize] = 1;

        let birth = Time(EXPORTED.0 - DAY * rng.pick_between(40, 95 * 365));
        let since = birth.0.max(EXPORTED.0 - 8 * 365 * DAY);
        let mut starts: Vec<i64> = (0..counts[RowType::Encounter as usize])
            .map(|_| rng.pick_between(since, EXPORTED.0 - 20 * DAY) / 300 * 300)
            .collect();
        starts.sort_unstable();
        let last = starts.last().copied().unwrap_or(since);
        let visits =
            starts.into_iter().map(|start| PatientVisit::new(&mut rng, Time(start))).collect();
        let death = rng.one_in(16).then(|| Time(rng.pick_between(last, EXPORTED.0)));
        Self {
            number,
            name: PersonName::of_patient(number),
            female: rng.one_in(2),
            birth,
            death,
            visits,
            counts,
        }
    }

    /// How many rows of a type the patient has.
    pub fn count_rows(&self, kind: RowType) -> u64 {
        self.counts[kind as usize]
    }

    /// The visit that row `index` of a type belongs to.
    pub fn visit_of(&self, kind: RowType, index: u64) -> usize {
        let visits = self.visits.len() as u64;
        // Rows are spread evenly over the visits, in order: a
        // row's visit is known without those before it.
        (index * visits / self.count_rows(kind).max(1)).min(visits - 1) as usize
    }
}

impl PatientVisit {
    fn new(rng: &mut Rng, start: Time) -> Self {
        let (at, minutes) = match rng.pick_below(20) {
            0..13 => (0, rng.pick_between(10, 60)),
            13..15 => (1, rng.pick_between(60, 600)),
            15..17 => (2, rng.pick_between(1_440, 14_400)),
            17 => (3, rng.pick_between(10, 40)),
            18 => (4, rng.pick_between(400, 2_000)),
            _ => (5, rng.pick_between(30, 90)),
        };
        let epic = rng.one_in(4);
        let class = if epic { &EPIC_CLASSES[at % EPIC_CLASSES.len()] } else { &CLASSES[at] };
        Self { start, minutes, class, inpatient: at == 2 }
    }

    pub fn end_time(&self) -> Time {
        self.start.plus_seconds(self.minutes * 60)
    }
}
