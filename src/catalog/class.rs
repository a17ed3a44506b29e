//! OIDs of the system catalogs. They are part of PostgreSQL's catalog files and never change.

/// pg_type.
pub(super) const PG_TYPE: u32 = 1247;
/// pg_proc.
pub(super) const PG_PROC: u32 = 1255;
/// pg_class.
pub(super) const PG_CLASS: u32 = 1259;
/// pg_attrdef.
pub(super) const PG_ATTRDEF: u32 = 2604;
/// pg_constraint.
pub(super) const PG_CONSTRAINT: u32 = 2606;
/// pg_namespace.
pub(super) const PG_NAMESPACE: u32 = 2615;
/// pg_rewrite.
pub(super) const PG_REWRITE: u32 = 2618;
/// pg_trigger.
pub(super) const PG_TRIGGER: u32 = 2620;
/// pg_default_acl.
pub(super) const PG_DEFAULT_ACL: u32 = 826;
/// pg_extension.
pub(super) const PG_EXTENSION: u32 = 3079;
/// pg_statistic_ext.
pub(super) const PG_STATISTIC_EXT: u32 = 3381;
/// pg_policy.
pub(super) const PG_POLICY: u32 = 3256;
/// pg_am.
pub(super) const PG_AM: u32 = 2601;
/// pg_amop.
pub(super) const PG_AMOP: u32 = 2602;
/// pg_amproc.
pub(super) const PG_AMPROC: u32 = 2603;
/// pg_cast.
pub(super) const PG_CAST: u32 = 2605;
/// pg_conversion.
pub(super) const PG_CONVERSION: u32 = 2607;
/// pg_language.
pub(super) const PG_LANGUAGE: u32 = 2612;
/// pg_opclass.
pub(super) const PG_OPCLASS: u32 = 2616;
/// pg_operator.
pub(super) const PG_OPERATOR: u32 = 2617;
/// pg_opfamily.
pub(super) const PG_OPFAMILY: u32 = 2753;
/// pg_collation.
pub(super) const PG_COLLATION: u32 = 3456;
/// pg_event_trigger.
pub(super) const PG_EVENT_TRIGGER: u32 = 3466;
/// pg_transform.
pub(super) const PG_TRANSFORM: u32 = 3576;
/// pg_ts_dict.
pub(super) const PG_TS_DICT: u32 = 3600;
/// pg_ts_parser.
pub(super) const PG_TS_PARSER: u32 = 3601;
/// pg_ts_config.
pub(super) const PG_TS_CONFIG: u32 = 3602;
/// pg_ts_template.
pub(super) const PG_TS_TEMPLATE: u32 = 3764;
/// pg_foreign_data_wrapper.
pub(super) const PG_FOREIGN_DATA_WRAPPER: u32 = 2328;
/// pg_foreign_server.
pub(super) const PG_FOREIGN_SERVER: u32 = 1417;
/// pg_user_mapping.
pub(super) const PG_USER_MAPPING: u32 = 1418;
/// pg_publication.
pub(super) const PG_PUBLICATION: u32 = 6104;
/// pg_publication_rel.
pub(super) const PG_PUBLICATION_REL: u32 = 6106;
/// pg_publication_namespace.
pub(super) const PG_PUBLICATION_NAMESPACE: u32 = 6237;
/// pg_subscription.
pub(super) const PG_SUBSCRIPTION: u32 = 6100;
/// pg_largeobject: comments and labels name this one instead of pg_largeobject_metadata.
pub(super) const PG_LARGEOBJECT: u32 = 2613;
/// pg_init_privs.
pub(super) const PG_INIT_PRIVS: u32 = 3394;
/// pg_authid: roles. Like the four that follow, it is one for all databases of the server.
pub(super) const PG_AUTHID: u32 = 1260;
/// pg_auth_members.
pub(super) const PG_AUTH_MEMBERS: u32 = 1261;
/// pg_database.
pub(super) const PG_DATABASE: u32 = 1262;
/// pg_tablespace.
pub(super) const PG_TABLESPACE: u32 = 1213;
/// pg_parameter_acl.
pub(super) const PG_PARAMETER_ACL: u32 = 6243;
