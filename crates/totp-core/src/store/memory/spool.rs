//! Notices in memory that wait to be sent.

use super::state::Shared;
use crate::notice::Notice;
use crate::secret::Entropy;
use crate::store::StoreError;
use crate::store::notices::{NoticeSpool, Origin, SendLock, Sending, Waiting, space_for};
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "notices in memory";

/// The notices that wait to be sent.
pub struct MemorySpool {
    shared: Arc<Shared>,
}

impl MemorySpool {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl NoticeSpool for MemorySpool {
    type Sending = MemorySending;

    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn put(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        _entropy: &mut dyn Entropy,
    ) -> Result<(), StoreError> {
        let spool = &mut self.shared.state().spool;
        let waiting: Vec<Waiting> = spool.waiting.keys().cloned().collect();
        let Some(number) = space_for(&waiting, notice.at, uid, origin) else {
            let (about, problem) = (NAME.to_owned(), "there are as many as there may be".to_owned());
            return Err(StoreError::System { about, problem });
        };
        spool.next_id = spool.next_id.saturating_add(1);
        let id = spool.next_id.to_string();
        let waiting = Waiting { at: notice.at, number, uid, id, tries: 0, last: 0 };
        spool.waiting.insert(waiting, notice.encode().into_bytes());
        Ok(())
    }

    fn waiting(&self) -> Result<(Vec<Waiting>, Vec<String>), StoreError> {
        Ok((self.shared.state().spool.waiting.keys().cloned().collect(), Vec::new()))
    }

    fn read(&self, waiting: &Waiting) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.shared.state().spool.waiting.get(waiting).cloned())
    }

    fn lock_to_send(&self, patience: Duration, _now: u64) -> Result<SendLock<MemorySending>, StoreError> {
        let Some(mut state) = self.shared.unlocked(patience, |state| state.spool.is_sending) else {
            return Ok(SendLock::Busy);
        };
        state.spool.is_sending = true;
        Ok(SendLock::Sending(MemorySending { shared: Arc::clone(&self.shared) }))
    }
}

/// The right to send, until it is dropped.
pub struct MemorySending {
    shared: Arc<Shared>,
}

impl Sending for MemorySending {
    fn done(&self, notice: &Waiting) -> Result<(), StoreError> {
        self.take(notice).map(drop)
    }

    fn replace(&self, notice: &Waiting, next: &Waiting) -> Result<(), StoreError> {
        let text = self.take(notice)?;
        self.shared.state().spool.waiting.insert(next.clone(), text);
        Ok(())
    }
}

impl MemorySending {
    fn take(&self, notice: &Waiting) -> Result<Vec<u8>, StoreError> {
        let gone = || StoreError::System { about: NAME.to_owned(), problem: "the notice is gone".to_owned() };
        self.shared.state().spool.waiting.remove(notice).ok_or_else(gone)
    }
}

impl Drop for MemorySending {
    fn drop(&mut self) {
        self.shared.state().spool.is_sending = false;
        self.shared.unlocked.notify_all();
    }
}
