//! What comes of attempts: retries, pauses, breakers and rate limits, and how they meet slots and order.
//!
//! A call that is to be tried again gives its slot back at once. While it is held it stands beside the line; after
//! that, or where its whole lane pauses, it stands in line again at its old place.

use super::{Action, Answer, Body, Record, Refusal, Scheduler, Stage};
use crate::breaker::{Permit, Report, State};
use crate::degrade::Fate;
use crate::gate::Admission;
use crate::limit::Sample;
use crate::queue::{CallFlags, CallId, LaneId};
use crate::retry::{Cause, Failure, RetryConfig};
use crate::time::{Duration, Time};
use std::rc::Rc;

/// A pause is longer than asked for by up to this share of it, so that not everybody comes back at once,
const SPREAD: u32 = 10;
/// and by no more than this.
const MAX_SPREAD: Duration = Duration::from_secs(1);

/// What came of an attempt, for everybody who wants to know.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    /// For the breaker.
    report: Report,
    /// What it says of the origin's load.
    sample: Option<Sample>,
    /// For the share and the monitor.
    fate: Fate,
    /// Whether there was a response.
    answered: bool,
}

impl Verdict {
    pub(super) const NOTHING: Self =
        Self { report: Report::Nothing, sample: None, fate: Fate::Unknown, answered: false };
    pub(super) const SUCCESS: Self = Self { report: Report::Success, fate: Fate::Accepted, ..Self::NOTHING };
    pub(super) const FAILURE: Self = Self { report: Report::Failure, fate: Fate::Refused, ..Self::NOTHING };
    pub(super) const LOST: Self = Self { sample: Some(Sample::Refusal), ..Self::FAILURE };

    const fn of_status(status: u16) -> Self {
        let report = match status {
            // It is not to be seen.
            0 => Report::Nothing,
            400..=499 => Report::Alive,
            500..=599 => Report::Failure,
            _ => Report::Success,
        };
        // By 503 a server says that it has too much to do.
        let sample = if status == 503 { Sample::Refusal } else { Sample::RoundTrip };
        let fate = if matches!(status, 429 | 500..=599) { Fate::Refused } else { Fate::Accepted };
        Self { report, sample: Some(sample), fate, answered: true }
    }

    /// Nobody knows when it came, so it says nothing of times.
    const fn late(self) -> Self {
        Self { fate: Fate::Unknown, ..self }
    }
}

impl Scheduler {
    pub(super) fn answered(&mut self, id: CallId, answer: &Answer, now: Time) {
        if !matches!(self.stage(id), Some(Stage::Sent { .. })) {
            return;
        }
        let &Answer { status, body, retry_after } = answer;
        let unwell = retry_after.is_some() || status >= 400;
        if unwell && self.queue.flags_of(id).has(CallFlags::HEEDFUL) {
            self.fail(id, Failure { cause: Cause::Status(status), retry_after }, body, now);
        } else {
            self.report_outcome(id, Verdict::of_status(status), now);
            self.deliver(id, body, now);
        }
    }

    /// The attempt under way brought no response.
    pub(super) fn failed(&mut self, id: CallId, cause: Cause, now: Time) {
        if matches!(self.stage(id), Some(Stage::Sent { .. })) {
            self.fail(id, Failure { cause, retry_after: None }, Body::None, now);
        }
    }

    /// The caller said whether an attempt that failed is to be followed by another.
    pub(super) fn permitted(&mut self, id: CallId, yes: bool, now: Time) {
        let Some(Stage::Asking { cause, body, online }) = self.stage(id) else { return };
        let failure = Failure { cause, retry_after: None };
        let next = if yes { self.next_attempt(id, &failure, true, now) } else { None };
        match next {
            Some((record, delay)) if online && record.stage == Stage::Offline => {
                self.hold(id, cause, Record { stage: Stage::Queued, ..record }, delay, now);
            }
            Some((record, delay)) => self.hold(id, cause, record, delay, now),
            None => self.conclude(id, cause, body, now),
        }
    }

    /// What a call that was answered before it came here brought, which its caller has.
    pub(super) fn headers(&mut self, id: CallId, answer: &Answer, now: Time) {
        if !matches!(self.stage(id), Some(Stage::Sent { .. })) {
            return;
        }
        let &Answer { status, body, retry_after } = answer;
        if self.queue.flags_of(id).has(CallFlags::HEEDFUL) {
            self.report_failure(id, &Failure { cause: Cause::Status(status), retry_after }, true, now);
        } else {
            self.report_outcome(id, Verdict::of_status(status).late(), now);
        }
        self.begin_body(id, body, now);
    }

    fn fail(&mut self, id: CallId, failure: Failure, body: Body, now: Time) {
        self.report_failure(id, &failure, false, now);
        let cause = failure.cause;
        let asks = self.queue.flags_of(id).has(CallFlags::ASKS);
        match self.next_attempt(id, &failure, !asks, now) {
            Some(_) if asks => {
                self.records.set_stage(id, Stage::Asking { cause, body, online: false });
                self.actions.push_back(Action::Ask(id));
            }
            Some((record, delay)) => self.hold(id, cause, record, delay, now),
            None => self.conclude(id, cause, body, now),
        }
    }

