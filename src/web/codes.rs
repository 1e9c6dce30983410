//! What crosses the border, by number. Each list stands here once; `scripts/codes.mjs` writes it for TypeScript.

use crate::codes::codes;

codes! {
    /// What can be opened.
    pub(super) enum Kind {
        /// A scheduler of requests.
        Requests,
        /// A scheduler of tasks.
        Tasks,
        /// The batches of a rule of `createFetch`.
        Batches,
        /// The batches of `createBatcher`.
        Batcher,
        /// `createRetry`.
        Retry,
        /// `createCircuitBreaker`.
        Breaker,
        /// The limits of all keys of `createRateLimiter`.
        RateLimits,
        /// The index of a cache in memory.
        CacheIndex,
        /// The health of a tier of storage.
        Health,
        /// Nothing: options are judged, and that is all.
        Judged,
    }
}

codes! {
    /// What happens to a scheduler. The numbers that come with it are in brackets.
    pub(super) enum SchedulerEvent {
        /// A lane is to be opened. Returns its number.
        OpenLane,
        /// A call comes in [lane, priority, flags, arrival]; see [`SubmitFlag`]. Returns its id.
        Submit,
        /// The attempt under way brought a response [call, status, body, milliseconds of a pause asked for or NaN]. The body
        /// is a length in bytes, -1 for nothing, -2 for a length that is not told, -3 for no end. An action follows.
        Answered,
        /// It brought none [call, see [`Lost`]]. An action follows.
        Failed,
        /// `shouldRetry` has answered [call, 1 or 0].
        Permitted,
        /// As `Answered`, of a call that began before it came here: its caller has the response. Returns 1 while the call
        /// holds its slot.
        Headers,
        /// The network is back.
        Online,
        /// The page is being left, or not [1 or 0].
        Leaving,
        /// It is seen whether the calls of a lane share one connection [lane, 1 or 0].
        Protocol,
        /// The body is being read [call].
        Reading,
        /// The body has ended [call, its bytes where its length was not known before].
        BodyEnded,
        /// The call is settled [call, how]; see [`Settled`].
        Settled,
        /// Several things happen at once [how many]: in the words are four numbers for each, its code and those that come with
        /// it. What an event returns is written over its code. One that brings words of its own cannot be among them.
        Together,
        /// A waiting call has another priority [call, priority]. Returns 1 if it waits.
        Reprioritise,
        /// Nothing starts.
        Pause,
        /// Calls start again.
        Resume,
        /// All that waits is turned away.
        Clear,
        /// How many may run in all [limit].
        Concurrency,
        /// Other instances hold slots of a lane's origin [lane, slots, slots of all together].
        ForeignSlots,
        /// A call of this lane gives its slot to an emergency of another instance [lane].
        YieldSlot,
        /// A sample ends. In the words: the share of time in long tasks, the used share of the heap, the number of the word
        /// for the processor's load, each NaN where the browser does not tell; calls since the last time that the cache might
        /// have answered, and those that it did.
        Sampled,
        /// Somebody looks at samples from now on.
        Watched,
        /// Something outside is over [priority, milliseconds that it waited or NaN, milliseconds to its end, 1 if it went well].
        Recorded,
        /// Bytes came outside [bytes].
        Received,
        /// Somebody outside has found that these triggers are on, and those off [bits, bits]. What is on is so for a stay, unless
        /// it is said again.
        Signals,
        /// A trigger is on, as somebody says [trigger, level or 0 for the lowest that has it].
        Triggered,
        /// The level is 0 again.
        Reset,
        /// Writes the trends and samples of so many milliseconds to the words [milliseconds]: [`TrendFigure`]s of the time
        /// to headers, the share of failures and the queue, then the numbers of each sample, see [`SampleFigure`], and those
        /// of all together. Returns how many samples there are.
        Report,
        /// The deadline has come, or the actions before were performed.
        Woke,
        /// Returns how many wait.
        Queued,
        /// Writes three numbers for each call that waits to the words, in no order: its id, how urgent it is by now, and when it
        /// arrived in milliseconds. Returns how many there are.
        Waiting,
        /// Returns how many hold a slot.
        Running,
        /// Writes [`Figure`]s to the words, then seven numbers for each lane: its number, limit, calls waiting, slots held,
        /// state of its breaker, milliseconds left of a pause, share of calls that is shed. Returns how many lanes there are.
        Status,
        /// Writes the [`LaneFigure`]s of a lane to the words [lane].
        Lane,
        /// Returns where in memory its actions are written.
        Actions,
    }
}

