#ifndef TAICTL_TELL_H
#define TAICTL_TELL_H

#include "revocation.h"
#include "taictl.h"

/*
 * What alters what a key may do is told when it is in force on every node.
 */

/**
 * Wait for that, behind a change. One who waits at a terminal for longer than a second is told.
 * @param told  set to whom it has reached
 * @return NULL, or why it is not known
 */
const char *taictl_tell(const taictl_t *run, tai_store_t *store, tai_told_t *told);

/**
 * {"applied", "of", "silent", "silent_nodes"}: the last one lists the names, or else the ids.
 * @param p  for the moment
 */
json_t *taictl_told(const tai_told_t *told, apr_pool_t *p);

/**
 * For people: "in force on 3 of 3 nodes", and who was silent.
 */
const char *taictl_told_text(const tai_told_t *told, apr_pool_t *p);

/**
 * Say what was changed when it is in force, and where; or that this is not known.
 * @param object    with --json; gets a member "nodes"; given back here
 * @param sentence  else, without a newline; what is in force follows it
 * @return an exit status
 */
int taictl_print_told(const taictl_t *run, tai_store_t *store, json_t *object,
                      const char *sentence);

#endif
