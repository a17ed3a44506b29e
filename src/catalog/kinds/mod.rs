//! The registry of kinds. One kind of object is one file here, one line in [`KINDS`] and one fixture.

mod access_method;
mod aggregate;
mod base_type;
mod cast;
mod check_constraint;
mod collation;
mod columns;
mod composite;
mod constraint;
mod conversion;
mod copied_comment;
mod database;
mod database_properties;
mod default;
mod default_acl;
mod domain;
mod enums;
mod event_trigger;
mod extension;
mod foreign;
mod foreign_data_wrapper;
mod foreign_key;
mod function;
mod index;
mod index_attach;
mod initial_acl;
mod language;
mod large_object;
mod large_object_data;
mod materialized_view;
mod materialized_view_data;
mod operator;
mod operator_class;
mod operator_family;
mod operator_members;
mod parameter_acl;
mod policy;
mod publication;
mod publication_schema;
mod publication_table;
mod range;
mod relation;
mod role;
mod role_membership;
mod role_properties;
mod row_security;
mod rule;
mod schema;
mod sequence;
mod sequence_owned_by;
mod sequence_set;
mod server;
mod statistics;
mod statistics_data;
mod subscription;
mod table;
mod table_attach;
mod table_data;
mod tablespace;
mod text_search;
mod text_search_configuration;
mod text_search_dictionary;
mod text_search_parser;
mod text_search_template;
mod transform;
mod trigger;
mod types;
mod user_mapping;
mod view;

pub(super) use initial_acl::{INITIAL_ACLS, roles as roles_of_initial_acls};
pub(super) use parameter_acl::PARAMETER_ACLS;
pub(super) use role::passwords_query;
pub(super) use role_membership::MEMBERSHIPS;
pub(super) use subscription::MAY_READ as MAY_READ_SUBSCRIPTIONS;
pub(super) use user_mapping::MAY_READ as MAY_READ_USER_MAPPINGS;

use super::{Draft, Error, Results};
use crate::pg::Version;

/// A kind of object: which rows it needs and what they mean. Pure functions; `introspect` does the asking.
pub struct Kind {
    /// pg_dump's word for it: `TABLE`.
    pub tag: &'static str,
    /// The queries for a server of that version. The column list of a query is the same for every version.
    pub queries: fn(Version) -> Vec<Query>,
    /// Queries that can only be written down once the rows of `queries` are known (reading every sequence). Several may
    /// bear one name: their rows are put together.
    pub follow_up: Option<FollowUp>,
    /// The objects that those queries' rows describe.
    pub assemble: fn(&Results) -> Result<Vec<Draft>, Error>,
}

/// Queries made of the rows of earlier ones.
pub type FollowUp = fn(&Results) -> Result<Vec<Query>, Error>;

/// A catalog query.
pub struct Query {
    /// Its name, unique over all kinds: what `Results` and error messages call it.
    pub name: &'static str,
    /// The statement; no parameters.
    pub sql: String,
}

/// Every kind, in the order in which objects are restored where dependencies leave a choice.
pub const KINDS: &[Kind] = &[
    // Outside the database.
    role::ROLE,
    role_properties::ROLE_PROPERTIES,
    role_membership::ROLE_MEMBERSHIP,
    tablespace::TABLESPACE,
    parameter_acl::PARAMETER_ACL,
    database::DATABASE,
    database_properties::DATABASE_PROPERTIES,
    // Definitions.
    schema::SCHEMA,
    language::LANGUAGE,
    collation::COLLATION,
    transform::TRANSFORM,
    extension::EXTENSION,
    base_type::BASE_TYPE,
    enums::ENUM,
    composite::COMPOSITE,
    range::RANGE,
    domain::DOMAIN,
    cast::CAST,
    function::FUNCTION,
    aggregate::AGGREGATE,
    access_method::ACCESS_METHOD,
    operator::OPERATOR,
    operator_family::OPERATOR_FAMILY,
    operator_class::OPERATOR_CLASS,
    conversion::CONVERSION,
    text_search_parser::TEXT_SEARCH_PARSER,
    text_search_template::TEXT_SEARCH_TEMPLATE,
    text_search_dictionary::TEXT_SEARCH_DICTIONARY,
    text_search_configuration::TEXT_SEARCH_CONFIGURATION,
    foreign_data_wrapper::FOREIGN_DATA_WRAPPER,
    server::SERVER,
    user_mapping::USER_MAPPING,
    sequence::SEQUENCE,
    table::TABLE,
    view::VIEW,
    materialized_view::MATERIALIZED_VIEW,
    table_attach::TABLE_ATTACH,
    sequence_owned_by::SEQUENCE_OWNED_BY,
    default::DEFAULT,
    // Data.
    table_data::TABLE_DATA,
    sequence_set::SEQUENCE_SET,
    large_object::LARGE_OBJECT,
    large_object_data::LARGE_OBJECT_DATA,
    // After the data.
    check_constraint::CHECK_CONSTRAINT,
    constraint::CONSTRAINT,
    index::INDEX,
    index_attach::INDEX_ATTACH,
    statistics::STATISTICS,
    rule::RULE,
    trigger::TRIGGER,
    foreign_key::FK_CONSTRAINT,
    copied_comment::COPIED_COMMENT,
    policy::POLICY,
    row_security::ROW_SECURITY,
    publication::PUBLICATION,
    publication_table::PUBLICATION_TABLE,
    publication_schema::PUBLICATION_SCHEMA,
    subscription::SUBSCRIPTION,
    default_acl::DEFAULT_ACL,
    initial_acl::INITIAL_ACL,
    event_trigger::EVENT_TRIGGER,
    materialized_view_data::MATERIALIZED_VIEW_DATA,
    statistics_data::STATISTICS_DATA,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn queries_have_names_of_their_own() {
        let mut names = BTreeSet::new();
        for kind in KINDS {
            for query in (kind.queries)(Version::OLDEST) {
                assert!(names.insert(query.name), "{}: two queries are named {}", kind.tag, query.name);
            }
        }
    }
}
