# test/lib.sh: one way to install packages, build, stage, and run a throwaway server.
#
# Sourced by the drivers (test/run, test/chroot, and what `make demo` and `make bench` start).  Nothing outside $WORK is
# written except packages that are missing; $WORK goes away when the driver ends, however it ends.  The tree itself is
# never built in: a copy is, so that runs may go on side by side and leave nothing behind that root owns.
#
# In:  PG (server version, default: what this Debian ships), WERROR, SANITIZE, COVERAGE, JOBS, KEEP=1 (keep $WORK),
#      SERVER_BIN (programs of another server of that version, built from Debian's source)
# Out: SOURCE (this tree), SHARED (the folder ../shared, or empty), WORK, TREE (the copy), STAGE, PGBIN, PGHOST

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SHARED=${SHARED-$([ -d "$SOURCE/../shared" ] && cd "$SOURCE/../shared" && pwd || true)}
JOBS=${JOBS:-$(nproc)}
UNPRIVILEGED=nobody
# LANG too: the servers of TAP tests are made without LC_ALL, and the ledger wants UTF8
export LANG=C.UTF-8 LC_ALL=C.UTF-8 SHARED

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# Which Debian release carries which server.
suite_of() {
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo sid ;;
		*) die "PG=$1: only 15, 17 and 18 are packaged by a Debian release" ;;
	esac
}

# The server version of the release we run on; empty if it is no Debian we know.
native_version() {
	local VERSION_CODENAME=
	[ -n "${IN_CHROOT:-}" ] && { echo "$IN_CHROOT"; return; }
	[ -r /etc/os-release ] && . /etc/os-release
	case $VERSION_CODENAME in
		bookworm) echo 15 ;;
		trixie) echo 17 ;;
		forky | sid) echo 18 ;;
	esac
}

# The drivers begin with this: pick the server version, and where another release carries it, start again in its chroot.
choose_version() {
	local native
	native=$(native_version)
	PG=${PG:-${native:-15}}
	export PG
	[ "$PG" = "$native" ] || exec "$SOURCE/test/chroot" "$PG" "$@"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		return 127
	fi
}

# Run a command as the user that owns $WORK: ourselves, or nobody when we are root (initdb refuses root).
unprivileged() { "${AS_USER[@]}" "$@"; }

choose_user() {
	AS_USER=(env TMPDIR="$WORK/tmp")
	[ "$(id -u)" = 0 ] || return 0
	AS_USER=(setpriv --reuid="$UNPRIVILEGED" --regid="$(id -g "$UNPRIVILEGED")" --clear-groups --inh-caps=-all
		env HOME="$WORK" USER="$UNPRIVILEGED" LOGNAME="$UNPRIVILEGED" TMPDIR="$WORK/tmp")
}

# The same for a command that takes long: a signal to the driver ends it at once, with all it started.
unprivileged_child() {
	local status=0
	"${AS_USER[@]}" timeout -k 10 "${CHILD_SECONDS:-0}" "$@" </dev/null &
	CHILD=$!
	wait "$CHILD" || status=$?
	CHILD=
	return $status
}

# The same beside what follows; $! is its process id, to wait for, and BESIDE has those of all.
start_unprivileged() {
	"${AS_USER[@]}" timeout -k 10 "${CHILD_SECONDS:-0}" "$@" </dev/null &
	BESIDE="${BESIDE:-} $!"
}

missing_packages() {
	local package
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
	done
}

# Install what is missing.  Debian would start a server of its own on first installation: it is told not to.
need_packages() {
	local missing quiet=/etc/postgresql-common/createcluster.d/bakkt_ledger.conf
	command -v dpkg-query >/dev/null || die "This is not Debian: install yourself what test/README.md lists, then use make, make install and make installcheck."
	missing=$(missing_packages "$@")
	[ -z "$missing" ] && return
	say "installing: $missing"
	as_root true || die "Missing packages: $missing
Run as root or with sudo, or have them installed:  apt-get install --no-install-recommends $missing"
	as_root mkdir -p "${quiet%/*}"
	echo 'create_main_cluster = false' | as_root tee "$quiet" >/dev/null
	if ! install_packages $missing; then
		as_root rm -f "$quiet"
		die "Could not install: $missing"
	fi
	as_root rm -f "$quiet"
}

