# bakkt_ledger
#
# For people:       make demo, make test, make bench: need nothing but Debian 12, git and make
# For PostgreSQL:   make, make install, make installcheck: PGXS as usual (PG_CONFIG=... picks the server)
# For maintainers:  WERROR=1, SANITIZE=1, COVERAGE=1, PG=17, PG=18, make soak, make indent; see doc/development.md

EXTENSION = bakkt_ledger
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" bakkt_ledger.control)

DRIVERS = test demo bench soak indent api dist
.PHONY: $(DRIVERS)

ifneq (,$(filter $(DRIVERS),$(MAKECMDGOALS)))

# The drivers install and build by themselves: they must run where there is no pg_config yet.

export PG WERROR SANITIZE COVERAGE QUICK QUOTES TRADES FUZZ_SECONDS KEEP

test:
	@test/run $(SUITES)

demo:
	@test/serve demo test/demo/run

bench:
	@test/serve bench bench/run

soak:
	@test/soak

indent:
	@test/indent

api:
	@test/serve api test/docs/api | sed -n '/^# API/,$$p' >doc/api.md.new && mv doc/api.md.new doc/api.md

dist:
	git archive --format=zip --prefix=$(EXTENSION)-$(EXTVERSION)/ -o $(EXTENSION)-$(EXTVERSION).zip HEAD

else

MODULE_big = $(EXTENSION)
SOURCES = $(sort $(wildcard src/*.c src/*/*.c))
OBJS = $(SOURCES:.c=.o)
PGFILEDESC = "bakkt_ledger - ledger for pooled customer money"

# The install script is its chapters, joined in the order of sql/install.order.
CHAPTERS = $(patsubst %,sql/%.sql,$(shell cat sql/install.order))
INSTALL_SCRIPT_BUILT = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA_built = $(INSTALL_SCRIPT_BUILT)
DATA = $(filter-out $(INSTALL_SCRIPT_BUILT),$(wildcard sql/$(EXTENSION)--*--*.sql))

PG_CPPFLAGS = -I$(srcdir)/src -DBAKKT_LEDGER_VERSION='"$(EXTVERSION)"'

# PostgreSQL's own headers do not pass these three parts of -Wextra.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
ifdef WERROR
PG_CFLAGS += -Werror
endif
ifdef SANITIZE
PG_CPPFLAGS += -DUSE_ASSERT_CHECKING=1
PG_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SHLIB_LINK += -lasan -lubsan
endif
ifdef COVERAGE
PG_CFLAGS += --coverage -O0
SHLIB_LINK += --coverage
endif

# Tests: answers of pg_regress and of the isolation tester are both in expected/.
REGRESS = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=$(EXTENSION)
ISOLATION = $(sort $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --outputdir=. --load-extension=$(EXTENSION)
PROVE_TESTS = $(wildcard test/t/*.pl)
ifneq (,$(PROVE_TESTS))
TAP_TESTS = 1
endif

EXTRA_CLEAN = $(wildcard src/*.gc?? src/*/*.gc??)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)

# Bitcode for the server's JIT needs the clang the server was built with; do without where there is none.
SERVER_CLANG := $(shell sed -n 's/^CLANG *= *//p' $(dir $(PGXS))../Makefile.global)
ifeq (,$(shell command -v $(SERVER_CLANG) 2>/dev/null))
override with_llvm = no
endif

include $(PGXS)

$(INSTALL_SCRIPT_BUILT): $(CHAPTERS) sql/install.order bakkt_ledger.control
	cat $(CHAPTERS) > $@

$(OBJS): $(wildcard src/*.h src/*/*.h)

endif
