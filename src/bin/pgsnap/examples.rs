//! What stands under the options in the help of a command. tests/documents.rs runs each line.

pub const DUMP: &str = "\
Examples:
  pgsnap dump -d memory -f memory.pgsnap --jobs 4 --force
  pgsnap dump -d memory -t 'public.doc*' -f documents.pgsnap
  pgsnap dump -q -d memory --dir /var/backups/pgsnap --keep-daily 7
  pgsnap dump -q --all-databases --dir /var/backups/pgsnap";

pub const RESTORE: &str = "\
Examples:
  pgsnap restore -h new --create --roles --dry-run memory.pgsnap
  pgsnap restore -h new --create --roles memory.pgsnap --jobs 4
  pgsnap restore -d memory -t public.documents --clean memory.pgsnap
  pgsnap restore --sql memory.pgsnap > memory.sql";

pub const INSPECT: &str = "\
Examples:
  pgsnap inspect memory.pgsnap
  pgsnap inspect --list memory.pgsnap";

pub const VERIFY: &str = "\
Examples:
  pgsnap verify -h new -d memory memory.pgsnap --jobs 4";

pub const DRILL: &str = "\
Examples:
  pgsnap drill -h new memory.pgsnap --jobs 4";

pub const STATUS: &str = "\
Examples:
  pgsnap status /var/backups/pgsnap --max-age 26h
  pgsnap status /var/backups/pgsnap --prometheus";

pub const PRUNE: &str = "\
Examples:
  pgsnap prune /var/backups/pgsnap --keep-daily 7 --keep-weekly 5 --dry-run";

pub const COMPLETIONS: &str = "\
Examples:
  pgsnap completions bash > pgsnap.bash";

pub const MAN: &str = "\
Examples:
  pgsnap man > pgsnap.1";