codes! {
    /// The flags of a new call, from the lowest bit.
    pub(super) enum SubmitFlag {
        /// Above all priorities.
        Emergency,
        /// It must not wait.
        Immediate,
        /// Its time limits, its route, and when it was sent before it came here, are in the words.
        Limits,
        /// Its rules of retries are there, and the statuses of a list behind them.
        Rules,
        /// They are those of the last call that had any.
        SameRules,
        /// It may be pre-empted.
        Repeatable,
        /// Its slot is free when the headers are there.
        UntilHeaders,
        /// It may be sent again as it was.
        Resendable,
        /// It is for the page's own origin.
        SameOrigin,
        /// It wants its answers judged.
        Heedful,
        /// Its caller is asked before each retry.
        Asks,
        /// There is something that can be given in place of its answer.
        StandsIn,
    }
}

codes! {
    /// Why an attempt brought no response.
    pub(super) enum Lost {
        /// Unknown.
        NoResponse,
        /// There is no network.
        Offline,
    }
}

codes! {
    /// What is to be done. In the buffer of a scheduler stand the number of actions and the deadline in milliseconds, then
    /// four numbers for each action: its code, the call or the lane, and two more, in brackets.
    pub(super) enum Action {
        /// Send it, or run it [level].
        Start,
        /// Stop the running attempt without a word to the caller.
        Preempt,
        /// Turn it away [why, milliseconds until asking again makes sense or NaN]; see [`Refused`].
        Reject,
        /// The time for one attempt is up: stop it. What follows is told by the next action on this call.
        Expire,
        /// Its caller gets the response [1 while the call holds its slot].
        Deliver,
        /// What the attempt brought is dropped, and the call waits for the next [milliseconds].
        Retry,
        /// Ask whether the attempt that failed is to be followed by another.
        Ask,
        /// Its caller gets the error that the attempt ended with.
        GiveUp,
        /// Its slot is given to others [0 for a body that is not read, 1 for an endless one].
        ReleaseSlot,
        /// The lane is closed, its number may come back.
        Forget,
        /// The lane's origin asked for a pause [milliseconds].
        Pause,
        /// The lane's breaker has changed [state, milliseconds until asking again makes sense or NaN].
        Breaker,
        /// A sample ends: `Sampled` is to tell what only JavaScript knows.
        Sample,
        /// In place of a call: a trigger [value, threshold].
        Alert,
        /// The same; its value is right again.
        Resolved,
        /// In place of a call: the level that the page has come to [milliseconds for which stale answers are given, how many
        /// times larger batches are].
        Level,
    }
}

codes! {
    /// Why a call is turned away.
    pub(super) enum Refused {
        /// More wait than `highWater` allows.
        QueueFull,
        /// `clear()`.
        Cleared,
        /// Its time is up.
        TimedOut,
        /// The breaker of its lane is open.
        CircuitOpen,
        /// Its origin does not get it, or the page does without it for now.
        Shed,
    }
}

codes! {
    /// How a call was settled that needs no slot any more.
    pub(super) enum Settled {
        /// With a result.
        Completed,
        /// With an error of its own.
        Failed,
        /// By its caller's abort.
        Cancelled,
        /// By its caller's abort, before it was sent.
        Unsent,
        /// With an error that says nothing of its origin: there is no network.
        Offline,
    }
}

