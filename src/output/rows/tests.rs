use super::*;

#[test]
fn bits_are_counted_within_ranges() {
    let mut bits = Bitmap::none_set(200);
    for index in [0, 63, 64, 127, 130, 199] {
        bits.set(index);
    }
    for (range, expected) in [
        (0..200, 6),
        (0..0, 0),
        (1..63, 0),
        (63..65, 2),
        (64..128, 2),
        (128..199, 1),
        (199..200, 1),
    ] {
        assert_eq!(bits.count_in(range.clone()), expected, "{range:?}");
    }
    assert_eq!(Bitmap::all_set(65).count(), 65);
}
