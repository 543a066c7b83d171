//! Dates and times. Times are in UTC, without a zone.

use std::sync::Arc;

use chrono::format::{Parsed, StrftimeItems};
use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Int64Array, PrimitiveArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::{DatePart, cast, date_part};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::ScalarUDF;

use super::base::{Native, expect_texts, is_text, map_text, text_argument};
use super::faults::{refuse_arguments, row_error};

const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The functions.
pub fn list_functions() -> Vec<Arc<ScalarUDF>> {
    [list_parsers(), list_conversions(), list_calculations(), part_functions()].concat()
}

/// Text becomes a date or a time.
fn list_parsers() -> Vec<Arc<ScalarUDF>> {
    vec![
        Native::make_udf(
            "from_iso8601_timestamp",
            "from_iso8601_timestamp(text)",
            |types| expect_texts(types, 1, 1),
            |_| Ok(TIMESTAMP),
            |args| parse_times(args, iso_timestamp, Some("a text is no ISO 8601 time")),
        ),
        Native::make_udf(
            "try_from_iso8601_timestamp",
            "try(from_iso8601_timestamp(text))",
            |types| expect_texts(types, 1, 1),
            |_| Ok(TIMESTAMP),
            |args| parse_times(args, iso_timestamp, None),
        ),
        Native::make_udf(
            "from_iso8601_date",
            "from_iso8601_date(text)",
            |types| expect_texts(types, 1, 1),
            |_| Ok(DataType::Date32),
            |args| parse_dates(args, Some("a text is no ISO 8601 date")),
        ),
        Native::make_udf(
            "try_from_iso8601_date",
            "try(from_iso8601_date(text))",
            |types| expect_texts(types, 1, 1),
            |_| Ok(DataType::Date32),
            |args| parse_dates(args, None),
        ),
        Native::make_udf(
            "date_parse",
            "date_parse(text, format)",
            |types| expect_texts(types, 2, 2),
            |_| Ok(TIMESTAMP),
            |args| date_parse(args, true),
        ),
        Native::make_udf(
            "try_date_parse",
            "try(date_parse(text, format))",
            |types| expect_texts(types, 2, 2),
            |_| Ok(TIMESTAMP),
            |args| date_parse(args, false),
        ),
    ]
}

/// Dates and times become text and numbers, and numbers times.
fn list_conversions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Native::make_udf(
            "date_format",
            "date_format(time, format)",
            |types| match types {
                [time, format] if is_text(format) => Ok(vec![expect_moment(time)?, DataType::Utf8]),
                _ => refuse_arguments(),
            },
            |_| Ok(DataType::Utf8),
            date_format,
        ),
        Native::make_udf(
            "from_unixtime",
            "from_unixtime(seconds)",
            |types| match types {
                [seconds] if is_number(seconds) => Ok(vec![DataType::Float64]),
                _ => refuse_arguments(),
            },
            |_| Ok(TIMESTAMP),
            |args| {
                let seconds = args[0].as_primitive::<datafusion::arrow::datatypes::Float64Type>();
                let micros = seconds.try_unary::<_, TimestampMicrosecondType, _>(|seconds| {
                    let micros = (seconds * 1e6).round();
                    // NaN is in no range.
                    let fits = (-LAST_MICROS..LAST_MICROS).contains(&micros);
                    if fits { Ok(micros as i64) } else { Err(out_of_range()) }
                });
                Ok(Arc::new(micros?))
            },
        ),
        Native::make_udf(
            "to_unixtime",
            "to_unixtime(time)",
            |types| match types {
                [time] => Ok(vec![expect_moment(time)?]),
                _ => refuse_arguments(),
            },
            |_| Ok(DataType::Float64),
            |args| {
                let micros = to_times(&args[0])?;
                let seconds = micros
                    .unary::<_, datafusion::arrow::datatypes::Float64Type>(|m| m as f64 / 1e6);
                Ok(Arc::new(seconds))
            },
        ),
        Native::make_udf(
            "to_iso8601",
            "to_iso8601(date or timestamp)",
            |types| match types {
                [time] => Ok(vec![expect_moment(time)?]),
                _ => refuse_arguments(),
            },
            |_| Ok(DataType::Utf8),
            |args| Ok(cast(&args[0], &DataType::Utf8)?),
        ),
    ]
}

