//! Judging an answer: a pure step from values to the next ledger and a sealed verdict. No store, no clock, no other
//! process.
//!
//! A code that can be guessed is judged in two halves, so that an engine can record the charge in between: [`begin`]
//! makes the charge, [`Attempt::look`] looks at the code.

use super::before::{Before, Question};
use super::sealed_verdict::{ClockSearch, Decided, SealedVerdict};
use super::verdict::{ForeignTries, JudgeError, Method, Reason, Refusal, SinceLast, TokenAdvice};
use crate::code::{Answer, CodeMatch};
use crate::credential::{Authenticator, Credential, RecoverySet};
use crate::factor::{Codes, Factor, Typed, Unusable, guess_units};
use crate::ledger::{Happened, LastLogin, Ledger, LoginMethod, Progress, Record, RecoveryMarks};
use crate::lockout::LockState;
use crate::lockout::guesses::{Charged, SinceAccepted};
use crate::random::Secret;
use crate::recovery::{self, SCRATCH_DIGITS};
use crate::store::{Charging, Durability};

/// The first half of a judgement.
pub(super) enum Begun {
    /// The verdict: nothing had to be looked at.
    Judged(Box<SealedVerdict>),
    /// The code can be guessed and has not been looked at yet.
    Attempt(Box<Attempt>),
    /// A recovery code, not looked at yet.
    Recovery(Box<RecoveryAttempt>),
}

/// Judges what is not charged, and makes the charge for the rest. A refusal by limit, lock or disabling records
/// nothing, except in the case of [`Before::refused`].
pub(super) fn begin(question: &Question<'_>, ledger: &Ledger) -> Result<Begun, JudgeError> {
    if !question.credential.owner().is(question.account) {
        return Err(JudgeError::OtherAccount);
    }
    let (before, first_secret) = Before::of(ledger, question);
    let state = before.ledger.guesses.state(&before.identity, question.limit, question.now.realtime);
    match question.answer {
        Answer::Code(_) | Answer::Trailing(_) | Answer::Pair(..) => {
            guess(question, before, first_secret, state)
        }
        Answer::Recovery(_) => Ok(Begun::Recovery(Box::new(RecoveryAttempt { before, state }))),
    }
}

fn guess(
    question: &Question<'_>,
    before: Before,
    mut first_secret: Option<Secret>,
    state: LockState,
) -> Result<Begun, JudgeError> {
    if state != LockState::Open {
        return Ok(Begun::Judged(Box::new(before.refused(Reason::from(state)))));
    }
    let (credential, answer) = (question.credential, question.answer);
    if !before.ledger.fits(credential) {
        return Err(JudgeError::LedgerDoesNotFit);
    }
    let mut tried = Vec::with_capacity(credential.authenticators().len());
    let (mut units, mut unusable, mut may_be_ahead): (u64, Option<Unusable>, bool) = (0, None, false);
    for (authenticator, progress) in credential.authenticators().iter().zip(&before.ledger.progress) {
        let secret = match first_secret.take() {
            Some(secret) => secret,
            None => credential.open(authenticator, question.keyring)?,
        };
        let factor = authenticator.factor();
        let typed = match factor.typed(answer, progress.used_up_to) {
            Ok(typed) => {
                may_be_ahead |= factor.can_be_resynchronised(progress.used_up_to);
                typed
            }
            Err(error) => {
                unusable.get_or_insert(error);
                None
            }
        };
        if let Some(typed) = &typed {
            units = units.saturating_add(factor.units_of(typed, question.windows));
        }
        tried.push((factor.codes(&secret), typed));
    }
    let scratch_units = scratch_units(credential, &before.ledger);
    let scratch = answer.of_digits(SCRATCH_DIGITS).filter(|_| scratch_units.is_some());
    if tried.iter().all(|(_, typed)| typed.is_none()) && scratch.is_none() {
        return Ok(Begun::Judged(Box::new(before.refused(unusable.map_or(Reason::Malformed, Reason::from)))));
    }
    if scratch.is_some() {
        units = units.saturating_add(scratch_units.unwrap_or(0));
    }
    let mut next = before.ledger.clone();
    let mut charged = match next.guesses.begin(&question.this_try(&before.identity), units, question.limit) {
        Ok(charged) => charged,
        Err(state) => return Ok(Begun::Judged(Box::new(before.refused(Reason::from(state))))),
    };
    if let Some(warning) = &mut charged.warning {
        warning.since = before.ledger.last_login().map(|last| last.at);
    }
    let charge = Record::of(next, Happened::Charged);
    // A token that is used up is no reason not to say how another one is resynchronised.
    let ahead = may_be_ahead.then_some(TokenAdvice::MayBeAhead);
    let token = ahead.or(unusable.map(TokenAdvice::Unusable));
    Ok(Begun::Attempt(Box::new(Attempt { before, charge, charged, tried, token, scratch })))
}

