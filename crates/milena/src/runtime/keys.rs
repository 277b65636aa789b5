use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

/// The keys of a partition whose records are in work, and what waits for them.
///
/// Only calls that take their time are entered here: while there are none, looking costs next to nothing.
#[derive(Debug)]
pub(crate) struct Keys<T> {
    busy: AtomicUsize,
    table: Mutex<Table<T>>,
}

/// What waits for a key, in order, for each that is in work.
#[derive(Debug)]
struct Table<T> {
    keyed: HashMap<Box<[u8]>, VecDeque<T>>,
    null: Option<VecDeque<T>>,
}

impl<T> Default for Keys<T> {
    fn default() -> Self {
        let table = Table { keyed: HashMap::new(), null: None };
        Self { busy: AtomicUsize::new(0), table: Mutex::new(table) }
    }
}

impl<T> Keys<T> {
    /// Whether the key is free; if it is in work, what was to be done waits for it.
    pub(crate) fn admit(&self, key: Option<&[u8]>, waiting: impl FnOnce() -> T) -> bool {
        // Keys are entered by whoever asks here, so none can come in between.
        if self.busy.load(SeqCst) == 0 {
            return true;
        }
        match self.lock().line(key) {
            Some(line) => {
                line.push_back(waiting());
                false
            }
            None => true,
        }
    }

    /// The key is in work.
    pub(crate) fn begin(&self, key: Option<&[u8]>) {
        let mut table = self.lock();
        match key {
            Some(key) => drop(table.keyed.insert(key.into(), VecDeque::new())),
            None => table.null = Some(VecDeque::new()),
        }
        self.busy.store(table.len(), SeqCst);
    }

    /// What is next for a key; when there is nothing, the key is free.
    pub(crate) fn next(&self, key: Option<&[u8]>) -> Option<T> {
        let mut table = self.lock();
        if let Some(next) = table.line(key)?.pop_front() {
            return Some(next);
        }
        match key {
            Some(key) => drop(table.keyed.remove(key)),
            None => table.null = None,
        }
        self.busy.store(table.len(), SeqCst);
        None
    }

    /// Nothing waits any more.
    pub(crate) fn clear(&self) {
        let mut table = self.lock();
        let keyed = std::mem::take(&mut table.keyed);
        let null = table.null.take();
        self.busy.store(0, SeqCst);
        drop(table);
        drop((keyed, null));
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Table<T> {
    fn line(&mut self, key: Option<&[u8]>) -> Option<&mut VecDeque<T>> {
        match key {
            Some(key) => self.keyed.get_mut(key),
            None => self.null.as_mut(),
        }
    }

    fn len(&self) -> usize {
        self.keyed.len() + usize::from(self.null.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_for_a_key_in_work_waits_in_order() {
        let keys = Keys::default();

        assert!(keys.admit(Some(b"a"), || 0));
        keys.begin(Some(b"a"));
        assert!(!keys.admit(Some(b"a"), || 1));
        assert!(!keys.admit(Some(b"a"), || 2));

        assert_eq!(keys.next(Some(b"a")), Some(1));
        assert_eq!(keys.next(Some(b"a")), Some(2));
        assert_eq!(keys.next(Some(b"a")), None);
        assert!(keys.admit(Some(b"a"), || 3));
    }

    #[test]
    fn other_keys_do_not_wait_and_null_is_not_empty() {
        let keys = Keys::default();
        keys.begin(None);

        assert!(keys.admit(Some(b"a"), || 1));
        assert!(keys.admit(Some(b""), || 2));
        assert!(!keys.admit(None, || 3));
        assert_eq!(keys.next(None), Some(3));
    }

    #[test]
    fn nothing_waits_behind_the_end() {
        let keys = Keys::default();
        keys.begin(Some(b"a"));
        keys.admit(Some(b"a"), || 1);

        keys.clear();

        assert_eq!(keys.next(Some(b"a")), None);
    }
}
