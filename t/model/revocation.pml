/*
 * Revocation is immediate: the rules 1 to 7 of mod_taiauth/core/revocation.c, for spin.
 *
 *   When a revocation returns, no request with that key passes the look (rule 7) any more, on any
 *   node.
 *
 * One key is followed. Every process may stop for any time between two steps. One step is one
 * statement of the database, or one word of shared memory, or what is done under a lock that nobody
 * looks behind. README.md says what is left out and what each switch takes away.
 *
 * t/model/run gives the sizes:
 *
 *   NODES, SYNCERS of a node, READERS   1 or 2, no more than 2 of each in all
 *   REVOKERS                            1 or 2; with OTHERS=1 the first one is about something else
 *   IDS                                 1 to 4: how often nodes may register, in all
 *   LEASE                               ticks
 *   CREATED                             0: the key is not there yet; the first revoker creates it
 *   COARSE                              requests in two steps
 *   REGISTERED, SYNCS                   the first node is there already; each syncer syncs so often
 *   LEASE_CHANGES, LEAVES               the configuration changes; the first node ends in good order
 */

#define LONGER (LEASE + 1) /* what TaiAuthLease may be changed to */

/* How long a revoker waits, in ticks: the lease by the slowest clock that is allowed, and no less. */
#ifdef WAIT_TOO_SHORT
#define WAIT(lease) ((lease) - 1)
#else
#define WAIT(lease) (lease)
#endif

/* ---- the database ------------------------------------------------------------------------ */

typedef row_t {
    bit there;
    byte applied;
    byte lease
};

row_t row[5];      /* of nodes, by id */
byte ids;           /* how many ids were given out */
byte counter;       /* change_counter */
bit counter_lock;   /* its row lock, from the trigger to the commit */
#ifdef SEQ_OUT_OF_ORDER
byte taken;         /* from a sequence */
#endif
bit created;        /* the key is there ... */
byte bad_seq;       /* ... and since this change it is not good any more; 0: it is */
byte named_seq;     /* the change whose line names the key, its account, or every key */

#define GOOD (created && bad_seq == 0)

/* ---- the shared memory of a node --------------------------------------------------------- */

typedef segment_t {
    byte id;           /* of its row; 0: not registered */
    byte registration; /* what readers see of that */
    byte applied;      /* applied_seq */
    bit kept;          /* the key table has the record of the key, and says that it is good */
    bit lock           /* the table's */
};

segment_t seg[2];
byte configured = LEASE; /* TaiAuthLease */

/* ---- time -----------------------------------------------------------------------------------
 * A point in time is kept as the ticks until then, or since then: so there are finitely many states.
 */

byte lease[2];  /* of a node: until its end; 0: none runs */
byte noted[2];  /* of a syncer: until the end of a lease that begins when it noted the clock */
byte held[2];   /* of a reader: until the end of the lease that its look has read */
byte waited[2]; /* of a revoker: since its commit, plus 1; 0: he does not wait */

#define WAITED_MAX (LONGER + 1)
#define WAITING(r) (waited[r] > 0 && waited[r] < WAITED_MAX)
#define LATER(left) left = (left > 0 -> left - 1 : 0)

/* It stands still when nobody waits for it: what is blocked then, is blocked for ever. */
proctype clock()
{
end:
    do
    :: atomic {
            lease[0] + lease[1] + noted[0] + noted[1] + held[0] + held[1] > 0 ||
            WAITING(0) || WAITING(1) ->
            d_step {
                LATER(lease[0]); LATER(lease[1]);
                LATER(noted[0]); LATER(noted[1]);
                LATER(held[0]); LATER(held[1]);
                waited[0] = (WAITING(0) -> waited[0] + 1 : waited[0]);
                waited[1] = (WAITING(1) -> waited[1] + 1 : waited[1])
            }
       }
    od
}

/* ---- what is claimed --------------------------------------------------------------------- */

bit returned; /* a revocation of the key has returned */

/* A run that must be there, or the claim holds for want of anything happening. */
#ifdef WITNESS
#define SEEN(n) assert(WITNESS != n)
#define CLAIM(holds) skip
#else
#define SEEN(n) skip
#define CLAIM(holds) assert(holds)
#endif
#define PASSED_FROM_TABLE 1
#define PASSED_FROM_SELECT 2
#define REFUSED_BY_LOOK 3
#define IN_FORCE 4
#define STRUCK_OFF 5
#define REGISTERED_ANEW 6
#define THROWN_AWAY 7
#define ASKED_AGAIN 8

