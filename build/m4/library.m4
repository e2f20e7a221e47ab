# TAI_LIBRARY(PREFIX, MODULES, PACKAGES)
# --------------------------------------
# PKG_CHECK_MODULES that says which Debian packages to install.
AC_DEFUN([TAI_LIBRARY], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AC_MSG_ERROR([need $2: apt-get install $3])])
])
