# bakkt_ledger: PGXS build.  For people: make demo, make test, make bench.

EXTENSION = bakkt_ledger
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" bakkt_ledger.control)
MODULE_big = $(EXTENSION)
SOURCES = $(sort $(wildcard src/*.c src/*/*.c))
OBJS = $(SOURCES:.c=.o)
PGFILEDESC = "bakkt_ledger - ledger for pooled customer money"

CHAPTERS = $(sort $(wildcard sql/[0-9]*.sql))
BUILT = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA_built = $(BUILT)
DATA = $(filter-out $(BUILT),$(wildcard sql/$(EXTENSION)--*--*.sql))

PG_CPPFLAGS = -I$(srcdir)/src -DBAKKT_LEDGER_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
ifdef WERROR
PG_CFLAGS += -Werror
endif

REGRESS = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=$(EXTENSION)
EXTRA_CLEAN = $(BUILT)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(BUILT): $(CHAPTERS) bakkt_ledger.control
	cat $(CHAPTERS) > $@

$(OBJS): $(wildcard src/*.h src/*/*.h)
