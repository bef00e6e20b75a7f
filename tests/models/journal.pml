/* Journal and tables: group commit, torn tails, tables ahead of and behind the journal, recycled segments, a failed write
 * and recovery, kill and power loss at any moment.
 *
 * What a step stands for (src/storage/embedded):
 *   give            EmbeddedStore::commit, enqueue: it has a ticket and waits
 *   write           write_group, Journal::append: all that waits as one record; take_next_segment, release, fill_segment
 *   drain           drain_one, write_generation: what is durable goes to the tables, atomically with `mapplied`
 *   recover         EmbeddedStore::recover, Journal::reread: what is not durable is forgotten, its place written over
 *   open            scan_journal with begins_with_a_record, read_record, later_record; Journal::adopt, write_again
 *   seen, disk      what a reader gets, and what a power loss leaves: after a failed write they may differ
 *
 * Names are given: a file called .journal has a whole head (the crash points of tests/store show that).
 * A commit is its number, in the order they were given; `acked` is what somebody relies on: told to be durable, or seen
 * by a process that opened the store.
 *
 * Broken on purpose, one at a time: ACK_BEFORE_SYNC NO_WRITE_AGAIN DRAIN_BEFORE_DURABLE RELEASE_EARLY STALE_ACCEPTED
 *   HEAD_HIDES TORN_ACCEPTED RECOVER_SKIPS
 */
#ifndef COMMITS
#define COMMITS 7
#endif
#ifndef DOWNS
#define DOWNS 2
#endif
#ifndef ERRORS
#define ERRORS 2
#endif
#define SEGMENTS 3
#define SLOTS 2    /* records in a segment */
#define PLACES 6
#define TICKETS 8  /* and 0 */
#define GARBAGE 255

#define NOTHING 0  /* or what can't be told from it */
#define TORN 1     /* the head holds, not all of the rest */
#define WHOLE 2

typedef Record {
  byte holds = NOTHING;
  byte use;         /* the segment's number when it was written */
  byte first;       /* ticket */
  byte one, two;    /* its commits; two may be 0 */
  byte previous;    /* the chain: the last commit of the record before */
};

/* The files. */
Record seen[PLACES];
Record disk[PLACES];
byte number[SEGMENTS];       /* of the present use; 0: not made yet */
byte applied;                /* in the tables, with what they hold */
byte tables[TICKETS];

/* The process. */
bool up;
bool failed;
byte waiting_one, waiting_two;
byte durable;
byte content[TICKETS];       /* what it holds to be at each ticket */
byte current, slot, chain;
byte last_ticket[SEGMENTS];  /* 0: no record yet */
bool spare[SEGMENTS];
byte next_number = 1;

/* The truth. */
byte given;
byte acked[TICKETS];
byte downs, errors;

/* The scan's own. */
hidden byte i, k, at, start, segments, next, read_chain, last_segment, last_slot, oldest;
hidden byte any, corrupt, more;
hidden byte order[SEGMENTS];

inline copy(to, from) {
  to.holds = from.holds; to.use = from.use; to.first = from.first; to.one = from.one; to.two = from.two;
  to.previous = from.previous
}

#define PLACE(segment, s) ((segment) * SLOTS + (s))
#define COUNT(r) (r.two == 0 -> 1 : 2)
#define LAST(r) (r.two == 0 -> r.one : r.two)

inline acknowledge(upto) {
  for (i : 1 .. TICKETS - 1) {
    if
    :: i <= upto && acked[i] == 0 -> acked[i] = content[i]
    :: else
    fi
  }
  i = 0
}

/* Segments by number, oldest first. */
inline sort_segments() {
  segments = 0;
  oldest = 0;
  do
  :: segments < SEGMENTS ->
     at = SEGMENTS;
     for (i : 0 .. SEGMENTS - 1) {
       if
       :: number[i] > oldest && (at == SEGMENTS || number[i] < number[at]) -> at = i
       :: else
       fi
     }
     if
     :: at == SEGMENTS -> break
     :: else -> order[segments] = at; oldest = number[at]; segments++
     fi
  :: else -> break
  od
}

/* The last segment that begins at or before the first commit that is needed. */
inline find_start() {
  start = 0;
  for (i : 1 .. SEGMENTS - 1) {
    if
    :: i < segments ->
       at = PLACE(order[i], 0);
       if
#ifdef HEAD_HIDES
       :: seen[at].holds != NOTHING && seen[at].use == number[order[i]] && seen[at].first <= applied + 1 -> start = i
#else
       :: seen[at].holds == WHOLE && seen[at].use == number[order[i]] && seen[at].first <= applied + 1 -> start = i
#endif
       :: else
       fi
    :: else
    fi
  }
}