    /// What the attempt brought is final.
    fn conclude(&mut self, id: CallId, cause: Cause, body: Body, now: Time) {
        if let Cause::Status(_) = cause {
            self.deliver(id, body, now);
        } else {
            self.totals.failed += 1;
            self.actions.push_back(Action::GiveUp(id));
            self.end(id);
        }
    }

    fn deliver(&mut self, id: CallId, body: Body, now: Time) {
        let holds = self.begin_body(id, body, now);
        self.actions.push_back(Action::Deliver(id, holds));
    }

    /// The rules of a call.
    fn rules_of(&self, id: CallId) -> Rc<RetryConfig> {
        let own = self.records.get(id).and_then(|record| record.rules.as_ref());
        Rc::clone(own.unwrap_or(&self.retry))
    }

    /// `late`: nobody knows when it came.
    fn report_failure(&mut self, id: CallId, failure: &Failure, late: bool, now: Time) {
        let &Failure { cause, retry_after } = failure;
        let pause = self.rules_of(id).pause(retry_after);
        let refused =
            |status, report| Verdict { report, sample: Some(Sample::Refusal), ..Verdict::of_status(status) };
        let verdict = match cause {
            // Only a pause that is obeyed says that the server is well.
            Cause::Status(status @ (429 | 503)) if pause.is_some() => refused(status, Report::Nothing),
            Cause::Status(status @ 429) if retry_after.is_some() => refused(status, Report::Alive),
            Cause::Status(status) => Verdict::of_status(status),
            Cause::Expired => Verdict::FAILURE,
            Cause::NoResponse => Verdict::LOST,
            Cause::Offline => Verdict::NOTHING,
        };
        let first = matches!(self.stage(id), Some(Stage::Sent { reported: false, .. }));
        self.report_outcome(id, if late { verdict.late() } else { verdict }, now);
        if let (Some(asked), Some(lane), true) = (pause, self.queue.lane_of(id), first) {
            let spread = (asked / SPREAD).min(MAX_SPREAD).mul_f64(self.random.fraction());
            if self.gates[lane.0 as usize].pause(now.after(asked).after(spread)) {
                self.actions.push_back(Action::Pause(lane));
                self.queue.start_ramp(lane);
            }
            self.settle_gate(lane, now);
        }
    }

    /// How the call would wait for its next attempt, and how long; `None` where there is to be none. `certain`: there will
    /// be one, and how long it waits is drawn.
    fn next_attempt(
        &mut self,
        id: CallId,
        failure: &Failure,
        certain: bool,
        now: Time,
    ) -> Option<(Record, Duration)> {
        let lane = self.queue.lane_of(id)?;
        let flags = self.queue.flags_of(id);
        let record = self.records.get(id)?.clone();
        let rules = self.rules_of(id);
        let offline = failure.cause == Cause::Offline;
        let gate = &mut self.gates[lane.0 as usize];
        if self.leaving
            || !flags.has(CallFlags::RESENDABLE.and(CallFlags::HEEDFUL))
            || !rules.allows(failure, flags.has(CallFlags::SAME_ORIGIN), record.retries)
            || !(offline || rules.affords(&gate.budget, now))
            || gate.admission(now) == Admission::Rejected
        {
            return None;
        }
        let pause = gate.paused_for(now);
        let backoff = if certain && !offline {
            rules.delay(record.retries.saturating_add(1), record.backoff, &mut self.random)
        } else {
            Duration::ZERO
        };
        // What a server asks for is "how long the user agent ought to wait" at least (RFC 9110, section 10.2.3): it may be
        // less than what this call waits anyway.
        let delay = backoff.max(pause);
        if record.total_until.min(record.wait_until) <= now.after(delay) {
            return None;
        }
        let stage = if offline {
            Stage::Offline
        } else if backoff > pause {
            Stage::Delayed { until: now.after(backoff) }
        } else {
            // For a pause it waits in line, like everybody.
            Stage::Queued
        };
        Some((Record { stage, backoff, ..record }, delay))
    }

    /// Takes the slot of a call that is to be tried again.
    fn hold(&mut self, id: CallId, cause: Cause, mut record: Record, delay: Duration, now: Time) {
        let Some(lane) = self.queue.lane_of(id) else { return };
        self.totals.retries += 1;
        // What could not be sent used no attempt up.
        if cause != Cause::Offline {
            record.retries = record.retries.saturating_add(1);
            self.gates[lane.0 as usize].budget.retry(now);
        }
        let parked = record.stage.is_parked();
        self.records.put(id, record);
        self.actions.push_back(Action::Retry(id, delay));
        if parked {
            self.queue.park(id);
        } else {
            self.queue.put_back(id);
        }
        // The time of an open breaker may have run out while no call waited in the lane.
        self.look_at_gate(id, now);
    }