# Try with the package lists at hand, then with fresh ones; wait for another apt to end rather than fail.
install_packages() {
	local apt="env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
	local log try
	log=$(mktemp)
	for try in 1 2 3; do
		as_root $apt install -y --no-install-recommends "$@" </dev/null >"$log" 2>&1 && { rm -f "$log"; return; }
		as_root $apt update </dev/null >>"$log" 2>&1 || sleep 5
	done
	tail -20 "$log" >&2
	rm -f "$log"
	return 1
}

# The mirror of this machine's own release; the other releases are beside it.
mirror() {
	local codename
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v release="$codename" '$1 == release && $2 == "main" { print $3; exit }'
}

# This machine's ways to its mirror (proxies, certificates), and the age check off: a frozen mirror is no error.
apt_options() {
	apt-config dump | grep -E '^Acquire::(http|https|ftp|Retries|ForceIPv[46]|Check-)' || true
	echo 'Acquire::Check-Valid-Until "false";'
}

# Packages to build and to serve; the rest is for the tests only.
server_packages() { echo make gcc libc6-dev "postgresql-$PG" "postgresql-server-dev-$PG"; }
test_packages() { echo "$(server_packages) postgresql-$PG-pgtap postgresql-$PG-cron libtap-parser-sourcehandler-pgtap-perl libipc-run-perl python3"; }

