use datafusion::arrow::array::StringArray;

use super::*;

#[test]
fn times_at_the_end_of_all_are_out_of_range_and_no_panic() {
    let units = ["millisecond", "day", "week", "month", "quarter", "year"];
    for time in [i64::MIN, i64::MIN + 1, i64::MAX] {
        for name in units {
            let unit = parse_unit(name).unwrap();
            let _ = (
                unit_begin(unit, time),
                units_between(unit, i64::MIN, time),
                units_between(unit, time, 0),
            );
        }
        assert_eq!(unit_begin(CalendarUnit::Months(1), time), None);
    }
    assert_eq!(unit_begin(CalendarUnit::Micros(1000), i64::MIN), None);
    assert_eq!(unit_begin(CalendarUnit::Week, 0), Some(-3 * DAY));
    assert_eq!(units_between(CalendarUnit::Week, 0, 4 * DAY), Some(1));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![i32::MAX]));
    let error = to_times(&days).unwrap_err().to_string();
    assert!(error.contains("out of range"), "{error}");
}

#[test]
fn partial_times_and_offsets_are_read() {
    let shown = |text| iso_timestamp(text).map(|time| time.to_string());
    for (text, expected) in [
        ("2024", "2024-01-01 00:00:00"),
        ("2024-02", "2024-02-01 00:00:00"),
        ("2024-02-03", "2024-02-03 00:00:00"),
        ("2024-01-02T23:04:05-05:00", "2024-01-03 04:04:05"),
        ("2024-01-02T03:04:05.123Z", "2024-01-02 03:04:05.123"),
        ("2024-01-02T03:04+0130", "2024-01-02 01:34:00"),
        ("2024-01-02T03", "2024-01-02 03:00:00"),
    ] {
        assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
    }
    for text in ["", "24", "2024-1", "2024-02-30", "2024-01-02T", "2024-01-02T25:00", "x"] {
        assert_eq!(shown(text), None, "{text}");
    }
}

#[test]
fn formats_may_leave_out_the_end_of_a_time() {
    let parse = |text: &str, format: &str| {
        let texts = [text, format].map(|text| Arc::new(StringArray::from(vec![text])) as ArrayRef);
        let times = date_parse(&texts, false).unwrap();
        let times = times.as_primitive::<TimestampMicrosecondType>();
        times.is_valid(0).then(|| time_of(times.value(0)).unwrap().to_string())
    };
    for (text, format, expected) in [
        ("2024", "%Y", "2024-01-01 00:00:00"),
        ("2024-03", "%Y-%m", "2024-03-01 00:00:00"),
        ("2024-060", "%Y-%j", "2024-02-29 00:00:00"),
        ("2024-01-02", "%Y-%m-%d", "2024-01-02 00:00:00"),
        ("2024-01-02 10", "%Y-%m-%d %H", "2024-01-02 10:00:00"),
        ("2024-01-02 10:20", "%Y-%m-%d %H:%i", "2024-01-02 10:20:00"),
        ("2024-03 10", "%Y-%m %H", "2024-03-01 10:00:00"),
        ("2024-01-02 03:04:05", "%Y-%m-%d %h:%i:%s", "2024-01-02 03:04:05"),
        ("2024-01-02 12:04:05", "%Y-%m-%d %h:%i:%s", "2024-01-02 00:04:05"),
        ("2024-01-02 03:04:05 PM", "%Y-%m-%d %h:%i:%s %p", "2024-01-02 15:04:05"),
        ("2024-01-02 20", "%Y-%m-%d %i", "2024-01-02 00:20:00"),
        ("2024-01-02 03:04:05.500000", "%Y-%m-%d %T.%f", "2024-01-02 03:04:05.500"),
    ] {
        assert_eq!(parse(text, format).as_deref(), Some(expected), "{text} {format}");
    }
    for (text, format) in [
        ("2024-02-30", "%Y-%m-%d"),
        ("2024-13", "%Y-%m"),
        ("2024-01-02 25", "%Y-%m-%d %H"),
        ("2024-01-02 10", "%Y-%m-%d"),
        ("2024-01-02", "%Y-%m-%d %H"),
        ("10:20", "%H:%i"),
        ("", "%Y"),
    ] {
        assert_eq!(parse(text, format), None, "{text} {format}");
    }
}
