use super::{
    plan::Plan,
    run::{Run, run},
};
use milena_check::Invariant;

/// How many runs it may take.
const RUNS: usize = 200;

/// What a plan that breaks a promise comes down to: the faults and records that it takes, and what befell the record.
pub(crate) fn report(plan: &Plan, done: &Run) -> String {
    let Some(first) = done.broken.first() else { return "no promise is broken".to_owned() };
    let smaller = shrink(plan.clone(), |plan| breaks(plan, first.invariant));
    let after = run(&smaller);
    let text = after.broken.first().map_or("it holds the second time", |it| &it.text);
    format!(
        "{plan}\nIt takes no more than\n{smaller}\n{text}\nAll that happened then:\n{}",
        after.history
    )
}

/// Whether this promise is the first that the plan breaks.
pub(crate) fn breaks(plan: &Plan, invariant: Invariant) -> bool {
    run(plan).broken.first().is_some_and(|it| it.invariant == invariant)
}

/// A plan with fewer faults and records that is as bad, as `is_bad` says.
pub(crate) fn shrink(mut plan: Plan, is_bad: impl Fn(&Plan) -> bool) -> Plan {
    let mut left = RUNS;
    plan.faults = smaller(plan.faults.clone(), &mut left, |faults| {
        is_bad(&Plan { faults: faults.to_vec(), ..plan.clone() })
    });
    plan.records = smaller(plan.records.clone(), &mut left, |records| {
        is_bad(&Plan { records: records.to_vec(), ..plan.clone() })
    });
    plan
}

/// Leaves out halves, quarters, and so on to single ones, as long as `is_enough`.
fn smaller<T: Clone>(
    mut all: Vec<T>,
    left: &mut usize,
    is_enough: impl Fn(&[T]) -> bool,
) -> Vec<T> {
    let mut size = all.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < all.len() && *left > 0 {
            let to = (from + size).min(all.len());
            let without: Vec<_> = all[..from].iter().chain(&all[to..]).cloned().collect();
            *left -= 1;
            if is_enough(&without) {
                all = without;
            } else {
                from = to;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    all
}

#[test]
fn what_does_not_matter_is_left_out() {
    let mut left = RUNS;
    let all =
        smaller((0..100).collect(), &mut left, |some| some.contains(&17) && some.contains(&80));

    assert_eq!(all, [17, 80]);
    assert!(left > 0);
}
