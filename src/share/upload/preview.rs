//! The requests of an upload, without sending them.

use std::fmt::Write as _;

use super::{Aggregator, Package, tell_few_cells};
use crate::ui::format_count;

/// Both requests of a study's upload: the first as it would be but for the credentials, the second
/// with blanks for what the first one's answer brings.
pub(super) fn preview_package(aggregator: &Aggregator, package: &Package) -> String {
    let (user, name) = (aggregator.user(), aggregator.file_name(package));
    let mut text = format!(
        "{}  {}\n  {}, SHA-256 {}\n  {}:\n",
        package.study,
        package.place,
        format_count(package.size(), "byte"),
        package.sha256(),
        format_count(package.members.len() as u64, "member")
    );
    for member in &package.members {
        let _ = writeln!(text, "    {} ({})", member.name, format_count(member.size, "byte"));
    }
    for (member, cells) in &package.few {
        let _ = writeln!(text, "  {}", tell_few_cells(*cells, member));
    }
    let _ = write!(
        text,
        "\n  1. POST {}\n     Authorization: Basic *** (user '{user}' and the site's ID)\n     \
         Content-Type: application/json\n\n     {}\n\n  2. POST (the URL in the answer to 1)\n     \
         Content-Type: multipart/form-data\n\n     (the form fields in the answer to 1)\n     file: \
         {name}, application/zip, {}\n\n",
        aggregator.url(),
        aggregator.describe_request(package),
        format_count(package.size(), "byte")
    );
    text
}
