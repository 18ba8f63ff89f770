# SPDX-License-Identifier: MIT
# vitscope: `make help` lists the targets.
#   CONFIG=release|debug|asan|fuzz   which build (each has its own folder under build/); REAL=double: 64-bit arithmetic
#   CC=gcc|clang   V=1 shows the commands   PREFIX, DESTDIR for install
CONFIG  ?= release
PREFIX  ?= /usr/local
VERSION := 0.1.0
SOVERSION := 0
ifeq ($(REAL),double)
CONFIG := double
endif
BUILD   ?= build/$(CONFIG)
ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(CONFIG)),clang,gcc)
endif
Q := $(if $(V),,@)

# pkg-config module or header, and the Debian package that has it. scripts/setup installs the same packages.
MODULES := openblas:libopenblas-dev hwloc:libhwloc-dev libcjson:libcjson-dev sleef:libsleef-dev libpng:libpng-dev \
           libjpeg:libjpeg62-turbo-dev zlib:zlib1g-dev nettle:nettle-dev papi:libpapi-dev
CSV_HEADER := $(firstword $(wildcard /usr/include/csv.h /usr/local/include/csv.h))
VALGRIND_HEADER := $(firstword $(wildcard /usr/include/valgrind/callgrind.h /usr/local/include/valgrind/callgrind.h))

# Optional: the plug-in for several ranks is built where Open MPI is (`scripts/setup mpi`).
MPI_MODULE := ompi-c

# Targets that compile nothing need neither compiler nor libraries.
NO_BUILD := help clean uninstall check
ifneq ($(filter-out $(NO_BUILD),$(or $(MAKECMDGOALS),all)),)
ifeq ($(shell command -v pkg-config),)
$(error pkg-config is missing: install the Debian package pkg-config (`scripts/setup run` installs all that is needed))
endif
MISSING := $(foreach m,$(MODULES),$(if $(shell pkg-config --exists $(word 1,$(subst :, ,$m)) || echo no),$(word 2,$(subst :, ,$m)))) \
           $(if $(CSV_HEADER),,libcsv-dev) $(if $(VALGRIND_HEADER),,valgrind)
ifneq ($(strip $(MISSING)),)
$(error missing Debian packages: $(strip $(MISSING)) (`scripts/setup run` installs them))
endif
PACKAGES   := $(foreach m,$(MODULES),$(word 1,$(subst :, ,$m)))
# Headers of others are system headers: our warnings are for our code.
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES)))
# Loaded on demand (model/blas.c, probes/papi_library.h): their headers are needed here, their link is not.
ON_DEMAND  := openblas papi
PKG_LIBS   := $(shell pkg-config --libs $(filter-out $(ON_DEMAND),$(PACKAGES))) -lcsv
HAVE_MPI   := $(shell pkg-config --exists $(MPI_MODULE) && echo yes)
ifdef HAVE_MPI
MPI_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(MPI_MODULE)))
MPI_LIBS   := $(shell pkg-config --libs $(MPI_MODULE))
endif
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# No fast-math: only what cannot change a result (errno, trapping) is relaxed, so that loops vectorise.
OPT.release := -O3 -DNDEBUG
OPT.debug   := -O1
OPT.double  := -O3 -DVIT_REAL_DOUBLE
OPT.asan    := -O1 $(SANITIZE)
OPT.fuzz    := -O1 $(SANITIZE) -fsanitize=fuzzer-no-link
OPT := $(OPT.$(CONFIG))
ifeq ($(OPT),)
$(error CONFIG=$(CONFIG) is unknown: release, debug, asan, fuzz or double)
endif
# Symbols cost nothing at run time; perf, valgrind and sanitizers need them.
CFLAGS ?= -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. -fPIC -pthread -fno-math-errno -fno-trapping-math -ffp-contract=off \
             $(WARN) $(OPT) $(CFLAGS) $(PKG_CFLAGS)
LIBS := $(PKG_LIBS) -ldl -lm -pthread
LINK = $(CC) $(filter -fsanitize=address%,$(OPT)) -pthread $(LDFLAGS)