/* ---- rules 2 and 3: register, sync ------------------------------------------------------- */

#define SAME (seg[n].registration == registration && seg[n].applied == from)
#ifdef STALE_RESULT_KEPT
#define USABLE true
#else
#define USABLE SAME
#endif

#ifdef ROW_NOT_COMPARED
#define AS_LEFT(applied_then) row[id].there && row[id].lease == length
#elif defined(LEASE_CHANGED_IN_PLACE)
#define AS_LEFT(applied_then) row[id].there && row[id].applied == applied_then
#else
#define AS_LEFT(applied_then) \
    row[id].there && row[id].applied == applied_then && row[id].lease == length
#endif
#define READ_CHANGES \
    upto = counter; \
    named = (named_seq > from && named_seq <= upto)

/* `goto again`: the database gives no answer, or this process is killed and another one syncs. */
proctype syncer(byte n; byte me)
{
    byte id, registration, from, upto, length;
    bit named, there;
#ifdef SYNCS
    byte passes;
#endif

again:
    atomic {
        noted[me] = 0; id = 0; registration = 0; from = 0; upto = 0; length = 0;
        named = 0; there = 0
    }
end:
    if
#ifdef SYNCS
    :: d_step { passes < SYNCS -> passes++; noted[me] = configured; length = configured }
#else
    :: d_step { noted[me] = configured; length = configured } /* (a) */
#endif
    :: goto gone
    fi;
    atomic {
        !seg[n].lock ->
        id = seg[n].id;
        registration = seg[n].registration;
        from = seg[n].applied;
        if
        :: id == 0 -> goto register
        :: else
        fi
    }

#ifdef OWN_ROW_FIRST
    there = AS_LEFT(from);
    d_step { from = seg[n].applied; READ_CHANGES };
#else
    if /* (b) */
    :: d_step { there = AS_LEFT(from); READ_CHANGES }
    :: goto again
    fi;
#endif
    if /* (c) */
    :: there
    :: !there -> goto register
    fi;

#ifdef PUBLISH_BEFORE_APPLY
    atomic { !seg[n].lock && SAME -> seg[n].lock = 1; seg[n].applied = upto };
    d_step { seg[n].kept = (named -> 0 : seg[n].kept); seg[n].lock = 0 };
#else
    if /* (d) */
    :: atomic { !seg[n].lock && USABLE ->
            if
            :: upto == from
            :: else -> seg[n].lock = 1; seg[n].kept = (named -> 0 : seg[n].kept)
            fi
       }
    :: atomic { !seg[n].lock && !USABLE -> SEEN(THROWN_AWAY); goto again }
    :: goto again
    fi;
    if
    :: upto == from
    :: upto != from ->
        if
        :: d_step { seg[n].applied = upto; seg[n].lock = 0 }
        :: seg[n].lock = 0; goto again
        fi
    fi;
#endif

#ifdef LEASE_BEFORE_ACK
    lease[n] = noted[me];
#endif
    if /* (e) */
    :: upto == from
    :: upto != from ->
        if
        :: d_step { there = row[id].there; row[id].applied = (there -> upto : 0) }
        :: d_step { row[id].applied = (row[id].there -> upto : 0) }; goto again
        :: goto again
        fi
    fi;
#ifndef NO_ROW_IS_FINE
    if
    :: there
    :: !there -> goto register
    fi;
#endif

#ifdef LEASE_FROM_END
    noted[me] = length;
#endif
#ifndef LEASE_BEFORE_ACK
    atomic { /* (f) */
        !seg[n].lock ->
        if
#ifdef STALE_RESULT_KEPT
        :: true ->
#else
        :: seg[n].registration == registration ->
#endif
            lease[n] = (noted[me] > lease[n] -> noted[me] : lease[n])
        :: else
        fi
    };
#endif
    goto again;

register:
    atomic { noted[me] = configured; length = configured; upto = 0; named = 0; there = 0 };
#ifdef EMPTY_BEFORE_REGISTER
    atomic { !seg[n].lock -> seg[n].kept = 0 };
#endif
    upto = counter; /* a statement that is not committed before others are */
    if
    :: ids == IDS -> goto gone
    :: atomic {
            ids < IDS ->
            ids++;
            row[ids].there = 1;
            row[ids].applied = upto;
            row[ids].lease = length;
#ifdef OLD_ROW_GOES_AT_ONCE
            row[id].there = 0;
#endif
            id = ids
       }
    :: goto again
    fi;
    atomic {
        !seg[n].lock ->
        seg[n].lock = 1;
        from = seg[n].id; /* whose row is to go */
        seg[n].id = 0;
        lease[n] = 0
    };
    if
    :: skip
    :: seg[n].lock = 0; goto again
    fi;
#ifndef EMPTY_BEFORE_REGISTER
#ifndef EMPTY_LAST
    seg[n].kept = 0;
#endif
#endif
    seg[n].applied = upto;
    if
    :: seg[n].registration = id
    :: seg[n].lock = 0; goto again
    fi;
#ifdef EMPTY_LAST
    seg[n].kept = 0;
#endif
    if
    :: atomic { seg[n].id = id; lease[n] = noted[me]; seg[n].lock = 0 }
    :: seg[n].lock = 0; goto again
    fi;
    if
    :: from != 0 -> atomic { row[from].there = 0; SEEN(REGISTERED_ANEW) }
    :: true
    fi;
    goto again;

gone:
    noted[me] = 0
}

