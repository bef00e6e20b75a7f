/* A saga with unknown outcomes: step 0, then steps 1 and 2 side by side; any may fail, the run may be cancelled, and what
 * was or may have been done is undone in reverse order.
 *
 * A decision is one durable commit, and effects leave after it: dispatch.pml shows that, here it is given. What a step
 * stands for (src/decider):
 *   schedule()      Turn::schedule_activity, dispatch: what may be owed is on disk before it can happen
 *   completed()     Turn::activity_returned: completion and record_effect() in one commit
 *   give_up()       Turn::attempt_failed: an effect that may have happened is recorded as owed, outcome unknown
 *   settling        Turn::cancel, settle_cancel: siblings in flight are awaited before anything is undone
 *   undo()          Turn::advance_compensation, next_undo: the last entry that is owed; one at a time
 *   recovering      decider::recover: ActivityLost for what was in flight, a compensation, too
 *   Party           who does and undoes. It may be slow: a request may reach it after a crash of ours, and its answer never.
 *                   It keeps keys: asked twice it does once, and what it was told to undo it does not do any more.
 *
 * Broken on purpose, one at a time: RECORD_AFTER_ACT RECORD_LATER UNKNOWN_IGNORED FORWARD_ORDER UNDO_BEFORE_SETTLED
 *   UNDO_NOT_REPEATED DONE_BEFORE_UNDONE; and, not of ours, PARTY_FORGETS_KEYS
 */
#ifndef CRASHES
#define CRASHES 2
#endif
#define STEPS 3
#ifndef ATTEMPTS_MAX
#define ATTEMPTS_MAX 2
#endif
#define REFUSED_UNDOS 1  /* the party refuses to undo for a while only */

mtype = { fresh, in_flight, completed_, over };
mtype = { forward, settling, compensating, all_done, all_undone };
mtype = { ok, refused, ambiguous };

/* On disk: each atomic step of Engine is a commit. */
mtype mode = forward;
mtype step[STEPS] = fresh;
byte attempt[STEPS];
bool maybe[STEPS];        /* Frame::maybe_effect */
bool unrecorded[STEPS];   /* only of RECORD_LATER */
byte owed_step[STEPS];    /* State::saga_log, oldest first */
bool owed_done[STEPS];
byte owed;
byte undoing = STEPS;     /* the entry whose compensation is in flight; STEPS: none */
byte undo_attempt;

/* In memory. */
bool to_send[STEPS];      /* commands of the last commits that are not carried out yet */
bool to_undo;
bool recovering;
bool cancelled;
byte crashes, refusals;

/* The world. */
bool effect[STEPS];
bool undone[STEPS];                      /* keys that the party was told to undo */
byte requests[STEPS];                    /* on their way to the party: the attempt's number */
chan undos = [1] of { byte, byte };
chan answers = [3] of { byte, byte, mtype };  /* to us; a crash loses them */
chan undo_answers = [1] of { byte, bool };

inline schedule(s) {
  step[s] = in_flight;
  attempt[s]++;
  to_send[s] = true
}
inline record(s) {
  assert(step[s] == completed_ || maybe[s]);  /* 18 */
  owed_step[owed] = s;
  owed++
}
inline completed(s) {
  step[s] = completed_;
#ifdef RECORD_LATER
  unrecorded[s] = true
#else
  record(s)
#endif
}
inline give_up(s) {
  step[s] = over;
#ifndef UNKNOWN_IGNORED
  if
  :: maybe[s] -> record(s)
  :: else
  fi;
#endif
  mode = settling
}
inline attempt_ended_badly(s) {
  if
  :: mode == forward && attempt[s] < ATTEMPTS_MAX -> schedule(s)  /* the policy allows another one: same key */
  :: give_up(s)
  fi
}
inline find_undo() {
  entry = STEPS;
#ifdef FORWARD_ORDER
  for (i : 0 .. STEPS - 1) {
    if
    :: i < owed && !owed_done[i] && entry == STEPS -> entry = i
    :: else
    fi
  }
#else
  for (i : 0 .. STEPS - 1) {
    if
    :: i < owed && !owed_done[i] -> entry = i
    :: else
    fi
  }
#endif
  i = 0
}

