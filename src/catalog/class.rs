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