codes! {
    /// The first numbers of a status.
    pub(super) enum Figure {
        /// Calls that wait.
        Queued,
        /// Calls that hold a slot.
        Running,
        /// 1: nothing starts.
        Paused,
        /// How many may run in all.
        Concurrency,
        /// Settled with a result.
        Completed,
        /// Settled with an error.
        Failed,
        /// Aborted or cleared.
        Cancelled,
        /// Attempts stopped for an emergency.
        Preempted,
        /// Attempts after a failed one.
        Retries,
        /// Milliseconds for which the oldest has waited.
        OldestWait,
        /// Turned away under pressure.
        Shed,
        /// The level that the page has come to,
        Level,
        /// since when, in milliseconds,
        LevelSince,
        /// and 1 where its triggers are off.
        Healthy,
        /// Ten numbers: calls waiting and running of each level, the least urgent first.
        Levels,
    }
}

codes! {
    /// What is to be known of a lane where instances share it.
    pub(super) enum LaneFigure {
        /// Slots; infinite where only the common limit counts.
        Limit,
        /// Slots held.
        Running,
        /// Priority of the first call that waits; NaN for none.
        FirstPriority,
        /// When it arrived, in milliseconds.
        FirstSince,
        /// 1: it would start now if other instances left it a slot.
        FirstReady,
        /// Level of the call that would give its slot to an emergency; NaN for none.
        Preemptible,
    }
}

codes! {
    /// What happens to batches.
    pub(super) enum BatchEvent {
        /// A key that its group's batch does not have yet [group, bytes, priority]. Returns 1 when that batch goes now, 2
        /// when the one before it goes now and the key begins another, 3 for both; 0 for neither, -1 when there is no
        /// place for it.
        Add,
        /// Another caller wants a key of this group's batch [group, priority]. Returns 1 when it goes now.
        Urge,
        /// A key of this group's batch is not wanted any more [group, bytes].
        Remove,
        /// This group's batch goes now [group].
        Close,
        /// Returns a group whose batch has waited long enough and goes now; -1 for none. To be asked until then.
        Due,
        /// Returns the milliseconds until the next batch goes; NaN when none waits.
        Wait,
        /// Returns how many keys a batch may have.
        Most,
        /// Returns 1 when a batch may have so many bytes [bytes].
        Fits,
        /// A batch of so many keys was answered [keys, status]. Returns what to do: see [`Division`].
        Answered,
        /// An answer could be read, or not [1 or 0].
        Read,
        /// Returns 1 while the end point takes no batches.
        Suspended,
        /// Batches are so many times larger from now on, and wait so many times longer [times].
        Widen,
    }
}

codes! {
    /// What to do with the answer to a batch.
    pub(super) enum Division {
        /// Divide it.
        Divide,
        /// Give it to each.
        Give,
        /// Ask in smaller parts.
        Smaller,
        /// Ask for each key.
        Singly,
    }
}

codes! {
    /// What happens to a policy of retries.
    pub(super) enum RetryEvent {
        /// A task is run for the first time.
        Begin,
        /// It failed [retries so far, delay before the last of them, status or NaN, pause asked for or NaN]. Returns 0 if
        /// it may be run again, NaN if not.
        Ask,
        /// The same, and it will be. Returns the delay, NaN for none.
        Next,
    }
}

codes! {
    /// What happens to a circuit breaker.
    pub(super) enum BreakerEvent {
        /// Returns a permit for one call, NaN for none.
        Admit,
        /// A call has ended [permit, see [`Reported`]].
        Report,
        /// Returns where it stands: 0 closed, 1 open, 2 half-open, 3 isolated.
        State,
        /// Returns the failures in the window.
        Failures,
        /// Returns the successes in the window.
        Successes,
        /// Returns the milliseconds until asking again makes sense, NaN where that is not known.
        RetryAfter,
        /// Everything is turned away until it is reset.
        Isolate,
        /// It is as new.
        Reset,
    }
}

codes! {
    /// What became of a call.
    pub(super) enum Reported {
        /// It went well.
        Success,
        /// It failed.
        Failure,
        /// It was refused by something that works.
        Alive,
        /// It tells nothing.
        Nothing,
    }
}