/* ---- rules 4, 6 and 7: one request after the other --------------------------------------- */

#ifdef LEARN_WITHOUT_REGISTRATION
#define CURRENT (seq >= seg[n].applied)
#else
#define CURRENT (seg[n].registration == registration && seq >= seg[n].applied)
#endif

#ifdef COARSE
/* In two steps: for the models in which others are looked at more closely. */
proctype reader(byte n; byte me)
{
    byte registration, seq;

end:
    do
    :: atomic {
            lease[n] > 0 && !seg[n].lock && (seg[n].kept || (GOOD && counter >= seg[n].applied)) ->
            registration = seg[n].registration;
            seq = (seg[n].kept -> seg[n].applied : counter);
            if
            :: seg[n].kept = 1
            :: true
            fi
       }
       atomic {
            if
            :: seg[n].registration == registration && seq >= seg[n].applied && lease[n] > 0 ->
                CLAIM(!returned);
                SEEN(PASSED_FROM_TABLE)
            :: else
            fi;
            registration = 0;
            seq = 0
       }
    od
}
#else
proctype reader(byte n; byte me)
{
    byte registration, seq; /* the version that the verdict rests on */
    bit good, asked, holds, late, ran;

judge:
    atomic {
        registration = 0; seq = 0; good = 0; asked = 0; holds = 0; late = 0; ran = 0;
        held[me] = 0
    }
end:
    lease[n] > 0; /* rule 4 */
    registration = seg[n].registration; /* rule 6 */
#ifdef VERSION_AFTER_RECORD
    good = seg[n].kept;
    seq = seg[n].applied;
#else
    seq = seg[n].applied;
    good = seg[n].kept;
#endif
    if
    :: good -> goto look
    :: !good
    fi;

#ifdef COUNTER_AFTER_RECORD
    good = GOOD;
    seq = counter;
#elif defined(SELECT_WITHOUT_COUNTER)
    good = GOOD;
#else
    d_step { good = GOOD; seq = counter };
#endif
    asked = 1;
#ifdef TEST_OUTSIDE_LOCK
    if
    :: CURRENT
    :: !CURRENT -> goto judge
    fi;
#endif
    atomic {
        !seg[n].lock ->
        if
#if defined(SELECT_WITHOUT_COUNTER) || defined(TEST_OUTSIDE_LOCK)
        :: true ->
#else
        :: CURRENT ->
#endif
            if
            :: good -> seg[n].kept = 1
            :: true /* TaiAuthKeyCache Off, or another key takes its place */
            fi
        :: else -> SEEN(ASKED_AGAIN); goto judge
        fi
    };
    if
    :: good
    :: !good -> goto judge /* 401 */
    fi;

look: /* rule 7: the lease's end, then the version, then the clock */
#ifdef CLOCK_BEFORE_LEASE
    ran = (lease[n] > 0);
#endif
#ifdef LOOK_WITHOUT_LEASE
    ran = 1;
#endif
#ifdef LEASE_AFTER_VERSION
    skip;
#else
    held[me] = lease[n];
#endif
#ifdef LOOK_WITHOUT_REGISTRATION
    d_step { late = returned; holds = 1 };
#else
    d_step { late = returned; holds = (seg[n].registration == registration) };
#endif
#ifndef LOOK_WITHOUT_COUNTER
    holds = (holds && seq >= seg[n].applied);
#endif
#ifdef LEASE_AFTER_VERSION
    held[me] = lease[n];
#endif
    atomic {
        if
        :: holds && (held[me] > 0 || ran) ->
            CLAIM(!late);
            if
            :: asked -> SEEN(PASSED_FROM_SELECT)
            :: else -> SEEN(PASSED_FROM_TABLE)
            fi
        :: else ->
            if
            :: bad_seq != 0 -> SEEN(REFUSED_BY_LOOK)
            :: else
            fi
        fi;
        goto judge
    }
}
#endif

