//! What an upload would send, without sending it.

use std::fmt::Write as _;

use super::{Aggregator, Package, cells_of};
use crate::share::screen::LEAST;
use crate::ui::format_thousands;

/// Both requests of a study's upload: the first as it would be but for the credentials, the second
/// with blanks for what the first one's answer brings.
pub(super) fn preview_package(aggregator: &Aggregator, package: &Package) -> String {
    let (user, name) = (aggregator.user(), aggregator.file_name(package));
    let mut text = format!(
        "{}  {}\n  {} bytes, SHA-256 {}\n  {} members:\n",
        package.study,
        package.place,
        format_thousands(package.size()),
        package.sha256(),
        package.members.len()
    );
    for member in &package.members {
        let _ = writeln!(text, "    {} ({} bytes)", member.name, format_thousands(member.size));
    }
    for (member, cells) in &package.few {
        let _ = writeln!(text, "  {} of {member} count fewer than {LEAST}", cells_of(*cells));
    }
    let _ = write!(
        text,
        "\n  1. POST {}\n     Authorization: Basic *** (user '{user}' and the site's ID)\n     \
         Content-Type: application/json\n\n     {}\n\n  2. POST (the URL in the answer to 1)\n     \
         Content-Type: multipart/form-data\n\n     (the form fields in the answer to 1)\n     file: \
         {name}, application/zip, {} bytes\n\n",
        aggregator.url(),
        aggregator.describe_request(package),
        format_thousands(package.size())
    );
    text
}
