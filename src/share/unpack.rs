//! Members of a zip as files, no larger than is sensible.

use std::fs::File;
use std::io::{self, Read};

use zip::ZipArchive;

/// Bounds of what a member, and all of them, may become.
const MEMBER_BYTES: u64 = 64 << 30;
const TOTAL_BYTES: u64 = 256 << 30;
const RATIO: u64 = 1000;
const SMALL: u64 = 16 << 20;

/// Unpacks the members of a zip one by one, and counts what they become.
#[derive(Debug, Default)]
pub struct Unpacking {
    bytes: u64,
}

impl Unpacking {
    /// Unpacks a member, no further than what it says that it is.
    pub fn unpack_member(
        &mut self,
        zip: &mut ZipArchive<File>,
        index: usize,
        out: &mut File,
    ) -> Result<(), String> {
        let mut member = zip.by_index(index).map_err(|_| "it is damaged".to_owned())?;
        // The sizes that the zip claims are bounded before anything is written to the disk.
        let (size, packed) = (member.size(), member.compressed_size());
        self.bound_member(member.name(), size, packed)?;
        // One byte more than it says it has is enough to see that it does not tell the truth.
        let written = io::copy(&mut (&mut member).take(size + 1), out)
            .map_err(|error| format!("a member can't be unpacked: {error}"))?;
        match written == size {
            true => Ok(()),
            false => Err("a member is not as large as it says".to_owned()),
        }
    }

    fn bound_member(&mut self, name: &str, size: u64, packed: u64) -> Result<(), String> {
        // Deflate ends at some 1032 to 1, and the pages of Parquet are packed already. A member of
        // one value again and again may come close, which does no harm up to SMALL.
        if size > MEMBER_BYTES || size > SMALL.max(packed.saturating_mul(RATIO)) {
            return Err(format!("{name} would become {size} bytes, which is too much"));
        }
        self.bytes = self.bytes.saturating_add(size);
        match self.bytes > TOTAL_BYTES {
            true => Err(format!("its members would become more than {TOTAL_BYTES} bytes")),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_and_all_of_them_are_bounded() {
        let mut unpacking = Unpacking::default();
        assert!(unpacking.bound_member("large", MEMBER_BYTES + 1, MEMBER_BYTES).is_err());
        assert!(unpacking.bound_member("bomb", SMALL + 1, 1).is_err());
        for _ in 0..4 {
            assert_eq!(unpacking.bound_member("whole", MEMBER_BYTES, MEMBER_BYTES), Ok(()));
        }
        let all = unpacking.bound_member("one more", 1, 1).unwrap_err();
        assert!(all.contains("its members would become more than"), "{all}");
    }
}