    /// There is a network again: who waited for that is in line.
    pub(super) fn online(&mut self) {
        for id in self.parked(|stage| stage == Stage::Offline) {
            self.records.set_stage(id, Stage::Queued);
            self.queue.unpark(id);
            if let Some(lane) = self.queue.lane_of(id) {
                self.queue.start_ramp(lane);
            }
        }
        self.records.online();
    }

    /// Reports the outcome of an attempt to all who want to know, at most once.
    pub(super) fn report_outcome(&mut self, id: CallId, verdict: Verdict, now: Time) {
        let Some(record) = self.records.get(id) else { return };
        let Stage::Sent { since, until, permit, reported: false } = record.stage else { return };
        let Verdict { report, sample, fate, answered } = verdict;
        self.watch_ended(id, since, fate, answered, now);
        self.records.set_stage(id, Stage::Sent { since, until, permit: None, reported: true });
        let Some(lane) = self.queue.lane_of(id) else { return };
        if let Some(sample) = sample {
            self.queue.sample(lane, sample, since, now);
        }
        if matches!(report, Report::Success | Report::Alive) {
            self.queue.grow_ramp(lane);
        }
        if let Some(permit) = permit {
            self.gates[lane.0 as usize].report(permit, report, now);
            self.settle_gate(lane, now);
        }
    }

    /// It was never sent: what it took is there again.
    pub(super) fn unsent(&mut self, id: CallId, now: Time) {
        let since = match self.stage(id) {
            Some(Stage::Sent { since, .. }) => Some(since),
            _ => None,
        };
        self.report_outcome(id, Verdict::NOTHING, now);
        if let (Some(since), Some(lane), true) = (since, self.queue.lane_of(id), self.is_guarded()) {
            self.gates[lane.0 as usize].unsent(since, now);
            self.settle_gate(lane, now);
        }
    }

    /// Whether lanes have gates that each call passes.
    pub(super) const fn is_guarded(&self) -> bool {
        self.breaker.is_some() || self.rate.is_some()
    }

    /// A new call stands before its lane's gate.
    pub(super) fn pass_gate(&mut self, id: CallId, lane: LaneId, now: Time) {
        // Only itself: calls that waited before were rejected when the breaker opened.
        if self.gates[lane.0 as usize].admission(now) == Admission::Rejected {
            self.refuse(id, Refusal::CircuitOpen(lane));
        } else {
            self.settle_gate(lane, now);
        }
    }

    /// A call goes through its lane's gate.
    pub(super) fn enter_gate(&mut self, id: CallId, retries: u32, now: Time) -> Option<Permit> {
        let lane = self.queue.lane_of(id)?;
        let guarded = self.is_guarded();
        let gate = &mut self.gates[lane.0 as usize];
        if retries == 0 {
            gate.budget.request(now);
        }
        if !guarded {
            return None;
        }
        let permit = gate.start(now);
        self.settle_gate(lane, now);
        permit
    }

    pub(super) fn look_at_gate(&mut self, id: CallId, now: Time) {
        if let (Some(lane), true) = (self.queue.lane_of(id), self.is_guarded()) {
            self.settle_gate(lane, now);
        }
    }

    /// Opens and closes a lane as its gate says.
    pub(super) fn settle_gate(&mut self, lane: LaneId, now: Time) {
        let gate = &mut self.gates[lane.0 as usize];
        let standing = gate.admission(now);
        if let Some(state) = gate.breaker_change(now) {
            self.actions.push_back(Action::Breaker(lane, state));
            self.step(now);
            if state == State::Closed {
                self.queue.start_ramp(lane);
            }
        }
        self.suspended.retain(|&(other, _)| other != lane);
        self.queue.set_closed(lane, standing != Admission::Open);
        match standing {
            Admission::Open => {}
            Admission::Until(at) => self.suspended.push((lane, at)),
            Admission::Rejected if !self.queue.waits_in(lane) => {}
            Admission::Rejected => self.refuse_waiting(Some(lane), Refusal::CircuitOpen(lane)),
        }
    }

    /// Where the breaker of a lane stands; closed where there is none.
    pub fn breaker_of(&self, lane: LaneId, now: Time) -> State {
        self.gates.get(lane.0 as usize).map_or(State::Closed, |gate| gate.breaker(now))
    }

    /// What is left of a pause that a lane's origin asked for.
    pub fn paused_for(&self, lane: LaneId, now: Time) -> Duration {
        self.gates.get(lane.0 as usize).map_or(Duration::ZERO, |gate| gate.paused_for(now))
    }

    /// When asking a breaker again makes sense that turned a call away.
    pub fn retry_after(&self, lane: LaneId, now: Time) -> Option<Duration> {
        self.gates.get(lane.0 as usize).and_then(|gate| gate.retry_after(now))
    }
}