#ifdef STALE_ACCEPTED
#define IS_OURS(r, s) (r.holds != NOTHING)
#define FOLLOWS(r) true
#define IS_CHAINED(r) true
#else
#define IS_OURS(r, s) (r.holds != NOTHING && r.use == number[s])
#define FOLLOWS(r) (next == 0 || r.first == next)
#define IS_CHAINED(r) (!any || r.previous == read_chain)
#endif

#ifdef TORN_ACCEPTED
#define IS_READABLE(r) (r.holds != NOTHING)
#else
#define IS_READABLE(r) (r.holds == WHOLE)
#endif

/* Scanner::read_segment over all segments from `start`. */
inline scan(from, until) {
  corrupt = false; any = false; next = 0; read_chain = 0; last_segment = SEGMENTS; last_slot = 0;
  sort_segments();
  find_start();
  for (i : 0 .. SEGMENTS - 1) {
    if
    :: i >= start && i < segments ->
       more = true;
       last_ticket[order[i]] = 0;
       for (k : 0 .. SLOTS - 1) {
         at = PLACE(order[i], k);
         if
         :: more && IS_OURS(seen[at], order[i]) && IS_READABLE(seen[at]) && FOLLOWS(seen[at]) ->
            if
            :: !IS_CHAINED(seen[at]) -> corrupt = true
            :: !any && seen[at].first > from + 1 -> corrupt = true
            :: else
            fi;
            if
            :: seen[at].first > from && seen[at].first <= until -> content[seen[at].first] = seen[at].one
            :: else
            fi;
            if
            :: seen[at].two != 0 && seen[at].first + 1 > from && seen[at].first + 1 <= until ->
               content[seen[at].first + 1] = seen[at].two
            :: else
            fi;
            next = seen[at].first + COUNT(seen[at]);
            any = true;
            read_chain = LAST(seen[at]);
            last_segment = order[i];
            last_slot = k;
            last_ticket[order[i]] = next - 1
         :: more && IS_OURS(seen[at], order[i]) && next != 0 && seen[at].first > next -> corrupt = true; more = false
         :: !more && IS_OURS(seen[at], order[i]) && seen[at].first >= next -> corrupt = true  /* later_record */
         :: else -> more = false
         fi
       }
    :: i < start && i < segments -> last_ticket[order[i]] = from
    :: else
    fi
  }
  if
  :: next == 0 -> next = from + 1
  :: next != 0 && next <= from -> corrupt = true  /* the tables are ahead of the journal */
  :: else
  fi
}

/* Where the journal goes on: behind the last record; what was made and never written is used next. */
inline adopt() {
  chain = read_chain;
  current = (last_segment == SEGMENTS -> order[0] : last_segment);
  slot = (last_segment == SEGMENTS -> 0 : last_slot + 1);
  more = false;
  for (i : 0 .. SEGMENTS - 1) {
    spare[i] = false
  }
  for (i : 0 .. SEGMENTS - 1) {
    if
    :: i < segments && number[order[i]] > number[current] -> spare[order[i]] = more; more = true
    :: else
    fi
  }
}

inline check_content() {
  assert(!corrupt);
  for (i : 1 .. TICKETS - 1) {
    if
    :: i <= applied -> content[i] = tables[i]
    :: i >= next -> content[i] = 0
    :: else
    fi;
    assert(acked[i] == 0 || content[i] == acked[i]);                      /* 23: nothing acknowledged is lost */
    assert(content[i] == 0 || (content[i] > content[i - 1] && content[i] <= given))  /* in order, and somebody's */
  }
}

inline forget_process() {
  up = false; failed = false; waiting_one = 0; waiting_two = 0; durable = 0; current = 0; slot = 0; chain = 0;
  for (i : 0 .. TICKETS - 1) { content[i] = 0 }
  for (i : 0 .. SEGMENTS - 1) { last_ticket[i] = 0; spare[i] = false; order[i] = 0 }
}
inline lose_power() {
  for (i : 0 .. PLACES - 1) { copy(seen[i], disk[i]) }
  forget_process()
}