# model/kernels is compiled once per instruction set; the set is chosen when the program starts (model/kernel_set.h).
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
ifneq ($(filter x86_64-%,$(MACHINE)),)
ISAS := generic v3 v4
endif
ISAS ?= generic
ISA_FLAGS.v3 := -march=x86-64-v3 -ffp-contract=fast
ISA_FLAGS.v4 := -march=x86-64-v4 -mprefer-vector-width=512 -ffp-contract=fast

LIB_SOURCES    := $(filter-out analysis/main.c model/train/distributed_mpi.c, \
                    $(sort $(wildcard model/*.c model/base/*.c model/ops/*.c \
                    model/rewrites/*.c model/zoo/*.c model/weights/*.c model/data/*.c model/train/*.c \
                    probes/*.c reports/*.c analysis/*.c)))
KERNEL_SOURCES := $(sort $(wildcard model/kernels/*.c))
LIB_OBJECTS    := $(LIB_SOURCES:%.c=$(BUILD)/%.o) \
                  $(foreach isa,$(ISAS),$(KERNEL_SOURCES:%.c=$(BUILD)/%.$(isa).o))
SUPPORT_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/support/fake_%.c,$(wildcard tests/support/*.c)))
TESTS          := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/test_*.c)))
# Slow tests are called tests/test_*_long.c: the short tier leaves them out.
SHORT_TESTS    := $(filter-out %_long,$(TESTS))
EXAMPLES       := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/example_*.c))
BENCHES        := $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
FUZZERS        := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
HEADERS        := $(sort $(shell find model probes reports analysis -name '*.h' -o -name '*.def'))
DATA           := $(sort $(wildcard reports/plots/*.gp reports/paper/*.csv))
BINARY         := $(BUILD)/vitscope
STATIC         := $(BUILD)/libvitscope.a
SHARED         := $(BUILD)/libvitscope.so.$(VERSION)
SONAME         := libvitscope.so.$(SOVERSION)
MPI_PLUGIN     := $(if $(HAVE_MPI),$(BUILD)/vitscope_mpi.so)

.PHONY: all
all: $(BINARY) $(STATIC) $(SHARED) $(MPI_PLUGIN)  ## the program, the static and the shared library (default)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(ALL_CFLAGS) $(EXTRA) -MMD -MP -c $< -o $@

define KERNEL_RULE
$(BUILD)/%.$(1).o: %.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(if $$(Q),@echo "  CC    $$< ($(1))")
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(ISA_FLAGS.$(1)) -DVIT_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call KERNEL_RULE,$(isa))))

# A stamp is rewritten only when its text changes: objects are rebuilt when compiler or flags change, the commit is seen
# by analysis/build_info.c alone, the prefix by reports/data_dir.c and model/train/distributed.c alone.
.PHONY: FORCE
FORCE:
COMMIT = $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
STAMP = @mkdir -p $(@D); printf '%s\n' '$(1)' | cmp -s - $@ || printf '%s\n' '$(1)' > $@
$(BUILD)/flags: FORCE
	$(call STAMP,$(shell $(CC) --version | head -1) $(ALL_CFLAGS) $(ISAS))
$(BUILD)/commit: FORCE
	$(call STAMP,$(VERSION) $(COMMIT))
$(BUILD)/prefix: FORCE
	$(call STAMP,$(PREFIX))
$(BUILD)/analysis/build_info.o: $(BUILD)/commit
$(BUILD)/analysis/build_info.o: EXTRA = -DVIT_VERSION='"$(VERSION)"' -DVIT_COMMIT='"$(COMMIT)"' \
    -DVIT_COMPILER='"$(shell $(CC) --version | head -1)"' -DVIT_CFLAGS='"$(strip $(ALL_CFLAGS))"'
$(BUILD)/reports/data_dir.o: $(BUILD)/prefix
$(BUILD)/reports/data_dir.o: EXTRA = -DVIT_DATA_DIR='"$(PREFIX)/share/vitscope"'
$(BUILD)/model/train/distributed.o: $(BUILD)/prefix
$(BUILD)/model/train/distributed.o: EXTRA = -DVIT_PLUGIN_DIR='"$(PREFIX)/lib/vitscope"'

$(STATIC): $(LIB_OBJECTS)
	$(if $(Q),@echo "  AR    $@")
	$(Q)rm -f $@ && ar qcs $@ $^

$(SHARED): $(LIB_OBJECTS)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) -shared -Wl,-soname,$(SONAME) $^ $(LIBS) -o $@

$(BINARY): $(BUILD)/analysis/main.o $(STATIC)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) $^ $(LIBS) -o $@

# Loaded by the program when it was started by mpirun (model/train/distributed.h): the only file that needs libmpi.
$(BUILD)/model/train/distributed_mpi.o: EXTRA = $(MPI_CFLAGS)
$(BUILD)/vitscope_mpi.so: $(BUILD)/model/train/distributed_mpi.o
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) -shared $< $(MPI_LIBS) -o $@

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(SUPPORT_OBJECTS) $(STATIC)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) $^ $(LIBS) -lcmocka -o $@

# These run the program.
$(BUILD)/tests/test_analysis_shard: | $(BINARY)
$(BUILD)/tests/test_analysis_ranks_long: | $(BINARY) $(MPI_PLUGIN)
$(BUILD)/tests/test_analysis_cli $(BUILD)/tests/test_analysis_selftest_long $(BUILD)/tests/test_analysis_machine $(BUILD)/tests/test_analysis_machine_long \
    $(BUILD)/tests/test_analysis_profile $(BUILD)/tests/test_analysis_redundancy $(BUILD)/tests/test_analysis_importance $(BUILD)/tests/test_analysis_callgrind_long $(BUILD)/tests/test_analysis_train \
    $(BUILD)/tests/test_analysis_train_long $(BUILD)/tests/test_analysis_sweep: | $(BINARY)

# Loaded by these (tests/support/fake_*.c); they must load into programs without sanitizers too.
$(BUILD)/tests/test_model_blas: | $(BUILD)/tests/fake_blas.so
$(BUILD)/tests/test_probes_fake_pmu $(BUILD)/tests/test_analysis_doctor: | $(BINARY) $(BUILD)/tests/fake_pmu.so
$(BUILD)/tests/support/fake_%.o: EXTRA = -fno-sanitize=all
$(BUILD)/tests/fake_%.so: $(BUILD)/tests/support/fake_%.o
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) -shared $< -ldl -o $@

$(BUILD)/tests/example_%: $(BUILD)/tests/example_%.o $(STATIC)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(BUILD)/bench/bench_cache_agreement: $(BUILD)/tests/support/cache_agreement.o
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(STATIC)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) $(filter %.o,$^) $(STATIC) $(LIBS) -o $@

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(STATIC)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) -fsanitize=fuzzer $^ $(LIBS) -o $@

.PHONY: tests bench fuzzers
tests: $(TESTS) $(EXAMPLES)  ## build the test programs and the library example
bench: $(BENCHES)  ## build the micro-benchmarks (build/CONFIG/bench/)
fuzzers: $(FUZZERS)

# --- checks and tests; scripts/test runs them all, with what they need installed ---
.PHONY: check test test-all asan double valgrind tidy cppcheck pkg-cflags fuzz
check:  ## rules a grep or a compiler can prove: layers, foreign headers, tables, READMEs
	@scripts/check
test: all $(SHORT_TESTS) $(EXAMPLES)  ## short tier of the tests
	@scripts/run-tests $(SHORT_TESTS)
test-all: all tests  ## every test program
	@scripts/run-tests $(TESTS)
asan:  ## short tier under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory CONFIG=asan BUILD=build/asan test
double:  ## short tier in 64-bit arithmetic
	@$(MAKE) --no-print-directory REAL=double BUILD=build/double test
# valgrind knows no AVX-512 (the program then takes its AVX2 kernels by CPUID); OpenBLAS is told its fastest usable core.
# A hundred times slower: ASan alone has the programs that run networks or kernels again and again.
VALGRIND_TESTS := $(filter-out %_analysis_importance %_analysis_pruning_unit %_analysis_prune %_analysis_fixture \
    %_kernels_sets %_model_gradients %_model_streams %_zoo_models,$(SHORT_TESTS))
valgrind: $(VALGRIND_TESTS)  ## short tier under valgrind
	@OPENBLAS_CORETYPE=Sandybridge OPENBLAS_NUM_THREADS=1 scripts/run-tests --timeout 600 \
	    --wrap "valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --fair-sched=yes" \
	    $(VALGRIND_TESTS)
tidy:  ## clang-tidy on every source
	@scripts/lint clang-tidy
cppcheck:  ## cppcheck on every source
	@scripts/lint cppcheck
pkg-cflags:
	@echo '$(PKG_CFLAGS) $(MPI_CFLAGS)'
fuzz:  ## libFuzzer on the readers of foreign files, FUZZ_SECONDS in all (default 60)
	@$(MAKE) --no-print-directory CONFIG=fuzz BUILD=build/fuzz fuzzers
	@scripts/run-fuzz $(or $(FUZZ_SECONDS),60) build/fuzz

# --- installation ---
BINDIR := $(DESTDIR)$(PREFIX)/bin
LIBDIR := $(DESTDIR)$(PREFIX)/lib
INCDIR := $(DESTDIR)$(PREFIX)/include/vitscope
MANDIR := $(DESTDIR)$(PREFIX)/share/man/man1
DATADIR := $(DESTDIR)$(PREFIX)/share/vitscope
define PKG_CONFIG_FILE
prefix=$(PREFIX)
includedir=$${prefix}/include
libdir=$${prefix}/lib

Name: vitscope
Description: instrumented vision transformers: what every operator costs
Version: $(VERSION)
Libs: -L$${libdir} -lvitscope
Libs.private: $(LIBS)
Cflags: -I$${includedir}/vitscope$(if $(filter double,$(CONFIG)), -DVIT_REAL_DOUBLE)
endef
export PKG_CONFIG_FILE

.PHONY: install uninstall clean help
install: all  ## install program, libraries, headers, pkg-config file, man page, data (PREFIX, DESTDIR)
	install -d $(BINDIR) $(LIBDIR)/pkgconfig $(MANDIR)
	install -m 755 $(BINARY) $(BINDIR)/vitscope
	install -m 644 $(STATIC) $(LIBDIR)/libvitscope.a
	install -m 755 $(SHARED) $(LIBDIR)/libvitscope.so.$(VERSION)
	ln -sf libvitscope.so.$(VERSION) $(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(LIBDIR)/libvitscope.so
	$(if $(MPI_PLUGIN),install -D -m 755 $(MPI_PLUGIN) $(LIBDIR)/vitscope/vitscope_mpi.so)
	printf '%s\n' "$$PKG_CONFIG_FILE" > $(LIBDIR)/pkgconfig/vitscope.pc
	install -m 644 analysis/vitscope.1 $(MANDIR)/vitscope.1
	@for file in $(HEADERS); do install -D -m 644 $$file $(INCDIR)/$$file || exit 1; done
	@for file in $(DATA); do install -D -m 644 $$file $(DATADIR)/$${file#reports/} || exit 1; done
uninstall:  ## remove what `make install` put there
	rm -f $(BINDIR)/vitscope $(LIBDIR)/libvitscope.a $(LIBDIR)/libvitscope.so $(LIBDIR)/$(SONAME) \
	    $(LIBDIR)/libvitscope.so.$(VERSION) $(LIBDIR)/pkgconfig/vitscope.pc $(MANDIR)/vitscope.1
	rm -rf $(INCDIR) $(DATADIR) $(LIBDIR)/vitscope
clean:  ## remove build/ (results in runs/ stay)
	rm -rf build
help:  ## this list
	@sed -n '3,4s/^# *//p' Makefile
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1 /p' Makefile | while read -r name text; do printf '  %-10s %s\n' "$$name" "$$text"; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
.DELETE_ON_ERROR:
