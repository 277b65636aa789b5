# Lists the recipes.
default:
    @just --list

# Everything that has to hold, on a real Kafka.
check: format lint features test docs

# The sources are formatted.
format:
    cargo fmt --all --check

# No warning anywhere.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    for script in scripts/kafka scripts/kafka.d/*.bash .ci/run; do bash -n "$script"; done

# Each feature builds alone.
features:
    cargo check -p milena --no-default-features
    cargo check -p milena --no-default-features --features json
    cargo check -p milena --no-default-features --features memory
    cargo check -p milena --no-default-features --features kafka
    cargo check -p milena --features memory,zstd,tls
    cargo check -p milena-test --features kafka

# All tests, with a broker of their own.
test:
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$PWD/target/kafka
    trap 'scripts/kafka down --dir "$folder"' EXIT
    scripts/kafka down --dir "$folder" 2>/dev/null || true
    exports=$(scripts/kafka up --dir "$folder")
    eval "$exports"
    # The tests on Kafka wait more than they work.
    export MILENA_REQUIRE_KAFKA=1 RUST_TEST_THREADS=4
    cargo test --workspace
    # The tests of every broker once more, on Kafka.
    MILENA_TEST_BROKER="kafka://$KAFKA_BROKERS" cargo test -p milena-test --features kafka --test same

# The documentation has no broken link.
docs:
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --exclude milena-bench --features milena/memory

# Writes the expected compile errors anew.
ui:
    TRYBUILD=overwrite cargo test -p milena-tests --test ui

# The benchmarks, with a broker of their own: `just bench consume`.
bench scenario="all":
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$PWD/target/kafka-bench
    trap 'scripts/kafka down --dir "$folder"' EXIT
    scripts/kafka down --dir "$folder" 2>/dev/null || true
    exports=$(scripts/kafka up --dir "$folder")
    eval "$exports"
    cargo run --release -p milena-bench -- {{scenario}}
