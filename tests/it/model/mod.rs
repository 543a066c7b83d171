//! Random sequences of runs over small exports, against a model of what they leave.
//!
//! `CUMULUS_TEST_MODEL_MINUTES` says how long (1 by default), `CUMULUS_TEST_MODEL_SEED` the seed of
//! the first sequence (1 by default); each further one has the next seed. A failure names its seed:
//! with that one, and 0 minutes, the sequence alone is repeated.

mod expected;
mod export;
mod found;
mod lake;
mod phi;
mod predecessor;
mod rng;
mod steps;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use rng::Rng;
use world::World;

use crate::needs::{self, need};

/// Steps of a sequence.
const STEPS: usize = 10;
/// Steps of a sequence where each takes many seconds.
const SLOW_STEPS: usize = 3;

fn setting<T: std::str::FromStr>(variable: &str, default: T) -> T {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}: '{text}' is no number")),
        Err(_) => default,
    }
}

/// Runs sequences until the time is over, one at least. `begin` makes the world of one.
fn run_sequences(steps: usize, begin: impl Fn(Rng) -> World, step: impl Fn(&mut World)) {
    let first: u64 = setting("CUMULUS_TEST_MODEL_SEED", 1);
    let minutes: f64 = setting("CUMULUS_TEST_MODEL_MINUTES", 1.0);
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    for seed in first.. {
        let mut world = begin(Rng::new(seed));
        let sequence = AssertUnwindSafe(|| (0..steps).for_each(|_| step(&mut world)));
        if let Err(failure) = catch_unwind(sequence) {
            eprintln!("CUMULUS_TEST_MODEL_SEED={seed} CUMULUS_TEST_MODEL_MINUTES=0 repeats:");
            world.history.iter().for_each(|line| eprintln!("  {line}"));
            resume_unwind(failure);
        }
        if Instant::now() >= end {
            println!("{} sequences of {steps} steps", seed - first + 1);
            return;
        }
    }
}

#[test]
fn whatever_runs_meet_the_last_good_state_stays() {
    run_sequences(STEPS, World::new, World::take_step);
}

#[test]
fn runs_of_a_former_release_in_between_are_carried_on() {
    let former = need!(needs::former());
    run_sequences(STEPS, World::new, |world| {
        match world.rng.one_in(4) {
            true => world.kill_former(&former),
            false => world.run_former(&former),
        }
        world.take_step();
    });
}

#[test]
fn rows_of_cumulus_etl_are_carried_on() {
    let predecessor = need!(needs::predecessor());
    let begin = |rng| World::with_formats(rng, &["ndjson"]);
    run_sequences(SLOW_STEPS, begin, |world| world.run_predecessor(&predecessor));
}

#[test]
fn delta_tables_of_cumulus_etl_are_carried_on() {
    let predecessor = need!(needs::predecessor_with_spark());
    let begin = |rng| World::with_formats(rng, &["deltalake"]);
    run_sequences(SLOW_STEPS, begin, |world| world.run_predecessor(&predecessor));
}