/* ---- rules 1 and 5: change and wait ------------------------------------------------------ */

#define SILENT(i) (row[i].there && row[i].applied < seq)
#define ANY_SILENT (SILENT(1) || SILENT(2) || SILENT(3) || SILENT(4))
#ifdef ONE_NODE_IS_ENOUGH
#define HEARD(i) (row[i].there && row[i].applied >= seq)
#define IS_IN_FORCE (!ANY_SILENT || HEARD(1) || HEARD(2) || HEARD(3) || HEARD(4))
#else
#define IS_IN_FORCE (!ANY_SILENT)
#endif
#define OVER(i) (!SILENT(i) || waited[me] > WAIT(row[i].lease))
#define WAIT_IS_OVER (OVER(1) && OVER(2) && OVER(3) && OVER(4))

#ifdef UNCONDITIONAL_STRIKE
#define STRIKE(i) row[i].there = (silent & (1 << i) -> 0 : row[i].there)
#else
#define STRIKE(i) row[i].there = (silent & (1 << i) && SILENT(i) -> 0 : row[i].there)
#endif

/* bad: he revokes the key or suspends its account; else he creates the key, or changes another. */
proctype revoker(byte me; bit bad)
{
    byte seq, silent;
    bit listed;

    listed = created;
    if
    :: bad && bad_seq != 0 -> /* somebody else has done it: to wait is all that is left */
#ifdef SECOND_REVOKE_RETURNS
        goto done
#endif
    :: !(bad && bad_seq != 0) ->
#ifdef SEQ_OUT_OF_ORDER
        d_step { taken++; seq = taken };
#else
        atomic { !counter_lock -> counter_lock = 1; seq = counter + 1 };
#endif
        d_step {
            counter = (seq > counter -> seq : counter);
            counter_lock = 0;
            if
            :: bad && bad_seq == 0 ->
                bad_seq = seq;
#ifdef ACCOUNT_LISTS_KEYS
                named_seq = (listed -> seq : 0)
#else
                named_seq = seq
#endif
            :: !bad -> created = 1
            :: else
            fi
        }
    fi;

#ifdef WAIT_BEFORE_COUNTER
    waited[me] = 1;
    seq = counter;
#else
    d_step { seq = counter; waited[me] = 1 };
#endif
    if
    :: atomic { IS_IN_FORCE -> SEEN(IN_FORCE) }
    :: atomic {
            ANY_SILENT && WAIT_IS_OVER ->
            silent = SILENT(1) << 1 | SILENT(2) << 2 | SILENT(3) << 3 | SILENT(4) << 4
       }
       d_step {
            STRIKE(1); STRIKE(2); STRIKE(3); STRIKE(4);
            silent = 0
       }
       SEEN(STRUCK_OFF)
    fi;
done:
    atomic { waited[me] = 0; returned = (returned || bad); seq = 0; listed = 0 }
}

#ifdef LEAVES
/* The node ends in good order, amid whatever else it does. */
proctype leaver(byte n)
{
    byte id;

#ifdef ROW_LEAVES_FIRST
    id = seg[n].id;
    row[id].there = 0;
#endif
    atomic { !seg[n].lock -> seg[n].lock = 1; id = seg[n].id; lease[n] = 0 };
    seg[n].registration = IDS + 1;
    d_step { seg[n].id = 0; seg[n].lock = 0 };
    row[id].there = 0
}
#endif

#ifdef LEASE_CHANGES
proctype administrator()
{
    configured = LONGER
}
#endif

init {
    byte i;

    atomic {
        created = CREATED;
#ifdef REGISTERED
        ids = 1; row[1].there = 1; row[1].lease = LEASE;
        seg[0].id = 1; seg[0].registration = 1; lease[0] = LEASE;
#endif
        run clock();
        do
        :: i < NODES * SYNCERS -> run syncer(i / SYNCERS, i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < READERS -> run reader(i % NODES, i); i++
        :: else -> break
        od;
        run revoker(0, OTHERS == 0);
        if
        :: REVOKERS > 1 -> run revoker(1, 1)
        :: else
        fi;
#ifdef LEAVES
        run leaver(0);
#endif
#ifdef LEASE_CHANGES
        run administrator()
#endif
    }
}
