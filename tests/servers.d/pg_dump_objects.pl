# Prints the statements that make what PostgreSQL's test of pg_dump dumps, out of that test (002_pg_dump.pl), in its order.
use strict;

# What the part of the test that is evaluated here uses of PostgreSQL's modules, by their names until 14 and since.
$ENV{with_icu} = 'yes';
our $timeout_default = 1;
*TestLib::timeout_default = *PostgreSQL::Test::Utils::timeout_default = \$timeout_default;
*TestLib::tempdir = *TestLib::tempdir_short = *PostgreSQL::Test::Utils::tempdir = sub { '/tmp' };
*TestLib::check_pg_config = *PostgreSQL::Test::Utils::check_pg_config = *main::check_pg_config = sub { 0 };

my ($path) = @ARGV;
open my $file, '<', $path or die "$path: $!";
my $test = do { local $/; <$file> };
$test =~ s/^use (PostgreSQL|PostgresNode|TestLib|Test|Config).*?;//gm;
$test =~ s/TestLib::tempdir_short/TestLib::tempdir_short()/;
$test =~ s/^# Create a PG instance to test actually dumping from.*//ms or die "$path is not as expected";
my $print = <<'END';
for my $name (sort { ($tests{$a}{create_order} || 1e9) <=> ($tests{$b}{create_order} || 1e9) || $a cmp $b } keys %tests) {
    my ($sql, $database) = @{ $tests{$name} }{qw(create_sql database)};
    print "$sql\n;\n" if $sql && !$database;
}
END
eval "$test\n$print\n1" or die $@;
