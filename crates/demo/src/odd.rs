//! Parts that any element may have, but hardly any has: ids, extensions, gaps in lists. They are written
//! where every element is asked for.

use super::codes::MINUTE;
use super::dates::{TimeSpelling, WriteTime};
use super::extensions::DATA_ABSENT;
use super::json::Json;
use super::row::Row;

impl Row<'_> {
    /// An element's own id or an extension, in few of its occurrences.
    ///
    /// The six lowest bits of `bits` decide: 0 to 2 of 64 get something.
    pub fn add_oddities(&mut self, bits: u64) {
        if !self.world.every_element {
            return;
        }
        match bits & 63 {
            0 => self.add_str("id", "el-1"),
            1 => self.add_absent_reason("unknown"),
            2 => self.add_list("extension", |w| {
                w.add_item(|w| {
                    w.add_str("url", "https://ehr.example.com/fhir/StructureDefinition/entered-by");
                    w.write_remark("valueString");
                });
            }),
            _ => {}
        }
    }

    /// Free text in an unknown extension.
    fn write_remark(&mut self, name: &str) {
        if self.inside_kept {
            self.add_str(name, "entered by hand");
        } else {
            self.free_text(name);
        }
    }

    /// Writes the inside of an extension that is kept.
    pub fn within_kept(&mut self, write: impl FnOnce(&mut Self)) {
        self.inside_kept = true;
        write(self);
        self.inside_kept = false;
    }

    /// [`Row::add_oddities`] of a backbone element, which may have a modifier too.
    pub fn add_backbone_oddities(&mut self) {
        let bits = self.rng.next_bits();
        self.add_oddities(bits);
        if bits >> 6 & 0x7f == 0 {
            self.add_modifier();
        }
    }

    /// An extension that says why there is no value.
    pub fn add_absent_reason(&mut self, reason: &str) {
        self.add_list("extension", |w| {
            w.add_item(|w| {
                w.add_str("url", DATA_ABSENT);
                w.add_str("valueCode", reason);
            });
        });
    }

    /// `"_name":{…}` with something known, unknown, or both.
    pub fn primitive_extension(&mut self, name: &str) {
        if !self.world.every_element {
            return;
        }
        let unknown = self.rng.one_in(2);
        self.write_sibling_name(name);
        self.write_raw("{");
        self.add_list("extension", |w| {
            w.add_item(|w| {
                w.add_str("url", DATA_ABSENT);
                w.add_str("valueCode", "as-text");
            });
            if unknown {
                w.add_item(|w| {
                    w.add_str("url", "http://hl7.org/fhir/StructureDefinition/rendered-value");
                    w.write_remark("valueString");
                });
            }
        });
        self.write_raw("}");
    }

    /// `"_name":`
    fn write_sibling_name(&mut self, name: &str) {
        self.write_comma();
        self.write_raw("\"_");
        self.write_raw(name);
        self.write_raw("\":");
    }

    /// A list of strings with a gap, and its sibling that tells why.
    ///
    /// A sibling list that has nulls itself is right, too, but Cumulus ETL 4 rejects such rows:
    /// those come with the flaws only.
    pub fn add_gappy_list(&mut self, name: &str, value: &str) {
        if !self.world.every_element {
            return self.add_strs(name, &[value]);
        }
        self.add_list(name, |w| {
            w.write_comma();
            w.write_raw("\"");
            w.write_raw(value);
            w.write_raw("\"");
            w.write_raw(",null");
        });
        let nulls = self.world.flaws && self.rng.one_in(3);
        self.write_sibling_name(name);
        self.write_raw("[");
        if nulls {
            self.write_raw("null");
        } else {
            self.add_item(|w| w.add_absent_reason("as-text"));
        }
        self.add_item(|w| w.add_absent_reason("unknown"));
        self.write_raw("]");
    }

    /// The extensions of a Quantity: a translation, its precision, or those that any element may have.
    pub fn quantity_extensions(&mut self, bits: u64, value: i64, places: u32) {
        if !self.world.every_element {
            return;
        }
        match bits & 63 {
            5 => self.add_list("extension", |w| {
                w.add_item(|w| {
                    w.add_str(
                        "url",
                        "http://hl7.org/fhir/StructureDefinition/iso21090-PQ-translation",
                    );
                    w.add_object("valueQuantity", |w| {
                        w.add_decimal("value", value * 3, places);
                        w.add_str("unit", MINUTE.unit);
                    });
                });
            }),
            6 => self.add_list("extension", |w| {
                w.add_item(|w| {
                    w.add_str(
                        "url",
                        "https://fhir-ehr.cerner.com/r4/StructureDefinition/precision",
                    );
                    w.add_int("valueInteger", i64::from(places));
                });
            }),
            _ => self.add_oddities(bits),
        }
    }

    /// Where an address is, to the meter.
    pub fn add_geolocation(&mut self) {
        let bits = self.rng.next_bits();
        self.add_list("extension", |w| {
            w.add_item(|w| {
                w.add_list("extension", |w| {
                    w.add_item(|w| {
                        w.add_str("url", "latitude");
                        w.add_decimal("valueDecimal", 42_000_000 + (bits & 0xf_ffff) as i64, 6);
                    });
                    w.add_item(|w| {
                        w.add_str("url", "longitude");
                        w.add_decimal(
                            "valueDecimal",
                            -71_000_000 - (bits >> 32 & 0xf_ffff) as i64,
                            6,
                        );
                    });
                });
                w.add_str("url", "http://hl7.org/fhir/StructureDefinition/geolocation");
            });
            if bits >> 60 == 0 {
                w.add_item(|w| {
                    w.add_str("url", DATA_ABSENT);
                    w.add_str("valueCode", "masked");
                });
            }
        });
    }

    /// The kind of a note, on some of the notes.
    pub fn note_extension(&mut self) {
        if self.rng.one_in(8) {
            self.add_list("extension", |w| {
                w.add_item(|w| {
                    w.add_str("url", "http://hl7.org/fhir/StructureDefinition/annotationType");
                    w.add_object("valueCodeableConcept", |w| w.free_text("text"));
                });
            });
        }
    }

    /// `"name":"14:05:11"`
    pub fn clock_time(&mut self, name: &str) {
        let time = self.time;
        self.add_time(name, time, TimeSpelling::Clock);
    }
}
