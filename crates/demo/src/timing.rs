//! When something is done, and how much of a medicine is taken.

use super::codes::drugs::{AS_NEEDED, DOSE_TYPES, GIVING, INSTRUCTIONS, ROUTES, TIMES};
use super::codes::problems::BODY_SITES;
use super::codes::{DAYS, HOUR, MILLIGRAM, MILLILITER, TABLET};
use super::dates::DAY;
use super::json::Json;
use super::row::Row;

impl Row<'_> {
    /// `"name":{…}`: a Timing.
    pub fn add_timing(&mut self, name: &str) {
        let bits = self.rng.next_bits();
        self.add_object(name, |w| {
            w.add_backbone_oddities();
            match bits & 15 {
                0 => w.add_gappy_list("event", "2024-05-01T08:00:00-04:00"),
                1 => w.add_strs("event", &["2024-05-01", "2024-06"]),
                _ => w.add_object("repeat", |w| w.write_repeat(bits >> 4)),
            }
            if bits >> 30 & 3 == 0 {
                w.one_of("code", TIMES);
            }
        });
    }

    fn write_repeat(&mut self, bits: u64) {
        let time = self.time;
        let bit = |at: u32, of: u64| bits >> at & of == 0;
        self.add_oddities(bits >> 32);
        match bits & 15 {
            0 => self.add_quantity("boundsDuration", 10, 0, DAYS),
            1 => self.add_range("boundsRange", 5, 10, DAYS),
            2..8 => self.add_period("boundsPeriod", time, time.plus_seconds(30 * DAY)),
            _ => {}
        }
        if bit(4, 7) {
            self.add_int("count", 10);
            if bit(7, 1) {
                self.add_int("countMax", 14);
            }
        }
        if bit(8, 15) {
            self.add_decimal("duration", 30, 1);
            self.add_decimal("durationMax", 450, 2);
            self.add_str("durationUnit", "min");
        }
        self.add_int("frequency", 1 + (bits >> 12 & 3) as i64);
        if bit(14, 15) {
            self.add_int("frequencyMax", 6);
        }
        // Servers differ in how they write a decimal that is whole.
        self.add_decimal("period", if bit(18, 1) { 10 } else { 1 }, u32::from(bit(18, 1)));
        if bit(19, 15) {
            self.add_decimal("periodMax", 85, 1);
        }
        self.add_str("periodUnit", if bit(23, 1) { "d" } else { "h" });
        if bit(24, 7) {
            self.add_strs("dayOfWeek", &["mon", "wed", "fri"]);
        }
        // `timeOfDay` and `when` exclude each other in R4 (rule tim-10 of Timing).
        match bits >> 27 & 15 {
            0 => self.add_strs("timeOfDay", &["08:00:00", "20:00:00"]),
            1 => {
                self.add_strs("when", &["AC", "HS"]);
                self.add_int("offset", 30);
            }
            2 => self.add_gappy_list("timeOfDay", "08:00:00"),
            _ => {}
        }
    }

    /// `"dosageInstruction":[…]`
    pub fn add_dosages(&mut self) {
        let several = self.rng.one_in(10);
        self.add_list("dosageInstruction", |w| {
            w.add_item(Self::write_dosage);
            if several {
                w.add_item(Self::write_dosage);
            }
        });
    }

    /// The members of a Dosage.
    pub fn write_dosage(&mut self) {
        let bits = self.rng.next_bits();
        let bit = |at: u32, of: u64| bits >> at & of == 0;
        let who = self.person.name;
        self.add_backbone_oddities();
        self.add_int("sequence", 1 + (bits & 1) as i64);
        self.add_str_of("text", |w| {
            w.write_raw("Take 1 tablet by mouth, ");
            who.write_full(w);
        });
        if bit(1, 7) {
            self.list_of("additionalInstruction", INSTRUCTIONS);
        }
        if bit(4, 3) {
            self.free_text("patientInstruction");
        }
        if !bit(6, 3) {
            self.add_timing("timing");
        }
        match bits >> 8 & 7 {
            0 => self.one_of("asNeededCodeableConcept", AS_NEEDED),
            1..5 => self.add_bool("asNeededBoolean", bit(11, 3)),
            _ => {}
        }
        if bit(13, 15) {
            self.one_of("site", BODY_SITES);
        }
        self.one_of("route", ROUTES);
        if bit(17, 7) {
            self.one_of("method", GIVING);
        }
        self.add_list("doseAndRate", |w| {
            w.add_item(|w| {
                w.add_oddities(bits >> 20);
                w.one_of("type", DOSE_TYPES);
                match bits >> 26 & 7 {
                    0 => w.add_range("doseRange", 1, 2, TABLET),
                    _ => w.add_quantity("doseQuantity", 1 + (bits >> 30 & 3) as i64, 0, TABLET),
                }
                match bits >> 32 & 31 {
                    0 => w.add_ratio("rateRatio", (100, MILLILITER), (1, HOUR)),
                    1 => w.add_range("rateRange", 50, 125, MILLILITER),
                    2 => w.add_quantity("rateQuantity", 75, 0, MILLILITER),
                    _ => {}
                }
            });
        });
        match bits >> 37 & 31 {
            0 => self.add_ratio("maxDosePerPeriod", (8, TABLET), (1, DAYS)),
            1 => self.add_quantity("maxDosePerAdministration", 2, 0, TABLET),
            2 => self.add_quantity("maxDosePerLifetime", 550, 0, MILLIGRAM),
            _ => {}
        }
    }
}
