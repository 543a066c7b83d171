//! People and places that exist nowhere, spelled so that a search finds each of them.
//!
//! No surname, given name, street or city here is a word of any text that de-identification
//! keeps: finding one in a table means that it leaked.

use super::json::Json;
use super::rng::Rng;

/// Surnames; each person's is told apart by the number after it (`Brenvalk-48213`).
pub(super) const SURNAMES: &[&str] = &[
    "Brenvalk",
    "Tasquorin",
    "Veldrathe",
    "Ostrivane",
    "Zembrakis",
    "Halvintor",
    "Jorvassen",
    "Pelluquin",
    "Drakovint",
    "Korvandel",
    "Wexithorn",
    "Mundrevick",
    "Olthaziq",
    "Fennubrax",
    "Quillashaw",
    "Yndravost",
    "Sarqhetti",
    "Lomberquist",
    "Trevannoq",
    "Gorbachuul",
    "Ixelmonde",
    "Ravintheko",
    "Uzbellarin",
    "Charnoquet",
    "Vantrilloq",
    "Bexhuldren",
    "Szymborquas",
    "Nakhadouri",
    "Okonvelski",
    "Dwarrencot",
    "Phesterlyn",
    "Zhaoquinel",
    "Çelvarquin",
    "Øksendraal",
    "Þorvindelsson",
    "O'Zanthrel",
    "Müllenquarz",
    "Nguyenstrix",
    "Ñandubriz",
    "Abdelquorim",
];

/// Given names.
pub(super) const GIVEN: &[&str] = &[
    "Tessirane",
    "Ulvandro",
    "Mirquelle",
    "Jaxorin",
    "Ephrelda",
    "Qorvinax",
    "Bristavo",
    "Zanthira",
    "Yolquanda",
    "Dravenko",
    "Ismelquin",
    "Parvithal",
    "Noxandra",
    "Celbrivo",
    "Humbrelot",
    "Fyorestra",
    "Gwendralin",
    "Ottoquist",
    "Lurvanne",
    "Kestralis",
    "Róisquen",
    "Séverinaud",
    "Viktoruzh",
    "Wilbraxen",
    "Xiomarelle",
    "Athelquor",
    "Belindraz",
    "Rodriquan",
];

/// Streets.
pub(super) const STREETS: &[&str] = &[
    "Quellimar Lane",
    "Vostrandweg",
    "Ubberlyn Avenue",
    "Trinqueville Road",
    "Skelbarrow Street",
    "Zwinderpool Court",
    "Marrowquist Terrace",
    "Hexenfeldt Boulevard",
    "Plorrington Way",
    "Jundlehurst Drive",
];

/// Cities.
pub(super) const CITIES: &[&str] = &[
    "Brovantis",
    "Quarrelune",
    "Skarnholt",
    "Upper Wexlyn",
    "Tollivarre",
    "Nordquessa",
    "Saint-Ozquin",
    "Zimmelbach",
    "Fort Undrel",
    "Garravoe",
];

/// State, postal code and country: places with few people, codes of nine digits, other countries'.
pub(super) const REGIONS: &[(&str, &str, &str)] = &[
    ("MA", "02139", "US"),
    ("MA", "02115-6092", "US"),
    ("MA", "021143117", "US"),
    ("NH", "03601", "US"),
    ("VT", "05901", "US"),
    ("NY", "10201-1234", "US"),
    ("DC", "20301", "US"),
    ("MD", "20588", "US"),
    ("AL", "36925", "US"),
    ("MN", "55612", "US"),
    ("KS", "69201", "US"),
    ("WY", "82190", "US"),
    // With a blank at an end, here and below: texts are trimmed before they are cut.
    ("WY", "82301 ", "US"),
    ("NM", "87801", "US"),
    ("NM", "87901", "US"),
    ("NV", "88401", "US"),
    ("NV", "89301-0007", "US"),
    ("ME", "04101", "US"),
    ("CA", "94110", "US"),
    ("IL", " 60614", "US"),
    ("ON", "K1A 0B6", "CA"),
    ("London", "SW1A 1AA", "GB"),
    ("Berlin", "10115", "DE"),
    ("PR", "00926", "US"),
];

