#ifndef TAI_STORE_H
#define TAI_STORE_H

#include <apr_network_io.h>
#include <apr_pools.h>
#include <apr_tables.h>
#include "breaker.h"
#include "seat.h"
#include "record.h"

/*
 * Where accounts and keys live. This is all that the rest knows of the database: SQL stands in
 * store_*.c alone.
 */

typedef struct tai_store_t tai_store_t;

/* The version that this code reads and writes: how many migrations there are. */
extern const int tai_store_schema_version;

typedef enum {
    TAI_STORE_READY,      /* there, and of the right version */
    TAI_STORE_ABSENT,     /* no such file, or no schema in it */
    TAI_STORE_OTHER,      /* another schema version */
    TAI_STORE_UNFIT,      /* a read replica, or read-only */
    TAI_STORE_UNREACHABLE /* could not be asked */
} tai_store_state_e;

/**
 * Do these name a database that can be used? Nothing is asked of it.
 * @param driver  name of an apr_dbd driver, as in DBDriver; NULL: none was given
 * @param params  as in DBDParams; NULL: none were given
 * @return NULL, or a sentence: what is wrong with them, and what is allowed
 */
const char *tai_store_check_params(const char *driver, const char *params, apr_pool_t *p);

/**
 * @param driver  as in DBDriver, one that can be used
 * @return 1: its databases are files of this host; 0: they are behind a server
 */
int tai_store_is_file(const char *driver);

/**
 * Ask a database what it is, with a connection of its own that is closed again. Creates nothing.
 * @param driver  as in DBDriver
 * @param params  as in DBDParams: for sqlite3 a path, or file:/path?mode=rw
 * @param p       for the texts; also used while asking
 * @param text    set to a sentence with the path (or the parameters without their password) and,
 *                where something can be done, the taictl command that does it; when ready, to what a
 *                crash of its host could undo, or NULL
 */
tai_store_state_e tai_store_check(const char *driver, const char *params, apr_pool_t *p,
                                  const char **text);

/*
 * How long a server's database is waited for, and by how many. A file is waited for as SQLite does.
 */
typedef struct tai_store_limits_t {
    apr_uint32_t connect_ms;   /* for a connection; of a server with several addresses, for each */
    apr_uint32_t statement_ms; /* for a statement that reads, or for the node's own affairs */
    apr_uint32_t change_ms;    /* for one that changes something: others may be at it */
    apr_uint32_t node_ms;      /* the longest of both for the node's own affairs; 0: no shorter */
    tai_seats_t *seats;        /* of those who wait; NULL: as many may as like */
    int threads;               /* how many share the seats */
    tai_breaker_t *breaker;    /* asked before anything else; NULL: none */
    void (*changing)(int under_way); /* told that a change begins, and has ended; NULL: nobody is */
    const apr_port_t *own_ports;     /* where this process listens: tai_socket_strike */
} tai_store_limits_t;

/* The sentence for one who was spared to wait for a server that gave somebody else no answer. */
extern const char tai_store_left_alone[];

/* Of one who has asked for something by a command, and can end it himself. */
extern const tai_store_limits_t tai_store_patient;

/**
 * A pool of connections to one database. Nothing is opened before it is needed.
 * @param driver   as in DBDriver
 * @param params   as in DBDParams
 * @param max      how many connections to read with at the most; further callers wait for one, those
 *                 who change something for one more that they share
 * @param limits   need not live longer, but its breaker, seats and own_ports
 * @param p        the store is closed when this pool is destroyed
 * @param out      the store
 * @return APR_SUCCESS, or why it could not be made
 */
apr_status_t tai_store_create(tai_store_t **out, const char *driver, const char *params, int max,
                              const tai_store_limits_t *limits, apr_pool_t *p);

/**
 * Whatever is under way with a server, or begins, is to come to an end.
 * @param ms  how long it may take yet, all together, milliseconds; but a connection is opened by its
 *            driver's own time-out, which is no longer than this, and with some 2 seconds at the least
 */
void tai_store_hurry(tai_store_t *store, apr_uint32_t ms);

/**
 * Take a seat for the time that one waits for a look-up of another one.
 * @param patience_ms  how long he would wait, milliseconds
 * @param seat         for tai_seat_leave
 * @return how long he may: no more than a moment, or 0, where as many wait as may
 */
apr_uint32_t tai_store_join(tai_store_t *store, apr_uint32_t patience_ms, tai_seat_t *seat);

/**
 * @return 1: its server gave no answer a moment ago, and nobody is to ask it now
 */
int tai_store_rests(const tai_store_t *store);

/**
 * @return how long an answer may take that another thread has asked for, milliseconds
 */
apr_uint32_t tai_store_patience(const tai_store_t *store);

/**
 * From now on the store is not closed with its pool: for a process that a signal ends out of
 * whatever it does. It may be amid a call of ours, whose connection cannot be closed then: SQLite
 * would wait for a lock that this thread itself holds. The end of the process closes all.
 */
void tai_store_abandon(tai_store_t *store);

/**
 * Look a key up by digest. May be called from any thread.
 * @param key     SHA-256 of the whole key
 * @param p       the record lives here
 * @param record  set to the record, or NULL: there is no such key
 * @param seq     set to the counter of changes, as read by the same statement
 * @param error   set to a sentence for the log where the database gave no answer; else NULL
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer, nothing is known
 */
apr_status_t tai_store_find_key(tai_store_t *store, const tai_digest_t *key, apr_pool_t *p,
                                tai_record_t **record, apr_int64_t *seq, const char **error);

/**
 * The same by the id of the key: for an operator, who has no key.
 * @param id  as taictl shows it; any bytes without NUL
 */
apr_status_t tai_store_find_key_by_id(tai_store_t *store, const char *id, apr_pool_t *p,
                                      tai_record_t **record, const char **error);

/**
 * Which plans grant a scope, for the text of a refusal.
 * @param scope   name of the scope
 * @param p       the text lives here
 * @param titles  set to an array of const char *, by ascending rank; may be empty
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer
 */
apr_status_t tai_store_scope_plans(tai_store_t *store, const char *scope, apr_pool_t *p,
                                   apr_array_header_t **titles);

#endif
