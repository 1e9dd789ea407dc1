# `make` alone lists what can be made. Everything is built in the release profile, tests and
# lints too, so that each dependency is compiled once.

.DEFAULT_GOAL := help
.PHONY: help demo test forged stress stress-plain stress-thread fuzz lint deny bench baselines build plugins c-plugins install uninstall clean tools

CARGO   ?= cargo
PREFIX  ?= /usr/local
DESTDIR ?=
ARGS    ?=
SECONDS ?= 60
ROUNDS  ?= 300

# Absolute, because cargo runs each crate's tests in that crate's folder.
override CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
export CARGO_TARGET_DIR

RELEASE     := $(CARGO_TARGET_DIR)/release
PLUGIN_DIR  := $(RELEASE)/plugins
BENCH       := $(RELEASE)/bench
BENCH_CC     = $(CC) -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -Wpedantic -Werror -Iinclude
PLUGINS     := none dtls-srtp
PLUGIN_PKGS := $(PLUGINS:%=-p handclasp-%)
C_PLUGINS   := $(if $(shell pkg-config --exists 'libssl >= 3' 2>/dev/null && echo yes),dtls-openssl)
SO          := $(if $(filter Darwin,$(shell uname -s)),dylib,so)

# Where the stress is built with ThreadSanitizer, and how.
TSAN        := $(CARGO_TARGET_DIR)/tsan
TSAN_FLAGS  := -Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer
TRIPLE       = $(shell rustc -vV | sed -n 's/^host: //p')

# What the tests left out for want of something, a line for each; and the tests of the plugin in C.
LEFT_OUT     := $(CARGO_TARGET_DIR)/left-out
openssl-test  = $(if $(C_PLUGINS),$(MAKE) --no-print-directory -C plugins/dtls-openssl test || ended=$$?;,\
	printf 'dtls-openssl is not built: install libssl-dev and pkg-config\tits own\n' >> "$(LEFT_OUT)";)

