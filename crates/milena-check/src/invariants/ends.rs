use crate::{Broken, Invariant, What, facts::Facts};
use std::collections::HashMap;

/// I11: who is asked to stop does so in time.
pub(super) fn stops_in_time(facts: &Facts<'_>) -> Result<(), Broken> {
    let Some(within) = facts.rules.stops_within else { return Ok(()) };
    let mut asked = HashMap::new();
    for (index, entry) in facts.entries.iter().enumerate() {
        match entry.what {
            What::Stopping => drop(asked.insert(&entry.instance, (entry.time, index))),
            What::Killed => drop(asked.remove(&entry.instance)),
            What::Stopped(_) => {
                let Some((since, _)) = asked.remove(&entry.instance) else { continue };
                let took = entry.time.saturating_sub(since);
                if took > within {
                    let why = format!("{} took {took:?} to stop", entry.instance);
                    return Err(facts.broken((Invariant::Shutdown, why), index, &[]));
                }
            }
            _ => {}
        }
    }
    match asked.into_iter().min_by_key(|(_, (_, index))| *index) {
        Some((who, (_, index))) => {
            Err(facts.broken((Invariant::Shutdown, format!("{who} did not stop")), index, &[]))
        }
        None => Ok(()),
    }
}

/// I12: who ends unasked says why.
pub(super) fn fails_loud(facts: &Facts<'_>) -> Result<(), Broken> {
    let mut asked = Vec::new();
    for (index, entry) in facts.entries.iter().enumerate() {
        let who = &entry.instance;
        match &entry.what {
            What::Stopping => asked.push(who),
            What::Stopped(Ok(())) if !asked.contains(&who) => {
                let why = format!("{who} ended, and nobody asked it to");
                return Err(facts.broken((Invariant::FailLoud, why), index, &[]));
            }
            What::Stopped(Err(why)) if why.is_empty() => {
                let why = format!("{who} failed, and does not say why");
                return Err(facts.broken((Invariant::FailLoud, why), index, &[]));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rules, made::Made};
    use std::time::Duration;

    fn rules() -> Rules {
        Rules::new().stops_within(Duration::from_millis(5))
    }

    #[test]
    fn an_end_in_time_and_one_with_a_reason_hold() {
        let made = Made::new().note(What::Stopping).note(What::Stopped(Ok(())));
        made.by("b").note(What::Stopped(Err("no broker".to_owned()))).holds(&rules());
    }

    #[test]
    fn an_end_that_takes_too_long_is_found() {
        let made = Made::new().note(What::Stopping).later(6).note(What::Stopped(Ok(())));
        made.breaks(&rules(), Invariant::Shutdown);
    }

    #[test]
    fn an_end_that_never_comes_is_found() {
        Made::new().note(What::Stopping).breaks(&rules(), Invariant::Shutdown);
    }

    #[test]
    fn an_end_without_a_reason_is_found() {
        Made::new().note(What::Stopped(Ok(()))).breaks(&rules(), Invariant::FailLoud);
        let made = Made::new().note(What::Stopped(Err(String::new())));
        made.breaks(&rules(), Invariant::FailLoud);
    }
}