/// The probability that a guess is one of the unused scratch codes, in units of 10⁻⁹; `None`: there is no such set.
fn scratch_units(credential: &Credential, ledger: &Ledger) -> Option<u64> {
    let set = credential.recovery().filter(|set| set.kind == recovery::RecoveryKind::Scratch)?;
    let left = ledger.marks_of(set.id).left(set.hashes.len());
    Some(guess_units(SCRATCH_DIGITS, left as u64))
}

/// A recovery code, before it is looked at.
///
/// 80 bits cannot be guessed, so it is judged during a lock too and nobody can be locked out for good. A wrong one is not charged:
/// a password of sixteen characters that sshd passed on looks like one and must not lock the owner out.
pub(super) struct RecoveryAttempt {
    before: Before,
    state: LockState,
}

impl RecoveryAttempt {
    /// Looks at the code.
    pub(super) fn look(self, question: &Question<'_>) -> Result<SealedVerdict, JudgeError> {
        let as_wrong = Refusal { row: Some(self.before.row()), ..Reason::from(self.state).into() };
        let Answer::Recovery(code) = question.answer else { return Ok(self.before.refused(as_wrong)) };
        Ok(self.judged(question, code)?.looked_at(as_wrong))
    }

    fn judged(self, question: &Question<'_>, code: &Secret) -> Result<SealedVerdict, JudgeError> {
        let Self { before, state } = self;
        let Some((set, at)) = find_recovery(question, code, recovery::RecoveryKind::Own)? else {
            return Ok(before.refused(Reason::from(state)));
        };
        let Some(marks) = before.ledger.marks_of(set.id).with_used(at, question.now.realtime) else {
            return Ok(before.refused(Reason::Replayed));
        };
        let since_last = since_last(&before.ledger);
        let mut next = before.ledger;
        let is_new_source = next.guesses.recover(&question.this_try(&before.identity));
        Ok(spent(question, next, OwnersNews { since_last, is_new_source }, set, marks))
    }
}

/// A code that can be guessed, before it is looked at.
pub(super) struct Attempt {
    before: Before,
    charge: Record,
    charged: Charged,
    /// The codes of each authenticator, and the part of the answer that could be one of them.
    tried: Vec<(Codes, Option<Typed>)>,
    /// What the answer can mean, if it is wrong, to a person with a counter token.
    token: Option<TokenAdvice>,
    /// The part of the answer that could be another program's single-use code.
    scratch: Option<Secret>,
}

impl Attempt {
    /// The ledger with the charge of a wrong code.
    pub(super) fn charge(&self) -> &Record {
        &self.charge
    }

    /// The most durable record that may follow the look: of a lock, of a single-use code, or of a factor's code.
    pub(super) fn durability(&self, credential: &Credential) -> Durability {
        let is_durable = self.charged.lock.is_some() || self.scratch.is_some();
        let others = is_durable.then_some(Durability::Machine);
        let tried =
            credential.authenticators().iter().zip(&self.tried).filter(|(_, (_, typed))| typed.is_some());
        let factors = tried.map(|(authenticator, _)| authenticator.factor().durability_of_use());
        factors.chain(others).max().unwrap_or(Durability::Process)
    }

    /// Looks at the code. `charging` says whether [`Attempt::charge`] is recorded already. An error is sealed as well: a look
    /// that failed half-way has been a look, and is charged.
    pub(super) fn look(self, question: &Question<'_>, charging: Charging) -> SealedVerdict {
        let Charged { row, lock, warning } = self.charged;
        let as_wrong = Refusal { lock, warning, token: self.token, row: Some(row), ..Reason::Wrong.into() };
        self.judged(question, charging).looked_at(as_wrong)
    }

