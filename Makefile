# Coffer - one plain, non-recursive Makefile. `make help` lists what it can do.
#
# Objects go to build/VARIANT/ beside the same path as their source, so that variants never mix:
#   release (default)   what is installed
#   san                 AddressSanitizer and UBSan; the sandbox logs instead of killing
#   fuzz                the same with clang, for libFuzzer

VARIANT ?= release
BUILD ?= build/$(VARIANT)
CC = gcc
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0


WARN := -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough -Wundef -Wpointer-arith
# Fortify, stack protector and clash protection against overflows; CET for control flow; registers and
# locals wiped so that nothing leaks through them; no plt to overwrite.
HARDEN := -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
	-fzero-call-used-regs=used-gpr -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks \
	-fno-strict-overflow -fPIE
LINK_HARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed

ifeq ($(VARIANT),san)
HARDEN := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -fPIE \
	-DCOFFER_SANITIZED
LINK_HARDEN := -pie -fsanitize=address,undefined
endif

ifeq ($(VARIANT),fuzz)
CC = clang
WARN := -Wall
HARDEN := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -DCOFFER_SANITIZED
endif

CFLAGS ?= -g
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DCOFFER_VERSION='"$(VERSION)"' -I. \
	$(WARN) $(HARDEN) -MMD -MP $(CFLAGS)

