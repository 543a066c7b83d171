# Shortcuts for contributors. `just` lists them. CONTRIBUTING.md explains what they run.

# List the recipes.
default:
    @just --list --unsorted

# Compile without running anything.
check:
    cargo check --locked --all-features --all-targets

# Run the tests, or those whose names contain FILTER.
test *FILTER:
    cargo test --locked --all-features {{FILTER}}

# Format, and lint as the gate does.
lint:
    cargo fmt
    cargo clippy --locked --all-features --all-targets -- -D warnings

# Run the main job end to end on generated data, in ./demo.
demo:
    cargo run --locked -- demo ./demo

# Write what tests make of the code into the documentation.
docs:
    CUMULUS_TEST_UPDATE=1 cargo test --locked --all-features documented
    CUMULUS_TEST_UPDATE=1 cargo test --locked --all-features the_drawing_shows_the_imports

# Look for words that are misspelt, and for dependencies that may not be used.
words-and-licences:
    typos
    cargo deny --all-features check bans licenses sources

# Run the gate.
gate:
    .ci/run

# Run the proofs that take hours, or some of them.
long *PARTS:
    .ci/long {{PARTS}}