    fn judged(self, question: &Question<'_>, charging: Charging) -> SealedVerdict {
        match find(question, &self.before.ledger, &self.tried) {
            FoundCode::Fresh(used) => used.accepted(question, self.before),
            FoundCode::Stale(refusal) => self.replayed(refusal, charging),
            FoundCode::Nothing => {
                let scratch = self.scratch.as_ref();
                let scratch =
                    scratch.map(|code| find_recovery(question, code, recovery::RecoveryKind::Scratch));
                match scratch.transpose().map(Option::flatten) {
                    Ok(Some((set, at))) => self.scratch(question, set, at, charging),
                    Ok(None) => self.wrong(question, charging),
                    Err(error) => self.failed(error, charging),
                }
            }
        }
    }

    fn failed(self, error: JudgeError, charging: Charging) -> SealedVerdict {
        let record = match charging {
            // The charge is already recorded.
            Charging::BeforeLook => None,
            Charging::WithCommit => Some(self.charge),
        };
        SealedVerdict::until(record, Decided::Failed(error))
    }

    /// A used code is not a guess, because it was right once. If it were charged, someone who replays codes could lock
    /// the owner out.
    fn replayed(self, refusal: Refusal, charging: Charging) -> SealedVerdict {
        match charging {
            Charging::BeforeLook => {
                let refusal = Refusal { row: Some(self.before.row()), ..refusal };
                let refund = Record::of(self.before.ledger, Happened::Refunded);
                SealedVerdict::until(Some(refund), Decided::Refused(refusal))
            }
            Charging::WithCommit => self.before.refused(refusal),
        }
    }

    /// A single-use code of another program: 26 bits. It is reached only outside a lock and was charged like a factor's
    /// code. A right one ends the row of failures like a factor's code, and lifts nothing.
    fn scratch(
        self,
        question: &Question<'_>,
        set: &RecoverySet,
        at: usize,
        charging: Charging,
    ) -> SealedVerdict {
        let Some(marks) = self.before.ledger.marks_of(set.id).with_used(at, question.now.realtime) else {
            return self.replayed(Reason::Replayed.into(), charging);
        };
        let since_last = since_last(&self.before.ledger);
        let mut next = self.before.ledger;
        let is_new_source = next.guesses.accept(&question.this_try(&self.before.identity));
        spent(question, next, OwnersNews { since_last, is_new_source }, set, marks)
    }

    fn wrong(self, question: &Question<'_>, charging: Charging) -> SealedVerdict {
        let Self { charge, charged, tried, token, .. } = self;
        let record = match (charged.lock, charging) {
            (Some(_), _) => Some(Record::of(charge.into_ledger(), Happened::Locked)),
            (None, Charging::WithCommit) => Some(charge),
            // The charge is already recorded.
            (None, Charging::BeforeLook) => None,
        };
        let unusable = match token {
            Some(TokenAdvice::Unusable(Unusable::OutOfStep)) => Some(Unusable::OutOfStep),
            // Beside an authenticator whose code it may have been, an old token says nothing about this code.
            Some(TokenAdvice::Unusable(Unusable::Ended)) => {
                tried.iter().all(|(_, typed)| typed.is_none()).then_some(Unusable::Ended)
            }
            Some(TokenAdvice::MayBeAhead) | None => None,
        };
        let search = ClockSearch::new(tried, *question.windows, question.now);
        SealedVerdict::until(record, Decided::Wrong { charged, search, token, unusable })
    }
}

/// What a code is to all authenticators together.
enum FoundCode {
    /// Right, and not used yet.
    Fresh(Used),
    /// Right before, but used or not accepted now.
    Stale(Refusal),
    /// Wrong for every authenticator.
    Nothing,
}

/// The use of a right code.
struct Used {
    progress: Vec<Progress>,
    /// The first authenticator that it fits.
    method: Method,
    /// Of all that it fits, the factor that needs the most durable record.
    factor: Factor,
}