# The rooms; who may include whom is in tests/rooms.txt.
BASE_SRC := $(wildcard server/base/*.c)
CONF_SRC := $(wildcard conf/*.c)
VFS_SRC := $(wildcard server/vfs/*.c)
AUTH_SRC := $(wildcard auth/*.c)
PROTO_SRC := $(wildcard protocols/*/*.c)
CTL_SRC := $(wildcard server/ctl*.c)
SERVER_SRC := $(filter-out $(CTL_SRC),$(wildcard server/*.c))

DAEMON_SRC := $(BASE_SRC) $(CONF_SRC) $(VFS_SRC) $(AUTH_SRC) $(PROTO_SRC) $(SERVER_SRC)
CTL_ALL_SRC := $(BASE_SRC) $(CONF_SRC) $(VFS_SRC) $(addprefix auth/,users.c lines.c limits.c groups.c account.c lookup.c policy.c factor.c) $(CTL_SRC)
UNIT_SRC := $(wildcard tests/unit/test_*.c)

DAEMON_OBJ := $(DAEMON_SRC:%.c=$(BUILD)/%.o)
CTL_OBJ := $(CTL_ALL_SRC:%.c=$(BUILD)/%.o)
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)

DAEMON_LIBS := -lssh -lssl -lcrypto -lpam -lyaml -lseccomp -lcap-ng -lcrypt -lbsd -lhiredis
CTL_LIBS := -lyaml -lcrypt

.PHONY: all
all: $(BUILD)/cofferd $(BUILD)/cofferctl

# recv, send and poll are exported for libssh (protocols/sftp/ssh_shim.c): its calls must find ours.
$(BUILD)/cofferd: $(DAEMON_OBJ)
	$(CC) $(LINK_HARDEN) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

$(BUILD)/cofferctl: $(CTL_OBJ)
	$(CC) $(LINK_HARDEN) $(LDFLAGS) -o $@ $^ $(CTL_LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Every part of the daemon but its main, for unit tests, hostile tests and fuzzers.
$(BUILD)/libcoffer.a: $(filter-out $(BUILD)/server/main.o,$(DAEMON_OBJ))
	@rm -f $@
	ar rcs $@ $^

# A unit test is one program; it links the archive, so it takes what it names and no more.
$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libcoffer.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LINK_HARDEN) $(LDFLAGS) -o $@ $< $(BUILD)/libcoffer.a -lcmocka $(DAEMON_LIBS)

# The daemon with a wire that has gone bad: tests/e2e/test_hostile.py. Never installed.
$(BUILD)/cofferd-hostile: tests/hostile/hostile.c tests/hostile/calls.c $(BUILD)/server/main.o $(BUILD)/libcoffer.a
	$(CC) $(ALL_CFLAGS) -Wno-error $(LINK_HARDEN) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

# What the filters cost: tests/bench/walls.
$(BUILD)/filter-cost: tests/bench/filter_cost.c $(BUILD)/libcoffer.a
	$(CC) $(ALL_CFLAGS) $(LINK_HARDEN) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

# The SFTP front end alone, to try things on: protocols/sftp/README.md. Never installed.
$(BUILD)/fake_sftp_server: tests/fake/fake_sftp_server.c $(BUILD)/libcoffer.a
	$(CC) $(ALL_CFLAGS) $(LINK_HARDEN) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS)

.PHONY: hostile
hostile: $(BUILD)/cofferd-hostile $(BUILD)/fake_sftp_server

# A PAM module for tests/e2e/test_login_pam.py. Never installed.
$(BUILD)/pam_coffer_test.so: tests/pam/pam_coffer_test.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fPIC -shared -o $@ $< -lpam

# A filesystem that breaks when a test wants it to (tests/e2e/test_faults.py), and a disk that remembers what was
# written to it (tests/e2e/test_power.py). Never installed.
$(BUILD)/faultfs $(BUILD)/logdisk: $(BUILD)/%: tests/faultfs/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $< $$(pkg-config --cflags --libs fuse3)

# The fuzzers without libFuzzer: tests/fuzz/replay.c. They stand in for parts of libssh's and OpenSSL's side, and for
# poll, so nothing of theirs is fortified.
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(wildcard tests/fuzz/*.h) tests/fuzz/replay.c $(BUILD)/libcoffer.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -U_FORTIFY_SOURCE $(LINK_HARDEN) -Wl,-z,muldefs $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $(BUILD)/libcoffer.a $(DAEMON_LIBS)

.PHONY: units
units: $(UNIT_BIN) $(FUZZ_BIN)

# The two commands of the README. They install what is missing; everything else only builds.
.PHONY: deps run check
deps:
	@packaging/dev/deps

run:
	@packaging/dev/deps --run
	@$(MAKE) --no-print-directory -s -j"$$(nproc)" all
	@exec packaging/dev/demo

check:
	@packaging/dev/deps
	@$(MAKE) --no-print-directory -s -j"$$(nproc)" all units hostile
	@tests/check $(BUILD)

# Parts of it, and what is not part of it because it takes long.
.PHONY: rooms e2e
rooms: all
	@tests/rooms.sh $(BUILD)

e2e: all
	@/usr/bin/python3 -m pytest -q tests/e2e

# Units and end-to-end tests with AddressSanitizer and UBSan; the filters log instead of killing.
.PHONY: san
san:
	@$(MAKE) --no-print-directory -s VARIANT=san -j"$$(nproc)" all units hostile
	@ASAN_OPTIONS=detect_leaks=0 tests/check build/san

# libFuzzer on what strangers can send: make fuzz T=60 (seconds each). Crashes go to tests/fuzz/regress.
T ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
.PHONY: fuzz
fuzz:
	@$(MAKE) --no-print-directory -s VARIANT=fuzz -j"$$(nproc)" $(FUZZERS)
	@for f in $(FUZZERS); do mkdir -p tests/fuzz/regress build/fuzz/corpus/$${f##*/} && \
		$$f -max_total_time=$(T) -artifact_prefix=tests/fuzz/regress/ build/fuzz/corpus/$${f##*/} || exit 1; done

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(wildcard tests/fuzz/*.h) build/fuzz/libcoffer.a
	$(CC) $(ALL_CFLAGS) -UNDEBUG -fsanitize=fuzzer,address,undefined -o $@ $< build/fuzz/libcoffer.a $(DAEMON_LIBS)

.PHONY: bench
bench: all
	tests/bench/bulk
	tests/bench/logins
	tests/bench/listing

.PHONY: install
install: all
	packaging/install "$(BUILD)" "$(DESTDIR)" "$(PREFIX)"

.PHONY: format
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: tags
tags:
	ctags -R server protocols auth conf tests

.PHONY: help
help:
	@sed -n 's/^\([a-z0-9]*\):.*/  make \1/p' Makefile | sort -u

.PHONY: clean
clean:
	rm -rf build

-include $(DAEMON_OBJ:.o=.d) $(CTL_OBJ:.o=.d) $(UNIT_BIN:=.d)
