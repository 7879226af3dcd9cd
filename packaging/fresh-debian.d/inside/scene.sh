# shellcheck shell=bash
# What each story is told with.
set -euo pipefail
cd /test/inside
# shellcheck source=../inside/checks.sh
. ./checks.sh
# shellcheck source=../inside/package.sh
. ./package.sh
# shellcheck source=../inside/people.sh
. ./people.sh
# shellcheck source=../inside/doors.sh
. ./doors.sh
cd /root