/// Records the use for every authenticator that the code fits, so that one code cannot be used once for each. A code that one of
/// them has used opens by no other: with one secret for a phone and a fob, the counter's code comes again as that of a time step.
fn find(question: &Question<'_>, ledger: &Ledger, tried: &[(Codes, Option<Typed>)]) -> FoundCode {
    let now = question.now;
    let mut progress = ledger.progress.clone();
    let (mut by, mut stale): (Option<(Method, Factor)>, Option<Refusal>) = (None, None);
    let authenticators = question.credential.authenticators().iter().zip(tried);
    for ((authenticator, (codes, typed)), progress) in authenticators.zip(&mut progress) {
        let Some(typed) = typed else { continue };
        let refusal = match codes.find(typed, progress.used_up_to, question.windows, now) {
            CodeMatch::Right { used_up_to } => {
                progress.used_up_to = used_up_to;
                if progress.confirmed_at == 0 {
                    progress.confirmed_at = now.realtime;
                }
                let factor = authenticator.factor();
                by = Some(match by {
                    None => (method_of(authenticator), factor),
                    Some((method, first)) if first.durability_of_use() < factor.durability_of_use() => {
                        (method, factor)
                    }
                    Some(first) => first,
                });
                continue;
            }
            CodeMatch::Replayed { next_code } => Refusal { next_code, ..Reason::Replayed.into() },
            CodeMatch::ClockBack(by) => Reason::ClockBack(by).into(),
            CodeMatch::BeforeBoot(wait) => Reason::BeforeBoot(wait).into(),
            CodeMatch::Wrong => continue,
        };
        stale.get_or_insert(refusal);
    }
    match (by, stale) {
        (_, Some(refusal)) => FoundCode::Stale(refusal),
        (Some((method, factor)), None) => FoundCode::Fresh(Used { progress, method, factor }),
        (None, None) => FoundCode::Nothing,
    }
}

impl Used {
    fn accepted(self, question: &Question<'_>, before: Before) -> SealedVerdict {
        let Before { ledger, identity, .. } = before;
        let since_last = since_last(&ledger);
        let mut next = Ledger { progress: self.progress, ..ledger };
        let is_new_source = next.guesses.accept(&question.this_try(&identity));
        let news = OwnersNews { since_last, is_new_source };
        accepted(question, next, news, self.method, Happened::CodeUsed(self.factor))
    }
}

/// What an accepted answer tells besides its method.
struct OwnersNews {
    since_last: SinceLast,
    /// Its source was not known before.
    is_new_source: bool,
}

fn spent(
    question: &Question<'_>,
    mut next: Ledger,
    news: OwnersNews,
    set: &RecoverySet,
    marks: RecoveryMarks,
) -> SealedVerdict {
    let method = Method::RecoveryCode { kind: set.kind, left: marks.left(set.hashes.len()) };
    next.recovery = marks;
    // A person who needs a recovery code may have lost a device too, so none stays remembered.
    next.devices.clear();
    accepted(question, next, news, method, Happened::RecoveryCodeUsed)
}

fn accepted(
    question: &Question<'_>,
    mut next: Ledger,
    OwnersNews { since_last, is_new_source }: OwnersNews,
    method: Method,
    happened: Happened,
) -> SealedVerdict {
    let by = match &method {
        Method::Code { kind, .. } => LoginMethod::Code(*kind),
        Method::RecoveryCode { .. } => LoginMethod::RecoveryCode,
    };
    next.last_login = Some(LastLogin { at: question.now.realtime, method: by });
    let credential = question.credential.owner().id;
    let right = Decided::Right { method, credential, since_last, is_new_source };
    SealedVerdict::until(Some(Record::of(next, happened)), right)
}

fn find_recovery<'c>(
    question: &Question<'c>,
    code: &Secret,
    kind: recovery::RecoveryKind,
) -> Result<Option<(&'c RecoverySet, usize)>, JudgeError> {
    let credential = question.credential;
    let Some(set) = credential.recovery().filter(|set| set.kind == kind) else { return Ok(None) };
    let pepper = credential.open_pepper(set, question.keyring)?;
    let of = recovery::Set { pepper: &pepper, user: &credential.owner().user, id: set.id };
    Ok(of.find(code, &set.hashes).map(|at| (set, at)))
}

fn method_of(authenticator: &Authenticator) -> Method {
    let (factor, authenticator) = (authenticator.factor(), authenticator.label().clone());
    Method::Code { authenticator, kind: factor.kind(), digits: factor.digits() }
}

fn since_last(ledger: &Ledger) -> SinceLast {
    let last = ledger.last_login();
    let device = last.is_some_and(|last| ledger.devices.iter().any(|device| device.since >= last.at));
    let SinceAccepted { wrong, foreign, places } = ledger.guesses.since_accepted;
    let foreign = (foreign > 0).then_some(ForeignTries { wrong: foreign, places: places.count_ones() });
    SinceLast { login: last, wrong, foreign, device, reset: ledger.notice }
}