/* A write that did not succeed: each sector old or new. */
inline tear(place) {
  if
  :: true                            /* nothing of it */
  :: place.holds = NOTHING           /* some, and not the head */
  :: copy(place, record); place.holds = TORN; place.one = GARBAGE
  :: copy(place, record)
  fi
}

#ifdef RELEASE_EARLY
#define RELEASED durable
#else
#define RELEASED applied
#endif
#define IS_FREE(f) (number[f] == 0 || spare[f] || (f != current && number[f] < number[current] && last_ticket[f] <= RELEASED))

active proctype Store() {
  Record record;
  byte place;
  do
  :: atomic { up && !failed && given < COMMITS && waiting_one == 0 -> given++; waiting_one = given }
  :: atomic { up && !failed && given < COMMITS && waiting_one != 0 && waiting_two == 0 -> given++; waiting_two = given }

  :: atomic {  /* the next segment: one that is ready, else a free one */
       up && !failed && slot == SLOTS ->
       at = SEGMENTS;
       for (i : 0 .. SEGMENTS - 1) {
         if
         :: number[i] > number[current] && !spare[i] -> at = i
         :: else
         fi
       }
       if
       :: at == SEGMENTS && IS_FREE(0) -> at = 0; number[at] = next_number; next_number++
       :: at == SEGMENTS && IS_FREE(1) -> at = 1; number[at] = next_number; next_number++
       :: at == SEGMENTS && IS_FREE(2) -> at = 2; number[at] = next_number; next_number++
       :: else
       fi;
       if
       :: at < SEGMENTS -> current = at; slot = 0; spare[at] = false; last_ticket[at] = 0
       :: else  /* it waits for the tables */
       fi;
       at = 0
     }

  :: atomic {
       up && !failed && waiting_one != 0 && slot < SLOTS ->
       record.holds = WHOLE;
       record.use = number[current];
       record.first = durable + 1;
       record.one = waiting_one;
       record.two = waiting_two;
       record.previous = chain;
       place = PLACE(current, slot);
#ifdef ACK_BEFORE_SYNC
       content[durable + 1] = waiting_one;
       content[durable + COUNT(record)] = LAST(record);
       acknowledge(durable + COUNT(record));
#endif
       if
       :: copy(seen[place], record);
          copy(disk[place], record);
          content[record.first] = record.one;
          durable = durable + COUNT(record);
          content[durable] = LAST(record);
          last_ticket[current] = durable;
          chain = LAST(record);
          slot++;
          acknowledge(durable);
          waiting_one = 0;
          waiting_two = 0
       :: errors < ERRORS ->
          errors++;
          tear(disk[place]);
          if
          :: copy(seen[place], disk[place])
          :: tear(seen[place])  /* as the kernel has it */
          fi;
          failed = true;
          waiting_one = 0;
          waiting_two = 0
       :: downs < DOWNS ->
          downs++;
          tear(disk[place]);
          lose_power()
       fi;
       record.use = 0; record.first = 0; record.one = 0; record.two = 0; record.previous = 0; record.holds = NOTHING;
       place = 0
     }

  :: atomic {
#ifdef DRAIN_BEFORE_DURABLE
       up && !failed && applied == durable && waiting_one != 0 ->
       applied++;
       tables[applied] = waiting_one
     }
  :: atomic {
#endif
       up && applied < durable ->
       applied++;
       tables[applied] = content[applied]
     }

  :: atomic {
       up && failed ->
       scan(applied, durable);
       assert(!corrupt && next > durable);
       failed = false;
#ifdef RECOVER_SKIPS
       if
       :: slot < SLOTS -> slot++
       :: else
       fi
#endif
     }

  :: atomic {
       !up ->
       if
       :: number[0] == 0 && number[1] == 0 && number[2] == 0 -> number[0] = next_number; next_number++
       :: else
       fi;
       scan(applied, TICKETS);
       check_content();
       adopt();
       durable = next - 1;
#ifndef NO_WRITE_AGAIN
       if
       :: any -> copy(disk[PLACE(last_segment, last_slot)], seen[PLACE(last_segment, last_slot)])
       :: else
       fi;
#endif
       acknowledge(durable);
       up = true
     }

  :: atomic { up && downs < DOWNS -> downs++; forget_process() }                   /* kill */
  :: atomic { up && downs < DOWNS -> downs++; lose_power() }
  :: atomic { up && !failed && given == COMMITS && waiting_one == 0 && downs == DOWNS -> break }
  od
}
