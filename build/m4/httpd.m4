# TAI_HTTPD
# ---------
# Find httpd through its apxs. Of what apxs knows only the places are taken: its compiler flags are
# those of whoever packaged httpd, and some compilers reject them.
#
# Sets APXS, HTTPD (the server, for the tests), HTTPD_CPPFLAGS, apache_libexecdir.
AC_DEFUN([TAI_HTTPD], [
  AC_ARG_WITH([apxs],
    [AS_HELP_STRING([--with-apxs=PATH], [apxs of the httpd to build for @<:@default: from PATH@:>@])])
  AS_CASE([$with_apxs],
    [''|yes|no], [AC_PATH_PROGS([APXS], [apxs apxs2], [], [$PATH:/usr/sbin:/usr/local/sbin])],
    [APXS=$with_apxs])
  AS_IF([test -z "$APXS" || ! "$APXS" -q INCLUDEDIR >/dev/null 2>&1],
    [AC_MSG_ERROR([no working apxs${APXS:+ at $APXS}: apt-get install apache2-dev, or name it by --with-apxs=PATH])])

  HTTPD_CPPFLAGS="-I`$APXS -q INCLUDEDIR`"
  HTTPD="`$APXS -q SBINDIR`/`$APXS -q PROGNAME`"
  AC_ARG_WITH([apache-libexecdir],
    [AS_HELP_STRING([--with-apache-libexecdir=DIR],
      [where make install puts the module @<:@default: as apxs says@:>@])],
    [apache_libexecdir=$withval],
    [apache_libexecdir=`$APXS -q LIBEXECDIR`])

  AC_SUBST([APXS])
  AC_SUBST([HTTPD])
  AC_SUBST([HTTPD_CPPFLAGS])
  AC_SUBST([apache_libexecdir])
])