/// Functions that change dates and times, and that give the time between them.
fn list_calculations() -> Vec<Arc<ScalarUDF>> {
    vec![
        Native::make_udf("date_diff", DIFF, diff_types, |_| Ok(DataType::Int64), date_diff),
        Native::make_udf("datediff", DIFF, diff_types, |_| Ok(DataType::Int64), date_diff),
        Native::make_udf(
            "date_add",
            "date_add(unit, number, date or timestamp)",
            |types| match types {
                [unit, number, time] if is_text(unit) && is_number(number) => {
                    Ok(vec![DataType::Utf8, DataType::Int64, expect_moment(time)?])
                }
                _ => refuse_arguments(),
            },
            |types| types.get(2).cloned().map_or_else(refuse_arguments, Ok),
            date_add,
        ),
        Native::make_udf(
            "date_trunc",
            "date_trunc(unit, date or timestamp)",
            |types| match types {
                [unit, time] if is_text(unit) => Ok(vec![DataType::Utf8, expect_moment(time)?]),
                _ => refuse_arguments(),
            },
            |types| types.get(1).cloned().map_or_else(refuse_arguments, Ok),
            date_trunc,
        ),
        Native::make_udf(
            "last_day_of_month",
            "last_day_of_month(date or timestamp)",
            |types| match types {
                [time] => Ok(vec![expect_moment(time)?]),
                _ => refuse_arguments(),
            },
            |_| Ok(DataType::Date32),
            |args| {
                let times = cast(&args[0], &DataType::Date32)?;
                let days = times.as_primitive::<Date32Type>();
                let last = days.unary_opt::<_, Date32Type>(|day| {
                    let date = date_of(day)?.with_day(1)?;
                    day_of(date.checked_add_months(Months::new(1))?.pred_opt()?)
                });
                Ok(Arc::new(last))
            },
        ),
    ]
}

const DIFF: &str = "date_diff(unit, from, to)";

/// `year(x)` and its like.
fn part_functions() -> Vec<Arc<ScalarUDF>> {
    /// A function per part: these are pointers, so each has to be written out.
    macro_rules! part {
        ($name:literal, $part:ident) => {
            Native::make_udf(
                $name,
                concat!($name, "(date or timestamp)"),
                |types| match types {
                    [time] => Ok(vec![expect_moment(time)?]),
                    _ => refuse_arguments(),
                },
                |_| Ok(DataType::Int64),
                |args| Ok(cast(&date_part(&args[0], DatePart::$part)?, &DataType::Int64)?),
            )
        };
    }
    vec![
        part!("year", Year),
        part!("quarter", Quarter),
        part!("month", Month),
        part!("week", Week),
        part!("day", Day),
        part!("day_of_week", DayOfWeekMonday1),
        part!("day_of_year", DayOfYear),
        part!("year_of_week", YearISO),
        part!("hour", Hour),
        part!("minute", Minute),
        part!("second", Second),
        part!("millisecond", Millisecond),
    ]
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric() || *data_type == DataType::Null
}

/// The type that a time is brought to: dates stay dates. Text is refused, as in Trino.
fn expect_moment(data_type: &DataType) -> Result<DataType> {
    match data_type {
        // A date that became a time would come out with `00:00:00`, and studies group by these columns.
        DataType::Date32 | DataType::Date64 => Ok(DataType::Date32),
        DataType::Timestamp(_, _) | DataType::Null => Ok(TIMESTAMP),
        _ => refuse_arguments(),
    }
}

fn diff_types(types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [unit, from, to] if is_text(unit) => {
            Ok(vec![DataType::Utf8, expect_moment(from)?, expect_moment(to)?])
        }
        _ => refuse_arguments(),
    }
}

/// Microseconds that a time can be from 1970, and none further.
const LAST_MICROS: f64 = i64::MAX as f64;

fn out_of_range() -> DataFusionError {
    row_error("a time is out of range")
}

/// Dates, as their beginnings, or times.
fn to_times(moments: &ArrayRef) -> Result<TimestampMicrosecondArray> {
    match moments.as_primitive_opt::<Date32Type>() {
        Some(days) => days.try_unary::<_, TimestampMicrosecondType, _>(|day| {
            i64::from(day).checked_mul(DAY).ok_or_else(out_of_range)
        }),
        None => Ok(cast(moments, &TIMESTAMP)?.as_primitive::<TimestampMicrosecondType>().clone()),
    }
}