/// Text that identifies someone: none of it may be found in anything that is de-identified.
///
/// All surnames, given names, streets and cities of a generated export, and the parts that
/// every medical record number, phone number and e-mail address in it has.
pub fn identifying_words() -> Vec<&'static str> {
    [SURNAMES, GIVEN, STREETS, CITIES, &["MRN-Q", "(555) 01", "@mail.example"]].concat()
}

/// The strings that identify one patient: full name, record number, social security number, phone
/// number, e-mail address, street address.
pub fn identifying_strings(patient: u64) -> [String; 6] {
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut buf = Vec::new();
        write(&mut buf);
        String::from_utf8_lossy(&buf).into_owned()
    };
    let who = PersonName::of_patient(patient);
    [
        text(&|w| who.write_full(w)),
        text(&|w| who.record_number(w)),
        text(&|w| who.social_security(w)),
        text(&|w| who.write_phone(w)),
        text(&|w| who.write_email(w)),
        text(&|w| who.write_street(w)),
    ]
}

/// A person's name, and a number that no other person has.
#[derive(Clone, Copy)]
pub(super) struct PersonName {
    given: &'static str,
    middle: &'static str,
    surname: &'static str,
    number: i64,
}

impl PersonName {
    /// The patient of this number.
    pub(super) fn of_patient(number: u64) -> Self {
        // Numbers of patients, relatives and practitioners begin far apart, so that no two people
        // share one. The seed has no part in it: `identifying_strings` knows a patient's without it.
        Self::pick_name(&mut Rng::from_parts(&[number, 0x7061]), 10_000 + number as i64)
    }

    /// The practitioner of this number.
    pub(super) fn of_practitioner(number: u64) -> Self {
        Self::pick_name(&mut Rng::from_parts(&[number, 0x7072]), 900_000_000 + number as i64)
    }

    /// A relative or friend of this patient.
    pub(super) fn of_relative(patient: u64) -> Self {
        Self::pick_name(&mut Rng::from_parts(&[patient, 0x7265]), 500_000_000 + patient as i64)
    }

    fn pick_name(rng: &mut Rng, number: i64) -> Self {
        let (given, middle) = (*rng.pick_item(GIVEN), *rng.pick_item(GIVEN));
        Self { given, middle, surname: *rng.pick_item(SURNAMES), number }
    }

    /// `Tessirane`
    pub(super) fn given_name(&self) -> &'static str {
        self.given
    }

    /// The second given name.
    pub(super) fn middle_name(&self) -> &'static str {
        self.middle
    }

    /// `Brenvalk-48213`
    pub(super) fn write_family(&self, w: &mut impl Json) {
        w.write_raw(self.surname);
        w.write_raw("-");
        w.write_digits(self.number);
    }

    /// `Tessirane Brenvalk-48213`
    pub(super) fn write_full(&self, w: &mut impl Json) {
        w.write_raw(self.given);
        w.write_raw(" ");
        self.write_family(w);
    }

    /// `MRN-Q0048213`
    pub(super) fn record_number(&self, w: &mut impl Json) {
        w.write_raw("MRN-Q");
        w.write_padded(self.number, 7);
    }

    /// `999-04-8213`: a number that no one is given.
    pub(super) fn social_security(&self, w: &mut impl Json) {
        w.write_raw("999-");
        w.write_padded(self.number / 10_000 % 100, 2);
        w.write_raw("-");
        w.write_padded(self.number % 10_000, 4);
    }

    /// `(555) 0148-48213`
    pub(super) fn write_phone(&self, w: &mut impl Json) {
        w.write_raw("(555) 0148-");
        w.write_digits(self.number);
    }

    /// `tessirane.48213@mail.example`
    pub(super) fn write_email(&self, w: &mut impl Json) {
        w.write_raw(self.given);
        w.write_raw(".");
        w.write_digits(self.number);
        w.write_raw("@mail.example");
    }

    /// `48213 Quellimar Lane`
    pub(super) fn write_street(&self, w: &mut impl Json) {
        w.write_digits(self.number);
        w.write_raw(" ");
        w.write_raw(STREETS[self.number as usize % STREETS.len()]);
    }

    /// `Brovantis`
    pub(super) fn city_name(&self) -> &'static str {
        CITIES[self.number as usize % CITIES.len()]
    }

    /// `99…`: ten digits of a provider identifier.
    pub(super) fn provider_number(&self, w: &mut impl Json) {
        w.write_raw("9");
        w.write_digits(self.number % 1_000_000_000);
    }
}
