use std::{collections::VecDeque, fmt};

/// What happened to a member lately, for the message of a broken promise.
#[derive(Default)]
pub(super) struct Story {
    lines: VecDeque<String>,
    count: usize,
}

impl Story {
    const LINES: usize = 60;
    const MANY: usize = 100_000;

    /// Adds a line.
    pub(super) fn tell(&mut self, line: String) {
        self.count += 1;
        assert!(self.count < Self::MANY, "the events have no end\n{self}");
        self.lines.push_back(line);
        if self.lines.len() > Self::LINES {
            self.lines.pop_front();
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The last of {} events:", self.count)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}
