# SPDX-License-Identifier: MIT
# vitscope: `make help` lists the targets.
#   CONFIG=release|debug|asan|double   which build (each has its own folder under build/)
#   CC=gcc|clang   V=1 shows the commands   PREFIX, DESTDIR for install
CONFIG ?= release
PREFIX ?= /usr/local
BUILD  ?= build/$(CONFIG)
VERSION := 0.1.0
ifeq ($(origin CC),default)
CC := gcc
endif
Q := $(if $(V),,@)

PACKAGES := openblas hwloc libcjson sleef libpng zlib
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -ljpeg -lcsv -lpapi

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
# No fast-math: only what cannot change a result (errno, trapping) is relaxed, so that loops vectorise.
OPT.release := -O3 -DNDEBUG
OPT.debug   := -O1 -g
OPT.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT.double  := -O3 -DVIT_REAL_DOUBLE
ifeq ($(REAL),double)
CONFIG := double
endif
OPT := $(OPT.$(CONFIG))
ifeq ($(OPT),)
$(error CONFIG=$(CONFIG) is unknown: release, debug, asan or double)
endif
COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
CFLAGS ?= -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. -fPIC -pthread -fno-math-errno -fno-trapping-math -ffp-contract=off \
             $(WARN) $(OPT) $(CFLAGS) $(PKG_CFLAGS)
LIBS := $(PKG_LIBS) -lm -pthread
LINK = $(CC) $(filter -fsanitize=%,$(OPT)) -pthread $(LDFLAGS)

# model/kernels is compiled once per instruction set; the set is chosen when the program starts (model/kernel_set.h).
MACHINE := $(shell $(CC) -dumpmachine)
ifneq ($(filter x86_64-%,$(MACHINE)),)
ISAS := generic v3 v4
endif
ISAS ?= generic
ISA_FLAGS.v3 := -march=x86-64-v3 -ffp-contract=fast
ISA_FLAGS.v4 := -march=x86-64-v4 -mprefer-vector-width=512 -ffp-contract=fast

LIB_SOURCES    := $(filter-out analysis/main.c,$(wildcard model/*.c model/base/*.c model/ops/*.c model/rewrites/*.c \
                    model/zoo/*.c model/weights/*.c model/data/*.c probes/*.c reports/*.c analysis/*.c))
KERNEL_SOURCES := $(wildcard model/kernels/*.c)
TEST_SOURCES   := $(wildcard tests/test_*.c)
LIB_OBJECTS    := $(LIB_SOURCES:%.c=$(BUILD)/%.o) \
                  $(foreach isa,$(ISAS),$(KERNEL_SOURCES:%.c=$(BUILD)/%.$(isa).o))
SUPPORT_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
TESTS          := $(TEST_SOURCES:tests/%.c=$(BUILD)/tests/%)
BINARY         := $(BUILD)/vitscope
STATIC         := $(BUILD)/libvitscope.a
SHARED         := $(BUILD)/libvitscope.so.0

.PHONY: all
all: $(BINARY) $(STATIC) $(SHARED)

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

define KERNEL_RULE
$(BUILD)/%.$(1).o: %.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(if $$(Q),@echo "  CC    $$< ($(1))")
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(ISA_FLAGS.$(1)) -DVIT_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call KERNEL_RULE,$(isa))))

# Objects are rebuilt when compiler or flags change; only analysis/build_info.c sees the commit.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$(CC) $(ALL_CFLAGS) $(ISAS)" | cmp -s - $@ || printf '%s\n' "$(CC) $(ALL_CFLAGS) $(ISAS)" > $@
.PHONY: FORCE
FORCE:

$(STATIC): $(LIB_OBJECTS)
	$(if $(Q),@echo "  AR    $@")
	$(Q)rm -f $@ && ar rcs $@ $^

$(SHARED): $(LIB_OBJECTS)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) -shared -Wl,-soname,libvitscope.so.0 $^ $(LIBS) -o $@

$(BINARY): $(BUILD)/analysis/main.o $(STATIC)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(SUPPORT_OBJECTS) $(STATIC)
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(LINK) $^ $(LIBS) -lcmocka -o $@

.PHONY: tests
tests: $(TESTS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