# Where `install` puts things, and the folders of the Rust SDK's sources.
ROOT    := $(DESTDIR)$(PREFIX)
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml)
SDK     := $(sort $(dir $(wildcard plugin-api/*/*.rs plugin-api/*/*/*.rs)))

# $(call place,LIBRARY,PLUGIN): from where it was built to where plugins are looked for. The
# rename is atomic: a host that reads the directory meanwhile never opens half a file.
place = install -m 0755 "$(1)" "$(PLUGIN_DIR)/.$(2).new" && \
	mv -f "$(PLUGIN_DIR)/.$(2).new" "$(PLUGIN_DIR)/$(2).$(SO)"
place-all = install -d -m 0755 "$(PLUGIN_DIR)" \
	$(foreach plugin,$(PLUGINS),&& $(call place,$(RELEASE)/lib$(subst -,_,$(plugin)).$(SO),$(plugin))) \
	$(foreach plugin,$(C_PLUGINS),&& $(call place,plugins/$(plugin)/$(plugin).so,$(plugin)))

# What `install` makes, for `uninstall`. Plugins of others in the same directory stay.
INSTALLED_FOLDERS := share/doc/handclasp share/handclasp
INSTALLED := bin/handclasp include/handclasp.h lib/pkgconfig/handclasp.pc \
	lib/systemd/system/handclasp.service lib/systemd/system/handclasp.socket lib/sysusers.d/handclasp.conf \
	$(patsubst %,lib/handclasp/plugins/%.$(SO),$(PLUGINS) dtls-openssl) \
	share/bash-completion/completions/handclasp share/fish/vendor_completions.d/handclasp.fish \
	share/zsh/site-functions/_handclasp

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: build ## Connect two peers, shake hands, send data both ways; options in ARGS="--components 2"
	@"$(RELEASE)/handclasp" demo $(ARGS)
	@echo 'That was: $(patsubst $(CURDIR)/%,%,$(RELEASE))/handclasp demo$(if $(ARGS), $(ARGS))' >&2

test: build ## Run every test, or those whose names contain ARGS
	@: > "$(LEFT_OUT)"; ended=0; \
	HANDCLASP_LEFT_OUT="$(LEFT_OUT)" CARGO="$(CARGO)" tests/run.sh $(ARGS) || ended=$$?; \
	$(if $(ARGS),,$(openssl-test)) \
	awk -f tests/left_out.awk "$(LEFT_OUT)"; \
	exit $$ended

forged: ## Send both DTLS plugins each kind of forged datagram ROUNDS=300 times at each moment
	@FORGED=$(ROUNDS) $(CARGO) test --release --workspace --test forged

stress: stress-$(or $(SANITIZER),plain) ## Call the whole crate at random for SECONDS=60; SANITIZER=thread watches for data races (not in .ci/run)

stress-plain: build
	@$(CARGO) build --release --workspace --bin stress
	@"$(RELEASE)/stress" "$(PLUGIN_DIR)" $(SECONDS) $(ARGS)

# The standard library is built with the sanitizer as well, for which stable compilers need RUSTC_BOOTSTRAP. OpenSSL is
# not, nor are the C and assembly of ring and aws-lc. The program exports the sanitizer's functions to the plugins. That
# build takes many minutes the first time.
stress-thread: tools
	@$(call need,clang,clang and its runtime libraries: apt-get install clang libclang-rt-dev)
	@test -d "$$(rustc --print sysroot)/lib/rustlib/src/rust/library" || \
		{ echo "The standard library's sources are missing, install them with: rustup component add rust-src"; exit 1; }
	@export CARGO_TARGET_DIR="$(TSAN)" RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(TSAN_FLAGS)"; \
		$(CARGO) build --release -Zbuild-std --target $(TRIPLE) $(PLUGIN_PKGS) && \
		$(CARGO) rustc --release -Zbuild-std --target $(TRIPLE) -p handclasp-tests --bin stress -- \
			-Clink-arg=-rdynamic
	@$(MAKE) --no-print-directory RELEASE="$(TSAN)/$(TRIPLE)/release" C_PLUGINS= place-plugins
	@$(if $(C_PLUGINS),$(MAKE) --no-print-directory -C plugins/dtls-openssl thread/dtls-openssl.so && \
		install -m 0755 plugins/dtls-openssl/thread/dtls-openssl.so "$(TSAN)/$(TRIPLE)/release/plugins")
	@TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp halt_on_error=0 exitcode=66" \
		"$(TSAN)/$(TRIPLE)/release/stress" "$(TSAN)/$(TRIPLE)/release/plugins" $(SECONDS) $(ARGS)

place-plugins:
	@$(place-all)

fuzz: tools ## Fuzz each parser that the network or signalling reaches, for SECONDS=60
	@$(CARGO) fuzz --version >/dev/null 2>&1 || \
		{ echo "cargo-fuzz is missing, install it with: cargo install --locked cargo-fuzz"; exit 1; }
	@tests/fuzz.sh $(SECONDS)

lint: tools ## Check formatting, lints, documentation and dependencies
	@$(CARGO) fmt --all --check
	@for crate in host/fuzz plugins/dtls-srtp/fuzz; do \
		$(CARGO) fmt --manifest-path "$$crate/Cargo.toml" --check || exit 1; \
	done
	@$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps
	@if $(CARGO) deny --version >/dev/null 2>&1 || [ -n "$$CI" ]; then \
		$(MAKE) --no-print-directory deny; \
	else \
		echo "Dependencies not checked: cargo-deny is missing, install it with: cargo install --locked cargo-deny"; \
	fi

deny: tools ## Check the licences, sources and known faults of the dependencies
	@$(CARGO) deny check --hide-inclusion-graph licenses bans sources
	@if $(CARGO) deny fetch db; then \
		$(CARGO) deny check --hide-inclusion-graph advisories; \
	else \
		echo "Advisories not checked: their database cannot be fetched from here."; \
	fi

bench: build baselines ## Measure the figures, side by side in one run; options in ARGS
	@"$(RELEASE)/handclasp" bench $(ARGS)

# What the figures are compared with. Programs of their own: the host links none of their libraries.
baselines: tools
	@$(CARGO) build --release -p handclasp-baselines
	@install -d "$(BENCH)"
	@install -m 0755 "$(RELEASE)/baseline-dimpl" "$(BENCH)/dimpl"
	@$(BENCH_CC) bench/direct.c bench/noop.c -o "$(BENCH)/direct"
	@$(BENCH_CC) bench/forward.c -o "$(BENCH)/forward"
	@$(BENCH_CC) -shared -fPIC -fvisibility=hidden bench/noop.c -o "$(BENCH)/noop.$(SO)"
	@if pkg-config --exists libssl 2>/dev/null; then \
		$(BENCH_CC) bench/openssl.c -o "$(BENCH)/openssl" $$(pkg-config --cflags --libs libssl libcrypto); \
	else \
		echo "OpenSSL's baseline not built: libssl-dev is missing"; \
	fi

build: tools c-plugins ## Build the host and every plugin
	@$(CARGO) build --release -p handclasp-cli $(PLUGIN_PKGS)
	@$(place-all)

plugins: tools c-plugins ## Build every plugin and leave it where the host looks
	@$(CARGO) build --release $(PLUGIN_PKGS)
	@$(place-all)

install: build ## Install below PREFIX=/usr/local, staged in DESTDIR= if given
	@install -d $(addprefix "$(ROOT)"/,bin include lib/pkgconfig lib/handclasp/plugins share/doc/handclasp)
	@install -m 0755 "$(RELEASE)/handclasp" "$(ROOT)/bin"
	@install -m 0755 $(patsubst %,"$(PLUGIN_DIR)/%.$(SO)",$(PLUGINS) $(C_PLUGINS)) "$(ROOT)/lib/handclasp/plugins"
	@install -m 0644 include/handclasp.h "$(ROOT)/include"
	@install -m 0644 README.md LICENSE CHANGELOG.md CONTRIBUTING.md SECURITY.md docs/*.md "$(ROOT)/share/doc/handclasp"
	@umask 022 && sed -e 's|@PREFIX@|$(abspath $(PREFIX))|' -e 's|@VERSION@|$(VERSION)|' \
		include/handclasp.pc.in > "$(ROOT)/lib/pkgconfig/handclasp.pc"
	@umask 022 && "$(RELEASE)/handclasp" generate "$(ROOT)"
	@install -d $(addprefix "$(ROOT)"/,lib/systemd/system lib/sysusers.d share/handclasp/grafana)
	@umask 022 && sed -e 's|@PREFIX@|$(abspath $(PREFIX))|' packaging/systemd/handclasp.service.in \
		> "$(ROOT)/lib/systemd/system/handclasp.service"
	@install -m 0644 packaging/systemd/handclasp.socket "$(ROOT)/lib/systemd/system"
	@install -m 0644 packaging/systemd/handclasp.sysusers "$(ROOT)/lib/sysusers.d/handclasp.conf"
	@umask 022 && "$(RELEASE)/handclasp" config example > "$(ROOT)/share/handclasp/handclasp.toml"
	@install -m 0644 packaging/grafana/*.json "$(ROOT)/share/handclasp/grafana"
	@for folder in $(SDK); do \
		install -d "$(ROOT)/share/handclasp/sdk/$$folder" && \
			install -m 0644 $$folder*.rs "$(ROOT)/share/handclasp/sdk/$$folder" || exit 1; \
	done
	@umask 022 && for crate in plugin-api plugin-api/abi; do \
		awk -f plugin-api/standalone.awk Cargo.toml $$crate/Cargo.toml \
			> "$(ROOT)/share/handclasp/sdk/$$crate/Cargo.toml" || exit 1; \
	done
	@echo "Installed below $(ROOT)"

uninstall: ## Remove what `install` has put below PREFIX, with the DESTDIR it had
	@for file in $(INSTALLED); do rm -f "$(ROOT)/$$file"; done
	@rm -f "$(ROOT)"/share/man/man1/handclasp.1 "$(ROOT)"/share/man/man1/handclasp-*.1
	@for folder in $(INSTALLED_FOLDERS); do rm -rf "$(ROOT)/$$folder"; done
	@for folder in lib/handclasp/plugins lib/handclasp; do rmdir "$(ROOT)/$$folder" 2>/dev/null || :; done
	@echo "Removed from $(ROOT)"

clean: ## Remove everything that was built
	@$(CARGO) clean
	@$(MAKE) --no-print-directory -C plugins/dtls-openssl clean

c-plugins:
	@$(if $(C_PLUGINS),$(MAKE) --no-print-directory -C plugins/dtls-openssl,echo \
		"Left out: dtls-openssl. It needs pkg-config and OpenSSL 3: apt-get install pkg-config libssl-dev")

tools:
	@$(call need,$(CARGO),Rust with cargo: from your distribution or with rustup)
	@$(call need,$(CC),a C compiler: gcc or clang)

# $(call need,COMMAND,WHAT TO INSTALL): stops in one line if the command is not there.
need = $(if $(shell command -v $(firstword $(1)) 2>/dev/null),:,$(error $(firstword $(1)) is missing. Install $(2)))
