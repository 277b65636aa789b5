use crate::plan::Plan;
use milena_check::Invariant;

/// How many runs it may take.
const RUNS: usize = 200;

/// A plan with fewer faults and records that breaks the same promise, as `run` says.
pub(crate) fn shrink(
    mut plan: Plan,
    breaks: Invariant,
    run: impl Fn(&Plan) -> Option<Invariant>,
) -> Plan {
    let mut left = RUNS;
    plan.faults = smaller(plan.faults.clone(), &mut left, |faults| {
        run(&Plan { faults: faults.to_vec(), ..plan.clone() }) == Some(breaks)
    });
    plan.records = smaller(plan.records.clone(), &mut left, |records| {
        run(&Plan { records: records.to_vec(), ..plan.clone() }) == Some(breaks)
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
