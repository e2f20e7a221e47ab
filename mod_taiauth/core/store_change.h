#ifndef TAI_STORE_CHANGE_H
#define TAI_STORE_CHANGE_H

/*
 * What became of a change to the database. Whatever is not DONE comes with a sentence that says
 * what was wrong and what is allowed.
 */
typedef enum {
    TAI_CHANGE_DONE,
    TAI_CHANGE_NOT_FOUND, /* what is to be changed is not there */
    TAI_CHANGE_TAKEN,     /* the name is somebody else's */
    TAI_CHANGE_INVALID,   /* a value is not allowed */
    TAI_CHANGE_INACTIVE,  /* the account or its user is not in good standing */
    TAI_CHANGE_ROLE,      /* the user is not the primary administrator */
    TAI_CHANGE_KEY,       /* the key is not active, or a grace of its line still runs */
    TAI_CHANGE_PLAN,      /* the plan does not grant it */
    TAI_CHANGE_FULL,      /* as many as the plan allows */
    TAI_CHANGE_UNKNOWN    /* the database gave no answer: it may have been done or not */
} tai_change_e;

#endif
