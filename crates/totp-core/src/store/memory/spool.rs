//! The notices that wait to be sent, in memory.

use super::state::Shared;
use crate::notice::Notice;
use crate::random::Entropy;
use crate::store::StoreError;
use crate::store::notices::{
    Begun, DAY, NoticeSpool, Origin, SendLock, Sending, Source, Topic, Waiting, space_for,
};
use std::sync::Arc;
use std::time::Duration;

const SPOOL: &str = "notices in memory";

/// The notices that wait to be sent.
pub struct MemorySpool {
    shared: Arc<Shared>,
}

impl MemorySpool {
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    fn insert(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        source: Source,
    ) -> Result<Waiting, StoreError> {
        let spool = &mut self.shared.state().spool;
        let waiting: Vec<Waiting> = spool.waiting.keys().cloned().collect();
        let Some(number) = space_for(&waiting, notice.at, uid, origin) else {
            return Err(failed("there are as many as there may be"));
        };
        spool.next_id = spool.next_id.saturating_add(1);
        let id = spool.next_id.to_string();
        let waiting = Waiting { at: notice.at, number, uid, id, tries: 0, last: 0, source };
        spool.waiting.insert(waiting.clone(), notice.encode().into_bytes());
        Ok(waiting)
    }
}

impl NoticeSpool for MemorySpool {
    type Sending = MemorySending;
    type Begun = MemoryBegun;

    fn name(&self) -> String {
        SPOOL.to_owned()
    }

    fn put(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        _entropy: &mut dyn Entropy,
    ) -> Result<(), StoreError> {
        self.insert(notice, uid, origin, Source::of(notice, origin)).map(drop)
    }

    fn begin(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        _entropy: &mut dyn Entropy,
    ) -> Result<MemoryBegun, StoreError> {
        let waiting = self.insert(notice, uid, origin, Source::Begun(Topic::of(notice)))?;
        self.shared.state().spool.running.insert(waiting.id.clone());
        Ok(MemoryBegun { shared: Arc::clone(&self.shared), waiting, topic: Topic::of(notice) })
    }

    fn recent(&self, topic: Topic, now: u64) -> Result<usize, StoreError> {
        let state = self.shared.state();
        let waiting = state.spool.waiting.keys().map(|one| (one.source.topic(), one.at));
        let told = state.spool.told.iter().map(|(topic, at)| (Some(*topic), *at));
        Ok(waiting.chain(told).filter(|(of, at)| *of == Some(topic) && now.abs_diff(*at) < DAY).count())
    }

    fn is_abandoned(&self, waiting: &Waiting) -> Result<bool, StoreError> {
        Ok(!self.shared.state().spool.running.contains(&waiting.id))
    }

    fn waiting(&self) -> Result<(Vec<Waiting>, Vec<String>), StoreError> {
        Ok((self.shared.state().spool.waiting.keys().cloned().collect(), Vec::new()))
    }

    fn read(&self, waiting: &Waiting) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.shared.state().spool.waiting.get(waiting).cloned())
    }

    fn lock_to_send(&self, patience: Duration, now: u64) -> Result<SendLock<MemorySending>, StoreError> {
        let Some(mut state) = self.shared.unlocked(patience, |state| state.spool.is_sending) else {
            return Ok(SendLock::Busy);
        };
        state.spool.is_sending = true;
        state.spool.told.retain(|(_, at)| now.abs_diff(*at) < DAY);
        Ok(SendLock::Sending(MemorySending { shared: Arc::clone(&self.shared) }))
    }
}

/// A notice of a change that is about to be made.
pub struct MemoryBegun {
    shared: Arc<Shared>,
    waiting: Waiting,
    topic: Topic,
}

impl Begun for MemoryBegun {
    fn finish(self) -> Result<bool, StoreError> {
        let spool = &mut self.shared.state().spool;
        let Some(text) = spool.waiting.remove(&self.waiting) else { return Ok(false) };
        let done = Waiting { source: Source::Command(self.topic), ..self.waiting.clone() };
        spool.waiting.insert(done, text);
        Ok(true)
    }

    fn retract(self) -> Result<(), StoreError> {
        self.shared.state().spool.waiting.remove(&self.waiting);
        Ok(())
    }
}

impl Drop for MemoryBegun {
    fn drop(&mut self) {
        self.shared.state().spool.running.remove(&self.waiting.id);
    }
}

/// The right to send, until it is dropped.
pub struct MemorySending {
    shared: Arc<Shared>,
}

impl Sending for MemorySending {
    fn done(&self, notice: &Waiting) -> Result<(), StoreError> {
        self.take(notice)?;
        self.shared.state().spool.told.extend(notice.source.topic().map(|topic| (topic, notice.at)));
        Ok(())
    }

    fn replace(&self, notice: &Waiting, next: &Waiting) -> Result<(), StoreError> {
        let text = self.take(notice)?;
        self.shared.state().spool.waiting.insert(next.clone(), text);
        Ok(())
    }
}

impl MemorySending {
    fn take(&self, notice: &Waiting) -> Result<Vec<u8>, StoreError> {
        self.shared.state().spool.waiting.remove(notice).ok_or_else(|| failed("the notice is gone"))
    }
}

impl Drop for MemorySending {
    fn drop(&mut self) {
        self.shared.state().spool.is_sending = false;
        self.shared.unlocked.notify_all();
    }
}

fn failed(problem: &str) -> StoreError {
    StoreError::System { about: SPOOL.to_owned(), problem: problem.to_owned() }
}
