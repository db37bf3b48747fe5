# Each target is one line; `cargo xtask` prints what it does.
.PHONY: bench beside demo install lint pages sim test

# Options of `sekisho demo`, such as ARGS="--trucks 20 --seconds 30".
ARGS =

demo: pages ## Two cities, their stewards, a fleet and its dashboards on this machine
	cargo run --locked --release --package sekisho-cli -- demo $(ARGS)

pages: ## The pages for browsers, where they are missing or old; needs Node.js 20
	cargo xtask pages

install: pages ## The command `sekisho`, with its pages
	cargo install --locked --path cli

test: ## Everything that must hold: format, rules, lints, documentation, every test
	cargo xtask test

bench: ## The figures, then the table beside other brokers; `make beside` for that alone
	cargo bench --locked --package sekisho-benches && $(MAKE) beside

# Options and rows, such as ARGS="--rounds 9 JetStream 'QoS 0'".
beside: ## The same work by Mosquitto, nats-server and rumqttd, which it installs in target/peers
	benches/peers/install && cargo build --locked --release --package sekisho-cli && \
	cargo run --locked --release --manifest-path benches/peers/Cargo.toml -- $(ARGS)

lint: ## What needs no test to run
	cargo xtask lint

# How many runs of the simulated federation, and the first one's seed; SEED=n runs that one alone.
SEEDS = 1000
FIRST = 1
SEED =

sim: ## The simulated federation: many seeds, or one again
	SEKISHO_SEEDS=$(SEEDS) SEKISHO_FIRST_SEED=$(FIRST) $(if $(SEED),SEKISHO_SEED=$(SEED)) \
	cargo test --locked --package sekisho-sim --test federation -- --nocapture
