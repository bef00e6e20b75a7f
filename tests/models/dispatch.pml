/* Dispatch with dedupe and timer: one run with one activity and then a wait.
 *
 * What a step stands for (src/runtime, src/decider):
 *   commit()    Shard::write + flush: the decision is given to the store; the shard goes on with its tentative state
 *   Disk        EmbeddedStore::write_group: commits become durable in order
 *   publish     Shard::publish + carry_out + hold_timer: only now effects leave, answers are told, timers are held
 *   Engine      Shard::step with Turn::take: start, ActivityCompleted/Failed, ActivityLost, TimerFired
 *   recovering  Shard::load -> recover() -> decider::recover: what was in flight is lost, timers come from the run's row
 *   Outside     a driver and the party behind it, which knows the idempotency key (the command's id)
 *   Crash       at any moment, CRASHES times
 *
 * Broken on purpose, one at a time: ACT_BEFORE_COMMIT ACK_BEFORE_SYNC LATE_RESULT_APPLIED KEY_PER_ATTEMPT
 *   TIMER_NOT_IN_COMMIT TIMER_NOT_CHECKED LOST_FORGOTTEN
 */
#ifndef CRASHES
#define CRASHES 2
#endif
#define ATTEMPTS_MAX 2  /* of the retry policy; lost attempts do not count */
#define LOST_MAX 2      /* k_lost_attempts_max */
#define HANDED_MAX 6
#define QUEUE 2         /* commits that are under way */

mtype = { idle, in_flight, back_off, waiting, closed };
mtype = { nothing, dispatch };

typedef Run {
  mtype phase = idle;
  byte attempt;     /* its number */
  byte lost;
  byte timer;       /* the one that is set; 0: none */
  byte timers;      /* set so far: their numbers */
  byte applied;     /* completions in the history */
  byte fired;       /* bit by number, in the history */
  byte cancelled;   /* the same */
};
typedef Pending {
  Run state;
  mtype command = nothing;
  byte attempt;
  bool answers_start;
};

Run memory, disk;
Pending pending[QUEUE];  /* oldest first */
byte under_way;
byte durable;            /* of pending: not published yet */
byte held;               /* Shard::timers_ */
bool recovering;
bool limited;            /* attempts have a time limit */
bool told;               /* the client knows that its run has started */
byte crashes;

/* The world. */
byte handed[HANDED_MAX];  /* how often an attempt was handed out */
byte effects;             /* what the other party did */
byte keys;                /* keys it has seen, by bit */
chan orders = [2] of { byte };         /* attempts at a driver */
chan answers = [2] of { byte, bool };  /* attempt, whether it went well; a crash may lose them or not */

inline copy(to, from) {
  to.phase = from.phase; to.attempt = from.attempt; to.lost = from.lost; to.timer = from.timer;
  to.timers = from.timers; to.applied = from.applied; to.fired = from.fired; to.cancelled = from.cancelled
}
inline copy_pending(to, from) {
  copy(to.state, from.state); to.command = from.command; to.attempt = from.attempt;
  to.answers_start = from.answers_start
}
inline forget(what) {
  copy(what.state, none); what.command = nothing; what.attempt = 0; what.answers_start = false
}
Run none;

/* What the decider does to the state; a timer that is replaced is cancelled. */
inline set_timer() { memory.timers++; memory.timer = memory.timers }
inline clear_timer() {
  if
  :: memory.timer != 0 ->
     assert(!(memory.fired & (1 << memory.timer)));  /* 15: never both */
     memory.cancelled = memory.cancelled | (1 << memory.timer);
     memory.timer = 0
  :: else
  fi
}
inline hand_out(number) {
  assert(number < HANDED_MAX);
  handed[number]++;
  assert(handed[number] == 1);                       /* 9: at most once, ever */
  assert(disk.attempt >= number && disk.phase != idle);  /* 1, 36: it rose, durably, before anything could happen */
  orders!number
}
inline commit(what, number, is_start) {
  copy(pending[under_way].state, memory);
  pending[under_way].command = what;
  pending[under_way].attempt = number;
  pending[under_way].answers_start = is_start;
#ifdef TIMER_NOT_IN_COMMIT
  pending[under_way].state.timer = 0;
#endif
  under_way++;
#ifdef ACT_BEFORE_COMMIT
  if
  :: what == dispatch -> hand_out(number)
  :: else
  fi;
#endif
#ifdef ACK_BEFORE_SYNC
  if
  :: is_start -> told = true
  :: else
  fi;
#endif
}

/* A further attempt. */
inline start_attempt(is_start) {
  memory.attempt++;
  memory.phase = in_flight;
  if
  :: limited -> set_timer()
  :: else
  fi;
  commit(dispatch, memory.attempt, is_start)
}
/* Turn::attempt_failed */
inline attempt_failed(was_lost) {
  clear_timer();
  if
  :: was_lost -> memory.lost++
  :: else
  fi;
  if
  :: was_lost && memory.lost <= LOST_MAX -> start_attempt(false)
  :: !was_lost && memory.attempt - memory.lost < ATTEMPTS_MAX ->
     memory.phase = back_off;
     set_timer();
     commit(nothing, 0, false)
  :: else ->
     memory.phase = closed;
     commit(nothing, 0, false)
  fi
}