active proctype Engine() {
  byte s, i, number, entry = STEPS;
  mtype how;
  bool well;
end:
  do
  /* forward */
  :: atomic { mode == forward && !recovering && step[0] == fresh -> schedule(0) }
  :: atomic {
       mode == forward && !recovering && step[0] == completed_ && step[1] == fresh && step[2] == fresh ->
       schedule(1);
       schedule(2)
     }
  :: atomic {
       mode == forward && step[0] == completed_ && step[1] == completed_ && step[2] == completed_ ->
       mode = all_done;
       assert(effect[0] && effect[1] && effect[2])
     }
  :: atomic { mode == forward && !cancelled && !recovering -> cancelled = true; mode = settling }
#ifdef RECORD_LATER
  :: atomic {
       unrecorded[0] || unrecorded[1] || unrecorded[2] ->
       s = (unrecorded[0] -> 0 : (unrecorded[1] -> 1 : 2));
       unrecorded[s] = false;
       record(s);
       s = 0
     }
#endif
  /* acting, after the commit */
  :: atomic {
       to_send[0] || to_send[1] || to_send[2] ->
       s = (to_send[0] -> 0 : (to_send[1] -> 1 : 2));
       to_send[s] = false;
       requests[s] = attempt[s];
       s = 0
     }
  :: atomic {
       to_undo && nfull(undos) ->
       to_undo = false;
       for (i : 0 .. STEPS - 1) {
         assert(i <= undoing || i >= owed || owed_done[i])  /* 19 */
       }
       i = 0;
       undos!owed_step[undoing], undo_attempt;
#ifdef DONE_BEFORE_UNDONE
       owed_done[undoing] = true;
       undoing = STEPS
#endif
     }
  /* answers */
  :: atomic {
       !recovering && nempty(answers) ->
       answers?s, number, how;
       if
       :: step[s] != in_flight || attempt[s] != number  /* late: FactFolder::awaited() */
       :: step[s] == in_flight && attempt[s] == number && how == ok -> completed(s)
       :: step[s] == in_flight && attempt[s] == number && how == refused -> give_up(s)
       :: step[s] == in_flight && attempt[s] == number && how == ambiguous ->
          maybe[s] = true;
          attempt_ended_badly(s)
       fi;
       s = 0;
       number = 0;
       how = 0
     }
  :: atomic {
       !recovering && nempty(undo_answers) ->
       undo_answers?number, well;
       if
       :: undoing == STEPS || number != undo_attempt
       :: undoing < STEPS && number == undo_attempt && well -> owed_done[undoing] = true; undoing = STEPS
       :: undoing < STEPS && number == undo_attempt && !well -> undo_attempt++; to_undo = true
       fi;
       number = 0;
       well = false
     }
  /* undoing */
  :: atomic {
#ifdef UNDO_BEFORE_SETTLED
       mode == settling && !recovering ->
#else
       mode == settling && !recovering && step[0] != in_flight && step[1] != in_flight && step[2] != in_flight ->
#endif
       mode = compensating
     }
  :: atomic {
       mode == compensating && !recovering && undoing == STEPS ->
       find_undo();
       if
       :: entry < STEPS ->
          undoing = entry;
          undo_attempt++;
          to_undo = true;
       :: else ->
          mode = all_undone;
          assert(!effect[0] && !effect[1] && !effect[2])  /* 20 */
       fi;
       entry = STEPS
     }
  /* after a crash */
  :: atomic {
       recovering ->
       recovering = false;
       for (i : 0 .. STEPS - 1) {
         if
         :: step[i] == in_flight -> maybe[i] = true; attempt_ended_badly(i)
         :: else
         fi
       }
       i = 0;
       if
       :: undoing < STEPS ->
#ifdef UNDO_NOT_REPEATED
          owed_done[undoing] = true;
          undoing = STEPS
#else
          undo_attempt++;
          to_undo = true
#endif
       :: else
       fi
     }
  od
}

active proctype Party() {
  byte s, number;
  mtype how;
  bool well;
end:
  do
  :: atomic {
       requests[0] || requests[1] || requests[2] ->
       if
       :: requests[0] -> s = 0
       :: requests[1] -> s = 1
       :: requests[2] -> s = 2
       fi;
       number = requests[s];
       requests[s] = 0;
       if
#ifndef PARTY_FORGETS_KEYS
       :: undone[s] -> how = refused
#endif
       :: !undone[s] && effect[s] -> how = ok
       :: !undone[s] && !effect[s] -> how = refused
#ifdef PARTY_FORGETS_KEYS
       :: undone[s] -> effect[s] = true; how = ok
#endif
       :: !undone[s] -> effect[s] = true; how = ok
       :: !undone[s] -> effect[s] = true; how = ambiguous  /* it did, and can't say so */
       :: how = ambiguous                                  /* it did not, and can't say so */
       fi;
       assert(mode != all_undone || !effect[s])            /* 20, also later */
     }
     if
     :: atomic { nfull(answers) -> answers!s, number, how }
     fi;
     s = 0;
     number = 0;
     how = 0
  :: atomic {
       undos?s, number ->
       if
       :: effect[s] = false; undone[s] = true; well = true
       :: refusals < REFUSED_UNDOS -> refusals++; well = false
       fi;
       s = 0
     }
     if
     :: atomic { nfull(undo_answers) -> undo_answers!number, well }
     fi;
     number = 0;
     well = false
  od
}

active proctype Crash() {
  byte s;
end:
  do
  :: atomic {
       crashes < CRASHES ->
       crashes++;
       for (s : 0 .. STEPS - 1) {
         to_send[s] = false;
#ifdef RECORD_AFTER_ACT
         if
         :: step[s] == in_flight -> step[s] = fresh  /* nobody had written down that it was asked for */
         :: else
         fi;
#endif
         unrecorded[s] = false
       }
       s = 0;
       to_undo = false;
       do
       :: nempty(answers) -> answers?_, _, _
       :: empty(answers) -> break
       od;
       if
       :: nempty(undo_answers) -> undo_answers?_, _
       :: empty(undo_answers)
       fi;
       if  /* an undo that was on its way arrives, or does not */
       :: nempty(undos) -> undos?_, _
       :: true
       fi;
       recovering = true
     }
  od
}

ltl closes { <> (mode == all_done || mode == all_undone) }
