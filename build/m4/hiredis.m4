# TAI_HIREDIS
# -----------
# mod_taiauth_redis is built where hiredis is found; --with-hiredis wants it, --without-hiredis does
# not. Sets HIREDIS_CFLAGS, HIREDIS_LIBS, GAI_LIBS (names are resolved in the background) and the
# conditional HAVE_HIREDIS; with it HAVE_HIREDIS_SSL where hiredis has TLS, and so rediss:// is there;
# HAVE_REDIS_SERVER, which make check needs to test it.
AC_DEFUN([TAI_HIREDIS], [
  AC_ARG_WITH([hiredis],
    [AS_HELP_STRING([--without-hiredis], [do not build mod_taiauth_redis, the limiter on Redis])],
    [], [with_hiredis=check])
  have_hiredis=no
  have_hiredis_ssl=no
  AS_IF([test "x$with_hiredis" != xno], [
    PKG_CHECK_MODULES([HIREDIS], [hiredis >= 0.14], [have_hiredis=yes], [
      AS_IF([test "x$with_hiredis" = xyes],
        [AC_MSG_ERROR([need hiredis >= 0.14: apt-get install libhiredis-dev])])
    ])
  ])
  AS_IF([test $have_hiredis = yes], [
    tai_saved_LIBS=$LIBS
    LIBS=
    AC_SEARCH_LIBS([getaddrinfo_a], [anl], [], [
      AS_IF([test "x$with_hiredis" = xyes],
        [AC_MSG_ERROR([mod_taiauth_redis needs getaddrinfo_a, which this C library does not have])])
      have_hiredis=no
    ])
    GAI_LIBS=$LIBS
    LIBS=$tai_saved_LIBS
  ])
  AS_IF([test $have_hiredis = yes], [
    PKG_CHECK_MODULES([HIREDIS_SSL], [hiredis_ssl >= 1.0 libssl >= 3.0],
      [have_hiredis_ssl=yes
       HIREDIS_CFLAGS="$HIREDIS_CFLAGS $HIREDIS_SSL_CFLAGS -DHAVE_HIREDIS_SSL"
       HIREDIS_LIBS="$HIREDIS_SSL_LIBS $HIREDIS_LIBS"], [:])
  ])
  AC_CHECK_PROG([have_redis_server], [redis-server], [yes], [no])
  AC_SUBST([GAI_LIBS])
  AM_CONDITIONAL([HAVE_HIREDIS], [test $have_hiredis = yes])
  AM_CONDITIONAL([HAVE_HIREDIS_SSL], [test $have_hiredis_ssl = yes])
  AM_CONDITIONAL([HAVE_REDIS_SERVER], [test $have_redis_server = yes])
])