fn date_of(day: i32) -> Option<NaiveDate> {
    // chrono counts days from the first of the year 1, Arrow from 1 January 1970.
    NaiveDate::from_num_days_from_ce_opt(day.checked_add(719_163)?)
}

fn day_of(date: NaiveDate) -> Option<i32> {
    Some(date.num_days_from_ce() - 719_163)
}

fn time_of(micros: i64) -> Option<NaiveDateTime> {
    Some(DateTime::from_timestamp_micros(micros)?.naive_utc())
}

fn micros_of(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_micros()
}

/// `2024`, `2024-01`, `2024-01-02`, with a time and an offset or without; in UTC.
pub fn iso_timestamp(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let date = iso_date(date)?;
    let Some(time) = time else { return date.and_hms_opt(0, 0, 0) };
    let zone = time.find(['Z', 'z', '+', '-']);
    let (clock, zone) = time.split_at(zone.unwrap_or(time.len()));
    let clock = ["%H:%M:%S%.f", "%H:%M", "%H"].iter().find_map(|format| match *format {
        "%H" => NaiveTime::from_hms_opt(two_digits(clock)?, 0, 0),
        format => NaiveTime::parse_from_str(clock, format).ok(),
    })?;
    let offset = match zone {
        "" | "Z" | "z" => 0,
        _ => {
            let (sign, digits) = zone.split_at(1);
            let (hours, minutes) = match digits.split_once(':') {
                Some((hours, minutes)) => (two_digits(hours)?, two_digits(minutes)?),
                None if digits.len() == 4 => {
                    (two_digits(digits.get(..2)?)?, two_digits(digits.get(2..)?)?)
                }
                None => (two_digits(digits)?, 0),
            };
            let minutes = i64::from(hours * 60 + minutes);
            if sign == "-" { -minutes } else { minutes }
        }
    };
    date.and_time(clock).checked_sub_signed(Duration::minutes(offset))
}

fn two_digits(text: &str) -> Option<u32> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// `2024`, `2024-01` or `2024-01-02`.
fn iso_date(text: &str) -> Option<NaiveDate> {
    // `parse` alone would take `+1` for a month.
    let digits = |text: &str, count: usize| -> Option<u32> {
        (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    };
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |text| digits(text, 2))?;
    let day = parts.next().map_or(Some(1), |text| digits(text, 2))?;
    match parts.next() {
        None => NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day),
        Some(_) => None,
    }
}