# Make the working directory and see that it goes away.
begin_work() {
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/bakkt_ledger.XXXXXX")
	chmod 755 "$WORK"
	choose_user
	# Too long for a socket's path, or closed to the unprivileged user.
	if [ ${#WORK} -gt 80 ] || ! unprivileged test -x "$WORK"; then
		rmdir "$WORK"
		WORK=$(mktemp -d /tmp/bakkt_ledger.XXXXXX)
		chmod 755 "$WORK"
		choose_user
	fi
	trap end_work EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir "$WORK/tmp" "$WORK/socket"
	PGHOST=$WORK/socket
	PGDATA=$WORK/data
	STAGE=$WORK/stage
	TREE=$WORK/tree
	PGBIN=${SERVER_BIN:-/usr/lib/postgresql/$PG/bin}
	PATH=$PGBIN:$PATH
	PGUSER=postgres
	PG_CONFIG=$PGBIN/pg_config
	unset PGPORT PGDATABASE PGSERVICE PGOPTIONS PGPASSWORD
	export WORK PGHOST PGDATA PGUSER PG_CONFIG PATH PGBIN STAGE TREE
}

end_work() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP
	if [ -n "${CHILD:-}${BESIDE:-}" ]; then kill ${CHILD:-} ${BESIDE:-} 2>/dev/null; fi
	stop_server immediate
	stop_strays
	if [ "${KEEP:-}" = 1 ]; then say "kept: $WORK"; else rm -rf "$WORK"; fi
	exit $status
}

# TAP clusters of a test that was killed: end only servers whose data directory is inside $WORK.
stop_strays() {
	local pidfile
	find "$WORK" -name postmaster.pid 2>/dev/null | while read -r pidfile; do
		kill -QUIT "$(head -n 1 "$pidfile")" 2>/dev/null
	done
	return 0
}

# Files that a caller names (QUOTES, TRADES) may be anywhere: bring copies to where the command can read them.
# Usage: bring_files DIRECTORY NAME-OF-THE-DIRECTORY-THERE VARIABLE...
bring_files() {
	local directory=$1 there=$2 name file
	shift 2
	for name in "$@"; do
		file=${!name:-}
		[ -n "$file" ] || continue
		[ -r "$file" ] || die "$name=$file: cannot read this file"
		cp "$file" "$directory/$name.csv" && chmod 644 "$directory/$name.csv"
		export "$name=$there/$name.csv"
	done
}

# Copy the tree as it stands, commits or not, without what a build left in it.
copy_tree() {
	mkdir -p "$TREE"
	tar -C "$SOURCE" --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' --exclude='*.gc??' \
		--exclude='./sql/bakkt_ledger--?.?.?.sql' --exclude=./results --exclude=./tmp_check -cf - . | tar -C "$TREE" --no-same-owner -xf -
	if [ "$(id -u)" = 0 ]; then chown -R "$UNPRIVILEGED:$(id -g "$UNPRIVILEGED")" "$WORK"; fi
}

# A fresh database with the extension in it.
fresh_database() {
	psql -X -q -v ON_ERROR_STOP=1 -d postgres -c "CREATE DATABASE $1 TEMPLATE ${2:-template0}" &&
		{ [ -n "${2:-}" ] || psql -X -q -v ON_ERROR_STOP=1 -d "$1" -c 'CREATE EXTENSION bakkt_ledger'; }
}

# Build the copy and stage it.  All output goes to $WORK/build.log.
build() {
	unprivileged make -C "$TREE" -j "$JOBS" with_llvm=no PG_CONFIG="$PG_CONFIG" "$@" >"$WORK/build.log" 2>&1 &&
		unprivileged make -C "$TREE" -s with_llvm=no PG_CONFIG="$PG_CONFIG" "$@" DESTDIR="$STAGE" install >>"$WORK/build.log" 2>&1
}

# Under SANITIZE a stock server must have AddressSanitizer in it before our library asks for it, and a stand-in for a
# symbol whose absence makes it wait forever.  Prints the settings for env.
sanitizer_environment() {
	[ -n "${SANITIZE:-}" ] || return 0
	[ -e "$WORK/stand_in.so" ] ||
		echo 'void *swift_demangle(void); void *swift_demangle(void) { return 0; }' | gcc -shared -fPIC -x c -o "$WORK/stand_in.so" - >&2
	echo "LD_PRELOAD=$(gcc -print-file-name=libasan.so):$WORK/stand_in.so ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0"
}

# What makes a stock server find the staged extension: Debian's own setting before 18, PostgreSQL's from then on.
server_settings() {
	local share lib
	share=$("$PG_CONFIG" --sharedir)
	lib=$("$PG_CONFIG" --pkglibdir)
	echo "listen_addresses = ''"
	echo "dynamic_library_path = '$STAGE$lib:\$libdir'"
	if [ "$PG" -ge 18 ]; then
		echo "extension_control_path = '$STAGE$share:\$system'"
	else
		echo "extension_destdir = '$STAGE'"
	fi
}

# Start the server: no TCP, a socket in $WORK, superuser "postgres".  Further settings come on standard input.
start_server() {
	local settings
	settings=$(server_settings; echo "unix_socket_directories = '$PGHOST'"; [ -t 0 ] || cat)
	unprivileged "$PGBIN/initdb" -D "$PGDATA" -U postgres -A trust --no-sync --locale=C.UTF-8 -E UTF8 >"$WORK/initdb.log" 2>&1 ||
		{ cat "$WORK/initdb.log" >&2; return 1; }
	printf '%s\n' "$settings" | unprivileged tee -a "$PGDATA/postgresql.conf" >/dev/null
	unprivileged env $(sanitizer_environment) "$PGBIN/pg_ctl" -D "$PGDATA" -l "$WORK/server.log" -w -t 60 start >/dev/null 2>&1 </dev/null ||
		{ tail -20 "$WORK/server.log" >&2; return 1; }
}

stop_server() {
	[ -f "${PGDATA:-/nonexistent}/postmaster.pid" ] || return 0
	unprivileged "$PGBIN/pg_ctl" -D "$PGDATA" -m "${1:-fast}" -w stop >/dev/null 2>&1
	return 0
}

pgxs_program() { echo "$(dirname "$("$PG_CONFIG" --pgxs)")/../../src/test/$1"; }

# PostgreSQL::Test::Cluster makes its own servers; TEMP_CONFIG tells them where the extension is.
tap_tests() { # tap_tests RUNNER FILE...
	local runner=$1
	shift
	"$runner" env -u PGUSER -u PGHOST $(sanitizer_environment) TEMP_CONFIG="$WORK/temp.conf" TESTDIR="$TREE" TESTDATADIR="$TREE/tmp_check" TESTLOGDIR="$TREE/tmp_check/log" \
		PGPORT=65432 PG_REGRESS="$(pgxs_program regress/pg_regress)" PERL5LIB="$(pgxs_program perl)" \
		prove --timer -v "$@"
}