/* Crashes from here on are the model's, not the shard's: what it had in memory is gone. */
inline crash() {
  byte i;
  copy(memory, disk);
  for (i : 0 .. QUEUE - 1) { forget(pending[i]) }
  i = 0;
  under_way = 0;
  durable = 0;
  held = 0;
  recovering = true;
  crashes++
}

active proctype Engine() {
  byte number;
  bool well;
  if
  :: limited = true
  :: limited = false
  fi;
end:
  do
  /* publish */
  :: atomic {
       durable > 0 ->
       if
       :: pending[0].answers_start ->
          told = true;
       :: else
       fi;
#ifndef ACT_BEFORE_COMMIT
       if
       :: pending[0].command == dispatch -> hand_out(pending[0].attempt)
       :: else
       fi;
#endif
       held = memory.timer;  /* hold_timer looks at the run as it is now */
       copy_pending(pending[0], pending[1]);
       forget(pending[1]);
       durable--;
       under_way--
     }
  /* a start; repeated by the client until it is told */
  :: atomic {
       !told && !recovering && memory.phase == idle && under_way < QUEUE ->
       start_attempt(true)
     }
  :: atomic {
       !told && !recovering && memory.phase != idle && under_way == 0 ->
       told = true  /* it exists: Shard::receive(StartMessage) */
     }
  /* recovery */
  :: atomic {
       recovering && under_way == 0 ->
       recovering = false;
       held = memory.timer;
#ifndef LOST_FORGOTTEN
       if
       :: memory.phase == in_flight -> attempt_failed(true)
       :: else
       fi
#endif
     }
  /* an answer */
  :: atomic {
       !recovering && under_way < QUEUE && nempty(answers) ->
       answers?number, well;
       if
#ifdef LATE_RESULT_APPLIED
       :: memory.phase != idle && memory.phase != closed ->
#else
       :: memory.phase == in_flight && memory.attempt == number ->  /* FactFolder: awaited() */
#endif
          if
          :: well ->
             clear_timer();
             memory.applied++;
             assert(memory.applied == 1);  /* 10 */
             memory.phase = waiting;
             set_timer();
             commit(nothing, 0, false)
          :: else -> attempt_failed(false)
          fi
       :: else  /* late: recorded, not applied */
       fi
     }
  /* a timer is due: time is not modelled, any time is right */
  :: atomic {
       !recovering && held != 0 && under_way < QUEUE ->
       number = held;
       held = 0;
       if
#ifdef TIMER_NOT_CHECKED
       :: memory.phase != closed ->
#else
       :: memory.timer == number && memory.phase != closed ->
#endif
          assert(!(memory.fired & (1 << number)) && !(memory.cancelled & (1 << number)));  /* 15 */
          memory.fired = memory.fired | (1 << number);
          memory.timer = 0;
          if
          :: memory.phase == in_flight -> attempt_failed(false)  /* its time is over; it may answer yet */
          :: memory.phase == back_off -> start_attempt(false)
          :: memory.phase == waiting ->
             memory.phase = closed;
             commit(nothing, 0, false)
          fi
       :: else -> held = memory.timer
       fi
     }
  od
}

active proctype Disk() {
end:
  do
  :: atomic {
       under_way > durable ->
       copy(disk, pending[durable].state);
       durable++
     }
  od
}

active proctype Outside() {
  byte number;
  bool happens;
end:
  do
  :: atomic {
       orders?number ->
       if
       :: happens = true
       :: happens = false
       fi;
       if
       :: happens ->
#ifdef KEY_PER_ATTEMPT
          if
          :: keys & (1 << number)
          :: else -> keys = keys | (1 << number); effects++
          fi
#else
          if
          :: keys & 1
          :: else -> keys = keys | 1; effects++
          fi
#endif
       :: else
       fi;
       assert(effects <= 1)  /* however many attempts */
     }
     if
     :: atomic { happens && nfull(answers) -> answers!number, true }
     :: atomic { nfull(answers) -> answers!number, false }  /* failed, or its answer was lost on the way back */
     :: atomic { happens && len(answers) == 0 -> answers!number, true; answers!number, true }  /* twice */
     fi;
     happens = false;
     number = 0
  od
}

active proctype Crash() {
  byte dropped;
  bool well;
end:
  do
  :: atomic {
       crashes < CRASHES ->
       if
       :: true
       :: nempty(orders) -> orders?dropped    /* had not begun */
       :: nempty(answers) -> answers?dropped, well
       fi;
       dropped = 0;
       well = false;
       crash();
       assert(!told || disk.phase != idle)    /* 1, 23 */
     }
  od
}

ltl closes { <> (disk.phase == closed && under_way == 0) }
ltl stays_told { [] (told -> disk.phase != idle) }