codes! {
    /// The first numbers of a sample. For all calls, and then for each level, the least urgent first, eleven follow: how many
    /// there were, then of the time in the queue how many are known, the quantiles 0.5, 0.95, 0.99 and the longest, and the
    /// same of the time to headers; in milliseconds, NaN where there is none.
    pub(super) enum SampleFigure {
        /// When it ended, in milliseconds.
        At,
        /// How long it was.
        Span,
        /// Requests that failed.
        Failed,
        /// Bytes of bodies.
        Bytes,
        /// Calls that the cache might have answered.
        Lookups,
        /// Those that it did.
        Hits,
        /// Calls that wait.
        Queued,
        /// Calls that hold a slot.
        Running,
        /// The share of time in long tasks.
        MainThread,
        /// The used share of the heap.
        Memory,
        /// The number of the word for the processor's load.
        CpuPressure,
        /// Where the others begin.
        Levels,
    }
}

codes! {
    /// The numbers of a trend, NaN where there is none.
    pub(super) enum TrendFigure {
        /// How much the value grows in a minute.
        PerMinute,
        /// What it is in a minute.
        NextMinute,
    }
}

codes! {
    /// What happens to rate limits. The first number is the limit's own, which JavaScript gives: the next one, or that of
    /// an idle one.
    pub(super) enum RateLimitEvent {
        /// Something is wanted [limit, weight]. Returns 0 and it is taken, or the milliseconds until it is there; infinity
        /// where it will never be.
        Take,
        /// The same behind callers who wait [limit, weight, how many]; their weights are in the words. Nothing is taken.
        Behind,
        /// Returns how much there is to take [limit].
        Remaining,
        /// Returns 1 when nothing of it is used [limit].
        IsIdle,
    }
}

codes! {
    /// What happens to the index of a cache.
    pub(super) enum IndexEvent {
        /// A key is asked for, whether it is kept or not [hash].
        Asked,
        /// An entry answered [entry].
        Used,
        /// Both [entry, hash].
        Hit,
        /// An entry is kept [the entry in its place or NaN, hash, bytes, wall clock]; its policy is in the words. Returns
        /// its number, NaN when it is too large; then `Gone` is to be asked.
        Put,
        /// Returns an entry that had to go, -1 for none. To be asked until then.
        Gone,
        /// An entry is forgotten [entry].
        Remove,
        /// Returns the bytes that may be kept.
        Most,
        /// Returns the bytes that are kept.
        Bytes,
        /// Returns how many had to go.
        Evictions,
    }
}

codes! {
    /// What happens to a tier of storage.
    pub(super) enum HealthEvent {
        /// Returns 1 when it may be used.
        Usable,
        /// Writes to the text why it is off. Returns the length, 0 while it is on.
        Off,
        /// It did what it should [1 if it has kept something new].
        Worked,
        /// An attempt failed [attempt from 0, 1 if it is made whether the tier is off or not, length of the error's name in the text].
        /// Returns 0 for giving up, 1 for trying again, 2 for trying again after half was given up.
        Failed,
    }
}

codes! {
    /// The lines of text that say whether an answer may be kept. A line is empty where there is no such field, and else
    /// begins with a colon.
    pub(super) enum Head {
        /// The method.
        Method,
        /// `Cache-Control` of the request.
        Wanted,
        /// `Pragma` of the request.
        WantedPragma,
        /// The names of all header fields that its caller set, joined by commas.
        Fields,
        /// A colon where the cache is that of a partition.
        Partitioned,
        /// `Cache-Control` of the response.
        CacheControl,
        /// `Pragma` of the response.
        Pragma,
        /// `Expires`.
        Expires,
        /// `Date`.
        Date,
        /// `Age`.
        Age,
        /// `Last-Modified`.
        LastModified,
        /// `Vary`.
        Vary,
        /// `ETag`.
        ETag,
    }
}
