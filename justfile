# Lists the recipes.
default:
    @just --list

# Everything that has to hold, on a real Kafka.
check: format lint features test secure docs

# The sources are formatted.
format:
    cargo fmt --all --check

# No warning anywhere.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy -p milena-tests --features planted --test planted -- -D warnings
    for script in scripts/kafka scripts/faults scripts/kafka.d/*.bash .ci/run; do bash -n "$script"; done

# Each feature builds alone.
features:
    cargo check -p milena --no-default-features
    cargo check -p milena --no-default-features --features json
    cargo check -p milena --no-default-features --features memory
    cargo check -p milena --no-default-features --features kafka
    cargo check -p milena --no-default-features --features client-credentials
    cargo check -p milena --features memory,zstd,tls
    ! cargo check --release -p milena --features planted 2>/dev/null
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
    cargo test -p milena-rdkafka --lib --features client-credentials
    # The bugs that are planted show.
    cargo test -p milena-tests --features planted --test planted
    # The tests of every broker once more, on Kafka.
    MILENA_TEST_BROKER="kafka://$KAFKA_BROKERS" cargo test -p milena-test --features kafka --test same

# Runs the tests of faults and writes docs/faults.md: `just faults F14 F40`, or all.
faults *which:
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$PWD/target/kafka-faults
    trap 'scripts/kafka down --dir "$folder"' EXIT
    scripts/kafka down --dir "$folder" 2>/dev/null || true
    exports=$(scripts/kafka up --dir "$folder" --secure)
    eval "$exports"
    scripts/faults {{which}}

# Who is let in and who is not, on a broker that asks; by Kerberos, too, where its packages are.
secure:
    #!/usr/bin/env bash
    set -euo pipefail
    export PATH=$PATH:/usr/sbin
    folder=$PWD/target/kafka-secure features=secure options=(--secure)
    if command -v krb5kdc kadmin.local kinit >/dev/null && [[ -e /usr/include/sasl/sasl.h ]] &&
      compgen -G '/usr/lib/*/sasl2/libgssapiv2.so' >/dev/null; then
      features=kerberos options+=(--kerberos)
    else
      echo 'Kerberos is left out: it needs krb5-kdc krb5-admin-server krb5-user libsasl2-dev libsasl2-modules-gssapi-mit'
    fi
    cargo clippy -p milena-kafka-tests --features "$features" --test secure -- -D warnings
    trap 'scripts/kafka down --dir "$folder"' EXIT
    scripts/kafka down --dir "$folder" 2>/dev/null || true
    exports=$(scripts/kafka up --dir "$folder" "${options[@]}")
    eval "$exports"
    export MILENA_REQUIRE_KAFKA=1 RUST_TEST_THREADS=4
    cargo test -p milena-kafka-tests --features "$features" --test secure -- --nocapture

# The documentation has no broken link.
docs:
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --exclude milena-bench --features milena/memory,milena/client-credentials

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
