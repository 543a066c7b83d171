//! The words of Athena's SQL.

use std::any::TypeId;

use sqlparser::dialect::{Dialect, GenericDialect};

/// The SQL that the parser takes for valid: the generic dialect without the constructs of dialects other
/// than Trino's, and with lambdas (`x -> x + 1`).
#[derive(Debug)]
pub struct AthenaDialect;

/// Methods of the dialect that return true.
macro_rules! yes {
    ($($method:ident),* $(,)?) => {
        $(fn $method(&self) -> bool {
            true
        })*
    };
}

impl Dialect for AthenaDialect {
    /// Where the parser asks which dialect it has, it is the generic one.
    fn dialect(&self) -> TypeId {
        // Parts of the parser are for named dialects only and are closed to one of our own.
        GenericDialect {}.dialect()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        // Athena's statements that declare tables quote with backquotes, its queries with double quotes.
        ch == '"' || ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        GenericDialect {}.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        GenericDialect {}.is_identifier_part(ch)
    }

    yes! {
        supports_unicode_string_literal,
        supports_partition_by_after_order_by,
        supports_array_join_syntax,
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_left_associative_joins_without_parens,
        supports_window_function_null_treatment_arg,
        supports_window_clause_named_window_reference,
        supports_select_wildcard_except,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_extract_comma_syntax,
        supports_create_view_comment_syntax,
        supports_parens_around_table_factor,
        supports_values_as_table_factor,
        supports_projection_trailing_commas,
        supports_asc_desc_in_column_definition,
        supports_comment_on,
        supports_named_fn_args_with_assignment_operator,
        supports_struct_literal,
        supports_nested_comments,
        supports_multiline_comment_hints,
        supports_string_escape_constant,
        supports_array_typedef_with_brackets,
        supports_filter_during_aggregation,
        supports_select_wildcard_exclude,
        supports_select_wildcard_replace,
        supports_select_wildcard_ilike,
        supports_select_wildcard_rename,
        supports_comma_separated_trim,
        supports_lambda_functions,
    }
}
