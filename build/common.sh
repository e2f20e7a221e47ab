# What build/demo and build/test share: the Debian packages that this project needs, how the missing
# ones are installed, and how it is built. To be sourced by a bash script that has set src.
# shellcheck disable=SC2034 # the lists are for those scripts

# --- packages ---------------------------------------------------------------------------------

# To build, and to serve with SQLite. apache2-bin is the server without the service that the
# package apache2 would start on port 80.
packages_build="gcc libc6-dev make autoconf automake libtool pkg-config perl
    apache2-bin apache2-dev libapr1-dev libaprutil1-dev libaprutil1-dbd-sqlite3
    libssl-dev libjansson-dev"

packages_demo="curl"

# Apache::Test is part of libapache2-mod-perl2.
packages_test="check clang-format curl libapache2-mod-perl2 libdbd-sqlite3-perl libdbi-perl
    libwww-perl nghttp2-client openssl procps sqlite3 util-linux"

# t/openapi.t and t/browser need them; where they come from elsewhere, Debian's would replace them.
command -v node >/dev/null && command -v npm >/dev/null || packages_test+=" nodejs npm"

# What build/service starts, and how the module and its tests speak to it: for a cluster, and for the
# tests on all of them. Where a service manager runs, Debian starts these servers; they are left alone.
packages_cluster="postgresql redis-server libhiredis-dev libaprutil1-dbd-pgsql"
packages_servers="$packages_cluster mariadb-server libaprutil1-dbd-mysql
    libdbd-pg-perl libdbd-mysql-perl"

# What t/browser drives, and what it writes with.
packages_browser="chromium fonts-dejavu-core"

packages_all="spin valgrind xz-utils"

package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_missing PACKAGE...: nothing is asked and nothing is called where nothing is missing.
# Elsewhere than on Debian it is left to configure to say what it cannot find.
install_missing() {
    command -v dpkg-query >/dev/null || return 0
    missing=
    for package in "$@"; do
        package_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0

    root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "missing:$missing - install them, there is no sudo here" >&2
            return 1
        }
        root=sudo
    fi
    echo "installing$missing" >&2
    # shellcheck disable=SC2086 # a list
    $root apt-get -qq update </dev/null >&2 &&
        $root env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq -y --no-install-recommends install $missing </dev/null >&2
}

# --- building -----------------------------------------------------------------------------------

# build_in DIR CONFIGURE_OPTION...: from a bare clone to a module in DIR. What configure generates
# stays; make itself knows when that is out of date.
build_in() {
    local dir=$1
    shift
    if [ ! -x "$src/configure" ] || [ ! -f "$src/Makefile.in" ]; then
        (cd "$src" && autoreconf -i) || return
    fi
    mkdir -p "$dir" && cd "$dir" || return
    # What configure did not find may have been installed since.
    ! grep -q '^HIREDIS_LIBS = *$' Makefile 2>/dev/null || ! pkg-config --exists hiredis || rm Makefile
    [ -f Makefile ] || "$src/configure" -q "$@" || return
    make -s -j"$(nproc)" all
}
