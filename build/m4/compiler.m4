# TAI_WARNINGS
# ------------
# Sets TAI_CFLAGS. -Werror is for us alone: a newer compiler that warns of something new must not
# keep anybody from building a release.
AC_DEFUN([TAI_WARNINGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [turn warnings into errors])])
  TAI_CFLAGS="-std=gnu11 -pthread -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
  AS_IF([test "x$enable_werror" = xyes], [TAI_CFLAGS="$TAI_CFLAGS -Werror"])
  AC_SUBST([TAI_CFLAGS])
])

# TAI_SANITIZERS
# --------------
# Sets SANITIZERS. The flags stand at the compiler and at the link, where gcc and clang choose the
# runtime by themselves. The module is loaded by a httpd that was built without them, so the tests
# put SANITIZER_PRELOAD in front of it: the runtime must be the first library of a process.
AC_DEFUN([TAI_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers], [build with AddressSanitizer and UndefinedBehaviorSanitizer])])
  SANITIZERS=
  SANITIZER_PRELOAD=
  AS_IF([test "x$enable_sanitizers" = xyes], [
    SANITIZERS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    tai_saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $SANITIZERS"
    AC_MSG_CHECKING([whether the compiler can sanitize])
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no])
       AC_MSG_ERROR([--enable-sanitizers needs libasan and libubsan of this compiler])])
    CFLAGS=$tai_saved_CFLAGS
    SANITIZER_PRELOAD=`$CC -print-file-name=libasan.so`
  ])
  AC_SUBST([SANITIZERS])
  AC_SUBST([SANITIZER_PRELOAD])
])

# TAI_FAULT_POINTS
# ----------------
# Sets FAULTS. For tests alone: a module built so stops and dies where a test says.
AC_DEFUN([TAI_FAULT_POINTS], [
  AC_ARG_ENABLE([faults],
    [AS_HELP_STRING([--enable-faults], [for tests alone: points where the module stops or dies])])
  FAULTS=
  AS_IF([test "x$enable_faults" = xyes], [FAULTS="-DTAI_FAULTS"])
  AC_SUBST([FAULTS])
])
