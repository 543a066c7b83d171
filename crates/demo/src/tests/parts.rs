//! Tests of the small parts.

use chrono::Datelike;
use sonic_rs::JsonValueTrait;

use crate::dates::{DAY, Time, TimeSpelling, WriteTime};
use crate::json::{Json, write_base64};
use crate::rng::{Id, Rng};

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut buf = Vec::new();
    write(&mut buf);
    String::from_utf8(buf).unwrap()
}

#[test]
fn commas_stand_between_members_only() {
    let json = text(|w| {
        w.add_item(|w| {
            w.add_str("a", "x");
            w.add_object("b", |w| {
                w.add_list("c", |w| {
                    w.add_item(|w| w.add_int("d", -20));
                    w.add_item(|_| {});
                });
                w.add_strs("e", &["p", "q"]);
            });
            w.add_bool("f", false);
        });
    });
    assert_eq!(json, r#"{"a":"x","b":{"c":[{"d":-20},{}],"e":["p","q"]},"f":false}"#);
}

#[test]
fn any_text_can_be_escaped() {
    let odd = "a\"b\\c\nd\te\r\u{1}\u{1f}é\u{1f600}";
    let json = text(|w| w.add_item(|w| w.add_text("t", odd)));
    let value: sonic_rs::Value = sonic_rs::from_str(&json).unwrap();
    assert_eq!(value["t"].as_str(), Some(odd));
}

#[test]
fn decimals_keep_their_places() {
    let cases =
        [(1250, 2, "12.50"), (7, 0, "7"), (5, 3, "0.005"), (-5, 1, "-0.5"), (-125, 1, "-12.5")];
    for (value, places, expected) in cases {
        assert_eq!(
            text(|w| w.add_item(|w| w.add_decimal("v", value, places))),
            format!("{{\"v\":{expected}}}")
        );
    }
}

#[test]
fn base64_pads() {
    for (plain, packed) in
        [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
    {
        assert_eq!(text(|w| write_base64(w, plain.as_bytes())), packed);
    }
}

#[test]
fn dates_are_the_calendars() {
    for days in (-40_000..40_000).step_by(37) {
        let date = chrono::DateTime::from_timestamp(days * DAY, 0).unwrap();
        let expected = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
        assert_eq!(Time(days * DAY + 3_600).calendar_date(), expected);
    }
}

#[test]
fn every_spelling_of_a_time_means_the_same() {
    let time = Time(1_551_553_511); // 2019-03-02T19:05:11 on the wall
    let spelled = |spelling| text(|w| w.write_time(time, spelling));
    assert_eq!(spelled(TimeSpelling::Year), "2019");
    assert_eq!(spelled(TimeSpelling::Month), "2019-03");
    assert_eq!(spelled(TimeSpelling::Date), "2019-03-02");
    assert_eq!(spelled(TimeSpelling::Clock), "19:05:11");
    assert_eq!(spelled(TimeSpelling::Seconds), "2019-03-02T19:05:11-05:00");
    assert_eq!(spelled(TimeSpelling::Utc), "2019-03-03T00:05:11Z");
    let instants =
        [TimeSpelling::Seconds, TimeSpelling::Millis, TimeSpelling::Utc, TimeSpelling::Micros]
            .map(|s| chrono::DateTime::parse_from_rfc3339(&spelled(s)).unwrap().timestamp());
    assert!(instants.iter().all(|instant| *instant == instants[0]), "{instants:?}");
}

#[test]
fn ids_differ_and_are_valid() {
    let mut ids: Vec<Vec<u8>> = Vec::new();
    for kind in 0..4 {
        for patient in 0..50 {
            for index in 0..50 {
                ids.push(Id::from_parts(&[1, kind, patient, index]).as_bytes().to_vec());
            }
        }
    }
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    assert!(ids.iter().all(|id| id.iter().all(valid)));
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn random_numbers_stay_in_their_range_and_fill_it() {
    let mut rng = Rng::from_parts(&[3]);
    let drawn: std::collections::BTreeSet<i64> =
        (0..2_000).map(|_| rng.pick_between(-3, 3)).collect();
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), (-3..=3).collect::<Vec<_>>());
    assert_eq!(rng.pick_below(0), 0);
}
