#ifndef TAIAUTH_SPELLING_H
#define TAIAUTH_SPELLING_H

#include <apr_tables.h>

/*
 * Field names that a gateway interface or a careless application takes for one another: CGI turns
 * X-Tai-User, X_Tai_User and X.Tai.User all into HTTP_X_TAI_USER.
 */

/**
 * @param name    a field name of the client
 * @param wanted  the name it is held against
 * @param prefix  1: it is enough that name begins like wanted
 * @return 1: the same but for case and for '_', '.' in place of '-'
 */
int taiauth_spelling_same(const char *name, const char *wanted, int prefix);

/**
 * Remove every field whose name is spelled like that.
 * @param headers  changed in place
 * @return how many fields went
 */
int taiauth_spelling_unset(apr_table_t *headers, const char *wanted, int prefix);

#endif