fn parse_times(
    args: &[ArrayRef],
    parse: fn(&str) -> Option<NaiveDateTime>,
    fault: Option<&str>,
) -> Result<ArrayRef> {
    let texts = text_argument(args, 0)?;
    let mut out = TimestampMicrosecondArray::builder(texts.len());
    for value in texts {
        match (value, value.and_then(parse), fault) {
            (_, Some(time), _) => out.append_value(micros_of(time)),
            (Some(_), None, Some(fault)) => return Err(row_error(fault)),
            _ => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn parse_dates(args: &[ArrayRef], fault: Option<&str>) -> Result<ArrayRef> {
    let texts = text_argument(args, 0)?;
    let mut out = Date32Array::builder(texts.len());
    for value in texts {
        match (value, value.and_then(iso_date).and_then(day_of), fault) {
            (_, Some(day), _) => out.append_value(day),
            (Some(_), None, Some(fault)) => return Err(row_error(fault)),
            _ => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// A format of MySQL, as Trino takes it, in the words of the library.
fn format_of(format: &str) -> Result<String> {
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        out.push_str(match letters.next() {
            Some('Y') => "%Y",
            Some('y') => "%y",
            Some('m') => "%m",
            Some('c') => "%-m",
            Some('d') => "%d",
            Some('e') => "%-d",
            Some('H') => "%H",
            Some('k') => "%-H",
            Some('h' | 'I') => "%I",
            Some('l') => "%-I",
            Some('i') => "%M",
            Some('s' | 'S') => "%S",
            Some('f') => "%6f",
            Some('p') => "%p",
            Some('r') => "%I:%M:%S %p",
            Some('T') => "%H:%M:%S",
            Some('M') => "%B",
            Some('b') => "%b",
            Some('W') => "%A",
            Some('a') => "%a",
            Some('j') => "%j",
            Some('v') => "%V",
            Some('x') => "%G",
            Some('%') => "%%",
            Some(other) => {
                return Err(row_error(&format!("%{other} in a format of times is not supported")));
            }
            None => return Err(row_error("a format of times ends with %")),
        });
    }
    Ok(out)
}

/// A time in a format of the library. A month or day that the format leaves out is the first, a part of a
/// time is 0. Without AM or PM, an hour of twelve is one of the morning.
fn parse_formatted(text: &str, format: &str) -> Option<NaiveDateTime> {
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    let date = parsed.to_naive_date().or_else(|_| {
        if parsed.month().is_none() {
            parsed.set_month(1)?;
        }
        if parsed.day().is_none() {
            parsed.set_day(1)?;
        }
        parsed.to_naive_date()
    });
    let date = date.ok()?;
    if parsed.hour_mod_12().is_none() {
        parsed.set_hour(0).ok()?;
    } else if parsed.hour_div_12().is_none() {
        parsed.set_ampm(false).ok()?;
    }
    if parsed.minute().is_none() {
        parsed.set_minute(0).ok()?;
    }
    if parsed.second().is_none() {
        parsed.set_second(0).ok()?;
    }
    Some(date.and_time(parsed.to_naive_time().ok()?))
}

fn date_parse(args: &[ArrayRef], strict: bool) -> Result<ArrayRef> {
    let (texts, formats) = (text_argument(args, 0)?, text_argument(args, 1)?);
    let mut out = TimestampMicrosecondArray::builder(texts.len());
    let mut known: Option<(String, String)> = None;
    for (value, format) in texts.iter().zip(formats) {
        let (Some(value), Some(format)) = (value, format) else {
            out.append_null();
            continue;
        };
        if known.as_ref().is_none_or(|(known, _)| known != format) {
            known = Some((format.to_owned(), format_of(format)?));
        }
        let format = known.as_ref().map_or("", |(_, format)| format);
        let time = parse_formatted(value, format);
        match time {
            Some(time) => out.append_value(micros_of(time)),
            None if strict => return Err(row_error("a text is no time in the format given")),
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn date_format(args: &[ArrayRef]) -> Result<ArrayRef> {
    let times = to_times(&args[0])?;
    map_text(text_argument(args, 1)?, |row, format| {
        if times.is_null(row) {
            return Ok(None);
        }
        let format = format_of(format)?;
        let time = time_of(times.value(row)).ok_or_else(out_of_range)?;
        Ok(Some(time.format(&format).to_string()))
    })
}

/// A unit of time.
#[derive(Clone, Copy)]
enum CalendarUnit {
    /// So many microseconds.
    Micros(i64),
    /// Seven days, from Monday.
    Week,
    /// So many months.
    Months(i32),
}

fn parse_unit(text: &str) -> Result<CalendarUnit> {
    const SECOND: i64 = 1_000_000;
    Ok(match text.to_ascii_lowercase().trim_end_matches('s') {
        "millisecond" => CalendarUnit::Micros(1000),
        "second" => CalendarUnit::Micros(SECOND),
        "minute" => CalendarUnit::Micros(60 * SECOND),
        "hour" => CalendarUnit::Micros(3600 * SECOND),
        "day" => CalendarUnit::Micros(86_400 * SECOND),
        "week" => CalendarUnit::Week,
        "month" => CalendarUnit::Months(1),
        "quarter" => CalendarUnit::Months(3),
        "year" => CalendarUnit::Months(12),
        _ => {
            return Err(row_error(
                "a unit of time is millisecond, second, minute, hour, day, week, month, quarter \
                 or year",
            ));
        }
    })
}

const DAY: i64 = 86_400_000_000;

/// Months since the year 0.
fn month_number(micros: i64) -> Option<i64> {
    let time = time_of(micros)?;
    Some(i64::from(time.year()) * 12 + i64::from(time.month0()))
}

/// Weeks since that of 1 January 1970, which was a Thursday: they begin three days before.
fn week_number(micros: i64) -> Option<i64> {
    Some(micros.checked_add(3 * DAY)?.div_euclid(7 * DAY))
}

/// How often a unit begins from one time to another.
fn units_between(unit: CalendarUnit, from: i64, to: i64) -> Option<i64> {
    match unit {
        // Rounded down, also for times before 1970, for which `/` rounds up.
        CalendarUnit::Micros(size) => to.div_euclid(size).checked_sub(from.div_euclid(size)),
        CalendarUnit::Week => week_number(to)?.checked_sub(week_number(from)?),
        CalendarUnit::Months(size) => {
            let size = i64::from(size);
            Some(month_number(to)?.div_euclid(size) - month_number(from)?.div_euclid(size))
        }
    }
}

/// How many times a unit begins between two times, as DuckDB counts: from 31 December to 1 January
/// it is a year.
fn date_diff(args: &[ArrayRef]) -> Result<ArrayRef> {
    let units = text_argument(args, 0)?;
    let (from, to) = (to_times(&args[1])?, to_times(&args[2])?);
    let mut out = Int64Array::builder(units.len());
    for (row, name) in units.iter().enumerate() {
        let Some(name) = name.filter(|_| from.is_valid(row) && to.is_valid(row)) else {
            out.append_null();
            continue;
        };
        let count = units_between(parse_unit(name)?, from.value(row), to.value(row));
        out.append_value(count.ok_or_else(out_of_range)?);
    }
    Ok(Arc::new(out.finish()))
}

fn date_add(args: &[ArrayRef]) -> Result<ArrayRef> {
    let units = text_argument(args, 0)?;
    let numbers = args[1].as_primitive::<Int64Type>();
    let times = to_times(&args[2])?;
    let mut out = TimestampMicrosecondArray::builder(units.len());
    for (row, name) in units.iter().enumerate() {
        let Some(name) = name.filter(|_| numbers.is_valid(row) && times.is_valid(row)) else {
            out.append_null();
            continue;
        };
        let (number, time) = (numbers.value(row), times.value(row));
        let moved = match parse_unit(name)? {
            CalendarUnit::Micros(size) => {
                number.checked_mul(size).and_then(|by| time.checked_add(by))
            }
            CalendarUnit::Week => number.checked_mul(7 * DAY).and_then(|by| time.checked_add(by)),
            CalendarUnit::Months(size) => number.checked_mul(i64::from(size)).and_then(|months| {
                let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
                let time = time_of(time)?;
                // From the 31st to a shorter month chrono gives that month's last day, as Trino does.
                let moved = match months < 0 {
                    true => time.checked_sub_months(by),
                    false => time.checked_add_months(by),
                };
                moved.map(micros_of)
            }),
        };
        out.append_value(moved.ok_or_else(out_of_range)?);
    }
    let moved: ArrayRef = Arc::new(out.finish());
    Ok(cast(&moved, args[2].data_type())?)
}

/// The beginning of the unit that a time is in.
fn unit_begin(unit: CalendarUnit, time: i64) -> Option<i64> {
    match unit {
        CalendarUnit::Micros(size) => time.div_euclid(size).checked_mul(size),
        CalendarUnit::Week => week_number(time)?.checked_mul(7 * DAY)?.checked_sub(3 * DAY),
        CalendarUnit::Months(size) => {
            let size = i64::from(size);
            let month = month_number(time)?.div_euclid(size) * size;
            let year = i32::try_from(month.div_euclid(12)).ok()?;
            let month = u32::try_from(month.rem_euclid(12)).ok()? + 1;
            Some(micros_of(NaiveDate::from_ymd_opt(year, month, 1)?.and_hms_opt(0, 0, 0)?))
        }
    }
}

/// Times cut to the beginning of a unit; a date stays a date.
fn date_trunc(args: &[ArrayRef]) -> Result<ArrayRef> {
    let units = text_argument(args, 0)?;
    let times = to_times(&args[1])?;
    let mut out = TimestampMicrosecondArray::builder(units.len());
    for (row, name) in units.iter().enumerate() {
        let Some(name) = name.filter(|_| times.is_valid(row)) else {
            out.append_null();
            continue;
        };
        out.append_value(unit_begin(parse_unit(name)?, times.value(row)).ok_or_else(out_of_range)?);
    }
    // Worked out as times, so a date has to be brought back to its own type.
    let begins: ArrayRef = Arc::new(out.finish());
    Ok(cast(&begins, args[1].data_type())?)
}

/// A time as text, with a space between date and time.
pub fn show_times(times: &ArrayRef) -> Result<ArrayRef> {
    let times = cast(times, &TIMESTAMP)?;
    let times: &PrimitiveArray<TimestampMicrosecondType> = times.as_primitive();
    let texts = times
        .iter()
        .map(|micros| Some(time_of(micros?)?.format("%Y-%m-%d %H:%M:%S%.f").to_string()));
    let texts: datafusion::arrow::array::StringArray = texts.collect();
    Ok(Arc::new(texts))
}

#[cfg(test)]
mod tests;
